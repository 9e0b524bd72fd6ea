/* clock_sim: a clock that stands still until the simulated loop moves it. */
#ifndef TIDEMARK_IO_CLOCK_SIM_H
#define TIDEMARK_IO_CLOCK_SIM_H

#include "daemon/io/clock.h"

struct clock *clock_sim_new(int64_t wall_us);
/* Nothing happens when it is that late already. */
void clock_sim_move_to(struct clock *clock, int64_t mono_us);

#endif
