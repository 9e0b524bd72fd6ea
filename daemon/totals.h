/* totals: what all pipelines of the program make together, for people. */
#ifndef TIDEMARK_TOTALS_H
#define TIDEMARK_TOTALS_H

#include "daemon/supervisor/supervisor.h"

struct totals {
  size_t open, recovering; /* pipelines */
  uint64_t records, replayed_epochs;
  int64_t watermark_us; /* the least; TIME_MAX_US: none has one */
  const char *stall;    /* why the log of one cannot be written now; NULL: all can */
  double share;         /* done, of bounded inputs; negative: not known */
};

void totals_of(const struct supervisor *supervisor, struct totals *totals);

#endif
