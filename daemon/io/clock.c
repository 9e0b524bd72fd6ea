/* clock: the calls of clock.h, handed to the implementation. */
#include "daemon/io/clock.h"

#include <stddef.h>

int64_t clock_wall_us(struct clock *clock) {
  return clock->ops->wall_us(clock);
}

int64_t clock_mono_us(struct clock *clock) {
  return clock->ops->mono_us(clock);
}

void clock_free(struct clock *clock) {
  if (clock != NULL) clock->ops->free(clock);
}

static int64_t diag_wall_us(void *arg) {
  return clock_wall_us(arg);
}

static int64_t diag_mono_us(void *arg) {
  return clock_mono_us(arg);
}

struct diag_clock clock_for_diag(struct clock *clock) {
  return (struct diag_clock){diag_wall_us, diag_mono_us, clock};
}
