/* Envelopes: what was put into a chunk comes out of it as records and fields, whatever the bytes;
 * and no bytes from outside are taken for a chunk that they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/io/random.h"
#include "daemon/record/codec.h"
#include "daemon/record/envelope.h"

static struct slice bytes(const char *text) {
  return text == NULL ? (struct slice){NULL, 0} : slice_of(text);
}

struct made { /* a chunk with the padding that decoders need */
  char *memory;
  struct slice chunk;
};

static struct made make(const struct envelope *list, size_t n) {
  struct envelope_origin origin = {slice_of("orders"), 3};
  size_t len = envelope_chunk_bytes(&origin, list, n);
  struct made made = {mem_zalloc(len + 2 * LIMIT_PADDING_BYTES), {NULL, len}};
  made.chunk.data = made.memory + LIMIT_PADDING_BYTES;
  envelope_chunk_put((char *)made.chunk.data, &origin, list, n);
  return made;
}

struct fixture {
  struct arena arena;
  struct rowset *rowset;
  struct decoder *decoder;
  const struct codec *codec;
  uint32_t slots[16];
  struct row_errors errors;
};

/* "a.b" */
static uint32_t slot_of(struct fixture *fixture, const char *path) {
  struct path_step steps[4] = {0};
  uint32_t n = 0;
  for (const char *at = path; *at != '\0';) {
    size_t len = strcspn(at, ".");
    steps[n++].name = (struct slice){at, len};
    at += len + (at[len] == '.');
  }
  enum value_type type;
  uint32_t slot;
  assert_int_equal(rowset_resolve(fixture->rowset, &(struct path){steps, n}, &slot, &type), 0);
  return slot;
}

static void begin(struct fixture *fixture, const char *codec, const char *const *paths) {
  *fixture = (struct fixture){.codec = codec_find(codec)};
  arena_init(&fixture->arena, 4096);
  fixture->rowset = rowset_new(&fixture->arena, true);
  fixture->rowset->enveloped = true;
  for (size_t i = 0; paths[i] != NULL; i++) fixture->slots[i] = slot_of(fixture, paths[i]);
  struct codec_options options = {.line_max = 64};
  fixture->decoder = fixture->codec->decoder_new(&options, fixture->rowset);
}

static struct batch *decode(struct fixture *fixture, struct slice chunk) {
  struct batch *batch = envelope_batch(fixture->rowset, chunk);
  fixture->codec->decode_rows(fixture->decoder, batch, &fixture->errors);
  row_errors_sort(&fixture->errors);
  envelope_fill(batch);
  return batch;
}

static void end(struct fixture *fixture) {
  fixture->codec->decoder_free(fixture->decoder);
  row_errors_fini(&fixture->errors);
  arena_fini(&fixture->arena);
}

static void expect(const struct fixture *fixture, const struct batch *batch, uint32_t row,
                   const char *wanted) {
  struct buf text;
  buf_init(&text);
  for (size_t i = 0; i < fixture->rowset->n_slots; i++) {
    if (i > 0) buf_put_char(&text, ' ');
    value_put_json(&text, &batch->slots[fixture->slots[i]][row]);
  }
  assert_string_equal(buf_cstr(&text), wanted);
  buf_fini(&text);
}

static void fields(void **state) {
  (void)state;
  static const char *const paths[] = {
      "_key",       "_headers",   "_headers.trace", "_topic",     "_partition", "_offset",
      "_timestamp", "_tombstone", "_key.x",         "_elsewhere", "n",          NULL};
  struct envelope_header headers[] = {{slice_of("trace"), slice_of("a")},
                                      {slice_of("nothing"), {NULL, 0}},
                                      {slice_of("trace"), {"\xff\x00\x01", 3}}};
  struct envelope list[] = {
      {7, 1500000, slice_of("k1"), slice_of("{\"n\":1,\"_key\":\"own\"}"), headers, 3},
      {9, ENVELOPE_NO_TIME, bytes(NULL), slice_of("{\"n\":\n 2,\n\"_elsewhere\":\"a\\\"\"}"), NULL,
       0},
      {10, 0, slice_of(""), bytes(NULL), NULL, 0},
      {11, 0, {"\xfe", 1}, slice_of(""), NULL, 0},
      {12, 0, bytes(NULL), slice_of("{\"n\":\"a\nb\"}"), NULL, 0},
  };
  struct fixture fixture;
  begin(&fixture, "json", paths);
  struct made made = make(list, 5);
  struct batch *batch = decode(&fixture, made.chunk);
  assert_int_equal(batch->n_rows, 5);
  expect(&fixture, batch, 0,
         "\"k1\" {\"nothing\":null,\"trace\":\"/wAB\"} \"/wAB\" \"orders\" 3 7 "
         "\"1970-01-01T00:00:01.500Z\" false null null 1");
  expect(&fixture, batch, 1, "null {} null \"orders\" 3 9 null false null \"a\\\"\" 2");
  expect(&fixture, batch, 2,
         "\"\" {} null \"orders\" 3 10 \"1970-01-01T00:00:00Z\" true null null null");
  expect(&fixture, batch, 3,
         "\"/g==\" {} null \"orders\" 3 11 \"1970-01-01T00:00:00Z\" false null null null");
  assert_int_equal(fixture.errors.n, 2);
  assert_int_equal(fixture.errors.list[0].row, 3);
  assert_int_equal(fixture.errors.list[1].row, 4);
  /* Its bytes as they came, for .errors; those that are well are lines. */
  assert_true(slice_is(batch->raw[4], "{\"n\":\"a\nb\"}"));
  assert_true(slice_is(batch->raw[2], "{}"));
  assert_true(slice_is(batch->raw[1], "{\"n\":  2, \"_elsewhere\":\"a\\\"\"}"));
  struct buf position;
  buf_init(&position);
  batch->partition = "orders/3";
  batch_put_position(&position, batch, 1);
  assert_string_equal(buf_cstr(&position), "orders/3: offset 9");
  buf_fini(&position);
  batch_free(batch);
  free(made.memory);
  end(&fixture);
}

static void text(void **state) {
  (void)state;
  static const char *const paths[] = {"message", "_key", NULL};
  struct envelope list[] = {{1, 0, slice_of("k"), slice_of("two\nlines"), NULL, 0},
                            {2, 0, slice_of("k"), slice_of(""), NULL, 0},
                            {3, 0, slice_of("k"), bytes(NULL), NULL, 0}};
  struct fixture fixture;
  begin(&fixture, "raw", paths);
  struct made made = make(list, 3);
  struct batch *batch = decode(&fixture, made.chunk);
  expect(&fixture, batch, 0, "\"two\\nlines\" \"k\"");
  expect(&fixture, batch, 1, "\"\" \"k\"");
  expect(&fixture, batch, 2, "null \"k\"");
  assert_int_equal(fixture.errors.n, 0);
  batch_free(batch);
  free(made.memory);
  end(&fixture);
}

/* Cut off, or with a bit turned: it is refused, or is a chunk all of whose parts lie within. */
static void damaged(void **state) {
  (void)state;
  static const char *const paths[] = {"_key", "_headers", "n", NULL};
  struct envelope_header headers[] = {{slice_of("a"), slice_of("b")}, {slice_of("c"), {NULL, 0}}};
  struct envelope list[] = {{1, 5, slice_of("k"), slice_of("{\"n\":1}"), headers, 2},
                            {2, 6, bytes(NULL), bytes(NULL), headers, 1}};
  struct fixture fixture;
  struct made made = make(list, 2);
  uint32_t n, refused = 0;
  begin(&fixture, "json", paths);
  for (size_t len = 0; len < made.chunk.len; len++) {
    char *cut = mem_alloc(len + 1);
    memcpy(cut, made.chunk.data, len);
    assert_int_equal(envelope_chunk_count((struct slice){cut, len}, &n), -1);
    free(cut);
  }
  for (size_t bit = 0; bit < 8 * made.chunk.len; bit++) {
    char *byte = (char *)made.chunk.data + bit / 8;
    *byte = (char)(*byte ^ (1 << bit % 8));
    if (envelope_chunk_count(made.chunk, &n) == 0)
      batch_free(decode(&fixture, made.chunk));
    else
      refused++;
    *byte = (char)(*byte ^ (1 << bit % 8));
  }
  assert_true(refused > made.chunk.len);
  free(made.memory);
  end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields),
      cmocka_unit_test(text),
      cmocka_unit_test(damaged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
