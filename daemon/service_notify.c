/* service_notify: see service_notify.h.
 *
 * What is to be said is kept in `due` until it was sent, so that a full queue delays READY=1 and
 * loses nothing. Each state has a datagram of its own: of several in one, systemd takes the last
 * only, and would wait for the reload for ever.
 *
 * Times, all monotonic: a status at most every STATUS_US; WATCHDOG=1 twice within its time; while
 * pipelines come back, as long as they do come forward, more time every EXTEND_EVERY_US. */
#include "daemon/service_notify.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

#define STATUS_US (5 * TIME_SECOND_US)
#define AGAIN_US (50 * 1000) /* when there was no room */
#define EXTEND_EVERY_US (10 * TIME_SECOND_US)
#define EXTEND_BY_US (60 * TIME_SECOND_US)
/* Opening reads snapshots and logs without a turn between. */
#define OPENING_US (600 * TIME_SECOND_US)
/* After a drain: closing files, ending threads. */
#define CLOSING_US (30 * TIME_SECOND_US)

/* The first three are states, in the order in which they are sent. */
enum { DUE_RELOADING = 1, DUE_READY = 2, DUE_STOPPING = 4, DUE_STATUS = 8, DUE_WATCHDOG = 16 };

struct service {
  struct clock *clock;
  struct notify *notify;
  service_totals_fn *totals;
  void *arg;
  enum { SERVICE_STARTING, SERVICE_READY, SERVICE_RELOADING, SERVICE_STOPPING } state;
  unsigned due;
  int64_t extend_us; /* to be asked for; 0: nothing */
  int64_t reload_us; /* when the reload began */
  struct buf status, line;
  int64_t status_at_us, watchdog_at_us, extend_at_us, stop_at_us;
  uint64_t records, replayed_epochs; /* at the last status, the last extension */
  int64_t records_us;
};

struct service *service_new(const struct io *io, service_totals_fn *totals, void *arg) {
  struct service *service = mem_zalloc(sizeof *service);
  *service =
      (struct service){.clock = io->clock, .notify = io->notify, .totals = totals, .arg = arg};
  service->records_us = clock_mono_us(io->clock);
  buf_init(&service->status);
  buf_init(&service->line);
  return service;
}

void service_free(struct service *service) {
  if (service == NULL) return;
  buf_fini(&service->status);
  buf_fini(&service->line);
  free(service);
}

/* Sends what is due; what finds no room stays due. */
static void send_due(struct service *service) {
  static const char *const states[] = {"RELOADING=1\nMONOTONIC_USEC=", "READY=1\n", "STOPPING=1\n"};
  struct buf *line = &service->line;
  for (unsigned i = 0; i < 3; i++) {
    if (!(service->due & 1u << i)) continue;
    buf_clear(line);
    buf_put_text(line, states[i]);
    if (i == 0) buf_printf(line, "%" PRId64 "\n", service->reload_us);
    if (notify_send(service->notify, buf_cstr(line)) != 0) return;
    service->due &= ~(1u << i);
  }
  buf_clear(line);
  if (service->due & DUE_STATUS) buf_printf(line, "STATUS=%s\n", buf_cstr(&service->status));
  if (service->due & DUE_WATCHDOG) buf_put_text(line, "WATCHDOG=1\n");
  if (service->extend_us > 0)
    buf_printf(line, "EXTEND_TIMEOUT_USEC=%" PRId64 "\n", service->extend_us);
  if (line->len == 0 || notify_send(service->notify, buf_cstr(line)) != 0) return;
  service->due = 0;
  service->extend_us = 0;
}

/* -------------------------------------------------------------- the status */

static void put_running(struct buf *out, const struct service *service, const struct totals *totals,
                        int64_t now_us) {
  double rate = (double)(totals->records - service->records) * 1e6 /
                (double)(now_us - service->records_us + 1);
  buf_printf(out, "%s: %zu pipeline%s, %.0f records/s",
             service->state == SERVICE_RELOADING ? "reloading" : "running", totals->open,
             totals->open == 1 ? "" : "s", rate);
  if (totals->stall != NULL) buf_printf(out, ", a log waits: %s", totals->stall);
  int64_t watermark_us = totals->watermark_us;
  if (watermark_us == TIME_MIN_US || watermark_us == TIME_MAX_US) return;
  int64_t lag_us = clock_wall_us(service->clock) - watermark_us;
  buf_put_text(out, ", watermark ");
  time_put_duration(out, (lag_us < 0 ? -lag_us : lag_us) / TIME_SECOND_US * TIME_SECOND_US);
  buf_put_text(out, lag_us < 0 ? " ahead" : " behind");
}

static void status_make(struct service *service, const struct totals *totals, int64_t now_us) {
  struct buf *out = &service->line;
  buf_clear(out);
  if (service->state == SERVICE_STOPPING) {
    int64_t left_us = service->stop_at_us - now_us;
    buf_printf(out, "stopping: delivering what was taken, for %" PRId64 " s at most",
               (left_us > 0 ? left_us : 0) / TIME_SECOND_US);
  } else if (service->state == SERVICE_STARTING) {
    buf_printf(out, "coming back: %zu of %zu pipelines, %" PRIu64 " epochs of the log run again",
               totals->open - totals->recovering, totals->open, totals->replayed_epochs);
  } else {
    put_running(out, service, totals, now_us);
  }
  /* A line that ended early would let what follows speak for us. */
  for (size_t i = 0; i < out->len; i++)
    if (out->data[i] == '\n') out->data[i] = ' ';
  service->records = totals->records;
  service->records_us = now_us;
  if (slice_equal(buf_slice(out), buf_slice(&service->status))) return;
  buf_clear(&service->status);
  buf_put_slice(&service->status, buf_slice(out));
  service->due |= DUE_STATUS;
}

/* -------------------------------------------------------------- what happens */

void service_opening(struct service *service, const char *pipeline) {
  if (!notify_wanted(service->notify)) return;
  buf_clear(&service->status);
  buf_printf(&service->status, "opening %s", pipeline);
  service->due |= DUE_STATUS;
  service->extend_us = OPENING_US;
  send_due(service);
}

static void state_set(struct service *service, int state, unsigned due) {
  if (service->state == SERVICE_STOPPING) return;
  service->state = state;
  service->due |= due;
  service->status_at_us = 0;
}

void service_reloading(struct service *service) {
  /* Who is not ready yet is not reloading either: READY=1 will come by itself. */
  if (!notify_wanted(service->notify) || service->state != SERVICE_READY) return;
  service->reload_us = clock_mono_us(service->clock);
  state_set(service, SERVICE_RELOADING, DUE_RELOADING);
  send_due(service);
}

void service_reloaded(struct service *service) {
  if (!notify_wanted(service->notify) || service->state != SERVICE_RELOADING) return;
  state_set(service, SERVICE_READY, DUE_READY);
  send_due(service);
}

void service_stopping(struct service *service, int64_t timeout_us) {
  if (!notify_wanted(service->notify)) return;
  service->stop_at_us = clock_mono_us(service->clock) + timeout_us;
  state_set(service, SERVICE_STOPPING, DUE_STOPPING);
  service->extend_us = timeout_us + CLOSING_US;
  send_due(service);
}

/* While pipelines come back: ready at last, or more time if they came forward. */
static void starting(struct service *service, const struct totals *totals, int64_t now_us) {
  if (totals->recovering == 0) {
    state_set(service, SERVICE_READY, DUE_READY);
  } else if (now_us >= service->extend_at_us &&
             totals->replayed_epochs != service->replayed_epochs) {
    service->extend_us = EXTEND_BY_US;
    service->extend_at_us = now_us + EXTEND_EVERY_US;
    service->replayed_epochs = totals->replayed_epochs;
  }
}

static int64_t until(int64_t wait_us, int64_t at_us, int64_t now_us) {
  int64_t left_us = at_us > now_us ? at_us - now_us : 0;
  return wait_us < 0 || wait_us > left_us ? left_us : wait_us;
}

int64_t service_turn(struct service *service, int64_t wait_us) {
  if (!notify_wanted(service->notify)) return wait_us;
  int64_t now_us = clock_mono_us(service->clock);
  int64_t watchdog_us = notify_watchdog_us(service->notify);
  struct totals totals;
  bool asked = service->state == SERVICE_STARTING;
  if (asked) {
    service->totals(service->arg, &totals);
    starting(service, &totals, now_us);
  }
  if (now_us >= service->status_at_us) {
    if (!asked) service->totals(service->arg, &totals);
    status_make(service, &totals, now_us);
    service->status_at_us = now_us + STATUS_US;
  }
  if (watchdog_us > 0 && now_us >= service->watchdog_at_us) {
    service->due |= DUE_WATCHDOG;
    service->watchdog_at_us = now_us + watchdog_us / 2;
  }
  send_due(service);
  wait_us = until(wait_us, service->status_at_us, now_us);
  if (watchdog_us > 0) wait_us = until(wait_us, service->watchdog_at_us, now_us);
  return service->due != 0 || service->extend_us > 0 ? until(wait_us, now_us + AGAIN_US, now_us)
                                                     : wait_us;
}
