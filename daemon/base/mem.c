/* mem: see mem.h. */
#include "daemon/base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An epoch takes and frees about as much as the one before. By default the C library gives much of
 * that back in between, and each page of it is then a fault and 4 KiB of zeros again. */
#define MMAP_BYTES (4 << 20)
#define KEPT_BYTES (32 << 20)

void mem_start(void) {
  mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
  mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

void mem_refused(size_t bytes) {
  fprintf(stderr,
          "tidemark: the system refused %zu bytes of memory; lower memory.max or give the service "
          "more\n",
          bytes);
  abort();
}

static void *checked(void *memory, size_t bytes) {
  if (memory == NULL) mem_refused(bytes);
  return memory;
}

void *mem_alloc(size_t bytes) {
  return checked(malloc(bytes > 0 ? bytes : 1), bytes);
}

void *mem_zalloc(size_t bytes) {
  return checked(calloc(1, bytes > 0 ? bytes : 1), bytes);
}

void *mem_realloc(void *old, size_t bytes) {
  return checked(realloc(old, bytes > 0 ? bytes : 1), bytes);
}

char *mem_strndup(const char *text, size_t len) {
  char *copy = mem_alloc(len + 1);
  if (len > 0) memcpy(copy, text, len);
  copy[len] = '\0';
  return copy;
}

char *mem_strdup(const char *text) {
  return mem_strndup(text, strlen(text));
}

char *mem_printf(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = NULL;
  int len = vasprintf(&text, format, args);
  va_end(args);
  return len < 0 ? checked(NULL, 0) : text;
}

void array_grow(void **items, size_t *cap, size_t count, size_t item_bytes) {
  if (count < *cap) return;
  *cap = *cap < 8 ? 8 : *cap * 2;
  *items = mem_realloc(*items, *cap * item_bytes);
}
