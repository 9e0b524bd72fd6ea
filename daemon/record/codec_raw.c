/* codec_raw: a line is a record with one field, `message`.
 *
 * In: the rowset is open like a JSON source's, so that one schema serves all codecs: each row's
 * original text is made here, {"message":"..."}, in the batch's arena. Any other path is NULL.
 * Bytes that are not UTF-8 are an error of the row ("text.utf8"), whose original text is then the
 * line as it came; control characters are not (they come out as \u00..).
 * Out: the field `message`, or the only field, as text; records that have neither, as JSON. A text
 * with line ends in it is several lines then. */
#include "daemon/base/mem.h"
#include "daemon/record/codec_parts.h"
#include "daemon/record/json_scalar.h"
#include "daemon/record/json_text.h"

#include <inttypes.h>
#include <stdlib.h>

struct decoder {
  const struct rowset *rowset;
  uint64_t line_max;
  struct lines lines;
};

static struct decoder *raw_decoder_new(const struct codec_options *options,
                                       const struct rowset *rowset) {
  struct decoder *decoder = mem_zalloc(sizeof *decoder);
  decoder->rowset = rowset;
  decoder->line_max = options->line_max;
  return decoder;
}

static void raw_decoder_free(struct decoder *decoder) {
  if (decoder == NULL) return;
  lines_fini(&decoder->lines);
  free(decoder);
}

static bool is_message(const struct path *path) {
  return path->n_steps == 1 && !path->steps[0].is_index && slice_is(path->steps[0].name, "message");
}

static void decode_row(const struct decoder *decoder, struct batch *batch, uint32_t row,
                       struct buf *json, struct row_errors *errors) {
  struct slice line = batch->raw[row];
  struct value message = value_null();
  if (line.data == NULL) {
    batch->raw[row] = slice_of("{}");
  } else if (line.len > decoder->line_max) {
    row_errors_add(errors, row, "line.too_long",
                   arena_printf(&batch->arena, "the line has %zu bytes; the limit is %" PRIu64,
                                line.len, decoder->line_max));
  } else if (!json_utf8_valid(line)) {
    row_errors_add(errors, row, "text.utf8", "the line is not UTF-8");
  } else {
    message = value_text(line.data, line.len);
    buf_clear(json);
    buf_put_text(json, "{\"message\":");
    value_put_json(json, &message);
    buf_put_char(json, '}');
    batch->raw[row] = arena_slice(&batch->arena, buf_slice(json));
  }
  for (uint32_t i = 0; i < batch->rowset->n_slots; i++) {
    const struct slot *slot = &batch->rowset->slots[i];
    if (slot->kind != SLOT_DECODED) continue;
    batch_column(batch, i)[row] = is_message(&slot->path) ? message : value_null();
  }
}

static void raw_decode_rows(struct decoder *decoder, struct batch *batch,
                            struct row_errors *errors) {
  struct buf json;
  buf_init(&json);
  for (uint32_t row = 0; row < batch->n_rows; row++) decode_row(decoder, batch, row, &json, errors);
  buf_fini(&json);
}

static struct batch *raw_decode(struct decoder *decoder, struct slice block, uint64_t base_position,
                                struct row_errors *errors) {
  lines_cut(&decoder->lines, block);
  struct batch *batch = lines_batch(&decoder->lines, decoder->rowset, block, base_position);
  raw_decode_rows(decoder, batch, errors);
  return batch;
}

/* The field to write as text, or NULL: the original's `message`, if it has one. */
static const struct field *text_field(const struct schema *schema) {
  const struct field *field = schema_find(schema, slice_of("message"));
  if (field == NULL && !schema->open && schema->n_fields == 1) field = &schema->fields[0];
  return field;
}

static void raw_encode(const struct schema *schema, const struct view *view, struct buf *out) {
  const struct field *field = text_field(schema);
  struct path_step step = {.name = slice_of("message")};
  bool dropped = false;
  for (size_t i = 0; i < schema->n_dropped; i++) dropped |= slice_is(schema->dropped[i], "message");
  struct arena scratch;
  arena_init(&scratch, 4096);
  for (uint32_t i = 0; i < view->n; i++) {
    uint32_t row = view_row(view, i);
    struct value text = value_null();
    if (field != NULL) {
      text = view->batch->slots[field->slot][row];
    } else if (schema->open && !dropped) {
      if (json_text_get(view->batch->raw[row], &step, 1, &scratch, &text) != 0) text = value_null();
    }
    if (field != NULL || text.type != VALUE_NULL) {
      value_put_text(out, &text);
      buf_put_char(out, '\n');
    } else {
      uint32_t sel[1] = {row};
      struct view one = {view->batch, sel, 1};
      json_encode(schema, &one, out);
    }
    arena_reset(&scratch);
  }
  arena_fini(&scratch);
}

const struct codec codec_raw = {
    .name = "raw",
    .text = "a line of text, as the field `message`",
    .decoder_new = raw_decoder_new,
    .decoder_free = raw_decoder_free,
    .decode = raw_decode,
    .decode_rows = raw_decode_rows,
    .encode = raw_encode,
};
