/* eval: see eval.h. Here: the walk, fields, calls, errors, and the columns' coming and going.
 *
 * What must stay true: nothing in the tree is changed (threads share it); the order in which rows
 * fail does not depend on anything but tree and rows; a node is given only rows that need it, so
 * `case when x <> 0 then 1 / x end` never divides by zero. */
#include "daemon/expr/eval.h"

#include "daemon/record/json_text.h"

#include <string.h>

struct value *column_new(struct eval *eval) {
  struct value *column = eval->spare;
  if (column == NULL)
    return arena_alloc(&eval->batch->arena, (eval->batch->n_rows + 1) * sizeof *column);
  memcpy(&eval->spare, column, sizeof eval->spare);
  return column;
}

void column_drop(struct eval *eval, struct column *column) {
  if (column->own == NULL) return;
  memcpy(column->own, &eval->spare, sizeof eval->spare);
  eval->spare = column->own;
  *column = (struct column){0};
}

void eval_fail(struct eval *eval, uint32_t row, const char *code, const char *text) {
  row_errors_add(eval->errors, row, code, text);
}

void eval_fail_types(struct eval *eval, uint32_t row, const char *what, enum value_type a,
                     enum value_type b) {
  bool same = eval->message_what == what && eval->message_a == a && eval->message_b == b;
  if (!same) {
    eval->message = arena_printf(&eval->batch->arena, what, value_type_name(a), value_type_name(b));
    eval->message_what = what;
    eval->message_a = (uint8_t)a;
    eval->message_b = (uint8_t)b;
  }
  eval_fail(eval, row, "expr.type", eval->message);
}

uint32_t *rows_copy(struct eval *eval, struct view rows) {
  uint32_t *sel = arena_alloc(&eval->batch->arena, (rows.n + 1) * sizeof *sel);
  for (uint32_t i = 0; i < rows.n; i++) sel[i] = view_row(&rows, i);
  return sel;
}

/* A path that goes on inside a slot's JSON. What is not an object or array has nothing inside. */
static struct column eval_inside(struct eval *eval, const struct node *node, struct view rows) {
  struct value *out = column_new(eval);
  const struct value *slot = eval->batch->slots[node->field.slot];
  const struct path_step *steps = node->field.path.steps + node->field.n_used;
  size_t n_steps = node->field.path.n_steps - node->field.n_used;
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    out[row] = value_null();
    if (slot[row].type != VALUE_JSON) continue;
    if (json_text_get(value_slice(&slot[row]), steps, n_steps, &eval->batch->arena, &out[row]) != 0)
      eval_fail(eval, row, "expr.json", "this is not JSON where a field inside is wanted");
  }
  return column_of(out);
}

static struct column eval_field(struct eval *eval, const struct node *node, struct view rows) {
  if (node->field.n_used < node->field.path.n_steps) return eval_inside(eval, node, rows);
  return (struct column){.values = eval->batch->slots[node->field.slot], .mask = UINT32_MAX};
}

/* An argument as the function wants it: 0, or -1 when it is of another type. */
static int argument(const struct func *func, size_t i, struct value *value) {
  enum value_type wanted = func_arg_type(func, i);
  if (wanted == VALUE_ANY || value->type == wanted || value->type == VALUE_NULL) return 0;
  if (wanted == VALUE_DOUBLE && value->type == VALUE_INT) {
    *value = value_double((double)value->integer);
    return 0;
  }
  return -1;
}

/* One row of a call; args are copies that may be converted. */
static void call_row(struct eval *eval, const struct node *node, struct func_call *call,
                     struct value *args, uint32_t row, struct value *out) {
  const struct func *func = node->call.func;
  *out = value_null();
  for (uint32_t i = 0; i < node->n_args; i++) {
    if (args[i].type == VALUE_NULL && !func->null_in) return;
    enum value_type was = args[i].type;
    if (argument(func, i, &args[i]) == 0) continue;
    eval_fail(eval, row, "expr.type",
              arena_printf(&eval->batch->arena, "%s cannot take a value of type %s: %s", func->name,
                           value_type_name(was), func->signature));
    return;
  }
  if (func->call(call, args, node->n_args, out) == 0) return;
  *out = value_null();
  eval_fail(eval, row, call->error_code, call->error_text);
}

struct column eval_call(struct eval *eval, const struct node *node, struct view rows) {
  uint32_t n = node->n_args;
  struct arena *arena = &eval->batch->arena;
  struct column *columns = arena_alloc(arena, (n + 1) * sizeof *columns);
  struct value *args = arena_alloc(arena, (n + 1) * sizeof *args);
  for (uint32_t i = 0; i < n; i++) columns[i] = eval_node(eval, node->args[i], rows);
  struct value *out = column_new(eval);
  struct func_call call = {.arena = arena,
                           .clock_us = eval->run->clock_us,
                           .prepared = node->call.prepared,
                           .error_code = "expr.value"};
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    for (uint32_t k = 0; k < n; k++) args[k] = *column_at(&columns[k], row);
    call_row(eval, node, &call, args, row, &out[row]);
  }
  for (uint32_t i = 0; i < n; i++) column_drop(eval, &columns[i]);
  return column_of(out);
}

struct column eval_zone(struct eval *eval, const struct node *node, struct view rows) {
  struct column arg = eval_node(eval, node->args[0], rows);
  struct value *out = column_new(eval);
  bool to_utc = node->args[0]->wall;
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    struct value value = *column_at(&arg, row);
    out[row] = value_null();
    if (value.type == VALUE_NULL) continue;
    if (value.type != VALUE_TIMESTAMP) {
      eval_fail_types(eval, row,
                      "at time zone wants a timestamp, not %s (cast it with ::timestamp)",
                      value.type, VALUE_NULL);
      continue;
    }
    int64_t us = value.integer;
    out[row] =
        value_timestamp(to_utc ? time_zone_to_utc(node->zone, us)
                               : us + (int64_t)time_zone_offset(node->zone, us) * TIME_SECOND_US);
  }
  column_drop(eval, &arg);
  return column_of(out);
}

struct column eval_node(struct eval *eval, const struct node *node, struct view rows) {
  static const struct value nothing = {.type = VALUE_NULL};
  if (rows.n == 0) return (struct column){.values = &nothing};
  switch ((enum node_kind)node->kind) {
  case NODE_CONST: return (struct column){.values = &node->value};
  case NODE_FIELD: return eval_field(eval, node, rows);
  case NODE_NEGATE: return eval_negate(eval, node, rows);
  case NODE_ARITH: return eval_arith(eval, node, rows);
  case NODE_COMPARE: return eval_compare(eval, node, rows);
  case NODE_AND:
  case NODE_OR: return eval_logic(eval, node, rows);
  case NODE_NOT: return eval_not(eval, node, rows);
  case NODE_IN: return eval_in(eval, node, rows);
  case NODE_BETWEEN: return eval_between(eval, node, rows);
  case NODE_LIKE: return eval_like(eval, node, rows);
  case NODE_MATCH: return eval_match(eval, node, rows);
  case NODE_IS: return eval_is(eval, node, rows);
  case NODE_DISTINCT: return eval_distinct(eval, node, rows);
  case NODE_CASE: return eval_case(eval, node, rows);
  case NODE_CAST: return eval_cast(eval, node, rows);
  case NODE_COALESCE: return eval_coalesce(eval, node, rows);
  case NODE_NULLIF: return eval_nullif(eval, node, rows);
  case NODE_CONCAT: return eval_concat(eval, node, rows);
  case NODE_ZONE: return eval_zone(eval, node, rows);
  case NODE_CALL: return eval_call(eval, node, rows);
  }
  return (struct column){.values = &nothing};
}
