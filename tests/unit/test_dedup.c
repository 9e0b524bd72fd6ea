/* dedup in every way of the harness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/contract/transform_harness.h"

#include "daemon/base/hash.h"
#include "transforms/dedup/dedup.h"
#include "transforms/transforms.h"

static void first_goes_on(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_dedup,
      .options = "{key: k, ttl: 10s}\n",
      .lateness_s = 5,
      .input = "{\"t\":1,\"k\":\"a\",\"n\":1}\n"
               "{\"t\":2,\"k\":\"b\",\"n\":2}\n"
               "{\"t\":2,\"k\":\"a\",\"n\":3}\n"  /* within 10 s */
               "{\"t\":10,\"k\":\"a\",\"n\":4}\n" /* 9 s: still; the first one's time counts */
               "{\"t\":11,\"k\":\"a\",\"n\":5}\n" /* 10 s: no more */
               "{\"t\":12,\"k\":null,\"n\":6}\n"
               "{\"t\":12,\"n\":7}\n" /* missing is NULL, and NULLs are one key */
               "end\n",
      .expected = "== \n"
                  "{\"t\":1,\"k\":\"a\",\"n\":1}\n"
                  "{\"t\":2,\"k\":\"b\",\"n\":2}\n"
                  "{\"t\":11,\"k\":\"a\",\"n\":5}\n"
                  "{\"t\":12,\"k\":null,\"n\":6}\n"
                  "== duplicates\n"
                  "{\"t\":2,\"k\":\"a\",\"n\":3}\n"
                  "{\"t\":10,\"k\":\"a\",\"n\":4}\n"
                  "{\"t\":12,\"n\":7}\n"
                  "duplicates 3\n"});
}

/* Several records of a key may be held when the watermark lags by more than the ttl. */
static void disorder_is_judged_by_distance(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_dedup,
      .options = "{key: [k], ttl: 10s}\n",
      .lateness_s = 100,
      .input =
          "{\"t\":100,\"k\":1,\"n\":1}\n"
          "{\"t\":91,\"k\":1.0,\"n\":2}\n" /* 9 s before, and 1.0 = 1 */
          "{\"t\":90,\"k\":1,\"n\":3}\n"   /* 10 s before */
          "{\"t\":95,\"k\":1,\"n\":4}\n"
          "{\"t\":110,\"k\":1,\"n\":5}\n"
          "{\"t\":81,\"k\":1,\"n\":6}\n"
          "{\"t\":80,\"k\":1,\"n\":7}\n"
          "{\"t\":119,\"k\":1,\"n\":8}\n"
          "watermark 100\n"
          "{\"t\":95,\"k\":1,\"n\":9}\n"  /* held: 100 (until 110) and 110; 5 s before 100 */
          "{\"t\":90,\"k\":1,\"n\":10}\n" /* beyond the watermark: 90 is gone, not held again */
          "{\"t\":90,\"k\":1,\"n\":11}\n"
          "watermark 119\n"
          "{\"t\":104,\"k\":1,\"n\":12}\n" /* 100 is gone, 110 is not: 6 s before it */
          "watermark 120\n"
          "{\"t\":113,\"k\":1,\"n\":13}\n" /* and now that is gone, too */
          "end\n",
      .expected = "== \n"
                  "{\"t\":100,\"k\":1,\"n\":1}\n"
                  "{\"t\":90,\"k\":1,\"n\":3}\n"
                  "{\"t\":110,\"k\":1,\"n\":5}\n"
                  "{\"t\":80,\"k\":1,\"n\":7}\n"
                  "{\"t\":90,\"k\":1,\"n\":10}\n"
                  "{\"t\":90,\"k\":1,\"n\":11}\n"
                  "{\"t\":113,\"k\":1,\"n\":13}\n"
                  "== duplicates\n"
                  "{\"t\":91,\"k\":1.0,\"n\":2}\n"
                  "{\"t\":95,\"k\":1,\"n\":4}\n"
                  "{\"t\":81,\"k\":1,\"n\":6}\n"
                  "{\"t\":119,\"k\":1,\"n\":8}\n"
                  "{\"t\":95,\"k\":1,\"n\":9}\n"
                  "{\"t\":104,\"k\":1,\"n\":12}\n"
                  "duplicates 6\n"});
}

static void clock_counts_when_told(void **state) {
  (void)state;
  transform_check(&(struct transform_case){.plugin = &transform_dedup,
                                           .options = "{key: k, ttl: 10s, time: processing}\n",
                                           .input = "clock 100\n"
                                                    "{\"t\":1,\"k\":1}\n"
                                                    "{\"t\":50,\"k\":1}\n"
                                                    "clock 109\n"
                                                    "{\"t\":51,\"k\":1}\n"
                                                    "clock 110\n"
                                                    "{\"t\":52,\"k\":1}\n",
                                           .expected = "== \n"
                                                       "{\"t\":1,\"k\":1}\n"
                                                       "{\"t\":52,\"k\":1}\n"
                                                       "== duplicates\n"
                                                       "{\"t\":50,\"k\":1}\n"
                                                       "{\"t\":51,\"k\":1}\n"
                                                       "duplicates 2\n"});
}

static void last_goes_on_when_its_time_is_over(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_dedup,
      .options = "{key: k, ttl: 10s, keep: last}\n",
      .lateness_s = 2,
      .input = "{\"t\":1,\"k\":\"a\",\"n\":1}\n"
               "{\"t\":2,\"k\":\"b\",\"n\":2}\n"
               "{\"t\":5,\"k\":\"a\",\"n\":3}\n"
               "{\"t\":4,\"k\":\"a\",\"n\":4}\n"
               "{\"t\":14,\"k\":\"c\",\"n\":5}\n" /* W 12: b (2 + 10) goes on */
               "{\"t\":14,\"k\":\"a\",\"n\":6}\n" /* 9 s behind 5 */
               "{\"t\":16,\"k\":\"b\",\"n\":7}\n"
               "{\"t\":26,\"k\":\"a\",\"n\":8}\n" /* W 24: c and a (14 + 10), c came first */
               "{\"t\":4,\"k\":\"z\",\"n\":9}\n"  /* over as it comes */
               "end\n",
      .expected = "== \n"
                  "{\"t\":2,\"k\":\"b\",\"n\":2}\n"
                  "{\"t\":14,\"k\":\"c\",\"n\":5}\n"
                  "{\"t\":14,\"k\":\"a\",\"n\":6}\n"
                  "{\"t\":4,\"k\":\"z\",\"n\":9}\n"
                  "{\"t\":16,\"k\":\"b\",\"n\":7}\n"
                  "{\"t\":26,\"k\":\"a\",\"n\":8}\n"
                  "== duplicates\n"
                  "{\"t\":1,\"k\":\"a\",\"n\":1}\n"
                  "{\"t\":4,\"k\":\"a\",\"n\":4}\n"
                  "{\"t\":5,\"k\":\"a\",\"n\":3}\n"
                  "duplicates 3\n"});
}

static void last_by_the_clock(void **state) {
  (void)state;
  transform_check(
      &(struct transform_case){.plugin = &transform_dedup,
                               .options = "{key: k, ttl: 10s, keep: last, time: processing}\n",
                               .input = "clock 100\n"
                                        "{\"t\":1,\"k\":1}\n"
                                        "{\"t\":2,\"k\":1}\n"
                                        "clock 109\n"
                                        "{\"t\":3,\"k\":2}\n"
                                        "clock 110\n"
                                        "clock 119\n"
                                        "{\"t\":4,\"k\":2}\n"
                                        "end\n",
                               .expected = "== \n"
                                           "{\"t\":2,\"k\":1}\n"
                                           "{\"t\":3,\"k\":2}\n"
                                           "{\"t\":4,\"k\":2}\n"
                                           "== duplicates\n"
                                           "{\"t\":1,\"k\":1}\n"
                                           "duplicates 1\n"});
}

/* What is over is freed, also behind a record from the future, which would hold up a queue. */
static void memory_is_given_back(void **state) {
  (void)state;
  struct dedup dedup = {.ttl_us = 10, .key = {0}};
  struct account account = {0};
  struct dedup *instance = &dedup;
  transform_dedup.state_new(instance, 1, &account);
  struct rowset rowset = {.n_slots = 1};
  struct watermark_track track = {0};
  uint64_t most = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    struct batch *batch = batch_new(&rowset, 1);
    char key[8];
    memcpy(key, &i, sizeof key);
    int64_t time_us = i == 0 ? 1000000000 : (int64_t)i;
    uint64_t hash = hash_bytes(key, sizeof key);
    uint32_t starts[] = {0, 1};
    struct keyed_row row = {0, 0};
    batch_column(batch, 0)[0] = value_text(key, sizeof key);
    batch->time_us = &time_us;
    batch->ord_base = i;
    struct keyed_view view = {
        .view = {.batch = batch, .n = 1}, .hashes = &hash, .rows = &row, .shard_start = starts};
    struct keyed_run run = {.track = &track, .views = &view, .n_views = 1, .n_shards = 1};
    watermark_track_add(&track, i, (int64_t)i - 5);
    transform_dedup.run_shard(instance, &run, 0);
    watermark_track_next(&track, watermark_end(&track));
    if (transform_dedup.state_keys(instance) > most) most = transform_dedup.state_keys(instance);
    batch_free(batch);
  }
  assert_true(most < 100);
  watermark_track_fini(&track);
  transform_dedup.state_free(instance);
  assert_int_equal(atomic_load(&account.bytes), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(first_goes_on),
      cmocka_unit_test(disorder_is_judged_by_distance),
      cmocka_unit_test(clock_counts_when_told),
      cmocka_unit_test(last_goes_on_when_its_time_is_over),
      cmocka_unit_test(last_by_the_clock),
      cmocka_unit_test(memory_is_given_back),
  };
  return cmocka_run_group_tests_name("dedup", tests, NULL, NULL);
}
