/* Unit tests of the times of daemon/record: text, numbers, calendar, durations. The calendar and
 * the zones are compared with another implementation in time_oracle.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/record/time.h"
#include "daemon/record/time_zone.h"

#include "daemon/base/mem.h"

static const char *text_of(struct buf *buf) {
  const char *text = buf_cstr(buf);
  buf_clear(buf);
  return text;
}

/* 1769903999.123456 is what date(1) gives for 2026-01-31 23:59:59 UTC. */
static void iso_text_is_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t us;
  } good[] = {
      {"2026-01-31T23:59:59Z", 1769903999000000},
      {"2026-01-31T23:59:59.123456789Z", 1769903999123456},
      {"2026-01-31T23:59:59.1Z", 1769903999100000},
      {"2026-01-31 23:59:59", 1769903999000000},
      {"2026-01-31t23:59:59z", 1769903999000000},
      {"2026-02-01T00:59:59+01:00", 1769903999000000},
      {"2026-02-01T00:59:59+0100", 1769903999000000},
      {"2026-02-01T00:59:59+01", 1769903999000000},
      {"2026-01-31T18:29:59-05:30", 1769903999000000},
      {"2026-01-31T23:59:60Z", 1769904000000000},
      {"2026-01-31T24:00:00Z", 1769904000000000},
      {"2026-02-01", 1769904000000000},
      {"2026-02-01T00:00", 1769904000000000},
      {"2026-02-01T00:00Z", 1769904000000000},
      {"1969-12-31T23:59:59.999999Z", -1},
      {"2024-02-29", 1709164800000000},
      {"0001-01-01", -62135596800000000},
      {"9999-12-31T23:59:59.999999Z", 253402300799999999},
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    int64_t us = 0;
    if (time_parse(slice_of(good[i].text), &us) < 0) fail_msg("%s is refused", good[i].text);
    if (us != good[i].us) fail_msg("%s gives %lld", good[i].text, (long long)us);
  }
}

static void what_is_no_time_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "2026",
      "2026-01",
      "2026-1-01",
      "2026-00-01",
      "2026-13-01",
      "2026-01-00",
      "2026-01-32",
      "2026-02-29",
      "2100-02-29",
      "0000-01-01",
      "-001-01-01",
      "+2026-01-01",
      "2026-01-01T",
      "2026-01-01T1",
      "2026-01-01T10",
      "2026-01-01T10:",
      "2026-01-01T10:0",
      "2026-01-01T25:00:00",
      "2026-01-01T24:00:01",
      "2026-01-01T10:60:00",
      "2026-01-01T10:00:61",
      "2026-01-01T10:00:0",
      "2026-01-01T10:00:",
      "2026-01-01T10:00:00.",
      "2026-01-01T10:00:00.Z",
      "2026-01-01T10:00:00+",
      "2026-01-01T10:00:00+1",
      "2026-01-01T10:00:00+24:00",
      "2026-01-01T10:00:00+01:60",
      "2026-01-01T10:00:00+01:",
      "2026-01-01T10:00:00+01:0",
      "2026-01-01T10:00:00ZZ",
      "2026-01-01T10:00:00 Z",
      "2026-01-01x10:00:00",
      "2026-01-01Z",
      "x026-01-01",
      "2026-01-01T1x:00:00",
      "0001-01-01T00:00:00+01:00",
      "9999-12-31T23:59:59-01:00",
      "9999-12-31T24:00:00",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t us = 7;
    /* A copy of the exact size: reading behind the end is found by the sanitizer. */
    size_t len = strlen(bad[i]);
    char *copy = malloc(len + (len == 0));
    if (len > 0) memcpy(copy, bad[i], len);
    int result = time_parse((struct slice){copy, len}, &us);
    free(copy);
    if (result == 0) fail_msg("\"%s\" is taken as %lld", bad[i], (long long)us);
    assert_int_equal(us, 7);
  }
}

static void times_are_written_as_short_as_exact(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf);
  time_put(&buf, 1769903999000000);
  assert_string_equal(text_of(&buf), "2026-01-31T23:59:59Z");
  time_put(&buf, 1769903999120000);
  assert_string_equal(text_of(&buf), "2026-01-31T23:59:59.120Z");
  time_put(&buf, 1769903999000001);
  assert_string_equal(text_of(&buf), "2026-01-31T23:59:59.000001Z");
  time_put(&buf, -1);
  assert_string_equal(text_of(&buf), "1969-12-31T23:59:59.999999Z");
  time_put(&buf, -62135596800000000);
  assert_string_equal(text_of(&buf), "0001-01-01T00:00:00Z");
  /* The watermarks' ends are no times of people, but must not break anything. */
  time_put(&buf, TIME_MAX_US);
  assert_string_equal(text_of(&buf), "294247-01-10T04:00:54.775807Z");
  time_put(&buf, TIME_MIN_US);
  assert_string_equal(text_of(&buf), "-290308-12-21T19:59:05.224192Z");
  buf_fini(&buf);
}

static void fields_come_back(void **state) {
  (void)state;
  struct time_fields f;
  time_fields_of(1709164800000000, &f); /* Thursday, 2024-02-29 */
  assert_int_equal(f.year, 2024);
  assert_int_equal(f.month, 2);
  assert_int_equal(f.day, 29);
  assert_int_equal(f.weekday, 4);
  assert_int_equal(f.yearday, 60);
  uint64_t x = 12345;
  for (int i = 0; i < 20000; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    int64_t us = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : (int64_t)x >> (i % 16);
    time_fields_of(us, &f);
    assert_int_equal(time_of_fields(&f), us);
  }
}

static void formats_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text, *format;
    int64_t us;
  } good[] = {
      {"31/Jan/2026:23:59:59 +0000", "%d/%b/%Y:%H:%M:%S %z", 1769903999000000},
      {"Sun, 01 Feb 2026 01:59:59 +02:00", "%a, %d %b %Y %H:%M:%S %z", 1769903999000000},
      {"Saturday 31 january 26 11:59:59 pm", "%A %d %B %y %I:%M:%S %p", 1769903999000000},
      {"2026-01-31 23:59:59.123456789", "%F %T.%f", 1769903999123456},
      {"2026 032", "%Y %j", 1769904000000000},
      {"2024 060", "%Y %j", 1709164800000000},
      {"1769903999.5", "%s.%f", 1769903999500000},
      {"-1", "%s", -1000000},
      {"02/01/26 00:00 UTC", "%D %R %Z", 1769904000000000},
      {"12:00 AM", "%I:%M %p", 0},
      {"PM 12:00", "%p %I:%M", 43200000000},
      {"100%  x", "100%%%nx", 0},
      {"Feb  1 00:00:00 2026", "%b %e %T %Y", 1769904000000000},
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    int64_t us = 0;
    struct err err;
    assert_int_equal(time_format_check(good[i].format, &err), 0);
    if (time_parse_format(slice_of(good[i].text), good[i].format, &us) < 0)
      fail_msg("%s is refused", good[i].text);
    if (us != good[i].us) fail_msg("%s gives %lld", good[i].text, (long long)us);
  }
  static const char *const bad[][2] = {
      {"2026-02-29", "%F"},
      {"2026-01-01", "%F %T"},
      {"2026-01-01x", "%F"},
      {"2025 366", "%Y %j"},
      {"13 PM", "%I %p"},
      {"13 PM", "%H %p"},
      {"xx", "%H"},
      {"", "%H"},
      {"Foo", "%b"},
      {"1", "%q"},
      {"5", "%"},
      {"CET", "%Z"},
      {"99999999999999", "%s"},
      {"0", "%Y"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t us;
    if (time_parse_format(slice_of(bad[i][0]), bad[i][1], &us) == 0)
      fail_msg("%s is taken by %s", bad[i][0], bad[i][1]);
  }
  struct err err;
  assert_int_equal(time_format_check("%Y-%Q", &err), -1);
  assert_string_equal(err.text, "unknown directive %Q in a time format");
  assert_int_equal(time_format_check("%Y%", &err), -1);
  assert_int_equal(time_format_check("%%%", &err), -1);
}

static void formats_are_written(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf);
  int64_t us = 1769903999000042;
  time_put_format(&buf, us, "%Y-%m-%d %H:%M:%S.%f %z %Z %a %A %b %B %j %s %y %e %I %p %%", NULL);
  assert_string_equal(text_of(&buf),
                      "2026-01-31 23:59:59.000042 +0000 UTC Sat Saturday Jan January "
                      "031 1769903999 26 31 11 PM %");
  struct time_zone zone = {.first_offset_s = -12600, .cycle_from_s = INT64_MAX};
  time_put_format(&buf, us, "%F %T|%D %R|%n%t|%Z", &zone);
  assert_string_equal(text_of(&buf), "2026-01-31 20:29:59|01/31/26 20:29|\n\t|-0330");
  buf_fini(&buf);
}

static void numbers_of_each_unit(void **state) {
  (void)state;
  int64_t us;
  assert_int_equal(time_of_number(1769903999, TIME_UNIT_S, &us), 0);
  assert_int_equal(us, 1769903999000000);
  assert_int_equal(time_of_number(-1, TIME_UNIT_MS, &us), 0);
  assert_int_equal(us, -1000);
  assert_int_equal(time_of_number(-1, TIME_UNIT_NS, &us), 0);
  assert_int_equal(us, -1);
  assert_int_equal(time_of_number(1999, TIME_UNIT_NS, &us), 0);
  assert_int_equal(us, 1);
  assert_int_equal(time_of_number(INT64_MAX, TIME_UNIT_S, &us), -1);
  assert_int_equal(time_of_number(INT64_MAX, TIME_UNIT_US, &us), -1);
  assert_int_equal(time_of_number(253402300800, TIME_UNIT_S, &us), -1);
  assert_int_equal(time_of_double(1769903999.123456, TIME_UNIT_S, &us), 0);
  assert_int_equal(us, 1769903999123456);
  assert_int_equal(time_of_double(-0.5, TIME_UNIT_S, &us), 0);
  assert_int_equal(us, -500000);
  assert_int_equal(time_of_double(-0.5, TIME_UNIT_US, &us), 0);
  assert_int_equal(us, -1);
  assert_int_equal(time_of_double(1e300, TIME_UNIT_NS, &us), -1);
  assert_int_equal(time_of_double(-1e300, TIME_UNIT_NS, &us), -1);
  double zero = 0;
  assert_int_equal(time_of_double(zero / zero, TIME_UNIT_S, &us), -1);
}

static void durations_go_both_ways(void **state) {
  (void)state;
  static const struct {
    const char *text, *shortest;
    int64_t us;
  } good[] = {
      {"0", "0", 0},
      {"250ms", "250ms", 250000},
      {"5m", "5m", 300000000},
      {"1h30m", "1h30m", 5400000000},
      {"90m", "1h30m", 5400000000},
      {"2d", "2d", 172800000000},
      {"10us", "10us", 10},
      {"1w", "1w", 604800000000},
      {"8d", "8d", 691200000000},
      {"-1h", "-1h", -3600000000},
      {"0s", "0", 0},
      {"1s500ms", "1s500ms", 1500000},
  };
  struct buf buf;
  buf_init(&buf);
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    int64_t us = 7;
    if (time_parse_duration(slice_of(good[i].text), &us) < 0) fail_msg("%s", good[i].text);
    assert_int_equal(us, good[i].us);
    time_put_duration(&buf, us);
    assert_string_equal(text_of(&buf), good[i].shortest);
  }
  static const char *const bad[] = {
      "",   "-",  "5",   "5 m",  "m",   "1m1h", "1h1h",           "1.5h",
      "5M", "5x", "5m ", "--5m", "+5m", "00",   "9999999999999w", "99999999999999999999s"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t us;
    if (time_parse_duration(slice_of(bad[i]), &us) == 0) fail_msg("%s is taken", bad[i]);
  }
  time_put_duration(&buf, INT64_MIN);
  assert_int_equal(buf.data[0], '-');
  buf_fini(&buf);
}

/* The values are those of PostgreSQL 15: extract(epoch from interval '...') * 1e6. */
static void intervals_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t us;
  } good[] = {
      {"5 minutes", 300000000},
      {"1 day 02:03:04.5", 93784500000},
      {"-1 hour", -3600000000},
      {"90 s", 90000000},
      {"PT5M", 300000000},
      {"P1DT2H3M4.5S", 93784500000},
      {"P1W", 604800000000},
      {"PT-5M", -300000000},
      {"1.5 hours", 5400000000},
      {"@ 1 minute", 60000000},
      {"1 hour 30 minutes ago", -5400000000},
      {"-1 hour 30 minutes", -1800000000},
      {"1h30m", 5400000000},
      {"-1 day +02:03", -79020000000},
      {"-02:03", -7380000000},
      {"02:03:04", 7384000000},
      {"5", 5000000},
      {"0.000001", 1},
      {"2 weeks 3 days", 1468800000000},
      {"1 DAY", 86400000000},
      {"0.1 ms", 100},
      {"1:00:60", 3660000000},
      {" 1 day ", 86400000000},
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    int64_t us = 7;
    if (time_parse_interval(slice_of(good[i].text), &us) < 0) fail_msg("%s", good[i].text);
    if (us != good[i].us) fail_msg("%s gives %lld", good[i].text, (long long)us);
  }
  static const char *const bad[] = {"",
                                    " ",
                                    "minutes",
                                    "1 month",
                                    "1 year",
                                    "P1Y",
                                    "P1M",
                                    "P",
                                    "PT",
                                    "P1DT",
                                    "PT1",
                                    "PTM",
                                    "5 foo",
                                    "5 6",
                                    "1 day x",
                                    "ago",
                                    "-",
                                    "1:99",
                                    "1,5 days",
                                    "1:00:61",
                                    "1 ago 2 days",
                                    "99999999999 weeks",
                                    "1:2:3:4"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t us;
    if (time_parse_interval(slice_of(bad[i]), &us) == 0) fail_msg("%s is taken", bad[i]);
  }
}

static void intervals_are_written(void **state) {
  (void)state;
  static const struct {
    int64_t us;
    const char *text;
  } cases[] = {
      {0, "PT0S"},
      {5400000000, "PT1H30M"},
      {500000, "PT0.5S"},
      {-500000, "PT-0.5S"},
      {86400000000, "PT24H"},
      {3661000001, "PT1H1M1.000001S"},
      {-3660000000, "PT-1H-1M"},
  };
  struct buf buf;
  buf_init(&buf);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    time_put_interval_iso(&buf, cases[i].us);
    int64_t us;
    assert_int_equal(time_parse_interval(buf_slice(&buf), &us), 0);
    assert_int_equal(us, cases[i].us);
    assert_string_equal(text_of(&buf), cases[i].text);
  }
  buf_fini(&buf);
}

static struct time_zone *zone_of_rule(const char *rule) {
  struct time_zone *zone = mem_zalloc(sizeof *zone);
  zone->cycle_from_s = INT64_MAX;
  if (time_zone_add_rule(zone, slice_of(rule)) == 0) return zone;
  time_zone_close(zone);
  return NULL;
}

/* Berlin's rule: on 2026-03-29 02:00 becomes 03:00, on 2026-10-25 03:00 becomes 02:00. */
static void gaps_and_repeats(void **state) {
  (void)state;
  struct time_zone *zone = zone_of_rule("CET-1CEST,M3.5.0,M10.5.0/3");
  assert_non_null(zone);
  int64_t local, us, expected;
  assert_int_equal(time_zone_offset(zone, 1774745999999999),
                   3600); /* 2026-03-29T00:59:59.999999Z */
  assert_int_equal(time_zone_offset(zone, 1774746000000000), 7200);
  static const char *const pairs[][2] = {
      {"2026-03-29T01:59:59", "2026-03-29T00:59:59Z"},
      {"2026-03-29T02:30:00", "2026-03-29T01:30:00Z"},
      {"2026-03-29T03:00:00", "2026-03-29T01:00:00Z"},
      {"2026-10-25T01:59:59", "2026-10-24T23:59:59Z"},
      {"2026-10-25T02:30:00", "2026-10-25T01:30:00Z"},
      {"2026-10-25T03:00:00", "2026-10-25T02:00:00Z"},
      {"2426-03-29T03:00:00", "2426-03-29T01:00:00Z"},
      {"9999-07-01T00:00:00", "9999-06-30T22:00:00Z"},
      {"9999-12-01T00:00:00", "9999-11-30T23:00:00Z"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    time_parse(slice_of(pairs[i][0]), &local);
    time_parse(slice_of(pairs[i][1]), &expected);
    us = time_zone_to_utc(zone, local);
    if (us != expected) fail_msg("%s", pairs[i][0]);
  }
  time_zone_close(zone);
}

static void rules_that_are_none(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "CE-1",
                                    "CET",
                                    "CET-1CEST",
                                    "CET-1CEST,M3.5.0",
                                    "<CET-1",
                                    "CET-1CEST,M13.5.0,M10.5.0",
                                    "CET-1CEST,M3.6.0,M10.5.0",
                                    "CET-1CEST,M3.5.7,M10.5.0",
                                    "CET-1CEST,M3.5.0,M10.5.0x",
                                    "CET-25",
                                    "CET-1CEST,J0,J5",
                                    "CET-1CEST,366,5"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct time_zone *zone = zone_of_rule(bad[i]);
    if (zone != NULL) fail_msg("%s is taken", bad[i]);
  }
  struct time_zone *zone = zone_of_rule("<-03>3<-02>,J60/0,300/-1:30");
  assert_non_null(zone);
  assert_int_equal(time_zone_offset(zone, 0), -10800);
  time_zone_close(zone);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(iso_text_is_read),
      cmocka_unit_test(what_is_no_time_is_refused),
      cmocka_unit_test(times_are_written_as_short_as_exact),
      cmocka_unit_test(fields_come_back),
      cmocka_unit_test(formats_are_read),
      cmocka_unit_test(formats_are_written),
      cmocka_unit_test(numbers_of_each_unit),
      cmocka_unit_test(durations_go_both_ways),
      cmocka_unit_test(intervals_are_read),
      cmocka_unit_test(intervals_are_written),
      cmocka_unit_test(gaps_and_repeats),
      cmocka_unit_test(rules_that_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
