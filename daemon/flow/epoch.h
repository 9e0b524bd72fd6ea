/* epoch: one admitted group of input: the unit of logging, processing and commit.
 *
 * Made on the loop's thread by take.c (from sources, or from the log at recovery), run by the
 * runner, freed on the loop's thread. Its input is a list of chunks in the order of the log. */
#ifndef TIDEMARK_FLOW_EPOCH_H
#define TIDEMARK_FLOW_EPOCH_H

#include "daemon/flow/figures.h"

#include <stdbool.h>
#include <stdint.h>

struct block { /* LIMIT_PADDING_BYTES readable before data and behind data + cap */
  char *data;
  size_t cap, used;
  void *memory;
};

struct chunk {
  uint32_t source; /* kind_index of the source's stage */
  uint32_t partition;
  uint64_t from, to;
  const char *data;
  size_t len;
  int flags; /* enum take_flags */
};

struct partition_id {
  uint32_t source, partition;
};

/* Records that a sink's other side refused (engine_rejects.c): code, text and record of each. */
struct epoch_reject {
  uint32_t sink;       /* kind_index */
  uint64_t upto_epoch; /* all rejects of the sink's batches up to this one */
  struct slice body;   /* in a block of the epoch */
  uint64_t first_ord;  /* set by the run */
  uint32_t n_records;
};

/* Somebody looks at what passes a port (engine_tap.c). */
struct epoch_tap {
  const struct engine_tap *tap; /* whose; only compared */
  uint32_t stage, port;
  uint64_t every;   /* one of so many records is shown */
  size_t bytes_max; /* no more is added when so much is there */
  struct buf lines; /* set by the run: JSON, a line each */
  uint64_t n_seen, n_shown;
};

struct epoch_note { /* take_note(); the key is owned */
  uint32_t source;
  size_t chunk; /* index of the chunk it came with */
  struct slice key;
  uint64_t value;
  int64_t ttl_us;
};

/* A partition as the run must know it: name for positions. Of an epoch: owned. */
struct new_partition {
  uint32_t source, partition;
  struct slice name, identity;
};

struct epoch {
  struct engine *engine; /* that runs it */
  uint64_t number;
  int64_t clock_us;
  int64_t taken_us; /* monotonic; 0: from the log */
  struct block *blocks;
  size_t n_blocks, cap_blocks;
  struct chunk *chunks;
  size_t n_chunks, cap_chunks;
  struct epoch_reject *rejects;
  size_t n_rejects, cap_rejects;
  struct epoch_note *notes;
  size_t n_notes, cap_notes;
  struct new_partition *new_partitions;
  size_t n_new, cap_new;
  struct partition_id *partition_ends;
  size_t n_partition_ends, cap_partition_ends;
  uint32_t *source_ends;
  size_t n_source_ends, cap_source_ends;
  struct epoch_tap *taps;
  size_t n_taps;
  uint64_t bytes;   /* of all chunks */
  uint64_t end_lsn; /* of its record in the log */
  bool replayed;
  /* Set by the run. */
  struct sink_batch **batches; /* [sinks]; NULL where there is nothing for the sink */
  size_t n_batches;
  uint64_t n_records;
  bool stopped; /* on_error: stop or on_late: stop met a record */
  struct err stop;
  int64_t next_clock_us; /* when the clock alone makes something due */
};

/* What a sink's other side refused of one batch, until it is answered or the sink wants it logged.
 */
struct sink_rejects {
  struct buf bodies; /* code, text and record of each; empty when nobody reads them */
  uint64_t n, codes[RECORD_ERRORS + 1];
};

/* What a sink was given and does not hold: at most so many records of these epochs. */
struct sink_debt {
  uint64_t from_epoch, upto_epoch, records;
};

/* take.c: a new epoch without input; and its end (loop's thread). Batches that were handed on are
 * NULL by then. */
struct epoch *epoch_new(uint64_t number, int64_t clock_us);
void epoch_free(struct epoch *epoch);
/* The note passes to the epoch, for its last chunk. */
void epoch_note_add(struct epoch *epoch, struct epoch_note note);
void epoch_new_partition(struct epoch *epoch, struct new_partition new); /* copies its texts */
void epoch_reject_add(struct epoch *epoch, uint32_t sink, uint64_t upto_epoch, struct slice body);
void sink_batch_free(struct sink_batch *batch); /* NULL is fine */

#endif
