/* json_check: is a value, with all in it, JSON? Over tokens, so that strings cost nothing but a
 * look for escapes. (json_text_valid() answers the same over bytes; a test compares the two.) */
#include "daemon/base/limits.h"
#include "daemon/record/json_scalar.h"
#include "daemon/record/json_walk.h"

static inline int check_string(struct walk *walk) {
  const char *start = walk->base + *walk->token++;
  if (!walk->escapes) return 0;
  struct slice token = walk_token(walk, start);
  if (token.len < 2 || !json_string_valid((struct slice){token.data + 1, token.len - 2})) {
    walk->token--;
    return walk_broken(walk, "json.syntax", "a string has an escape that JSON has not");
  }
  return 0;
}

static int check_bare(struct walk *walk) {
  struct value ignored;
  const char *start = walk->base + *walk->token++;
  if (json_bare(walk_token(walk, start), &ignored) != NUMBER_NOT) return 0;
  walk->token--;
  return walk_broken(walk, "json.syntax", "there is something that is no JSON value");
}

static int check_name(struct walk *walk) {
  if (walk_peek(walk) != '"') return walk_broken(walk, "json.syntax", "a field name is expected");
  if (check_string(walk) != 0) return -1;
  if (walk_peek(walk) != ':') return walk_broken(walk, "json.syntax", "a ':' is expected");
  walk->token++;
  return 0;
}

int walk_check(struct walk *walk, size_t depth) {
  bool object[LIMIT_JSON_DEPTH];
  size_t open = 0;
  for (;;) {
    char c = walk_peek(walk);
    bool opened = false;
    if (c == '"') {
      if (check_string(walk) != 0) return -1;
    } else if (c == '{' || c == '[') {
      if (depth + open >= LIMIT_JSON_DEPTH)
        return walk_broken(walk, "json.depth", "too many objects and arrays within each other");
      object[open++] = c == '{';
      opened = true;
      walk->token++;
    } else if (c == '}' || c == ']' || c == ',' || c == ':' || c == '\0') {
      return walk_broken(walk, "json.syntax", "a value is expected");
    } else if (check_bare(walk) != 0) {
      return -1;
    }
    /* Close what ends here; an empty container ends at once. */
    while (open > 0 && walk_peek(walk) == (object[open - 1] ? '}' : ']')) {
      open--;
      opened = false;
      walk->token++;
    }
    if (open == 0) return 0;
    if (!opened) {
      if (walk_peek(walk) != ',')
        return walk_broken(walk, "json.syntax",
                           object[open - 1] ? "a ',' or '}' is expected"
                                            : "a ',' or ']' is expected");
      walk->token++;
    }
    if (object[open - 1] && check_name(walk) != 0) return -1;
  }
}
