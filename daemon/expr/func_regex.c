/* func_regex: functions with regular expressions. A constant pattern is compiled once with the
 * expression, another one for each row. */
#include "daemon/expr/func_call.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/expr/utf8.h"

#include <stdlib.h>

#define GROUPS_MAX 100

/* Flags of regexp_replace, as in PostgreSQL. They become part of the pattern. */
struct flags {
  bool all, ignore_case, newlines, extended;
};

static int read_flags(struct slice text, struct flags *flags) {
  *flags = (struct flags){0};
  for (size_t i = 0; i < text.len; i++) {
    switch (text.data[i]) {
    case 'g': flags->all = true; break;
    case 'i': flags->ignore_case = true; break;
    case 'c': flags->ignore_case = false; break;
    case 'n':
    case 'm': flags->newlines = true; break;
    case 's': flags->newlines = false; break;
    case 'x': flags->extended = true; break;
    case 't': flags->extended = false; break;
    default: return -1;
    }
  }
  return 0;
}

static const char flags_text[] = "flags are of g, i, c, n, m, s, x and t";

static int compile(struct slice pattern, const struct flags *flags, struct regex **regex,
                   struct err *err) {
  if (!flags->newlines && !flags->extended)
    return regex_new(pattern, flags->ignore_case, regex, err);
  struct buf buf;
  buf_init(&buf);
  buf_put_text(&buf, flags->newlines ? "(?m-s)" : "");
  buf_put_text(&buf, flags->extended ? "(?x)" : "");
  buf_put_slice(&buf, pattern);
  int status = regex_new(buf_slice(&buf), flags->ignore_case, regex, err);
  buf_fini(&buf);
  return status;
}

struct prepared {
  struct regex *regex;
  bool all;
};

static void release(void *arg) {
  struct prepared *prepared = arg;
  regex_free(prepared->regex);
  free(prepared);
}

static bool is_text(const struct value *v) {
  return v != NULL && v->type == VALUE_TEXT;
}

static int prepare(const struct value *pattern, const struct value *flags_value, void **prepared,
                   size_t *bad_arg, struct err *err) {
  struct flags flags = {0};
  if (flags_value != NULL && read_flags(value_slice(flags_value), &flags) < 0) {
    *bad_arg = 3;
    return err_set(err, ERR_CONFIG, "%s", flags_text);
  }
  *bad_arg = 1;
  struct regex *regex;
  if (compile(value_slice(pattern), &flags, &regex, err) < 0) return -1;
  struct prepared *made = mem_alloc(sizeof *made);
  *made = (struct prepared){regex, flags.all};
  *prepared = made;
  return 0;
}

static int prepare_extract(struct disk *disk, const struct value *const *constants, size_t n_args,
                           void **prepared, size_t *bad_arg, struct err *err) {
  (void)disk;
  (void)n_args;
  if (!is_text(constants[1])) return 0;
  return prepare(constants[1], NULL, prepared, bad_arg, err);
}

static int prepare_replace(struct disk *disk, const struct value *const *constants, size_t n_args,
                           void **prepared, size_t *bad_arg, struct err *err) {
  (void)disk;
  if (!is_text(constants[1]) || (n_args == 4 && !is_text(constants[3]))) return 0;
  return prepare(constants[1], n_args == 4 ? constants[3] : NULL, prepared, bad_arg, err);
}

/* The pattern of this row; *made is to be freed when it is not NULL. */
static const struct regex *pattern_of(struct func_call *call, const struct value *pattern,
                                      const struct flags *flags, struct regex **made) {
  *made = NULL;
  if (call->prepared != NULL) return ((const struct prepared *)call->prepared)->regex;
  struct err err;
  if (compile(value_slice(pattern), flags, made, &err) == 0) return *made;
  func_fail(call, "expr.value", arena_printf(call->arena, "%s", err.text));
  return NULL;
}

static int call_extract(struct func_call *call, const struct value *args, size_t n_args,
                        struct value *result) {
  int64_t group = n_args == 3 ? args[2].integer : 0;
  if (group < 0 || group >= GROUPS_MAX)
    return func_fail(call, "expr.value", "groups are counted from 0 to 99");
  struct regex *made;
  const struct flags flags = {0};
  const struct regex *regex = pattern_of(call, &args[1], &flags, &made);
  if (regex == NULL) return -1;
  struct regex_match groups[GROUPS_MAX];
  const char *text = NULL;
  int matched = regex_match(regex, value_slice(&args[0]), 0, groups, (size_t)group + 1, &text);
  regex_free(made);
  if (matched < 0) return func_fail(call, "expr.limit", text);
  *result = value_null();
  if (matched == 1 && groups[group].matched) {
    *result = args[0];
    result->data += groups[group].start;
    result->len = (uint32_t)(groups[group].end - groups[group].start);
  }
  return 0;
}

/* \1 to \9 are groups, \& is the whole match, \\ a backslash; a backslash before anything else
 * stands for itself. */
static void put_replacement(struct buf *buf, struct slice text, struct slice replacement,
                            const struct regex_match *groups) {
  for (size_t i = 0; i < replacement.len; i++) {
    char c = replacement.data[i];
    if (c != '\\' || i + 1 == replacement.len) {
      buf_put_char(buf, c);
      continue;
    }
    char next = replacement.data[++i];
    if (next == '&' || (next >= '1' && next <= '9')) {
      const struct regex_match *group = &groups[next == '&' ? 0 : next - '0'];
      if (group->matched) buf_put(buf, text.data + group->start, group->end - group->start);
    } else if (next == '\\') {
      buf_put_char(buf, '\\');
    } else {
      buf_put_char(buf, '\\');
      i--;
    }
  }
}

static int replace(struct func_call *call, const struct regex *regex, bool all,
                   const struct value *args, struct value *result) {
  struct slice text = value_slice(&args[0]), replacement = value_slice(&args[2]);
  struct regex_match groups[10];
  struct buf buf;
  buf_init(&buf);
  size_t copied = 0, from = 0;
  bool any = false;
  while (from <= text.len && buf.len <= LIMIT_TEXT_BYTES) {
    const char *error_text = NULL;
    int matched = regex_match(regex, text, from, groups, 10, &error_text);
    if (matched < 0) {
      buf_fini(&buf);
      return func_fail(call, "expr.limit", error_text);
    }
    /* \K could give a match that starts before the last one's end. */
    if (matched == 0 || !groups[0].matched || groups[0].start < copied) break;
    any = true;
    buf_put(&buf, text.data + copied, groups[0].start - copied);
    put_replacement(&buf, text, replacement, groups);
    copied = from = groups[0].end;
    if (!all) break;
    /* Behind an empty match the next one starts a character further. */
    if (groups[0].start == groups[0].end) from = from < text.len ? utf8_next(text, from) : from + 1;
  }
  if (!any) {
    buf_fini(&buf);
    *result = args[0];
    return 0;
  }
  buf_put(&buf, text.data + copied, text.len - copied);
  return func_take_text(call, &buf, result);
}

static int call_replace(struct func_call *call, const struct value *args, size_t n_args,
                        struct value *result) {
  struct flags flags = {0};
  if (call->prepared != NULL)
    flags.all = ((const struct prepared *)call->prepared)->all;
  else if (n_args == 4 && read_flags(value_slice(&args[3]), &flags) < 0)
    return func_fail(call, "expr.value", flags_text);
  struct regex *made;
  const struct regex *regex = pattern_of(call, &args[1], &flags, &made);
  if (regex == NULL) return -1;
  int status = replace(call, regex, flags.all, args, result);
  regex_free(made);
  return status;
}

#define TEXT VALUE_TEXT

const struct func func_regex_table[] = {
    {.name = "regexp_extract",
     .group = "string",
     .signature = "regexp_extract(text, pattern text [, group integer]) -> text",
     .text = "the first match of a pattern, or a group of it; NULL when there is none",
     .min_args = 2,
     .max_args = 3,
     .arg_types = {TEXT, TEXT, VALUE_INT},
     .result_type = TEXT,
     .prepare = prepare_extract,
     .release = release,
     .call = call_extract},
    {.name = "regexp_replace",
     .group = "string",
     .signature = "regexp_replace(text, pattern text, replacement text [, flags text]) -> text",
     .text = "the first match (all with flag g) replaced; \\1 to \\9 are groups, \\& the match",
     .min_args = 3,
     .max_args = 4,
     .arg_types = {TEXT, TEXT, TEXT, TEXT},
     .result_type = TEXT,
     .prepare = prepare_replace,
     .release = release,
     .call = call_replace},
    {.name = NULL},
};
