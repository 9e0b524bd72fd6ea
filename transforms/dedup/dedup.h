/* dedup: of the records with one key and near times, one.
 *
 * The rule, which depends on the records, their order and their watermarks alone, and not on when
 * memory is freed or where epochs are cut. A row has time t (its event time, or the epoch's clock)
 * and is judged by the watermark W that the rows before it made (or the clock).
 *
 * - A record that is held with time h is gone for the row when W >= h + ttl.
 * - keep: first. The row is a duplicate if and only if a record of its key is held with
 *   |t - h| < ttl. Otherwise it goes on and is held with its own time t. A duplicate changes
 *   nothing: h stays the time of the record that went on. Because of disorder several records of
 *   one key may be held, each ttl or more apart.
 * - keep: last. The newest held record of the key with |t - h| < ttl is met: when t >= h, the row
 *   is held in its place and the record held so far is the duplicate, else the row is. When there
 *   is none, the row is held beside what is held. A held record goes on when W reaches h + ttl, or
 *   at once when W was beyond that as it came.
 *
 * The output of keep: first is the rows themselves. keep: last gives out records that came in
 * earlier epochs, so its outputs are rows of a rowset of their own that mirrors the input's. */
#ifndef TIDEMARK_TRANSFORMS_DEDUP_DEDUP_H
#define TIDEMARK_TRANSFORMS_DEDUP_DEDUP_H

#include "transforms/keys.h"

enum dedup_keep { DEDUP_KEEP_FIRST, DEDUP_KEEP_LAST };
enum dedup_time { DEDUP_TIME_EVENT, DEDUP_TIME_PROCESSING };
enum dedup_port { DEDUP_PORT_MAIN, DEDUP_PORT_DUPLICATES };

struct dedup_shard;

struct dedup {
  struct expr_list key;
  int64_t ttl_us;
  int keep, time;

  struct keys keys;
  struct dedup_mirror *mirror; /* keep: last */
  struct dedup_shard *shards;
  uint32_t n_shards;
};

/* The shard of a transform; what is not of its kind stays empty. */
struct dedup_shard {
  struct table *table;
  /* keep: first */
  void *cursor;     /* the entry that the sweep looks at next; NULL: the oldest */
  int64_t least_us; /* no entry's time is below */
  int64_t sweep_us; /* the same of entries that the sweep has passed, or that are newer than it */
  struct dedup_holds *holds; /* keep: last */
  uint64_t n_duplicates;     /* of this epoch */
};

/* The time of a row, and the watermark or clock at the end of the epoch. */
static inline int64_t dedup_row_time(const struct dedup *dedup, const struct keyed_run *run,
                                     const struct batch *batch, uint32_t row) {
  return dedup->time == DEDUP_TIME_EVENT ? batch->time_us[row] : run->run.clock_us;
}

/* h + ttl <= W, for the W of a row; end_us is the W at the end of the epoch, which spares the look
 * at the track for almost all rows. */
static inline int64_t dedup_end(const struct dedup *dedup, const struct keyed_run *run) {
  return dedup->time == DEDUP_TIME_EVENT ? watermark_end(run->track) : run->run.clock_us;
}
static inline int64_t dedup_expiry(const struct dedup *dedup, int64_t time_us) {
  int64_t expiry;
  return __builtin_add_overflow(time_us, dedup->ttl_us, &expiry) ? TIME_MAX_US : expiry;
}
static inline bool dedup_gone(const struct dedup *dedup, const struct keyed_run *run,
                              int64_t end_us, int64_t time_us, uint64_t ord) {
  int64_t expiry = dedup_expiry(dedup, time_us);
  if (expiry > end_us) return false;
  return dedup->time == DEDUP_TIME_PROCESSING || watermark_before(run->track, ord) >= expiry;
}
static inline bool dedup_near(const struct dedup *dedup, int64_t a_us, int64_t b_us) {
  int64_t older = a_us < b_us ? a_us : b_us, newer = a_us < b_us ? b_us : a_us;
  return newer < dedup_expiry(dedup, older);
}

/* keep: first (first.c) */
size_t dedup_first_value_bytes(void);
void dedup_first_new(struct dedup_shard *shard);
void dedup_first_run(struct dedup *dedup, struct keyed_run *run, uint32_t shard);
void dedup_first_finish(struct dedup *dedup, struct keyed_run *run);
void dedup_first_free(struct dedup_shard *shard);
void dedup_first_save(const struct dedup_shard *shard, struct buf *out);
int dedup_first_load(struct dedup_shard *shard, struct slice body, size_t *at);

/* keep: last (last.c) */
int dedup_last_compile(struct dedup *dedup, struct compile *compile, struct schema *in);
size_t dedup_last_value_bytes(void);
void dedup_last_new(struct dedup_shard *shard);
void dedup_last_run(struct dedup *dedup, struct keyed_run *run, uint32_t shard);
void dedup_last_finish(struct dedup *dedup, struct keyed_run *run);
void dedup_last_free(struct dedup_shard *shard);
void dedup_last_save(const struct dedup *dedup, const struct dedup_shard *shard, struct buf *out);
int dedup_last_load(struct dedup *dedup, struct dedup_shard *shard, struct slice body, size_t *at);
/* The fields that are held with a record: what the bytes of a row stand for. */
void dedup_last_definition(const struct dedup *dedup, struct buf *out);
/* The lowest time at which a held record goes on, TIME_MAX_US for never. */
int64_t dedup_last_next_us(const struct dedup *dedup);

#endif
