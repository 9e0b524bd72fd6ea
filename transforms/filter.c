/* filter: lets the records through for which `where` is true; NULL is not true. */
#include "transforms/transforms.h"

#include <stddef.h>

struct filter {
  struct expr_text where;
  struct expr *expr;
};

static const struct option filter_options[] = {{.name = "where",
                                                .type = OPTION_EXPR,
                                                .offset = offsetof(struct filter, where),
                                                .required = true,
                                                .text = "which records go on; NULL is not true"},
                                               {0}};

static int filter_compile(void *instance, struct compile *compile) {
  struct filter *filter = instance;
  struct schema *schema = compile_input(compile, 0);
  compile_output(compile, "", schema);
  return compile_expr(compile, &filter->where, schema, EXPR_SCALAR, VALUE_BOOL, &filter->expr);
}

static void filter_apply(const void *instance, struct apply *apply) {
  const struct filter *filter = instance;
  apply->out[0] = expr_select(filter->expr, &apply->run, &apply->in, &apply->errors);
}

const struct transform_plugin transform_filter = {
    .type = {.name = "filter",
             .text = "lets the records through for which a condition is true",
             .options = filter_options,
             .instance_bytes = sizeof(struct filter),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX},
    .compile = filter_compile,
    .apply = filter_apply,
};
