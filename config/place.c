/* place: see place.h. */
#include "config/place.h"

static size_t bom_len(struct slice text) {
  return text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void place_cursor_init(struct place_cursor *cursor, struct slice text) {
  size_t start = bom_len(text);
  *cursor = (struct place_cursor){
      .text = text, .line_offset = start, .offset = start, .line = 1, .column = 1};
}

size_t place_break_len(struct slice text, size_t offset) {
  const char *at = text.data + offset;
  size_t left = text.len - offset;
  if (left == 0) return 0;
  if (at[0] == '\n') return 1;
  if (at[0] == '\r') return left > 1 && at[1] == '\n' ? 2 : 1;
  if (left >= 2 && memcmp(at, "\xc2\x85", 2) == 0) return 2;
  if (left >= 3 && (memcmp(at, "\xe2\x80\xa8", 3) == 0 || memcmp(at, "\xe2\x80\xa9", 3) == 0))
    return 3;
  return 0;
}

/* By the first byte alone: what is asked about has been checked, or is only shown. */
size_t place_char_len(struct slice text, size_t offset) {
  unsigned char first = (unsigned char)text.data[offset];
  size_t len = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
  return len <= text.len - offset ? len : text.len - offset;
}

uint32_t place_count_chars(struct slice text) {
  uint32_t n = 0;
  for (size_t i = 0; i < text.len; i += place_char_len(text, i)) n++;
  return n;
}

/* Table 3-7 of the Unicode standard: well-formed byte sequences. */
size_t place_utf8_end(struct slice text) {
  size_t i = 0;
  while (i < text.len) {
    const unsigned char *at = (const unsigned char *)text.data + i;
    if (at[0] < 0x80) {
      i++;
      continue;
    }
    size_t len = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > text.len - i) return i;
    unsigned char low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return i;
    for (size_t k = 2; k < len; k++)
      if (at[k] < 0x80 || at[k] > 0xbf) return i;
    i += len;
  }
  return i;
}

/* Over one character or line break. */
static void step(struct place_cursor *cursor) {
  size_t len = place_break_len(cursor->text, cursor->offset);
  if (len > 0) {
    cursor->offset += len;
    cursor->line_offset = cursor->offset;
    cursor->line++;
    cursor->column = 1;
  } else {
    cursor->offset += place_char_len(cursor->text, cursor->offset);
    cursor->column++;
  }
}

size_t place_cursor_go(struct place_cursor *cursor, uint32_t line, uint32_t column) {
  if (line < cursor->line || (line == cursor->line && column < cursor->column))
    place_cursor_init(cursor, cursor->text);
  while (cursor->offset < cursor->text.len) {
    if (cursor->line == line &&
        (cursor->column >= column || place_break_len(cursor->text, cursor->offset) > 0))
      break;
    step(cursor);
  }
  return cursor->offset;
}

void place_cursor_seek(struct place_cursor *cursor, size_t offset) {
  if (offset < cursor->offset) place_cursor_init(cursor, cursor->text);
  while (cursor->offset < offset && cursor->offset < cursor->text.len) step(cursor);
}
