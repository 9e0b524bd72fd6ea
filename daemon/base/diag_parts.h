/* diag_parts: between diag.c, which prints, and diag_repeats.c, which holds back. */
#ifndef TIDEMARK_BASE_DIAG_PARTS_H
#define TIDEMARK_BASE_DIAG_PARTS_H

#include "daemon/base/diag.h"

struct diag_said {
  enum message message;
  struct diag_where where;
  const char *text;
  uint64_t
      repeated; /* so many more like it were not printed, the last with this text; 0: it is one */
  int64_t span_us; /* in which they came */
};

void diag_put(const struct diag *diag, const struct diag_said *said);
void diag_repeats_say(const struct diag *diag, const struct diag_said *said);

#endif
