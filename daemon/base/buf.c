/* buf: see buf.h. */
#include "daemon/base/buf.h"

#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *buf) {
  *buf = (struct buf){0};
}

void buf_fini(struct buf *buf) {
  free(buf->data);
  *buf = (struct buf){0};
}

void buf_grow(struct buf *buf, size_t more) {
  size_t wanted = buf->len + more;
  if (wanted < buf->len) abort(); /* a size computed below zero: a bug */
  size_t cap = buf->cap < 64 ? 64 : buf->cap;
  while (cap < wanted) cap *= 2;
  buf->data = mem_realloc(buf->data, cap);
  buf->cap = cap;
}

void buf_printf(struct buf *buf, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (len < 0) abort();
  vsnprintf(buf_reserve(buf, (size_t)len + 1), (size_t)len + 1, format, again);
  va_end(again);
  buf->len += (size_t)len;
}

const char *buf_cstr(struct buf *buf) {
  *buf_reserve(buf, 1) = '\0';
  return buf->data;
}
