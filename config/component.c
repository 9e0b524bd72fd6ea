/* component: the sections sources, transforms and sinks. A component that is in error stays in the
 * list, without instance, so that those who read it are not in error too. */
#include "config/build.h"
#include "config/value.h"
#include "daemon/base/limits.h"
#include "daemon/base/nearest.h"

enum { TYPES_MAX = 256, NAME_BYTES_MAX = 100 };

struct head {
  const char *type;
  struct text_list input;
  const struct node *no_input; /* sources: found only to be refused with a reason */
};

static const struct option source_head[] = {{.name = "type",
                                             .type = OPTION_TEXT,
                                             .offset = offsetof(struct head, type),
                                             .required = true,
                                             .text = "what kind of source it is"},
                                            {0}};

static const struct option reader_head[] = {
    {.name = "type",
     .type = OPTION_TEXT,
     .offset = offsetof(struct head, type),
     .required = true,
     .text = "what kind of component it is"},
    {.name = "input",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct head, input),
     .required = true,
     .text = "what it reads: a component or component.port, or a list of them"},
    {0}};

static const struct option no_input_head[] = {
    {.name = "input", .type = OPTION_NODE, .offset = offsetof(struct head, no_input)}, {0}};

const struct option *component_head_options(enum component_kind kind) {
  return kind == COMPONENT_SOURCE ? source_head : reader_head;
}

const char *component_kind_name(enum component_kind kind) {
  static const char *const names[] = {"source", "transform", "sink"};
  return names[kind];
}

/* ------------------------------------------------------------------ types */

static const struct component_type *find_type(const struct component_catalog *catalog,
                                              enum component_kind kind, const char *name) {
  for (const struct component_type *const *type = catalog->types[kind]; *type != NULL; type++)
    if (strcmp((*type)->name, name) == 0) return *type;
  return NULL;
}

static void unknown_type(const struct build *build, enum component_kind kind,
                         const struct node *node) {
  const char *name = node->text.data;
  struct slice shown = value_shown(node->text);
  if (node->secret) {
    config_error_add(build->errors, node->place, "unknown %s type", component_kind_name(kind));
    return;
  }
  for (int other = COMPONENT_SOURCE; other <= COMPONENT_SINK; other++) {
    if (find_type(build->catalog, (enum component_kind)other, name) == NULL) continue;
    config_error_add(build->errors, node->place, "\"%s\" is a %s, not a %s", name,
                     component_kind_name((enum component_kind)other), component_kind_name(kind));
    return;
  }
  const char *names[TYPES_MAX];
  size_t n = 0;
  struct buf known = {0};
  for (const struct component_type *const *type = build->catalog->types[kind];
       *type != NULL && n < TYPES_MAX; type++) {
    buf_printf(&known, "%s%s", n > 0 ? ", " : "", (*type)->name);
    names[n++] = (*type)->name;
  }
  const char *nearest = nearest_word(node->text, names, n);
  if (nearest != NULL) {
    config_error_add(build->errors, node->place, "unknown %s type \"%.*s\"; did you mean %s?",
                     component_kind_name(kind), SLICE_ARG(shown), nearest);
  } else {
    config_error_add(build->errors, node->place, "unknown %s type \"%.*s\" (there are: %s)",
                     component_kind_name(kind), SLICE_ARG(shown), buf_cstr(&known));
  }
  buf_fini(&known);
}

/* ------------------------------------------------------------------ one component */

/* What is read from a secret file would show up in every message about the graph. */
static void read_inputs(const struct build *build, struct component *component,
                        const struct text_list *list) {
  component->inputs = arena_zalloc(build->arena, list->n * sizeof *component->inputs);
  for (size_t i = 0; i < list->n; i++) {
    if (list->nodes[i]->secret) {
      config_error_add(build->errors, list->nodes[i]->place, "an input cannot come from a file");
      continue;
    }
    struct slice text = list->nodes[i]->text;
    const char *dot = text.len > 0 ? memchr(text.data, '.', text.len) : NULL;
    size_t len = dot != NULL ? (size_t)(dot - text.data) : text.len;
    struct component_input *input = &component->inputs[component->n_inputs++];
    *input = (struct component_input){
        .component = {text.data, len},
        .place = node_place_at(list->nodes[i], 0, text.len),
        .index = UINT32_MAX,
    };
    if (dot != NULL) input->port = (struct slice){dot + 1, text.len - len - 1};
  }
}

static size_t n_real_errors(const struct config_errors *errors) {
  return errors->n - errors->n_warnings;
}

/* Only `input` of a component whose type is not known: its other options cannot be judged. */
static void read_untyped(const struct build *build, struct component *component,
                         struct head *head) {
  struct node *input = node_get(component->node, "input");
  if (component->kind == COMPONENT_SOURCE || input == NULL) return;
  struct node **both = arena_alloc(build->arena, 2 * sizeof(struct node *));
  struct node key = {.kind = NODE_SCALAR, .text = slice_of("input")};
  both[0] = memcpy(arena_alloc(build->arena, sizeof key), &key, sizeof key);
  both[1] = input;
  struct node map = {.kind = NODE_MAP, .keys = &both[0], .items = &both[1], .n_items = 1};
  options_read(&reader_head[1], &map, head, build->arena, build->errors);
  read_inputs(build, component, &head->input);
}

/* Something in it was in error before there were options: its value is missing now. */
static bool any_refused(const struct node *node) {
  bool any = node->refused;
  for (size_t i = 0; i < node->n_items && !any; i++)
    any = any_refused(node->items[i]) || (node->kind == NODE_MAP && node->keys[i]->refused);
  return any;
}

static void read_component(const struct build *build, struct component *component) {
  enum component_kind kind = component->kind;
  const struct node *map = component->node;
  struct head head = {0};
  if (map->refused) return;
  if (map->kind != NODE_MAP || map->n_items == 0) {
    config_error_add(build->errors, component->place,
                     "the %s \"%s\" needs a map of options, beginning with its type",
                     component_kind_name(kind), component->name);
    return;
  }
  const struct node *type = node_get(map, "type");
  bool named = type != NULL && type->kind == NODE_SCALAR && !node_is_null(type) && !type->refused;
  if (named) component->type = find_type(build->catalog, kind, type->text.data);
  if (component->type == NULL) {
    if (named) {
      unknown_type(build, kind, type);
    } else if (type == NULL || !type->refused) {
      config_error_add(build->errors, type != NULL ? type->place : component->place,
                       "the %s \"%s\" has no type", component_kind_name(kind), component->name);
    }
    read_untyped(build, component, &head);
    return;
  }
  size_t n_before = n_real_errors(build->errors);
  void *instance = arena_zalloc(build->arena, component->type->instance_bytes);
  component->common = arena_zalloc(build->arena, build->catalog->common_bytes[kind]);
  static const struct option none[] = {{0}};
  const struct option *common = build->catalog->common[kind], *own = component->type->options;
  struct option_target targets[] = {
      {component_head_options(kind), &head},
      {own != NULL ? own : none, instance},
      {common != NULL ? common : none, component->common},
      {no_input_head, &head},
  };
  options_read_all(targets, kind == COMPONENT_SOURCE ? 4 : 3, map, build->arena, build->errors);
  if (head.no_input != NULL)
    config_error_add(build->errors, head.no_input->place, "a source has no input");
  read_inputs(build, component, &head.input);
  if (any_refused(map)) return;
  if (n_real_errors(build->errors) == n_before && component->type->check != NULL)
    component->type->check(instance, map, build->errors);
  if (n_real_errors(build->errors) == n_before) component->instance = instance;
}

/* ------------------------------------------------------------------ sections */

static bool name_valid(struct slice name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-'))) return false;
  }
  return name.len > 0 && name.len <= NAME_BYTES_MAX;
}

/* Adds an error when there is a component of that name. */
static bool name_is_new(const struct build *build, const struct pipeline *pipeline,
                        const struct node *key) {
  for (size_t i = 0; i < pipeline->n_components; i++) {
    const struct component *other = &pipeline->components[i];
    if (!slice_is(key->text, other->name)) continue;
    config_error_add(build->errors, key->place,
                     "\"%s\" is defined twice; first as a %s at %s:%u:%u", other->name,
                     component_kind_name(other->kind), other->place.file->path, other->place.line,
                     other->place.column);
    return false;
  }
  return true;
}

static void read_section(const struct build *build, struct pipeline *pipeline,
                         enum component_kind kind, const struct node *section) {
  if (section->refused) return;
  if (section->kind != NODE_MAP || section->n_items == 0) {
    bool empty = node_is_null(section) || (section->kind != NODE_SCALAR && section->n_items == 0);
    config_error_add(build->errors, section->place, "\"%ss\" %s", component_kind_name(kind),
                     empty ? "is empty: leave it out" : "must be a map of components by name");
    return;
  }
  for (size_t i = 0; i < section->n_items; i++) {
    const struct node *key = section->keys[i];
    if (pipeline->n_components == LIMIT_COMPONENTS) {
      config_error_add(build->errors, key->place, "more than %d components", LIMIT_COMPONENTS);
      return;
    }
    if (key->refused || !name_is_new(build, pipeline, key)) continue;
    if (!name_valid(key->text)) {
      struct slice shown = value_shown(key->text);
      config_error_add(build->errors, key->place,
                       "\"%.*s\" cannot be a component's name: letters, digits, _ and -, not "
                       "beginning with a digit or -, at most %d",
                       SLICE_ARG(shown), NAME_BYTES_MAX);
    }
    struct component *component = &pipeline->components[pipeline->n_components++];
    *component = (struct component){
        .kind = kind, .name = key->text.data, .node = section->items[i], .place = key->place};
    read_component(build, component);
  }
}

void components_read(const struct build *build, struct pipeline *pipeline,
                     const struct node *const sections[3]) {
  size_t n = 0;
  for (int kind = COMPONENT_SOURCE; kind <= COMPONENT_SINK; kind++)
    if (sections[kind] != NULL) n += sections[kind]->n_items;
  if (n > LIMIT_COMPONENTS) n = LIMIT_COMPONENTS;
  pipeline->components = arena_zalloc(build->arena, n * sizeof *pipeline->components);
  for (int kind = COMPONENT_SOURCE; kind <= COMPONENT_SINK; kind++)
    if (sections[kind] != NULL)
      read_section(build, pipeline, (enum component_kind)kind, sections[kind]);
}
