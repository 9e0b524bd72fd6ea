/* notify_sim: a service manager that keeps what it is told; see io_sim.h. */
#include "daemon/io/notify_sim.h"
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"

#include <stdlib.h>

struct notify_sim {
  struct notify notify;
  struct buf told;
  bool full;
};

static int sim_send(struct notify *notify, const char *lines) {
  struct notify_sim *sim = (struct notify_sim *)notify;
  if (sim->full) return -1;
  buf_put_text(&sim->told, lines);
  buf_put_char(&sim->told, '\n');
  return 0;
}

static void sim_free(struct notify *notify) {
  struct notify_sim *sim = (struct notify_sim *)notify;
  buf_fini(&sim->told);
  free(sim);
}

static const struct notify_ops sim_ops = {.send = sim_send, .free = sim_free};

struct notify *notify_sim_new(void) {
  struct notify_sim *sim = mem_zalloc(sizeof *sim);
  sim->notify.ops = &sim_ops;
  return &sim->notify;
}

void sim_notify_want(struct notify *notify, int64_t watchdog_us) {
  notify->wanted = true;
  notify->watchdog_us = watchdog_us;
}

void sim_notify_full(struct notify *notify, bool full) {
  ((struct notify_sim *)notify)->full = full;
}

const char *sim_notify_take(struct notify *notify) {
  struct notify_sim *sim = (struct notify_sim *)notify;
  const char *told = buf_cstr(&sim->told);
  buf_clear(&sim->told);
  return told;
}
