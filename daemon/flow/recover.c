/* recover: from the state folder to where the last life ended.
 *
 *  1. The newest good snapshot says from where to read the log for what the sinks hold. When the
 *     epochs behind it ran with another configuration, nothing more is done: that one has to run
 *     them again and come to a snapshot first (daemon/service.c).
 *  2. Sinks open and say which epoch they hold (a file is cut to it), some only after a while: the
 *     rest waits for the last of them.
 *  3. The newest good snapshot that is not ahead of the log, and not newer than what any sink
 * holds, is loaded. With none, and a log that still begins at its beginning, everything is
 * replayed.
 *  4. One pass over the log behind it: positions of the partitions, epochs taken back.
 *  5. Sources open at those positions.
 *  6. The epochs are run again, one by one, from the log or by reading their ranges again, as soon
 *     as the sources have those; what a sink already holds is not sent again. */
#include "daemon/flow/engine_internal.h"
#include "daemon/flow/log_unrun.h"

#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"
#include "daemon/record/envelope.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SNAPSHOTS_KEPT = 2 };

struct recovery {
  struct engine *engine;
  struct wal_reader *reader;
  struct arena arena;  /* of the record at hand */
  uint64_t from_epoch; /* of the snapshot: it and what is before are in the state */
  uint64_t from_lsn;
  bool sinks_only;       /* step 1: what the sinks hold, nothing else */
  bool checking;         /* whether this configuration can run what had no effect */
  uint64_t all_from_lsn; /* where step 1 began to read */
  uint64_t config;       /* in force at the record at hand */
  uint64_t newest_epoch; /* of the good snapshots */
  /* Step 1: which configuration ran which epochs, up to last_run; each range up to the next. */
  struct config_range {
    uint64_t from_epoch, config;
  } * ranges;
  size_t n_ranges, cap_ranges;
  uint64_t last_run;
  /* Epochs taken back: numbers from..before (exclusive lsn of the abandoning record). */
  struct abandoned {
    uint64_t from_epoch, lsn;
  } * abandoned;
  size_t n_abandoned, cap_abandoned;
  struct unrun { /* those that had no effect, for whichever configuration comes next */
    struct log_unrun record;
    uint64_t lsn;
  } * unrun;
  size_t n_unrun, cap_unrun;
  struct snapshot_known *known; /* newest first */
  size_t n_known;
  /* The epoch to be run. */
  bool replaying;
  bool waiting; /* a source has not got the input of `record` yet */
  struct wal_record record;
  struct buf payload;
  struct epoch *epoch;
  uint64_t end_lsn;
};

static int damaged(struct recovery *recovery, uint64_t end_lsn, const char *what, struct err *err) {
  return err_set(err, ERR_CORRUPT,
                 "%s: the %s record that ends at position %" PRIu64
                 " of the log is not what this version "
                 "writes, though its checksum is good: it was written by another version",
                 recovery->engine->log_dir, what, end_lsn);
}

/* ------------------------------------------------------------------ what records do */

static bool epoch_fits(const struct engine *engine, const struct log_epoch *epoch) {
  for (size_t i = 0; i < epoch->n_new; i++) {
    if (epoch->new_partitions[i].source >= engine->n_sources) return false;
  }
  for (size_t i = 0; i < epoch->n_inputs; i++) {
    if (epoch->inputs[i].source >= engine->n_sources) return false;
  }
  for (size_t i = 0; i < epoch->n_partition_ends; i++) {
    if (epoch->partition_ends[i].source >= engine->n_sources) return false;
  }
  for (size_t i = 0; i < epoch->n_source_ends; i++) {
    if (epoch->source_ends[i] >= engine->n_sources) return false;
  }
  for (size_t i = 0; i < epoch->n_rejects; i++) {
    if (epoch->rejects[i].sink >= engine->n_sinks) return false;
  }
  for (size_t i = 0; i < epoch->n_notes; i++) {
    if (epoch->notes[i].source >= engine->n_sources) return false;
  }
  return true;
}

static bool is_listed(const struct abandoned *list, size_t n, uint64_t number, uint64_t end_lsn) {
  for (size_t i = 0; i < n; i++) {
    if (number >= list[i].from_epoch && end_lsn <= list[i].lsn) return true;
  }
  return false;
}

static bool is_abandoned(const struct recovery *recovery, uint64_t number, uint64_t end_lsn) {
  return is_listed(recovery->abandoned, recovery->n_abandoned, number, end_lsn);
}

/* It was taken and had no effect: the first record behind it that says so, or NULL. */
static const struct log_unrun *unrun_find(const struct recovery *recovery, uint64_t number,
                                          uint64_t end_lsn) {
  for (size_t i = 0; i < recovery->n_unrun; i++) {
    const struct unrun *unrun = &recovery->unrun[i];
    if (number >= unrun->record.from_epoch && end_lsn <= unrun->lsn) return &unrun->record;
  }
  return NULL;
}

/* Step 4: positions as they will be when all is replayed. Where nothing is (at_most_once), the
 * runner is told with the next epoch what it would have learned of partitions. */
static int epoch_pass(struct recovery *recovery, const struct log_epoch *epoch, uint64_t end_lsn,
                      bool for_next) {
  struct engine *engine = recovery->engine;
  bool replayed = engine->settings->delivery != DELIVERY_AT_MOST_ONCE;
  for (size_t i = 0; i < epoch->n_new; i++) {
    const struct new_partition *new = &epoch->new_partitions[i];
    struct engine_source *source = &engine->sources[new->source];
    if (new->partition > source->n_partitions) return -1;
    if (new->partition == source->n_partitions)
      engine_partition_add(source, new->name, new->identity);
    else if (source->partitions[new->partition].seen.ended)
      engine_partition_set(source, new->partition, new->name, new->identity);
    else
      continue;
    source->partitions[new->partition].logged = replayed;
    source->n_unlogged += !replayed;
  }
  for (size_t i = 0; i < epoch->n_inputs; i++) {
    const struct log_input *input = &epoch->inputs[i];
    struct engine_source *source = &engine->sources[input->source];
    if (input->partition >= source->n_partitions) return -1;
    source->partitions[input->partition].seen.position = input->to;
    if (input->flags & LOG_INPUT_PAYLOAD) engine->payload_epoch = epoch->number;
  }
  for (size_t i = 0; i < epoch->n_partition_ends; i++) {
    const struct partition_id *id = &epoch->partition_ends[i];
    if (id->partition >= engine->sources[id->source].n_partitions) return -1;
  }
  if (!replayed) engine_take_ends(engine, epoch);
  for (size_t i = 0; i < epoch->n_partition_ends; i++) {
    const struct partition_id *id = &epoch->partition_ends[i];
    engine_partition_ended(&engine->sources[id->source], id->partition, epoch->number);
  }
  for (size_t i = 0; i < epoch->n_source_ends; i++) {
    struct engine_source *source = &engine->sources[epoch->source_ends[i]];
    source->ended = source->end_logged = true;
  }
  for (size_t i = 0; i < epoch->n_notes; i++)
    engine_note_put(&engine->sources[epoch->notes[i].source], &epoch->notes[i]);
  for (size_t i = 0; i < epoch->n_rejects; i++) {
    engine->sinks[epoch->rejects[i].sink].rejected_epoch = epoch->rejects[i].upto_epoch;
    engine->payload_epoch = epoch->number;
  }
  if (for_next) return 0;
  engine->last_epoch = epoch->number;
  engine->last_lsn = end_lsn;
  if (epoch->clock_us > engine->clock_us) engine->clock_us = epoch->clock_us;
  return 0;
}

/* The bytes right before *at, if they are what was logged. */
static int payload_find(const struct recovery *recovery, size_t *at, uint64_t bytes, uint32_t crc,
                        struct slice *payload) {
  if (bytes > *at) return -1;
  *at -= (size_t)bytes;
  *payload = (struct slice){recovery->payload.data + *at, (size_t)bytes};
  return crc32c(0, payload->data, payload->len) == crc ? 0 : -1;
}

/* Whether all that has to be read again can be, without waiting. */
static int inputs_ready(const struct recovery *recovery, const struct log_epoch *epoch,
                        struct err *err) {
  for (size_t i = 0; i < epoch->n_inputs; i++) {
    const struct log_input *input = &epoch->inputs[i];
    const struct engine_source *source = &recovery->engine->sources[input->source];
    if (input->flags & LOG_INPUT_PAYLOAD || source->stage->source->reread_ready == NULL) continue;
    int ready = source->stage->source->reread_ready(source->instance, input->partition, input->from,
                                                    input->to, err);
    if (ready < 0) {
      return err_wrap(err, "source %s: cannot read again what the log refers to",
                      source->stage->name);
    }
    if (ready == 0) return 0;
  }
  return 1;
}

/* Step 6: the payloads right in front of an epoch's record, in order, belong to its inputs that say
 * so. In front of those may be payload of an epoch whose own record a power cut took. */
static int epoch_replay(struct recovery *recovery, const struct log_epoch *epoch, uint64_t end_lsn,
                        struct err *err) {
  size_t n = epoch->n_inputs + epoch->n_rejects;
  struct slice *payloads = arena_zalloc(&recovery->arena, (n + 1) * sizeof *payloads);
  size_t at = recovery->payload.len;
  for (size_t i = epoch->n_rejects; i-- > 0;) {
    const struct log_reject *reject = &epoch->rejects[i];
    if (payload_find(recovery, &at, reject->bytes, reject->crc, &payloads[epoch->n_inputs + i]) !=
        0) {
      return damaged(recovery, end_lsn, "epoch", err);
    }
  }
  for (size_t i = epoch->n_inputs; i-- > 0;) {
    const struct log_input *input = &epoch->inputs[i];
    if (!(input->flags & LOG_INPUT_PAYLOAD)) continue;
    uint32_t records;
    if (payload_find(recovery, &at, input->bytes, input->crc, &payloads[i]) != 0 ||
        ((input->flags >> 8 & TAKE_ENVELOPED) && envelope_chunk_count(payloads[i], &records) != 0))
      return damaged(recovery, end_lsn, "epoch", err);
  }
  int result = take_from_log(recovery->engine, epoch, payloads, &recovery->epoch, err);
  if (recovery->epoch != NULL) recovery->epoch->end_lsn = end_lsn;
  return result;
}

static int gap(const struct recovery *recovery, uint64_t number, struct err *err) {
  const struct engine *engine = recovery->engine;
  return err_set(
      err, ERR_CORRUPT,
      "epoch %" PRIu64 " is needed next, but %s goes on with epoch %" PRIu64
      " (the snapshots in %s that are good, and that no sink is behind, end before): restore the "
      "folder from a copy, or begin anew with an empty one",
      engine->last_epoch + 1, engine->log_dir, number, engine->snapshot_dir);
}

static void range_add(struct recovery *recovery, uint64_t number) {
  recovery->last_run = number;
  size_t n = recovery->n_ranges;
  if (n > 0 && recovery->ranges[n - 1].config == recovery->config) return;
  array_grow((void **)&recovery->ranges, &recovery->cap_ranges, n, sizeof *recovery->ranges);
  recovery->ranges[recovery->n_ranges++] = (struct config_range){number, recovery->config};
}

/* The epochs from this one on are nobody's. */
static void ranges_cut(struct recovery *recovery, uint64_t from) {
  if (recovery->last_run >= from) recovery->last_run = from - 1;
  while (recovery->n_ranges > 0 && recovery->ranges[recovery->n_ranges - 1].from_epoch >= from)
    recovery->n_ranges--;
}

/* Of the log as it is now: epochs that are to be run again, and not by who ran them first. */
static int epoch_find(struct recovery *recovery, struct log_epoch *epoch, uint64_t end_lsn,
                      bool *for_next, struct err *err) {
  const struct log_unrun *unrun = unrun_find(recovery, epoch->number, end_lsn);
  if (unrun != NULL && log_unrun_map(unrun, epoch, err) != 0) return -1;
  *for_next = unrun != NULL && recovery->engine->catching_up;
  return epoch_fits(recovery->engine, epoch) ? 0 : damaged(recovery, end_lsn, "epoch", err);
}

static int epoch_redo(struct recovery *recovery, struct log_epoch *epoch, uint64_t end_lsn,
                      struct err *err) {
  uint64_t done = recovery->checking ? recovery->newest_epoch : recovery->from_epoch;
  bool for_next;
  if (epoch->number <= done || is_abandoned(recovery, epoch->number, end_lsn)) return 0;
  if (recovery->checking && unrun_find(recovery, epoch->number, end_lsn) == NULL) return 0;
  if (epoch_find(recovery, epoch, end_lsn, &for_next, err) != 0) return -1;
  if (recovery->checking || (recovery->replaying && for_next)) return 0;
  if (recovery->replaying) {
    int ready = inputs_ready(recovery, epoch, err);
    recovery->waiting = ready == 0;
    return ready > 0 ? epoch_replay(recovery, epoch, end_lsn, err) : ready;
  }
  if (!for_next && epoch->number != recovery->engine->last_epoch + 1)
    return gap(recovery, epoch->number, err);
  return epoch_pass(recovery, epoch, end_lsn, for_next) == 0
             ? 0
             : damaged(recovery, end_lsn, "epoch", err);
}

int recovery_redo_epoch(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                        struct err *err) {
  struct log_epoch epoch;
  int result = 0;
  arena_reset(&recovery->arena);
  if (log_epoch_get(body, &recovery->arena, &epoch) != 0)
    return damaged(recovery, end_lsn, "epoch", err);
  if (recovery->sinks_only) {
    recovery->engine->last_epoch = epoch.number;
    range_add(recovery, epoch.number);
  } else {
    result = epoch_redo(recovery, &epoch, end_lsn, err);
  }
  if (!recovery->waiting) buf_clear(&recovery->payload);
  return result;
}

int recovery_redo_payload(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                          struct err *err) {
  (void)end_lsn;
  (void)err;
  if (recovery->replaying) buf_put_slice(&recovery->payload, body);
  return 0;
}

int recovery_redo_sink(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                       struct err *err) {
  if (!recovery->sinks_only) return 0;
  struct log_sink record;
  if (log_sink_get(body, &record) != 0) return damaged(recovery, end_lsn, "sink", err);
  struct engine *engine = recovery->engine;
  bool known = false;
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    if (!slice_is(record.sink, sink->stage->name)) continue;
    known = true;
    sink->registered = true;
    sink->committed_epoch = record.epoch;
    buf_clear(&sink->state);
    buf_put_slice(&sink->state, record.state);
  }
  if (!known) engine_sink_unknown(engine, record.sink, record.epoch);
  return 0;
}

/* What the sink holds, and so the state that it gave with its last commit, is as it was. */
int recovery_redo_given_up(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                           struct err *err) {
  if (!recovery->sinks_only) return 0;
  struct log_given_up record;
  if (log_given_up_get(body, &record) != 0) return damaged(recovery, end_lsn, "given-up", err);
  struct engine *engine = recovery->engine;
  struct engine_sink *sink = engine_sink_find(engine, record.sink);
  if (sink == NULL) {
    engine_sink_unknown(engine, record.sink, record.debt.upto_epoch);
    return 0;
  }
  sink->registered = true;
  sink->committed_epoch = sink->given_up_epoch = record.debt.upto_epoch;
  return 0;
}

int recovery_redo_sink_gone(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                            struct err *err) {
  (void)end_lsn;
  (void)err;
  if (recovery->sinks_only) engine_sink_gone(recovery->engine, body);
  return 0;
}

static int from_get(struct recovery *recovery, struct slice body, uint64_t end_lsn,
                    struct abandoned **list, size_t *n, size_t *cap, struct err *err) {
  size_t at = 0;
  uint64_t from = 0;
  if (field_get_u64(body, &at, &from) != 0) return damaged(recovery, end_lsn, "abandon", err);
  array_grow((void **)list, cap, *n, sizeof **list);
  (*list)[(*n)++] = (struct abandoned){from, end_lsn};
  ranges_cut(recovery, from);
  return 0;
}

int recovery_redo_abandon(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                          struct err *err) {
  if (!recovery->sinks_only) return 0;
  if (from_get(recovery, body, end_lsn, &recovery->abandoned, &recovery->n_abandoned,
               &recovery->cap_abandoned, err) != 0) {
    return -1;
  }
  uint64_t from = recovery->abandoned[recovery->n_abandoned - 1].from_epoch;
  if (recovery->engine->last_epoch >= from) recovery->engine->last_epoch = from - 1;
  return 0;
}

int recovery_redo_unrun(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                        struct err *err) {
  if (!recovery->sinks_only) return 0;
  struct log_unrun record;
  if (log_unrun_get(body, recovery->engine->graph, &record) != 0)
    return damaged(recovery, end_lsn, "unrun", err);
  array_grow((void **)&recovery->unrun, &recovery->cap_unrun, recovery->n_unrun,
             sizeof *recovery->unrun);
  recovery->unrun[recovery->n_unrun++] = (struct unrun){record, end_lsn};
  ranges_cut(recovery, record.from_epoch);
  return 0;
}

int recovery_redo_config(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                         struct err *err) {
  size_t at = 0;
  if (field_get_u64(body, &at, &recovery->config) != 0)
    return damaged(recovery, end_lsn, "config", err);
  if (!recovery->sinks_only) return 0;
  struct engine *engine = recovery->engine;
  array_grow((void **)&engine->configs, &engine->cap_configs, engine->n_configs,
             sizeof *engine->configs);
  engine->configs[engine->n_configs++] = recovery->config;
  return 0;
}

int recovery_redo_nothing(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                          struct err *err) {
  (void)recovery;
  (void)end_lsn;
  (void)body;
  (void)err;
  return 0;
}

static int redo(struct recovery *recovery, const struct wal_record *record, struct err *err) {
  const struct log_kind_row *kind = log_kind_find(record->kind);
  if (kind == NULL) {
    return err_set(err, ERR_CONFIG,
                   "%s: position %" PRIu64
                   " holds a record of kind %u, which this version (%s) does not "
                   "know: use the version that wrote it",
                   recovery->engine->log_dir, record->lsn, record->kind, TIDEMARK_VERSION);
  }
  return kind->redo(recovery, record->end_lsn, record->body, err);
}

static int pass(struct recovery *recovery, uint64_t lsn, struct err *err) {
  struct wal_reader *reader;
  if (wal_reader_open(recovery->engine->wal, lsn, &reader, err) != 0) return -1;
  struct wal_record record;
  int more;
  while ((more = wal_reader_next(reader, &record, err)) == 1) {
    if (redo(recovery, &record, err) != 0) {
      more = -1;
      break;
    }
  }
  wal_reader_close(reader);
  return more;
}

/* ------------------------------------------------------------------ snapshots */

/* Reads the engine's section, or all of it into the runner. State of a transform that there is no
 * more is left out: the configuration has changed, between two epochs. */
static int snapshot_read(struct engine *engine, uint64_t epoch, bool all, struct section_head *head,
                         struct err *err) {
  struct snapshot_reader *reader;
  if (snapshot_open(engine->io->disk, engine->snapshot_dir, epoch, &reader, err) != 0) return -1;
  struct snapshot_section section;
  int more;
  bool found = false;
  while ((more = snapshot_next(reader, &section, err)) == 1) {
    if (strcmp(section.name, "engine") == 0) {
      found = true;
      if (engine_section_get(engine, section.body, head) != 0) {
        more = err_set(err, ERR_CORRUPT,
                       "the snapshot of epoch %" PRIu64
                       " in %s is not what this version (%s) writes: use the version that wrote it",
                       epoch, engine->snapshot_dir, TIDEMARK_VERSION);
        break;
      }
      if (!all) break;
    } else if (runner_load(engine->runner, &section, err) != 0) {
      more = -1;
      break;
    }
  }
  snapshot_close(reader);
  if (more < 0) return -1;
  return found ? 0
               : err_set(err, ERR_CORRUPT, "the snapshot of epoch %" PRIu64 " in %s is incomplete",
                         epoch, engine->snapshot_dir);
}

/* What was read of a snapshot that does not count, or is read again. */
static void sources_forget(struct engine *engine) {
  for (size_t s = 0; s < engine->n_sources; s++) {
    struct engine_source *source = &engine->sources[s];
    engine_partitions_free(source);
    engine_notes_forget(source);
    source->ended = source->end_logged = false;
  }
}

static void sinks_forget(struct engine *engine) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    sink->registered = false;
    sink->committed_epoch = sink->rejected_epoch = sink->given_up_epoch = 0;
    buf_clear(&sink->state);
  }
}

static void recovery_free(struct recovery *recovery) {
  if (recovery == NULL) return;
  free(recovery->known);
  wal_reader_close(recovery->reader);
  arena_fini(&recovery->arena);
  buf_fini(&recovery->payload);
  free(recovery->abandoned);
  for (size_t i = 0; i < recovery->n_unrun; i++) log_unrun_fini(&recovery->unrun[i].record);
  free(recovery->unrun);
  free(recovery->ranges);
  free(recovery);
}

/* For good: if it came back, the log could by then have grown over its place with something else.
 */
static int snapshot_discard(struct engine *engine, uint64_t epoch, struct err *err) {
  struct disk *disk = engine->io->disk;
  if (snapshot_remove(disk, engine->snapshot_dir, epoch, err) != 0) return -1;
  return disk_sync_dir(disk, engine->snapshot_dir, err);
}

/* The good snapshots, newest first, with their positions in the log; others are left out and said.
 */
static int snapshots_find(struct engine *engine, struct snapshot_known **known, size_t *n_known,
                          struct err *err) {
  uint64_t *epochs;
  size_t n;
  *known = NULL;
  *n_known = 0;
  if (snapshot_list(engine->io->disk, engine->snapshot_dir, true, &epochs, &n, err) != 0) return -1;
  *known = mem_zalloc((n + 1) * sizeof **known);
  int result = 0;
  for (size_t i = 0; i < n && result == 0; i++) {
    struct err why;
    struct section_head head = {0};
    if (snapshot_verify(engine->io->disk, engine->snapshot_dir, epochs[i], &why) != 0) {
      diag_say(engine->diag, MESSAGE_SNAPSHOT_DAMAGED, &engine->where,
               "%s; the one before is used, and more of the log is run again", why.text);
      array_grow((void **)&engine->damaged, &engine->cap_damaged, engine->n_damaged,
                 sizeof *engine->damaged);
      engine->damaged[engine->n_damaged++] = epochs[i];
      continue;
    }
    sources_forget(engine);
    result = snapshot_read(engine, epochs[i], false, &head, err);
    if (result == 0 && head.lsn > wal_end_lsn(engine->wal)) {
      /* Its epoch was never synced, so nothing of it was ever delivered. */
      result = snapshot_discard(engine, epochs[i], err);
      continue;
    }
    if (result == 0 && *n_known == SNAPSHOTS_KEPT) { /* a power cut undid its removal */
      result = snapshot_discard(engine, epochs[i], err);
      continue;
    }
    if (result == 0)
      (*known)[(*n_known)++] = (struct snapshot_known){epochs[i], head.lsn, head.config};
  }
  sources_forget(engine);
  sinks_forget(engine);
  free(epochs);
  return result;
}

static uint64_t least_held(const struct engine *engine) {
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < engine->n_sinks; i++) {
    if (engine->sinks[i].held_epoch < least) least = engine->sinks[i].held_epoch;
  }
  return least;
}

/* Sinks that the log has never heard of begin with what comes now; those that are no longer there
 * would do so too. */
static void sinks_register(struct engine *engine) {
  while (engine->n_gone_sinks > 0) {
    struct slice name = slice_of(engine->gone_sinks[0].name);
    wal_append(engine->wal, LOG_SINK_GONE, &name, 1);
    engine_sink_gone(engine, name);
  }
  for (size_t i = 0; i < engine->n_sinks; i++) {
    struct engine_sink *sink = &engine->sinks[i];
    if (sink->registered) continue;
    sink->registered = true;
    sink->held_epoch = sink->committed_epoch = engine->last_epoch;
    struct log_sink record = {slice_of(sink->stage->name), engine->last_epoch, {NULL, 0}};
    struct buf body;
    buf_init(&body);
    log_sink_put(&body, &record);
    struct slice part = buf_slice(&body);
    wal_append(engine->wal, LOG_SINK, &part, 1);
    buf_fini(&body);
  }
}

static int snapshot_choose(struct engine *engine, struct recovery *recovery, struct err *err) {
  const struct snapshot_known *known = recovery->known;
  size_t n_known = recovery->n_known;
  uint64_t held = least_held(engine);
  engine->clock_us = TIME_MIN_US;
  for (size_t i = 0; i < n_known; i++) {
    if (known[i].epoch > held) continue;
    struct section_head head;
    if (snapshot_read(engine, known[i].epoch, true, &head, err) != 0) return -1;
    recovery->from_epoch = engine->last_epoch = known[i].epoch;
    recovery->from_lsn = engine->last_lsn = head.lsn;
    engine->kept[0] = known[i];
    engine->n_kept = 1;
    if (i + 1 < n_known) {
      engine->kept[1] = known[i + 1];
      engine->n_kept = 2;
    }
    for (size_t k = 0; k < i; k++) { /* newer than a sink: they are made again */
      if (snapshot_discard(engine, known[k].epoch, err) != 0) return -1;
    }
    return 0;
  }
  recovery->from_epoch = engine->last_epoch = 0;
  for (size_t k = 0; k < n_known; k++) {
    if (snapshot_discard(engine, known[k].epoch, err) != 0) return -1;
  }
  return 0;
}

/* A sink that holds more than the log knows of belongs to another life of the pipeline. */
static int sinks_check(const struct engine *engine, struct err *err) {
  for (size_t i = 0; i < engine->n_sinks; i++) {
    const struct engine_sink *sink = &engine->sinks[i];
    if (sink->held_epoch <= engine->last_epoch) continue;
    return err_set(err, ERR_CORRUPT,
                   "sink %s holds epoch %" PRIu64 ", but the log in %s ends with epoch %" PRIu64
                   ": the state folder is older than what was delivered; restore the right one",
                   sink->stage->name, sink->held_epoch, engine->log_dir, engine->last_epoch);
  }
  return 0;
}

static int sources_open(struct engine *engine, struct err *err) {
  for (size_t s = 0; s < engine->n_sources; s++) {
    struct engine_source *source = &engine->sources[s];
    source->open = true;
    if (source->stage->source->open(source->instance, &source->ctx, err) != 0) {
      return err_wrap(err, "source %s", source->stage->name);
    }
    source->ready = true;
  }
  return 0;
}

/* Step 1: what the sinks hold, and who ran what the newest snapshot, or some sink, does not hold: a
 * sink that is behind makes recovery begin at an older snapshot. None is behind the older of two;
 * of one alone that is not known, so then all of the log is read. */
static int sinks_find(struct recovery *recovery, struct err *err) {
  struct engine *engine = recovery->engine;
  const struct snapshot_known *known = recovery->known;
  size_t n_known = recovery->n_known;
  recovery->config = engine->graph->pipeline->id;
  uint64_t from_lsn = 0;
  if (n_known > 0) {
    struct section_head head;
    if (snapshot_read(engine, known[0].epoch, false, &head, err) != 0) return -1;
    engine->last_epoch = recovery->newest_epoch = known[0].epoch;
    if (n_known == SNAPSHOTS_KEPT || !wal_is_whole(engine->wal)) {
      from_lsn = known[n_known - 1].lsn;
      recovery->config = known[n_known - 1].config;
    }
    sources_forget(engine);
  }
  recovery->sinks_only = true;
  if (pass(recovery, from_lsn, err) != 0) return -1;
  recovery->sinks_only = false;
  recovery->all_from_lsn = from_lsn;
  if (engine->settings->delivery == DELIVERY_AT_MOST_ONCE) return 0;
  uint64_t held = engine_sinks_least(engine);
  uint64_t done = recovery->newest_epoch < held ? recovery->newest_epoch : held;
  if (recovery->last_run <= done || recovery->n_ranges == 0) return 0;
  size_t first = 0;
  while (first + 1 < recovery->n_ranges && recovery->ranges[first + 1].from_epoch <= done + 1)
    first++;
  if (first + 1 < recovery->n_ranges) {
    return err_set(err, ERR_CORRUPT,
                   "the configuration was changed behind epoch %" PRIu64
                   ", and the snapshot that was made of that in %s is gone or damaged: restore it "
                   "from a copy, or begin anew with an empty state folder",
                   recovery->ranges[first + 1].from_epoch - 1, engine->snapshot_dir);
  }
  if (recovery->ranges[first].config != engine->graph->pipeline->id) {
    engine->state = ENGINE_FOREIGN;
    engine->foreign_config = recovery->ranges[first].config;
  }
  return 0;
}

int engine_recover_begin(struct engine *engine, struct err *err) {
  struct recovery *recovery = engine->recovery = mem_zalloc(sizeof *recovery);
  recovery->engine = engine;
  arena_init(&recovery->arena, 16 << 10);
  if (snapshots_find(engine, &recovery->known, &recovery->n_known, err) != 0) return -1;
  if (sinks_find(recovery, err) != 0) return -1;
  if (engine->state == ENGINE_FOREIGN) return 0;
  if (recovery->n_unrun > 0) { /* before anything says that this configuration is in force */
    recovery->checking = true;
    if (pass(recovery, recovery->all_from_lsn, err) != 0) return -1;
    recovery->checking = false;
  }
  sinks_register(engine);
  return engine_sinks_open(engine, err) < 0 ? -1 : 0;
}

int engine_recover_opened(struct engine *engine, struct err *err) {
  struct recovery *recovery = engine->recovery;
  if (snapshot_choose(engine, recovery, err) != 0) return -1;
  if (pass(recovery, recovery->from_lsn, err) != 0) return -1;
  if (sinks_check(engine, err) != 0 || sources_open(engine, err) != 0) return -1;
  engine->released_epoch = recovery->from_epoch;
  recovery->replaying = true;
  return wal_reader_open(engine->wal, recovery->from_lsn, &recovery->reader, err);
}

int engine_recover_next(struct engine *engine, struct epoch **epoch, struct err *err) {
  struct recovery *recovery = engine->recovery;
  recovery->epoch = NULL;
  while (recovery->epoch == NULL) {
    int more = recovery->waiting ? 1 : wal_reader_next(recovery->reader, &recovery->record, err);
    if (more <= 0) return more;
    recovery->waiting = false;
    if (redo(recovery, &recovery->record, err) != 0) {
      epoch_free(recovery->epoch);
      recovery->epoch = NULL;
      return -1;
    }
    if (recovery->waiting) return 2;
  }
  *epoch = recovery->epoch;
  return 1;
}

void engine_recover_end(struct engine *engine) {
  recovery_free(engine->recovery);
  engine->recovery = NULL;
}
