/* eval_compare: = <> < <= > >=, between, is distinct from, nullif.
 *
 * Numbers of all kinds compare exactly, text by its bytes (PostgreSQL's collation "C"), NULL gives
 * NULL; values of unlike types cannot be compared, which is an error of the row. An operator is the
 * set of orders that make it true (enum compare_op), so one loop serves all six; what is common (a
 * column with an integer, a double, a text for equality) has a loop of its own. */
#include "daemon/expr/eval.h"

#include <string.h>

static const char unlike_text[] = "cannot compare %s with %s";
static const char unlike_time_text[] =
    "cannot compare %s with %s; a text is made a timestamp by ::timestamp";

bool types_comparable(enum value_type a, enum value_type b) {
  if (a == VALUE_ANY || b == VALUE_ANY || a == VALUE_NULL || b == VALUE_NULL) return true;
  return a == b || (type_is_number(a) && type_is_number(b));
}

const char *compare_op_text(unsigned op) {
  static const char *const texts[] = {[COMPARE_LT] = "<", [COMPARE_EQ] = "=",  [COMPARE_LE] = "<=",
                                      [COMPARE_GT] = ">", [COMPARE_NE] = "<>", [COMPARE_GE] = ">="};
  return texts[op];
}

static inline int accepts(unsigned accept, int order) {
  return (int)(accept >> (order + 1) & 1);
}

int compare_values(const struct value *a, const struct value *b, unsigned accept) {
  if (a->type == VALUE_NULL || b->type == VALUE_NULL) return -1;
  if (!types_comparable(a->type, b->type)) return -2;
  int order = value_compare(a, b);
  return accepts(accept, (order > 0) - (order < 0));
}

/* What a comparison does at one row: 1, 0, -1 (NULL). */
static int compare_row(struct eval *eval, unsigned accept, uint32_t row, const struct value *a,
                       const struct value *b) {
  int truth = compare_values(a, b, accept);
  if (truth != -2) return truth;
  bool time = (a->type == VALUE_TEXT && b->type == VALUE_TIMESTAMP) ||
              (a->type == VALUE_TIMESTAMP && b->type == VALUE_TEXT);
  eval_fail_types(eval, row, time ? unlike_time_text : unlike_text, a->type, b->type);
  return -1;
}

static inline struct value truth_value(int truth) {
  return (struct value){.type = truth < 0 ? VALUE_NULL : VALUE_BOOL, .boolean = truth > 0};
}

/* The comparison of one row, by the kind of the right side when that is one value for all; inlined
 * into the loops below with `kind` constant. */
enum compare_kind { KIND_ANY, KIND_INT, KIND_DOUBLE, KIND_TEXT_EQUAL };

static inline __attribute__((always_inline)) int
compare_kind_row(struct eval *eval, enum compare_kind kind, unsigned accept, uint32_t row,
                 const struct value *x, const struct value *y) {
  if (kind == KIND_INT && x->type == VALUE_INT)
    return accepts(accept, (x->integer > y->integer) - (x->integer < y->integer));
  if (kind == KIND_DOUBLE && x->type == VALUE_DOUBLE)
    return accepts(accept, (x->number > y->number) - (x->number < y->number));
  if (kind == KIND_TEXT_EQUAL && x->type == VALUE_TEXT)
    return (x->len == y->len && memcmp(x->data, y->data, y->len) == 0) == (accept == COMPARE_EQ);
  return compare_row(eval, accept, row, x, y);
}

static enum compare_kind kind_of(unsigned accept, const struct column *b) {
  if (!column_constant(b)) return KIND_ANY;
  if (b->values->type == VALUE_INT) return KIND_INT;
  if (b->values->type == VALUE_DOUBLE) return KIND_DOUBLE;
  if (b->values->type == VALUE_TEXT && (accept == COMPARE_EQ || accept == COMPARE_NE))
    return KIND_TEXT_EQUAL;
  return KIND_ANY;
}

static inline __attribute__((always_inline)) void
compare_loop(struct eval *eval, enum compare_kind kind, unsigned accept, const struct column *a,
             const struct column *b, struct view rows, struct value *out) {
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    out[row] = truth_value(
        compare_kind_row(eval, kind, accept, row, column_at(a, row), column_at(b, row)));
  }
}

void compare_columns(struct eval *eval, unsigned accept, const struct column *a,
                     const struct column *b, struct view rows, struct value *out) {
  switch (kind_of(accept, b)) {
  case KIND_INT: compare_loop(eval, KIND_INT, accept, a, b, rows, out); break;
  case KIND_DOUBLE: compare_loop(eval, KIND_DOUBLE, accept, a, b, rows, out); break;
  case KIND_TEXT_EQUAL: compare_loop(eval, KIND_TEXT_EQUAL, accept, a, b, rows, out); break;
  case KIND_ANY: compare_loop(eval, KIND_ANY, accept, a, b, rows, out); break;
  }
}

static inline __attribute__((always_inline)) uint32_t
select_loop(struct eval *eval, enum compare_kind kind, unsigned accept, const struct column *a,
            const struct column *b, struct view rows, uint32_t *sel) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    sel[n] = row;
    n += compare_kind_row(eval, kind, accept, row, column_at(a, row), column_at(b, row)) > 0;
  }
  return n;
}

uint32_t compare_select(struct eval *eval, unsigned accept, const struct column *a,
                        const struct column *b, struct view rows, uint32_t *sel) {
  switch (kind_of(accept, b)) {
  case KIND_INT: return select_loop(eval, KIND_INT, accept, a, b, rows, sel);
  case KIND_DOUBLE: return select_loop(eval, KIND_DOUBLE, accept, a, b, rows, sel);
  case KIND_TEXT_EQUAL: return select_loop(eval, KIND_TEXT_EQUAL, accept, a, b, rows, sel);
  case KIND_ANY: break;
  }
  return select_loop(eval, KIND_ANY, accept, a, b, rows, sel);
}

struct column eval_compare(struct eval *eval, const struct node *node, struct view rows) {
  struct column a = eval_node(eval, node->args[0], rows);
  struct column b = eval_node(eval, node->args[1], rows);
  struct value *out = column_new(eval);
  compare_columns(eval, node->op, &a, &b, rows, out);
  column_drop(eval, &a);
  column_drop(eval, &b);
  return column_of(out);
}

/* low <= a and a <= high, with the three values of `and`. */
struct column eval_between(struct eval *eval, const struct node *node, struct view rows) {
  struct column a = eval_node(eval, node->args[0], rows);
  struct column low = eval_node(eval, node->args[1], rows);
  struct column high = eval_node(eval, node->args[2], rows);
  struct value *out = column_new(eval), *above = column_new(eval);
  compare_columns(eval, COMPARE_GE, &a, &low, rows, above);
  compare_columns(eval, COMPARE_LE, &a, &high, rows, out);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    struct value x = above[row], y = out[row];
    bool no = (x.type == VALUE_BOOL && !x.boolean) || (y.type == VALUE_BOOL && !y.boolean);
    bool unknown = !no && (x.type == VALUE_NULL || y.type == VALUE_NULL);
    out[row] = unknown ? value_null() : value_bool(no == node->negated);
  }
  column_drop(eval, &a);
  column_drop(eval, &low);
  column_drop(eval, &high);
  column_drop(eval, &(struct column){.own = above});
  return column_of(out);
}

struct column eval_distinct(struct eval *eval, const struct node *node, struct view rows) {
  struct column a = eval_node(eval, node->args[0], rows);
  struct column b = eval_node(eval, node->args[1], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    const struct value *x = column_at(&a, row), *y = column_at(&b, row);
    bool same;
    if (x->type == VALUE_NULL || y->type == VALUE_NULL) {
      same = x->type == y->type;
    } else {
      same = compare_row(eval, COMPARE_EQ, row, x, y) > 0;
    }
    out[row] = value_bool(same == node->negated);
  }
  column_drop(eval, &a);
  column_drop(eval, &b);
  return column_of(out);
}

struct column eval_nullif(struct eval *eval, const struct node *node, struct view rows) {
  struct column a = eval_node(eval, node->args[0], rows);
  struct column b = eval_node(eval, node->args[1], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    const struct value *x = column_at(&a, row);
    bool same = compare_row(eval, COMPARE_EQ, row, x, column_at(&b, row)) > 0;
    out[row] = same ? value_null() : *x;
  }
  column_drop(eval, &a);
  column_drop(eval, &b);
  return column_of(out);
}
