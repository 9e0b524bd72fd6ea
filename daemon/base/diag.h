/* diag: what the program prints for people (its diagnostics; "log" is the write-ahead log).
 *
 * One line a message on the stream given: level, place, text. The object is passed to whoever may
 * speak; a library that cannot go on returns an err instead. Safe to call from any thread. */
#ifndef TIDEMARK_BASE_DIAG_H
#define TIDEMARK_BASE_DIAG_H

#include <stdio.h>

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_INFO, DIAG_DEBUG };

struct diag {
  FILE *stream;          /* usually stderr; NULL says nothing */
  enum diag_level level; /* more detailed messages are left out */
};

/* where: the component or part that speaks ("billing: sink bills", "log"), or NULL. */
void diag_say(const struct diag *diag, enum diag_level level, const char *where, const char *format,
              ...) __attribute__((format(printf, 4, 5)));

#endif
