/* The contract of http_server.h that is not about bytes: time, order, limits, who has an exchange.
 */
#include "tests/unit/io_world.h"

#include "tests/unit/http_client.h"
#include "tests/unit/http_echo.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define SECOND INT64_C(1000000)

struct fixture {
  struct io_world *w;
  struct http_echo echo;
  struct http_client client;
};

static void open_with(struct fixture *f, void **state, const struct http_limits *limits) {
  f->w = *state;
  http_echo_open(&f->echo, &f->w->io, "127.0.0.1:0", limits);
  http_client_open(&f->client, &f->w->io, http_server_address(f->echo.server));
}

static void open_fixture(struct fixture *f, void **state) {
  open_with(f, state, &http_limits_default);
}

static void close_fixture(struct fixture *f) {
  http_client_close(&f->client);
  http_echo_close(&f->echo);
}

static struct http_server_figures figures_of(struct fixture *f) {
  struct http_server_figures figures;
  http_server_figures(f->echo.server, &figures);
  return figures;
}

static int64_t now_us(struct fixture *f) {
  return clock_mono_us(f->w->io.clock);
}

static void turn_until(struct fixture *f, int64_t end_us) {
  while (now_us(f) < end_us) OK(f->w, loop_wait(f->w->io.loop, end_us - now_us(f), &f->w->err));
}

static void wait_for(struct fixture *f, const int *flag, int n) {
  io_world_until(f->w, flag, n);
}

static void requests_are_answered_in_order(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, GET("/late") GET("/second") GET("/late"));
  wait_for(&f, &f.echo.requests, 1);
  turn_until(&f, now_us(&f) + 10000);
  assert_int_equal(f.echo.requests, 1); /* one at a time */
  assert_int_equal(http_client_answers(&f.client), 0);
  http_echo_answer(&f.echo, 0, 202);
  assert_int_equal(f.echo.requests, 1); /* an answer never calls back */
  http_client_until(&f.client, 2);
  wait_for(&f, &f.echo.requests, 3);
  http_echo_answer(&f.echo, 0, 202);
  http_client_until(&f.client, 3);
  assert_string_equal(http_client_statuses(&f.client), "202 200 202");
  assert_false(f.client.ended);
  close_fixture(&f);
}

static void what_was_asked_is_told(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client,
                   "PUT /a%20b/%C3%A9+?p&q=x%26+y&q=z HTTP/1.1\r\nHost: a\r\nContent-Length: "
                   "5\r\n\r\nhello");
  http_client_until(&f.client, 1);
  assert_non_null(strstr(http_client_got(&f.client), "PUT /a b/\xc3\xa9+ query=x& y length=5 "));
  assert_non_null(strstr(buf_cstr(&f.client.got), "\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
  close_fixture(&f);
}

static void headers_bodies_and_tokens(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, "POST /late HTTP/1.1\r\nHost: a\r\nX-A:  one \r\nx-b: 2\r\nX-a: "
                              "three\r\nAuthorization: bearer t0ken\r\nContent-Length: "
                              "5\r\n\r\nhello");
  wait_for(&f, &f.echo.requests, 1);
  struct http_exchange *exchange = f.echo.waiting[0];
  bool found;
  assert_true(slice_is(http_header(exchange, "x-a", &found), "one, three") && found);
  assert_true(slice_is(http_header(exchange, "x-b", &found), "2") && found);
  assert_true(slice_is(http_header(exchange, "x-c", &found), "") && !found);
  assert_true(slice_is(http_query(exchange, "x", &found), "") && !found);
  assert_true(http_bearer_is(exchange, "t0ken"));
  assert_false(http_bearer_is(exchange, "t0keN"));
  assert_false(http_bearer_is(exchange, "t0ke"));
  assert_false(http_bearer_is(exchange, "t0ken2"));
  assert_true(*http_exchange_data(exchange) == &f.echo);
  assert_int_equal(http_body_announced(exchange), 5);
  assert_true(figures_of(&f).body_bytes > 0);
  void *memory;
  struct slice body = http_body_take(exchange, &memory);
  assert_true(slice_is(body, "hello"));
  for (int i = 1; i <= 64; i++) assert_true(body.data[-i] == 0 && body.data[4 + i] + 1 != 1000);
  free(memory);
  assert_int_equal(http_body(exchange).len, 0);
  assert_int_equal(figures_of(&f).body_bytes, 0);
  http_echo_answer(&f.echo, 0, 204);
  http_client_until(&f.client, 1);
  assert_null(strstr(http_client_got(&f.client), "Content-Length"));
  close_fixture(&f);
}

/* The deadline is the request's, however often a byte comes. */
static void a_slow_request_is_ended(void **state) {
  static const char *const slow[] = {
      "GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\naaaaa",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"};
  for (int i = 0; i < 3; i++) {
    for (int second = 0; second < 2; second++) { /* also when it is not the first request */
      struct fixture f;
      open_fixture(&f, state);
      if (second) {
        http_client_text(&f.client, GET("/"));
        http_client_until(&f.client, 1);
        turn_until(&f, now_us(&f) + 50 * SECOND);
      }
      int64_t start_us = now_us(&f);
      size_t len = strlen(slow[i]);
      for (size_t k = 0; !f.client.ended && k < 40; k++) {
        size_t head = k == 0 ? len - 40 : 1;
        http_client_send(&f.client, (struct slice){slow[i] + (k == 0 ? 0 : len - 41 + k), head});
        turn_until(&f, now_us(&f) + SECOND);
        if (http_client_answers(&f.client) > (size_t)second) break;
      }
      assert_string_equal(http_client_statuses(&f.client), second ? "200 408" : "408");
      assert_in_range(now_us(&f) - start_us, 29 * SECOND, 32 * SECOND);
      http_client_until_ended(&f.client);
      assert_int_equal(figures_of(&f).timeouts, 1);
      assert_int_equal(f.echo.heads, f.echo.requests + f.echo.gone);
      close_fixture(&f);
    }
  }
}

static void silence_ends_a_connection(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  int64_t start_us = now_us(&f);
  http_client_until_ended(&f.client);
  assert_in_range(now_us(&f) - start_us, 30 * SECOND, 31 * SECOND);
  assert_int_equal(f.client.got.len, 0);
  http_client_close(&f.client);
  http_client_open(&f.client, &f.w->io, http_server_address(f.echo.server));
  http_client_text(&f.client, GET("/"));
  http_client_until(&f.client, 1);
  start_us = now_us(&f);
  http_client_until_ended(&f.client);
  assert_in_range(now_us(&f) - start_us, 59 * SECOND, 61 * SECOND);
  assert_string_equal(http_client_statuses(&f.client), "200");
  close_fixture(&f);
}

/* Nor does it help to take the answer byte by byte. */
static void an_answer_must_be_taken(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, GET("/late"));
  wait_for(&f, &f.echo.requests, 1);
  turn_until(&f, now_us(&f) + 500 * SECOND); /* the handler may take its time */
  http_client_listen(&f.client, false);
  static char large[4 * 1024 * 1024];
  memset(large, 'a', sizeof large);
  f.echo.n_waiting = 0;
  http_answer(f.echo.waiting[0], 200, "text/plain", (struct slice){large, sizeof large}, NULL);
  int64_t start_us = now_us(&f);
  while (figures_of(&f).connections > 0) {
    turn_until(&f, now_us(&f) + SECOND);
    size_t got;
    bool ended;
    char byte;
    if (f.client.conn != NULL) net_read(f.client.conn, &byte, 1, &got, &ended, NULL);
  }
  assert_in_range(now_us(&f) - start_us, 29 * SECOND, 32 * SECOND);
  assert_int_equal(figures_of(&f).timeouts, 1);
  assert_int_equal(f.echo.gone, 0);
  close_fixture(&f);
}

static void callers_wait_at_the_cap(void **state) {
  struct fixture f;
  struct http_limits limits = http_limits_default;
  limits.connections_max = 2;
  open_with(&f, state, &limits);
  struct http_client more[3];
  for (int i = 0; i < 3; i++) {
    http_client_open(&more[i], &f.w->io, http_server_address(f.echo.server));
    http_client_text(&more[i], GET("/"));
  }
  http_client_until(&more[0], 1);
  turn_until(&f, now_us(&f) + SECOND);
  assert_int_equal(figures_of(&f).connections, 2);
  assert_true(figures_of(&f).paused);
  assert_int_equal(http_client_answers(&more[1]) + http_client_answers(&more[2]), 0);
  http_client_close(&f.client);
  http_client_until(&more[1], 1);
  http_client_close(&more[0]);
  http_client_until(&more[2], 1);
  for (int i = 1; i < 3; i++) http_client_close(&more[i]);
  turn_until(&f, now_us(&f) + SECOND);
  assert_false(figures_of(&f).paused);
  assert_int_equal(figures_of(&f).connections, 0);
  assert_int_equal(figures_of(&f).accepted, 4);
  close_fixture(&f);
}

static void a_head_can_be_enough(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  /* A short body goes by; a long one, or one that was asked about, costs the connection. */
  http_client_text(&f.client,
                   "POST /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" GET(
                       "/") "POST /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: "
                            "1000000\r\n\r\n");
  http_client_until(&f.client, 3);
  assert_string_equal(http_client_statuses(&f.client), "401 200 401");
  assert_non_null(strstr(http_client_got(&f.client), "{\"error\":\"a \\\"token\\\" is missing\"}"));
  assert_non_null(strstr(http_client_got(&f.client), "WWW-Authenticate: Bearer\r\n"));
  http_client_until_ended(&f.client);
  http_client_close(&f.client);
  http_client_open(&f.client, &f.w->io, http_server_address(f.echo.server));
  http_client_text(&f.client, "POST /unwanted HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                              "Content-Length: 5\r\n\r\n");
  http_client_until_ended(&f.client);
  assert_string_equal(http_client_statuses(&f.client), "401");
  assert_null(strstr(buf_cstr(&f.client.got), "100 Continue"));
  assert_int_equal(f.echo.gone, 0);
  close_fixture(&f);
}

static void a_body_can_be_asked_for(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                              "Content-Length: 5\r\n\r\n");
  int64_t end_us = now_us(&f) + SECOND;
  turn_until(&f, end_us);
  assert_string_equal(buf_cstr(&f.client.got), "HTTP/1.1 100 Continue\r\n\r\n");
  http_client_text(&f.client, "hello");
  http_client_until(&f.client, 1);
  assert_string_equal(http_client_statuses(&f.client), "200");
  close_fixture(&f);
}

static void heads_only(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"
                              "HEAD /parts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  http_client_until_ended(&f.client);
  assert_string_equal(http_client_got(&f.client),
                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 46\r\n\r\n"
                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n");
  close_fixture(&f);
}

static void answers_in_pieces(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, GET("/parts") "GET /parts HTTP/1.0\r\n\r\n");
  http_client_until_ended(&f.client);
  assert_string_equal(http_client_got(&f.client),
                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n2\r\n22\r\n3\r\n333\r\n0\r\n\r\n"
                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
                      "122333");
  close_fixture(&f);
}

/* Who does not take them gets no more, and is left alone in the end. */
static void pieces_do_not_pile_up(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, GET("/late"));
  wait_for(&f, &f.echo.requests, 1);
  http_client_listen(&f.client, false);
  struct http_exchange *exchange = f.echo.waiting[0];
  http_answer_begin(exchange, 200, "text/plain");
  static const char piece[1000] = {'a'};
  int n = 0;
  while (http_answer_part(exchange, (struct slice){piece, sizeof piece})) n++;
  assert_in_range(n, 1000, 1100);
  assert_true(http_answer_waiting(exchange) > 1024 * 1024);
  http_client_listen(&f.client, true);
  while (http_answer_waiting(exchange) > 0) OK(f.w, loop_wait(f.w->io.loop, SECOND, &f.w->err));
  turn_until(&f, now_us(&f) + 100 * SECOND); /* nothing waits: it may last */
  assert_true(http_answer_part(exchange, slice_of("b")));
  turn_until(&f, now_us(&f) + SECOND);
  http_client_listen(&f.client, false);
  while (f.echo.gone == 0) {
    http_answer_part(exchange, (struct slice){piece, sizeof piece});
    turn_until(&f, now_us(&f) + SECOND);
  }
  assert_int_equal(figures_of(&f).timeouts, 1);
  assert_int_equal(figures_of(&f).connections, 0);
  close_fixture(&f);
}

static void who_leaves_is_gone(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  /* Ending what is sent is not leaving. */
  http_client_text(&f.client, GET("/late"));
  http_client_end(&f.client);
  wait_for(&f, &f.echo.requests, 1);
  turn_until(&f, now_us(&f) + SECOND);
  http_echo_answer(&f.echo, 0, 202);
  http_client_until_ended(&f.client);
  assert_string_equal(http_client_statuses(&f.client), "202");
  http_client_close(&f.client);
  /* Unless the answer comes in pieces. */
  http_client_open(&f.client, &f.w->io, http_server_address(f.echo.server));
  http_client_text(&f.client, GET("/late"));
  wait_for(&f, &f.echo.requests, 2);
  http_answer_begin(f.echo.waiting[0], 200, "text/plain");
  turn_until(&f, now_us(&f) + SECOND);
  http_client_close(&f.client);
  wait_for(&f, &f.echo.gone, 1);
  /* In a body that the handler waits for. */
  http_client_open(&f.client, &f.w->io, http_server_address(f.echo.server));
  http_client_text(&f.client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  wait_for(&f, &f.echo.heads, 3);
  http_client_close(&f.client);
  wait_for(&f, &f.echo.gone, 2);
  /* At the server's end. */
  http_client_open(&f.client, &f.w->io, http_server_address(f.echo.server));
  http_client_text(&f.client, GET("/late"));
  wait_for(&f, &f.echo.requests, 3);
  http_server_close(f.echo.server);
  assert_int_equal(f.echo.gone, 3);
  http_client_close(&f.client);
}

static void a_server_can_refuse_and_change_hands(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  http_client_text(&f.client, GET("/late"));
  wait_for(&f, &f.echo.requests, 1);
  struct http_echo other = {.server = f.echo.server};
  other.waiting[other.n_waiting++] = f.echo.waiting[0];
  http_server_hand_over(f.echo.server, &http_echo_handler, &other);
  struct http_server_options options = {.limits = http_limits_default};
  options.limits.head_bytes_max = 100;
  OK(f.w, http_server_change(f.echo.server, &options, &f.w->err));
  http_server_refuse(f.echo.server, "the pipeline stops");
  struct http_client late;
  http_client_open(&late, &f.w->io, http_server_address(f.echo.server));
  http_client_text(&late, GET("/"));
  http_client_until_ended(&late);
  assert_string_equal(http_client_statuses(&late), "503");
  assert_non_null(strstr(http_client_got(&late), "Retry-After: "));
  assert_non_null(strstr(http_client_got(&late), "{\"error\":\"the pipeline stops\"}"));
  http_client_close(&late);
  http_echo_answer(&other, 0, 202);
  http_client_until(&f.client, 1);
  assert_string_equal(http_client_statuses(&f.client), "202");
  assert_int_equal(f.echo.requests + other.requests, 1);
  close_fixture(&f);
}

static void two_servers_on_one_address_are_refused(void **state) {
  struct fixture f;
  open_fixture(&f, state);
  struct http_server_options options = {.address = http_server_address(f.echo.server),
                                        .limits = http_limits_default};
  struct http_server *second;
  assert_int_equal(http_server_open(&second, &f.w->io, &options, &f.w->err), -1);
  assert_int_equal(f.w->err.code, ERR_BUSY);
  assert_non_null(strstr(f.w->err.text, options.address));
  close_fixture(&f);
}

/* A small body that would become a large one is refused before it has. */
static void bombs_do_not_go_off(void **state) {
  static char zeros[1024 * 1024], packed[64 * 1024];
  z_stream stream = {0};
  assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_out = (Bytef *)packed;
  stream.avail_out = sizeof packed;
  for (int i = 0; i < 40; i++) {
    stream.next_in = (Bytef *)zeros;
    stream.avail_in = sizeof zeros;
    assert_int_equal(deflate(&stream, i == 39 ? Z_FINISH : Z_NO_FLUSH),
                     i == 39 ? Z_STREAM_END : Z_OK);
  }
  deflateEnd(&stream);
  for (int i = 0; i < 2; i++) {
    struct fixture f;
    struct http_limits limits = http_limits_default;
    limits.body_bytes_max = i == 0 ? 1000 * 1000 : 40 * sizeof zeros;
    limits.bodies_bytes_max = 64 * 1024 * 1024;
    open_with(&f, state, &limits);
    char head[200];
    snprintf(head, sizeof head,
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
             stream.total_out);
    http_client_text(&f.client, head);
    http_client_send(&f.client, (struct slice){packed, stream.total_out});
    http_client_until(&f.client, 1);
    assert_string_equal(http_client_statuses(&f.client), i == 0 ? "413" : "200");
    close_fixture(&f);
  }
}

static void bodies_are_bounded_together(void **state) {
  struct fixture f;
  struct http_limits limits = http_limits_default;
  limits.bodies_bytes_max = 5000;
  open_with(&f, state, &limits);
  static const char bytes[3000];
  static const char post[] = "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n";
  struct http_client second;
  http_client_open(&second, &f.w->io, http_server_address(f.echo.server));
  http_client_text(&f.client, post);
  http_client_send(&f.client, (struct slice){bytes, sizeof bytes});
  wait_for(&f, &f.echo.requests, 1);
  http_client_text(&second, post);
  http_client_send(&second, (struct slice){bytes, sizeof bytes});
  http_client_until_ended(&second);
  assert_string_equal(http_client_statuses(&second), "429");
  assert_non_null(strstr(http_client_got(&second), "Retry-After: "));
  assert_int_equal(f.echo.gone, 1);
  http_client_close(&second);
  http_echo_answer(&f.echo, 0, 202);
  http_client_until(&f.client, 1);
  assert_int_equal(figures_of(&f).body_bytes, 0);
  close_fixture(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(requests_are_answered_in_order),
      SIM(what_was_asked_is_told),
      BOTH(headers_bodies_and_tokens),
      SIM(a_slow_request_is_ended),
      SIM(silence_ends_a_connection),
      SIM(an_answer_must_be_taken),
      SIM(callers_wait_at_the_cap),
      BOTH(a_head_can_be_enough),
      SIM(a_body_can_be_asked_for),
      BOTH(heads_only),
      BOTH(answers_in_pieces),
      SIM(pieces_do_not_pile_up),
      SIM(who_leaves_is_gone),
      BOTH(a_server_can_refuse_and_change_hands),
      BOTH(two_servers_on_one_address_are_refused),
      BOTH(bombs_do_not_go_off),
      BOTH(bodies_are_bounded_together),
  };
  return cmocka_run_group_tests_name("http server", tests, NULL, NULL);
}
