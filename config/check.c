/* check: the components as a graph. Inputs become indexes, ports are looked up among those their
 * component has, circles are named, and what nobody reads is warned about. Then the components are
 * put in an order in which inputs come before their readers; where that leaves a choice, the order
 * in which they are written. What is in error, in a circle, or reads such a thing is left out at
 * the end: whoever goes on from here, if only to find more errors, meets whole components only. */
#include "config/build.h"
#include "config/value.h"
#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/base/nearest.h"

#include <stdlib.h>

enum { LIST_SHOWN_MAX = 24 };

/* What is known of a component while the graph is checked. */
struct vertex {
  struct slice *ports; /* side ports, without errors; malloc */
  size_t n_ports;
  bool *port_read;
  bool main_read;
  bool known; /* its ports are */
  uint8_t color;
};

struct graph {
  const struct build *build;
  struct pipeline *pipeline;
  struct vertex *vertices;
  bool doubtful; /* something was in error: what nobody reads cannot be told */
};

static void find_ports(const struct component *component, struct vertex *vertex) {
  vertex->known = component->instance != NULL;
  if (!vertex->known || component->type->ports == NULL) return;
  size_t max = 16, n;
  for (;;) {
    vertex->ports = mem_realloc(vertex->ports, max * sizeof *vertex->ports);
    n = component->type->ports(component->instance, vertex->ports, max);
    if (n <= max) break;
    max = n;
  }
  vertex->n_ports = n;
  vertex->port_read = mem_zalloc((n + 1) * sizeof *vertex->port_read);
}

static bool has_main(const struct component *component) {
  return component->kind != COMPONENT_SINK && !component->type->no_main_output;
}

/* ------------------------------------------------------------------ inputs */

static void put_listed(struct buf *out, struct slice word) {
  if (out->len > 0) buf_put_text(out, ", ");
  buf_put_slice(out, word);
}

static void unknown_component(struct graph *graph, const struct component_input *input) {
  const struct pipeline *pipeline = graph->pipeline;
  const char **names = mem_alloc((pipeline->n_components + 1) * sizeof *names);
  size_t n = 0;
  struct buf known = {0};
  for (size_t i = 0; i < pipeline->n_components; i++) {
    if (pipeline->components[i].kind == COMPONENT_SINK) continue;
    names[n++] = pipeline->components[i].name;
    if (n <= LIST_SHOWN_MAX) put_listed(&known, slice_of(pipeline->components[i].name));
  }
  if (n > LIST_SHOWN_MAX) buf_put_text(&known, ", ...");
  const char *nearest = nearest_word(input->component, names, n);
  struct slice shown = value_shown(input->component);
  struct place place = input->place;
  if (nearest != NULL) {
    config_error_add(graph->build->errors, place, "unknown input \"%.*s\"; did you mean %s?",
                     SLICE_ARG(shown), nearest);
  } else {
    config_error_add(graph->build->errors, place, "unknown input \"%.*s\" (there are: %s)",
                     SLICE_ARG(shown), n > 0 ? buf_cstr(&known) : "none");
  }
  buf_fini(&known);
  free(names);
}

static void unknown_port(struct graph *graph, const struct component_input *input,
                         const struct component *from, const struct vertex *vertex) {
  const char **names = mem_alloc((vertex->n_ports + 1) * sizeof *names);
  struct buf known = {0};
  for (size_t i = 0; i < vertex->n_ports; i++) {
    names[i] = arena_dup(graph->build->arena, vertex->ports[i].data, vertex->ports[i].len);
    put_listed(&known, vertex->ports[i]);
  }
  names[vertex->n_ports] = "errors";
  put_listed(&known, slice_of("errors"));
  const char *nearest = nearest_word(input->port, names, vertex->n_ports + 1);
  struct slice shown = value_shown(input->port);
  config_error_add(graph->build->errors, input->place,
                   "\"%s\" has no port \"%.*s\"%s%s%s (its ports: %s)", from->name,
                   SLICE_ARG(shown), nearest != NULL ? "; did you mean " : "",
                   nearest != NULL ? nearest : "", nearest != NULL ? "?" : "", buf_cstr(&known));
  buf_fini(&known);
  free(names);
}

static void no_main_output(struct graph *graph, const struct component_input *input,
                           const struct component *from, const struct vertex *vertex) {
  struct buf known = {0};
  for (size_t i = 0; i < vertex->n_ports; i++) {
    char *name = mem_printf("%s.%.*s", from->name, SLICE_ARG(vertex->ports[i]));
    put_listed(&known, slice_of(name));
    free(name);
  }
  config_error_add(graph->build->errors, input->place,
                   "\"%s\" has no main output: read one of its ports (%s%s%s.errors)", from->name,
                   buf_cstr(&known), known.len > 0 ? ", " : "", from->name);
  buf_fini(&known);
}

/* -1 after adding an error. */
static int check_port(struct graph *graph, const struct component_input *input) {
  const struct component *from = &graph->pipeline->components[input->index];
  struct vertex *vertex = &graph->vertices[input->index];
  bool main = input->port.data == NULL;
  if (slice_is(input->port, "errors")) return 0;
  if (main && from->kind == COMPONENT_SINK) {
    config_error_add(graph->build->errors, input->place,
                     "\"%s\" is a sink: only %s.errors can be read from it", from->name,
                     from->name);
    return -1;
  }
  if (!vertex->known) return 0;
  if (main && !has_main(from)) {
    no_main_output(graph, input, from, vertex);
    return -1;
  }
  if (main) {
    vertex->main_read = true;
    return 0;
  }
  for (size_t i = 0; i < vertex->n_ports; i++)
    if (slice_equal(input->port, vertex->ports[i])) {
      vertex->port_read[i] = true;
      return 0;
    }
  unknown_port(graph, input, from, vertex);
  return -1;
}

static bool read_before(const struct component *component, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (slice_equal(component->inputs[k].component, component->inputs[i].component) &&
        slice_equal(component->inputs[k].port, component->inputs[i].port))
      return true;
  return false;
}

static void resolve_inputs(struct graph *graph, struct component *component) {
  const struct pipeline *pipeline = graph->pipeline;
  for (size_t i = 0; i < component->n_inputs; i++) {
    struct component_input *input = &component->inputs[i];
    for (size_t k = 0; k < pipeline->n_components && input->index == UINT32_MAX; k++)
      if (slice_is(input->component, pipeline->components[k].name)) input->index = (uint32_t)k;
    if (input->index == UINT32_MAX) {
      unknown_component(graph, input);
      graph->doubtful = true;
    } else if (check_port(graph, input) < 0) {
      input->index = UINT32_MAX;
      graph->doubtful = true;
    } else if (read_before(component, i)) {
      config_error_add(graph->build->errors, input->place, "this input is named twice");
    }
  }
}

static void check_input_count(struct graph *graph, struct component *component) {
  if (component->kind != COMPONENT_TRANSFORM || component->instance == NULL) return;
  uint32_t min = component->type->min_inputs > 1 ? component->type->min_inputs : 1;
  uint32_t max = component->type->max_inputs;
  if (component->n_inputs >= min && (max == 0 || component->n_inputs <= max)) return;
  const struct node *node = node_get(component->node, "input");
  config_error_add(graph->build->errors, node->place, "%s takes %s%u input%s, not %zu",
                   component->type->name,
                   min == max                  ? ""
                   : component->n_inputs < min ? "at least "
                                               : "at most ",
                   component->n_inputs < min ? min : max,
                   (component->n_inputs < min ? min : max) == 1 ? "" : "s", component->n_inputs);
  component->instance = NULL;
}

/* ------------------------------------------------------------------ circles */

enum { WHITE, GREY, BLACK };

static void name_circle(struct graph *graph, const uint32_t *path, size_t n, uint32_t back_to,
                        struct place place) {
  const struct component *components = graph->pipeline->components;
  size_t first = n - 1;
  while (path[first] != back_to) first--;
  struct buf text = {0};
  buf_put_text(&text, components[back_to].name);
  /* The path goes from readers to inputs; people think the way the records go. */
  for (size_t i = n; i > first; i--) buf_printf(&text, " -> %s", components[path[i - 1]].name);
  config_error_add(graph->build->errors, place, "the inputs go round in a circle: %s",
                   buf_cstr(&text));
  buf_fini(&text);
}

/* Depth first from readers to their inputs, with a stack of our own. */
static void find_circles(struct graph *graph) {
  size_t n = graph->pipeline->n_components;
  uint32_t *path = mem_alloc((n + 1) * sizeof *path);
  size_t *next = mem_alloc((n + 1) * sizeof *next); /* input to look at, by depth */
  for (size_t start = 0; start < n; start++) {
    if (graph->vertices[start].color != WHITE) continue;
    size_t depth = 1;
    path[0] = (uint32_t)start;
    next[0] = 0;
    graph->vertices[start].color = GREY;
    while (depth > 0) {
      const struct component *at = &graph->pipeline->components[path[depth - 1]];
      if (next[depth - 1] == at->n_inputs) {
        graph->vertices[path[--depth]].color = BLACK;
        continue;
      }
      const struct component_input *input = &at->inputs[next[depth - 1]++];
      if (input->index == UINT32_MAX) continue;
      if (graph->vertices[input->index].color == GREY) {
        name_circle(graph, path, depth, input->index, input->place);
      } else if (graph->vertices[input->index].color == WHITE) {
        graph->vertices[input->index].color = GREY;
        path[depth] = input->index;
        next[depth++] = 0;
      }
    }
  }
  free(path);
  free(next);
}

/* ------------------------------------------------------------------ readers and order */

static void warn_unread(struct graph *graph, const struct component *component,
                        const struct vertex *vertex) {
  if (!vertex->known || component->kind == COMPONENT_SINK) return;
  if (has_main(component)) {
    if (!vertex->main_read)
      config_warning_add(graph->build->errors, component->place,
                         "nobody reads \"%s\": its records are dropped", component->name);
    return;
  }
  struct buf unread = {0};
  for (size_t i = 0; i < vertex->n_ports; i++) {
    if (vertex->port_read[i]) continue;
    char *name = mem_printf("%s.%.*s", component->name, SLICE_ARG(vertex->ports[i]));
    put_listed(&unread, slice_of(name));
    free(name);
  }
  if (unread.len > 0)
    config_warning_add(graph->build->errors, component->place,
                       "nobody reads %s: the records are dropped", buf_cstr(&unread));
  buf_fini(&unread);
}

/* Sound itself, and all it reads is in place. */
static bool can_be_placed(const struct component *component, const uint32_t *placed) {
  if (component->instance == NULL) return false;
  for (size_t i = 0; i < component->n_inputs; i++)
    if (component->inputs[i].index == UINT32_MAX ||
        placed[component->inputs[i].index] == UINT32_MAX)
      return false;
  return true;
}

static void sort(struct graph *graph) {
  struct pipeline *pipeline = graph->pipeline;
  size_t n = pipeline->n_components, n_sorted = 0;
  struct component *sorted = arena_zalloc(graph->build->arena, n * sizeof *sorted);
  uint32_t *placed = mem_alloc((n + 1) * sizeof *placed); /* new index by old */
  for (size_t i = 0; i < n; i++) placed[i] = UINT32_MAX;
  for (size_t i = 0; i < n;) {
    if (placed[i] != UINT32_MAX || !can_be_placed(&pipeline->components[i], placed)) {
      i++;
      continue;
    }
    placed[i] = (uint32_t)n_sorted;
    sorted[n_sorted++] = pipeline->components[i];
    i = 0;
  }
  for (size_t i = 0; i < n_sorted; i++)
    for (size_t k = 0; k < sorted[i].n_inputs; k++)
      sorted[i].inputs[k].index = placed[sorted[i].inputs[k].index];
  pipeline->components = sorted;
  pipeline->n_components = n_sorted;
  free(placed);
}

void graph_check(const struct build *build, struct pipeline *pipeline) {
  size_t n = pipeline->n_components;
  struct graph graph = {.build = build, .pipeline = pipeline};
  graph.vertices = mem_zalloc((n + 1) * sizeof *graph.vertices);
  for (size_t i = 0; i < n; i++) {
    find_ports(&pipeline->components[i], &graph.vertices[i]);
    if (!graph.vertices[i].known) graph.doubtful = true;
  }
  for (size_t i = 0; i < n; i++) {
    resolve_inputs(&graph, &pipeline->components[i]);
    check_input_count(&graph, &pipeline->components[i]);
  }
  find_circles(&graph);
  for (size_t i = 0; i < n && !graph.doubtful; i++)
    warn_unread(&graph, &pipeline->components[i], &graph.vertices[i]);
  sort(&graph);
  for (size_t i = 0; i < n; i++) {
    free(graph.vertices[i].ports);
    free(graph.vertices[i].port_read);
  }
  free(graph.vertices);
}
