/* json_scalar: see json_scalar.h. Numbers are in json_number.c. */
#include "daemon/record/json_scalar.h"

size_t json_clean_run(struct slice text, size_t at) {
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
  size_t from = at;
  /* Eight bytes at a time. Each term is the usual "has a zero byte" of the bytes, xor-ed so that
   * the one looked for is 0; its lowest bit that is set is right, those above may not be. */
  for (uint64_t w; text.len - at >= 8; at += 8) {
    memcpy(&w, text.data + at, 8);
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) w = __builtin_bswap64(w);
    uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
    uint64_t found =
        (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w)) & tops;
    if (found != 0) return at + (size_t)__builtin_ctzll(found) / 8 - from;
  }
  for (; at < text.len; at++) {
    unsigned char c = (unsigned char)text.data[at];
    if (c < 0x20 || c == '"' || c == '\\') break;
  }
  return at - from;
}

enum number_result json_bare(struct slice text, struct value *value) {
  if (text.len == 0) return NUMBER_NOT;
  switch (text.data[0]) {
  case 't': *value = value_bool(true); return slice_is(text, "true") ? NUMBER_OK : NUMBER_NOT;
  case 'f': *value = value_bool(false); return slice_is(text, "false") ? NUMBER_OK : NUMBER_NOT;
  case 'n': *value = value_null(); return slice_is(text, "null") ? NUMBER_OK : NUMBER_NOT;
  default: return json_number(text, value);
  }
}

/* The four hex digits at `at`, or -1. */
static int32_t hex4(struct slice text, size_t at) {
  int32_t code = 0;
  if (text.len < 4 || at > text.len - 4) return -1;
  for (size_t i = at; i < at + 4; i++) {
    char c = text.data[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    code = code << 4 | digit;
  }
  return code;
}

static size_t put_utf8(char *to, int32_t code) {
  if (code < 0x80) {
    to[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    to[0] = (char)(0xc0 | code >> 6);
    to[1] = (char)(0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 0x3f));
    to[2] = (char)(0x80 | (code & 0x3f));
    return 3;
  }
  to[0] = (char)(0xf0 | code >> 18);
  to[1] = (char)(0x80 | (code >> 12 & 0x3f));
  to[2] = (char)(0x80 | (code >> 6 & 0x3f));
  to[3] = (char)(0x80 | (code & 0x3f));
  return 4;
}

/* What a letter behind '\' stands for, or 0. */
static char escape_of(char letter) {
  switch (letter) {
  case '"':
  case '\\':
  case '/': return letter;
  case 'b': return '\b';
  case 'f': return '\f';
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  default: return 0;
  }
}

/* The character of the \u escape whose digits start at *at, which moves behind it. */
static int32_t unicode_escape(struct slice text, size_t *at) {
  int32_t code = hex4(text, *at);
  *at += 4;
  if (code < 0xd800 || code > 0xdfff) return code;
  if (code > 0xdbff || text.len - *at < 6 || text.data[*at] != '\\' || text.data[*at + 1] != 'u')
    return -1;
  int32_t low = hex4(text, *at + 2);
  if (low < 0xdc00 || low > 0xdfff) return -1;
  *at += 6;
  return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

int json_string(struct slice inside, struct arena *arena, struct value *value) {
  const char *slash = inside.len > 0 ? memchr(inside.data, '\\', inside.len) : NULL;
  *value = value_text(inside.data, inside.len);
  if (slash == NULL) {
    value->flags = VALUE_CLEAN;
    return 0;
  }
  /* What escapes stand for is never longer than they are. */
  char *text = arena_alloc(arena, inside.len);
  size_t at = (size_t)(slash - inside.data), len = at;
  memcpy(text, inside.data, at);
  while (at < inside.len) {
    char c = inside.data[at++];
    if (c != '\\') {
      text[len++] = c;
      continue;
    }
    if (at == inside.len) return -1;
    char letter = inside.data[at++];
    if (letter == 'u') {
      int32_t code = unicode_escape(inside, &at);
      if (code < 0) return -1;
      len += put_utf8(text + len, code);
    } else if ((text[len++] = escape_of(letter)) == 0) {
      return -1;
    }
  }
  *value = value_text(text, len);
  return 0;
}

bool json_string_valid(struct slice inside) {
  const char *end = inside.data + inside.len;
  for (const char *at = inside.data; inside.len > 0;) {
    at = memchr(at, '\\', (size_t)(end - at));
    if (at == NULL) return true;
    if (++at == end) return false;
    if (*at == 'u') {
      if (hex4(inside, (size_t)(at + 1 - inside.data)) < 0) return false;
      at += 5;
    } else if (escape_of(*at++) == 0) {
      return false;
    }
    if (at == end) return true;
  }
  return true;
}

bool json_utf8_valid(struct slice text) {
  const unsigned char *at = (const unsigned char *)text.data, *end = at + text.len;
  while (at < end) {
    uint64_t word;
    if (end - at >= 8) {
      memcpy(&word, at, 8);
      if ((word & UINT64_C(0x8080808080808080)) == 0) {
        at += 8;
        continue;
      }
    }
    unsigned char c = *at++;
    if (c < 0x80) continue;
    /* Bytes that follow, and the range of the first of them. */
    int more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (c < 0xc2 || c > 0xf4 || end - at < more || *at < low || *at > high) return false;
    for (int i = 1; i < more; i++) {
      if ((at[i] & 0xc0) != 0x80) return false;
    }
    at += more;
  }
  return true;
}
