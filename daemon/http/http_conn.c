/* http_conn: one connection as a machine of states.
 *
 *     HEAD -> BODY -> HANDLER -> ANSWER -> HEAD ...
 *       \______\________________^   \-> SKIP -> HEAD ...     the body of a request answered early
 *                                   \-> LINGER               the connection's end
 *
 * One function for each state goes on as far as it can and says ON (look at the state again), WAIT
 * (for the network, the handler or the deadline) or CLOSE. run() is the only place that calls them,
 * and the only one that frees a connection but http_server_close(). A turn reads from the network
 * at most once, so that nobody waits for a peer who always sends. */
#include "daemon/base/mem.h"
#include "daemon/http/http_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
  READ_HEAD_BYTES = 16 * 1024,
  READ_BODY_BYTES = 64 * 1024,
  AHEAD_BYTES_MAX = 16 * 1024, /* taken of the next request while one is with the handler */
  SKIP_BYTES_MAX = 256 * 1024, /* of an unwanted body; a longer one costs the connection */
  LINGER_US = 2 * 1000 * 1000,
};

enum http_step { STEP_ON, STEP_WAIT, STEP_CLOSE };

/* ------------------------------------------------------------------ helpers of the states */

static void arm(struct http_conn *conn, int64_t delay_us) {
  conn->late = false;
  loop_timer_arm(conn->deadline, delay_us);
}

static void disarm(struct http_conn *conn) {
  conn->late = false;
  loop_timer_disarm(conn->deadline);
}

static struct slice pending(const struct http_conn *conn) {
  if (conn->in.len == conn->at) return (struct slice){"", 0};
  return (struct slice){conn->in.data + conn->at, conn->in.len - conn->at};
}

/* Adds to what is pending. */
static enum http_wire_result fill(struct http_conn *conn) {
  if (conn->ended) return WIRE_ENDED;
  if (conn->at > 0) {
    memmove(conn->in.data, conn->in.data + conn->at, conn->in.len - conn->at);
    conn->in.len -= conn->at;
    conn->at = 0;
  }
  bool may_read = conn->may_read;
  conn->may_read = false;
  size_t len = conn->state == HTTP_BODY ? READ_BODY_BYTES : READ_HEAD_BYTES;
  enum http_wire_result result = http_wire_read(&conn->wire, &conn->in, len, may_read);
  conn->ended = result == WIRE_ENDED;
  return result;
}

static void to_answer(struct http_conn *conn) {
  disarm(conn);
  conn->mark = 0;
  conn->state = HTTP_ANSWER;
}

static void tell_gone(struct http_conn *conn) {
  struct http_exchange *exchange = &conn->exchange;
  if (!exchange->with_handler) return;
  exchange->with_handler = false;
  conn->server->handler->gone(conn->server->arg, exchange);
}

static enum http_step refuse(struct http_conn *conn, const struct http_refusal *refusal) {
  struct http_server_figures *figures = &conn->server->figures;
  if (refusal->status == 408)
    figures->timeouts++;
  else
    figures->refused_requests++;
  tell_gone(conn);
  conn->closes = true;
  http_answer_refusal(&conn->exchange, refusal);
  to_answer(conn);
  return STEP_ON;
}

static enum http_step refuse_with(struct http_conn *conn, int status, const char *why) {
  return refuse(conn, &(struct http_refusal){status, why});
}

void http_exchange_count_body(struct http_exchange *exchange) {
  uint64_t *all = &exchange->conn->server->figures.body_bytes;
  *all += exchange->body.bytes.len - exchange->held_bytes;
  exchange->held_bytes = exchange->body.bytes.len;
}

static void exchange_reset(struct http_conn *conn) {
  struct http_exchange *exchange = &conn->exchange;
  http_body_fini(&exchange->body);
  http_exchange_count_body(exchange);
  struct arena arena = exchange->arena;
  arena_reset(&arena);
  *exchange = (struct http_exchange){.conn = conn, .arena = arena};
}

/* ------------------------------------------------------------------ states */

static bool has_body(const struct http_head *head) {
  return head->chunked || head->length > 0;
}

/* Asks the handler whether it wants the request. False: it has been answered. */
static bool handler_wants(struct http_conn *conn) {
  struct http_server *server = conn->server;
  const struct http_head *head = &conn->exchange.head;
  if (server->handler->head == NULL) return true;
  bool closes = conn->closes;
  /* If it answers now, the body goes by unread, where that can be had at little cost. */
  if (has_body(head) && (head->chunked || head->expects_continue || head->length > SKIP_BYTES_MAX))
    conn->closes = true;
  conn->skip_left = head->chunked ? 0 : head->length;
  conn->exchange.with_handler = true;
  if (!server->handler->head(server->arg, &conn->exchange)) {
    assert(conn->exchange.answered);
    return false;
  }
  conn->skip_left = 0;
  conn->closes = closes;
  return true;
}

static enum http_step begin_request(struct http_conn *conn, size_t head_len) {
  struct http_exchange *exchange = &conn->exchange;
  struct http_head *head = &exchange->head;
  struct http_refusal refusal;
  struct slice bytes = {arena_dup(&exchange->arena, conn->in.data + conn->at, head_len), head_len};
  conn->at += head_len;
  if (http_head_read(head, &exchange->arena, bytes, &refusal) != 0) return refuse(conn, &refusal);
  http_exchange_read_target(exchange);
  exchange->bodiless = strcmp(head->method, "HEAD") == 0;
  conn->closes = !head->keep_alive;
  if (conn->server->refuses != NULL) return refuse_with(conn, 503, conn->server->refuses);
  if (!handler_wants(conn)) {
    to_answer(conn);
    return STEP_ON;
  }
  bool found;
  struct slice coding = http_header(exchange, "content-encoding", &found);
  if (http_body_start(&exchange->body, head, coding, conn->server->limits.body_bytes_max,
                      &refusal) != 0)
    return refuse(conn, &refusal);
  if (has_body(head) && head->expects_continue && pending(conn).len == 0)
    http_wire_write(&conn->wire, slice_of("HTTP/1.1 100 Continue\r\n\r\n"));
  conn->state = HTTP_BODY;
  return STEP_ON;
}

static enum http_step step_head(struct http_conn *conn) {
  for (;;) {
    struct slice bytes = pending(conn);
    if (bytes.len > 0 && !conn->begun) {
      conn->begun = true;
      arm(conn, conn->server->limits.request_timeout_us);
    }
    size_t len;
    struct http_refusal refusal;
    int result = http_scan(&conn->scan, bytes, conn->server->limits.head_bytes_max, &len, &refusal);
    if (result < 0) return refuse(conn, &refusal);
    if (result > 0) return begin_request(conn, len);
    if (conn->late && bytes.len > 0) return refuse_with(conn, 408, "the request took too long");
    if (conn->late) {
      if (conn->begun) conn->server->figures.timeouts++;
      return STEP_CLOSE;
    }
    enum http_wire_result filled = fill(conn);
    if (filled != WIRE_SOME) return filled == WIRE_NOTHING ? STEP_WAIT : STEP_CLOSE;
  }
}

static enum http_step step_body(struct http_conn *conn) {
  struct http_server *server = conn->server;
  struct http_exchange *exchange = &conn->exchange;
  for (;;) {
    if (exchange->answered) {
      to_answer(conn);
      return STEP_ON;
    }
    size_t used;
    struct http_refusal refusal;
    int result = http_body_feed(&exchange->body, pending(conn), &used, &refusal);
    conn->at += used;
    http_exchange_count_body(exchange);
    if (result < 0) return refuse(conn, &refusal);
    if (server->figures.body_bytes > server->limits.bodies_bytes_max)
      return refuse_with(conn, 429, "too many requests wait here; come again");
    if (result > 0) {
      disarm(conn);
      conn->state = HTTP_HANDLER;
      exchange->with_handler = true;
      server->handler->request(server->arg, exchange);
      return STEP_ON;
    }
    if (conn->late) return refuse_with(conn, 408, "the request took too long");
    enum http_wire_result filled = fill(conn);
    if (filled != WIRE_SOME) return filled == WIRE_NOTHING ? STEP_WAIT : STEP_CLOSE;
  }
}

/* Has the peer take what waits, in time. */
static enum http_wire_result send_waiting(struct http_conn *conn) {
  struct http_wire *wire = &conn->wire;
  enum http_wire_result result = http_wire_flush(wire);
  if (result == WIRE_SOME && conn->mark > 0) {
    disarm(conn);
    conn->mark = 0;
  }
  if (result != WIRE_NOTHING) return result;
  if (conn->late) {
    conn->server->figures.timeouts++;
    return WIRE_BROKEN;
  }
  if (conn->mark == 0 || wire->taken >= conn->mark) {
    conn->mark = wire->taken + http_wire_waiting(wire);
    arm(conn, conn->server->limits.answer_timeout_us);
  }
  return result;
}

static enum http_step step_handler(struct http_conn *conn) {
  struct http_exchange *exchange = &conn->exchange;
  if (exchange->answered) {
    if (!exchange->begun) to_answer(conn);
    conn->state = HTTP_ANSWER; /* in pieces: the deadline goes on */
    return STEP_ON;
  }
  if (exchange->begun && (conn->ended || send_waiting(conn) == WIRE_BROKEN)) return STEP_CLOSE;
  while (pending(conn).len < AHEAD_BYTES_MAX && !conn->ended) {
    enum http_wire_result filled = fill(conn);
    if (filled == WIRE_NOTHING) break;
    if (filled == WIRE_BROKEN) return STEP_CLOSE;
  }
  return conn->ended && exchange->begun ? STEP_CLOSE : STEP_WAIT;
}

static enum http_step next_request(struct http_conn *conn) {
  conn->begun = false;
  conn->scan = (struct http_scan){.at = 0};
  arm(conn, conn->server->limits.keepalive_timeout_us);
  conn->state = HTTP_HEAD;
  return STEP_ON;
}

static enum http_step step_answer(struct http_conn *conn) {
  enum http_wire_result sent = send_waiting(conn);
  if (sent != WIRE_SOME) return sent == WIRE_NOTHING ? STEP_WAIT : STEP_CLOSE;
  exchange_reset(conn);
  if (conn->closes) {
    http_wire_end(&conn->wire);
    arm(conn, LINGER_US);
    conn->state = HTTP_LINGER;
    return STEP_ON;
  }
  if (conn->skip_left == 0) return next_request(conn);
  arm(conn, conn->server->limits.request_timeout_us);
  conn->state = HTTP_SKIP;
  return STEP_ON;
}

static enum http_step step_skip(struct http_conn *conn) {
  for (;;) {
    size_t len = pending(conn).len;
    if (len > conn->skip_left) len = (size_t)conn->skip_left;
    conn->at += len;
    conn->skip_left -= len;
    if (conn->skip_left == 0) return next_request(conn);
    if (conn->late) {
      conn->server->figures.timeouts++;
      return STEP_CLOSE;
    }
    enum http_wire_result filled = fill(conn);
    if (filled != WIRE_SOME) return filled == WIRE_NOTHING ? STEP_WAIT : STEP_CLOSE;
  }
}

static enum http_step step_linger(struct http_conn *conn) {
  for (;;) {
    conn->at = conn->in.len;
    if (conn->late) return STEP_CLOSE;
    enum http_wire_result filled = fill(conn);
    if (filled != WIRE_SOME) return filled == WIRE_NOTHING ? STEP_WAIT : STEP_CLOSE;
  }
}

static enum http_step (*const steps[])(struct http_conn *) = {
    [HTTP_HEAD] = step_head,     [HTTP_BODY] = step_body, [HTTP_HANDLER] = step_handler,
    [HTTP_ANSWER] = step_answer, [HTTP_SKIP] = step_skip, [HTTP_LINGER] = step_linger,
};

/* ------------------------------------------------------------------ the pump */

static void watch(struct http_conn *conn) {
  bool read = !conn->ended;
  if (conn->state == HTTP_ANSWER) read = false;
  if (conn->state == HTTP_HANDLER && pending(conn).len >= AHEAD_BYTES_MAX) read = false;
  net_conn_want(conn->wire.net, read, http_wire_waiting(&conn->wire) > 0);
}

static void run(struct http_conn *conn) {
  conn->in_turn = true;
  enum http_step step;
  do step = steps[conn->state](conn);
  while (step == STEP_ON);
  conn->in_turn = false;
  enum http_wire_result sent = http_wire_flush(&conn->wire);
  if (step == STEP_CLOSE || sent == WIRE_BROKEN) {
    struct http_server *server = conn->server;
    if (conn->wire.tls != NULL && sent != WIRE_BROKEN) http_wire_end(&conn->wire);
    http_conn_free(conn);
    http_server_accept_more(server);
    return;
  }
  if (conn->state == HTTP_HEAD && pending(conn).len == 0) {
    buf_fini(&conn->in);
    conn->at = 0;
  }
  watch(conn);
}

static void on_ready(void *arg) {
  struct http_conn *conn = arg;
  conn->may_read = true;
  run(conn);
}

static void on_deadline(void *arg) {
  struct http_conn *conn = arg;
  conn->late = true;
  run(conn);
}

void http_conn_kick(struct http_conn *conn) {
  struct http_server *server = conn->server;
  if (conn->kicked || conn->in_turn) return;
  if (server->kicked == NULL) loop_post(server->io.loop, http_conn_run_kicked, server);
  conn->kicked = true;
  conn->next_kicked = server->kicked;
  server->kicked = conn;
}

void http_conn_run_kicked(void *arg) {
  struct http_server *server = arg;
  while (server->kicked != NULL) {
    struct http_conn *conn = server->kicked;
    server->kicked = conn->next_kicked;
    conn->kicked = false;
    run(conn);
  }
}

/* ------------------------------------------------------------------ beginning and end */

int http_conn_accept(struct http_server *server, struct http_conn **out, struct err *err) {
  *out = NULL;
  struct http_conn *conn = mem_zalloc(sizeof *conn);
  int result = net_accept(server->listener, on_ready, conn, &conn->wire.net, err);
  if (result != 0 || conn->wire.net == NULL) {
    free(conn);
    return result;
  }
  conn->server = server;
  conn->begun = true;
  conn->exchange.conn = conn;
  arena_init(&conn->exchange.arena, 4096);
  if (server->tls != NULL) conn->wire.tls = http_tls_new(server->tls);
  conn->deadline = loop_timer_new(server->io.loop, on_deadline, conn);
  arm(conn, server->limits.request_timeout_us);
  conn->next = server->conns;
  if (server->conns != NULL) server->conns->prev = conn;
  server->conns = conn;
  server->figures.connections++;
  server->figures.accepted++;
  watch(conn);
  *out = conn;
  return 0;
}

static void unkick(struct http_conn *conn) {
  if (!conn->kicked) return;
  struct http_conn **at = &conn->server->kicked;
  while (*at != conn) at = &(*at)->next_kicked;
  *at = conn->next_kicked;
}

void http_conn_free(struct http_conn *conn) {
  struct http_server *server = conn->server;
  tell_gone(conn);
  exchange_reset(conn);
  arena_fini(&conn->exchange.arena);
  unkick(conn);
  if (conn->prev != NULL)
    conn->prev->next = conn->next;
  else
    server->conns = conn->next;
  if (conn->next != NULL) conn->next->prev = conn->prev;
  server->figures.connections--;
  loop_timer_free(conn->deadline);
  http_wire_fini(&conn->wire);
  buf_fini(&conn->in);
  free(conn);
}
