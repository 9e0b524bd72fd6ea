/* sink_harness: see sink_harness.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/json_text.h"
#include "daemon/record/time.h"
#include "tests/contract/sink_harness.h"

#include <stdio.h>

static const int64_t start_us = INT64_C(1767225600000000);

/* ------------------------------------------------------------------ the engine's side */

static void answer(struct engine_sink *engine, enum sink_answer answer, const struct err *err) {
  struct sink_world *world = (struct sink_world *)engine;
  assert_int_equal(world->answer, SINK_ANSWER_NONE);
  world->answer = answer;
  if (err != NULL) world->answer_err = *err;
}

void sink_delivered(struct sink_batch *batch) {
  answer(batch->engine, SINK_ANSWER_DONE, NULL);
}

void sink_retry(struct sink_batch *batch, const struct err *err) {
  answer(batch->engine, SINK_ANSWER_RETRY, err);
}

void sink_failed(struct sink_batch *batch, const struct err *err) {
  answer(batch->engine, SINK_ANSWER_FAILED, err);
}

void sink_reject(struct sink_batch *batch, struct slice record, const char *code,
                 const char *text) {
  struct sink_world *world = (struct sink_world *)batch->engine;
  assert_int_equal(world->answer, SINK_ANSWER_NONE);
  buf_printf(&world->rejected, "%s %.*s: %s\n", code, SLICE_ARG(record), text);
}

void sink_committed(struct sink_commit *commit, struct slice state) {
  struct sink_world *world = (struct sink_world *)commit->engine;
  answer(commit->engine, SINK_ANSWER_DONE, NULL);
  buf_clear(&world->state);
  buf_put_slice(&world->state, state);
  world->held_epoch = commit->epoch;
}

void sink_commit_retry(struct sink_commit *commit, const struct err *err) {
  answer(commit->engine, SINK_ANSWER_RETRY, err);
}
void sink_commit_failed(struct sink_commit *commit, const struct err *err) {
  answer(commit->engine, SINK_ANSWER_FAILED, err);
}

/* ------------------------------------------------------------------ worlds */

static void serve(void *arg, const struct fetch_request *request, struct sim_answer *answer) {
  struct sink_world *world = arg;
  if (world->serve != NULL)
    world->serve(world->serve_arg, request, answer);
  else
    answer->status = 200;
}

static void io_start(struct sink_world *world) {
  struct err err;
  if (!world->simulated) {
    assert_int_equal(io_real_open(&world->io, &err), 0);
    return;
  }
  assert_int_equal(io_sim_open(&world->io, 7, start_us, world->disk, &err), 0);
  sim_fetch_serve(world->io.fetch, serve, world);
}

static void io_stop(struct sink_world *world) {
  if (world->simulated)
    io_sim_close(&world->io);
  else
    io_real_close(&world->io);
}

void sink_world_open(struct sink_world *world, bool simulated) {
  *world = (struct sink_world){.simulated = simulated};
  if (simulated) {
    world->disk = sim_disk_new();
    strcpy(world->folder, "/data");
  } else {
    strcpy(world->folder, "/tmp/tidemark-sink-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
  }
  io_start(world);
  struct err err;
  assert_int_equal(disk_make_dirs(world->io.disk, world->folder, &err), 0);
  assert_int_equal(disk_sync_dir(world->io.disk, "/", &err), 0);
}

void sink_world_forget(struct sink_world *world) {
  buf_clear(&world->state);
  buf_clear(&world->state_before);
  world->held_epoch = world->held_before = 0;
}

void sink_world_close(struct sink_world *world) {
  sink_stop(world);
  io_stop(world);
  if (world->simulated) {
    disk_free(world->disk);
  } else {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0);
  }
  buf_fini(&world->state);
  buf_fini(&world->state_before);
  buf_fini(&world->errors);
  buf_fini(&world->rejected);
}

void sink_world_file(struct sink_world *world, const char *name, const char *text) {
  char *path = mem_printf("%s/%s", world->folder, name);
  struct disk_file *file;
  struct err err;
  assert_int_equal(
      disk_open(world->io.disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file, &err), 0);
  assert_int_equal(disk_write(file, text, strlen(text), 0, &err), 0);
  assert_int_equal(disk_sync(file, &err), 0);
  disk_close(file);
  assert_int_equal(disk_sync_dir(world->io.disk, world->folder, &err), 0);
  free(path);
}

static void dump_file(struct disk *disk, const char *path, uint64_t size, struct buf *out) {
  struct disk_file *file;
  struct err err;
  size_t got;
  assert_int_equal(disk_open(disk, path, DISK_READ, &file, &err), 0);
  assert_int_equal(disk_read(file, buf_reserve(out, (size_t)size + 1), (size_t)size, 0, &got, &err),
                   0);
  out->len += got;
  disk_close(file);
}

static void dump_folder(struct disk *disk, const char *folder, const char *shown, struct buf *out) {
  char **names;
  size_t n;
  struct err err;
  assert_int_equal(disk_list(disk, folder, &names, &n, &err), 0);
  for (size_t i = 0; i < n; i++) {
    if (strncmp(names[i], ".tidemark-", 10) == 0) continue;
    char *path = mem_printf("%s/%s", folder, names[i]);
    char *name = mem_printf("%s%s", shown, names[i]);
    bool found;
    struct disk_stat stat;
    assert_int_equal(disk_stat(disk, path, &found, &stat, &err), 0);
    if (stat.type == DISK_DIR) {
      char *below = mem_printf("%s/", name);
      dump_folder(disk, path, below, out);
      free(below);
    } else {
      buf_printf(out, "== %s\n", name);
      dump_file(disk, path, stat.size_bytes, out);
    }
    free(path);
    free(name);
  }
  free(names);
}

char *sink_world_dump(struct sink_world *world) {
  struct buf out;
  buf_init(&out);
  dump_folder(world->io.disk, world->folder, "", &out);
  buf_cstr(&out);
  return out.data;
}

/* ------------------------------------------------------------------ the sink */

int sink_start(struct sink_world *world, const struct sink_plugin *plugin, const char *options,
               struct err *err) {
  sink_stop(world);
  io_stop(world);
  io_start(world);
  world->plugin = plugin;
  compile_init(&world->compile, &world->io, NULL);
  world->instance =
      compile_component(&world->compile, &plugin->type, plugin->compile, options, world->folder);
  if (compile_result(&world->compile, err) != 0) return -1;
  world->common = (struct sink_common){.codec = "json"};
  static const struct diag_where where = {"pipeline", "sink", "sink"};
  world->ctx = (struct sink_ctx){.io = &world->io,
                                 .diag = &world->diag,
                                 .where = &where,
                                 .id = "pipeline/sink",
                                 .common = &world->common,
                                 .codec = codec_find("json"),
                                 .engine = (struct engine_sink *)world};
  uint64_t held = world->held_epoch;
  if (plugin->open(world->instance, &world->ctx, buf_slice(&world->state), &held, err) != 0)
    return -1;
  assert_int_equal(held, world->held_epoch);
  return 0;
}

void sink_stop(struct sink_world *world) {
  if (world->plugin == NULL) return;
  world->plugin->close(world->instance);
  world->plugin = NULL;
  compile_fini(&world->compile);
}

void sink_crash(struct sink_world *world, enum sim_unsynced unsynced, uint64_t seed) {
  assert_true(world->simulated);
  /* Closing must not tidy up: a dead machine does not. */
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){.fail_at = 1, .fail_is_crash = true});
  sink_stop(world);
  io_sim_close(&world->io);
  struct random random;
  random_seed(&random, seed);
  sim_disk_crash(world->disk, unsynced, &random);
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){0});
  io_start(world);
}

static enum sink_answer wait_answer(struct sink_world *world, struct err *err) {
  for (int i = 0; world->answer == SINK_ANSWER_NONE; i++) {
    if (world->ends != NULL && world->ends(world)) return SINK_ANSWER_NONE;
    assert_true(i < 10000);
    assert_int_equal(loop_wait(world->io.loop, 10000000, err), 0);
  }
  *err = world->answer_err;
  return world->answer;
}

static struct batch *decode(struct sink_world *world, const char *records, char **block) {
  size_t len = strlen(records);
  *block = mem_zalloc(len + 2 * LIMIT_PADDING_BYTES);
  memcpy(*block + LIMIT_PADDING_BYTES, records, len);
  struct rowset *rowset = world->compile.input->rowset;
  struct codec_options options = {.line_max = 1 << 20};
  struct decoder *decoder = world->ctx.codec->decoder_new(&options, rowset);
  struct row_errors errors = {0};
  struct batch *batch = world->ctx.codec->decode(
      decoder, (struct slice){*block + LIMIT_PADDING_BYTES, len}, 0, &errors);
  assert_int_equal(errors.n, 0);
  row_errors_fini(&errors);
  world->ctx.codec->decoder_free(decoder);
  batch->time_us = arena_alloc(&batch->arena, (batch->n_rows + 1) * sizeof *batch->time_us);
  struct path_step t = {.name = {"t", 1}};
  for (uint32_t row = 0; row < batch->n_rows; row++) {
    struct value value;
    assert_int_equal(json_text_get(batch->raw[row], &t, 1, &batch->arena, &value), 0);
    batch->time_us[row] = value.type == VALUE_INT ? value.integer * TIME_SECOND_US : 0;
  }
  return batch;
}

static void encode_half(struct sink_world *world, const struct batch *batch, uint32_t from,
                        uint32_t to, struct sink_part *part) {
  uint32_t *sel = mem_alloc((to - from + 1) * sizeof *sel);
  for (uint32_t i = from; i < to; i++) sel[i - from] = i;
  struct view view = {.batch = (struct batch *)(uintptr_t)batch, .sel = sel, .n = to - from};
  struct expr_run run = {0};
  world->plugin->encode(world->instance, &world->ctx, &run, world->compile.input, &view, part);
  row_errors_sort(&part->errors);
  for (size_t i = 0; i < part->errors.n; i++)
    buf_printf(&world->errors, "%s: %s\n", part->errors.list[i].code, part->errors.list[i].text);
  free(sel);
}

enum sink_answer sink_give(struct sink_world *world, uint64_t epoch, int64_t clock_s,
                           const char *records, struct err *err) {
  char *block;
  struct batch *records_batch = decode(world, records, &block);
  struct sink_part parts[2] = {0};
  uint32_t middle = records_batch->n_rows / 2;
  encode_half(world, records_batch, 0, middle, &parts[0]);
  encode_half(world, records_batch, middle, records_batch->n_rows, &parts[1]);
  struct sink_batch batch = {.epoch = epoch,
                             .parts = parts,
                             .n_parts = 2,
                             .n_records = records_batch->n_rows,
                             .n_bytes = parts[0].bytes.len + parts[1].bytes.len,
                             .clock_us = clock_s * TIME_SECOND_US,
                             .engine = (struct engine_sink *)world};
  world->answer = SINK_ANSWER_NONE;
  world->plugin->write(world->instance, &batch);
  enum sink_answer answered = wait_answer(world, err);
  if (answered == SINK_ANSWER_NONE) sink_stop(world);
  for (int i = 0; i < 2; i++) {
    buf_fini(&parts[i].bytes);
    free(parts[i].pieces);
    row_errors_fini(&parts[i].errors);
  }
  batch_free(records_batch);
  free(block);
  return answered;
}

enum sink_answer sink_commit_now(struct sink_world *world, uint64_t epoch, struct err *err) {
  /* The state given last is in the log by now. */
  buf_clear(&world->state_before);
  buf_put_slice(&world->state_before, buf_slice(&world->state));
  world->held_before = world->held_epoch;
  struct sink_commit commit = {.epoch = epoch, .engine = (struct engine_sink *)world};
  world->answer = SINK_ANSWER_NONE;
  world->plugin->commit(world->instance, &commit);
  return wait_answer(world, err);
}

int sink_play(struct sink_world *world, const struct sink_step *steps, struct err *err) {
  for (uint64_t epoch = 1; steps[epoch - 1].records != NULL; epoch++) {
    const struct sink_step *step = &steps[epoch - 1];
    if (epoch <= world->held_epoch) continue;
    if (sink_give(world, epoch, step->clock_s, step->records, err) != SINK_ANSWER_DONE) return -1;
    if (!step->commit && steps[epoch].records != NULL) continue;
    if (sink_commit_now(world, epoch, err) != SINK_ANSWER_DONE) return -1;
  }
  return 0;
}
