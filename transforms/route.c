/* route: a port for each condition, and `rest` for records that none of them takes.
 *
 * mode first: a record goes to the first route that takes it, and later conditions are not
 * evaluated for it. mode all: to each route that takes it. A record for which a condition fails
 * goes to .errors alone. */
#include "transforms/transforms.h"

#include <stddef.h>

enum route_mode { ROUTE_FIRST, ROUTE_ALL };

struct route {
  struct expr_list routes;
  int mode;
  struct expr **exprs; /* [routes.n] */
};

static const char *const mode_names[] = {"first", "all", NULL};

static const struct option route_options[] = {
    {.name = "routes",
     .type = OPTION_EXPR_MAP,
     .offset = offsetof(struct route, routes),
     .required = true,
     .text = "for each port the condition of its records"},
    {.name = "mode",
     .type = OPTION_ENUM,
     .offset = offsetof(struct route, mode),
     .names = mode_names,
     .fallback = "first",
     .text = "whether a record goes to the first route that takes it or to all of them"},
    {0}};

static const char rest_port[] = "rest";

static size_t route_ports(const void *instance, struct slice *names, size_t max) {
  const struct route *route = instance;
  for (size_t i = 0; i < route->routes.n && i < max; i++) names[i] = route->routes.items[i].name;
  if (route->routes.n < max) names[route->routes.n] = slice_of(rest_port);
  return route->routes.n + 1;
}

static void route_check(const void *instance, const struct node *node,
                        struct config_errors *errors) {
  const struct route *route = instance;
  struct node *routes = node_get(node, "routes");
  if (routes != NULL && routes->kind == NODE_MAP && routes->n_items == 0)
    config_error_add(errors, routes->place, "routes names no port");
  for (size_t i = 0; i < route->routes.n; i++) {
    const struct expr_text *item = &route->routes.items[i];
    if (slice_is(item->name, rest_port))
      config_error_add(errors, item->name_place,
                       "the port rest has the records that no route takes; it cannot be a route");
    if (slice_is(item->name, "errors"))
      config_error_add(errors, item->name_place,
                       "the port errors has the records that failed; it cannot be a route");
    if (item->name.len == 0 || memchr(item->name.data, '.', item->name.len) != NULL)
      config_error_add(errors, item->name_place, "a port's name is not empty and has no dot");
  }
}

static int route_compile(void *instance, struct compile *compile) {
  struct route *route = instance;
  struct schema *schema = compile_input(compile, 0);
  struct arena *arena = compile_arena(compile);
  int result = 0;
  route->exprs = arena_zalloc(arena, route->routes.n * sizeof *route->exprs);
  for (size_t i = 0; i < route->routes.n; i++) {
    const struct expr_text *item = &route->routes.items[i];
    compile_output(compile, arena_dup(arena, item->name.data, item->name.len), schema);
    if (compile_expr(compile, item, schema, EXPR_SCALAR, VALUE_BOOL, &route->exprs[i]) != 0)
      result = -1;
  }
  compile_output(compile, rest_port, schema);
  return result;
}

/* The rows of a view that have no mark. */
static struct view view_unmarked(struct view view, const bool *marks) {
  uint32_t *sel = arena_alloc(&view.batch->arena, view.n * sizeof *sel);
  uint32_t n = 0;
  for (uint32_t i = 0; i < view.n; i++) {
    uint32_t row = view_row(&view, i);
    if (!marks[row]) sel[n++] = row;
  }
  return (struct view){.batch = view.batch, .sel = sel, .n = n};
}

static void route_apply(const void *instance, struct apply *apply) {
  const struct route *route = instance;
  struct batch *batch = apply->in.batch;
  size_t n = route->routes.n;
  bool *taken = arena_zalloc(&batch->arena, batch->n_rows * sizeof *taken);
  struct view left = apply->in;
  for (size_t i = 0; i < n; i++) {
    apply->out[i] = expr_select(route->exprs[i], &apply->run, &left, &apply->errors);
    for (uint32_t k = 0; k < apply->out[i].n; k++) taken[view_row(&apply->out[i], k)] = true;
    if (route->mode == ROUTE_ALL) continue;
    /* Rows that failed are done with, too. */
    for (size_t k = 0; k < apply->errors.n; k++) taken[apply->errors.list[k].row] = true;
    left = view_unmarked(left, taken);
  }
  apply->out[n] = route->mode == ROUTE_ALL ? view_unmarked(left, taken) : left;
  row_errors_sort(&apply->errors);
  for (size_t i = 0; i <= n; i++) apply->out[i] = view_without(apply->out[i], &apply->errors);
}

const struct transform_plugin transform_route = {
    .type = {.name = "route",
             .text = "splits a stream by conditions, a port for each",
             .options = route_options,
             .instance_bytes = sizeof(struct route),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX,
             .ports = route_ports,
             .no_main_output = true,
             .check = route_check},
    .compile = route_compile,
    .apply = route_apply,
};
