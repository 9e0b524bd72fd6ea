/* engine_world: see engine_world.h. */
#include "engine_world.h"

#include <stdio.h>

#define TURNS_MAX 200000

void world_put(struct disk *disk, const char *path, struct slice text) {
  struct disk_file *file;
  struct err err = {0};
  if (disk_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file, &err) != 0)
    fail_msg("%s", err.text);
  assert_int_equal(disk_write(file, text.data, text.len, 0, &err), 0);
  assert_int_equal(disk_sync(file, &err), 0);
  disk_close(file);
}

void world_get(struct disk *disk, const char *path, struct buf *text) {
  struct disk_file *file;
  struct err err = {0};
  buf_init(text);
  if (disk_open(disk, path, DISK_READ, &file, &err) != 0) return;
  struct disk_stat stat;
  size_t got;
  assert_int_equal(disk_fstat(file, &stat, &err), 0);
  buf_reserve(text, (size_t)stat.size_bytes + 1);
  assert_int_equal(disk_read(file, text->data, (size_t)stat.size_bytes, 0, &got, &err), 0);
  text->len = got;
  disk_close(file);
}

void world_configure(struct world *world, const char *pipeline) {
  world_put(world->disk, "/p.yaml", slice_of(pipeline));
}

void world_init(struct world *world, const char *pipeline) {
  *world = (struct world){.disk = sim_disk_new(), .seed = 1, .wall_us = WORLD_START_US};
  struct err err = {0};
  assert_int_equal(disk_make_dirs(world->disk, "/in", &err), 0);
  assert_int_equal(disk_make_dirs(world->disk, "/out", &err), 0);
  world_configure(world, pipeline);
  const char *const dirs[] = {"/", "/in", "/out"};
  for (int i = 0; i < 3; i++) assert_int_equal(disk_sync_dir(world->disk, dirs[i], &err), 0);
  buf_init(&world->input);
}

void world_fini(struct world *world) {
  disk_free(world->disk);
  buf_fini(&world->input);
  free(world->said);
}

bool world_said(const struct world *world, const char *text) {
  return world->said != NULL && strstr(world->said, text) != NULL;
}

const char *world_env(void *arg, const char *name) {
  (void)arg;
  (void)name;
  return NULL;
}

void world_send(struct world *world, uint64_t bytes) {
  uint64_t left = world->input.len - world->sent;
  if (bytes > left) bytes = left;
  sim_stdin(world->io.loop, world->input.data + world->sent, bytes,
            world->input_ends && bytes == left);
  world->sent += bytes;
}

bool world_produce(struct world *world, FILE *stream) {
  fflush(stream);
  const char *from = strstr(world->said, "reading the standard input from byte ");
  if (from == NULL) return false;
  world->position = strtoull(strpbrk(from, "0123456789"), NULL, 10);
  assert_true(world->position <= world->input.len);
  world->sent = world->position;
  if (world->piece_bytes == 0 && !world->scripted) world_send(world, world->input.len);
  return true;
}

static int turns(struct world *world, struct running *running, uint64_t calls_before,
                 struct err *err) {
  for (world->turns = 0;; world->turns++) {
    world->engine = running->engine;
    if (world->turn != NULL && !world->turn(world)) {
      return err_set(err, ERR_OTHER, "switched off");
    }
    if (world->piece_bytes > 0) world_send(world, world->piece_bytes);
    if (running_turn(running, err) != 0) return -1;
    const struct engine *engine = world->engine = running->engine;
    engine_figures(engine, &world->figures);
    if (world->figures.queued_bytes > world->queued_bytes_most)
      world->queued_bytes_most = world->figures.queued_bytes;
    if (world->calls_max > 0 && sim_disk_calls(world->disk) - calls_before > world->calls_max)
      return err_set(err, ERR_IO, "the machine is down");
    if (engine_state(engine) == ENGINE_DONE) return 0;
    if (engine_state(engine) == ENGINE_FAILED) {
      *err = *engine_error(engine);
      return -1;
    }
    if (world->turns > TURNS_MAX) fail_msg("the engine does not come to an end");
    int64_t next_us = engine_next_turn_us(engine), now_us = clock_wall_us(world->io.clock);
    int64_t wait_us = next_us == TIME_MAX_US ? 1000000 : next_us > now_us ? next_us - now_us : 0;
    if (loop_wait(world->io.loop, wait_us, err) != 0) return -1;
  }
}

static int load(struct world *world, const char *path, const struct diag *diag,
                struct running **running, struct err *err) {
  struct config_source source = {.disk = world->disk, .env = world_env};
  struct configuration *configuration = configuration_load(path, &world->io, &source);
  configuration_say(configuration, path, diag);
  *running = NULL;
  if (configuration_valid(configuration)) {
    *running = running_open(configuration, configuration->graphs[0], &world->io, diag, err);
  } else {
    err_set(err, ERR_CONFIG, "the configuration is wrong");
  }
  configuration_release(configuration);
  return *running != NULL ? 0 : -1;
}

FILE *world_begin(struct world *world, struct err *err) {
  free(world->said);
  FILE *stream = open_memstream(&world->said, &world->said_len);
  assert_int_equal(io_sim_open(&world->io, world->seed++, world->wall_us, world->disk, err), 0);
  if (world->brokers != NULL) sim_kafka_join(world->io.kafka, world->brokers);
  world->engine = NULL;
  world->position = world->queued_bytes_most = 0;
  return stream;
}

void world_end(struct world *world, FILE *stream) {
  world->engine = NULL;
  if (world->off != NULL) world->off(world);
  world->wall_us = clock_wall_us(world->io.clock) + 1000000;
  io_sim_close(&world->io);
  fclose(stream);
}

int world_life(struct world *world, struct err *err) {
  uint64_t calls_before = sim_disk_calls(world->disk);
  FILE *stream = world_begin(world, err);
  struct diag diag = {.stream = stream, .level = DIAG_INFO};
  struct running *running;
  int result = load(world, "/p.yaml", &diag, &running, err);
  if (result == 0) {
    world_produce(world, stream);
    result = turns(world, running, calls_before, err);
  }
  running_close(running);
  world_end(world, stream);
  return result;
}

int world_pair(struct world *world, const char *other, struct err *other_err) {
  struct err err = {0};
  FILE *stream = world_begin(world, &err);
  struct diag diag = {.stream = stream, .level = DIAG_INFO};
  struct running *first, *second;
  if (load(world, "/p.yaml", &diag, &first, &err) != 0) fail_msg("%s", err.text);
  if (load(world, other, &diag, &second, &err) != 0) fail_msg("%s", err.text);
  int result = turns(world, first, 0, &err);
  if (result == 0 && turns(world, second, 0, &err) != 0) *other_err = err;
  running_close(second);
  running_close(first);
  world_end(world, stream);
  return result;
}

void world_live(struct world *world, const char *what) {
  struct err err = {0};
  if (world_life(world, &err) != 0) fail_msg("%s: %s\n%s", what, err.text, world->said);
}

void world_crash(struct world *world, enum sim_unsynced unsynced, uint64_t seed) {
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){0});
  struct random random;
  random_seed(&random, seed);
  sim_disk_crash(world->disk, unsynced, &random);
}

int world_life_down_at(struct world *world, uint64_t n, struct err *err) {
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){.fail_at = n, .fail_is_crash = true});
  world->calls_max = n;
  int result = world_life(world, err);
  world->calls_max = 0;
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){0});
  return result;
}

uint64_t world_lives_cut_short(struct world *world, uint64_t lives_max, uint64_t calls_max,
                               struct random *random) {
  struct err err;
  uint64_t lives = 0;
  while (lives < lives_max &&
         world_life_down_at(world, 1 + random_below(random, calls_max), &err) != 0) {
    world_crash(world, (enum sim_unsynced)random_below(random, 3), random_u64(random));
    lives++;
  }
  return lives;
}

void world_expect(struct world *world, const char *path, const char *wanted) {
  struct buf have;
  world_get(world->disk, path, &have);
  if (!slice_is(buf_slice(&have), wanted))
    fail_msg("%s is\n%.*s\nbut should be\n%s\nsaid:\n%s", path, (int)have.len, have.data, wanted,
             world->said);
  buf_fini(&have);
}

void world_same(struct world *have, struct world *wanted, const char *const *paths,
                const char *what) {
  for (; *paths != NULL; paths++) {
    struct buf a, b;
    world_get(have->disk, *paths, &a);
    world_get(wanted->disk, *paths, &b);
    if (b.len == 0) fail_msg("%s: %s has nothing to compare with", what, *paths);
    if (!slice_equal(buf_slice(&a), buf_slice(&b)))
      fail_msg("%s: %s has %zu bytes, %zu are right, or they differ", what, *paths, a.len, b.len);
    buf_fini(&a);
    buf_fini(&b);
  }
}

void world_records(struct buf *text, int records, int first_id, uint64_t seed) {
  struct random random;
  random_seed(&random, seed);
  for (int i = 0; i < records; i++) {
    int64_t ms = WORLD_START_US / 1000 - 3600000 + i * 100 - (int64_t)random_below(&random, 1500);
    if (random_below(&random, 40) == 0) ms -= 30000;
    if (random_below(&random, 50) == 0) {
      buf_put_text(text, "{\"broken\":\n");
    } else {
      buf_printf(text, "{\"id\":%d,\"t\":%lld,\"k\":\"k%d\",\"v\":%d}\n",
                 first_id + i - (random_below(&random, 20) == 0), (long long)ms,
                 (int)random_below(&random, 5), (int)random_below(&random, 100));
    }
  }
}

const char *const world_out[] = {"/out/out.ndjson", NULL};

void world_expect_error(const struct err *err, enum err_code code, const char *text) {
  if (err->code != code || strstr(err->text, text) == NULL)
    fail_msg("the error is \"%s\" (%d), without \"%s\"", err->text, (int)err->code, text);
}

void world_put_lines(struct world *world, const char *path, int n, int bad_at, const char *bad) {
  struct buf text;
  buf_init(&text);
  for (int i = 0; i < n; i++) {
    char d[8];
    snprintf(d, sizeof d, "\"%03d\"", i % 7 + 1);
    buf_printf(&text, "{\"id\":%d,\"d\":%s,\"pad\":\"0123456789012345678901234\"}\n", 100000 + i,
               i == bad_at ? bad : d);
  }
  assert_int_equal(text.len, (size_t)n * WORLD_LINE_BYTES);
  world_put(world->disk, path, buf_slice(&text));
  buf_fini(&text);
  struct err err;
  assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
}

bool world_some_records(struct world *world) {
  const uint64_t *records = world->arg;
  return world->figures.records < *records || world->turns == 0;
}

bool world_drain_at(struct world *world) {
  const uint64_t *turn = world->arg;
  if (world->turns == *turn) engine_drain(world->engine);
  return true;
}
