/* socket_server: see socket_server.h.
 *
 * A connection is either waiting (watched by the loop) or ready (it has said something; not watched
 * and not read until the engine takes). So a peer is held back by not being read, and time counts
 * as idle only while it is the peer who is silent. Ready ones are read in turn, one piece each.
 *
 * When the most connections there may be are there, the listener is not watched: callers wait in
 * its backlog. */
#include "sources/socket/socket_server.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ lists */

static void list_add(struct socket_list *list, struct socket_conn *conn) {
  conn->next = NULL;
  conn->prev = list->last;
  if (list->last != NULL)
    list->last->next = conn;
  else
    list->first = conn;
  list->last = conn;
}

static void list_remove(struct socket_list *list, struct socket_conn *conn) {
  if (conn->prev != NULL)
    conn->prev->next = conn->next;
  else
    list->first = conn->next;
  if (conn->next != NULL)
    conn->next->prev = conn->prev;
  else
    list->last = conn->prev;
}

/* ------------------------------------------------------------------ connections */

static void idle_arm(struct socket_server *server) {
  const struct socket_conn *first = server->waiting.first;
  if (server->idle_armed || server->idle_us == 0 || first == NULL) return;
  server->idle_armed = true;
  int64_t now_us = clock_mono_us(server->io->clock);
  loop_timer_arm(server->idle, first->since_us + server->idle_us - now_us);
}

static void conn_wait(struct socket_conn *conn) {
  struct socket_server *server = conn->server;
  conn->since_us = clock_mono_us(server->io->clock);
  list_add(&server->waiting, conn);
  net_conn_want(conn->net, true, false);
  idle_arm(server);
}

static void conn_ready(struct socket_conn *conn) {
  list_add(&conn->server->ready, conn);
}

static void on_readable(void *arg) {
  struct socket_conn *conn = arg;
  struct socket_server *server = conn->server;
  net_conn_want(conn->net, false, false);
  list_remove(&server->waiting, conn);
  conn_ready(conn);
  if (server->ctx != NULL) source_ready(server->ctx);
}

static void conn_free(struct socket_conn *conn) {
  net_conn_close(conn->net);
  line_half_fini(&conn->half);
  free(conn);
}

/* It is in no list any more, and makes room for another caller. */
static void conn_end(struct socket_conn *conn) {
  struct socket_server *server = conn->server;
  conn_free(conn);
  server->n_conns--;
  if (!server->full || server->ctx == NULL || server->n_conns >= server->conns_max) return;
  server->full = false;
  if (server->listener != NULL) net_listener_want(server->listener, true);
}

/* The line that it had begun is not a record: nobody knows how it would have gone on. */
static void lose_half(struct socket_conn *conn, const char *why) {
  struct socket_server *server = conn->server;
  if (conn->half.len == 0) return;
  server->halves_lost++;
  if (server->ctx == NULL) return;
  diag_say(server->ctx->diag, MESSAGE_SOCKET_HALF_LOST, server->ctx->where,
           "%s in the middle of a line; its first %llu bytes are left out", why,
           (unsigned long long)conn->half.len);
}

static void on_idle(void *arg) {
  struct socket_server *server = arg;
  server->idle_armed = false;
  int64_t since_us = clock_mono_us(server->io->clock) - server->idle_us;
  for (struct socket_conn *conn; (conn = server->waiting.first) != NULL;) {
    if (conn->since_us > since_us) break;
    list_remove(&server->waiting, conn);
    server->idle_closed++;
    lose_half(conn, "a peer fell silent");
    conn_end(conn);
  }
  idle_arm(server);
}

static bool accept_one(struct socket_server *server, struct net_listener *listener,
                       struct err *err) {
  struct socket_conn *conn = mem_zalloc(sizeof *conn);
  conn->server = server;
  if (net_accept(listener, on_readable, conn, &conn->net, err) != 0) {
    free(conn);
    if (server->ctx != NULL)
      diag_say(server->ctx->diag, MESSAGE_SOCKET_ACCEPT, server->ctx->where,
               "%s; callers wait meanwhile", err->text);
    return false;
  }
  if (conn->net == NULL) {
    free(conn);
    return false;
  }
  server->n_conns++;
  server->accepted++;
  conn_wait(conn);
  return true;
}

static void on_caller(void *arg) {
  struct socket_server *server = arg;
  struct err err;
  while (server->n_conns < server->conns_max)
    if (!accept_one(server, server->listener, &err)) return;
  server->full = true;
  net_listener_want(server->listener, false);
  if (server->ctx != NULL)
    diag_say(server->ctx->diag, MESSAGE_SOCKET_FULL, server->ctx->where,
             "there are %zu connections, the most that max_connections allows; callers wait",
             server->n_conns);
}

static void on_message(void *arg) {
  struct socket_server *server = arg;
  datagram_want(server->datagram, false);
  if (server->ctx != NULL) source_ready(server->ctx);
}

/* ------------------------------------------------------------------ life */

struct socket_server *socket_server_new(struct io *io, int mode, const char *address,
                                        struct err *err) {
  struct socket_server *server = mem_zalloc(sizeof *server);
  server->io = io;
  int result =
      mode == SOCKET_TCP || mode == SOCKET_UNIX
          ? net_listen(io->net, address, on_caller, server, &server->listener, err)
          : datagram_open(io->datagrams, address, on_message, server, &server->datagram, err);
  if (result != 0) {
    free(server);
    return NULL;
  }
  if (server->listener != NULL) net_listener_want(server->listener, false);
  server->idle = loop_timer_new(io->loop, on_idle, server);
  return server;
}

const char *socket_server_address(const struct socket_server *server) {
  return server->listener != NULL ? net_listener_address(server->listener)
                                  : datagram_address(server->datagram);
}

void socket_server_start(struct socket_server *server, struct source_ctx *ctx, size_t conns_max,
                         int64_t idle_us) {
  server->ctx = ctx;
  server->conns_max = conns_max;
  server->idle_us = idle_us;
  server->full = server->n_conns >= conns_max;
  if (server->listener != NULL) net_listener_want(server->listener, !server->full);
  if (server->datagram != NULL) datagram_want(server->datagram, true);
  loop_timer_disarm(server->idle);
  server->idle_armed = false;
  idle_arm(server);
  if (server->ready.first != NULL) source_ready(ctx);
}

void socket_server_pause(struct socket_server *server) {
  server->ctx = NULL;
  if (server->listener != NULL) net_listener_want(server->listener, false);
  if (server->datagram != NULL) datagram_want(server->datagram, false);
  loop_timer_disarm(server->idle);
  server->idle_armed = false;
}

void socket_server_move(struct socket_server *to, struct socket_server *from) {
  struct err err;
  if (from->listener != NULL)
    while (accept_one(from, from->listener, &err)) continue;
  loop_timer_disarm(from->idle);
  for (struct socket_conn *conn; (conn = from->ready.first) != NULL;) {
    list_remove(&from->ready, conn);
    conn->server = to;
    conn_ready(conn);
  }
  for (struct socket_conn *conn; (conn = from->waiting.first) != NULL;) {
    list_remove(&from->waiting, conn);
    conn->server = to;
    list_add(&to->waiting, conn);
  }
  to->n_conns += from->n_conns;
  from->n_conns = 0;
}

void socket_server_end(struct socket_server *server) {
  net_listener_close(server->listener);
  datagram_close(server->datagram);
  server->listener = NULL;
  server->datagram = NULL;
  loop_timer_disarm(server->idle);
  struct socket_list *lists[] = {&server->ready, &server->waiting};
  for (int i = 0; i < 2; i++) {
    for (struct socket_conn *conn; (conn = lists[i]->first) != NULL;) {
      list_remove(lists[i], conn);
      conn_free(conn);
    }
  }
  server->n_conns = 0;
}

void socket_server_free(struct socket_server *server) {
  if (server == NULL) return;
  socket_server_end(server);
  loop_timer_free(server->idle);
  free(server);
}

/* ------------------------------------------------------------------ taking */

static int read_conn(void *stream, void *data, size_t len, size_t *got, bool *ended,
                     struct err *err) {
  return net_read(stream, data, len, got, ended, err);
}

static void take_conn(struct socket_server *server, struct socket_conn *conn,
                      struct line_input *input) {
  size_t got = 0;
  bool ended = false;
  struct err why;
  if (line_input_read(input, &conn->half, read_conn, conn->net, &got, &ended, &why) != 0) {
    lose_half(conn, "a connection was cut");
    conn_end(conn);
  } else if (ended) {
    line_input_take_half(input, &conn->half, true);
    conn_end(conn);
  } else if (got < LINE_READ_BYTES_MIN) { /* less than asked for: that was all, for now */
    conn_wait(conn);
  } else {
    list_add(&server->ready, conn);
  }
}

/* Each message is one line or several; the last may lack its end. */
static int take_messages(struct socket_server *server, struct line_input *input, bool *more,
                         struct err *err) {
  while (line_input_left(input) > 0) {
    char *data = line_input_room(input, DATAGRAM_BYTES_MAX + 1);
    size_t got;
    if (datagram_read(server->datagram, data, DATAGRAM_BYTES_MAX, &got, err) != 0) return -1;
    uint64_t dropped = datagram_dropped(server->datagram);
    if (dropped != server->dropped) {
      diag_say(server->ctx->diag, MESSAGE_SOCKET_DROPPED, server->ctx->where,
               "the system has dropped %llu datagrams that were not read in time, %llu in all",
               (unsigned long long)(dropped - server->dropped), (unsigned long long)dropped);
      server->dropped = dropped;
    }
    if (got == 0) {
      datagram_want(server->datagram, true);
      return 0;
    }
    if (data[got - 1] != '\n') data[got++] = '\n';
    line_input_add(input, got);
  }
  *more = true;
  return 0;
}

int socket_server_take(struct socket_server *server, struct line_input *input, bool *more,
                       struct err *err) {
  while (server->ready.first != NULL && line_input_left(input) > 0) {
    struct socket_conn *conn = server->ready.first;
    list_remove(&server->ready, conn);
    take_conn(server, conn, input);
  }
  *more = server->ready.first != NULL;
  if (server->datagram == NULL) return 0;
  return take_messages(server, input, more, err);
}
