/* eval_text: || and regular expressions. */
#include "daemon/base/limits.h"
#include "daemon/expr/eval.h"

#include <string.h>

/* The text of a value, without a copy when it is one. */
static struct slice text_of(struct buf *scratch, const struct value *value) {
  if (value->type == VALUE_TEXT) return value_slice(value);
  buf_clear(scratch);
  value_put_text(scratch, value);
  return buf_slice(scratch);
}

/* One row of a || b || ...: a NULL makes it NULL. */
static struct value concat_row(struct eval *eval, const struct column *parts, uint32_t n,
                               uint32_t row, struct buf *buf, struct buf *scratch) {
  buf_clear(buf);
  uint8_t clean = VALUE_CLEAN;
  for (uint32_t k = 0; k < n; k++) {
    const struct value *part = column_at(&parts[k], row);
    if (part->type == VALUE_NULL) return value_null();
    if (part->type == VALUE_TEXT) clean &= part->flags;
    if (part->type == VALUE_JSON) clean = 0;
    struct slice text = text_of(scratch, part);
    if (text.len > LIMIT_TEXT_BYTES - buf->len) {
      eval_fail(eval, row, "expr.range", "the result of || is longer than 16 MiB");
      return value_null();
    }
    buf_put_slice(buf, text);
  }
  struct value out = value_text(arena_dup(&eval->batch->arena, buf->data, buf->len), buf->len);
  out.flags = clean;
  return out;
}

struct column eval_concat(struct eval *eval, const struct node *node, struct view rows) {
  struct column *parts = arena_alloc(&eval->batch->arena, node->n_args * sizeof *parts);
  for (uint32_t k = 0; k < node->n_args; k++) parts[k] = eval_node(eval, node->args[k], rows);
  struct value *out = column_new(eval);
  struct buf buf, scratch;
  buf_init(&buf);
  buf_init(&scratch);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    out[row] = concat_row(eval, parts, node->n_args, row, &buf, &scratch);
  }
  buf_fini(&buf);
  buf_fini(&scratch);
  for (uint32_t k = 0; k < node->n_args; k++) column_drop(eval, &parts[k]);
  return column_of(out);
}

struct column eval_match(struct eval *eval, const struct node *node, struct view rows) {
  struct column arg = eval_node(eval, node->args[0], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    const struct value *value = column_at(&arg, row);
    out[row] = value_null();
    if (value->type == VALUE_NULL) continue;
    if (value->type != VALUE_TEXT) {
      eval_fail_types(eval, row,
                      node->kind == NODE_LIKE ? "ilike wants text, not %s"
                                              : "operator ~ wants text, not %s",
                      value->type, VALUE_NULL);
      continue;
    }
    const char *text = NULL;
    struct regex_match whole;
    int matched = regex_match(node->regex, value_slice(value), 0, &whole, 1, &text);
    if (matched < 0) {
      eval_fail(eval, row, "expr.regex", text);
    } else {
      out[row] = value_bool((matched > 0) != node->negated);
    }
  }
  column_drop(eval, &arg);
  return column_of(out);
}
