/* source_harness: see source_harness.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "daemon/record/envelope.h"
#include "tests/contract/source_harness.h"

#include <stdio.h>
#include <unistd.h>

static const int64_t start_us = INT64_C(1767225600000000);

/* ------------------------------------------------------------------ the engine's side */

struct engine_source {
  struct source_world *world;
};

struct take {
  struct source_world *world;
  uint64_t bytes_left;
  char *blocks[4096];
  size_t n_blocks, block_bytes;
  bool rereading;
  struct buf reread; /* what reread() gave */
  uint64_t reread_at;
};

static struct source_world *world_of(const struct source_ctx *ctx) {
  return (struct source_world *)ctx->engine;
}

void source_ready(struct source_ctx *ctx) {
  world_of(ctx)->ready = true;
}

uint32_t source_partition_add(struct source_ctx *ctx, struct slice name, struct slice identity) {
  struct source_world *world = world_of(ctx);
  assert_true(world->n_partitions < HARNESS_PARTITIONS_MAX);
  assert_true(identity.len <= 1024);
  char *id = mem_alloc(identity.len + 1);
  if (identity.len > 0) memcpy(id, identity.data, identity.len);
  world->partitions[world->n_partitions] = (struct source_partition){
      .name = {mem_strndup(name.data, name.len), name.len}, .identity = {id, identity.len}};
  return world->n_partitions++;
}

uint32_t source_partition_count(const struct source_ctx *ctx) {
  return world_of(ctx)->n_partitions;
}

const struct source_partition *source_partition_get(const struct source_ctx *ctx,
                                                    uint32_t partition) {
  assert_true(partition < world_of(ctx)->n_partitions);
  return &world_of(ctx)->partitions[partition];
}

void source_partition_forget(struct source_ctx *ctx, uint32_t partition) {
  struct source_partition *known = &world_of(ctx)->partitions[partition];
  assert_false(known->forgotten);
  known->forgotten = true;
}

void source_partition_identify(struct source_ctx *ctx, uint32_t partition, struct slice identity) {
  struct source_partition *known = &world_of(ctx)->partitions[partition];
  assert_false(known->forgotten);
  assert_true(identity.len <= 1024);
  free((void *)known->identity.data);
  known->identity = (struct slice){mem_strndup(identity.data, identity.len), identity.len};
}

void take_note(struct take *take, struct slice key, uint64_t value, int64_t ttl_us) {
  struct source_world *world = take->world;
  assert_true(world->n_given > 0 && take->n_blocks > 0);
  assert_in_range(key.len, 1, 1024);
  array_grow((void **)&world->notes, &world->cap_notes, world->n_notes, sizeof *world->notes);
  world->notes[world->n_notes++] =
      (struct given_note){mem_strndup(key.data, key.len), value, ttl_us};
}

bool source_note_find(const struct source_ctx *ctx, struct slice key, uint64_t *value) {
  const struct source_world *world = world_of(ctx);
  for (size_t i = world->n_notes; i-- > 0;) {
    if (!slice_is(key, world->notes[i].key)) continue;
    *value = world->notes[i].value;
    return true;
  }
  return false;
}

void source_partition_seek(struct source_ctx *ctx, uint32_t partition, uint64_t position) {
  assert_true(partition < world_of(ctx)->n_partitions);
  world_of(ctx)->partitions[partition].position = position;
}

void source_commit_soon(struct source_ctx *ctx) {
  world_of(ctx)->commit_soon = true;
}

const char *source_stalled(const struct source_ctx *ctx) {
  return world_of(ctx)->stalled;
}

uint64_t take_bytes_left(const struct take *take) {
  return take->bytes_left;
}

int64_t take_clock_us(const struct take *take) {
  return clock_wall_us(take->world->io.clock);
}

char *take_reserve(struct take *take, size_t bytes) {
  /* Exactly as large as asked for, so that the sanitizer sees what goes beyond. */
  assert_true(take->n_blocks < sizeof take->blocks / sizeof *take->blocks);
  take->block_bytes = bytes;
  return take->blocks[take->n_blocks++] = mem_alloc(bytes > 0 ? bytes : 1);
}

static void tell_value(struct source_world *world, const struct source_partition *partition,
                       const char *data, size_t len) {
  const char *slash = memrchr(partition->name.data, '/', partition->name.len);
  buf_printf(&world->story, "%s: ", slash != NULL ? slash + 1 : partition->name.data);
  buf_put(&world->story, data, len);
  buf_put_char(&world->story, '\n');
}

/* Records with envelopes: a null value is told as "null", and positions are those of the records.
 */
static void tell_enveloped(struct source_world *world, const struct source_partition *partition,
                           const struct given *given, struct slice chunk) {
  struct arena arena;
  uint32_t n;
  arena_init(&arena, 4096);
  assert_int_equal(envelope_chunk_count(chunk, &n), 0);
  assert_true(n > 0);
  struct batch *batch = envelope_batch(rowset_new(&arena, true), chunk);
  for (uint32_t i = 0; i < n; i++) {
    assert_true(batch->positions[i] >= given->from && batch->positions[i] < given->to);
    if (batch->raw[i].data == NULL)
      tell_value(world, partition, "null", 4);
    else
      tell_value(world, partition, batch->raw[i].data, batch->raw[i].len);
  }
  batch_free(batch);
  arena_fini(&arena);
}

static size_t count_lines(const char *data, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) n += data[i] == '\n' || i + 1 == len;
  return n;
}

static void tell(struct source_world *world, const struct source_partition *partition,
                 const char *data, size_t len, int flags) {
  while (len > 0) {
    const char *newline = memchr(data, '\n', len);
    size_t n = newline != NULL ? (size_t)(newline - data) + 1 : len;
    size_t shown = newline != NULL ? n - 1 : n;
    const char *slash = memrchr(partition->name.data, '/', partition->name.len);
    buf_printf(&world->story, "%s%s: ", slash != NULL ? slash + 1 : partition->name.data,
               (flags & TAKE_TOO_LONG) != 0 ? " (too long)" : "");
    buf_put(&world->story, data, shown);
    buf_put_char(&world->story, '\n');
    data += n;
    len -= n;
  }
}

void take_commit(struct take *take, uint32_t number, uint64_t from, uint64_t to, const char *data,
                 size_t len, int flags) {
  struct source_world *world = take->world;
  assert_true(number < world->n_partitions);
  struct source_partition *partition = &world->partitions[number];
  assert_true(from < to && len > 0);
  assert_true(take->n_blocks > 0);
  const char *block = take->blocks[take->n_blocks - 1];
  assert_true(data >= block && data + len <= block + take->block_bytes);
  bool enveloped = (flags & TAKE_ENVELOPED) != 0;
  assert_true(enveloped == world->plugin->enveloped);
  size_t lines = enveloped ? 1 : count_lines(data, len);
  if (len > 256 * 1024 && (flags & TAKE_WHOLE) == 0) assert_int_equal(lines, 1);
  if ((flags & TAKE_TOO_LONG) != 0) assert_int_equal(lines, 1);
  if ((flags & TAKE_COUNTED) != 0)
    assert_int_equal(to - from, lines);
  else if ((flags & (TAKE_TOO_LONG | TAKE_ENVELOPED)) == 0)
    assert_int_equal(to - from, len);

  if (take->rereading) {
    assert_true(from == take->reread_at);
    take->reread_at = to;
    buf_put(&take->reread, data, len);
    return;
  }
  assert_false(partition->ended);
  assert_false(world->ended);
  assert_true(world->gaps ? from >= partition->position : from == partition->position);
  partition->position = to;
  array_grow((void **)&world->given, &world->cap_given, world->n_given, sizeof *world->given);
  world->given[world->n_given++] = (struct given){.partition = number,
                                                  .from = from,
                                                  .to = to,
                                                  .flags = flags,
                                                  .at = world->bytes.len,
                                                  .len = len};
  buf_put(&world->bytes, data, len);
  if (enveloped)
    tell_enveloped(world, partition, &world->given[world->n_given - 1], (struct slice){data, len});
  else
    tell(world, partition, data, len, flags);
  take->bytes_left -= len < take->bytes_left ? len : take->bytes_left;
}

void take_partition_end(struct take *take, uint32_t number) {
  struct source_partition *partition = &take->world->partitions[number];
  assert_false(take->rereading);
  assert_false(partition->ended);
  partition->ended = true;
  const char *slash = memrchr(partition->name.data, '/', partition->name.len);
  buf_printf(&take->world->story, "%s: end\n", slash != NULL ? slash + 1 : partition->name.data);
}

void take_source_end(struct take *take) {
  assert_false(take->world->ended);
  for (uint32_t i = 0; i < take->world->n_partitions; i++)
    assert_true(take->world->partitions[i].ended);
  take->world->ended = true;
  buf_put_text(&take->world->story, "end\n");
}

/* ------------------------------------------------------------------ worlds */

static void io_start(struct source_world *world) {
  struct err err;
  if (!world->simulated) {
    assert_int_equal(io_real_open(&world->io, &err), 0);
    return;
  }
  assert_int_equal(io_sim_open(&world->io, 7, start_us, world->disk, &err), 0);
  sim_watch_set_faults(world->io.watch, world->watch_faults);
}

static void io_stop(struct source_world *world) {
  if (world->simulated)
    io_sim_close(&world->io);
  else
    io_real_close(&world->io);
}

void source_world_open(struct source_world *world, bool simulated) {
  *world = (struct source_world){.simulated = simulated};
  world->diag = (struct diag){.stream = NULL};
  world->common.line_max_bytes = 1024 * 1024;
  world->common.codec = "json";
  strcpy(world->state_folder, "0123456789abcdef");
  if (simulated) {
    world->disk = sim_disk_new();
    strcpy(world->folder, "/data");
  } else {
    strcpy(world->folder, "/tmp/tidemark-source-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
  }
  io_start(world);
  struct err err;
  assert_int_equal(disk_make_dirs(world->io.disk, world->folder, &err), 0);
}

void source_world_forget(struct source_world *world) {
  for (uint32_t i = 0; i < world->n_partitions; i++) {
    free((char *)(uintptr_t)world->partitions[i].name.data);
    free((char *)(uintptr_t)world->partitions[i].identity.data);
  }
  for (size_t i = 0; i < world->n_notes; i++) free(world->notes[i].key);
  world->n_partitions = 0;
  world->n_given = world->n_notes = 0;
  buf_clear(&world->bytes);
  buf_clear(&world->story);
  world->ended = false;
}

void source_world_close(struct source_world *world) {
  source_stop(world);
  source_world_forget(world);
  io_stop(world);
  if (world->simulated) {
    disk_free(world->disk);
  } else {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0);
  }
  free(world->given);
  free(world->notes);
  buf_fini(&world->bytes);
  buf_fini(&world->story);
}

void source_world_file(struct source_world *world, const char *name, const void *data, size_t len) {
  char *path = mem_printf("%s/%s", world->folder, name);
  struct disk_file *file;
  struct err err;
  assert_int_equal(
      disk_open(world->io.disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file, &err), 0);
  assert_int_equal(disk_write(file, data, len, 0, &err), 0);
  disk_close(file);
  free(path);
}

/* What is left of the input behind the log's position becomes standard input. */
static void give_stdin(struct source_world *world) {
  if (world->input == NULL) return;
  uint64_t from = world->n_partitions > 0 ? world->partitions[0].position : 0;
  const char *rest = world->input + from;
  if (world->simulated) {
    sim_stdin(world->io.loop, rest, strlen(rest), true);
    return;
  }
  FILE *file = tmpfile();
  assert_non_null(file);
  assert_int_equal(fwrite(rest, 1, strlen(rest), file), strlen(rest));
  assert_int_equal(fflush(file), 0);
  assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
  assert_int_equal(dup2(fileno(file), 0), 0);
  fclose(file);
}

int source_start(struct source_world *world, const struct source_plugin *plugin,
                 const char *options, struct err *err) {
  /* Another life: nothing but the disk and the log goes on. */
  io_stop(world);
  io_start(world);
  world->plugin = plugin;
  world->ready = world->ended = false;
  compile_init(&world->compile, &world->io, NULL);
  world->instance = compile_component(&world->compile, &plugin->type, NULL, options, world->folder);
  if (compile_result(&world->compile, err) != 0) {
    source_stop(world);
    return -1;
  }
  give_stdin(world);
  if (world->furnish != NULL) world->furnish(world, world->furnish_arg);
  static const struct diag_where where = {"pipeline", "source", "source"};
  world->ctx = (struct source_ctx){.io = &world->io,
                                   .diag = &world->diag,
                                   .where = &where,
                                   .common = &world->common,
                                   .folder = world->state_folder,
                                   .engine = (struct engine_source *)world};
  return plugin->open(world->instance, &world->ctx, err);
}

void source_stop(struct source_world *world) {
  if (world->plugin == NULL) return;
  world->plugin->close(world->instance);
  world->plugin = NULL;
  compile_fini(&world->compile);
}

void source_logged(struct source_world *world) {
  for (uint32_t i = 0; i < world->n_partitions; i++)
    world->plugin->logged(world->instance, i, world->partitions[i].position);
}

void source_acknowledged(struct source_world *world) {
  world->commit_soon = false;
  for (uint32_t i = 0; i < world->n_partitions; i++)
    world->plugin->acknowledged(world->instance, i, world->partitions[i].position);
}

int source_reload(struct source_world *world, const char *options, struct err *err) {
  const struct source_plugin *plugin = world->plugin;
  struct compile compile;
  compile_init(&compile, &world->io, NULL);
  void *new = compile_component(&compile, &plugin->type, NULL, options, world->folder);
  if (plugin->handover.claim(new, &world->io, &world->diag, world->instance, err) != 0) {
    plugin->close(new);
    compile_fini(&compile);
    return -1;
  }
  plugin->handover.adopt(new, world->instance);
  plugin->close(world->instance);
  compile_fini(&world->compile);
  world->compile = compile;
  world->instance = new;
  return plugin->open(new, &world->ctx, err);
}

int source_take_once(struct source_world *world, uint64_t bytes, struct err *err) {
  for (int i = 0; !world->ready; i++) {
    assert_true(i < 1000);
    assert_int_equal(loop_wait(world->io.loop, 1000000, err), 0);
  }
  world->ready = false;
  struct take *take = mem_zalloc(sizeof *take);
  take->world = world;
  take->bytes_left = bytes;
  int result = world->plugin->take(world->instance, take, err);
  for (size_t i = 0; i < take->n_blocks; i++) free(take->blocks[i]);
  free(take);
  return result;
}

static void fail_with(const struct err *err) {
  print_message("%s\n", err->text);
  fail();
}

void source_run(struct source_world *world, const struct source_plugin *plugin, const char *options,
                uint64_t bytes, int restart_every) {
  struct err err;
  if (source_start(world, plugin, options, &err) != 0) fail_with(&err);
  for (int n = 1; !world->ended; n++) {
    if (source_take_once(world, bytes, &err) != 0) fail_with(&err);
    if (restart_every == 0 || n % restart_every != 0 || world->ended) continue;
    source_stop(world);
    if (source_start(world, plugin, options, &err) != 0) fail_with(&err);
  }
  if (plugin->progress != NULL) assert_true(plugin->progress(world->instance) >= 1);
  source_stop(world);
}

void source_check_reread(struct source_world *world, const struct source_plugin *plugin,
                         const char *options) {
  struct err err;
  if (source_start(world, plugin, options, &err) != 0) fail_with(&err);
  if ((plugin->flags(world->instance) & SOURCE_REREADABLE) == 0) {
    source_stop(world);
    return;
  }
  /* Ranges of one commit, and once more with as many as follow on in their partition. */
  for (size_t i = 0; i < world->n_given; i++) {
    for (int joined = 0; joined < 2; joined++) {
      struct take *take = mem_zalloc(sizeof *take);
      take->world = world;
      take->bytes_left = 4 * 1024 * 1024;
      take->rereading = true;
      const struct given *first = &world->given[i];
      struct buf wanted;
      buf_init(&wanted);
      uint64_t to = first->from;
      for (size_t j = i; j < world->n_given && j < i + (joined && !plugin->enveloped ? 5 : 1);
           j++) {
        if (world->given[j].partition != first->partition) continue;
        buf_put(&wanted, world->bytes.data + world->given[j].at, world->given[j].len);
        to = world->given[j].to;
      }
      take->reread_at = first->from;
      for (int ready = 0, turns = 0; plugin->reread_ready != NULL && ready == 0; turns++) {
        assert_true(turns < 10000);
        ready = plugin->reread_ready(world->instance, first->partition, first->from, to, &err);
        if (ready < 0) fail_with(&err);
        if (ready == 0) assert_int_equal(loop_wait(world->io.loop, 1000000, &err), 0);
      }
      if (plugin->reread(world->instance, first->partition, first->from, to, take, &err) != 0)
        fail_with(&err);
      assert_true(take->reread_at == to);
      assert_true(slice_equal(buf_slice(&take->reread), buf_slice(&wanted)));
      buf_fini(&wanted);
      buf_fini(&take->reread);
      for (size_t k = 0; k < take->n_blocks; k++) free(take->blocks[k]);
      free(take);
    }
  }
  source_stop(world);
}

static void compare(struct source_world *world, const char *wanted, const char *way) {
  const char *got = buf_cstr(&world->story);
  if (strcmp(got, wanted) == 0) return;
  size_t at = 0;
  while (got[at] == wanted[at]) at++;
  print_message("%s, from byte %zu:\n got: %.300s\n want: %.300s\n", way, at, got + at,
                wanted + at);
  fail();
}

void source_contract(const struct source_case *test) {
  for (int simulated = 0; simulated < 2; simulated++) {
    struct source_world world;
    source_world_open(&world, simulated);
    world.input = test->input;
    if (test->line_max_bytes > 0) world.common.line_max_bytes = test->line_max_bytes;
    if (test->prepare != NULL) test->prepare(&world);

    /* close() without open(). */
    struct err err;
    void *zeroed = mem_zalloc(test->plugin->type.instance_bytes);
    test->plugin->close(zeroed);
    free(zeroed);

    source_run(&world, test->plugin, test->options, 4 * 1024 * 1024, 0);
    if (test->story != NULL) compare(&world, test->story, "in one take");
    source_check_reread(&world, test->plugin, test->options);
    char *story = mem_strdup(buf_cstr(&world.story));

    static const uint64_t sizes[] = {1, 1000, 100000, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      if (world.bytes.len / sizes[i] > 20000) continue;
      char way[64];
      source_world_forget(&world);
      source_run(&world, test->plugin, test->options, sizes[i], 0);
      snprintf(way, sizeof way, "takes of %llu bytes", (unsigned long long)sizes[i]);
      compare(&world, story, way);
      source_check_reread(&world, test->plugin, test->options);
      source_world_forget(&world);
      int every = strlen(story) / sizes[i] > 300 ? 97 : 1;
      source_run(&world, test->plugin, test->options, sizes[i], every);
      snprintf(way, sizeof way, "takes of %llu bytes and restarts", (unsigned long long)sizes[i]);
      compare(&world, story, way);
    }
    /* A life after the end has nothing more to give. */
    assert_int_equal(source_start(&world, test->plugin, test->options, &err), 0);
    assert_int_equal(source_take_once(&world, 1000, &err), 0);
    assert_true(world.ended);
    source_stop(&world);
    free(story);
    source_world_close(&world);
  }
}
