/* runner: see runner.h; the order in which an epoch is run. */
#include "daemon/flow/run.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

struct runner *runner_new(const struct graph *graph, uint32_t n_workers, uint32_t n_shards,
                          const struct diag *diag) {
  struct runner *runner = mem_zalloc(sizeof *runner);
  runner->graph = graph;
  runner->diag = diag;
  runner->n_workers = n_workers;
  runner->n_shards = n_shards;
  runner->pool = pool_new(graph->io->threads, n_workers);
  runner->next_ord = 1;
  arena_init(&runner->arena, 64 << 10);
  runner->runs = mem_zalloc(graph->n_stages * sizeof *runner->runs);
  runner->sources = mem_zalloc(graph->n_kind[STAGE_SOURCE] * sizeof(struct stage_run *));
  for (size_t i = 0; i < graph->n_stages; i++) {
    struct stage_run *run = &runner->runs[i];
    const struct stage *stage = graph->stages[i];
    run->stage = stage;
    run_figures_init(run);
    run->own_track.start_us = run->floor_us = TIME_MIN_US;
    run->heads = mem_zalloc(stage->n_ports * sizeof *run->heads);
    if (stage->kind == STAGE_SOURCE) {
      runner->sources[stage->kind_index] = run;
      source_time_init(&run->time, stage->source_common,
                       stage->source->bounded(stage->component->instance));
      run->decoders = mem_zalloc(n_workers * sizeof(struct decoder *));
      struct codec_options options = {.strict = stage->source_common->json_strict,
                                      .line_max = stage->source_common->line_max_bytes};
      for (uint32_t w = 0; w < n_workers; w++) {
        run->decoders[w] = stage->codec->decoder_new(&options, stage->ports[0].schema->rowset);
      }
    }
    if (stage->kind == STAGE_KEYED) {
      run->shard_errors = mem_zalloc(n_shards * sizeof *run->shard_errors);
      run->figures.state.memory = graph->io->memory;
      stage->transform->state_new(stage->component->instance, n_shards, &run->figures.state);
    }
  }
  return runner;
}

static bool is_source_list(const struct stage *stage) {
  return stage->kind == STAGE_SOURCE; /* its list of views is the epoch arena's */
}

void runner_free(struct runner *runner) {
  if (runner == NULL) return;
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    struct stage_run *run = &runner->runs[i];
    const struct stage *stage = run->stage;
    for (size_t p = 0; p < stage->n_ports; p++) {
      if (!is_source_list(stage)) free(run->heads[p].list);
    }
    free(run->heads);
    run_figures_fini(run);
    watermark_track_fini(&run->own_track);
    if (stage->kind == STAGE_SOURCE) {
      for (uint32_t w = 0; w < runner->n_workers; w++) stage->codec->decoder_free(run->decoders[w]);
      for (size_t n = 0; n < run->n_partition_names; n++) {
        if (run->partition_names[n].len > 0) free((void *)run->partition_names[n].data);
      }
      free(run->decoders);
      free(run->partition_names);
      source_time_fini(&run->time);
    }
    if (stage->kind == STAGE_KEYED) {
      for (uint32_t s = 0; s < runner->n_shards; s++) free(run->shard_errors[s].list);
      free(run->shard_errors);
      stage->transform->state_free(stage->component->instance);
    }
  }
  pool_free(runner->pool);
  arena_fini(&runner->arena);
  free(runner->batches);
  free(runner->sources);
  free(runner->runs);
  free(runner);
}

void runner_adopt(struct runner *runner, struct batch *batch) {
  if (batch->adopted) return;
  batch->adopted = true;
  array_grow((void **)&runner->batches, &runner->cap_batches, runner->n_batches,
             sizeof *runner->batches);
  runner->batches[runner->n_batches++] = batch;
}

/* Joins what the tasks encoded for a sink. The parts pass to the batch. */
static void sink_collect(struct runner *runner, struct stage_run *run) {
  uint64_t records = 0, bytes = 0;
  size_t n_parts = 0;
  for (size_t t = 0; t < run->n_tasks; t++) {
    for (size_t p = 0; p < run->parts[t].n_pieces; p++)
      records += run->parts[t].pieces[p].n_records;
    bytes += run->parts[t].bytes.len;
    if (run->parts[t].n_pieces > 0) n_parts++;
  }
  run_count_errors(runner, run);
  struct sink_batch *batch = NULL;
  if (n_parts > 0) {
    batch = mem_zalloc(sizeof *batch);
    *batch = (struct sink_batch){.epoch = runner->epoch->number,
                                 .n_records = records,
                                 .n_bytes = bytes,
                                 .clock_us = runner->epoch->clock_us,
                                 .taken_us = runner->epoch->taken_us,
                                 .newest_us = TIME_MIN_US};
    batch->parts = mem_alloc(n_parts * sizeof *batch->parts);
  }
  for (size_t t = 0; t < run->n_tasks; t++) {
    struct sink_part *part = &run->parts[t];
    if (part->n_pieces == 0) {
      buf_fini(&part->bytes);
      free(part->pieces);
      continue;
    }
    /* Routes lie in the rows' batches, which end with the epoch's run. */
    for (size_t p = 0; p < part->n_pieces; p++) {
      struct slice *route = &part->pieces[p].route;
      if (route->len > 0) route->data = mem_strndup(route->data, route->len);
    }
    if (part->newest_us > batch->newest_us) batch->newest_us = part->newest_us;
    batch->parts[batch->n_parts] = *part;
    batch->parts[batch->n_parts++].errors = (struct row_errors){0};
  }
  runner->epoch->batches[run->stage->kind_index] = batch;
}

void sink_batch_free(struct sink_batch *batch) {
  if (batch == NULL) return;
  for (size_t i = 0; i < batch->n_parts; i++) {
    struct sink_part *part = &batch->parts[i];
    for (size_t p = 0; p < part->n_pieces; p++) {
      if (part->pieces[p].route.len > 0) free((void *)part->pieces[p].route.data);
    }
    free(part->pieces);
    buf_fini(&part->bytes);
  }
  free(batch->parts);
  if (batch->rejects != NULL) buf_fini(&batch->rejects->bodies);
  free(batch->rejects);
  free(batch);
}

/* The lowest watermark beyond this one at which something becomes due. What waits for less than a
 * source has reached waits for another source. */
static int64_t next_watermark_us(const struct runner *runner, int64_t beyond_us) {
  int64_t next = TIME_MAX_US;
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    const struct stage *stage = runner->graph->stages[i];
    if (stage->kind != STAGE_KEYED || stage->transform->next_watermark_us == NULL) continue;
    int64_t at = stage->transform->next_watermark_us(stage->component->instance);
    if (at > beyond_us && at < next) next = at;
  }
  return next;
}

/* When the clock alone makes something due: early results, processing time, idle sources. */
int64_t runner_next_clock_us(const struct runner *runner) {
  int64_t next = TIME_MAX_US;
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    const struct stage *stage = runner->graph->stages[i];
    if (stage->kind != STAGE_KEYED) continue;
    if (stage->transform->next_clock_us == NULL) continue;
    int64_t at = stage->transform->next_clock_us(stage->component->instance);
    if (at < next) next = at;
  }
  for (size_t s = 0; s < runner->graph->n_kind[STAGE_SOURCE]; s++) {
    const struct source_time *time = &runner->sources[s]->time;
    int64_t at = source_time_next_clock_us(time, next_watermark_us(runner, time->watermark_us));
    if (at < next) next = at;
  }
  return next;
}

static void epoch_clean(struct runner *runner) {
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    struct stage_run *run = &runner->runs[i];
    for (size_t t = 0; t < run->n_tasks; t++) row_errors_fini(&run->errors[t]);
    run->n_tasks = 0;
  }
  for (size_t i = 0; i < runner->n_batches; i++) batch_free(runner->batches[i]);
  runner->n_batches = 0;
  arena_reset(&runner->arena);
}

void runner_run(struct runner *runner, struct epoch *epoch) {
  runner->epoch = epoch;
  runner->stop_found = false;
  for (size_t i = 0; i < epoch->n_rejects; i++) run_rejects_count(runner, &epoch->rejects[i]);
  runner->first_ord = runner->next_ord++;
  epoch->n_batches = runner->graph->n_kind[STAGE_SINK];
  epoch->batches = mem_zalloc(epoch->n_batches * sizeof(struct sink_batch *));
  run_sources(runner);
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    const struct stage *stage = runner->graph->stages[i];
    struct stage_run *run = &runner->runs[i];
    switch (stage->kind) {
    case STAGE_SOURCE:
      atomic_store(&run->figures.watermark_us, watermark_end(run->track));
      run_figures_partitions(run);
      break;
    case STAGE_STATELESS: run_count_errors(runner, run); break;
    case STAGE_KEYED:
      run_keyed(runner, run);
      run_chains(runner, stage);
      break;
    case STAGE_MERGE:
      run_merge(runner, run);
      run_chains(runner, stage);
      break;
    case STAGE_ERRORS:
      run_errors(runner, run);
      run_chains(runner, stage);
      break;
    case STAGE_SINK: sink_collect(runner, run); break;
    }
  }
  epoch->next_clock_us = runner_next_clock_us(runner);
  runner->stopped |= epoch->stopped;
  run_taps(runner);
  epoch_clean(runner);
  runner->epoch = NULL;
}

/* ------------------------------------------------------------------ state
 * Sections: "runner" (ords, sources' times, partitions' names, arrivals) and per keyed stage its
 * name, one per shard and "name *" for what is the instance's as a whole. */

/* Its type, and what the type says of its options. */
void runner_state_definition(const struct stage *stage, struct buf *out) {
  buf_printf(out, "type: %s\n", stage->transform->type.name);
  if (stage->transform->state_definition != NULL)
    stage->transform->state_definition(stage->component->instance, out);
}

static void runner_put(const struct runner *runner, struct buf *out) {
  struct buf definition;
  buf_init(&definition);
  field_put_u64(out, runner->next_ord);
  field_put_u32(out, runner->n_shards);
  field_put_u64(out, runner->graph->n_kind[STAGE_SOURCE]);
  for (size_t s = 0; s < runner->graph->n_kind[STAGE_SOURCE]; s++) {
    const struct stage_run *run = runner->sources[s];
    field_put_bytes(out, slice_of(run->stage->name));
    field_put_u64(out, run->stage->definition);
    source_time_save(&run->time, out);
    field_put_u64(out, run->n_partition_names);
    for (size_t i = 0; i < run->n_partition_names; i++)
      field_put_bytes(out, run->partition_names[i]);
  }
  field_put_u64(out, runner->graph->n_stages);
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    const struct stage_run *run = &runner->runs[i];
    bool keyed = run->stage->kind == STAGE_KEYED;
    buf_clear(&definition);
    if (keyed) runner_state_definition(run->stage, &definition);
    field_put_u32(out, (uint32_t)run->stage->kind);
    field_put_bytes(out, slice_of(run->stage->name));
    field_put_bytes(out, buf_slice(&definition));
    field_put_u64(out, run->arrivals);
    field_put_i64(out, keyed ? run->floor_us : watermark_end(&run->own_track));
    field_put_u64(out, run->figures.records_in);
    field_put_u64(out, run->figures.records_out);
    field_put_u64(out, run->figures.errors);
    for (int c = 0; c < TRANSFORM_COUNTERS; c++) field_put_u64(out, run->figures.counters[c]);
  }
  buf_fini(&definition);
}

int runner_save(const struct runner *runner, struct snapshot_writer *writer, struct err *err) {
  runner_put(runner, snapshot_begin(writer));
  if (snapshot_end(writer, "runner", 0, err) != 0) return -1;
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    const struct stage *stage = runner->graph->stages[i];
    if (stage->kind != STAGE_KEYED) continue;
    for (uint32_t s = 0; s < runner->n_shards; s++) {
      stage->transform->save(stage->component->instance, s, snapshot_begin(writer));
      if (snapshot_end(writer, stage->name, s, err) != 0) return -1;
    }
    if (stage->transform->save_all == NULL) continue;
    stage->transform->save_all(stage->component->instance, snapshot_begin(writer));
    if (snapshot_end(writer, stage->name, runner->n_shards, err) != 0) return -1;
  }
  return 0;
}

static int figures_get(struct slice body, size_t *at, struct stage_run *run) {
  uint64_t value = 0;
  if (field_get_u64(body, at, &value) != 0) return -1;
  run->figures.records_in = value;
  if (field_get_u64(body, at, &value) != 0) return -1;
  run->figures.records_out = value;
  if (field_get_u64(body, at, &value) != 0) return -1;
  run->figures.errors = value;
  for (int c = 0; c < TRANSFORM_COUNTERS; c++) {
    if (field_get_u64(body, at, &value) != 0) return -1;
    run->figures.counters[c] = value;
  }
  return 0;
}

static struct stage_run *run_find(struct runner *runner, uint32_t kind, struct slice name) {
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    const struct stage *stage = runner->graph->stages[i];
    if ((uint32_t)stage->kind == kind && slice_is(name, stage->name)) return &runner->runs[i];
  }
  return NULL;
}

static bool is_type(struct slice definition, const struct stage *stage) {
  struct buf own;
  buf_init(&own);
  buf_printf(&own, "type: %s\n", stage->transform->type.name);
  bool same = definition.len >= own.len && memcmp(definition.data, own.data, own.len) == 0;
  buf_fini(&own);
  return same;
}

int runner_state_fits(const struct stage *stage, struct slice definition, struct buf *notes,
                      struct err *err) {
  const struct transform_plugin *transform = stage->transform;
  struct buf own;
  buf_init(&own);
  runner_state_definition(stage, &own);
  bool same = slice_equal(buf_slice(&own), definition);
  buf_fini(&own);
  if (same) return 0;
  if (!is_type(definition, stage)) return err_set(err, ERR_CONFIG, "its type has changed");
  if (transform->state_accept == NULL)
    return err_set(err, ERR_CONFIG, "what its state holds has changed");
  const char *newline = memchr(definition.data, '\n', definition.len);
  size_t head = (size_t)(newline + 1 - definition.data);
  struct slice of_plugin = {definition.data + head, definition.len - head};
  return transform->state_accept(stage->component->instance, of_plugin, notes, err);
}

/* The state of a stage of that name, defined otherwise perhaps, is to be loaded next. */
static int definition_get(struct runner *runner, struct stage_run *run, struct slice definition,
                          struct err *err) {
  const struct stage *stage = run->stage;
  const struct transform_common *common = stage->component->common;
  struct buf notes;
  buf_init(&notes);
  struct err why;
  int result = runner_state_fits(stage, definition, &notes, &why);
  struct diag_where where = {runner->graph->pipeline->settings.name, "transform", stage->name};
  if (result == 0 && notes.len > 0) {
    diag_say(runner->diag, MESSAGE_STATE_KEPT, &where, "%s", buf_cstr(&notes));
  } else if (result != 0 && common->on_incompatible == ON_INCOMPATIBLE_RESET) {
    diag_say(runner->diag, MESSAGE_STATE_RESET, &where,
             "%s: it begins with empty state, as on_incompatible says", why.text);
    run->dropped = true;
    result = 0;
  } else if (result != 0) {
    err_set(err, ERR_CONFIG,
            "transform %s: its state cannot be kept: %s; write `on_incompatible: reset` there to "
            "begin with empty state, or give the changed transform another name",
            stage->name, why.text);
  }
  buf_fini(&notes);
  return result;
}

static int damaged(struct err *err) {
  return err_set(err, ERR_CORRUPT, "the state of the runner is not what this version writes");
}

static int stages_get(struct runner *runner, struct slice body, size_t *at, struct err *err) {
  uint64_t n = 0;
  if (field_get_u64(body, at, &n) != 0) return damaged(err);
  for (uint64_t i = 0; i < n; i++) {
    uint32_t kind = 0;
    struct slice name, definition;
    struct stage_run gone = {0};
    if (field_get_u32(body, at, &kind) != 0 || field_get_bytes(body, at, &name) != 0 ||
        field_get_bytes(body, at, &definition) != 0) {
      return damaged(err);
    }
    struct stage_run *run = run_find(runner, kind, name);
    bool keyed = run != NULL && kind == STAGE_KEYED;
    if (keyed && definition_get(runner, run, definition, err) != 0) return -1;
    if (run == NULL || run->dropped) run = &gone;
    int64_t watermark_us = 0;
    if (field_get_u64(body, at, &run->arrivals) != 0 ||
        field_get_i64(body, at, &watermark_us) != 0 || figures_get(body, at, run) != 0) {
      return damaged(err);
    }
    if (keyed)
      run->floor_us = watermark_us;
    else
      run->own_track.start_us = watermark_us;
  }
  return *at == body.len ? 0 : damaged(err);
}

static int source_get(struct runner *runner, struct slice body, size_t *at) {
  struct slice name;
  uint64_t definition = 0, n_names = 0;
  if (field_get_bytes(body, at, &name) != 0 || field_get_u64(body, at, &definition) != 0) return -1;
  struct stage_run gone = {0};
  struct stage_run *run = run_find(runner, STAGE_SOURCE, name);
  if (run == NULL) run = &gone;
  int result = source_time_load(&run->time, body, at);
  if (result == 0) result = field_get_u64(body, at, &n_names);
  for (uint64_t i = 0; i < n_names && result == 0; i++) {
    result = field_get_bytes(body, at, &name);
    if (result != 0 || run == &gone) continue;
    array_grow((void **)&run->partition_names, &run->cap_partition_names, run->n_partition_names,
               sizeof *run->partition_names);
    run->partition_names[run->n_partition_names++] =
        name.len > 0 ? (struct slice){mem_strndup(name.data, name.len), name.len} : slice_of("");
  }
  if (run != &gone && run->n_partition_names != run->time.n_partitions) result = -1;
  if (run == &gone) {
    source_time_fini(&gone.time);
  } else if (result == 0) {
    run->time.track.start_us = run->time.watermark_us;
    if (run->stage->definition != definition) run->time.ended = false; /* it may have more */
  }
  return result;
}

static int runner_get(struct runner *runner, struct slice body, struct err *err) {
  size_t at = 0;
  uint32_t n_shards = 0;
  uint64_t n_sources = 0;
  if (field_get_u64(body, &at, &runner->next_ord) != 0 ||
      field_get_u32(body, &at, &n_shards) != 0 || n_shards != runner->n_shards ||
      field_get_u64(body, &at, &n_sources) != 0) {
    return damaged(err);
  }
  for (uint64_t s = 0; s < n_sources; s++) {
    if (source_get(runner, body, &at) != 0) return damaged(err);
  }
  return stages_get(runner, body, &at, err);
}

int runner_load(struct runner *runner, const struct snapshot_section *section, struct err *err) {
  if (strcmp(section->name, "runner") == 0) return runner_get(runner, section->body, err);
  const struct stage_run *run = run_find(runner, STAGE_KEYED, slice_of(section->name));
  if (run == NULL || run->dropped) return 0;
  const struct transform_plugin *transform = run->stage->transform;
  void *instance = run->stage->component->instance;
  int result;
  if (section->index < runner->n_shards) {
    result = transform->load(instance, section->index, section->body, err);
  } else if (transform->load_all != NULL) {
    result = transform->load_all(instance, section->body, err);
  } else {
    result = err_set(err, ERR_CORRUPT, "a section that this version does not write");
  }
  return result == 0 ? 0 : err_wrap(err, "transform %s", run->stage->name);
}

bool runner_stopped(const struct runner *runner) {
  return runner->stopped;
}

void runner_count_rejects(struct runner *runner, uint32_t stage,
                          const uint64_t codes[RECORD_ERRORS + 1]) {
  struct stage_figures *figures = &runner->runs[stage].figures;
  for (uint32_t i = 0; i <= RECORD_ERRORS; i++) {
    atomic_fetch_add(&figures->errors, codes[i]);
    atomic_fetch_add(&figures->codes[i], codes[i]);
  }
}

void runner_count_keys(struct runner *runner) {
  for (size_t i = 0; i < runner->graph->n_stages; i++) {
    if (runner->graph->stages[i]->kind == STAGE_KEYED) run_figures_keys(&runner->runs[i]);
  }
}

uint64_t runner_state_bytes(const struct runner *runner) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < runner->graph->n_stages; i++)
    bytes += atomic_load_explicit(&runner->runs[i].figures.state.bytes, memory_order_relaxed);
  return bytes;
}

const struct stage_figures *runner_figures(const struct runner *runner, uint32_t stage) {
  return &runner->runs[stage].figures;
}
