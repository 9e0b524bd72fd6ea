/* figures: what the runner shows of its stages while it runs. All of it is atomic: the runner's
 * thread and its pool write, any thread may read. Counts are made once for a view or an epoch, not
 * for a record. */
#ifndef TIDEMARK_FLOW_FIGURES_H
#define TIDEMARK_FLOW_FIGURES_H

#include "daemon/base/quantiles.h"
#include "daemon/flow/plugin.h"

#include <stdatomic.h>

/* Codes of record_errors.def by number; the last one is for what is not in it. */
enum {
  RECORD_ERRORS = 0
#define RECORD_ERROR(code, text) +1
#include "daemon/flow/record_errors.def"
#undef RECORD_ERROR
};
const char *record_error_code(uint32_t number); /* "other" for RECORD_ERRORS */
uint32_t record_error_number(const char *code);

enum partition_state { PARTITION_ACTIVE, PARTITION_IDLE, PARTITION_ENDED, PARTITION_STATES };

enum { FIGURES_PARTITIONS = 64 }; /* so many of a source are shown one by one */

struct source_figures {
  struct quantiles lateness; /* µs behind the newest event time of the partition so far */
  atomic_uint_fast64_t partitions[PARTITION_STATES];
  /* Of the first ones: watermark, enum partition_state. */
  atomic_int_fast64_t watermark_us[FIGURES_PARTITIONS];
  atomic_int state[FIGURES_PARTITIONS];
  /* The one that holds the watermark back; -1: none does. */
  atomic_int_fast64_t least;
};

struct stage_figures {
  /* Over the whole life of the pipeline: snapshots hold them. */
  atomic_uint_fast64_t records_in, records_out, errors;
  atomic_uint_fast64_t counters[TRANSFORM_COUNTERS];
  atomic_int_fast64_t watermark_us;
  /* Of this process. */
  atomic_uint_fast64_t bytes_in;                 /* sources */
  atomic_uint_fast64_t *ports;                   /* [n_ports] records by port */
  atomic_uint_fast64_t codes[RECORD_ERRORS + 1]; /* errors by code */
  atomic_uint_fast64_t keys;                     /* keyed transforms that tell */
  struct account state;                          /* keyed transforms */
  struct source_figures *source;                 /* sources, else NULL */
};

#endif
