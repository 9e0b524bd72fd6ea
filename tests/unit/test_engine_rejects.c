/* Records that a sink's other side refuses for good, in a simulated world that is switched off at
 * each call of the disk: each is in .errors once, all others were taken under one key; also where
 * what is refused goes to another sink that refuses. */
#include "receiver.h"

#include <stdio.h>

#define FIRST "http://first/"
#define SECOND "http://second/"
#define HTTP(input, url, batch, more)                                                              \
  "{type: http, input: " input ", url: '" url "', batch: {records: " batch "}, timeout: 100ms,\n"  \
  "         retry: {initial: 5ms, max: 50ms}" more "}\n"
#define HEAD WORLD_HEAD("checkpoint: {interval: 3ms}\nepoch: {bytes: 500}\n")
#define READS                                                                                      \
  HEAD "sources:\n"                                                                                \
       "  in: {type: file, path: /in/a.ndjson}\n"                                                  \
       "sinks:\n"                                                                                  \
       "  first: "
#define FIRST_TO_SECOND HTTP("in", FIRST, "4", "") "  second: "
#define SECOND_TO_FILE                                                                             \
  HTTP("first.errors", SECOND, "4", "")                                                            \
  "  left: {type: file, input: second.errors, path: /out/left.ndjson}\n"
#define CHAIN READS FIRST_TO_SECOND SECOND_TO_FILE
#define ONE(batch, on_error) READS HTTP("in", FIRST, batch, ", on_error: " on_error)

/* The first refuses every seventh, the second every other of those. */
static bool refused_by_first(int id) {
  return id % 7 == 3;
}

static bool refused_by_second(int id) {
  return id % 14 == 3;
}

static bool refuses(const char *url, int id) {
  return strcmp(url, FIRST) == 0 ? refused_by_first(id) : refused_by_second(id);
}

static bool takes_all(const char *url, int id) {
  (void)url, (void)id;
  return false;
}

struct play {
  struct receiver receiver;
  uint64_t drain_at; /* turn; 0: never */
  uint64_t errors;   /* of the first sink, at the last turn */
};

static bool turn(struct world *world) {
  struct play *play = world->arg;
  if (world->turns == 0) receiver_serve(&play->receiver, &world->io);
  if (play->drain_at > 0 && world->turns == play->drain_at) engine_drain(world->engine);
  const struct graph *graph = engine_graph(world->engine);
  for (uint32_t i = 0; i < graph->n_stages; i++) {
    struct stage_counts counts;
    if (strcmp(graph->stages[i]->name, "first") != 0) continue;
    engine_stage_counts(world->engine, i, &counts, NULL);
    play->errors = counts.errors;
  }
  return true;
}

static void play_open(struct world *world, struct play *play, const char *pipeline, uint64_t seed) {
  *play = (struct play){.receiver = {.refuses = refuses}};
  random_seed(&play->receiver.random, seed);
  world_init(world, pipeline);
  world_put_lines(world, "/in/a.ndjson", RECEIVER_RECORDS, -1, "");
  world->seed = seed;
  world->turn = turn;
  world->arg = play;
}

static void play_close(struct world *world, struct play *play) {
  receiver_fini(&play->receiver);
  world_fini(world);
}

static uint64_t calls_of(const char *pipeline) {
  struct world world;
  struct play play;
  play_open(&world, &play, pipeline, 1);
  uint64_t before = sim_disk_calls(world.disk);
  world_live(&world, "undisturbed");
  uint64_t calls = sim_disk_calls(world.disk) - before;
  play_close(&world, &play);
  return calls;
}

static void expect(const int *count, const char *where, int id, int wanted, const char *what,
                   const struct world *world) {
  if (count[id] != wanted)
    fail_msg("%s: record %d is %d times in %s, not %d\n%s", what, id, count[id], where, wanted,
             world->said);
}

static void check_chain(struct world *world, struct play *play, const char *what) {
  int first[RECEIVER_RECORDS] = {0}, second[RECEIVER_RECORDS] = {0}, left[RECEIVER_RECORDS] = {0};
  struct buf text;
  world_get(world->disk, "/out/left.ndjson", &text);
  receiver_count(buf_slice(&text), left);
  receiver_taken(&play->receiver, FIRST, first);
  receiver_taken(&play->receiver, SECOND, second);
  for (int id = 0; id < RECEIVER_RECORDS; id++) {
    expect(first, "the first", id, !refused_by_first(id), what, world);
    expect(second, "the second", id, refused_by_first(id) && !refused_by_second(id), what, world);
    expect(left, "the file", id, refused_by_second(id), what, world);
  }
  buf_fini(&text);
}

/* ------------------------------------------------------------------ a chain of two that refuse */

/* The input is bounded: the life that comes to its end has everything out. */
static void crash_everywhere(enum sim_unsynced unsynced) {
  uint64_t calls = calls_of(CHAIN), crashes = 0, again = 0;
  for (uint64_t n = 1; n <= calls; n++) {
    struct world world;
    struct play play;
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "crash at call %llu", (unsigned long long)n);
    play_open(&world, &play, CHAIN, n);
    if (world_life_down_at(&world, n, &err) != 0)
      crashes++;
    else
      check_chain(&world, &play, what);
    world_crash(&world, unsynced, n);
    world_live(&world, what);
    check_chain(&world, &play, what);
    again += play.receiver.again;
    play_close(&world, &play);
  }
  print_message("%llu crashes at %llu calls, %llu requests came again\n",
                (unsigned long long)crashes, (unsigned long long)calls, (unsigned long long)again);
  assert_true(crashes > calls / 2 && again > 0);
}

static void crash_everywhere_writes_kept(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_KEPT);
}

static void crash_everywhere_writes_dropped(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_DROPPED);
}

static void crash_everywhere_writes_torn(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_MIXED);
}

/* Crash upon crash, with a receiver that has troubles of its own. */
static void crash_again_and_again(void **state) {
  (void)state;
  const char *wanted = getenv("SIM_SEEDS");
  uint64_t seeds = wanted != NULL ? strtoull(wanted, NULL, 10) : 40;
  uint64_t calls = calls_of(CHAIN), lives = 0;
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    struct world world;
    struct play play;
    struct random random;
    char what[64];
    random_seed(&random, seed);
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    play_open(&world, &play, CHAIN, seed);
    play.receiver.trouble = 20;
    lives += world_lives_cut_short(&world, 8, calls, &random);
    play.receiver.trouble = 5;
    world_live(&world, what);
    check_chain(&world, &play, what);
    play_close(&world, &play);
  }
  print_message("%llu lives\n", (unsigned long long)lives);
}

/* Drained with refusals on their way: what was refused is out when the drain is over. */
static void drained_at_any_turn(void **state) {
  (void)state;
  uint64_t drained = 0;
  for (uint64_t at = 1;; at++) {
    struct world world;
    struct play play;
    char what[64];
    snprintf(what, sizeof what, "drained at turn %llu", (unsigned long long)at);
    play_open(&world, &play, CHAIN, at);
    play.drain_at = at;
    world_live(&world, what);
    bool more = world.turns >= at;
    int taken = (int)world.figures.records;
    int out[RECEIVER_RECORDS] = {0};
    struct buf text;
    world_get(world.disk, "/out/left.ndjson", &text);
    receiver_count(buf_slice(&text), out);
    receiver_taken(&play.receiver, FIRST, out);
    receiver_taken(&play.receiver, SECOND, out);
    buf_fini(&text);
    /* The source is one file: what was taken of it is its beginning. */
    int n = 0;
    while (n < RECEIVER_RECORDS && out[n] == 1) n++;
    assert_int_equal(n, taken);
    for (int id = n; id < RECEIVER_RECORDS; id++) expect(out, "all outputs", id, 0, what, &world);
    drained += n > 0 && n < RECEIVER_RECORDS;
    play.drain_at = 0;
    world_live(&world, what);
    check_chain(&world, &play, what);
    play_close(&world, &play);
    if (!more) break;
  }
  print_message("%llu times in the middle\n", (unsigned long long)drained);
  assert_true(drained > 5);
}

/* ------------------------------------------------------------------ on_error */

static void check_one(struct world *world, struct play *play, bool all, const char *what) {
  int first[RECEIVER_RECORDS] = {0};
  receiver_taken(&play->receiver, FIRST, first);
  for (int id = 0; id < RECEIVER_RECORDS; id++)
    expect(first, "the first", id, all || !refused_by_first(id), what, world);
}

/* on_error: drop. They are counted and gone, and nothing waits for them. */
static void dropped(void **state) {
  (void)state;
  uint64_t calls = calls_of(ONE("4", "drop"));
  for (uint64_t n = 0; n <= calls; n++) {
    struct world world;
    struct play play;
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "crash at call %llu", (unsigned long long)n);
    play_open(&world, &play, ONE("4", "drop"), n + 1);
    if (n > 0) {
      world_life_down_at(&world, n, &err);
      world_crash(&world, SIM_UNSYNCED_MIXED, n);
    }
    world_live(&world, what);
    check_one(&world, &play, false, what);
    if (n == 0) assert_int_equal(play.errors, (RECEIVER_RECORDS + 3) / 7);
    play_close(&world, &play);
  }
}

/* on_error: stop. Each life ends in front of the same record, until the other side takes it: then
 * nothing was lost, nor is anything there twice. (One record a request: a receiver that changes its
 * mind about a batch that was split takes parts of it again, sinks/http/README.md.) */
static void stopped(void **state) {
  (void)state;
  struct world world;
  struct play play;
  struct err err = {0};
  play_open(&world, &play, ONE("1", "stop"), 1);
  uint64_t before = sim_disk_calls(world.disk);
  assert_int_equal(world_life(&world, &err), -1);
  uint64_t calls = sim_disk_calls(world.disk) - before;
  play_close(&world, &play);
  for (uint64_t n = 1; n <= calls; n++) {
    char what[64];
    snprintf(what, sizeof what, "crash at call %llu", (unsigned long long)n);
    play_open(&world, &play, ONE("1", "stop"), n);
    assert_int_equal(world_life_down_at(&world, n, &err), -1);
    world_crash(&world, (enum sim_unsynced)(n % 3), n);
    for (int life = 0; life < 2; life++) {
      assert_int_equal(world_life(&world, &err), -1);
      world_expect_error(&err, ERR_DATA, "sink first: stopped at a record that was refused");
    }
    play.receiver.refuses = takes_all;
    world_live(&world, what);
    check_one(&world, &play, true, what);
    play_close(&world, &play);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crash_everywhere_writes_kept),
      cmocka_unit_test(crash_everywhere_writes_dropped),
      cmocka_unit_test(crash_everywhere_writes_torn),
      cmocka_unit_test(crash_again_and_again),
      cmocka_unit_test(drained_at_any_turn),
      cmocka_unit_test(dropped),
      cmocka_unit_test(stopped),
  };
  return cmocka_run_group_tests_name("engine, refused", tests, NULL, NULL);
}
