/* check: see check.h. A static type is VALUE_ANY when it depends on the record; only what is wrong
 * for every record is an error here, the rest is found row by row.
 *
 * A constant part is computed at once. If that fails it is an error of the expression, unless the
 * part may never be needed (behind `then`, `and`, ...): then rows that need it fail. */
#include "daemon/expr/check.h"

#include "daemon/base/nearest.h"
#include "daemon/expr/eval.h"
#include "daemon/io/disk.h"

#include <stdlib.h>
#include <string.h>

static int check_field(struct compile *compile, struct node *node) {
  struct schema *schema = compile->scope->schema;
  struct path *path = &node->field.path;
  struct slice name = path->steps[0].name;
  if (schema == NULL)
    return compile_fail(compile, node->offset, node->len,
                        "no fields can be used here, only constants (texts are written in single "
                        "quotes)");
  if (name.len == 0)
    return compile_fail(compile, node->offset, node->len, "a field's name cannot be empty");
  enum value_type type;
  if (schema_resolve(schema, path, &node->field.slot, &type, &node->field.n_used) == 0) {
    node->type = (uint8_t)(node->field.n_used < path->n_steps ? VALUE_ANY : type);
    return 0;
  }
  const char **names = arena_alloc(compile->scope->arena, (schema->n_fields + 1) * sizeof *names);
  for (size_t i = 0; i < schema->n_fields; i++)
    names[i] =
        arena_dup(compile->scope->arena, schema->fields[i].name.data, schema->fields[i].name.len);
  names[schema->n_fields] = NULL;
  const char *nearest = nearest_of(name, names);
  return compile_fail(compile, node->offset, node->len, "there is no field %.*s%s%s%s",
                      name.len > 100 ? 100 : (int)name.len, name.data,
                      nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                      nearest != NULL ? "?" : "");
}

int check_literal(struct compile *compile, struct node *node, enum value_type type) {
  if (!node_is_const(node) || !node->literal || node->value.type != VALUE_TEXT) return 0;
  int64_t us;
  struct slice text = value_slice(&node->value);
  if (type == VALUE_TIMESTAMP) {
    if (time_parse(text, &us) != 0)
      return compile_fail(compile, node->offset, node->len,
                          "this is not a time; times look like '2026-01-31 23:59:59'");
    node->value = value_timestamp(us);
  } else if (type == VALUE_INTERVAL) {
    if (time_parse_interval(text, &us) != 0)
      return compile_fail(compile, node->offset, node->len,
                          "this is not an interval of fixed length; intervals look like "
                          "'5 minutes' or '1 day 02:00:00'");
    node->value = value_interval(us);
  } else {
    return 0;
  }
  node->type = node->value.type;
  return 0;
}

/* Of several values that stand for one another: literals take the type of the others. */
static int check_literals(struct compile *compile, struct node **nodes, size_t n, size_t step) {
  enum value_type type = VALUE_ANY;
  for (size_t i = 0; i < n; i += step)
    if (nodes[i]->type == VALUE_TIMESTAMP || nodes[i]->type == VALUE_INTERVAL)
      type = nodes[i]->type;
  for (size_t i = 0; i < n; i += step)
    if (check_literal(compile, nodes[i], type) != 0) return -1;
  return 0;
}

static int check_compared(struct compile *compile, const struct node *node, const struct node *a,
                          const struct node *b, const char *what) {
  if (types_comparable(a->type, b->type)) return 0;
  const char *hint = "";
  if (type_is_number(a->type) && b->type == VALUE_TEXT && b->literal)
    hint = "; numbers are written without quotes";
  return compile_fail(compile, node->offset, node->len, "%s cannot compare %s with %s%s", what,
                      value_type_name(a->type), value_type_name(b->type), hint);
}

static int check_truth(struct compile *compile, const struct node *node, const char *what) {
  if (node->type == VALUE_BOOL || node->type == VALUE_ANY || node->type == VALUE_NULL) return 0;
  return compile_fail(compile, node->offset, node->len, "%s wants true or false, not %s", what,
                      value_type_name(node->type));
}

static int check_text(struct compile *compile, const struct node *node, const char *what) {
  if (node->type == VALUE_TEXT || node->type == VALUE_ANY || node->type == VALUE_NULL) return 0;
  return compile_fail(compile, node->offset, node->len, "%s wants text, not %s", what,
                      value_type_name(node->type));
}

/* The type that all results of a case or coalesce have; ANY when they are not known or are numbers
 * of both kinds. */
static int check_results(struct compile *compile, struct node *node, struct node **nodes, size_t n,
                         size_t step, const char *what) {
  if (check_literals(compile, nodes, n, step) != 0) return -1;
  enum value_type type = VALUE_NULL, known = VALUE_NULL;
  for (size_t i = 0; i < n; i += step) {
    enum value_type next = nodes[i]->type;
    if (next == VALUE_NULL) continue;
    if (!types_comparable(known, next))
      return compile_fail(compile, nodes[i]->offset, nodes[i]->len,
                          "%s cannot give %s here and %s before", what, value_type_name(next),
                          value_type_name(known));
    if (next != VALUE_ANY) known = next;
    type = type == VALUE_NULL || type == next ? next : VALUE_ANY;
  }
  node->type = (uint8_t)type;
  return 0;
}

static int check_arith(struct compile *compile, struct node *node) {
  enum value_type type = node->args[0]->type;
  for (uint32_t i = 1; i < node->n_args; i++) {
    struct node *next = node->args[i];
    char op = node->steps[i].op;
    bool time = type == VALUE_TIMESTAMP || type == VALUE_INTERVAL;
    if (op == '+' && time && check_literal(compile, next, VALUE_INTERVAL) != 0) return -1;
    if (op == '-' && time && check_literal(compile, next, type) != 0) return -1;
    bool wrong;
    enum value_type result = arith_type(op, type, next->type, &wrong);
    if (wrong)
      return compile_fail(compile, node->steps[i].offset, 1, "operator %c cannot take %s and %s",
                          op, value_type_name(type), value_type_name(next->type));
    type = result;
  }
  node->type = (uint8_t)type;
  return 0;
}

static int check_negate(struct compile *compile, struct node *node) {
  struct node *arg = node->args[0];
  node->type = arg->type;
  if (arg->type == VALUE_TEXT || arg->type == VALUE_BOOL || arg->type == VALUE_TIMESTAMP ||
      arg->type == VALUE_JSON)
    return compile_fail(compile, node->offset, node->len, "operator - cannot take %s",
                        value_type_name(arg->type));
  if (!node_is_const(arg) || arg->value.type != VALUE_NUMBER) return 0;
  /* The smallest integer is the minus of one that is too large. */
  char *text = arena_printf(compile->scope->arena, "-%.*s", SLICE_ARG(value_slice(&arg->value)));
  struct value value = value_text(text, strlen(text));
  value.type = VALUE_NUMBER;
  if (strcmp(text, "-9223372036854775808") == 0) value = value_int(INT64_MIN);
  node->kind = NODE_CONST;
  node->value = value;
  node->type = value.type;
  node->literal = true;
  return 0;
}

static int check_in(struct compile *compile, struct node *node) {
  if (check_literals(compile, node->args, node->n_args, 1) != 0) return -1;
  for (uint32_t i = 1; i < node->n_args; i++)
    if (check_compared(compile, node->args[i], node->args[0], node->args[i], "in") != 0) return -1;
  in_set_build(compile, node);
  return 0;
}

static int check_match(struct compile *compile, struct node *node) {
  static const char *const names[] = {"~", "~*"};
  struct node *pattern = node->args[1];
  if (check_text(compile, node->args[0], names[node->op]) != 0 ||
      check_text(compile, pattern, names[node->op]) != 0)
    return -1;
  if (!node_is_const(pattern))
    return compile_fail(compile, pattern->offset, pattern->len,
                        "the pattern of %s must be a constant", names[node->op]);
  if (pattern->value.type == VALUE_NULL) return 0;
  struct err err;
  struct regex *regex;
  if (regex_new(value_slice(&pattern->value), node->op != 0, &regex, &err) != 0)
    return compile_fail(compile, pattern->offset, pattern->len, "%s", err.text);
  compile_own(compile, regex, (void (*)(void *))regex_free);
  node->regex = regex;
  return 0;
}

static int check_like(struct compile *compile, struct node *node) {
  const char *what = node->op != 0 ? "ilike" : "like";
  for (uint32_t i = 0; i < node->n_args; i++)
    if (check_text(compile, node->args[i], what) != 0) return -1;
  if (node->args[1]->type == VALUE_NULL) return 0;
  return like_compile(compile, node);
}

static int check_case(struct compile *compile, struct node *node) {
  uint32_t first = node->op != 0 ? 1 : 0;
  if (node->op != 0) {
    struct node *operand = node->args[0];
    for (uint32_t i = first; i + 1 < node->n_args; i += 2) {
      struct node *pair[] = {operand, node->args[i]};
      if (check_literals(compile, pair, 2, 1) != 0 ||
          check_compared(compile, node->args[i], operand, node->args[i], "case") != 0)
        return -1;
    }
  } else {
    for (uint32_t i = 0; i + 1 < node->n_args; i += 2)
      if (check_truth(compile, node->args[i], "when") != 0) return -1;
  }
  /* then, then, ..., and else, which follows the last then directly. */
  uint32_t n = 0;
  struct node **results = arena_alloc(compile->scope->arena, node->n_args * sizeof(struct node *));
  for (uint32_t i = first + 1; i < node->n_args; i += 2) results[n++] = node->args[i];
  results[n++] = node->args[node->n_args - 1];
  return check_results(compile, node, results, n, 1, "case");
}

static int check_cast(struct compile *compile, struct node *node) {
  enum value_type from = node->args[0]->type, to = node->cast.to;
  node->type = (uint8_t)to;
  if (cast_possible(from, to)) return 0;
  return compile_fail(compile, node->offset, node->len, "cannot cast %s to %s%s",
                      value_type_name(from), value_type_name(to), cast_hint(from, to));
}

static int check_zone(struct compile *compile, struct node *node) {
  struct node *arg = node->args[0], *zone = node->args[1];
  if (check_literal(compile, arg, VALUE_TIMESTAMP) != 0) return -1;
  if (arg->type != VALUE_TIMESTAMP && arg->type != VALUE_ANY && arg->type != VALUE_NULL)
    return compile_fail(compile, arg->offset, arg->len, "at time zone wants a timestamp, not %s",
                        value_type_name(arg->type));
  if (!node_is_const(zone) || zone->value.type != VALUE_TEXT)
    return compile_fail(compile, zone->offset, zone->len,
                        "the time zone must be a constant text, such as 'Europe/Berlin'");
  const char *name = arena_dup(compile->scope->arena, zone->value.data, zone->value.len);
  struct err err;
  node->zone = time_zone_open(compile->scope->disk, name, &err);
  if (node->zone == NULL) return compile_fail(compile, zone->offset, zone->len, "%s", err.text);
  compile_own(compile, node->zone, (void (*)(void *))time_zone_close);
  node->type = VALUE_TIMESTAMP;
  return 0;
}

static int check_pair(struct compile *compile, struct node *node, const char *what) {
  if (check_literals(compile, node->args, node->n_args, 1) != 0) return -1;
  for (uint32_t i = 1; i < node->n_args; i++)
    if (check_compared(compile, node, node->args[0], node->args[i], what) != 0) return -1;
  return 0;
}

static int check_kind(struct compile *compile, struct node *node) {
  node->type = VALUE_BOOL;
  switch ((enum node_kind)node->kind) {
  case NODE_CONST: node->type = node->value.type; return 0;
  case NODE_FIELD: return check_field(compile, node);
  case NODE_NEGATE: return check_negate(compile, node);
  case NODE_ARITH: return check_arith(compile, node);
  case NODE_COMPARE: {
    char what[16] = "operator ";
    strcat(what, compare_op_text(node->op));
    return check_pair(compile, node, what);
  }
  case NODE_AND:
  case NODE_OR:
    for (uint32_t i = 0; i < node->n_args; i++)
      if (check_truth(compile, node->args[i], node->kind == NODE_AND ? "and" : "or") != 0)
        return -1;
    return 0;
  case NODE_NOT: return check_truth(compile, node->args[0], "not");
  case NODE_IN: return check_in(compile, node);
  case NODE_BETWEEN: return check_pair(compile, node, "between");
  case NODE_LIKE: return check_like(compile, node);
  case NODE_MATCH: return check_match(compile, node);
  case NODE_IS: return node->op == IS_NULL ? 0 : check_truth(compile, node->args[0], "is");
  case NODE_DISTINCT: return check_pair(compile, node, "is distinct from");
  case NODE_CASE: return check_case(compile, node);
  case NODE_CAST: return check_cast(compile, node);
  case NODE_COALESCE: return check_results(compile, node, node->args, node->n_args, 1, "coalesce");
  case NODE_NULLIF:
    if (check_pair(compile, node, "nullif") != 0) return -1;
    node->type = node->args[0]->type;
    return 0;
  case NODE_CONCAT: node->type = VALUE_TEXT; return 0;
  case NODE_ZONE: return check_zone(compile, node);
  case NODE_CALL: return check_call(compile, node);
  }
  return -1;
}

/* Whether the i-th part may be skipped at run time. */
static bool part_is_maybe(const struct node *node, uint32_t i) {
  if (node->kind == NODE_AND || node->kind == NODE_OR || node->kind == NODE_COALESCE) return i > 0;
  return node->kind == NODE_CASE && i > 0;
}

/* An expression of constants becomes its value. */
static int fold(struct compile *compile, struct node *node) {
  if (node->kind == NODE_CONST || node->kind == NODE_FIELD) return 0;
  if (node->kind == NODE_CALL && node->call.func->clock) return 0;
  for (uint32_t i = 0; i < node->n_args; i++)
    if (!node_is_const(node->args[i])) return 0;
  struct batch batch = {.n_rows = 1};
  arena_init(&batch.arena, 1024);
  struct row_errors errors = {0};
  struct expr_run run = {0};
  struct eval eval = {.batch = &batch, .run = &run, .errors = &errors};
  struct column column = eval_node(&eval, node, (struct view){.batch = &batch, .n = 1});
  int status = 0;
  if (errors.n == 0) {
    bool wall = node->wall;
    node->value = value_copy(compile->scope->arena, column_at(&column, 0));
    node->kind = NODE_CONST;
    node->type = node->value.type;
    node->wall = wall;
    node->n_args = 0;
  } else if (compile->maybe == 0) {
    status = compile_fail(compile, node->offset, node->len, "%s", errors.list[0].text);
  }
  row_errors_fini(&errors);
  arena_fini(&batch.arena);
  return status;
}

int check_node(struct compile *compile, struct node *node) {
  bool wall = false;
  for (uint32_t i = 0; i < node->n_args; i++) {
    bool maybe = part_is_maybe(node, i);
    compile->maybe += maybe;
    int status = check_node(compile, node->args[i]);
    compile->maybe -= maybe;
    if (status != 0) return -1;
    wall |= node->args[i]->wall;
  }
  if (check_kind(compile, node) != 0) return -1;
  if (node->kind == NODE_ZONE) {
    node->wall = !node->args[0]->wall;
  } else if (node->n_args > 0) {
    node->wall = wall && node->type == VALUE_TIMESTAMP;
  }
  /* A regular expression, or a pattern, that is NULL matches nothing and is not prepared. */
  if ((node->kind == NODE_MATCH || node->kind == NODE_LIKE) && node_is_const(node->args[1]) &&
      node->args[1]->value.type == VALUE_NULL) {
    node->kind = NODE_CONST;
    node->value = value_null();
    node->type = VALUE_NULL;
    node->n_args = 0;
    return 0;
  }
  return fold(compile, node);
}
