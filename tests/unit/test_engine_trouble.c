/* Trouble in a simulated world: records that stop the pipeline, full disks, damaged state, sinks
 * that are slow, memory that does not suffice, inputs and configurations that change between
 * lives. Nothing is lost, nothing comes twice, and what is wrong is said. */
#include "engine_world.h"

#include <stdio.h>

#define HEAD(more)                                                                                 \
  "pipeline: p\n"                                                                                  \
  "state: {dir: /state}\n"                                                                         \
  "log: {segment: 1MiB, sync: always}\n"                                                           \
  "shards: 4\n" more

#define CALM "checkpoint: {interval: 3ms}\nepoch: {bytes: 2KiB}\n"
#define SEVENTY_MIN INT64_C(4200000000)

static const char *const out_only[] = {"/out/out.ndjson", NULL};

static void expect_error(const struct err *err, enum err_code code, const char *text) {
  if (err->code != code || strstr(err->text, text) == NULL)
    fail_msg("the error is \"%s\" (%d), without \"%s\"", err->text, (int)err->code, text);
}

/* Lines of LINE_BYTES; `bad` stands for the value of d in number bad_at. */
#define LINE_BYTES 58

static void put_records(struct world *world, const char *path, int n, int bad_at, const char *bad) {
  struct buf text;
  buf_init(&text);
  for (int i = 0; i < n; i++) {
    char d[8];
    snprintf(d, sizeof d, "\"%03d\"", i % 7 + 1);
    buf_printf(&text, "{\"id\":%d,\"d\":%s,\"pad\":\"0123456789012345678901234\"}\n", 100000 + i,
               i == bad_at ? bad : d);
  }
  assert_int_equal(text.len, (size_t)n * LINE_BYTES);
  world_put(world->disk, path, buf_slice(&text));
  buf_fini(&text);
  struct err err;
  assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
}

/* ------------------------------------------------------------------ stop */

#define STOP_SOURCE(on_error)                                                                      \
  HEAD(CALM)                                                                                       \
  "sources:\n"                                                                                     \
  "  in: {type: file, path: /in/a.ndjson" on_error "}\n"                                           \
  "transforms:\n"                                                                                  \
  "  all: {type: map, input: in, select: {id: id, d: d}}\n"                                        \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: all, path: /out/out.ndjson}\n"

#define STOP_TRANSFORM(type, on_error)                                                             \
  HEAD(CALM)                                                                                       \
  "sources:\n"                                                                                     \
  "  in: {type: " type "}\n"                                                                       \
  "transforms:\n"                                                                                  \
  "  all: {type: map, input: in, select: {id: id, d: '100 / cast(d as int)'}" on_error "}\n"       \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: all, path: /out/out.ndjson}\n"

#define A_FILE "file, path: /in/a.ndjson"

/* The bad record is number `bad`; two stops in a row, then it is repaired; also with crashes
 * between and during the stops. */
static void stop_and_repair(const char *pipeline, const char *bad_value, bool crashes) {
  struct world wanted;
  world_init(&wanted, pipeline);
  put_records(&wanted, "/in/a.ndjson", 300, -1, "");
  world_live(&wanted, "without a bad record");
  for (int bad = 0; bad < 300; bad += 43) {
    for (uint64_t seed = 1; seed <= (crashes ? 30 : 3); seed++) {
      struct world world;
      struct err err = {0};
      struct random random;
      char what[64];
      random_seed(&random, seed);
      snprintf(what, sizeof what, "bad record %d, seed %llu", bad, (unsigned long long)seed);
      world_init(&world, pipeline);
      put_records(&world, "/in/a.ndjson", 300, bad, bad_value);
      world.seed = seed;
      for (int lives = 0; crashes && lives < 2; lives++) {
        world.calls_max = 50 + random_below(&random, 150);
        sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = world.calls_max,
                                                                 .fail_is_crash = true});
        world_life(&world, &err);
        world_crash(&world, SIM_UNSYNCED_MIXED, seed);
        world.calls_max = 0;
      }
      for (int lives = 0; lives < 2; lives++) {
        assert_int_equal(world_life(&world, &err), -1);
        expect_error(&err, ERR_DATA, "stopped in front of a record");
        char position[64];
        snprintf(position, sizeof position, "byte %d;", bad * LINE_BYTES);
        expect_error(&err, ERR_DATA, position);
      }
      put_records(&world, "/in/a.ndjson", 300, -1, "");
      world_live(&world, what);
      world_same(&world, &wanted, out_only, what);
      world_fini(&world);
    }
  }
  world_fini(&wanted);
}

static void stop_in_source(void **state) {
  (void)state;
  stop_and_repair(STOP_SOURCE(", json: {strict: true}, on_error: stop"), "00000", false);
}

static void stop_in_transform(void **state) {
  (void)state;
  stop_and_repair(STOP_TRANSFORM(A_FILE, ", on_error: stop"), "\"000\"", false);
}

/* A record may stop an epoch that is in the log already, when the life before died on its way. */
static void stop_and_crash(void **state) {
  (void)state;
  stop_and_repair(STOP_TRANSFORM(A_FILE, ", on_error: stop"), "\"000\"", true);
}

/* What came by standard input stays in the log: a changed configuration goes on. */
static void stop_stdin(void **state) {
  (void)state;
  struct world world, wanted;
  struct err err = {0};
  for (int i = 0; i < 2; i++) {
    struct world *w = i == 0 ? &world : &wanted;
    world_init(w, STOP_TRANSFORM("stdin", ""));
    for (int n = 0; n < 300; n++)
      buf_printf(&w->input, "{\"id\":%d,\"d\":%d}\n", n, n == 150 ? 0 : n + 1);
    w->input_ends = true;
    w->piece_bytes = 600;
  }
  world_live(&wanted, "without a stop");
  world_configure(&world, STOP_TRANSFORM("stdin", ", on_error: stop"));
  for (int lives = 0; lives < 2; lives++) {
    assert_int_equal(world_life(&world, &err), -1);
    expect_error(&err, ERR_DATA, "stopped in front of a record");
  }
  world_configure(&world, STOP_TRANSFORM("stdin", ", on_error: drop"));
  world_live(&world, "changed");
  world_same(&world, &wanted, out_only, "changed");
  world_fini(&world);
  world_fini(&wanted);
}

/* A long log behind the record, more than the queues hold: the stop comes all the same. */
static void stop_long_log(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  world_init(&world, HEAD("queue: {bytes: 64KiB}\ncheckpoint: {interval: 1h}\nepoch: {bytes: "
                          "8KiB}\n") "sources:\n  in: {type: file, path: /in/a.ndjson}\n"
                                     "transforms:\n  all: {type: map, input: in, select: {d: '100 "
                                     "/ cast(d as int)'}}\n"
                                     "sinks:\n  out: {type: file, input: all, path: "
                                     "/out/out.ndjson}\n");
  put_records(&world, "/in/a.ndjson", 6000, 3, "\"000\"");
  world.calls_max = 190;
  world_life(&world, &err);
  world_crash(&world, SIM_UNSYNCED_DROPPED, 1);
  uint64_t epochs = world.figures.epoch;
  world.calls_max = 0;
  world_configure(&world, HEAD("queue: {bytes: 64KiB}\ncheckpoint: {interval: 1h}\nepoch: {bytes: "
                               "8KiB}\n") "sources:\n  in: {type: file, path: /in/a.ndjson}\n"
                                          "transforms:\n  all: {type: map, input: in, on_error: "
                                          "stop,\n"
                                          "        select: {d: '100 / cast(d as int)'}}\n"
                                          "sinks:\n  out: {type: file, input: all, path: "
                                          "/out/out.ndjson}\n");
  print_message("%llu epochs in the log\n", (unsigned long long)epochs);
  assert_int_equal(world_life(&world, &err), -1);
  expect_error(&err, ERR_DATA, "stopped in front of a record");
  world_fini(&world);
}

/* ------------------------------------------------------------------ full disks, slow sinks */

#define COPY(more, source)                                                                         \
  HEAD(more)                                                                                       \
  "sources:\n"                                                                                     \
  "  in: {type: " source "}\n"                                                                     \
  "transforms:\n"                                                                                  \
  "  once: {type: dedup, input: in, key: id, ttl: 1h}\n"                                           \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: once, path: /out/out.ndjson}\n"

struct full { /* the disk is full from `from` on, until `until` */
  uint64_t from_turn, until_turn, capacity_bytes;
};

static bool disk_fills(struct world *world) {
  const struct full *full = world->arg;
  if (world->turns == full->from_turn)
    sim_disk_set_faults(world->disk,
                        (struct sim_disk_faults){.capacity_bytes = full->capacity_bytes});
  if (world->turns == full->until_turn)
    sim_disk_set_faults(world->disk, (struct sim_disk_faults){0});
  return true;
}

static void disk_full(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, COPY(CALM, A_FILE));
  put_records(&wanted, "/in/a.ndjson", 2000, -1, "");
  world_live(&wanted, "room for all");
  bool sink_said = false, log_said = false, snapshot_said = false;
  for (uint64_t from = 0; from < 100; from += 7) {
    for (uint64_t more_kib = 0; more_kib < 4; more_kib++) {
      struct world world;
      char what[64];
      /* What the disk holds once the log is made, and little more. */
      struct full full = {from, from + 2000, (2200 << 10) + (more_kib << 15)};
      snprintf(what, sizeof what, "full from turn %llu, %llu", (unsigned long long)from,
               (unsigned long long)more_kib);
      world_init(&world, COPY(CALM, A_FILE));
      put_records(&world, "/in/a.ndjson", 2000, -1, "");
      world.turn = disk_fills;
      world.arg = &full;
      world_live(&world, what);
      world_same(&world, &wanted, out_only, what);
      sink_said |= world_said(&world, "sink out: ") && world_said(&world, "nothing is lost");
      snapshot_said |= world_said(&world, "no snapshot could be made");
      log_said |= world_said(&world, "the log waits");
      world_fini(&world);
    }
  }
  assert_true(sink_said);
  assert_true(snapshot_said);
  (void)log_said;
  world_fini(&wanted);
}

/* The log itself: payload that needs a second segment, and there is no room for it. */
static void disk_full_log(void **state) {
  (void)state;
  struct world world, wanted;
  struct full full = {0, 3000, 2300 << 10};
  for (int i = 0; i < 2; i++) {
    struct world *w = i == 0 ? &world : &wanted;
    world_init(w, HEAD("checkpoint: {interval: 1h}\n") "sources:\n  in: {type: stdin}\n"
                                                       "transforms:\n  few: {type: filter, input: "
                                                       "in, where: id % 100 = 0}\n"
                                                       "sinks:\n  out: {type: file, input: few, "
                                                       "path: /out/out.ndjson}\n");
    for (int n = 0; n < 60000; n++)
      buf_printf(&w->input, "{\"id\":%d,\"pad\":\"012345678901234567890123456789012345678\"}\n", n);
    buf_put_text(&w->input, "{\"id\":100000}\n");
    w->input_ends = true;
    w->piece_bytes = 16384;
  }
  world_live(&wanted, "room for all");
  world.turn = disk_fills;
  world.arg = &full;
  world_live(&world, "full for a while");
  assert_true(world_said(&world, "the log waits"));
  assert_true(world_said(&world, "the log goes on"));
  world_same(&world, &wanted, out_only, "full for a while");
  world_fini(&world);
  world_fini(&wanted);
}

/* The sink takes nothing for a long time: what waits for it stays below the bound, which is
 * queue.bytes and what the epochs that were under way then make of their input. */
static void slow_sink(void **state) {
  (void)state;
  struct world world, wanted;
  for (int i = 0; i < 2; i++) {
    struct world *w = i == 0 ? &world : &wanted;
    world_init(
        w,
        HEAD(
            "queue: {bytes: 64KiB}\nepoch: {bytes: 8KiB}\ncheckpoint: {interval: 1h}\n") "sources:"
                                                                                         "\n  in: "
                                                                                         "{type: "
                                                                                         "file, "
                                                                                         "path: "
                                                                                         "/in/"
                                                                                         "a.ndjson}"
                                                                                         "\n"
                                                                                         "sinks:\n "
                                                                                         " out: "
                                                                                         "{type: "
                                                                                         "file, "
                                                                                         "input: "
                                                                                         "in, "
                                                                                         "path: "
                                                                                         "/out/"
                                                                                         "out."
                                                                                         "ndjson}"
                                                                                         "\n");
    put_records(w, "/in/a.ndjson", 20000, -1, "");
  }
  world_live(&wanted, "room for all");
  struct full full = {0, 4000, (2 << 20) + 20000 * LINE_BYTES + 65536};
  world.turn = disk_fills;
  world.arg = &full;
  world_live(&world, "slow");
  assert_true(world_said(&world, "nothing is lost"));
  print_message("at most %llu bytes queued\n", (unsigned long long)world.queued_bytes_most);
  assert_true(world.queued_bytes_most > 32 << 10);
  assert_true(world.queued_bytes_most <= (64 << 10) + 4 * (8 << 10));
  world_same(&world, &wanted, out_only, "slow");
  world_fini(&world);
  world_fini(&wanted);
}

static bool until_time(struct world *world) {
  return clock_wall_us(world->io.clock) < *(int64_t *)world->arg;
}

/* While a sink waits, the clock makes something due again and again: the engine sleeps. */
static void slow_sink_sleeps(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  world_init(&world, HEAD("queue: {bytes: 64KiB}\nepoch: {bytes: 1KiB}\ncheckpoint: {interval: "
                          "1h}\n") "sources:\n  in: {type: generate, rate: 200, template: "
                                   "'{\"v\":{{int 1 9}},\"pad\":{{text 500}}}'}\n"
                                   "transforms:\n  sums: {type: window, input: in, time: "
                                   "processing, group_by: v,\n"
                                   "         window: {tumbling: 30s}, aggregate: {n: count(*)}}\n"
                                   "sinks:\n  out: {type: file, input: sums, path: "
                                   "/out/out.ndjson}\n"
                                   "  copy: {type: file, input: in, path: /out/copy.ndjson}\n");
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){.capacity_bytes = 2200 << 10});
  int64_t stop_us = WORLD_START_US + SEVENTY_MIN;
  world.arg = &stop_us;
  world.turn = until_time;
  assert_int_equal(world_life(&world, &err), -1);
  expect_error(&err, ERR_OTHER, "switched off");
  assert_true(world.turns < 50000);
  assert_true(world_said(&world, "nothing is lost"));
  world_fini(&world);
}

/* State beyond memory.max: no waiting helps. */
static void state_too_large(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  world_init(&world, COPY("memory: {max: 16MiB}\n",
                          "generate, count: 2000000, template: '{\"id\":{{seq}}}'"));
  assert_int_equal(world_life(&world, &err), -1);
  expect_error(&err, ERR_LIMIT, "more than memory.max (16 MiB): raise memory.max");
  world_fini(&world);
}

static void windows_too_large(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  world_init(&world, HEAD("memory: {max: 16MiB}\n") "sources:\n"
                                                    "  in: {type: generate, event_time: t, "
                                                    "interval: 1s, count: 2000000,\n"
                                                    "       watermark: {max_lateness: 9000h}, "
                                                    "template: '{\"t\":{{time}}}'}\n"
                                                    "transforms:\n"
                                                    "  w: {type: window, input: in, window: "
                                                    "{tumbling: 1s}, aggregate: {n: count(*)}}\n"
                                                    "sinks:\n  out: {type: file, input: w, path: "
                                                    "/out/out.ndjson}\n");
  world.wall_us += INT64_C(400) * TIME_DAY_US;
  assert_int_equal(world_life(&world, &err), -1);
  expect_error(&err, ERR_LIMIT, "raise memory.max");
  world_fini(&world);
}

/* ------------------------------------------------------------------ damage */

static void in_state(struct world *world, const char *pattern, char ***paths, size_t *n) {
  struct err err;
  assert_int_equal(disk_glob(world->disk, pattern, paths, n, &err), 0);
}

static void flip(struct world *world, const char *path) {
  struct disk_stat stat;
  bool found;
  struct err err;
  assert_int_equal(disk_stat(world->disk, path, &found, &stat, &err), 0);
  assert_int_equal(sim_disk_flip_bit(world->disk, path, stat.size_bytes / 2 * 8, &err), 0);
}

static bool some_records(struct world *world) {
  const uint64_t *records = world->arg;
  return world->figures.records < *records || world->turns == 0;
}

static void rotten_snapshots(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, COPY(CALM, A_FILE));
  put_records(&wanted, "/in/a.ndjson", 2000, -1, "");
  world_live(&wanted, "sound");
  for (int damaged = 1; damaged <= 2; damaged++) {
    struct world world;
    struct err err = {0};
    uint64_t records = 1500;
    char **paths;
    size_t n;
    world_init(&world, COPY(CALM, A_FILE));
    put_records(&world, "/in/a.ndjson", 2000, -1, "");
    world.turn = some_records;
    world.arg = &records;
    world_life(&world, &err);
    world_crash(&world, SIM_UNSYNCED_DROPPED, 1);
    in_state(&world, "/state/snapshots/*", &paths, &n);
    assert_true(n >= 2);
    for (int i = 0; i < damaged; i++) flip(&world, paths[n - 1 - (size_t)i]);
    free(paths);
    world.turn = NULL;
    if (damaged == 1) {
      world_live(&world, "the newest is damaged");
      assert_true(world_said(&world, "the one before is used"));
      world_same(&world, &wanted, out_only, "the newest is damaged");
    } else if (world_life(&world, &err) == 0) {
      /* All of the log is still there. */
      world_same(&world, &wanted, out_only, "both are damaged");
    } else {
      expect_error(&err, ERR_CORRUPT, "is needed next");
    }
    world_fini(&world);
  }
  world_fini(&wanted);
}

static void rotten_log(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  uint64_t records = 1500;
  char **paths;
  size_t n;
  world_init(&world, COPY("checkpoint: {interval: 1h}\nepoch: {bytes: 2KiB}\n", A_FILE));
  put_records(&world, "/in/a.ndjson", 2000, -1, "");
  world.turn = some_records;
  world.arg = &records;
  world_life(&world, &err);
  in_state(&world, "/state/log/*", &paths, &n);
  assert_true(n >= 1);
  assert_int_equal(sim_disk_flip_bit(world.disk, paths[0], 4200 * 8, &err), 0);
  char *name = mem_strdup(paths[0]);
  free(paths);
  world.turn = NULL;
  assert_int_equal(world_life(&world, &err), -1);
  expect_error(&err, ERR_CORRUPT, name);
  free(name);
  world_fini(&world);
}

/* ------------------------------------------------------------------ drains */

struct drain {
  uint64_t at_turn;
};

static bool drain_at(struct world *world) {
  const struct drain *drain = world->arg;
  if (world->turns == drain->at_turn) engine_drain(world->engine);
  return true;
}

/* Drained at any turn, of recoveries too: all that was taken is delivered, and the next life goes
 * on with the next record. */
static void drains(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, COPY("epoch: {records: 30}\n", A_FILE));
  put_records(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "undisturbed");
  uint64_t drained_in_the_middle = 0, recovering = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    struct world world;
    struct err err = {0};
    struct random random;
    struct drain drain;
    char what[64];
    random_seed(&random, seed);
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    world_init(&world, COPY("epoch: {records: 30}\n", A_FILE));
    put_records(&world, "/in/a.ndjson", 900, -1, "");
    world.seed = seed * 10;
    for (int lives = 0; lives < 3; lives++) {
      world.calls_max = 70 + random_below(&random, 60);
      world_life(&world, &err); /* leaves something to recover */
      world.calls_max = 0;
      drain.at_turn = random_below(&random, 30);
      world.turn = drain_at;
      world.arg = &drain;
      world_live(&world, what);
      recovering += drain.at_turn < 3 && world.figures.replayed_epochs > 0;
      if (world.figures.progress < 1) drained_in_the_middle++;
      uint64_t lines = 0;
      struct buf have;
      world_get(world.disk, "/out/out.ndjson", &have);
      for (size_t i = 0; i < have.len; i++) lines += have.data[i] == '\n';
      buf_fini(&have);
      assert_int_equal(world.figures.epoch, world.figures.released_epoch);
      assert_int_equal(world.figures.epoch, world.figures.snapshot_epoch);
      if (world.figures.progress < 1) assert_int_equal(lines % 30, 0);
      world.turn = NULL;
    }
    world_live(&world, what);
    assert_int_equal(world.figures.replayed_epochs, 0);
    world_same(&world, &wanted, out_only, what);
    world_fini(&world);
  }
  print_message("%llu drained in the middle, %llu while recovering\n",
                (unsigned long long)drained_in_the_middle, (unsigned long long)recovering);
  assert_true(drained_in_the_middle > 20 && recovering > 2);
  world_fini(&wanted);
}

/* ------------------------------------------------------------------ changes between lives */

#define LOGGED "file, log_payload: true, path: /in/a.ndjson"
#define ONE_LOG "checkpoint: {interval: 1h}\nepoch: {bytes: 2KiB}\n"

static void input_changes(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, COPY(ONE_LOG, A_FILE));
  put_records(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "undisturbed");
  for (int logged = 0; logged < 2; logged++) {
    for (int shrinks = 0; shrinks < 2; shrinks++) {
      struct world world;
      struct err err = {0};
      uint64_t records = 600;
      world_init(&world, logged ? COPY(ONE_LOG, LOGGED) : COPY(ONE_LOG, A_FILE));
      put_records(&world, "/in/a.ndjson", 900, -1, "");
      world.turn = some_records;
      world.arg = &records;
      world_life(&world, &err);
      struct buf text;
      world_get(world.disk, "/in/a.ndjson", &text);
      if (shrinks)
        text.len = 100 * LINE_BYTES;
      else
        text.data[300 * LINE_BYTES + 7] ^= 1; /* behind the bytes by which a file is known */
      world_put(world.disk, "/in/a.ndjson", buf_slice(&text));
      buf_fini(&text);
      world.turn = NULL;
      if (logged && !shrinks) { /* what was taken is as it was */
        world_live(&world, "changed, but logged");
        world_same(&world, &wanted, out_only, "changed, but logged");
      } else {
        assert_int_equal(world_life(&world, &err), -1);
        expect_error(&err, ERR_CORRUPT, "/in/a.ndjson");
      }
      world_fini(&world);
    }
  }
  world_fini(&wanted);
}

#define SINKS(more_sources, more_sinks)                                                            \
  HEAD(CALM)                                                                                       \
  "sources:\n  in: {type: file, path: /in/a.ndjson}\n" more_sources "transforms:\n"                \
  "  once: {type: dedup, input: in, key: id, ttl: 1h}\n"                                           \
  "sinks:\n  out: {type: file, input: once, path: /out/out.ndjson}\n" more_sinks

#define SECOND_SINK                                                                                \
  "  two: {type: file, input: [once, once.duplicates], path: /out/two.ndjson}\n"                   \
  "  bad: {type: file, input: in.errors, path: /out/bad.ndjson}\n"

/* A new sink begins with what comes now; one that is gone is forgotten. The others go on. */
static void sinks_change(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, SINKS("", ""));
  put_records(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "undisturbed");
  for (int drained = 0; drained < 2; drained++) {
    for (int added = 0; added < 2; added++) {
      struct world world;
      struct err err = {0};
      uint64_t records = 450;
      struct drain drain = {25};
      world_init(&world, added ? SINKS("", "") : SINKS("", SECOND_SINK));
      put_records(&world, "/in/a.ndjson", 900, -1, "");
      world.turn = drained ? drain_at : some_records;
      world.arg = drained ? (void *)&drain : (void *)&records;
      world_life(&world, &err);
      world_configure(&world, added ? SINKS("", SECOND_SINK) : SINKS("", ""));
      world.turn = NULL;
      world_live(&world, added ? "a sink was added" : "a sink was removed");
      world_same(&world, &wanted, out_only, added ? "a sink was added" : "a sink was removed");
      if (added) { /* the end of the whole */
        struct buf two, all;
        world_get(world.disk, "/out/two.ndjson", &two);
        world_get(world.disk, "/out/out.ndjson", &all);
        assert_true(two.len > 0 && two.len < all.len);
        assert_int_equal(memcmp(two.data, all.data + all.len - two.len, two.len), 0);
        buf_fini(&two);
        buf_fini(&all);
      }
      world_fini(&world);
    }
  }
  world_fini(&wanted);
}

static void source_added(void **state) {
  (void)state;
  for (int drained = 0; drained < 2; drained++) {
    struct world world;
    struct err err = {0};
    uint64_t records = 450;
    struct drain drain = {25};
    world_init(&world, SINKS("", ""));
    put_records(&world, "/in/a.ndjson", 900, -1, "");
    world.turn = drained ? drain_at : some_records;
    world.arg = drained ? (void *)&drain : (void *)&records;
    world_life(&world, &err);
    world_configure(&world,
                    SINKS("  more: {type: generate, count: 10, template: '{\"a\":1}'}\n",
                          "  more_out: {type: file, input: more, path: /out/more.ndjson}\n"));
    world.turn = NULL;
    assert_int_equal(world_life(&world, &err), -1);
    expect_error(&err, ERR_CONFIG, "with other sources");
    world_fini(&world);
  }
}

/* ------------------------------------------------------------------ two at a time */

static void two_engines(void **state) {
  (void)state;
  struct world world, wanted;
  world_init(&wanted, COPY(CALM, A_FILE));
  put_records(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "alone");
  world_init(&world, COPY(CALM, A_FILE));
  put_records(&world, "/in/a.ndjson", 900, -1, "");
  put_records(&world, "/in/b.ndjson", 900, 200, "00000");
  world_put(
      world.disk, "/q.yaml",
      slice_of("pipeline: q\n"
               "state: {dir: /state_q}\n"
               "log: {segment: 1MiB}\n" CALM "sources:\n"
               "  in: {type: file, path: /in/b.ndjson, json: {strict: true}, on_error: stop}\n"
               "sinks:\n"
               "  out: {type: file, input: in, path: /out/q.ndjson}\n"));
  struct err err = {0};
  assert_int_equal(world_pair(&world, "/q.yaml", &err), 0);
  expect_error(&err, ERR_DATA, "stopped in front of a record");
  world_same(&world, &wanted, out_only, "beside one that fails");
  world_fini(&world);
  world_fini(&wanted);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stop_in_source),    cmocka_unit_test(stop_in_transform),
      cmocka_unit_test(stop_and_crash),    cmocka_unit_test(stop_stdin),
      cmocka_unit_test(stop_long_log),     cmocka_unit_test(disk_full),
      cmocka_unit_test(disk_full_log),     cmocka_unit_test(slow_sink),
      cmocka_unit_test(slow_sink_sleeps),  cmocka_unit_test(state_too_large),
      cmocka_unit_test(windows_too_large), cmocka_unit_test(rotten_snapshots),
      cmocka_unit_test(rotten_log),        cmocka_unit_test(drains),
      cmocka_unit_test(input_changes),     cmocka_unit_test(sinks_change),
      cmocka_unit_test(source_added),      cmocka_unit_test(two_engines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
