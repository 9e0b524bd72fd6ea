/* histogram: see histogram.h. */
#include "daemon/base/histogram.h"

const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    50,       100,      250,      500,       1000,      2500,      5000,    10000,
    25000,    50000,    100000,   250000,    500000,    1000000,   2500000, 5000000,
    10000000, 30000000, 60000000, 120000000, 300000000, 600000000,
};

void histogram_add(struct histogram *histogram, int64_t duration_us) {
  if (duration_us < 0) duration_us = 0;
  int bucket = 0;
  while (bucket < HISTOGRAM_BOUNDS && duration_us > histogram_bounds_us[bucket]) bucket++;
  atomic_fetch_add_explicit(&histogram->counts[bucket], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)duration_us, memory_order_relaxed);
}

void histogram_read(const struct histogram *histogram, struct histogram_counts *counts) {
  counts->count = 0;
  for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
    counts->counts[i] = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    counts->count += counts->counts[i];
  }
  counts->sum_us = atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
}
