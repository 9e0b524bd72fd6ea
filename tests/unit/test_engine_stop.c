/* Ends in a simulated world: records that stop the pipeline, drains, and two engines of which one
 * fails. What was taken is delivered or taken again, nothing comes twice. */
#include "engine_world.h"

#include <stdio.h>

/* ------------------------------------------------------------------ stop */

#define STOP_SOURCE(on_error)                                                                      \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n"                                                                                     \
  "  in: {type: file, path: /in/a.ndjson" on_error "}\n"                                           \
  "transforms:\n"                                                                                  \
  "  all: {type: map, input: in, select: {id: id, d: d}}\n"                                        \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: all, path: /out/out.ndjson}\n"

#define STOP_TRANSFORM(type, on_error)                                                             \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n"                                                                                     \
  "  in: {type: " type "}\n"                                                                       \
  "transforms:\n"                                                                                  \
  "  all: {type: map, input: in, select: {id: id, d: '100 / cast(d as int)'}" on_error "}\n"       \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: all, path: /out/out.ndjson}\n"

/* The bad record is number `bad`; two stops in a row, then it is repaired; also with crashes
 * between and during the stops. */
static void stop_and_repair(const char *pipeline, const char *bad_value, bool crashes) {
  struct world wanted;
  world_init(&wanted, pipeline);
  world_put_lines(&wanted, "/in/a.ndjson", 300, -1, "");
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
      world_put_lines(&world, "/in/a.ndjson", 300, bad, bad_value);
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
        world_expect_error(&err, ERR_DATA, "stopped in front of a record");
        char position[64];
        snprintf(position, sizeof position, "byte %d;", bad * WORLD_LINE_BYTES);
        world_expect_error(&err, ERR_DATA, position);
      }
      world_put_lines(&world, "/in/a.ndjson", 300, -1, "");
      world_live(&world, what);
      world_same(&world, &wanted, world_out, what);
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
  stop_and_repair(STOP_TRANSFORM(WORLD_FILE, ", on_error: stop"), "\"000\"", false);
}

/* A record may stop an epoch that is in the log already, when the life before died on its way. */
static void stop_and_crash(void **state) {
  (void)state;
  stop_and_repair(STOP_TRANSFORM(WORLD_FILE, ", on_error: stop"), "\"000\"", true);
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
    world_expect_error(&err, ERR_DATA, "stopped in front of a record");
  }
  world_configure(&world, STOP_TRANSFORM("stdin", ", on_error: drop"));
  world_live(&world, "changed");
  world_same(&world, &wanted, world_out, "changed");
  world_fini(&world);
  world_fini(&wanted);
}

/* The same with sources and sinks in another order: names count, not numbers. And one that is gone
 * is asked for. */
#define STDIN_SOURCE "  in: {type: stdin}\n"
#define FILE_SOURCE "  other: {type: file, path: /in/a.ndjson}\n"
#define OUT_SINK "  out: {type: file, input: all, path: /out/out.ndjson}\n"
#define OTHER_SINK "  copy: {type: file, input: other, path: /out/copy.ndjson}\n"
#define IN_ORDER(sources, sinks, on_error)                                                         \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n" sources "transforms:\n"                                                             \
  "  all: {type: map, input: in, select: {id: id, d: '100 / cast(d as int)'}" on_error "}\n"       \
  "sinks:\n" sinks

static void stop_and_another_order(void **state) {
  (void)state;
  static const char *const outputs[] = {"/out/out.ndjson", "/out/copy.ndjson", NULL};
  struct world world, wanted;
  struct err err = {0};
  for (int i = 0; i < 2; i++) {
    struct world *w = i == 0 ? &world : &wanted;
    world_init(w, IN_ORDER(STDIN_SOURCE FILE_SOURCE, OUT_SINK OTHER_SINK, ""));
    world_put_lines(w, "/in/a.ndjson", 300, -1, "");
    for (int n = 0; n < 300; n++)
      buf_printf(&w->input, "{\"id\":%d,\"d\":%d}\n", n, n == 150 ? 0 : n + 1);
    w->input_ends = true;
    w->piece_bytes = 600;
  }
  world_live(&wanted, "without a stop");
  world_configure(&world,
                  IN_ORDER(STDIN_SOURCE FILE_SOURCE, OUT_SINK OTHER_SINK, ", on_error: stop"));
  assert_int_equal(world_life(&world, &err), -1);
  world_expect_error(&err, ERR_DATA, "stopped in front of a record");
  /* Another one stops there too: what it took itself has its own numbers. */
  world_configure(&world,
                  IN_ORDER(FILE_SOURCE STDIN_SOURCE, OUT_SINK OTHER_SINK, ", on_error: stop"));
  assert_int_equal(world_life(&world, &err), -1);
  world_expect_error(&err, ERR_DATA, "stopped in front of a record");
  world_configure(&world, WORLD_HEAD(WORLD_CALM) "sources:\n" FILE_SOURCE "sinks:\n" OTHER_SINK);
  assert_int_equal(world_life(&world, &err), -1);
  world_expect_error(&err, ERR_CONFIG, "put that back until the pipeline has run once");
  world_configure(&world,
                  IN_ORDER(FILE_SOURCE STDIN_SOURCE, OTHER_SINK OUT_SINK, ", on_error: drop"));
  world_live(&world, "in another order");
  world_same(&world, &wanted, outputs, "in another order");
  world_fini(&world);
  world_fini(&wanted);
}

/* ------------------------------------------------------------------ drains */

/* Drained at any turn, of recoveries too: all that was taken is delivered, and the next life goes
 * on with the next record. */
static void drains(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, WORLD_COPY("epoch: {records: 30}\n", WORLD_FILE));
  world_put_lines(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "undisturbed");
  uint64_t drained_in_the_middle = 0, recovering = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    struct world world;
    struct err err = {0};
    struct random random;
    uint64_t drain_turn;
    char what[64];
    random_seed(&random, seed);
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    world_init(&world, WORLD_COPY("epoch: {records: 30}\n", WORLD_FILE));
    world_put_lines(&world, "/in/a.ndjson", 900, -1, "");
    world.seed = seed * 10;
    for (int lives = 0; lives < 3; lives++) {
      world.calls_max = 70 + random_below(&random, 60);
      world_life(&world, &err); /* leaves something to recover */
      world.calls_max = 0;
      drain_turn = random_below(&random, 30);
      world.turn = world_drain_at;
      world.arg = &drain_turn;
      world_live(&world, what);
      recovering += drain_turn < 3 && world.figures.replayed_epochs > 0;
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
    world_same(&world, &wanted, world_out, what);
    world_fini(&world);
  }
  print_message("%llu drained in the middle, %llu while recovering\n",
                (unsigned long long)drained_in_the_middle, (unsigned long long)recovering);
  assert_true(drained_in_the_middle > 20 && recovering > 2);
  world_fini(&wanted);
}

/* ------------------------------------------------------------------ two at a time */

static void two_engines(void **state) {
  (void)state;
  struct world world, wanted;
  world_init(&wanted, WORLD_COPY(WORLD_CALM, WORLD_FILE));
  world_put_lines(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "alone");
  world_init(&world, WORLD_COPY(WORLD_CALM, WORLD_FILE));
  world_put_lines(&world, "/in/a.ndjson", 900, -1, "");
  world_put_lines(&world, "/in/b.ndjson", 900, 200, "00000");
  world_put(
      world.disk, "/q.yaml",
      slice_of("pipeline: q\n"
               "state: {dir: /state_q}\n"
               "log: {segment: 1MiB}\n" WORLD_CALM "sources:\n"
               "  in: {type: file, path: /in/b.ndjson, json: {strict: true}, on_error: stop}\n"
               "sinks:\n"
               "  out: {type: file, input: in, path: /out/q.ndjson}\n"));
  struct err err = {0};
  assert_int_equal(world_pair(&world, "/q.yaml", &err), 0);
  world_expect_error(&err, ERR_DATA, "stopped in front of a record");
  world_same(&world, &wanted, world_out, "beside one that fails");
  world_fini(&world);
  world_fini(&wanted);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stop_in_source),
      cmocka_unit_test(stop_in_transform),
      cmocka_unit_test(stop_and_crash),
      cmocka_unit_test(stop_stdin),
      cmocka_unit_test(stop_and_another_order),
      cmocka_unit_test(drains),
      cmocka_unit_test(two_engines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
