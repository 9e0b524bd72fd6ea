/* emit: results and late rows of all shards as batches.
 *
 * A shard's results are in order of (ord, window, first arrival), or are put in it; finish() takes
 * the least of all shards again and again, by a heap of shards. */
#include "transforms/window/window.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

enum {
  BATCH_ROWS = 8192,
  RESULTS_KEPT = 1024, /* room of a shard from one epoch to the next; many come at a close only */
};

static bool result_before(const struct window_result *a, const struct window_result *b) {
  if (a->ord != b->ord) return a->ord < b->ord;
  if (a->start_us != b->start_us) return a->start_us < b->start_us;
  return a->first_arrival < b->first_arrival;
}

static int result_order(const void *a, const void *b) {
  return result_before(a, b) ? -1 : result_before(b, a) ? 1 : 0;
}

void window_result_add(const struct window *window, struct window_shard *shard,
                       const struct window_group *group, int64_t start_us, uint64_t ord,
                       uint32_t revision, bool final) {
  array_grow((void **)&shard->results, &shard->cap_results, shard->n_results,
             sizeof *shard->results);
  struct window_result *result = &shard->results[shard->n_results];
  struct arena *arena = &shard->arena;
  size_t n_keys = window->keys.n;
  *result = (struct window_result){
      .ord = ord,
      .start_us = start_us,
      .first_arrival = group->first_arrival,
      .revision = revision,
      .final = final,
      .values = arena_alloc(arena, (n_keys + window->n_aggregates) * sizeof *result->values)};
  struct slice key = arena_slice(arena, table_key(shard->table, group));
  size_t at = WINDOW_KEY_ROOM;
  /* The key is our own, or was checked when it was loaded. */
  for (size_t i = 0; i < n_keys; i++) value_get_key(key, &at, &result->values[i]);
  for (size_t i = 0; i < window->n_aggregates; i++) {
    const struct aggregate *aggregate = &window->list[i];
    struct value value = aggregate->kind->final(window_acc(aggregate, group));
    result->values[n_keys + i] = value_copy(arena, &value);
  }
  if (shard->n_results > 0 && result_before(result, result - 1)) shard->unsorted = true;
  shard->n_results++;
}

/* ------------------------------------------------------------------ the heap of shards */

struct cursor {
  const struct window_result *at, *end;
};

static void heap_down(struct cursor *heap, size_t n, size_t at) {
  for (size_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && result_before(heap[child + 1].at, heap[child].at)) child++;
    if (!result_before(heap[child].at, heap[at].at)) return;
    struct cursor moved = heap[at];
    heap[at] = heap[child];
    heap[child] = moved;
  }
}

static const struct window_result *heap_take(struct cursor *heap, size_t *n) {
  const struct window_result *least = heap[0].at++;
  if (heap[0].at == heap[0].end) heap[0] = heap[--*n];
  heap_down(heap, *n, 0);
  return least;
}

/* ------------------------------------------------------------------ batches */

static void row_fill(const struct window *window, struct batch *batch, uint32_t row,
                     const struct window_result *result) {
  size_t n_values = window->keys.n + window->n_aggregates;
  int64_t end_us = result->start_us + window->size_us;
  batch->slots[0][row] = value_timestamp(result->start_us);
  batch->slots[1][row] = value_timestamp(end_us);
  for (size_t i = 0; i < n_values; i++)
    batch->slots[2 + i][row] = value_copy(&batch->arena, &result->values[i]);
  if (window->numbered) {
    batch->slots[2 + n_values][row] = value_int(result->revision);
    batch->slots[3 + n_values][row] = value_bool(result->final);
  }
  batch->time_us[row] = end_us - 1;
  batch->ords[row] = result->ord;
}

static void emit_batch(const struct window *window, struct keyed_run *run, struct cursor *heap,
                       size_t *n_heap, uint32_t n_rows) {
  struct batch *batch = batch_new(window->out, n_rows);
  size_t n_slots = 2 + window->keys.n + window->n_aggregates + (window->numbered ? 2 : 0);
  for (size_t i = 0; i < n_slots; i++) batch_column(batch, (uint32_t)i);
  batch->time_us = arena_alloc(&batch->arena, n_rows * sizeof *batch->time_us);
  batch->ords = arena_alloc(&batch->arena, n_rows * sizeof *batch->ords);
  for (uint32_t row = 0; row < n_rows; row++) row_fill(window, batch, row, heap_take(heap, n_heap));

  struct view view = {.batch = batch, .n = n_rows};
  if (window->having_expr != NULL) {
    struct row_errors errors = {0};
    view = expr_select(window->having_expr, &run->run, &view, &errors);
    if (errors.n > 0) {
      row_errors_sort(&errors);
      keyed_count(run, COUNT_DROPPED, errors.n);
    }
    row_errors_fini(&errors);
  }
  keyed_emit(run, WINDOW_PORT_MAIN, view);
}

static void emit_results(const struct window *window, struct keyed_run *run) {
  struct cursor *heap = mem_alloc(window->n_shards * sizeof *heap);
  size_t n_heap = 0, n_left = 0;
  for (uint32_t i = 0; i < window->n_shards; i++) {
    struct window_shard *shard = &window->shards[i];
    if (shard->n_results == 0) continue;
    if (shard->unsorted)
      qsort(shard->results, shard->n_results, sizeof *shard->results, result_order);
    heap[n_heap++] = (struct cursor){shard->results, shard->results + shard->n_results};
    n_left += shard->n_results;
  }
  for (size_t i = n_heap / 2; i-- > 0;) heap_down(heap, n_heap, i);
  while (n_left > 0) {
    uint32_t n_rows = n_left < BATCH_ROWS ? (uint32_t)n_left : BATCH_ROWS;
    emit_batch(window, run, heap, &n_heap, n_rows);
    n_left -= n_rows;
  }
  free(heap);
}

/* ------------------------------------------------------------------ late rows */

static int late_order(const void *a, const void *b) {
  const struct window_late *x = a, *y = b;
  if (x->view != y->view) return x->view < y->view ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static void emit_late(const struct window *window, struct keyed_run *run) {
  size_t n = 0;
  for (uint32_t i = 0; i < window->n_shards; i++) n += window->shards[i].n_late;
  if (n == 0) return;
  struct window_late *late = mem_alloc(n * sizeof *late);
  n = 0;
  for (uint32_t i = 0; i < window->n_shards; i++) {
    const struct window_shard *shard = &window->shards[i];
    if (shard->n_late > 0) memcpy(late + n, shard->late, shard->n_late * sizeof *late);
    n += shard->n_late;
  }
  qsort(late, n, sizeof *late, late_order);
  for (size_t from = 0, to; from < n; from = to) {
    for (to = from + 1; to < n && late[to].view == late[from].view;) to++;
    struct batch *batch = run->views[late[from].view].view.batch;
    uint32_t *sel = arena_alloc(&batch->arena, (to - from) * sizeof *sel);
    for (size_t i = from; i < to; i++) sel[i - from] = late[i].row;
    keyed_emit(run, WINDOW_PORT_LATE, (struct view){batch, sel, (uint32_t)(to - from)});
  }
  free(late);
}

void window_finish(void *instance, struct keyed_run *run) {
  struct window *window = instance;
  uint64_t n_late = 0, n_dropped = 0;
  emit_results(window, run);
  emit_late(window, run);
  for (uint32_t i = 0; i < window->n_shards; i++) {
    struct window_shard *shard = &window->shards[i];
    n_late += shard->n_late_rows;
    n_dropped += shard->n_dropped;
    shard->n_late_rows = shard->n_dropped = 0;
    shard->n_results = shard->n_late = 0;
    shard->unsorted = false;
    arena_reset(&shard->arena);
    if (shard->cap_results > RESULTS_KEPT) {
      free(shard->results);
      shard->results = NULL;
      shard->cap_results = 0;
    }
    window_shard_count(shard);
  }
  if (n_late > 0) keyed_count(run, COUNT_LATE, n_late);
  if (n_dropped > 0) keyed_count(run, COUNT_DROPPED, n_dropped);
}
