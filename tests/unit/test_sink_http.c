/* Tests of the sink `http` against a simulated server: what is sent, when it is sent again, what
 * becomes of records that are refused, and what a life that ends in the middle leaves to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "daemon/record/time.h"
#include "sinks/http/answer.h"
#include "sinks/sinks.h"
#include "tests/contract/sink_harness.h"

#include <stdio.h>
#include <zlib.h>

/* ------------------------------------------------------------------ the server */

struct seen {
  char *key, *headers, *body;
  size_t body_len;
  int64_t at_us;
  int status;
};

struct server {
  struct sink_world world;
  const struct sim_answer *script; /* the first answers; 200 behind them */
  size_t n_script;
  const char *bad; /* bodies with this in them get bad_status */
  int bad_status;
  size_t bytes_max; /* longer bodies get 413; 0: no bound */
  int64_t delay_us;
  size_t ends_after; /* requests, then the sink's life ends; 0: never */
  struct seen seen[600];
  size_t n;
};

static bool holds(struct slice text, const char *part) {
  return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void serve(void *arg, const struct fetch_request *request, struct sim_answer *answer) {
  struct server *server = arg;
  assert_true(server->n < sizeof server->seen / sizeof *server->seen);
  struct seen *seen = &server->seen[server->n++];
  struct buf headers;
  buf_init(&headers);
  buf_printf(&headers, "%s %s\n", request->method, request->url);
  for (size_t i = 0; i < request->n_headers; i++) {
    if (strncmp(request->headers[i], "Idempotency-Key: ", 17) == 0)
      seen->key = mem_strdup(request->headers[i] + 17);
    buf_printf(&headers, "%s\n", request->headers[i]);
  }
  assert_non_null(seen->key);
  buf_cstr(&headers);
  seen->headers = headers.data;
  seen->body = mem_strndup(request->body.data, request->body.len);
  seen->body_len = request->body.len;
  seen->at_us = clock_mono_us(server->world.io.clock);
  if (server->n <= server->n_script)
    *answer = server->script[server->n - 1];
  else if (server->bytes_max > 0 && request->body.len > server->bytes_max)
    answer->status = 413;
  else if (server->bad != NULL && holds(request->body, server->bad))
    *answer = (struct sim_answer){.status = server->bad_status, .body = "no\tsuch thing\r\nmore"};
  else
    answer->status = 200;
  if (answer->delay_us == 0) answer->delay_us = server->delay_us;
  seen->status = answer->status;
}

static void server_open(struct server *server) {
  *server = (struct server){0};
  sink_world_open(&server->world, true);
  server->world.serve = serve;
  server->world.serve_arg = server;
}

static void server_clear(struct server *server) {
  for (size_t i = 0; i < server->n; i++) {
    free(server->seen[i].key);
    free(server->seen[i].headers);
    free(server->seen[i].body);
  }
  server->n = 0;
}

static void server_close(struct server *server) {
  sink_world_close(&server->world);
  server_clear(server);
}

static void start(struct server *server, const char *options) {
  struct err err;
  server_clear(server);
  buf_clear(&server->world.rejected);
  if (sink_start(&server->world, &sink_http, options, &err) != 0) fail_msg("%s", err.text);
}

static void give(struct server *server, uint64_t epoch, const char *records) {
  struct err err;
  enum sink_answer answer = sink_give(&server->world, epoch, 1, records, &err);
  if (answer == SINK_ANSWER_FAILED) fail_msg("%s", err.text);
  assert_int_equal(answer, SINK_ANSWER_DONE);
}

static void expect(const struct server *server, size_t i, const char *key, const char *body) {
  assert_true(i < server->n);
  assert_string_equal(server->seen[i].key, key);
  assert_string_equal(server->seen[i].body, body);
}

static void expect_rejected(struct server *server, const char *wanted) {
  assert_string_equal(buf_cstr(&server->world.rejected), wanted);
}

#define FIVE "{\"u\":1}\n{\"u\":2}\n{\"u\":3}\n{\"u\":4}\n{\"u\":5}\n"

/* ------------------------------------------------------------------ what is sent */

static void requests_are_cut_and_named(void **state) {
  (void)state;
  struct server server;
  server_open(&server);
  start(&server, "{url: 'http://host:81/in?a=b', batch: {records: 2}}\n");
  give(&server, 7, FIVE);
  assert_int_equal(server.n, 3);
  expect(&server, 0, "pipeline/sink/7/0", "{\"u\":1}\n{\"u\":2}\n");
  expect(&server, 1, "pipeline/sink/7/1", "{\"u\":3}\n{\"u\":4}\n");
  expect(&server, 2, "pipeline/sink/7/2", "{\"u\":5}\n");
  assert_string_equal(server.seen[0].headers,
                      "POST http://host:81/in?a=b\nContent-Type: application/x-ndjson\n"
                      "Idempotency-Key: pipeline/sink/7/0\n");
  give(&server, 8, "{\"u\":6}\n");
  expect(&server, 3, "pipeline/sink/8/0", "{\"u\":6}\n");

  /* By bytes, one counted for what stands between; what is larger goes alone. */
  start(&server, "{url: 'http://host', batch: {bytes: 16}, key_prefix: x}\n");
  give(&server, 1, "{\"u\":1}\n{\"u\":2}\n{\"u\":3}\n{\"long\":123456789012}\n{\"u\":5}\n");
  assert_int_equal(server.n, 4);
  expect(&server, 0, "x/1/0", "{\"u\":1}\n{\"u\":2}\n");
  expect(&server, 1, "x/1/1", "{\"u\":3}\n");
  expect(&server, 2, "x/1/2", "{\"long\":123456789012}\n");

  start(&server, "{url: http://host, format: array, method: PUT, token: t0p,\n"
                 " headers: {X-A: b c, content-type: application/x-mine}}\n");
  give(&server, 1, FIVE);
  expect(&server, 0, "pipeline/sink/1/0", "[{\"u\":1},{\"u\":2},{\"u\":3},{\"u\":4},{\"u\":5}]");
  assert_string_equal(server.seen[0].headers,
                      "PUT http://host\nX-A: b c\ncontent-type: application/x-mine\n"
                      "Authorization: Bearer t0p\nIdempotency-Key: pipeline/sink/1/0\n");

  start(&server, "{url: http://host, format: record}\n");
  give(&server, 1, "{\"u\":1}\n{\"u\":2}\n");
  assert_int_equal(server.n, 2);
  expect(&server, 1, "pipeline/sink/1/1", "{\"u\":2}");
  assert_non_null(strstr(server.seen[0].headers, "Content-Type: application/json\n"));
  server_close(&server);
}

/* Where the log may have another epoch of that number after a crash, its requests have other keys,
 * or a receiver would leave them out as known. */
static void keys_of_early_epochs_name_their_bytes(void **state) {
  (void)state;
  struct server server;
  server_open(&server);
  start(&server, "{url: http://host, batch: {records: 2}}\n");
  server.world.ctx.early = true;
  give(&server, 7, "{\"u\":1}\n{\"u\":2}\n{\"u\":3}\n");
  give(&server, 7, "{\"u\":1}\n{\"u\":2}\n{\"u\":4}\n");
  assert_int_equal(server.n, 4);
  for (size_t i = 0; i < server.n; i++) {
    const char *begin = i % 2 == 0 ? "pipeline/sink/7/0/" : "pipeline/sink/7/1/";
    assert_int_equal(strncmp(server.seen[i].key, begin, strlen(begin)), 0);
    assert_int_equal(strlen(server.seen[i].key), strlen(begin) + 16);
  }
  assert_string_equal(server.seen[0].key, server.seen[2].key);
  assert_string_not_equal(server.seen[1].key, server.seen[3].key);
  server_close(&server);
}

static void bodies_are_compressed(void **state) {
  (void)state;
  struct server server;
  struct buf records;
  server_open(&server);
  start(&server, "{url: http://host, compression: gzip, batch: {records: 100000}}\n");
  buf_init(&records);
  for (int i = 0; i < 30000; i++)
    buf_printf(&records, "{\"u\":%d,\"x\":%d}\n", i, i * 7919 % 10007);
  give(&server, 1, buf_cstr(&records));
  assert_int_equal(server.n, 1);
  assert_non_null(strstr(server.seen[0].headers, "Content-Encoding: gzip\n"));
  assert_true(server.seen[0].body_len < records.len / 2);
  char *plain = mem_alloc(records.len + 1);
  z_stream stream = {.next_in = (Bytef *)server.seen[0].body,
                     .avail_in = (uInt)server.seen[0].body_len,
                     .next_out = (Bytef *)plain,
                     .avail_out = (uInt)records.len + 1};
  assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
  assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
  assert_int_equal(stream.avail_in, 0);
  assert_true(slice_equal((struct slice){plain, stream.total_out}, buf_slice(&records)));
  inflateEnd(&stream);
  free(plain);
  buf_fini(&records);
  server_close(&server);
}

/* ------------------------------------------------------------------ again */

static void what_may_work_later_is_sent_again(void **state) {
  (void)state;
  static const struct sim_answer script[] = {
      {.failure = "cannot connect: Connection refused"},
      {.status = 500},
      {.status = 503, .delay_us = 20},
      {.status = 408},
      {.status = 425},
      {.status = 429, .headers = "Retry-After: 45\n"},
      {.status = 429, .headers = "Retry-After: Thu, 01 Jan 2026 01:00:00 GMT\n"},
      {.status = 503, .headers = "Retry-After: soon\n"},
      {.status = 599},
      {.status = 101},
      {.status = 999},
      {.status = 401},
      {0}}; /* silence */
  struct server server;
  server_open(&server);
  server.script = script;
  server.n_script = sizeof script / sizeof *script;
  start(&server, "{url: http://host, timeout: 20s, batch: {records: 3},\n"
                 " retry: {initial: 1s, max: 8s, after_max: 30m, statuses: 401}}\n");
  give(&server, 3, FIVE);
  assert_int_equal(server.n, server.n_script + 2);
  for (size_t i = 0; i <= server.n_script; i++)
    expect(&server, i, "pipeline/sink/3/0", "{\"u\":1}\n{\"u\":2}\n{\"u\":3}\n");
  expect(&server, server.n_script + 1, "pipeline/sink/3/1", "{\"u\":4}\n{\"u\":5}\n");
  /* Each wait is between a half of what it can be and all of it; a request takes some ms itself. */
  struct metrics *metrics = metrics_new();
  struct buf scrape;
  buf_init(&scrape);
  metrics_of(metrics, "p", "out");
  sink_http.metrics(server.world.instance, metrics);
  metrics_put_text(metrics, METRICS_PROMETHEUS, &scrape);
  static const char *const lines[] = {
      "tidemark_sink_retries_total{pipeline=\"p\",component=\"out\"} 13\n",
      "tidemark_sink_waiting{pipeline=\"p\",component=\"out\"} 0\n",
      "tidemark_http_sink_requests_total{pipeline=\"p\",component=\"out\",answer=\"none\"} 4\n",
      "answer=\"2xx\"} 2\n",
      "answer=\"4xx\"} 5\n",
      "answer=\"5xx\"} 4\n",
      "tidemark_http_sink_request_seconds_count{pipeline=\"p\",component=\"out\"} 15\n"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (strstr(buf_cstr(&scrape), lines[i]) == NULL)
      fail_msg("%s not in\n%s", lines[i], scrape.data);
  buf_fini(&scrape);
  metrics_free(metrics);
  static const int64_t most_s[] = {1, 2, 4, 8, 8, 45, 1800, 8, 8, 8, 8, 8, 28};
  for (size_t i = 0; i < server.n_script; i++) {
    int64_t waited_us = server.seen[i + 1].at_us - server.seen[i].at_us;
    int64_t least_us = i == 5 || i == 6 ? most_s[i] * TIME_SECOND_US
                       : i == 12        ? 24 * TIME_SECOND_US
                                        : most_s[i] * TIME_SECOND_US / 2;
    if (waited_us < least_us - 3000 || waited_us > most_s[i] * TIME_SECOND_US + 10000)
      fail_msg("wait %zu took %lld us", i, (long long)waited_us);
  }
  server_close(&server);
}

static void dates_of_retry_after(void **state) {
  (void)state;
  static const struct {
    const char *header;
    int64_t seconds;
  } cases[] = {{"Retry-After: 120\n", 120},
               {"retry-after:0\n", 0},
               {"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\n", 37},
               {"Retry-After: Sunday, 06-Nov-94 08:49:37 GMT\n", 37},
               {"Retry-After: Sun Nov  6 08:49:37 1994\n", 37},
               {"Retry-After: Sun, 06 Nov 1994 08:48:37 GMT\n", 0},
               {"Retry-After: 99999999999999999999999999\n", 9999999999},
               {"Retry-After: -5\n", 0},
               {"Retry-After: 5s\n", 0},
               {"Retry-After:\n", 0},
               {"X: 5\n", 0}};
  int64_t now_us;
  assert_int_equal(time_parse(slice_of("1994-11-06T08:49:00Z"), &now_us), 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fetch_answer answer = {.status = 503, .headers = slice_of(cases[i].header)};
    int64_t wait_us = answer_retry_after_us(&answer, now_us);
    if (wait_us != cases[i].seconds * TIME_SECOND_US)
      fail_msg("%s: %lld us", cases[i].header, (long long)wait_us);
  }
}

static void what_servers_say(void **state) {
  (void)state;
  static const struct http_settings plain = {.url = "http://h"};
  char text[ANSWER_SAID_BYTES], long_body[2000];
  struct fetch_answer answer = {.status = 400,
                                .body = slice_of("caf\xc3\xa9 \xff\x1b[0m\xc2\x9b!\nx")};
  answer_said(&plain, &answer, "h:80", text);
  assert_string_equal(text, "h:80 answers 400: caf\xc3\xa9 \?\?[0m?!");
  answer.body = slice_of("\r\n");
  answer_said(&plain, &answer, "h:80", text);
  assert_string_equal(text, "h:80 answers 400");
  memset(long_body, 'x', sizeof long_body);
  memcpy(long_body + sizeof text - 19 - 2, "\xe2\x82\xac", 3); /* would be cut in two */
  answer.body = (struct slice){long_body, sizeof long_body};
  answer_said(&plain, &answer, "h:80", text);
  assert_true(strlen(text) < sizeof text && text[strlen(text) - 1] == 'x');
}

/* Some send back what they were sent, in whole or in part. */
static void what_servers_say_back_is_no_secret(void **state) {
  (void)state;
  const char *values[] = {"short", "Basic dXNlcjpwYXNz", "k3y"}, *names[] = {"A", "B", "C"};
  struct http_settings settings = {.url = "http://h/in?key=query-secret",
                                   .token = "t0ken",
                                   .headers = {.items = values, .names = names, .n = 3}};
  char text[ANSWER_SAID_BYTES], body[2000];
  struct fetch_answer answer = {
      .status = 401,
      .body = slice_of("no t0ken, t0ke, Basic dXNlcjpwYXNz, Basic, dXNlcjpwYXNz or short k3yk3y at "
                       "/in?key=query-secret, in t0kent0ken")};
  answer_said(&settings, &answer, "h:80", text);
  assert_string_equal(text, "h:80 answers 401: no ***, t0ke, ***, Basic, *** or *** ****** at "
                            "/in?***, in ******");
  /* Wherever it is cut. */
  for (size_t before = 400; before < 520; before++) {
    memset(body, 'x', sizeof body);
    memcpy(body + before, "dXNlcjpwYXNz", 12);
    answer.body = (struct slice){body, sizeof body};
    answer_said(&settings, &answer, "h:80", text);
    assert_null(strstr(text, "d"));
  }
}

static void a_server_that_is_away_for_an_hour(void **state) {
  (void)state;
  static struct sim_answer script[200];
  struct server server;
  server_open(&server);
  for (int i = 0; i < 200; i++) script[i].failure = "cannot connect: Connection refused";
  server.script = script;
  server.n_script = 150; /* about an hour of waits up to 30 s */
  char *said = NULL;
  size_t said_len;
  server.world.diag = (struct diag){.stream = open_memstream(&said, &said_len), .level = DIAG_INFO};
  start(&server, "url: http://host\n");
  give(&server, 1, FIVE);
  fclose(server.world.diag.stream);
  server.world.diag.stream = NULL;
  assert_int_equal(server.n, 151);
  int64_t took_us = server.seen[150].at_us - server.seen[0].at_us;
  assert_in_range(took_us, 50 * TIME_MINUTE_US, 75 * TIME_MINUTE_US);
  assert_non_null(strstr(said, "host:80: cannot connect: Connection refused; trying again in 0."));
  assert_non_null(strstr(said, "(attempt 151), nothing is lost [http-retry]"));
  assert_non_null(strstr(said, "host:80 takes requests again, after "));
  free(said);
  expect(&server, 150, "pipeline/sink/1/0", FIVE);
  server_close(&server);
}

static void what_stops_the_pipeline(void **state) {
  (void)state;
  static const struct sim_answer moved = {.status = 308,
                                          .headers = "Location: https://other/in?token=xyz\n"};
  static struct sim_answer away[200];
  struct server server;
  struct err err;
  server_open(&server);
  server.script = &moved;
  server.n_script = 1;
  start(&server, "{url: http://host, concurrency: 5, key: u, batch: {records: 1}}\n");
  assert_int_equal(sink_give(&server.world, 1, 1, FIVE, &err), SINK_ANSWER_FAILED);
  assert_int_equal(err.code, ERR_CONFIG);
  assert_string_equal(err.text, "host:80 answers 308, a redirect to https://other/in, which is not "
                                "followed; if that is the right place, give it as url");
  for (int i = 0; i < 200; i++) away[i].status = 503;
  server.script = away;
  server.n_script = 200;
  start(&server, "{url: http://host, concurrency: 2, key: u, retry: {give_up_after: 10m}}\n");
  assert_int_equal(sink_give(&server.world, 1, 1, FIVE, &err), SINK_ANSWER_FAILED);
  assert_int_equal(err.code, ERR_RETRY);
  assert_non_null(strstr(err.text, "host:80 answers 503; given up after 6"));
  assert_non_null(strstr(err.text, "retry.give_up_after"));
  assert_int_equal(server.world.rejected.len, 0);
  server_close(&server);
}

/* ------------------------------------------------------------------ refused */

static void refused_records_are_found(void **state) {
  (void)state;
  struct server server;
  server_open(&server);
  server.bad = "3";
  server.bad_status = 422;
  start(&server, "url: http://host\n");
  give(&server, 1, FIVE);
  expect_rejected(&server, "http.422 {\"u\":3}: host:80 answers 422: no?such thing\n");
  /* Halves: 0-1, 2-4, of which 2-2 and 3-4. A key is always of the same bytes. */
  assert_int_equal(server.n, 5);
  expect(&server, 0, "pipeline/sink/1/0", FIVE);
  expect(&server, 1, "pipeline/sink/1/0.0-1", "{\"u\":1}\n{\"u\":2}\n");
  expect(&server, 2, "pipeline/sink/1/0.2-4", "{\"u\":3}\n{\"u\":4}\n{\"u\":5}\n");
  expect(&server, 3, "pipeline/sink/1/0.2-2", "{\"u\":3}\n");
  expect(&server, 4, "pipeline/sink/1/0.3-4", "{\"u\":4}\n{\"u\":5}\n");

  start(&server, "{url: http://host, on_reject: batch, batch: {records: 2}}\n");
  give(&server, 2, FIVE);
  assert_int_equal(server.n, 3);
  expect_rejected(&server, "http.422 {\"u\":3}: host:80 answers 422: no?such thing\n"
                           "http.422 {\"u\":4}: host:80 answers 422: no?such thing\n");

  /* What is wrong with the request is wrong with each of its halves. */
  server.bad = "u";
  server.bad_status = 401;
  start(&server, "{url: http://host, batch: {records: 4}}\n");
  give(&server, 3, FIVE);
  assert_int_equal(server.n, 2);
  expect_rejected(&server, "http.401 {\"u\":1}: host:80 answers 401: no?such thing\n"
                           "http.401 {\"u\":2}: host:80 answers 401: no?such thing\n"
                           "http.401 {\"u\":3}: host:80 answers 401: no?such thing\n"
                           "http.401 {\"u\":4}: host:80 answers 401: no?such thing\n"
                           "http.401 {\"u\":5}: host:80 answers 401: no?such thing\n");

  /* Too large: halves whatever on_reject says. */
  server.bad = NULL;
  server.bytes_max = 17;
  start(&server, "{url: http://host, on_reject: batch}\n");
  give(&server, 4, "{\"u\":1}\n{\"long\":123456789}\n{\"u\":3}\n{\"u\":4}\n{\"u\":5}\n");
  expect_rejected(&server, "http.413 {\"long\":123456789}: host:80 answers 413\n");
  expect(&server, server.n - 1, "pipeline/sink/4/0.3-4", "{\"u\":4}\n{\"u\":5}\n");
  server_close(&server);
}

static void retries_between_halves(void **state) {
  (void)state;
  static const struct sim_answer script[] = {{.status = 413}, {.status = 500},
                                             {.status = 200}, {.failure = "broke"},
                                             {.status = 400}, {.status = 503}};
  struct server server;
  server_open(&server);
  server.script = script;
  server.n_script = sizeof script / sizeof *script;
  start(&server, "url: http://host\n");
  give(&server, 1, "{\"u\":1}\n{\"u\":2}\n");
  static const char *const keys[] = {"0", "0.0-0", "0.0-0", "0.1-1", "0.1-1"};
  assert_int_equal(server.n, 5);
  for (size_t i = 0; i < server.n; i++)
    assert_string_equal(server.seen[i].key + strlen("pipeline/sink/1/"), keys[i]);
  expect_rejected(&server, "http.400 {\"u\":2}: host:80 answers 400\n");
  server_close(&server);
}

/* ------------------------------------------------------------------ lanes */

static void order_is_kept_by_key(void **state) {
  (void)state;
  struct server server;
  struct buf records;
  int last[20] = {0}, overtaken = 0;
  server_open(&server);
  server.delay_us = 5000;
  server.bad = "\"n\":77}";
  server.bad_status = 400;
  buf_init(&records);
  for (int n = 1; n <= 200; n++) buf_printf(&records, "{\"u\":\"k%d\",\"n\":%d}\n", n * 7 % 20, n);
  start(&server, "{url: http://host, concurrency: 4, key: u, batch: {records: 10}}\n");
  give(&server, 1, buf_cstr(&records));
  expect_rejected(&server,
                  "http.400 {\"u\":\"k19\",\"n\":77}: host:80 answers 400: no?such thing\n");
  int highest = 0, n_records = 0;
  for (size_t i = 0; i < server.n; i++) {
    if (server.seen[i].status != 200) continue;
    for (const char *at = server.seen[i].body; (at = strstr(at, "{\"u\":\"k")) != NULL; at++) {
      int key, n;
      assert_int_equal(sscanf(at, "{\"u\":\"k%d\",\"n\":%d}", &key, &n), 2);
      assert_true(last[key] < n);
      overtaken += n < highest;
      last[key] = n;
      if (n > highest) highest = n;
      n_records++;
    }
  }
  assert_int_equal(n_records, 199);
  assert_true(overtaken > 0);
  int64_t took_us = server.seen[server.n - 1].at_us - server.seen[0].at_us;
  assert_true(took_us < (int64_t)(server.n - 1) * server.delay_us); /* not one after the other */
  for (size_t i = 0; i < server.n; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp(server.seen[i].key, server.seen[k].key) == 0) fail_msg("%s", server.seen[i].key);
  buf_fini(&records);
  server_close(&server);
}

/* The rejects of all lanes come in order of the records. */
static void rejects_of_lanes_are_in_order(void **state) {
  (void)state;
  struct server server;
  server_open(&server);
  server.bad = "u";
  server.bad_status = 400;
  start(&server, "{url: http://host, concurrency: 64, key: u}\n");
  give(&server, 1, FIVE);
  expect_rejected(&server, "http.400 {\"u\":1}: host:80 answers 400: no?such thing\n"
                           "http.400 {\"u\":2}: host:80 answers 400: no?such thing\n"
                           "http.400 {\"u\":3}: host:80 answers 400: no?such thing\n"
                           "http.400 {\"u\":4}: host:80 answers 400: no?such thing\n"
                           "http.400 {\"u\":5}: host:80 answers 400: no?such thing\n");
  server_close(&server);
}

static void a_key_that_fails_is_an_error_of_its_row(void **state) {
  (void)state;
  struct server server;
  server_open(&server);
  start(&server, "{url: http://host, concurrency: 2, key: 10 / u}\n");
  give(&server, 1, "{\"u\":1}\n{\"u\":0}\n");
  assert_int_equal(server.n, 1);
  assert_non_null(strstr(buf_cstr(&server.world.errors), "expr.division_by_zero"));
  server_close(&server);
}

/* ------------------------------------------------------------------ lives */

static bool enough(struct sink_world *world) {
  const struct server *server = world->serve_arg;
  return server->n >= server->ends_after;
}

/* A life that ends after any number of requests, answered or not; the next one gives the epoch
 * again. Each key names the same bytes in both, and of each record some request got through. */
static void lives_that_end_in_the_middle(void **state) {
  (void)state;
  struct buf records;
  buf_init(&records);
  for (int n = 1; n <= 60; n++)
    buf_printf(&records, "{\"u\":%d,\"pad\":\"%d\"}\n", n, n * n * 7919);
  const char *text = buf_cstr(&records);
  for (size_t ends = 1; ends <= 12; ends++) {
    struct server server;
    struct err err;
    server_open(&server);
    server.bad = "\"u\":13,";
    server.bad_status = 400;
    server.ends_after = ends;
    server.world.ends = enough;
    const char *options = ends % 2 == 0 ? "{url: http://host, batch: {records: 7, bytes: 150}}\n"
                                        : "{url: http://host, batch: {records: 5}, concurrency: 3, "
                                          "key: u % 10, compression: gzip}\n";
    start(&server, options);
    assert_int_equal(sink_give(&server.world, 4, 1, text, &err), SINK_ANSWER_NONE);
    server.world.ends = NULL;
    buf_clear(&server.world.rejected);
    size_t n_before = server.n;
    if (sink_start(&server.world, &sink_http, options, &err) != 0) fail_msg("%s", err.text);
    give(&server, 4, text);
    size_t known = 0;
    for (size_t i = n_before; i < server.n; i++) {
      for (size_t k = 0; k < n_before; k++) {
        if (strcmp(server.seen[i].key, server.seen[k].key) != 0) continue;
        assert_int_equal(server.seen[i].body_len, server.seen[k].body_len);
        assert_memory_equal(server.seen[i].body, server.seen[k].body, server.seen[i].body_len);
        known++;
      }
    }
    assert_int_equal(known, n_before);
    if (ends % 2 == 0)
      assert_non_null(strstr(buf_cstr(&server.world.rejected), "http.400 {\"u\":13,"));
    server_close(&server);
  }
  buf_fini(&records);
}

/* ------------------------------------------------------------------ options */

static void options_that_cannot_be(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"url: ftp://host\n", "starts with http:// or https://"},
      {"{}\n", "url"},
      {"{url: http://h, concurrency: 2}\n", "concurrency: 2 needs a key"},
      {"{url: http://h, concurrency: 65, key: u}\n", "64"},
      {"{url: http://h, headers: {'a b': c}}\n", "cannot be the name of a header"},
      {"{url: http://h, headers: {X: \"a\\r\\nY: b\"}}\n", "control characters"},
      {"{url: http://h, headers: {\"X\\r\\nY\": b}}\n", "cannot be the name of a header"},
      {"{url: http://h, headers: {X: \"a\\nY: b\"}}\n", "control characters"},
      {"{url: http://h, headers: {X: \"a\\0b\"}}\n", ""},
      {"{url: \"http://h/\\r\\nX: y\"}\n", "byte 10 of the url"},
      {"{url: \"http://h\\r\\nX: y/\"}\n", "byte 9 of the url"},
      {"{url: http://h, key_prefix: \"a\\r\\nX: y\"}\n", "key_prefix"},
      {"{url: http://h, headers: {idempotency-key: a}}\n", "the sink itself sends"},
      {"{url: http://h, headers: {authorization: a}, token: b}\n", "leave one of them out"},
      {"{url: http://h, token: \"a\\nb\"}\n", "control characters"},
      {"{url: http://h, key_prefix: 'a b'}\n", "key_prefix"},
      {"{url: http://h, retry: {initial: 1m, max: 1s}}\n", "max is less than initial"},
      {"{url: http://h, retry: {statuses: [401, 40x]}}\n", "\"40x\" is not a status"},
      {"{url: http://h, retry: {statuses: 200}}\n", "\"200\" is not a status"},
      {"{url: http://h, tls: {verify: false}}\n", "needs an https:// url"},
      {"{url: https://h, tls: {key: /k}}\n", "certificate and key go together"},
      {"{url: https://h, tls: {ca: /nowhere.pem}}\n", "tls: cannot open /nowhere.pem"},
  };
  struct server server;
  struct err err;
  server_open(&server);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (sink_start(&server.world, &sink_http, cases[i][0], &err) == 0)
      fail_msg("%s is taken", cases[i][0]);
    if (strstr(err.text, cases[i][1]) == NULL) fail_msg("%s: %s", cases[i][0], err.text);
  }
  server_close(&server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_are_cut_and_named),
      cmocka_unit_test(keys_of_early_epochs_name_their_bytes),
      cmocka_unit_test(bodies_are_compressed),
      cmocka_unit_test(what_may_work_later_is_sent_again),
      cmocka_unit_test(dates_of_retry_after),
      cmocka_unit_test(what_servers_say),
      cmocka_unit_test(what_servers_say_back_is_no_secret),
      cmocka_unit_test(a_server_that_is_away_for_an_hour),
      cmocka_unit_test(what_stops_the_pipeline),
      cmocka_unit_test(refused_records_are_found),
      cmocka_unit_test(retries_between_halves),
      cmocka_unit_test(order_is_kept_by_key),
      cmocka_unit_test(rejects_of_lanes_are_in_order),
      cmocka_unit_test(a_key_that_fails_is_an_error_of_its_row),
      cmocka_unit_test(lives_that_end_in_the_middle),
      cmocka_unit_test(options_that_cannot_be),
  };
  return cmocka_run_group_tests_name("sink http", tests, NULL, NULL);
}
