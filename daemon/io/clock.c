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
