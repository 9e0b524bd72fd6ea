/* option: see option.h. Defaults are read through the same code as what a user writes, as a node
 * without a place, so a default can be nothing that could not be written. */
#include "config/option.h"
#include "daemon/base/nearest.h"

#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>

enum { KNOWN_SHOWN_MAX = 24, CANDIDATES_MAX = 256, PREFIX_BYTES = 256 };

struct reader {
  struct arena *arena;
  struct config_errors *errors;
  const char *prefix; /* "watermark." within a group */
};

static void *field(void *instance, const struct option *option) {
  return (char *)instance + option->offset;
}

/* An error about a value: `"ttl" must be a duration ("5m", "1h30m"), not "fast"`. */
static void refuse(struct reader *r, const struct option *option, const struct node *node,
                   const char *wanted) {
  if (node->refused) return;
  if (node_is_null(node)) {
    config_error_add(r->errors, node->place, "\"%s%s\" has no value; it must be %s", r->prefix,
                     option->name, wanted);
  } else if (node->kind != NODE_SCALAR) {
    config_error_add(r->errors, node->place, "\"%s%s\" must be %s, not a %s", r->prefix,
                     option->name, wanted, node->kind == NODE_LIST ? "list" : "map");
  } else if (node->secret) {
    config_error_add(r->errors, node->place, "\"%s%s\" must be %s", r->prefix, option->name,
                     wanted);
  } else {
    struct slice shown = value_shown(node->text);
    config_error_add(r->errors, node->place, "\"%s%s\" must be %s, not \"%.*s%s\"%s", r->prefix,
                     option->name, wanted, SLICE_ARG(shown),
                     shown.len < node->text.len ? "..." : "",
                     node->quoted && (option->type == OPTION_INT || option->type == OPTION_DOUBLE ||
                                      option->type == OPTION_BOOL)
                         ? " in quotes"
                         : "");
  }
}

static bool is_text(struct reader *r, const struct option *option, const struct node *node,
                    const char *wanted) {
  if (node->kind == NODE_SCALAR && !node_is_null(node)) return !node->refused;
  refuse(r, option, node, wanted);
  return false;
}

/* ------------------------------------------------------------------ numbers */

static bool has_min(const struct option *option) {
  return option->min != 0 || option->max != 0;
}

static void put_bound(struct buf *out, const struct option *option, int64_t bound) {
  switch (option->type) {
  case OPTION_SIZE: option_put_size(out, (uint64_t)bound); break;
  case OPTION_DURATION: value_put_duration(out, bound); break;
  default: buf_printf(out, "%lld", (long long)bound); break;
  }
}

void value_put_range(struct buf *out, const struct option *option) {
  bool upper = option->max != 0 && option->max != INT64_MAX;
  if (!has_min(option)) return;
  put_bound(out, option, option->min);
  buf_put_text(out, upper ? " to " : " or more");
  if (upper) put_bound(out, option, option->max);
}

static void refuse_range(struct reader *r, const struct option *option, const struct node *node) {
  struct buf range = {0};
  value_put_range(&range, option);
  if (node->secret) {
    config_error_add(r->errors, node->place, "\"%s%s\" is out of range; it must be %s", r->prefix,
                     option->name, buf_cstr(&range));
  } else {
    struct slice shown = value_shown(node->text);
    config_error_add(r->errors, node->place, "\"%s%s\" is out of range: %.*s; it must be %s",
                     r->prefix, option->name, SLICE_ARG(shown), buf_cstr(&range));
  }
  buf_fini(&range);
}

static bool in_range(struct reader *r, const struct option *option, const struct node *node,
                     int64_t value) {
  if (!has_min(option) || (value >= option->min && (option->max == 0 || value <= option->max)))
    return true;
  refuse_range(r, option, node);
  return false;
}

static void read_int(struct reader *r, const struct option *option, const struct node *node,
                     int64_t *to) {
  int64_t value;
  bool plain = node->kind == NODE_SCALAR && !node->quoted;
  int result = plain ? value_parse_int(node->text, &value) : -1;
  if (result < 0) {
    refuse(r, option, node, "a whole number");
  } else if (result > 0) {
    config_error_add(r->errors, node->place, "\"%s%s\" does not fit into 64 bits", r->prefix,
                     option->name);
  } else if (in_range(r, option, node, value)) {
    *to = value;
  }
}

static void read_double(struct reader *r, const struct option *option, const struct node *node,
                        double *to) {
  double value;
  bool plain = node->kind == NODE_SCALAR && !node->quoted;
  if (!plain || value_parse_double(node->text, &value) < 0) {
    refuse(r, option, node, "a number");
  } else if (has_min(option) &&
             (value < (double)option->min || (option->max != 0 && value > (double)option->max))) {
    refuse_range(r, option, node);
  } else {
    *to = value;
  }
}

static void read_size(struct reader *r, const struct option *option, const struct node *node,
                      uint64_t *to) {
  static const char wanted[] = "a size (\"64MiB\", \"1GB\", \"4096\")";
  uint64_t value;
  if (!is_text(r, option, node, wanted)) return;
  if (option_parse_size(node->text, &value) < 0) {
    refuse(r, option, node, wanted);
  } else if (in_range(r, option, node, value > INT64_MAX ? INT64_MAX : (int64_t)value)) {
    *to = value;
  }
}

static void read_duration(struct reader *r, const struct option *option, const struct node *node,
                          int64_t *to) {
  static const char wanted[] = "a duration with its unit (\"250ms\", \"5m\", \"1h30m\")";
  int64_t value;
  if (!is_text(r, option, node, wanted)) return;
  if (value_parse_duration(node->text, &value) < 0) {
    refuse(r, option, node, wanted);
  } else if (value < 0 && option->min >= 0) {
    config_error_add(r->errors, node->place, "\"%s%s\" cannot be negative", r->prefix,
                     option->name);
  } else if (in_range(r, option, node, value)) {
    *to = value;
  }
}

/* ------------------------------------------------------------------ words */

static void read_bool(struct reader *r, const struct option *option, const struct node *node,
                      bool *to) {
  bool plain = node->kind == NODE_SCALAR && !node->quoted;
  if (!plain || value_parse_bool(node->text, to) < 0) refuse(r, option, node, "true or false");
}

static void read_enum(struct reader *r, const struct option *option, const struct node *node,
                      int *to) {
  struct buf wanted = {0};
  size_t n = 0;
  while (option->names[n] != NULL) n++;
  for (size_t i = 0; i < n; i++)
    buf_printf(&wanted, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", option->names[i]);
  bool found = false;
  if (is_text(r, option, node, buf_cstr(&wanted))) {
    for (size_t i = 0; i < n && !found; i++) {
      found = slice_is(node->text, option->names[i]);
      if (found) *to = (int)i;
    }
    const char *nearest = node->secret ? NULL : nearest_word(node->text, option->names, n);
    if (!found && nearest == NULL) {
      refuse(r, option, node, buf_cstr(&wanted));
    } else if (!found) {
      struct slice shown = value_shown(node->text);
      config_error_add(r->errors, node->place,
                       "\"%s%s\" cannot be \"%.*s\"; did you mean %s? (it must be %s)", r->prefix,
                       option->name, SLICE_ARG(shown), nearest, buf_cstr(&wanted));
    }
  }
  buf_fini(&wanted);
}

static bool read_expr(struct reader *r, const struct option *option, const struct node *node,
                      struct expr_text *to) {
  if (!is_text(r, option, node, "an expression")) return false;
  if (node->text.len == 0) {
    config_error_add(r->errors, node->place, "\"%s%s\" is empty; it must be an expression",
                     r->prefix, option->name);
    return false;
  }
  to->text = node->text;
  to->node = node;
  return true;
}

/* ------------------------------------------------------------------ lists and maps */

/* A list's items, or the scalar itself as the only one. */
static struct node *const *items_of(const struct node *const *node, size_t *n) {
  if ((*node)->kind == NODE_LIST) {
    *n = (*node)->n_items;
    return (*node)->items;
  }
  *n = 1;
  return (struct node *const *)node;
}

static void refuse_empty(struct reader *r, const struct option *option, const struct node *node) {
  if (option->required)
    config_error_add(r->errors, node->place, "\"%s%s\" is empty", r->prefix, option->name);
}

static void read_text_list(struct reader *r, const struct option *option, const struct node *node,
                           struct text_list *to) {
  bool map = option->type == OPTION_TEXT_MAP;
  const char *wanted = map ? "a map of texts" : "a text or a list of texts";
  size_t n = node->n_items;
  if (node_is_null(node) || (node->kind == NODE_MAP) != map) {
    refuse(r, option, node, wanted);
    return;
  }
  struct node *const *items = map ? node->items : items_of(&node, &n);
  if (n == 0) refuse_empty(r, option, node);
  *to = (struct text_list){
      .items = arena_alloc(r->arena, n * sizeof *to->items),
      .names = map ? arena_alloc(r->arena, n * sizeof *to->names) : NULL,
      .nodes = arena_alloc(r->arena, n * sizeof *to->nodes),
  };
  for (size_t i = 0; i < n; i++) {
    if (!is_text(r, option, items[i], wanted)) continue;
    to->items[to->n] = items[i]->text.data;
    to->nodes[to->n] = items[i];
    if (map) to->names[to->n] = node->keys[i]->text.data;
    to->n++;
  }
}

static void read_expr_list(struct reader *r, const struct option *option, const struct node *node,
                           struct expr_list *to) {
  bool map = option->type == OPTION_EXPR_MAP;
  size_t n = node->n_items;
  if (node_is_null(node) || (node->kind == NODE_MAP) != map) {
    refuse(r, option, node, map ? "a map of expressions" : "an expression or a list of them");
    return;
  }
  struct node *const *items = map ? node->items : items_of(&node, &n);
  if (n == 0) refuse_empty(r, option, node);
  to->items = arena_zalloc(r->arena, n * sizeof *to->items);
  to->n = 0;
  for (size_t i = 0; i < n; i++) {
    struct expr_text *item = &to->items[to->n];
    if (!read_expr(r, option, items[i], item)) continue;
    if (map) {
      item->name = node->keys[i]->text;
      item->name_place = node->keys[i]->place;
    }
    to->n++;
  }
}

/* ------------------------------------------------------------------ tables */

static void read_tables(struct reader *r, const struct option_target *targets, size_t n_targets,
                        const struct node *map);

static void read_group(struct reader *r, const struct option *option, struct node *node,
                       void *instance) {
  if (node->kind != NODE_MAP) {
    refuse(r, option, node, "a map of options");
    return;
  }
  if (node->n_items == 0) {
    config_error_add(r->errors, node->place, "\"%s%s\" is empty: leave it out", r->prefix,
                     option->name);
    return;
  }
  char prefix[PREFIX_BYTES];
  snprintf(prefix, sizeof prefix, "%s%s.", r->prefix, option->name);
  struct reader inner = {.arena = r->arena, .errors = r->errors, .prefix = prefix};
  struct option_target target = {.table = option->group, .instance = instance};
  read_tables(&inner, &target, 1, node);
}

/* A value of a secret option: no error may show it, and no line that is shown either. A reference
 * to a file or variable may be seen as it is written. */
static void hide(struct reader *r, struct node *node) {
  node->secret = true;
  if (node->kind == NODE_SCALAR && !node->substituted) config_errors_hide(r->errors, node->place);
  for (size_t i = 0; i < node->n_items; i++) hide(r, node->items[i]);
}

/* Maps of settings of others (a library, a program's environment) hold secrets among the rest. */
static void hide_by_name(struct reader *r, struct node *node) {
  for (size_t i = 0; node->kind == NODE_MAP && i < node->n_items; i++) {
    const char *name = node->keys[i]->text.data;
    if (strcasestr(name, "password") != NULL || strcasestr(name, "secret") != NULL)
      hide(r, node->items[i]);
  }
}

static void read_option(struct reader *r, const struct option *option, struct node *node,
                        void *instance) {
  if (option->secret) hide(r, node);
  if (option->type == OPTION_TEXT_MAP) hide_by_name(r, node);
  void *to = field(instance, option);
  switch (option->type) {
  case OPTION_TEXT:
    if (is_text(r, option, node, "a text")) *(const char **)to = node->text.data;
    break;
  case OPTION_BOOL: read_bool(r, option, node, to); break;
  case OPTION_INT: read_int(r, option, node, to); break;
  case OPTION_DOUBLE: read_double(r, option, node, to); break;
  case OPTION_SIZE: read_size(r, option, node, to); break;
  case OPTION_DURATION: read_duration(r, option, node, to); break;
  case OPTION_ENUM: read_enum(r, option, node, to); break;
  case OPTION_EXPR: read_expr(r, option, node, to); break;
  case OPTION_TEXT_LIST:
  case OPTION_TEXT_MAP: read_text_list(r, option, node, to); break;
  case OPTION_EXPR_LIST:
  case OPTION_EXPR_MAP: read_expr_list(r, option, node, to); break;
  case OPTION_GROUP: read_group(r, option, node, instance); break;
  case OPTION_NODE: *(const struct node **)to = node; break;
  }
}

static void read_defaults(struct reader *r, const struct option *table, void *instance) {
  for (const struct option *option = table; option->name != NULL; option++) {
    if (option->type == OPTION_DURATION) *(int64_t *)field(instance, option) = -1;
    if (option->type == OPTION_GROUP) read_defaults(r, option->group, instance);
    if (option->fallback == NULL || option->type == OPTION_GROUP) continue;
    struct node *node = arena_zalloc(r->arena, sizeof *node);
    *node = (struct node){.kind = NODE_SCALAR, .text = slice_of(option->fallback)};
    read_option(r, option, node, instance);
  }
}

static const struct option *find(const struct option_target *targets, size_t n_targets,
                                 struct slice name, size_t *target) {
  for (*target = 0; *target < n_targets; (*target)++)
    for (const struct option *option = targets[*target].table; option->name != NULL; option++)
      if (slice_is(name, option->name)) return option;
  return NULL;
}

static void unknown_option(struct reader *r, const struct option_target *targets, size_t n_targets,
                           const struct node *key) {
  const char *names[CANDIDATES_MAX] = {NULL};
  size_t n = 0;
  for (size_t i = 0; i < n_targets; i++)
    for (const struct option *option = targets[i].table; option->name != NULL; option++)
      if (n < CANDIDATES_MAX) names[n++] = option->name;
  const char *nearest = nearest_word(key->text, names, n);
  struct slice shown = value_shown(key->text);
  if (nearest != NULL) {
    config_error_add(r->errors, key->place, "unknown option \"%s%.*s\"; did you mean %s?",
                     r->prefix, SLICE_ARG(shown), nearest);
    return;
  }
  struct buf known = {0};
  for (size_t i = 0; i < n && i < KNOWN_SHOWN_MAX; i++)
    buf_printf(&known, "%s%s", i > 0 ? ", " : "", names[i]);
  if (n > KNOWN_SHOWN_MAX) buf_put_text(&known, ", ...");
  config_error_add(r->errors, key->place, "unknown option \"%s%.*s\" (known here: %s)", r->prefix,
                   SLICE_ARG(shown), n > 0 ? buf_cstr(&known) : "none");
  buf_fini(&known);
}

static void read_tables(struct reader *r, const struct option_target *targets, size_t n_targets,
                        const struct node *map) {
  for (size_t i = 0; i < map->n_items; i++) {
    size_t target;
    const struct option *option = find(targets, n_targets, map->keys[i]->text, &target);
    if (map->keys[i]->refused) continue;
    if (option == NULL) {
      unknown_option(r, targets, n_targets, map->keys[i]);
    } else {
      read_option(r, option, map->items[i], targets[target].instance);
    }
  }
  for (size_t t = 0; t < n_targets; t++)
    for (const struct option *option = targets[t].table; option->name != NULL; option++)
      if (option->required && node_get(map, option->name) == NULL)
        config_error_add(r->errors, map->place, "the option \"%s%s\" is missing (%s)", r->prefix,
                         option->name, option->text);
}

void options_read_all(const struct option_target *targets, size_t n_targets, const struct node *map,
                      struct arena *arena, struct config_errors *errors) {
  struct reader r = {.arena = arena, .errors = errors, .prefix = ""};
  for (size_t i = 0; i < n_targets; i++) read_defaults(&r, targets[i].table, targets[i].instance);
  if (map->kind != NODE_MAP) {
    config_error_add(errors, map->place, "a map of options must stand here");
    return;
  }
  read_tables(&r, targets, n_targets, map);
}

void options_read(const struct option *table, const struct node *map, void *instance,
                  struct arena *arena, struct config_errors *errors) {
  struct option_target target = {.table = table, .instance = instance};
  options_read_all(&target, 1, map, arena, errors);
}

const char *option_type_name(enum option_type type) {
  static const char *const names[] = {
      [OPTION_TEXT] = "text",
      [OPTION_BOOL] = "bool",
      [OPTION_INT] = "integer",
      [OPTION_DOUBLE] = "number",
      [OPTION_SIZE] = "size",
      [OPTION_DURATION] = "duration",
      [OPTION_ENUM] = "one of",
      [OPTION_EXPR] = "expression",
      [OPTION_TEXT_LIST] = "list of texts",
      [OPTION_EXPR_LIST] = "list of expressions",
      [OPTION_EXPR_MAP] = "map of expressions",
      [OPTION_TEXT_MAP] = "map of texts",
      [OPTION_GROUP] = "group",
      [OPTION_NODE] = "structure",
  };
  return names[type];
}
