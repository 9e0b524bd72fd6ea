/* memory_real: chunks of the size and alignment of a huge page, cut into pieces.
 *
 * A chunk of CHUNK_BYTES has a bit for each of its 32 pieces; what is taken is a run of them. What
 * is larger than a chunk gets one of its own, a multiple of CHUNK_BYTES. A chunk of which nothing
 * is taken goes back to the system at once. Chunks are held in order of address, to be found by
 * that of a piece. Where the system has no huge pages the advice is refused and nothing else
 * changes. */
#include "daemon/base/mem.h"
#include "daemon/io/memory.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; an older one refuses it and gathers by itself, if slowly */
#endif

#define CHUNK_BYTES ((size_t)2 << 20)
/* A chunk is out of reach for a third of a millisecond while the system gathers it. The threads
 * that wait for it get this long before the next one. */
#define GATHER_TURN_NS 1000000
enum { CHUNK_PIECES = 32 };
_Static_assert(CHUNK_PIECES *MEMORY_PIECE_BYTES == CHUNK_BYTES, "a bit for each piece");

struct chunk {
  char *data;
  size_t bytes;
  uint32_t taken; /* bit i: piece i; all of them in one that is larger than CHUNK_BYTES */
};

struct memory {
  pthread_mutex_t mutex; /* of all below */
  struct chunk *chunks;
  size_t n_chunks, cap_chunks;
};

struct memory *memory_real_new(void) {
  struct memory *memory = mem_zalloc(sizeof *memory);
  pthread_mutex_init(&memory->mutex, NULL);
  return memory;
}

void memory_free(struct memory *memory) {
  if (memory == NULL) return;
  assert(memory->n_chunks == 0);
  pthread_mutex_destroy(&memory->mutex);
  free(memory->chunks);
  free(memory);
}

static char *map(size_t bytes) {
  char *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) mem_refused(bytes);
  return data;
}

/* Newer systems align such a mapping by themselves, beside the one before. Elsewhere more is mapped
 * than is needed, and what lies before and behind the aligned part is given back. */
static char *chunk_map(size_t bytes) {
  char *data = map(bytes);
  size_t before = -(uintptr_t)data & (CHUNK_BYTES - 1);
  if (before > 0) {
    munmap(data, bytes);
    data = map(bytes + CHUNK_BYTES);
    before = -(uintptr_t)data & (CHUNK_BYTES - 1);
    if (before > 0) munmap(data, before);
    data += before;
    munmap(data + bytes, CHUNK_BYTES - before);
  }
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

/* The number of the first chunk that lies behind the address. */
static size_t chunk_behind(const struct memory *memory, const char *address) {
  size_t low = 0, high = memory->n_chunks;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (memory->chunks[middle].data <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static struct chunk *chunk_add(struct memory *memory, size_t bytes) {
  char *data = chunk_map(bytes);
  size_t at = chunk_behind(memory, data);
  array_grow((void **)&memory->chunks, &memory->cap_chunks, memory->n_chunks,
             sizeof *memory->chunks);
  struct chunk *chunk = &memory->chunks[at];
  memmove(chunk + 1, chunk, (memory->n_chunks - at) * sizeof *chunk);
  memory->n_chunks++;
  *chunk = (struct chunk){.data = data, .bytes = bytes};
  return chunk;
}

static void chunk_remove(struct memory *memory, struct chunk *chunk) {
  munmap(chunk->data, chunk->bytes);
  memory->n_chunks--;
  memmove(chunk, chunk + 1, (size_t)(memory->chunks + memory->n_chunks - chunk) * sizeof *chunk);
}

/* A run of n pieces as bits, from piece number `first` on. */
static uint32_t run_of_pieces(size_t n, unsigned first) {
  return (n == CHUNK_PIECES ? UINT32_MAX : (UINT32_C(1) << n) - 1) << first;
}

static void *chunk_take(struct chunk *chunk, size_t n) {
  for (unsigned first = 0; first + n <= CHUNK_PIECES; first++) {
    uint32_t run = run_of_pieces(n, first);
    if ((chunk->taken & run) != 0) continue;
    chunk->taken |= run;
    return chunk->data + first * MEMORY_PIECE_BYTES;
  }
  return NULL;
}

static void *take(struct memory *memory, size_t n) {
  if (n > CHUNK_PIECES) {
    size_t bytes = (n * MEMORY_PIECE_BYTES + CHUNK_BYTES - 1) & ~(CHUNK_BYTES - 1);
    struct chunk *own = chunk_add(memory, bytes);
    own->taken = UINT32_MAX;
    return own->data;
  }
  for (size_t i = 0; i < memory->n_chunks; i++) {
    void *piece = chunk_take(&memory->chunks[i], n);
    if (piece != NULL) return piece;
  }
  return chunk_take(chunk_add(memory, CHUNK_BYTES), n);
}

void *memory_take(struct memory *memory, size_t bytes) {
  assert(bytes > 0 && bytes % MEMORY_PIECE_BYTES == 0);
  if (memory == NULL) return mem_alloc(bytes);
  pthread_mutex_lock(&memory->mutex);
  void *piece = take(memory, bytes / MEMORY_PIECE_BYTES);
  pthread_mutex_unlock(&memory->mutex);
  return piece;
}

void memory_give(struct memory *memory, void *piece, size_t bytes) {
  if (memory == NULL) {
    free(piece);
    return;
  }
  pthread_mutex_lock(&memory->mutex);
  size_t behind = chunk_behind(memory, piece);
  assert(behind > 0);
  struct chunk *chunk = &memory->chunks[behind - 1];
  size_t first = (size_t)((char *)piece - chunk->data) / MEMORY_PIECE_BYTES;
  size_t n = bytes / MEMORY_PIECE_BYTES;
  chunk->taken &= n > CHUNK_PIECES ? 0 : ~run_of_pieces(n, (unsigned)first);
  if (chunk->taken == 0) chunk_remove(memory, chunk);
  pthread_mutex_unlock(&memory->mutex);
}

void memory_gather(struct memory *memory) {
  if (memory == NULL) return;
  const struct timespec turn = {.tv_nsec = GATHER_TURN_NS};
  char *data = NULL;
  for (;;) {
    pthread_mutex_lock(&memory->mutex);
    size_t next = chunk_behind(memory, data);
    struct chunk chunk = next < memory->n_chunks ? memory->chunks[next] : (struct chunk){0};
    pthread_mutex_unlock(&memory->mutex);
    data = chunk.data;
    /* A chunk may be gone by now: then this is advice about nothing, or about another mapping. */
    if (data == NULL || (madvise(data, chunk.bytes, MADV_COLLAPSE) != 0 && errno == EINVAL)) return;
    nanosleep(&turn, NULL);
  }
}
