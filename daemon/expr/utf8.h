/* utf8: characters of a text. A character is a byte that is no continuation byte (10xxxxxx), or the
 * first byte, and the continuation bytes behind it: right for UTF-8, and for other bytes an answer
 * that is the same everywhere and loses none of them. */
#ifndef TIDEMARK_EXPR_UTF8_H
#define TIDEMARK_EXPR_UTF8_H

#include "daemon/base/utf8.h"

/* The byte behind the character at `at`; at < text.len. */
static inline size_t utf8_next(struct slice text, size_t at) {
  do at++;
  while (at < text.len && utf8_continues(text.data[at]));
  return at;
}

/* The byte at which the character before `at` starts; at > 0. */
static inline size_t utf8_previous(struct slice text, size_t at) {
  do at--;
  while (at > 0 && utf8_continues(text.data[at]));
  return at;
}

static inline size_t utf8_length(struct slice text) {
  size_t n = text.len > 0 && utf8_continues(text.data[0]);
  for (size_t i = 0; i < text.len; i++) n += !utf8_continues(text.data[i]);
  return n;
}

/* The byte behind the first n characters, text.len when there are fewer. */
static inline size_t utf8_skip(struct slice text, size_t at, uint64_t n) {
  while (n > 0 && at < text.len) {
    at = utf8_next(text, at);
    n--;
  }
  return at;
}

/* Room for 4 bytes; returns how many. */
size_t utf8_encode(char *to, uint32_t c);

/* Unicode's simple case mappings (one character to one character), whatever the locale. */
uint32_t utf8_lower(uint32_t c);
uint32_t utf8_upper(uint32_t c);

#endif
