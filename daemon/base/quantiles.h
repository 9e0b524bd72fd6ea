/* quantiles: of many whole numbers, which value a given share of them does not exceed, within 1/32
 * and never too low. Counts in buckets: below 64 each number has its own, above that each doubling
 * is cut into 32.
 *
 * Zeroed memory is an empty one; there is nothing to free. One thread may add at a time, any may
 * read. */
#ifndef TIDEMARK_BASE_QUANTILES_H
#define TIDEMARK_BASE_QUANTILES_H

#include <stdatomic.h>
#include <stdint.h>

enum { QUANTILES_BUCKETS = 59 * 32 };

struct quantiles {
  atomic_uint_fast64_t counts[QUANTILES_BUCKETS];
};

/* n times the number; a negative one counts as 0. */
void quantiles_add(struct quantiles *quantiles, int64_t value, uint64_t n);
uint64_t quantiles_count(const struct quantiles *quantiles);
/* The least number known to be no less than `share` (0..1) of all; 0 when there are none. */
int64_t quantiles_find(const struct quantiles *quantiles, double share);

#endif
