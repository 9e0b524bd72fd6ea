/* assign: which windows a time falls into. Times are within WINDOW_TIME_BOUND_US and durations
 * within WINDOW_DURATION_MAX_US, so nothing here overflows. */
#include "transforms/window/window.h"

/* The greatest start s <= t with s = offset modulo every. */
static int64_t start_at(int64_t time_us, int64_t every_us, int64_t offset_us) {
  int64_t since = (time_us - offset_us) % every_us;
  if (since < 0) since += every_us;
  return time_us - since;
}

uint32_t window_assign(const struct window *window, int64_t time_us, int64_t *first_us) {
  int64_t last = start_at(time_us, window->every_us, window->offset_us);
  int64_t since = time_us - last;
  if (since >= window->size_us) return 0; /* in a gap between windows */
  int64_t more = (window->size_us - since - 1) / window->every_us;
  *first_us = last - more * window->every_us;
  return (uint32_t)more + 1;
}

int64_t window_next_multiple(int64_t time_us, int64_t every_us) {
  return start_at(time_us, every_us, 0) + every_us;
}
