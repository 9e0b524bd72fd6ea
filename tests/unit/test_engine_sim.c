/* The engine in a simulated world: whatever I/O call fails, and whatever becomes of writes that
 * were not synced, the next life ends with the same output as one that was never disturbed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/flow/engine.h"
#include "daemon/io/io_sim.h"
#include "daemon/record/time.h"

#include <stdio.h>

#define WALL_US INT64_C(1767225600000000) /* 2026-01-01 */
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
                                      "/out/bad.ndjson"};
#define N_OUTPUTS (sizeof outputs / sizeof outputs[0])

struct outcome {
  struct buf files[N_OUTPUTS];
};

static void outcome_fini(struct outcome *outcome) {
  for (size_t i = 0; i < N_OUTPUTS; i++) buf_fini(&outcome->files[i]);
}

static void file_put(struct disk *disk, const char *path, struct slice text) {
  struct disk_file *file;
  struct err err = {0};
  if (disk_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, &file, &err) != 0)
    fail_msg("%s", err.text);
  assert_int_equal(disk_write(file, text.data, text.len, 0, &err), 0);
  assert_int_equal(disk_sync(file, &err), 0);
  disk_close(file);
}

static void file_get(struct disk *disk, const char *path, struct buf *text) {
  struct disk_file *file;
  struct err err = {0};
  buf_init(text);
  if (disk_open(disk, path, DISK_READ, &file, &err) != 0) return; /* never written to */
  struct disk_stat stat;
  size_t got;
  assert_int_equal(disk_fstat(file, &stat, &err), 0);
  buf_reserve(text, (size_t)stat.size_bytes + 1);
  assert_int_equal(disk_read(file, text->data, (size_t)stat.size_bytes, 0, &got, &err), 0);
  text->len = got;
  disk_close(file);
}

/* Two files with disorder, repeats, late records and broken lines. */
static struct disk *world_new(void) {
  struct disk *disk = sim_disk_new();
  struct err err = {0};
  assert_int_equal(disk_make_dirs(disk, "/in", &err), 0);
  assert_int_equal(disk_make_dirs(disk, "/out", &err), 0);
  struct random random;
  random_seed(&random, 7);
  for (int f = 0; f < 2; f++) {
    struct buf text;
    buf_init(&text);
    for (int i = 0; i < RECORDS; i++) {
      int64_t ms = WALL_US / 1000 - 3600000 + i * 100 - (int64_t)random_below(&random, 1500);
      if (random_below(&random, 40) == 0) ms -= 30000;
      if (random_below(&random, 50) == 0) {
        buf_put_text(&text, "{\"broken\":\n");
      } else {
        buf_printf(&text, "{\"id\":%d,\"t\":%lld,\"k\":\"k%d\",\"v\":%d}\n",
                   f * 10000 + i - (random_below(&random, 20) == 0), (long long)ms,
                   (int)random_below(&random, 5), (int)random_below(&random, 100));
      }
    }
    char path[32];
    snprintf(path, sizeof path, "/in/%d.ndjson", f);
    file_put(disk, path, buf_slice(&text));
    buf_fini(&text);
  }
  file_put(disk, "/p.yaml", slice_of(pipeline_text));
  const char *const dirs[] = {"/", "/in", "/out"};
  for (int i = 0; i < 3; i++) assert_int_equal(disk_sync_dir(disk, dirs[i], &err), 0);
  return disk;
}

static const char *no_env(void *arg, const char *name) {
  (void)arg;
  (void)name;
  return NULL;
}

/* One life of the daemon. 0: it ended with everything delivered. After calls_max calls of the disk
 * the machine is down, whatever the daemon would still try. */
static int life_until(struct disk *disk, uint64_t seed, uint64_t calls_max, struct err *err) {
  struct io io;
  uint64_t calls_before = sim_disk_calls(disk);
  if (io_sim_open(&io, seed, WALL_US, disk, err) != 0) return -1;
  struct config_source source = {.disk = disk, .env = no_env};
  struct config *config = config_load("/p.yaml", registry_catalog(), &source);
  int result = -1;
  struct graph *graph = NULL;
  struct engine *engine = NULL;
  err_set(err, ERR_OTHER, "the configuration could not be read");
  if (config->n_pipelines == 1 && !config_errors_any(&config->errors)) {
    graph = graph_compile(config->pipelines[0], &config->arena, &io, &config->errors);
  }
  if (graph != NULL) result = engine_open(&engine, graph, &io, NULL, err);
  for (int turns = 0; result == 0; turns++) {
    engine_turn(engine);
    if (sim_disk_calls(disk) - calls_before > calls_max) {
      result = err_set(err, ERR_IO, "the machine is down");
      break;
    }
    enum engine_state state = engine_state(engine);
    if (state == ENGINE_DONE) break;
    if (state == ENGINE_FAILED) {
      *err = *engine_error(engine);
      result = -1;
      break;
    }
    if (turns > 100000) fail_msg("the engine does not come to an end");
    int64_t next_us = engine_next_turn_us(engine), now_us = clock_wall_us(io.clock);
    result = loop_wait(io.loop,
                       next_us == TIME_MAX_US ? 1000000
                       : next_us > now_us     ? next_us - now_us
                                              : 0,
                       err);
  }
  engine_close(engine);
  graph_free(graph);
  config_free(config);
  io_sim_close(&io);
  return result;
}

static int life(struct disk *disk, uint64_t seed, struct err *err) {
  return life_until(disk, seed, UINT64_MAX, err);
}

static void outcome_get(struct disk *disk, struct outcome *outcome) {
  for (size_t i = 0; i < N_OUTPUTS; i++) file_get(disk, outputs[i], &outcome->files[i]);
}

static void outcome_compare(struct disk *disk, const struct outcome *wanted, const char *what) {
  struct outcome have;
  outcome_get(disk, &have);
  for (size_t i = 0; i < N_OUTPUTS; i++) {
    if (!slice_equal(buf_slice(&have.files[i]), buf_slice(&wanted->files[i]))) {
      fail_msg("%s: %s has %zu bytes, %zu are right, or they differ", what, outputs[i],
               have.files[i].len, wanted->files[i].len);
    }
  }
  outcome_fini(&have);
}

static void reference_make(struct outcome *wanted, uint64_t *calls) {
  struct disk *disk = world_new();
  struct err err = {0};
  uint64_t before = sim_disk_calls(disk);
  if (life(disk, 1, &err) != 0) fail_msg("%s", err.text);
  *calls = sim_disk_calls(disk) - before;
  outcome_get(disk, wanted);
  for (size_t i = 0; i < N_OUTPUTS; i++) assert_true(wanted->files[i].len > 0);
  disk_free(disk);
}

/* The n-th call fails, and all after it: the machine goes down. Then it comes back. */
static void crash_everywhere(enum sim_unsynced unsynced, uint64_t step) {
  struct outcome wanted;
  uint64_t calls, crashes = 0;
  reference_make(&wanted, &calls);
  for (uint64_t n = 1; n <= calls; n += step) {
    struct disk *disk = world_new();
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "crash at call %llu", (unsigned long long)n);
    sim_disk_set_faults(disk, (struct sim_disk_faults){.fail_at = n, .fail_is_crash = true});
    if (life_until(disk, n, n, &err) != 0) crashes++;
    sim_disk_set_faults(disk, (struct sim_disk_faults){0});
    struct random random;
    random_seed(&random, n);
    sim_disk_crash(disk, unsynced, &random);
    if (life(disk, n + 1, &err) != 0) fail_msg("%s: the next life: %s", what, err.text);
    outcome_compare(disk, &wanted, what);
    disk_free(disk);
  }
  print_message("%llu crashes at %llu calls\n", (unsigned long long)crashes,
                (unsigned long long)calls);
  assert_true(crashes > calls / step / 2);
  outcome_fini(&wanted);
}

static void crash_everywhere_writes_kept(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_KEPT, 1);
}

static void crash_everywhere_writes_dropped(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_DROPPED, 1);
}

static void crash_everywhere_writes_torn(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_MIXED, 1);
}

/* Crash upon crash, each life cut short at another call, until one gets through. */
static void crash_again_and_again(void **state) {
  (void)state;
  struct outcome wanted;
  uint64_t calls;
  reference_make(&wanted, &calls);
  for (uint64_t seed = 1; seed <= 40; seed++) {
    struct disk *disk = world_new();
    struct random random;
    random_seed(&random, seed);
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    for (int lives = 0;; lives++) {
      struct sim_disk_faults faults = {.fail_at = 1 + random_below(&random, calls),
                                       .fail_is_crash = true};
      if (lives == 12) faults.fail_at = 0;
      sim_disk_set_faults(disk, faults);
      int result =
          life_until(disk, random_u64(&random), lives < 12 ? faults.fail_at : UINT64_MAX, &err);
      sim_disk_set_faults(disk, (struct sim_disk_faults){0});
      if (result == 0) break;
      if (lives == 12) fail_msg("%s: undisturbed, and yet: %s", what, err.text);
      sim_disk_crash(disk, (enum sim_unsynced)random_below(&random, 3), &random);
    }
    outcome_compare(disk, &wanted, what);
    disk_free(disk);
  }
  outcome_fini(&wanted);
}

/* A single call fails and things go on: the engine gets through or says why; never a wrong result.
 */
static void one_failure(void **state) {
  (void)state;
  struct outcome wanted;
  uint64_t calls;
  reference_make(&wanted, &calls);
  for (uint64_t n = 1; n <= calls; n++) {
    struct disk *disk = world_new();
    struct err err = {0};
    char what[64];
    snprintf(what, sizeof what, "failure of call %llu", (unsigned long long)n);
    sim_disk_set_faults(disk, (struct sim_disk_faults){.fail_at = n});
    int result = life(disk, n, &err);
    sim_disk_set_faults(disk, (struct sim_disk_faults){0});
    if (result != 0) {
      if (life(disk, n + 1, &err) != 0) fail_msg("%s: the next life: %s", what, err.text);
    }
    outcome_compare(disk, &wanted, what);
    disk_free(disk);
  }
  outcome_fini(&wanted);
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
