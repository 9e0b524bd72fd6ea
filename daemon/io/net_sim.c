/* net_sim: listeners and connections of one process with itself; see io_sim.h.
 *
 * A connection has two ends. What one end writes stands in the other's inbox as a delivery with the
 * time at which it arrives; deliveries keep their order. The last is the end of the stream. An
 * inbox holds WINDOW_BYTES; a writer waits when it is full. Reads and writes take a drawn part of
 * what they could. Host names mean nothing: a listener is found by its port, or by its path. */
#include "daemon/io/net_sim.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/io/address.h"
#include "daemon/io/io_sim.h"
#include "daemon/io/loop_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES = 64 * 1024, FIRST_FREE_PORT = 40000 };

struct sim_net {
  struct net net;
  struct loop *loop;
  struct random random;
  struct sim_net_faults faults;
  struct sim_listener *listeners;
  uint32_t next_port;
};

struct delivery {
  struct delivery *next;
  int64_t due_us;
  size_t len, read; /* len 0: the end of the stream */
  char bytes[];
};

struct sim_listener {
  struct net_listener listener;
  struct sim_listener *next;
  struct sim_source source;
  char *text;             /* the address as bound */
  struct address address; /* taken apart */
  struct sim_conn *queue; /* callers, the oldest first */
  bool wanted;
  loop_fn *fn;
  void *arg;
};

struct sim_conn {
  struct net_conn conn;
  struct sim_source source;
  struct sim_conn *peer; /* NULL: it closed, or is cut off */
  struct sim_conn *next; /* in a listener's queue */
  int64_t open_us;       /* when a connection becomes usable */
  struct delivery *inbox, **inbox_end;
  size_t inbox_bytes;
  int64_t last_due_us; /* of all that ever stood in it */
  bool ended;          /* nothing more is written */
  bool failed;
  struct err failure;
  bool want_read, want_write;
  loop_fn *fn; /* NULL while in the queue */
  void *arg;
};

static struct sim_net *sim_of(struct net *net) {
  return (struct sim_net *)net;
}

static int64_t arrival_us(struct sim_net *sim) {
  int64_t max = sim->faults.delay_us_max;
  return sim_now_us(sim->loop) +
         (max > 0 ? (int64_t)random_below(&sim->random, (uint64_t)max + 1) : 0);
}

/* --- what is due when --- */

static int64_t readable_us(const struct sim_conn *conn) {
  return conn->inbox != NULL ? conn->inbox->due_us : SIM_NEVER;
}

static int64_t writable_us(const struct sim_conn *conn) {
  return conn->peer == NULL || conn->peer->inbox_bytes < WINDOW_BYTES ? 0 : SIM_NEVER;
}

static void conn_update(struct sim_conn *conn) {
  if (conn->fn == NULL) return;
  int64_t due_us = SIM_NEVER;
  if (conn->want_read) due_us = readable_us(conn);
  if (conn->want_write && writable_us(conn) < due_us) due_us = writable_us(conn);
  if (conn->failed && (conn->want_read || conn->want_write)) due_us = 0;
  if (due_us < conn->open_us) due_us = conn->open_us;
  conn->source.due_us = due_us;
}

static void listener_update(struct sim_listener *listener) {
  listener->source.due_us = SIM_NEVER;
  if (!listener->wanted) return;
  for (const struct sim_conn *conn = listener->queue; conn != NULL; conn = conn->next)
    if (conn->open_us < listener->source.due_us) listener->source.due_us = conn->open_us;
}

static void run_conn(struct sim_source *source) {
  struct sim_conn *conn = (struct sim_conn *)((char *)source - offsetof(struct sim_conn, source));
  conn->fn(conn->arg);
}

static void run_listener(struct sim_source *source) {
  struct sim_listener *listener =
      (struct sim_listener *)((char *)source - offsetof(struct sim_listener, source));
  listener->fn(listener->arg);
}

/* --- the two ends --- */

static struct sim_conn *conn_new(struct sim_net *sim, loop_fn *fn, void *arg) {
  struct sim_conn *conn = mem_zalloc(sizeof *conn);
  conn->conn.net = &sim->net;
  conn->inbox_end = &conn->inbox;
  conn->fn = fn;
  conn->arg = arg;
  conn->source.run = run_conn;
  sim_source_add(sim->loop, &conn->source);
  return conn;
}

static void deliver(struct sim_conn *to, const void *data, size_t len) {
  struct sim_net *sim = sim_of(to->conn.net);
  struct delivery *delivery = mem_alloc(sizeof *delivery + len);
  *delivery = (struct delivery){.due_us = arrival_us(sim), .len = len};
  if (len > 0) memcpy(delivery->bytes, data, len);
  /* Nothing overtakes: it comes no earlier than what was sent before. */
  if (to->last_due_us > delivery->due_us) delivery->due_us = to->last_due_us;
  to->last_due_us = delivery->due_us;
  *to->inbox_end = delivery;
  to->inbox_end = &delivery->next;
  to->inbox_bytes += len;
  conn_update(to);
}

static void clear_inbox(struct sim_conn *conn) {
  while (conn->inbox != NULL) {
    struct delivery *next = conn->inbox->next;
    free(conn->inbox);
    conn->inbox = next;
  }
  conn->inbox_end = &conn->inbox;
  conn->inbox_bytes = 0;
}

static void conn_fail(struct sim_conn *conn, const char *why) {
  conn->failed = true;
  err_set(&conn->failure, ERR_RETRY, "%s", why);
  clear_inbox(conn);
  conn_update(conn);
}

/* Both ends lose what is under way. */
static void cut(struct sim_conn *conn) {
  struct sim_conn *peer = conn->peer;
  conn->peer = NULL;
  conn_fail(conn, "the connection was cut: Connection reset by peer");
  if (peer == NULL) return;
  peer->peer = NULL;
  conn_fail(peer, "the connection was cut: Connection reset by peer");
}

/* What every use of a connection begins with. 0: go on; 1: not yet; -1: never. */
static int use(struct sim_conn *conn, struct err *err) {
  struct sim_net *sim = sim_of(conn->conn.net);
  if (!conn->failed && conn->open_us > sim_now_us(sim->loop)) return 1;
  if (!conn->failed && random_below(&sim->random, 1000000) < sim->faults.cut_per_million) cut(conn);
  if (conn->failed && err != NULL) *err = conn->failure;
  return conn->failed ? -1 : 0;
}

static void sim_conn_end(struct net_conn *base) {
  struct sim_conn *conn = (struct sim_conn *)base;
  if (conn->ended || conn->failed) return;
  conn->ended = true;
  if (conn->peer != NULL) deliver(conn->peer, NULL, 0);
}

static void sim_conn_close(struct net_conn *base) {
  struct sim_conn *conn = (struct sim_conn *)base;
  if (conn->peer != NULL) {
    conn->peer->peer = NULL;
    if (!conn->ended) deliver(conn->peer, NULL, 0);
  }
  clear_inbox(conn);
  sim_source_remove(sim_of(base->net)->loop, &conn->source);
  free(conn);
}

static void sim_conn_want(struct net_conn *base, bool read, bool write) {
  struct sim_conn *conn = (struct sim_conn *)base;
  conn->want_read = read;
  conn->want_write = write;
  conn_update(conn);
}

static int sim_read(struct net_conn *base, void *data, size_t len, size_t *got, bool *ended,
                    struct err *err) {
  struct sim_conn *conn = (struct sim_conn *)base;
  struct sim_net *sim = sim_of(base->net);
  *got = 0;
  *ended = false;
  int state = use(conn, err);
  if (state != 0) return state < 0 ? -1 : 0;
  struct delivery *first = conn->inbox;
  if (len == 0 || first == NULL || first->due_us > sim_now_us(sim->loop)) return 0;
  if (first->len == 0) {
    *ended = true;
    return 0;
  }
  size_t rest = first->len - first->read;
  *got = 1 + (size_t)random_below(&sim->random, len < rest ? len : rest);
  memcpy(data, first->bytes + first->read, *got);
  first->read += *got;
  conn->inbox_bytes -= *got;
  if (first->read == first->len) {
    conn->inbox = first->next;
    if (conn->inbox == NULL) conn->inbox_end = &conn->inbox;
    free(first);
  }
  conn_update(conn);
  if (conn->peer != NULL) conn_update(conn->peer);
  return 0;
}

static int sim_write(struct net_conn *base, const void *data, size_t len, size_t *put,
                     struct err *err) {
  struct sim_conn *conn = (struct sim_conn *)base;
  *put = 0;
  int state = use(conn, err);
  if (state != 0) return state < 0 ? -1 : 0;
  if (conn->peer == NULL) {
    conn_fail(conn, "cannot write to a connection that the other side closed: Broken pipe");
    if (err != NULL) *err = conn->failure;
    return -1;
  }
  size_t room = WINDOW_BYTES - conn->peer->inbox_bytes;
  if (len > room) len = room;
  if (len == 0) return 0;
  *put = 1 + (size_t)random_below(&sim_of(base->net)->random, len);
  deliver(conn->peer, data, *put);
  conn_update(conn);
  return 0;
}

/* --- listening and connecting --- */

static struct sim_listener *find_listener(struct sim_net *sim, const struct address *address) {
  for (struct sim_listener *l = sim->listeners; l != NULL; l = l->next)
    if (strcmp(l->address.path, address->path) == 0 && strcmp(l->address.port, address->port) == 0)
      return l;
  return NULL;
}

static int sim_listen(struct net *net, const char *text, loop_fn *fn, void *arg,
                      struct net_listener **out, struct err *err) {
  struct sim_net *sim = sim_of(net);
  struct address address;
  if (address_parse(text, &address, err) != 0) return -1;
  bool chooses = address.path[0] == '\0' && atoi(address.port) == 0;
  if (chooses) snprintf(address.port, sizeof address.port, "%u", sim->next_port++);
  if (find_listener(sim, &address) != NULL)
    return err_set(err, ERR_BUSY, "cannot listen on %s: Address already in use", text);
  struct sim_listener *listener = mem_zalloc(sizeof *listener);
  listener->listener.net = net;
  listener->address = address;
  listener->text =
      chooses ? mem_printf("%.*s%s", (int)(strrchr(text, ':') + 1 - text), text, address.port)
              : mem_strdup(text);
  listener->fn = fn;
  listener->arg = arg;
  listener->wanted = true;
  listener->source.run = run_listener;
  sim_source_add(sim->loop, &listener->source);
  listener->next = sim->listeners;
  sim->listeners = listener;
  *out = &listener->listener;
  return 0;
}

static const char *sim_listener_address(const struct net_listener *listener) {
  return ((const struct sim_listener *)listener)->text;
}

static void sim_listener_want(struct net_listener *base, bool wanted) {
  struct sim_listener *listener = (struct sim_listener *)base;
  listener->wanted = wanted;
  listener_update(listener);
}

static int sim_accept(struct net_listener *base, loop_fn *fn, void *arg, struct net_conn **out,
                      struct err *err) {
  (void)err;
  struct sim_listener *listener = (struct sim_listener *)base;
  int64_t now_us = sim_now_us(sim_of(base->net)->loop);
  *out = NULL;
  for (struct sim_conn **at = &listener->queue; *at != NULL; at = &(*at)->next) {
    struct sim_conn *conn = *at;
    if (conn->open_us > now_us) continue;
    *at = conn->next;
    listener_update(listener);
    conn->next = NULL;
    conn->fn = fn;
    conn->arg = arg;
    conn_update(conn);
    *out = &conn->conn;
    return 0;
  }
  return 0;
}

static int sim_listener_set_mode(struct net_listener *base, unsigned mode, struct err *err) {
  (void)base, (void)mode, (void)err;
  return 0;
}

static void sim_listener_close(struct net_listener *base) {
  struct sim_listener *listener = (struct sim_listener *)base;
  struct sim_net *sim = sim_of(base->net);
  while (listener->queue != NULL) {
    struct sim_conn *conn = listener->queue;
    listener->queue = conn->next;
    cut(conn);
    sim_conn_close(&conn->conn);
  }
  struct sim_listener **at = &sim->listeners;
  while (*at != listener) at = &(*at)->next;
  *at = listener->next;
  sim_source_remove(sim->loop, &listener->source);
  free(listener->text);
  free(listener);
}

static int sim_connect(struct net *net, const char *text, loop_fn *fn, void *arg,
                       struct net_conn **out, struct err *err) {
  struct sim_net *sim = sim_of(net);
  struct address address;
  if (address_parse(text, &address, err) != 0) return -1;
  struct sim_conn *conn = conn_new(sim, fn, arg);
  conn->open_us = arrival_us(sim);
  *out = &conn->conn;
  struct sim_listener *listener = find_listener(sim, &address);
  if (listener == NULL) {
    char *why = mem_printf("cannot connect to %s: Connection refused", text);
    conn_fail(conn, why);
    free(why);
    return 0;
  }
  struct sim_conn *other = conn_new(sim, NULL, NULL);
  other->open_us = conn->open_us;
  other->peer = conn;
  conn->peer = other;
  struct sim_conn **end = &listener->queue;
  while (*end != NULL) end = &(*end)->next;
  *end = other;
  listener_update(listener);
  return 0;
}

/* --- the network --- */

static void sim_free(struct net *net) {
  free(net);
}

static const struct net_ops sim_ops = {
    .listen = sim_listen,
    .listener_address = sim_listener_address,
    .accept = sim_accept,
    .listener_want = sim_listener_want,
    .listener_set_mode = sim_listener_set_mode,
    .listener_close = sim_listener_close,
    .connect = sim_connect,
    .conn_want = sim_conn_want,
    .read = sim_read,
    .write = sim_write,
    .conn_end = sim_conn_end,
    .conn_close = sim_conn_close,
    .free = sim_free,
};

struct net *net_sim_new(struct loop *loop, uint64_t seed) {
  struct sim_net *sim = mem_zalloc(sizeof *sim);
  sim->net.ops = &sim_ops;
  sim->loop = loop;
  sim->next_port = FIRST_FREE_PORT;
  random_seed(&sim->random, seed);
  return &sim->net;
}

void sim_net_set_faults(struct net *net, struct sim_net_faults faults) {
  sim_of(net)->faults = faults;
}
