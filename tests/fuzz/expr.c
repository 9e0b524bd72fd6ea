/* Fuzz target: expressions. An input is the expression, and behind an empty line records in JSON, a
 * line each; without them there are some.
 *
 * What must hold: an error is a sentence with a place in the text; what compiles can be explained;
 * a row has the same result alone as among others; results are of the type that was promised, can
 * be written as JSON, and are true where expr_select() selects. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/expr/expr.h"
#include "daemon/io/io_sim.h"
#include "daemon/record/codec.h"
#include "daemon/record/json_text.h"

#include <stdlib.h>

#define CLOCK_US INT64_C(1769903999250000) /* 2026-01-31T23:59:59.25Z */

static const char some_records[] =
    "{\"a\":1,\"b\":-2.5,\"s\":\"text "
    "\\u00e9\",\"t\":\"2026-01-31T23:59:59Z\",\"j\":{\"x\":[1,2]}}\n"
    "{\"a\":9223372036854775807,\"b\":1e300,\"s\":\"\",\"t\":\"1 day\",\"j\":[null,true]}\n"
    "{\"a\":null,\"b\":18446744073709551616,\"s\":\"%_\\\\\",\"t\":0,\"j\":\"{\"}\n"
    "{}\n";

/* One zone that has changes and a rule; made up, so that results are the same everywhere. */
static const char zone_file[] =
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\10"
    "\0\0\0\0\101\0\0\0\1\0\0\16\20\0\0\0\0\34\40\1\4STD\0DST\0\nSTD-1DST,M3.5.0,M10.5.0/3\n";

static bool text_right(const struct value *value) {
  switch (value->type) {
  case VALUE_TEXT: return utf8_valid(value_slice(value));
  case VALUE_JSON: return json_text_valid(value_slice(value));
  default: return true;
  }
}

static void value_right(const struct value *value, enum value_type type) {
  if (type != VALUE_ANY && value->type != VALUE_NULL && value->type != type)
    fuzz_fail("%s was promised, the result is %s", value_type_name(type),
              value_type_name((enum value_type)value->type));
  if (!text_right(value)) fuzz_fail("text that is none: %.*s", SLICE_ARG(value_slice(value)));
  struct buf text = {0};
  value_put_json(&text, value);
  if (!json_text_valid(buf_slice(&text))) fuzz_fail("the result is %s", buf_cstr(&text));
  buf_fini(&text);
}

static const char *code_of(const struct row_errors *errors, uint32_t row) {
  for (size_t i = 0; i < errors->n; i++)
    if (errors->list[i].row == row) return errors->list[i].code;
  return NULL;
}

static void alone_same(const struct expr *expr, struct batch *batch, uint32_t row,
                       const struct value *wanted, const char *wanted_code) {
  struct expr_run run = {.clock_us = CLOCK_US};
  struct view view = {.batch = batch, .sel = &row, .n = 1};
  struct row_errors errors = {0};
  struct value *out = mem_alloc((batch->n_rows + 1) * sizeof *out);
  struct buf a = {0}, b = {0};
  expr_eval(expr, &run, &view, out, &errors);
  row_errors_sort(&errors);
  const char *code = code_of(&errors, row);
  value_put_binary(&a, &out[row]);
  value_put_binary(&b, wanted);
  bool same = slice_equal(buf_slice(&a), buf_slice(&b)) && (code == NULL) == (wanted_code == NULL);
  if (!same || (code != NULL && strcmp(code, wanted_code) != 0))
    fuzz_fail("row %u has another result when it is alone", row);
  buf_fini(&a);
  buf_fini(&b);
  free(out);
  row_errors_fini(&errors);
}

static void evaluates_right(const struct expr *expr, struct batch *batch) {
  struct expr_run run = {.clock_us = CLOCK_US};
  struct view all = {.batch = batch, .n = batch->n_rows};
  struct row_errors errors = {0}, select_errors = {0};
  struct value *out = mem_alloc((batch->n_rows + 1) * sizeof *out), constant;
  bool is_constant = expr_constant(expr, &constant);
  expr_eval(expr, &run, &all, out, &errors);
  row_errors_sort(&errors);
  bool selectable = true;
  for (uint32_t row = 0; row < batch->n_rows; row++) {
    const char *code = code_of(&errors, row);
    if (code != NULL && out[row].type != VALUE_NULL) fuzz_fail("a row failed and has a result");
    value_right(&out[row], expr_type(expr));
    alone_same(expr, batch, row, &out[row], code);
    if (is_constant && (code != NULL || out[row].type != constant.type))
      fuzz_fail("a constant is not one");
    selectable &= code == NULL && (out[row].type == VALUE_BOOL || out[row].type == VALUE_NULL);
  }
  if (selectable) {
    struct view selected = expr_select(expr, &run, &all, &select_errors);
    uint32_t n = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
      if (out[row].type != VALUE_BOOL || !out[row].boolean) continue;
      if (n >= selected.n || view_row(&selected, n++) != row)
        fuzz_fail("row %u is true and not selected", row);
    }
    if (n != selected.n || select_errors.n > 0) fuzz_fail("rows are selected that are not true");
  }
  row_errors_fini(&select_errors);
  row_errors_fini(&errors);
  free(out);
}

static void compiles_right(struct slice text, struct slice records, enum expr_place place,
                           struct disk *disk) {
  struct arena arena;
  arena_init(&arena, 4096);
  struct rowset *rowset = rowset_new(&arena, true);
  struct expr_scope scope = {
      .arena = &arena, .schema = schema_new(rowset, true), .disk = disk, .place = place};
  struct expr *expr = NULL;
  struct expr_error error;
  if (expr_compile(&scope, text, &expr, &error) != 0) {
    if (error.text[0] == '\0' || error.offset > text.len || error.len > text.len - error.offset)
      fuzz_fail("an error at %zu, %zu of %zu bytes: %s", error.offset, error.len, text.len,
                error.text);
    if (!utf8_valid(slice_of(error.text))) fuzz_fail("an error that is no text");
  } else {
    struct buf out = {0};
    expr_explain(expr, &out);
    if (out.len == 0) fuzz_fail("there is nothing to explain");
    buf_fini(&out);
    if (place == EXPR_SCALAR) {
      const struct codec *codec = codec_find("json");
      struct codec_options options = {.line_max = 4096};
      struct decoder *decoder = codec->decoder_new(&options, rowset);
      struct row_errors errors = {0};
      struct batch *batch = codec->decode(decoder, records, 0, &errors);
      evaluates_right(expr, batch);
      batch_free(batch);
      row_errors_fini(&errors);
      codec->decoder_free(decoder);
    }
  }
  expr_free(expr);
  arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice text = {(const char *)data, len}, records = slice_of(some_records);
  const char *gap = len > 0 ? memmem(data, len, "\n\n", 2) : NULL;
  if (gap != NULL) {
    text.len = (size_t)(gap - text.data);
    records = (struct slice){gap + 2, len - text.len - 2};
  }
  struct disk *disk = sim_disk_new();
  struct err err;
  if (disk_make_dirs(disk, "/usr/share/zoneinfo", &err) != 0) fuzz_fail("%s", err.text);
  fuzz_put_file(disk, "/usr/share/zoneinfo/Zone", (struct slice){zone_file, sizeof zone_file - 1});
  void *memory;
  struct slice padded = fuzz_padded(records, &memory);
  compiles_right(text, padded, EXPR_SCALAR, disk);
  compiles_right(text, padded, EXPR_AGGREGATE, disk);
  free(memory);
  disk_free(disk);
  return 0;
}
