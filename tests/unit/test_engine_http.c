/* The sink `http` in an engine that is switched off again and again, in a simulated world: with
 * requests of the same key counted once, the server has each record once; a key names the same
 * bytes in all lives; a record that the server refuses is in .errors once. */
#include "engine_world.h"

#include <stdio.h>
#include <zlib.h>

#define PIPELINE(options)                                                                          \
  WORLD_HEAD("checkpoint: {interval: 30ms}\nepoch: {bytes: 2KiB}\n")                               \
  "sources:\n"                                                                                     \
  "  in: {type: file, path: /in/a.ndjson}\n"                                                       \
  "sinks:\n"                                                                                       \
  "  out: {type: http, input: in, url: 'http://host/', retry: {initial: 5ms, max: 50ms}, "         \
  "timeout: 100ms, " options "}\n"                                                                 \
  "  refused: {type: file, input: out.errors, path: /out/refused.ndjson}\n"

#define RECORDS 600

struct sent {
  char *key;
  struct buf body;
  bool taken;
};

struct server {
  struct world *world;
  struct random random;
  struct sent *sent;
  size_t n, cap;
  uint64_t asked, again; /* requests, and those whose key was known */
  uint64_t off_at_turn;  /* of this life; 0: never */
};

static struct sent *sent_find(struct server *server, const char *key) {
  for (size_t i = 0; i < server->n; i++)
    if (strcmp(server->sent[i].key, key) == 0) return &server->sent[i];
  return NULL;
}

/* Records whose id ends in 77 are refused, and batches with them. */
static bool refused(struct slice body) {
  return memmem(body.data, body.len, "77,\"d\"", 6) != NULL;
}

static void serve(void *arg, const struct fetch_request *request, struct sim_answer *answer) {
  struct server *server = arg;
  const char *key = NULL;
  for (size_t i = 0; i < request->n_headers; i++)
    if (strncmp(request->headers[i], "Idempotency-Key: ", 17) == 0) key = request->headers[i] + 17;
  assert_non_null(key);
  server->asked++;
  struct sent *sent = sent_find(server, key);
  if (sent == NULL) {
    array_grow((void **)&server->sent, &server->cap, server->n, sizeof *server->sent);
    sent = &server->sent[server->n++];
    *sent = (struct sent){.key = mem_strdup(key)};
    buf_put_slice(&sent->body, request->body);
  } else {
    server->again++;
    if (!slice_equal(buf_slice(&sent->body), request->body)) fail_msg("%s has other bytes", key);
  }
  answer->delay_us = (int64_t)random_below(&server->random, 4000);
  switch (random_below(&server->random, 12)) {
  case 0: answer->failure = "it broke before it was heard"; return;
  case 1: answer->status = 503; return;
  case 2: *answer = (struct sim_answer){.status = 429, .headers = "Retry-After: 1\n"}; return;
  }
  if (refused(request->body)) {
    *answer = (struct sim_answer){.status = 400, .body = "ends in 77"};
    return;
  }
  sent->taken = true;
  answer->status = 200;
  if (random_below(&server->random, 8) == 0) *answer = (struct sim_answer){0}; /* no word of it */
}

static bool turn(struct world *world) {
  struct server *server = world->arg;
  if (world->turns == 0) sim_fetch_serve(world->io.fetch, serve, server);
  return server->off_at_turn == 0 || world->turns < server->off_at_turn;
}

static void count_lines(const char *text, size_t len, const char *mark, int *count) {
  for (const char *at = text; (at = memmem(at, len - (size_t)(at - text), mark, strlen(mark)));) {
    at += strlen(mark);
    int id = atoi(at) - 100000;
    assert_in_range(id, 0, RECORDS - 1);
    count[id]++;
  }
}

static void check(struct world *world, struct server *server, const char *what) {
  int count[RECORDS] = {0};
  struct buf errors;
  for (size_t i = 0; i < server->n; i++) {
    struct sent *sent = &server->sent[i];
    if (sent->taken) count_lines(sent->body.data, sent->body.len, "{\"id\":", count);
  }
  world_get(world->disk, "/out/refused.ndjson", &errors);
  assert_non_null(memmem(errors.data, errors.len, "\"http.400\"", 10));
  count_lines(errors.data, errors.len, "{\\\"id\\\":", count);
  for (int id = 0; id < RECORDS; id++)
    if (count[id] != 1) fail_msg("%s: record %d is there %d times", what, id, count[id]);
  buf_fini(&errors);
}

static void play(const char *pipeline, uint64_t off_at_turn, enum sim_unsynced unsynced,
                 uint64_t seed) {
  struct world world;
  struct server server = {.world = &world};
  char what[64];
  snprintf(what, sizeof what, "off at turn %llu, seed %llu", (unsigned long long)off_at_turn,
           (unsigned long long)seed);
  world_init(&world, pipeline);
  world_put_lines(&world, "/in/a.ndjson", RECORDS, -1, "");
  random_seed(&server.random, seed);
  world.seed = seed;
  world.turn = turn;
  world.arg = &server;
  server.off_at_turn = off_at_turn;
  int lives = 0;
  for (struct err err; world_life(&world, &err) != 0; lives++) {
    if (strcmp(err.text, "switched off") != 0) fail_msg("%s: %s", what, err.text);
    world_crash(&world, unsynced, seed + (uint64_t)lives);
    server.off_at_turn += 5 + off_at_turn / 4; /* so that it comes to an end */
  }
  check(&world, &server, what);
  print_message("%s: %d lives, %llu requests, %llu again\n", what, lives + 1,
                (unsigned long long)server.asked, (unsigned long long)server.again);
  for (size_t i = 0; i < server.n; i++) {
    free(server.sent[i].key);
    buf_fini(&server.sent[i].body);
  }
  free(server.sent);
  world_fini(&world);
}

static void switched_off(void **state) {
  (void)state;
  static const char *const pipelines[] = {PIPELINE("batch: {records: 10}"),
                                          PIPELINE("batch: {bytes: 700}, concurrency: 3, key: id")};
  for (uint64_t seed = 1; seed <= 12; seed++)
    play(pipelines[seed % 2], 20 + seed * 13,
         seed % 3 == 0 ? SIM_UNSYNCED_DROPPED : SIM_UNSYNCED_MIXED, seed);
  play(pipelines[0], 0, SIM_UNSYNCED_KEPT, 1);
}

/* on_error: stop, and the server that refuses. */
static void stops_in_front_of_what_is_refused(void **state) {
  (void)state;
  struct world world;
  struct err err;
  struct server server = {.world = &world};
  world_init(&world, WORLD_HEAD("") "sources:\n  in: {type: file, path: /in/a.ndjson}\n"
                                    "sinks:\n  out: {type: http, input: in, url: 'http://host/', "
                                    "on_error: stop}\n");
  random_seed(&server.random, 1);
  world_put_lines(&world, "/in/a.ndjson", 100, -1, "");
  world.turn = turn;
  world.arg = &server;
  assert_int_equal(world_life(&world, &err), -1);
  world_expect_error(&err, ERR_DATA, "host:80 answers 400: ends in 77 (http.400)");
  for (size_t i = 0; i < server.n; i++) {
    free(server.sent[i].key);
    buf_fini(&server.sent[i].body);
  }
  free(server.sent);
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(switched_off),
      cmocka_unit_test(stops_in_front_of_what_is_refused),
  };
  return cmocka_run_group_tests_name("engine with http", tests, NULL, NULL);
}
