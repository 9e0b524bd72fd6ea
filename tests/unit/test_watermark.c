/* Unit tests of daemon/flow/watermark and source_time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/flow/source_time.h"
#include "daemon/io/random.h"

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

/* Two partitions; records are stood in for by punctuations. */
static void time_two(struct source_time *time, struct source_common *common, int when_idle) {
  *common = (struct source_common){.idle_timeout_us = 30, .when_idle = when_idle};
  source_time_init(time, common, false);
  source_time_add_partition(time, 0, 0);
  source_time_add_partition(time, 1, 0);
  source_time_begin(time, 1, 0);
}

/* Both are idle; the one that returns leads on, though it was not the one that held all back. */
static void who_returns_leads(void **state) {
  (void)state;
  struct source_common common;
  struct source_time time;
  time_two(&time, &common, 1);
  source_time_punctuation(&time, 0, 2, 100, 0);
  source_time_punctuation(&time, 1, 3, 50, 0);
  assert_int_equal(time.watermark_us, 50);
  source_time_begin(&time, 4, 40);
  assert_int_equal(time.watermark_us, 50); /* when_idle: hold */
  source_time_punctuation(&time, 0, 5, 120, 40);
  assert_int_equal(time.watermark_us, 120);
  source_time_punctuation(&time, 1, 6, 110, 40); /* has not caught up */
  source_time_punctuation(&time, 0, 7, 130, 40);
  assert_int_equal(time.watermark_us, 130);
  source_time_punctuation(&time, 1, 8, 140, 40); /* has */
  source_time_punctuation(&time, 0, 9, 150, 40);
  assert_int_equal(time.watermark_us, 140);
  source_time_fini(&time);
}

/* One that returned and has not caught up is looked at again when it is quiet again. */
static void who_is_behind_is_waited_for(void **state) {
  (void)state;
  struct source_common common;
  struct source_time time;
  time_two(&time, &common, 0);
  source_time_punctuation(&time, 0, 2, 100, 0);
  source_time_punctuation(&time, 1, 3, 100, 0);
  source_time_begin(&time, 4, 40);
  source_time_begin(&time, 5, 60); /* idle since 40: the clock's pace */
  assert_int_equal(time.watermark_us, 120);
  assert_int_equal(source_time_next_clock_us(&time, 130), 70);
  source_time_punctuation(&time, 0, 6, 110, 60);
  assert_int_equal(time.watermark_us, 120);
  assert_int_equal(source_time_next_clock_us(&time, 130), 90);
  source_time_begin(&time, 7, 90);
  source_time_begin(&time, 8, 95);
  assert_int_equal(time.watermark_us, 125);
  source_time_fini(&time);
}

/* What a bounded source has is not idle by default, however long it was not asked for. */
static void bounded_is_not_idle(void **state) {
  (void)state;
  for (int bounded = 0; bounded < 2; bounded++) {
    struct source_common common = {.idle_timeout_us = -1};
    struct source_time time;
    source_time_init(&time, &common, bounded);
    source_time_add_partition(&time, 0, 0);
    source_time_add_partition(&time, 1, 0);
    source_time_punctuation(&time, 0, 2, 100, 0);
    source_time_begin(&time, 3, INT64_C(3600000000));
    source_time_punctuation(&time, 0, 4, 200, INT64_C(3600000000));
    assert_int_equal(time.watermark_us, bounded ? TIME_MIN_US : 200);
    source_time_fini(&time);
  }
}

/* The same, told in the plainest way: all partitions are asked each time. */
struct plain {
  int64_t watermark_us, active_us;
  bool known, ended, idle, behind;
};

static int64_t plain_least(const struct plain *list, size_t n, int64_t now_us) {
  int64_t least = TIME_MAX_US;
  for (size_t i = 0; i < n; i++) {
    if (list[i].known && !list[i].ended && !list[i].idle && list[i].watermark_us < least)
      least = list[i].watermark_us;
  }
  return least == TIME_MAX_US || least < now_us ? now_us : least;
}

/* Many partitions that begin, advance, go idle, return and end, and whose numbers come again. */
static void many_partitions(void **state) {
  (void)state;
  enum { MANY = 300, TIMEOUT_US = 50 };
  for (uint64_t seed = 1; seed <= 10; seed++) {
    struct source_common common = {.idle_timeout_us = TIMEOUT_US, .when_idle = 1};
    struct source_time time;
    struct plain list[MANY] = {{0}};
    struct random random;
    int64_t watermark_us = TIME_MIN_US, clock_us = 0;
    uint64_t ended = 0, returned = 0, ord = 0;
    random_seed(&random, seed);
    source_time_init(&time, &common, false);
    for (int step = 0; step < 20000; step++) {
      size_t p = random_below(&random, MANY);
      struct plain *plain = &list[p];
      if (!plain->known || plain->ended) {
        source_time_add_partition(&time, (uint32_t)p, clock_us);
        *plain = (struct plain){TIME_MIN_US, clock_us, true, false, false, false};
      } else if (random_below(&random, 200) == 0) {
        source_time_end_partition(&time, (uint32_t)p, ++ord);
        plain->ended = true;
        ended++;
        watermark_us = plain_least(list, MANY, watermark_us);
      } else {
        int64_t to_us = clock_us * 10 + (int64_t)random_below(&random, 3000);
        source_time_punctuation(&time, (uint32_t)p, ++ord, to_us, clock_us);
        if (to_us > plain->watermark_us) {
          plain->watermark_us = to_us;
          plain->active_us = clock_us;
          returned += plain->idle;
          plain->behind = plain->idle && to_us < watermark_us;
          plain->idle = plain->behind;
          watermark_us = plain_least(list, MANY, watermark_us);
        }
      }
      if (random_below(&random, 8) == 0) {
        clock_us += (int64_t)random_below(&random, 6);
        source_time_begin(&time, ++ord, clock_us);
        for (size_t i = 0; i < MANY; i++) {
          if (!list[i].known || list[i].ended || clock_us - list[i].active_us < TIMEOUT_US)
            continue;
          list[i].idle = true;
          list[i].behind = false;
        }
        watermark_us = plain_least(list, MANY, watermark_us);
      }
      if (time.watermark_us != watermark_us)
        fail_msg("seed %d, step %d: %lld, not %lld", (int)seed, step, (long long)time.watermark_us,
                 (long long)watermark_us);
      int64_t least = source_time_least(&time);
      if (least >= 0) assert_true(list[least].known && !list[least].ended && !list[least].idle);
    }
    uint64_t idle = 0, live = 0;
    for (size_t i = 0; i < MANY; i++) {
      idle += list[i].known && !list[i].ended && list[i].idle && !list[i].behind;
      live += list[i].known && !list[i].ended;
    }
    assert_int_equal(time.n_of[PARTITION_IDLE], idle);
    assert_int_equal(time.n_of[PARTITION_ACTIVE] + time.n_of[PARTITION_IDLE], live);
    assert_true(ended > 30 && returned > 30);
    source_time_fini(&time);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_grow_strictly),
      cmocka_unit_test(a_row_does_not_count_its_own_step),
      cmocka_unit_test(minimum_is_taken_at_every_ord),
      cmocka_unit_test(who_returns_leads),
      cmocka_unit_test(who_is_behind_is_waited_for),
      cmocka_unit_test(bounded_is_not_idle),
      cmocka_unit_test(many_partitions),
  };
  return cmocka_run_group_tests_name("watermark", tests, NULL, NULL);
}
