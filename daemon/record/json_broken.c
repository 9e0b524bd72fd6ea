/* json_broken: what is said of a line that is broken, and where. Numbers of bytes count from 1.
 *
 * A line whose end is missing (a writer that died, a disk that was full) is told from one that is
 * wrong in itself: where it stops says nothing, what was open there does. */
#include "daemon/record/json_walk.h"

static size_t byte_of(const struct walk *walk, const uint32_t *token) {
  return (size_t)(walk->base + *token - walk->line.data) + 1;
}

/* The innermost bracket that is open at the line's end, or NULL. As elsewhere '[' counts as '{'. */
static const uint32_t *find_open(const struct walk *walk) {
  size_t closed = 0;
  for (const uint32_t *token = walk->end; token > walk->first;) {
    char c = (char)(walk->base[*--token] | 0x20);
    if (c == '}')
      closed++;
    else if (c == '{' && closed-- == 0)
      return token;
  }
  return NULL;
}

static const char *cut_off(struct arena *arena, struct slice line, const char *within, size_t at) {
  return arena_printf(arena,
                      "the line is cut off behind byte %zu, within the %s that begins at byte %zu",
                      line.len, within, at);
}

int walk_broken(struct walk *walk, const char *code, const char *what) {
  const uint32_t *open = walk->token == walk->end ? find_open(walk) : NULL;
  walk->code = code;
  if (open != NULL) {
    const char *within = walk->base[*open] == '{' ? "object" : "array";
    walk->text = cut_off(walk->arena, walk->line, within, byte_of(walk, open));
  } else {
    size_t at = walk->token < walk->end ? byte_of(walk, walk->token) : walk->line.len + 1;
    walk->text = arena_printf(walk->arena, "%s at byte %zu of the line", what, at);
  }
  return -1;
}

int walk_broken_end(struct walk *walk) {
  size_t open = 0;
  for (walk->token = walk->first; walk->token < walk->end; walk->token++) {
    char c = (char)(walk->base[*walk->token] | 0x20);
    if (c == '{') open++;
    if (c == '}' && --open == 0) break;
  }
  if (walk->token == walk->end - 1) /* "]" */
    return walk_broken(walk, "json.syntax", "a ',' or '}' is expected");
  if (walk->token < walk->end) walk->token++;
  return walk_broken(walk, "json.syntax", "something follows the object");
}

const char *json_string_broken(struct slice line, struct arena *arena) {
  size_t start = 0;
  bool within = false, escaped = false;
  for (size_t i = 0; i < line.len; i++) {
    char c = line.data[i];
    if (within && (unsigned char)c < 0x20)
      return arena_printf(arena,
                          "the string that begins at byte %zu holds a control character, byte %zu",
                          start + 1, i + 1);
    if (c == '"' && !escaped) {
      within = !within;
      start = i;
    }
    escaped = c == '\\' && !escaped;
  }
  return within ? cut_off(arena, line, "string", start + 1) : "the line is too long for JSON";
}
