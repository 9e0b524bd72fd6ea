/* dedup, keep: last. A held record is one piece of memory: its time and order, and its original
 * text and the values of all slots as bytes. The holds of a key are a list; all holds of a shard
 * are in a heap by time, so that those whose time is over are found in order.
 *
 * What goes out in an epoch (and what was replaced: the duplicates) is taken off the key and kept
 * in a list until finish() has made a batch of it. */
#include "transforms/dedup/dedup.h"
#include "transforms/definition.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stddef.h>
#include <stdlib.h>

struct hold {
  int64_t time_us;
  uint64_t arrival;
  uint64_t ord;      /* of what makes it go out, once it does */
  struct hold *next; /* of the same key */
  struct last *last;
  uint32_t heap_at;
  uint32_t len;
  char bytes[]; /* has raw:u8, raw (length, bytes) if so, then the slots' values */
};

struct last {
  struct hold *holds;
};

struct hold_list {
  struct hold **list;
  size_t n, cap;
};

struct dedup_holds {
  struct hold_list heap;            /* by (time, arrival) */
  struct hold_list out, duplicates; /* of this epoch */
  struct buf scratch;
};

/* The output's rowset, and which of its slots are which of the input. Others of its slots are not
 * ours: components behind us add what they compute. */
struct mirrored {
  uint32_t in, out;
};
struct dedup_mirror {
  struct rowset *in, *out;
  struct mirrored *slots;
  size_t n, cap;
};

/* ------------------------------------------------------------------ compiling */

static uint32_t mirror_slot(struct dedup_mirror *mirror, uint32_t in_slot) {
  for (size_t i = 0; i < mirror->n; i++) {
    if (mirror->slots[i].in == in_slot) return mirror->slots[i].out;
  }
  if (mirror->n == mirror->cap) {
    size_t cap = mirror->cap > 0 ? mirror->cap * 2 : 8;
    struct mirrored *grown = arena_alloc(mirror->out->arena, cap * sizeof *grown);
    if (mirror->n > 0) memcpy(grown, mirror->slots, mirror->n * sizeof *grown);
    mirror->slots = grown;
    mirror->cap = cap;
  }
  uint32_t slot = rowset_add_slot(mirror->out, mirror->in->slots[in_slot].type);
  mirror->slots[mirror->n++] = (struct mirrored){in_slot, slot};
  return slot;
}

static int mirror_resolve(void *arg, const struct path *path, uint32_t *slot,
                          enum value_type *type) {
  struct dedup_mirror *mirror = arg;
  uint32_t in_slot;
  if (rowset_resolve(mirror->in, path, &in_slot, type) != 0) return -1;
  *slot = mirror_slot(mirror, in_slot);
  return 0;
}

int dedup_last_compile(struct dedup *dedup, struct compile *compile, struct schema *in) {
  struct arena *arena = compile_arena(compile);
  struct dedup_mirror *mirror = arena_zalloc(arena, sizeof *mirror);
  mirror->in = in->rowset;
  mirror->out = rowset_new(arena, in->rowset->open);
  mirror->out->resolve = mirror_resolve;
  mirror->out->resolve_arg = mirror;
  struct schema *out = schema_new(mirror->out, in->open);
  for (size_t i = 0; i < in->n_fields; i++)
    schema_set(out, in->fields[i].name, mirror_slot(mirror, in->fields[i].slot));
  for (size_t i = 0; i < in->n_dropped; i++) schema_drop(out, in->dropped[i]);
  /* Whoever rewrites the text later cannot reach the input's rowset. */
  if (in->rowset->open) in->rowset->whole = true;
  dedup->mirror = mirror;
  compile_output(compile, "", out);
  compile_output(compile, "duplicates", out);
  return 0;
}

/* ------------------------------------------------------------------ holds */

size_t dedup_last_value_bytes(void) {
  return sizeof(struct last);
}

void dedup_last_new(struct dedup_shard *shard) {
  shard->holds = mem_zalloc(sizeof *shard->holds);
}

static size_t hold_bytes(const struct hold *hold) {
  return sizeof *hold + hold->len;
}

static void list_add(struct dedup_shard *shard, struct hold_list *list, struct hold *hold) {
  if (list->n == list->cap) {
    size_t cap = list->cap > 0 ? list->cap * 2 : 16;
    struct hold **grown = table_alloc(shard->table, cap * sizeof(struct hold *));
    if (list->n > 0) memcpy(grown, list->list, list->n * sizeof(struct hold *));
    table_release(shard->table, list->list, list->cap * sizeof(struct hold *));
    list->list = grown;
    list->cap = cap;
  }
  list->list[list->n++] = hold;
}

static void list_fini(struct dedup_shard *shard, struct hold_list *list) {
  for (size_t i = 0; i < list->n; i++)
    table_release(shard->table, list->list[i], hold_bytes(list->list[i]));
  table_release(shard->table, list->list, list->cap * sizeof(struct hold *));
  *list = (struct hold_list){0};
}

void dedup_last_free(struct dedup_shard *shard) {
  list_fini(shard, &shard->holds->heap);
  list_fini(shard, &shard->holds->out);
  list_fini(shard, &shard->holds->duplicates);
  buf_fini(&shard->holds->scratch);
  free(shard->holds);
}

static bool hold_before(const struct hold *a, const struct hold *b) {
  return a->time_us != b->time_us ? a->time_us < b->time_us : a->arrival < b->arrival;
}

/* Moves a hold up or down from where it is until the heap is one again. */
static void heap_fix(struct hold_list *heap, struct hold *hold, size_t at) {
  while (at > 0 && hold_before(hold, heap->list[(at - 1) / 2])) {
    heap->list[at] = heap->list[(at - 1) / 2];
    heap->list[at]->heap_at = (uint32_t)at;
    at = (at - 1) / 2;
  }
  for (size_t child; (child = 2 * at + 1) < heap->n; at = child) {
    if (child + 1 < heap->n && hold_before(heap->list[child + 1], heap->list[child])) child++;
    if (!hold_before(heap->list[child], hold)) break;
    heap->list[at] = heap->list[child];
    heap->list[at]->heap_at = (uint32_t)at;
  }
  heap->list[at] = hold;
  hold->heap_at = (uint32_t)at;
}

static void heap_remove(struct hold_list *heap, struct hold *hold) {
  struct hold *moved = heap->list[--heap->n];
  if (moved != hold) heap_fix(heap, moved, hold->heap_at);
}

static void hold_attach(struct dedup_shard *shard, struct last *last, struct hold *hold) {
  struct hold_list *heap = &shard->holds->heap;
  hold->last = last;
  struct hold **end = &last->holds; /* nearly always there is none or one */
  while (*end != NULL) end = &(*end)->next;
  *end = hold;
  list_add(shard, heap, hold);
  heap_fix(heap, hold, heap->n - 1);
}

/* Takes a hold off its key and puts it into a list of what goes out. The key stays. */
static void hold_detach(struct dedup_shard *shard, struct hold *hold, struct hold_list *to,
                        uint64_t ord) {
  heap_remove(&shard->holds->heap, hold);
  struct hold **at = &hold->last->holds;
  while (*at != hold) at = &(*at)->next;
  *at = hold->next;
  hold->ord = ord;
  list_add(shard, to, hold);
}

static struct hold *hold_new(struct dedup_shard *shard, int64_t time_us, uint64_t arrival,
                             struct slice bytes) {
  struct hold *hold = table_alloc(shard->table, sizeof *hold + bytes.len);
  *hold = (struct hold){.time_us = time_us, .arrival = arrival, .len = (uint32_t)bytes.len};
  if (bytes.len > 0) memcpy(hold->bytes, bytes.data, bytes.len);
  return hold;
}

/* ------------------------------------------------------------------ an epoch */

static struct slice row_bytes(const struct dedup *dedup, struct dedup_shard *shard,
                              const struct batch *batch, uint32_t row) {
  struct buf *buf = &shard->holds->scratch;
  bool has_raw = batch->raw != NULL;
  buf_clear(buf);
  buf_put_char(buf, has_raw);
  if (has_raw) field_put_bytes(buf, batch->raw[row]);
  for (size_t i = 0; i < dedup->mirror->n; i++)
    value_put_binary(buf, &batch->slots[dedup->mirror->slots[i].in][row]);
  return buf_slice(buf);
}

/* The ord of the step at which a record held with this time goes on. */
static uint64_t due_ord(const struct dedup *dedup, const struct keyed_run *run, int64_t time_us) {
  if (dedup->time == DEDUP_TIME_PROCESSING) return run->first_ord;
  const struct watermark_step *step = watermark_reaches(run->track, dedup_expiry(dedup, time_us));
  return step != NULL ? step->ord : run->first_ord;
}

static void take_row(struct dedup *dedup, const struct keyed_run *run, struct dedup_shard *shard,
                     int64_t end_us, struct keyed_view *view, const struct keyed_row *keyed_row,
                     struct slice key) {
  struct dedup_holds *holds = shard->holds;
  uint32_t row = keyed_row->row;
  struct batch *batch = view->view.batch;
  uint64_t ord = batch_ord(batch, row);
  int64_t time_us = dedup_row_time(dedup, run, batch, row);
  struct hold *new = hold_new(shard, time_us, view->arrival_base + keyed_row->rank,
                              row_bytes(dedup, shard, batch, row));
  bool created;
  struct last *last = table_put(shard->table, view->hashes[row], key, &created);

  struct hold *met = NULL;
  for (struct hold *hold = last->holds, *next; hold != NULL; hold = next) {
    next = hold->next;
    if (dedup_gone(dedup, run, end_us, hold->time_us, ord)) {
      hold_detach(shard, hold, &holds->out, due_ord(dedup, run, hold->time_us));
    } else if (dedup_near(dedup, hold->time_us, time_us) &&
               (met == NULL || hold->time_us > met->time_us)) {
      met = hold;
    }
  }
  if (met != NULL) {
    shard->n_duplicates++;
    if (time_us < met->time_us) {
      new->ord = ord;
      list_add(shard, &holds->duplicates, new);
      return;
    }
    hold_detach(shard, met, &holds->duplicates, ord);
  }
  if (dedup_gone(dedup, run, end_us, time_us, ord)) {
    new->ord = ord;
    list_add(shard, &holds->out, new);
    if (last->holds == NULL) table_delete(shard->table, last);
    return;
  }
  hold_attach(shard, last, new);
}

static void take_due(struct dedup *dedup, const struct keyed_run *run, struct dedup_shard *shard,
                     int64_t end_us, const uint64_t *ord) {
  struct hold_list *heap = &shard->holds->heap;
  while (heap->n > 0 && dedup_expiry(dedup, heap->list[0]->time_us) <= end_us) {
    struct hold *hold = heap->list[0];
    struct last *last = hold->last;
    hold_detach(shard, hold, &shard->holds->out,
                ord != NULL ? *ord : due_ord(dedup, run, hold->time_us));
    if (last->holds == NULL) table_delete(shard->table, last);
  }
}

void dedup_last_run(struct dedup *dedup, struct keyed_run *run, uint32_t index) {
  struct dedup_shard *shard = &dedup->shards[index];
  int64_t end_us = dedup_end(dedup, run);
  if (dedup->time == DEDUP_TIME_PROCESSING) take_due(dedup, run, shard, end_us, &run->first_ord);
  for (size_t v = 0; v < run->n_views; v++) {
    struct keyed_view *view = &run->views[v];
    const struct value *keys = view->view.batch->slots[dedup->keys.slot];
    for (uint32_t i = view->shard_start[index]; i < view->shard_start[index + 1]; i++) {
      const struct keyed_row *row = &view->rows[i];
      take_row(dedup, run, shard, end_us, view, row, value_slice(&keys[row->row]));
    }
  }
  if (dedup->time == DEDUP_TIME_EVENT) take_due(dedup, run, shard, end_us, NULL);
  if (run->ended) take_due(dedup, run, shard, TIME_MAX_US, &run->last_ord);
}

static int out_order(const void *a, const void *b) {
  const struct hold *x = *(struct hold *const *)a, *y = *(struct hold *const *)b;
  if (x->ord != y->ord) return x->ord < y->ord ? -1 : 1;
  if (x->time_us != y->time_us) return x->time_us < y->time_us ? -1 : 1;
  return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

/* A row of the output from its bytes, which are our own or were checked when they were loaded. */
static void row_fill(const struct dedup_mirror *mirror, struct batch *batch, uint32_t row,
                     const struct hold *hold) {
  struct slice bytes = arena_slice(&batch->arena, (struct slice){hold->bytes, hold->len});
  size_t at = 1;
  if (bytes.data[0] != 0) field_get_bytes(bytes, &at, &batch->raw[row]);
  for (size_t i = 0; i < mirror->n; i++)
    value_get_binary(bytes, &at, &batch_column(batch, mirror->slots[i].out)[row]);
  batch->time_us[row] = hold->time_us;
  batch->ords[row] = hold->ord;
}

static void emit_list(struct dedup *dedup, struct keyed_run *run, enum dedup_port port,
                      size_t list_offset) {
  size_t n = 0;
  for (uint32_t i = 0; i < dedup->n_shards; i++)
    n += ((struct hold_list *)((char *)dedup->shards[i].holds + list_offset))->n;
  if (n == 0) return;
  struct hold **all = mem_alloc(n * sizeof(struct hold *));
  size_t at = 0;
  for (uint32_t i = 0; i < dedup->n_shards; i++) {
    struct hold_list *list = (struct hold_list *)((char *)dedup->shards[i].holds + list_offset);
    if (list->n > 0) memcpy(all + at, list->list, list->n * sizeof(struct hold *));
    at += list->n;
  }
  qsort(all, n, sizeof(struct hold *), out_order);

  struct batch *batch = batch_new(dedup->mirror->out, (uint32_t)n);
  if (dedup->mirror->out->open) batch->raw = arena_zalloc(&batch->arena, n * sizeof *batch->raw);
  batch->time_us = arena_alloc(&batch->arena, n * sizeof *batch->time_us);
  batch->ords = arena_alloc(&batch->arena, n * sizeof *batch->ords);
  for (size_t i = 0; i < n; i++) row_fill(dedup->mirror, batch, (uint32_t)i, all[i]);
  free(all);
  for (uint32_t i = 0; i < dedup->n_shards; i++)
    list_fini(&dedup->shards[i],
              (struct hold_list *)((char *)dedup->shards[i].holds + list_offset));
  keyed_emit(run, port, (struct view){.batch = batch, .n = (uint32_t)n});
}

void dedup_last_finish(struct dedup *dedup, struct keyed_run *run) {
  emit_list(dedup, run, DEDUP_PORT_MAIN, offsetof(struct dedup_holds, out));
  emit_list(dedup, run, DEDUP_PORT_DUPLICATES, offsetof(struct dedup_holds, duplicates));
}

int64_t dedup_last_next_us(const struct dedup *dedup) {
  int64_t next = TIME_MAX_US;
  for (uint32_t i = 0; i < dedup->n_shards; i++) {
    const struct hold_list *heap = &dedup->shards[i].holds->heap;
    if (heap->n == 0) continue;
    int64_t expiry = dedup_expiry(dedup, heap->list[0]->time_us);
    if (expiry < next) next = expiry;
  }
  return next;
}

/* ------------------------------------------------------------------ state */

/* Number of slots, number of keys, then for each: key, number of holds, holds: time, arrival,
 * bytes. */
void dedup_last_save(const struct dedup *dedup, const struct dedup_shard *shard, struct buf *out) {
  field_put_u32(out, (uint32_t)dedup->mirror->n);
  field_put_u64(out, table_count(shard->table));
  const struct last *last = table_first(shard->table);
  for (; last != NULL; last = table_next(shard->table, last)) {
    uint32_t n = 0;
    for (const struct hold *hold = last->holds; hold != NULL; hold = hold->next) n++;
    field_put_bytes(out, table_key(shard->table, last));
    field_put_u32(out, n);
    for (const struct hold *hold = last->holds; hold != NULL; hold = hold->next) {
      field_put_i64(out, hold->time_us);
      field_put_u64(out, hold->arrival);
      field_put_bytes(out, (struct slice){hold->bytes, hold->len});
    }
  }
}

static bool row_bytes_good(const struct dedup_mirror *mirror, struct slice bytes) {
  size_t at = 1;
  struct slice raw;
  struct value value;
  if (bytes.len < 1 || (bytes.data[0] != 0) != mirror->out->open) return false;
  if (bytes.data[0] != 0 && field_get_bytes(bytes, &at, &raw) != 0) return false;
  for (size_t i = 0; i < mirror->n; i++) {
    if (value_get_binary(bytes, &at, &value) != 0) return false;
  }
  return at == bytes.len;
}

int dedup_last_load(struct dedup *dedup, struct dedup_shard *shard, struct slice body, size_t *at) {
  uint32_t n_slots, n;
  uint64_t n_keys, arrival;
  int64_t time_us;
  struct slice key, bytes;
  if (field_get_u32(body, at, &n_slots) != 0 || n_slots != dedup->mirror->n ||
      field_get_u64(body, at, &n_keys) != 0)
    return -1;
  for (uint64_t i = 0; i < n_keys; i++) {
    bool created;
    if (field_get_bytes(body, at, &key) != 0 || field_get_u32(body, at, &n) != 0 || n == 0)
      return -1;
    struct last *last = table_put(shard->table, hash_bytes(key.data, key.len), key, &created);
    if (!created) return -1;
    for (uint32_t k = 0; k < n; k++) {
      if (field_get_i64(body, at, &time_us) != 0 || field_get_u64(body, at, &arrival) != 0 ||
          field_get_bytes(body, at, &bytes) != 0 || !row_bytes_good(dedup->mirror, bytes) ||
          !time_in_range(time_us))
        return -1;
      hold_attach(shard, last, hold_new(shard, time_us, arrival, bytes));
    }
  }
  return 0;
}

void dedup_last_definition(const struct dedup *dedup, struct buf *out) {
  const struct dedup_mirror *mirror = dedup->mirror;
  struct buf text;
  buf_init(&text);
  for (size_t i = 0; i < mirror->n; i++) {
    const struct slot *slot = &mirror->in->slots[mirror->slots[i].in];
    buf_clear(&text);
    if (slot->kind != SLOT_COMPUTED)
      path_put(&text, &slot->path);
    else
      buf_put_text(&text, "computed");
    buf_printf(&text, " %s", value_type_name(slot->type));
    definition_put(out, "field of the records held", buf_slice(&text));
  }
  buf_fini(&text);
}
