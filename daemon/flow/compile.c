/* compile: from a checked configuration to a graph.
 *
 * Components come in topological order. Each is given the schema of what it reads, declares what it
 * puts out, and compiles its expressions; asking for a field of an open schema adds a decoded slot
 * to the rowset it comes from, so that in the end each source knows exactly which fields are used.
 */
#include "daemon/flow/graph.h"

#include "config/dump.h"
#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct compile {
  struct graph *graph;
  struct stage *stage;
  struct config_errors *errors;
  struct stage **of_component; /* by index in the pipeline */
};

struct arena *compile_arena(struct compile *compile) {
  return compile->graph->arena;
}

struct io *compile_io(struct compile *compile) {
  return compile->graph->io;
}

void compile_error(struct compile *compile, struct place place, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  config_error_add(compile->errors, place, "%s", text);
}

static bool type_fits(enum value_type have, enum value_type wanted) {
  if (wanted == VALUE_ANY || have == VALUE_ANY || have == VALUE_NULL || have == wanted) return true;
  return wanted == VALUE_DOUBLE && have == VALUE_INT;
}

int compile_expr(struct compile *compile, const struct expr_text *text, struct schema *schema,
                 enum expr_place place, enum value_type wanted, struct expr **expr) {
  struct expr_scope scope = {.arena = compile->graph->arena,
                             .schema = schema,
                             .disk = compile->graph->io->disk,
                             .place = place};
  struct expr_error error;
  if (expr_compile(&scope, text->text, expr, &error) != 0) {
    config_error_add(compile->errors, node_place_at(text->node, error.offset, error.len), "%s",
                     error.text);
    return -1;
  }
  struct stage *stage = compile->stage;
  array_grow((void **)&stage->exprs, &stage->cap_exprs, stage->n_exprs, sizeof *stage->exprs);
  stage->exprs[stage->n_exprs++] = (struct compiled_expr){*text, *expr};
  if (!type_fits(expr_type(*expr), wanted)) {
    config_error_add(compile->errors, node_place_at(text->node, 0, text->text.len),
                     "this is of type %s, but %s is wanted here", value_type_name(expr_type(*expr)),
                     value_type_name(wanted));
    return -1;
  }
  return 0;
}

size_t compile_input_count(const struct compile *compile) {
  return compile->stage->n_inputs;
}

struct schema *compile_input(struct compile *compile, size_t i) {
  const struct stage_input *input = &compile->stage->inputs[i];
  return input->stage->ports[input->port].schema;
}

void compile_output(struct compile *compile, const char *port, struct schema *schema) {
  struct stage *stage = compile->stage;
  struct port *ports = arena_zalloc(compile->graph->arena, (stage->n_ports + 1) * sizeof *ports);
  if (stage->n_ports > 0) memcpy(ports, stage->ports, stage->n_ports * sizeof *ports);
  ports[stage->n_ports] =
      (struct port){.name = arena_dup(compile->graph->arena, port, strlen(port)), .schema = schema};
  stage->ports = ports;
  stage->n_ports++;
}

static struct stage *stage_add(struct compile *compile, enum stage_kind kind, const char *name,
                               const struct component *component) {
  struct graph *graph = compile->graph;
  struct stage *stage = arena_zalloc(graph->arena, sizeof *stage);
  stage->kind = kind;
  stage->name = name;
  stage->component = component;
  stage->index = (uint32_t)graph->n_stages;
  stage->kind_index = (uint32_t)graph->n_kind[kind]++;
  array_grow((void **)&graph->stages, &graph->cap_stages, graph->n_stages, sizeof *graph->stages);
  graph->stages[graph->n_stages++] = stage;
  return stage;
}

static void inputs_set(struct compile *compile, struct stage *stage,
                       const struct stage_input *inputs, size_t n_inputs) {
  stage->inputs = arena_alloc(compile->graph->arena, n_inputs * sizeof *inputs);
  memcpy(stage->inputs, inputs, n_inputs * sizeof *inputs);
  stage->n_inputs = n_inputs;
}

/* ------------------------------------------------------------------ .errors */

static struct stage *errors_of(struct compile *compile, struct stage *of) {
  if (of->errors != NULL) return of->errors;
  struct arena *arena = compile->graph->arena;
  struct stage *stage =
      stage_add(compile, STAGE_ERRORS, arena_printf(arena, "%s.errors", of->name), of->component);
  static const char *const names[ERROR_SLOTS] = {"_raw", "_encoding", "_error", "_component",
                                                 "_position"};
  struct rowset *rowset = rowset_new(arena, false);
  struct schema *schema = schema_new(rowset, false);
  for (int i = 0; i < ERROR_SLOTS; i++) {
    schema_set(schema, slice_of(names[i]),
               rowset_add_slot(rowset, i == ERROR_ERROR ? VALUE_JSON : VALUE_TEXT));
  }
  stage->ports = arena_zalloc(arena, sizeof *stage->ports);
  stage->ports[0] = (struct port){.name = "", .schema = schema};
  stage->n_ports = 1;
  struct stage_input input = {of, 0};
  inputs_set(compile, stage, &input, 1);
  of->errors = stage;
  return stage;
}

/* ------------------------------------------------------------------ merges */

static int merge_resolve(void *arg, const struct path *path, uint32_t *slot,
                         enum value_type *type) {
  struct merge_plan *plan = arg;
  struct rowset *rowset = plan->rowset;
  struct merge_source *sources = arena_zalloc(rowset->arena, plan->n_inputs * sizeof *sources);
  enum value_type common = VALUE_NULL;
  for (size_t i = 0; i < plan->n_inputs; i++) {
    uint32_t used = 0;
    enum value_type have = VALUE_NULL;
    sources[i].present = schema_resolve(plan->inputs[i], path, &sources[i].slot, &have, &used) == 0;
    if (sources[i].present && used < path->n_steps) {
      sources[i].rest = path->steps + used;
      sources[i].n_rest = path->n_steps - used;
      have = VALUE_ANY;
    }
    if (sources[i].present) common = common == VALUE_NULL || common == have ? have : VALUE_ANY;
  }
  *type = common == VALUE_NULL ? VALUE_ANY : common;
  *slot = rowset_add_slot(rowset, *type);
  rowset->slots[*slot].kind = SLOT_DECODED; /* so that the same path finds it again */
  rowset->slots[*slot].path = *path;
  while (plan->cap_slots <= *slot) {
    array_grow((void **)&plan->slots, &plan->cap_slots, plan->cap_slots, sizeof *plan->slots);
  }
  while (plan->n_slots <= *slot) plan->slots[plan->n_slots++] = NULL;
  plan->slots[*slot] = sources;
  return 0;
}

static struct stage *merge_of(struct compile *compile, const struct component *component,
                              const struct stage_input *inputs, size_t n_inputs) {
  struct arena *arena = compile->graph->arena;
  struct stage *stage = stage_add(compile, STAGE_MERGE,
                                  arena_printf(arena, "%s (inputs)", component->name), component);
  inputs_set(compile, stage, inputs, n_inputs);
  struct merge_plan *plan = arena_zalloc(arena, sizeof *plan);
  plan->stage = stage;
  plan->rowset = rowset_new(arena, true);
  plan->rowset->resolve = merge_resolve;
  plan->rowset->resolve_arg = plan;
  plan->n_inputs = n_inputs;
  plan->inputs = arena_alloc(arena, n_inputs * sizeof *plan->inputs);
  for (size_t i = 0; i < n_inputs; i++) {
    plan->inputs[i] = inputs[i].stage->ports[inputs[i].port].schema;
  }
  stage->merge = plan;
  stage->ports = arena_zalloc(arena, sizeof *stage->ports);
  stage->ports[0] = (struct port){.name = "", .schema = schema_new(plan->rowset, true)};
  stage->n_ports = 1;
  return stage;
}

/* ------------------------------------------------------------------ components */

static int port_find(const struct stage *stage, struct slice name) {
  for (size_t i = 0; i < stage->n_ports; i++) {
    if (slice_is(name, stage->ports[i].name)) return (int)i;
  }
  return -1;
}

/* What the component reads, as one output: of another stage, or of a merge put in between. */
static int input_of(struct compile *compile, const struct component *component,
                    struct stage_input *input) {
  struct stage_input *all = arena_alloc(compile->graph->arena, component->n_inputs * sizeof *all);
  for (size_t i = 0; i < component->n_inputs; i++) {
    const struct component_input *wanted = &component->inputs[i];
    struct stage *stage = compile->of_component[wanted->index];
    if (stage == NULL) return -1; /* its own errors have been told */
    if (slice_is(wanted->port, "errors")) {
      all[i] = (struct stage_input){errors_of(compile, stage), 0};
      continue;
    }
    int port = port_find(stage, wanted->port);
    if (port < 0) {
      config_error_add(compile->errors, wanted->place, "%s has no output \"%.*s\"", stage->name,
                       SLICE_ARG(wanted->port));
      return -1;
    }
    all[i] = (struct stage_input){stage, (uint32_t)port};
  }
  if (component->n_inputs == 1) {
    *input = all[0];
  } else {
    *input = (struct stage_input){merge_of(compile, component, all, component->n_inputs), 0};
  }
  return 0;
}

static int codec_of(struct compile *compile, struct stage *stage, const char *name) {
  stage->codec = codec_find(name);
  if (stage->codec != NULL) return 0;
  const struct node *node = node_get(stage->component->node, "codec");
  config_error_add(compile->errors, node != NULL ? node->place : stage->component->place,
                   "unknown codec \"%s\"; `tidemark list codecs` shows those there are", name);
  return -1;
}

static int compile_source(struct compile *compile, struct stage *stage) {
  const struct component *component = stage->component;
  stage->source = (const struct source_plugin *)component->type;
  stage->source_common = component->common;
  stage->on_error = stage->source_common->on_error;
  if (codec_of(compile, stage, stage->source_common->codec) != 0) return -1;
  struct rowset *rowset = rowset_new(compile->graph->arena, true);
  rowset->enveloped = stage->source->enveloped;
  struct schema *schema = schema_new(rowset, true);
  compile_output(compile, "", schema);
  const struct source_common *common = stage->source_common;
  int result = 0;
  if (common->event_time_format != NULL) {
    struct err err;
    const struct node *node = node_get(component->node, "format");
    if (time_format_check(common->event_time_format, &err) != 0) {
      config_error_add(compile->errors, node != NULL ? node->place : component->place, "%s",
                       err.text);
      result = -1;
    }
  }
  if (common->event_time.node != NULL &&
      compile_expr(compile, &common->event_time, schema, EXPR_SCALAR, VALUE_ANY,
                   &stage->event_time) != 0) {
    result = -1;
  }
  if ((common->watermark_when.node != NULL) != (common->watermark_value.node != NULL)) {
    config_error_add(compile->errors, component->place,
                     "watermark.when and watermark.value belong together: which record is a "
                     "punctuation, and which time it says");
    return -1;
  }
  if (common->watermark_when.node != NULL) {
    if (compile_expr(compile, &common->watermark_when, schema, EXPR_SCALAR, VALUE_BOOL,
                     &stage->watermark_when) != 0) {
      result = -1;
    }
    if (compile_expr(compile, &common->watermark_value, schema, EXPR_SCALAR, VALUE_ANY,
                     &stage->watermark_value) != 0) {
      result = -1;
    }
  }
  return result;
}

static int compile_transform(struct compile *compile, struct stage *stage) {
  stage->transform = (const struct transform_plugin *)stage->component->type;
  stage->kind = STAGE_STATELESS;
  stage->on_error = ((const struct transform_common *)stage->component->common)->on_error;
  return stage->transform->compile(stage->component->instance, compile);
}

static int compile_sink(struct compile *compile, struct stage *stage) {
  const struct sink_common *common = stage->component->common;
  stage->sink = (const struct sink_plugin *)stage->component->type;
  stage->on_error = common->on_error;
  if (codec_of(compile, stage, common->codec) != 0) return -1;
  if (stage->sink->compile == NULL) return 0;
  return stage->sink->compile(stage->component->instance, compile);
}

static void compile_component(struct compile *compile, uint32_t index) {
  const struct component *component = &compile->graph->pipeline->components[index];
  struct stage_input input;
  if (component->kind != COMPONENT_SOURCE && input_of(compile, component, &input) != 0) return;
  enum stage_kind kind = component->kind == COMPONENT_SOURCE ? STAGE_SOURCE
                         : component->kind == COMPONENT_SINK ? STAGE_SINK
                         : ((const struct transform_plugin *)component->type)->keyed
                             ? STAGE_KEYED
                             : STAGE_STATELESS;
  struct stage *stage = stage_add(compile, kind, component->name, component);
  compile->stage = stage;
  struct buf text;
  buf_init(&text);
  config_dump_component(component, &text);
  stage->definition = hash_bytes(text.data, text.len);
  buf_fini(&text);
  int result;
  if (component->kind == COMPONENT_SOURCE) {
    result = compile_source(compile, stage);
  } else {
    inputs_set(compile, stage, &input, 1);
    stage->input_schema = input.stage->ports[input.port].schema;
    result = component->kind == COMPONENT_SINK ? compile_sink(compile, stage)
                                               : compile_transform(compile, stage);
    stage->kind = kind;
  }
  if (result == 0) compile->of_component[index] = stage;
}

/* Rewritten bytes must have been checked by whoever decoded them, also beyond a merge. */
static void whole_spread(struct graph *graph) {
  for (size_t i = graph->n_stages; i-- > 0;) {
    const struct merge_plan *plan = graph->stages[i]->merge;
    if (plan == NULL) continue;
    for (size_t k = 0; k < plan->n_inputs; k++) {
      if (plan->rowset->whole) plan->inputs[k]->rowset->whole = true;
    }
  }
}

static bool is_head(const struct stage *stage) {
  return stage->kind == STAGE_SOURCE || stage->kind == STAGE_KEYED || stage->kind == STAGE_MERGE ||
         stage->kind == STAGE_ERRORS;
}

static void chains_make(struct graph *graph) {
  for (size_t i = 0; i < graph->n_stages; i++) {
    struct stage *stage = graph->stages[i];
    if (stage->kind != STAGE_STATELESS && stage->kind != STAGE_KEYED && stage->kind != STAGE_SINK) {
      continue;
    }
    struct stage_input at = stage->inputs[0];
    while (!is_head(at.stage)) at = at.stage->inputs[0];
    struct port *head = &at.stage->ports[at.port];
    struct stage **chain = arena_alloc(graph->arena, (head->n_chain + 1) * sizeof(struct stage *));
    if (head->n_chain > 0) memcpy(chain, head->chain, head->n_chain * sizeof(struct stage *));
    chain[head->n_chain++] = stage;
    head->chain = chain;
  }
}

struct graph *graph_compile(const struct pipeline *pipeline, struct arena *arena, struct io *io,
                            struct config_errors *errors) {
  struct graph *graph = mem_zalloc(sizeof *graph);
  graph->pipeline = pipeline;
  graph->arena = arena;
  graph->io = io;
  struct compile compile = {.graph = graph, .errors = errors};
  compile.of_component = arena_zalloc(arena, (pipeline->n_components + 1) * sizeof(struct stage *));
  size_t errors_before = errors->n - errors->n_warnings;
  for (uint32_t i = 0; i < pipeline->n_components; i++) compile_component(&compile, i);
  if (errors->n - errors->n_warnings > errors_before) {
    graph_free(graph);
    return NULL;
  }
  whole_spread(graph);
  chains_make(graph);
  return graph;
}

void graph_free(struct graph *graph) {
  if (graph == NULL) return;
  for (size_t i = 0; i < graph->n_stages; i++) {
    struct stage *stage = graph->stages[i];
    for (size_t k = 0; k < stage->n_exprs; k++) expr_free(stage->exprs[k].expr);
    free(stage->exprs);
    if (stage->merge != NULL) free(stage->merge->slots);
    if (stage->transform != NULL && stage->transform->fini != NULL) {
      stage->transform->fini(stage->component->instance);
    }
  }
  free(graph->stages);
  free(graph);
}
