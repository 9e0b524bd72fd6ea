/* min, max, first, last: one of the values that came. Text is copied into counted memory. */
#include "transforms/window/aggregate.h"

struct pick {
  struct value value; /* VALUE_NULL: none yet */
  int64_t time_us;    /* of its record */
};

static bool has_bytes(const struct value *v) {
  return v->type == VALUE_TEXT || v->type == VALUE_JSON || v->type == VALUE_NUMBER;
}

static void pick_release(struct aggregate_memory *memory, void *acc) {
  struct pick *pick = acc;
  if (has_bytes(&pick->value) && pick->value.len > 0)
    table_release(memory->table, (char *)(uintptr_t)pick->value.data, pick->value.len);
  pick->value = value_null();
}

static void pick_set(struct aggregate_memory *memory, struct pick *pick, const struct value *v,
                     int64_t time_us) {
  struct value copy = *v;
  if (has_bytes(v))
    copy.data = v->len > 0 ? memcpy(table_alloc(memory->table, v->len), v->data, v->len) : "";
  pick_release(memory, pick);
  pick->value = copy;
  pick->time_us = time_us;
}

static struct value pick_final(const void *acc) {
  return ((const struct pick *)acc)->value;
}

static void pick_save(const struct aggregate_memory *memory, const void *acc, struct buf *out) {
  (void)memory;
  const struct pick *pick = acc;
  value_put_binary(out, &pick->value);
  field_put_i64(out, pick->time_us);
}

static int pick_load(struct aggregate_memory *memory, void *acc, struct slice body, size_t *at) {
  struct value v;
  int64_t time_us;
  if (value_get_binary(body, at, &v) != 0 || field_get_i64(body, at, &time_us) != 0) return -1;
  pick_set(memory, acc, &v, time_us);
  return 0;
}

/* ------------------------------------------------------------------ min, max */

static int ordered_type(enum value_type argument) {
  switch (argument) {
  case VALUE_JSON:
  case VALUE_BOOL: return AGGREGATE_REFUSES;
  case VALUE_NULL: return VALUE_ANY;
  default: return (int)argument;
  }
}

static const char *ordered_refuses(const struct value *v) {
  switch (v->type) {
  case VALUE_INT:
  case VALUE_DOUBLE:
  case VALUE_TEXT:
  case VALUE_TIMESTAMP:
  case VALUE_INTERVAL: return NULL;
  case VALUE_NUMBER: return AGGREGATE_OVERFLOW;
  default: return AGGREGATE_TYPE;
  }
}

static bool is_number(const struct value *v) {
  return v->type == VALUE_INT || v->type == VALUE_DOUBLE;
}

static const char *ordered_conflicts(const void *acc, const struct value *v) {
  const struct value *held = &((const struct pick *)acc)->value;
  if (held->type == VALUE_NULL || held->type == v->type || (is_number(held) && is_number(v)))
    return NULL;
  return AGGREGATE_TYPE;
}

static int order(const struct value *a, const struct value *b) {
  if (a->type == b->type) {
    if (a->type == VALUE_DOUBLE) return (a->number > b->number) - (a->number < b->number);
    if (a->type == VALUE_INT) return (a->integer > b->integer) - (a->integer < b->integer);
  }
  return value_compare(a, b);
}

static void min_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                       int64_t time_us) {
  struct pick *pick = acc;
  if (pick->value.type == VALUE_NULL || order(v, &pick->value) < 0)
    pick_set(memory, pick, v, time_us);
}

static void max_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                       int64_t time_us) {
  struct pick *pick = acc;
  if (pick->value.type == VALUE_NULL || order(v, &pick->value) > 0)
    pick_set(memory, pick, v, time_us);
}

static const char *min_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  const struct pick *more = other;
  if (more->value.type == VALUE_NULL) return NULL;
  const char *code = ordered_conflicts(acc, &more->value);
  if (code == NULL) min_update(memory, acc, &more->value, more->time_us);
  return code;
}

static const char *max_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  const struct pick *more = other;
  if (more->value.type == VALUE_NULL) return NULL;
  const char *code = ordered_conflicts(acc, &more->value);
  if (code == NULL) max_update(memory, acc, &more->value, more->time_us);
  return code;
}

/* ------------------------------------------------------------------ first, last */

static int any_type(enum value_type argument) {
  return argument == VALUE_NULL ? VALUE_ANY : (int)argument;
}

/* By event time; of equal times the first to arrive. */
static void first_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                         int64_t time_us) {
  struct pick *pick = acc;
  if (pick->value.type == VALUE_NULL || time_us < pick->time_us) pick_set(memory, pick, v, time_us);
}

/* By event time; of equal times the last to arrive. */
static void last_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                        int64_t time_us) {
  struct pick *pick = acc;
  if (pick->value.type == VALUE_NULL || time_us >= pick->time_us)
    pick_set(memory, pick, v, time_us);
}

static const char *first_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  const struct pick *more = other;
  if (more->value.type != VALUE_NULL) first_update(memory, acc, &more->value, more->time_us);
  return NULL;
}

static const char *last_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  const struct pick *more = other;
  if (more->value.type != VALUE_NULL) last_update(memory, acc, &more->value, more->time_us);
  return NULL;
}

#define PICK(kind, type, ...)                                                                      \
  const struct aggregate_kind aggregate_##kind = {.name = #kind,                                   \
                                                  .bytes = sizeof(struct pick),                    \
                                                  .result_type = type,                             \
                                                  .update = kind##_update,                         \
                                                  .merge = kind##_merge,                           \
                                                  .final = pick_final,                             \
                                                  .save = pick_save,                               \
                                                  .load = pick_load,                               \
                                                  .release = pick_release,                         \
                                                  __VA_ARGS__}
PICK(min, ordered_type, .refuses = ordered_refuses, .conflicts = ordered_conflicts);
PICK(max, ordered_type, .refuses = ordered_refuses, .conflicts = ordered_conflicts);
PICK(first, any_type, .refuses = NULL);
PICK(last, any_type, .refuses = NULL);
