/* random: xoshiro256**, seeded by splitmix64 (both public domain, by Blackman and Vigna). The
 * streams are fixed for good: a seed in a bug report must replay the same run years later. */
#include "daemon/io/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t rotate_left(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

static uint64_t splitmix64(uint64_t *x) {
  uint64_t z = (*x += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void random_seed(struct random *random, uint64_t seed) {
  for (int i = 0; i < 4; i++) random->s[i] = splitmix64(&seed);
}

uint64_t random_u64(struct random *random) {
  uint64_t *s = random->s;
  uint64_t result = rotate_left(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

/* Lemire's method: the high half of a product, drawn again in the rare case that would favour the
 * low results. */
uint64_t random_below(struct random *random, uint64_t bound) {
  assert(bound > 0);
  uint64_t reject_below = (0 - bound) % bound;
  for (;;) {
    unsigned __int128 product = (unsigned __int128)random_u64(random) * bound;
    if ((uint64_t)product >= reject_below) return (uint64_t)(product >> 64);
  }
}

double random_unit(struct random *random) {
  return (double)(random_u64(random) >> 11) * 0x1p-53;
}

uint64_t random_system_seed(void) {
  uint64_t seed;
  ssize_t got;
  do got = getrandom(&seed, sizeof seed, 0);
  while (got < 0 && errno == EINTR);
  /* Up to 256 bytes come whole; what remains is a kernel without the call. */
  if (got != sizeof seed) {
    perror("tidemark: getrandom");
    abort();
  }
  return seed;
}
