/* clock_real: the system's clocks. */
#include "daemon/base/mem.h"
#include "daemon/io/clock.h"

#include <stdlib.h>
#include <time.h>

static int64_t now_us(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t real_wall_us(struct clock *clock) {
  (void)clock;
  return now_us(CLOCK_REALTIME);
}

static int64_t real_mono_us(struct clock *clock) {
  (void)clock;
  return now_us(CLOCK_MONOTONIC);
}

static void real_free(struct clock *clock) {
  free(clock);
}

static const struct clock_ops real_ops = {
    .wall_us = real_wall_us,
    .mono_us = real_mono_us,
    .free = real_free,
};

struct clock *clock_real_new(void) {
  struct clock *clock = mem_zalloc(sizeof *clock);
  clock->ops = &real_ops;
  return clock;
}
