/* Fuzz target: chunks of records with envelopes (daemon/record/envelope.h), whose headers and keys
 * come from whoever writes to a topic.
 *
 * The first byte says whether the rest is a chunk as it is, or says of which records one is made
 * and how that is changed. What must hold: a chunk gives back the records it was made of; bytes
 * that are taken for a chunk are those that its records make; and its rows are JSON for a sink. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/mem.h"
#include "daemon/record/codec.h"
#include "daemon/record/envelope.h"
#include "daemon/record/json_text.h"

#include <stdlib.h>

enum { RECORDS_MAX = 6, HEADERS_MAX = 4 };

/* NULL, or up to 60 bytes. */
static struct slice some_bytes(struct slice *input) {
  uint8_t len = fuzz_u8(input);
  return len == 0xff ? (struct slice){NULL, 0} : fuzz_bytes(input, len % 61);
}

static void make_chunk(struct buf *out, const struct envelope_origin *origin,
                       const struct envelope *list, size_t n) {
  size_t bytes = envelope_chunk_bytes(origin, list, n);
  envelope_chunk_put(buf_reserve(out, bytes), origin, list, n);
  out->len += bytes;
}

static bool same_bytes(struct slice a, struct slice b) {
  return (a.data == NULL) == (b.data == NULL) && slice_equal(a, b);
}

static void same_record(const struct envelope *have, const struct envelope *want) {
  bool same = have->position == want->position && have->time_us == want->time_us &&
              same_bytes(have->key, want->key) && same_bytes(have->value, want->value) &&
              have->n_headers == want->n_headers;
  for (size_t i = 0; same && i < want->n_headers; i++)
    same = slice_equal(have->headers[i].name, want->headers[i].name) &&
           same_bytes(have->headers[i].value, want->headers[i].value);
  if (!same) fuzz_fail("a record is not what was put into the chunk");
}

/* The field `name` of the record goes out under that name; header: `_headers.h` does. */
static void set_field(struct schema *schema, const char *name, bool header) {
  struct path_step steps[] = {{.name = slice_of(header ? "_headers" : name)}, {.name = {"h", 1}}};
  struct path path = {steps, header ? 2 : 1};
  uint32_t slot, n_used;
  enum value_type type;
  if (schema_resolve(schema, &path, &slot, &type, &n_used) != 0) fuzz_fail("no field %s", name);
  schema_set(schema, slice_of(name), slot);
}

/* The rows of a chunk on their way to a sink. */
static void rows_right(const struct batch *batch, const struct schema *schema,
                       struct row_errors *errors) {
  struct view view =
      view_without((struct view){.batch = (struct batch *)batch, .n = batch->n_rows}, errors);
  struct buf out = {0};
  codec_find("json")->encode(schema, &view, &out);
  size_t at = 0;
  for (uint32_t i = 0; i < view.n; i++) {
    const char *end = at < out.len ? memchr(out.data + at, '\n', out.len - at) : NULL;
    if (end == NULL) fuzz_fail("there are %u lines for %u records", i, view.n);
    struct slice line = {out.data + at, (size_t)(end - out.data) - at};
    if (!json_text_valid(line)) fuzz_fail("%.*s was made", SLICE_ARG(line));
    at += line.len + 1;
  }
  if (at != out.len) fuzz_fail("there is more than a line for each record");
  buf_fini(&out);
}

/* Bytes that may be a chunk. wanted: the records it was made of, or NULL. */
static void chunk_right(struct slice bytes, const struct envelope *wanted, size_t n_wanted) {
  uint32_t n;
  if (envelope_chunk_count(bytes, &n) != 0) {
    if (wanted != NULL) fuzz_fail("a chunk of %zu records is none", n_wanted);
    return;
  }
  struct arena arena;
  arena_init(&arena, 4096);
  struct rowset *rowset = rowset_new(&arena, true);
  rowset->enveloped = true;
  struct schema *schema = schema_new(rowset, true);
  static const char *const fields[] = {"_key",    "_headers",   "_topic",     "_partition",
                                       "_offset", "_timestamp", "_tombstone", "a"};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) set_field(schema, fields[i], false);
  set_field(schema, "header", true);
  struct batch *batch = envelope_batch(rowset, bytes);
  if (batch->n_rows != n) fuzz_fail("%u records are %u rows", n, batch->n_rows);
  for (size_t i = 0; wanted != NULL && i < n_wanted; i++)
    same_record(&batch->envelopes[i], &wanted[i]);
  struct buf again = {0};
  struct envelope_origin origin = {batch->topic, batch->topic_partition};
  make_chunk(&again, &origin, batch->envelopes, n);
  if (!slice_equal(buf_slice(&again), bytes))
    fuzz_fail("a chunk is not what its records make, which has %zu bytes", again.len);
  buf_fini(&again);
  const struct codec *codec = codec_find("json");
  struct codec_options options = {.line_max = 40};
  struct decoder *decoder = codec->decoder_new(&options, rowset);
  struct row_errors errors = {0};
  codec->decode_rows(decoder, batch, &errors);
  row_errors_sort(&errors);
  envelope_fill(batch);
  rows_right(batch, schema, &errors);
  row_errors_fini(&errors);
  codec->decoder_free(decoder);
  batch_free(batch);
  arena_fini(&arena);
}

static void padded_right(struct slice bytes, const struct envelope *wanted, size_t n) {
  void *memory;
  chunk_right(fuzz_padded(bytes, &memory), wanted, n);
  free(memory);
}

static void made_right(struct slice *input) {
  struct envelope list[RECORDS_MAX];
  struct envelope_header headers[RECORDS_MAX][HEADERS_MAX];
  struct envelope_origin origin = {.topic = fuzz_bytes(input, fuzz_u8(input) % 16),
                                   .partition = (int8_t)fuzz_u8(input)};
  size_t n = fuzz_u8(input) % (RECORDS_MAX + 1);
  for (size_t i = 0; i < n; i++) {
    struct envelope *envelope = &list[i];
    *envelope = (struct envelope){.position = fuzz_u16(input), .time_us = (int16_t)fuzz_u16(input)};
    if (envelope->time_us == -1) envelope->time_us = ENVELOPE_NO_TIME;
    envelope->key = some_bytes(input);
    envelope->value = some_bytes(input);
    envelope->headers = headers[i];
    envelope->n_headers = fuzz_u8(input) % (HEADERS_MAX + 1);
    for (size_t k = 0; k < envelope->n_headers; k++) {
      headers[i][k].name = fuzz_bytes(input, fuzz_u8(input) % 16);
      headers[i][k].value = some_bytes(input);
    }
  }
  struct buf chunk = {0};
  make_chunk(&chunk, &origin, list, n);
  padded_right(buf_slice(&chunk), list, n);
  fuzz_patch(&chunk, input);
  padded_right(buf_slice(&chunk), NULL, 0);
  buf_fini(&chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  if (fuzz_u8(&input) & 1)
    made_right(&input);
  else
    padded_right(input, NULL, 0);
  return 0;
}
