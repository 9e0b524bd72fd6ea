/* engine_give_up: letting a sink off what it owes, because somebody said so.
 *
 * A sink whose other side never answers holds up every change of its pipeline, for a change waits
 * until all is delivered. Giving up says, in the log, that the sink holds everything up to an epoch
 * (LOG_GIVEN_UP): from there on it is as if that were so, after a crash too. What is out is called
 * back by closing the sink, which opens again behind that epoch when its engine goes on.
 *
 * From engine_give_up() on, until the pipeline has come to rest or goes on, what is given to the
 * sink is counted and thrown away; then the log gets its record. So at any place in between a crash
 * means that nothing was given up. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

/* What one that undoes what it did not commit would lose with it. */
static bool loses_uncommitted(const struct engine_sink *sink) {
  return sink->stage->sink->promise(sink->instance) == SINK_EXACTLY_ONCE;
}

static uint64_t kept_epoch(const struct engine_sink *sink) {
  if (!loses_uncommitted(sink) && sink->busy != SINK_COMMITTING) return engine_sink_written(sink);
  return sink->pending_epoch > sink->committed_epoch ? sink->pending_epoch : sink->committed_epoch;
}

bool engine_sink_debt(const struct engine *engine, uint32_t number, struct sink_debt *debt) {
  const struct engine_sink *sink = &engine->sinks[number];
  *debt = (struct sink_debt){.from_epoch = kept_epoch(sink) + 1,
                             .upto_epoch = engine->released_epoch,
                             .records = loses_uncommitted(sink) ? sink->uncommitted_records : 0};
  for (size_t i = 0; i < sink->n_queue; i++) debt->records += sink->queue[i]->n_records;
  return sink->n_queue > 0 || sink->busy != SINK_IDLE;
}

void engine_give_up_batch(struct engine_sink *sink, const struct sink_batch *batch) {
  sink->debt.records += batch->n_records;
}

bool engine_give_up(struct engine *engine, const char *name) {
  struct engine_sink *sink = engine_sink_find(engine, slice_of(name));
  if (sink == NULL || sink->giving_up) return sink != NULL;
  bool owes = engine_sink_debt(engine, sink->stage->kind_index, &sink->debt);
  if (!owes && engine->recovery == NULL) return true;
  sink->giving_up = true;
  if (sink->opening || sink->n_out > 0 || sink->busy != SINK_IDLE ||
      sink->uncommitted_records > 0) {
    sink->stage->sink->close(sink->instance);
    sink->open = false;
  }
  if (sink->opening) sink_opened(&sink->ctx, sink->committed_epoch); /* it will not */
  sink->n_out = 0;
  sink->rejects_asked = false;
  sink->busy = SINK_IDLE;
  sink->retry_commit = false;
  sink->retry_delay_us = 0;
  sink->uncommitted_records = 0;
  for (size_t i = 0; i < sink->n_queue; i++) {
    engine->queued_bytes -= sink->queue[i]->n_bytes;
    sink_batch_free(sink->queue[i]);
  }
  sink->n_queue = 0;
  return true;
}

static void log_append(struct engine_sink *sink) {
  struct log_given_up record = {slice_of(sink->stage->name), sink->debt};
  struct buf body;
  buf_init(&body);
  log_given_up_put(&body, &record);
  struct slice part = buf_slice(&body);
  sink->pending_epoch = sink->debt.upto_epoch;
  sink->pending_lsn = wal_append(sink->engine->wal, LOG_GIVEN_UP, &part, 1);
  sink->debt_logged = true;
  buf_fini(&body);
}

void engine_give_up_settle(struct engine *engine) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    if (!sink->giving_up) continue;
    sink->giving_up = false;
    sink->debt.upto_epoch = engine->released_epoch;
    sink->held_epoch = sink->given_up_epoch = engine->released_epoch;
    if (sink->debt.from_epoch <= sink->debt.upto_epoch) log_append(sink);
  }
}

static void say(struct engine_sink *sink) {
  struct engine *engine = sink->engine;
  const struct sink_debt *debt = &sink->debt;
  char *text = mem_printf(
      "given up as asked: what it owed of epochs %" PRIu64 " to %" PRIu64 ", %" PRIu64 " record%s",
      debt->from_epoch, debt->upto_epoch, debt->records, debt->records == 1 ? "" : "s");
  diag_say(engine->diag, MESSAGE_SINK_GAVE_UP, &sink->where, "%s", text);
  buf_printf(&engine->given_up, "  sink %s: %s\n", sink->stage->name, text);
  free(text);
  sink->meters.given_up_epochs += debt->upto_epoch - debt->from_epoch + 1;
  sink->meters.given_up_records += debt->records;
}

bool engine_give_up_turn(struct engine_sink *sink) {
  struct engine *engine = sink->engine;
  if (sink->debt_logged && sink->committed_epoch >= sink->pending_epoch) {
    sink->debt_logged = false;
    say(sink);
  }
  if (sink->giving_up || sink->open) return !sink->giving_up && !sink->opening;
  bool goes_on =
      engine->state == ENGINE_RUNNING || engine->state == ENGINE_RECOVERING || sink->n_queue > 0;
  if (!goes_on || sink->pending_epoch > sink->committed_epoch) return false;
  struct err err;
  if (engine_sink_open(sink, &err) != 0) engine_fail(engine, &err);
  return !sink->opening;
}

void engine_given_up(struct engine *engine, struct buf *out) {
  buf_put_slice(out, buf_slice(&engine->given_up));
  buf_clear(&engine->given_up);
}
