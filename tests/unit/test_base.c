/* Unit tests of daemon/base. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/arena.h"
#include "daemon/base/buf.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/err.h"
#include "daemon/base/hash.h"
#include "daemon/base/quantiles.h"
#include "daemon/base/slice.h"

#include <errno.h>
#include <math.h>

/* RFC 3720 B.4: 32 bytes of zeros, of ones, and counting up. */
static void crc32c_known_answers(void **state) {
  (void)state;
  unsigned char bytes[32] = {0};
  assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aau);
  memset(bytes, 0xff, 32);
  assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43u);
  for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
  assert_int_equal(crc32c(0, bytes, 32), 0x46dd794eu);
  assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
}

static void crc32c_twins_agree(void **state) {
  (void)state;
  static unsigned char bytes[20000];
  uint32_t x = 1;
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
  for (size_t len = 0; len < sizeof bytes; len = len * 5 / 4 + 1) {
    uint32_t whole = crc32c(0, bytes, len);
    assert_int_equal(whole, crc32c_portable(0, bytes, len));
    assert_int_equal(whole, crc32c(crc32c(0, bytes, len / 3), bytes + len / 3, len - len / 3));
  }
}

static void arena_gives_aligned_room(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  assert_non_null(arena_alloc(&arena, 0));
  char *small = arena_dup(&arena, "abc", 3);
  char *large = arena_alloc(&arena, 100000);
  memset(large, 1, 100000);
  for (int i = 0; i < 1000; i++)
    assert_int_equal((uintptr_t)arena_alloc(&arena, (size_t)i) % 16, 0);
  assert_string_equal(small, "abc");
  assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
  assert_true(arena.bytes > 100000);
  arena_reset(&arena);
  assert_int_equal(arena.bytes, 1024);
  assert_non_null(arena_zalloc(&arena, 5000));
  arena_fini(&arena);
  arena_fini(&arena);
}

static void buf_grows(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf);
  for (int i = 0; i < 1000; i++) buf_printf(&buf, "%d,", i);
  assert_int_equal(buf.len, 3890);
  buf_put_char(&buf, '!');
  assert_int_equal(buf_cstr(&buf)[3890], '!');
  assert_int_equal(buf_cstr(&buf)[3891], '\0');
  buf_fini(&buf);
}

static void err_reads_as_a_sentence(void **state) {
  (void)state;
  struct err err;
  assert_int_equal(err_errno(&err, EACCES, "cannot open %s", "/x"), -1);
  assert_int_equal(err_wrap(&err, "sink %s", "bills"), -1);
  assert_string_equal(err.text, "sink bills: cannot open /x: Permission denied");
  assert_int_equal(err.code, ERR_PERM);
  assert_int_equal(err_exit_status(ERR_CONFIG), 78);
}

static void slices_compare_bytewise(void **state) {
  (void)state;
  assert_true(slice_compare(slice_of("ab"), slice_of("abc")) < 0);
  assert_true(slice_compare(slice_of("b"), slice_of("abc")) > 0);
  assert_true(slice_is((struct slice){"abcd", 3}, "abc"));
}

/* The value is stored on disk by way of shards: XXH3-64 of "a", from the xxhsum program. */
static void hash_is_stable(void **state) {
  (void)state;
  assert_true(hash_bytes("a", 1) == 0xe6c632b61e964e1fULL);
  for (uint64_t h = 1; h != 0; h <<= 1) assert_in_range(hash_shard(h, 64), 0, 63);
}

static int compare_int64(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Against sorting: never too low, at most 1/32 too high, for numbers of all sizes. */
static void quantiles_are_close(void **state) {
  (void)state;
  enum { NUMBERS = 5000 };
  static const double shares[] = {0, 0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
  struct quantiles *quantiles = calloc(1, sizeof *quantiles);
  assert_int_equal(quantiles_find(quantiles, 0.5), 0);
  for (int bits = 1; bits <= 63; bits += 2) {
    memset(quantiles, 0, sizeof *quantiles);
    int64_t sorted[NUMBERS];
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < NUMBERS; i++) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      sorted[i] = (int64_t)(x >> (64 - bits)) >> (i % 7);
      quantiles_add(quantiles, sorted[i], 1);
    }
    qsort(sorted, NUMBERS, sizeof *sorted, compare_int64);
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
      int rank = (int)ceil(shares[s] * NUMBERS);
      int64_t exact = sorted[rank > 0 ? rank - 1 : 0], found = quantiles_find(quantiles, shares[s]);
      assert_true(found >= exact && (double)found <= (double)exact * (1 + 1.0 / 32));
    }
  }
  quantiles_add(quantiles, INT64_MAX, 1);
  assert_int_equal(quantiles_find(quantiles, 1), INT64_MAX);
  quantiles_add(quantiles, -7, 1000000);
  assert_int_equal(quantiles_find(quantiles, 0.9), 0);
  assert_int_equal(quantiles_count(quantiles), NUMBERS + 1000001);
  free(quantiles);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crc32c_known_answers),     cmocka_unit_test(crc32c_twins_agree),
      cmocka_unit_test(arena_gives_aligned_room), cmocka_unit_test(buf_grows),
      cmocka_unit_test(err_reads_as_a_sentence),  cmocka_unit_test(slices_compare_bytewise),
      cmocka_unit_test(hash_is_stable),           cmocka_unit_test(quantiles_are_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
