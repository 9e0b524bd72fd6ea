/* hash: one stable 64-bit hash for keys, shards and sampling: XXH3 (xxhash 0.8, whose results are
 * fixed for good), seed 0. Which shard a key belongs to is stored on disk, so it may never change.
 */
#ifndef TIDEMARK_BASE_HASH_H
#define TIDEMARK_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *data, size_t len);

/* Shard of a hash, 0 <= shard < n_shards, from the high half; tables use the low half. */
static inline uint32_t hash_shard(uint64_t hash, uint32_t n_shards) {
  return (uint32_t)(((hash >> 32) * n_shards) >> 32);
}

#endif
