/* source_time: the watermark of one source (SEMANTICS 1): per partition, idle ones left out, the
 * minimum over those that count. State of the runner, saved in snapshots. */
#ifndef TIDEMARK_FLOW_SOURCE_TIME_H
#define TIDEMARK_FLOW_SOURCE_TIME_H

#include "daemon/base/quantiles.h"
#include "daemon/flow/figures.h"
#include "daemon/flow/plugin.h"

struct partition_time {
  int64_t watermark_us; /* TIME_MIN_US: no record yet */
  int64_t newest_us;    /* event time, of this process; TIME_MIN_US: no record yet */
  int64_t active_us;    /* clock of the last epoch with a record */
  bool known, ended;
  bool idle;   /* it does not hold the watermark back */
  bool behind; /* idle, but its records come again: it has yet to catch up with the source */
  bool stands; /* it is counted in source_time.n_of, as this: */
  enum partition_state state;
};

struct source_time {
  const struct source_common *common;
  bool bounded;
  struct partition_time *partitions;
  size_t n_partitions, cap_partitions;
  uint64_t n_of[PARTITION_STATES];
  /* A tree over the watermarks of those that count (others: TIME_MAX_US): leaves from [n_leaves]
   * on, above each two the lesser, the least of all at [1]. */
  int64_t *least;
  size_t n_leaves;
  int64_t idle_check_us; /* before this clock no partition goes idle */
  bool ended;
  int64_t watermark_us;  /* of the source; never goes back */
  int64_t idle_since_us; /* clock at which all partitions were idle; TIME_MIN_US: they are not */
  int64_t idle_from_us;  /* the watermark at that time */
  struct watermark_track track; /* of the epoch being run */
};

void source_time_init(struct source_time *time, const struct source_common *common, bool bounded);
void source_time_fini(struct source_time *time);

/* An epoch begins: partitions go idle by the clock, and an idle source's watermark goes on. */
void source_time_begin(struct source_time *time, uint64_t first_ord, int64_t clock_us);
/* Of one that has ended: the number is another partition's from here on. */
void source_time_add_partition(struct source_time *time, uint32_t partition, int64_t clock_us);
/* The rows of one view of a partition, in order. */
void source_time_rows(struct source_time *time, uint32_t partition, const struct view *view,
                      int64_t clock_us);
/* How late the rows of such a view are: each counts by how much it is behind the newest event time
 * that its partition had before it, whatever the watermark is. Before source_time_rows(). */
void source_time_lateness(struct source_time *time, uint32_t partition, const struct view *view,
                          struct quantiles *lateness);
/* The partition that holds the watermark back, or -1. */
int64_t source_time_least(const struct source_time *time);
/* A punctuation: the partition's watermark is said by the row with this ord. */
void source_time_punctuation(struct source_time *time, uint32_t partition, uint64_t ord,
                             int64_t watermark_us, int64_t clock_us);
/* At the epoch's end. */
void source_time_end_partition(struct source_time *time, uint32_t partition, uint64_t last_ord);
void source_time_end(struct source_time *time, uint64_t last_ord);

/* The clock at which idleness alone changes the watermark so that it reaches wanted_us (or a
 * partition goes idle); TIME_MAX_US for never. */
int64_t source_time_next_clock_us(const struct source_time *time, int64_t wanted_us);

void source_time_save(const struct source_time *time, struct buf *out);
int source_time_load(struct source_time *time, struct slice body, size_t *at);

#endif
