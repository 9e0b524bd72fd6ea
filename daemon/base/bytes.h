/* bytes: numbers as bytes, little-endian, for what is stored. Reading never goes behind the end. */
#ifndef TIDEMARK_BASE_BYTES_H
#define TIDEMARK_BASE_BYTES_H

#include "daemon/base/buf.h"
#include "daemon/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

static inline void bytes_put(struct buf *buf, uint64_t number, size_t n_bytes) {
  char *to = buf_reserve(buf, n_bytes);
  for (size_t i = 0; i < n_bytes; i++) to[i] = (char)(number >> (8 * i));
  buf->len += n_bytes;
}

/* Takes n_bytes (at most 8) from the front of *from. False: there are not so many. */
static inline bool bytes_get(struct slice *from, size_t n_bytes, uint64_t *number) {
  if (from->len < n_bytes) return false;
  *number = 0;
  for (size_t i = 0; i < n_bytes; i++) *number |= (uint64_t)(unsigned char)from->data[i] << (8 * i);
  from->data += n_bytes;
  from->len -= n_bytes;
  return true;
}

/* A length of four bytes and so many bytes. */
static inline void bytes_put_slice(struct buf *buf, struct slice s) {
  bytes_put(buf, s.len, 4);
  buf_put_slice(buf, s);
}

static inline bool bytes_get_slice(struct slice *from, struct slice *s) {
  uint64_t len;
  if (!bytes_get(from, 4, &len) || from->len < len) return false;
  *s = (struct slice){from->data, (size_t)len};
  from->data += len;
  from->len -= (size_t)len;
  return true;
}

#endif
