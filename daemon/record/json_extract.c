/* json_extract: see json_extract.h.
 *
 * The wanted paths are a trie (json_plan.c). Lines are scanned for their tokens (json_scan.h), many
 * at once where they lie one behind the other, and each line's tokens are walked once along the
 * trie. Skipping a member costs a few steps, whatever it holds.
 *
 * Which lines are broken. A replay must find the same ones, on any machine and whatever engine runs
 * here one day, so these are rules on the line's bytes and the plan and nothing else:
 *
 *   json.control  a byte below 0x20 that is no tab and no carriage return (NUL, ...)
 *   text.utf8     not UTF-8
 *   json.syntax   a string that is not closed, or holds a control character; by the quotes, where
 *                 '\' takes the meaning of the byte behind it, in strings and outside
 *   json.syntax   the first token is not '{' (a byte order mark is not), or the last is not '}'
 *   json.syntax   members, as far as they are read, that are not: string, ':', value, then ',' or
 *                 '}'. They are read in order until each wanted path has its answer; nothing behind
 *                 that is looked at. A path has its answer with the first member of its name (by
 *                 the raw bytes: names written with escapes do not match), whatever it holds, or at
 *                 the end of the object that would hold it
 *   json.syntax   a value of a wanted path that is not JSON, with all that is in it. Of values that
 *                 nobody wants, the brackets must balance, '[' counting as '{'
 *   json.string   text of a wanted path that has half a surrogate pair: it is no Unicode text
 *   json.number   a number of a wanted path that is too large for a double ("1e999")
 *   json.depth    more than LIMIT_JSON_DEPTH containers within each other, as far as read
 *
 * With `strict`, besides, json.syntax and json.depth hold for all of the line as RFC 8259 has it.
 *
 * Why lines scanned together are broken when each alone would be and only then: between them is a
 * line end. It can neither be within a string (a control character) nor within a UTF-8 sequence nor
 * within a bare token, and what a '\' before it escapes is the line end. If the scan of several
 * lines fails, each is scanned alone. */
#include "daemon/record/json_extract.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/json_plan.h"
#include "daemon/record/json_scalar.h"
#include "daemon/record/json_walk.h"

/* Lines scanned at once: text and tokens stay in the cache. */
#define SCAN_BYTES (16 * 1024)

static int extract(struct walk *walk, struct json_node *node, size_t depth);

static int skip_to_close(struct walk *walk, size_t open, size_t depth) {
  while (open > 0) {
    if (walk->token == walk->end)
      return walk_broken(walk, "json.syntax", "an object or array is not closed");
    char c = (char)(walk->base[*walk->token] | 0x20); /* makes one of '[' and '{', ']' and '}' */
    if (c == '{' && depth + ++open > LIMIT_JSON_DEPTH)
      return walk_broken(walk, "json.depth", "too many objects and arrays within each other");
    if (c == '}') open--;
    walk->token++;
  }
  return 0;
}

static inline int skip_value(struct walk *walk, size_t depth) {
  switch (walk_peek(walk)) {
  case '{':
  case '[':
    if (depth >= LIMIT_JSON_DEPTH)
      return walk_broken(walk, "json.depth", "too many objects and arrays within each other");
    walk->token++;
    return skip_to_close(walk, 1, depth);
  case '}':
  case ']':
  case ',':
  case ':':
  case '\0': return walk_broken(walk, "json.syntax", "a value is expected");
  default: walk->token++; return 0;
  }
}

/* The child of that name; the one that came next the last time is tried first. name has 8 readable
 * bytes behind its start, whatever its length. */
static inline struct json_node *find_name(struct json_node *node, struct slice name) {
  if ((node->name_lens >> (name.len < 63 ? name.len : 63) & 1) == 0) return NULL;
  uint64_t head;
  memcpy(&head, name.data, 8);
  uint32_t i = node->predicted;
  for (uint32_t tried = 0; tried < node->n_names; tried++) {
    struct json_node *child = &node->children[i];
    if (++i >= node->n_names) i = 0;
    if (((head ^ child->name_head) & child->head_mask) != 0 || child->name.len != name.len ||
        (name.len > 8 && memcmp(child->name.data + 8, name.data + 8, name.len - 8) != 0))
      continue;
    node->predicted = i;
    return child;
  }
  return NULL;
}

/* Members of the object whose '{' was just taken, until all that is wanted of it has its answer;
 * then, if more is wanted of the line, to behind its '}'. */
static int walk_object(struct walk *walk, struct json_node *node, size_t depth) {
  uint32_t wanted = node->n_names;
  if (walk_peek(walk) == '}') {
    walk->token++;
    return 0;
  }
  for (;;) {
    if (walk_peek(walk) != '"') return walk_broken(walk, "json.syntax", "a field name is expected");
    const char *start = walk->base + *walk->token++;
    if (walk_peek(walk) != ':') return walk_broken(walk, "json.syntax", "a ':' is expected");
    struct slice name = walk_token(walk, start);
    walk->token++;
    struct json_node *child = find_name(node, (struct slice){start + 1, name.len - 2});
    if (child == NULL || child->serial == walk->serial) {
      if (skip_value(walk, depth) != 0) return -1;
    } else {
      child->serial = walk->serial;
      if (extract(walk, child, depth) != 0) return -1;
      if (walk->unanswered == 0) return 0;
      if (--wanted == 0) return skip_to_close(walk, 1, depth - 1);
    }
    char c = walk_peek(walk);
    if (c != ',' && c != '}') return walk_broken(walk, "json.syntax", "a ',' or '}' is expected");
    walk->token++;
    if (c == '}') return 0;
  }
}

/* How many elements the array has whose '[' was just taken. */
static int count_elements(struct walk *walk, size_t depth, int64_t *n) {
  const uint32_t *first = walk->token;
  *n = 0;
  if (walk_peek(walk) == ']') return 0;
  for (;;) {
    if (skip_value(walk, depth) != 0) return -1;
    ++*n;
    char c = walk_peek(walk);
    if (c == ']') break;
    if (c != ',') return walk_broken(walk, "json.syntax", "a ',' or ']' is expected");
    walk->token++;
  }
  walk->token = first;
  return 0;
}

/* Elements of the array whose '[' was just taken; like walk_object(). */
static int walk_array(struct walk *walk, struct json_node *node, size_t depth) {
  int64_t n = 0;
  uint32_t wanted = node->n_children - node->n_names;
  if (node->from_end && count_elements(walk, depth, &n) != 0) return -1;
  if (walk_peek(walk) == ']') {
    walk->token++;
    return 0;
  }
  for (int64_t i = 0;; i++) {
    const uint32_t *element = walk->token, *behind = NULL;
    for (uint32_t k = node->n_names; k < node->n_children; k++) {
      struct json_node *child = &node->children[k];
      if ((child->index < 0 ? child->index + n : child->index) != i) continue;
      walk->token = element; /* [0] and [-1] may be the same */
      if (extract(walk, child, depth) != 0) return -1;
      if (walk->unanswered == 0) return 0;
      behind = walk->token;
      wanted--;
    }
    if (behind == NULL && skip_value(walk, depth) != 0) return -1;
    if (wanted == 0) return skip_to_close(walk, 1, depth - 1);
    char c = walk_peek(walk);
    if (c != ',' && c != ']') return walk_broken(walk, "json.syntax", "a ',' or ']' is expected");
    walk->token++;
    if (c == ']') return 0;
  }
}

static int take_string(struct walk *walk, struct value *value) {
  const char *start = walk->base + *walk->token++;
  struct slice token = walk_token(walk, start), inside = {start + 1, token.len - 2};
  if (!walk->escapes) {
    *value = value_text(inside.data, inside.len);
    value->flags = VALUE_CLEAN;
    return 0;
  }
  if (json_string(inside, walk->arena, value) == 0) return 0;
  walk->token--;
  if (json_string_valid(inside))
    return walk_broken(walk, "json.string",
                       "text has half a surrogate pair, which is no character,");
  return walk_broken(walk, "json.syntax", "a string has an escape that JSON has not");
}

static int take_bare(struct walk *walk, struct value *value) {
  const char *start = walk->base + *walk->token++;
  enum number_result result = json_bare(walk_token(walk, start), value);
  if (result == NUMBER_OK) return 0;
  walk->token--;
  if (result == NUMBER_RANGE)
    return walk_broken(walk, "json.number", "a number is too large for a double");
  return walk_broken(walk, "json.syntax", "there is something that is no JSON value");
}

static int take_value(struct walk *walk, struct value *value, size_t depth) {
  switch (walk_peek(walk)) {
  case '"': return take_string(walk, value);
  case '{':
  case '[': {
    const char *start = walk->base + *walk->token;
    if (walk_check(walk, depth) != 0) return -1;
    const char *end = walk->base + walk->token[-1] + 1;
    *value = value_text(start, (size_t)(end - start));
    value->type = VALUE_JSON;
    return 0;
  }
  case '}':
  case ']':
  case ',':
  case ':':
  case '\0': return walk_broken(walk, "json.syntax", "a value is expected");
  default: return take_bare(walk, value);
  }
}

/* The value at the next token is the node's: its columns and those below it have their answers.
 * depth: containers that the value is within. */
static int extract(struct walk *walk, struct json_node *node, size_t depth) {
  const uint32_t *start = walk->token, *behind = NULL;
  uint32_t left = walk->unanswered - node->n_paths;
  if (node->n_columns > 0) {
    struct value value;
    if (take_value(walk, &value, depth) != 0) return -1;
    for (uint32_t i = 0; i < node->n_columns; i++)
      walk->columns[node->columns[i]][walk->row] = value;
    walk->unanswered -= node->n_columns;
    behind = walk->token;
    walk->token = start;
  }
  if (node->n_children > 0 && walk->unanswered > 0) {
    char c = walk_peek(walk);
    bool object = c == '{' && node->n_names > 0,
         array = c == '[' && node->n_names < node->n_children;
    if (object || array) {
      walk->token++;
      int walked = object ? walk_object(walk, node, depth + 1) : walk_array(walk, node, depth + 1);
      if (walked != 0) return -1;
      if (behind == NULL) behind = walk->token;
    }
  }
  walk->unanswered = left;
  if (left == 0) return 0;
  if (behind == NULL) return skip_value(walk, depth);
  walk->token = behind;
  return 0;
}

/* The tokens of one line, as [token, end) says, into its row. */
static int walk_line(struct walk *walk) {
  struct json_plan *plan = walk->plan;
  for (size_t i = 0; i < plan->n_paths; i++) walk->columns[i][walk->row] = value_null();
  if (walk_peek(walk) != '{') {
    bool mark = walk->line.len >= 3 && memcmp(walk->line.data, "\xef\xbb\xbf", 3) == 0;
    return walk_broken(walk, "json.syntax",
                       mark ? "the line begins with a byte order mark, no JSON object,"
                            : "the line is no JSON object");
  }
  if (walk->base[walk->end[-1]] != '}') return walk_broken_end(walk);
  if (plan->strict) {
    if (walk_check(walk, 0) != 0) return -1;
    if (walk->token != walk->end)
      return walk_broken(walk, "json.syntax", "something follows the object");
    walk->token = walk->first;
  }
  walk->unanswered = plan->root.n_paths;
  walk->serial = ++plan->serial;
  if (walk->unanswered == 0) return 0;
  walk->token++;
  if (walk_object(walk, &plan->root, 1) != 0) return -1;
  if (walk->unanswered > 0 && walk->token != walk->end)
    return walk_broken(walk, "json.syntax", "something follows the object");
  return 0;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static bool any(const bytes16 *found) {
  uint64_t halves[2];
  memcpy(halves, found, 16);
  return ((halves[0] | halves[1]) & UINT64_C(0x8080808080808080)) != 0;
}

static inline void look_at(const char *at, bytes16 *control, bytes16 *escape) {
  bytes16 bytes;
  memcpy(&bytes, at, 16);
  *control |= (bytes - 0x20) & ~bytes; /* the top bit: below 0x20 */
  *escape |= (bytes16)(bytes == '\\');
}

/* Is there a byte that no line may hold? Sixteen at a time; a tab or carriage return, which may be
 * there, is looked at again. Sets *escapes if there is a '\'. */
static bool has_control(struct slice line, bool *escapes) {
  const char *at = line.data, *end = at + line.len;
  bytes16 control = {0}, escape = {0};
  if (line.len >= 16) {
    for (; end - at > 16; at += 16) look_at(at, &control, &escape);
    look_at(end - 16, &control, &escape);
    *escapes |= any(&escape);
    if (!any(&control)) return false;
  } else {
    *escapes = true; /* perhaps */
  }
  for (at = line.data; at < end; at++) {
    if ((unsigned char)*at < 0x20 && *at != '\t' && *at != '\r') return true;
  }
  return false;
}

struct extraction {
  struct walk walk;
  const struct slice *lines;
  struct json_line_error *errors;
  size_t n_errors;
};

static void add_error(struct extraction *x, uint32_t row, const char *code, const char *text) {
  for (size_t i = 0; i < x->walk.plan->n_paths; i++) x->walk.columns[i][row] = value_null();
  x->errors[x->n_errors++] = (struct json_line_error){row, code, text};
}

/* Where the tokens from offset `limit` on begin. Machines write lines of one shape, so it is first
 * looked for where the line before had its end. */
static const uint32_t *find_end(struct json_plan *plan, const uint32_t *token, const uint32_t *last,
                                size_t limit) {
  size_t n = (size_t)(last - token), low = 0, high = n, guess = plan->tokens_before;
  if (guess > 0 && guess <= n && token[guess - 1] < limit && (guess == n || token[guess] >= limit))
    return token + guess;
  for (size_t step = 16; low + step < high; step *= 2) {
    if (token[low + step] >= limit) {
      high = low + step;
      break;
    }
    low += step;
  }
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (token[middle] < limit) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  plan->tokens_before = (uint32_t)low;
  return token + low;
}

/* Scans the lines [from, to), which lie one behind the other, as one text. -1: that failed. */
static int extract_lines(struct extraction *x, uint32_t from, uint32_t to) {
  struct walk *walk = &x->walk;
  const char *base = x->lines[from].data;
  const uint32_t *token, *last;
  size_t n_tokens;
  struct slice text = {base, (size_t)(x->lines[to - 1].data + x->lines[to - 1].len - base)};
  if (json_scan(walk->plan->scan, text, &token, &n_tokens) != 0) return -1;
  if (n_tokens == 0) token = NULL;
  last = token + n_tokens;
  walk->base = base;
  for (uint32_t row = from; row < to; row++) {
    walk->line = x->lines[row];
    walk->row = row;
    walk->first = walk->token = token;
    walk->end = token =
        find_end(walk->plan, token, last, (size_t)(walk->line.data + walk->line.len - base));
    if (walk_line(walk) != 0) add_error(x, row, walk->code, walk->text);
  }
  return 0;
}

static void extract_alone(struct extraction *x, uint32_t row) {
  if (extract_lines(x, row, row + 1) == 0) return;
  if (!json_utf8_valid(x->lines[row])) {
    add_error(x, row, "text.utf8", "the line is not UTF-8");
  } else {
    add_error(x, row, "json.syntax", json_string_broken(x->lines[row], x->walk.arena));
  }
}

/* Only a line end is between the two. */
static bool are_neighbours(struct slice line, struct slice next) {
  const char *end = line.data + line.len;
  return (next.data == end + 1 && end[0] == '\n') ||
         (next.data == end + 2 && end[0] == '\r' && end[1] == '\n');
}

size_t json_extract(struct json_plan *plan, const struct slice *lines, size_t n,
                    struct value *const *columns, struct arena *arena,
                    struct json_line_error *errors) {
  struct extraction x = {
      .walk = {.plan = plan, .columns = columns, .arena = arena}, .lines = lines, .errors = errors};
  for (uint32_t from = 0; from < n;) {
    uint32_t to = from;
    size_t bytes = 0;
    bool control = false;
    x.walk.escapes = false;
    while (to < n &&
           (to == from || (bytes < SCAN_BYTES && are_neighbours(lines[to - 1], lines[to])))) {
      control = has_control(lines[to], &x.walk.escapes);
      if (control) break;
      bytes += lines[to++].len;
    }
    if (to > from && extract_lines(&x, from, to) != 0) {
      for (uint32_t row = from; row < to; row++) extract_alone(&x, row);
    }
    if (control)
      add_error(&x, to++, "json.control", "the line holds a control character (NUL, ...)");
    from = to;
  }
  return x.n_errors;
}
