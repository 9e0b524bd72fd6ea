/* Numbers of partitions that come again, in a simulated world: a followed file is cut again and
 * again, each time when all of it is in the sink for good. Whenever the machine is switched off,
 * each line is delivered once, and what is kept is what is live. */
#include "engine_world.h"

#include "daemon/flow/metrics.h"

#include <stdio.h>

#define LINES 3 /* of each generation */
#define PIPELINE                                                                                   \
  WORLD_HEAD("checkpoint: {interval: 3ms}\n")                                                      \
  "sources:\n  in: {type: file, mode: tail, path: /in/log.ndjson, rotate_wait: 10ms}\n"            \
  "sinks:\n  out: {type: file, input: in, path: /out/out.ndjson}\n"

struct cuts {
  int generation, generations;
  uint64_t position_wanted;
  uint32_t numbers_most;
};

static int put_generation(struct world *world, const struct cuts *cuts) {
  struct buf text;
  struct disk_file *file = NULL;
  struct err err;
  buf_init(&text);
  for (int i = 0; i < LINES; i++)
    buf_printf(&text, "{\"id\":%d}\n", 10000 + cuts->generation * LINES + i);
  int flags = DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE;
  int result = disk_open(world->disk, "/in/log.ndjson", flags, &file, &err);
  if (result == 0) result = disk_write(file, text.data, text.len, 0, &err);
  if (result == 0) result = disk_sync(file, &err);
  if (result == 0) result = disk_sync_dir(world->disk, "/in", &err);
  disk_close(file);
  buf_fini(&text);
  return result;
}

/* The newest generation is delivered and committed. */
static bool settled(const struct world *world, const struct cuts *cuts, uint32_t *numbers) {
  const struct source_partition *partition;
  struct sink_figures sink;
  bool all = false;
  char first[32]; /* an identity holds how a file begins */
  snprintf(first, sizeof first, "{\"id\":%d}", 10000 + cuts->generation * LINES);
  engine_sink_figures(world->engine, 0, &sink);
  *numbers = 0;
  for (; (partition = engine_source_partition(world->engine, 0, *numbers)) != NULL; (*numbers)++)
    all |= !partition->ended && partition->position == cuts->position_wanted &&
           memmem(partition->identity.data, partition->identity.len, first, strlen(first)) != NULL;
  return all && sink.committed_epoch == world->figures.epoch && world->figures.epoch > 0;
}

static bool turn(struct world *world) {
  struct cuts *cuts = world->arg;
  uint32_t numbers;
  if (world->turns == 0 && cuts->generation == 0 && put_generation(world, cuts) != 0) return false;
  if (world->turns < 2 || engine_state(world->engine) != ENGINE_RUNNING) return true;
  bool done = settled(world, cuts, &numbers);
  if (numbers > cuts->numbers_most) cuts->numbers_most = numbers;
  if (!done) return true;
  if (cuts->generation + 1 == cuts->generations) {
    engine_drain(world->engine);
    return true;
  }
  cuts->generation++;
  /* A crash in the middle leaves half of it, and none of the one before is needed any more. */
  return put_generation(world, cuts) == 0;
}

static void begin(struct world *world, struct cuts *cuts, int generations, uint64_t seed) {
  *cuts = (struct cuts){.generations = generations,
                        .position_wanted = LINES * strlen("{\"id\":10000}\n")};
  world_init(world, PIPELINE);
  world->seed = seed;
  world->turn = turn;
  world->arg = cuts;
}

static void check(struct world *world, const struct cuts *cuts, const char *what) {
  struct buf text;
  int expected = 10000;
  world_get(world->disk, "/out/out.ndjson", &text);
  for (const char *at = buf_cstr(&text); (at = strstr(at, "\"id\":")) != NULL; expected++) {
    at += 5;
    if (atoi(at) != expected) fail_msg("%s: %d where %d is due", what, atoi(at), expected);
  }
  if (expected != 10000 + cuts->generations * LINES)
    fail_msg("%s: it ends at %d\n%s", what, expected, world->said);
  buf_fini(&text);
}

static void numbers_come_again(void **state) {
  (void)state;
  struct world world;
  struct cuts cuts;
  begin(&world, &cuts, 300, 1);
  world_live(&world, "300 generations");
  check(&world, &cuts, "300 generations");
  print_message("%u numbers for 300 partitions\n", (unsigned)cuts.numbers_most);
  assert_in_range(cuts.numbers_most, 2, 12);
  world_fini(&world);
}

static void crash_everywhere(void **state) {
  (void)state;
  struct world world;
  struct cuts cuts;
  enum { GENERATIONS = 14 };
  uint64_t calls = 1, most = 0;
  for (uint64_t n = 0; n <= calls; n++) {
    struct err err;
    char what[64];
    snprintf(what, sizeof what, "crash at call %llu", (unsigned long long)n);
    begin(&world, &cuts, GENERATIONS, n + 1);
    uint64_t before = sim_disk_calls(world.disk);
    if (n > 0) {
      world_life_down_at(&world, n, &err);
      world_crash(&world, n % 2 ? SIM_UNSYNCED_MIXED : SIM_UNSYNCED_DROPPED, n);
      if (put_generation(&world, &cuts) != 0) fail();
    }
    world_live(&world, what);
    if (n == 0) calls = sim_disk_calls(world.disk) - before;
    check(&world, &cuts, what);
    if (cuts.numbers_most > most) most = cuts.numbers_most;
    world_fini(&world);
  }
  print_message("%llu crashes, at most %llu numbers\n", (unsigned long long)calls,
                (unsigned long long)most);
  assert_true(most < GENERATIONS);
}

/* ------------------------------------------------------------------ what is known of a file */

struct growing {
  int steps;
  uint32_t head_bytes[2]; /* of the identity, at first sight and at the end */
};

/* By the form of tail_meet.c: a mark, flags, the start, and then how much of the head is known. */
static uint32_t head_bytes_of(const struct source_partition *partition) {
  const unsigned char *at = (const unsigned char *)partition->identity.data + 4 + 1 + 8;
  return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static bool append_line(struct world *world) {
  struct growing *growing = world->arg;
  struct buf text;
  struct err err;
  world_get(world->disk, "/in/log.ndjson", &text);
  if (world->turns % 30 == 0 && growing->steps < 40) {
    buf_printf(&text, "{\"id\":%d,\"pad\":\"%040d\"}\n", 10000 + growing->steps, 0);
    world_put(world->disk, "/in/log.ndjson", buf_slice(&text));
    assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
    growing->steps++;
  }
  uint64_t size = text.len;
  buf_fini(&text);
  const struct source_partition *partition =
      world->turns > 1 ? engine_source_partition(world->engine, 0, 0) : NULL;
  if (partition == NULL || partition->position != size) return true;
  if (growing->head_bytes[0] == 0) {
    struct metrics *metrics = metrics_new();
    struct buf figures;
    buf_init(&figures);
    engine_metrics(world->engine, metrics);
    metrics_put_text(metrics, METRICS_PROMETHEUS, &figures);
    assert_non_null(strstr(buf_cstr(&figures), "tidemark_file_followed_files{pipeline=\"p\","
                                               "component=\"in\"} 1\n"));
    assert_non_null(strstr(buf_cstr(&figures), "tidemark_file_behind_bytes{pipeline=\"p\","
                                               "component=\"in\"} 0\n"));
    buf_fini(&figures);
    metrics_free(metrics);
    growing->head_bytes[0] = head_bytes_of(partition);
  }
  growing->head_bytes[1] = head_bytes_of(partition);
  if (growing->steps == 40 && world->turns % 30 == 29) engine_drain(world->engine);
  return true;
}

/* One that was short at first sight is known by more when it has more, in another life too. */
static void what_is_known_of_a_file_grows(void **state) {
  (void)state;
  struct world world;
  struct growing growing = {0};
  world_init(&world, PIPELINE);
  world.turn = append_line;
  world.arg = &growing;
  world_live(&world, "appended to");
  assert_in_range(growing.head_bytes[0], 1, 200);
  assert_int_equal(growing.head_bytes[1], 1024);
  growing.head_bytes[0] = 0;
  growing.steps = 40;
  world_live(&world, "the next life");
  assert_int_equal(growing.head_bytes[0], 1024);
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_come_again),
      cmocka_unit_test(crash_everywhere),
      cmocka_unit_test(what_is_known_of_a_file_grows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
