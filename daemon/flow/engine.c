/* engine: see engine.h; the life of an epoch, and the order of a turn. */
#include "daemon/flow/engine_internal.h"
#include "daemon/flow/log_unrun.h"

#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAYLOAD_BYTES_MAX (1u << 20) /* of one payload record */
#define WAL_PENDING_BYTES_MAX (64u << 20)
#define SPARE_SEGMENTS 1

void engine_fail(struct engine *engine, const struct err *err) {
  if (engine->state == ENGINE_FAILED) return;
  engine->error = *err;
  engine->state = ENGINE_FAILED;
}

/* ------------------------------------------------------------------ running an epoch */

static void epoch_run(void *arg) { /* on the runner's thread */
  struct epoch *epoch = arg;
  runner_run(epoch->engine->runner, epoch);
}

static void epoch_ran(void *arg) { /* on the loop */
  struct epoch *epoch = arg;
  struct engine *engine = epoch->engine;
  engine->n_run++;
  engine->next_clock_us = epoch->next_clock_us;
  engine->records += epoch->n_records;
  engine->bytes += epoch->bytes;
  engine_meters_ran(engine, epoch);
  engine_taps_tell(engine, epoch);
}

void engine_start(struct engine *engine, struct epoch *epoch) {
  array_grow((void **)&engine->epochs, &engine->cap_epochs, engine->n_epochs,
             sizeof *engine->epochs);
  engine->epochs[engine->n_epochs++] = epoch;
  engine->next_clock_us = TIME_MAX_US; /* the run will say */
  epoch->engine = engine;
  engine_taps_ask(engine, epoch);
  exec_submit(engine->runner_exec, (struct exec_job){epoch_run, epoch_ran, epoch});
}

/* ------------------------------------------------------------------ appending an epoch */

static bool payload_logged(const struct engine_source *source) {
  return !source->rereadable || source->stage->source_common->log_payload;
}

/* Chunks of one partition that follow each other are one range of the log. */
static bool follows(const struct log_input *input, const struct chunk *chunk) {
  return input->source == chunk->source && input->partition == chunk->partition &&
         input->to == chunk->from && input->flags >> 8 == (uint32_t)chunk->flags &&
         !(chunk->flags & (TAKE_TOO_LONG | TAKE_COUNTED | TAKE_ENVELOPED));
}

static void payload_append(struct engine *engine, struct slice bytes) {
  for (size_t at = 0; at < bytes.len; at += PAYLOAD_BYTES_MAX) {
    size_t len = bytes.len - at < PAYLOAD_BYTES_MAX ? bytes.len - at : PAYLOAD_BYTES_MAX;
    struct slice part = {bytes.data + at, len};
    wal_append(engine->wal, LOG_PAYLOAD, &part, 1);
  }
}

void engine_append_epoch(struct engine *engine, struct epoch *epoch) {
  struct log_epoch record = {.number = epoch->number,
                             .clock_us = epoch->clock_us,
                             .new_partitions = epoch->new_partitions,
                             .n_new = epoch->n_new,
                             .partition_ends = epoch->partition_ends,
                             .n_partition_ends = epoch->n_partition_ends,
                             .source_ends = epoch->source_ends,
                             .n_source_ends = epoch->n_source_ends};
  record.notes = engine_notes_append(engine, epoch);
  record.n_notes = epoch->n_notes;
  record.inputs = mem_zalloc((epoch->n_chunks + 1) * sizeof *record.inputs);
  bool at_most_once = engine->settings->delivery == DELIVERY_AT_MOST_ONCE;
  for (size_t i = 0; i < epoch->n_chunks; i++) {
    const struct chunk *chunk = &epoch->chunks[i];
    struct engine_source *source = &engine->sources[chunk->source];
    struct log_input *input = record.n_inputs > 0 ? &record.inputs[record.n_inputs - 1] : NULL;
    if (input == NULL || !follows(input, chunk)) {
      input = &record.inputs[record.n_inputs++];
      *input = (struct log_input){.source = chunk->source,
                                  .partition = chunk->partition,
                                  .from = chunk->from,
                                  .flags = (uint32_t)chunk->flags << 8};
    }
    input->to = chunk->to;
    input->bytes += chunk->len;
    input->crc = crc32c(input->crc, chunk->data, chunk->len);
    source->partitions[chunk->partition].seen.position = chunk->to;
    if (payload_logged(source) && !at_most_once) {
      input->flags |= LOG_INPUT_PAYLOAD;
      engine->payload_epoch = epoch->number;
      payload_append(engine, (struct slice){chunk->data, chunk->len});
    }
  }
  record.rejects = mem_zalloc((epoch->n_rejects + 1) * sizeof *record.rejects);
  for (; record.n_rejects < epoch->n_rejects; record.n_rejects++) {
    const struct epoch_reject *reject = &epoch->rejects[record.n_rejects];
    record.rejects[record.n_rejects] =
        (struct log_reject){reject->sink, reject->upto_epoch, reject->body.len,
                            crc32c(0, reject->body.data, reject->body.len)};
    engine->payload_epoch = epoch->number;
    payload_append(engine, reject->body);
  }
  for (size_t i = 0; i < epoch->n_partition_ends; i++) {
    const struct partition_id *id = &epoch->partition_ends[i];
    engine_partition_ended(&engine->sources[id->source], id->partition, epoch->number);
  }
  for (size_t i = 0; i < epoch->n_source_ends; i++)
    engine->sources[epoch->source_ends[i]].end_logged = true;
  struct buf body;
  buf_init(&body);
  log_epoch_put(&body, &record);
  struct slice part = buf_slice(&body);
  epoch->end_lsn = engine->last_lsn = wal_append(engine->wal, LOG_EPOCH, &part, 1);
  buf_fini(&body);
  engine_rejects_appended(engine, epoch);
  free(record.inputs);
  free(record.notes);
  free(record.rejects);
  engine_acks_add(engine, epoch);
  engine_commits_add(engine, epoch);
}

/* ------------------------------------------------------------------ the steps of a turn */

static void number_append(struct engine *engine, uint16_t kind, uint64_t number) {
  struct buf body;
  buf_init(&body);
  field_put_u64(&body, number);
  struct slice part = buf_slice(&body);
  wal_append(engine->wal, kind, &part, 1);
  buf_fini(&body);
}

/* All that was taken from this epoch on can be taken again: then the log says that it was taken
 * back, and the positions are where they were. Payload can't: it stays, and the next start runs it
 * again, with a changed configuration too, for it had no effect. Neither holds for what a sink got
 * before the configuration said stop. */
static void epochs_abandon(struct engine *engine, uint64_t from) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    const struct engine_sink *sink = &engine->sinks[i];
    if (sink->held_epoch >= from || sink->committed_epoch >= from) return;
  }
  if (engine->payload_epoch < from) {
    number_append(engine, LOG_ABANDON, from);
    return;
  }
  struct buf body;
  buf_init(&body);
  log_unrun_put(&body, from, engine->graph);
  struct slice part = buf_slice(&body);
  wal_append(engine->wal, LOG_UNRUN, &part, 1);
  buf_fini(&body);
}

static void stop_begin(struct engine *engine, struct epoch *epoch) {
  engine->stopping = true;
  engine->error = epoch->stop;
  engine->state = ENGINE_DRAINING;
  engine_recover_end(engine); /* what the log has behind it stays there, or is taken back too */
  epochs_abandon(engine, epoch->number);
}

/* Outputs leave once the log is synced up to their epoch, in order. */
static void release(struct engine *engine) {
  bool wait = engine->settings->delivery != DELIVERY_AT_LEAST_ONCE;
  while (engine->n_run > 0 && !engine->stopping) {
    struct epoch *epoch = engine->epochs[0];
    if (wait && !epoch->replayed && wal_synced_lsn(engine->wal) < epoch->end_lsn) return;
    if (epoch->stopped) {
      stop_begin(engine, epoch);
      return;
    }
    engine_sinks_give(engine, epoch);
    engine->released_epoch = epoch->number;
    engine->n_run--;
    engine->n_epochs--;
    memmove(engine->epochs, engine->epochs + 1, engine->n_epochs * sizeof *engine->epochs);
    epoch_free(epoch);
  }
}

/* One budget over queues and state. Queues wait for room; state alone beyond it cannot be mended.
 */
static enum held memory_held(struct engine *engine) {
  uint64_t state = runner_state_bytes(engine->runner) +
                   atomic_load_explicit(&engine->notes_account.bytes, memory_order_relaxed);
  uint64_t in_flight = 0;
  for (size_t i = 0; i < engine->n_epochs; i++) in_flight += engine->epochs[i]->bytes;
  uint64_t queues = engine->queued_bytes + in_flight + wal_pending_bytes(engine->wal);
  uint64_t max = engine->settings->memory_max_bytes;
  if (state > max) {
    struct err err;
    err_set(
        &err, ERR_LIMIT,
        "the state needs %" PRIu64 " MiB, more than memory.max (%" PRIu64
        " MiB): raise memory.max, or hold less (a shorter ttl or allowed_lateness, fewer groups)",
        state >> 20, max >> 20);
    engine_fail(engine, &err);
    return HELD_MEMORY;
  }
  if (queues >= engine->settings->queue_bytes) return HELD_QUEUES;
  return queues > 0 && state + queues >= max ? HELD_MEMORY : HELD_NOT;
}

static enum held start_held(struct engine *engine) {
  if (engine->n_epochs - engine->n_run >= EPOCHS_IN_FLIGHT_MAX - 1) return HELD_PROCESSING;
  return memory_held(engine);
}

static int opened(struct engine *engine, struct err *err);

static void replay(struct engine *engine) {
  struct err err;
  if (engine->state == ENGINE_FAILED || engine_sinks_opening(engine)) return;
  if (!engine->opened && opened(engine, &err) != 0) {
    engine_fail(engine, &err);
    return;
  }
  while (start_held(engine) == HELD_NOT) {
    struct epoch *epoch;
    int more = engine->settings->delivery == DELIVERY_AT_MOST_ONCE
                   ? 0
                   : engine_recover_next(engine, &epoch, &err);
    if (more < 0) {
      engine_fail(engine, &err);
      return;
    }
    if (more == 2) return;
    if (more == 0) {
      if (engine->n_epochs > 0) return; /* the last ones are running */
      engine_recover_end(engine);
      engine->released_epoch = engine->last_epoch;
      engine->next_clock_us = runner_next_clock_us(engine->runner);
      if (engine->state == ENGINE_RECOVERING) {
        engine->state = ENGINE_RUNNING;
        engine_give_up_settle(engine);
      }
      engine_meters_begin(engine);
      engine_commits_recovered(engine);
      if (engine->replayed_epochs > 0) {
        diag_say(engine->diag, MESSAGE_RECOVERY_FINISHED, &engine->where,
                 "recovered: %" PRIu64 " epochs of the log were run again",
                 engine->replayed_epochs);
      }
      return;
    }
    engine->replayed_epochs++;
    engine_start(engine, epoch);
  }
}

static enum held take_held(struct engine *engine) {
  enum held held = start_held(engine);
  if (held != HELD_NOT) return held;
  bool stalls =
      wal_stall(engine->wal) != NULL || wal_pending_bytes(engine->wal) >= WAL_PENDING_BYTES_MAX;
  return stalls ? HELD_LOG : HELD_NOT;
}

static void take(struct engine *engine) {
  bool draining = engine->state == ENGINE_DRAINING || engine->state == ENGINE_PAUSING;
  bool rest = draining && engine->recovery == NULL && !engine->stopping;
  if (!rest && engine->state != ENGINE_RUNNING) engine_meters_held(engine, HELD_NOT);
  while (rest || engine->state == ENGINE_RUNNING) {
    enum held held = take_held(engine);
    engine_meters_held(engine, held);
    engine->held_up = held != HELD_NOT;
    if (engine->held_up) return;
    struct epoch *epoch = rest ? engine_take_rest(engine) : engine_take(engine);
    if (epoch == NULL) return;
    engine_append_epoch(engine, epoch);
    engine_start(engine, epoch);
  }
}

static void log_watch(struct engine *engine) {
  struct err err;
  if (wal_failed(engine->wal, &err) != 0) {
    engine_fail(engine, &err);
  } else if (engine->log_is_new && engine->opened &&
             wal_synced_lsn(engine->wal) > wal_begin_lsn(engine->wal)) {
    engine->log_is_new = false;
    if (state_dir_set_in_force(engine, &err) != 0) engine_fail(engine, &err);
  }
}

static bool all_sources_ended(const struct engine *engine) {
  for (size_t i = 0; i < engine->n_sources; i++) {
    if (!engine->sources[i].ended) return false;
  }
  return engine->n_sources > 0 && engine->open_epoch == NULL;
}

static bool sinks_idle(const struct engine *engine) {
  if (engine_rejects_any(engine)) return false;
  for (size_t i = 0; i < engine->n_sinks; i++) {
    if (engine->sinks[i].n_queue > 0 || engine->sinks[i].busy != SINK_IDLE) return false;
  }
  return true;
}

/* Drained or paused: delivered, committed, a last snapshot, and the log says so. */
static void finish(struct engine *engine) {
  if (engine->recovery != NULL || engine->state == ENGINE_FAILED) return;
  if (engine->open_epoch != NULL && !engine->stopping) return;
  if (engine->state == ENGINE_RUNNING && all_sources_ended(engine)) engine->state = ENGINE_DRAINING;
  if (engine->state != ENGINE_DRAINING && engine->state != ENGINE_PAUSING) return;
  /* When stopping, what was taken behind the record still runs to its end, for nothing. */
  size_t left = engine->stopping ? engine->n_epochs - engine->n_run : engine->n_epochs;
  if (left > 0 || !sinks_idle(engine)) return;
  engine_give_up_settle(engine);
  engine->commit_wanted = engine->released_epoch;
  engine_sinks_turn(engine);
  if (!engine_sinks_all(engine, engine->released_epoch)) {
    wal_sync_now(engine->wal);
    return;
  }
  bool in_snapshot = engine->n_kept > 0 && engine->kept[0].epoch >= engine->last_epoch;
  if (!engine->stopping && !in_snapshot && engine->last_epoch > 0) {
    if (!engine->snapshot_failed) {
      wal_sync_now(engine->wal);
      engine_snapshot_turn(engine, true);
      return;
    }
    /* An end does without one. A change does not: the epochs in front of it would have to be run
     * again by this configuration. The next try is when it is time. */
    if (engine->state == ENGINE_PAUSING) return;
  }
  if (engine->snapshot != NULL) return;
  if (!engine->drained_logged) {
    if (!engine->stopping) number_append(engine, LOG_DRAINED, engine->last_epoch);
    engine->drained_logged = true;
  }
  if (wal_synced_lsn(engine->wal) < wal_end_lsn(engine->wal)) {
    wal_sync_now(engine->wal);
    return;
  }
  if (engine->stopping) {
    struct err stop = engine->error;
    engine_fail(engine, &stop);
  } else {
    engine->state = engine->state == ENGINE_PAUSING ? ENGINE_PAUSED : ENGINE_DONE;
  }
}

static bool at_rest(const struct engine *engine) {
  return engine->state == ENGINE_DONE || engine->state == ENGINE_FAILED ||
         engine->state == ENGINE_PAUSED || engine->state == ENGINE_FOREIGN;
}

void engine_turn(struct engine *engine) {
  if (at_rest(engine)) return;
  log_watch(engine);
  engine_acks_turn(engine);
  release(engine);
  engine_sinks_turn(engine);
  engine_commits_turn(engine);
  if (engine->recovery != NULL) replay(engine);
  take(engine);
  engine_clock_turn(engine);
  engine_snapshot_turn(engine, false);
  finish(engine);
}

int64_t engine_next_turn_us(const struct engine *engine) {
  if (at_rest(engine)) return TIME_MAX_US;
  int64_t now_us = clock_wall_us(engine->io->clock), mono_us = clock_mono_us(engine->io->clock);
  int64_t next = engine_sinks_next_us(engine);
  int64_t checkpoint_us =
      now_us + (engine->next_checkpoint_us > mono_us ? engine->next_checkpoint_us - mono_us : 0);
  if (checkpoint_us < next) next = checkpoint_us;
  /* What holds us up ends with a turn, and so does the epoch that is being run. */
  bool takes =
      engine->state == ENGINE_RUNNING && !engine->held_up && engine->n_epochs == engine->n_run;
  if (takes && engine->next_clock_us < next) next = engine->next_clock_us;
  if (takes && engine->open_epoch != NULL) {
    int64_t left_us = engine->open_since_us + engine->settings->epoch_linger_us - mono_us;
    if (now_us + left_us < next) next = now_us + left_us;
  }
  return next;
}

/* ------------------------------------------------------------------ opening and closing */

static void log_changed(void *arg) {
  (void)arg; /* noted: the turn that follows looks */
}

static void sources_make(struct engine *engine) {
  const struct graph *graph = engine->graph;
  engine->n_sources = graph->n_kind[STAGE_SOURCE];
  engine->n_sinks = graph->n_kind[STAGE_SINK];
  engine->sources = mem_zalloc(engine->n_sources * sizeof *engine->sources);
  engine->sinks = mem_zalloc(engine->n_sinks * sizeof *engine->sinks);
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    if (stage->kind == STAGE_SOURCE) {
      struct engine_source *source = &engine->sources[stage->kind_index];
      source->engine = engine;
      source->stage = stage;
      source->instance = stage->component->instance;
      diag_where_init(&source->where, engine->settings->name, "source", stage->name);
      source->rereadable = stage->source->flags(source->instance) & SOURCE_REREADABLE;
      source->ctx = (struct source_ctx){engine->io,           engine->diag,   &source->where,
                                        stage->source_common, engine->folder, source};
    } else if (stage->kind == STAGE_SINK) {
      struct engine_sink *sink = &engine->sinks[stage->kind_index];
      sink->engine = engine;
      sink->stage = stage;
      sink->instance = stage->component->instance;
      diag_where_init(&sink->where, engine->settings->name, "sink", stage->name);
      sink->id = mem_printf("%s/%s", engine->settings->name, stage->name);
      sink->ctx = (struct sink_ctx){.io = engine->io,
                                    .diag = engine->diag,
                                    .where = &sink->where,
                                    .id = sink->id,
                                    .folder = engine->folder,
                                    .delivery = (enum delivery)engine->settings->delivery,
                                    .common = stage->component->common,
                                    .codec = stage->codec,
                                    .engine = sink,
                                    .early = engine->settings->delivery == DELIVERY_AT_LEAST_ONCE};
      buf_init(&sink->state);
      buf_init(&sink->rejected);
    }
  }
}

/* The sinks have said what they hold: the configuration is in force from here on. */
static int opened(struct engine *engine, struct err *err) {
  engine->opened = true;
  if (engine_recover_opened(engine, err) != 0) return -1;
  if (state_dir_keep_config(engine, err) != 0) return -1;
  if (!engine->log_is_new && state_dir_set_in_force(engine, err) != 0) return -1;
  number_append(engine, LOG_CONFIG, engine->graph->pipeline->id);
  return 0;
}

static int open_all(struct engine *engine, struct err *err) {
  const struct pipeline_settings *settings = engine->settings;
  uint64_t log_id = 0;
  bool used = false;
  if (state_dir_open(engine, &log_id, &used, err) != 0) return -1;
  engine->log_is_new = !used;
  snprintf(engine->folder, sizeof engine->folder, "%016" PRIx64, log_id);
  struct wal_options options = {.dir = engine->log_dir,
                                .pipeline = settings->name,
                                .segment_bytes = settings->log_segment_bytes,
                                .spare_segments = SPARE_SEGMENTS,
                                .sync = (enum wal_sync)settings->log_sync,
                                .sync_interval_us = settings->log_sync_interval_us,
                                .log_id = log_id,
                                .must_exist = used};
  if (wal_open(&engine->wal, engine->io, &options, engine->diag, log_changed, engine, err) != 0)
    return -1;
  uint32_t workers =
      settings->workers > 0 ? (uint32_t)settings->workers : threads_cores(engine->io->threads);
  engine->runner = runner_new(engine->graph, workers, (uint32_t)settings->shards, engine->diag);
  engine->runner_exec = exec_new(engine->io->threads, engine->io->loop, "runner");
  engine->snapshot_exec = exec_new(engine->io->threads, engine->io->loop, "snapshot");
  engine->next_checkpoint_us = clock_mono_us(engine->io->clock) + settings->checkpoint_interval_us;
  if (engine_recover_begin(engine, err) != 0) return -1;
  if (engine->state == ENGINE_FOREIGN || engine_sinks_opening(engine)) return 0;
  return opened(engine, err);
}

static int open_new(struct engine **made, const struct graph *graph, struct io *io,
                    const struct diag *diag, bool catching_up, struct err *err) {
  struct engine *engine = mem_zalloc(sizeof *engine);
  engine->catching_up = catching_up;
  engine->graph = graph;
  engine->settings = &graph->pipeline->settings;
  engine->io = io;
  engine->diag = diag;
  diag_where_init(&engine->where, engine->settings->name, NULL, NULL);
  engine->clock_us = TIME_MIN_US;
  engine->next_clock_us = TIME_MAX_US;
  engine->epoch_bytes_max = engine->settings->epoch_bytes;
  engine_meters_open(engine);
  sources_make(engine);
  if (open_all(engine, err) != 0) {
    engine_close(engine);
    return -1;
  }
  if (catching_up) engine_pause(engine);
  *made = engine;
  return 0;
}

int engine_open(struct engine **engine, const struct graph *graph, struct io *io,
                const struct diag *diag, struct err *err) {
  return open_new(engine, graph, io, diag, false, err);
}

int engine_open_to_finish(struct engine **engine, const struct graph *graph, struct io *io,
                          const struct diag *diag, struct err *err) {
  return open_new(engine, graph, io, diag, true, err);
}

void engine_drain(struct engine *engine) {
  bool pausing = engine->state == ENGINE_PAUSING || engine->state == ENGINE_PAUSED;
  if (engine->state != ENGINE_RUNNING && engine->state != ENGINE_RECOVERING && !pausing) return;
  if (!engine->opened) {
    struct err err;
    err_set(&err, ERR_RETRY,
            "stopped while a sink was being waited for; nothing is lost, the next start goes on");
    engine_fail(engine, &err);
    return;
  }
  engine->state = ENGINE_DRAINING;
  for (size_t i = 0; i < engine->n_sources; i++) {
    const struct engine_source *source = &engine->sources[i];
    if (source->stage->source->stop != NULL) source->stage->source->stop(source->instance);
  }
}

void engine_pause(struct engine *engine) {
  if (engine->state == ENGINE_RUNNING || engine->state == ENGINE_RECOVERING)
    engine->state = ENGINE_PAUSING;
}

void engine_resume(struct engine *engine) {
  if (engine->state != ENGINE_PAUSING && engine->state != ENGINE_PAUSED) return;
  engine->state = engine->recovery != NULL ? ENGINE_RECOVERING : ENGINE_RUNNING;
  engine->drained_logged = false;
  if (engine->recovery == NULL) engine_give_up_settle(engine);
}

void engine_detach(struct engine *engine) {
  for (size_t i = 0; i < engine->n_sources; i++) engine->sources[i].open = false;
  for (size_t i = 0; i < engine->n_sinks; i++) engine->sinks[i].open = false;
}

uint64_t engine_foreign(const struct engine *engine) {
  return engine->foreign_config;
}

enum engine_state engine_state(const struct engine *engine) {
  return engine->state;
}

const struct err *engine_error(const struct engine *engine) {
  return &engine->error;
}

void engine_figures(const struct engine *engine, struct engine_figures *figures) {
  *figures =
      (struct engine_figures){.state = engine->state,
                              .epoch = engine->last_epoch,
                              .released_epoch = engine->released_epoch,
                              .snapshot_epoch = engine->n_kept > 0 ? engine->kept[0].epoch : 0,
                              .records = engine->records,
                              .bytes = engine->bytes,
                              .replayed_epochs = engine->replayed_epochs,
                              .queued_bytes = engine->queued_bytes,
                              .state_bytes = runner_state_bytes(engine->runner),
                              .watermark_us = TIME_MAX_US,
                              .stall = wal_stall(engine->wal),
                              .progress = engine->n_sources > 0 ? 0 : -1,
                              .snapshot_pause_us_max = engine->snapshot_pause_us_max};
  for (size_t i = 0; i < engine->n_sources; i++) {
    const struct engine_source *source = &engine->sources[i];
    int64_t watermark_us = engine_stage_figures(engine, source->stage->index)->watermark_us;
    if (watermark_us < figures->watermark_us) figures->watermark_us = watermark_us;
    double share = source->ended ? 1
                   : source->open && source->stage->source->progress != NULL
                       ? source->stage->source->progress(source->instance)
                       : -1;
    if (share < 0 || figures->progress < 0)
      figures->progress = -1;
    else
      figures->progress += share / (double)engine->n_sources;
  }
}

const struct stage_figures *engine_stage_figures(const struct engine *engine, uint32_t stage) {
  return runner_figures(engine->runner, stage);
}

void engine_close(struct engine *engine) {
  if (engine == NULL) return;
  engine_taps_end(engine);
  /* Jobs end first: they use everything below. Answers that were not collected are dropped. */
  exec_free(engine->runner_exec);
  exec_free(engine->snapshot_exec);
  engine_recover_end(engine);
  for (size_t i = 0; i < engine->n_sources; i++) {
    struct engine_source *source = &engine->sources[i];
    if (source->open) source->stage->source->close(source->instance);
    engine_partitions_free(source);
    free(source->partitions);
    free(source->free_numbers);
    engine_notes_forget(source);
    diag_where_fini(&source->where);
  }
  free(engine->sources);
  engine_sinks_close(engine);
  wal_close(engine->wal);
  runner_free(engine->runner);
  for (size_t i = 0; i < engine->n_epochs; i++) epoch_free(engine->epochs[i]);
  epoch_free(engine->open_epoch);
  free(engine->epochs);
  free(engine->acks);
  free(engine->commits);
  free(engine->configs);
  free(engine->damaged);
  buf_fini(&engine->given_up);
  engine_meters_fini(engine);
  engine_snapshot_drop(engine);
  state_dir_close(engine);
  diag_where_fini(&engine->where);
  free(engine);
}
