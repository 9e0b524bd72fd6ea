/* Unit tests of daemon/record: value.h, number.h, json_scalar.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/record/json_scalar.h"
#include "daemon/record/value.h"

static struct value text_value(const char *text) {
  return value_text(text, strlen(text));
}

static struct value big(const char *digits) {
  struct value v = text_value(digits);
  v.type = VALUE_NUMBER;
  return v;
}

static void expect_json(const struct value *v, const char *want) {
  struct buf buf;
  buf_init(&buf);
  value_put_json(&buf, v);
  assert_string_equal(buf_cstr(&buf), want);
  buf_fini(&buf);
}

static void expect_text(const struct value *v, const char *want) {
  struct buf buf;
  buf_init(&buf);
  value_put_text(&buf, v);
  assert_string_equal(buf_cstr(&buf), want);
  buf_fini(&buf);
}

static void doubles_read_back(void **state) {
  (void)state;
  static const struct {
    double d;
    const char *json, *text;
  } cases[] = {
      {0.0, "0.0", "0"},
      {-0.0, "-0.0", "-0"},
      {3.0, "3.0", "3"},
      {0.1, "0.1", "0.1"},
      {-2.5, "-2.5", "-2.5"},
      {123456.789, "123456.789", "123456.789"},
      {0.0001, "0.0001", "0.0001"},
      {0.00001, "1e-05", "1e-05"},
      {999999999999999.0, "999999999999999.0", "999999999999999"},
      {1e15, "1e+15", "1e+15"},
      {1e300, "1e+300", "1e+300"},
      {1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"},
      {5e-324, "5e-324", "5e-324"},
      {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"},
      {-0.00012345678901234567, "-0.00012345678901234567", "-0.00012345678901234567"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct value v = value_double(cases[i].d), back;
    expect_json(&v, cases[i].json);
    expect_text(&v, cases[i].text);
    assert_int_equal(json_number(slice_of(cases[i].json), &back), NUMBER_OK);
    assert_int_equal(back.type, VALUE_DOUBLE);
    assert_memory_equal(&back.number, &v.number, 8);
  }
}

static void random_doubles_read_back(void **state) {
  (void)state;
  uint64_t x = 88172645463325252u;
  char text[33];
  for (int i = 0; i < 20000; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    double d;
    memcpy(&d, &x, 8);
    if (i % 2 == 0) d = (double)(int64_t)(x >> 20) / 1000;
    if (d != d || d - d != 0) continue;
    size_t len = number_put_double(text, d);
    assert_true(len <= 32);
    text[len] = '\0';
    struct value back;
    assert_int_equal(json_number((struct slice){text, len}, &back), NUMBER_OK);
    assert_memory_equal(&back.number, &d, 8);
    assert_true(strtod(text, NULL) == d);
  }
}

static void json_numbers(void **state) {
  (void)state;
  static const char *const ints[] = {"0", "-1", "7", "9223372036854775807", "-9223372036854775808"};
  struct value v;
  for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
    assert_int_equal(json_number(slice_of(ints[i]), &v), NUMBER_OK);
    assert_int_equal(v.type, VALUE_INT);
    assert_int_equal(v.integer, strtoll(ints[i], NULL, 10));
  }
  assert_int_equal(json_number(slice_of("-0"), &v), NUMBER_OK);
  assert_int_equal(v.type, VALUE_INT);
  assert_int_equal(v.integer, 0);
  /* 2^64 and multiples of it are 0 in 64 bits. */
  static const char *const bigs[] = {"9223372036854775808",   "-9223372036854775809",
                                     "18446744073709551615",  "18446744073709551616",
                                     "184467440737095516160", "123456789012345678901234567890"};
  for (size_t i = 0; i < sizeof bigs / sizeof *bigs; i++) {
    assert_int_equal(json_number(slice_of(bigs[i]), &v), NUMBER_OK);
    assert_int_equal(v.type, VALUE_NUMBER);
    assert_true(slice_is(value_slice(&v), bigs[i]));
    expect_json(&v, bigs[i]);
  }
  static const char *const doubles[] = {"1.0",
                                        "-0.0",
                                        "1e5",
                                        "1E+5",
                                        "1e-5",
                                        "0.125",
                                        "123.456",
                                        "1234567890123456789.5",
                                        "1e-400",
                                        "0e999",
                                        "0.000000000001",
                                        "9007199254740993.0",
                                        "2.2250738585072011e-308",
                                        "100000000000000000000000.0"};
  for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
    assert_int_equal(json_number(slice_of(doubles[i]), &v), NUMBER_OK);
    assert_int_equal(v.type, VALUE_DOUBLE);
    double want = strtod(doubles[i], NULL);
    assert_memory_equal(&v.number, &want, 8);
  }
  static const char *const wrong[] = {"",     "-",   "+1",  "01",    "-01", "1.", ".5",
                                      "1e",   "1e+", "0x1", "1 ",    " 1",  "1a", "--1",
                                      "1.e5", "inf", "nan", "1e5.0", "1_0", "00"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(json_number(slice_of(wrong[i]), &v), NUMBER_NOT);
  static const char *const large[] = {"1e999", "-1e309", "1.8e308", "1e99999999999999999999"};
  for (size_t i = 0; i < sizeof large / sizeof *large; i++)
    assert_int_equal(json_number(slice_of(large[i]), &v), NUMBER_RANGE);
}

static void values_as_json(void **state) {
  (void)state;
  struct value v = value_null();
  expect_json(&v, "null");
  expect_text(&v, "");
  v = value_bool(true);
  expect_json(&v, "true");
  expect_text(&v, "true");
  v = value_int(INT64_MIN);
  expect_json(&v, "-9223372036854775808");
  v = text_value("plain");
  expect_json(&v, "\"plain\"");
  expect_text(&v, "plain");
  v = text_value("");
  expect_json(&v, "\"\"");
  v = text_value("a\"b\\c/d\n\t\r\b\f\x01\x1f\x7f caf\xc3\xa9");
  expect_json(&v, "\"a\\\"b\\\\c/d\\n\\t\\r\\b\\f\\u0001\\u001f\x7f caf\xc3\xa9\"");
  v = value_text("a\0b", 3);
  expect_json(&v, "\"a\\u0000b\"");
  v = text_value("clean");
  v.flags = VALUE_CLEAN;
  expect_json(&v, "\"clean\"");
  v = text_value("{\"a\": [1]}");
  v.type = VALUE_JSON;
  expect_json(&v, "{\"a\": [1]}");
  expect_text(&v, "{\"a\": [1]}");
  v = value_timestamp(INT64_C(1769903999000000));
  expect_json(&v, "\"2026-01-31T23:59:59Z\"");
  expect_text(&v, "2026-01-31T23:59:59Z");
  v = value_interval(INT64_C(300000000));
  expect_json(&v, "\"PT5M\"");
}

/* An escape at every place of the words that are looked at together. */
static void escapes_anywhere(void **state) {
  (void)state;
  static const char bad[] = {'"', '\\', '\n', 0, 0x1f};
  for (size_t b = 0; b < sizeof bad; b++) {
    for (size_t len = 1; len < 20; len++) {
      for (size_t at = 0; at < len; at++) {
        char text[20];
        memset(text, at % 2 ? 'x' : (char)0xff, len);
        text[at] = bad[b];
        struct buf buf;
        buf_init(&buf);
        value_put_json_string(&buf, (struct slice){text, len});
        assert_true(buf.len > len + 2);
        assert_int_equal(buf.data[at + 1], '\\');
        buf_fini(&buf);
      }
    }
  }
}

static void expect_keys(const struct value *a, const struct value *b, bool equal) {
  struct buf x, y;
  buf_init(&x);
  buf_init(&y);
  value_put_key(&x, a);
  value_put_key(&y, b);
  assert_int_equal(slice_equal(buf_slice(&x), buf_slice(&y)), equal);
  assert_int_equal(value_compare(a, b) == 0, equal);
  buf_fini(&x);
  buf_fini(&y);
}

static void equal_values_have_equal_keys(void **state) {
  (void)state;
  /* Each is different from each other; what is equal stands in `twins` at the same place. */
  struct value values[] = {
      value_null(),
      value_bool(false),
      value_bool(true),
      value_int(0),
      value_int(1),
      value_int(-1),
      value_int(INT64_C(9007199254740992)),
      value_int(INT64_C(9007199254740993)),
      value_int(INT64_MAX),
      value_int(INT64_MIN),
      value_double(0.5),
      value_double(1e300),
      value_double(9223372036854775808.0),
      big("9223372036854775809"),
      big("-9223372036854775809"),
      big("100000000000000000000000000000"),
      text_value(""),
      text_value("1"),
      text_value("a"),
      text_value("ab"),
      value_timestamp(1),
      value_interval(1),
  };
  struct value twins[] = {
      value_null(),
      value_bool(false),
      value_bool(true),
      value_double(-0.0),
      value_double(1.0),
      value_double(-1.0),
      value_double(9007199254740992.0),
      value_int(INT64_C(9007199254740993)),
      value_int(INT64_MAX),
      value_double(-9223372036854775808.0),
      value_double(0.5),
      value_double(1e300),
      big("9223372036854775808"),
      big("9223372036854775809"),
      big("-9223372036854775809"),
      big("100000000000000000000000000000"),
      text_value(""),
      text_value("1"),
      text_value("a"),
      text_value("ab"),
      value_timestamp(1),
      value_interval(1),
  };
  size_t n = sizeof values / sizeof *values;
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < n; k++) {
      expect_keys(&values[i], &twins[k], i == k);
      assert_int_equal(value_compare(&values[i], &twins[k]), -value_compare(&twins[k], &values[i]));
    }
  }
}

static void keys_read_back(void **state) {
  (void)state;
  struct value values[] = {value_int(-5),     text_value("x\0y"),  value_null(),
                           value_double(0.5), value_timestamp(77), big("9223372036854775809"),
                           value_bool(true),  value_interval(-1),  text_value("")};
  size_t n = sizeof values / sizeof *values, at = 0;
  struct buf buf;
  buf_init(&buf);
  for (size_t i = 0; i < n; i++) value_put_key(&buf, &values[i]);
  for (size_t i = 0; i < n; i++) {
    struct value back;
    assert_int_equal(value_get_key(buf_slice(&buf), &at, &back), 0);
    assert_int_equal(back.type, values[i].type);
    assert_int_equal(value_compare(&back, &values[i]), 0);
  }
  assert_int_equal(at, buf.len);
  /* Cut anywhere, it is an error in the value that is cut and nothing is read behind it. */
  for (size_t len = 0; len < buf.len; len++) {
    char *copy = malloc(len + 1);
    memcpy(copy, buf.data, len);
    struct value back;
    at = 0;
    while (value_get_key((struct slice){copy, len}, &at, &back) == 0) assert_true(at <= len);
    free(copy);
  }
  at = 0;
  struct value back;
  assert_int_equal(value_get_key(slice_of("?"), &at, &back), -1);
  buf_fini(&buf);
}

static void binary_is_exact(void **state) {
  (void)state;
  struct value clean = text_value("clean"), json = text_value("[1]");
  clean.flags = VALUE_CLEAN;
  json.type = VALUE_JSON;
  struct value values[] = {value_int(-5),
                           value_double(5),
                           value_double(-0.0),
                           clean,
                           json,
                           value_null(),
                           value_bool(true),
                           value_timestamp(INT64_MIN),
                           value_interval(9),
                           big("9223372036854775808")};
  size_t n = sizeof values / sizeof *values, at = 0;
  struct buf buf;
  buf_init(&buf);
  for (size_t i = 0; i < n; i++) value_put_binary(&buf, &values[i]);
  for (size_t i = 0; i < n; i++) {
    struct value back;
    assert_int_equal(value_get_binary(buf_slice(&buf), &at, &back), 0);
    assert_int_equal(back.type, values[i].type);
    assert_int_equal(back.flags, values[i].flags);
    assert_int_equal(back.len, values[i].len);
    if (values[i].len > 0) {
      assert_memory_equal(back.data, values[i].data, back.len);
    } else if (back.type != VALUE_BOOL && back.type != VALUE_NULL) {
      assert_memory_equal(&back.integer, &values[i].integer, 8);
    }
  }
  assert_int_equal(at, buf.len);
  for (size_t len = 0; len < buf.len; len++) {
    char *copy = malloc(len + 1);
    memcpy(copy, buf.data, len);
    struct value back;
    at = 0;
    while (value_get_binary((struct slice){copy, len}, &at, &back) == 0) assert_true(at <= len);
    free(copy);
  }
  buf_fini(&buf);
}

static void order(void **state) {
  (void)state;
  /* Ascending. */
  struct value values[] = {
      value_bool(false),
      value_bool(true),
      value_double(-1e300),
      big("-9223372036854775810"),
      big("-9223372036854775809"),
      value_int(INT64_MIN),
      value_int(-1),
      value_double(-0.5),
      value_int(0),
      value_double(0.5),
      value_int(INT64_C(9007199254740992)),
      value_int(INT64_C(9007199254740993)),
      value_double(9007199254740994.0),
      value_int(INT64_MAX),
      value_double(9223372036854775808.0),
      big("9223372036854775809"),
      big("99999999999999999999"),
      value_double(1e20),
      big("100000000000000000001"),
      value_double(1e300),
      text_value(""),
      text_value("a"),
      text_value("aa"),
      text_value("b"),
      value_timestamp(-1),
      value_timestamp(1),
      value_interval(-1),
      value_null(),
  };
  size_t n = sizeof values / sizeof *values;
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < n; k++)
      assert_int_equal(value_compare(&values[i], &values[k]), (i > k) - (i < k));
  }
}

static void strings(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  struct value v;
  static const struct {
    const char *json, *text;
  } good[] = {{"", ""},
              {"abc", "abc"},
              {"a\\nb", "a\nb"},
              {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
              {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac"},
              {"\\ud83d\\ude00!", "\xf0\x9f\x98\x80!"}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_int_equal(json_string(slice_of(good[i].json), &arena, &v), 0);
    assert_true(slice_is(value_slice(&v), good[i].text));
    assert_int_equal(v.flags == VALUE_CLEAN, strchr(good[i].json, '\\') == NULL);
    assert_true(json_string_valid(slice_of(good[i].json)));
  }
  assert_int_equal(json_string(slice_of("\\u0000"), &arena, &v), 0);
  assert_int_equal(v.len, 1);
  static const char *const half[] = {"\\ud800",        "\\udc00",  "\\ud800\\n",
                                     "\\ud800\\ud800", "\\ud800x", "\\ud83d\\u0041"};
  for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
    assert_int_equal(json_string(slice_of(half[i]), &arena, &v), -1);
    assert_true(json_string_valid(slice_of(half[i])));
  }
  static const char *const wrong[] = {"\\",      "\\x",     "\\u",     "\\u12", "\\u12g4",
                                      "a\\nb\\", "\\U0041", "\\u 123", "\\'"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(json_string(slice_of(wrong[i]), &arena, &v), -1);
    assert_false(json_string_valid(slice_of(wrong[i])));
  }
  arena_fini(&arena);
}

static void utf8(void **state) {
  (void)state;
  static const char *const good[] = {"",
                                     "plain ascii, longer than eight",
                                     "\xc2\x80",
                                     "\xdf\xbf",
                                     "\xe0\xa0\x80",
                                     "\xed\x9f\xbf",
                                     "\xee\x80\x80",
                                     "\xef\xbf\xbf",
                                     "\xf0\x90\x80\x80",
                                     "\xf4\x8f\xbf\xbf",
                                     "1234567\xc3\xa9"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_true(json_utf8_valid(slice_of(good[i])));
  static const char *const wrong[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xc3x",
                                      "\xe2\x82x",
                                      "\xf0\x90\x80x",
                                      "1234567\xc3",
                                      "\xe2x\x82"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_false(json_utf8_valid(slice_of(wrong[i])));
}

static void copies_own_their_bytes(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  char text[] = "abc";
  struct value v = text_value(text), copy = value_copy(&arena, &v);
  text[0] = 'x';
  assert_true(slice_is(value_slice(&copy), "abc"));
  assert_string_equal(value_type_name(VALUE_ANY), "any");
  assert_string_equal(value_type_name(VALUE_INT), "integer");
  arena_fini(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(doubles_read_back),
      cmocka_unit_test(random_doubles_read_back),
      cmocka_unit_test(json_numbers),
      cmocka_unit_test(values_as_json),
      cmocka_unit_test(escapes_anywhere),
      cmocka_unit_test(equal_values_have_equal_keys),
      cmocka_unit_test(keys_read_back),
      cmocka_unit_test(binary_is_exact),
      cmocka_unit_test(order),
      cmocka_unit_test(strings),
      cmocka_unit_test(utf8),
      cmocka_unit_test(copies_own_their_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
