/* json_scan_portable: the rules of json_scan.h, a byte at a time. */
#include "daemon/record/json_scalar.h"
#include "daemon/record/json_scan.h"

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_mark(char c) {
  return c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',';
}

int json_scan_portable(struct slice text, uint32_t *tokens, size_t *n_tokens) {
  bool in_string = false, escapes = false, behind_bare = false;
  size_t n = 0;
  *n_tokens = 0;
  if (!json_utf8_valid(text)) return -1;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    bool escaped = escapes;
    escapes = c == '\\' && !escaped;
    bool quote = c == '"' && !escaped, bare = !is_blank(c) && !is_mark(c);
    bool within = in_string; /* the closing quote is, the opening one is not */
    if (quote) in_string = !in_string;
    if (within && !quote && (unsigned char)c < 0x20) return -1;
    if (!within && (is_mark(c) || (bare && !behind_bare))) tokens[n++] = (uint32_t)i;
    behind_bare = bare && !quote;
  }
  if (in_string) return -1;
  *n_tokens = n;
  return 0;
}
