/* dedup, keep: first. An entry holds the newest time of its key, and a list of older ones in the
 * rare case that there are any. What is over is freed a few entries at a time: from the oldest
 * entry on, which in a stream that is nearly in order is all there is to do; and by a sweep that
 * looks at two entries a row, so that one record from the future cannot hold up the rest.
 *
 * A row's verdict is left in the slot of its key, which is not needed any more. */
#include "transforms/dedup/dedup.h"

#include "daemon/base/hash.h"

enum {
  FREE_AT_ONCE = 4096, /* entries freed at most by one epoch, so that none takes long */
  SWEEP_PER_ROW = 2,
  CHUNK_ROWS = 32, /* hints to the cache are given for so many rows at once */
};

struct times {
  uint32_t n, cap;
  int64_t at[];
};

struct first {
  int64_t newest_us;
  struct times *others;
};

size_t dedup_first_value_bytes(void) {
  return sizeof(struct first);
}

void dedup_first_new(struct dedup_shard *shard) {
  shard->least_us = shard->sweep_us = TIME_MAX_US;
}

static void entry_init(struct dedup_shard *shard, struct first *first, int64_t time_us) {
  first->newest_us = time_us;
  if (time_us < shard->least_us) shard->least_us = time_us;
  if (time_us < shard->sweep_us) shard->sweep_us = time_us;
}

static size_t times_bytes(uint32_t cap) {
  return sizeof(struct times) + cap * sizeof(int64_t);
}

static void times_free(struct table *table, struct times *times) {
  if (times != NULL) table_release(table, times, times_bytes(times->cap));
}

static void times_add(struct table *table, struct first *first, int64_t time_us) {
  struct times *times = first->others;
  if (times == NULL || times->n == times->cap) {
    uint32_t n = times != NULL ? times->n : 0, cap = n > 0 ? n * 2 : 2;
    struct times *grown = table_alloc(table, times_bytes(cap));
    grown->n = n;
    grown->cap = cap;
    if (n > 0) memcpy(grown->at, times->at, n * sizeof *times->at);
    times_free(table, times);
    first->others = times = grown;
  }
  times->at[times->n++] = time_us;
}

static void hold(struct table *table, struct first *first, int64_t time_us) {
  if (time_us > first->newest_us) {
    times_add(table, first, first->newest_us);
    first->newest_us = time_us;
  } else {
    times_add(table, first, time_us);
  }
}

/* Whether the row is a duplicate of something held; what is gone on the way is forgotten. */
static bool is_held(const struct dedup *dedup, const struct keyed_run *run, int64_t end_us,
                    struct first *first, int64_t time_us, uint64_t ord) {
  struct times *others = first->others;
  if (!dedup_gone(dedup, run, end_us, first->newest_us, ord) &&
      dedup_near(dedup, first->newest_us, time_us))
    return true;
  if (others == NULL) return false;
  uint32_t kept = 0;
  bool held = false;
  for (uint32_t i = 0; i < others->n; i++) {
    if (dedup_gone(dedup, run, end_us, others->at[i], ord)) continue;
    held |= dedup_near(dedup, others->at[i], time_us);
    others->at[kept++] = others->at[i];
  }
  others->n = kept;
  return held;
}

static void entry_free(struct dedup_shard *shard, struct first *first) {
  times_free(shard->table, first->others);
  table_delete(shard->table, first);
}

/* What no later row can meet: W only grows. */
static void free_some(const struct dedup *dedup, struct dedup_shard *shard, int64_t end_us,
                      size_t n_rows) {
  struct first *first = table_first(shard->table);
  for (int i = 0; i < FREE_AT_ONCE && first != NULL; i++) {
    if (dedup_expiry(dedup, first->newest_us) > end_us) break;
    struct first *next = table_next(shard->table, first);
    if (shard->cursor == first) shard->cursor = next;
    entry_free(shard, first);
    first = next;
  }
  for (size_t i = 0; i < n_rows * SWEEP_PER_ROW; i++) {
    if (dedup_expiry(dedup, shard->least_us) > end_us) return; /* there is nothing to find */
    first = shard->cursor != NULL ? shard->cursor : table_first(shard->table);
    if (first == NULL) {
      shard->least_us = TIME_MAX_US;
      return;
    }
    if (shard->cursor == NULL) shard->sweep_us = TIME_MAX_US;
    shard->cursor = table_next(shard->table, first);
    if (dedup_expiry(dedup, first->newest_us) <= end_us) {
      entry_free(shard, first);
    } else if (first->newest_us < shard->sweep_us) {
      shard->sweep_us = first->newest_us;
    }
    if (shard->cursor == NULL) { /* once through all */
      shard->least_us = shard->sweep_us;
      return;
    }
  }
}

static bool take_row(const struct dedup *dedup, const struct keyed_run *run,
                     struct dedup_shard *shard, int64_t end_us, struct keyed_view *view,
                     uint32_t row, struct slice key) {
  struct batch *batch = view->view.batch;
  uint64_t ord = batch_ord(batch, row);
  int64_t time_us = dedup_row_time(dedup, run, batch, row);
  if (dedup_gone(dedup, run, end_us, time_us, ord)) {
    /* Nobody will meet this row; it may still meet what is held. */
    struct first *first = table_find(shard->table, view->hashes[row], key);
    return first == NULL || !is_held(dedup, run, end_us, first, time_us, ord);
  }
  bool created;
  struct first *first = table_put(shard->table, view->hashes[row], key, &created);
  if (created) {
    entry_init(shard, first, time_us);
    return true;
  }
  if (dedup_gone(dedup, run, end_us, first->newest_us, ord)) {
    /* So are the others, which are older. */
    first->newest_us = time_us;
    if (first->others != NULL) first->others->n = 0;
    return true;
  }
  if (is_held(dedup, run, end_us, first, time_us, ord)) return false;
  hold(shard->table, first, time_us);
  return true;
}

void dedup_first_run(struct dedup *dedup, struct keyed_run *run, uint32_t index) {
  struct dedup_shard *shard = &dedup->shards[index];
  int64_t end_us = dedup_end(dedup, run);
  size_t n_rows = 0;
  for (size_t v = 0; v < run->n_views; v++) {
    struct keyed_view *view = &run->views[v];
    struct value *keys = view->view.batch->slots[dedup->keys.slot];
    uint32_t from = view->shard_start[index], end = view->shard_start[index + 1];
    n_rows += end - from;
    for (uint32_t to; from < end; from = to) {
      to = end - from < CHUNK_ROWS ? end : from + CHUNK_ROWS;
      for (uint32_t i = from; i < to; i++)
        table_prefetch(shard->table, view->hashes[view->rows[i].row]);
      for (uint32_t i = from; i < to; i++)
        table_prefetch_entry(shard->table, view->hashes[view->rows[i].row]);
      for (uint32_t i = from; i < to; i++) {
        uint32_t row = view->rows[i].row;
        bool goes_on = take_row(dedup, run, shard, end_us, view, row, value_slice(&keys[row]));
        keys[row] = value_bool(goes_on);
        shard->n_duplicates += !goes_on;
      }
    }
  }
  free_some(dedup, shard, end_us, n_rows);
}

void dedup_first_finish(struct dedup *dedup, struct keyed_run *run) {
  for (size_t v = 0; v < run->n_views; v++) {
    struct view in = run->views[v].view;
    const struct value *verdicts = in.batch->slots[dedup->keys.slot];
    if (in.n == 0) continue;
    uint32_t *kept = arena_alloc(&in.batch->arena, in.n * sizeof *kept), n_kept = 0;
    uint32_t *others = arena_alloc(&in.batch->arena, in.n * sizeof *others), n_others = 0;
    for (uint32_t i = 0; i < in.n; i++) {
      uint32_t row = view_row(&in, i);
      if (verdicts[row].boolean) {
        kept[n_kept++] = row;
      } else {
        others[n_others++] = row;
      }
    }
    if (n_kept > 0) keyed_emit(run, DEDUP_PORT_MAIN, (struct view){in.batch, kept, n_kept});
    if (n_others > 0)
      keyed_emit(run, DEDUP_PORT_DUPLICATES, (struct view){in.batch, others, n_others});
  }
}

void dedup_first_free(struct dedup_shard *shard) {
  struct first *first = table_first(shard->table);
  for (; first != NULL; first = table_next(shard->table, first)) {
    times_free(shard->table, first->others);
    first->others = NULL;
  }
}

/* Number of keys, then for each: key, newest time, number of others, others. */
void dedup_first_save(const struct dedup_shard *shard, struct buf *out) {
  field_put_u64(out, table_count(shard->table));
  const struct first *first = table_first(shard->table);
  for (; first != NULL; first = table_next(shard->table, first)) {
    uint32_t n = first->others != NULL ? first->others->n : 0;
    field_put_bytes(out, table_key(shard->table, first));
    field_put_i64(out, first->newest_us);
    field_put_u32(out, n);
    for (uint32_t i = 0; i < n; i++) field_put_i64(out, first->others->at[i]);
  }
}

int dedup_first_load(struct dedup_shard *shard, struct slice body, size_t *at) {
  uint64_t n_keys;
  if (field_get_u64(body, at, &n_keys) != 0) return -1;
  for (uint64_t i = 0; i < n_keys; i++) {
    struct slice key;
    int64_t time_us;
    uint32_t n;
    if (field_get_bytes(body, at, &key) != 0 || field_get_i64(body, at, &time_us) != 0 ||
        field_get_u32(body, at, &n) != 0)
      return -1;
    bool created;
    struct first *first = table_put(shard->table, hash_bytes(key.data, key.len), key, &created);
    if (!created) return -1;
    entry_init(shard, first, time_us);
    for (uint32_t k = 0; k < n; k++) {
      if (field_get_i64(body, at, &time_us) != 0 || time_us > first->newest_us) return -1;
      times_add(shard->table, first, time_us);
    }
  }
  return 0;
}
