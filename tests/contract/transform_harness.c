/* transform_harness: see transform_harness.h. The engine's side of plugin.h is as small as it can
 * be; a test program links it in place of the engine's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/contract/component_harness.h"
#include "tests/contract/transform_harness.h"

#include "daemon/base/hash.h"
#include "daemon/base/limits.h"
#include "daemon/base/mem.h"

#include <stdio.h>

enum { EPOCH_BATCHES = 64 };

/* One way to run a case. */
struct way {
  const char *name;
  uint32_t n_shards;
  uint32_t epoch_rows; /* 0: random lengths; UINT32_MAX: one epoch */
  uint32_t batch_rows;
  bool reload;
};

struct world {
  const struct transform_case *test;
  const struct way *way;
  struct compile compile;
  uint32_t time_slot; /* of "t" */
  void *instance;
  struct account account;
  const struct codec *codec;
  struct decoder *decoder;
  struct buf ports[HARNESS_PORTS_MAX], errors;
  uint64_t counters[TRANSFORM_COUNTERS];
  struct watermark_track track;
  int64_t clock_us, time_max_us;
  uint64_t n_rows; /* so far */
  uint64_t arrivals;
  uint64_t seed;
};

struct keyed_epoch {
  struct world *world;
  struct batch *made[EPOCH_BATCHES];
  size_t n_made;
  uint64_t port_ord[HARNESS_PORTS_MAX]; /* of the last row emitted */
};

/* ------------------------------------------------------------------ the engine's side */

static void error_put(struct world *world, const struct batch *batch, uint32_t row,
                      const char *code) {
  buf_printf(&world->errors, "%s %.*s\n", code, SLICE_ARG(batch->raw[row]));
}

void keyed_error(struct keyed_run *run, uint32_t shard, size_t view, uint32_t row, const char *code,
                 const char *text) {
  assert_int_equal(hash_shard(run->views[view].hashes[row], run->n_shards), shard);
  row_errors_add(&run->views[view].errors, row, code, text);
}

void keyed_stop(struct keyed_run *run, uint32_t shard, size_t view, uint32_t row, const char *code,
                const char *text) {
  char *stop = arena_printf(&run->views[view].view.batch->arena, "stop:%s", code);
  keyed_error(run, shard, view, row, stop, text);
}

void keyed_count(struct keyed_run *run, enum transform_counter counter, uint64_t n) {
  run->engine->world->counters[counter] += n;
}

void keyed_emit(struct keyed_run *run, size_t port, struct view view) {
  struct world *world = run->engine->world;
  struct keyed_epoch *epoch = run->engine;
  bool is_input = false, is_made = false;
  assert_true(port < world->compile.n_ports);
  for (size_t i = 0; i < run->n_views; i++) is_input |= run->views[i].view.batch == view.batch;
  for (size_t i = 0; i < epoch->n_made; i++) is_made |= epoch->made[i] == view.batch;
  if (!is_input && !is_made) {
    assert_true(epoch->n_made < EPOCH_BATCHES);
    epoch->made[epoch->n_made++] = view.batch;
  }
  for (uint32_t i = 0; i < view.n; i++) {
    uint64_t ord = batch_ord(view.batch, view_row(&view, i));
    assert_true(ord >= epoch->port_ord[port]);
    assert_true(ord >= run->first_ord && ord <= run->last_ord);
    epoch->port_ord[port] = ord;
  }
  world->codec->encode(world->compile.schemas[port], &view, &world->ports[port]);
}

/* ------------------------------------------------------------------ a world */

/* The ports a transform has are those it said it would have. */
static void *transform_make(struct compile *compile, const struct transform_plugin *plugin,
                            const char *options) {
  const struct component_type *type = &plugin->type;
  void *instance = compile_component(compile, type, plugin->compile, options, NULL);
  if (config_errors_any(&compile->errors)) return instance;
  struct slice names[HARNESS_PORTS_MAX];
  size_t n = type->ports != NULL ? type->ports(instance, names, HARNESS_PORTS_MAX) : 0;
  size_t at = 0;
  if (!type->no_main_output) assert_string_equal(compile->ports[at++], "");
  assert_int_equal(compile->n_ports, at + n);
  for (size_t i = 0; i < n; i++) assert_true(slice_is(names[i], compile->ports[at + i]));
  return instance;
}

static uint32_t next_random(struct world *world, uint32_t below) {
  world->seed = world->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)((world->seed >> 33) % below);
}

static void world_init(struct world *world, const struct transform_case *test,
                       const struct way *way) {
  *world = (struct world){.test = test, .way = way, .seed = way->n_shards};
  compile_init(&world->compile, NULL, NULL);
  struct path_step step = {.name = slice_of("t")};
  struct path path = {&step, 1};
  enum value_type type;
  rowset_resolve(world->compile.input->rowset, &path, &world->time_slot, &type);
  world->instance = transform_make(&world->compile, test->plugin, test->options);
  if (config_errors_any(&world->compile.errors)) {
    struct buf text = {0};
    config_errors_put(&world->compile.errors, &text);
    fail_msg("%s", buf_cstr(&text));
  }
  world->codec = codec_find("json");
  struct codec_options options = {.line_max = 1 << 20};
  world->decoder = world->codec->decoder_new(&options, world->compile.input->rowset);
  world->track.start_us = TIME_MIN_US;
  world->time_max_us = TIME_MIN_US;
  if (test->plugin->keyed) test->plugin->state_new(world->instance, way->n_shards, &world->account);
}

static void world_fini(struct world *world) {
  const struct transform_plugin *plugin = world->test->plugin;
  if (plugin->keyed) plugin->state_free(world->instance);
  assert_int_equal(atomic_load(&world->account.bytes), 0);
  if (plugin->fini != NULL) plugin->fini(world->instance);
  world->codec->decoder_free(world->decoder);
  for (size_t i = 0; i < HARNESS_PORTS_MAX; i++) buf_fini(&world->ports[i]);
  buf_fini(&world->errors);
  watermark_track_fini(&world->track);
  compile_fini(&world->compile);
}

/* ------------------------------------------------------------------ state */

static void reload(struct world *world) {
  const struct transform_plugin *plugin = world->test->plugin;
  uint32_t n_shards = world->way->n_shards;
  struct buf *bodies = mem_zalloc(n_shards * sizeof *bodies), all = {0};
  struct err err;
  uint64_t keys = plugin->state_keys(world->instance);
  int64_t next_clock = plugin->next_clock_us ? plugin->next_clock_us(world->instance) : 0;
  int64_t next_watermark =
      plugin->next_watermark_us ? plugin->next_watermark_us(world->instance) : 0;
  for (uint32_t s = 0; s < n_shards; s++) plugin->save(world->instance, s, &bodies[s]);
  if (plugin->save_all != NULL) plugin->save_all(world->instance, &all);

  /* What is cut off is refused, and leaves nothing behind. */
  for (size_t len = 0; len < bodies[0].len; len += 1 + bodies[0].len / 20) {
    plugin->state_free(world->instance);
    assert_int_equal(atomic_load(&world->account.bytes), 0);
    plugin->state_new(world->instance, n_shards, &world->account);
    struct slice cut = {bodies[0].data, len};
    assert_int_equal(plugin->load(world->instance, 0, cut, &err), -1);
  }
  plugin->state_free(world->instance);
  assert_int_equal(atomic_load(&world->account.bytes), 0);
  plugin->state_new(world->instance, n_shards, &world->account);
  if (plugin->load_all != NULL)
    assert_int_equal(plugin->load_all(world->instance, buf_slice(&all), &err), 0);
  for (uint32_t s = 0; s < n_shards; s++) {
    if (plugin->load(world->instance, s, buf_slice(&bodies[s]), &err) != 0)
      fail_msg("%s", err.text);
    struct buf again = {0};
    plugin->save(world->instance, s, &again);
    assert_true(slice_equal(buf_slice(&again), buf_slice(&bodies[s])));
    buf_fini(&again);
    buf_fini(&bodies[s]);
  }
  assert_int_equal(plugin->state_keys(world->instance), keys);
  if (plugin->next_clock_us) assert_int_equal(plugin->next_clock_us(world->instance), next_clock);
  if (plugin->next_watermark_us)
    assert_int_equal(plugin->next_watermark_us(world->instance), next_watermark);
  buf_fini(&all);
  free(bodies);
}

/* ------------------------------------------------------------------ an epoch */

struct epoch_input {
  struct buf block; /* padded before and behind */
  uint32_t n_rows;
  uint64_t watermark_row[256];
  bool ends;
  bool any; /* a tick that must happen even without rows */
};

/* Rows have ords 4, 8, ...; ticks stand between them. */
static uint64_t ord_of(uint64_t row) {
  return (row + 1) * 4;
}

static void run_stateless(struct world *world, struct batch *batch, struct row_errors *errors) {
  struct compile *compile = &world->compile;
  struct view out[HARNESS_PORTS_MAX] = {0};
  uint64_t counters[TRANSFORM_COUNTERS] = {0};
  struct apply apply = {.run = {world->clock_us},
                        .in =
                            view_without((struct view){.batch = batch, .n = batch->n_rows}, errors),
                        .out = out,
                        .counters = counters};
  world->test->plugin->apply(world->instance, &apply);
  row_errors_sort(&apply.errors);
  for (size_t p = 0; p < compile->n_ports; p++) {
    if (out[p].n == 0) continue;
    assert_ptr_equal(out[p].batch, batch);
    world->codec->encode(compile->schemas[p], &out[p], &world->ports[p]);
  }
  for (size_t i = 0; i < apply.errors.n; i++)
    error_put(world, batch, apply.errors.list[i].row, apply.errors.list[i].code);
  row_errors_fini(&apply.errors);
}

/* Groups the rows of a view by shard, as the engine's exchange does. */
static void partition(struct keyed_view *view, uint32_t n_shards) {
  struct arena *arena = &view->view.batch->arena;
  uint32_t *start = arena_zalloc(arena, (n_shards + 1) * sizeof *start);
  uint32_t n = 0;
  view->rows = arena_alloc(arena, view->view.n * sizeof *view->rows);
  for (uint32_t s = 0; s < n_shards; s++) {
    start[s] = n;
    for (uint32_t i = 0; i < view->view.n; i++) {
      uint32_t row = view_row(&view->view, i);
      if (hash_shard(view->hashes[row], n_shards) == s)
        view->rows[n++] = (struct keyed_row){.row = row, .rank = i};
    }
  }
  start[n_shards] = n;
  view->shard_start = start;
}

static void run_keyed(struct world *world, struct batch **batches, struct row_errors *errors,
                      size_t n_batches, uint64_t first_row, uint64_t end_row, bool ended) {
  const struct transform_plugin *plugin = world->test->plugin;
  struct keyed_epoch epoch = {.world = world};
  struct keyed_view views[EPOCH_BATCHES] = {0};
  struct keyed_run run = {.run = {world->clock_us},
                          .first_ord = ord_of(first_row) - 2,
                          .last_ord = ord_of(end_row) - 3,
                          .track = &world->track,
                          .ended = ended,
                          .views = views,
                          .n_views = n_batches,
                          .n_shards = world->way->n_shards,
                          .engine = &epoch};
  if (run.first_ord > run.last_ord) run.first_ord = run.last_ord;
  for (size_t i = 0; i < n_batches; i++) {
    struct keyed_view *view = &views[i];
    struct view all = {.batch = batches[i], .n = batches[i]->n_rows};
    view->view = view_without(all, &errors[i]);
    view->hashes = arena_alloc(&batches[i]->arena, batches[i]->n_rows * sizeof *view->hashes);
    plugin->prepare(world->instance, &run.run, view);
    row_errors_sort(&view->errors);
    view->view = view_without(view->view, &view->errors);
    view->arrival_base = world->arrivals;
    world->arrivals += view->view.n;
    partition(view, run.n_shards);
  }
  /* Shards know nothing of each other: run backwards. */
  for (uint32_t s = run.n_shards; s-- > 0;) plugin->run_shard(world->instance, &run, s);
  plugin->finish(world->instance, &run);
  for (size_t i = 0; i < n_batches; i++) {
    row_errors_sort(&views[i].errors);
    for (size_t k = 0; k < views[i].errors.n; k++)
      error_put(world, batches[i], views[i].errors.list[k].row, views[i].errors.list[k].code);
    row_errors_fini(&views[i].errors);
  }
  for (size_t i = 0; i < epoch.n_made; i++) batch_free(epoch.made[i]);
}

static void padding_put(struct buf *block) {
  static const char padding[LIMIT_PADDING_BYTES];
  buf_put(block, padding, sizeof padding);
}

static void run_epoch(struct world *world, struct epoch_input *input) {
  if (input->n_rows == 0 && !input->any) return;
  if (input->n_rows > 0) padding_put(&input->block);
  struct batch *batches[EPOCH_BATCHES];
  struct row_errors errors[EPOCH_BATCHES] = {0};
  size_t n_batches = 0;
  uint64_t first_row = world->n_rows;
  struct slice text = {0};
  if (input->n_rows > 0) {
    text = (struct slice){input->block.data, input->block.len};
    text.data += LIMIT_PADDING_BYTES;
    text.len -= 2 * LIMIT_PADDING_BYTES;
  }
  while (text.len > 0) {
    struct slice part = {text.data, 0};
    for (uint32_t i = 0; i < world->way->batch_rows && part.len < text.len; i++) {
      const char *end = memchr(text.data + part.len, '\n', text.len - part.len);
      part.len = (size_t)(end + 1 - text.data);
    }
    text = (struct slice){text.data + part.len, text.len - part.len};
    assert_true(n_batches < EPOCH_BATCHES);
    struct batch *batch = world->codec->decode(world->decoder, part, 0, &errors[n_batches]);
    assert_int_equal(errors[n_batches].n, 0);
    batch->time_us = arena_alloc(&batch->arena, batch->n_rows * sizeof *batch->time_us);
    batch->ords = arena_alloc(&batch->arena, batch->n_rows * sizeof *batch->ords);
    for (uint32_t row = 0; row < batch->n_rows; row++) {
      batch->time_us[row] = batch->slots[world->time_slot][row].integer * TIME_SECOND_US;
      batch->ords[row] = ord_of(world->n_rows);
      if (batch->time_us[row] > world->time_max_us) world->time_max_us = batch->time_us[row];
      watermark_track_add(&world->track, batch->ords[row],
                          world->time_max_us - world->test->lateness_s * TIME_SECOND_US);
      watermark_track_add(&world->track, batch->ords[row],
                          (int64_t)input->watermark_row[world->n_rows - first_row]);
      world->n_rows++;
    }
    batches[n_batches++] = batch;
  }
  if (input->ends) watermark_track_add(&world->track, ord_of(world->n_rows) - 3, TIME_MAX_US);
  if (world->test->plugin->keyed) {
    run_keyed(world, batches, errors, n_batches, first_row, world->n_rows, input->ends);
  } else {
    for (size_t i = 0; i < n_batches; i++) run_stateless(world, batches[i], &errors[i]);
  }
  for (size_t i = 0; i < n_batches; i++) {
    row_errors_fini(&errors[i]);
    batch_free(batches[i]);
  }
  buf_fini(&input->block);
  watermark_track_next(&world->track, watermark_end(&world->track));
  *input = (struct epoch_input){0};
  if (world->test->plugin->keyed && world->way->reload) reload(world);
}

/* ------------------------------------------------------------------ a case */

static void put_row(struct epoch_input *input, const char *line, size_t len) {
  if (input->n_rows == 0) padding_put(&input->block);
  buf_put(&input->block, line, len);
  buf_put_char(&input->block, '\n');
  assert_true(input->n_rows < 255);
  input->watermark_row[input->n_rows++] = (uint64_t)TIME_MIN_US;
}

static void result_put(struct world *world, struct buf *out) {
  static const char *const names[TRANSFORM_COUNTERS] = {
      [COUNT_LATE] = "late", [COUNT_DUPLICATES] = "duplicates", [COUNT_DROPPED] = "dropped"};
  for (size_t p = 0; p < world->compile.n_ports; p++) {
    if (world->ports[p].len == 0) continue;
    buf_printf(out, "== %s\n", world->compile.ports[p]);
    buf_put_slice(out, buf_slice(&world->ports[p]));
  }
  if (world->errors.len > 0) {
    buf_put_text(out, "== errors\n");
    buf_put_slice(out, buf_slice(&world->errors));
  }
  for (int i = 0; i < TRANSFORM_COUNTERS; i++) {
    if (world->counters[i] > 0)
      buf_printf(out, "%s %llu\n", names[i], (unsigned long long)world->counters[i]);
  }
}

/* *expected NULL: becomes what came out, for free(). */
static void run_way(const struct transform_case *test, const struct way *way, char **expected) {
  struct world world;
  struct epoch_input input = {0};
  uint32_t left = UINT32_MAX; /* rows until the epoch is cut */
  world_init(&world, test, way);
  for (const char *line = test->input, *end; *line != '\0'; line = end + (*end == '\n')) {
    end = strchr(line, '\n');
    if (end == NULL) end = line + strlen(line);
    long long number;
    if (*line == '{') {
      if (input.n_rows == 0 && !test->fixed_epochs)
        left = way->epoch_rows > 0 ? way->epoch_rows : 1 + next_random(&world, 4);
      put_row(&input, line, (size_t)(end - line));
      if (!test->fixed_epochs && --left == 0) run_epoch(&world, &input);
    } else if (strncmp(line, "---", 3) == 0) {
      if (!test->fixed_epochs) continue;
      input.any = true;
      run_epoch(&world, &input);
    } else if (sscanf(line, "clock %lld", &number) == 1) {
      run_epoch(&world, &input);
      world.clock_us = number * TIME_SECOND_US;
      input.any = true;
    } else if (sscanf(line, "watermark %lld", &number) == 1) {
      int64_t us = number * TIME_SECOND_US;
      if (input.n_rows > 0) {
        input.watermark_row[input.n_rows - 1] = (uint64_t)us;
      } else { /* the row before was the last of an epoch */
        watermark_track_add(&world.track, ord_of(world.n_rows) - 3, us);
        input.any = true;
      }
    } else if (strncmp(line, "end", 3) == 0) {
      input.ends = input.any = true;
    } else {
      fail_msg("not a line of a case: %s", line);
    }
  }
  run_epoch(&world, &input);
  struct buf result = {0};
  result_put(&world, &result);
  world_fini(&world);
  if (*expected == NULL) *expected = mem_strdup(buf_cstr(&result));
  if (strcmp(buf_cstr(&result), *expected) != 0)
    fail_msg("%s, %s:\n%sexpected:\n%s", test->plugin->type.name, way->name, buf_cstr(&result),
             *expected);
  buf_fini(&result);
}

void transform_check(const struct transform_case *test) {
  static const struct way ways[] = {
      {"one epoch, one shard", 1, UINT32_MAX, 1000, false},
      {"one epoch, seven shards, batches of 3", 7, UINT32_MAX, 3, false},
      {"epochs of one row", 3, 1, 1000, false},
      {"epochs of one row, reloaded", 4, 1, 1000, true},
      {"random epochs, reloaded", 5, 0, 2, true},
      {"random epochs, batches of one", 6, 0, 1, false},
      {"random epochs, one shard, reloaded", 1, 0, 1000, true},
  };
  char *expected = test->expected != NULL ? mem_strdup(test->expected) : NULL;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) run_way(test, &ways[i], &expected);
  free(expected);
}

void transform_check_errors(const struct transform_plugin *plugin, const char *options,
                            const char *columns, const char *expected) {
  struct compile compile;
  struct buf text = {0};
  compile_init(&compile, NULL, columns);
  void *instance = transform_make(&compile, plugin, options);
  config_errors_put(&compile.errors, &text);
  assert_string_equal(buf_cstr(&text), expected);
  buf_fini(&text);
  if (plugin->fini != NULL) plugin->fini(instance);
  compile_fini(&compile);
}
