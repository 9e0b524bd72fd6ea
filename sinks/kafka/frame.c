/* frame: see frame.h. */
#include "sinks/kafka/frame.h"

#include "daemon/base/mem.h"

/* ------------------------------------------------------------------ making them */

static struct value *column(const struct view *view) {
  return arena_alloc(&view->batch->arena, (view->batch->n_rows + 1) * sizeof(struct value));
}

static struct value *evaluate(const struct expr *expr, const struct expr_run *run,
                              const struct view *view, struct row_errors *failed) {
  if (expr == NULL) return NULL;
  struct value *values = column(view);
  expr_eval(expr, run, view, values, failed);
  return values;
}

struct columns {
  struct value *key, *timestamp, *partition, *tombstone;
  struct value *headers[FRAME_HEADERS_MAX];
};

/* Kafka counts partitions in 31 bits and milliseconds from 1970 on. */
static void check_rows(const struct columns *columns, const struct view *view,
                       struct row_errors *failed) {
  for (uint32_t i = 0; i < view->n; i++) {
    uint32_t row = view_row(view, i);
    if (columns->partition != NULL && columns->partition[row].type == VALUE_INT &&
        (columns->partition[row].integer < 0 || columns->partition[row].integer > INT32_MAX))
      row_errors_add(failed, row, "kafka.partition", "a partition's number is 0 to 2147483647");
    if (columns->timestamp != NULL && columns->timestamp[row].type == VALUE_TIMESTAMP &&
        columns->timestamp[row].integer < 0)
      row_errors_add(failed, row, "kafka.timestamp", "Kafka has no time before 1970");
  }
}

static void put_length_at(struct buf *out, size_t at, uint32_t value) {
  memcpy(out->data + at, &value, sizeof value);
}

/* Returns its length, or FRAME_NULL. */
static uint32_t put_value(struct buf *out, const struct value *value) {
  if (value->type == VALUE_NULL) return FRAME_NULL;
  size_t from = out->len;
  value_put_text(out, value);
  return (uint32_t)(out->len - from);
}

static void put_header(struct buf *out, struct slice name, const struct value *value) {
  size_t lengths = out->len;
  uint32_t none[2] = {(uint32_t)name.len, 0};
  buf_put(out, none, sizeof none);
  buf_put_slice(out, name);
  put_length_at(out, lengths + sizeof(uint32_t), put_value(out, value));
}

static int64_t time_of(const struct columns *columns, const struct batch *batch, uint32_t row) {
  if (columns->timestamp != NULL && columns->timestamp[row].type == VALUE_TIMESTAMP)
    return columns->timestamp[row].integer;
  return batch->time_us[row] > 0 ? batch->time_us[row] : 0;
}

static void put_row(const struct frame_plan *plan, const struct columns *columns,
                    const struct codec *codec, const struct schema *schema, struct batch *batch,
                    uint32_t row, struct buf *out) {
  struct frame frame = {.time_us = time_of(columns, batch, row),
                        .partition = -1,
                        .key_len = FRAME_NULL,
                        .value_len = FRAME_NULL};
  size_t at = out->len;
  buf_put(out, &frame, sizeof frame);
  if (columns->partition != NULL && columns->partition[row].type == VALUE_INT)
    frame.partition = (int32_t)columns->partition[row].integer;
  if (columns->key != NULL) frame.key_len = put_value(out, &columns->key[row]);
  if (columns->tombstone == NULL || columns->tombstone[row].type != VALUE_BOOL ||
      !columns->tombstone[row].boolean) {
    size_t from = out->len;
    struct view one = {.batch = batch, .sel = &row, .n = 1};
    codec->encode(schema, &one, out);
    if (out->len > from && out->data[out->len - 1] == '\n') out->len--;
    frame.value_len = (uint32_t)(out->len - from);
  }
  for (size_t i = 0; i < plan->n_headers; i++) {
    if (columns->headers[i][row].type == VALUE_NULL) continue;
    put_header(out, plan->header_names[i], &columns->headers[i][row]);
    frame.n_headers++;
  }
  while (out->len % sizeof(uint64_t) != 0) buf_put_char(out, '\0');
  frame.bytes = (uint32_t)(out->len - at);
  memcpy(out->data + at, &frame, sizeof frame);
}

void frame_put_view(const struct frame_plan *plan, const struct codec *codec,
                    const struct expr_run *run, const struct schema *schema,
                    const struct view *view, struct sink_part *part) {
  struct row_errors failed = {0};
  struct columns columns = {.key = evaluate(plan->key, run, view, &failed),
                            .timestamp = evaluate(plan->timestamp, run, view, &failed),
                            .partition = evaluate(plan->partition, run, view, &failed),
                            .tombstone = evaluate(plan->tombstone, run, view, &failed)};
  for (size_t i = 0; i < plan->n_headers; i++)
    columns.headers[i] = evaluate(plan->headers[i], run, view, &failed);
  row_errors_sort(&failed);
  struct view sound = view_without(*view, &failed);
  check_rows(&columns, &sound, &failed);
  row_errors_sort(&failed);
  for (size_t i = 0; i < failed.n; i++)
    row_errors_add(&part->errors, failed.list[i].row, failed.list[i].code, failed.list[i].text);
  struct view good = view_without(*view, &failed);
  for (uint32_t i = 0; i < good.n; i++)
    put_row(plan, &columns, codec, schema, view->batch, view_row(&good, i), &part->bytes);
  row_errors_fini(&failed);
}

/* ------------------------------------------------------------------ reading them */

struct frame *frame_next(const struct sink_batch *batch, struct frame_cursor *cursor) {
  while (cursor->part < batch->n_parts) {
    struct buf *bytes = &batch->parts[cursor->part].bytes;
    if (cursor->offset < bytes->len) {
      struct frame *frame = (struct frame *)(void *)(bytes->data + cursor->offset);
      cursor->offset += frame->bytes;
      return frame;
    }
    cursor->part++;
    cursor->offset = 0;
  }
  return NULL;
}

static struct slice take(const char **at, uint32_t len) {
  if (len == FRAME_NULL) return (struct slice){NULL, 0};
  struct slice taken = {*at, len};
  *at += len;
  return taken;
}

struct kafka_record frame_record(struct frame *frame, const char *topic,
                                 struct kafka_header *headers) {
  const char *at = (const char *)(frame + 1);
  struct kafka_record record = {.topic = topic,
                                .partition = frame->partition,
                                .time_us = frame->time_us,
                                .headers = headers,
                                .n_headers = frame->n_headers,
                                .token = frame};
  record.key = take(&at, frame->key_len);
  record.value = take(&at, frame->value_len);
  for (uint32_t i = 0; i < frame->n_headers; i++) {
    uint32_t lengths[2];
    memcpy(lengths, at, sizeof lengths);
    at += sizeof lengths;
    headers[i].name = take(&at, lengths[0]);
    headers[i].value = take(&at, lengths[1]);
  }
  return record;
}
