/* func_text: functions that make a new text of others. All are bounded by LIMIT_TEXT_BYTES: the
 * size is known, and checked, before anything is allocated. */
#include "daemon/expr/func_call.h"

#include "daemon/base/limits.h"
#include "daemon/expr/utf8.h"

static int call_replace(struct func_call *call, const struct value *args, size_t n_args,
                        struct value *result) {
  (void)n_args;
  struct slice text = value_slice(&args[0]), from = value_slice(&args[1]);
  struct slice to = value_slice(&args[2]);
  const char *end = text.data + text.len, *found;
  size_t n = 0;
  if (from.len > 0)
    for (const char *p = text.data; (found = memmem(p, (size_t)(end - p), from.data, from.len));
         p = found + from.len)
      n++;
  if (n == 0) {
    *result = args[0];
    return 0;
  }
  /* At most 4 GiB times 4 GiB: no overflow of 64 bits. */
  size_t len = text.len - n * from.len + n * to.len;
  if (func_check_bytes(call, len) < 0) return -1;
  char *data = arena_alloc(call->arena, len), *next = data;
  const char *p = text.data;
  while ((found = memmem(p, (size_t)(end - p), from.data, from.len)) != NULL) {
    next = mempcpy(next, p, (size_t)(found - p));
    next = mempcpy(next, to.data, to.len);
    p = found + from.len;
  }
  memcpy(next, p, (size_t)(end - p));
  *result = value_text(data, len);
  /* Cutting out a part of clean text leaves clean text: whole characters between quotes. */
  result->flags = args[0].flags & args[2].flags & VALUE_CLEAN;
  return 0;
}

static int call_concat(struct func_call *call, const struct value *args, size_t n_args,
                       struct value *result) {
  struct buf buf;
  buf_init(&buf);
  for (size_t i = 0; i < n_args && buf.len <= LIMIT_TEXT_BYTES; i++) value_put_text(&buf, &args[i]);
  return func_take_text(call, &buf, result);
}

static int call_concat_ws(struct func_call *call, const struct value *args, size_t n_args,
                          struct value *result) {
  if (args[0].type == VALUE_NULL) {
    *result = value_null();
    return 0;
  }
  struct buf buf;
  buf_init(&buf);
  bool first = true;
  for (size_t i = 1; i < n_args && buf.len <= LIMIT_TEXT_BYTES; i++) {
    if (args[i].type == VALUE_NULL) continue;
    if (!first) buf_put_slice(&buf, value_slice(&args[0]));
    first = false;
    value_put_text(&buf, &args[i]);
  }
  return func_take_text(call, &buf, result);
}

/* Longer texts are cut at the end on both sides, as in PostgreSQL. */
static int pad(struct func_call *call, const struct value *args, size_t n_args, bool left,
               struct value *result) {
  struct slice text = value_slice(&args[0]);
  struct slice fill = n_args == 3 ? value_slice(&args[2]) : slice_of(" ");
  uint64_t wanted = args[1].integer < 0 ? 0 : (uint64_t)args[1].integer;
  uint64_t has = utf8_length(text), fill_length = utf8_length(fill);
  if (has >= wanted || fill.len == 0) {
    *result = args[0];
    result->len = (uint32_t)utf8_skip(text, 0, wanted);
    return 0;
  }
  uint64_t missing = wanted - has;
  if (missing > LIMIT_TEXT_BYTES) return func_check_bytes(call, SIZE_MAX);
  uint64_t whole = missing / fill_length;
  size_t part = utf8_skip(fill, 0, missing % fill_length);
  size_t len = text.len + (size_t)whole * fill.len + part;
  if (func_check_bytes(call, len) < 0) return -1;
  char *data = arena_alloc(call->arena, len), *next = data;
  if (!left) next = mempcpy(next, text.data, text.len);
  for (uint64_t i = 0; i < whole; i++) next = mempcpy(next, fill.data, fill.len);
  next = mempcpy(next, fill.data, part);
  if (left) memcpy(next, text.data, text.len);
  *result = value_text(data, len);
  result->flags = args[0].flags & (n_args == 3 ? args[2].flags : VALUE_CLEAN) & VALUE_CLEAN;
  return 0;
}

static int call_lpad(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  return pad(call, args, n_args, true, result);
}

static int call_rpad(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  return pad(call, args, n_args, false, result);
}

static int call_reverse(struct func_call *call, const struct value *args, size_t n_args,
                        struct value *result) {
  (void)n_args;
  struct slice text = value_slice(&args[0]);
  char *data = arena_alloc(call->arena, text.len), *to = data + text.len;
  for (size_t at = 0; at < text.len;) {
    size_t next = utf8_next(text, at);
    to -= next - at;
    memcpy(to, text.data + at, next - at);
    at = next;
  }
  *result = value_text(data, text.len);
  result->flags = args[0].flags;
  return 0;
}

static int call_repeat(struct func_call *call, const struct value *args, size_t n_args,
                       struct value *result) {
  (void)n_args;
  struct slice text = value_slice(&args[0]);
  uint64_t n = args[1].integer < 0 ? 0 : (uint64_t)args[1].integer;
  size_t len;
  if (text.len == 0) n = 0;
  if (__builtin_mul_overflow(text.len, n, &len)) len = SIZE_MAX;
  if (func_check_bytes(call, len) < 0) return -1;
  char *data = arena_alloc(call->arena, len), *next = data;
  for (uint64_t i = 0; i < n; i++) next = mempcpy(next, text.data, text.len);
  *result = value_text(data, len);
  result->flags = args[0].flags;
  return 0;
}

#define TEXT VALUE_TEXT
#define INT VALUE_INT
#define ANY VALUE_ANY

const struct func func_text_table[] = {
    {.name = "replace",
     .group = "string",
     .signature = "replace(text, from text, to text) -> text",
     .text = "with every occurrence of from replaced by to",
     .min_args = 3,
     .max_args = 3,
     .arg_types = {TEXT, TEXT, TEXT},
     .result_type = TEXT,
     .call = call_replace},
    {.name = "concat",
     .group = "string",
     .signature = "concat(any, ...) -> text",
     .text = "the values as text, one after the other; NULLs are left out",
     .min_args = 1,
     .max_args = FUNC_VARIADIC,
     .arg_types = {ANY},
     .result_type = TEXT,
     .null_in = true,
     .call = call_concat},
    {.name = "concat_ws",
     .group = "string",
     .signature = "concat_ws(separator text, any, ...) -> text",
     .text = "the values as text with a separator in between; NULLs are left out",
     .min_args = 2,
     .max_args = FUNC_VARIADIC,
     .arg_types = {TEXT, ANY},
     .result_type = TEXT,
     .null_in = true,
     .call = call_concat_ws},
    {.name = "lpad",
     .group = "string",
     .signature = "lpad(text, length integer [, fill text]) -> text",
     .text = "filled in front, or cut, to a number of characters",
     .min_args = 2,
     .max_args = 3,
     .arg_types = {TEXT, INT, TEXT},
     .result_type = TEXT,
     .call = call_lpad},
    {.name = "rpad",
     .group = "string",
     .signature = "rpad(text, length integer [, fill text]) -> text",
     .text = "filled at the end, or cut, to a number of characters",
     .min_args = 2,
     .max_args = 3,
     .arg_types = {TEXT, INT, TEXT},
     .result_type = TEXT,
     .call = call_rpad},
    {.name = "reverse",
     .group = "string",
     .signature = "reverse(text) -> text",
     .text = "the characters in reverse order",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = TEXT,
     .call = call_reverse},
    {.name = "repeat",
     .group = "string",
     .signature = "repeat(text, n integer) -> text",
     .text = "the text n times (at most 16 MiB)",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, INT},
     .result_type = TEXT,
     .call = call_repeat},
    {.name = NULL},
};
