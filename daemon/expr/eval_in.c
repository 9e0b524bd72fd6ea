/* eval_in: x in (list).
 *
 * True when x equals an item; else NULL when x or an item is NULL; else false. A list of constants
 * that are all integers or all texts is sorted when compiled and searched by halves; x of another
 * type, and other lists, are compared one by one. */
#include "daemon/expr/eval.h"

#include <stdlib.h>

enum { IN_SET_MIN = 5 }; /* shorter lists are faster one by one */

struct in_set {
  enum value_type type;
  size_t n;
  struct value *values; /* ascending */
};

static int order_of(const void *a, const void *b) {
  return value_compare(a, b);
}

void in_set_build(struct compile *compile, struct node *node) {
  node->set = NULL;
  size_t n = node->n_args - 1u;
  if (n < IN_SET_MIN) return;
  for (size_t i = 1; i <= n; i++) {
    const struct node *item = node->args[i];
    if (!node_is_const(item) || item->value.type != node->args[1]->value.type) return;
  }
  enum value_type type = node->args[1]->value.type;
  if (type != VALUE_INT && type != VALUE_TEXT) return;
  struct arena *arena = compile->scope->arena;
  struct in_set *set = arena_alloc(arena, sizeof *set);
  *set = (struct in_set){type, n, arena_alloc(arena, n * sizeof *set->values)};
  for (size_t i = 0; i < n; i++) set->values[i] = node->args[i + 1]->value;
  qsort(set->values, n, sizeof *set->values, order_of);
  node->set = set;
}

/* 1, 0, -1 for NULL. */
static int in_list(struct eval *eval, const struct column *items, size_t n, uint32_t row,
                   const struct value *value) {
  int found = 0;
  for (size_t k = 0; k < n; k++) {
    const struct value *item = column_at(&items[k], row);
    int truth = compare_values(value, item, COMPARE_EQ);
    if (truth > 0) return 1;
    if (truth == -2) {
      eval_fail_types(eval, row, "in cannot compare %s with %s", value->type, item->type);
      return -1;
    }
    if (truth < 0) found = -1;
  }
  return found;
}

struct column eval_in(struct eval *eval, const struct node *node, struct view rows) {
  size_t n = node->n_args - 1u;
  struct column arg = eval_node(eval, node->args[0], rows);
  struct column *items = arena_alloc(&eval->batch->arena, n * sizeof *items);
  for (size_t k = 0; k < n; k++) items[k] = eval_node(eval, node->args[k + 1], rows);
  struct value *out = column_new(eval);
  const struct in_set *set = node->set;
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    const struct value *value = column_at(&arg, row);
    int found;
    if (set != NULL && value->type == set->type) {
      found = bsearch(value, set->values, set->n, sizeof *value, order_of) != NULL;
    } else {
      found = in_list(eval, items, n, row, value);
    }
    out[row] = found < 0 ? value_null() : value_bool((found > 0) != node->negated);
  }
  for (size_t k = 0; k < n; k++) column_drop(eval, &items[k]);
  column_drop(eval, &arg);
  return column_of(out);
}
