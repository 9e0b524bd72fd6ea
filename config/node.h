/* node: a YAML file as a tree whose nodes know where they stand. Read by libyaml's events; anchors
 * and merge keys ("<<") are resolved; the limits of daemon/base/limits.h hold, so alias bombs, deep
 * nesting and giant scalars are refused. Duplicate keys are errors. ${...} is substituted inside
 * scalars after parsing, so a value can never become structure. */
#ifndef TIDEMARK_CONFIG_NODE_H
#define TIDEMARK_CONFIG_NODE_H

#include "config/errors.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
  enum node_kind kind;
  struct place place; /* of its first character */
  struct slice text;  /* NODE_SCALAR: after substitution; NUL-terminated too */
  bool quoted;        /* the scalar stood in quotes or is a block: never null, bool or number */
  bool substituted;   /* held ${...}: may be a bool or a number, never null */
  bool refused;       /* an error about it has been added: more would only repeat it */
  bool secret;        /* holds something from ${file:...} or an option marked secret */
  uint32_t text_column_offset; /* of the text's first byte behind place.column: 1 for quoted ones */
  bool exact; /* byte i of text stands at place.column + text_column_offset + i of the same line */
  struct node **items; /* NODE_LIST: the items; NODE_MAP: the values */
  struct node **keys;  /* NODE_MAP: scalars */
  size_t n_items;
};

/* Parses one file's text into the arena. NULL when there were errors that leave nothing to go on
 * with. lookup: the value of an environment variable, or NULL. */
struct disk;
struct config_source {
  struct disk *disk; /* for ${file:...} */
  const char *(*env)(void *arg, const char *name);
  void *env_arg;
};
struct node *node_parse(struct arena *arena, const struct config_file *file,
                        const struct config_source *source, struct config_errors *errors);

struct node *node_get(const struct node *map, const char *key); /* or NULL */
/* A plain (not quoted) null: "", "~", "null". */
bool node_is_null(const struct node *node);
/* The place of byte `offset` of a scalar's text (exact when the scalar is a plain one on one line).
 */
struct place node_place_at(const struct node *node, size_t offset, size_t len);

#endif
