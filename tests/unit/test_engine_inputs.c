/* What output may not depend on: crashes of a pipeline that reads standard input, where epochs are
 * cut, how many workers there are, in which order things happen, how long the machine was down. */
#include "engine_world.h"

#include <stdio.h>

#define RECORDS 300

#define STDIN_PIPELINE(epoch, workers)                                                             \
  "pipeline: p\n"                                                                                  \
  "state: {dir: /state}\n"                                                                         \
  "log: {segment: 1MiB, sync: always}\n"                                                           \
  "checkpoint: {interval: 3ms}\n"                                                                  \
  "epoch: {" epoch "}\n"                                                                           \
  "workers: " workers "\n"                                                                         \
  "shards: 4\n"                                                                                    \
  "sources:\n"                                                                                     \
  "  in: {type: stdin, event_time: t, watermark: {max_lateness: 2s}}\n"                            \
  "transforms:\n"                                                                                  \
  "  sums: {type: window, input: in, window: {tumbling: 5s}, group_by: k,\n"                       \
  "         aggregate: {n: count(*), v: sum(v)}}\n"                                                \
  "sinks:\n"                                                                                       \
  "  sums_out: {type: file, input: sums, path: /out/sums.ndjson}\n"                                \
  "  late_out: {type: file, input: sums.late, path: /out/late.ndjson}\n"                           \
  "  bad_out: {type: file, input: in.errors, path: /out/bad.ndjson}\n"

static const char *const stdin_outputs[] = {"/out/sums.ndjson", "/out/late.ndjson",
                                            "/out/bad.ndjson", NULL};

static void stdin_world(struct world *world, const char *pipeline) {
  world_init(world, pipeline);
  world_records(&world->input, RECORDS, 0, 7);
  world->input_ends = true;
  world->piece_bytes = 300;
}

static void stdin_crashes(enum sim_unsynced unsynced) {
  struct world wanted;
  stdin_world(&wanted, STDIN_PIPELINE("bytes: 1KiB", "1"));
  world_live(&wanted, "undisturbed");
  uint64_t calls = sim_disk_calls(wanted.disk), resumed = 0;
  for (uint64_t n = 1; n <= calls; n++) {
    struct world world;
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "crash at call %llu", (unsigned long long)n);
    stdin_world(&world, STDIN_PIPELINE("bytes: 1KiB", "1"));
    world.seed = n;
    sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = n, .fail_is_crash = true});
    world.calls_max = n;
    world_life(&world, &err);
    world_crash(&world, unsynced, n);
    world.calls_max = 0;
    world_live(&world, what);
    if (world.position > 0) resumed++;
    world_same(&world, &wanted, stdin_outputs, what);
    world_fini(&world);
  }
  print_message("%llu crashes, %llu resumed in the middle\n", (unsigned long long)calls,
                (unsigned long long)resumed);
  assert_true(resumed > calls / 5);
  world_fini(&wanted);
}

static void stdin_crash_kept(void **state) {
  (void)state;
  stdin_crashes(SIM_UNSYNCED_KEPT);
}

static void stdin_crash_torn(void **state) {
  (void)state;
  stdin_crashes(SIM_UNSYNCED_MIXED);
}

static bool turns_are_left(struct world *world) {
  uint64_t *left = world->arg;
  return (*left)-- > 0;
}

/* A power cut leaves payload in the log whose epoch is not there; the next life puts its own behind
 * it, cut elsewhere; the third reads both. */
static void stdin_payload_left_behind(void **state) {
  (void)state;
  struct world wanted;
  stdin_world(&wanted, STDIN_PIPELINE("bytes: 1KiB", "1"));
  world_live(&wanted, "undisturbed");
  for (uint64_t seed = 1; seed <= 200; seed++) {
    struct world world;
    struct err err = {0};
    struct random random;
    char what[64];
    uint64_t left;
    random_seed(&random, seed);
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    stdin_world(&world, STDIN_PIPELINE("bytes: 4KiB", "1"));
    world.seed = seed;
    world.turn = turns_are_left;
    world.arg = &left;
    left = UINT64_MAX;
    world.piece_bytes = 100 + random_below(&random, 400);
    world.calls_max = 60 + random_below(&random, 80);
    sim_disk_set_faults(
        world.disk, (struct sim_disk_faults){.fail_at = world.calls_max, .fail_is_crash = true});
    world_life(&world, &err);
    world_crash(&world, SIM_UNSYNCED_MIXED, seed);
    left = 5 + random_below(&random, 20);
    world.piece_bytes = 1500;
    world.calls_max = 0;
    world_life(&world, &err);
    left = UINT64_MAX;
    world_live(&world, what);
    world_same(&world, &wanted, stdin_outputs, what);
    world_fini(&world);
  }
  world_fini(&wanted);
}

static void stdin_cut_anyhow(void **state) {
  (void)state;
  static const char *const pipelines[] = {
      STDIN_PIPELINE("bytes: 4KiB", "2"), STDIN_PIPELINE("records: 1", "1"),
      STDIN_PIPELINE("records: 1", "4"),  STDIN_PIPELINE("records: 7", "3"),
      STDIN_PIPELINE("bytes: 1MiB", "1"), STDIN_PIPELINE("bytes: 1MiB", "4"),
      STDIN_PIPELINE("bytes: 1KiB", "4"),
  };
  struct world wanted;
  stdin_world(&wanted, STDIN_PIPELINE("bytes: 1KiB", "1"));
  world_live(&wanted, "undisturbed");
  for (size_t i = 0; i < sizeof pipelines / sizeof pipelines[0]; i++) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
      struct world world;
      char what[64];
      snprintf(what, sizeof what, "pipeline %zu, seed %llu", i, (unsigned long long)seed);
      stdin_world(&world, pipelines[i]);
      world.seed = seed * 100;
      world_live(&world, what);
      world_same(&world, &wanted, stdin_outputs, what);
      world_fini(&world);
    }
  }
  world_fini(&wanted);
}

/* ------------------------------------------------------------------ routes that join again */

#define ROUTE_PIPELINE(epoch, workers)                                                             \
  "pipeline: p\n"                                                                                  \
  "state: {dir: /state}\n"                                                                         \
  "log: {segment: 1MiB, sync: always}\n"                                                           \
  "checkpoint: {interval: 3ms}\n"                                                                  \
  "epoch: {" epoch "}\n"                                                                           \
  "workers: " workers "\n"                                                                         \
  "shards: 4\n"                                                                                    \
  "sources:\n"                                                                                     \
  "  in: {type: file, path: '/in/*.ndjson', event_time: t, watermark: {max_lateness: 2s}}\n"       \
  "transforms:\n"                                                                                  \
  "  ways: {type: route, input: in, mode: all, routes: {low: v < 60, high: v >= 40}}\n"            \
  "  once: {type: dedup, input: ways.high, key: id, ttl: 1h}\n"                                    \
  "  both: {type: merge, input: [ways.low, once, ways.high]}\n"                                    \
  "  sums: {type: window, input: both, window: {tumbling: 5s}, group_by: k,\n"                     \
  "         aggregate: {n: count(*), v: sum(v), f: first(id), l: last(id)}}\n"                     \
  "sinks:\n"                                                                                       \
  "  both_out: {type: file, input: both, path: /out/both.ndjson}\n"                                \
  "  sums_out: {type: file, input: sums, path: /out/sums.ndjson}\n"                                \
  "  late_out: {type: file, input: sums.late, path: /out/late.ndjson}\n"

static const char *const route_outputs[] = {"/out/both.ndjson", "/out/sums.ndjson",
                                            "/out/late.ndjson", NULL};

static void files_put(struct world *world) {
  for (int f = 0; f < 2; f++) {
    struct buf text;
    char path[32];
    buf_init(&text);
    world_records(&text, RECORDS, f * 10000, (uint64_t)f + 3);
    snprintf(path, sizeof path, "/in/%d.ndjson", f);
    world_put(world->disk, path, buf_slice(&text));
    buf_fini(&text);
  }
  struct err err;
  assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
}

static void routes_cut_anyhow(void **state) {
  (void)state;
  static const char *const pipelines[] = {
      ROUTE_PIPELINE("bytes: 4KiB", "2"), ROUTE_PIPELINE("records: 1", "2"),
      ROUTE_PIPELINE("records: 5", "4"),  ROUTE_PIPELINE("bytes: 1MiB", "1"),
      ROUTE_PIPELINE("bytes: 1KiB", "3"),
  };
  struct world wanted;
  world_init(&wanted, ROUTE_PIPELINE("bytes: 2KiB", "1"));
  files_put(&wanted);
  world_live(&wanted, "undisturbed");
  for (size_t i = 0; i < sizeof pipelines / sizeof pipelines[0]; i++) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
      struct world world;
      char what[64];
      snprintf(what, sizeof what, "pipeline %zu, seed %llu", i, (unsigned long long)seed);
      world_init(&world, pipelines[i]);
      files_put(&world);
      world.seed = seed * 100;
      world_live(&world, what);
      world_same(&world, &wanted, route_outputs, what);
      world_fini(&world);
    }
  }
  world_fini(&wanted);
}

/* Down for an hour: a file that was not being read has not been idle. */
static void down_for_long(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, ROUTE_PIPELINE("bytes: 2KiB", "1"));
  files_put(&wanted);
  world_live(&wanted, "undisturbed");
  uint64_t calls = sim_disk_calls(wanted.disk);
  for (uint64_t n = 60; n <= calls; n += 3) {
    struct world world;
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "down at call %llu", (unsigned long long)n);
    world_init(&world, ROUTE_PIPELINE("bytes: 2KiB", "1"));
    files_put(&world);
    world.calls_max = n;
    world_life(&world, &err);
    world.calls_max = 0;
    world.wall_us += 3600 * TIME_SECOND_US;
    world_live(&world, what);
    world_same(&world, &wanted, route_outputs, what);
    world_fini(&world);
  }
  world_fini(&wanted);
}

/* ------------------------------------------------------------------ ends not in the log */

#define ENDED_LINES 600
#define ENDED_PIPELINE WORLD_COPY("checkpoint: {interval: 3ms}\nepoch: {records: 20}\n", WORLD_FILE)

static bool down_at_turn(struct world *world) {
  const uint64_t *turn = world->arg;
  return world->turns < *turn;
}

/* The source gives all it has and its end at once; epochs of few records pass it on bit by bit.
 * Snapshots of the first ones must not know of the end, or the records behind them are lost with
 * the machine. */
static void snapshot_before_end(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, ENDED_PIPELINE);
  world_put_lines(&wanted, "/in/a.ndjson", ENDED_LINES, -1, "");
  world_live(&wanted, "undisturbed");
  uint64_t turns = wanted.turns, resumed = 0;
  for (uint64_t turn = 1; turn <= turns; turn++) {
    struct world world;
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "switched off at turn %llu", (unsigned long long)turn);
    world_init(&world, ENDED_PIPELINE);
    world_put_lines(&world, "/in/a.ndjson", ENDED_LINES, -1, "");
    world.turn = down_at_turn;
    world.arg = &turn;
    assert_int_equal(world_life(&world, &err), -1);
    bool in_between = world.figures.snapshot_epoch > 0 && world.figures.records < ENDED_LINES;
    world_crash(&world, SIM_UNSYNCED_DROPPED, turn);
    world.turn = NULL;
    world_live(&world, what);
    world_same(&world, &wanted, world_out, what);
    resumed += in_between;
    world_fini(&world);
  }
  print_message("%llu turns, %llu resumed from a snapshot with records to come\n",
                (unsigned long long)turns, (unsigned long long)resumed);
  assert_true(resumed > 0);
  world_fini(&wanted);
}

/* ------------------------------------------------------------------ at most once */

#define AT_MOST_ONCE                                                                               \
  WORLD_HEAD("delivery: at_most_once\ncheckpoint: {interval: 3ms}\nepoch: {records: 20}\n")        \
  "sources:\n"                                                                                     \
  "  in: {type: file, path: '/in/*.ndjson', event_time: id, unit: s, max_future: 3000000d}\n"      \
  "transforms:\n"                                                                                  \
  "  sums: {type: window, input: in, window: {tumbling: 1m}, aggregate: {n: count(*)}}\n"          \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: in, path: /out/out.ndjson}\n"                                        \
  "  sums_out: {type: file, input: sums, path: /out/sums.ndjson}\n"

/* Epochs that were lost are passed over, but what they said of partitions is not: where there are
 * names, which have ended. No record comes twice, and the watermark comes to its end. */
static void lost_epochs(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, AT_MOST_ONCE);
  world_put_lines(&wanted, "/in/a.ndjson", 200, -1, "");
  world_put_lines(&wanted, "/in/b.ndjson", 300, -1, "");
  world_live(&wanted, "undisturbed");
  uint64_t turns = wanted.turns, lost = 0;
  for (uint64_t turn = 1; turn <= turns; turn++) {
    struct world world;
    struct err err = {0};
    struct buf have, all;
    char what[64];
    snprintf(what, sizeof what, "switched off at turn %llu", (unsigned long long)turn);
    world_init(&world, AT_MOST_ONCE);
    world_put_lines(&world, "/in/a.ndjson", 200, -1, "");
    world_put_lines(&world, "/in/b.ndjson", 300, -1, "");
    world.turn = down_at_turn;
    world.arg = &turn;
    assert_int_equal(world_life(&world, &err), -1);
    uint64_t known = world.figures.snapshot_epoch;
    world_crash(&world, SIM_UNSYNCED_KEPT, turn);
    world.turn = NULL;
    world_live(&world, what);
    assert_int_equal(world.figures.replayed_epochs, 0);
    if (world.figures.epoch > known && world.figures.watermark_us != TIME_MAX_US)
      fail_msg("%s: the end is not known", what);
    world_get(world.disk, "/out/out.ndjson", &have);
    world_get(wanted.disk, "/out/out.ndjson", &all);
    /* Each line once, in order: those of all are gone through once. */
    size_t at = 0;
    for (size_t i = 0; i < have.len; i += WORLD_LINE_BYTES, at += WORLD_LINE_BYTES) {
      while (at < all.len && memcmp(all.data + at, have.data + i, WORLD_LINE_BYTES) != 0)
        at += WORLD_LINE_BYTES;
      if (at >= all.len) fail_msg("%s: line %zu came twice", what, i / WORLD_LINE_BYTES);
    }
    lost += have.len < all.len;
    buf_fini(&have);
    buf_fini(&all);
    world_fini(&world);
  }
  print_message("%llu turns, %llu lost something\n", (unsigned long long)turns,
                (unsigned long long)lost);
  assert_true(lost > 0);
  world_fini(&wanted);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stdin_crash_kept),          cmocka_unit_test(stdin_crash_torn),
      cmocka_unit_test(stdin_payload_left_behind), cmocka_unit_test(stdin_cut_anyhow),
      cmocka_unit_test(routes_cut_anyhow),         cmocka_unit_test(down_for_long),
      cmocka_unit_test(snapshot_before_end),       cmocka_unit_test(lost_epochs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
