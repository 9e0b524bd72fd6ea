/* node: what can be asked of a node; parse.c makes them. */
#include "config/node.h"

#include "config/place.h"

struct node *node_get(const struct node *map, const char *key) {
  if (map == NULL || map->kind != NODE_MAP) return NULL;
  for (size_t i = 0; i < map->n_items; i++)
    if (slice_is(map->keys[i]->text, key)) return map->items[i];
  return NULL;
}

bool node_is_null(const struct node *node) {
  if (node->kind != NODE_SCALAR || node->quoted || node->substituted) return false;
  return node->text.len == 0 || slice_is(node->text, "~") || slice_is(node->text, "null") ||
         slice_is(node->text, "Null") || slice_is(node->text, "NULL");
}

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char unescaped(char c) {
  return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

/* Byte `offset` of the text of a scalar that was folded, indented or escaped, found by going
 * through text and source side by side; a run of blanks in one is a run of blanks in the other.
 * False when they cannot be matched (rare escapes). */
static bool align(const struct node *node, struct slice source, size_t at, size_t offset,
                  size_t *found) {
  char style = at < source.len ? source.data[at] : '\0';
  if (style == '|' || style == '>') {
    while (at < source.len && place_break_len(source, at) == 0) at++;
    while (at < source.len && blank(source.data[at])) at++;
  } else if (style == '\'' || style == '"') {
    at++;
  }
  size_t i = 0;
  while (i < offset) {
    char c = node->text.data[i];
    if (at >= source.len) return false;
    if (blank(c)) {
      while (i < node->text.len && blank(node->text.data[i])) i++;
      while (at < source.len && blank(source.data[at])) at++;
      continue;
    }
    if (style == '"' && source.data[at] == '\\') {
      if (at + 1 >= source.len || unescaped(source.data[at + 1]) != c) return false;
      at++;
    } else if (source.data[at] != c) {
      return false;
    } else if (style == '\'' && c == '\'') {
      at++;
    }
    at++;
    i++;
  }
  *found = at;
  return true;
}

struct place node_place_at(const struct node *node, size_t offset, size_t len) {
  struct place place = node->place;
  if (node->kind != NODE_SCALAR || place.file == NULL || node->substituted) return place;
  if (offset > node->text.len) offset = node->text.len;
  if (len > node->text.len - offset) len = node->text.len - offset;
  if (node->exact) {
    place.column +=
        node->text_column_offset + place_count_chars((struct slice){node->text.data, offset});
    place.len = place_count_chars((struct slice){node->text.data + offset, len});
    return place;
  }
  struct place_cursor cursor;
  place_cursor_init(&cursor, place.file->text);
  size_t start = place_cursor_go(&cursor, place.line, place.column), from, to;
  if (!align(node, cursor.text, start, offset, &from) ||
      !align(node, cursor.text, start, offset + len, &to) || to < from)
    return place;
  place_cursor_seek(&cursor, from);
  place.line = cursor.line;
  place.column = cursor.column;
  place.len = place_count_chars((struct slice){cursor.text.data + from, to - from});
  return place;
}
