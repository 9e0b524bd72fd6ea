/* Unit tests of daemon/record: json_text.h. Each text is a copy without a byte behind it, so that
 * the address sanitizer sees a look behind its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/json_text.h"

static struct slice exact(const char *text, size_t len) {
  char *copy = mem_alloc(len == 0 ? 1 : len);
  memcpy(copy, text, len);
  return (struct slice){copy, len};
}

static bool valid(const char *text) {
  struct slice copy = exact(text, strlen(text));
  bool result = json_text_valid(copy);
  free((char *)copy.data);
  return result;
}

static void validity(void **state) {
  (void)state;
  static const char *const good[] = {"1",
                                     " [] ",
                                     "{}",
                                     "[[],{}]",
                                     "{\"a\":{}}",
                                     "{\"a\":[1,2,{\"b\":null}],\"c\":\"\"}",
                                     "\"\\ud800\"",
                                     "[1e999]",
                                     "\t\r\n{ \"a\" : -0.0e-1 }\n",
                                     "{\"\":0,\"\":1}",
                                     "\"\x7f\"",
                                     "[true,false,null]",
                                     "123456789012345678901234567890"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (!valid(good[i])) fail_msg("should be valid: %s", good[i]);
  }
  static const char *const wrong[] = {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{,}",
                                      "{\"a\" 1}",
                                      "{a:1}",
                                      "{1:1}",
                                      "[1}",
                                      "{\"a\":1]",
                                      "1 2",
                                      "{} {}",
                                      "tru",
                                      "nulll",
                                      "\"",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"a\nb\"",
                                      "\"\xff\"",
                                      "[\"a\":1]",
                                      "{\"a\":1:2}",
                                      "01",
                                      "1.",
                                      "+1",
                                      "'a'",
                                      "[1]]",
                                      "{}}",
                                      "\"a\"b",
                                      "1\"a\"",
                                      "{\"a\":[}",
                                      "\xef\xbb\xbf{}",
                                      "[\\]",
                                      "{\"a\\x\":1}",
                                      "[\"a\"\"b\"]",
                                      "\x0c[]",
                                      "/**/1",
                                      "NaN"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (valid(wrong[i])) fail_msg("should be wrong: %s", wrong[i]);
  }
  assert_false(json_text_valid((struct slice){"[\0]", 3}));
}

static void depth_is_bounded(void **state) {
  (void)state;
  enum { MANY = 200000 };
  char *deep = mem_alloc(2 * MANY);
  memset(deep, '[', MANY);
  memset(deep + MANY, ']', MANY);
  const size_t most = LIMIT_JSON_DEPTH;
  assert_true(json_text_valid((struct slice){deep + MANY - most, 2 * most}));
  assert_false(json_text_valid((struct slice){deep + MANY - most - 1, 2 * most + 2}));
  assert_false(json_text_valid((struct slice){deep, 2 * MANY}));
  struct value v;
  struct arena arena;
  arena_init(&arena, 1024);
  struct path_step steps[2] = {{.is_index = true}, {.is_index = true}};
  assert_int_equal(json_text_get((struct slice){deep, 2 * MANY}, steps, 2, &arena, &v), 0);
  assert_int_equal(v.type, VALUE_JSON);
  assert_int_equal(v.len, 2 * MANY - 4);
  arena_fini(&arena);
  free(deep);
}

static void members(void **state) {
  (void)state;
  struct slice name, member,
      text = slice_of(" { \"a\" : 1 , \"b\\n\":[1,{\"x\":\"}\"}] ,\"\":\"s\"} ");
  static const char *const names[] = {"a", "b\\n", ""}, *const values[] = {"1", "[1,{\"x\":\"}\"}]",
                                                                           "\"s\""};
  size_t at = 0;
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(json_text_next(text, &at, &name, &member), 1);
    assert_true(slice_is(name, names[i]));
    assert_true(slice_is(member, values[i]));
  }
  assert_int_equal(json_text_next(text, &at, &name, &member), 0);
  text = slice_of("[1, \"a\",[]]");
  static const char *const elements[] = {"1", "\"a\"", "[]"};
  at = 0;
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(json_text_next(text, &at, &name, &member), 1);
    assert_int_equal(name.len, 0);
    assert_true(slice_is(member, elements[i]));
  }
  assert_int_equal(json_text_next(text, &at, &name, &member), 0);
  static const char *const empty[] = {"{}", "[]", " { } "};
  for (size_t i = 0; i < 3; i++) {
    at = 0;
    assert_int_equal(json_text_next(slice_of(empty[i]), &at, &name, &member), 0);
  }
  static const char *const wrong[] = {
      "",    "1",          "\"a\"", "{",      "{\"a\"",   "{\"a\":",   "{]",   "{1:2}",  "[1 2]",
      "[1,", "{\"a\":1,}", "[1}",   "[[1]]]", "{\"a\":1", "[\"a\":1]", "[1]x", "{\"a:1}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct slice copy = exact(wrong[i], strlen(wrong[i]));
    int more;
    at = 0;
    while ((more = json_text_next(copy, &at, &name, &member)) > 0) {
    }
    if (more != -1) fail_msg("should be wrong: %s", wrong[i]);
    free((char *)copy.data);
  }
}

static void look_ups(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  struct slice text =
      slice_of("{\"a\":{\"b\":[10,20,30],\"b\":1},\"a\":2,\"s\":\"x\\ny\",\"n\":null,\"e\":[]}");
  struct path_step a = {.name = slice_of("a")}, b = {.name = slice_of("b")},
                   s = {.name = slice_of("s")}, e = {.name = slice_of("e")};
  struct value v;
  for (int64_t i = -5; i < 5; i++) {
    struct path_step steps[] = {a, b, {.is_index = true, .index = i}};
    assert_int_equal(json_text_get(text, steps, 3, &arena, &v), 0);
    int64_t at = i < 0 ? i + 3 : i;
    if (at < 0 || at > 2) {
      assert_int_equal(v.type, VALUE_NULL);
    } else {
      assert_int_equal(v.integer, 10 * (at + 1));
    }
  }
  struct path_step ab[] = {a, b}, ss[] = {s, s}, e0[] = {e, {.is_index = true, .index = -1}};
  assert_int_equal(json_text_get(text, ab, 2, &arena, &v), 0);
  assert_int_equal(v.type, VALUE_JSON);
  assert_true(slice_is(value_slice(&v), "[10,20,30]"));
  assert_int_equal(json_text_get(text, ss, 1, &arena, &v), 0);
  assert_true(slice_is(value_slice(&v), "x\ny"));
  assert_int_equal(v.flags, 0);
  assert_int_equal(json_text_get(text, ss, 2, &arena, &v), 0);
  assert_int_equal(v.type, VALUE_NULL);
  assert_int_equal(json_text_get(text, e0, 2, &arena, &v), 0);
  assert_int_equal(v.type, VALUE_NULL);
  assert_int_equal(json_text_get(text, &e0[1], 1, &arena, &v), 0);
  assert_int_equal(v.type, VALUE_NULL);
  assert_int_equal(json_text_get(slice_of("{\"a\":tru}"), ab, 1, &arena, &v), -1);
  assert_int_equal(json_text_get(slice_of(""), ab, 1, &arena, &v), -1);
  assert_int_equal(json_text_value(slice_of(" \"a\" "), &arena, &v), 0);
  assert_int_equal(v.flags, VALUE_CLEAN);
  assert_int_equal(json_text_value(slice_of("1 1"), &arena, &v), -1);
  assert_int_equal(json_text_value(slice_of(" "), &arena, &v), -1);
  arena_fini(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(validity),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(members),
      cmocka_unit_test(look_ups),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
