/* err: how a function says what went wrong.
 *
 * A function that can fail returns 0 or -1 and takes `struct err *err` as its last argument. The
 * caller owns it; it is untouched on success. The text reads as a finished sentence without a full
 * stop. Callers on the way out put their context in front with err_wrap(), and one place reports:
 *
 *     billing: sink bills: cannot open /srv/out.ndjson: Permission denied
 *
 * Codes exist only where a caller branches on them; err_exit_status() gives the sysexits(3) status.
 */
#ifndef TIDEMARK_BASE_ERR_H
#define TIDEMARK_BASE_ERR_H

#include <stdarg.h>

#define ERR_TEXT_BYTES 2048

enum err_code {
  ERR_OTHER,   /* none of the below: 70 EX_SOFTWARE */
  ERR_USAGE,   /* the command line: 64 EX_USAGE */
  ERR_DATA,    /* bad records where the user said stop: 65 EX_DATAERR */
  ERR_NOINPUT, /* an input does not exist or cannot be read: 66 EX_NOINPUT */
  ERR_IO,      /* disk or network: 74 EX_IOERR */
  ERR_RETRY,   /* may succeed when tried again (disk full, peer away): 75 EX_TEMPFAIL */
  ERR_BUSY,    /* somebody else holds it (state folder in use): 75 EX_TEMPFAIL */
  ERR_CORRUPT, /* stored bytes are not what was stored: 74 EX_IOERR */
  ERR_PERM,    /* permission refused: 77 EX_NOPERM */
  ERR_CONFIG,  /* the configuration: 78 EX_CONFIG */
  ERR_LIMIT,   /* a limit of ours was reached (memory.max, ...): 69 EX_UNAVAILABLE */
};

struct err {
  enum err_code code;
  char text[ERR_TEXT_BYTES]; /* NUL-terminated, cut at the end when too long */
};

/* Sets code and text. Always returns -1, so that `return err_set(...)` reads well. err may be NULL.
 */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the text followed by ": " and strerror(errnum); the code is chosen from errnum (ENOSPC and
 * EDQUOT are ERR_RETRY, EACCES, EPERM and EROFS are ERR_PERM, else ERR_IO). Always returns -1. */
int err_errno(struct err *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text and keeps the code. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

int err_exit_status(enum err_code code);

#endif
