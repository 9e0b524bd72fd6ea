/* state: one shard's windows as bytes. Version, the aggregates' names, the next early result,
 * number of windows; each: start, closed, number of groups; each: key, first arrival, revisions,
 * flags (1 closed, 2 changed), accumulators. */
#include "transforms/window/window.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum { WINDOW_STATE_VERSION = 1, FLAG_CLOSED = 1, FLAG_CHANGED = 2 };

void window_save(const void *instance, uint32_t index, struct buf *out) {
  const struct window *window = instance;
  const struct window_shard *shard = &window->shards[index];
  field_put_u32(out, WINDOW_STATE_VERSION);
  field_put_u32(out, (uint32_t)window->n_aggregates);
  for (size_t i = 0; i < window->n_aggregates; i++) {
    field_put_bytes(out, slice_of(window->list[i].kind->name));
    field_put_u32(out, window->list[i].kind->distinct);
  }
  field_put_i64(out, shard->next_early_us);
  field_put_u64(out, shard->n_open);
  for (size_t i = 0; i < shard->n_open; i++) {
    const struct window_open *open = &shard->open[i];
    field_put_i64(out, open->start_us);
    field_put_u32(out, open->closed);
    field_put_u64(out, open->n_groups);
    for (const struct window_group *group = open->first; group != NULL; group = group->next) {
      struct slice key = table_key(shard->table, group);
      field_put_bytes(out, key);
      field_put_u64(out, group->first_arrival);
      field_put_u32(out, group->revision);
      field_put_u32(out, group->early_revision);
      field_put_u32(out, (group->closed ? FLAG_CLOSED : 0u) | (group->changed ? FLAG_CHANGED : 0u));
      for (size_t a = 0; a < window->n_aggregates; a++) {
        const struct aggregate *aggregate = &window->list[a];
        aggregate->kind->save(&shard->memory, window_acc(aggregate, group), out);
      }
    }
  }
}

static bool key_good(const struct window *window, struct slice key, int64_t start_us) {
  size_t at = 0;
  int64_t start;
  struct value value;
  if (field_get_i64(key, &at, &start) != 0 || start != start_us) return false;
  for (size_t i = 0; i < window->keys.n; i++) {
    if (value_get_key(key, &at, &value) != 0) return false;
  }
  return at == key.len;
}

/* The aggregates that the bytes hold, in order. */
struct held {
  const struct aggregate_kind *kind;
  int into; /* index of ours; -1: left out */
};

static int acc_load(const struct window *window, struct window_shard *shard,
                    struct window_group *group, const struct held *held, struct slice body,
                    size_t *at) {
  if (held->into >= 0) {
    const struct aggregate *aggregate = &window->list[held->into];
    return held->kind->load(&shard->memory, window_acc(aggregate, group), body, at);
  }
  void *acc = mem_zalloc(held->kind->bytes);
  int result = held->kind->load(&shard->memory, acc, body, at);
  if (held->kind->release != NULL) held->kind->release(&shard->memory, acc);
  free(acc);
  return result;
}

static int group_load(const struct window *window, struct window_shard *shard,
                      struct window_open *open, const struct held *held, size_t n_held,
                      struct slice body, size_t *at) {
  struct slice key;
  uint32_t flags;
  bool created;
  if (field_get_bytes(body, at, &key) != 0 || !key_good(window, key, open->start_us)) return -1;
  struct window_group *group =
      table_put(shard->table, hash_bytes(key.data, key.len), key, &created);
  if (!created) return -1;
  window_group_link(open, group);
  if (field_get_u64(body, at, &group->first_arrival) != 0 ||
      field_get_u32(body, at, &group->revision) != 0 ||
      field_get_u32(body, at, &group->early_revision) != 0 ||
      field_get_u32(body, at, &flags) != 0 || flags > (FLAG_CLOSED | FLAG_CHANGED))
    return -1;
  group->closed = flags & FLAG_CLOSED;
  if (flags & FLAG_CHANGED) {
    group->changed = true;
    group->next_changed = open->changed;
    open->changed = group;
  }
  for (size_t a = 0; a < n_held; a++) {
    if (acc_load(window, shard, group, &held[a], body, at) != 0) return -1;
  }
  return 0;
}

static int open_load(const struct window *window, struct window_shard *shard,
                     const struct held *held, size_t n_held, struct slice body, size_t *at) {
  int64_t start_us;
  uint32_t closed;
  uint64_t n_groups;
  if (field_get_i64(body, at, &start_us) != 0 || field_get_u32(body, at, &closed) != 0 ||
      closed > 1 || field_get_u64(body, at, &n_groups) != 0)
    return -1;
  if (start_us <= -2 * WINDOW_TIME_BOUND_US || start_us >= WINDOW_TIME_BOUND_US) return -1;
  if (shard->n_open > 0 && shard->open[shard->n_open - 1].start_us >= start_us) return -1;
  struct window_open *open = window_open_get(shard, start_us);
  open->closed = closed;
  for (uint64_t i = 0; i < n_groups; i++) {
    if (group_load(window, shard, open, held, n_held, body, at) != 0) return -1;
  }
  return 0;
}

static int shard_load(const struct window *window, struct window_shard *shard,
                      const struct held *held, size_t n_held, struct slice body, size_t *at) {
  uint64_t n_open;
  if (field_get_i64(body, at, &shard->next_early_us) != 0 || field_get_u64(body, at, &n_open) != 0)
    return -1;
  for (uint64_t i = 0; i < n_open; i++) {
    if (open_load(window, shard, held, n_held, body, at) != 0) return -1;
  }
  return *at == body.len ? 0 : -1;
}

int window_load(void *instance, uint32_t index, struct slice body, struct err *err) {
  struct window *window = instance;
  size_t at = 0;
  uint32_t version, n;
  if (field_get_u32(body, &at, &version) != 0 || version != WINDOW_STATE_VERSION)
    return err_set(err, ERR_CORRUPT, "the state is not that of a window");
  struct held *held = NULL;
  int result = -1;
  if (field_get_u32(body, &at, &n) != 0 ||
      n != (window->loaded != NULL ? window->n_loaded : window->n_aggregates)) {
    return err_set(err, ERR_CORRUPT, "the state is that of a window of other aggregates");
  }
  held = mem_zalloc((n + 1) * sizeof *held);
  bool same = true;
  for (uint32_t i = 0; i < n && same; i++) {
    struct slice name;
    uint32_t distinct = 0;
    same = field_get_bytes(body, &at, &name) == 0 && field_get_u32(body, &at, &distinct) == 0;
    if (!same) break;
    held[i].kind = aggregate_kind_find(name, distinct != 0);
    held[i].into = window->loaded != NULL ? window->loaded[i] : (int)i;
    same = held[i].kind != NULL &&
           (held[i].into < 0 || window->list[held[i].into].kind == held[i].kind);
  }
  if (!same)
    err_set(err, ERR_CORRUPT, "the state is that of a window of other aggregates");
  else if (shard_load(window, &window->shards[index], held, n, body, &at) != 0)
    err_set(err, ERR_CORRUPT, "the state of a window cannot be at byte %zu", at);
  else
    result = 0;
  window_shard_count(&window->shards[index]);
  free(held);
  return result;
}
