/* arena: memory that is freed all at once.
 *
 * The lifetimes of Tidemark are arenas: a configuration, a component, a batch, a scratch that is
 * reset after every call. Allocations are 16-byte aligned and never move. Not safe for use by two
 * threads at once. */
#ifndef TIDEMARK_BASE_ARENA_H
#define TIDEMARK_BASE_ARENA_H

#include "daemon/base/slice.h"

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
  struct arena_block *blocks; /* newest first */
  char *next, *end;           /* free room in the newest block */
  size_t block_bytes;         /* size of an ordinary block */
  size_t bytes;               /* held from the system, all blocks */
};

void arena_init(struct arena *arena, size_t block_bytes); /* allocates nothing yet */
void arena_reset(struct arena *arena);                    /* frees all but one ordinary block */
void arena_fini(struct arena *arena);                     /* frees everything; safe after zeroing */

void *arena_alloc_slow(struct arena *arena, size_t bytes);

/* Uninitialised memory until the arena is reset. Never NULL. */
static inline void *arena_alloc(struct arena *arena, size_t bytes) {
  size_t rounded =
      bytes == 0 ? 16 : (bytes + 15) & ~(size_t)15; /* never NULL, never the same twice */
  if (rounded <= (size_t)(arena->end - arena->next) && rounded >= bytes) {
    void *memory = arena->next;
    arena->next += rounded;
    return memory;
  }
  return arena_alloc_slow(arena, bytes);
}

void *arena_zalloc(struct arena *arena, size_t bytes);
/* A copy of the bytes with a NUL behind them. */
char *arena_dup(struct arena *arena, const char *data, size_t len);
struct slice arena_slice(struct arena *arena, struct slice from);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
