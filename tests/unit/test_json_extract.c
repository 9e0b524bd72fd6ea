/* Unit tests of daemon/record: json_extract.h, json_scan.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/json_extract.h"
#include "daemon/record/json_scalar.h"
#include "daemon/record/json_scan.h"
#include "daemon/record/json_text.h"

enum { PATHS = 8 };

/* Paths in a short form: "a.b.0.-1", where what begins like a number is an index. */
struct paths {
  struct path list[PATHS];
  struct path_step steps[PATHS][8];
  size_t n;
};

static void parse_paths(struct paths *paths, const char *const *texts, size_t n) {
  paths->n = n;
  for (size_t i = 0; i < n; i++) {
    uint32_t n_steps = 0;
    for (const char *at = texts[i];; at++) {
      size_t len = strcspn(at, ".");
      struct path_step *step = &paths->steps[i][n_steps++];
      *step = (struct path_step){.name = {at, len}};
      if (*at == '-' || (*at >= '0' && *at <= '9')) {
        step->is_index = true;
        step->index = strtoll(at, NULL, 10);
      }
      at += len;
      if (*at == '\0') break;
    }
    paths->list[i] = (struct path){paths->steps[i], n_steps};
  }
}

/* Lines in a block of their own with padding, and what came out of them. */
struct result {
  char *block;
  struct slice *lines;
  size_t n, n_errors;
  struct value *columns[PATHS];
  struct json_line_error *errors;
  struct arena arena;
};

static void run(struct result *r, const struct slice *lines, size_t n, struct json_plan *plan,
                size_t n_paths) {
  size_t bytes = 0, at = LIMIT_PADDING_BYTES;
  for (size_t i = 0; i < n; i++) bytes += lines[i].len + 2;
  r->n = n;
  r->block = mem_alloc(bytes + 2 * LIMIT_PADDING_BYTES);
  memset(r->block, '"', bytes + 2 * LIMIT_PADDING_BYTES); /* whoever reads it finds rubbish */
  r->lines = mem_alloc((n + 1) * sizeof *r->lines);
  for (size_t i = 0; i < n; i++) {
    if (lines[i].len > 0) memcpy(r->block + at, lines[i].data, lines[i].len);
    r->lines[i] = (struct slice){r->block + at, lines[i].len};
    at += lines[i].len;
    if (i % 3 == 2) r->block[at++] = '\r';
    r->block[at++] = '\n';
  }
  for (size_t i = 0; i < n_paths; i++) r->columns[i] = mem_zalloc((n + 1) * sizeof(struct value));
  r->errors = mem_zalloc((n + 1) * sizeof *r->errors);
  arena_init(&r->arena, 4096);
  r->n_errors = json_extract(plan, r->lines, n, r->columns, &r->arena, r->errors);
}

static void result_fini(struct result *r, size_t n_paths) {
  free(r->block);
  free(r->lines);
  for (size_t i = 0; i < n_paths; i++) free(r->columns[i]);
  free(r->errors);
  arena_fini(&r->arena);
}

static void put_row(struct buf *buf, const struct result *r, size_t row, size_t n_paths) {
  for (size_t i = 0; i < r->n_errors; i++) {
    if (r->errors[i].line == row) buf_printf(buf, "%s (%s) ", r->errors[i].code, r->errors[i].text);
  }
  for (size_t i = 0; i < n_paths; i++) {
    const struct value *v = &r->columns[i][row];
    if (i > 0) buf_put_char(buf, ' ');
    if (v->flags & VALUE_CLEAN) buf_put_char(buf, '=');
    value_put_json(buf, v);
  }
}

/* One line, its paths: the values, or the code of what is broken. */
static void expect(bool strict, const char *line, size_t len, const char *const *texts, size_t n,
                   const char *want) {
  struct paths paths;
  struct result r;
  parse_paths(&paths, texts, n);
  struct json_plan *plan = json_plan_new(paths.list, n, strict);
  struct slice text = {line, len};
  run(&r, &text, 1, plan, n);
  struct buf got;
  buf_init(&got);
  if (r.n_errors > 0) {
    buf_put_text(&got, r.errors[0].code);
    for (size_t i = 0; i < n; i++) assert_int_equal(r.columns[i][0].type, VALUE_NULL);
  } else {
    put_row(&got, &r, 0, n);
  }
  if (strcmp(buf_cstr(&got), want) != 0)
    fail_msg("%s%s: want %s, got %s", strict ? "strict " : "", line, want, buf_cstr(&got));
  buf_fini(&got);
  result_fini(&r, n);
  json_plan_free(plan);
}

#define EXPECT(line, want, ...)                                                                    \
  expect(false, line, sizeof(line) - 1, (const char *const[]){__VA_ARGS__},                        \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), want)
#define STRICT(line, want, ...)                                                                    \
  expect(true, line, sizeof(line) - 1, (const char *const[]){__VA_ARGS__},                         \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), want)

static void values(void **state) {
  (void)state;
  EXPECT("{\"a\":1,\"b\":\"x\"}", "1 =\"x\"", "a", "b");
  EXPECT("{\"a\":1,\"b\":\"x\"}", "=\"x\" 1", "b", "a");
  EXPECT(" { \"a\" : 1 , \"b\"\t:\t\"x\" } ", "1 =\"x\"", "a", "b");
  EXPECT("{\"a\":1}", "1 1", "a", "a");
  EXPECT("{}", "null", "a");
  EXPECT("{\"a\":null,\"b\":true,\"c\":false}", "null true false", "a", "b", "c");
  EXPECT("{\"a\":9007199254740993,\"b\":-9223372036854775808}",
         "9007199254740993 -9223372036854775808", "a", "b");
  EXPECT("{\"a\":18446744073709551616,\"b\":1.0,\"c\":-0,\"d\":-0.0}",
         "18446744073709551616 1.0 0 -0.0", "a", "b", "c", "d");
  EXPECT("{\"a\":\"x\\u00e9\\n\",\"b\":\"\xc3\xa9\"}", "\"x\xc3\xa9\\n\" =\"\xc3\xa9\"", "a", "b");
  EXPECT("{\"a\":{\"b\" : [1, {}]} ,\"c\":[]}", "{\"b\" : [1, {}]} []", "a", "c");
  /* Names of all lengths around the 8 bytes that are compared at once; the empty one. */
  EXPECT("{\"\":0,\"abcdefg\":1,\"abcdefgh\":2,\"abcdefghi\":3,\"abcdefghj\":4}", "0 1 2 3 4", "",
         "abcdefg", "abcdefgh", "abcdefghi", "abcdefghj");
  /* Paths within paths. */
  EXPECT("{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":3}", "{\"b\":{\"c\":1},\"d\":2} {\"c\":1} 1 2 3",
         "a", "a.b", "a.b.c", "a.d", "e");
  EXPECT("{\"a\":[10,[20,21],{\"b\":30}]}", "10 21 30 30 null null", "a.0", "a.1.1", "a.2.b",
         "a.-1.b", "a.3", "a.-4");
  EXPECT("{\"a\":[7]}", "7 7", "a.0", "a.-1");
  EXPECT("{\"a\":[],\"b\":1}", "null null 1", "a.0", "a.-1", "b");
  EXPECT("{\"a\":{\"0\":1},\"b\":[1],\"c\":1}", "null null null", "a.0", "b.x", "c.x");
  EXPECT("{\"a\":{\"x\":[1,2,{\"y\":[]}],\"b\":1,\"z\":{}},\"c\":2}", "1 2", "a.b", "c");
  /* The first of a name wins, whatever it holds. */
  EXPECT("{\"a\":1,\"a\":2,\"b\":3}", "1 3", "a", "b");
  EXPECT("{\"a\":null,\"a\":2,\"b\":3}", "null 3", "a", "b");
  EXPECT("{\"a\":1,\"a\":{\"b\":2},\"c\":3}", "null 3", "a.b", "c");
  EXPECT("{\"a\":{\"x\":1},\"a\":{\"b\":2},\"c\":3}", "null 3", "a.b", "c");
  EXPECT("{\"\\u0061\":1,\"a\":2}", "2", "a");
  EXPECT("{\"a\\nb\":1}", "null", "a\\nb");
  EXPECT("{\"a\":1,\"b\":2}", "2", "b");
  EXPECT("{\"a\":\"}\",\"b\":\"{[\\\"\",\"c\":1}", "1", "c");
}

static void broken_lines(void **state) {
  (void)state;
  EXPECT("{\"a\":1,\"b\":\"\0\"}", "json.control", "a");
  EXPECT("{\"a\":1,\"b\":\0}", "json.control", "a");
  EXPECT("{\"a\":1\x0c}", "json.control", "a");
  EXPECT("{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5\x1f}", "json.control", "a");
  EXPECT("{\"a\":1,\"b\":\"\t\"}", "json.syntax", "a");
  EXPECT("{\"a\":1,\"b\":\"\xff\"}", "text.utf8", "a");
  EXPECT("{\"a\":1,\"b\":\xc3\xa9}", "1", "a");
  EXPECT("{\"a\":1,\"b\":\xc3}", "text.utf8", "a");
  EXPECT("{\"a\":1,\"b\":\"}", "json.syntax", "a");
  EXPECT("{\"a\":1,\"b\":\"\\\"}", "json.syntax", "a");
  EXPECT("", "json.syntax", "a");
  EXPECT("  ", "json.syntax", "a");
  EXPECT("[1]", "json.syntax", "a");
  EXPECT("1", "json.syntax", "a");
  EXPECT("\"a\"", "json.syntax", "a");
  EXPECT("\xef\xbb\xbf{\"a\":1}", "json.syntax", "a");
  EXPECT("{", "json.syntax", "a");
  EXPECT("}", "json.syntax", "a");
  EXPECT("{\"a\":1", "json.syntax", "a");
  EXPECT("{\"a\":1,\"b\":2]", "json.syntax", "a");
  EXPECT("{\"a\":1} x", "json.syntax", "a");
  /* Members as far as they are read: what is behind the last answer may be anything. */
  EXPECT("{\"a\":1,\"b\"}", "1", "a");
  EXPECT("{\"a\":1,\"b\"}", "json.syntax", "b");
  EXPECT("{\"a\":1 \"b\":2}", "1", "a");
  EXPECT("{\"a\":1 \"b\":2}", "json.syntax", "b");
  EXPECT("{\"a\":1 2,\"b\":2}", "json.syntax", "b");
  EXPECT("{\"a\":1,,\"b\":2}", "json.syntax", "b");
  EXPECT("{\"a\":,\"b\":2}", "json.syntax", "b");
  EXPECT("{\"a\":}", "json.syntax", "a");
  EXPECT("{\"a\"::1}", "json.syntax", "a");
  EXPECT("{\"a\":1,}", "json.syntax", "b");
  EXPECT("{,\"a\":1}", "json.syntax", "a");
  EXPECT("{a:1}", "json.syntax", "a");
  EXPECT("{\"a\":1}}", "1", "a");
  EXPECT("{\"a\":1}}", "json.syntax", "b");
  EXPECT("{\"a\":1}{}", "json.syntax", "b");
  EXPECT("{\"x\":[,\"a\":1}", "json.syntax", "a");
  EXPECT("{\"x\":[1},\"a\":1}", "1", "a");
  EXPECT("{\"x\":tru,\"a\":1}", "1", "a");
  EXPECT("{\"x\":{\"a\":1}", "json.syntax", "a");
  EXPECT("{\"x\":{\"a\":1}", "1", "x.a");
  EXPECT("{\"x\":{\"a\":1}", "json.syntax", "x.a", "y");
  EXPECT("{\"x\":[1 2],\"a\":1}", "json.syntax", "x.1");
  EXPECT("{\"x\":[1,],\"a\":1}", "json.syntax", "x.5");
  EXPECT("{\"x\":[1,],\"a\":1}", "json.syntax", "x.-1");
  /* Values of wanted paths. */
  EXPECT("{\"a\":tru}", "json.syntax", "a");
  EXPECT("{\"a\":01}", "json.syntax", "a");
  EXPECT("{\"a\":1.}", "json.syntax", "a");
  EXPECT("{\"a\":1\"b\"}", "json.syntax", "a");
  EXPECT("{\"a\":\"b\"c}", "=\"b\"", "a");
  EXPECT("{\"a\":\"b\"c}", "json.syntax", "b");
  EXPECT("{\"a\":\"\\x\"}", "json.syntax", "a");
  EXPECT("{\"a\":\"\\ud800\"}", "json.string", "a");
  EXPECT("{\"a\":\"\\ud800\",\"b\":1}", "1", "b");
  EXPECT("{\"a\":1e999}", "json.number", "a");
  EXPECT("{\"a\":1e999,\"b\":1}", "1", "b");
  EXPECT("{\"a\":[1e999]}", "[1e999]", "a");
  EXPECT("{\"a\":[1}}", "json.syntax", "a");
  EXPECT("{\"a\":[tru]}", "json.syntax", "a");
  EXPECT("{\"a\":{\"b\":1,}}", "json.syntax", "a");
  EXPECT("{\"a\":{\"b\\x\":1}}", "json.syntax", "a");
}

/* The text of what is broken about a line of which "a" is wanted. */
static void expect_text(const char *line, const char *want) {
  struct paths paths;
  struct result r;
  static const char *const wanted[] = {"a"};
  struct slice lines[] = {slice_of("{\"a\":1}"), slice_of(line)};
  parse_paths(&paths, wanted, 1);
  struct json_plan *plan = json_plan_new(paths.list, 1, false);
  run(&r, lines, 2, plan, 1);
  assert_int_equal(r.n_errors, 1);
  if (strcmp(r.errors[0].text, want) != 0)
    fail_msg("%s: want \"%s\", got \"%s\"", line, want, r.errors[0].text);
  result_fini(&r, 1);
  json_plan_free(plan);
}

static void broken_lines_say_where(void **state) {
  (void)state;
  expect_text("{\"x\":{\"y\":[1]},\"a\"",
              "the line is cut off behind byte 18, within the object that begins at byte 1");
  expect_text("{\"x\":1,\"y\":[{},[2,",
              "the line is cut off behind byte 18, within the array that begins at byte 16");
  expect_text("{\"x\":{\"y\":[1]}",
              "the line is cut off behind byte 14, within the object that begins at byte 1");
  expect_text("{\"a\":{\"y\":[1]",
              "the line is cut off behind byte 13, within the object that begins at byte 6");
  expect_text("{\"x\":[{\"y\":1}",
              "the line is cut off behind byte 13, within the array that begins at byte 6");
  expect_text("{\"x\":\"y\\\"z\",\"a\":\"b\\\"c",
              "the line is cut off behind byte 21, within the string that begins at byte 17");
  expect_text("{\"x\":\"y\",\"a\":\"b\tc\"}",
              "the string that begins at byte 14 holds a control character, byte 16");
  expect_text("{\"x\":1} x", "something follows the object at byte 9 of the line");
  expect_text("{\"x\":1}{\"a\":2]", "something follows the object at byte 8 of the line");
  expect_text("{\"x\":1]", "a ',' or '}' is expected at byte 7 of the line");
  expect_text("{\"x\" 1}", "a ':' is expected at byte 6 of the line");
  expect_text("[1", "the line is no JSON object at byte 1 of the line");
}

static void strict_lines(void **state) {
  (void)state;
  STRICT("{\"a\":1,\"b\":[true,{\"x\":1e999}]}", "1", "a");
  STRICT("{\"a\":1,\"b\":\"\\ud800\"}", "1", "a");
  STRICT("{\"a\":1,\"b\":\"\\ud800\"}", "json.string", "b");
  STRICT("{\"a\":1,\"b\":tru}", "json.syntax", "a");
  STRICT("{\"a\":1,\"b\"}", "json.syntax", "a");
  STRICT("{\"a\":1}}", "json.syntax", "a");
  STRICT("{\"a\":1} {}", "json.syntax", "a");
  STRICT("{\"a\":[1}}", "json.syntax", "a");
  STRICT("{\"a\":1,\"b\":\"\\x\"}", "json.syntax", "a");
  STRICT("{\"a\":1,\"b\":\"\0\"}", "json.control", "a");
}

static void depth_is_an_error(void **state) {
  (void)state;
  enum { MANY = 100000 };
  char *line = mem_alloc(2 * MANY + 100);
  static const char *const wanted[][2] = {{"a", "a"}, {"b", "b"}, {"a.0.0", "b"}};
  for (size_t deep = LIMIT_JSON_DEPTH - 1; deep <= MANY;
       deep = deep < LIMIT_JSON_DEPTH ? deep + 1 : MANY + deep) {
    int len = sprintf(line, "{\"a\":");
    memset(line + len, '[', deep);
    memset(line + len + deep, ']', deep);
    size_t all = (size_t)len + 2 * deep;
    all += (size_t)sprintf(line + all, ",\"b\":1}");
    for (size_t i = 0; i < 3; i++) {
      struct paths paths;
      struct result r;
      struct slice text = {line, all};
      parse_paths(&paths, wanted[i], 2);
      for (int strict = 0; strict < 2; strict++) {
        struct json_plan *plan = json_plan_new(paths.list, 2, strict);
        run(&r, &text, 1, plan, 2);
        if (deep < LIMIT_JSON_DEPTH) {
          assert_int_equal(r.n_errors, 0);
        } else {
          assert_int_equal(r.n_errors, 1);
          assert_string_equal(r.errors[0].code, "json.depth");
        }
        result_fini(&r, 2);
        json_plan_free(plan);
      }
    }
  }
  free(line);
}

static void a_giant_line_among_others(void **state) {
  (void)state;
  enum { GIANT = 3 * 1024 * 1024 };
  char *giant = mem_alloc(GIANT + 100);
  int len = sprintf(giant, "{\"a\":\"");
  memset(giant + len, 'x', GIANT);
  sprintf(giant + len + GIANT, "\",\"b\":2}");
  struct slice lines[5] = {slice_of("{\"b\":1}"), slice_of(giant), slice_of("{\"b\":3}"),
                           slice_of(giant), slice_of("{\"b\":5}")};
  struct paths paths;
  const char *const wanted[] = {"b", "a"};
  struct result r;
  parse_paths(&paths, wanted, 2);
  struct json_plan *plan = json_plan_new(paths.list, 2, false);
  run(&r, lines, 5, plan, 2);
  assert_int_equal(r.n_errors, 0);
  static const int64_t want[] = {1, 2, 3, 2, 5};
  for (size_t i = 0; i < 5; i++) assert_int_equal(r.columns[0][i].integer, want[i]);
  assert_int_equal(r.columns[1][3].len, GIANT);
  result_fini(&r, 2);
  json_plan_free(plan);
  free(giant);
}

/* More than is scanned at once, with lines in between that make a scan fail. */
static void many_lines(void **state) {
  (void)state;
  enum { MANY = 5000 };
  static char text[MANY][64];
  static struct slice lines[MANY];
  for (size_t i = 0; i < MANY; i++) {
    const char *format = i % 701 == 700 ? "{\"n\":%zu,\"s\":\"x}" : "{\"s\":\"text\",\"n\":%zu}";
    lines[i] = (struct slice){text[i], (size_t)snprintf(text[i], 64, format, i)};
  }
  struct paths paths;
  const char *const wanted[] = {"n"};
  struct result r;
  parse_paths(&paths, wanted, 1);
  struct json_plan *plan = json_plan_new(paths.list, 1, false);
  run(&r, lines, MANY, plan, 1);
  size_t broken = 0;
  for (size_t i = 0; i < MANY; i++) {
    if (i % 701 == 700) {
      assert_int_equal(r.errors[broken++].line, i);
      assert_int_equal(r.columns[0][i].type, VALUE_NULL);
    } else {
      assert_int_equal(r.columns[0][i].type, VALUE_INT);
      assert_int_equal(r.columns[0][i].integer, i);
    }
  }
  assert_int_equal(r.n_errors, broken);
  result_fini(&r, 1);
  json_plan_free(plan);
}

static uint64_t next_random(uint64_t *x) {
  *x ^= *x << 13;
  *x ^= *x >> 7;
  return *x ^= *x << 17;
}

static const char *const seeds[] = {
    "{\"a\":1,\"b\":\"text\",\"c\":{\"d\":[1,2,{\"e\":null}],\"f\":-1.5e3},\"g\":true}",
    "{\"c\":{\"f\":12345678901234567890,\"d\":[]},\"a\":\"q\\\"\\\\\\u00e9\",\"b\":false}",
    " { \"b\" : [ [ ] , { } ] , \"a\" : \"\xc3\xa9\xf0\x9f\x98\x80\" , \"c\" : { } } ",
    "{\"a\":{\"a\":{\"a\":0}},\"b\":\"\",\"c\":{\"d\":[[1],[2]],\"d\":2}}",
    "{\"a\":1,\"a\":2,\"\":\"x\",\"c\":{\"f\":\"\\\\\"}}",
};

/* A seed with a few bytes changed, taken out, put in or doubled. No line end: it is one line. */
static size_t mutate(uint64_t *x, char *line) {
  static const char pool[] = "{}[]:,\"\\ \t\r0123456789aetrufalsn.-+E\x01\xc3\xa9\xff\0";
  const char *seed = seeds[next_random(x) % (sizeof seeds / sizeof *seeds)];
  size_t len = strlen(seed);
  memcpy(line, seed, len);
  for (uint64_t changes = next_random(x) % 4; changes > 0 && len > 0; changes--) {
    size_t at = next_random(x) % len, n = next_random(x) % 6 + 1;
    char c = pool[next_random(x) % (sizeof pool - 1)];
    if (n > len - at) n = len - at;
    switch (next_random(x) % 4) {
    case 0: line[at] = c; break;
    case 1:
      memmove(line + at, line + at + n, len - at - n);
      len -= n;
      break;
    case 2:
      memmove(line + at + 1, line + at, len - at);
      line[at] = c;
      len++;
      break;
    default:
      memmove(line + at + n, line + at, len - at);
      len += n;
      break;
    }
  }
  return len;
}

enum { LINES = 64, LINE_BYTES = 256 };

struct some_lines {
  char bytes[LINES][LINE_BYTES];
  struct slice list[LINES];
};

static void make_lines(struct some_lines *lines, uint64_t *x) {
  for (size_t i = 0; i < LINES; i++)
    lines->list[i] = (struct slice){lines->bytes[i], mutate(x, lines->bytes[i])};
}

static const char *const fuzz_paths[] = {"a", "b", "c", "c.d.-1", "c.d.0", "c.f", "zz", ""};

static void compare_with_text(const struct result *r, size_t row, const struct paths *paths) {
  struct arena arena;
  struct buf got, want;
  arena_init(&arena, 1024);
  buf_init(&got);
  buf_init(&want);
  for (size_t p = 0; p < paths->n; p++) {
    struct value v;
    assert_int_equal(
        json_text_get(r->lines[row], paths->list[p].steps, paths->list[p].n_steps, &arena, &v), 0);
    value_put_binary(&got, &r->columns[p][row]);
    value_put_binary(&want, &v);
  }
  if (!slice_equal(buf_slice(&got), buf_slice(&want)))
    fail_msg("json_text_get() differs: %.*s", SLICE_ARG(r->lines[row]));
  buf_fini(&got);
  buf_fini(&want);
  arena_fini(&arena);
}

/* A line gives the same in a block with others and alone, whatever the others are; strict finds
 * broken what json_text_valid() says; and values are what json_text_get() finds. */
static void fuzz(void **state) {
  (void)state;
  uint64_t x = 20260131;
  size_t n_broken = 0, n_good = 0;
  static struct some_lines lines;
  struct paths paths;
  for (size_t round = 0; round < 400; round++) {
    size_t n = round % PATHS + 1;
    bool strict = round % 2 != 0;
    parse_paths(&paths, fuzz_paths + next_random(&x) % (PATHS - n + 1), n);
    make_lines(&lines, &x);
    struct json_plan *plan = json_plan_new(paths.list, n, strict);
    struct result all, one;
    run(&all, lines.list, LINES, plan, n);
    for (size_t i = 0; i < LINES; i++) {
      struct buf together, alone;
      buf_init(&together);
      buf_init(&alone);
      struct json_plan *fresh = json_plan_new(paths.list, n, strict);
      run(&one, &lines.list[i], 1, fresh, n);
      put_row(&together, &all, i, n);
      put_row(&alone, &one, 0, n);
      if (!slice_equal(buf_slice(&together), buf_slice(&alone)))
        fail_msg("%.*s: together %s, alone %s", SLICE_ARG(lines.list[i]), buf_cstr(&together),
                 buf_cstr(&alone));
      const char *code = one.n_errors > 0 ? one.errors[0].code : NULL;
      bool valid = json_text_valid(lines.list[i]);
      size_t start = 0;
      while (start < lines.list[i].len && strchr(" \t\r", lines.list[i].data[start]) != NULL)
        start++;
      bool object = start < lines.list[i].len && lines.list[i].data[start] == '{';
      bool value_error =
          code != NULL && (strcmp(code, "json.string") == 0 || strcmp(code, "json.number") == 0);
      if (valid && object && code != NULL && !value_error)
        fail_msg("%.*s: %s, but it is valid", SLICE_ARG(lines.list[i]), code);
      if (strict && !(valid && object) && code == NULL)
        fail_msg("%.*s: not found broken", SLICE_ARG(lines.list[i]));
      if (valid && object && code == NULL) compare_with_text(&one, 0, &paths);
      n_broken += code != NULL;
      n_good += code == NULL;
      result_fini(&one, n);
      json_plan_free(fresh);
      buf_fini(&together);
      buf_fini(&alone);
    }
    result_fini(&all, n);
    json_plan_free(plan);
  }
  assert_true(n_broken > 2000 && n_good > 2000);
}

/* The scan is what json_scan.h says it is, on lines and on rubbish. */
static void scans_agree(void **state) {
  (void)state;
  static const char pool[] = "{}[]:,\"\"\"\\\\\\ \n\tab1\xc3\xa9";
  uint64_t x = 7;
  struct json_scanner *scanner = json_scanner_new();
  char *text = mem_alloc(400);
  uint32_t *tokens = mem_alloc(400 * sizeof *tokens);
  size_t n_good = 0;
  for (size_t round = 0; round < 30000; round++) {
    size_t len = 0, n_want;
    if (round % 2 == 0) {
      len = mutate(&x, text);
      for (size_t i = 0; i < len; i++) {
        if (text[i] == 0x0c || text[i] == 0x1a) text[i] = ' ';
      }
    } else {
      for (size_t n = next_random(&x) % 200; len < n;)
        text[len++] = pool[next_random(&x) % (sizeof pool - 1)];
    }
    const uint32_t *got;
    size_t n_got;
    int want = json_scan_portable((struct slice){text, len}, tokens, &n_want);
    int code = json_scan(scanner, (struct slice){text, len}, &got, &n_got);
    if (want != code || n_want != n_got)
      fail_msg("%.*s: %d %zu and %d %zu", (int)len, text, want, n_want, code, n_got);
    if (n_got > 0) assert_memory_equal(got, tokens, n_got * sizeof *got);
    n_good += code == 0;
  }
  assert_true(n_good > 5000);
  free(text);
  free(tokens);
  json_scanner_free(scanner);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values),
      cmocka_unit_test(broken_lines),
      cmocka_unit_test(broken_lines_say_where),
      cmocka_unit_test(strict_lines),
      cmocka_unit_test(depth_is_an_error),
      cmocka_unit_test(a_giant_line_among_others),
      cmocka_unit_test(many_lines),
      cmocka_unit_test(fuzz),
      cmocka_unit_test(scans_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
