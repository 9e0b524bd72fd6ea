/* source_time: see source_time.h. */
#include "daemon/flow/source_time.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

#define IDLE_TIMEOUT_OF_SEVERAL_US (30 * TIME_SECOND_US)
#define FEW_PARTITIONS 64 /* for these all are asked when the next goes idle */
/* Clocks, times and their watermarks are nearer to 1970 than this: sums of a few do not overflow.
 */
#define MOMENT_BOUND_US (INT64_C(1) << 60)

void source_time_init(struct source_time *time, const struct source_common *common, bool bounded) {
  *time = (struct source_time){.common = common,
                               .bounded = bounded,
                               .watermark_us = TIME_MIN_US,
                               .idle_since_us = TIME_MIN_US,
                               .idle_from_us = TIME_MIN_US,
                               .idle_check_us = TIME_MIN_US};
  time->track.start_us = TIME_MIN_US;
}

void source_time_fini(struct source_time *time) {
  free(time->partitions);
  free(time->least);
  watermark_track_fini(&time->track);
  *time = (struct source_time){0};
}

/* Not one of the two ends of time. */
static bool is_moment(int64_t us) {
  return us > -MOMENT_BOUND_US && us < MOMENT_BOUND_US;
}

static bool is_watermark(int64_t us) {
  return us == TIME_MIN_US || is_moment(us);
}

/* Default: off for one partition, 30 s for several (SEMANTICS 1). 0 or less: off. What a bounded
 * source has not given yet is there and waits for us: a full disk, a slow sink or an hour in which
 * the machine was down does not make it idle. */
static int64_t idle_timeout_us(const struct source_time *time) {
  if (time->common->idle_timeout_us >= 0) return time->common->idle_timeout_us;
  if (time->bounded) return 0;
  uint64_t live = time->n_of[PARTITION_ACTIVE] + time->n_of[PARTITION_IDLE];
  return live > 1 ? IDLE_TIMEOUT_OF_SEVERAL_US : 0;
}

/* A partition counts while it may still hold the watermark back. One that returns from idleness
 * counts again once its own watermark has caught up with the source's. */
static bool counts(const struct partition_time *partition) {
  return partition->known && !partition->ended && !partition->idle;
}

static int64_t leaf_of(const struct source_time *time, size_t i) {
  bool there = i < time->n_partitions && counts(&time->partitions[i]);
  return there ? time->partitions[i].watermark_us : TIME_MAX_US;
}

static int64_t lesser(const int64_t *least, size_t node) {
  return least[2 * node] < least[2 * node + 1] ? least[2 * node] : least[2 * node + 1];
}

static void tree_grow(struct source_time *time) {
  if (time->n_partitions <= time->n_leaves) return;
  while (time->n_leaves < time->n_partitions)
    time->n_leaves = time->n_leaves > 0 ? 2 * time->n_leaves : 1;
  time->least = mem_realloc(time->least, 2 * time->n_leaves * sizeof *time->least);
  for (size_t i = 0; i < time->n_leaves; i++) time->least[time->n_leaves + i] = leaf_of(time, i);
  for (size_t node = time->n_leaves; node-- > 1;) time->least[node] = lesser(time->least, node);
}

/* Something about the partition has changed: the counts and the tree follow. */
static void changed(struct source_time *time, struct partition_time *partition) {
  if (partition->stands) time->n_of[partition->state]--;
  partition->stands = partition->known;
  partition->state = partition->ended                        ? PARTITION_ENDED
                     : partition->idle && !partition->behind ? PARTITION_IDLE
                                                             : PARTITION_ACTIVE;
  if (partition->stands) time->n_of[partition->state]++;
  size_t i = (size_t)(partition - time->partitions), node = time->n_leaves + i;
  time->least[node] = leaf_of(time, i);
  while (node > 1) {
    node /= 2;
    int64_t least = lesser(time->least, node);
    if (time->least[node] == least) return;
    time->least[node] = least;
  }
}

int64_t source_time_least(const struct source_time *time) {
  if (time->n_leaves == 0 || time->least[1] == TIME_MAX_US) return -1;
  size_t node = 1;
  while (node < time->n_leaves)
    node = time->least[2 * node] <= time->least[2 * node + 1] ? 2 * node : 2 * node + 1;
  return (int64_t)(node - time->n_leaves);
}

static void advance_to(struct source_time *time, uint64_t ord, int64_t watermark_us) {
  if (watermark_us <= time->watermark_us) return;
  time->watermark_us = watermark_us;
  watermark_track_add(&time->track, ord, watermark_us);
}

static void recompute(struct source_time *time, uint64_t ord) {
  if (time->n_leaves > 0 && time->least[1] != TIME_MAX_US) advance_to(time, ord, time->least[1]);
}

/* Those that have been quiet for too long become idle. Whether any was not before. */
static bool idle_find(struct source_time *time, int64_t clock_us, int64_t timeout_us) {
  bool any = false;
  time->idle_check_us = TIME_MAX_US;
  for (size_t i = 0; i < time->n_partitions; i++) {
    struct partition_time *partition = &time->partitions[i];
    if (!partition->known || partition->ended) continue;
    int64_t due_us = partition->active_us + timeout_us;
    if (clock_us >= due_us) {
      any |= !partition->idle;
      partition->idle = true;
      partition->behind = false;
      changed(time, partition);
    } else if (due_us < time->idle_check_us) {
      time->idle_check_us = due_us;
    }
  }
  return any;
}

/* It has been heard of at this clock. */
static void idle_check_by(struct source_time *time, int64_t clock_us) {
  int64_t due_us = clock_us + idle_timeout_us(time);
  if (due_us < time->idle_check_us) time->idle_check_us = due_us;
}

void source_time_begin(struct source_time *time, uint64_t first_ord, int64_t clock_us) {
  watermark_track_next(&time->track, time->watermark_us);
  if (time->ended) return;
  int64_t timeout = idle_timeout_us(time);
  if (timeout <= 0) return;
  bool any = clock_us >= time->idle_check_us && idle_find(time, clock_us, timeout);
  /* One that is behind does not count, yet is not idle either. */
  if (time->n_of[PARTITION_ACTIVE] > 0) {
    time->idle_since_us = TIME_MIN_US;
    if (any) recompute(time, first_ord);
    return;
  }
  if (time->n_of[PARTITION_IDLE] == 0 || time->common->when_idle != 0 ||
      !is_moment(time->watermark_us)) {
    return;
  }
  if (time->idle_since_us == TIME_MIN_US) {
    time->idle_since_us = clock_us;
    time->idle_from_us = time->watermark_us;
  }
  advance_to(time, first_ord, time->idle_from_us + (clock_us - time->idle_since_us));
}

void source_time_add_partition(struct source_time *time, uint32_t partition, int64_t clock_us) {
  while (time->n_partitions <= partition) {
    array_grow((void **)&time->partitions, &time->cap_partitions, time->n_partitions,
               sizeof *time->partitions);
    time->partitions[time->n_partitions++] =
        (struct partition_time){.watermark_us = TIME_MIN_US, .newest_us = TIME_MIN_US};
  }
  tree_grow(time);
  struct partition_time *added = &time->partitions[partition];
  if (added->known && !added->ended) return;
  added->watermark_us = added->newest_us = TIME_MIN_US;
  added->ended = added->idle = added->behind = false;
  added->known = true;
  added->active_us = clock_us;
  changed(time, added);
  idle_check_by(time, clock_us);
}

/* The partition has a record again: it is active, and counts when it has caught up; with the others
 * still idle, it may be the one that the watermark follows from here on. */
static void returned(struct source_time *time, struct partition_time *partition, uint64_t ord,
                     int64_t clock_us) {
  partition->active_us = clock_us;
  time->idle_since_us = TIME_MIN_US;
  if (!partition->idle) return;
  partition->behind = partition->watermark_us < time->watermark_us;
  partition->idle = partition->behind;
  changed(time, partition);
  idle_check_by(time, clock_us);
  if (!partition->idle) recompute(time, ord);
}

static void partition_advance(struct source_time *time, struct partition_time *partition,
                              uint64_t ord, int64_t watermark_us, int64_t clock_us) {
  if (watermark_us <= partition->watermark_us) return;
  bool was_least = partition->watermark_us <= time->watermark_us;
  partition->watermark_us = watermark_us;
  changed(time, partition);
  returned(time, partition, ord, clock_us);
  if (was_least && counts(partition)) recompute(time, ord);
}

void source_time_rows(struct source_time *time, uint32_t partition_number, const struct view *view,
                      int64_t clock_us) {
  if (view->n == 0) return;
  struct partition_time *partition = &time->partitions[partition_number];
  returned(time, partition, batch_ord(view->batch, view_row(view, 0)), clock_us);
  if (time->common->watermark_when.node != NULL) return;
  int64_t lateness = time->common->max_lateness_us;
  const int64_t *time_us = view->batch->time_us;
  /* The highest event time so far, so that the loop compares plainly. */
  int64_t highest =
      partition->watermark_us == TIME_MIN_US ? TIME_MIN_US : partition->watermark_us + lateness;
  for (uint32_t i = 0; i < view->n; i++) {
    uint32_t row = view_row(view, i);
    if (time_us[row] <= highest) continue;
    highest = time_us[row];
    partition_advance(time, partition, batch_ord(view->batch, row), highest - lateness, clock_us);
  }
}

void source_time_lateness(struct source_time *time, uint32_t partition_number,
                          const struct view *view, struct quantiles *lateness) {
  struct partition_time *partition = &time->partitions[partition_number];
  const int64_t *time_us = view->batch->time_us;
  int64_t newest = partition->newest_us;
  uint64_t in_order = 0;
  for (uint32_t i = 0; i < view->n; i++) {
    int64_t row_us = time_us[view_row(view, i)];
    if (row_us >= newest) {
      newest = row_us;
      in_order++;
    } else {
      quantiles_add(lateness, newest - row_us, 1);
    }
  }
  if (in_order > 0) quantiles_add(lateness, 0, in_order);
  partition->newest_us = newest;
}

void source_time_punctuation(struct source_time *time, uint32_t partition, uint64_t ord,
                             int64_t watermark_us, int64_t clock_us) {
  partition_advance(time, &time->partitions[partition], ord, watermark_us, clock_us);
}

void source_time_end_partition(struct source_time *time, uint32_t partition, uint64_t last_ord) {
  if (partition >= time->n_partitions) return;
  time->partitions[partition].ended = true;
  changed(time, &time->partitions[partition]);
  recompute(time, last_ord);
}

void source_time_end(struct source_time *time, uint64_t last_ord) {
  time->ended = true;
  advance_to(time, last_ord, TIME_MAX_US);
}

int64_t source_time_next_clock_us(const struct source_time *time, int64_t wanted_us) {
  if (time->ended || wanted_us == TIME_MAX_US) return TIME_MAX_US;
  int64_t timeout = idle_timeout_us(time);
  if (timeout <= 0) return TIME_MAX_US;
  if (time->idle_since_us != TIME_MIN_US) {
    if (wanted_us <= time->watermark_us) return TIME_MAX_US;
    return time->idle_since_us + (wanted_us - time->idle_from_us);
  }
  if (time->n_partitions > FEW_PARTITIONS && time->idle_check_us != TIME_MIN_US)
    return time->idle_check_us; /* by then it may be later */
  int64_t next = TIME_MAX_US;
  for (size_t i = 0; i < time->n_partitions; i++) {
    const struct partition_time *partition = &time->partitions[i];
    if (!partition->known || partition->ended || (partition->idle && !partition->behind)) continue;
    if (partition->active_us + timeout < next) next = partition->active_us + timeout;
  }
  return next;
}

enum { SAVED_KNOWN = 1, SAVED_IDLE = 2, SAVED_ENDED = 4, SAVED_BEHIND = 8 };

void source_time_save(const struct source_time *time, struct buf *out) {
  field_put_u32(out, time->ended);
  field_put_i64(out, time->watermark_us);
  field_put_i64(out, time->idle_since_us);
  field_put_i64(out, time->idle_from_us);
  field_put_u64(out, time->n_partitions);
  for (size_t i = 0; i < time->n_partitions; i++) {
    const struct partition_time *partition = &time->partitions[i];
    field_put_u32(out, (partition->known ? SAVED_KNOWN : 0u) | (partition->idle ? SAVED_IDLE : 0u) |
                           (partition->ended ? SAVED_ENDED : 0u) |
                           (partition->behind ? SAVED_BEHIND : 0u));
    field_put_i64(out, partition->watermark_us);
    field_put_i64(out, partition->active_us);
  }
}

int source_time_load(struct source_time *time, struct slice body, size_t *at) {
  uint32_t ended = 0, flags = 0;
  uint64_t n = 0;
  if (field_get_u32(body, at, &ended) != 0 || field_get_i64(body, at, &time->watermark_us) != 0 ||
      field_get_i64(body, at, &time->idle_since_us) != 0 ||
      field_get_i64(body, at, &time->idle_from_us) != 0 || field_get_u64(body, at, &n) != 0 ||
      n > LIMIT_PARTITIONS) {
    return -1;
  }
  if (!is_watermark(time->watermark_us) && time->watermark_us != TIME_MAX_US) return -1;
  if (!is_watermark(time->idle_since_us) || !is_watermark(time->idle_from_us) ||
      (time->idle_since_us != TIME_MIN_US && time->idle_from_us == TIME_MIN_US))
    return -1;
  time->ended = ended != 0;
  for (uint64_t i = 0; i < n; i++) {
    struct partition_time partition = {.newest_us = TIME_MIN_US};
    if (field_get_u32(body, at, &flags) != 0 ||
        field_get_i64(body, at, &partition.watermark_us) != 0 ||
        field_get_i64(body, at, &partition.active_us) != 0 ||
        !is_watermark(partition.watermark_us) || !is_moment(partition.active_us)) {
      return -1;
    }
    partition.known = flags & SAVED_KNOWN;
    partition.idle = flags & SAVED_IDLE;
    partition.ended = flags & SAVED_ENDED;
    partition.behind = flags & SAVED_BEHIND;
    array_grow((void **)&time->partitions, &time->cap_partitions, time->n_partitions,
               sizeof *time->partitions);
    time->partitions[time->n_partitions++] = partition;
    tree_grow(time);
    changed(time, &time->partitions[time->n_partitions - 1]);
  }
  return 0;
}
