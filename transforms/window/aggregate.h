/* aggregate: what is computed over the records of a group. One kind is one row of a table
 * (aggregate.c); its accumulator has a fixed size and lies in the group's entry, so that taking a
 * record in allocates nothing. What varies in size (text, sets) is counted memory beside it. */
#ifndef TIDEMARK_TRANSFORMS_WINDOW_AGGREGATE_H
#define TIDEMARK_TRANSFORMS_WINDOW_AGGREGATE_H

#include "transforms/columns.h"

/* Where the memory beside accumulators comes from: of one shard. */
struct aggregate_memory {
  struct table *table; /* the groups' */
  struct table *sets;  /* members of all distinct sets */
  uint64_t next_set;   /* number of the next one */
  struct buf scratch;
};

struct aggregate_kind {
  const char *name;
  bool distinct;
  bool star;    /* may be called with * */
  size_t bytes; /* of the accumulator, zeroed at first */
  /* Static type of the result for a static type of the argument; VALUE_TYPES + 1 (see
   * AGGREGATE_REFUSES) when there can be none. */
  int (*result_type)(enum value_type argument);
  /* NULL, or the static code of why this value can never be taken in. May be NULL. */
  const char *(*refuses)(const struct value *v);
  /* The same, given what was taken in before. May be NULL. */
  const char *(*conflicts)(const void *acc, const struct value *v);
  /* Takes in a value that was not refused; not NULL (star: v is NULL itself). */
  void (*update)(struct aggregate_memory *memory, void *acc, const struct value *v,
                 int64_t time_us);
  /* acc becomes that of both groups' records, those of `other` having arrived later. NULL, or the
   * static code of why there is none; acc is unchanged then. */
  const char *(*merge)(struct aggregate_memory *memory, void *acc, const void *other);
  /* Text points into the accumulator's memory. */
  struct value (*final)(const void *acc);
  void (*save)(const struct aggregate_memory *memory, const void *acc, struct buf *out);
  /* Into a zeroed one; -1: bytes that cannot be. */
  int (*load)(struct aggregate_memory *memory, void *acc, struct slice body, size_t *at);
  void (*release)(struct aggregate_memory *memory, void *acc); /* may be NULL */
};
#define AGGREGATE_REFUSES (VALUE_TYPES + 1)

#define AGGREGATE_OVERFLOW "aggregate.overflow"
#define AGGREGATE_TYPE "aggregate.type"
const char *aggregate_error_text(const char *code);

/* Of aggregate_sum.c, aggregate_pick.c, aggregate_distinct.c. */
extern const struct aggregate_kind aggregate_count, aggregate_sum, aggregate_avg;
extern const struct aggregate_kind aggregate_min, aggregate_max, aggregate_first, aggregate_last;
extern const struct aggregate_kind aggregate_count_distinct;

/* Of that name; NULL. */
const struct aggregate_kind *aggregate_kind_find(struct slice name, bool distinct);

/* For the reference: kind number i; false behind the last one. */
bool aggregate_usage(size_t i, const char **usage, const char **text);

/* One column of aggregates, compiled. */
struct aggregate {
  const struct aggregate_kind *kind;
  struct slice name;
  enum value_type type;        /* of the result */
  size_t offset;               /* of the accumulator in a group's entry */
  bool star;                   /* count(*) without a filter: there is no argument */
  uint32_t slot;               /* the argument; NULL where the filter is not true */
  const struct expr *argument; /* to be evaluated into the slot, or NULL */
  const struct expr *filter;   /* or NULL */
  bool copies; /* the argument is a field: copied into the slot where the filter is true */
  uint32_t from_slot;
};

/* -1 after adding an error at the call's place. */
int aggregate_compile(struct aggregate *aggregate, struct compile *compile,
                      const struct expr_text *item, struct schema *schema);
/* Fills the argument's slot; rows whose value can never be taken in are errors. */
void aggregate_prepare(const struct aggregate *aggregate, const struct expr_run *run,
                       struct view view, struct row_errors *errors);

#endif
