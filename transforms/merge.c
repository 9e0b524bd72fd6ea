/* merge: several streams as one. The engine joins the inputs of any transform by their place in the
 * log before the transform sees them, so what is left to do is nothing. */
#include "transforms/transforms.h"

static const struct option merge_options[] = {{0}};

static int merge_compile(void *instance, struct compile *compile) {
  (void)instance;
  compile_output(compile, "", compile_input(compile, 0));
  return 0;
}

static void merge_apply(const void *instance, struct apply *apply) {
  (void)instance;
  apply->out[0] = apply->in;
}

const struct transform_plugin transform_merge = {
    .type = {.name = "merge",
             .text = "several streams as one, in the order in which their records came",
             .options = merge_options,
             .instance_bytes = 0,
             .min_inputs = 1,
             .max_inputs = UINT32_MAX},
    .compile = merge_compile,
    .apply = merge_apply,
};
