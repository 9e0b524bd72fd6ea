/* Unit tests of daemon/flow/metrics: the table's form, and both formats of a scrape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/flow/metrics.h"

#include <regex.h>
#include <stdbool.h>

static bool ends_in(const char *text, const char *end) {
  size_t len = strlen(text), end_len = strlen(end);
  return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static bool matches(const char *text, const char *pattern) {
  regex_t regex;
  assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
  bool found = regexec(&regex, text, 0, NULL, 0) == 0;
  regfree(&regex);
  return found;
}

static void the_table_keeps_the_rules_of_names(void **state) {
  (void)state;
  for (int i = 0; i < METRICS; i++) {
    const struct metric *metric = &metric_table[i];
    assert_true(matches(metric->name, "^(tidemark|process)_[a-z_]+$"));
    for (int k = 0; k < i; k++) assert_string_not_equal(metric->name, metric_table[k].name);
    assert_int_equal(metric->type == METRIC_COUNTER, ends_in(metric->name, "_total"));
    if (metric->type == METRIC_HISTOGRAM) assert_true(ends_in(metric->name, "_seconds"));
    assert_false(matches(metric->name, "_(bucket|count|sum|created|milliseconds|micros|kib|mib)$"));
    /* Base units: what is in seconds or bytes says so in its name. */
    if (strncmp(metric->unit, "seconds", 7) == 0)
      assert_true(matches(metric->name, "_seconds(_total)?$"));
    if (strcmp(metric->unit, "bytes") == 0) assert_true(matches(metric->name, "_bytes(_total)?$"));
    if (matches(metric->name, "_timestamp_seconds$"))
      assert_string_equal(metric->unit, "seconds since 1970");
    if (metric->label[0] != '\0') assert_true(matches(metric->label, "^[a-z_]+$"));
    assert_false(matches(metric->label, "^(pipeline|component|le|quantile|job|instance)$"));
    assert_true(strlen(metric->text) > 10);
    assert_false(matches(metric->text, "[\n\\\"]"));
  }
}

static void assert_text(const struct metrics *metrics, enum metrics_format format,
                        const char *expected) {
  struct buf out;
  buf_init(&out);
  metrics_put_text(metrics, format, &out);
  assert_string_equal(buf_cstr(&out), expected);
  buf_fini(&out);
}

static void numbers_come_out_in_both_formats(void **state) {
  (void)state;
  struct metrics *metrics = metrics_new();
  metrics_of(metrics, NULL, NULL);
  metrics_put(metrics, METRIC_BUILD, "a\"b\\c\nd", 1);
  metrics_of(metrics, "p", "one");
  metrics_put(metrics, METRIC_RECORDS_OUT, "main", 9007199254740991.0);
  metrics_put(metrics, METRIC_READ_BYTES, NULL, 1);
  metrics_put(metrics, METRIC_WATERMARK_LAG, NULL, 0.25);
  metrics_of(metrics, "p", "two");
  metrics_put(metrics, METRIC_RECORDS_OUT, "main", 1);
  metrics_put(metrics, METRIC_RECORDS_OUT, "late", 2);
  metrics_put(metrics, METRIC_RECORDS_OUT, "main", 3); /* more of the same */
  metrics_put(metrics, METRIC_WATERMARK_LAG, NULL, -1.5);
  struct buf family[3];
  static const enum metric_id ids[3] = {METRIC_BUILD, METRIC_RECORDS_OUT, METRIC_WATERMARK_LAG};
  struct buf expected;
  buf_init(&expected);
  for (int open = 0; open < 2; open++) {
    buf_clear(&expected);
    for (int i = 0; i < 3; i++) buf_init(&family[i]);
    buf_put_text(&family[0], "tidemark_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n");
    buf_put_text(&family[1],
                 "tidemark_records_out_total{pipeline=\"p\",component=\"one\",port=\"main\"} "
                 "9007199254740991\n"
                 "tidemark_records_out_total{pipeline=\"p\",component=\"two\",port=\"main\"} 4\n"
                 "tidemark_records_out_total{pipeline=\"p\",component=\"two\",port=\"late\"} 2\n");
    buf_put_text(&family[2],
                 "tidemark_watermark_lag_seconds{pipeline=\"p\",component=\"one\"} 0.25\n"
                 "tidemark_watermark_lag_seconds{pipeline=\"p\",component=\"two\"} -1.5\n");
    for (int i = 0; i < 3; i++) {
      const struct metric *metric = &metric_table[ids[i]];
      int cut = open && metric->type == METRIC_COUNTER ? 6 : 0;
      buf_printf(&expected, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)strlen(metric->name) - cut,
                 metric->name, metric->text, (int)strlen(metric->name) - cut, metric->name,
                 metric_type_name(metric->type));
      if (open && i == 2)
        buf_put_text(&expected, "# UNIT tidemark_watermark_lag_seconds seconds\n");
      buf_put_slice(&expected, buf_slice(&family[i]));
      buf_fini(&family[i]);
      if (i != 1) continue;
      const struct metric *bytes = &metric_table[METRIC_READ_BYTES];
      buf_printf(&expected, "# HELP %.*s %s\n# TYPE %.*s counter\n", (int)strlen(bytes->name) - cut,
                 bytes->name, bytes->text, (int)strlen(bytes->name) - cut, bytes->name);
      if (open) buf_put_text(&expected, "# UNIT tidemark_read_bytes bytes\n");
      buf_put_text(&expected, "tidemark_read_bytes_total{pipeline=\"p\",component=\"one\"} 1\n");
    }
    if (open) buf_put_text(&expected, "# EOF\n");
    assert_text(metrics, open ? METRICS_OPENMETRICS : METRICS_PROMETHEUS, buf_cstr(&expected));
  }
  buf_fini(&expected);
  metrics_free(metrics);
}

static void histograms_are_cumulative_and_end_in_infinity(void **state) {
  (void)state;
  struct histogram histogram = {0};
  histogram_add(&histogram, -5);
  histogram_add(&histogram, 50);
  histogram_add(&histogram, 51);
  histogram_add(&histogram, 2500000);
  histogram_add(&histogram, INT64_C(3600) * 1000 * 1000);
  struct metrics *metrics = metrics_new();
  metrics_of(metrics, "p", NULL);
  metrics_put_histogram(metrics, METRIC_PROCESSING, NULL, &histogram);
  struct buf out;
  buf_init(&out);
  metrics_put_text(metrics, METRICS_PROMETHEUS, &out);
  const char *text = buf_cstr(&out);
  assert_non_null(strstr(text, "_seconds_bucket{pipeline=\"p\",le=\"0.00005\"} 2\n"));
  assert_non_null(strstr(text, "_seconds_bucket{pipeline=\"p\",le=\"0.0001\"} 3\n"));
  assert_non_null(strstr(text, "_seconds_bucket{pipeline=\"p\",le=\"1.0\"} 3\n"));
  assert_non_null(strstr(text, "_seconds_bucket{pipeline=\"p\",le=\"2.5\"} 4\n"));
  assert_non_null(strstr(text, "_seconds_bucket{pipeline=\"p\",le=\"600.0\"} 4\n"));
  assert_non_null(strstr(text, "_seconds_bucket{pipeline=\"p\",le=\"+Inf\"} 5\n"));
  assert_non_null(strstr(text, "_seconds_sum{pipeline=\"p\"} 3602.500101\n"));
  assert_non_null(strstr(text, "_seconds_count{pipeline=\"p\"} 5\n"));
  buf_fini(&out);
  for (int i = 1; i < HISTOGRAM_BOUNDS; i++)
    assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
  metrics_free(metrics);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_keeps_the_rules_of_names),
      cmocka_unit_test(numbers_come_out_in_both_formats),
      cmocka_unit_test(histograms_are_cumulative_and_end_in_infinity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
