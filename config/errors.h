/* errors: everything that is wrong with a configuration, with places. All of them are found in one
 * go and printed together, in order of file and line:
 *
 *     tidemark.yaml:12:12: unknown option "grop_by"; did you mean group_by?
 *         grop_by: user_id
 *         ^~~~~~~ */
#ifndef TIDEMARK_CONFIG_ERRORS_H
#define TIDEMARK_CONFIG_ERRORS_H

#include "daemon/base/arena.h"
#include "daemon/base/buf.h"
#include "daemon/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in a file of the configuration. Lines and columns from 1, columns in characters. */
struct place {
  const struct config_file *file; /* NULL: no place (command line) */
  uint32_t line, column;
  uint32_t len; /* characters to underline; 0: only the caret */
};

struct config_file {
  const char *path;
  struct slice text; /* as read, before substitution: what the carets point into */
};

struct config_error {
  struct place place;
  bool warning; /* does not refuse the configuration */
  char *text;   /* a sentence; a secret's value never stands in it */
};

struct config_errors {
  struct config_error *list;
  size_t n, cap;
  size_t n_warnings;    /* of the n */
  struct place *hidden; /* secrets as they are written: masked in the lines that are shown */
  size_t n_hidden, cap_hidden;
};

void config_errors_init(struct config_errors *errors);
void config_errors_fini(struct config_errors *errors);
void config_error_add(struct config_errors *errors, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void config_warning_add(struct config_errors *errors, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Masks what stands at a place (to the line's end when its len is 0) wherever a line is shown. */
void config_errors_hide(struct config_errors *errors, struct place place);
static inline bool config_errors_any(const struct config_errors *errors) {
  return errors->n > errors->n_warnings;
}
/* By file, line and column; each once. */
void config_errors_sort(struct config_errors *errors);
/* Place and sentence, in one line without its end; not whether it is a warning. */
void config_error_put(const struct config_error *error, struct buf *out);
/* All of them, sorted, each with its line and a caret. */
void config_errors_put(struct config_errors *errors, struct buf *out);

#endif
