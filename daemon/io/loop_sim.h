/* loop_sim: the simulated loop, for the other simulated parts.
 *
 * Whatever may happen in a wait is a source with a time at which it is due. A wait jumps to the
 * earliest of them and runs those that are due in an order drawn from the seed. */
#ifndef TIDEMARK_IO_LOOP_SIM_H
#define TIDEMARK_IO_LOOP_SIM_H

#include "daemon/io/clock.h"
#include "daemon/io/loop.h"
#include "daemon/io/random.h"

#include <stdint.h>

#define SIM_NEVER INT64_MAX

struct sim_source {
  struct sim_source *prev, *next;
  int64_t due_us;                         /* on the monotonic clock; SIM_NEVER */
  void (*run)(struct sim_source *source); /* changes due_us, or runs again next turn; may remove */
  uint64_t turn;                          /* in which it ran last */
};

/* The clock is not owned and lives longer. */
struct loop *loop_sim_new(struct clock *clock, uint64_t seed);

/* source: zeroed but for run; due never. */
void sim_source_add(struct loop *loop, struct sim_source *source);
void sim_source_remove(struct loop *loop, struct sim_source *source);
int64_t sim_now_us(struct loop *loop);

#endif
