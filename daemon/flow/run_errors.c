/* run_errors: records that something was wrong with, as a stream: the original bytes (text, else
 * base64), _error {code, text}, _component, _position. */
#include "daemon/flow/run.h"

#include "daemon/base/mem.h"

#include <openssl/evp.h>

void run_stop(struct runner *runner, const struct stage_run *run, const struct batch *batch,
              uint32_t row, const char *code, const char *text) {
  uint64_t ord = batch_ord(batch, row);
  if (runner->stop_found && ord >= runner->stop_ord) return;
  struct buf position;
  buf_init(&position);
  batch_put_position(&position, batch, row);
  err_set(&runner->epoch->stop, ERR_DATA,
          "%s: stopped in front of a record, as configured: %s (%s), at %s; repair the record or "
          "change "
          "the configuration and start again: nothing was lost",
          run->stage->name, text, code, buf_cstr(&position));
  buf_fini(&position);
  runner->epoch->stopped = runner->stop_found = true;
  runner->stop_ord = ord;
}

void run_count_errors(struct runner *runner, struct stage_run *run) {
  uint64_t n = 0;
  for (size_t t = 0; t < run->n_tasks; t++) {
    const struct row_errors *errors = &run->errors[t];
    n += errors->n;
    run_figures_errors(&run->figures, errors);
    if (errors->n > 0 && run->stage->on_error == ON_ERROR_STOP) {
      const struct row_error *first = &errors->list[0];
      run_stop(runner, run, run->batches[t], first->row, first->code, first->text);
    }
  }
  if (n > 0) atomic_fetch_add(&run->figures.errors, n);
}

/* Valid UTF-8 without NUL can stand in JSON text as it is; everything else goes as base64. */
static bool is_text(struct slice bytes) {
  const unsigned char *p = (const unsigned char *)bytes.data, *end = p + bytes.len;
  while (p < end) {
    if (*p == 0) return false;
    if (*p < 0x80) {
      p++;
      continue;
    }
    int more = *p >= 0xc2 && *p <= 0xdf   ? 1
               : *p >= 0xe0 && *p <= 0xef ? 2
               : *p >= 0xf0 && *p <= 0xf4 ? 3
                                          : 0;
    if (more == 0 || end - p <= more) return false;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f)) {
      return false;
    }
    for (int i = 1; i <= more; i++) {
      if ((p[i] & 0xc0) != 0x80) return false;
    }
    p += more + 1;
  }
  return true;
}

/* The original bytes of a row; of one that an operator made, its record. */
static struct slice raw_of(const struct stage *of, const struct batch *batch, uint32_t row,
                           struct arena *arena) {
  if (batch->raw != NULL) return batch->raw[row];
  struct buf text;
  buf_init(&text);
  struct view one = {.batch = (struct batch *)batch, .sel = &row, .n = 1};
  codec_find("json")->encode(of->input_schema, &one, &text);
  if (text.len > 0 && text.data[text.len - 1] == '\n') text.len--;
  struct slice raw = arena_slice(arena, buf_slice(&text));
  buf_fini(&text);
  return raw;
}

/* A row of .errors; what it is given lives as long as the batch. */
static void row_fill(struct batch *into, uint32_t at, const struct stage *of, struct slice raw,
                     struct slice code, struct slice message, struct slice position) {
  struct arena *arena = &into->arena;
  bool text = is_text(raw);
  if (!text) {
    char *encoded = arena_alloc(arena, raw.len * 4 / 3 + 8);
    int len =
        EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)raw.data, (int)raw.len);
    raw = (struct slice){encoded, (size_t)len};
  }
  struct buf json;
  buf_init(&json);
  buf_put_text(&json, "{\"code\":");
  value_put_json_string(&json, code);
  buf_put_text(&json, ",\"text\":");
  value_put_json_string(&json, message);
  buf_put_char(&json, '}');
  struct slice detail = arena_slice(arena, buf_slice(&json));
  buf_fini(&json);
  into->slots[ERROR_RAW][at] = value_text(raw.data, raw.len);
  into->slots[ERROR_ENCODING][at] = text ? value_text("text", 4) : value_text("base64", 6);
  into->slots[ERROR_ERROR][at] = value_text(detail.data, detail.len);
  into->slots[ERROR_ERROR][at].type = VALUE_JSON;
  into->slots[ERROR_COMPONENT][at] = value_text(of->name, strlen(of->name));
  into->slots[ERROR_POSITION][at] = value_text(position.data, position.len);
}

static struct batch *errors_batch(const struct stage_run *run, size_t n) {
  struct batch *batch = batch_new(run->stage->ports[0].schema->rowset, (uint32_t)n);
  for (uint32_t s = 0; s < ERROR_SLOTS; s++) batch_column(batch, s);
  batch->ords = arena_alloc(&batch->arena, n * sizeof *batch->ords);
  batch->time_us = arena_alloc(&batch->arena, n * sizeof *batch->time_us);
  return batch;
}

static void errors_give(struct runner *runner, struct stage_run *run, struct batch *batch) {
  runner_adopt(runner, batch);
  struct view_list *list = &run->heads[0];
  array_grow((void **)&list->list, &list->cap, list->n, sizeof *list->list);
  list->list[list->n++] = (struct view){.batch = batch, .n = batch->n_rows};
  atomic_fetch_add(&run->figures.records_out, batch->n_rows);
  atomic_fetch_add(&run->figures.ports[0], batch->n_rows);
}

static void row_of_error(struct batch *into, uint32_t at, const struct stage *of,
                         const struct batch *batch, const struct row_error *error) {
  struct buf text;
  buf_init(&text);
  batch_put_position(&text, batch, error->row);
  struct slice position = arena_slice(&into->arena, buf_slice(&text));
  buf_fini(&text);
  row_fill(into, at, of, raw_of(of, batch, error->row, &into->arena), slice_of(error->code),
           slice_of(error->text), position);
  into->ords[at] = batch_ord(batch, error->row);
  into->time_us[at] = batch->time_us != NULL ? batch->time_us[error->row] : 0;
}

/* ------------------------------------------------------------------ refused by the other side */

static bool reject_get(const struct epoch_reject *reject, size_t *at, struct slice *code,
                       struct slice *text, struct slice *record) {
  return field_get_bytes(reject->body, at, code) == 0 &&
         field_get_bytes(reject->body, at, text) == 0 &&
         field_get_bytes(reject->body, at, record) == 0;
}

/* They stand before all else of the epoch. */
void run_rejects_count(struct runner *runner, struct epoch_reject *reject) {
  struct slice code, text, record;
  size_t at = 0;
  while (reject_get(reject, &at, &code, &text, &record)) reject->n_records++;
  reject->first_ord = runner->next_ord;
  runner->next_ord += reject->n_records;
}

static void rejects_give(struct runner *runner, struct stage_run *run, const struct stage *of) {
  for (size_t i = 0; i < runner->epoch->n_rejects; i++) {
    const struct epoch_reject *reject = &runner->epoch->rejects[i];
    if (of->kind != STAGE_SINK || reject->sink != of->kind_index || reject->n_records == 0)
      continue;
    struct batch *batch = errors_batch(run, reject->n_records);
    struct slice code, text, record;
    size_t at = 0;
    for (uint32_t r = 0; r < reject->n_records; r++) {
      if (!reject_get(reject, &at, &code, &text, &record)) break;
      char *position = arena_printf(&batch->arena, "sent to %s up to epoch %llu", of->name,
                                    (unsigned long long)reject->upto_epoch);
      row_fill(batch, r, of, record, code, text, slice_of(position));
      batch->ords[r] = reject->first_ord + r;
      batch->time_us[r] = runner->epoch->clock_us;
    }
    errors_give(runner, run, batch);
  }
}

void run_errors(struct runner *runner, struct stage_run *run) {
  const struct stage *of = run->stage->inputs[0].stage;
  const struct stage_run *from = run_of(runner, of);
  const struct stage *head = of;
  while (head->kind == STAGE_STATELESS || head->kind == STAGE_SINK) head = head->inputs[0].stage;
  run->track = run_of(runner, head)->track;
  run->heads[0].n = 0;
  rejects_give(runner, run, of);
  size_t n = 0;
  for (size_t t = 0; t < from->n_tasks; t++) n += from->errors[t].n;
  if (n == 0 || of->on_error != ON_ERROR_DEAD_LETTER) return;
  struct batch *batch = errors_batch(run, n);
  uint32_t at = 0;
  for (size_t t = 0; t < from->n_tasks; t++) {
    for (size_t i = 0; i < from->errors[t].n; i++) {
      row_of_error(batch, at++, of, from->batches[t], &from->errors[t].list[i]);
    }
  }
  errors_give(runner, run, batch);
}
