/* Unit tests of daemon/record: codec.h, the codecs json and raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/codec.h"

/* A rowset with decoded slots, and a block that went through a codec. */
struct fixture {
  struct arena arena;
  struct rowset *rowset;
  struct decoder *decoder;
  const struct codec *codec;
  char *block;
  struct batch *batch;
  struct row_errors errors;
};

static void setup(struct fixture *f, const char *codec) {
  *f = (struct fixture){0};
  arena_init(&f->arena, 4096);
  f->rowset = rowset_new(&f->arena, true);
  f->codec = codec_find(codec);
  assert_non_null(f->codec);
}

static uint32_t decoded(struct fixture *f, const char *name) {
  struct path_step step = {.name = slice_of(name)};
  struct path path = {&step, 1};
  uint32_t slot;
  enum value_type type;
  assert_int_equal(rowset_resolve(f->rowset, &path, &slot, &type), 0);
  return slot;
}

static void decode_bytes(struct fixture *f, const char *text, size_t len, uint64_t line_max) {
  struct codec_options options = {.line_max = line_max};
  f->decoder = f->codec->decoder_new(&options, f->rowset);
  f->block = mem_zalloc(len + 2 * LIMIT_PADDING_BYTES);
  memcpy(f->block + LIMIT_PADDING_BYTES, text, len);
  f->batch = f->codec->decode(f->decoder, (struct slice){f->block + LIMIT_PADDING_BYTES, len}, 1000,
                              &f->errors);
}

static void decode(struct fixture *f, const char *text) {
  decode_bytes(f, text, strlen(text), 1 << 20);
}

static void teardown(struct fixture *f) {
  batch_free(f->batch);
  f->codec->decoder_free(f->decoder);
  row_errors_fini(&f->errors);
  free(f->block);
  arena_fini(&f->arena);
}

static void expect_encoded(const struct codec *codec, const struct schema *schema, struct view view,
                           const char *want) {
  struct buf buf;
  buf_init(&buf);
  buf_put_text(&buf, "before\n");
  codec->encode(schema, &view, &buf);
  assert_memory_equal(buf_cstr(&buf), "before\n", 7);
  assert_string_equal(buf_cstr(&buf) + 7, want);
  buf_fini(&buf);
}

static struct view whole(const struct fixture *f) {
  return (struct view){f->batch, NULL, f->batch->n_rows};
}

static void lines_are_rows(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "json");
  uint32_t a = decoded(&f, "a");
  decode(&f, "{\"a\":1}\n\n  \t\r\n{\"a\":2}\r\n {\"a\":3} \n\r\n{\"a\":4}");
  assert_int_equal(f.batch->n_rows, 4);
  static const uint64_t positions[] = {1000, 1014, 1023, 1035};
  static const char *const raw[] = {"{\"a\":1}", "{\"a\":2}", " {\"a\":3} ", "{\"a\":4}"};
  for (uint32_t i = 0; i < 4; i++) {
    assert_int_equal(f.batch->slots[a][i].integer, i + 1);
    assert_int_equal(f.batch->positions[i], positions[i]);
    assert_true(slice_is(f.batch->raw[i], raw[i]));
  }
  assert_int_equal(f.errors.n, 0);
  teardown(&f);
}

static void nothing_is_no_rows(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "json");
  decoded(&f, "a");
  decode(&f, " \n\r\n");
  assert_int_equal(f.batch->n_rows, 0);
  struct schema *schema = schema_new(f.rowset, true);
  expect_encoded(f.codec, schema, whole(&f), "");
  teardown(&f);
}

static void broken_rows_are_rows(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "json");
  uint32_t a = decoded(&f, "a"), b = decoded(&f, "b");
  static const char text[] =
      "{\"a\":1}\n{\"a\":tru,\"b\":1}\n{\"b\":\"0123456789012345678901234\"}\n"
      "{\"a\":\0}\n\xff\n{\"b\":6}\n";
  decode_bytes(&f, text, sizeof text - 1, 30);
  static const char *const codes[] = {"json.syntax", "line.too_long", "json.control", "text.utf8"};
  assert_int_equal(f.batch->n_rows, 6);
  assert_int_equal(f.errors.n, 4);
  for (uint32_t i = 0; i < 4; i++) {
    assert_int_equal(f.errors.list[i].row, i + 1);
    assert_string_equal(f.errors.list[i].code, codes[i]);
    assert_int_equal(f.batch->slots[a][i + 1].type, VALUE_NULL);
    assert_int_equal(f.batch->slots[b][i + 1].type, VALUE_NULL);
  }
  assert_int_equal(f.batch->slots[a][0].integer, 1);
  assert_int_equal(f.batch->slots[b][5].integer, 6);
  assert_int_equal(f.batch->raw[3].len, 7);
  teardown(&f);
}

static void untouched_bytes(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "json");
  decode(&f, "{\"a\" :1.0 }\n{\"b\":\"\\u0041\"}\r\n{\"c\":tru}\n\n{\"d\":4}");
  struct schema *schema = schema_new(f.rowset, true);
  expect_encoded(f.codec, schema, whole(&f),
                 "{\"a\" :1.0 }\n{\"b\":\"\\u0041\"}\n{\"c\":tru}\n{\"d\":4}\n");
  uint32_t sel[] = {1, 3};
  expect_encoded(f.codec, schema, (struct view){f.batch, sel, 2},
                 "{\"b\":\"\\u0041\"}\n{\"d\":4}\n");
  teardown(&f);
}

static void spliced(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "json");
  uint32_t a = decoded(&f, "a"), x = rowset_add_slot(f.rowset, VALUE_INT);
  struct schema *schema = schema_new(f.rowset, true);
  schema_set(schema, slice_of("b"), x);
  schema_set(schema, slice_of("new \"name\""), a);
  schema_drop(schema, slice_of("secret"));
  decode(&f, "{\"a\":\"t\\n\" , \"b\" : 2,\"c\":[1, 2]}\n"
             "{\"secret\":1,\"a\":null}\n"
             "{\"b\":1,\"b\":{\"b\":2},\"\\u0073ecret\":1,\"d\":\"\\/\"}\n"
             "{}\n"
             "{\"a\":1}}\n");
  /* Splicing needs whole lines, so what would pass untouched is an error. */
  assert_int_equal(f.errors.n, 1);
  assert_int_equal(f.errors.list[0].row, 4);
  struct value *column = batch_column(f.batch, x);
  for (int64_t i = 0; i < 4; i++) column[i] = value_int(i * 10);
  expect_encoded(f.codec, schema, view_without(whole(&f), &f.errors),
                 "{\"a\":\"t\\n\",\"b\":0,\"c\":[1, 2],\"new \\\"name\\\"\":\"t\\n\"}\n"
                 "{\"a\":null,\"b\":10,\"new \\\"name\\\"\":null}\n"
                 "{\"b\":20,\"d\":\"\\/\",\"new \\\"name\\\"\":null}\n"
                 "{\"b\":30,\"new \\\"name\\\"\":null}\n");
  teardown(&f);
}

/* Fields behind the original's bytes; spliced only where the name may be there already. */
static void appended(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "json");
  uint32_t x = rowset_add_slot(f.rowset, VALUE_INT);
  struct schema *schema = schema_new(f.rowset, true);
  schema_append(schema, slice_of("late"), x);
  assert_false(f.rowset->whole);
  decode(&f, "{\"a\" : 1, \"b\":tru }\n"
             "{ }\n"
             "{\"late\":7,\"b\":1}\n"
             "{\"b\":\"late\"}  \n");
  assert_int_equal(f.errors.n, 0);
  struct value *column = batch_column(f.batch, x);
  for (int64_t i = 0; i < 4; i++) column[i] = value_int(i);
  expect_encoded(f.codec, schema, whole(&f),
                 "{\"a\" : 1, \"b\":tru ,\"late\":0}\n"
                 "{ \"late\":1}\n"
                 "{\"late\":2,\"b\":1}\n"
                 "{\"b\":\"late\",\"late\":3}\n");
  teardown(&f);
}

static void closed(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "json");
  uint32_t a = decoded(&f, "a"), b = decoded(&f, "b");
  struct schema *schema = schema_new(f.rowset, false), *none = schema_new(f.rowset, false);
  schema_set(schema, slice_of("y"), b);
  schema_set(schema, slice_of("x"), a);
  decode(&f, "{\"a\":18446744073709551616,\"b\":\"\xc3\xa9\\\"\",\"c\":1}\n{\"b\":{\"z\": 1}}\n");
  expect_encoded(f.codec, schema, whole(&f),
                 "{\"y\":\"\xc3\xa9\\\"\",\"x\":18446744073709551616}\n"
                 "{\"y\":{\"z\": 1},\"x\":null}\n");
  expect_encoded(f.codec, none, whole(&f), "{}\n{}\n");
  teardown(&f);
}

static void raw_lines(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "raw");
  uint32_t message = decoded(&f, "message"), other = decoded(&f, "other");
  static const char text[] = "plain\n \na \"quoted\" {line}\r\n\xff\nend\0";
  decode_bytes(&f, text, sizeof text - 1, 20);
  assert_int_equal(f.batch->n_rows, 4);
  assert_int_equal(f.errors.n, 1);
  assert_int_equal(f.errors.list[0].row, 2);
  assert_string_equal(f.errors.list[0].code, "text.utf8");
  assert_true(slice_is(f.batch->raw[2], "\xff"));
  static const char *const messages[] = {"plain", "a \"quoted\" {line}"};
  for (uint32_t i = 0; i < 2; i++) {
    assert_true(slice_is(value_slice(&f.batch->slots[message][i]), messages[i]));
    assert_int_equal(f.batch->slots[other][i].type, VALUE_NULL);
  }
  assert_int_equal(f.batch->slots[message][2].type, VALUE_NULL);
  struct view good = view_without(whole(&f), &f.errors);
  good.n--;
  struct schema *open = schema_new(f.rowset, true), *one = schema_new(f.rowset, false),
                *two = schema_new(f.rowset, false), *without = schema_new(f.rowset, true);
  expect_encoded(f.codec, open, good, "plain\na \"quoted\" {line}\n");
  expect_encoded(codec_find("json"), open, good,
                 "{\"message\":\"plain\"}\n{\"message\":\"a \\\"quoted\\\" {line}\"}\n");
  schema_set(one, slice_of("x"), message);
  expect_encoded(f.codec, one, good, "plain\na \"quoted\" {line}\n");
  schema_set(two, slice_of("x"), message);
  schema_set(two, slice_of("y"), other);
  expect_encoded(f.codec, two, good,
                 "{\"x\":\"plain\",\"y\":null}\n{\"x\":\"a \\\"quoted\\\" {line}\",\"y\":null}\n");
  schema_drop(without, slice_of("message"));
  expect_encoded(f.codec, without, good, "{}\n{}\n");
  teardown(&f);
}

static void raw_line_limit(void **state) {
  (void)state;
  struct fixture f;
  setup(&f, "raw");
  decode_bytes(&f, "12345\n123456\n", 13, 5);
  assert_int_equal(f.errors.n, 1);
  assert_int_equal(f.errors.list[0].row, 1);
  assert_string_equal(f.errors.list[0].code, "line.too_long");
  teardown(&f);
}

static void the_table(void **state) {
  (void)state;
  size_t n;
  const struct codec *const *list = codec_list(&n);
  assert_true(n >= 2);
  for (size_t i = 0; i < n; i++) {
    assert_ptr_equal(codec_find(list[i]->name), list[i]);
    assert_true(strlen(list[i]->text) > 0);
  }
  assert_null(codec_find("morse"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_rows),
      cmocka_unit_test(nothing_is_no_rows),
      cmocka_unit_test(broken_rows_are_rows),
      cmocka_unit_test(untouched_bytes),
      cmocka_unit_test(spliced),
      cmocka_unit_test(appended),
      cmocka_unit_test(closed),
      cmocka_unit_test(raw_lines),
      cmocka_unit_test(raw_line_limit),
      cmocka_unit_test(the_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
