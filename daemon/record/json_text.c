/* json_text: see json_text.h. Everything is one scanner that goes a value at a time and never looks
 * behind the end; containers that nobody asks about are skipped by their brackets and strings. */
#include "daemon/record/json_text.h"

#include "daemon/base/limits.h"
#include "daemon/record/json_scalar.h"

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_blanks(struct slice text, size_t at) {
  while (at < text.len && is_blank(text.data[at])) at++;
  return at;
}

static struct slice part(struct slice text, size_t from, size_t to) {
  return (struct slice){text.data + from, to - from};
}

/* at: the opening quote. Moves behind the closing one. */
static int skip_string(struct slice text, size_t *at) {
  for (size_t i = *at + 1; i < text.len; i += 2) {
    i += json_clean_run(text, i);
    if (i >= text.len) return -1;
    if (text.data[i] == '"') {
      *at = i + 1;
      return 0;
    }
    if (text.data[i] != '\\') return -1;
  }
  return -1;
}

static bool ends_bare(char c) {
  static const bool ends[256] = {
      [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, [','] = true, [':'] = true,
      ['"'] = true, ['{'] = true,  ['}'] = true,  ['['] = true,  [']'] = true};
  return ends[(unsigned char)c];
}

/* at: the first byte of a value. Moves behind it. */
static int skip_value(struct slice text, size_t *at) {
  size_t depth = 0, i = *at;
  do {
    if (i >= text.len) return -1;
    char c = text.data[i];
    if (c == '"') {
      if (skip_string(text, &i) != 0) return -1;
      continue;
    }
    if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return -1;
      depth--;
    } else if (depth == 0) {
      if (ends_bare(c)) return -1;
      while (i < text.len && !ends_bare(text.data[i])) i++;
      break;
    }
    i++;
  } while (depth > 0);
  *at = i;
  return 0;
}

static int value_of(struct slice raw, struct arena *arena, struct value *value) {
  if (raw.len == 0) return -1;
  switch (raw.data[0]) {
  case '{':
  case '[':
    *value = value_text(raw.data, raw.len);
    value->type = VALUE_JSON;
    return 0;
  case '"': return json_string(part(raw, 1, raw.len - 1), arena, value);
  default: return json_bare(raw, value) == NUMBER_OK ? 0 : -1;
  }
}

int json_text_value(struct slice text, struct arena *arena, struct value *value) {
  size_t from = skip_blanks(text, 0), to = from;
  if (skip_value(text, &to) != 0 || skip_blanks(text, to) != text.len) return -1;
  return value_of(part(text, from, to), arena, value);
}

int json_text_next(struct slice text, size_t *at, struct slice *name, struct slice *member) {
  size_t first = skip_blanks(text, 0), i = *at == 0 ? first : skip_blanks(text, *at);
  if (i >= text.len || (text.data[first] != '{' && text.data[first] != '[')) return -1;
  bool object = text.data[first] == '{';
  size_t next = skip_blanks(text, i + 1);
  if (text.data[i] == (object ? '}' : ']')) return next == text.len ? 0 : -1;
  if (*at == 0) {
    i = next;
    if (i < text.len && text.data[i] == (object ? '}' : ']'))
      return skip_blanks(text, i + 1) == text.len ? 0 : -1;
  } else {
    if (text.data[i] != ',') return -1;
    i = next;
  }
  *name = (struct slice){"", 0};
  if (object) {
    size_t from = i + 1;
    if (i >= text.len || text.data[i] != '"' || skip_string(text, &i) != 0) return -1;
    *name = part(text, from, i - 1);
    i = skip_blanks(text, i);
    if (i >= text.len || text.data[i] != ':') return -1;
    i = skip_blanks(text, i + 1);
  }
  size_t from = i;
  if (skip_value(text, &i) != 0) return -1;
  *member = part(text, from, i);
  *at = i;
  return 1;
}

static int64_t count_members(struct slice text) {
  struct slice name, member;
  int64_t n = 0;
  for (size_t at = 0;; n++) {
    int more = json_text_next(text, &at, &name, &member);
    if (more <= 0) return more < 0 ? -1 : n;
  }
}

/* The member that a step leads to: 1 and *member, 0 nothing there, -1 not JSON. */
static int take_step(struct slice text, const struct path_step *step, struct slice *member) {
  size_t at = 0, first = skip_blanks(text, 0);
  struct slice name;
  int more;
  if (first >= text.len) return -1;
  if (text.data[first] != (step->is_index ? '[' : '{')) return 0;
  if (!step->is_index) {
    /* A name with '\' or '"' in it can only be there as an escape, which is not looked into. */
    if (step->name.len > 0 && memchr(step->name.data, '\\', step->name.len) != NULL) return 0;
    while ((more = json_text_next(text, &at, &name, member)) > 0) {
      if (slice_equal(name, step->name)) return 1;
    }
    return more;
  }
  int64_t index = step->index;
  if (index < 0) {
    int64_t n = count_members(text);
    if (n < 0) return -1;
    index += n;
    if (index < 0) return 0;
  }
  while ((more = json_text_next(text, &at, &name, member)) > 0) {
    if (index-- == 0) return 1;
  }
  return more;
}

int json_text_get(struct slice text, const struct path_step *steps, size_t n_steps,
                  struct arena *arena, struct value *value) {
  for (size_t i = 0; i < n_steps; i++) {
    struct slice member;
    int found = take_step(text, &steps[i], &member);
    if (found < 0) return -1;
    if (found == 0) {
      *value = value_null();
      return 0;
    }
    text = member;
  }
  return json_text_value(text, arena, value);
}

/* The containers that are open, as bits: 1 is an object. */
struct nesting {
  uint64_t bits[LIMIT_JSON_DEPTH / 64 + 1];
  size_t depth;
};

static bool nesting_open(struct nesting *nesting, bool object) {
  if (nesting->depth == LIMIT_JSON_DEPTH) return false;
  uint64_t *word = &nesting->bits[nesting->depth / 64], bit = UINT64_C(1) << nesting->depth % 64;
  *word = object ? *word | bit : *word & ~bit;
  nesting->depth++;
  return true;
}

static bool nesting_in_object(const struct nesting *nesting) {
  return (nesting->bits[(nesting->depth - 1) / 64] >> (nesting->depth - 1) % 64 & 1) != 0;
}

static bool check_string(struct slice text, size_t *at) {
  size_t from = *at;
  return skip_string(text, at) == 0 && json_string_valid(part(text, from + 1, *at - 1));
}

/* A scalar or the opening of a container, *at on its first byte. */
static bool check_value_start(struct slice text, size_t *at, struct nesting *nesting) {
  struct value ignored;
  if (*at >= text.len) return false;
  char c = text.data[*at];
  if (c == '"') return check_string(text, at);
  if (c == '{' || c == '[') {
    ++*at;
    return nesting_open(nesting, c == '{');
  }
  size_t from = *at;
  while (*at < text.len && !ends_bare(text.data[*at])) ++*at;
  return json_bare(part(text, from, *at), &ignored) != NUMBER_NOT;
}

static bool check_name(struct slice text, size_t *at) {
  if (*at >= text.len || text.data[*at] != '"' || !check_string(text, at)) return false;
  *at = skip_blanks(text, *at);
  if (*at >= text.len || text.data[*at] != ':') return false;
  *at = skip_blanks(text, *at + 1);
  return true;
}

bool json_text_valid(struct slice text) {
  struct nesting nesting = {.depth = 0};
  if (!json_utf8_valid(text)) return false;
  size_t at = skip_blanks(text, 0), before = 0;
  for (;;) {
    before = nesting.depth;
    if (!check_value_start(text, &at, &nesting)) return false;
    at = skip_blanks(text, at);
    bool opened = nesting.depth > before;
    /* Close what ends here; an empty container ends at once. */
    while (nesting.depth > 0 && at < text.len &&
           text.data[at] == (nesting_in_object(&nesting) ? '}' : ']')) {
      nesting.depth--;
      opened = false;
      at = skip_blanks(text, at + 1);
    }
    if (nesting.depth == 0) return at == text.len;
    if (!opened) {
      if (at >= text.len || text.data[at] != ',') return false;
      at = skip_blanks(text, at + 1);
    }
    if (nesting_in_object(&nesting) && !check_name(text, &at)) return false;
  }
}
