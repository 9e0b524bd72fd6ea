/* Event time and the clock in a simulated world: what was delivered before a crash is what the
 * replay gives, byte for byte, though it asked the clock; quiet streams, partitions that come back,
 * clocks that are wrong, records that say the watermark themselves. */
#include "engine_world.h"

#include <stdio.h>

#define SECONDS(n) ((n)*TIME_SECOND_US)
#define MS_US(n) (INT64_C(1000) * (n))
#define MS(seconds) ((long long)(WORLD_START_US / 1000) + (long long)((seconds)*1000))

#define HEAD                                                                                       \
  "pipeline: p\n"                                                                                  \
  "state: {dir: /state}\n"                                                                         \
  "log: {segment: 1MiB}\n"                                                                         \
  "shards: 4\n"

/* ------------------------------------------------------------------ a script of things to come */

struct line {
  int64_t at_us; /* since the world began */
  const char *text;
};

struct script { /* of the producer of standard input; a life ends at stop_us */
  const struct line *lines;
  size_t n;
  int64_t stop_us;
};

/* Sends what is due. A producer that resumes in the middle begins with the line at that byte. */
static bool play(struct world *world) {
  struct script *script = world->arg;
  int64_t now_us = clock_wall_us(world->io.clock) - WORLD_START_US;
  if (now_us >= script->stop_us) return false;
  uint64_t at = 0, end = world->sent;
  for (size_t i = 0; i < script->n && script->lines[i].at_us <= now_us; i++) {
    at += strlen(script->lines[i].text);
    if (at > end) end = at;
  }
  if (end > world->sent) {
    sim_stdin(world->io.loop, world->input.data + world->sent, end - world->sent, false);
    world->sent = end;
  }
  return true;
}

static void script_start(struct world *world, const char *pipeline, struct script *script) {
  world_init(world, pipeline);
  for (size_t i = 0; i < script->n; i++) buf_put_text(&world->input, script->lines[i].text);
  world->turn = play;
  world->arg = script;
  world->scripted = true;
}

/* One life until a time; the machine is switched off then. */
static void live_until(struct world *world, struct script *script, int64_t stop_us) {
  struct err err = {0};
  script->stop_us = stop_us;
  if (world_life(world, &err) != 0 && strcmp(err.text, "switched off") != 0)
    fail_msg("%s\n%s", err.text, world->said);
}

/* ------------------------------------------------------------------ the clock is in the log */

static const char *const clock_pipelines[] = {
    HEAD
    "checkpoint: {interval: 700ms}\n"
    "sources:\n"
    "  in: {type: generate, template: '{\"k\":\"{{choice a b c}}\",\"v\":{{int 1 9}}}',\n"
    "       rate: 50, count: 400}\n"
    "transforms:\n"
    "  sums: {type: window, input: in, time: processing, window: {tumbling: 1s}, group_by: k,\n"
    "         aggregate: {n: count(*), v: sum(v)}}\n"
    "sinks:\n"
    "  out: {type: file, input: sums, path: /out/sums.ndjson}\n",
    HEAD
    "checkpoint: {interval: 700ms}\n"
    "sources:\n"
    "  in: {type: generate, event_time: t, rate: 50, count: 400,\n"
    "       watermark: {max_lateness: 1s},\n"
    "       template: '{\"t\":{{time ms 300ms}},\"k\":\"{{choice a b c}}\",\"v\":{{int 1 9}}}'}\n"
    "transforms:\n"
    "  sums: {type: window, input: in, window: {tumbling: 3s}, group_by: k,\n"
    "         emit: {on_close: true, every: 500ms}, aggregate: {n: count(*), v: sum(v)}}\n"
    "sinks:\n"
    "  out: {type: file, input: sums, path: /out/sums.ndjson}\n",
};

static bool until_stop(struct world *world) {
  int64_t *stop_us = world->arg;
  return clock_wall_us(world->io.clock) < *stop_us;
}

/* Killed at any moment, again and again: what is in the file is at each moment the beginning of
 * what is there at the end, and each record is counted once. */
static void clock_replayed(void **state) {
  (void)state;
  for (size_t p = 0; p < sizeof clock_pipelines / sizeof clock_pipelines[0]; p++) {
    for (uint64_t seed = 1; seed <= 25; seed++) {
      struct world world;
      struct err err = {0};
      struct random random;
      int64_t stop_us;
      struct buf before[4], end;
      random_seed(&random, seed);
      world_init(&world, clock_pipelines[p]);
      world.seed = seed;
      world.turn = until_stop;
      world.arg = &stop_us;
      for (int lives = 0; lives < 4; lives++) {
        stop_us = world.wall_us + (int64_t)random_below(&random, 2500000);
        world_life(&world, &err);
        /* What was committed stays; what was only written may have to go again. */
        world_crash(&world, (enum sim_unsynced)random_below(&random, 2), seed);
        world_get(world.disk, "/out/sums.ndjson", &before[lives]);
      }
      stop_us = INT64_MAX;
      world_live(&world, "the last life");
      world_get(world.disk, "/out/sums.ndjson", &end);
      for (int lives = 0; lives < 4; lives++) {
        struct slice have = {end.data, before[lives].len};
        if (before[lives].len > end.len || !slice_equal(buf_slice(&before[lives]), have))
          fail_msg("pipeline %zu, seed %llu: life %d had delivered\n%.*s\nthe end has\n%.*s", p,
                   (unsigned long long)seed, lives, (int)before[lives].len, before[lives].data,
                   (int)end.len, end.data);
        buf_fini(&before[lives]);
      }
      uint64_t n = 0;
      for (const char *at = end.data; at < end.data + end.len;) {
        const char *newline = memchr(at, '\n', (size_t)(end.data + end.len - at));
        const char *number = strstr(at, "\"n\":");
        bool final = p == 0 || (strstr(at, "\"_final\":true") != NULL &&
                                strstr(at, "\"_final\":true") < newline);
        if (final) n += strtoull(number + 4, NULL, 10);
        at = newline + 1;
      }
      assert_int_equal(n, 400);
      buf_fini(&end);
      world_fini(&world);
    }
  }
}

/* ------------------------------------------------------------------ quiet streams */

#define QUIET(idle)                                                                                \
  HEAD "checkpoint: {interval: 1s}\n"                                                              \
       "sources:\n"                                                                                \
       "  in: {type: stdin, event_time: t, watermark: {max_lateness: 2s" idle "}}\n"               \
       "transforms:\n"                                                                             \
       "  sums: {type: window, input: in, window: {tumbling: 10s}, aggregate: {n: count(*)}}\n"    \
       "sinks:\n"                                                                                  \
       "  out: {type: file, input: sums, path: /out/sums.ndjson}\n"                                \
       "  late: {type: file, input: sums.late, path: /out/late.ndjson}\n"                          \
       "  bad: {type: file, input: in.errors, path: /out/bad.ndjson}\n"

#define FIRST                                                                                      \
  "{\"window_start\":\"2026-01-01T00:00:00Z\",\"window_end\":\"2026-01-01T00:00:10Z\",\"n\":"
#define SECOND                                                                                     \
  "{\"window_start\":\"2026-01-01T00:00:10Z\",\"window_end\":\"2026-01-01T00:00:20Z\",\"n\":"

static void quiet_closes(void **state) {
  (void)state;
  char lines[2][64];
  snprintf(lines[0], 64, "{\"t\":%lld}\n", MS(1));
  snprintf(lines[1], 64, "{\"t\":%lld}\n", MS(7));
  struct line script_lines[] = {{SECONDS(1), lines[0]}, {SECONDS(7), lines[1]}};
  struct script script = {script_lines, 2, 0};
  struct world world;
  /* Idle from 7 + 5 = 12 on, from watermark 5; it reaches 10 at 17. */
  script_start(&world, QUIET(", idle_timeout: 5s"), &script);
  live_until(&world, &script, SECONDS(16));
  world_expect(&world, "/out/sums.ndjson", "");
  live_until(&world, &script, SECONDS(19)); /* after a crash, too */
  world_expect(&world, "/out/sums.ndjson", FIRST "2}\n");
  world_fini(&world);
  script_start(&world, QUIET(", idle_timeout: 5s, when_idle: hold"), &script);
  live_until(&world, &script, SECONDS(3600));
  world_expect(&world, "/out/sums.ndjson", "");
  world_fini(&world);
  script_start(&world, QUIET(""), &script);
  live_until(&world, &script, SECONDS(3600));
  world_expect(&world, "/out/sums.ndjson", "");
  world_fini(&world);
}

/* Idle, and the watermark went on to where a record that comes back is behind it: the stream is
 * active, then quiet again, and its last window closes by itself again. */
static void quiet_again(void **state) {
  (void)state;
  char lines[3][64];
  snprintf(lines[0], 64, "{\"t\":%lld}\n", MS(9));
  snprintf(lines[1], 64, "{\"t\":%lld}\n", MS(14));
  struct line script_lines[] = {{SECONDS(9), lines[0]}, {SECONDS(25), lines[1]}};
  struct script script = {script_lines, 2, 0};
  struct world world;
  /* Idle at 14, W 7; W 10 at 17 closes the first window and nothing is due; the record at 25 has
   * W 12, behind the 18 of the clock at 25: idle again at 30, W 20 after as long as it takes. */
  script_start(&world, QUIET(", idle_timeout: 5s"), &script);
  live_until(&world, &script, SECONDS(60));
  world_expect(&world, "/out/sums.ndjson", FIRST "1}\n" SECOND "1}\n");
  world_expect(&world, "/out/late.ndjson", "");
  world_fini(&world);
}

static void future_guard(void **state) {
  (void)state;
  char lines[4][96];
  snprintf(lines[0], 96, "{\"t\":%lld}\n", MS(1));
  snprintf(lines[1], 96, "{\"t\":%lld}\n", MS(3700)); /* more than an hour ahead */
  snprintf(lines[2], 96, "{\"t\":%lld}\n", MS(2));
  snprintf(lines[3], 96, "{\"t\":%lld}\n", MS(12));
  struct line script_lines[] = {{SECONDS(1), lines[0]},
                                {SECONDS(1), lines[1]},
                                {SECONDS(2), lines[2]},
                                {SECONDS(3), lines[3]}};
  struct script script = {script_lines, 4, 0};
  struct world world;
  script_start(&world, QUIET(""), &script);
  live_until(&world, &script, SECONDS(6));
  world_expect(&world, "/out/sums.ndjson", FIRST "2}\n");
  world_expect(&world, "/out/late.ndjson", "");
  struct buf bad;
  world_get(world.disk, "/out/bad.ndjson", &bad);
  assert_non_null(strstr(buf_cstr(&bad), "time.future"));
  buf_fini(&bad);
  world_fini(&world);
}

static const char punctuated[] =
    HEAD "checkpoint: {interval: 1s}\n"
         "sources:\n"
         "  in: {type: stdin, event_time: t, watermark: {when: mark is not null, value: mark}}\n"
         "transforms:\n"
         "  sums: {type: window, input: in, window: {tumbling: 10s}, aggregate: {n: count(*)}}\n"
         "sinks:\n"
         "  out: {type: file, input: sums, path: /out/sums.ndjson}\n"
         "  late: {type: file, input: sums.late, path: /out/late.ndjson}\n"
         "  bad: {type: file, input: in.errors, path: /out/bad.ndjson}\n";

/* A mark is the watermark from behind its record on; one that is too far ahead of the clock is an
 * error like a record's time is. */
static void punctuation(void **state) {
  (void)state;
  char lines[6][96];
  snprintf(lines[0], 96, "{\"t\":%lld}\n", MS(1));
  snprintf(lines[1], 96, "{\"t\":%lld}\n", MS(15));
  snprintf(lines[2], 96, "{\"t\":%lld}\n", MS(2)); /* not late: nothing was marked */
  snprintf(lines[3], 96, "{\"t\":%lld,\"mark\":%lld}\n", MS(3), MS(10));
  snprintf(lines[4], 96, "{\"t\":%lld}\n", MS(4)); /* late */
  snprintf(lines[5], 96, "{\"t\":%lld,\"mark\":%lld}\n", MS(16), MS(400000));
  struct line script_lines[6];
  for (int i = 0; i < 6; i++) script_lines[i] = (struct line){SECONDS(1), lines[i]};
  struct script script = {script_lines, 6, 0};
  struct world world;
  script_start(&world, punctuated, &script);
  live_until(&world, &script, SECONDS(5));
  world_expect(&world, "/out/sums.ndjson", FIRST "3}\n");
  struct buf late, bad;
  world_get(world.disk, "/out/late.ndjson", &late);
  assert_int_equal(strncmp(buf_cstr(&late), lines[4], strlen(lines[4]) - 2), 0);
  world_get(world.disk, "/out/bad.ndjson", &bad);
  assert_non_null(strstr(buf_cstr(&bad), "time.future"));
  buf_fini(&late);
  buf_fini(&bad);
  world_fini(&world);
}

/* What comes within epoch.linger is one epoch, though the pipeline has nothing else to do. */
static void lingering(void **state) {
  (void)state;
#define LINGER(ms)                                                                                 \
  HEAD "checkpoint: {interval: 5ms}\nepoch: {linger: " ms "ms}\n"                                  \
       "sources:\n  in: {type: stdin}\n"                                                           \
       "sinks:\n  out: {type: file, input: in, path: /out/out.ndjson}\n"
  static const char *const pipelines[] = {LINGER("0"), LINGER("95")};
  struct line lines[40];
  uint64_t epochs[2];
  for (size_t i = 0; i < 40; i++) lines[i] = (struct line){MS_US(10) * (int64_t)i, "{\"a\":1}\n"};
  for (size_t i = 0; i < 2; i++) {
    struct world world;
    struct script script = {.lines = lines, .n = 40};
    script_start(&world, pipelines[i], &script);
    live_until(&world, &script, SECONDS(1));
    assert_int_equal(world.figures.records, 40);
    epochs[i] = world.figures.epoch;
    world_fini(&world);
  }
  assert_in_range(epochs[0], 35, 40);
  assert_in_range(epochs[1], 4, 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clock_replayed), cmocka_unit_test(quiet_closes),
      cmocka_unit_test(quiet_again),    cmocka_unit_test(future_guard),
      cmocka_unit_test(punctuation),    cmocka_unit_test(lingering),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
