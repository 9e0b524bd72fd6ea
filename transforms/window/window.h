/* window: records into windows of time, results out when the watermark says that a window is full.
 *
 * window.c    options, compilation, the plugin
 * assign.c    which windows a time falls into
 * shard.c     an epoch in one shard: records in, windows closed
 * emit.c      results joined over the shards and made into batches
 * state.c     save and load
 * definition.c  what the state means, and which other one is understood
 * aggregate*  what is computed
 *
 * State of a shard: one table whose keys are a window's start and the group's key, so that a row
 * costs one look-up; a group's entry has a head and the accumulators behind it. The open windows of
 * a shard are a small array in order of start, each with the list of its groups in order of
 * creation, so that closing a window touches nothing else.
 *
 * Why results do not depend on how epochs are cut: whether a row is late, and whether its window
 * has closed, is judged by the watermark before that row. So at the end of an epoch a window that
 * the watermark has passed holds just what it held when it was passed, unless allowed_lateness let
 * a later row in; such a row first gives out the result as it was. */
#ifndef TIDEMARK_TRANSFORMS_WINDOW_WINDOW_H
#define TIDEMARK_TRANSFORMS_WINDOW_WINDOW_H

#include "transforms/keys.h"
#include "transforms/window/aggregate.h"

enum window_time { WINDOW_TIME_EVENT, WINDOW_TIME_PROCESSING };
enum window_on_late { WINDOW_LATE_SIDE_OUTPUT, WINDOW_LATE_DROP, WINDOW_LATE_STOP };
enum window_port { WINDOW_PORT_MAIN, WINDOW_PORT_LATE };

struct window_shard;

struct window {
  /* options; -1: absent */
  int64_t tumbling_us, hopping_us, hop_every_us, offset_us;
  int time;
  const struct node *group_by;
  struct expr_list aggregates;
  struct expr_text having;
  int64_t allowed_lateness_us;
  int on_late;
  bool on_close, on_update;
  int64_t early_every_us;

  /* compiled */
  int64_t size_us, every_us;
  struct keys keys;
  struct aggregate *list;
  size_t n_aggregates;
  size_t group_bytes; /* of an entry */
  uint32_t late_slot;
  bool numbered;    /* results have _revision and _final */
  bool early;       /* results before the close */
  bool conflicting; /* some aggregate may refuse a value because of those before */
  struct expr *having_expr;
  struct expr_list groups; /* group_by */
  /* State of another definition: where its aggregates go, in its order; -1: left out. NULL: it is
   * of this one. */
  int *loaded;
  size_t n_loaded, cap_loaded;
  struct rowset *out; /* slots: window_start, window_end, group, aggregates, _revision, _final */

  struct window_shard *shards;
  uint32_t n_shards;
};

/* Bytes before each key in a batch, where the shard writes the window's start. */
#define WINDOW_KEY_ROOM 8
/* Beyond, ends of windows could not be computed: some 36,000 years around 1970. */
#define WINDOW_TIME_BOUND_US (INT64_C(1) << 60)
#define WINDOW_DURATION_MAX_US (INT64_C(3000000) * TIME_DAY_US)
#define WINDOW_PER_RECORD_MAX 10000 /* windows that one record falls into */

/* The windows that hold t are those that start at *first, *first + every, ... (assign.c) */
uint32_t window_assign(const struct window *window, int64_t time_us, int64_t *first_us);
/* The smallest multiple of every_us that is greater than time_us. */
int64_t window_next_multiple(int64_t time_us, int64_t every_us);

/* ------------------------------------------------------------------ state */

struct window_group {
  struct window_group *next;         /* of its window, in order of creation */
  struct window_group *next_changed; /* of its window, newest first */
  uint64_t first_arrival;
  uint32_t revision;       /* results given from the close on */
  uint32_t early_revision; /* results given before */
  bool closed;             /* the close has been given out, or there was nothing at the close */
  bool changed;            /* since the last early result */
};

struct window_open {
  int64_t start_us;
  bool closed;
  uint64_t n_groups;
  struct window_group *first, *last;
  struct window_group *changed;
};

struct window_result {
  uint64_t ord;
  int64_t start_us; /* all windows are of one size, so this orders as the end does */
  uint64_t first_arrival;
  uint32_t revision;
  bool final;
  struct value *values; /* the group's columns, then the aggregates */
};

struct window_late {
  uint32_t view, row;
};

struct window_touch {
  int64_t start_us;
  uint64_t hash;
  struct window_group *group;
  bool created;
};

struct window_shard {
  struct table *table;
  struct account *account;
  size_t counted_bytes; /* in the account, for all here that is not a table's */
  struct aggregate_memory memory;
  struct window_open *open; /* in order of start */
  size_t n_open, cap_open;
  size_t last_open; /* index of the one used last */
  int64_t next_early_us;

  /* of the epoch */
  struct arena arena; /* the results' values */
  struct window_result *results;
  size_t n_results, cap_results;
  bool unsorted;
  struct window_late *late;
  size_t n_late, cap_late;
  uint64_t n_late_rows, n_dropped;
  struct window_touch *touches;
  size_t cap_touches;
};

static inline void *window_acc(const struct aggregate *aggregate,
                               const struct window_group *group) {
  return (char *)(uintptr_t)group + aggregate->offset;
}

/* The open window of that start, made if need be. */
struct window_open *window_open_get(struct window_shard *shard, int64_t start_us);
/* Links a new group to its window. */
void window_group_link(struct window_open *open, struct window_group *group);
/* Puts right what the account has of the shard's lists. After whatever makes them grow or shrink.
 */
void window_shard_count(struct window_shard *shard);
/* Accumulators' memory, then the entry. Not unlinked. */
void window_group_free(const struct window *window, struct window_shard *shard,
                       struct window_group *group);

void window_run_shard(void *instance, struct keyed_run *run, uint32_t index);
void window_finish(void *instance, struct keyed_run *run);
/* Keeps a result of the group as it is now (emit.c). */
void window_result_add(const struct window *window, struct window_shard *shard,
                       const struct window_group *group, int64_t start_us, uint64_t ord,
                       uint32_t revision, bool final);

void window_save(const void *instance, uint32_t index, struct buf *out);
int window_load(void *instance, uint32_t index, struct slice body, struct err *err);
void window_definition(const void *instance, struct buf *out);
int window_accept(void *instance, struct slice definition, struct buf *notes, struct err *err);

#endif
