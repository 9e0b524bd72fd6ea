/* Unit tests of daemon/flow/watermark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/flow/watermark.h"

static void steps_grow_strictly(void **state) {
  (void)state;
  struct watermark_track track = {.start_us = 100};
  watermark_track_add(&track, 5, 100);
  watermark_track_add(&track, 5, 90);
  assert_int_equal(track.n_steps, 0);
  assert_int_equal(watermark_end(&track), 100);
  watermark_track_add(&track, 6, 110);
  watermark_track_add(&track, 7, 110);
  watermark_track_add(&track, 8, 120);
  watermark_track_add(&track, 8, 130);
  assert_int_equal(track.n_steps, 2);
  assert_int_equal(watermark_end(&track), 130);
  watermark_track_next(&track, 130);
  assert_int_equal(track.n_steps, 0);
  assert_int_equal(watermark_end(&track), 130);
  watermark_track_fini(&track);
}

static void a_row_does_not_count_its_own_step(void **state) {
  (void)state;
  struct watermark_track track = {.start_us = 100};
  for (uint64_t i = 0; i < 50; i++) watermark_track_add(&track, 10 + 2 * i, 110 + 10 * (int64_t)i);
  assert_int_equal(watermark_before(&track, 0), 100);
  assert_int_equal(watermark_before(&track, 10), 100);
  assert_int_equal(watermark_before(&track, 11), 110);
  assert_int_equal(watermark_before(&track, 12), 110);
  assert_int_equal(watermark_before(&track, 13), 120);
  assert_int_equal(watermark_before(&track, 1000), 600);
  assert_null(watermark_reaches(&track, 100));
  assert_null(watermark_reaches(&track, 601));
  assert_int_equal(watermark_reaches(&track, 101)->ord, 10);
  assert_int_equal(watermark_reaches(&track, 110)->ord, 10);
  assert_int_equal(watermark_reaches(&track, 111)->ord, 12);
  assert_int_equal(watermark_reaches(&track, 600)->ord, 108);
  watermark_track_fini(&track);
}

static void minimum_is_taken_at_every_ord(void **state) {
  (void)state;
  struct watermark_track a = {.start_us = 0}, b = {.start_us = 5}, out = {0};
  watermark_track_add(&a, 1, 10); /* min 5 */
  watermark_track_add(&b, 2, 8);  /* min 8 */
  watermark_track_add(&b, 3, 30); /* min 10 */
  watermark_track_add(&a, 4, 20); /* both at 4: min 20 */
  watermark_track_add(&b, 4, 40);
  watermark_track_add(&b, 5, TIME_MAX_US); /* min 20 still */
  watermark_track_add(&a, 6, TIME_MAX_US);
  const struct watermark_track *inputs[] = {&a, &b};
  watermark_track_min(&out, inputs, 2);
  static const struct watermark_step expected[] = {
      {1, 5}, {2, 8}, {3, 10}, {4, 20}, {6, TIME_MAX_US}};
  assert_int_equal(out.start_us, 0);
  assert_int_equal(out.n_steps, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(out.steps[i].ord, expected[i].ord);
    assert_int_equal(out.steps[i].watermark_us, expected[i].watermark_us);
  }
  watermark_track_min(&out, inputs, 1);
  assert_int_equal(out.n_steps, 3);
  watermark_track_fini(&a);
  watermark_track_fini(&b);
  watermark_track_fini(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_grow_strictly),
      cmocka_unit_test(a_row_does_not_count_its_own_step),
      cmocka_unit_test(minimum_is_taken_at_every_ord),
  };
  return cmocka_run_group_tests_name("watermark", tests, NULL, NULL);
}
