/* Tests of the source `http` without the engine; with it: tests/http/source.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/io/io_sim.h"
#include "sources/sources.h"
#include "tests/contract/source_harness.h"
#include "tests/unit/http_client.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS "127.0.0.1:8080"
#define OPTIONS "{listen: \"" ADDRESS "\"}\n"
#define SECOND INT64_C(1000000)

struct fixture {
  struct source_world world;
  struct http_client client;
};

static void start(struct fixture *f, const char *options) {
  struct err err;
  if (source_start(&f->world, &source_http, options, &err) != 0) fail_msg("%s", err.text);
  http_client_open(&f->client, &f->world.io, ADDRESS);
}

static void open_fixture(struct fixture *f, const char *options) {
  source_world_open(&f->world, true);
  start(f, options);
}

static void close_fixture(struct fixture *f) {
  http_client_close(&f->client);
  source_world_close(&f->world);
}

static void post(struct http_client *client, const char *type, const char *headers,
                 struct slice body) {
  char head[4096];
  snprintf(head, sizeof head,
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n", type,
           headers, body.len);
  http_client_text(client, head);
  http_client_send(client, body);
}

static void turn(struct fixture *f, int64_t us) {
  struct err err;
  int64_t end_us = clock_mono_us(f->world.io.clock) + us;
  while (clock_mono_us(f->world.io.clock) < end_us)
    assert_int_equal(loop_wait(f->world.io.loop, end_us - clock_mono_us(f->world.io.clock), &err),
                     0);
}

static void take(struct fixture *f, uint64_t bytes) {
  struct err err;
  if (source_take_once(&f->world, bytes, &err) != 0) fail_msg("%s", err.text);
}

static bool answer_has(struct http_client *client, const char *text) {
  return strstr(http_client_got(client), text) != NULL;
}

struct good {
  const char *type, *body, *story, *answer;
};

static void bodies_become_records(void **state) {
  (void)state;
  static const struct good goods[] = {
      {"application/json", "{\"a\":1}", "{\"a\":1}\n", "{\"accepted\":1}\n"},
      {"Application/JSON; charset=UTF-8", " {\r\n \"a\" :\n1 }\n", "{   \"a\" : 1 }\n",
       "{\"accepted\":1}\n"},
      {"application/json", "[{\"a\":1},\n {\"b\":\n[2]}]", "{\"a\":1}\n{\"b\": [2]}\n",
       "{\"accepted\":2}\n"},
      {"application/x-ndjson", "{\"a\":1}\n\n{\"a\":2}\r\n \n{\"a\":3}",
       "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", "{\"accepted\":3}\n"},
      {"application/jsonl", "{}\n", "{}\n", "{\"accepted\":1}\n"},
      {"text/plain;charset=utf-8", "{\"a\":\"\\n\"}", "{\"a\":\"\\n\"}\n", "{\"accepted\":1}\n"},
  };
  for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
    struct fixture f;
    open_fixture(&f, OPTIONS);
    post(&f.client, goods[i].type, "", slice_of(goods[i].body));
    take(&f, 1 << 20);
    turn(&f, SECOND);
    assert_int_equal(http_client_answers(&f.client), 0); /* not before the log is synced */
    source_logged(&f.world);
    http_client_until(&f.client, 1);
    assert_string_equal(http_client_statuses(&f.client), "202");
    assert_true(answer_has(&f.client, goods[i].answer));
    assert_string_equal(buf_cstr(&f.world.bytes), goods[i].story);
    close_fixture(&f);
  }
}

static void nothing_is_taken_at_once(void **state) {
  (void)state;
  static const char *const types[] = {"application/json", "application/x-ndjson"};
  static const char *const bodies[] = {"[]", "\n \n"};
  for (int i = 0; i < 2; i++) {
    struct fixture f;
    open_fixture(&f, OPTIONS);
    post(&f.client, types[i], "", slice_of(bodies[i]));
    http_client_until(&f.client, 1);
    assert_true(answer_has(&f.client, "{\"accepted\":0}"));
    close_fixture(&f);
  }
}

struct bad {
  const char *type, *body, *answer;
};

static void bad_bodies_are_refused_with_their_line(void **state) {
  (void)state;
  static const struct bad bads[] = {
      {"application/x-ndjson",
       "{\"a\":1}\n\n{\"a\":tru}\n{\"a\":", "{\"line\":3,\"code\":\"json.syntax\""},
      {"application/x-ndjson", "{\"a\":1}\n[]\n", "\"line\":2,"},
      {"application/x-ndjson", "{\"a\":1}\n{\"a\":\"\xff\"}\n",
       "\"line\":2,\"code\":\"text.utf8\""},
      {"application/x-ndjson", "{\"a\":1}\n{\"a\":\"\x01\"}\n", "\"code\":\"json.control\""},
      {"application/x-ndjson", "{\"a\":1} {\"b\":1}\n", "\"line\":1,"},
      {"application/x-ndjson", "{\"a\":\"0123456789012345678901234567890123456789\"}\n",
       "\"code\":\"line.too_long\",\"error\":\"line 1: the line has 48 bytes; the limit is 40\""},
      {"application/json", "", "the body is empty"},
      {"application/json", "{\"a\":1}\n{\"a\":2}", "\"line\":2,"},
      {"application/json", "[{\"a\":1},\n{\"a\":[1,\n2,x]}]", "\"line\":3,"},
      {"application/json", "[{\"a\":1},\n{\"a\":1}\n{}]", "\"line\":3,"},
      {"application/json", "[{\"a\":1}", "\"error\":\"line 1: the body is not one JSON value"},
      {"application/json", "[{\"a\":1},\n7]", "\"line\":2,"},
      {"application/json", "[{\"a\":\"\n\"}]", "\"line\":1,"},
  };
  for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
    struct fixture f;
    source_world_open(&f.world, true);
    f.world.common.line_max_bytes = 40;
    start(&f, OPTIONS);
    post(&f.client, bads[i].type, "", slice_of(bads[i].body));
    http_client_until(&f.client, 1);
    if (strcmp(http_client_statuses(&f.client), "400") != 0 ||
        !answer_has(&f.client, bads[i].answer))
      fail_msg("%s\ngot %s, not %s", bads[i].body, http_client_got(&f.client), bads[i].answer);
    turn(&f, SECOND);
    assert_false(f.world.ready);
    close_fixture(&f);
  }
}

static void bad_records_can_go_on_alone(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, "{listen: \"" ADDRESS "\", partial: accept}\n");
  post(&f.client, "text/plain", "", slice_of("{\"a\":1}\nno\n{\"a\":2}\n\n[]"));
  take(&f, 1 << 20);
  source_logged(&f.world);
  http_client_until(&f.client, 1);
  assert_true(answer_has(&f.client, "{\"accepted\":4,\"bad\":2,"));
  assert_true(answer_has(&f.client, "\"bad\":2,\"problems\":[{\"line\":2,"));
  assert_true(answer_has(&f.client, "{\"line\":5,"));
  assert_string_equal(buf_cstr(&f.world.bytes), "{\"a\":1}\nno\n{\"a\":2}\n[]\n");
  assert_int_equal(f.world.partitions[0].position, 4);
  close_fixture(&f);
}

static void lines_of_another_codec_are_as_they_are(void **state) {
  (void)state;
  struct fixture f;
  source_world_open(&f.world, true);
  f.world.common.codec = "raw";
  start(&f, OPTIONS);
  post(&f.client, "text/plain", "", slice_of("no json\n{\n"));
  take(&f, 1 << 20);
  source_logged(&f.world);
  http_client_until(&f.client, 1);
  assert_string_equal(buf_cstr(&f.world.bytes), "no json\n{\n");
  close_fixture(&f);
}

static void who_is_not_let_in(void **state) {
  (void)state;
  static const struct {
    const char *request, *status, *has;
  } cases[] = {
      {"POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n", "404", ""},
      {"GET /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n", "405", "Allow: POST\r\n"},
      {"POST /in HTTP/1.1\r\nHost: a\r\n", "401", "WWW-Authenticate: Bearer\r\n"},
      {"POST /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer T\r\n", "401", ""},
      {"POST /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nContent-Type: text/csv\r\n",
       "415", "application/x-ndjson"},
      {"POST /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nContent-Type: text/plain; "
       "charset=latin1\r\n",
       "415", ""},
      {"POST /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n", "202", ""},
      {"POST /too HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n", "202", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    open_fixture(&f, "{listen: \"" ADDRESS "\", path: [/in, /too], token: t}\n");
    http_client_text(&f.client, cases[i].request);
    http_client_text(&f.client, "Content-Length: 0\r\n\r\n");
    http_client_until(&f.client, 1);
    assert_string_equal(http_client_statuses(&f.client), cases[i].status);
    assert_true(answer_has(&f.client, cases[i].has));
    close_fixture(&f);
  }
}

static void a_key_makes_a_retry_harmless(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, "{listen: \"" ADDRESS "\", idempotency_ttl: 5m}\n");
  struct http_client second;
  http_client_open(&second, &f.world.io, ADDRESS);
  static const char key[] = "Idempotency-Key: k1\r\n";
  struct slice body = slice_of("{\"a\":1}\n{\"a\":2}");
  post(&f.client, "text/plain", key, body);
  turn(&f, SECOND);
  post(&second, "text/plain", key, body); /* while the first is in the queue */
  turn(&f, SECOND);
  take(&f, 1 << 20);
  assert_int_equal(f.world.n_notes, 1);
  assert_int_equal(f.world.notes[0].ttl_us, 300 * SECOND);
  http_client_close(&f.client); /* the first has left: the second still waits */
  turn(&f, SECOND);
  source_logged(&f.world);
  http_client_until(&second, 1);
  assert_true(answer_has(&second, "{\"accepted\":2}"));
  post(&second, "text/plain", key, slice_of("{\"a\":3}"));
  take(&f, 1 << 20);
  http_client_until(&second, 2);
  post(&second, "text/plain", key, body);
  take(&f, 1 << 20);
  http_client_until(&second, 3);
  assert_string_equal(http_client_statuses(&second), "202 422 202");
  assert_true(answer_has(&second, "Idempotency-Replayed: true\r\n"));
  http_client_close(&second);
  /* In another life, too. */
  source_stop(&f.world);
  start(&f, OPTIONS);
  post(&f.client, "text/plain", key, body);
  post(&f.client, "text/plain", "Idempotency-Key: \r\n", body);
  turn(&f, SECOND);
  take(&f, 1 << 20);
  http_client_until(&f.client, 2);
  assert_string_equal(http_client_statuses(&f.client), "202 400");
  assert_int_equal(f.world.partitions[0].position, 2);
  close_fixture(&f);
}

/* The engine reads its log after open(): the key may become known while the retry is in the queue.
 */
static void a_key_may_be_known_late(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, OPTIONS);
  static const char key[] = "Idempotency-Key: k\r\n";
  post(&f.client, "text/plain", key, slice_of("{}\n"));
  turn(&f, SECOND);
  take(&f, 1 << 20);
  source_logged(&f.world);
  struct given_note note = f.world.notes[--f.world.n_notes];
  http_client_close(&f.client);
  source_stop(&f.world);
  start(&f, OPTIONS);
  post(&f.client, "text/plain", key, slice_of("{}\n"));
  turn(&f, SECOND);
  f.world.notes[f.world.n_notes++] = note;
  take(&f, 1 << 20);
  http_client_until(&f.client, 1);
  assert_string_equal(http_client_statuses(&f.client), "202");
  assert_int_equal(f.world.partitions[0].position, 1);
  close_fixture(&f);
}

static void small_requests_share_a_commit_and_large_ones_are_whole(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, OPTIONS);
  struct http_client more[5];
  struct buf large = {0};
  for (int i = 0; i < 100000; i++) buf_printf(&large, "{\"n\":%d}\n", i);
  for (int i = 0; i < 5; i++) {
    http_client_open(&more[i], &f.world.io, ADDRESS);
    post(&more[i], "text/plain", "", i == 3 ? buf_slice(&large) : slice_of("{\"a\":1}\n"));
    turn(&f, SECOND);
  }
  take(&f, 4 << 20);
  assert_int_equal(f.world.n_given, 3);
  assert_int_equal(f.world.given[0].to, 3);
  assert_int_equal(f.world.given[1].len, large.len);
  assert_int_equal(f.world.partitions[0].position, 100004);
  source_logged(&f.world);
  for (int i = 0; i < 5; i++) {
    http_client_until(&more[i], 1);
    assert_string_equal(http_client_statuses(&more[i]), "202");
    post(&more[i], "text/plain", "", slice_of("{\"a\":1}\n"));
  }
  turn(&f, SECOND);
  for (int i = 0; i < 5; i++) take(&f, 1); /* one at a time */
  assert_int_equal(f.world.n_given, 8);
  for (int i = 0; i < 5; i++) http_client_close(&more[i]);
  buf_fini(&large);
  close_fixture(&f);
}

static void a_full_queue_refuses(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, "{listen: \"" ADDRESS "\", queue: 20, max_body: 100}\n");
  post(&f.client, "text/plain", "", slice_of("{\"a\":1,\"b\":2}\n"));
  turn(&f, SECOND);
  struct http_client second;
  http_client_open(&second, &f.world.io, ADDRESS);
  post(&second, "text/plain", "", slice_of("{\"a\":1,\"b\":2}\n"));
  http_client_until(&second, 1);
  assert_string_equal(http_client_statuses(&second), "429");
  assert_true(answer_has(&second, "Retry-After: 1\r\n"));
  take(&f, 1 << 20);
  post(&second, "text/plain", "", slice_of("{\"a\":1,\"b\":2}\n")); /* on the same connection */
  turn(&f, SECOND);
  take(&f, 1 << 20);
  source_logged(&f.world);
  http_client_until(&second, 2);
  assert_string_equal(http_client_statuses(&second), "429 202");
  http_client_close(&second);
  close_fixture(&f);
}

static void a_stalled_log_refuses(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, OPTIONS);
  f.world.stalled = "the log waits: no space left on device";
  post(&f.client, "text/plain", "", slice_of("{}\n"));
  http_client_until(&f.client, 1);
  assert_string_equal(http_client_statuses(&f.client), "503");
  assert_true(answer_has(&f.client, "no space left") &&
              answer_has(&f.client, "Retry-After: 1\r\n"));
  close_fixture(&f);
}

static void nobody_waits_for_ever(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, "{listen: \"" ADDRESS "\", ack_timeout: 5s}\n");
  post(&f.client, "text/plain", "", slice_of("{\"n\":1}\n"));
  int64_t start_us = clock_mono_us(f.world.io.clock);
  http_client_until(&f.client, 1);
  assert_in_range(clock_mono_us(f.world.io.clock) - start_us, 4 * SECOND, 6 * SECOND);
  assert_true(answer_has(&f.client, "nothing of the request was taken"));
  take(&f, 1 << 20); /* it had said so */
  assert_int_equal(f.world.n_given, 0);
  static const char key[] = "Idempotency-Key: k\r\n";
  post(&f.client, "text/plain", key, slice_of("{\"n\":2}\n"));
  turn(&f, SECOND);
  take(&f, 1 << 20);
  http_client_until(&f.client, 2);
  assert_string_equal(http_client_statuses(&f.client), "503 503");
  assert_true(answer_has(&f.client, "may or may not be taken"));
  post(&f.client, "text/plain", key, slice_of("{\"n\":2}\n")); /* waits with the first */
  turn(&f, SECOND);
  source_logged(&f.world);
  http_client_until(&f.client, 3);
  assert_string_equal(http_client_statuses(&f.client), "503 503 202");
  assert_string_equal(buf_cstr(&f.world.bytes), "{\"n\":2}\n");
  close_fixture(&f);
}

static void who_leaves_in_the_queue_is_not_taken(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, OPTIONS);
  post(&f.client, "text/plain", "", slice_of("{\"n\":1}\n"));
  turn(&f, SECOND);
  sim_net_set_faults(f.world.io.net, (struct sim_net_faults){.cut_per_million = 1000000});
  http_client_text(&f.client, "x");
  turn(&f, SECOND);
  sim_net_set_faults(f.world.io.net, (struct sim_net_faults){.cut_per_million = 0});
  take(&f, 1 << 20);
  assert_int_equal(f.world.n_given, 0);
  close_fixture(&f);
}

static void a_stop_refuses_what_was_not_taken(void **state) {
  (void)state;
  struct fixture f;
  open_fixture(&f, OPTIONS);
  struct http_client second, third;
  post(&f.client, "text/plain", "", slice_of("{\"n\":1}\n"));
  turn(&f, SECOND);
  take(&f, 1 << 20);
  http_client_open(&second, &f.world.io, ADDRESS);
  post(&second, "text/plain", "", slice_of("{\"n\":2}\n"));
  turn(&f, SECOND);
  source_http.stop(f.world.instance);
  http_client_until(&second, 1);
  http_client_open(&third, &f.world.io, ADDRESS);
  post(&third, "text/plain", "", slice_of("{\"n\":3}\n"));
  http_client_until_ended(&third);
  assert_string_equal(http_client_statuses(&second), "503");
  assert_true(answer_has(&second, "nothing of the request was taken"));
  assert_string_equal(http_client_statuses(&third), "503");
  source_logged(&f.world);
  http_client_until(&f.client, 1);
  assert_string_equal(http_client_statuses(&f.client), "202");
  http_client_close(&second);
  http_client_close(&third);
  close_fixture(&f);
}

static void a_reload_keeps_what_has_come(void **state) {
  (void)state;
  struct fixture f;
  struct err err;
  open_fixture(&f, OPTIONS);
  struct http_client second, third;
  http_client_open(&second, &f.world.io, ADDRESS);
  post(&f.client, "text/plain", "Idempotency-Key: k\r\n", slice_of("{\"n\":1}\n"));
  http_client_text(&second, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n{\"n\":");
  turn(&f, SECOND);
  /* Another token and path: connections and the queue stay. */
  if (source_reload(&f.world, "{listen: \"" ADDRESS "\", path: /in, token: t}\n", &err) != 0)
    fail_msg("%s", err.text);
  http_client_text(&second, "2}\n");
  turn(&f, SECOND);
  take(&f, 1 << 20);
  source_logged(&f.world);
  http_client_until(&f.client, 1);
  http_client_until(&second, 1);
  post(&f.client, "text/plain", "", slice_of("{\"n\":3}\n"));
  http_client_until(&f.client, 2);
  assert_string_equal(http_client_statuses(&f.client), "202 401");
  assert_string_equal(http_client_statuses(&second), "202");
  assert_string_equal(buf_cstr(&f.world.bytes), "{\"n\":1}\n{\"n\":2}\n");
  /* An address in use: nothing changes. */
  struct net_listener *other;
  struct net_conn *conn;
  assert_int_equal(net_listen(f.world.io.net, "127.0.0.1:9090", NULL, NULL, &other, &err), 0);
  assert_int_equal(source_reload(&f.world, "{listen: \"127.0.0.1:9090\"}\n", &err), -1);
  assert_int_equal(err.code, ERR_BUSY);
  net_listener_close(other);
  /* Another address: the old one ends, who waits there is answered there. */
  http_client_text(&second, "POST /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n"
                            "Content-Length: 8\r\n\r\n{\"n\":4}\n");
  turn(&f, SECOND);
  assert_int_equal(source_reload(&f.world, "{listen: \"127.0.0.1:9090\"}\n", &err), 0);
  http_client_open(&third, &f.world.io, "127.0.0.1:9090");
  post(&third, "text/plain", "", slice_of("{\"n\":5}\n"));
  turn(&f, SECOND);
  take(&f, 1 << 20);
  source_logged(&f.world);
  http_client_until(&second, 2);
  http_client_until(&third, 1);
  assert_string_equal(http_client_statuses(&second), "202 202");
  assert_string_equal(http_client_statuses(&third), "202");
  assert_int_equal(net_connect(f.world.io.net, ADDRESS, NULL, NULL, &conn, &err), 0);
  char byte;
  size_t got;
  bool ended;
  assert_int_equal(net_read(conn, &byte, 1, &got, &ended, &err), -1);
  net_conn_close(conn);
  http_client_close(&second);
  http_client_close(&third);
  close_fixture(&f);
}

static void options_are_checked(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "{}\n",
      "{listen: \"" ADDRESS "\", path: in}\n",
      "{listen: \"" ADDRESS "\", token: \"\"}\n",
      "{listen: \"" ADDRESS "\", tls: {certificate: /a}}\n",
      "{listen: \"" ADDRESS "\", tls: {client_ca: /a}}\n",
      "{listen: \"" ADDRESS "\", tls: {certificate: /a, key: /b}}\n",
      "{listen: \"8080\"}\n",
  };
  struct source_world world;
  struct err err;
  source_world_open(&world, true);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(source_start(&world, &source_http, wrong[i], &err), -1);
    source_stop(&world);
  }
  source_world_close(&world);
  void *zeroed = calloc(1, source_http.type.instance_bytes);
  source_http.close(zeroed);
  free(zeroed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bodies_become_records),
      cmocka_unit_test(nothing_is_taken_at_once),
      cmocka_unit_test(bad_bodies_are_refused_with_their_line),
      cmocka_unit_test(bad_records_can_go_on_alone),
      cmocka_unit_test(lines_of_another_codec_are_as_they_are),
      cmocka_unit_test(who_is_not_let_in),
      cmocka_unit_test(a_key_makes_a_retry_harmless),
      cmocka_unit_test(a_key_may_be_known_late),
      cmocka_unit_test(small_requests_share_a_commit_and_large_ones_are_whole),
      cmocka_unit_test(a_full_queue_refuses),
      cmocka_unit_test(a_stalled_log_refuses),
      cmocka_unit_test(nobody_waits_for_ever),
      cmocka_unit_test(who_leaves_in_the_queue_is_not_taken),
      cmocka_unit_test(a_stop_refuses_what_was_not_taken),
      cmocka_unit_test(a_reload_keeps_what_has_come),
      cmocka_unit_test(options_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
