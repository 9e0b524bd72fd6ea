/* wal_write: appending and group commit, the half that runs on the loop.
 *
 * wal_append() copies into the last group of `queue`. schedule() decides what the log's thread does
 * next: when groups are due, all of them go over to `hand` and are written in order by one job;
 * between two such jobs, and when none is due, one small step of housekeeping (segments made ready
 * ahead, trimmed ones retired). One job is under way at a time, its answer comes back in
 * work_done(), which schedules again.
 *
 * What must stay true: entries get their places in the order of appending and groups are written in
 * that order, each synced before the next is begun (the reader's proof of damage rests on it). A
 * group stays in memory until it is synced. */
#include "daemon/base/mem.h"
#include "daemon/wal/wal_impl.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US ((int64_t)1000 * 1000)
/* A group of this size gains nothing by waiting for more. */
#define GROUP_FULL_BYTES ((uint64_t)1024 * 1024)
/* Memory of a written group above this is given back. */
#define GROUP_IDLE_BYTES ((size_t)4 * 1024 * 1024)

static void groups_put(struct wal_groups *groups, struct wal_group *group) {
  group->next = NULL;
  if (groups->last != NULL)
    groups->last->next = group;
  else
    groups->first = group;
  groups->last = group;
}

static struct wal_group *groups_take(struct wal_groups *groups) {
  struct wal_group *group = groups->first;
  if (group == NULL) return NULL;
  groups->first = group->next;
  if (groups->first == NULL) groups->last = NULL;
  return group;
}

static void group_free(struct wal_group *group) {
  if (group == NULL) return;
  buf_fini(&group->bytes);
  free(group);
}

static void groups_clear(struct wal_groups *groups) {
  struct wal_group *group;
  while ((group = groups_take(groups)) != NULL) group_free(group);
}

static struct wal_group *group_new(struct wal *wal) {
  struct wal_group *group = wal->idle;
  wal->idle = NULL;
  if (group == NULL) {
    group = mem_zalloc(sizeof *group);
    buf_init(&group->bytes);
  }
  group->seq = wal->segment.seq;
  group->offset = wal->offset;
  groups_put(&wal->queue, group);
  return group;
}

static void group_done(struct wal *wal, struct wal_group *group) {
  if (wal->idle == NULL && group->bytes.cap <= GROUP_IDLE_BYTES) {
    buf_clear(&group->bytes);
    wal->idle = group;
  } else {
    group_free(group);
  }
}

/* ---- the job, on the log's thread */

static int write_groups(struct wal *wal, struct err *err) {
  for (; wal->written_to != NULL; wal->written_to = wal->written_to->next)
    if (wal_writer_group(&wal->writer, wal->written_to, err) != 0) return -1;
  return 0;
}

static void work_run(void *arg) {
  struct wal *wal = arg;
  struct err *err = &wal->work_err;
  switch (wal->work) {
  case WAL_WORK_NONE: break;
  case WAL_WORK_GROUPS: wal->work_result = write_groups(wal, err); break;
  case WAL_WORK_RETIRE: wal->work_result = wal_writer_retire(&wal->writer, err); break;
  case WAL_WORK_READY: wal->work_result = wal_writer_ready_step(&wal->writer, err); break;
  case WAL_WORK_DROP: wal->work_result = wal_writer_drop_spare(&wal->writer, err); break;
  }
}

/* ---- the loop */

static void work_done(void *arg);

static void work_start(struct wal *wal, enum wal_work work) {
  wal->work = work;
  exec_submit(wal->exec, (struct exec_job){.run = work_run, .done = work_done, .arg = wal});
}

static void hand_over(struct wal *wal) {
  struct wal_group *group;
  while ((group = groups_take(&wal->queue)) != NULL) groups_put(&wal->hand, group);
  wal->written_to = wal->hand.first;
  wal->sync_now = false;
}

static int64_t groups_due_us(const struct wal *wal) {
  if (wal->retry_groups_us > 0) return wal->retry_groups_us;
  if (wal->sync != WAL_SYNC_INTERVAL || wal->sync_now || wal->pending_bytes >= GROUP_FULL_BYTES)
    return 0;
  return wal->last_write_us + wal->sync_interval_us;
}

static enum wal_work housekeeping(const struct wal *wal) {
  const struct wal_writer *writer = &wal->writer;
  if (writer->first_seq < wal->trim_seq) return WAL_WORK_RETIRE;
  if (writer->last_seq < wal->segment.seq + wal->spare_segments) return WAL_WORK_READY;
  uint64_t files = writer->last_seq + 1 - writer->first_seq + writer->n_spares;
  if (writer->n_spares > 0 && files > wal->segments_keep) return WAL_WORK_DROP;
  return WAL_WORK_NONE;
}

static void schedule(struct wal *wal) {
  if (wal->work != WAL_WORK_NONE || wal->failure != NULL) return;
  int64_t now_us = clock_mono_us(wal->io->clock);
  int64_t next_us = INT64_MAX;
  enum wal_work work = housekeeping(wal);
  bool may_keep = work != WAL_WORK_NONE && wal->retry_housekeeping_us <= now_us;
  if (wal->queue.first != NULL || wal->hand.first != NULL) {
    next_us = groups_due_us(wal);
    /* In turns: else a busy log would run out of segments and wait for a whole one to be made. */
    if (next_us <= now_us && !(may_keep && wal->groups_were_last)) {
      hand_over(wal);
      wal->last_write_us = now_us;
      wal->groups_were_last = true;
      work_start(wal, WAL_WORK_GROUPS);
      return;
    }
  }
  if (may_keep) {
    wal->groups_were_last = false;
    work_start(wal, work);
    return;
  }
  if (work != WAL_WORK_NONE && wal->retry_housekeeping_us < next_us)
    next_us = wal->retry_housekeeping_us;
  if (next_us != INT64_MAX) loop_timer_arm(wal->timer, next_us - now_us);
}

static void timer_fired(void *arg) {
  schedule(arg);
}

/* Drops what was written, and moves synced_lsn. */
static void take_written(struct wal *wal) {
  while (wal->hand.first != wal->written_to) {
    struct wal_group *group = groups_take(&wal->hand);
    wal->synced_lsn = group->seq * wal->segment.segment_bytes + group->offset + group->bytes.len;
    wal->pending_bytes -= group->bytes.len;
    group_done(wal, group);
  }
}

static void fail(struct wal *wal) {
  free(wal->stall);
  wal->stall = NULL;
  if (wal->writer.gone) {
    wal->failure =
        mem_printf("%s; what is written there is lost, so the log takes nothing: put the "
                   "files of %s back if they were moved, else start with a new state "
                   "folder",
                   wal->work_err.text, wal->dir);
    diag_say(wal->diag, MESSAGE_LOG_GONE, &wal->where, "%s", wal->failure);
    return;
  }
  wal->failure = mem_printf("%s; what is on the disk is not known any more, so the log takes "
                            "nothing: look after the disk, then start again (the log is read from "
                            "the disk then)",
                            wal->work_err.text);
  diag_say(wal->diag, MESSAGE_LOG_FAILED, &wal->where, "%s", wal->failure);
}

static void take_groups_result(struct wal *wal) {
  take_written(wal);
  bool said = wal->stall != NULL;
  free(wal->stall);
  wal->stall = NULL;
  wal->retry_groups_us = 0;
  if (wal->work_result == 0) {
    if (said) diag_say(wal->diag, MESSAGE_LOG_GOES_ON, &wal->where, "writing goes on");
    return;
  }
  wal->stall =
      mem_printf("%s; the log stands still, nothing is lost: %s %s and it goes on by "
                 "itself (tried every second)",
                 wal->work_err.text,
                 wal->work_err.code == ERR_RETRY ? "make room in" : "look after", wal->dir);
  if (!said) diag_say(wal->diag, MESSAGE_LOG_STALLED, &wal->where, "%s", wal->stall);
  wal->retry_groups_us = clock_mono_us(wal->io->clock) + RETRY_US;
}

static void take_housekeeping_result(struct wal *wal, enum wal_work work) {
  if (wal->work_result == 0) {
    /* A segment that became free may be what groups wait for. */
    if (work == WAL_WORK_RETIRE) wal->retry_groups_us = 0;
    wal->retry_housekeeping_us = 0;
    wal->housekeeping_said = false;
    return;
  }
  if (!wal->housekeeping_said)
    diag_say(wal->diag, MESSAGE_LOG_CLEANUP_WAITS, &wal->where,
             "%s; segments are not made ready or cleared away (tried every second)",
             wal->work_err.text);
  wal->housekeeping_said = true;
  wal->retry_housekeeping_us = clock_mono_us(wal->io->clock) + RETRY_US;
}

void wal_take_figures(struct wal *wal) {
  const struct wal_writer *writer = &wal->writer;
  wal->figures.spare_segments = writer->n_spares;
  if (writer->last_seq > wal->segment.seq)
    wal->figures.spare_segments += writer->last_seq - wal->segment.seq;
  wal->figures.syncs = writer->syncs;
  wal->figures.sync_us_total = writer->sync_us_total;
  wal->figures.sync_us_max = writer->sync_us_max;
}

/* Takes the result of the job that has ended. */
static void take_result(struct wal *wal) {
  enum wal_work work = wal->work;
  wal->work = WAL_WORK_NONE;
  if (wal->writer.broken) {
    if (work == WAL_WORK_GROUPS) take_written(wal);
    fail(wal);
  } else if (work == WAL_WORK_GROUPS) {
    take_groups_result(wal);
  } else {
    take_housekeeping_result(wal, work);
  }
  wal_take_figures(wal);
}

static void work_done(void *arg) {
  struct wal *wal = arg;
  uint64_t synced_lsn = wal->synced_lsn;
  bool stalled = wal->stall != NULL;
  take_result(wal);
  schedule(wal);
  if (wal->synced_lsn != synced_lsn || (wal->stall != NULL) != stalled || wal->failure != NULL)
    wal->on_change(wal->on_change_arg);
}

/* ---- appending */

static unsigned char *entry_room(struct wal *wal, uint64_t entry_bytes) {
  struct wal_group *group = wal->queue.last;
  if (group == NULL || group->seq != wal->segment.seq) group = group_new(wal);
  unsigned char *room = (unsigned char *)buf_reserve(&group->bytes, (size_t)entry_bytes);
  group->bytes.len += (size_t)entry_bytes;
  wal->offset += entry_bytes;
  wal->pending_bytes += entry_bytes;
  return room;
}

static void next_segment(struct wal *wal) {
  if (wal->segment.segment_bytes - wal->offset >= WAL_ENTRY_HEADER_BYTES)
    wal_entry_begin(entry_room(wal, WAL_ENTRY_HEADER_BYTES), WAL_ENTRY_SEAL, 0, 0);
  wal->segment.seq++;
  wal->offset = WAL_SEGMENT_HEADER_BYTES;
}

uint64_t wal_append(struct wal *wal, uint16_t kind, const struct slice *parts, size_t n_parts) {
  uint64_t body_bytes = 0;
  for (size_t i = 0; i < n_parts; i++) body_bytes += parts[i].len;
  assert(!wal->read_only && body_bytes <= wal_record_bytes_max(wal));
  uint64_t entry_bytes = wal_entry_bytes(body_bytes);
  if (wal->failure != NULL) {
    /* Nothing is kept; positions go on growing, and never become synced. */
    wal->offset += entry_bytes;
    return wal_lsn(&wal->segment, wal->offset);
  }
  bool first = wal->queue.first == NULL, was_full = wal->pending_bytes >= GROUP_FULL_BYTES;
  if (entry_bytes > wal->segment.segment_bytes - wal->offset) next_segment(wal);
  unsigned char *to = entry_room(wal, entry_bytes);
  wal_entry_begin(to, WAL_ENTRY_RECORD, kind, (uint32_t)body_bytes);
  to += WAL_ENTRY_HEADER_BYTES;
  for (size_t i = 0; i < n_parts; i++) {
    if (parts[i].len > 0) memcpy(to, parts[i].data, parts[i].len);
    to += parts[i].len;
  }
  memset(to, 0, (size_t)(entry_bytes - WAL_ENTRY_HEADER_BYTES - body_bytes));
  /* Not at once: whatever else this turn of the loop appends goes along. */
  bool full = wal->pending_bytes >= GROUP_FULL_BYTES;
  if (wal->work == WAL_WORK_NONE && (first || full != was_full)) loop_timer_arm(wal->timer, 0);
  wal->figures.records++;
  wal->figures.bytes += entry_bytes;
  return wal_lsn(&wal->segment, wal->offset);
}

void wal_sync_now(struct wal *wal) {
  if (wal->queue.first == NULL) return;
  wal->sync_now = true;
  schedule(wal);
}

/* Not beyond what is synced: the segment of the newest synced byte stays, so the log always has
 * one. */
void wal_trim(struct wal *wal, uint64_t lsn) {
  if (wal->read_only || wal->failure != NULL) return;
  if (lsn > wal->synced_lsn) lsn = wal->synced_lsn;
  uint64_t segment_bytes = wal->segment.segment_bytes;
  uint64_t seq = (lsn - 1) / segment_bytes; /* of the byte before: one that is full stays too */
  if (lsn == 0 || seq <= wal->trim_seq) return;
  /* As many files as this stretch of the log took will be needed again before the next trim; fewer
   * when stretches have become shorter. */
  uint64_t used = wal->segment.seq + 1 - wal->trim_seq + wal->spare_segments;
  uint64_t before = wal->segments_keep - wal->segments_keep / 4;
  wal->segments_keep = used > before ? used : before;
  wal->trim_seq = seq;
  wal->begin_lsn = seq * segment_bytes + WAL_SEGMENT_HEADER_BYTES;
  schedule(wal);
}

/* ---- start and stop */

void wal_writing_start(struct wal *wal) {
  wal->timer = loop_timer_new(wal->io->loop, timer_fired, wal);
  wal->exec = exec_new(wal->io->threads, wal->io->loop, "log");
  wal->last_write_us = clock_mono_us(wal->io->clock) - wal->sync_interval_us;
  schedule(wal);
}

/* Writes here, on the loop's thread, what is left and the mark. */
static void write_rest(struct wal *wal) {
  if (wal->failure != NULL) return;
  bool fits = wal->segment.segment_bytes - wal->offset >= WAL_ENTRY_HEADER_BYTES;
  if (wal->sync != WAL_SYNC_NEVER && fits &&
      wal_lsn(&wal->segment, wal->offset) > wal->marked_lsn) {
    /* In a group of its own: it vouches for all before it. */
    if (wal->queue.first != NULL) hand_over(wal);
    wal_entry_begin(entry_room(wal, WAL_ENTRY_HEADER_BYTES), WAL_ENTRY_MARK, 0, 0);
  }
  if (wal->queue.first == NULL && wal->hand.first == NULL) return;
  hand_over(wal);
  wal->work = WAL_WORK_GROUPS;
  work_run(wal);
  take_result(wal);
  if (wal->hand.first != NULL && wal->failure == NULL)
    diag_say(wal->diag, MESSAGE_LOG_CLOSED_SHORT, &wal->where,
             "closed with %" PRIu64 " bytes that could not be written; they were never reported as "
             "synced",
             wal->pending_bytes);
}

void wal_writing_stop(struct wal *wal) {
  if (wal->exec != NULL) {
    exec_free(wal->exec);
    if (wal->work != WAL_WORK_NONE) take_result(wal);
    write_rest(wal);
  }
  loop_timer_free(wal->timer);
  wal_writer_fini(&wal->writer);
  groups_clear(&wal->queue);
  groups_clear(&wal->hand);
  group_free(wal->idle);
  free(wal->stall);
  free(wal->failure);
}
