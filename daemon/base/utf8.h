/* utf8: reading UTF-8. What expressions do with characters stands in expr/utf8.h. */
#ifndef TIDEMARK_BASE_UTF8_H
#define TIDEMARK_BASE_UTF8_H

#include "daemon/base/slice.h"

#include <stddef.h>
#include <stdint.h>

static inline bool utf8_continues(char c) {
  return ((unsigned char)c & 0xc0) == 0x80;
}

bool utf8_valid(struct slice text);

/* The code point at *at, which is moved behind it; -1 and one byte further if it is not UTF-8. */
int32_t utf8_decode(struct slice text, size_t *at);

#endif
