/* batch: see batch.h. */
#include "daemon/record/batch.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

/* Of a batch's arena: columns of an ordinary batch (a thousand rows) share one or two. */
#define BATCH_ARENA_BYTES (60 * 1024)

struct batch *batch_new(const struct rowset *rowset, uint32_t n_rows) {
  struct batch *batch = mem_zalloc(sizeof *batch);
  arena_init(&batch->arena, BATCH_ARENA_BYTES);
  batch->rowset = rowset;
  batch->n_rows = n_rows;
  if (rowset->n_slots == 0) return batch;
  batch->slots = arena_zalloc(&batch->arena, rowset->n_slots * sizeof *batch->slots);
  return batch;
}

void batch_free(struct batch *batch) {
  if (batch == NULL) return;
  arena_fini(&batch->arena);
  free(batch);
}

struct value *batch_column(struct batch *batch, uint32_t slot) {
  if (batch->slots[slot] == NULL)
    batch->slots[slot] = arena_alloc(&batch->arena, batch->n_rows * sizeof(struct value));
  return batch->slots[slot];
}

void batch_put_position(struct buf *buf, const struct batch *batch, uint32_t row) {
  while (batch->origins != NULL) {
    uint32_t origin_row = batch->origin_rows[row];
    batch = batch->origins[row];
    row = origin_row;
  }
  if (batch->partition != NULL) {
    buf_put_text(buf, batch->partition);
  } else if (batch->source != NULL) {
    buf_put_text(buf, batch->source);
  } else {
    buf_put_text(buf, "a result");
  }
  if (batch->positions == NULL) return;
  const char *word = batch->position_word != NULL ? batch->position_word : "byte";
  buf_printf(buf, ": %s %" PRIu64, word, batch->positions[row]);
}

void row_errors_add(struct row_errors *errors, uint32_t row, const char *code, const char *text) {
  array_grow((void **)&errors->list, &errors->cap, errors->n, sizeof *errors->list);
  errors->list[errors->n++] = (struct row_error){row, code, text};
}

/* Stable: of one row's errors the one that was noticed first comes first. */
static void merge_sort(struct row_error *list, size_t n, struct row_error *room) {
  if (n < 2) return;
  size_t half = n / 2, left = 0, right = half;
  merge_sort(list, half, room);
  merge_sort(list + half, n - half, room);
  for (size_t i = 0; i < n; i++) {
    bool from_left = right == n || (left < half && list[left].row <= list[right].row);
    room[i] = from_left ? list[left++] : list[right++];
  }
  memcpy(list, room, n * sizeof *list);
}

void row_errors_sort(struct row_errors *errors) {
  if (errors->n < 2) return;
  bool sorted = true;
  for (size_t i = 1; sorted && i < errors->n; i++)
    sorted = errors->list[i - 1].row < errors->list[i].row;
  if (sorted) return;
  struct row_error *room = mem_alloc(errors->n * sizeof *room);
  merge_sort(errors->list, errors->n, room);
  free(room);
  size_t kept = 1;
  for (size_t i = 1; i < errors->n; i++) {
    if (errors->list[i].row != errors->list[kept - 1].row) errors->list[kept++] = errors->list[i];
  }
  errors->n = kept;
}

void row_errors_fini(struct row_errors *errors) {
  free(errors->list);
  *errors = (struct row_errors){0};
}

struct view view_without(struct view view, const struct row_errors *errors) {
  if (errors->n == 0) return view;
  uint32_t *sel = arena_alloc(&view.batch->arena, view.n * sizeof *sel), n = 0;
  size_t error = 0;
  for (uint32_t i = 0; i < view.n; i++) {
    uint32_t row = view_row(&view, i);
    while (error < errors->n && errors->list[error].row < row) error++;
    if (error == errors->n || errors->list[error].row != row) sel[n++] = row;
  }
  return (struct view){view.batch, sel, n};
}
