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
  if (batch->rejects == NULL) batch->rejects = mem_zalloc(sizeof *batch->rejects);
  struct sink_rejects *rejects = batch->rejects;
  rejects->n++;
  rejects->codes[record_error_number(code)]++;
  if (!somebody_reads(sink)) return;
  field_put_bytes(&rejects->bodies, slice_of(code));
  field_put_bytes(&rejects->bodies, slice_of(text));
  field_put_bytes(&rejects->bodies, record);
}

void engine_rejects_answered(struct engine_sink *sink, struct sink_batch *batch, bool delivered) {
  struct sink_rejects *rejects = batch->rejects;
  if (rejects == NULL) return;
  if (delivered) {
    runner_count_rejects(sink->engine->runner, sink->stage->index, rejects->codes);
    if (rejects->bodies.len > 0) {
      buf_put_slice(&sink->rejected, buf_slice(&rejects->bodies));
      sink->engine->queued_bytes += rejects->bodies.len;
      sink->rejected_upto = batch->epoch;
    }
  }
  buf_fini(&rejects->bodies);
  free(rejects);
  batch->rejects = NULL;
}

bool sink_rejects_log(struct sink_batch *batch) {
  struct engine_sink *sink = batch->engine;
  engine_rejects_answered(sink, batch, true);
  sink->rejects_asked = engine_rejects_wait(sink) || sink->rejects_lsn > 0;
  return sink->rejects_asked;
}

void engine_rejects_turn(struct engine_sink *sink) {
  if (engine_rejects_wait(sink) || wal_synced_lsn(sink->engine->wal) < sink->rejects_lsn) return;
  sink->rejects_lsn = 0;
  if (!sink->rejects_asked) return;
  sink->rejects_asked = false;
  sink->stage->sink->rejects_logged(sink->instance);
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
    sink->rejects_lsn = epoch->end_lsn;
  }
}
