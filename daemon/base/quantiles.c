/* quantiles: see quantiles.h.
 *
 * A number of 64 or more with its highest bit at place e is in the bucket of its six highest bits:
 * (e - 5) * 32 + (number >> (e - 5)). The numbers below 64 are e = 5 of the same formula. */
#include "daemon/base/quantiles.h"

#include <math.h>

static int bucket_of(uint64_t value) {
  if (value < 64) return (int)value;
  int shift = 63 - __builtin_clzll(value) - 5;
  return shift * 32 + (int)(value >> shift);
}

/* The greatest number of a bucket. */
static int64_t bucket_end(int bucket) {
  if (bucket < 64) return bucket;
  int shift = bucket / 32 - 1;
  return (int64_t)((((uint64_t)bucket - (uint64_t)shift * 32 + 1) << shift) - 1);
}

/* A plain addition: there is one writer. */
void quantiles_add(struct quantiles *quantiles, int64_t value, uint64_t n) {
  atomic_uint_fast64_t *count = &quantiles->counts[bucket_of(value > 0 ? (uint64_t)value : 0)];
  atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
                        memory_order_relaxed);
}

uint64_t quantiles_count(const struct quantiles *quantiles) {
  uint64_t n = 0;
  for (int i = 0; i < QUANTILES_BUCKETS; i++)
    n += atomic_load_explicit(&quantiles->counts[i], memory_order_relaxed);
  return n;
}

int64_t quantiles_find(const struct quantiles *quantiles, double share) {
  uint64_t wanted = (uint64_t)ceil(share * (double)quantiles_count(quantiles));
  uint64_t n = 0;
  int last = 0;
  for (int i = 0; i < QUANTILES_BUCKETS; i++) {
    uint64_t here = atomic_load_explicit(&quantiles->counts[i], memory_order_relaxed);
    if (here == 0) continue;
    last = i;
    n += here;
    if (n >= wanted) break;
  }
  return bucket_end(last);
}
