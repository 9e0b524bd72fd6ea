/* The contract of fetch.h: libcurl against a server that says whatever a case wants, and the
 * simulated server. */
#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ what was answered */

struct answered {
  int n;
  int status; /* 0: an error */
  struct buf body, retry_after;
  struct err err;
  struct fetch_call *call;
};

static void note(void *arg, const struct fetch_answer *answer, const struct err *err) {
  struct answered *got = arg;
  struct slice value;
  assert_true((answer == NULL) != (err == NULL));
  got->n++;
  if (err != NULL) {
    got->err = *err;
    return;
  }
  got->status = answer->status;
  buf_put_slice(&got->body, answer->body);
  if (fetch_header(answer, "retry-after", &value)) buf_put_slice(&got->retry_after, value);
}

static void answered_fini(struct answered *got) {
  buf_fini(&got->body);
  buf_fini(&got->retry_after);
}

/* ------------------------------------------------------------------ a server of raw bytes */

struct server {
  struct io_world *world;
  struct net_listener *listener;
  struct net_conn *conns[8];
  int n_conns;
  const char *script; /* given to each request */
  const char *repeat; /* and then this for ever */
  size_t put;
  bool close; /* behind the script */
  int requests;
  struct buf seen;
  char url[100];
};

static void on_conn(void *arg);

static void on_caller(void *arg) {
  struct server *server = arg;
  struct net_conn *conn;
  OK(server->world, net_accept(server->listener, on_conn, server, &conn, &server->world->err));
  if (conn == NULL) return;
  assert_true(server->n_conns < 8);
  server->conns[server->n_conns++] = conn;
  net_conn_want(conn, true, false);
}

static void conn_end(struct server *server) {
  net_conn_close(server->conns[server->n_conns - 1]);
  server->conns[server->n_conns - 1] = NULL;
}

/* Requests come one at a time, so they belong to the newest connection. A request is over when as
 * many bytes came behind its head as "Content-Length: 5" says, or none without one. */
static void on_conn(void *arg) {
  struct server *server = arg;
  struct net_conn *conn = server->conns[server->n_conns - 1];
  struct err err;
  char data[65536];
  size_t got = 0, put = 0;
  bool ended = false;
  if (conn == NULL) return;
  if (server->put == 0) {
    if (net_read(conn, data, sizeof data, &got, &ended, &err) != 0 || ended) {
      conn_end(server);
      return;
    }
    buf_put(&server->seen, data, got);
    const char *head_end = strstr(buf_cstr(&server->seen), "\r\n\r\n");
    if (head_end == NULL) return;
    size_t body = strstr(server->seen.data, "Content-Length: 5") != NULL ? 5 : 0;
    if (server->seen.len < (size_t)(head_end - server->seen.data) + 4 + body) return;
    server->requests++;
  }
  size_t len = strlen(server->script);
  while (server->put < len) {
    if (net_write(conn, server->script + server->put, len - server->put, &put, &err) != 0) {
      conn_end(server);
      return;
    }
    server->put += put;
    if (put == 0) {
      net_conn_want(conn, false, true);
      return;
    }
  }
  if (server->repeat != NULL) {
    net_conn_want(conn, false, true);
    if (net_write(conn, server->repeat, strlen(server->repeat), &put, &err) != 0) conn_end(server);
    return;
  }
  server->put = 0;
  if (server->close)
    conn_end(server);
  else
    net_conn_want(conn, true, false);
}

static void server_open(struct server *server, struct io_world *world) {
  *server = (struct server){.world = world, .script = ""};
  OK(world,
     net_listen(world->io.net, "127.0.0.1:0", on_caller, server, &server->listener, &world->err));
  snprintf(server->url, sizeof server->url, "http://%s/in?x=1",
           net_listener_address(server->listener));
}

static void server_close(struct server *server) {
  for (int i = 0; i < server->n_conns; i++) net_conn_close(server->conns[i]);
  net_listener_close(server->listener);
  buf_fini(&server->seen);
}

static struct fetch_client *client_new(struct io_world *world) {
  struct fetch_options options = {
      .tls_verify = true, .connect_timeout_us = 5000000, .connections_max = 2};
  return fetch_client_new(world->io.fetch, &options);
}

static const char *const headers[] = {"Idempotency-Key: p/s/1/0", "Content-Type: text/plain"};

static void start(struct fetch_client *client, const char *url, int64_t timeout_us,
                  struct answered *got) {
  *got = (struct answered){0};
  struct fetch_request request = {.method = "POST",
                                  .url = url,
                                  .headers = headers,
                                  .n_headers = 2,
                                  .body = {"abcde", 5},
                                  .timeout_us = timeout_us,
                                  .body_bytes_max = 20};
  got->call = fetch_start(client, &request, note, got);
  assert_int_equal(got->n, 0);
}

/* ------------------------------------------------------------------ real */

static const struct {
  const char *script, *repeat;
  bool close;
  int status;       /* 0: an error */
  const char *text; /* of the body, or in the error */
} cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", NULL, false, 200, "fine"},
    {"HTTP/1.1 204 Nothing\r\n\r\n", NULL, false, 204, ""},
    {"HTTP/1.1 503 No\r\nConnection: close\r\n\r\nlater", NULL, true, 503, "later"},
    {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", NULL,
     false, 302, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", NULL, false, 200,
     "abc"},
    {"HTTP/1.1 103 Hints\r\nRetry-After: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     NULL, false, 200, ""},
    {"HTTP/1.1 299 Strange\r\nContent-Length: 0\r\n\r\n", NULL, false, 299, ""},
    /* More than is wanted, and no end. */
    {"HTTP/1.1 400 Bad\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz", NULL, false, 400,
     "abcdefghijklmnopqrst"},
    {"HTTP/1.1 200 OK\r\n\r\n", "endless ", false, 200, "endless endless endl"},
    {"HTTP/1.1 200 OK\r\n", "X-Endless: 0123456789012345678901234567890123456789\r\n", false, 0,
     "longer than 64 KiB; is it a web server?"},
    {"", "HTTP/1.1 100 Go on\r\nX-Endless: 01234567890123456789\r\n\r\n", false, 0,
     "longer than 64 KiB"},
    {"HTTP/1.1 200 OK\r\nX: ", "0123456789012345678901234567890123456789", false, 0, "127.0.0.1:"},
    /* Not HTTP, or not all of it. */
    {"", NULL, true, 0, "closed the connection without an answer"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nhalf", NULL, true, 0,
     "closed the connection in the middle of its answer"},
    {"SSH-2.0-OpenSSH_9.2\r\n", NULL, true, 0, "answers is not HTTP"},
    {"\x16\x03\x01\x02", "\x01\x02\x03", false, 0, "answers is not HTTP"},
    {"HTTP/1.1 banana\r\n\r\n", NULL, true, 0, "answers is not HTTP"},
    {"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n", NULL, true, 0, "127.0.0.1:"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n", NULL, true, 0, "127.0.0.1:"},
};

static void whatever_is_answered(void **state) {
  struct io_world *world = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct server server;
    struct answered got;
    server_open(&server, world);
    server.script = cases[i].script;
    server.repeat = cases[i].repeat;
    server.close = cases[i].close;
    struct fetch_client *client = client_new(world);
    start(client, server.url, 10000000, &got);
    io_world_until(world, &got.n, 1);
    if (got.n != 1 || got.status != cases[i].status) {
      fail_msg("case %zu: %d answers, status %d: %s", i, got.n, got.status, got.err.text);
    }
    const char *text = got.status == 0 ? got.err.text : buf_cstr(&got.body);
    bool right =
        got.status == 0 ? strstr(text, cases[i].text) != NULL : strcmp(text, cases[i].text) == 0;
    if (!right) fail_msg("case %zu: \"%s\" instead of \"%s\"", i, text, cases[i].text);
    assert_int_equal(got.retry_after.len, 0);
    if (got.status == 0) assert_int_equal(got.err.code, ERR_RETRY);
    fetch_client_free(client);
    server_close(&server);
    answered_fini(&got);
  }
}

static void requests_are_what_was_asked_for(void **state) {
  struct io_world *world = *state;
  struct server server;
  struct answered got;
  server_open(&server, world);
  server.script = "HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nContent-Length: 0\r\n\r\n";
  struct fetch_client *client = client_new(world);
  for (int i = 0; i < 3; i++) {
    buf_clear(&server.seen);
    start(client, server.url, 10000000, &got);
    io_world_until(world, &got.n, 1);
    assert_int_equal(got.status, 429);
    assert_string_equal(buf_cstr(&got.retry_after), "7");
    answered_fini(&got);
  }
  assert_int_equal(server.n_conns, 1); /* kept open */
  const char *seen = buf_cstr(&server.seen);
  assert_non_null(strstr(seen, "POST /in?x=1 HTTP/1.1\r\n"));
  assert_non_null(strstr(seen, "\r\nIdempotency-Key: p/s/1/0\r\n"));
  assert_non_null(strstr(seen, "\r\nContent-Type: text/plain\r\n"));
  assert_null(strstr(seen, "Expect"));
  assert_string_equal(strstr(seen, "\r\n\r\n"), "\r\n\r\nabcde");
  fetch_client_free(client);
  server_close(&server);
}

static void nobody_answers(void **state) {
  struct io_world *world = *state;
  struct server server;
  struct answered got;
  server_open(&server, world);
  struct fetch_client *client = client_new(world);
  start(client, server.url, 50000, &got); /* it has nothing to say */
  io_world_until(world, &got.n, 1);
  assert_non_null(strstr(got.err.text, "has not answered within 0.1 s"));
  char url[100];
  strcpy(url, server.url);
  server_close(&server);
  start(client, url, 10000000, &got);
  io_world_until(world, &got.n, 1);
  assert_non_null(strstr(got.err.text, "cannot connect to 127.0.0.1:"));
  assert_non_null(strstr(got.err.text, ": Connection refused"));
  fetch_client_free(client);
}

struct next {
  struct fetch_client *client;
  const char *url;
  struct answered *first, *other, *second;
};

/* An answer starts another request and cancels one. */
static void go_on(void *arg, const struct fetch_answer *answer, const struct err *err) {
  struct next *next = arg;
  note(next->first, answer, err);
  fetch_cancel(next->other->call);
  start(next->client, next->url, 10000000, next->second);
}

static void answers_may_start_and_cancel(void **state) {
  struct io_world *world = *state;
  struct server server, silent;
  struct answered first = {0}, other, second = {0};
  server_open(&server, world);
  server_open(&silent, world);
  server.script = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  struct fetch_client *client = client_new(world);
  struct next next = {client, server.url, &first, &other, &second};
  struct fetch_request request = {.method = "GET", .url = server.url, .timeout_us = 10000000};
  start(client, "http://127.0.0.1:1/", 10000000, &other);
  fetch_cancel(other.call);
  fetch_cancel(NULL);
  start(client, server.url, 10000000, &other);
  fetch_cancel(other.call);
  start(client, "http://[::1]:1/", 10000000, &other);
  fetch_cancel(other.call);
  fetch_start(client, &request, go_on, &next);
  start(client, silent.url, 10000000, &other);
  io_world_until(world, &second.n, 1);
  assert_int_equal(first.status, 200);
  assert_int_equal(second.status, 200);
  assert_int_equal(other.n, 0);
  start(client, server.url, 10000000, &other);
  fetch_client_free(client); /* with one that is out */
  server_close(&server);
  server_close(&silent);
}

/* ------------------------------------------------------------------ simulated */

static void play(void *arg, const struct fetch_request *request, struct sim_answer *answer) {
  int *n = arg;
  assert_string_equal(request->headers[0], headers[0]);
  assert_true(slice_is(request->body, "abcde"));
  switch ((*n)++) {
  case 0: *answer = (struct sim_answer){.delay_us = 3000000, .status = 200, .body = "fine"}; break;
  case 1: *answer = (struct sim_answer){.status = 429, .headers = "Retry-After: 7\n"}; break;
  case 2: *answer = (struct sim_answer){.failure = "it broke"}; break;
  case 3: *answer = (struct sim_answer){.delay_us = 6000000, .status = 200}; break;
  default: break;
  }
}

static void the_simulated_server_does_as_it_is_told(void **state) {
  struct io_world *world = *state;
  struct answered got[6];
  int n = 0;
  struct fetch_client *client = client_new(world);
  start(client, "https://[::1]/", 5000000, &got[5]);
  io_world_until(world, &got[5].n, 1);
  assert_string_equal(got[5].err.text, "[::1]:443: cannot connect: Connection refused");
  sim_fetch_serve(world->io.fetch, play, &n);
  int64_t begin_us = clock_mono_us(world->io.clock), took_us = 0;
  for (int i = 0; i < 5; i++) {
    start(client, "http://host/", 5000000, &got[i]);
    io_world_until(world, &got[i].n, 1);
    if (i == 0) took_us = clock_mono_us(world->io.clock) - begin_us;
  }
  assert_in_range(took_us, 3000000, 3100000);
  assert_int_equal(got[0].status, 200);
  assert_string_equal(buf_cstr(&got[0].body), "fine");
  assert_string_equal(buf_cstr(&got[1].retry_after), "7");
  assert_string_equal(got[2].err.text, "host:80: it broke");
  assert_string_equal(got[3].err.text, "host:80 has not answered within 5.0 s");
  assert_string_equal(got[4].err.text, "host:80 has not answered within 5.0 s");
  assert_true(clock_mono_us(world->io.clock) - begin_us >= 13000000);
  answered_fini(&got[0]);
  start(client, "http://host/", 5000000, &got[0]);
  fetch_cancel(got[0].call);
  start(client, "http://host/", 5000000, &got[0]);
  fetch_client_free(client);
  for (int i = 1; i < 5; i++) answered_fini(&got[i]);
}

/* ------------------------------------------------------------------ urls and headers */

static void urls(void **state) {
  (void)state;
  static const char *const right[][2] = {{"http://example.com", "example.com:80"},
                                         {"https://example.com/a?b", "example.com:443"},
                                         {"HTTP://example.com:8080/", "example.com:8080"},
                                         {"http://[::1]", "[::1]:80"},
                                         {"http://[::1]:99/x", "[::1]:99"},
                                         {"http://10.0.0.7?x=@", "10.0.0.7:80"},
                                         {"http://my_host-2.local#f", "my_host-2.local:80"}};
  static const char *const wrong[][2] = {{"", "http://"},
                                         {"ftp://example.com", "http:// or https://"},
                                         {"example.com", "http:// or https://"},
                                         {"unix:/run/x", "http:// or https://"},
                                         {"http://", "cannot be the host"},
                                         {"http:///x", "cannot be the host"},
                                         {"http://a b/", "byte 9 of the url"},
                                         {"http://a/\xc3\xbc", "write it as %C3"},
                                         {"http://a/\r\nX: y", "byte 10 of the url"},
                                         {"http://user:word@host/", "Authorization header"},
                                         {"http://a:/", "the port"},
                                         {"http://a:0/", "the port"},
                                         {"http://a:70000/", "the port"},
                                         {"http://a:8x/", "the port"},
                                         {"http://[::1/", "the host"},
                                         {"http://[]/", "the host"},
                                         {"http://a%20b/", "the host"},
                                         {"http://a,b/", "the host"}};
  char peer[FETCH_PEER_BYTES];
  struct err err;
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    assert_int_equal(fetch_peer(right[i][0], peer, &err), 0);
    assert_string_equal(peer, right[i][1]);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (fetch_peer(wrong[i][0], peer, &err) == 0) fail_msg("%s is taken", wrong[i][0]);
    if (strstr(err.text, wrong[i][1]) == NULL) fail_msg("%s: %s", wrong[i][0], err.text);
    assert_int_equal(err.code, ERR_CONFIG);
  }
  char longest[1000] = "http://";
  memset(longest + 7, 'a', sizeof longest - 8);
  assert_int_equal(fetch_peer(longest, peer, &err), -1);
}

static void header_lines(void **state) {
  (void)state;
  struct slice value;
  struct fetch_answer answer = {
      .headers =
          slice_of("HTTP/1.1 200 OK\r\nRETRY-AFTER:\t 5 \r\nX: \r\nRetry-After: 6\r\nlast:1")};
  assert_true(fetch_header(&answer, "retry-after", &value) && slice_is(value, "5"));
  assert_true(fetch_header(&answer, "x", &value) && slice_is(value, ""));
  assert_true(fetch_header(&answer, "Last", &value) && slice_is(value, "1"));
  assert_false(fetch_header(&answer, "retry", &value));
  answer.headers = (struct slice){NULL, 0};
  assert_false(fetch_header(&answer, "x", &value));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(urls),
      cmocka_unit_test(header_lines),
      REAL(whatever_is_answered),
      REAL(requests_are_what_was_asked_for),
      REAL(nobody_answers),
      REAL(answers_may_start_and_cancel),
      SIM(the_simulated_server_does_as_it_is_told),
  };
  return cmocka_run_group_tests_name("io fetch", tests, NULL, NULL);
}
