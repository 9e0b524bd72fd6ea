/* A clock that jumps back and forth under a running pipeline, also from one life to the next: no
 * record is lost or counted twice, and the epochs' clock, which is what everything else asks, never
 * goes back. */
#include "engine_world.h"

#include "daemon/flow/log_record.h"
#include "daemon/flow/metrics.h"
#include "daemon/io/clock_sim.h"
#include "daemon/wal/wal.h"

#include <inttypes.h>
#include <stdio.h>

#define RECORDS 600
#define STEP_MS 50 /* of event time, from one record to the next */

static const char pipeline[] =
    "pipeline: p\n"
    "state: {dir: /state}\n"
    "log: {segment: 1MiB}\n"
    "shards: 4\n"
    "checkpoint: {interval: 700ms}\n"
    "epoch: {records: 7}\n"
    "sources:\n"
    "  in: {type: stdin, event_time: t,\n"
    "       watermark: {max_lateness: 1s, idle_timeout: 5s}}\n"
    "transforms:\n"
    "  by_clock: {type: window, input: in, time: processing, window: {tumbling: 1s},\n"
    "             aggregate: {n: count(*)}}\n"
    "  by_event: {type: window, input: in, window: {tumbling: 3s}, group_by: k,\n"
    "             emit: {on_close: true, every: 500ms}, aggregate: {n: count(*)}}\n"
    "sinks:\n"
    "  copy: {type: file, input: in, path: /out/copy.ndjson}\n"
    "  clock: {type: file, input: by_clock, path: /out/clock.ndjson}\n"
    "  event: {type: file, input: by_event, path: /out/event.ndjson}\n"
    "  late: {type: file, input: by_event.late, path: /out/late.ndjson}\n"
    "  bad: {type: file, input: in.errors, path: /out/bad.ndjson}\n";

struct jumps {
  struct random random;
  bool dies; /* now and then */
  uint64_t jumps, back;
};

/* Before each turn: some bytes more, a jump, or the end of the life. */
static bool jump(struct world *world) {
  static const int64_t by_us[] = {1, 1000, TIME_SECOND_US, 60 * TIME_SECOND_US,
                                  7200 * TIME_SECOND_US};
  struct jumps *jumps = world->arg;
  if (random_below(&jumps->random, 4) == 0) {
    int64_t by = by_us[random_below(&jumps->random, sizeof by_us / sizeof *by_us)];
    bool back = random_below(&jumps->random, 2) == 0;
    sim_clock_jump(world->io.clock, back ? -by : by);
    jumps->jumps++;
    jumps->back += back;
  }
  uint64_t left = world->input.len - world->sent;
  uint64_t bytes = random_below(&jumps->random, 2) * random_below(&jumps->random, 400);
  if (bytes > left) bytes = left;
  if (left > 0 && bytes > 0) {
    sim_stdin(world->io.loop, world->input.data + world->sent, bytes, bytes == left);
    world->sent += bytes;
  }
  return !jumps->dies || random_below(&jumps->random, 60) != 0;
}

static uint64_t lines_of(struct world *world, const char *path) {
  struct buf text;
  world_get(world->disk, path, &text);
  uint64_t n = 0;
  for (size_t i = 0; i < text.len; i++) n += text.data[i] == '\n';
  buf_fini(&text);
  return n;
}

/* The sum of "n" over the lines that hold `only`; their window_start never goes back if in_order.
 */
static uint64_t sum_of(struct world *world, const char *path, const char *only, bool in_order) {
  struct buf text;
  world_get(world->disk, path, &text);
  char *rest = NULL, last[64] = "";
  uint64_t sum = 0;
  for (char *line = strtok_r((char *)(uintptr_t)buf_cstr(&text), "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    if (strstr(line, only) == NULL) continue;
    const char *n = strstr(line, "\"n\":"), *start = strstr(line, "\"window_start\":\"");
    assert_true(n != NULL && start != NULL);
    sum += strtoull(n + 4, NULL, 10);
    char own[64];
    snprintf(own, sizeof own, "%.20s", start + 16);
    if (in_order && strcmp(own, last) < 0) fail_msg("%s: %s is behind %s", path, own, last);
    memcpy(last, own, sizeof last);
  }
  buf_fini(&text);
  return sum;
}

static void nothing(void *arg) {
  (void)arg;
}

/* All of them: the log is shorter than a segment, so nothing of it is gone. */
static uint64_t clocks_go_on(struct world *world) {
  struct err err = {0};
  struct wal *wal;
  struct wal_reader *reader;
  struct wal_record record;
  struct arena arena;
  uint64_t epochs = 0;
  int64_t last_us = TIME_MIN_US;
  FILE *stream = world_begin(world, &err);
  struct diag diag = {.stream = stream, .level = DIAG_ERROR};
  struct wal_options options = {.dir = "/state/log", .segment_bytes = 1 << 20, .read_only = true};
  if (wal_open(&wal, &world->io, &options, &diag, nothing, NULL, &err) != 0 ||
      wal_reader_open(wal, 0, &reader, &err) != 0)
    fail_msg("%s", err.text);
  arena_init(&arena, 4096);
  while (wal_reader_next(reader, &record, &err) == 1) {
    struct log_epoch epoch;
    if (record.kind != LOG_EPOCH) continue;
    arena_reset(&arena);
    assert_int_equal(log_epoch_get(record.body, &arena, &epoch), 0);
    if (epoch.clock_us < last_us)
      fail_msg("epoch %" PRIu64 ": its clock is %" PRId64 " us behind the one before", epoch.number,
               last_us - epoch.clock_us);
    last_us = epoch.clock_us;
    epochs++;
  }
  arena_fini(&arena);
  wal_reader_close(reader);
  wal_close(wal);
  world_end(world, stream);
  return epochs;
}

static void jumping(bool dies) {
  uint64_t late = 0, bad = 0, back = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct world world;
    struct err err = {0};
    struct jumps jumps = {.dies = dies};
    random_seed(&jumps.random, seed);
    world_init(&world, pipeline);
    for (int i = 0; i < RECORDS; i++)
      buf_printf(&world.input, "{\"id\":%d,\"t\":%" PRId64 ",\"k\":%d}\n", i,
                 WORLD_START_US / 1000 + (int64_t)i * STEP_MS, i % 3);
    world.seed = seed;
    world.turn = jump;
    world.arg = &jumps;
    world.scripted = true;
    int lives = 1;
    for (; world_life(&world, &err) != 0; lives++) {
      if (strcmp(err.text, "switched off") != 0)
        fail_msg("seed %" PRIu64 ": %s\n%s", seed, err.text, world.said);
      if (lives == 8) jumps.dies = false;
      world_crash(&world, (enum sim_unsynced)random_below(&jumps.random, 2), seed);
      /* The machine is on again, with a clock of its own. */
      world.wall_us += (int64_t)random_below(&jumps.random, 20) * 600 * TIME_SECOND_US -
                       10 * 600 * TIME_SECOND_US;
    }
    uint64_t copied = lines_of(&world, "/out/copy.ndjson");
    uint64_t refused = lines_of(&world, "/out/bad.ndjson");
    uint64_t behind = lines_of(&world, "/out/late.ndjson");
    uint64_t by_clock = sum_of(&world, "/out/clock.ndjson", "", true);
    uint64_t by_event = sum_of(&world, "/out/event.ndjson", "\"_final\":true", false);
    if (copied + refused != RECORDS || by_clock != copied || by_event + behind != copied)
      fail_msg("seed %" PRIu64 ", %d lives: of %d records %" PRIu64 " were copied, %" PRIu64
               " refused; %" PRIu64 " are in windows by the clock, %" PRIu64
               " in those by event time and %" PRIu64 " late",
               seed, lives, RECORDS, copied, refused, by_clock, by_event, behind);
    uint64_t epochs = clocks_go_on(&world);
    if (epochs <= 10)
      fail_msg("seed %" PRIu64 ": %" PRIu64 " epochs, %" PRIu64 " turns\n%s", seed, epochs,
               world.turns, world.said);
    late += behind;
    bad += refused;
    back += jumps.back;
    world_fini(&world);
  }
  print_message("%" PRIu64 " jumps back, %" PRIu64 " records late, %" PRIu64
                " ahead of the clock\n",
                back, late, bad);
  assert_true(back > 20);
}

static void jumps_in_one_life(void **state) {
  (void)state;
  jumping(false);
}

static void jumps_and_crashes(void **state) {
  (void)state;
  jumping(true);
}

/* An hour ahead and back again: said once, shown while it lasts, and that it is over. */
static bool an_hour_ahead(struct world *world) {
  double *most = world->arg;
  static const char line[] = "{\"id\":1}\n";
  if (world->turns == 10) sim_clock_jump(world->io.clock, 3600 * TIME_SECOND_US);
  if (world->turns == 30) sim_clock_jump(world->io.clock, -3600 * TIME_SECOND_US);
  if (world->turns == 200) sim_clock_jump(world->io.clock, 3600 * TIME_SECOND_US);
  if (world->turns % 4 == 0) sim_stdin(world->io.loop, line, strlen(line), world->turns >= 300);
  struct metrics *metrics = metrics_new();
  struct buf text;
  buf_init(&text);
  engine_metrics(world->engine, metrics);
  metrics_put_text(metrics, METRICS_PROMETHEUS, &text);
  const char *ahead = strstr(buf_cstr(&text), "tidemark_clock_ahead_seconds{pipeline=\"p\"} ");
  assert_non_null(ahead);
  double seconds = strtod(strchr(ahead, ' ') + 1, NULL);
  if (world->turns < 30 || world->turns > 202) assert_true(seconds == 0);
  if (seconds > *most) *most = seconds;
  buf_fini(&text);
  metrics_free(metrics);
  return true;
}

static size_t times_said(const struct world *world, const char *text) {
  size_t n = 0;
  for (const char *at = world->said; (at = strstr(at, text)) != NULL; at++) n++;
  return n;
}

static void a_clock_that_stands_is_said(void **state) {
  (void)state;
  struct world world;
  double most = 0;
  world_init(&world,
             WORLD_HEAD("") "sources:\n  in: {type: stdin}\n"
                            "sinks:\n  out: {type: file, input: in, path: /out/o.ndjson}\n");
  world.turn = an_hour_ahead;
  world.arg = &most;
  world.scripted = true;
  world_live(&world, "an hour ahead");
  assert_int_equal(times_said(&world, "[clock-stands]"), 1);
  assert_int_equal(times_said(&world, "[clock-goes-on]"), 1);
  assert_true(most > 3500 && most <= 3600);
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(jumps_in_one_life),
      cmocka_unit_test(jumps_and_crashes),
      cmocka_unit_test(a_clock_that_stands_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
