/* Fuzz target: records in JSON, from the bytes of a block to columns and back.
 *
 * An input is one byte for each change of the schema (how many, then which), and the block. What
 * must hold: the scan gives what json_scan_portable() gives; a line is broken by itself, whatever
 * stands around it; `strict` finds broken just what json_text_valid() does; values are those that
 * json_text_get() finds; and what is encoded is JSON, a line for each record. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/mem.h"
#include "daemon/record/codec.h"
#include "daemon/record/json_scan.h"
#include "daemon/record/json_text.h"

#include <stdlib.h>

#define LINE_MAX_BYTES (1024 * 1024)

static struct path_step steps[][2] = {
    {{.name = {"a", 1}}},
    {{.name = {"a", 1}}, {.name = {"b", 1}}},
    {{.name = {"a", 1}}, {.is_index = true, .index = 1}},
    {{.name = {"a", 1}}, {.is_index = true, .index = -1}},
    {{.name = {"b", 1}}},
    {{.name = {"longer name", 11}}},
};
static const uint32_t n_steps[] = {1, 2, 2, 2, 1, 1};
enum { PATHS = sizeof n_steps / sizeof *n_steps };

/* ------------------------------------------------------------------ the scan */

static void scans_agree(struct slice text) {
  /* Whether these are tokens outside of strings is not defined. */
  if (memchr(text.data, 0x0c, text.len) != NULL || memchr(text.data, 0x1a, text.len) != NULL)
    return;
  uint32_t *wanted = mem_alloc((text.len + 1) * sizeof *wanted);
  const uint32_t *got = NULL;
  size_t n_wanted, n_got;
  struct json_scanner *scanner = json_scanner_new();
  int result = json_scan_portable(text, wanted, &n_wanted);
  if (json_scan(scanner, text, &got, &n_got) != result || n_got != n_wanted ||
      (n_got > 0 && memcmp(got, wanted, n_got * sizeof *got) != 0))
    fuzz_fail("json_scan() finds %zu tokens, json_scan_portable() %zu", n_got, n_wanted);
  json_scanner_free(scanner);
  free(wanted);
}

/* ------------------------------------------------------------------ decoding */

struct decoded {
  struct arena arena;
  struct rowset *rowset;
  uint32_t slots[PATHS];
  struct decoder *decoder;
  struct row_errors errors;
  struct batch *batch;
};

/* Between rowset and decoder the schema may be changed. */
static void decoded_init(struct decoded *decoded) {
  *decoded = (struct decoded){.rowset = NULL};
  arena_init(&decoded->arena, 4096);
  decoded->rowset = rowset_new(&decoded->arena, true);
  for (size_t i = 0; i < PATHS; i++) {
    struct path path = {steps[i], n_steps[i]};
    enum value_type type;
    rowset_resolve(decoded->rowset, &path, &decoded->slots[i], &type);
  }
}

static void decode(struct decoded *decoded, struct slice block, bool strict) {
  const struct codec *codec = codec_find("json");
  struct codec_options options = {.strict = strict, .line_max = LINE_MAX_BYTES};
  decoded->decoder = codec->decoder_new(&options, decoded->rowset);
  decoded->batch = codec->decode(decoded->decoder, block, 0, &decoded->errors);
  row_errors_sort(&decoded->errors);
}

static void decoded_fini(struct decoded *decoded) {
  batch_free(decoded->batch);
  codec_find("json")->decoder_free(decoded->decoder);
  row_errors_fini(&decoded->errors);
  arena_fini(&decoded->arena);
}

static const char *code_of(const struct decoded *decoded, uint32_t row) {
  for (size_t i = 0; i < decoded->errors.n; i++)
    if (decoded->errors.list[i].row == row) return decoded->errors.list[i].code;
  return NULL;
}

/* What became of a row, to be compared. */
static void put_row(struct buf *out, const struct decoded *decoded, uint32_t row) {
  const char *code = code_of(decoded, row);
  if (code != NULL) buf_put_text(out, code);
  for (size_t i = 0; i < PATHS; i++)
    value_put_binary(out, &decoded->batch->slots[decoded->slots[i]][row]);
}

static bool is_object(struct slice line) {
  size_t at = 0;
  while (at < line.len && strchr(" \t\r", line.data[at]) != NULL) at++;
  return at < line.len && line.data[at] == '{';
}

static void row_values_right(const struct decoded *decoded, uint32_t row) {
  struct arena arena;
  arena_init(&arena, 4096);
  struct slice line = decoded->batch->raw[row];
  for (size_t i = 0; i < PATHS; i++) {
    struct value wanted;
    struct buf have = {0}, want = {0};
    if (json_text_get(line, steps[i], n_steps[i], &arena, &wanted) != 0)
      fuzz_fail("json_text_get() does not like %.*s", SLICE_ARG(line));
    value_put_binary(&have, &decoded->batch->slots[decoded->slots[i]][row]);
    value_put_binary(&want, &wanted);
    if (!slice_equal(buf_slice(&have), buf_slice(&want)))
      fuzz_fail("path %zu of %.*s is not what json_text_get() finds", i, SLICE_ARG(line));
    buf_fini(&have);
    buf_fini(&want);
  }
  arena_fini(&arena);
}

static void row_right(const struct decoded *decoded, uint32_t row, bool strict) {
  struct slice line = decoded->batch->raw[row];
  const char *code = code_of(decoded, row);
  bool good = json_text_valid(line) && is_object(line);
  bool of_value =
      code != NULL && (strcmp(code, "json.string") == 0 || strcmp(code, "json.number") == 0);
  if (good && code != NULL && !of_value) fuzz_fail("%.*s: %s", SLICE_ARG(line), code);
  if (strict && !good && code == NULL) fuzz_fail("not found broken: %.*s", SLICE_ARG(line));
  if (good && code == NULL) row_values_right(decoded, row);
}

static void row_same_alone(const struct decoded *together, uint32_t row, bool strict) {
  struct decoded alone;
  void *memory;
  decoded_init(&alone);
  decode(&alone, fuzz_padded(together->batch->raw[row], &memory), strict);
  if (alone.batch->n_rows != 1) fuzz_fail("a line is %u rows", alone.batch->n_rows);
  struct buf a = {0}, b = {0};
  put_row(&a, together, row);
  put_row(&b, &alone, 0);
  if (!slice_equal(buf_slice(&a), buf_slice(&b)))
    fuzz_fail("line %u is another one when it is alone", row);
  buf_fini(&a);
  buf_fini(&b);
  decoded_fini(&alone);
  free(memory);
}

static void decodes_right(struct slice block, bool strict) {
  enum { ALONE_MAX = 8 };
  struct decoded decoded;
  decoded_init(&decoded);
  decode(&decoded, block, strict);
  for (uint32_t row = 0; row < decoded.batch->n_rows; row++) {
    row_right(&decoded, row, strict);
    if (row < ALONE_MAX) row_same_alone(&decoded, row, strict);
  }
  decoded_fini(&decoded);
}

/* ------------------------------------------------------------------ encoding */

static struct value some_value(uint8_t choice) {
  switch (choice % 6) {
  case 0: return value_null();
  case 1: return value_int(INT64_MIN);
  case 2: return value_double(-0.1);
  case 3: return value_text("\"\\\x01\x7f\xc3\xa9", 6);
  case 4: return value_timestamp(-1);
  default: return value_interval(INT64_MAX);
  }
}

static void encodes_right(struct slice block, struct slice *choices) {
  static const char *const names[] = {"a", "b", "c\"d", "longer name"};
  struct decoded decoded;
  decoded_init(&decoded);
  struct schema *schema = schema_new(decoded.rowset, (fuzz_u8(choices) & 1) == 0);
  uint8_t values[8];
  uint32_t computed[8], n_computed = 0;
  while (choices->len > 0) {
    uint8_t choice = fuzz_u8(choices);
    struct slice name = slice_of(names[choice & 3]);
    uint32_t slot = decoded.slots[choice >> 5 & 3];
    if ((choice & 0x80) != 0 && n_computed < 8) {
      values[n_computed] = choice >> 4;
      slot = computed[n_computed++] = rowset_add_slot(decoded.rowset, VALUE_ANY);
    }
    if ((choice & 0x0c) == 0 && schema->open)
      schema_drop(schema, name);
    else
      schema_set(schema, name, slot);
  }
  decode(&decoded, block, false);
  struct batch *batch = decoded.batch;
  for (uint32_t i = 0; i < n_computed; i++) {
    struct value *column = batch_column(batch, computed[i]);
    for (uint32_t row = 0; row < batch->n_rows; row++) column[row] = some_value(values[i]);
  }
  struct view view =
      view_without((struct view){.batch = batch, .n = batch->n_rows}, &decoded.errors);
  struct buf out = {0};
  codec_find("json")->encode(schema, &view, &out);
  size_t at = 0;
  for (uint32_t i = 0; i < view.n; i++) {
    const char *end = at < out.len ? memchr(out.data + at, '\n', out.len - at) : NULL;
    if (end == NULL) fuzz_fail("there are %u lines for %u records", i, view.n);
    struct slice line = {out.data + at, (size_t)(end - out.data) - at};
    if (!schema_untouched(schema) && !json_text_valid(line))
      fuzz_fail("%.*s was made", SLICE_ARG(line));
    at += line.len + 1;
  }
  if (at != out.len) fuzz_fail("there is more than a line for each record");
  buf_fini(&out);
  decoded_fini(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  struct slice choices = fuzz_bytes(&input, fuzz_u8(&input) % 8);
  void *memory;
  struct slice block = fuzz_padded(input, &memory);
  scans_agree(block);
  decodes_right(block, false);
  decodes_right(block, true);
  encodes_right(block, &choices);
  free(memory);
  return 0;
}
