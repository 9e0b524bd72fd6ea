/* eval_like: x like pattern [escape c].
 *
 * A pattern is compiled to steps: a literal piece, any one character, anything. `like` with a
 * constant pattern is compiled once; one that varies is compiled for each row. `ilike` needs a
 * constant pattern and becomes a regular expression, which knows upper and lower case of all
 * scripts. */
#include "daemon/expr/eval.h"

#include "daemon/expr/utf8.h"

#include <string.h>

struct like_step {
  enum { LIKE_PIECE, LIKE_ONE, LIKE_ANYTHING } kind;
  struct slice piece;
};
struct like {
  size_t n_steps;
  struct like_step *steps;
};

/* NULL when the pattern ends with its escape character. escape empty: none. */
static struct like *like_new(struct arena *arena, struct slice pattern, struct slice escape) {
  struct like *like = arena_alloc(arena, sizeof *like);
  *like = (struct like){0, arena_alloc(arena, (pattern.len + 1) * sizeof *like->steps)};
  char *bytes = arena_alloc(arena, pattern.len + 1);
  for (size_t i = 0; i < pattern.len;) {
    struct like_step *last = like->n_steps > 0 ? &like->steps[like->n_steps - 1] : NULL;
    bool escaped = escape.len > 0 && pattern.len - i >= escape.len &&
                   memcmp(pattern.data + i, escape.data, escape.len) == 0;
    if (escaped) i += escape.len;
    if (i == pattern.len) return NULL;
    char c = pattern.data[i++];
    if (!escaped && c == '%') {
      if (last == NULL || last->kind != LIKE_ANYTHING)
        like->steps[like->n_steps++] = (struct like_step){.kind = LIKE_ANYTHING};
    } else if (!escaped && c == '_') {
      like->steps[like->n_steps++] = (struct like_step){.kind = LIKE_ONE};
    } else {
      if (last == NULL || last->kind != LIKE_PIECE)
        *(last = &like->steps[like->n_steps++]) = (struct like_step){LIKE_PIECE, {bytes, 0}};
      *bytes++ = c;
      last->piece.len++;
    }
  }
  return like;
}

/* Takes a step that is not LIKE_ANYTHING off the front; false when it is not there. */
static bool step_matches(const struct like_step *step, struct slice *text) {
  if (text->len == 0) return false;
  size_t len = step->kind == LIKE_ONE ? utf8_next(*text, 0) : step->piece.len;
  if (step->kind == LIKE_PIECE &&
      (text->len < len || memcmp(text->data, step->piece.data, len) != 0))
    return false;
  text->data += len;
  text->len -= len;
  return true;
}

/* Only the last % has to be tried further on: what stood between two was found as early as could
 * be. At most text length times pattern length. */
static bool like_matches(const struct like *like, struct slice text) {
  size_t i = 0, again = 0;
  struct slice from = {NULL, 0};
  for (;;) {
    if (i < like->n_steps && like->steps[i].kind == LIKE_ANYTHING) {
      again = ++i;
      from = text;
      if (i == like->n_steps) return true;
      continue;
    }
    if (i < like->n_steps && step_matches(&like->steps[i], &text)) {
      i++;
      continue;
    }
    if (i == like->n_steps && text.len == 0) return true;
    if (again == 0 || from.len == 0) return false;
    size_t skip = 1;
    if (like->steps[again].kind == LIKE_PIECE) {
      /* The next place where the piece may begin. */
      const char *next = memchr(from.data + 1, like->steps[again].piece.data[0], from.len - 1);
      if (next == NULL) return false;
      skip = (size_t)(next - from.data);
    } else {
      skip = utf8_next(from, 0);
    }
    from.data += skip;
    from.len -= skip;
    text = from;
    i = again;
  }
}

/* Bytes of the one character that the text is, 0 for the empty text, -1 for more. */
static int escape_len(struct slice escape) {
  return escape.len == 0 ? 0 : utf8_next(escape, 0) == escape.len ? (int)escape.len : -1;
}

static int ilike_compile(struct compile *compile, struct node *node, const struct like *like) {
  struct buf buf;
  buf_init(&buf);
  buf_put_text(&buf, "(?s)\\A");
  for (size_t i = 0; i < like->n_steps; i++) {
    const struct like_step *step = &like->steps[i];
    if (step->kind == LIKE_ONE) buf_put_char(&buf, '.');
    if (step->kind == LIKE_ANYTHING) buf_put_text(&buf, ".*");
    if (step->kind != LIKE_PIECE) continue;
    for (size_t k = 0; k < step->piece.len; k++) {
      char c = step->piece.data[k];
      if (strchr("\\^$.[]|()?*+{}-#", c) != NULL) buf_put_char(&buf, '\\');
      buf_put_char(&buf, c);
    }
  }
  buf_put_text(&buf, "\\z");
  struct err err;
  struct regex *regex;
  int status = regex_new(buf_slice(&buf), true, &regex, &err);
  buf_fini(&buf);
  const struct node *pattern = node->args[1];
  if (status != 0) return compile_fail(compile, pattern->offset, pattern->len, "%s", err.text);
  compile_own(compile, regex, (void (*)(void *))regex_free);
  node->regex = regex;
  return 0;
}

int like_compile(struct compile *compile, struct node *node) {
  const struct node *pattern = node->args[1], *escape = node->n_args > 2 ? node->args[2] : NULL;
  struct slice escape_text = {"\\", 1};
  if (escape != NULL) {
    if (!node_is_const(escape) || escape->value.type != VALUE_TEXT ||
        escape_len(value_slice(&escape->value)) < 0)
      return compile_fail(compile, escape->offset, escape->len,
                          "escape wants one character as a constant text");
    escape_text = value_slice(&escape->value);
  }
  if (!node_is_const(pattern)) {
    if (node->op == 0) return 0;
    return compile_fail(compile, pattern->offset, pattern->len,
                        "the pattern of ilike must be a constant");
  }
  struct like *like = like_new(compile->scope->arena, value_slice(&pattern->value), escape_text);
  if (like == NULL)
    return compile_fail(compile, pattern->offset, pattern->len,
                        "the pattern must not end with its escape character");
  if (node->op != 0) return ilike_compile(compile, node, like);
  node->like = like;
  return 0;
}

static struct value like_row(struct eval *eval, const struct node *node, uint32_t row,
                             const struct value *text, const struct value *pattern) {
  if (text->type == VALUE_NULL || pattern->type == VALUE_NULL) return value_null();
  if (text->type != VALUE_TEXT || pattern->type != VALUE_TEXT) {
    eval_fail_types(eval, row, "like wants text and text, not %s and %s", text->type,
                    pattern->type);
    return value_null();
  }
  const struct like *like = node->like;
  if (like == NULL) {
    struct slice escape = {"\\", 1};
    if (node->n_args > 2) escape = value_slice(&node->args[2]->value);
    like = like_new(&eval->batch->arena, value_slice(pattern), escape);
  }
  if (like == NULL) {
    eval_fail(eval, row, "expr.value", "the pattern of like ends with its escape character");
    return value_null();
  }
  return value_bool(like_matches(like, value_slice(text)) != node->negated);
}

struct column eval_like(struct eval *eval, const struct node *node, struct view rows) {
  if (node->op != 0) return eval_match(eval, node, rows);
  struct column arg = eval_node(eval, node->args[0], rows);
  struct column pattern = eval_node(eval, node->args[1], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    out[row] = like_row(eval, node, row, column_at(&arg, row), column_at(&pattern, row));
  }
  column_drop(eval, &arg);
  column_drop(eval, &pattern);
  return column_of(out);
}
