/* The engine in a simulated world: whatever I/O call fails, and whatever becomes of writes that
 * were not synced, the next life ends with the same output as one that was never disturbed. */
#include "engine_world.h"

#include <stdio.h>

#define RECORDS 400

static const char pipeline_text[] =
    "pipeline: sim\n"
    "state: {dir: /state}\n"
    "log: {segment: 1MiB}\n"
    "checkpoint: {interval: 3ms}\n"
    "epoch: {bytes: 2KiB}\n"
    "shards: 4\n"
    "sources:\n"
    "  in: {type: file, path: '/in/*.ndjson', event_time: t, watermark: {max_lateness: 2s}}\n"
    "transforms:\n"
    "  once: {type: dedup, input: in, key: id, ttl: 1h}\n"
    "  sums: {type: window, input: once, window: {tumbling: 10s}, group_by: k,\n"
    "         aggregate: {n: count(*), v: sum(v), most: max(v)}}\n"
    "sinks:\n"
    "  sums_out: {type: file, input: sums, path: /out/sums.ndjson}\n"
    "  late_out: {type: file, input: sums.late, path: /out/late.ndjson}\n"
    "  again_out: {type: file, input: once.duplicates, path: /out/again.ndjson}\n"
    "  bad_out: {type: file, input: in.errors, path: /out/bad.ndjson}\n";

static const char *const outputs[] = {"/out/sums.ndjson", "/out/late.ndjson", "/out/again.ndjson",
                                      "/out/bad.ndjson", NULL};

/* Two files with disorder, repeats, late records and broken lines. */
static void sim_world(struct world *world, uint64_t seed) {
  world_init(world, pipeline_text);
  world->seed = seed;
  for (int f = 0; f < 2; f++) {
    struct buf text;
    char path[32];
    buf_init(&text);
    world_records(&text, RECORDS, f * 10000, (uint64_t)f + 7);
    snprintf(path, sizeof path, "/in/%d.ndjson", f);
    world_put(world->disk, path, buf_slice(&text));
    buf_fini(&text);
  }
  struct err err;
  assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
}

static void reference_make(struct world *wanted, uint64_t *calls) {
  sim_world(wanted, 1);
  uint64_t before = sim_disk_calls(wanted->disk);
  world_live(wanted, "undisturbed");
  *calls = sim_disk_calls(wanted->disk) - before;
}

/* A crash at each call. Then the machine comes back. */
static void crash_everywhere(enum sim_unsynced unsynced) {
  struct world wanted;
  uint64_t calls, crashes = 0;
  reference_make(&wanted, &calls);
  for (uint64_t n = 1; n <= calls; n++) {
    struct world world;
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "crash at call %llu", (unsigned long long)n);
    sim_world(&world, n);
    if (world_life_down_at(&world, n, &err) != 0) crashes++;
    world_crash(&world, unsynced, n);
    world_live(&world, what);
    world_same(&world, &wanted, outputs, what);
    world_fini(&world);
  }
  print_message("%llu crashes at %llu calls\n", (unsigned long long)crashes,
                (unsigned long long)calls);
  assert_true(crashes > calls / 2);
  world_fini(&wanted);
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

/* Crash upon crash, each life cut short at another call, until one gets through. */
static void crash_again_and_again(void **state) {
  (void)state;
  struct world wanted;
  uint64_t calls;
  reference_make(&wanted, &calls);
  for (uint64_t seed = 1; seed <= 200; seed++) {
    struct world world;
    struct random random;
    char what[64];
    random_seed(&random, seed);
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    sim_world(&world, seed);
    world_lives_cut_short(&world, 12, calls, &random);
    world_live(&world, what);
    world_same(&world, &wanted, outputs, what);
    world_fini(&world);
  }
  world_fini(&wanted);
}

/* A single call fails and things go on: the engine gets through or says why; never a wrong result.
 */
static void one_failure(void **state) {
  (void)state;
  struct world wanted;
  uint64_t calls;
  reference_make(&wanted, &calls);
  for (uint64_t n = 1; n <= calls; n++) {
    struct world world;
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "failure of call %llu", (unsigned long long)n);
    sim_world(&world, n);
    sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = n});
    int result = world_life(&world, &err);
    sim_disk_set_faults(world.disk, (struct sim_disk_faults){0});
    if (result != 0) world_live(&world, what);
    world_same(&world, &wanted, outputs, what);
    world_fini(&world);
  }
  world_fini(&wanted);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crash_everywhere_writes_kept),
      cmocka_unit_test(crash_everywhere_writes_dropped),
      cmocka_unit_test(crash_everywhere_writes_torn),
      cmocka_unit_test(crash_again_and_again),
      cmocka_unit_test(one_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
