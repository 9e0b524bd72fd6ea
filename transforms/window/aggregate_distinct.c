/* count(distinct x): exact. The members of all sets of a shard are in one table, whose keys are the
 * set's number and the value's key encoding; the members of one set are a list. */
#include "transforms/window/aggregate.h"

#include "daemon/base/hash.h"

struct member {
  struct member *next; /* of the same set, in order of insertion */
};

struct set {
  uint64_t number;
  int64_t count;
  struct member *first, *last;
};

enum { NUMBER_BYTES = 8 };

/* The key of a member begins in the scratch; the caller appends the value's. */
static struct buf *member_begin(struct aggregate_memory *memory, struct set *set) {
  if (set->count == 0) set->number = memory->next_set++;
  buf_clear(&memory->scratch);
  buf_put(&memory->scratch, &set->number, NUMBER_BYTES);
  return &memory->scratch;
}

static void member_add(struct aggregate_memory *memory, struct set *set) {
  struct slice key = buf_slice(&memory->scratch);
  bool created;
  struct member *member = table_put(memory->sets, hash_bytes(key.data, key.len), key, &created);
  if (!created) return;
  if (set->count++ == 0) {
    set->first = member;
  } else {
    set->last->next = member;
  }
  set->last = member;
}

static struct slice member_key(const struct table *sets, const struct member *member) {
  struct slice key = table_key(sets, member);
  return (struct slice){key.data + NUMBER_BYTES, key.len - NUMBER_BYTES};
}

static int distinct_type(enum value_type argument) {
  (void)argument;
  return VALUE_INT;
}

static void distinct_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                            int64_t time_us) {
  (void)time_us;
  value_put_key(member_begin(memory, acc), v);
  member_add(memory, acc);
}

static const char *distinct_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  const struct set *more = other;
  for (const struct member *member = more->first; member != NULL; member = member->next) {
    buf_put_slice(member_begin(memory, acc), member_key(memory->sets, member));
    member_add(memory, acc);
  }
  return NULL;
}

static struct value distinct_final(const void *acc) {
  return value_int(((const struct set *)acc)->count);
}

static void distinct_save(const struct aggregate_memory *memory, const void *acc, struct buf *out) {
  const struct set *set = acc;
  field_put_i64(out, set->count);
  for (const struct member *member = set->first; member != NULL; member = member->next)
    field_put_bytes(out, member_key(memory->sets, member));
}

static int distinct_load(struct aggregate_memory *memory, void *acc, struct slice body,
                         size_t *at) {
  struct set *set = acc;
  int64_t count;
  if (field_get_i64(body, at, &count) != 0 || count < 0) return -1;
  for (int64_t i = 0; i < count; i++) {
    struct slice key;
    if (field_get_bytes(body, at, &key) != 0) return -1;
    buf_put_slice(member_begin(memory, set), key);
    member_add(memory, set);
    if (set->count != i + 1) return -1; /* a member twice */
  }
  return 0;
}

static void distinct_release(struct aggregate_memory *memory, void *acc) {
  struct set *set = acc;
  for (struct member *member = set->first, *next; member != NULL; member = next) {
    next = member->next;
    table_delete(memory->sets, member);
  }
  *set = (struct set){0};
}

const struct aggregate_kind aggregate_count_distinct = {
    .name = "count",
    .distinct = true,
    .bytes = sizeof(struct set),
    .result_type = distinct_type,
    .update = distinct_update,
    .merge = distinct_merge,
    .final = distinct_final,
    .save = distinct_save,
    .load = distinct_load,
    .release = distinct_release,
};
