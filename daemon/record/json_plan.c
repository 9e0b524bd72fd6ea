/* json_plan: see json_plan.h. */
#include "daemon/record/json_plan.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

static bool same_step(const struct json_node *node, const struct path_step *step) {
  if (node->is_index != step->is_index) return false;
  return step->is_index ? node->index == step->index : slice_equal(node->name, step->name);
}

static struct json_node *find_child(const struct json_node *node, const struct path_step *step) {
  for (uint32_t i = 0; i < node->n_children; i++) {
    if (same_step(&node->children[i], step)) return &node->children[i];
  }
  return NULL;
}

static void set_name(struct json_node *node, struct arena *arena, struct slice name) {
  node->name = arena_slice(arena, name);
  size_t head = name.len < 8 ? name.len : 8;
  unsigned char mask[8] = {0};
  memset(mask, 0xff, head);
  memcpy(&node->head_mask, mask, 8);
  memcpy(&node->name_head, node->name.data, head);
}

/* Names before indexes, else in order of asking. */
static struct json_node *add_child(struct json_node *node, struct arena *arena,
                                   const struct path_step *step) {
  struct json_node *children = arena_zalloc(arena, (node->n_children + 1) * sizeof *children);
  uint32_t at = step->is_index ? node->n_children : node->n_names;
  if (at > 0) memcpy(children, node->children, at * sizeof *children);
  if (at < node->n_children)
    memcpy(children + at + 1, node->children + at, (node->n_children - at) * sizeof *children);
  node->children = children;
  node->n_children++;
  struct json_node *child = &children[at];
  if (step->is_index) {
    child->is_index = true;
    child->index = step->index;
    node->from_end |= step->index < 0;
  } else {
    set_name(child, arena, step->name);
    node->n_names++;
    node->name_lens |= UINT64_C(1) << (step->name.len < 63 ? step->name.len : 63);
  }
  return child;
}

/* A name that JSON must write with an escape is never equal to a raw one. */
static bool can_match(const struct path *path) {
  for (uint32_t i = 0; i < path->n_steps; i++) {
    struct slice name = path->steps[i].name;
    for (size_t k = 0; !path->steps[i].is_index && k < name.len; k++) {
      unsigned char c = (unsigned char)name.data[k];
      if (c < 0x20 || c == '"' || c == '\\') return false;
    }
  }
  return true;
}

static void add_path(struct json_plan *plan, const struct path *path, uint32_t column) {
  struct json_node *node = &plan->root;
  node->n_paths++;
  for (uint32_t i = 0; i < path->n_steps; i++) {
    struct json_node *child = find_child(node, &path->steps[i]);
    node = child != NULL ? child : add_child(node, &plan->arena, &path->steps[i]);
    node->n_paths++;
  }
  uint32_t *columns = arena_alloc(&plan->arena, (node->n_columns + 1) * sizeof *columns);
  if (node->n_columns > 0) memcpy(columns, node->columns, node->n_columns * sizeof *columns);
  columns[node->n_columns++] = column;
  node->columns = columns;
}

struct json_plan *json_plan_new(const struct path *paths, size_t n_paths, bool strict) {
  struct json_plan *plan = mem_zalloc(sizeof *plan);
  arena_init(&plan->arena, 4096);
  plan->strict = strict;
  plan->n_paths = n_paths;
  plan->scan = json_scanner_new();
  for (size_t i = 0; i < n_paths; i++) {
    if (can_match(&paths[i])) add_path(plan, &paths[i], (uint32_t)i);
  }
  return plan;
}

void json_plan_free(struct json_plan *plan) {
  if (plan == NULL) return;
  json_scanner_free(plan->scan);
  arena_fini(&plan->arena);
  free(plan);
}
