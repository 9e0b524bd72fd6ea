/* expr: the public calls (expr.h): compile = parse + check; evaluate = eval + what failed. */
#include "daemon/expr/expr.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/expr/check.h"
#include "daemon/expr/eval.h"
#include "daemon/expr/parse.h"
#include "daemon/expr/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPR_BYTES_MAX = 1024 * 1024 };

int compile_fail(struct compile *compile, size_t offset, size_t len, const char *format, ...) {
  if (compile->failed) return -1;
  compile->failed = true;
  compile->error->offset = offset;
  compile->error->len = len;
  va_list args;
  va_start(args, format);
  vsnprintf(compile->error->text, sizeof compile->error->text, format, args);
  va_end(args);
  return -1;
}

void compile_own(struct compile *compile, void *piece, void (*release)(void *piece)) {
  struct expr_piece *own = mem_alloc(sizeof *own);
  *own = (struct expr_piece){release, piece, compile->expr->pieces};
  compile->expr->pieces = own;
}

struct node *node_new(struct compile *compile, enum node_kind kind, size_t offset, size_t end,
                      struct node **args, size_t n_args) {
  unsigned depth = 1;
  for (size_t i = 0; i < n_args; i++)
    if (args[i]->depth >= depth) depth = args[i]->depth + 1u;
  if (depth > LIMIT_EXPR_DEPTH) {
    compile_fail(compile, offset, end - offset, "the expression is nested more than %d deep",
                 LIMIT_EXPR_DEPTH);
    return NULL;
  }
  if (++compile->n_nodes > LIMIT_EXPR_NODES) {
    compile_fail(compile, offset, end - offset, "the expression has more than %d terms",
                 LIMIT_EXPR_NODES);
    return NULL;
  }
  struct node *node = arena_zalloc(compile->scope->arena, sizeof *node);
  node->kind = (uint8_t)kind;
  node->type = VALUE_ANY;
  node->depth = (uint16_t)depth;
  node->offset = (uint32_t)offset;
  node->len = (uint32_t)(end - offset);
  node->args = args;
  node->n_args = (uint32_t)n_args;
  return node;
}

/* The parts of an aggregate call are expressions of their own; what they own beside the arena
 * belongs to the whole. */
static int compile_part(struct compile *compile, struct node *node, const struct expr **part) {
  if (check_node(compile, node) != 0) return -1;
  struct expr *expr = arena_zalloc(compile->scope->arena, sizeof *expr);
  expr->text = compile->text;
  expr->root = node;
  *part = expr;
  return 0;
}

static int compile_aggregate(struct compile *compile) {
  struct parsed_aggregate parsed;
  if (parse_aggregate(compile, &parsed) != 0) return -1;
  struct expr_aggregate *aggregate = arena_zalloc(compile->scope->arena, sizeof *aggregate);
  *aggregate = (struct expr_aggregate){.name = parsed.name,
                                       .star = parsed.star,
                                       .distinct = parsed.distinct,
                                       .n_args = parsed.n_args,
                                       .offset = parsed.offset,
                                       .len = parsed.len};
  for (size_t i = 0; i < parsed.n_args; i++)
    if (compile_part(compile, parsed.args[i], &aggregate->args[i]) != 0) return -1;
  if (parsed.filter != NULL) {
    if (compile_part(compile, parsed.filter, &aggregate->filter) != 0) return -1;
    enum value_type type = expr_type(aggregate->filter);
    if (type != VALUE_BOOL && type != VALUE_ANY && type != VALUE_NULL)
      return compile_fail(compile, parsed.filter->offset, parsed.filter->len,
                          "where wants true or false, not %s", value_type_name(type));
  }
  compile->expr->aggregate = aggregate;
  return 0;
}

static int compile_scalar(struct compile *compile) {
  struct node *root = parse_scalar(compile);
  if (root == NULL || check_node(compile, root) != 0) return -1;
  compile->expr->root = root;
  return 0;
}

int expr_compile(const struct expr_scope *scope, struct slice text, struct expr **expr,
                 struct expr_error *error) {
  struct compile compile = {.scope = scope, .error = error};
  if (text.len > EXPR_BYTES_MAX)
    return compile_fail(&compile, 0, 0, "the expression is longer than 1 MiB");
  compile.text = arena_slice(scope->arena, text);
  if (!utf8_valid(text)) return compile_fail(&compile, 0, 0, "the expression is not UTF-8");
  compile.expr = arena_zalloc(scope->arena, sizeof *compile.expr);
  compile.expr->text = compile.text;
  int status =
      scope->place == EXPR_AGGREGATE ? compile_aggregate(&compile) : compile_scalar(&compile);
  if (status != 0) {
    expr_free(compile.expr);
    return -1;
  }
  *expr = compile.expr;
  return 0;
}

void expr_free(struct expr *expr) {
  if (expr == NULL) return;
  while (expr->pieces != NULL) {
    struct expr_piece *piece = expr->pieces;
    expr->pieces = piece->next;
    piece->release(piece->piece);
    free(piece);
  }
}

enum value_type expr_type(const struct expr *expr) {
  return expr->root != NULL ? expr->root->type : VALUE_ANY;
}

int64_t expr_slot(const struct expr *expr) {
  const struct node *root = expr->root;
  bool whole =
      root != NULL && root->kind == NODE_FIELD && root->field.n_used == root->field.path.n_steps;
  return whole ? (int64_t)root->field.slot : -1;
}

bool expr_constant(const struct expr *expr, struct value *value) {
  if (expr->root == NULL || !node_is_const(expr->root)) return false;
  *value = expr->root->value;
  return true;
}

struct slice expr_default_name(const struct expr *expr) {
  if (expr->root == NULL || expr->root->kind != NODE_FIELD) return (struct slice){"", 0};
  const struct path *path = &expr->root->field.path;
  uint32_t last = path->n_steps - 1;
  while (path->steps[last].is_index) last--;
  return path->steps[last].name;
}

const struct expr_aggregate *expr_aggregate(const struct expr *expr) {
  return expr->aggregate;
}

void expr_eval(const struct expr *expr, const struct expr_run *run, const struct view *view,
               struct value *out, struct row_errors *errors) {
  struct eval eval = {.batch = view->batch, .run = run, .errors = errors};
  size_t n_before = errors->n;
  struct column column = eval_node(&eval, expr->root, *view);
  for (uint32_t i = 0; i < view->n; i++) {
    uint32_t row = view_row(view, i);
    out[row] = *column_at(&column, row);
  }
  for (size_t i = n_before; i < errors->n; i++) out[errors->list[i].row] = value_null();
}

/* The rows for which a part is true. `and` asks its next part only for rows that were true so far;
 * in a filter NULL and false are the same. sel: room for rows.n, may be the rows' own. */
static uint32_t select_node(struct eval *eval, const struct node *node, struct view rows,
                            uint32_t *sel) {
  if (node->kind == NODE_AND) {
    for (uint32_t i = 0; i < node->n_args; i++)
      rows = rows_of(eval, sel, select_node(eval, node->args[i], rows, sel));
    return rows.n;
  }
  if (node->kind == NODE_COMPARE) {
    struct column a = eval_node(eval, node->args[0], rows);
    struct column b = eval_node(eval, node->args[1], rows);
    uint32_t n = compare_select(eval, node->op, &a, &b, rows, sel);
    column_drop(eval, &a);
    column_drop(eval, &b);
    return n;
  }
  struct column column = eval_node(eval, node, rows);
  uint32_t n = 0;
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    const struct value *value = column_at(&column, row);
    if (value->type == VALUE_BOOL) {
      if (value->boolean) sel[n++] = row;
    } else if (value->type != VALUE_NULL) {
      eval_fail_types(eval, row, "the condition must be true or false, not %s", value->type,
                      VALUE_NULL);
    }
  }
  column_drop(eval, &column);
  return n;
}

struct view expr_select(const struct expr *expr, const struct expr_run *run,
                        const struct view *view, struct row_errors *errors) {
  struct eval eval = {.batch = view->batch, .run = run, .errors = errors};
  uint32_t *sel = arena_alloc(&view->batch->arena, (view->n + 1) * sizeof *sel);
  size_t n_before = errors->n;
  uint32_t n = select_node(&eval, expr->root, *view, sel);
  if (errors->n == n_before) return rows_of(&eval, sel, n);
  bool *failed = arena_zalloc(&view->batch->arena, view->batch->n_rows);
  for (size_t i = n_before; i < errors->n; i++) failed[errors->list[i].row] = true;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; i++)
    if (!failed[sel[i]]) sel[kept++] = sel[i];
  return rows_of(&eval, sel, kept);
}
