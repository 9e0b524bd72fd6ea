/* run_source: from chunks of bytes to rows with event time, ord and watermark.
 *
 * Chunks are decoded by any worker, which at once runs the source's chain on them. Ords and
 * watermarks need the chunks in order: one pass over the event times afterwards. */
#include "daemon/flow/run.h"

#include "daemon/base/mem.h"
#include "daemon/record/envelope.h"

#include <stdlib.h>

struct punctuation {
  uint32_t row;
  int64_t watermark_us;
};

struct source_task { /* of one chunk */
  struct view view;  /* rows that are well */
  struct row_errors errors;
  struct punctuation *punctuations; /* in the batch's arena */
  uint32_t n_punctuations;
  size_t task; /* number among the chunks of its source */
};

struct source_work {
  struct runner *runner;
  struct source_task *tasks; /* [chunks] */
};

/* A line longer than max_line comes alone, as a record that is in error; whole, or what a source
 * keeps of it at most. That there was more shows in the positions where these count bytes. */
static const char *too_long_text(const struct stage *stage, const struct chunk *chunk, size_t len,
                                 struct arena *arena) {
  unsigned long long limit = (unsigned long long)stage->source_common->line_max_bytes;
  uint64_t bytes = chunk->to - chunk->from;
  if ((chunk->flags & TAKE_COUNTED) || bytes <= chunk->len)
    return arena_printf(arena, "the line has %zu bytes, max_line allows %llu", len, limit);
  return arena_printf(
      arena,
      "the line takes %llu bytes of the input, max_line allows %llu; only its first "
      "%zu bytes are kept here",
      (unsigned long long)bytes, limit, len);
}

static struct batch *too_long(const struct stage *stage, const struct chunk *chunk,
                              struct row_errors *errors) {
  struct batch *batch = batch_new(stage->ports[0].schema->rowset, 1);
  size_t len = chunk->len;
  while (len > 0 && (chunk->data[len - 1] == '\n' || chunk->data[len - 1] == '\r')) len--;
  batch->raw = arena_alloc(&batch->arena, sizeof *batch->raw);
  batch->raw[0] = (struct slice){chunk->data, len};
  batch->positions = arena_alloc(&batch->arena, sizeof *batch->positions);
  batch->positions[0] = chunk->from;
  row_errors_add(errors, 0, "line.too_long", too_long_text(stage, chunk, len, &batch->arena));
  return batch;
}

static struct batch *enveloped(const struct stage *stage, const struct chunk *chunk,
                               struct decoder *decoder, struct row_errors *errors) {
  const struct rowset *rowset = stage->ports[0].schema->rowset;
  struct batch *batch = envelope_batch(rowset, (struct slice){chunk->data, chunk->len});
  stage->codec->decode_rows(decoder, batch, errors);
  row_errors_sort(errors);
  envelope_fill(batch);
  return batch;
}

static int time_of_value(const struct source_common *common, const struct value *v, int64_t *us) {
  enum time_unit unit = (enum time_unit)common->event_time_unit;
  switch (v->type) {
  case VALUE_TIMESTAMP: *us = v->integer; return time_in_range(*us) ? 0 : -1;
  case VALUE_INT: return time_of_number(v->integer, unit, us);
  case VALUE_DOUBLE: return time_of_double(v->number, unit, us);
  case VALUE_TEXT:
    if (common->event_time_format != NULL) {
      return time_parse_format(value_slice(v), common->event_time_format, us);
    }
    return time_parse(value_slice(v), us);
  default: return -1;
  }
}

static void time_error(const struct source_common *common, struct batch *batch, uint32_t row,
                       const struct value *v, struct row_errors *errors) {
  if (v->type == VALUE_NULL) {
    row_errors_add(errors, row, "time.missing", "the record has no event time");
    return;
  }
  struct buf text;
  buf_init(&text);
  value_put_text(&text, v);
  size_t shown = text.len < 64 ? text.len : 64;
  row_errors_add(errors, row, "time.invalid",
                 arena_printf(&batch->arena, "\"%.*s\" is not an event time%s%s", (int)shown,
                              text.data, common->event_time_format != NULL ? " of format " : "",
                              common->event_time_format != NULL ? common->event_time_format : ""));
  buf_fini(&text);
}

/* The latest time that a record may have, or say. */
static int64_t latest_of(const struct source_common *common, int64_t clock_us) {
  if (clock_us > TIME_MAX_US - common->max_future_us) return TIME_MAX_US;
  return clock_us + common->max_future_us;
}

/* Event times of the view's rows; those without a good one, and those too far ahead of the clock,
 * are errors. */
static void times_set(const struct stage *stage, const struct expr_run *run, struct view *view,
                      struct row_errors *errors) {
  struct batch *batch = view->batch;
  const struct source_common *common = stage->source_common;
  batch->time_us = arena_alloc(&batch->arena, (batch->n_rows + 1) * sizeof *batch->time_us);
  if (stage->event_time == NULL && batch->envelopes == NULL) {
    for (uint32_t r = 0; r < batch->n_rows; r++) batch->time_us[r] = run->clock_us;
    return;
  }
  size_t errors_before = errors->n;
  struct value *values;
  int64_t slot = stage->event_time != NULL ? expr_slot(stage->event_time) : -1;
  if (stage->event_time == NULL) {
    values = arena_alloc(&batch->arena, (batch->n_rows + 1) * sizeof *values);
    for (uint32_t r = 0; r < batch->n_rows; r++) values[r] = envelope_time(&batch->envelopes[r]);
  } else if (slot >= 0) {
    values = batch_column(batch, (uint32_t)slot);
  } else {
    values = arena_alloc(&batch->arena, (batch->n_rows + 1) * sizeof *values);
    expr_eval(stage->event_time, run, view, values, errors);
    row_errors_sort(errors);
    *view = view_without(*view, errors);
  }
  int64_t latest = latest_of(common, run->clock_us);
  for (uint32_t i = 0; i < view->n; i++) {
    uint32_t row = view_row(view, i);
    if (time_of_value(common, &values[row], &batch->time_us[row]) != 0) {
      batch->time_us[row] = run->clock_us;
      time_error(common, batch, row, &values[row], errors);
    } else if (batch->time_us[row] > latest) {
      row_errors_add(errors, row, "time.future",
                     "the event time is further ahead of the clock than max_future allows");
    }
  }
  if (errors->n > errors_before) {
    row_errors_sort(errors);
    *view = view_without(*view, errors);
  }
}

static void punctuations_find(const struct stage *stage, const struct expr_run *run,
                              struct source_task *task) {
  if (stage->watermark_when == NULL) return;
  struct batch *batch = task->view.batch;
  int64_t latest = latest_of(stage->source_common, run->clock_us);
  struct view when = expr_select(stage->watermark_when, run, &task->view, &task->errors);
  struct value *values = arena_alloc(&batch->arena, (batch->n_rows + 1) * sizeof *values);
  expr_eval(stage->watermark_value, run, &when, values, &task->errors);
  task->punctuations = arena_alloc(&batch->arena, (when.n + 1) * sizeof *task->punctuations);
  row_errors_sort(&task->errors);
  when = view_without(when, &task->errors);
  for (uint32_t i = 0; i < when.n; i++) {
    uint32_t row = view_row(&when, i);
    int64_t watermark_us;
    if (time_of_value(stage->source_common, &values[row], &watermark_us) != 0) {
      row_errors_add(&task->errors, row, "time.punctuation", "watermark.value is not a time");
      continue;
    }
    if (watermark_us > latest) {
      row_errors_add(&task->errors, row, "time.future",
                     "watermark.value is further ahead of the clock than max_future allows");
      continue;
    }
    task->punctuations[task->n_punctuations++] = (struct punctuation){row, watermark_us};
  }
  row_errors_sort(&task->errors);
  task->view = view_without(task->view, &task->errors);
}

static void chunk_part(void *arg, size_t part, uint32_t worker) {
  struct source_work *work = arg;
  struct runner *runner = work->runner;
  const struct chunk *chunk = &runner->epoch->chunks[part];
  struct stage_run *run = runner->sources[chunk->source];
  const struct stage *stage = run->stage;
  struct source_task *task = &work->tasks[part];
  struct batch *batch;
  if (chunk->flags & TAKE_TOO_LONG) {
    batch = too_long(stage, chunk, &task->errors);
  } else if (chunk->flags & TAKE_ENVELOPED) {
    batch = enveloped(stage, chunk, run->decoders[worker], &task->errors);
  } else {
    batch = stage->codec->decode(run->decoders[worker], (struct slice){chunk->data, chunk->len},
                                 chunk->from, &task->errors);
    row_errors_sort(&task->errors);
  }
  batch->source = stage->name;
  batch->partition = run->partition_names[chunk->partition].data;
  if ((chunk->flags & TAKE_COUNTED) && batch->positions != NULL) {
    for (uint32_t r = 0; r < batch->n_rows; r++) batch->positions[r] = chunk->from + r;
  }
  struct expr_run expr_run = {.clock_us = runner->epoch->clock_us};
  task->view = view_without((struct view){.batch = batch, .n = batch->n_rows}, &task->errors);
  times_set(stage, &expr_run, &task->view, &task->errors);
  punctuations_find(stage, &expr_run, task);
  run->batches[task->task] = batch;
  run->errors[task->task] = task->errors;
  run->heads[0].list[task->task] = task->view;
  chain_task(runner, stage, 0, task->task, task->view);
}

/* Ords and watermarks, in the order of the log. */
static void in_order(struct runner *runner, struct source_task *tasks) {
  struct epoch *epoch = runner->epoch;
  for (size_t i = 0; i < epoch->n_chunks; i++) {
    const struct chunk *chunk = &epoch->chunks[i];
    struct stage_run *run = runner->sources[chunk->source];
    struct source_task *task = &tasks[i];
    struct batch *batch = task->view.batch;
    batch->ord_base = runner->next_ord;
    runner->next_ord += batch->n_rows;
    epoch->n_records += batch->n_rows;
    atomic_fetch_add(&run->figures.records_in, batch->n_rows);
    atomic_fetch_add(&run->figures.records_out, task->view.n);
    atomic_fetch_add(&run->figures.ports[0], task->view.n);
    atomic_fetch_add(&run->figures.bytes_in, chunk->len);
    source_time_lateness(&run->time, chunk->partition, &task->view, &run->figures.source->lateness);
    source_time_rows(&run->time, chunk->partition, &task->view, epoch->clock_us);
    for (uint32_t p = 0; p < task->n_punctuations; p++) {
      source_time_punctuation(&run->time, chunk->partition,
                              batch->ord_base + task->punctuations[p].row,
                              task->punctuations[p].watermark_us, epoch->clock_us);
    }
    runner_adopt(runner, batch);
  }
}

static void partitions_learn(struct runner *runner) {
  struct epoch *epoch = runner->epoch;
  for (size_t i = 0; i < epoch->n_new; i++) {
    const struct new_partition *new = &epoch->new_partitions[i];
    struct stage_run *run = runner->sources[new->source];
    while (run->n_partition_names <= new->partition) {
      array_grow((void **)&run->partition_names, &run->cap_partition_names, run->n_partition_names,
                 sizeof *run->partition_names);
      run->partition_names[run->n_partition_names++] = slice_of("");
    }
    if (run->partition_names[new->partition].len > 0)
      free((void *)run->partition_names[new->partition].data);
    run->partition_names[new->partition].data = mem_strndup(new->name.data, new->name.len);
    run->partition_names[new->partition].len = new->name.len;
    source_time_add_partition(&run->time, new->partition, epoch->clock_us);
  }
}

void run_sources(struct runner *runner) {
  struct epoch *epoch = runner->epoch;
  size_t n_sources = runner->graph->n_kind[STAGE_SOURCE];
  struct source_work work = {.runner = runner};
  work.tasks = arena_zalloc(&runner->arena, (epoch->n_chunks + 1) * sizeof *work.tasks);
  partitions_learn(runner);
  for (size_t s = 0; s < n_sources; s++) {
    source_time_begin(&runner->sources[s]->time, runner->first_ord, epoch->clock_us);
    runner->sources[s]->n_tasks = 0;
  }
  for (size_t i = 0; i < epoch->n_chunks; i++) {
    work.tasks[i].task = runner->sources[epoch->chunks[i].source]->n_tasks++;
  }
  for (size_t s = 0; s < n_sources; s++) {
    struct stage_run *run = runner->sources[s];
    run->batches = arena_zalloc(&runner->arena, (run->n_tasks + 1) * sizeof *run->batches);
    run->errors = arena_zalloc(&runner->arena, (run->n_tasks + 1) * sizeof *run->errors);
    run->heads[0].list = arena_zalloc(&runner->arena, (run->n_tasks + 1) * sizeof(struct view));
    run->heads[0].n = run->heads[0].cap = run->n_tasks;
    chain_prepare(runner, &run->stage->ports[0], run->n_tasks);
  }
  pool_run(runner->pool, epoch->n_chunks, chunk_part, &work);
  in_order(runner, work.tasks);
  runner->last_ord = runner->next_ord++;
  for (size_t i = 0; i < epoch->n_partition_ends; i++) {
    const struct partition_id *id = &epoch->partition_ends[i];
    source_time_end_partition(&runner->sources[id->source]->time, id->partition, runner->last_ord);
  }
  for (size_t i = 0; i < epoch->n_source_ends; i++) {
    source_time_end(&runner->sources[epoch->source_ends[i]]->time, runner->last_ord);
  }
  for (size_t s = 0; s < n_sources; s++) {
    struct stage_run *run = runner->sources[s];
    run->track = &run->time.track;
    run_count_errors(runner, run);
  }
}
