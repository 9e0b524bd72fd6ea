/* Unit tests of the functions of expressions, called directly: errors, NULLs, overflow, bytes that
 * are not UTF-8, texts that would be too long. What PostgreSQL has too is in
 * tests/expr/functions.test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/limits.h"
#include "daemon/expr/func.h"
#include "daemon/expr/utf8.h"
#include "daemon/io/io_sim.h"

#include <float.h>

#define T(text) value_text(text, strlen(text))
#define I(number) value_int(number)
#define D(number) value_double(number)
#define NONE value_null()

static struct arena arena;

/* Calls as expr does: prepares what is constant, or (constant false) leaves it to the row. Returns
 * the error's code, or NULL and *result. */
static const char *call(bool constant, const char *name, const struct value *args, size_t n_args,
                        struct value *result) {
  bool known;
  const struct func *func = func_find(slice_of(name), n_args, &known);
  if (func == NULL) fail_msg("no function %s", name);
  struct func_call c = {.arena = &arena, .clock_us = 1769903999000000};
  const struct value *constants[16] = {0};
  assert_true(n_args <= 16);
  for (size_t i = 0; constant && i < n_args; i++) constants[i] = &args[i];
  struct err err;
  size_t bad_arg = 99;
  struct disk *disk = sim_disk_new();
  int prepared = func->prepare == NULL
                     ? 0
                     : func->prepare(disk, constants, n_args, &c.prepared, &bad_arg, &err);
  disk_free(disk);
  if (prepared < 0) {
    assert_true(bad_arg < n_args);
    return "prepare";
  }
  bool has_null = false;
  for (size_t i = 0; i < n_args; i++) has_null |= args[i].type == VALUE_NULL;
  *result = value_null();
  int status = 0;
  if (!has_null || func->null_in) status = func->call(&c, args, n_args, result);
  if (c.prepared != NULL) func->release(c.prepared);
  if (status == 0) return NULL;
  assert_non_null(c.error_code);
  assert_non_null(c.error_text);
  return c.error_code;
}

#define CALL(name, ...)                                                                            \
  call_text(true, name, (const struct value[]){__VA_ARGS__},                                       \
            sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value))
#define CALL_VARYING(name, ...)                                                                    \
  call_text(false, name, (const struct value[]){__VA_ARGS__},                                      \
            sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value))

/* The result as JSON, or the code of the error. */
static const char *call_text(bool constant, const char *name, const struct value *args,
                             size_t n_args) {
  struct value result;
  const char *code = call(constant, name, args, n_args, &result);
  if (code != NULL) return code;
  struct buf buf;
  buf_init(&buf);
  value_put_json(&buf, &result);
  const char *text = arena_dup(&arena, buf.data, buf.len);
  buf_fini(&buf);
  return text;
}

static void the_table_is_whole(void **state) {
  (void)state;
  const struct func *func;
  size_t n = 0;
  for (; (func = func_at(n)) != NULL; n++) {
    assert_non_null(func->group);
    assert_non_null(func->text);
    assert_non_null(func->call);
    assert_true(strncmp(func->signature, func->name, strlen(func->name)) == 0);
    assert_true(func->min_args <= func->max_args);
    assert_true(func->max_args == FUNC_VARIADIC || func->max_args <= FUNC_ARGS_MAX);
    bool known;
    assert_ptr_equal(func_find(slice_of(func->name), func->min_args, &known), func);
    if (func->max_args != FUNC_VARIADIC)
      assert_ptr_equal(func_find(slice_of(func->name), func->max_args, &known), func);
  }
  assert_true(n > 60);
  bool known;
  assert_null(func_find(slice_of("lower"), 2, &known));
  assert_true(known);
  assert_null(func_find(slice_of("lowr"), 1, &known));
  assert_false(known);
  assert_non_null(func_find(slice_of("concat"), 200, &known));
  assert_string_equal(func_nearest(slice_of("lowr")), "lower");
  assert_string_equal(func_nearest(slice_of("regexp_replce")), "regexp_replace");
  assert_null(func_nearest(slice_of("xyzzy")));
}

static void null_gives_null(void **state) {
  (void)state;
  assert_string_equal(CALL("lower", NONE), "null");
  assert_string_equal(CALL("replace", T("a"), NONE, T("b")), "null");
  assert_string_equal(CALL("regexp_replace", T("a"), NONE, T("b")), "null");
  assert_string_equal(CALL("timezone", NONE, value_timestamp(0)), "null");
  assert_string_equal(CALL("format_time", value_timestamp(0), NONE), "null");
  assert_string_equal(CALL("concat", NONE, T("a"), NONE, I(1)), "\"a1\"");
  assert_string_equal(CALL("concat", NONE), "\"\"");
  assert_string_equal(CALL("concat_ws", NONE, T("a")), "null");
  assert_string_equal(CALL("concat_ws", T("-"), NONE, T("a"), NONE, T("b")), "\"a-b\"");
  assert_string_equal(CALL("greatest", NONE, NONE), "null");
  assert_string_equal(CALL("least", NONE, I(2), D(1.5)), "1.5");
}

static void what_does_not_fit_is_an_error(void **state) {
  (void)state;
  assert_string_equal(CALL("abs", I(INT64_MIN)), "expr.range");
  assert_string_equal(CALL("abs", I(INT64_MIN + 1)), "9223372036854775807");
  assert_string_equal(CALL("round", I(INT64_MAX), I(-1)), "expr.range");
  assert_string_equal(CALL("round", I(INT64_MIN), I(-1)), "expr.range");
  assert_string_equal(CALL("trunc", I(INT64_MIN), I(-1)), "-9223372036854775800");
  assert_string_equal(CALL("round", I(INT64_MAX), I(-19)), "expr.range");
  assert_string_equal(CALL("round", I(INT64_MAX), I(-20)), "0");
  assert_string_equal(CALL("round", I(5), I(INT64_MIN)), "0");
  assert_string_equal(CALL("round", I(INT64_MAX), I(INT64_MAX)), "9223372036854775807");
  assert_string_equal(CALL("mod", I(INT64_MIN), I(-1)), "0");
  assert_string_equal(CALL("mod", I(1), I(0)), "expr.division_by_zero");
  assert_string_equal(CALL("mod", D(1), D(-0.0)), "expr.division_by_zero");
  assert_string_equal(CALL("power", D(10), D(400)), "expr.range");
  assert_string_equal(CALL("power", D(10), D(-400)), "expr.range");
  assert_string_equal(CALL("power", D(0), D(-1)), "expr.range");
  assert_string_equal(CALL("power", D(-8), D(0.5)), "expr.range");
  assert_string_equal(CALL("exp", D(1000)), "expr.range");
  assert_string_equal(CALL("sqrt", D(-1)), "expr.range");
  assert_string_equal(CALL("ln", D(0)), "expr.range");
  assert_string_equal(CALL("log10", D(-1)), "expr.range");
  assert_string_equal(CALL("to_timestamp", D(1e300)), "expr.range");
  assert_string_equal(CALL("from_epoch_ms", I(INT64_MAX)), "expr.range");
  assert_string_equal(CALL("timezone", T("+01"), value_timestamp(INT64_MAX)), "expr.range");
  assert_string_equal(CALL("date_trunc", T("year"), value_timestamp(INT64_MIN), T("-01")),
                      "expr.range");
  assert_string_equal(CALL("round", D(DBL_MAX), I(-308)), "expr.range");
}

/* Numbers beyond int64 are computed as doubles. */
static void wrong_types_are_errors(void **state) {
  (void)state;
  struct value number = {.type = VALUE_NUMBER, .len = 20, .data = "18446744073709551616"};
  assert_string_equal(CALL("abs", number), "1.8446744073709552e+19");
  assert_string_equal(CALL("abs", T("1")), "expr.type");
  assert_string_equal(CALL("round", value_bool(true)), "expr.type");
  assert_string_equal(CALL("floor", T("x")), "expr.type");
  assert_string_equal(CALL("mod", I(1), T("x")), "expr.type");
  assert_string_equal(CALL("greatest", I(1), T("x")), "expr.type");
  assert_string_equal(CALL("greatest", I(1), number, D(2.5)), "18446744073709551616");
  assert_string_equal(CALL("extract", T("day"), T("2026-01-01")), "expr.type");
}

static void texts_do_not_grow_without_bound(void **state) {
  (void)state;
  struct value result;
  assert_string_equal(CALL("repeat", T("x"), I(INT64_MAX)), "expr.limit");
  assert_string_equal(CALL("repeat", T("xx"), I(INT64_MAX)), "expr.limit");
  assert_string_equal(CALL("repeat", T(""), I(INT64_MAX)), "\"\"");
  assert_string_equal(CALL("repeat", T("x"), I(INT64_MIN)), "\"\"");
  assert_string_equal(CALL("lpad", T("x"), I(INT64_MAX), T("ab")), "expr.limit");
  assert_string_equal(CALL("rpad", T("x"), I(LIMIT_TEXT_BYTES + 1)), "expr.limit");
  assert_null(call(true, "repeat", (struct value[]){T("x"), I(LIMIT_TEXT_BYTES)}, 2, &result));
  assert_int_equal(result.len, LIMIT_TEXT_BYTES);
  struct value large = result;
  assert_string_equal(CALL("concat", large, T("y")), "expr.limit");
  assert_string_equal(CALL("concat_ws", T(","), large, large), "expr.limit");
  struct value half = large;
  half.len /= 2;
  assert_string_equal(CALL("replace", large, half, large), "expr.limit");
  assert_string_equal(CALL("regexp_replace", large, T("^"), T("y")), "expr.limit");
  assert_string_equal(CALL("base64_encode", large), "expr.limit");
  assert_string_equal(CALL("json_text", large), "expr.limit");
  assert_string_equal(CALL("length", large), "16777216");
}

/* Nothing is lost of bytes that are not UTF-8, and nothing is read behind the end. */
static void bytes_that_are_no_utf8(void **state) {
  (void)state;
  static const char *const texts[] = {"\x80",         "a\x80\x80z",      "\xc3",     "\xc3(",
                                      "\xe2\x82",     "\xf0\x9f\x98",    "\xff\xfe", "\xc0\xaf",
                                      "\xed\xa0\x80", "\xf5\x80\x80\x80"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    size_t len = strlen(texts[i]);
    char *copy = malloc(len); /* of the exact size, for the sanitizer */
    memcpy(copy, texts[i], len);
    struct value text = value_text(copy, len), result, twice;
    assert_false(utf8_valid(value_slice(&text)));
    assert_null(call(true, "upper", &text, 1, &result));
    assert_int_equal(result.len, len);
    assert_null(call(true, "length", &text, 1, &result));
    int64_t length = result.integer;
    assert_true(length >= 1 && length <= (int64_t)len);
    assert_null(call(true, "reverse", &text, 1, &result));
    assert_int_equal(result.len, len);
    assert_null(call(true, "left", (struct value[]){text, I(length)}, 2, &twice));
    assert_int_equal(twice.len, len);
    assert_null(call(true, "right", (struct value[]){text, I(1)}, 2, &twice));
    assert_true(twice.len >= 1);
    assert_null(call(true, "substr", (struct value[]){text, I(2)}, 2, &twice));
    assert_null(call(true, "trim", (struct value[]){text, text}, 2, &twice));
    assert_int_equal(twice.len, 0);
    assert_null(
        call(true, "regexp_replace", (struct value[]){text, T("a"), T("b"), T("g")}, 4, &result));
    assert_int_equal(result.len, len);
    assert_null(
        call(true, "regexp_replace", (struct value[]){text, T("q*"), T("-"), T("g")}, 4, &result));
    free(copy);
  }
}

static void regular_expressions(void **state) {
  (void)state;
  assert_string_equal(CALL("regexp_extract", T("a1b22"), T("[0-9]{2}")), "\"22\"");
  assert_string_equal(CALL("regexp_extract", T("k=v"), T("(.)=(.)"), I(2)), "\"v\"");
  assert_string_equal(CALL("regexp_extract", T("k=v"), T("(.)=(.)"), I(3)), "null");
  assert_string_equal(CALL("regexp_extract", T("k=v"), T("(x)?="), I(1)), "null");
  assert_string_equal(CALL("regexp_extract", T("k"), T("x")), "null");
  assert_string_equal(CALL("regexp_extract", T("k"), T("x"), I(-1)), "expr.value");
  assert_string_equal(CALL("regexp_extract", T("k"), T("x"), I(INT64_MAX)), "expr.value");
  assert_string_equal(CALL_VARYING("regexp_extract", T("a1b22"), T("[0-9]{2}")), "\"22\"");
  assert_string_equal(CALL("regexp_extract", T("k"), T("(")), "prepare");
  assert_string_equal(CALL_VARYING("regexp_extract", T("k"), T("(")), "expr.value");
  assert_string_equal(CALL("regexp_replace", T("k"), T("k"), T("x"), T("q")), "prepare");
  assert_string_equal(CALL_VARYING("regexp_replace", T("k"), T("k"), T("x"), T("q")), "expr.value");
  assert_string_equal(CALL_VARYING("regexp_replace", T("aKka"), T("k"), T("x"), T("gi")),
                      "\"axxa\"");
  assert_string_equal(CALL("regexp_replace", T("ab"), T("a # not b"), T("x"), T("x")), "\"xb\"");
  assert_string_equal(CALL("regexp_replace", T("ab"), T("a\\Kb"), T("x")), "\"ax\"");
  assert_string_equal(CALL("regexp_replace", T("ab"), T("(?=ab\\K)"), T("x"), T("g")), "prepare");
  assert_string_equal(CALL("regexp_replace", T("ab"), T("\\C"), T("x")), "prepare");
  /* Exponential without a limit. */
  assert_string_equal(CALL("regexp_extract", T("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
                           T("^(a|aa)+(a|aaa)+$")),
                      "expr.limit");
  char *pattern = arena_alloc(&arena, 100001);
  memset(pattern, '(', 100000);
  pattern[100000] = '\0';
  assert_string_equal(CALL("regexp_extract", T("a"), T(pattern)), "prepare");
  pattern[1000] = '\0';
  assert_string_equal(CALL("regexp_extract", T("a"), T(pattern)), "prepare");
}

/* Deep recursion uses up the stack of the JIT; the interpreter goes on. */
static void long_texts_match(void **state) {
  (void)state;
  size_t len = 200000;
  char *text = arena_alloc(&arena, len + 1);
  memset(text, 'a', len);
  text[len] = '\0';
  struct value result;
  assert_null(call(true, "regexp_extract", (struct value[]){value_text(text, len), T("(?:a|b)*+$")},
                   2, &result));
  assert_int_equal(result.len, len);
}

static void digests_are_those_of_others(void **state) {
  (void)state;
  /* RFC 1321 A.5, FIPS 180-2 B.1, RFC 4648 10. */
  assert_string_equal(CALL("md5", T("abc")), "\"900150983cd24fb0d6963f7d28e17f72\"");
  assert_string_equal(CALL("sha256", T("abc")), "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"
                                                "b410ff61f20015ad\"");
  static const char *const pairs[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    const char *encoded = arena_printf(&arena, "\"%s\"", pairs[i][1]);
    const char *decoded = arena_printf(&arena, "\"%s\"", pairs[i][0]);
    assert_string_equal(CALL("base64_encode", T(pairs[i][0])), encoded);
    assert_string_equal(CALL("base64_decode", T(pairs[i][1])), decoded);
  }
  static const char *const bad[] = {"Zg",   "Zg=",   "Zg===", "=Zg=",   "Z===",     "====", "Zh==",
                                    "Zm9=", "Zm 9v", "Zm-_",  "Zm9v\n", "Zg==Zg==", "/w=="};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (strcmp(CALL("base64_decode", T(bad[i])), "expr.value") != 0) fail_msg("%s", bad[i]);
}

static void hash_is_stable(void **state) {
  (void)state;
  assert_string_equal(CALL("hash", I(1)), CALL("hash", D(1)));
  assert_string_not_equal(CALL("hash", I(1)), CALL("hash", T("1")));
  assert_string_not_equal(CALL("hash", T("ab"), T("c")), CALL("hash", T("a"), T("bc")));
  assert_string_equal(CALL("hash", NONE), CALL("hash", NONE));
  assert_string_not_equal(CALL("hash", NONE), CALL("hash", T("")));
}

static void clean_stays_clean(void **state) {
  (void)state;
  struct value clean = T("abc"), result;
  clean.flags = VALUE_CLEAN;
  call(true, "upper", &clean, 1, &result);
  assert_int_equal(result.flags, VALUE_CLEAN);
  call(true, "concat", (struct value[]){clean, T("\"")}, 2, &result);
  assert_int_equal(result.flags, 0);
  call(true, "replace", (struct value[]){clean, T("b"), T("\"")}, 3, &result);
  assert_int_equal(result.flags, 0);
  call(true, "rpad", (struct value[]){clean, I(5), T("\"")}, 3, &result);
  assert_int_equal(result.flags, 0);
  call(true, "regexp_replace", (struct value[]){clean, T("b"), T("\"")}, 3, &result);
  assert_int_equal(result.flags, 0);
}

static void times_and_zones(void **state) {
  (void)state;
  struct value ts = value_timestamp(1769903999123456); /* 2026-01-31T23:59:59.123456Z */
  assert_string_equal(call_text(true, "now", NULL, 0), "\"2026-01-31T23:59:59Z\"");
  assert_string_equal(CALL("timezone", T("+05:30"), ts), "\"2026-02-01T05:29:59.123456Z\"");
  assert_string_equal(CALL("at_time_zone", ts, T("UTC")), "\"2026-01-31T23:59:59.123456Z\"");
  assert_string_equal(CALL("date_trunc", T("month"), ts, T("+01")), "\"2026-01-31T23:00:00Z\"");
  assert_string_equal(CALL("date_trunc", T("Days"), ts), "\"2026-01-31T00:00:00Z\"");
  assert_string_equal(CALL("format_time", ts, T("%d.%m.%Y %H:%M %z"), T("+01")),
                      "\"01.02.2026 00:59 +0100\"");
  assert_string_equal(CALL("to_timestamp", T("31/01/2026"), T("%d/%m/%Y")),
                      "\"2026-01-31T00:00:00Z\"");
  assert_string_equal(CALL_VARYING("to_timestamp", T("31/01/2026"), T("%d/%m/%Y")),
                      "\"2026-01-31T00:00:00Z\"");
  assert_string_equal(CALL("to_timestamp", T("31/13/2026"), T("%d/%m/%Y")), "expr.value");
  assert_string_equal(CALL("to_timestamp", T("x"), T("%Q")), "prepare");
  assert_string_equal(CALL_VARYING("to_timestamp", T("x"), T("%Q")), "expr.value");
  assert_string_equal(CALL("timezone", T("+25:00"), ts), "prepare");
  assert_string_equal(CALL("timezone", T("../etc/passwd"), ts), "prepare");
  assert_string_equal(CALL_VARYING("timezone", T("UTC"), ts), "prepare");
  assert_string_equal(CALL("date_trunc", T("dya"), ts), "prepare");
  assert_string_equal(CALL_VARYING("date_trunc", T("dya"), ts), "expr.value");
  assert_string_equal(CALL("date_trunc", T("dow"), ts), "expr.value");
  assert_string_equal(CALL("epoch_ms", value_timestamp(-1)), "-1");
  assert_string_equal(CALL("from_epoch_ms", I(-1)), "\"1969-12-31T23:59:59.999Z\"");
  assert_string_equal(CALL("extract", T("month"), value_interval(5)), "expr.value");
  assert_string_equal(CALL("extract", T("hour"), value_interval(-INT64_C(97200000000))), "-3");
  assert_string_equal(CALL("date_part", T("year"), ts), "2026.0");
}

static struct value json(const char *text) {
  struct value v = T(text);
  v.type = VALUE_JSON;
  return v;
}

static void json_is_looked_into(void **state) {
  (void)state;
  struct value object = json("{\"a\": {\"b\": [1, \"x\", {\"odd name\": true}]}, \"c\\n\": null}");
  struct value array = json(" [1, 2.0, \"x\", null, [3], 99999999999999999999]");
  assert_string_equal(CALL("json_get", object, T("a.b[1]")), "\"x\"");
  assert_string_equal(CALL("json_get", object, T("a.b[-1].\"odd name\"")), "true");
  assert_string_equal(CALL_VARYING("json_get", object, T("a.b[0]")), "1");
  assert_string_equal(CALL("json_get", object, T("a.x.y")), "null");
  static const char *const bad[] = {"",      ".",   "a.", "a..b",          "a[", "a[]", "a[x]",
                                    "a[1]b", "\"a", ".a", "a[99999999999]"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (strcmp(CALL("json_get", object, T(bad[i])), "prepare") != 0) fail_msg("%s", bad[i]);
    if (strcmp(CALL_VARYING("json_get", object, T(bad[i])), "expr.value") != 0)
      fail_msg("%s", bad[i]);
  }
  char deep[200] = "a";
  for (int i = 1; i < LIMIT_PATH_STEPS; i++) strcat(deep, ".a");
  assert_string_equal(CALL("json_get", object, T(deep)), "null");
  strcat(deep, ".a");
  assert_string_equal(CALL("json_get", object, T(deep)), "prepare");
  assert_string_equal(CALL("keys", object), "[\"a\",\"c\\n\"]");
  assert_string_equal(CALL("keys", json("{}")), "[]");
  assert_string_equal(CALL("keys", array), "expr.value");
  assert_string_equal(CALL("array_length", array), "6");
  assert_string_equal(CALL("array_length", json("[ ]")), "0");
  assert_string_equal(CALL("array_length", object), "expr.value");
  assert_string_equal(CALL("array_length", json("[1,")), "expr.json");
  assert_string_equal(CALL("contains", array, I(2)), "true");
  assert_string_equal(CALL("contains", array, D(1)), "true");
  assert_string_equal(CALL("contains", array, T("x")), "true");
  assert_string_equal(CALL("contains", array, T("1")), "false");
  assert_string_equal(CALL("contains", array, json("[3]")), "true");
  assert_string_equal(CALL("contains", array, NONE), "null");
  assert_string_equal(CALL("contains", object, I(1)), "expr.value");
  assert_string_equal(CALL("contains", json("[\"1970-01-01T00:00:00Z\"]"), value_timestamp(0)),
                      "true");
  assert_string_equal(CALL("to_json", value_timestamp(0)), "\"1970-01-01T00:00:00Z\"");
  assert_string_equal(CALL("to_json", array), " [1, 2.0, \"x\", null, [3], 99999999999999999999]");
  assert_string_equal(CALL("json_text", T("a\"b")), "\"\\\"a\\\\\\\"b\\\"\"");
  assert_string_equal(CALL("json_text", I(1)), "\"1\"");
}

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 65536);
  return 0;
}
static int teardown(void **state) {
  (void)state;
  arena_fini(&arena);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_table_is_whole, setup, teardown),
      cmocka_unit_test_setup_teardown(null_gives_null, setup, teardown),
      cmocka_unit_test_setup_teardown(what_does_not_fit_is_an_error, setup, teardown),
      cmocka_unit_test_setup_teardown(wrong_types_are_errors, setup, teardown),
      cmocka_unit_test_setup_teardown(texts_do_not_grow_without_bound, setup, teardown),
      cmocka_unit_test_setup_teardown(bytes_that_are_no_utf8, setup, teardown),
      cmocka_unit_test_setup_teardown(regular_expressions, setup, teardown),
      cmocka_unit_test_setup_teardown(long_texts_match, setup, teardown),
      cmocka_unit_test_setup_teardown(digests_are_those_of_others, setup, teardown),
      cmocka_unit_test_setup_teardown(hash_is_stable, setup, teardown),
      cmocka_unit_test_setup_teardown(clean_stays_clean, setup, teardown),
      cmocka_unit_test_setup_teardown(times_and_zones, setup, teardown),
      cmocka_unit_test_setup_teardown(json_is_looked_into, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
