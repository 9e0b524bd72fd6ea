/* dump: see dump.h. Block style throughout, in the order of the file: what was a plain scalar there
 * can stand plain here. */
#include "config/dump.h"

#include "config/build.h"

#include <stdio.h>

static bool is_word(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A step of the path to a node, from the outermost in. */
struct step {
  const struct step *outer;
  struct slice name;
};

static void put_name(struct buf *out, const struct step *step) {
  if (step->outer == NULL) {
    buf_put_text(out, CONFIG_SECRET_PREFIX);
  } else {
    put_name(out, step->outer);
    buf_put_char(out, '_');
  }
  for (size_t i = 0; i < step->name.len; i++)
    buf_put_char(out, is_word(step->name.data[i]) ? step->name.data[i] : '_');
}

static void put_quoted(struct buf *out, struct slice text) {
  buf_put_char(out, '"');
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c == '$' && i + 1 < text.len && text.data[i + 1] == '{')
      buf_put_text(out, "$$");
    else if (c == '"' || c == '\\')
      buf_printf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
      buf_printf(out, "\\x%02x", c);
    else
      buf_put_char(out, (char)c);
  }
  buf_put_char(out, '"');
}

/* What was put in by ${...} may be anything: only harmless words stay plain. */
static bool stays_plain(const struct node *node) {
  if (node->quoted || memchr(node->text.data, '\n', node->text.len) != NULL) return false;
  if (!node->substituted) return true;
  for (size_t i = 0; i < node->text.len; i++) {
    char c = node->text.data[i];
    if (!is_word(c) && (i == 0 || (c != '.' && c != '_' && c != '-' && c != '/'))) return false;
  }
  return node->text.len > 0 && !node_is_null(node);
}

static void put_scalar(struct buf *out, const struct node *node, const struct step *step) {
  if (node->secret) {
    if (node->quoted) buf_put_char(out, '"');
    buf_put_text(out, "${");
    put_name(out, step);
    buf_put_char(out, '}');
    if (node->quoted) buf_put_char(out, '"');
  } else if (stays_plain(node)) {
    buf_put_slice(out, node->text);
  } else {
    put_quoted(out, node->text);
  }
}

static void put_indent(struct buf *out, int depth) {
  for (int i = 0; i < depth; i++) buf_put_text(out, "  ");
}

static void put_node(struct buf *out, const struct node *node, const struct step *step, int depth);

/* Behind "key:" or "-". */
static void put_value(struct buf *out, const struct node *node, const struct step *step,
                      int depth) {
  if (node->kind == NODE_SCALAR || node->n_items == 0) {
    buf_put_char(out, ' ');
    put_node(out, node, step, depth);
    buf_put_char(out, '\n');
  } else {
    buf_put_char(out, '\n');
    put_node(out, node, step, depth + 1);
  }
}

static void put_node(struct buf *out, const struct node *node, const struct step *step, int depth) {
  if (node->kind == NODE_SCALAR) {
    put_scalar(out, node, step);
  } else if (node->n_items == 0) {
    buf_put_text(out, node->kind == NODE_MAP ? "{}" : "[]");
  } else {
    for (size_t i = 0; i < node->n_items; i++) {
      char number[24];
      snprintf(number, sizeof number, "%zu", i);
      bool map = node->kind == NODE_MAP;
      struct step inner = {step, map ? node->keys[i]->text : slice_of(number)};
      put_indent(out, depth);
      if (map) put_quoted(out, node->keys[i]->text);
      buf_put_char(out, map ? ':' : '-');
      put_value(out, node->items[i], &inner, depth);
    }
  }
}

void config_dump(const struct pipeline *pipeline, struct buf *out) {
  buf_put_text(out, "pipeline: ");
  put_quoted(out, slice_of(pipeline->settings.name));
  buf_put_char(out, '\n');
  const struct node *map = pipeline->node;
  for (size_t i = 0; i < map->n_items; i++) {
    struct slice key = map->keys[i]->text;
    if (slice_is(key, "pipeline") || slice_is(key, "tests")) continue;
    struct step step = {NULL, key};
    put_quoted(out, key);
    buf_put_char(out, ':');
    put_value(out, map->items[i], &step, 0);
  }
}

void config_dump_component(const struct component *component, struct buf *out) {
  struct step kind = {NULL, slice_of(component_kind_name(component->kind))};
  struct step step = {&kind, slice_of(component->name)};
  put_node(out, component->node, &step, 0);
}

bool config_node_equal(const struct node *a, const struct node *b) {
  if (a->kind != b->kind || a->n_items != b->n_items) return false;
  if (a->kind == NODE_SCALAR) return a->quoted == b->quoted && slice_equal(a->text, b->text);
  for (size_t i = 0; i < a->n_items; i++) {
    if (a->kind == NODE_MAP && !slice_equal(a->keys[i]->text, b->keys[i]->text)) return false;
    if (!config_node_equal(a->items[i], b->items[i])) return false;
  }
  return true;
}

static const char *secret_find(const struct node *node, const struct step *step, struct buf *name,
                               const char *wanted) {
  if (node->kind == NODE_SCALAR) {
    if (!node->secret) return NULL;
    buf_clear(name);
    put_name(name, step);
    return strcmp(buf_cstr(name), wanted) == 0 ? node->text.data : NULL;
  }
  for (size_t i = 0; i < node->n_items; i++) {
    char number[24];
    snprintf(number, sizeof number, "%zu", i);
    struct step inner = {step, node->kind == NODE_MAP ? node->keys[i]->text : slice_of(number)};
    const char *found = secret_find(node->items[i], &inner, name, wanted);
    if (found != NULL) return found;
  }
  return NULL;
}

const char *config_dump_secret(const struct pipeline *pipeline, const char *name) {
  if (strncmp(name, CONFIG_SECRET_PREFIX, strlen(CONFIG_SECRET_PREFIX)) != 0) return NULL;
  struct buf scratch = {0};
  const char *found = secret_find(pipeline->node, NULL, &scratch, name);
  buf_fini(&scratch);
  return found;
}
