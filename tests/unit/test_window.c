/* window in every way of the harness: the same results however epochs are cut, with any number of
 * shards, and with state saved and loaded after each epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/hash.h"
#include "tests/contract/transform_harness.h"
#include "transforms/transforms.h"
#include "transforms/window/window.h"

/* It would break the expected texts, which are joined of pieces, apart. */
/* clang-format off */
#define AT "1970-01-01T00:"
#define WINDOW(start, end) "{\"window_start\":\"" AT start "Z\",\"window_end\":\"" AT end "Z\","

static void tumbling_closes_in_order(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s}\n"
                 "group_by: user\n"
                 "aggregate: {n: count(*), total: sum(v), top: max(v)}\n",
      .lateness_s = 5,
      .input = "{\"t\":3,\"user\":\"b\",\"v\":1}\n"
               "{\"t\":12,\"user\":\"a\",\"v\":10}\n"
               "{\"t\":9,\"user\":\"a\",\"v\":2.5}\n" /* W 7 */
               "{\"t\":1,\"user\":\"b\",\"v\":4}\n"
               "{\"t\":13,\"v\":5}\n"                 /* NULL is a group */
               "{\"t\":15,\"user\":null}\n"           /* W 10: the first window closes */
               "{\"t\":9,\"user\":\"b\",\"v\":100}\n" /* late: 10 <= W */
               "{\"t\":10,\"user\":\"b\",\"v\":7}\n"  /* not: its window ends at 20 */
               "{\"t\":47,\"user\":\"c\",\"v\":-1}\n" /* W 42: closes two */
               "{\"t\":30,\"user\":\"c\",\"v\":1}\n"  /* late by 12 */
               "end\n",
      .expected = "== \n" WINDOW(
          "00:00",
          "00:10") "\"user\":\"b\",\"n\":2,\"total\":5,"
                   "\"top\":4}\n" WINDOW(
                       "00:00",
                       "00:10") "\"user\":\"a\",\"n\":1,\"total\":2.5,"
                                "\"top\":2.5}\n" WINDOW(
                                    "00:10",
                                    "00:20") "\"user\":\"a\",\"n\":1,\"total\":10,\"top\":10}"
                                             "\n" WINDOW("00:10",
                                                         "00:20") "\"user\":null,\"n\":2,"
                                                                  "\"total\":5,\"top\":5}"
                                                                  "\n" WINDOW(
                                                                      "00:10",
                                                                      "00:20") "\"use"
                                                                               "r\":"
                                                                               "\"b\""
                                                                               ",\"n"
                                                                               "\":1,"
                                                                               "\"tot"
                                                                               "al\":"
                                                                               "7,"
                                                                               "\"top"
                                                                               "\":7}"
                                                                               "\n" WINDOW(
                                                                                   "00:40",
                                                                                   "00:50") "\"user"
                                                                                            "\":"
                                                                                            "\"c\","
                                                                                            "\"n\":"
                                                                                            "1,"
                                                                                            "\"tota"
                                                                                            "l\":-"
                                                                                            "1,"
                                                                                            "\"top"
                                                                                            "\":-1}"
                                                                                            "\n"
                                                                                            "== "
                                                                                            "late\n"
                                                                                            "{\"t\""
                                                                                            ":9,"
                                                                                            "\"user"
                                                                                            "\":"
                                                                                            "\"b\","
                                                                                            "\"v\":"
                                                                                            "100,"
                                                                                            "\"_"
                                                                                            "late_"
                                                                                            "by\":"
                                                                                            "100000"
                                                                                            "0}\n"
                                                                                            "{\"t\""
                                                                                            ":30,"
                                                                                            "\"user"
                                                                                            "\":"
                                                                                            "\"c\","
                                                                                            "\"v\":"
                                                                                            "1,\"_"
                                                                                            "late_"
                                                                                            "by\":"
                                                                                            "120000"
                                                                                            "00}\n"
                                                                                            "late "
                                                                                            "2\n"});
}

static void offset_and_times_before_1970(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s, offset: 3s}\naggregate: {n: count(*)}\n",
      .lateness_s = 100,
      .input = "{\"t\":2}\n{\"t\":3}\n{\"t\":-7}\n{\"t\":-8}\n{\"t\":12}\nend\n",
      .expected = "== \n"
                  "{\"window_start\":\"1969-12-31T23:59:43Z\",\"window_end\":\"1969-12-31T23:59:53Z"
                  "\",\"n\":1}\n"
                  "{\"window_start\":\"1969-12-31T23:59:53Z\",\"window_end\":\"1970-01-01T00:00:03Z"
                  "\",\"n\":2}\n" WINDOW("00:03", "00:13") "\"n\":2}\n"});
}

static void hopping_takes_a_record_into_each(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {hopping: 30s, every: 10s}\n"
                 "group_by: [k % 2]\n"
                 "aggregate: {n: count(*)}\n"
                 "having: n > 1\n",
      .input = "{\"t\":100,\"k\":1}\n"
               "{\"t\":105,\"k\":3}\n"
               "{\"t\":111,\"k\":5}\n" /* W 111: [80, 110) has closed */
               "{\"t\":109,\"k\":7}\n" /* late for [80, 110) alone */
               "{\"t\":140,\"k\":2}\n" /* W 140 */
               "{\"t\":109,\"k\":9}\n" /* late for all of its windows */
               "end\n",
      .expected = "== \n" WINDOW("01:20", "01:50") "\"k % 2\":1,\"n\":2}\n" WINDOW(
          "01:30", "02:00") "\"k % 2\":1,\"n\":4}\n" WINDOW("01:40",
                                                            "02:10") "\"k % 2\":1,\"n\":4}\n"
                                                                     "== late\n"
                                                                     "{\"t\":109,\"k\":9,\"_late_"
                                                                     "by\":31000000}\n"
                                                                     "late 1\n"});
  /* Gaps: what falls between two windows is in none. */
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {hopping: 2s, every: 10s}\naggregate: {n: count(*)}\n",
      .input = "{\"t\":11}\n{\"t\":12}\n{\"t\":20}\nend\n",
      .expected =
          "== \n" WINDOW("00:10", "00:12") "\"n\":1}\n" WINDOW("00:20", "00:22") "\"n\":1}\n"
                                                                                 "dropped 1\n"});
}

static void lateness_corrects(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s}\n"
                 "group_by: {who: k}\n"
                 "aggregate: {n: count(*)}\n"
                 "allowed_lateness: 10s\n",
      .input = "{\"t\":1,\"k\":1}\n"
               "{\"t\":2,\"k\":2}\n"
               "{\"t\":10,\"k\":1}\n" /* closes */
               "{\"t\":3,\"k\":1}\n"
               "{\"t\":4,\"k\":3}\n" /* nothing at the close: its first result */
               "{\"t\":19,\"k\":9}\n"
               "{\"t\":5,\"k\":1}\n"
               "{\"t\":20,\"k\":9}\n" /* W 20: end + 10 */
               "{\"t\":6,\"k\":1}\n"
               "end\n",
      .expected = "== \n" WINDOW("00:00",
                                 "00:10") "\"who\":1,\"n\":1,\"_revision\":0,\"_"
                                          "final\":true}\n" WINDOW(
                                              "00:00",
                                              "00:10") "\"who\":2,\"n\":1,\"_revision\":0,"
                                                       "\"_final\":true}\n" WINDOW("00:00", "00:10") "\"who\":1,\"n\":2,\"_revision\":1,\"_final\":true}\n" WINDOW(
                                                           "00:00",
                                                           "00:10") "\"who\":3,\"n\":1,\"_"
                                                                    "revision\":0,\"_final\":true}"
                                                                    "\n" WINDOW("00:00",
                                                                                "00:10") "\"who\":"
                                                                                         "1,\"n\":"
                                                                                         "3,\"_"
                                                                                         "revision"
                                                                                         "\":2,\"_"
                                                                                         "final\":"
                                                                                         "true}"
                                                                                         "\n" WINDOW(
                                                                                             "00:"
                                                                                             "10",
                                                                                             "00:"
                                                                                             "20") "\"who\":"
                                                                                                   "1,\"n\":"
                                                                                                   "1,\"_"
                                                                                                   "revision"
                                                                                                   "\":0,\"_"
                                                                                                   "final\":"
                                                                                                   "true}"
                                                                                                   "\n" WINDOW("00:10", "00:20") "\"who\":9,\"n\":1,\"_revision\":0,\"_final\":true}\n" WINDOW(
                                                                                                       "00:20",
                                                                                                       "00:30") "\"who\":9,\"n\":1,\"_revision\":0,\"_final\":true}\n"
                                                                                                                "== late\n"
                                                                                                                "{\"t\":6,\"k\":1,\"_late_by\":14000000}\n"
                                                                                                                "late 1\n"});
}

static void late_ones_are_dropped_or_stop(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s}\naggregate: {n: count(*)}\non_late: drop\n",
      .input = "{\"t\":11}\n{\"t\":1}\nend\n",
      .expected = "== \n" WINDOW("00:10", "00:20") "\"n\":1}\nlate 1\ndropped 1\n"});
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s}\naggregate: {n: count(*)}\non_late: stop\n",
      .input = "{\"t\":11}\n{\"t\":1}\nend\n",
      .expected =
          "== \n" WINDOW("00:10", "00:20") "\"n\":1}\n"
                                           "== errors\nstop:window.late {\"t\":1}\nlate 1\n"});
}

static void early_results_by_epoch_and_clock(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .fixed_epochs = true,
      .options = "window: {tumbling: 10s}\n"
                 "group_by: k\n"
                 "aggregate: {n: count(*)}\n"
                 "emit: {on_update: true}\n",
      .input = "{\"t\":1,\"k\":1}\n{\"t\":1,\"k\":2}\n{\"t\":2,\"k\":1}\n---\n"
               "{\"t\":3,\"k\":1}\n---\n"
               "---\n"
               "{\"t\":4,\"k\":2}\n{\"t\":10,\"k\":2}\n---\nend\n",
      .expected =
          "== \n" WINDOW(
              "00:00",
              "00:10") "\"k\":1,\"n\":2,\"_revision\":0,\"_final\":false}"
                       "\n" WINDOW(
                           "00:00",
                           "00:10") "\"k\":2,\"n\":1,\"_"
                                    "revision\":0,\"_final\":"
                                    "false}\n" WINDOW(
                                        "00:00",
                                        "00:10") "\"k\":1,\"n\":3,\"_revision\":"
                                                 "1,\"_final\":false}\n" WINDOW("00:00", "00:10") "\"k\":1,\"n\":3,\"_revision\":0,\"_final\":true}\n" WINDOW(
                                                     "00:00",
                                                     "00:10") "\"k\":2,"
                                                              "\"n\":2,\"_"
                                                              "revision\":"
                                                              "0,\"_"
                                                              "final\":"
                                                              "true}"
                                                              "\n" WINDOW(
                                                                  "00:10",
                                                                  "00:20") "\"k"
                                                                           "\":"
                                                                           "2,"
                                                                           "\"n"
                                                                           "\":"
                                                                           "1,"
                                                                           "\"_"
                                                                           "revi"
                                                                           "sion"
                                                                           "\":"
                                                                           "0,"
                                                                           "\"_"
                                                                           "fina"
                                                                           "l\":"
                                                                           "fals"
                                                                           "e}"
                                                                           "\n" WINDOW(
                                                                               "00:10",
                                                                               "00:20") "\"k\":2,"
                                                                                        "\"n\":1,"
                                                                                        "\"_"
                                                                                        "revision\""
                                                                                        ":0,\"_"
                                                                                        "final\":"
                                                                                        "true}\n"});
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .fixed_epochs = true,
      .options = "window: {tumbling: 100s}\n"
                 "aggregate: {n: count(*)}\n"
                 "emit: {on_close: false, every: 10s}\n",
      .input = "clock 1003\n{\"t\":1}\n{\"t\":2}\n---\n"
               "clock 1009\n{\"t\":3}\n---\n"
               "clock 1010\n{\"t\":4}\n---\n" /* as it was at the start of this epoch */
               "clock 1019\n---\n"
               "clock 1020\n---\n"
               "clock 1030\n---\n" /* nothing changed */
               "{\"t\":5}\nend\n",
      .expected =
          "== \n" WINDOW("00:00", "01:40") "\"n\":3,\"_revision\":0,\"_final\":false}\n" WINDOW(
              "00:00",
              "01:40") "\"n\":4,\"_revision\":1,\"_final\":false}\n" WINDOW("00:00",
                                                                            "01:40") "\"n\":5,\"_"
                                                                                     "revision\":2,"
                                                                                     "\"_final\":"
                                                                                     "false}\n"});
}

static void windows_of_the_clock(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s}\ntime: processing\n"
                 "aggregate: {n: count(*), last: last(v)}\n",
      .input = "clock 5\n{\"t\":100,\"v\":1}\n{\"t\":1,\"v\":2}\n"
               "clock 9\n{\"t\":50,\"v\":3}\n"
               "clock 10\n{\"t\":50,\"v\":4}\n"
               "end\n",
      .expected =
          "== \n" WINDOW("00:00", "00:10") "\"n\":3,\"last\":1}\n" /* by event time all the same */
      WINDOW("00:10", "00:20") "\"n\":1,\"last\":4}\n"});
}

static void aggregates_compute(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s}\n"
                 "aggregate:\n"
                 "  n: count(v)\n"
                 "  d: count(distinct v)\n"
                 "  s: sum(v)\n"
                 "  a: avg(v)\n"
                 "  lo: min(v)\n"
                 "  hi: max(v)\n"
                 "  f: first(x)\n"
                 "  l: last(x)\n"
                 "  big: count(*) filter (where v > 2)\n"
                 "  bigs: sum(v) filter (where v > 2)\n"
                 "  odd: sum(v + 1) filter (where v > 2)\n",
      .lateness_s = 10,
      .input = "{\"t\":5,\"v\":2,\"x\":\"five\"}\n"
               "{\"t\":3,\"v\":2.0,\"x\":\"three\"}\n"
               "{\"t\":3,\"v\":4,\"x\":\"three again\"}\n"
               "{\"t\":6}\n"
               "{\"t\":7,\"v\":0.5,\"x\":[1]}\n"
               "{\"t\":7,\"v\":null,\"x\":\"seven again\"}\n"
               "{\"t\":18,\"y\":1}\n"
               "end\n",
      .expected = "== \n" WINDOW(
          "00:00", "00:10") "\"n\":4,\"d\":3,\"s\":8.5,\"a\":2.125,\"lo\":0.5,"
                            "\"hi\":4,\"f\":\"three\",\"l\":\"seven "
                            "again\",\"big\":1,\"bigs\":4,\"odd\":5}\n" WINDOW(
                                "00:10",
                                "00:20") "\"n\":0,\"d\":0,\"s\":null,\"a\":null,\"lo\":null,"
                                         "\"hi\":null,\"f\":null,\"l\":null,\"big\":0,\"bigs\":"
                                         "null,\"odd\":null}\n"});
}

/* A record that some aggregate cannot take in has no effect on any, nor makes a group. */
static void a_record_counts_wholly_or_not(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {hopping: 20s, every: 10s}\n"
                 "aggregate: {n: count(*), s: sum(v), m: max(w)}\n",
      .lateness_s = 100,
      .input = "{\"t\":11,\"v\":9223372036854775807,\"w\":\"x\"}\n"
               "{\"t\":21,\"v\":1}\n" /* overflows in [10, 30), not in [20, 40) */
               "{\"t\":12,\"w\":1}\n" /* text and number */
               "{\"t\":13,\"v\":\"1\"}\n"
               "{\"t\":13,\"v\":92233720368547758070}\n"
               "{\"t\":14,\"v\":-1,\"w\":\"y\"}\n"
               "{\"t\":15,\"v\":1.5}\n"
               "end\n",
      .expected = "== \n" WINDOW(
          "00:00", "00:20") "\"n\":3,\"s\":9.223372036854776e+18,\"m\":\"y\"}"
                            "\n" WINDOW("00:10",
                                        "00:30") "\"n\":3,\"s\":9.223372036854776e+18,"
                                                 "\"m\":\"y\"}\n"
                                                 "== errors\n"
                                                 "aggregate.overflow {\"t\":21,\"v\":1}\n"
                                                 "aggregate.type {\"t\":12,\"w\":1}\n"
                                                 "aggregate.type {\"t\":13,\"v\":\"1\"}\n"
                                                 "aggregate.overflow "
                                                 "{\"t\":13,\"v\":92233720368547758070}\n"});
}

/* 0.1 ten times over 1e16 is lost without compensation. */
static void doubles_are_compensated(void **state) {
  (void)state;
  transform_check(&(struct transform_case){
      .plugin = &transform_window,
      .options = "window: {tumbling: 10s}\naggregate: {s: sum(v), a: avg(v)}\n",
      .input = "{\"t\":1,\"v\":1e16}\n{\"t\":1,\"v\":0.25}\n{\"t\":1,\"v\":0.25}\n"
               "{\"t\":1,\"v\":0.25}\n{\"t\":1,\"v\":0.25}\n{\"t\":1,\"v\":-1e16}\n"
               "{\"t\":1,\"v\":1}\n{\"t\":1,\"v\":0.0}\nend\n",
      .expected = "== \n" WINDOW("00:00", "00:10") "\"s\":2.0,\"a\":0.25}\n"});
}

/* Whatever comes: the same however it is cut. */
static void random_input_is_cut_anyhow(void **state) {
  (void)state;
  static const char *const options[] = {
      "window: {tumbling: 10s}\ngroup_by: k\n"
      "aggregate: {n: count(*), s: sum(v), d: count(distinct v), f: first(v), l: last(v)}\n",
      "window: {hopping: 20s, every: 5s, offset: 2s}\ngroup_by: k\nallowed_lateness: 10s\n"
      "aggregate: {n: count(*), lo: min(v), hi: max(v), a: avg(v)}\n",
      "window: {hopping: 5s, every: 7s}\nallowed_lateness: 3s\nhaving: n <> 2\n"
      "aggregate: {n: count(*), odd: count(*) filter (where v % 2 = 1), d: count(distinct k)}\n",
  };
  uint64_t seed = 11;
  for (int round = 0; round < 12; round++) {
    struct buf input = {0};
    int64_t now = 0;
    for (int i = 0; i < 150; i++) {
      unsigned dice[4];
      for (int k = 0; k < 4; k++)
        dice[k] =
            (unsigned)((seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407) >> 40);
      now += dice[0] % 4;
      long long t = now - (dice[1] % 5 == 0 ? dice[2] % 30 : dice[2] % 6);
      buf_printf(&input, "{\"t\":%lld,\"k\":%u,\"v\":%u%s,\"i\":%d}\n", t, dice[3] % 5, dice[3] % 7,
                 dice[1] % 3 == 0 ? ".5" : "", i);
    }
    buf_put_text(&input, "end\n");
    transform_check(&(struct transform_case){.plugin = &transform_window,
                                             .options = options[round % 3],
                                             .lateness_s = 4,
                                             .input = buf_cstr(&input)});
    transform_check(&(struct transform_case){
        .plugin = &transform_dedup,
        .options = round % 2 == 0 ? "{key: [k, v], ttl: 9s}\n" : "{key: v, ttl: 9s, keep: last}\n",
        .lateness_s = round,
        .input = buf_cstr(&input)});
    buf_fini(&input);
  }
}

/* One record in 1,000 windows that all close behind it: a shard of few keys holds much beside its
 * table. */
static void all_memory_is_counted(void **state) {
  (void)state;
  enum { WINDOWS = 1000 };
  struct window window = {.size_us = WINDOWS, .every_us = 1, .on_close = true};
  window.group_bytes = sizeof(struct window_group);
  struct account account = {0};
  transform_window.state_new(&window, 1, &account);

  struct rowset rowset = {.n_slots = 1};
  struct batch *batch = batch_new(&rowset, 1);
  char room[WINDOW_KEY_ROOM];
  batch_column(batch, 0)[0] = value_text(room + WINDOW_KEY_ROOM, 0);
  int64_t time_us = 0;
  batch->time_us = &time_us;
  batch->ord_base = 1;
  uint64_t hash = 0;
  uint32_t starts[] = {0, 1};
  struct keyed_row row = {0, 0};
  struct keyed_view view = {
      .view = {.batch = batch, .n = 1}, .hashes = &hash, .rows = &row, .shard_start = starts};
  struct watermark_track track = {.start_us = TIME_MIN_US};
  struct keyed_run run = {
      .track = &track, .views = &view, .n_views = 1, .n_shards = 1, .last_ord = 2};
  transform_window.run_shard(&window, &run, 0);

  struct account table_account = {0}; /* of the same groups in a table alone */
  struct table *table = table_new(window.group_bytes, &table_account);
  for (int64_t start = -WINDOWS + 1; start <= 0; start++) {
    bool created;
    struct slice key = {(const char *)&start, sizeof start};
    table_put(table, hash_bytes(key.data, key.len), key, &created);
  }
  const struct window_shard *shard = &window.shards[0];
  assert_int_equal(shard->n_open, WINDOWS);
  uint64_t beside = atomic_load(&account.bytes) - atomic_load(&table_account.bytes);
  assert_true(beside >= WINDOWS * (sizeof *shard->open + sizeof *shard->touches));
  table_free(table);

  starts[1] = 0;
  watermark_track_add(&track, 2, WINDOWS);
  transform_window.run_shard(&window, &run, 0);
  assert_int_equal(shard->n_open, 0);
  assert_int_equal(shard->n_results, WINDOWS);
  assert_true(atomic_load(&account.bytes) >=
              beside + WINDOWS * sizeof *shard->results + shard->arena.bytes);

  transform_window.state_free(&window);
  assert_int_equal(atomic_load(&account.bytes), 0);
  watermark_track_fini(&track);
  batch_free(batch);
}

static void refuses(void **state) {
  (void)state;
  transform_check_errors(&transform_window,
                         "window: {tumbling: 1m, hopping: 5m}\n"
                         "aggregate: {n: cont(*)}\n",
                         NULL,
                         "test.yaml:1:9: a window is either tumbling or hopping\n"
                         "    window: {tumbling: 1m, hopping: 5m}\n"
                         "            ^\n");
  transform_check_errors(&transform_window,
                         "window: {tumbling: 1m}\n"
                         "aggregate: {n: cont(*)}\n",
                         NULL,
                         "test.yaml:2:16: unknown aggregate cont; did you mean count?\n"
                         "    aggregate: {n: cont(*)}\n"
                         "                   ^~~~~~~\n");
  transform_check_errors(&transform_window,
                         "window: {tumbling: 1m}\n"
                         "group_by: n\n"
                         "aggregate: {n: sum(*)}\n",
                         NULL,
                         "test.yaml:3:16: sum(*) has no meaning\n"
                         "    aggregate: {n: sum(*)}\n"
                         "                   ^~~~~~\n");
  transform_check_errors(&transform_window,
                         "window: {tumbling: 1m}\n"
                         "group_by: n\n"
                         "aggregate: {n: sum(v)}\n",
                         NULL,
                         "test.yaml:3:13: the results would have two fields named n\n"
                         "    aggregate: {n: sum(v)}\n"
                         "                ^\n");
  transform_check_errors(&transform_window,
                         "window: {tumbling: 1m}\n"
                         "aggregate: {n: sum(distinct v), m: sum('a')}\n",
                         NULL,
                         "test.yaml:2:16: sum has no distinct; only count has\n"
                         "    aggregate: {n: sum(distinct v), m: sum('a')}\n"
                         "                   ^~~~~~~~~~~~~~~\n"
                         "test.yaml:2:36: sum cannot be taken of text\n"
                         "    aggregate: {n: sum(distinct v), m: sum('a')}\n"
                         "                                       ^~~~~~~~\n");
  transform_check_errors(&transform_window,
                         "window: {tumbling: 1m}\n"
                         "aggregate: {n: count(*)}\n"
                         "emit: {on_close: false}\n",
                         NULL,
                         "test.yaml:3:7: there would never be a result: emit needs on_close, "
                         "on_update or every\n"
                         "    emit: {on_close: false}\n"
                         "          ^\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tumbling_closes_in_order),
      cmocka_unit_test(offset_and_times_before_1970),
      cmocka_unit_test(hopping_takes_a_record_into_each),
      cmocka_unit_test(lateness_corrects),
      cmocka_unit_test(late_ones_are_dropped_or_stop),
      cmocka_unit_test(early_results_by_epoch_and_clock),
      cmocka_unit_test(windows_of_the_clock),
      cmocka_unit_test(aggregates_compute),
      cmocka_unit_test(a_record_counts_wholly_or_not),
      cmocka_unit_test(doubles_are_compensated),
      cmocka_unit_test(random_input_is_cut_anyhow),
      cmocka_unit_test(all_memory_is_counted),
      cmocka_unit_test(refuses),
  };
  return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
