/* slice: some bytes that somebody else owns. Not NUL-terminated; may hold NUL bytes. */
#ifndef TIDEMARK_BASE_SLICE_H
#define TIDEMARK_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
  const char *data;
  size_t len;
};

static inline struct slice slice_of(const char *text) {
  return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text) {
  return slice_equal(a, slice_of(text));
}

/* Bytewise order; a prefix sorts first. */
static inline int slice_compare(struct slice a, struct slice b) {
  size_t shorter = a.len < b.len ? a.len : b.len;
  int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
  if (order != 0) return order;
  return (a.len > b.len) - (a.len < b.len);
}

/* For printf("%.*s", SLICE_ARG(s)). */
#define SLICE_ARG(s) (int)(s).len, (s).data

#endif
