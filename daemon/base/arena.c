/* arena: see arena.h. A block is a header and its bytes; an allocation larger than a quarter block
 * gets a block of its own behind the newest, so that the newest one's room is not thrown away. */
#include "daemon/base/arena.h"

#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct arena_block {
  struct arena_block *older;
  size_t bytes; /* behind the header */
  char data[] __attribute__((aligned(16)));
};

void arena_init(struct arena *arena, size_t block_bytes) {
  *arena = (struct arena){.block_bytes = block_bytes};
}

static struct arena_block *block_new(struct arena *arena, size_t bytes) {
  struct arena_block *block = mem_alloc(sizeof *block + bytes);
  block->bytes = bytes;
  arena->bytes += bytes;
  return block;
}

void *arena_alloc_slow(struct arena *arena, size_t bytes) {
  size_t rounded = bytes == 0 ? 16 : (bytes + 15) & ~(size_t)15;
  if (rounded < bytes) abort(); /* a size computed below zero: a bug */
  if (arena->blocks != NULL && rounded > arena->block_bytes / 4) {
    struct arena_block *own = block_new(arena, rounded);
    own->older = arena->blocks->older;
    arena->blocks->older = own;
    return own->data;
  }
  size_t size = rounded > arena->block_bytes ? rounded : arena->block_bytes;
  struct arena_block *block = block_new(arena, size);
  block->older = arena->blocks;
  arena->blocks = block;
  arena->next = block->data + rounded;
  arena->end = block->data + size;
  return block->data;
}

void arena_reset(struct arena *arena) {
  struct arena_block *kept = NULL;
  for (struct arena_block *block = arena->blocks, *older; block != NULL; block = older) {
    older = block->older;
    if (kept == NULL && block->bytes == arena->block_bytes) {
      kept = block;
    } else {
      free(block);
    }
  }
  arena->blocks = kept;
  arena->bytes = 0;
  arena->next = arena->end = NULL;
  if (kept == NULL) return;
  kept->older = NULL;
  arena->bytes = kept->bytes;
  arena->next = kept->data;
  arena->end = kept->data + kept->bytes;
}

void arena_fini(struct arena *arena) {
  for (struct arena_block *block = arena->blocks, *older; block != NULL; block = older) {
    older = block->older;
    free(block);
  }
  *arena = (struct arena){.block_bytes = arena->block_bytes};
}

void *arena_zalloc(struct arena *arena, size_t bytes) {
  return memset(arena_alloc(arena, bytes), 0, bytes);
}

char *arena_dup(struct arena *arena, const char *data, size_t len) {
  char *copy = arena_alloc(arena, len + 1);
  if (len > 0) memcpy(copy, data, len);
  copy[len] = '\0';
  return copy;
}

struct slice arena_slice(struct arena *arena, struct slice from) {
  return (struct slice){arena_dup(arena, from.data, from.len), from.len};
}

char *arena_printf(struct arena *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (len < 0) abort();
  char *text = arena_alloc(arena, (size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  return text;
}
