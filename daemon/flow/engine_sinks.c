/* engine_sinks: outputs on their way. Each sink has a queue of batches in order of epochs, is given
 * the next when it has answered or accepted the one before, and commits when asked to and all up to
 * there is delivered. What a sink has committed is logged; it counts once that record is synced. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

#define RETRY_FIRST_US (100 * 1000)
#define RETRY_MOST_US (10 * TIME_SECOND_US)

static void commit_log(struct engine_sink *sink, uint64_t epoch, struct slice state) {
  struct log_sink record = {slice_of(sink->stage->name), epoch, state};
  struct buf body;
  buf_init(&body);
  log_sink_put(&body, &record);
  struct slice part = buf_slice(&body);
  sink->pending_epoch = epoch;
  sink->pending_lsn = wal_append(sink->engine->wal, LOG_SINK, &part, 1);
  buf_fini(&body);
}

int engine_sink_open(struct engine_sink *sink, struct err *err) {
  uint64_t held = sink->committed_epoch;
  sink->open = sink->opening = true;
  int result =
      sink->stage->sink->open(sink->instance, &sink->ctx, buf_slice(&sink->state), &held, err);
  if (result < 0) return err_wrap(err, "sink %s", sink->stage->name);
  if (result == 0) sink_opened(&sink->ctx, held);
  return 0;
}

int engine_sinks_open(struct engine *engine, struct err *err) {
  for (size_t i = 0; i < engine->n_sinks; i++)
    if (engine_sink_open(&engine->sinks[i], err) != 0) return -1;
  return engine_sinks_opening(engine) ? 1 : 0;
}

void sink_opened(struct sink_ctx *ctx, uint64_t held_epoch) {
  struct engine_sink *sink = ctx->engine;
  sink->opening = false;
  /* It does not know of what it was let off. */
  if (held_epoch < sink->given_up_epoch) held_epoch = sink->given_up_epoch;
  sink->held_epoch = sink->committed_epoch = held_epoch;
}

void sink_open_failed(struct sink_ctx *ctx, const struct err *err) {
  struct engine_sink *sink = ctx->engine;
  struct err wrapped = *err;
  err_wrap(&wrapped, "sink %s", sink->stage->name);
  engine_fail(sink->engine, &wrapped);
}

bool engine_sinks_opening(const struct engine *engine) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    if (engine->sinks[i].opening) return true;
  }
  return false;
}

struct engine_sink *engine_sink_find(const struct engine *engine, struct slice name) {
  for (size_t i = 0; i < engine->n_sinks; i++)
    if (slice_is(name, engine->sinks[i].stage->name)) return &engine->sinks[i];
  return NULL;
}

static size_t gone_find(const struct engine *engine, struct slice name) {
  size_t i = 0;
  while (i < engine->n_gone_sinks && !slice_is(name, engine->gone_sinks[i].name)) i++;
  return i;
}

void engine_sink_unknown(struct engine *engine, struct slice name, uint64_t committed_epoch) {
  size_t at = gone_find(engine, name);
  if (at == engine->n_gone_sinks) {
    array_grow((void **)&engine->gone_sinks, &engine->cap_gone_sinks, engine->n_gone_sinks,
               sizeof *engine->gone_sinks);
    engine->gone_sinks[engine->n_gone_sinks++].name = mem_strndup(name.data, name.len);
  }
  engine->gone_sinks[at].committed_epoch = committed_epoch;
}

uint64_t engine_sinks_least(const struct engine *engine) {
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < engine->n_sinks; i++) {
    const struct engine_sink *sink = &engine->sinks[i];
    if (sink->registered && sink->committed_epoch < least) least = sink->committed_epoch;
  }
  for (size_t i = 0; i < engine->n_gone_sinks; i++) {
    if (engine->gone_sinks[i].committed_epoch < least)
      least = engine->gone_sinks[i].committed_epoch;
  }
  return least;
}

void engine_sink_gone(struct engine *engine, struct slice name) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    if (!slice_is(name, sink->stage->name)) continue;
    sink->registered = false;
    sink->committed_epoch = sink->rejected_epoch = sink->given_up_epoch = 0;
    buf_clear(&sink->state);
  }
  size_t at = gone_find(engine, name);
  if (at == engine->n_gone_sinks) return;
  free(engine->gone_sinks[at].name); /* the name may be this one */
  engine->gone_sinks[at] = engine->gone_sinks[--engine->n_gone_sinks];
}

void engine_sinks_close(struct engine *engine) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    if (sink->open) sink->stage->sink->close(sink->instance);
    for (size_t k = 0; k < sink->n_queue; k++) sink_batch_free(sink->queue[k]);
    free(sink->queue);
    buf_fini(&sink->state);
    buf_fini(&sink->rejected);
    diag_where_fini(&sink->where);
    free(sink->id);
  }
  free(engine->sinks);
  for (size_t i = 0; i < engine->n_gone_sinks; i++) free(engine->gone_sinks[i].name);
  free(engine->gone_sinks);
}

void engine_sinks_give(struct engine *engine, struct epoch *epoch) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    struct sink_batch *batch = epoch->batches[i];
    if (batch == NULL || epoch->number <= sink->held_epoch) continue; /* freed with the epoch */
    if (sink->giving_up) {
      engine_give_up_batch(sink, batch);
      continue;
    }
    epoch->batches[i] = NULL;
    batch->engine = sink;
    array_grow((void **)&sink->queue, &sink->cap_queue, sink->n_queue, sizeof *sink->queue);
    sink->queue[sink->n_queue++] = batch;
    engine->queued_bytes += batch->n_bytes;
  }
}

/* Everything up to this epoch was written, as far as there was anything for the sink. */
uint64_t engine_sink_written(const struct engine_sink *sink) {
  uint64_t written = sink->n_queue > 0 ? sink->queue[0]->epoch - 1 : sink->engine->released_epoch;
  return written > sink->held_epoch ? written : sink->held_epoch;
}

/* ------------------------------------------------------------------ answers */

static void retry_later(struct engine_sink *sink, const struct err *err) {
  struct engine *engine = sink->engine;
  sink->meters.retries++;
  sink->retry_delay_us = sink->retry_delay_us == 0 ? RETRY_FIRST_US : sink->retry_delay_us * 2;
  if (sink->retry_delay_us > RETRY_MOST_US) sink->retry_delay_us = RETRY_MOST_US;
  sink->retry_at_us = clock_mono_us(engine->io->clock) + sink->retry_delay_us;
  sink->busy = SINK_WAITING;
  diag_say(engine->diag, MESSAGE_SINK_RETRY, &sink->where,
           "%s; trying again in %.1f s, nothing is lost", err->text,
           (double)sink->retry_delay_us / 1e6);
}

void sink_delivered(struct sink_batch *batch) {
  struct engine_sink *sink = batch->engine;
  engine_rejects_answered(sink, batch, true);
  sink_meters_delivered(sink, batch);
  sink->uncommitted_records += batch->n_records;
  sink->engine->queued_bytes -= batch->n_bytes;
  /* The one being written is the last of those that are out. */
  if (sink->n_out == 1 && sink->busy == SINK_WRITING) sink->busy = SINK_IDLE;
  sink->n_out--;
  sink->n_queue--;
  memmove(sink->queue, sink->queue + 1, sink->n_queue * sizeof *sink->queue);
  sink->retry_delay_us = 0;
  sink_batch_free(batch);
}

void sink_accepted(struct sink_batch *batch) {
  batch->engine->busy = SINK_IDLE;
}

void sink_retry(struct sink_batch *batch, const struct err *err) {
  struct engine_sink *sink = batch->engine;
  for (size_t i = 0; i < sink->n_out; i++) engine_rejects_answered(sink, sink->queue[i], false);
  sink->n_out = 0;
  retry_later(sink, err);
}

static void failed(struct engine_sink *sink, const struct err *err) {
  struct err wrapped = *err;
  err_wrap(&wrapped, "sink %s", sink->stage->name);
  sink->busy = SINK_IDLE;
  engine_fail(sink->engine, &wrapped);
}

void sink_failed(struct sink_batch *batch, const struct err *err) {
  failed(batch->engine, err);
}

void sink_committed(struct sink_commit *commit, struct slice state) {
  struct engine_sink *sink = commit->engine;
  buf_clear(&sink->state);
  buf_put_slice(&sink->state, state);
  if (sink->busy == SINK_COMMITTING) sink->busy = SINK_IDLE;
  sink->retry_delay_us = 0;
  sink->uncommitted_records = 0;
  commit_log(sink, commit->epoch, state);
}

void sink_commit_retry(struct sink_commit *commit, const struct err *err) {
  commit->engine->retry_commit = true;
  retry_later(commit->engine, err);
}

void sink_commit_failed(struct sink_commit *commit, const struct err *err) {
  failed(commit->engine, err);
}

/* ------------------------------------------------------------------ a turn */

static void sink_turn(struct engine *engine, struct engine_sink *sink) {
  if (sink->pending_epoch > sink->committed_epoch &&
      wal_synced_lsn(engine->wal) >= sink->pending_lsn) {
    sink->committed_epoch = sink->pending_epoch;
    if (sink->open && sink->stage->sink->committed != NULL)
      sink->stage->sink->committed(sink->instance);
  }
  engine_rejects_turn(sink);
  if (!engine_give_up_turn(sink)) return;
  if (sink->busy == SINK_WAITING) {
    if (clock_mono_us(engine->io->clock) < sink->retry_at_us) return;
    sink->busy = SINK_IDLE;
  }
  while (sink->busy == SINK_IDLE && engine->state != ENGINE_FAILED) {
    uint64_t done = engine_sink_written(sink);
    /* The next commit waits until the log holds the one before for good. */
    bool settled = sink->pending_epoch <= sink->committed_epoch && !engine_rejects_wait(sink);
    bool wanted = engine->commit_wanted > sink->committed_epoch && done >= engine->commit_wanted;
    if (settled && (sink->retry_commit || wanted)) {
      sink->busy = SINK_COMMITTING;
      sink->retry_commit = false;
      sink->commit = (struct sink_commit){.epoch = done, .engine = sink};
      sink->stage->sink->commit(sink->instance, &sink->commit);
    } else if (sink->n_queue > sink->n_out) {
      sink->busy = SINK_WRITING;
      struct sink_batch *batch = sink->queue[sink->n_out++];
      sink_meters_began(sink, batch);
      sink->stage->sink->write(sink->instance, batch);
    } else {
      return;
    }
  }
}

void engine_sinks_turn(struct engine *engine) {
  for (size_t i = 0; i < engine->n_sinks; i++) sink_turn(engine, &engine->sinks[i]);
}

bool engine_sinks_all(const struct engine *engine, uint64_t epoch) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    if (engine->sinks[i].committed_epoch < epoch) return false;
  }
  return true;
}

int64_t engine_sinks_next_us(const struct engine *engine) {
  int64_t next = TIME_MAX_US;
  int64_t now_mono = clock_mono_us(engine->io->clock), now_wall = clock_wall_us(engine->io->clock);
  for (size_t i = 0; i < engine->n_sinks; i++) {
    const struct engine_sink *sink = &engine->sinks[i];
    if (sink->busy != SINK_WAITING) continue;
    int64_t at = now_wall + (sink->retry_at_us > now_mono ? sink->retry_at_us - now_mono : 0);
    if (at < next) next = at;
  }
  return next;
}
