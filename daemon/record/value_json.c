/* value_json: values as JSON text. */
#include "daemon/record/time.h"
#include "daemon/record/value.h"

/* Eight bytes at a time: does one of them need an escape ('"', '\', below 0x20)? Each term is the
 * usual "has a zero byte" of the bytes, xor-ed so that the one looked for is 0; bytes from 0x80 are
 * masked out at the end. May be true only when one is there. */
static bool word_needs_escape(uint64_t w) {
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
  uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
  uint64_t found = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((w - ones * 0x20) & ~w);
  return (found & tops) != 0;
}

static bool needs_escape(unsigned char c) {
  return c < 0x20 || c == '"' || c == '\\';
}

/* How many bytes from `at` on need no escape. */
static size_t clean_run(struct slice text, size_t at) {
  size_t from = at;
  for (uint64_t w; text.len - at >= 8; at += 8) {
    memcpy(&w, text.data + at, 8);
    if (word_needs_escape(w)) break;
  }
  while (at < text.len && !needs_escape((unsigned char)text.data[at])) at++;
  return at - from;
}

static void put_escape(struct buf *buf, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
  const char *letter = c != 0 ? strchr(letters, c) : NULL;
  if (letter != NULL) {
    char escape[2] = {'\\', names[letter - letters]};
    buf_put(buf, escape, 2);
  } else {
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    buf_put(buf, escape, 6);
  }
}

void value_put_json_string(struct buf *buf, struct slice text) {
  buf_reserve(buf, text.len + 2);
  buf_put_char(buf, '"');
  for (size_t at = 0; at < text.len;) {
    size_t run = clean_run(text, at);
    buf_put(buf, text.data + at, run);
    at += run;
    if (at < text.len) put_escape(buf, (unsigned char)text.data[at++]);
  }
  buf_put_char(buf, '"');
}

void value_put_json(struct buf *buf, const struct value *v) {
  switch (v->type) {
  case VALUE_NULL: buf_put(buf, "null", 4); return;
  case VALUE_DOUBLE: buf->len += number_put_double(buf_reserve(buf, 32), v->number); return;
  case VALUE_TEXT:
    if ((v->flags & VALUE_CLEAN) == 0) {
      value_put_json_string(buf, value_slice(v));
      return;
    }
    break;
  case VALUE_TIMESTAMP:
  case VALUE_INTERVAL: break;
  default: value_put_text(buf, v); return;
  }
  buf_put_char(buf, '"');
  value_put_text(buf, v);
  buf_put_char(buf, '"');
}
