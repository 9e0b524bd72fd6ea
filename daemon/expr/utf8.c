/* utf8: see utf8.h. */
#include "daemon/expr/utf8.h"

#include "daemon/expr/case_table.h"

size_t utf8_encode(char *to, uint32_t c) {
  if (c < 0x80) {
    to[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    to[0] = (char)(0xc0 | c >> 6);
    to[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    to[0] = (char)(0xe0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 0x3f));
    to[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  to[0] = (char)(0xf0 | c >> 18);
  to[1] = (char)(0x80 | (c >> 12 & 0x3f));
  to[2] = (char)(0x80 | (c >> 6 & 0x3f));
  to[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

static uint32_t map(uint32_t c, const struct case_range *ranges, size_t n) {
  size_t low = 0, high = n; /* the first range that does not end before c */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (ranges[middle].last < c)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == n || c < ranges[low].first || (c - ranges[low].first) % ranges[low].step != 0)
    return c;
  return (uint32_t)((int32_t)c + ranges[low].delta);
}

uint32_t utf8_lower(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  return map(c, case_lower, sizeof case_lower / sizeof *case_lower);
}

uint32_t utf8_upper(uint32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  return map(c, case_upper, sizeof case_upper / sizeof *case_upper);
}
