/* run_merge: several streams become one, in order of ord; rows with the same ord in order of the
 * inputs. Rows are copied: the columns that are asked for, and the record as JSON text, which is
 * the original one where nothing changed it. */
#include "daemon/flow/run.h"

#include "daemon/base/mem.h"
#include "daemon/record/json_text.h"

#include <stdlib.h>

#define ROWS_PER_BATCH 8192

struct cursor { /* the next row of one input */
  const struct view *views;
  size_t n_views, view;
  uint32_t row;
};

static bool cursor_skip(struct cursor *cursor) {
  while (cursor->view < cursor->n_views && cursor->row >= cursor->views[cursor->view].n) {
    cursor->view++;
    cursor->row = 0;
  }
  return cursor->view < cursor->n_views;
}

/* The views of one output of any stage: a head's, or a stateless one's, task by task. */
static struct cursor cursor_of(struct runner *runner, const struct stage_input *input) {
  struct stage_run *run = run_of(runner, input->stage);
  if (input->stage->kind == STAGE_STATELESS) {
    return (struct cursor){run->out[input->port], run->n_tasks, 0, 0};
  }
  return (struct cursor){run->heads[input->port].list, run->heads[input->port].n, 0, 0};
}

static void raw_copy(struct batch *into, uint32_t at, const struct schema *schema,
                     const struct batch *from, uint32_t row, struct buf *scratch) {
  if (from->raw != NULL && schema_untouched(schema)) {
    into->raw[at] = from->raw[row];
    return;
  }
  buf_clear(scratch);
  struct view one = {.batch = (struct batch *)from, .sel = &row, .n = 1};
  codec_find("json")->encode(schema, &one, scratch);
  if (scratch->len > 0 && scratch->data[scratch->len - 1] == '\n') scratch->len--;
  into->raw[at] = arena_slice(&into->arena, buf_slice(scratch));
}

static void slots_copy(struct batch *into, uint32_t at, const struct merge_plan *plan, size_t input,
                       struct batch *from, uint32_t row) {
  for (uint32_t s = 0; s < plan->rowset->n_slots; s++) {
    struct value *to = &into->slots[s][at];
    *to = value_null();
    if (s >= plan->n_slots || plan->slots[s] == NULL) continue; /* computed behind the merge */
    const struct merge_source *source = &plan->slots[s][input];
    if (!source->present) continue;
    const struct value *have = &batch_column(from, source->slot)[row];
    if (source->n_rest == 0) {
      *to = *have;
    } else if (have->type == VALUE_JSON) {
      if (json_text_get(value_slice(have), source->rest, source->n_rest, &into->arena, to) != 0) {
        *to = value_null();
      }
    }
  }
}

static struct batch *batch_begin(struct runner *runner, struct stage_run *run) {
  struct batch *batch = batch_new(run->stage->merge->rowset, ROWS_PER_BATCH);
  for (uint32_t s = 0; s < run->stage->merge->rowset->n_slots; s++) batch_column(batch, s);
  batch->raw = arena_alloc(&batch->arena, ROWS_PER_BATCH * sizeof *batch->raw);
  batch->time_us = arena_alloc(&batch->arena, ROWS_PER_BATCH * sizeof *batch->time_us);
  batch->ords = arena_alloc(&batch->arena, ROWS_PER_BATCH * sizeof *batch->ords);
  batch->origins = arena_alloc(&batch->arena, ROWS_PER_BATCH * sizeof *batch->origins);
  batch->origin_rows = arena_alloc(&batch->arena, ROWS_PER_BATCH * sizeof *batch->origin_rows);
  batch->n_rows = 0;
  runner_adopt(runner, batch);
  return batch;
}

static void batch_end(struct stage_run *run, struct batch *batch) {
  if (batch == NULL) return;
  struct view_list *list = &run->heads[0];
  array_grow((void **)&list->list, &list->cap, list->n, sizeof *list->list);
  list->list[list->n++] = (struct view){.batch = batch, .n = batch->n_rows};
  atomic_fetch_add(&run->figures.records_out, batch->n_rows);
  atomic_fetch_add(&run->figures.ports[0], batch->n_rows);
}

void run_merge(struct runner *runner, struct stage_run *run) {
  const struct stage *stage = run->stage;
  const struct merge_plan *plan = stage->merge;
  size_t n = stage->n_inputs;
  struct cursor *cursors = arena_alloc(&runner->arena, n * sizeof *cursors);
  const struct watermark_track **tracks = arena_alloc(&runner->arena, n * sizeof(void *));
  for (size_t i = 0; i < n; i++) {
    cursors[i] = cursor_of(runner, &stage->inputs[i]);
    const struct stage *head = stage->inputs[i].stage;
    while (head->kind == STAGE_STATELESS) head = head->inputs[0].stage;
    tracks[i] = run_of(runner, head)->track;
  }
  watermark_track_min(&run->own_track, tracks, n);
  run->track = &run->own_track;
  run->heads[0].n = 0;
  struct batch *batch = NULL;
  struct buf scratch;
  buf_init(&scratch);
  for (;;) {
    size_t least = n;
    uint64_t least_ord = 0;
    for (size_t i = 0; i < n; i++) {
      if (!cursor_skip(&cursors[i])) continue;
      const struct view *view = &cursors[i].views[cursors[i].view];
      uint64_t ord = batch_ord(view->batch, view_row(view, cursors[i].row));
      if (least == n || ord < least_ord) {
        least = i;
        least_ord = ord;
      }
    }
    if (least == n) break;
    if (batch == NULL || batch->n_rows == ROWS_PER_BATCH) {
      batch_end(run, batch);
      batch = batch_begin(runner, run);
    }
    const struct view *view = &cursors[least].views[cursors[least].view];
    uint32_t row = view_row(view, cursors[least].row++);
    uint32_t at = batch->n_rows++;
    batch->ords[at] = least_ord;
    batch->time_us[at] = view->batch->time_us[row];
    batch->origins[at] = view->batch;
    batch->origin_rows[at] = row;
    raw_copy(batch, at, plan->inputs[least], view->batch, row, &scratch);
    slots_copy(batch, at, plan, least, view->batch, row);
  }
  batch_end(run, batch);
  buf_fini(&scratch);
}
