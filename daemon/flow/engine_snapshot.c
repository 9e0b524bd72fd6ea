/* engine_snapshot: when a snapshot is made, and which are kept.
 *
 * One is made at the end of an epoch, on the runner's thread between two epochs, by a frozen copy
 * of the process; the pipeline goes on meanwhile. The rules that recovery counts on:
 *
 *  - a new one is begun only when all sinks have committed the newest kept one's epoch, so the
 * older of the two kept is never newer than what any sink holds;
 *  - a new one counts only when the log is synced up to its epoch (an epoch's outputs leave after
 * its sync, so a snapshot ahead of the log would hold effects that were never delivered);
 *  - the log is kept from the older of the two on.
 *
 * Behind each copy its memory is gathered (io/memory.h), which holds up whoever writes to what is
 * just being put together, and a copy being made too: so the next one waits until that is done. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

#define SECTION_VERSION 5

enum { SAVED_LIVE, SAVED_ENDED, SAVED_FREE }; /* what a partition's number stands for */

void engine_section_put(const struct engine *engine, uint64_t epoch, uint64_t lsn,
                        struct buf *out) {
  field_put_u32(out, SECTION_VERSION);
  field_put_u64(out, epoch);
  field_put_u64(out, lsn);
  field_put_u64(out, engine->graph->pipeline->id);
  field_put_i64(out, engine->clock_us);
  field_put_u64(out, engine->n_sources);
  for (size_t s = 0; s < engine->n_sources; s++) {
    const struct engine_source *source = &engine->sources[s];
    field_put_bytes(out, slice_of(source->stage->name));
    field_put_u64(out, source->stage->definition);
    field_put_u32(out, source->end_logged);
    uint64_t n = source->n_partitions;
    while (n > 0 && !source->partitions[n - 1].logged && !source->partitions[n - 1].used) n--;
    field_put_u64(out, n);
    for (uint64_t p = 0; p < n; p++) {
      const struct engine_partition *partition = &source->partitions[p];
      const struct source_partition *seen = &partition->seen;
      /* A number that nobody has, or one that the log does not know yet. */
      bool free_number = seen->forgotten || !partition->logged;
      field_put_u32(out, free_number ? SAVED_FREE : seen->ended ? SAVED_ENDED : SAVED_LIVE);
      if (free_number) continue;
      field_put_bytes(out, seen->name);
      field_put_bytes(out, seen->identity);
      field_put_u64(out, seen->position);
    }
    engine_notes_save(source, out);
  }
  field_put_u64(out, engine->n_sinks);
  for (size_t i = 0; i < engine->n_sinks; i++) {
    const struct engine_sink *sink = &engine->sinks[i];
    bool newer = sink->pending_epoch > sink->committed_epoch;
    field_put_bytes(out, slice_of(sink->stage->name));
    field_put_u64(out, newer ? sink->pending_epoch : sink->committed_epoch);
    field_put_bytes(out, buf_slice(&sink->state));
    field_put_u64(out, sink->rejected_epoch);
    field_put_u64(out, sink->given_up_epoch);
  }
}

/* source NULL: it is gone. */
static int source_get(struct engine_source *source, uint64_t epoch, struct slice body, size_t *at) {
  uint32_t ended = 0;
  uint64_t n = 0, definition = 0;
  if (field_get_u64(body, at, &definition) != 0 || field_get_u32(body, at, &ended) != 0 ||
      field_get_u64(body, at, &n) != 0) {
    return -1;
  }
  /* One that is defined otherwise may have more to give. */
  if (source != NULL && source->stage->definition == definition)
    source->ended = source->end_logged = ended != 0;
  for (uint64_t p = 0; p < n; p++) {
    struct slice name, identity;
    uint64_t position = 0;
    uint32_t saved = 0;
    name = identity = (struct slice){"", 0};
    if (field_get_u32(body, at, &saved) != 0 || saved > SAVED_FREE ||
        (saved != SAVED_FREE &&
         (field_get_bytes(body, at, &name) != 0 || field_get_bytes(body, at, &identity) != 0 ||
          field_get_u64(body, at, &position) != 0))) {
      return -1;
    }
    if (source == NULL) continue;
    uint32_t added = engine_partition_add(source, name, identity);
    source->partitions[added].logged = true;
    source->partitions[added].seen.position = position;
    if (saved == SAVED_ENDED) engine_partition_ended(source, added, epoch);
    if (saved == SAVED_FREE) engine_partition_forgotten(source, added, epoch);
  }
  return engine_notes_load(source, body, at);
}

static struct engine_source *source_of(struct engine *engine, struct slice name) {
  for (size_t i = 0; i < engine->n_sources; i++) {
    if (slice_is(name, engine->sources[i].stage->name)) return &engine->sources[i];
  }
  return NULL;
}

int engine_section_get(struct engine *engine, struct slice body, struct section_head *head) {
  size_t at = 0;
  uint32_t version = 0;
  uint64_t n = 0;
  if (field_get_u32(body, &at, &version) != 0 || version != SECTION_VERSION ||
      field_get_u64(body, &at, &head->epoch) != 0 || field_get_u64(body, &at, &head->lsn) != 0 ||
      field_get_u64(body, &at, &head->config) != 0 ||
      field_get_i64(body, &at, &engine->clock_us) != 0 || field_get_u64(body, &at, &n) != 0) {
    return -1;
  }
  for (uint64_t s = 0; s < n; s++) {
    struct slice name;
    if (field_get_bytes(body, &at, &name) != 0 ||
        source_get(source_of(engine, name), head->epoch, body, &at) != 0) {
      return -1;
    }
  }
  if (field_get_u64(body, &at, &n) != 0) return -1;
  for (uint64_t i = 0; i < n; i++) {
    struct slice name, state;
    uint64_t held = 0, rejected = 0, given_up = 0;
    if (field_get_bytes(body, &at, &name) != 0 || field_get_u64(body, &at, &held) != 0 ||
        field_get_bytes(body, &at, &state) != 0 || field_get_u64(body, &at, &rejected) != 0 ||
        field_get_u64(body, &at, &given_up) != 0) {
      return -1;
    }
    struct engine_sink *sink = engine_sink_find(engine, name);
    if (sink == NULL) { /* taken out of the configuration */
      engine_sink_unknown(engine, name, held);
      continue;
    }
    sink->registered = true;
    sink->committed_epoch = held;
    sink->rejected_epoch = rejected;
    sink->given_up_epoch = given_up;
    buf_clear(&sink->state);
    buf_put_slice(&sink->state, state);
  }
  return at == body.len ? 0 : -1;
}

/* ------------------------------------------------------------------ making one */

static int write_frozen(void *arg, struct err *err) {
  struct engine_snapshot *snapshot = arg;
  struct engine *engine = snapshot->engine;
  struct snapshot_writer *writer;
  if (snapshot_create(engine->io->disk, engine->snapshot_dir, snapshot->epoch, &writer, err) != 0) {
    return -1;
  }
  buf_put_slice(snapshot_begin(writer), buf_slice(&snapshot->section));
  if (snapshot_end(writer, "engine", 0, err) != 0 ||
      runner_save(engine->runner, writer, err) != 0) {
    snapshot_abandon(writer);
    return -1;
  }
  return snapshot_commit(writer, err);
}

static void freeze(void *arg) { /* on the runner's thread, between two epochs */
  struct engine_snapshot *snapshot = arg;
  struct io *io = snapshot->engine->io;
  if (runner_stopped(snapshot->engine->runner)) {
    snapshot->result = err_set(&snapshot->err, ERR_DATA, "a record stopped the pipeline");
    return;
  }
  int64_t from_us = clock_mono_us(io->clock);
  snapshot->result =
      frozen_start(io->threads, write_frozen, snapshot, &snapshot->frozen, &snapshot->err);
  snapshot->pause_us = clock_mono_us(io->clock) - from_us;
}

static void wait_frozen(void *arg) { /* on the snapshots' thread */
  struct engine_snapshot *snapshot = arg;
  snapshot->result = frozen_wait(snapshot->frozen, &snapshot->err);
  snapshot->frozen = NULL;
  struct io *io = snapshot->engine->io;
  if (snapshot->result == 0)
    snapshot->bytes = snapshot_bytes(io->disk, snapshot->engine->snapshot_dir, snapshot->epoch);
}

static void gather(void *arg) { /* on the snapshots' thread */
  struct engine *engine = arg;
  memory_gather(engine->io->memory);
}

static void gathered(void *arg) { /* on the loop */
  struct engine *engine = arg;
  engine->gathering = false;
}

static void snapshot_free(struct engine_snapshot *snapshot) {
  snapshot->engine->snapshot = NULL;
  buf_fini(&snapshot->section);
  free(snapshot);
}

void engine_snapshot_drop(struct engine *engine) {
  if (engine->snapshot == NULL) return;
  if (engine->snapshot->frozen != NULL) frozen_wait(engine->snapshot->frozen, NULL);
  snapshot_free(engine->snapshot);
}

static void written(void *arg) { /* on the loop */
  struct engine_snapshot *snapshot = arg;
  struct engine *engine = snapshot->engine;
  engine_meters_snapshot(engine, snapshot);
  if (snapshot->result == 0) {
    snapshot->written = true;
    return;
  }
  diag_say(engine->diag, MESSAGE_SNAPSHOT_FAILED, &engine->where,
           "no snapshot could be made: %s; the log is kept instead, the next try is in %.0f s",
           snapshot->err.text, (double)engine->settings->checkpoint_interval_us / 1e6);
  engine->snapshot_failed = true;
  snapshot_free(snapshot);
}

static void frozen(void *arg) { /* on the loop */
  struct engine_snapshot *snapshot = arg;
  struct engine *engine = snapshot->engine;
  if (!snapshot->last && snapshot->pause_us > engine->snapshot_pause_us_max) {
    engine->snapshot_pause_us_max = snapshot->pause_us;
  }
  if (snapshot->result != 0) {
    written(snapshot);
    return;
  }
  exec_submit(engine->snapshot_exec, (struct exec_job){wait_frozen, written, snapshot});
  if (snapshot->last) return;
  engine->gathering = true;
  exec_submit(engine->snapshot_exec, (struct exec_job){gather, gathered, engine});
}

/* Until now somebody could have repaired them. One may have been made anew under the same name. */
static void remove_damaged(struct engine *engine) {
  for (size_t i = 0; i < engine->n_damaged; i++) {
    uint64_t epoch = engine->damaged[i];
    if (epoch == engine->kept[0].epoch || epoch == engine->kept[1].epoch) continue;
    struct err err;
    if (snapshot_remove(engine->io->disk, engine->snapshot_dir, epoch, &err) != 0)
      diag_say(engine->diag, MESSAGE_SNAPSHOT_STAYS, &engine->where, "a damaged snapshot stays: %s",
               err.text);
  }
  engine->n_damaged = 0;
}

static void keep(struct engine *engine, struct engine_snapshot *snapshot) {
  struct err err;
  struct snapshot_known oldest = engine->kept[1];
  bool full = engine->n_kept == 2;
  engine->snapshot_failed = false;
  engine->kept[1] = engine->kept[0];
  engine->kept[0] =
      (struct snapshot_known){snapshot->epoch, snapshot->lsn, engine->graph->pipeline->id};
  if (!full) engine->n_kept++;
  if (full && snapshot_remove(engine->io->disk, engine->snapshot_dir, oldest.epoch, &err) != 0) {
    diag_say(engine->diag, MESSAGE_SNAPSHOT_STAYS, &engine->where, "an old snapshot stays: %s",
             err.text);
  }
  if (engine->n_kept == 2) {
    remove_damaged(engine);
    wal_trim(engine->wal, engine->kept[1].lsn);
  }
}

void engine_snapshot_turn(struct engine *engine, bool now) {
  struct engine_snapshot *snapshot = engine->snapshot;
  if (snapshot != NULL && snapshot->written && wal_synced_lsn(engine->wal) >= snapshot->lsn) {
    keep(engine, snapshot);
    snapshot_free(snapshot);
    snapshot = NULL;
  }
  int64_t mono_us = clock_mono_us(engine->io->clock);
  if (mono_us >= engine->next_checkpoint_us || now) {
    engine->commit_wanted = engine->released_epoch;
    if (mono_us >= engine->next_checkpoint_us) {
      engine->next_checkpoint_us = mono_us + engine->settings->checkpoint_interval_us;
      engine->snapshot_due = true;
    }
  }
  if (snapshot != NULL || !(engine->snapshot_due || now)) return;
  uint64_t newest = engine->n_kept > 0 ? engine->kept[0].epoch : 0;
  if (engine->last_epoch <= newest || !engine_sinks_all(engine, newest)) return;
  if (engine->recovery != NULL || engine->stopping || (engine->gathering && !now)) return;
  engine->snapshot_due = false;
  snapshot = engine->snapshot = mem_zalloc(sizeof *snapshot);
  snapshot->engine = engine;
  snapshot->last = now;
  snapshot->epoch = engine->last_epoch;
  snapshot->lsn = engine->last_lsn;
  snapshot->began_us = mono_us;
  engine_section_put(engine, snapshot->epoch, snapshot->lsn, &snapshot->section);
  exec_submit(engine->runner_exec, (struct exec_job){freeze, frozen, snapshot});
}
