/* aggregate: the table of kinds, and calls compiled. See aggregate.h. */
#include "transforms/window/aggregate.h"
#include "daemon/base/nearest.h"

/* All kinds, and what the reference says of them. */
static const struct {
  const struct aggregate_kind *kind;
  const char *usage, *text;
} kinds[] = {
    {&aggregate_count, "count(*) or count(any) -> integer",
     "how many records, or how many whose value is not NULL; 0 over none"},
    {&aggregate_sum, "sum(number) -> number",
     "integers stay integers (beyond 64 bits: an error record); doubles are compensated"},
    {&aggregate_avg, "avg(number) -> double", "the mean"},
    {&aggregate_min, "min(any) -> any", "the least of numbers, texts, timestamps or intervals"},
    {&aggregate_max, "max(any) -> any", "the greatest of numbers, texts, timestamps or intervals"},
    {&aggregate_first, "first(any) -> any", "of the least event time, then the first to arrive"},
    {&aggregate_last, "last(any) -> any", "of the greatest event time, then the last to arrive"},
    {&aggregate_count_distinct, "count(distinct any) -> integer", "how many different values"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *aggregate_error_text(const char *code) {
  return strcmp(code, AGGREGATE_OVERFLOW) == 0
             ? "the sum would go beyond the range of its type; a cast to double has no such bound"
             : "the aggregate cannot take in a value of this type, or not together with the ones "
               "before";
}

bool aggregate_usage(size_t i, const char **usage, const char **text) {
  if (i >= KINDS) return false;
  *usage = kinds[i].usage;
  *text = kinds[i].text;
  return true;
}

static const struct aggregate_kind *kind_find(struct slice name, bool distinct, bool *known) {
  *known = false;
  for (int i = 0; i < KINDS; i++) {
    if (!slice_is(name, kinds[i].kind->name)) continue;
    *known = true;
    if (kinds[i].kind->distinct == distinct) return kinds[i].kind;
  }
  return NULL;
}

const struct aggregate_kind *aggregate_kind_find(struct slice name, bool distinct) {
  bool known;
  return kind_find(name, distinct, &known);
}

/* What is wrong with the call, or NULL. */
static const char *call_check(struct arena *arena, const struct expr_aggregate *call,
                              const struct aggregate_kind **kind, enum value_type *type) {
  bool known;
  *kind = kind_find(call->name, call->distinct, &known);
  if (!known) {
    const char *names[KINDS];
    for (int i = 0; i < KINDS; i++) names[i] = kinds[i].kind->name;
    const char *nearest = nearest_word(call->name, names, KINDS);
    return arena_printf(arena, "unknown aggregate %.*s%s%s%s", SLICE_ARG(call->name),
                        nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                        nearest != NULL ? "?" : "");
  }
  if (*kind == NULL)
    return arena_printf(arena, "%.*s has no distinct; only count has", SLICE_ARG(call->name));
  if (call->star) {
    if (!(*kind)->star) return arena_printf(arena, "%.*s(*) has no meaning", SLICE_ARG(call->name));
    *type = VALUE_INT;
    return NULL;
  }
  if (call->n_args != 1)
    return arena_printf(arena, "%.*s takes one argument", SLICE_ARG(call->name));
  enum value_type argument = expr_type(call->args[0]);
  int result = (*kind)->result_type(argument);
  if (result == AGGREGATE_REFUSES)
    return arena_printf(arena, "%.*s cannot be taken of %s", SLICE_ARG(call->name),
                        value_type_name(argument));
  *type = (enum value_type)result;
  return NULL;
}

int aggregate_compile(struct aggregate *aggregate, struct compile *compile,
                      const struct expr_text *item, struct schema *schema) {
  struct expr *expr;
  if (compile_expr(compile, item, schema, EXPR_AGGREGATE, VALUE_ANY, &expr) != 0) return -1;
  const struct expr_aggregate *call = expr_aggregate(expr);
  const char *wrong = call_check(compile_arena(compile), call, &aggregate->kind, &aggregate->type);
  if (wrong != NULL) {
    compile_error(compile, node_place_at(item->node, call->offset, call->len), "%s", wrong);
    return -1;
  }
  aggregate->name = item->name;
  aggregate->filter = call->filter;
  aggregate->star = call->star && call->filter == NULL;
  if (aggregate->star) return 0;
  int64_t field = call->star ? -1 : expr_slot(call->args[0]);
  if (field >= 0 && call->filter == NULL) {
    aggregate->slot = (uint32_t)field;
    return 0;
  }
  aggregate->copies = field >= 0;
  aggregate->from_slot = field >= 0 ? (uint32_t)field : 0;
  aggregate->argument = call->star || field >= 0 ? NULL : call->args[0];
  aggregate->slot =
      rowset_add_slot(schema->rowset, call->star ? VALUE_BOOL : expr_type(call->args[0]));
  return 0;
}

void aggregate_prepare(const struct aggregate *aggregate, const struct expr_run *run,
                       struct view view, struct row_errors *errors) {
  if (aggregate->star) return;
  struct batch *batch = view.batch;
  if (aggregate->filter != NULL) {
    struct value *out = batch_column(batch, aggregate->slot);
    for (uint32_t i = 0; i < view.n; i++) out[view_row(&view, i)] = value_null();
    view = expr_select(aggregate->filter, run, &view, errors);
    for (uint32_t i = 0; i < view.n; i++) {
      uint32_t row = view_row(&view, i);
      /* count(*) filter (...) counts what is not NULL here. */
      out[row] = aggregate->copies ? batch->slots[aggregate->from_slot][row] : value_bool(true);
    }
  }
  if (aggregate->argument != NULL)
    expr_eval(aggregate->argument, run, &view, batch_column(batch, aggregate->slot), errors);
  if (aggregate->kind->refuses == NULL) return;
  const struct value *values = batch->slots[aggregate->slot];
  for (uint32_t i = 0; i < view.n; i++) {
    uint32_t row = view_row(&view, i);
    if (values[row].type == VALUE_NULL) continue;
    const char *code = aggregate->kind->refuses(&values[row]);
    if (code != NULL) row_errors_add(errors, row, code, aggregate_error_text(code));
  }
}
