/* func: the table of scalar functions. One row per function and arity; from it come the check of
 * calls, the evaluation, `tidemark list functions` and the reference. Functions live in
 * the func_*.c, each with a table of its own that func.c joins. Operators and special forms (case,
 * coalesce, cast ...) are expr's own. */
#ifndef TIDEMARK_EXPR_FUNC_H
#define TIDEMARK_EXPR_FUNC_H

#include "daemon/base/arena.h"
#include "daemon/base/err.h"
#include "daemon/base/slice.h"
#include "daemon/io/disk.h"
#include "daemon/record/value.h"

#include <stdbool.h>
#include <stdint.h>

#define FUNC_ARGS_MAX 8
#define FUNC_VARIADIC 255 /* max_args: any number */

/* What a call may use. */
struct func_call {
  struct arena *arena;    /* the batch's: for text that the result points to */
  int64_t clock_us;       /* the epoch's clock */
  void *prepared;         /* what prepare() made, or NULL */
  const char *error_code; /* on failure: static code, "expr.range" ... */
  const char *error_text; /* on failure: static or in the arena */
};

struct func {
  const char *name;      /* lower case */
  const char *group;     /* "string", "numeric", "time", "json", "other" */
  const char *signature; /* for the reference: "lower(text) -> text" */
  const char *text;      /* one line */
  uint8_t min_args, max_args;
  /* Static type wanted of each argument (the last one repeats for variadic ones); VALUE_ANY takes
   * all. An argument of another static type is an error at compile time; of unknown type, a row
   * error "expr.type" at run time when it is another. INT is accepted where DOUBLE is wanted (and
   * is converted before the call); a text literal is accepted where TIMESTAMP or INTERVAL is
   * wanted. */
  uint8_t arg_types[FUNC_ARGS_MAX];
  uint8_t result_type; /* VALUE_ANY: depends */
  bool null_in; /* called with NULLs too; otherwise a NULL argument gives NULL without a call */
  bool clock;   /* depends on the epoch's clock: not a constant */
  /* Makes what depends on constant arguments only (a compiled regular expression, a time zone);
   * constants[i] is NULL where the argument is not constant. May be NULL. An error stops the
   * compilation and is shown at the argument *bad_arg. */
  int (*prepare)(struct disk *disk, const struct value *const *constants, size_t n_args,
                 void **prepared, size_t *bad_arg, struct err *err);
  void (*release)(void *prepared);
  /* One row. 0, or -1 with error_code and error_text. */
  int (*call)(struct func_call *call, const struct value *args, size_t n_args,
              struct value *result);
};

/* The table of one file; ends with a row whose name is NULL. */
extern const struct func func_string_table[];
extern const struct func func_text_table[];
extern const struct func func_regex_table[];
extern const struct func func_digest_table[];
extern const struct func func_numeric_table[];
extern const struct func func_time_table[];
extern const struct func func_json_table[];

/* The function of that name that takes n_args; NULL if none. *name_known: the name exists. */
const struct func *func_find(struct slice name, size_t n_args, bool *name_known);
/* The known function name nearest to a wrong one (edit distance up to a third of it), or NULL. */
const char *func_nearest(struct slice name);
/* All, one after the other; NULL at the end. */
const struct func *func_at(size_t i);

/* Regular expressions, shared by the operator ~ and the functions: PCRE2 with UTF, match limit
 * LIMIT_REGEX_MATCHES, JIT where there is. Compiled patterns are used by many threads at once. */
struct regex;
int regex_new(struct slice pattern, bool ignore_case, struct regex **regex, struct err *err);
void regex_free(struct regex *regex);
struct regex_match {
  size_t start, end; /* bytes; of the whole match or of a group */
  bool matched;
};
/* 1 matched, 0 not, -1 a limit was reached (*error_text static). groups[0] is the whole match. */
int regex_match(const struct regex *regex, struct slice text, size_t from,
                struct regex_match *groups, size_t n_groups, const char **error_text);

#endif
