/* place: finding line and column in a file's text again. Lines end where libyaml ends them (LF, CR,
 * CR LF, NEL, LS, PS); columns count characters; a byte order mark at the start is not one. */
#ifndef TIDEMARK_CONFIG_PLACE_H
#define TIDEMARK_CONFIG_PLACE_H

#include "config/errors.h"

/* Goes forward cheaply, so that places in order of the file cost one pass over it. */
struct place_cursor {
  struct slice text;
  size_t line_offset; /* where its line begins */
  size_t offset;
  uint32_t line, column; /* from 1 */
};

void place_cursor_init(struct place_cursor *cursor, struct slice text);
/* The byte offset of a line and column; of the line's or the text's end when it is shorter. */
size_t place_cursor_go(struct place_cursor *cursor, uint32_t line, uint32_t column);

/* The other way round: line and column of a byte offset. */
void place_cursor_seek(struct place_cursor *cursor, size_t offset);

/* Bytes of the line break at offset, or 0. */
size_t place_break_len(struct slice text, size_t offset);
/* Bytes of the character at offset; 1 for a stray byte. */
size_t place_char_len(struct slice text, size_t offset);
/* Offset of the first byte that is not UTF-8, or text.len. */
size_t place_utf8_end(struct slice text);
uint32_t place_count_chars(struct slice text);

#endif
