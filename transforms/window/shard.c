/* shard: an epoch in one shard. In this order: what the clock made due at the epoch's start, the
 * rows, the windows that the watermark passed, early results of the epoch's end, and at last
 * windows whose time for corrections is over are forgotten.
 *
 * Rows are taken in chunks: the windows and hashes of all of a chunk's rows first, with a hint to
 * the cache for each, and then the updates. */
#include "transforms/window/window.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <endian.h>
#include <stdlib.h>

enum { CHUNK_ROWS = 16, AHEAD = 8 /* rows between a hint to the cache and its use */ };

/* What does not change over an epoch. */
struct shard_run {
  struct window *window;
  struct window_shard *shard;
  struct keyed_run *run;
  uint32_t index;
  int64_t end_us; /* watermark or clock at the epoch's end */
};

/* ------------------------------------------------------------------ open windows */

struct window_open *window_open_get(struct window_shard *shard, int64_t start_us) {
  if (shard->last_open < shard->n_open && shard->open[shard->last_open].start_us == start_us)
    return &shard->open[shard->last_open];
  size_t low = 0, high = shard->n_open;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (shard->open[middle].start_us < start_us) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  shard->last_open = low;
  if (low < shard->n_open && shard->open[low].start_us == start_us) return &shard->open[low];
  array_grow((void **)&shard->open, &shard->cap_open, shard->n_open, sizeof *shard->open);
  memmove(&shard->open[low + 1], &shard->open[low], (shard->n_open - low) * sizeof *shard->open);
  shard->n_open++;
  shard->open[low] = (struct window_open){.start_us = start_us};
  return &shard->open[low];
}

void window_group_link(struct window_open *open, struct window_group *group) {
  if (open->last != NULL) {
    open->last->next = group;
  } else {
    open->first = group;
  }
  open->last = group;
  open->n_groups++;
}

void window_group_free(const struct window *window, struct window_shard *shard,
                       struct window_group *group) {
  for (size_t i = 0; i < window->n_aggregates; i++) {
    const struct aggregate *aggregate = &window->list[i];
    if (aggregate->kind->release != NULL)
      aggregate->kind->release(&shard->memory, window_acc(aggregate, group));
  }
  table_delete(shard->table, group);
}

void window_shard_count(struct window_shard *shard) {
  size_t bytes =
      shard->cap_open * sizeof *shard->open + shard->cap_results * sizeof *shard->results +
      shard->cap_late * sizeof *shard->late + shard->cap_touches * sizeof *shard->touches +
      shard->arena.bytes + shard->memory.scratch.cap;
  account_add(shard->account, bytes);
  account_take(shard->account, shard->counted_bytes);
  shard->counted_bytes = bytes;
}

/* ------------------------------------------------------------------ results */

/* The result of the close. */
static void give_close(const struct shard_run *sr, struct window_group *group, int64_t start_us,
                       uint64_t ord) {
  group->closed = true;
  if (sr->window->on_close)
    window_result_add(sr->window, sr->shard, group, start_us, ord, group->revision++, true);
}

/* Early results of the groups that changed; the marks go. */
static void give_changed(const struct shard_run *sr, struct window_open *open, uint64_t ord) {
  for (struct window_group *group = open->changed, *next; group != NULL; group = next) {
    next = group->next_changed;
    group->next_changed = NULL;
    group->changed = false;
    window_result_add(sr->window, sr->shard, group, open->start_us, ord, group->early_revision++,
                      false);
  }
  open->changed = NULL;
}

static void changed_forget(struct window_open *open) {
  for (struct window_group *group = open->changed, *next; group != NULL; group = next) {
    next = group->next_changed;
    group->next_changed = NULL;
    group->changed = false;
  }
  open->changed = NULL;
}

/* The ord at which the watermark passed the end. */
static uint64_t close_ord(const struct shard_run *sr, int64_t start_us) {
  const struct watermark_step *step =
      watermark_reaches(sr->run->track, start_us + sr->window->size_us);
  return step != NULL ? step->ord : sr->run->first_ord;
}

/* Closes the windows that end at end_us or before; ord NULL: each at its step of the watermark. */
static void close_until(const struct shard_run *sr, int64_t end_us, const uint64_t *ord) {
  for (size_t i = 0; i < sr->shard->n_open; i++) {
    struct window_open *open = &sr->shard->open[i];
    if (open->start_us + sr->window->size_us > end_us) break;
    if (open->closed) continue;
    open->closed = true;
    uint64_t cause = ord != NULL ? *ord : close_ord(sr, open->start_us);
    for (struct window_group *group = open->first; group != NULL; group = group->next) {
      if (!group->closed) give_close(sr, group, open->start_us, cause);
    }
    if (sr->window->on_close) changed_forget(open);
  }
}

/* Frees the windows that no row can reach any more: a prefix. */
static void forget_until(const struct shard_run *sr, int64_t end_us) {
  struct window_shard *shard = sr->shard;
  int64_t keep_us = sr->window->size_us + sr->window->allowed_lateness_us;
  size_t n = 0;
  for (; n < shard->n_open; n++) {
    struct window_open *open = &shard->open[n];
    if (open->start_us + keep_us > end_us) break;
    give_changed(sr, open, sr->run->last_ord);
    for (struct window_group *group = open->first, *next; group != NULL; group = next) {
      next = group->next;
      window_group_free(sr->window, shard, group);
    }
  }
  if (n == 0) return;
  shard->n_open -= n;
  memmove(shard->open, shard->open + n, shard->n_open * sizeof *shard->open);
  shard->last_open = 0;
}

/* ------------------------------------------------------------------ rows */

struct chunk_row {
  struct batch *batch;
  size_t view;
  uint32_t row;
  uint64_t arrival;
  struct slice key; /* with room for the start before it */
  int64_t time_us;
  size_t first_touch, n_touches;
  bool late; /* falls into windows, but all are gone */
};

static struct slice key_at(const struct chunk_row *row, int64_t start_us) {
  uint64_t start = htole64((uint64_t)start_us);
  char *data = (char *)(uintptr_t)row->key.data - WINDOW_KEY_ROOM;
  memcpy(data, &start, WINDOW_KEY_ROOM);
  return (struct slice){data, row->key.len + WINDOW_KEY_ROOM};
}

/* The watermark that the rows before this one made. */
static int64_t watermark_of(const struct shard_run *sr, const struct chunk_row *row) {
  return watermark_before(sr->run->track, batch_ord(row->batch, row->row));
}

/* Finds the windows of a row that are still there. */
static size_t row_assign(const struct shard_run *sr, struct chunk_row *row, size_t n_touches) {
  const struct window *window = sr->window;
  struct window_shard *shard = sr->shard;
  int64_t start_us;
  uint32_t n = window_assign(window, row->time_us, &start_us);
  row->first_touch = n_touches;
  row->late = false;
  if (window->time == WINDOW_TIME_EVENT && n > 0) {
    int64_t keep_us = window->size_us + window->allowed_lateness_us;
    if (start_us + keep_us <= sr->end_us) { /* it may be late for the first one at least */
      int64_t watermark_us = watermark_of(sr, row);
      for (; n > 0 && start_us + keep_us <= watermark_us; n--) start_us += window->every_us;
      row->late = n == 0;
    }
  } else if (n == 0) {
    shard->n_dropped++; /* between two windows */
  }
  while (shard->cap_touches < n_touches + n)
    array_grow((void **)&shard->touches, &shard->cap_touches, shard->cap_touches,
               sizeof *shard->touches);
  for (uint32_t i = 0; i < n; i++, start_us += window->every_us) {
    struct slice key = key_at(row, start_us);
    struct window_touch *touch = &shard->touches[n_touches++];
    *touch = (struct window_touch){.start_us = start_us, .hash = hash_bytes(key.data, key.len)};
    table_prefetch(shard->table, touch->hash);
  }
  row->n_touches = n;
  return n_touches;
}

static void take_late(const struct shard_run *sr, const struct chunk_row *row) {
  struct window_shard *shard = sr->shard;
  shard->n_late_rows++;
  switch (sr->window->on_late) {
  case WINDOW_LATE_DROP: shard->n_dropped++; break;
  case WINDOW_LATE_STOP:
    keyed_stop(sr->run, sr->index, row->view, row->row, "window.late",
               "the record came after its window had closed, and on_late is stop");
    break;
  default:
    row->batch->slots[sr->window->late_slot][row->row] =
        value_int(watermark_of(sr, row) - row->time_us);
    array_grow((void **)&shard->late, &shard->cap_late, shard->n_late, sizeof *shard->late);
    shard->late[shard->n_late++] = (struct window_late){(uint32_t)row->view, row->row};
  }
}

static const struct value *argument_of(const struct aggregate *aggregate,
                                       const struct chunk_row *row) {
  return aggregate->star ? NULL : &row->batch->slots[aggregate->slot][row->row];
}

/* Whether some group of the row cannot take it in; a row counts everywhere or nowhere. */
static const char *row_conflict(const struct window *window, const struct chunk_row *row,
                                const struct window_touch *touches) {
  for (size_t a = 0; a < window->n_aggregates; a++) {
    const struct aggregate *aggregate = &window->list[a];
    if (aggregate->kind->conflicts == NULL) continue;
    const struct value *value = argument_of(aggregate, row);
    if (value == NULL || value->type == VALUE_NULL) continue;
    for (size_t i = 0; i < row->n_touches; i++) {
      const char *code = aggregate->kind->conflicts(window_acc(aggregate, touches[i].group), value);
      if (code != NULL) return code;
    }
  }
  return NULL;
}

static void group_update(const struct shard_run *sr, const struct chunk_row *row,
                         struct window_group *group) {
  for (size_t a = 0; a < sr->window->n_aggregates; a++) {
    const struct aggregate *aggregate = &sr->window->list[a];
    const struct value *value = argument_of(aggregate, row);
    if (value != NULL && value->type == VALUE_NULL) continue;
    aggregate->kind->update(&sr->shard->memory, window_acc(aggregate, group), value,
                            row->batch->time_us[row->row]);
  }
}

/* Takes the row into one of its groups, and gives out what that makes due at once. */
static void touch_take(const struct shard_run *sr, const struct chunk_row *row,
                       const struct window_touch *touch) {
  const struct window *window = sr->window;
  struct window_group *group = touch->group;
  if (touch->created) {
    group->first_arrival = row->arrival;
    window_group_link(window_open_get(sr->shard, touch->start_us), group);
  }
  bool closed = window->allowed_lateness_us > 0 &&
                touch->start_us + window->size_us <= sr->end_us &&
                touch->start_us + window->size_us <= watermark_of(sr, row);
  if (closed && !group->closed) {
    /* The watermark passed the end before this row. */
    if (touch->created) {
      group->closed = true;
    } else {
      give_close(sr, group, touch->start_us, close_ord(sr, touch->start_us));
    }
  }
  group_update(sr, row, group);
  if (closed && window->on_close) {
    window_result_add(window, sr->shard, group, touch->start_us, batch_ord(row->batch, row->row),
                      group->revision++, true);
  } else if (window->early && !group->changed) {
    struct window_open *open = window_open_get(sr->shard, touch->start_us);
    group->changed = true;
    group->next_changed = open->changed;
    open->changed = group;
  }
}

static void row_take(const struct shard_run *sr, const struct chunk_row *row) {
  struct window_shard *shard = sr->shard;
  struct window_touch *touches = &shard->touches[row->first_touch];
  if (row->late) take_late(sr, row);
  for (size_t i = 0; i < row->n_touches; i++) {
    struct slice key = key_at(row, touches[i].start_us);
    touches[i].group = table_put(shard->table, touches[i].hash, key, &touches[i].created);
  }
  const char *code = sr->window->conflicting ? row_conflict(sr->window, row, touches) : NULL;
  if (code == NULL) {
    for (size_t i = 0; i < row->n_touches; i++) touch_take(sr, row, &touches[i]);
    return;
  }
  for (size_t i = 0; i < row->n_touches; i++) {
    if (touches[i].created) table_delete(shard->table, touches[i].group);
  }
  keyed_error(sr->run, sr->index, row->view, row->row, code, aggregate_error_text(code));
}

/* Shards go through the columns of an epoch one after the other: when it is the next one's turn,
 * the nearest cache holds other rows. */
static void row_prefetch(const struct shard_run *sr, const struct batch *batch, uint32_t row) {
  for (size_t a = 0; a < sr->window->n_aggregates; a++) {
    const struct aggregate *aggregate = &sr->window->list[a];
    if (!aggregate->star) __builtin_prefetch(&batch->slots[aggregate->slot][row]);
  }
  __builtin_prefetch(&batch->slots[sr->window->keys.slot][row]);
}

static void view_take(const struct shard_run *sr, size_t v) {
  struct keyed_view *view = &sr->run->views[v];
  struct batch *batch = view->view.batch;
  struct chunk_row chunk[CHUNK_ROWS];
  uint32_t at = view->shard_start[sr->index], end = view->shard_start[sr->index + 1];
  if (at == end) return;
  const struct value *keys = batch->slots[sr->window->keys.slot];
  bool by_clock = sr->window->time == WINDOW_TIME_PROCESSING;
  while (at < end) {
    size_t n_rows = 0, n_touches = 0;
    for (; n_rows < CHUNK_ROWS && at < end; n_rows++, at++) {
      uint32_t row = view->rows[at].row;
      if (at + AHEAD < end) row_prefetch(sr, batch, view->rows[at + AHEAD].row);
      chunk[n_rows] =
          (struct chunk_row){.batch = batch,
                             .view = v,
                             .row = row,
                             .arrival = view->arrival_base + view->rows[at].rank,
                             .key = value_slice(&keys[row]),
                             .time_us = by_clock ? sr->run->run.clock_us : batch->time_us[row]};
      n_touches = row_assign(sr, &chunk[n_rows], n_touches);
    }
    for (size_t i = 0; i < n_touches; i++)
      table_prefetch_entry(sr->shard->table, sr->shard->touches[i].hash);
    for (size_t i = 0; i < n_rows; i++) row_take(sr, &chunk[i]);
  }
}

/* ------------------------------------------------------------------ an epoch */

static void early_by_clock(const struct shard_run *sr) {
  struct window_shard *shard = sr->shard;
  int64_t clock_us = sr->run->run.clock_us;
  if (sr->window->early_every_us <= 0 || clock_us < shard->next_early_us) return;
  for (size_t i = 0; i < shard->n_open; i++) give_changed(sr, &shard->open[i], sr->run->first_ord);
  shard->next_early_us = window_next_multiple(clock_us, sr->window->early_every_us);
}

void window_run_shard(void *instance, struct keyed_run *run, uint32_t index) {
  struct window *window = instance;
  bool by_clock = window->time == WINDOW_TIME_PROCESSING;
  struct shard_run sr = {.window = window,
                         .shard = &window->shards[index],
                         .run = run,
                         .index = index,
                         .end_us = by_clock ? run->run.clock_us : watermark_end(run->track)};
  if (by_clock) {
    close_until(&sr, sr.end_us, &run->first_ord);
    forget_until(&sr, sr.end_us);
  }
  early_by_clock(&sr);
  for (size_t v = 0; v < run->n_views; v++) view_take(&sr, v);
  if (by_clock && run->ended) sr.end_us = TIME_MAX_US;
  if (!by_clock || run->ended) close_until(&sr, sr.end_us, by_clock ? &run->last_ord : NULL);
  for (size_t i = 0; window->on_update && i < sr.shard->n_open; i++)
    give_changed(&sr, &sr.shard->open[i], run->last_ord);
  forget_until(&sr, sr.end_us);
  window_shard_count(sr.shard);
}
