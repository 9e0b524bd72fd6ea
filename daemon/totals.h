/* totals: what all pipelines of the program make together, for people. */
#ifndef TIDEMARK_TOTALS_H
#define TIDEMARK_TOTALS_H

#include "daemon/flow/engine.h"

struct totals {
  size_t open, recovering; /* pipelines */
  uint64_t records, replayed_epochs;
  int64_t watermark_us; /* the least; TIME_MAX_US: none has one */
  const char *stall;    /* why the log of one cannot be written now; NULL: all can */
  double share;         /* done, of bounded inputs; negative: not known */
};

/* NULL engines have ended and do not count. */
void totals_of(struct engine *const *engines, size_t n, struct totals *totals);

#endif
