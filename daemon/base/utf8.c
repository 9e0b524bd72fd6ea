/* utf8: see utf8.h. Decoding follows the table of well-formed sequences in the Unicode standard
 * (3-7): no surrogates, nothing longer than needed, nothing above U+10FFFF. */
#include "daemon/base/utf8.h"

int32_t utf8_decode(struct slice text, size_t *at) {
  const unsigned char *p = (const unsigned char *)text.data + *at;
  size_t left = text.len - *at;
  unsigned first = p[0], len;
  (*at)++;
  if (first < 0x80) return (int32_t)first;
  uint32_t c, least;
  if (first >= 0xc2 && first <= 0xdf) {
    len = 2, c = first & 0x1f, least = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    len = 3, c = first & 0x0f, least = 0x800;
  } else if (first >= 0xf0 && first <= 0xf4) {
    len = 4, c = first & 0x07, least = 0x10000;
  } else {
    return -1;
  }
  if (left < len) return -1;
  for (unsigned i = 1; i < len; i++) {
    if ((p[i] & 0xc0) != 0x80) return -1;
    c = c << 6 | (p[i] & 0x3f);
  }
  if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return -1;
  *at += len - 1;
  return (int32_t)c;
}

bool utf8_valid(struct slice text) {
  for (size_t at = 0; at < text.len;)
    if (utf8_decode(text, &at) < 0) return false;
  return true;
}
