/* func_string: parts of texts: case, length, substrings, trimming. Positions and lengths count
 * characters (see utf8.h) from 1, and the edge cases are PostgreSQL's.
 *
 * A part of a text needs no copy: the result points into the argument, and is clean if that is. */
#include "daemon/expr/func_call.h"
#include "daemon/expr/utf8.h"

static struct value part_of(const struct value *text, size_t from, size_t to) {
  struct value part = *text;
  part.data += from;
  part.len = (uint32_t)(to - from);
  return part;
}

static int map_case(struct func_call *call, const struct value *text, struct value *result,
                    uint32_t (*map)(uint32_t)) {
  struct slice from = value_slice(text);
  size_t at = 0;
  while (at < from.len) { /* most often there is nothing to do */
    size_t next = at;
    int32_t c = utf8_decode(from, &next);
    if (c >= 0 && map((uint32_t)c) != (uint32_t)c) break;
    at = next;
  }
  if (at == from.len) {
    *result = *text;
    return 0;
  }
  /* No mapping makes a character more than half as long again (2 bytes -> 3). */
  size_t room = from.len + from.len / 2 + 1;
  if (func_check_bytes(call, from.len) < 0) return -1;
  char *to = arena_alloc(call->arena, room);
  memcpy(to, from.data, at);
  size_t len = at;
  while (at < from.len) {
    size_t start = at;
    int32_t c = utf8_decode(from, &at);
    if (c >= 0)
      len += utf8_encode(to + len, map((uint32_t)c));
    else
      to[len++] = from.data[start];
  }
  *result = value_text(to, len);
  result->flags = text->flags; /* neither quotes nor control characters come of letters */
  return 0;
}

static int call_lower(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)n_args;
  return map_case(call, &args[0], result, utf8_lower);
}

static int call_upper(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)n_args;
  return map_case(call, &args[0], result, utf8_upper);
}

static int call_length(struct func_call *call, const struct value *args, size_t n_args,
                       struct value *result) {
  (void)call;
  (void)n_args;
  *result = value_int((int64_t)utf8_length(value_slice(&args[0])));
  return 0;
}

/* Characters from..from+count, of which those before the first count but are not there. */
static int call_substr(struct func_call *call, const struct value *args, size_t n_args,
                       struct value *result) {
  struct slice text = value_slice(&args[0]);
  int64_t from = args[1].integer, end = INT64_MAX;
  if (n_args == 3) {
    if (args[2].integer < 0)
      return func_fail(call, "expr.value", "the length of a substring cannot be negative");
    if (__builtin_add_overflow(from, args[2].integer, &end)) end = INT64_MAX;
  }
  if (from < 1) from = 1;
  if (end < from) end = from;
  size_t start = utf8_skip(text, 0, (uint64_t)from - 1);
  *result = part_of(&args[0], start, utf8_skip(text, start, (uint64_t)end - (uint64_t)from));
  return 0;
}

/* The first n characters, or all but the last -n. */
static int call_left(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  (void)call;
  (void)n_args;
  struct slice text = value_slice(&args[0]);
  int64_t n = args[1].integer;
  size_t end;
  if (n >= 0) {
    end = utf8_skip(text, 0, (uint64_t)n);
  } else {
    end = text.len;
    for (uint64_t i = -(uint64_t)n; i > 0 && end > 0; i--) end = utf8_previous(text, end);
  }
  *result = part_of(&args[0], 0, end);
  return 0;
}

/* The last n characters, or all but the first -n. */
static int call_right(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)call;
  (void)n_args;
  struct slice text = value_slice(&args[0]);
  int64_t n = args[1].integer;
  size_t start;
  if (n < 0) {
    start = utf8_skip(text, 0, -(uint64_t)n);
  } else {
    start = text.len;
    for (int64_t i = n; i > 0 && start > 0; i--) start = utf8_previous(text, start);
  }
  *result = part_of(&args[0], start, text.len);
  return 0;
}

static bool find(struct slice text, size_t from, struct slice what, size_t *at) {
  if (text.len - from < what.len) return false;
  if (what.len == 0) {
    *at = from;
    return true;
  }
  const char *found = memmem(text.data + from, text.len - from, what.data, what.len);
  if (found == NULL) return false;
  *at = (size_t)(found - text.data);
  return true;
}

static int call_split_part(struct func_call *call, const struct value *args, size_t n_args,
                           struct value *result) {
  (void)n_args;
  struct slice text = value_slice(&args[0]), by = value_slice(&args[1]);
  int64_t wanted = args[2].integer;
  if (wanted == 0) return func_fail(call, "expr.value", "parts are counted from 1 or from -1");
  size_t start = 0, at;
  if (by.len == 0) {
    *result = wanted == 1 || wanted == -1 ? args[0] : part_of(&args[0], 0, 0);
    return 0;
  }
  if (wanted < 0) { /* counted from the end: as many from the start */
    int64_t n_parts = 1;
    for (; find(text, start, by, &at); start = at + by.len) n_parts++;
    if (wanted < -n_parts) {
      *result = part_of(&args[0], 0, 0);
      return 0;
    }
    wanted += n_parts + 1;
    start = 0;
  }
  int64_t part = 1;
  for (; part < wanted && find(text, start, by, &at); part++) start = at + by.len;
  if (part < wanted)
    *result = part_of(&args[0], 0, 0);
  else
    *result = part_of(&args[0], start, find(text, start, by, &at) ? at : text.len);
  return 0;
}

static bool has_character(struct slice set, struct slice character) {
  for (size_t at = 0; at < set.len;) {
    size_t next = utf8_next(set, at);
    if (slice_equal((struct slice){set.data + at, next - at}, character)) return true;
    at = next;
  }
  return false;
}

static int trim(const struct value *args, size_t n_args, bool left, bool right,
                struct value *result) {
  struct slice text = value_slice(&args[0]);
  struct slice set = n_args == 2 ? value_slice(&args[1]) : slice_of(" ");
  size_t start = 0, end = text.len;
  while (left && start < end) {
    size_t next = utf8_next(text, start);
    if (!has_character(set, (struct slice){text.data + start, next - start})) break;
    start = next;
  }
  while (right && end > start) {
    size_t previous = utf8_previous(text, end);
    if (!has_character(set, (struct slice){text.data + previous, end - previous})) break;
    end = previous;
  }
  *result = part_of(&args[0], start, end);
  return 0;
}

static int call_trim(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  (void)call;
  return trim(args, n_args, true, true, result);
}

static int call_ltrim(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)call;
  return trim(args, n_args, true, false, result);
}

static int call_rtrim(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)call;
  return trim(args, n_args, false, true, result);
}

static int call_starts_with(struct func_call *call, const struct value *args, size_t n_args,
                            struct value *result) {
  (void)call;
  (void)n_args;
  struct slice text = value_slice(&args[0]), prefix = value_slice(&args[1]);
  text.len = text.len < prefix.len ? text.len : prefix.len;
  *result = value_bool(slice_equal(text, prefix));
  return 0;
}

static int call_strpos(struct func_call *call, const struct value *args, size_t n_args,
                       struct value *result) {
  (void)call;
  (void)n_args;
  struct slice text = value_slice(&args[0]);
  size_t at;
  *result = value_int(0);
  if (find(text, 0, value_slice(&args[1]), &at))
    *result = value_int((int64_t)utf8_length((struct slice){text.data, at}) + 1);
  return 0;
}

#define TEXT VALUE_TEXT
#define INT VALUE_INT

const struct func func_string_table[] = {
    {.name = "lower",
     .group = "string",
     .signature = "lower(text) -> text",
     .text = "small letters (Unicode's simple case mapping)",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = TEXT,
     .call = call_lower},
    {.name = "upper",
     .group = "string",
     .signature = "upper(text) -> text",
     .text = "capital letters (Unicode's simple case mapping)",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = TEXT,
     .call = call_upper},
    {.name = "length",
     .group = "string",
     .signature = "length(text) -> integer",
     .text = "the number of characters",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = INT,
     .call = call_length},
    {.name = "substr",
     .group = "string",
     .signature = "substr(text, from integer [, count integer]) -> text",
     .text = "the characters from a place (the first is 1) on",
     .min_args = 2,
     .max_args = 3,
     .arg_types = {TEXT, INT, INT},
     .result_type = TEXT,
     .call = call_substr},
    {.name = "substring",
     .group = "string",
     .signature = "substring(text, from integer [, count integer]) -> text",
     .text = "the same as substr",
     .min_args = 2,
     .max_args = 3,
     .arg_types = {TEXT, INT, INT},
     .result_type = TEXT,
     .call = call_substr},
    {.name = "left",
     .group = "string",
     .signature = "left(text, n integer) -> text",
     .text = "the first n characters; with a negative n all but the last -n",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, INT},
     .result_type = TEXT,
     .call = call_left},
    {.name = "right",
     .group = "string",
     .signature = "right(text, n integer) -> text",
     .text = "the last n characters; with a negative n all but the first -n",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, INT},
     .result_type = TEXT,
     .call = call_right},
    {.name = "split_part",
     .group = "string",
     .signature = "split_part(text, delimiter text, n integer) -> text",
     .text = "the n-th part between delimiters, from the end with a negative n",
     .min_args = 3,
     .max_args = 3,
     .arg_types = {TEXT, TEXT, INT},
     .result_type = TEXT,
     .call = call_split_part},
    {.name = "trim",
     .group = "string",
     .signature = "trim(text [, characters text]) -> text",
     .text = "without blanks, or any of the characters, at both ends",
     .min_args = 1,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = TEXT,
     .call = call_trim},
    {.name = "btrim",
     .group = "string",
     .signature = "btrim(text [, characters text]) -> text",
     .text = "the same as trim",
     .min_args = 1,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = TEXT,
     .call = call_trim},
    {.name = "ltrim",
     .group = "string",
     .signature = "ltrim(text [, characters text]) -> text",
     .text = "without blanks, or any of the characters, at the start",
     .min_args = 1,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = TEXT,
     .call = call_ltrim},
    {.name = "rtrim",
     .group = "string",
     .signature = "rtrim(text [, characters text]) -> text",
     .text = "without blanks, or any of the characters, at the end",
     .min_args = 1,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = TEXT,
     .call = call_rtrim},
    {.name = "starts_with",
     .group = "string",
     .signature = "starts_with(text, prefix text) -> boolean",
     .text = "whether the text starts with the prefix",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = VALUE_BOOL,
     .call = call_starts_with},
    {.name = "strpos",
     .group = "string",
     .signature = "strpos(text, part text) -> integer",
     .text = "where the part is first found (the first character is 1), or 0",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = INT,
     .call = call_strpos},
    {.name = "position",
     .group = "string",
     .signature = "position(text, part text) -> integer",
     .text = "the same as strpos",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = INT,
     .call = call_strpos},
    {.name = NULL},
};
