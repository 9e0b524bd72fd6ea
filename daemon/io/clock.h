/* clock: what time it is. All times are int64 microseconds. Any thread may ask. */
#ifndef TIDEMARK_IO_CLOCK_H
#define TIDEMARK_IO_CLOCK_H

#include "daemon/base/diag.h"

#include <stdint.h>

struct clock;

int64_t clock_wall_us(struct clock *clock); /* since 1970-01-01 UTC; may jump either way */
int64_t clock_mono_us(struct clock *clock); /* from some start; never goes back */

struct clock_ops { /* implemented by clock_real.c and clock_sim.c */
  int64_t (*wall_us)(struct clock *clock);
  int64_t (*mono_us)(struct clock *clock);
  void (*free)(struct clock *clock);
};
struct clock {
  const struct clock_ops *ops;
};

struct clock *clock_real_new(void);
void clock_free(struct clock *clock); /* NULL is fine */

/* For messages; the clock must live as long as the diag has it. */
struct diag_clock clock_for_diag(struct clock *clock);

#endif
