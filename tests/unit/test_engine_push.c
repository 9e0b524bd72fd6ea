/* Records that are pushed (source `http`) to an engine in a simulated world, which is switched off
 * whenever it may be: what was acknowledged is in the output once, a request is there whole or not
 * at all, and a key is known again for as long as it says. */
#include "pusher.h"

#include <stdio.h>

#define HEAD(sync, epoch)                                                                          \
  "pipeline: p\n"                                                                                  \
  "state: {dir: /state}\n"                                                                         \
  "log: {segment: 1MiB, sync: " sync "}\n"                                                         \
  "checkpoint: {interval: 3ms}\n"                                                                  \
  "epoch: {" epoch "}\n"                                                                           \
  "shards: 4\n"                                                                                    \
  "sources:\n"                                                                                     \
  "  in: {type: http, listen: '" PUSHER_ADDRESS "', idempotency_ttl: 10m}\n"
#define OUT(input)                                                                                 \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: " input ", path: /out/out.ndjson}\n"

#define REQUESTS 10

/* Small epochs; epochs of few records, where what two sources gave at once is cut; a log that is
 * synced late; and epochs that stay open for a while. */
static const struct pushed {
  const char *yaml;
  size_t n_addresses;
} pipelines[] = {
    {HEAD("always", "bytes: 300") OUT("in"), 1},
    {HEAD("always", "records: 3") "  two: {type: http, listen: '" PUSHER_ADDRESS_2 "'}\n"
                                  "transforms:\n"
                                  "  all: {type: merge, input: [in, two]}\n" OUT("all"),
     2},
    {HEAD("interval, sync_interval: 10ms", "bytes: 300") OUT("in"), 1},
    {HEAD("always", "bytes: 2KiB, linger: 5ms") OUT("in"), 1}};
enum { PIPELINES = sizeof pipelines / sizeof *pipelines };

static bool push(struct world *world) {
  struct pusher *pusher = world->arg;
  if (pusher_done(pusher))
    engine_drain(world->engine);
  else
    pusher_turn(pusher, &world->io);
  return true;
}

static void off(struct world *world) {
  pusher_off(world->arg);
}

static void push_world(struct world *world, struct pusher *pusher, const struct pushed *pipeline,
                       uint64_t seed) {
  world_init(world, pipeline->yaml);
  pusher_init(pusher, REQUESTS, seed);
  pusher->n_addresses = pipeline->n_addresses;
  world->seed = seed;
  world->turn = push;
  world->off = off;
  world->arg = pusher;
}

/* The rest is sent; then, in two more lives, all of it again: the first of them begins with a
 * snapshot that stands for the log, and none takes anything. */
static void finish(struct world *world, struct pusher *pusher, const char *what) {
  pusher->settled = true;
  world_live(world, what);
  pusher_check(pusher, world, "/out/out.ndjson", what);
  for (int life = 0; life < 2; life++) {
    uint64_t sent = pusher->sent, replayed = pusher->replayed;
    pusher_repeat(pusher);
    world_live(world, what);
    assert_int_equal(pusher->replayed - replayed, pusher->sent - sent);
    assert_int_equal(world->figures.records, 0);
  }
  pusher_check(pusher, world, "/out/out.ndjson", what);
}

static void crash_everywhere(enum sim_unsynced unsynced) {
  uint64_t crashes = 0, all = 0, replayed = 0, given_up = 0;
  for (size_t p = 0; p < PIPELINES; p++) {
    struct world wanted;
    struct pusher pusher;
    push_world(&wanted, &pusher, &pipelines[p], 1);
    uint64_t before = sim_disk_calls(wanted.disk);
    world_live(&wanted, "undisturbed");
    uint64_t calls = sim_disk_calls(wanted.disk) - before;
    pusher_check(&pusher, &wanted, "/out/out.ndjson", "undisturbed");
    pusher_fini(&pusher);
    world_fini(&wanted);
    for (uint64_t n = 1; n <= calls; n++) {
      struct world world;
      struct err err = {0};
      char what[64];
      snprintf(what, sizeof what, "pipeline %zu, crash at call %llu", p, (unsigned long long)n);
      push_world(&world, &pusher, &pipelines[p], n);
      crashes += world_life_down_at(&world, n, &err) != 0;
      world_crash(&world, unsynced, n);
      uint64_t known = pusher.replayed;
      pusher.settled = true;
      world_live(&world, what);
      replayed += pusher.replayed - known;
      for (size_t i = 0; i < pusher.n; i++) given_up += pusher.requests[i].state == PUSH_GIVEN_UP;
      finish(&world, &pusher, what);
      pusher_fini(&pusher);
      world_fini(&world);
    }
    all += calls;
  }
  print_message("%llu crashes at %llu calls, %llu requests given up, %llu replayed behind\n",
                (unsigned long long)crashes, (unsigned long long)all, (unsigned long long)given_up,
                (unsigned long long)replayed);
  assert_true(crashes > all / 2 && given_up > 0 && replayed > 0);
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

/* Crash upon crash, each life cut short at another call, on a network that delays and cuts. */
static void crash_again_and_again(void **state) {
  (void)state;
  const char *wanted = getenv("SIM_SEEDS");
  uint64_t seeds = wanted != NULL ? strtoull(wanted, NULL, 10) : 50, lives = 0, unanswered = 0;
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    struct world world;
    struct pusher pusher;
    struct random random;
    char what[64];
    random_seed(&random, seed);
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    push_world(&world, &pusher, &pipelines[seed % PIPELINES], seed);
    pusher.cut_per_million = seed % 3 == 0 ? 20000 : 0;
    lives += world_lives_cut_short(&world, 8, 120, &random);
    pusher.cut_per_million = 0;
    finish(&world, &pusher, what);
    unanswered += pusher.unanswered;
    pusher_fini(&pusher);
    world_fini(&world);
  }
  print_message("%llu lives, %llu requests unanswered\n", (unsigned long long)lives,
                (unsigned long long)unanswered);
  assert_true(unanswered > seeds);
}

/* ------------------------------------------------------------------ how long a key is known */

static size_t lines_of(struct world *world) {
  struct buf text;
  size_t n = 0;
  world_get(world->disk, "/out/out.ndjson", &text);
  for (size_t i = 0; i < text.len; i++) n += text.data[i] == '\n';
  buf_fini(&text);
  return n;
}

/* Sent in a life of its own, which begins so much later. Returns whether it was known. */
static bool known_in_life(struct world *world, struct pusher *pusher, int64_t later_us) {
  uint64_t taken = pusher->taken;
  world->wall_us += later_us;
  for (size_t i = 0; i < pusher->n; i++) pusher->requests[i].state = PUSH_AGAIN;
  world_live(world, "a life of one request");
  return pusher->taken == taken;
}

/* From the epoch's clock on it is known for idempotency_ttl, whatever comes between: nothing,
 * snapshots, or other lives; then the same key is another request. */
static void forgotten_when_its_time_is_over(void **state) {
  (void)state;
  struct world world;
  struct pusher pusher;
  push_world(&world, &pusher, &pipelines[0], 1);
  pusher_fini(&pusher);
  pusher_init(&pusher, 1, 1);
  pusher.settled = true;
  pusher.requests[0] = (struct push_request){.n_records = 2, .keyed = true};
  assert_false(known_in_life(&world, &pusher, 0));
  assert_true(known_in_life(&world, &pusher, 4 * 60 * TIME_SECOND_US));
  assert_true(known_in_life(&world, &pusher, 5 * 60 * TIME_SECOND_US));
  assert_int_equal(lines_of(&world), 2);
  assert_false(known_in_life(&world, &pusher, 2 * 60 * TIME_SECOND_US));
  assert_int_equal(lines_of(&world), 4);
  assert_true(known_in_life(&world, &pusher, 9 * 60 * TIME_SECOND_US));
  assert_int_equal(lines_of(&world), 4);
  pusher_fini(&pusher);
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crash_everywhere_writes_kept),
      cmocka_unit_test(crash_everywhere_writes_dropped),
      cmocka_unit_test(crash_everywhere_writes_torn),
      cmocka_unit_test(crash_again_and_again),
      cmocka_unit_test(forgotten_when_its_time_is_over),
  };
  return cmocka_run_group_tests_name("engine, pushed", tests, NULL, NULL);
}
