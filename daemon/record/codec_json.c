/* codec_json: one JSON object a line.
 *
 * In: the line is the row's original text, the decoded slots are what json_extract finds.
 * Out: a schema that changed nothing gives the original bytes. An open one that did is the
 * original with its members replaced, left out and added: the bytes of the others stay as they
 * came, what is between the members does not. One that only appended fields is the original's bytes
 * with the fields behind. A closed one is an object of its fields. */
#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/codec_parts.h"
#include "daemon/record/json_extract.h"
#include "daemon/record/json_scalar.h"
#include "daemon/record/json_text.h"

#include <inttypes.h>
#include <stdlib.h>

struct decoder {
  const struct rowset *rowset;
  uint64_t line_max;
  struct json_plan *plan;
  uint32_t *slots; /* [n_slots]: which slot each path of the plan fills */
  size_t n_slots;
  struct value **columns; /* [n_slots], of the batch at work */
  struct lines lines;
  struct json_line_error *errors; /* room for n_errors */
  size_t n_errors;
};

static struct decoder *json_decoder_new(const struct codec_options *options,
                                        const struct rowset *rowset) {
  struct decoder *decoder = mem_zalloc(sizeof *decoder);
  struct path *paths = mem_alloc((rowset->n_slots + 1) * sizeof *paths);
  decoder->rowset = rowset;
  decoder->line_max = options->line_max;
  decoder->slots = mem_alloc((rowset->n_slots + 1) * sizeof *decoder->slots);
  decoder->columns = mem_alloc((rowset->n_slots + 1) * sizeof(struct value *));
  for (uint32_t i = 0; i < rowset->n_slots; i++) {
    if (rowset->slots[i].kind != SLOT_DECODED) continue;
    paths[decoder->n_slots] = rowset->slots[i].path;
    decoder->slots[decoder->n_slots++] = i;
  }
  decoder->plan = json_plan_new(paths, decoder->n_slots, options->strict || rowset->whole);
  free(paths);
  return decoder;
}

static void json_decoder_free(struct decoder *decoder) {
  if (decoder == NULL) return;
  json_plan_free(decoder->plan);
  lines_fini(&decoder->lines);
  free(decoder->slots);
  free(decoder->columns);
  free(decoder->errors);
  free(decoder);
}

/* The rows [from, to), none of which is too long. */
static void extract_rows(struct decoder *decoder, struct batch *batch, uint32_t from, uint32_t to,
                         struct row_errors *errors) {
  if (from == to) return;
  for (size_t i = 0; i < decoder->n_slots; i++)
    decoder->columns[i] = batch_column(batch, decoder->slots[i]) + from;
  size_t n = json_extract(decoder->plan, batch->raw + from, to - from, decoder->columns,
                          &batch->arena, decoder->errors);
  for (size_t i = 0; i < n; i++) {
    const struct json_line_error *error = &decoder->errors[i];
    row_errors_add(errors, from + error->line, error->code, error->text);
  }
}

/* One whose line ends are blanks, unless they are within strings, where they must not be. */
static struct slice on_one_line(struct slice text, struct arena *arena) {
  char *copy = (char *)arena_alloc(arena, text.len + 2 * (size_t)LIMIT_PADDING_BYTES);
  memset(copy, ' ', text.len + 2 * (size_t)LIMIT_PADDING_BYTES);
  copy += LIMIT_PADDING_BYTES;
  bool within = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (within && c == '\\' && i + 1 < text.len) {
      copy[i++] = c;
      c = text.data[i];
    } else if (c == '"') {
      within = !within;
    } else if (c == '\n' && !within) {
      c = ' ';
    }
    copy[i] = c;
  }
  return (struct slice){copy, text.len};
}

static bool spans_lines(struct slice text) {
  return text.data != NULL && memchr(text.data, '\n', text.len) != NULL;
}

/* A row that has no value, or one of several lines, or one that is too long, is not extracted with
 * those around it. */
static void row_alone(struct decoder *decoder, struct batch *batch, uint32_t row,
                      struct row_errors *errors) {
  struct slice original = batch->raw[row];
  if (original.data == NULL) {
    batch->raw[row] = slice_of("{}");
  } else if (original.len <= decoder->line_max) {
    size_t before = errors->n;
    batch->raw[row] = on_one_line(original, &batch->arena);
    extract_rows(decoder, batch, row, row + 1, errors);
    if (errors->n > before) batch->raw[row] = original;
    return;
  } else {
    row_errors_add(errors, row, "line.too_long",
                   arena_printf(&batch->arena, "the line has %zu bytes; the limit is %" PRIu64,
                                original.len, decoder->line_max));
  }
  for (size_t i = 0; i < decoder->n_slots; i++)
    batch_column(batch, decoder->slots[i])[row] = value_null();
}

static void json_decode_rows(struct decoder *decoder, struct batch *batch,
                             struct row_errors *errors) {
  if (decoder->n_errors < batch->n_rows) {
    free(decoder->errors);
    decoder->n_errors = batch->n_rows;
    decoder->errors = mem_alloc(decoder->n_errors * sizeof *decoder->errors);
  }
  uint32_t from = 0;
  for (uint32_t row = 0; row < batch->n_rows; row++) {
    struct slice raw = batch->raw[row];
    bool alone = raw.data == NULL || raw.len > decoder->line_max ||
                 (batch->envelopes != NULL && spans_lines(raw));
    if (!alone) continue;
    extract_rows(decoder, batch, from, row, errors);
    row_alone(decoder, batch, row, errors);
    from = row + 1;
  }
  extract_rows(decoder, batch, from, batch->n_rows, errors);
}

static struct batch *json_decode(struct decoder *decoder, struct slice block,
                                 uint64_t base_position, struct row_errors *errors) {
  lines_cut(&decoder->lines, block);
  struct batch *batch = lines_batch(&decoder->lines, decoder->rowset, block, base_position);
  json_decode_rows(decoder, batch, errors);
  return batch;
}

/* Lines that follow each other in the block go out in one copy. */
static void put_originals(const struct view *view, struct buf *out) {
  const struct slice *raw = view->batch->raw;
  size_t bytes = 0;
  for (uint32_t i = 0; i < view->n; i++) bytes += raw[view_row(view, i)].len + 1;
  buf_reserve(out, bytes);
  for (uint32_t i = 0; i < view->n;) {
    const char *start = raw[view_row(view, i)].data, *end;
    do {
      struct slice line = raw[view_row(view, i++)];
      end = line.data + line.len;
    } while (i < view->n && raw[view_row(view, i)].data == end + 1 && *end == '\n');
    buf_put(out, start, (size_t)(end - start));
    buf_put_char(out, '\n');
  }
}

static void put_name(struct buf *out, struct slice name, bool *first) {
  if (!*first) buf_put_char(out, ',');
  *first = false;
  value_put_json_string(out, name);
  buf_put_char(out, ':');
}

static void put_field(struct buf *out, const struct batch *batch, const struct field *field,
                      uint32_t row, bool *first) {
  put_name(out, field->name, first);
  value_put_json(out, &batch->slots[field->slot][row]);
}

/* What splicing keeps from row to row: which fields stood in the original. */
struct splice {
  const struct schema *schema;
  bool *placed; /* [n_fields] */
  struct arena scratch;
};

/* A name as the schema would say it. Names with escapes are resolved here, unlike in paths: a field
 * that is dropped must not come out because somebody wrote it "\u0078". */
static struct slice plain_name(struct splice *splice, struct slice raw) {
  struct value name;
  return json_string(raw, &splice->scratch, &name) == 0 ? value_slice(&name) : raw;
}

static bool is_dropped(const struct schema *schema, struct slice name) {
  for (size_t i = 0; i < schema->n_dropped; i++) {
    if (slice_equal(schema->dropped[i], name)) return true;
  }
  return false;
}

static void put_spliced(struct splice *splice, const struct batch *batch, uint32_t row,
                        struct buf *out) {
  const struct schema *schema = splice->schema;
  struct slice original = batch->raw[row], name, member;
  bool first = true, escapes = memchr(original.data, '\\', original.len) != NULL;
  memset(splice->placed, 0, schema->n_fields * sizeof *splice->placed);
  buf_reserve(out, original.len + 64);
  buf_put_char(out, '{');
  /* The decoder has checked these rows as a whole (rowset->whole). */
  for (size_t at = 0; json_text_next(original, &at, &name, &member) > 0;) {
    struct slice plain = escapes ? plain_name(splice, name) : name;
    const struct field *field = schema_find(schema, plain);
    if (field != NULL) {
      bool *placed = &splice->placed[field - schema->fields];
      if (!*placed) put_field(out, batch, field, row, &first);
      *placed = true;
    } else if (!is_dropped(schema, plain)) {
      /* From the name's quote to the value's end, as it came. */
      if (!first) buf_put_char(out, ',');
      first = false;
      buf_put(out, name.data - 1, (size_t)(member.data + member.len - name.data) + 1);
    }
  }
  for (size_t i = 0; i < schema->n_fields; i++) {
    if (!splice->placed[i]) put_field(out, batch, &schema->fields[i], row, &first);
  }
  buf_put(out, "}\n", 2);
  if (escapes) arena_reset(&splice->scratch);
}

static void put_closed(const struct schema *schema, const struct batch *batch, uint32_t row,
                       struct buf *out) {
  bool first = true;
  buf_put_char(out, '{');
  for (size_t i = 0; i < schema->n_fields; i++)
    put_field(out, batch, &schema->fields[i], row, &first);
  buf_put(out, "}\n", 2);
}

static bool only_appended(const struct schema *schema) {
  for (size_t i = 0; i < schema->n_fields; i++) {
    if (!schema->fields[i].appended) return false;
  }
  return schema->n_dropped == 0;
}

static bool names_occur(const struct schema *schema, struct slice text) {
  for (size_t i = 0; i < schema->n_fields; i++) {
    struct slice name = schema->fields[i].name;
    if (memmem(text.data, text.len, name.data, name.len) != NULL) return true;
  }
  return false;
}

/* The original up to its last bracket, the fields, the bracket. Where a name may already be there
 * the record is spliced, if it can be: its other bytes were not checked. */
static void put_appended(struct splice *splice, const struct batch *batch, uint32_t row,
                         struct buf *out) {
  struct slice original = batch->raw[row];
  if (names_occur(splice->schema, original) && json_text_valid(original)) {
    put_spliced(splice, batch, row, out);
    return;
  }
  size_t len = original.len;
  while (len > 0 && original.data[len - 1] != '}') len--;
  size_t last = len > 0 ? len - 1 : 0;
  size_t behind = last;
  while (behind > 0 && strchr(" \t\r", original.data[behind - 1]) != NULL) behind--;
  bool first = behind > 0 && original.data[behind - 1] == '{';
  buf_put(out, original.data, last);
  for (size_t i = 0; i < splice->schema->n_fields; i++) {
    put_field(out, batch, &splice->schema->fields[i], row, &first);
  }
  buf_put(out, "}\n", 2);
}

void json_encode(const struct schema *schema, const struct view *view, struct buf *out) {
  if (schema_untouched(schema)) {
    put_originals(view, out);
    return;
  }
  struct splice splice = {.schema = schema};
  if (schema->open) {
    splice.placed = mem_alloc(schema->n_fields + 1);
    arena_init(&splice.scratch, 4096);
  }
  bool append = schema->open && only_appended(schema);
  for (uint32_t i = 0; i < view->n; i++) {
    if (append) {
      put_appended(&splice, view->batch, view_row(view, i), out);
    } else if (schema->open) {
      put_spliced(&splice, view->batch, view_row(view, i), out);
    } else {
      put_closed(schema, view->batch, view_row(view, i), out);
    }
  }
  arena_fini(&splice.scratch);
  free(splice.placed);
}

const struct codec codec_json = {
    .name = "json",
    .text = "one JSON object a line",
    .decoder_new = json_decoder_new,
    .decoder_free = json_decoder_free,
    .decode = json_decode,
    .decode_rows = json_decode_rows,
    .encode = json_encode,
};
