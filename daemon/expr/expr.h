/* expr: one expression language everywhere, in SQL's syntax and semantics (PostgreSQL's dialect,
 * three-valued logic, a missing field is NULL). The only public header of expr/.
 *
 * An expression is compiled once, against a scope that says what names mean, to a checked tree with
 * types where they are known, and evaluated a column at a time over the selected rows of a batch.
 */
#ifndef TIDEMARK_EXPR_EXPR_H
#define TIDEMARK_EXPR_EXPR_H

#include "daemon/base/arena.h"
#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/record/batch.h"
#include "daemon/record/schema.h"
#include "daemon/record/value.h"

#include <stdbool.h>
#include <stdint.h>

struct expr;
struct disk;

/* Where an expression may not stand as such: e.g. count(*) in a filter is an error that says so. */
enum expr_place {
  EXPR_SCALAR,    /* functions of one record */
  EXPR_AGGREGATE, /* exactly one aggregate call at the top: count(*), sum(x) filter (where ...) */
};

struct expr_scope {
  struct arena *arena;   /* the compiled expression lives here (the configuration's) */
  struct schema *schema; /* names; NULL: no names may be used (constants only) */
  struct disk *disk;     /* for the time zones' files */
  enum expr_place place;
};

/* What is wrong with an expression: a sentence, and where in its text. */
struct expr_error {
  size_t offset, len; /* bytes of the text to point at */
  char text[512];     /* "unknown function lowr; did you mean lower?" */
};

/* text: the expression; the compiled form keeps a copy. -1: *error says what and where. Pieces with
 * resources outside the arena (regular expressions) are freed by expr_free(). */
int expr_compile(const struct expr_scope *scope, struct slice text, struct expr **expr,
                 struct expr_error *error);
void expr_free(struct expr *expr); /* NULL is fine */

/* Static type, VALUE_ANY when not known. */
enum value_type expr_type(const struct expr *expr);
/* The slot when the expression is just a field (then evaluating it is not needed), else -1. */
int64_t expr_slot(const struct expr *expr);
/* Constant: the same for all rows. */
bool expr_constant(const struct expr *expr, struct value *value);
/* The name a result column gets without an alias: `user.id` -> "id", else "". */
struct slice expr_default_name(const struct expr *expr);
/* Appends the compiled form, for `tidemark explain`. */
void expr_explain(const struct expr *expr, struct buf *out);

/* What evaluation needs beside the batch. */
struct expr_run {
  int64_t clock_us; /* the epoch's clock: now() */
};

/* Sets out[row] for each row of the view (out has n_rows elements). Text made on the way lives in
 * the batch's arena. Rows that fail (overflow, division by zero, bad cast, type mismatch) get NULL
 * and are added to errors (unsorted). Deterministic; any worker; expr itself is not changed. */
void expr_eval(const struct expr *expr, const struct expr_run *run, const struct view *view,
               struct value *out, struct row_errors *errors);

/* The rows for which the expression is true (NULL is not true), as a view in the batch's arena.
 * Rows that fail are left out and added to errors. */
struct view expr_select(const struct expr *expr, const struct expr_run *run,
                        const struct view *view, struct row_errors *errors);

/* An aggregate call taken apart (EXPR_AGGREGATE); which aggregates exist is told by the caller's
 * table, which see transforms/window/. */
struct expr_aggregate {
  struct slice name;   /* "count", lower case */
  bool star, distinct; /* count(*), count(distinct x) */
  const struct expr *args[4];
  size_t n_args;
  const struct expr *filter; /* filter (where ...), or NULL */
  size_t offset, len;        /* of the call in the text, for errors */
};
const struct expr_aggregate *expr_aggregate(const struct expr *expr);

/* The reference: one row per function and operator. */
struct expr_function {
  const char *name;
  const char *signature; /* "substr(text, from integer [, count integer]) -> text" */
  const char *group;     /* "string", "numeric", "time", "json", "conditional", ... */
  const char *text;      /* one line */
};
size_t expr_functions(struct expr_function *list, size_t max); /* returns how many there are */

#endif
