/* random: seeds and jitter. A pseudo-random stream (xoshiro256** of Blackman and Vigna, 2018,
 * seeded by splitmix64) from a seed; the real one takes its seed from getrandom(2). */
#ifndef TIDEMARK_IO_RANDOM_H
#define TIDEMARK_IO_RANDOM_H

#include <stdint.h>

struct random {
  uint64_t s[4];
};

void random_seed(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
/* 0 <= result < bound, without bias; bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);
double random_unit(struct random *random); /* 0 <= result < 1 */

/* The real source: a seed from the system. */
uint64_t random_system_seed(void);

#endif
