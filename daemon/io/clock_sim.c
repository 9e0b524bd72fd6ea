/* clock_sim: see clock_sim.h. The wall clock is the other one plus a difference that
 * sim_clock_jump() changes. */
#include "daemon/io/clock_sim.h"

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"

#include <stdlib.h>

/* Not 0, so that nobody takes 0 for "never" and is right. */
enum { MONO_START_US = 1000000 };

struct sim_clock {
  struct clock clock;
  int64_t mono_us;
  int64_t wall_minus_mono_us;
};

static int64_t sim_wall_us(struct clock *clock) {
  struct sim_clock *sim = (struct sim_clock *)clock;
  return sim->mono_us + sim->wall_minus_mono_us;
}

static int64_t sim_mono_us(struct clock *clock) {
  return ((struct sim_clock *)clock)->mono_us;
}

static void sim_free(struct clock *clock) {
  free(clock);
}

static const struct clock_ops sim_ops = {
    .wall_us = sim_wall_us,
    .mono_us = sim_mono_us,
    .free = sim_free,
};

struct clock *clock_sim_new(int64_t wall_us) {
  struct sim_clock *sim = mem_zalloc(sizeof *sim);
  sim->clock.ops = &sim_ops;
  sim->mono_us = MONO_START_US;
  sim->wall_minus_mono_us = wall_us - MONO_START_US;
  return &sim->clock;
}

void clock_sim_move_to(struct clock *clock, int64_t mono_us) {
  struct sim_clock *sim = (struct sim_clock *)clock;
  if (mono_us > sim->mono_us) sim->mono_us = mono_us;
}

void sim_clock_jump(struct clock *clock, int64_t by_us) {
  ((struct sim_clock *)clock)->wall_minus_mono_us += by_us;
}
