/* envelope: see envelope.h. Numbers are little-endian.
 *
 *     envelope: position u64, time i64, value bytes u32, key bytes u32, headers bytes u32, key,
 *               headers: name bytes u32, value bytes u32, name, value
 *     tail:     partition i32, topic bytes u32, bytes of the values u32, records u32
 *
 * NONE as a number of bytes stands for null. */
#include "daemon/record/envelope.h"

#include "daemon/record/json_scalar.h"
#include "daemon/record/time.h"

#include <endian.h>
#include <openssl/evp.h>
#include <string.h>

#define NONE UINT32_MAX

enum { RECORD_BYTES = 28, HEADER_BYTES = 8, TAIL_BYTES = 16 };

/* ------------------------------------------------------------------ making one */

static uint32_t size_of(struct slice bytes) {
  return bytes.data == NULL ? NONE : (uint32_t)bytes.len;
}

static size_t headers_bytes(const struct envelope *envelope) {
  size_t bytes = 0;
  for (size_t i = 0; i < envelope->n_headers; i++)
    bytes += HEADER_BYTES + envelope->headers[i].name.len + envelope->headers[i].value.len;
  return bytes;
}

size_t envelope_chunk_bytes(const struct envelope_origin *origin, const struct envelope *list,
                            size_t n) {
  size_t bytes = origin->topic.len + TAIL_BYTES;
  for (size_t i = 0; i < n; i++)
    bytes += list[i].value.len + 1 + RECORD_BYTES + list[i].key.len + headers_bytes(&list[i]);
  return bytes;
}

static char *put_u32(char *at, uint32_t number) {
  number = htole32(number);
  memcpy(at, &number, sizeof number);
  return at + sizeof number;
}

static char *put_u64(char *at, uint64_t number) {
  number = htole64(number);
  memcpy(at, &number, sizeof number);
  return at + sizeof number;
}

static char *put_bytes(char *at, struct slice bytes) {
  if (bytes.len > 0) memcpy(at, bytes.data, bytes.len);
  return at + bytes.len;
}

static char *put_envelope(char *at, const struct envelope *envelope) {
  at = put_u64(at, envelope->position);
  at = put_u64(at, (uint64_t)envelope->time_us);
  at = put_u32(at, size_of(envelope->value));
  at = put_u32(at, size_of(envelope->key));
  at = put_u32(at, (uint32_t)headers_bytes(envelope));
  at = put_bytes(at, envelope->key);
  for (size_t i = 0; i < envelope->n_headers; i++) {
    const struct envelope_header *header = &envelope->headers[i];
    at = put_u32(at, (uint32_t)header->name.len);
    at = put_u32(at, size_of(header->value));
    at = put_bytes(at, header->name);
    at = put_bytes(at, header->value);
  }
  return at;
}

void envelope_chunk_put(char *out, const struct envelope_origin *origin,
                        const struct envelope *list, size_t n) {
  char *at = out;
  for (size_t i = 0; i < n; i++) {
    at = put_bytes(at, list[i].value);
    *at++ = '\n';
  }
  uint32_t values = (uint32_t)(at - out);
  for (size_t i = 0; i < n; i++) at = put_envelope(at, &list[i]);
  at = put_bytes(at, origin->topic);
  at = put_u32(at, (uint32_t)origin->partition);
  at = put_u32(at, (uint32_t)origin->topic.len);
  at = put_u32(at, values);
  put_u32(at, (uint32_t)n);
}

/* ------------------------------------------------------------------ reading one */

struct reader { /* over bytes from outside: each step is checked */
  const char *at, *end;
};

static int get_u32(struct reader *reader, uint32_t *number) {
  if ((size_t)(reader->end - reader->at) < sizeof *number) return -1;
  memcpy(number, reader->at, sizeof *number);
  *number = le32toh(*number);
  reader->at += sizeof *number;
  return 0;
}

static int get_u64(struct reader *reader, uint64_t *number) {
  if ((size_t)(reader->end - reader->at) < sizeof *number) return -1;
  memcpy(number, reader->at, sizeof *number);
  *number = le64toh(*number);
  reader->at += sizeof *number;
  return 0;
}

static int get_bytes(struct reader *reader, uint32_t len, struct slice *bytes) {
  *bytes = (struct slice){NULL, 0};
  if (len == NONE) return 0;
  if ((size_t)(reader->end - reader->at) < len) return -1;
  *bytes = (struct slice){reader->at, len};
  reader->at += len;
  return 0;
}

struct tail {
  struct reader values, envelopes;
  struct slice topic;
  int32_t partition;
  uint32_t n;
};

static int tail_get(struct slice chunk, struct tail *tail) {
  if (chunk.len < TAIL_BYTES) return -1;
  struct reader reader = {chunk.data + chunk.len - TAIL_BYTES, chunk.data + chunk.len};
  uint32_t partition = 0, topic = 0, values = 0;
  get_u32(&reader, &partition);
  get_u32(&reader, &topic);
  get_u32(&reader, &values);
  get_u32(&reader, &tail->n);
  size_t rest = chunk.len - TAIL_BYTES;
  if (topic > rest || values > rest - topic) return -1;
  const char *behind = chunk.data + rest - topic;
  tail->values = (struct reader){chunk.data, chunk.data + values};
  tail->envelopes = (struct reader){chunk.data + values, behind};
  tail->topic = (struct slice){behind, topic};
  tail->partition = (int32_t)partition;
  return tail->n <= values ? 0 : -1; /* each value has its '\n' */
}

static int header_get(struct reader *reader, struct envelope_header *header) {
  uint32_t name = 0, value = 0;
  if (get_u32(reader, &name) != 0 || get_u32(reader, &value) != 0 || name == NONE) return -1;
  return get_bytes(reader, name, &header->name) != 0 ? -1
                                                     : get_bytes(reader, value, &header->value);
}

/* arena NULL: they are only looked at. */
static int headers_get(struct reader reader, struct arena *arena, struct envelope *envelope) {
  struct reader count = reader;
  struct envelope_header header;
  size_t n = 0;
  for (; count.at < count.end; n++) {
    if (header_get(&count, &header) != 0) return -1;
  }
  if (arena == NULL) return 0;
  struct envelope_header *headers = arena_alloc(arena, (n + 1) * sizeof *headers);
  for (size_t i = 0; i < n; i++) header_get(&reader, &headers[i]);
  envelope->headers = headers;
  envelope->n_headers = n;
  return 0;
}

static int envelope_get(struct tail *tail, struct arena *arena, struct envelope *envelope) {
  uint64_t time = 0;
  uint32_t value = 0, key = 0, headers = 0;
  struct slice list;
  struct reader *reader = &tail->envelopes;
  if (get_u64(reader, &envelope->position) != 0 || get_u64(reader, &time) != 0 ||
      get_u32(reader, &value) != 0 || get_u32(reader, &key) != 0 ||
      get_u32(reader, &headers) != 0 || get_bytes(reader, key, &envelope->key) != 0 ||
      headers == NONE || get_bytes(reader, headers, &list) != 0 ||
      get_bytes(&tail->values, value, &envelope->value) != 0 ||
      tail->values.at == tail->values.end || *tail->values.at++ != '\n') {
    return -1;
  }
  envelope->time_us = (int64_t)time;
  envelope->headers = NULL;
  envelope->n_headers = 0;
  if (list.len == 0) return 0;
  return headers_get((struct reader){list.data, list.data + list.len}, arena, envelope);
}

int envelope_chunk_count(struct slice chunk, uint32_t *n) {
  struct tail tail;
  struct envelope envelope;
  if (tail_get(chunk, &tail) != 0) return -1;
  for (uint32_t i = 0; i < tail.n; i++) {
    if (envelope_get(&tail, NULL, &envelope) != 0) return -1;
  }
  *n = tail.n;
  return tail.values.at == tail.values.end && tail.envelopes.at == tail.envelopes.end ? 0 : -1;
}

struct batch *envelope_batch(const struct rowset *rowset, struct slice chunk) {
  struct tail tail = {0};
  tail_get(chunk, &tail);
  struct batch *batch = batch_new(rowset, tail.n);
  struct arena *arena = &batch->arena;
  batch->raw = arena_alloc(arena, (tail.n + 1) * sizeof *batch->raw);
  batch->positions = arena_alloc(arena, (tail.n + 1) * sizeof *batch->positions);
  batch->position_word = "offset";
  batch->envelopes = arena_alloc(arena, (tail.n + 1) * sizeof *batch->envelopes);
  batch->topic = tail.topic;
  batch->topic_partition = tail.partition;
  for (uint32_t i = 0; i < tail.n; i++) {
    envelope_get(&tail, arena, &batch->envelopes[i]);
    batch->raw[i] = batch->envelopes[i].value;
    batch->positions[i] = batch->envelopes[i].position;
  }
  return batch;
}

/* ------------------------------------------------------------------ as fields */

static bool is_name(const struct path_step *step, const char *name) {
  return !step->is_index && slice_is(step->name, name);
}

bool envelope_field(const struct path *path, enum envelope_field *field, enum value_type *type) {
  static const struct {
    const char *name;
    enum envelope_field field;
    enum value_type type;
  } fields[] = {
      {"_key", ENVELOPE_KEY, VALUE_TEXT},
      {"_headers", ENVELOPE_HEADERS, VALUE_JSON},
      {"_topic", ENVELOPE_TOPIC, VALUE_TEXT},
      {"_partition", ENVELOPE_PARTITION, VALUE_INT},
      {"_offset", ENVELOPE_OFFSET, VALUE_INT},
      {"_timestamp", ENVELOPE_TIMESTAMP, VALUE_TIMESTAMP},
      {"_tombstone", ENVELOPE_TOMBSTONE, VALUE_BOOL},
  };
  if (path->n_steps == 2 && is_name(&path->steps[0], "_headers") && !path->steps[1].is_index) {
    *field = ENVELOPE_HEADER;
    *type = VALUE_TEXT;
    return true;
  }
  for (size_t i = 0; path->n_steps == 1 && i < sizeof fields / sizeof *fields; i++) {
    if (!is_name(&path->steps[0], fields[i].name)) continue;
    *field = fields[i].field;
    *type = fields[i].type;
    return true;
  }
  return false;
}

static struct value text_value(struct slice bytes, struct arena *arena) {
  if (bytes.data == NULL) return value_null();
  if (json_utf8_valid(bytes)) return value_text(bytes.data, bytes.len);
  char *text = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
  int len =
      EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.data, (int)bytes.len);
  return value_text(text, (size_t)len);
}

static const struct envelope_header *last_of(const struct envelope *envelope, struct slice name) {
  for (size_t i = envelope->n_headers; i-- > 0;) {
    if (slice_equal(envelope->headers[i].name, name)) return &envelope->headers[i];
  }
  return NULL;
}

static struct value header_value(const struct envelope *envelope, struct slice name,
                                 struct arena *arena) {
  const struct envelope_header *header = last_of(envelope, name);
  return header != NULL ? text_value(header->value, arena) : value_null();
}

static struct value headers_value(const struct envelope *envelope, struct arena *arena) {
  struct buf json;
  buf_init(&json);
  buf_put_char(&json, '{');
  for (size_t i = 0; i < envelope->n_headers; i++) {
    const struct envelope_header *header = &envelope->headers[i];
    if (last_of(envelope, header->name) != header) continue;
    if (json.len > 1) buf_put_char(&json, ',');
    struct value name = text_value(header->name, arena), value = text_value(header->value, arena);
    value_put_json(&json, &name);
    buf_put_char(&json, ':');
    value_put_json(&json, &value);
  }
  buf_put_char(&json, '}');
  struct slice kept = arena_slice(arena, buf_slice(&json));
  buf_fini(&json);
  struct value value = value_text(kept.data, kept.len);
  value.type = VALUE_JSON;
  return value;
}

struct value envelope_time(const struct envelope *envelope) {
  return time_in_range(envelope->time_us) ? value_timestamp(envelope->time_us) : value_null();
}

static struct value field_value(struct batch *batch, uint32_t row, enum envelope_field field,
                                const struct path *path) {
  const struct envelope *envelope = &batch->envelopes[row];
  switch (field) {
  case ENVELOPE_KEY: return text_value(envelope->key, &batch->arena);
  case ENVELOPE_HEADERS: return headers_value(envelope, &batch->arena);
  case ENVELOPE_HEADER: return header_value(envelope, path->steps[1].name, &batch->arena);
  case ENVELOPE_TOPIC: return text_value(batch->topic, &batch->arena);
  case ENVELOPE_PARTITION: return value_int(batch->topic_partition);
  case ENVELOPE_OFFSET: return value_int((int64_t)envelope->position);
  case ENVELOPE_TIMESTAMP: return envelope_time(envelope);
  case ENVELOPE_TOMBSTONE: return value_bool(envelope->value.data == NULL);
  }
  return value_null();
}

void envelope_fill(struct batch *batch) {
  for (uint32_t s = 0; s < batch->rowset->n_slots; s++) {
    const struct slot *slot = &batch->rowset->slots[s];
    enum envelope_field field;
    enum value_type type;
    if (slot->kind != SLOT_ENVELOPE || !envelope_field(&slot->path, &field, &type)) continue;
    struct value *values = batch_column(batch, s);
    for (uint32_t row = 0; row < batch->n_rows; row++)
      values[row] = field_value(batch, row, field, &slot->path);
  }
}
