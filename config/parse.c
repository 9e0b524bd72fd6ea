/* parse: libyaml's events to nodes.
 *
 * An alias gives the very node of its anchor, so nodes are shared and the memory stays bounded by
 * the file; but it counts as many nodes as it stands for, so that whoever walks the tree is bounded
 * by LIMIT_YAML_NODES too. Depth is counted through aliases in the same way. Merge keys are
 * resolved when their map ends: its own keys win, then the first merged map that has the key.
 *
 * What breaks the structure ends the file (NULL); what is wrong with one scalar or key is added to
 * the errors and the rest is read, so that all errors show up at once. */
#include "config/node.h"
#include "config/place.h"
#include "config/substitute.h"
#include "config/yaml_error.h"
#include "daemon/base/hash.h"
#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/base/nearest.h"

#include <stdlib.h>
#include <yaml.h>

enum { ANCHORS_MAX = 1000 };

struct anchor {
  char *name; /* arena */
  struct node *node;
  size_t n_nodes, n_bytes;
  uint32_t height;
  bool open; /* its node is still being read */
};

struct parse {
  yaml_parser_t yaml;
  struct arena *arena;
  const struct config_file *file;
  const struct config_source *source;
  struct config_errors *errors;
  struct place_cursor cursor;
  size_t n_nodes;
  size_t n_bytes; /* of values, after substitution, aliases counted each time */
  struct anchor *anchors;
  size_t n_anchors, cap_anchors;
};

static struct place place_of(const struct parse *p, const yaml_mark_t *start,
                             const yaml_mark_t *end) {
  uint32_t len = start->line == end->line ? (uint32_t)(end->index - start->index) : 0;
  return (struct place){p->file, (uint32_t)start->line + 1, (uint32_t)start->column + 1, len};
}

static int next_event(struct parse *p, yaml_event_t *event) {
  if (yaml_parser_parse(&p->yaml, event)) return 0;
  yaml_error_add(&p->yaml, p->file, p->errors);
  return -1;
}

/* -1 when the limit is reached. */
static int count_nodes(struct parse *p, size_t n, struct place place) {
  p->n_nodes += n;
  if (p->n_nodes <= LIMIT_YAML_NODES) return 0;
  config_error_add(p->errors, place,
                   "the configuration has more than %d nodes, counting what each alias stands for",
                   LIMIT_YAML_NODES);
  return -1;
}

/* Values put in from outside and by alias are bounded as the file itself is. */
static int count_bytes(struct parse *p, size_t n, struct place place) {
  p->n_bytes += n;
  if (p->n_bytes <= LIMIT_YAML_FILE_BYTES) return 0;
  config_error_add(p->errors, place,
                   "the values have more than %d MiB in all, counting what each alias stands for",
                   LIMIT_YAML_FILE_BYTES / (1024 * 1024));
  return -1;
}

static int check_depth(struct parse *p, uint32_t depth, struct place place) {
  if (depth <= LIMIT_YAML_DEPTH) return 0;
  config_error_add(p->errors, place, "nested more than %d levels deep", LIMIT_YAML_DEPTH);
  return -1;
}

/* ------------------------------------------------------------------ scalars */

/* Anchor and tag stand before the value, and the event begins with them: on to the value, if it is
 * on the same line. */
static void skip_properties(struct parse *p, struct place *place) {
  struct slice text = p->cursor.text;
  size_t at = place_cursor_go(&p->cursor, place->line, place->column);
  uint32_t n = 0;
  while (at < text.len && (text.data[at] == '&' || text.data[at] == '!')) {
    while (at < text.len && text.data[at] != ' ' && place_break_len(text, at) == 0) {
      at += place_char_len(text, at);
      n++;
    }
    while (at < text.len && text.data[at] == ' ') at++, n++;
  }
  if (at >= text.len || place_break_len(text, at) > 0) return;
  place->column += n;
  place->len = place->len > n ? place->len - n : 0;
}

static bool is_exact(struct parse *p, const struct node *node) {
  uint32_t around = 2 * node->text_column_offset;
  if (node->place.len != place_count_chars(node->text) + around) return false;
  size_t at =
      place_cursor_go(&p->cursor, node->place.line, node->place.column) + node->text_column_offset;
  return at + node->text.len <= p->cursor.text.len &&
         memcmp(p->cursor.text.data + at, node->text.data, node->text.len) == 0;
}

static bool tag_is(const yaml_char_t *tag, const char *name) {
  static const char prefix[] = "tag:yaml.org,2002:";
  const char *text = (const char *)tag;
  return strncmp(text, prefix, sizeof prefix - 1) == 0 &&
         strcmp(text + sizeof prefix - 1, name) == 0;
}

static void check_tag(struct parse *p, const yaml_char_t *tag, const char *known,
                      struct node *node) {
  if (tag == NULL || tag_is(tag, known)) return;
  config_error_add(p->errors, node->place, "the tag \"%s\" has no meaning here: leave it out",
                   (const char *)tag);
  node->refused = true;
}

static struct node *read_scalar(struct parse *p, const yaml_event_t *event, bool is_key) {
  struct node *node = arena_zalloc(p->arena, sizeof *node);
  yaml_scalar_style_t style = event->data.scalar.style;
  const yaml_char_t *tag = event->data.scalar.tag;
  node->kind = NODE_SCALAR;
  node->place = place_of(p, &event->start_mark, &event->end_mark);
  if (event->data.scalar.anchor != NULL || tag != NULL) skip_properties(p, &node->place);
  check_tag(p, tag, "str", node);
  node->quoted = style != YAML_PLAIN_SCALAR_STYLE || tag != NULL;
  if (event->data.scalar.length > LIMIT_YAML_SCALAR_BYTES) {
    config_error_add(p->errors, node->place, "this value has %zu bytes; %d are allowed",
                     event->data.scalar.length, LIMIT_YAML_SCALAR_BYTES);
    return NULL;
  }
  struct slice text = {(const char *)event->data.scalar.value, event->data.scalar.length};
  if (memchr(text.data, 0, text.len) != NULL) {
    config_error_add(p->errors, node->place, "a text cannot hold a NUL byte");
    text.len = 0;
    node->refused = true;
  }
  node->text = arena_slice(p->arena, text);
  bool in_quotes =
      style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
  node->text_column_offset = in_quotes ? 1 : 0;
  node->exact = is_exact(p, node);
  if ((is_key ? substitute_key(p->arena, node, p->errors)
              : substitute(p->arena, node, p->source, p->errors)) < 0)
    node->refused = true;
  return count_bytes(p, node->text.len, node->place) < 0 ? NULL : node;
}

/* ------------------------------------------------------------------ anchors */

static int open_anchor(struct parse *p, const yaml_char_t *name, struct node *node,
                       struct place place, size_t *index) {
  *index = SIZE_MAX;
  if (name == NULL) return 0;
  if (p->n_anchors == ANCHORS_MAX) {
    config_error_add(p->errors, place, "more than %d anchors", ANCHORS_MAX);
    return -1;
  }
  array_grow((void **)&p->anchors, &p->cap_anchors, p->n_anchors, sizeof *p->anchors);
  *index = p->n_anchors++;
  p->anchors[*index] =
      (struct anchor){.name = arena_dup(p->arena, (const char *)name, strlen((const char *)name)),
                      .node = node,
                      .open = true};
  return 0;
}

static void close_anchor(struct parse *p, size_t index, size_t n_nodes, size_t n_bytes,
                         uint32_t height) {
  if (index == SIZE_MAX) return;
  p->anchors[index].n_nodes = n_nodes;
  p->anchors[index].n_bytes = n_bytes;
  p->anchors[index].height = height;
  p->anchors[index].open = false;
}

static struct node *read_alias(struct parse *p, const yaml_event_t *event, uint32_t depth,
                               uint32_t *height) {
  struct place place = place_of(p, &event->start_mark, &event->end_mark);
  const char *name = (const char *)event->data.alias.anchor;
  for (size_t i = p->n_anchors; i > 0; i--) {
    const struct anchor *anchor = &p->anchors[i - 1];
    if (strcmp(anchor->name, name) != 0) continue;
    if (anchor->open) {
      config_error_add(p->errors, place, "the alias *%s stands within its own anchor", name);
      return NULL;
    }
    *height = anchor->height;
    if (check_depth(p, depth + anchor->height, place) < 0) return NULL;
    if (count_nodes(p, anchor->n_nodes, place) < 0) return NULL;
    return count_bytes(p, anchor->n_bytes, place) < 0 ? NULL : anchor->node;
  }
  const char **names = mem_alloc((p->n_anchors + 1) * sizeof *names);
  for (size_t i = 0; i < p->n_anchors; i++) names[i] = p->anchors[i].name;
  const char *nearest = nearest_word(slice_of(name), names, p->n_anchors);
  config_error_add(p->errors, place, "no anchor &%s stands before this alias%s%s%s", name,
                   nearest != NULL ? "; did you mean *" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "?" : "");
  free(names);
  /* Stands for what is not there, so that the rest is read too. */
  struct node *node = arena_zalloc(p->arena, sizeof *node);
  *node = (struct node){.kind = NODE_SCALAR, .place = place, .text = {"", 0}, .refused = true};
  return count_nodes(p, 1, place) < 0 ? NULL : node;
}

/* ------------------------------------------------------------------ maps and lists */

static struct node *read_value(struct parse *p, yaml_event_t *event, uint32_t depth,
                               uint32_t *height);

/* The keys of a map while it is read, with a hash table of them. */
struct keys {
  struct node **keys, **items; /* malloc */
  size_t cap_keys, cap_items, n;
  uint32_t *slots; /* index + 1 */
  size_t n_slots;  /* power of 2 */
  struct node **merged;
  size_t n_merged, cap_merged;
};

static void keys_fini(struct keys *keys) {
  free(keys->keys);
  free(keys->items);
  free(keys->slots);
  free(keys->merged);
}

static uint32_t *keys_slot(const struct keys *keys, struct slice text) {
  size_t at = hash_bytes(text.data, text.len) & (keys->n_slots - 1);
  while (keys->slots[at] != 0 && !slice_equal(keys->keys[keys->slots[at] - 1]->text, text))
    at = (at + 1) & (keys->n_slots - 1);
  return &keys->slots[at];
}

/* The key that was there before, or NULL after adding this one. */
static const struct node *keys_add(struct keys *keys, struct node *key, struct node *item) {
  if (keys->n * 2 >= keys->n_slots) {
    free(keys->slots);
    keys->n_slots = keys->n_slots == 0 ? 16 : keys->n_slots * 2;
    keys->slots = mem_zalloc(keys->n_slots * sizeof *keys->slots);
    for (size_t i = 0; i < keys->n; i++) *keys_slot(keys, keys->keys[i]->text) = (uint32_t)i + 1;
  }
  uint32_t *slot = keys_slot(keys, key->text);
  if (*slot != 0) return keys->keys[*slot - 1];
  array_grow((void **)&keys->keys, &keys->cap_keys, keys->n, sizeof(struct node *));
  array_grow((void **)&keys->items, &keys->cap_items, keys->n, sizeof(struct node *));
  keys->keys[keys->n] = key;
  keys->items[keys->n] = item;
  *slot = (uint32_t)++keys->n;
  return NULL;
}

static void keys_merge(struct parse *p, struct keys *keys, const struct node *key,
                       const struct node *from) {
  if (from->kind == NODE_MAP) {
    for (size_t i = 0; i < from->n_items; i++) keys_add(keys, from->keys[i], from->items[i]);
    return;
  }
  bool maps = from->kind == NODE_LIST;
  for (size_t i = 0; maps && i < from->n_items; i++) maps = from->items[i]->kind == NODE_MAP;
  if (!maps) {
    config_error_add(p->errors, key->place,
                     "<< merges a map or a list of maps into this one; this is neither");
    return;
  }
  for (size_t i = 0; i < from->n_items; i++) keys_merge(p, keys, key, from->items[i]);
}

/* One key and its value. */
static int read_entry(struct parse *p, yaml_event_t *event, struct keys *keys, uint32_t depth,
                      uint32_t *height) {
  struct node *key = NULL;
  struct place place = place_of(p, &event->start_mark, &event->end_mark);
  uint32_t ignored;
  int result = count_nodes(p, 1, place);
  if (result == 0 && event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor == NULL) {
    key = read_scalar(p, event, true);
    if (key == NULL) result = -1;
    yaml_event_delete(event);
  } else if (result == 0) {
    config_error_add(p->errors, place, "a key must be a plain text");
    if (read_value(p, event, depth, &ignored) == NULL) result = -1;
  } else {
    yaml_event_delete(event);
  }
  if (result < 0) return -1;

  yaml_event_t value;
  if (next_event(p, &value) < 0) return -1;
  struct node *item = read_value(p, &value, depth, height);
  if (item == NULL) return -1;
  if (key == NULL) return 0;
  if (!key->quoted && slice_is(key->text, "<<")) {
    array_grow((void **)&keys->merged, &keys->cap_merged, keys->n_merged + 1,
               sizeof(struct node *));
    keys->merged[keys->n_merged++] = key;
    array_grow((void **)&keys->merged, &keys->cap_merged, keys->n_merged, sizeof(struct node *));
    keys->merged[keys->n_merged++] = item;
    return 0;
  }
  if (key->text.len == 0) {
    config_error_add(p->errors, key->place, "a key is empty");
    return 0;
  }
  const struct node *first = keys_add(keys, key, item);
  if (first != NULL)
    config_error_add(p->errors, key->place, "\"%.*s\" stands here twice; first at %s:%u:%u",
                     SLICE_ARG(key->text), p->file->path, first->place.line, first->place.column);
  return 0;
}

static int read_map(struct parse *p, struct node *node, uint32_t depth, uint32_t *height) {
  struct keys keys = {0};
  int result = 0;
  for (;;) {
    yaml_event_t event;
    result = next_event(p, &event);
    if (result < 0) break;
    if (event.type == YAML_MAPPING_END_EVENT) {
      yaml_event_delete(&event);
      break;
    }
    uint32_t item_height = 0;
    result = read_entry(p, &event, &keys, depth + 1, &item_height);
    if (result < 0) break;
    if (item_height > *height) *height = item_height;
  }
  for (size_t i = 0; result == 0 && i < keys.n_merged; i += 2)
    keys_merge(p, &keys, keys.merged[i], keys.merged[i + 1]);
  if (result == 0 && keys.n > 0) {
    size_t bytes = keys.n * sizeof(struct node *);
    node->keys = memcpy(arena_alloc(p->arena, bytes), keys.keys, bytes);
    node->items = memcpy(arena_alloc(p->arena, bytes), keys.items, bytes);
    node->n_items = keys.n;
  }
  keys_fini(&keys);
  return result;
}

static int read_list(struct parse *p, struct node *node, uint32_t depth, uint32_t *height) {
  struct node **items = NULL;
  size_t n = 0, cap = 0;
  int result = 0;
  for (;;) {
    yaml_event_t event;
    result = next_event(p, &event);
    if (result < 0) break;
    if (event.type == YAML_SEQUENCE_END_EVENT) {
      yaml_event_delete(&event);
      break;
    }
    uint32_t item_height = 0;
    struct node *item = read_value(p, &event, depth + 1, &item_height);
    result = item == NULL ? -1 : 0;
    if (result < 0) break;
    if (item_height > *height) *height = item_height;
    array_grow((void **)&items, &cap, n, sizeof *items);
    items[n++] = item;
  }
  if (result == 0 && n > 0) {
    node->items = memcpy(arena_alloc(p->arena, n * sizeof *items), items, n * sizeof *items);
    node->n_items = n;
  }
  free(items);
  return result;
}

/* Takes the event over. depth: of this value; *height: levels below it, itself included. */
static struct node *read_value(struct parse *p, yaml_event_t *event, uint32_t depth,
                               uint32_t *height) {
  struct place place = place_of(p, &event->start_mark, &event->end_mark);
  struct node *node = NULL;
  size_t nodes_before = p->n_nodes, bytes_before = p->n_bytes, anchor = SIZE_MAX;
  uint32_t below = 0;
  int result = 0;
  *height = 1;
  if (event->type == YAML_ALIAS_EVENT) {
    node = read_alias(p, event, depth - 1, height);
    yaml_event_delete(event);
    return node;
  }
  if (check_depth(p, depth, place) < 0 || count_nodes(p, 1, place) < 0) {
    result = -1;
  } else if (event->type == YAML_SCALAR_EVENT) {
    node = read_scalar(p, event, false);
    result =
        node == NULL ? -1 : open_anchor(p, event->data.scalar.anchor, node, node->place, &anchor);
  } else {
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *name =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag =
        is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    place.len = 0;
    node = arena_zalloc(p->arena, sizeof *node);
    node->kind = is_map ? NODE_MAP : NODE_LIST;
    node->place = place;
    check_tag(p, tag, is_map ? "map" : "seq", node);
    result = open_anchor(p, name, node, place, &anchor);
    if (result == 0)
      result = is_map ? read_map(p, node, depth, &below) : read_list(p, node, depth, &below);
  }
  yaml_event_delete(event);
  if (result < 0) return NULL;
  *height = below + 1;
  close_anchor(p, anchor, p->n_nodes - nodes_before, p->n_bytes - bytes_before, *height);
  return node;
}

/* ------------------------------------------------------------------ files */

/* UTF-8 without control characters, before libyaml sees it: its own error has no line. */
static int check_bytes(const struct config_file *file, struct config_errors *errors) {
  struct slice text = file->text;
  struct place_cursor cursor;
  place_cursor_init(&cursor, text);
  if (text.len >= 2 &&
      (memcmp(text.data, "\xff\xfe", 2) == 0 || memcmp(text.data, "\xfe\xff", 2) == 0)) {
    config_error_add(errors, (struct place){file, 0, 0, 0}, "the file is UTF-16: save it as UTF-8");
    return -1;
  }
  size_t end = place_utf8_end(text), bad = cursor.offset;
  while (bad < end) {
    unsigned char c = (unsigned char)text.data[bad];
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) break;
    /* C1 controls but NEL. */
    if (c == 0xc2 && (unsigned char)text.data[bad + 1] < 0xa0 &&
        (unsigned char)text.data[bad + 1] != 0x85)
      break;
    bad++;
  }
  if (bad == text.len) return 0;
  place_cursor_seek(&cursor, bad);
  struct place place = {file, cursor.line, cursor.column, 1};
  unsigned char c = (unsigned char)text.data[bad];
  if (bad == end) {
    config_error_add(errors, place, "the byte 0x%02x is not UTF-8", c);
  } else {
    config_error_add(errors, place, "a control character (0x%02x) cannot stand here",
                     c == 0xc2 ? (unsigned char)text.data[bad + 1] : c);
  }
  return -1;
}

/* From the first event to the last: one document with one value. */
static struct node *read_stream(struct parse *p) {
  yaml_event_t event;
  if (next_event(p, &event) < 0) return NULL; /* the stream's start */
  yaml_event_delete(&event);
  if (next_event(p, &event) < 0) return NULL;
  bool empty = event.type == YAML_STREAM_END_EVENT;
  yaml_event_delete(&event);
  if (empty) {
    config_error_add(p->errors, (struct place){p->file, 1, 1, 0}, "the file is empty");
    return NULL;
  }
  if (next_event(p, &event) < 0) return NULL;
  uint32_t height;
  struct node *root = read_value(p, &event, 1, &height);
  if (root == NULL) return NULL;
  if (next_event(p, &event) < 0) return NULL; /* the document's end */
  yaml_event_delete(&event);
  if (next_event(p, &event) < 0) return NULL;
  struct place place = place_of(p, &event.start_mark, &event.end_mark);
  bool more = event.type != YAML_STREAM_END_EVENT;
  yaml_event_delete(&event);
  if (!more) return root;
  config_error_add(p->errors, place,
                   "a second document begins here; one file holds one: put the other pipeline into "
                   "a file of its own");
  return NULL;
}

struct node *node_parse(struct arena *arena, const struct config_file *file,
                        const struct config_source *source, struct config_errors *errors) {
  if (file->text.len > LIMIT_YAML_FILE_BYTES) {
    config_error_add(errors, (struct place){file, 0, 0, 0}, "the file is larger than %d MiB",
                     LIMIT_YAML_FILE_BYTES / (1024 * 1024));
    return NULL;
  }
  if (check_bytes(file, errors) < 0) return NULL;
  struct parse p = {.arena = arena, .file = file, .source = source, .errors = errors};
  place_cursor_init(&p.cursor, file->text);
  if (!yaml_parser_initialize(&p.yaml)) abort(); /* out of memory */
  size_t start = p.cursor.offset;                /* behind a byte order mark */
  yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&p.yaml, (const unsigned char *)file->text.data + start,
                               file->text.len - start);
  struct node *root = read_stream(&p);
  yaml_parser_delete(&p.yaml);
  free(p.anchors);
  return root;
}
