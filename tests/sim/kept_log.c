/* kept_log: see kept_log.h. */
#include "tests/sim/kept_log.h"

#include "daemon/base/mem.h"
#include "daemon/flow/log_record.h"
#include "daemon/record/value.h"
#include "daemon/wal/wal.h"
#include "tests/unit/engine_world.h"

#include <stdio.h>
#include <stdlib.h>

void kept_log_fini(struct kept_log *log) {
  for (size_t i = 0; i < log->n; i++) free(log->epochs[i].line);
  free(log->epochs);
  buf_fini(&log->names);
}

static void put_hex(struct buf *out, const char *data, size_t len) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    buf_put_char(out, digits[(unsigned char)data[i] >> 4]);
    buf_put_char(out, digits[data[i] & 15]);
  }
}

static void put_new(struct buf *out, const struct log_epoch *epoch) {
  buf_put_text(out, ",\"new\":[");
  for (size_t i = 0; i < epoch->n_new; i++) {
    const struct new_partition *new = &epoch->new_partitions[i];
    buf_printf(out, "%s[%u,%u,", i > 0 ? "," : "", new->source, new->partition);
    value_put_json_string(out, new->name);
    buf_put_char(out, ']');
  }
}

/* What stands right in front of an epoch's record belongs to it: the bytes of those inputs that
 * have any there, then of what was refused. In front of that may be payload of an epoch that a
 * power cut took the record of. */
static size_t payload_bytes(const struct log_epoch *epoch) {
  size_t n = 0;
  for (size_t i = 0; i < epoch->n_inputs; i++)
    if (epoch->inputs[i].flags & LOG_INPUT_PAYLOAD) n += epoch->inputs[i].bytes;
  for (size_t i = 0; i < epoch->n_rejects; i++) n += epoch->rejects[i].bytes;
  return n;
}

static void put_inputs(struct buf *out, const struct log_epoch *epoch, struct slice payload) {
  assert_true(payload_bytes(epoch) <= payload.len);
  size_t at = payload.len - payload_bytes(epoch);
  buf_put_text(out, "],\"in\":[");
  for (size_t i = 0; i < epoch->n_inputs; i++) {
    const struct log_input *input = &epoch->inputs[i];
    buf_printf(out, "%s[%u,%u,%llu,%llu,", i > 0 ? "," : "", input->source, input->partition,
               (unsigned long long)input->from, (unsigned long long)input->to);
    if ((input->flags & LOG_INPUT_PAYLOAD) == 0) {
      buf_put_text(out, "null]");
      continue;
    }
    buf_put_char(out, '"');
    put_hex(out, payload.data + at, input->bytes);
    buf_put_text(out, "\"]");
    at += input->bytes;
  }
}

static void put_ends(struct buf *out, const struct log_epoch *epoch) {
  buf_put_text(out, "],\"partition_ends\":[");
  for (size_t i = 0; i < epoch->n_partition_ends; i++)
    buf_printf(out, "%s[%u,%u]", i > 0 ? "," : "", epoch->partition_ends[i].source,
               epoch->partition_ends[i].partition);
  buf_put_text(out, "],\"source_ends\":[");
  for (size_t i = 0; i < epoch->n_source_ends; i++)
    buf_printf(out, "%s%u", i > 0 ? "," : "", epoch->source_ends[i]);
  buf_put_text(out, "],\"rejects\":[");
  for (size_t i = 0; i < epoch->n_rejects; i++)
    buf_printf(out, "%s%u", i > 0 ? "," : "", epoch->rejects[i].sink);
  buf_put_text(out, "]}\n");
}

static void keep(struct kept_log *log, const struct log_epoch *epoch, struct slice payload) {
  struct buf line;
  buf_init(&line);
  buf_printf(&line, "{\"epoch\":%llu,\"clock\":%lld,\"config\":\"%016llx\"",
             (unsigned long long)epoch->number, (long long)epoch->clock_us,
             (unsigned long long)log->config);
  put_new(&line, epoch);
  put_inputs(&line, epoch, payload);
  put_ends(&line, epoch);
  while (log->n < epoch->number) {
    array_grow((void **)&log->epochs, &log->cap, log->n, sizeof *log->epochs);
    log->epochs[log->n++] = (struct kept_epoch){0};
  }
  /* Those behind it were of another past, or follow. */
  while (log->n > epoch->number) free(log->epochs[--log->n].line);
  struct kept_epoch *kept = &log->epochs[epoch->number - 1];
  free(kept->line);
  kept->line = mem_strdup(buf_cstr(&line));
  buf_fini(&line);
}

static void record_read(struct kept_log *log, const struct wal_record *record,
                        struct buf *payload) {
  struct arena arena;
  struct log_epoch epoch;
  size_t at = 0;
  uint64_t number;
  arena_init(&arena, 4096);
  switch (record->kind) {
  case LOG_PAYLOAD: buf_put_slice(payload, record->body); break;
  case LOG_EPOCH:
    if (log_epoch_get(record->body, &arena, &epoch) == 0) keep(log, &epoch, buf_slice(payload));
    buf_clear(payload);
    break;
  case LOG_CONFIG: field_get_u64(record->body, &at, &log->config); break;
  case LOG_ABANDON:
    if (field_get_u64(record->body, &at, &number) != 0) break;
    while (log->n >= number && log->n > 0) free(log->epochs[--log->n].line);
    break;
  }
  arena_fini(&arena);
}

static void changed(void *arg) {
  (void)arg;
}

/* False: there is no folder yet. */
static bool names_read(struct io *io, struct buf *names) {
  char **list;
  size_t n;
  struct err err;
  buf_init(names);
  if (disk_list(io->disk, KEPT_LOG_STATE "/log", &list, &n, &err) != 0) return false;
  for (size_t i = 0; i < n; i++) buf_printf(names, "%s\n", list[i]);
  free(list);
  return true;
}

void kept_log_read(struct kept_log *log, struct io *io) {
  struct buf payload, names;
  struct wal *wal;
  struct wal_reader *reader = NULL;
  struct wal_record record;
  struct err err;
  FILE *nowhere = fopen("/dev/null", "w");
  struct diag diag = {.stream = nowhere, .level = DIAG_ERROR};
  struct wal_options options = {
      .dir = KEPT_LOG_STATE "/log", .segment_bytes = 64 << 20, .read_only = true};
  bool found = names_read(io, &names);
  buf_fini(&log->names);
  log->names = names;
  if (found && wal_open(&wal, io, &options, &diag, changed, NULL, &err) == 0) {
    buf_init(&payload);
    if (wal_reader_open(wal, 0, &reader, &err) == 0)
      while (wal_reader_next(reader, &record, &err) == 1) record_read(log, &record, &payload);
    wal_reader_close(reader);
    wal_close(wal);
    buf_fini(&payload);
  }
  fclose(nowhere);
}

void kept_log_look(struct kept_log *log, struct io *io) {
  struct buf names;
  bool same = names_read(io, &names) && slice_equal(buf_slice(&names), buf_slice(&log->names));
  buf_fini(&names);
  if (!same) kept_log_read(log, io);
}

void kept_log_put(const struct kept_log *log, struct buf *out) {
  for (size_t i = 0; i < log->n; i++)
    if (log->epochs[i].line != NULL) buf_put_text(out, log->epochs[i].line);
}
