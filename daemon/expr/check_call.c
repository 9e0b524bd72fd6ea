/* check_call: a call against the table of functions (func.h). */
#include "daemon/expr/check.h"

#include "daemon/base/nearest.h"
#include "daemon/expr/lex.h"

#include <stdlib.h>
#include <string.h>

static const char *const special_forms[] = {"coalesce", "nullif",  "cast",
                                            "try_cast", "extract", NULL};
/* Those of transforms/window; their table is not known here. */
static const char *const aggregates[] = {"count", "sum",   "avg",  "min",
                                         "max",   "first", "last", NULL};

static int unknown_function(struct compile *compile, const struct node *node, struct slice name) {
  for (size_t i = 0; aggregates[i] != NULL; i++)
    if (slice_is(name, aggregates[i]))
      return compile_fail(compile, node->offset, node->len,
                          "%s() is an aggregate; it can stand only at the top of an aggregate%s",
                          aggregates[i],
                          slice_is(name, "min")   ? " (the smallest of some values is least())"
                          : slice_is(name, "max") ? " (the largest of some values is greatest())"
                                                  : "");
  const char *nearest = func_nearest(name);
  const char *special = nearest_of(name, special_forms);
  if (special != NULL && (nearest == NULL || nearest_distance(name, slice_of(special)) <
                                                 nearest_distance(name, slice_of(nearest))))
    nearest = special;
  return compile_fail(compile, node->offset, name.len, "unknown function %.*s%s%s%s",
                      name.len > 100 ? 100 : (int)name.len, name.data,
                      nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                      nearest != NULL ? "?" : "");
}

/* "substr does not take 1 argument: substr(...) -> text" */
static int wrong_count(struct compile *compile, const struct node *node, struct slice name) {
  struct buf known;
  buf_init(&known);
  for (size_t i = 0; func_at(i) != NULL; i++)
    if (slice_is(name, func_at(i)->name))
      buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", func_at(i)->signature);
  compile_fail(compile, node->offset, node->len, "%.*s does not take %u argument%s: %s",
               SLICE_ARG(name), node->n_args, node->n_args == 1 ? "" : "s", buf_cstr(&known));
  buf_fini(&known);
  return -1;
}

/* The last one declared repeats; those not declared are zero, VALUE_NULL, which nobody wants. */
enum value_type func_arg_type(const struct func *func, size_t i) {
  size_t last = 0;
  while (last < i && last + 1 < FUNC_ARGS_MAX && func->arg_types[last + 1] != VALUE_NULL) last++;
  return func->arg_types[last];
}

static int check_argument(struct compile *compile, const struct func *func, struct node *arg,
                          size_t i) {
  enum value_type wanted = func_arg_type(func, i);
  if (check_literal(compile, arg, wanted) != 0) return -1;
  bool fits = wanted == VALUE_ANY || arg->type == VALUE_ANY || arg->type == VALUE_NULL ||
              arg->type == wanted || (wanted == VALUE_DOUBLE && arg->type == VALUE_INT);
  if (fits) return 0;
  return compile_fail(compile, arg->offset, arg->len, "argument %zu of %s must be %s, not %s: %s",
                      i + 1, func->name, value_type_name(wanted), value_type_name(arg->type),
                      func->signature);
}

static int prepare(struct compile *compile, struct node *node, const struct func *func) {
  const struct value **constants =
      arena_alloc(compile->scope->arena, (node->n_args + 1) * sizeof *constants);
  for (uint32_t i = 0; i < node->n_args; i++)
    constants[i] = node_is_const(node->args[i]) ? &node->args[i]->value : NULL;
  struct err err;
  size_t bad_arg = 0;
  void *prepared = NULL;
  if (func->prepare(compile->scope->disk, constants, node->n_args, &prepared, &bad_arg, &err) !=
      0) {
    const struct node *bad = bad_arg < node->n_args ? node->args[bad_arg] : node;
    return compile_fail(compile, bad->offset, bad->len, "%s", err.text);
  }
  if (prepared != NULL && func->release != NULL) compile_own(compile, prepared, func->release);
  node->call.prepared = prepared;
  return 0;
}

int check_call(struct compile *compile, struct node *node) {
  struct slice name = word_lower(compile->scope->arena, node->call.name);
  bool known = false;
  const struct func *func = func_find(name, node->n_args, &known);
  if (func == NULL)
    return known ? wrong_count(compile, node, name) : unknown_function(compile, node, name);
  node->call.func = func;
  node->call.prepared = NULL;
  node->type = func->result_type;
  for (uint32_t i = 0; i < node->n_args; i++)
    if (check_argument(compile, func, node->args[i], i) != 0) return -1;
  if (func->prepare == NULL) return 0;
  return prepare(compile, node, func);
}
