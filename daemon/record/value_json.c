/* value_json: values as JSON text. */
#include "daemon/record/json_scalar.h"
#include "daemon/record/value.h"

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
    size_t run = json_clean_run(text, at);
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
