/* Too little room in a simulated world: full disks, slow sinks, memory that does not suffice. What
 * can wait waits, says so and goes on; what cannot is an error that says what to do. */
#include "engine_world.h"

#include <stdio.h>

#define SEVENTY_MIN INT64_C(4200000000)

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
  world_init(&wanted, WORLD_COPY(WORLD_CALM, WORLD_FILE));
  world_put_lines(&wanted, "/in/a.ndjson", 2000, -1, "");
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
      world_init(&world, WORLD_COPY(WORLD_CALM, WORLD_FILE));
      world_put_lines(&world, "/in/a.ndjson", 2000, -1, "");
      world.turn = disk_fills;
      world.arg = &full;
      world_live(&world, what);
      world_same(&world, &wanted, world_out, what);
      sink_said |= world_said(&world, "sink out: ") && world_said(&world, "nothing is lost");
      snapshot_said |= world_said(&world, "no snapshot could be made");
      log_said |= world_said(&world, "the log stands still");
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
    world_init(
        w, WORLD_HEAD("checkpoint: {interval: 1h}\n") "sources:\n  in: {type: stdin}\n"
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
  assert_true(world_said(&world, "the log stands still"));
  assert_true(world_said(&world, "writing goes on"));
  world_same(&world, &wanted, world_out, "full for a while");
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
        WORLD_HEAD(
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
    world_put_lines(w, "/in/a.ndjson", 20000, -1, "");
  }
  world_live(&wanted, "room for all");
  struct full full = {0, 4000, (2 << 20) + 20000 * WORLD_LINE_BYTES + 65536};
  world.turn = disk_fills;
  world.arg = &full;
  world_live(&world, "slow");
  assert_true(world_said(&world, "nothing is lost"));
  print_message("at most %llu bytes queued\n", (unsigned long long)world.queued_bytes_most);
  assert_true(world.queued_bytes_most > 32 << 10);
  assert_true(world.queued_bytes_most <= (64 << 10) + 4 * (8 << 10));
  world_same(&world, &wanted, world_out, "slow");
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
  world_init(&world,
             WORLD_HEAD("queue: {bytes: 64KiB}\nepoch: {bytes: 1KiB}\ncheckpoint: {interval: "
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
  world_expect_error(&err, ERR_OTHER, "switched off");
  assert_true(world.turns < 50000);
  assert_true(world_said(&world, "nothing is lost"));
  world_fini(&world);
}

/* State beyond memory.max: no waiting helps. */
static void state_too_large(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  world_init(&world, WORLD_COPY("memory: {max: 16MiB}\n",
                                "generate, count: 2000000, template: '{\"id\":{{seq}}}'"));
  assert_int_equal(world_life(&world, &err), -1);
  world_expect_error(&err, ERR_LIMIT, "more than memory.max (16 MiB): raise memory.max");
  world_fini(&world);
}

static void windows_too_large(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  world_init(&world,
             WORLD_HEAD("memory: {max: 16MiB}\n") "sources:\n"
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
  world_expect_error(&err, ERR_LIMIT, "raise memory.max");
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(disk_full),       cmocka_unit_test(disk_full_log),
      cmocka_unit_test(slow_sink),       cmocka_unit_test(slow_sink_sleeps),
      cmocka_unit_test(state_too_large), cmocka_unit_test(windows_too_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
