/* engine_rejects: records that the other side of a sink refused, on their way to its .errors.
 *
 * What the outside answers cannot be computed again, so it is input: it goes into the log, with a
 * later epoch, before it has any effect. All rejects of one batch are taken together and stand for
 * "the rejects of this sink up to that epoch"; the sink's commit of the epoch follows them in the
 * log. So a crash that makes the sink send the epoch again finds them either in the log, and leaves
 * out what it hears again, or not at all. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

static bool somebody_reads(const struct engine_sink *sink) {
  return sink->stage->errors != NULL && sink->stage->on_error == ON_ERROR_DEAD_LETTER;
}

void sink_reject(struct sink_batch *batch, struct slice record, const char *code,
                 const char *text) {
  struct engine_sink *sink = batch->engine;
  if (batch->epoch <= sink->rejected_epoch) return; /* the log has them */
  if (sink->stage->on_error == ON_ERROR_STOP) {
    struct err err;
    err_set(&err, ERR_DATA,
            "sink %s: stopped at a record that was refused, as configured: %s (%s), in epoch "
            "%llu; mend what refuses it or change the configuration and start again: nothing was "
            "lost",
            sink->stage->name, text, code, (unsigned long long)batch->epoch);
    engine_fail(sink->engine, &err);
    return;
  }
  sink->n_rejecting++;
  sink->rejecting_codes[record_error_number(code)]++;
  if (!somebody_reads(sink)) return;
  field_put_bytes(&sink->rejecting, slice_of(code));
  field_put_bytes(&sink->rejecting, slice_of(text));
  field_put_bytes(&sink->rejecting, record);
}

void engine_rejects_answered(struct engine_sink *sink, uint64_t epoch, bool delivered) {
  if (delivered && sink->n_rejecting > 0) {
    runner_count_rejects(sink->engine->runner, sink->stage->index, sink->rejecting_codes);
    if (sink->rejecting.len > 0) {
      buf_put_slice(&sink->rejected, buf_slice(&sink->rejecting));
      sink->engine->queued_bytes += sink->rejecting.len;
      sink->rejected_upto = epoch;
    }
  }
  sink->n_rejecting = 0;
  memset(sink->rejecting_codes, 0, sizeof sink->rejecting_codes);
  buf_clear(&sink->rejecting);
}

bool engine_rejects_wait(const struct engine_sink *sink) {
  return sink->rejected.len > 0 || sink->rejects_open;
}

bool engine_rejects_any(const struct engine *engine) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    if (engine->sinks[i].rejected.len > 0) return true;
  }
  return false;
}

void engine_rejects_take(struct engine *engine, struct epoch *epoch) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    /* One list of a sink in an epoch; what comes while it is open waits for the next. */
    if (sink->rejected.len == 0 || sink->rejects_open) continue;
    epoch_reject_add(epoch, (uint32_t)i, sink->rejected_upto, buf_slice(&sink->rejected));
    engine->queued_bytes -= sink->rejected.len;
    buf_clear(&sink->rejected);
    sink->rejects_open = true;
  }
}

void engine_rejects_appended(struct engine *engine, const struct epoch *epoch) {
  for (size_t i = 0; i < epoch->n_rejects; i++) {
    struct engine_sink *sink = &engine->sinks[epoch->rejects[i].sink];
    sink->rejected_epoch = epoch->rejects[i].upto_epoch;
    sink->rejects_open = false;
  }
}
