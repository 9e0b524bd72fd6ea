/* memory: large pieces of memory for state.
 *
 * State is most of what a daemon holds, and each page of it is work for the system when the process
 * is copied for a snapshot (exec.h, frozen) while the pipeline stands still. So tables take their
 * larger pieces from here. The real memory maps them in huge pages, of which a copy takes over 512
 * small ones in one step; the simulated one is the heap, where a sanitizer watches each piece.
 *
 * Any thread. Like mem.h, nothing here returns NULL. */
#ifndef TIDEMARK_IO_MEMORY_H
#define TIDEMARK_IO_MEMORY_H

#include <stddef.h>

struct memory; /* NULL: the simulated one */

/* Pieces are multiples of this; smaller ones belong to the heap. */
#define MEMORY_PIECE_BYTES ((size_t)64 << 10)

struct memory *memory_real_new(void);
/* All pieces have been given back. NULL is fine. */
void memory_free(struct memory *memory);

/* Uninitialised. bytes: the multiple of MEMORY_PIECE_BYTES that was asked for, when given back. */
void *memory_take(struct memory *memory, size_t bytes);
void memory_give(struct memory *memory, void *piece, size_t bytes);

/* What is written while a copy lives is taken out of its huge page, and would stay so for good.
 * This puts them together again: for when the copy has ended, on a thread that has time (2 ms for
 * each 2 MiB), while others go on using the pieces. */
void memory_gather(struct memory *memory);

#endif
