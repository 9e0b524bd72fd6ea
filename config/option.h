/* option: the one source of what can be configured. A component declares its options as a table;
 * from it come parsing, validation, defaults, `tidemark list`, the reference and the JSON Schema.
 *
 *     static const struct option dedup_options[] = {
 *         {.name = "key", .type = OPTION_EXPR, .offset = offsetof(struct dedup, key), .required =
 * true, .text = "what makes two records the same"},
 *         {.name = "ttl", .type = OPTION_DURATION, .offset = offsetof(struct dedup, ttl_us),
 *          .fallback = "24h", .min = 1, .text = "how long a key is remembered"},
 *         {0}};
 *
 * The field at the offset has the C type said with each option type. Texts live in the arena of the
 * configuration and are NUL-terminated. */
#ifndef TIDEMARK_CONFIG_OPTION_H
#define TIDEMARK_CONFIG_OPTION_H

#include "config/node.h"

#include <stdint.h>

enum option_type {
  OPTION_TEXT,      /* const char * (NULL when absent without fallback) */
  OPTION_BOOL,      /* bool */
  OPTION_INT,       /* int64_t */
  OPTION_DOUBLE,    /* double */
  OPTION_SIZE,      /* uint64_t bytes: "64MiB", "1GB", "4096" */
  OPTION_DURATION,  /* int64_t microseconds: "5m", "1h30m"; -1 when absent without fallback */
  OPTION_ENUM,      /* int: index into names */
  OPTION_EXPR,      /* struct expr_text (node NULL when absent) */
  OPTION_TEXT_LIST, /* struct text_list; a single scalar is a list of one */
  OPTION_EXPR_LIST, /* struct expr_list; a single scalar is a list of one */
  OPTION_EXPR_MAP,  /* struct expr_list with names, in the file's order */
  OPTION_TEXT_MAP,  /* struct text_list with names, in the file's order */
  OPTION_GROUP,     /* nested options: their offsets count from the same instance */
  OPTION_NODE,      /* const struct node *: the component looks into it itself; NULL when absent */
};

/* An expression of the configuration, compiled later by whoever owns the option. */
struct expr_text {
  struct slice text;
  const struct node *node; /* for the place of an error */
  struct slice name;       /* in maps: the key; in lists: empty */
  struct place name_place;
};
struct expr_list {
  struct expr_text *items;
  size_t n;
};
struct text_list {
  const char **items;
  const char **names; /* OPTION_TEXT_MAP */
  const struct node **nodes;
  size_t n;
};

struct option {
  const char *name; /* NULL ends the table */
  enum option_type type;
  size_t offset;
  bool required;
  bool secret;          /* in a TEXT_MAP so is what has `password` or `secret` in its name */
  const char *fallback; /* default as it would be written; NULL: zero/absent */
  int64_t min, max;     /* INT, SIZE, DURATION, DOUBLE. Both 0: no bounds; max 0: no upper bound */
  const char *const *names;   /* ENUM: ends with NULL */
  const struct option *group; /* GROUP */
  const char *text;           /* one line, for people */
  const char *since;          /* version, or NULL */
};

/* Reads a map into instance (zeroed before): defaults, then what stands there. Unknown keys, wrong
 * types and values out of range are added to errors, all of them. */
void options_read(const struct option *table, const struct node *map, void *instance,
                  struct arena *arena, struct config_errors *errors);
/* The same over several tables at once, each with its own instance; a key may be in only one. */
struct option_target {
  const struct option *table;
  void *instance;
};
void options_read_all(const struct option_target *targets, size_t n_targets, const struct node *map,
                      struct arena *arena, struct config_errors *errors);

/* "64MiB" -> bytes. -1: not a size. Durations are time_parse_duration() of daemon/record/time.h. */
int option_parse_size(struct slice text, uint64_t *bytes);

/* The other way round, in the largest unit that is exact: "64MiB". */
struct buf;
void option_put_size(struct buf *out, uint64_t bytes);

/* For the reference: "duration", "size", "text", ... */
const char *option_type_name(enum option_type type);

#endif
