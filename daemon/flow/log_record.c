/* log_record: see log_record.h. */
#include "daemon/flow/log_record.h"

#include "daemon/base/limits.h"

#define INPUTS_MAX 1000000 /* no epoch has more; a larger count is damage */

void log_epoch_put(struct buf *buf, const struct log_epoch *epoch) {
  field_put_u64(buf, epoch->number);
  field_put_i64(buf, epoch->clock_us);
  field_put_u64(buf, epoch->n_new);
  for (size_t i = 0; i < epoch->n_new; i++) {
    field_put_u32(buf, epoch->new_partitions[i].source);
    field_put_u32(buf, epoch->new_partitions[i].partition);
    field_put_bytes(buf, epoch->new_partitions[i].name);
    field_put_bytes(buf, epoch->new_partitions[i].identity);
  }
  field_put_u64(buf, epoch->n_inputs);
  for (size_t i = 0; i < epoch->n_inputs; i++) {
    const struct log_input *input = &epoch->inputs[i];
    field_put_u32(buf, input->source);
    field_put_u32(buf, input->partition);
    field_put_u64(buf, input->from);
    field_put_u64(buf, input->to);
    field_put_u64(buf, input->bytes);
    field_put_u32(buf, input->crc);
    field_put_u32(buf, input->flags);
  }
  field_put_u64(buf, epoch->n_partition_ends);
  for (size_t i = 0; i < epoch->n_partition_ends; i++) {
    field_put_u32(buf, epoch->partition_ends[i].source);
    field_put_u32(buf, epoch->partition_ends[i].partition);
  }
  field_put_u64(buf, epoch->n_source_ends);
  for (size_t i = 0; i < epoch->n_source_ends; i++) field_put_u32(buf, epoch->source_ends[i]);
  field_put_u64(buf, epoch->n_rejects);
  for (size_t i = 0; i < epoch->n_rejects; i++) {
    field_put_u32(buf, epoch->rejects[i].sink);
    field_put_u64(buf, epoch->rejects[i].upto_epoch);
    field_put_u64(buf, epoch->rejects[i].bytes);
    field_put_u32(buf, epoch->rejects[i].crc);
  }
  field_put_u64(buf, epoch->n_notes);
  for (size_t i = 0; i < epoch->n_notes; i++) {
    field_put_u32(buf, epoch->notes[i].source);
    field_put_u64(buf, epoch->notes[i].value);
    field_put_i64(buf, epoch->notes[i].expires_us);
    field_put_bytes(buf, epoch->notes[i].key);
  }
}

/* Reads a count and makes room for that many. */
static int count_get(struct slice body, size_t *at, struct arena *arena, size_t item_bytes,
                     size_t *n, void *items) {
  uint64_t count;
  if (field_get_u64(body, at, &count) != 0 || count > INPUTS_MAX || count > body.len) return -1;
  *n = (size_t)count;
  *(void **)items = arena_zalloc(arena, *n * item_bytes);
  return 0;
}

int log_epoch_get(struct slice body, struct arena *arena, struct log_epoch *epoch) {
  size_t at = 0;
  *epoch = (struct log_epoch){0};
  if (field_get_u64(body, &at, &epoch->number) != 0 ||
      field_get_i64(body, &at, &epoch->clock_us) != 0 ||
      count_get(body, &at, arena, sizeof *epoch->new_partitions, &epoch->n_new,
                &epoch->new_partitions) != 0) {
    return -1;
  }
  for (size_t i = 0; i < epoch->n_new; i++) {
    struct new_partition *new = &epoch->new_partitions[i];
    if (field_get_u32(body, &at, &new->source) != 0 ||
        field_get_u32(body, &at, &new->partition) != 0 || new->partition >= LIMIT_PARTITIONS ||
        field_get_bytes(body, &at, &new->name) != 0 ||
        field_get_bytes(body, &at, &new->identity) != 0) {
      return -1;
    }
  }
  if (count_get(body, &at, arena, sizeof *epoch->inputs, &epoch->n_inputs, &epoch->inputs) != 0) {
    return -1;
  }
  for (size_t i = 0; i < epoch->n_inputs; i++) {
    struct log_input *input = &epoch->inputs[i];
    if (field_get_u32(body, &at, &input->source) != 0 ||
        field_get_u32(body, &at, &input->partition) != 0 ||
        field_get_u64(body, &at, &input->from) != 0 || field_get_u64(body, &at, &input->to) != 0 ||
        field_get_u64(body, &at, &input->bytes) != 0 ||
        field_get_u32(body, &at, &input->crc) != 0 ||
        field_get_u32(body, &at, &input->flags) != 0) {
      return -1;
    }
  }
  if (count_get(body, &at, arena, sizeof *epoch->partition_ends, &epoch->n_partition_ends,
                &epoch->partition_ends) != 0) {
    return -1;
  }
  for (size_t i = 0; i < epoch->n_partition_ends; i++) {
    if (field_get_u32(body, &at, &epoch->partition_ends[i].source) != 0 ||
        field_get_u32(body, &at, &epoch->partition_ends[i].partition) != 0) {
      return -1;
    }
  }
  if (count_get(body, &at, arena, sizeof *epoch->source_ends, &epoch->n_source_ends,
                &epoch->source_ends) != 0) {
    return -1;
  }
  for (size_t i = 0; i < epoch->n_source_ends; i++) {
    if (field_get_u32(body, &at, &epoch->source_ends[i]) != 0) return -1;
  }
  if (count_get(body, &at, arena, sizeof *epoch->rejects, &epoch->n_rejects, &epoch->rejects) !=
      0) {
    return -1;
  }
  for (size_t i = 0; i < epoch->n_rejects; i++) {
    struct log_reject *reject = &epoch->rejects[i];
    if (field_get_u32(body, &at, &reject->sink) != 0 ||
        field_get_u64(body, &at, &reject->upto_epoch) != 0 ||
        field_get_u64(body, &at, &reject->bytes) != 0 ||
        field_get_u32(body, &at, &reject->crc) != 0) {
      return -1;
    }
  }
  if (count_get(body, &at, arena, sizeof *epoch->notes, &epoch->n_notes, &epoch->notes) != 0) {
    return -1;
  }
  for (size_t i = 0; i < epoch->n_notes; i++) {
    struct log_note *note = &epoch->notes[i];
    if (field_get_u32(body, &at, &note->source) != 0 ||
        field_get_u64(body, &at, &note->value) != 0 ||
        field_get_i64(body, &at, &note->expires_us) != 0 ||
        field_get_bytes(body, &at, &note->key) != 0) {
      return -1;
    }
  }
  return at == body.len ? 0 : -1;
}

void log_sink_put(struct buf *buf, const struct log_sink *sink) {
  field_put_bytes(buf, sink->sink);
  field_put_u64(buf, sink->epoch);
  field_put_bytes(buf, sink->state);
}

int log_sink_get(struct slice body, struct log_sink *sink) {
  size_t at = 0;
  if (field_get_bytes(body, &at, &sink->sink) != 0 || field_get_u64(body, &at, &sink->epoch) != 0 ||
      field_get_bytes(body, &at, &sink->state) != 0) {
    return -1;
  }
  return at == body.len ? 0 : -1;
}

void log_given_up_put(struct buf *buf, const struct log_given_up *given_up) {
  field_put_bytes(buf, given_up->sink);
  field_put_u64(buf, given_up->debt.from_epoch);
  field_put_u64(buf, given_up->debt.upto_epoch);
  field_put_u64(buf, given_up->debt.records);
}

int log_given_up_get(struct slice body, struct log_given_up *given_up) {
  size_t at = 0;
  if (field_get_bytes(body, &at, &given_up->sink) != 0 ||
      field_get_u64(body, &at, &given_up->debt.from_epoch) != 0 ||
      field_get_u64(body, &at, &given_up->debt.upto_epoch) != 0 ||
      field_get_u64(body, &at, &given_up->debt.records) != 0) {
    return -1;
  }
  return at == body.len ? 0 : -1;
}

/* ------------------------------------------------------------------ for people */

static int epoch_describe(struct buf *out, struct slice body) {
  struct arena arena;
  arena_init(&arena, 4096);
  struct log_epoch epoch;
  int result = log_epoch_get(body, &arena, &epoch);
  if (result == 0) {
    buf_printf(out, "epoch %llu, clock ", (unsigned long long)epoch.number);
    time_put(out, epoch.clock_us);
    for (size_t i = 0; i < epoch.n_new; i++) {
      buf_printf(out, "; source %u: new partition %u \"%.*s\"", epoch.new_partitions[i].source,
                 epoch.new_partitions[i].partition, SLICE_ARG(epoch.new_partitions[i].name));
    }
    for (size_t i = 0; i < epoch.n_inputs; i++) {
      const struct log_input *input = &epoch.inputs[i];
      buf_printf(out, "; source %u: partition %u [%llu, %llu) %llu bytes crc %08x%s", input->source,
                 input->partition, (unsigned long long)input->from, (unsigned long long)input->to,
                 (unsigned long long)input->bytes, input->crc,
                 input->flags & LOG_INPUT_PAYLOAD ? ", payload in the log" : "");
    }
    for (size_t i = 0; i < epoch.n_partition_ends; i++) {
      buf_printf(out, "; source %u: partition %u ended", epoch.partition_ends[i].source,
                 epoch.partition_ends[i].partition);
    }
    for (size_t i = 0; i < epoch.n_source_ends; i++) {
      buf_printf(out, "; source %u ended", epoch.source_ends[i]);
    }
    for (size_t i = 0; i < epoch.n_rejects; i++) {
      buf_printf(out, "; sink %u: %llu bytes refused up to epoch %llu", epoch.rejects[i].sink,
                 (unsigned long long)epoch.rejects[i].bytes,
                 (unsigned long long)epoch.rejects[i].upto_epoch);
    }
    if (epoch.n_notes > 0) buf_printf(out, "; %zu notes", epoch.n_notes);
  }
  arena_fini(&arena);
  return result;
}

static int payload_describe(struct buf *out, struct slice body) {
  buf_printf(out, "%zu bytes of input", body.len);
  return 0;
}

static int sink_describe(struct buf *out, struct slice body) {
  struct log_sink sink;
  if (log_sink_get(body, &sink) != 0) return -1;
  buf_printf(out, "sink %.*s holds all up to epoch %llu", SLICE_ARG(sink.sink),
             (unsigned long long)sink.epoch);
  return 0;
}

static int given_up_describe(struct buf *out, struct slice body) {
  struct log_given_up record;
  if (log_given_up_get(body, &record) != 0) return -1;
  buf_printf(out, "sink %.*s was let off epochs %llu to %llu, %llu records", SLICE_ARG(record.sink),
             (unsigned long long)record.debt.from_epoch, (unsigned long long)record.debt.upto_epoch,
             (unsigned long long)record.debt.records);
  return 0;
}

static int sink_gone_describe(struct buf *out, struct slice body) {
  buf_printf(out, "sink %.*s is no longer there", SLICE_ARG(body));
  return 0;
}

static int number_describe(struct buf *out, struct slice body, const char *format) {
  size_t at = 0;
  uint64_t number;
  if (field_get_u64(body, &at, &number) != 0 || at != body.len) return -1;
  buf_printf(out, format, (unsigned long long)number);
  return 0;
}

static int abandon_describe(struct buf *out, struct slice body) {
  return number_describe(out, body, "the epochs from %llu on were taken back");
}

static int unrun_describe(struct buf *out, struct slice body) {
  size_t at = 0;
  uint64_t from = 0;
  if (field_get_u64(body, &at, &from) != 0) return -1;
  buf_printf(out, "the epochs from %llu on had no effect", (unsigned long long)from);
  return 0;
}

static int config_describe(struct buf *out, struct slice body) {
  return number_describe(out, body, "configuration %016llx");
}

static int drained_describe(struct buf *out, struct slice body) {
  return number_describe(out, body, "stopped with nothing left behind, after epoch %llu");
}

static const struct log_kind_row kinds[] = {
    {LOG_EPOCH, "epoch", recovery_redo_epoch, epoch_describe},
    {LOG_PAYLOAD, "payload", recovery_redo_payload, payload_describe},
    {LOG_SINK, "sink", recovery_redo_sink, sink_describe},
    {LOG_ABANDON, "abandon", recovery_redo_abandon, abandon_describe},
    {LOG_CONFIG, "config", recovery_redo_config, config_describe},
    {LOG_UNRUN, "unrun", recovery_redo_unrun, unrun_describe},
    {LOG_SINK_GONE, "sink-gone", recovery_redo_sink_gone, sink_gone_describe},
    {LOG_DRAINED, "drained", recovery_redo_nothing, drained_describe},
    {LOG_GIVEN_UP, "given-up", recovery_redo_given_up, given_up_describe},
};

const struct log_kind_row *log_kind_find(uint16_t id) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (kinds[i].id == id) return &kinds[i];
  }
  return NULL;
}
