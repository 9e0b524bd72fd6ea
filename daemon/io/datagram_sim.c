/* datagram_sim: sockets that hold what sim_datagram() gave them, up to a buffer; what comes beyond
 * is dropped and counted with the next message that is read, as the system does. */
#include "daemon/io/datagram_sim.h"

#include "daemon/base/mem.h"
#include "daemon/io/address.h"
#include "daemon/io/io_sim.h"
#include "daemon/io/loop_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 208 * 1024, FIRST_FREE_PORT = 50000 };

struct sim_datagrams {
  struct datagrams datagrams;
  struct loop *loop;
  struct sim_socket *sockets;
  uint32_t next_port;
};

struct held {
  struct held *next;
  uint64_t dropped; /* in all, when it came */
  size_t len;
  char bytes[];
};

struct sim_socket {
  struct datagram datagram;
  struct sim_socket *next;
  struct sim_source source;
  char *text;
  struct held *first, **end;
  uint64_t held_bytes, held_max;
  uint64_t dropped, dropped_seen;
  bool wanted;
  loop_fn *fn;
  void *arg;
};

static struct sim_datagrams *sim_of(struct datagrams *datagrams) {
  return (struct sim_datagrams *)datagrams;
}

static struct sim_socket *find(struct sim_datagrams *sim, const char *text) {
  struct sim_socket *s = sim->sockets;
  while (s != NULL && strcmp(s->text, text) != 0) s = s->next;
  return s;
}

static void update(struct sim_socket *s) {
  s->source.due_us = s->wanted && s->first != NULL ? 0 : SIM_NEVER;
}

static void run_socket(struct sim_source *source) {
  struct sim_socket *s =
      (struct sim_socket *)((char *)source - offsetof(struct sim_socket, source));
  s->fn(s->arg);
}

static int sim_open(struct datagrams *datagrams, const char *text, loop_fn *fn, void *arg,
                    struct datagram **out, struct err *err) {
  struct sim_datagrams *sim = sim_of(datagrams);
  struct address address;
  if (address_parse(text, &address, err) != 0) return -1;
  if (find(sim, text) != NULL)
    return err_set(err, ERR_BUSY, "cannot listen on %s: Address already in use", text);
  struct sim_socket *s = mem_zalloc(sizeof *s);
  s->datagram.datagrams = datagrams;
  bool chooses = address.path[0] == '\0' && atoi(address.port) == 0;
  s->text = chooses
                ? mem_printf("%.*s%u", (int)(strrchr(text, ':') + 1 - text), text, sim->next_port++)
                : mem_strdup(text);
  s->end = &s->first;
  s->held_max = BUFFER_BYTES;
  s->fn = fn;
  s->arg = arg;
  s->source.run = run_socket;
  sim_source_add(sim->loop, &s->source);
  s->next = sim->sockets;
  sim->sockets = s;
  *out = &s->datagram;
  return 0;
}

static const char *sim_address(const struct datagram *datagram) {
  return ((const struct sim_socket *)datagram)->text;
}

static int sim_set_buffer(struct datagram *datagram, uint64_t bytes, uint64_t *granted,
                          struct err *err) {
  (void)err;
  ((struct sim_socket *)datagram)->held_max = *granted = bytes;
  return 0;
}

static int sim_set_mode(struct datagram *datagram, unsigned mode, struct err *err) {
  (void)datagram, (void)mode, (void)err;
  return 0;
}

static void sim_want(struct datagram *datagram, bool wanted) {
  struct sim_socket *s = (struct sim_socket *)datagram;
  s->wanted = wanted;
  update(s);
}

static void drop_first(struct sim_socket *s) {
  struct held *first = s->first;
  s->first = first->next;
  if (s->first == NULL) s->end = &s->first;
  s->held_bytes -= first->len;
  free(first);
}

static int sim_read(struct datagram *datagram, void *data, size_t len, size_t *got,
                    struct err *err) {
  (void)err;
  struct sim_socket *s = (struct sim_socket *)datagram;
  *got = 0;
  while (*got == 0 && s->first != NULL) {
    *got = s->first->len < len ? s->first->len : len;
    if (*got > 0) memcpy(data, s->first->bytes, *got);
    s->dropped_seen = s->first->dropped;
    drop_first(s);
  }
  update(s);
  return 0;
}

static uint64_t sim_dropped(const struct datagram *datagram) {
  return ((const struct sim_socket *)datagram)->dropped_seen;
}

static void sim_close(struct datagram *datagram) {
  struct sim_socket *s = (struct sim_socket *)datagram;
  struct sim_datagrams *sim = sim_of(datagram->datagrams);
  while (s->first != NULL) drop_first(s);
  struct sim_socket **at = &sim->sockets;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  sim_source_remove(sim->loop, &s->source);
  free(s->text);
  free(s);
}

static void sim_free(struct datagrams *datagrams) {
  free(datagrams);
}

static const struct datagrams_ops sim_ops = {
    .open = sim_open,
    .address = sim_address,
    .set_buffer = sim_set_buffer,
    .set_mode = sim_set_mode,
    .want = sim_want,
    .read = sim_read,
    .dropped = sim_dropped,
    .close = sim_close,
    .free = sim_free,
};

struct datagrams *datagrams_sim_new(struct loop *loop) {
  struct sim_datagrams *sim = mem_zalloc(sizeof *sim);
  sim->datagrams.ops = &sim_ops;
  sim->loop = loop;
  sim->next_port = FIRST_FREE_PORT;
  return &sim->datagrams;
}

bool sim_datagram(struct datagrams *datagrams, const char *address, const void *data, size_t len) {
  struct sim_socket *s = find(sim_of(datagrams), address);
  if (s == NULL) return false;
  if (s->held_bytes + len > s->held_max) {
    s->dropped++;
    return true;
  }
  struct held *message = mem_alloc(sizeof *message + len);
  *message = (struct held){.dropped = s->dropped, .len = len};
  if (len > 0) memcpy(message->bytes, data, len);
  *s->end = message;
  s->end = &message->next;
  s->held_bytes += len;
  update(s);
  return true;
}
