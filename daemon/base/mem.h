/* mem: allocation that does not return NULL. A process that is refused memory by the system cannot
 * go on in a defined way; it says so and aborts, and the log brings everything back at the next
 * start. What users can cause is bounded by memory.max long before. */
#ifndef TIDEMARK_BASE_MEM_H
#define TIDEMARK_BASE_MEM_H

#include <stddef.h>

/* Once, before the first thread: memory that was freed is kept for the next epoch, within bounds.
 */
void mem_start(void);

/* Says so and aborts. */
void mem_refused(size_t bytes) __attribute__((noreturn));

void *mem_alloc(size_t bytes);                   /* uninitialised; free() */
void *mem_zalloc(size_t bytes);                  /* zeroed; free() */
void *mem_realloc(void *old, size_t bytes);      /* free() */
char *mem_strdup(const char *text);              /* free() */
char *mem_strndup(const char *text, size_t len); /* len bytes and a NUL; free() */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2))); /* free() */

/* Room for at least one more element: grows *items (of *cap elements of item_bytes) by doubling
 * when count == *cap. Use as: array_grow((void **)&list, &cap, count, sizeof *list). */
void array_grow(void **items, size_t *cap, size_t count, size_t item_bytes);

#endif
