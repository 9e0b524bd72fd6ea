/* buf: bytes that grow. buf_fini() frees; buf_clear() keeps the memory for the next use. */
#ifndef TIDEMARK_BASE_BUF_H
#define TIDEMARK_BASE_BUF_H

#include "daemon/base/slice.h"

#include <stddef.h>
#include <stdint.h>

struct buf {
  char *data; /* NULL until something was put in */
  size_t len, cap;
};

void buf_init(struct buf *buf);
void buf_fini(struct buf *buf);
static inline void buf_clear(struct buf *buf) {
  buf->len = 0;
}

void buf_grow(struct buf *buf, size_t more);

/* Room for `more` bytes behind len; returns where they go. The caller adds to len what it wrote. */
static inline char *buf_reserve(struct buf *buf, size_t more) {
  if (buf->cap - buf->len < more) buf_grow(buf, more);
  return buf->data + buf->len;
}

static inline void buf_put(struct buf *buf, const void *data, size_t len) {
  char *to = buf_reserve(buf, len);
  if (len > 0) memcpy(to, data, len);
  buf->len += len;
}

static inline void buf_put_char(struct buf *buf, char c) {
  *buf_reserve(buf, 1) = c;
  buf->len++;
}

static inline void buf_put_text(struct buf *buf, const char *text) {
  buf_put(buf, text, strlen(text));
}

static inline void buf_put_slice(struct buf *buf, struct slice s) {
  buf_put(buf, s.data, s.len);
}

void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes as a string; the NUL is not counted in len. */
const char *buf_cstr(struct buf *buf);

static inline struct slice buf_slice(const struct buf *buf) {
  return (struct slice){buf->data, buf->len};
}

#endif
