/* Unit tests of daemon/state/table: against a plain model under random use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/hash.h"
#include "daemon/state/table.h"

#include <stdio.h>

static uint64_t next_random(uint64_t *seed) {
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *seed >> 33;
}

static uint64_t hash_of(struct slice key) {
  return hash_bytes(key.data, key.len);
}

static uint64_t bytes_of(struct account *account) {
  return atomic_load(&account->bytes);
}

static void put_find_delete(void **state) {
  (void)state;
  struct account account = {0};
  struct table *table = table_new(12, &account);
  struct slice key = slice_of("key");
  assert_null(table_find(table, hash_of(key), key));
  assert_null(table_first(table));
  bool created = false;
  char *value = table_put(table, hash_of(key), key, &created);
  assert_true(created);
  assert_int_equal((uintptr_t)value % 8, 0);
  for (int i = 0; i < 12; i++) assert_int_equal(value[i], 0);
  memset(value, 7, 12);
  assert_ptr_equal(table_put(table, hash_of(key), key, &created), value);
  assert_false(created);
  assert_ptr_equal(table_find(table, hash_of(key), key), value);
  assert_true(slice_equal(table_key(table, value), key));
  assert_true(table_hash(table, value) == hash_of(key));
  table_delete(table, value);
  assert_int_equal(table_count(table), 0);
  value = table_put(table, hash_of(key), key, &created);
  assert_true(created);
  for (int i = 0; i < 12; i++) assert_int_equal(value[i], 0);
  struct slice empty = {0};
  assert_non_null(table_put(table, hash_bytes("", 0), empty, &created));
  assert_true(created);
  table_free(table);
  assert_int_equal(bytes_of(&account), 0);
  table_free(NULL);
}

/* Keys of every length up to beyond a page, some with the same low half of their hash are out of
 * reach, so collisions of the index come from its being nearly full. */
enum { MODEL_KEYS = 3000 };

static struct slice model_key(char *room, unsigned number) {
  size_t len = number % 50 == 0 ? number * 40 : number % 37;
  len += (size_t)snprintf(room, 16, "%u.", number);
  for (size_t i = strlen(room); i < len; i++) room[i] = (char)('a' + i % 26);
  return (struct slice){room, len};
}

static void random_use_agrees_with_a_model(void **state) {
  (void)state;
  struct account account = {.memory = memory_real_new()};
  struct table *table = table_new(sizeof(uint64_t), &account);
  static uint64_t *present[MODEL_KEYS];
  static uint64_t made[MODEL_KEYS];
  static char room[200000];
  uint64_t seed = 7, clock = 0, count = 0;
  for (int step = 0; step < 60000; step++) {
    /* Waves of growth and of shrinking to (nearly) nothing. */
    bool grow = next_random(&seed) % 10 < ((step / 6000) % 2 == 0 ? 8u : 2u);
    unsigned number = (unsigned)(next_random(&seed) % MODEL_KEYS);
    struct slice key = model_key(room, number);
    uint64_t hash = hash_of(key);
    assert_ptr_equal(table_find(table, hash, key), present[number]);
    if (grow) {
      bool created;
      uint64_t *value = table_put(table, hash, key, &created);
      assert_int_equal(created, present[number] == NULL);
      if (!created) continue;
      assert_int_equal(*value, 0);
      *value = number;
      present[number] = value;
      made[number] = ++clock;
      count++;
    } else if (present[number] != NULL) {
      assert_int_equal(*present[number], number);
      table_delete(table, present[number]);
      present[number] = NULL;
      count--;
    }
    assert_int_equal(table_count(table), count);
    if (step % 500 != 0) continue;
    uint64_t last = 0, seen = 0;
    for (uint64_t *v = table_first(table); v != NULL; v = table_next(table, v)) {
      assert_true(made[*v] > last);
      last = made[*v];
      assert_ptr_equal(present[*v], v);
      assert_true(slice_equal(table_key(table, v), model_key(room, (unsigned)*v)));
      seen++;
    }
    assert_int_equal(seen, count);
  }
  for (uint64_t *v = table_first(table), *after; v != NULL; v = after) {
    after = table_next(table, v);
    table_delete(table, v);
  }
  assert_int_equal(table_count(table), 0);
  table_free(table);
  assert_int_equal(bytes_of(&account), 0);
  memory_free(account.memory); /* asserts that all was given back */
}

/* A table that forgets as much as it learns does not grow. */
static void deleted_memory_is_used_again(void **state) {
  (void)state;
  struct account account = {0};
  struct table *table = table_new(16, &account);
  void *ring[1000] = {0};
  uint64_t after_warm_up = 0;
  char room[32];
  for (unsigned i = 0; i < 200000; i++) {
    if (ring[i % 1000] != NULL) table_delete(table, ring[i % 1000]);
    bool created;
    struct slice key = {room, (size_t)snprintf(room, sizeof room, "key-%010u", i)};
    ring[i % 1000] = table_put(table, hash_of(key), key, &created);
    assert_true(created);
    if (i == 2000) after_warm_up = bytes_of(&account);
  }
  assert_int_equal(bytes_of(&account), after_warm_up);
  table_free(table);
}

/* The first entry of a table may be larger than any page. */
static void large_entries_have_pages_of_their_own(void **state) {
  (void)state;
  struct account account = {0};
  struct table *table = table_new(8, &account);
  static char large[100000];
  memset(large, 'x', sizeof large);
  struct slice key = {large, sizeof large}, small = slice_of("small");
  for (int round = 0; round < 3; round++) {
    bool created;
    uint64_t *a = table_put(table, hash_of(key), key, &created);
    uint64_t *b = table_put(table, hash_of(small), small, &created);
    *a = *b = UINT64_MAX;
    assert_true(slice_equal(table_key(table, a), key));
    assert_ptr_equal(table_find(table, hash_of(key), key), a);
    assert_ptr_equal(table_find(table, hash_of(small), small), b);
    table_delete(table, a);
    assert_int_equal(*b, UINT64_MAX);
    if (round == 1)
      table_delete(table, b);
    else if (round == 0)
      assert_ptr_equal(table_first(table), b);
  }
  table_free(table);
  assert_int_equal(bytes_of(&account), 0);
}

static void memory_per_key_stays_small(void **state) {
  (void)state;
  struct account account = {0};
  struct table *table = table_new(16, &account);
  char room[32];
  for (unsigned i = 0; i < 31250; i++) { /* 2 M keys over 64 shards */
    bool created;
    struct slice key = {room, (size_t)snprintf(room, sizeof room, "%024u", i)};
    table_put(table, hash_of(key), key, &created);
    table_prefetch(table, hash_of(key));
    table_prefetch_entry(table, hash_of(key));
  }
  assert_true(bytes_of(&account) / 31250 < 90);
  void *memory = table_alloc(table, 100);
  uint64_t with = bytes_of(&account);
  table_release(table, memory, 100);
  assert_int_equal(bytes_of(&account), with - 100);
  table_release(table, NULL, 0);
  table_free(table);
  assert_int_equal(bytes_of(&account), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(put_find_delete),
      cmocka_unit_test(random_use_agrees_with_a_model),
      cmocka_unit_test(deleted_memory_is_used_again),
      cmocka_unit_test(large_entries_have_pages_of_their_own),
      cmocka_unit_test(memory_per_key_stays_small),
  };
  return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
