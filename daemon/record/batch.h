/* batch: records held as columns.
 *
 * A batch belongs to one rowset and has an array of n_rows values per slot; a slot's array is only
 * meaningful at the rows that whoever filled it was given. Everything in it comes from its arena,
 * or from the block that it keeps, and is freed at once at the end of the epoch's run. One worker
 * at a time works on a batch, except where rows are shared out by shard (then rows, not batches,
 * are exclusive).
 *
 * ord: the place of a row in the order of the log. Every row that a source gave has a number of its
 * own, growing along the log, whatever the epochs; a row made by an operator has the ord of the row
 * (or tick) that caused it. All views are in order of ord. */
#ifndef TIDEMARK_RECORD_BATCH_H
#define TIDEMARK_RECORD_BATCH_H

#include "daemon/base/arena.h"
#include "daemon/record/schema.h"
#include "daemon/record/value.h"

#include <stdbool.h>
#include <stdint.h>

struct batch {
  struct arena arena;
  const struct rowset *rowset;
  uint32_t n_rows;
  struct value **slots; /* [rowset->n_slots][n_rows] */
  struct slice *raw;    /* [n_rows] original text, without the line end; NULL: rows have none */
  int64_t *time_us;     /* [n_rows] event time */
  uint64_t ord_base;    /* of row 0, when ords is NULL: row r has ord_base + r */
  uint64_t *ords;       /* [n_rows] or NULL */
  /* Where the rows came from, for people: partition index of the source and byte position. */
  const char *source;         /* component name; NULL for rows that an operator made */
  const char *partition;      /* its name: the path of the file, ... */
  uint64_t *positions;        /* [n_rows] or NULL */
  const char *position_word;  /* what they count; NULL: "byte" */
  struct envelope *envelopes; /* [n_rows] or NULL */
  struct slice topic;         /* of the envelopes */
  int32_t topic_partition;
  /* Of merged rows, which have different origins: one per row, or NULL. */
  const struct batch **origins;
  uint32_t *origin_rows;
  bool adopted; /* somebody will free it (flow) */
};

/* Allocates the batch itself (batch_free() ends it) and its slots array, not the columns. */
struct batch *batch_new(const struct rowset *rowset, uint32_t n_rows);
void batch_free(struct batch *batch); /* NULL is fine */
/* The column of a slot, allocated (uninitialised) if it was not. */
struct value *batch_column(struct batch *batch, uint32_t slot);

static inline uint64_t batch_ord(const struct batch *batch, uint32_t row) {
  return batch->ords != NULL ? batch->ords[row] : batch->ord_base + row;
}

/* Rows of a batch, ascending. sel NULL: all rows 0..n-1. */
struct view {
  struct batch *batch;
  const uint32_t *sel; /* [n], in the batch's arena */
  uint32_t n;
};

static inline uint32_t view_row(const struct view *view, uint32_t i) {
  return view->sel != NULL ? view->sel[i] : i;
}

/* Where a row came from, for people: "/srv/in.ndjson: byte 1234" or "results of usage". */
void batch_put_position(struct buf *buf, const struct batch *batch, uint32_t row);

/* Rows that something was wrong with. */
struct row_error {
  uint32_t row;
  const char *code; /* static: "json.syntax", "expr.overflow", ... */
  const char *text; /* in the batch's arena, or static */
};
struct row_errors {
  struct row_error *list; /* ascending by row once row_errors_sort() was called; one per row */
  size_t n, cap;
};
void row_errors_add(struct row_errors *errors, uint32_t row, const char *code, const char *text);
/* Sorts by row and keeps the first of each row. */
void row_errors_sort(struct row_errors *errors);
void row_errors_fini(struct row_errors *errors);
/* The view without the rows in error: the same view when there are none, else a new selection in
 * the batch's arena. errors must be sorted. */
struct view view_without(struct view view, const struct row_errors *errors);

#endif
