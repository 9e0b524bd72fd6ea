/* eval_logic: and, or, not, is, case, coalesce: what decides by row.
 *
 * Each part is evaluated only for the rows that are still undecided. The selection of those is
 * copied once and then shrunk in place. A row that failed in one part is decided by what the NULL
 * it got there means; in the end the failure wins (expr.c). */
#include "daemon/expr/eval.h"

/* 1, 0, or -1 for NULL; a value that is no truth value is an error of the row. */
static int truth_of(struct eval *eval, const char *what, uint32_t row, const struct value *value) {
  if (value->type == VALUE_BOOL) return value->boolean;
  if (value->type != VALUE_NULL) eval_fail_types(eval, row, what, value->type, VALUE_NULL);
  return -1;
}

/* `and` looks for a false, `or` for a true; a NULL on the way makes the result NULL. */
struct column eval_logic(struct eval *eval, const struct node *node, struct view rows) {
  bool wanted = node->kind == NODE_OR;
  const char *what = wanted ? "or wants true or false, not %s" : "and wants true or false, not %s";
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) out[view_row(&rows, i)] = value_bool(!wanted);
  uint32_t *sel = NULL;
  struct view left = rows;
  for (uint32_t k = 0; k < node->n_args && left.n > 0; k++) {
    struct column part = eval_node(eval, node->args[k], left);
    bool last = k + 1 == node->n_args;
    if (sel == NULL && !last) sel = rows_copy(eval, rows);
    uint32_t n = 0;
    for (uint32_t i = 0; i < left.n; i++) {
      uint32_t row = view_row(&left, i);
      int truth = truth_of(eval, what, row, column_at(&part, row));
      if (truth == (int)wanted) {
        out[row] = value_bool(wanted);
        continue;
      }
      if (truth < 0) out[row] = value_null();
      if (!last) sel[n++] = row;
    }
    column_drop(eval, &part);
    left = rows_of(eval, sel, n);
  }
  return column_of(out);
}

struct column eval_not(struct eval *eval, const struct node *node, struct view rows) {
  struct column arg = eval_node(eval, node->args[0], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    int truth = truth_of(eval, "not wants true or false, not %s", row, column_at(&arg, row));
    out[row] = truth < 0 ? value_null() : value_bool(!truth);
  }
  column_drop(eval, &arg);
  return column_of(out);
}

struct column eval_is(struct eval *eval, const struct node *node, struct view rows) {
  struct column arg = eval_node(eval, node->args[0], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    const struct value *value = column_at(&arg, row);
    bool yes = value->type == VALUE_NULL;
    if (node->op != IS_NULL) {
      int truth =
          truth_of(eval, "is true, is false and is unknown want true or false, not %s", row, value);
      yes = node->op == IS_TRUE ? truth > 0 : node->op == IS_FALSE ? truth == 0 : truth < 0;
    }
    out[row] = value_bool(yes != node->negated);
  }
  column_drop(eval, &arg);
  return column_of(out);
}

/* Copies a part's values for the rows it was evaluated for. */
static void take_part(struct eval *eval, const struct node *part, struct view rows,
                      struct value *out) {
  struct column column = eval_node(eval, part, rows);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    out[row] = *column_at(&column, row);
  }
  column_drop(eval, &column);
}

/* The truth of one `when` for the rows left: its own, or that of operand = when. */
static struct column when_truth(struct eval *eval, const struct node *when,
                                const struct column *operand, struct view left) {
  struct column part = eval_node(eval, when, left);
  if (operand == NULL || left.n == 0) return part;
  struct value *same = column_new(eval);
  compare_columns(eval, COMPARE_EQ, operand, &part, left, same);
  column_drop(eval, &part);
  return column_of(same);
}

struct column eval_case(struct eval *eval, const struct node *node, struct view rows) {
  struct column operand = {0};
  uint32_t k = 0;
  if (node->op != 0) operand = eval_node(eval, node->args[k++], rows);
  struct value *out = column_new(eval);
  uint32_t *sel = rows_copy(eval, rows), *yes = rows_copy(eval, rows);
  struct view left = rows_of(eval, sel, rows.n);
  for (; k + 1 < node->n_args && left.n > 0; k += 2) {
    struct column truth = when_truth(eval, node->args[k], node->op != 0 ? &operand : NULL, left);
    uint32_t n = 0, n_yes = 0;
    for (uint32_t i = 0; i < left.n; i++) {
      uint32_t row = sel[i];
      if (truth_of(eval, "when wants true or false, not %s", row, column_at(&truth, row)) > 0) {
        yes[n_yes++] = row;
      } else {
        sel[n++] = row;
      }
    }
    column_drop(eval, &truth);
    take_part(eval, node->args[k + 1], rows_of(eval, yes, n_yes), out);
    left.n = n;
  }
  take_part(eval, node->args[node->n_args - 1], left, out);
  column_drop(eval, &operand);
  return column_of(out);
}

struct column eval_coalesce(struct eval *eval, const struct node *node, struct view rows) {
  struct value *out = column_new(eval);
  take_part(eval, node->args[0], rows, out);
  uint32_t *sel = rows_copy(eval, rows);
  struct view left = rows_of(eval, sel, rows.n);
  for (uint32_t k = 1; k < node->n_args; k++) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < left.n; i++)
      if (out[sel[i]].type == VALUE_NULL) sel[n++] = sel[i];
    left.n = n;
    take_part(eval, node->args[k], left, out);
  }
  return column_of(out);
}
