/* json_walk: a line's tokens, taken one after the other. What json_extract.c, json_check.c and
 * json_broken.c share. */
#ifndef TIDEMARK_RECORD_JSON_WALK_H
#define TIDEMARK_RECORD_JSON_WALK_H

#include "daemon/record/json_plan.h"

struct walk {
  struct json_plan *plan;
  const char *base;            /* what tokens are offsets into */
  const uint32_t *first;       /* of this line */
  const uint32_t *token, *end; /* the next one; behind the last of this line */
  struct slice line;
  uint32_t row;
  uint32_t unanswered; /* wanted paths */
  bool escapes;        /* '\\' may be in this line */
  uint64_t serial;     /* of the line: marks the nodes that have their answer */
  struct value *const *columns;
  struct arena *arena;
  const char *code, *text; /* what is broken */
};

/* Says what is broken at the next token; where there is none, that the line is cut off and within
 * what, if something is open. Returns -1. */
int walk_broken(struct walk *walk, const char *code, const char *what);
/* The same for a line whose first token is '{' and whose last is not '}'. */
int walk_broken_end(struct walk *walk);
/* The text for a line of UTF-8 in which a string has no end, or holds a control character. */
const char *json_string_broken(struct slice line, struct arena *arena);

/* The value that begins at the next token is JSON as in RFC 8259; the tokens move behind it. depth:
 * containers that it is within. */
int walk_check(struct walk *walk, size_t depth);

/* The first byte of the next token; NUL, which no line holds, at the end. */
static inline char walk_peek(const struct walk *walk) {
  return walk->token < walk->end ? walk->base[*walk->token] : '\0';
}

/* The token from `start` to before the next one: what is between is blanks. */
static inline struct slice walk_token(const struct walk *walk, const char *start) {
  const char *end =
      walk->token < walk->end ? walk->base + *walk->token : walk->line.data + walk->line.len;
  while (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r') end--;
  return (struct slice){start, (size_t)(end - start)};
}

#endif
