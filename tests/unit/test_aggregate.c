/* Aggregates by themselves: two halves merged give what the whole gives, a saved one comes back,
 * and what beside it was allocated is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "transforms/window/aggregate.h"

static const struct aggregate_kind *const kinds[] = {
    &aggregate_count, &aggregate_sum,   &aggregate_avg,  &aggregate_min,
    &aggregate_max,   &aggregate_first, &aggregate_last, &aggregate_count_distinct,
};
enum { KINDS = sizeof kinds / sizeof *kinds, ROOM = 16 };

struct world {
  struct account account;
  struct aggregate_memory memory;
};

static void world_init(struct world *world) {
  *world = (struct world){0};
  world->memory.table = table_new(8, &world->account);
  world->memory.sets = table_new(sizeof(void *), &world->account);
}

static void world_fini(struct world *world) {
  table_free(world->memory.table);
  assert_int_equal(table_count(world->memory.sets), 0);
  table_free(world->memory.sets);
  buf_fini(&world->memory.scratch);
  assert_int_equal(atomic_load(&world->account.bytes), 0);
}

static void feed(struct world *world, const struct aggregate_kind *kind, void *acc,
                 const struct value *values, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    if (values[i].type == VALUE_NULL) continue;
    if (kind->conflicts != NULL) assert_null(kind->conflicts(acc, &values[i]));
    /* Times go 7, 4, 1, 8, 5, 2, ...: out of order, with ties. */
    kind->update(&world->memory, acc, &values[i], (int64_t)(7 * (i + 1) % 10));
  }
}

static void release(struct world *world, const struct aggregate_kind *kind, void *acc) {
  if (kind->release != NULL) kind->release(&world->memory, acc);
}

static void check_all(const struct value *values, size_t n, int first_kind) {
  for (int k = first_kind; k < KINDS; k++) {
    const struct aggregate_kind *kind = kinds[k];
    for (size_t half = 0; half <= n; half++) {
      struct world world;
      world_init(&world);
      uint64_t whole[ROOM] = {0}, left[ROOM] = {0}, right[ROOM] = {0}, loaded[ROOM] = {0};
      assert_true(kind->bytes <= sizeof whole);
      feed(&world, kind, whole, values, 0, n);
      feed(&world, kind, left, values, 0, half);
      feed(&world, kind, right, values, half, n);
      assert_null(kind->merge(&world.memory, left, right));
      struct value a = kind->final(whole), b = kind->final(left);
      assert_int_equal(a.type, b.type);
      assert_int_equal(value_compare(&a, &b), 0);

      struct buf bytes = {0};
      size_t at = 0;
      kind->save(&world.memory, whole, &bytes);
      assert_int_equal(kind->load(&world.memory, loaded, buf_slice(&bytes), &at), 0);
      assert_int_equal(at, bytes.len);
      b = kind->final(loaded);
      assert_int_equal(a.type, b.type);
      assert_int_equal(value_compare(&a, &b), 0);
      buf_fini(&bytes);
      release(&world, kind, whole);
      release(&world, kind, left);
      release(&world, kind, right);
      release(&world, kind, loaded);
      world_fini(&world);
    }
  }
}

static void halves_make_the_whole(void **state) {
  (void)state;
  const struct value numbers[] = {value_int(3),      value_double(0.5), value_null(),
                                  value_int(-7),     value_int(3),      value_double(1e15),
                                  value_double(3.0), value_int(1 << 30)};
  check_all(numbers, sizeof numbers / sizeof *numbers, 0);
  const struct value texts[] = {value_text("b", 1),   value_null(),       value_text("", 0),
                                value_text("abc", 3), value_text("b", 1), value_text("zz", 2)};
  for (int k = 0; k < KINDS; k++) {
    if (kinds[k]->refuses != NULL && kinds[k]->refuses(&texts[0]) != NULL) {
      assert_true(kinds[k] == &aggregate_sum || kinds[k] == &aggregate_avg);
    }
  }
  check_all(texts, sizeof texts / sizeof *texts, 3);
  check_all(NULL, 0, 0);
}

static void sums_do_not_wrap(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  uint64_t sum[ROOM] = {0}, other[ROOM] = {0};
  struct value most = value_int(INT64_MAX), one = value_int(1), huge = value_double(1.7e308);
  aggregate_sum.update(&world.memory, sum, &most, 0);
  aggregate_sum.update(&world.memory, other, &one, 0);
  assert_string_equal(aggregate_sum.conflicts(sum, &one), "aggregate.overflow");
  assert_string_equal(aggregate_sum.merge(&world.memory, sum, other), "aggregate.overflow");
  assert_int_equal(aggregate_sum.final(sum).integer, INT64_MAX);
  aggregate_sum.update(&world.memory, other, &huge, 0);
  assert_string_equal(aggregate_sum.conflicts(other, &huge), "aggregate.overflow");

  /* The average of such numbers is fine. */
  uint64_t avg[ROOM] = {0};
  for (int i = 0; i < 1000; i++) aggregate_avg.update(&world.memory, avg, &most, 0);
  assert_true(aggregate_avg.final(avg).number == 0x1p63);
  struct value least = value_int(INT64_MIN);
  for (int i = 0; i < 1000; i++) aggregate_avg.update(&world.memory, avg, &least, 0);
  assert_true(aggregate_avg.final(avg).number == -0.5);
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(halves_make_the_whole),
      cmocka_unit_test(sums_do_not_wrap),
  };
  return cmocka_run_group_tests_name("aggregate", tests, NULL, NULL);
}
