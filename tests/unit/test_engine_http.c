/* The sink `http` in an engine that is switched off again and again, in a simulated world: with
 * requests of the same key counted once, the server has each record once; a key names the same
 * bytes in all lives, also where an epoch is what came within some time (epoch.linger); a record
 * that the server refuses is in .errors once. */
#include "receiver.h"

#include <stdio.h>

#define URL "http://host/"
#define SINKS(options)                                                                             \
  "sinks:\n"                                                                                       \
  "  out: {type: http, input: in, url: '" URL "', retry: {initial: 5ms, max: 50ms}, "              \
  "timeout: 100ms, " options "}\n"                                                                 \
  "  refused: {type: file, input: out.errors, path: /out/refused.ndjson}\n"
#define HEAD(more) WORLD_HEAD("checkpoint: {interval: 10ms}\nepoch: {" more "}\n")
#define FROM_FILE "sources:\n  in: {type: file, path: /in/a.ndjson}\n"
#define FROM_STDIN "sources:\n  in: {type: stdin}\n"

static const char *const pipelines[] = {
    HEAD("bytes: 300") FROM_FILE SINKS("batch: {records: 3}"),
    HEAD("bytes: 600") FROM_FILE SINKS("batch: {bytes: 150}, concurrency: 3, key: id"),
    HEAD("bytes: 2KiB, linger: 15ms") FROM_STDIN SINKS("batch: {records: 7}"),
};
enum { PIPELINES = sizeof pipelines / sizeof *pipelines };

/* Batches with them are split. */
static bool refused(const char *url, int id) {
  (void)url;
  return id % 16 == 7;
}

struct play {
  struct receiver receiver;
  uint64_t off_at_turn; /* of this life; 0: never */
};

static bool turn(struct world *world) {
  struct play *play = world->arg;
  if (world->turns == 0) receiver_serve(&play->receiver, &world->io);
  return play->off_at_turn == 0 || world->turns < play->off_at_turn;
}

static void play_open(struct world *world, struct play *play, const char *pipeline, uint64_t seed) {
  *play = (struct play){.receiver = {.refuses = refused, .trouble = 30}};
  random_seed(&play->receiver.random, seed);
  world_init(world, pipeline);
  world_put_lines(world, "/in/a.ndjson", RECEIVER_RECORDS, -1, "");
  for (int i = 0; i < RECEIVER_RECORDS; i++)
    buf_printf(&world->input, "{\"id\":%d}\n", RECEIVER_IDS_FROM + i);
  world->input_ends = true;
  world->piece_bytes = 40;
  world->seed = seed;
  world->turn = turn;
  world->arg = play;
}

static void play_close(struct world *world, struct play *play) {
  receiver_fini(&play->receiver);
  world_fini(world);
}

static void check(struct world *world, const struct play *play, const char *what) {
  int count[RECEIVER_RECORDS] = {0};
  struct buf errors;
  receiver_taken(&play->receiver, URL, count);
  world_get(world->disk, "/out/refused.ndjson", &errors);
  assert_non_null(memmem(errors.data, errors.len, "\"http.400\"", 10));
  receiver_count(buf_slice(&errors), count);
  for (int id = 0; id < RECEIVER_RECORDS; id++)
    if (count[id] != 1) fail_msg("%s: record %d is there %d times", what, id, count[id]);
  buf_fini(&errors);
}

static uint64_t play_out(uint64_t number, uint64_t off_at_turn, enum sim_unsynced unsynced,
                         uint64_t seed) {
  struct world world;
  struct play play;
  char what[80];
  snprintf(what, sizeof what, "pipeline %llu, off at turn %llu, seed %llu",
           (unsigned long long)number, (unsigned long long)off_at_turn, (unsigned long long)seed);
  play_open(&world, &play, pipelines[number], seed);
  play.off_at_turn = off_at_turn;
  int lives = 0;
  for (struct err err; world_life(&world, &err) != 0; lives++) {
    if (strcmp(err.text, "switched off") != 0) fail_msg("%s: %s", what, err.text);
    world_crash(&world, unsynced, seed + (uint64_t)lives);
    play.off_at_turn += 5 + off_at_turn / 4; /* so that it comes to an end */
  }
  check(&world, &play, what);
  uint64_t again = play.receiver.again;
  print_message("%s: %d lives, %llu requests, %llu again\n", what, lives + 1,
                (unsigned long long)play.receiver.asked, (unsigned long long)again);
  play_close(&world, &play);
  return again;
}

static void switched_off(void **state) {
  (void)state;
  uint64_t again = 0;
  for (uint64_t seed = 1; seed <= 18; seed++)
    again += play_out(seed % PIPELINES, 20 + seed * 7,
                      seed % 4 == 0 ? SIM_UNSYNCED_DROPPED : SIM_UNSYNCED_MIXED, seed);
  for (uint64_t number = 0; number < PIPELINES; number++) play_out(number, 0, SIM_UNSYNCED_KEPT, 1);
  assert_true(again > 100);
}

/* on_error: stop, and the server that refuses. */
static void stops_in_front_of_what_is_refused(void **state) {
  (void)state;
  struct world world;
  struct play play;
  struct err err;
  play_open(&world, &play,
            WORLD_HEAD("") FROM_FILE "sinks:\n  out: {type: http, input: in, "
                                     "url: '" URL "', on_error: stop}\n",
            1);
  assert_int_equal(world_life(&world, &err), -1);
  world_expect_error(&err, ERR_DATA, "host:80 answers 400: not wanted (http.400)");
  play_close(&world, &play);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(switched_off),
      cmocka_unit_test(stops_in_front_of_what_is_refused),
  };
  return cmocka_run_group_tests_name("engine with http", tests, NULL, NULL);
}
