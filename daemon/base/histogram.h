/* histogram: how long things took: durations counted in fixed buckets from 50 µs to 10 minutes, the
 * same for every histogram, so that they can be added up and compared.
 *
 * Zeroed memory is an empty one; there is nothing to free. Any thread may add, any may read; a
 * reader beside writers may see a value in the sum before it is in a bucket, nothing worse. */
#ifndef TIDEMARK_BASE_HISTOGRAM_H
#define TIDEMARK_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 22 };

/* Upper bounds in microseconds, inclusive, rising; what is above the last is in a bucket of its
 * own. */
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

struct histogram {
  atomic_uint_fast64_t counts[HISTOGRAM_BOUNDS + 1];
  atomic_uint_fast64_t sum_us;
};

void histogram_add(struct histogram *histogram, int64_t duration_us); /* negative: as 0 */

struct histogram_counts {
  uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* each bucket's own, not those below it */
  uint64_t count, sum_us;
};
void histogram_read(const struct histogram *histogram, struct histogram_counts *counts);

#endif
