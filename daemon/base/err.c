/* err: see err.h. */
#include "daemon/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_code code, const char *format, ...) {
  if (err == NULL) return -1;
  va_list args;
  va_start(args, format);
  err->code = code;
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  return -1;
}

static enum err_code code_of_errno(int errnum) {
  switch (errnum) {
  case ENOSPC:
  case EDQUOT: return ERR_RETRY;
  case EACCES:
  case EPERM:
  case EROFS: return ERR_PERM;
  default: return ERR_IO;
  }
}

int err_errno(struct err *err, int errnum, const char *format, ...) {
  if (err == NULL) return -1;
  va_list args;
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  size_t used = strlen(err->text);
  snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(errnum));
  err->code = code_of_errno(errnum);
  return -1;
}

int err_wrap(struct err *err, const char *format, ...) {
  if (err == NULL) return -1;
  char inner[ERR_TEXT_BYTES];
  memcpy(inner, err->text, sizeof inner);
  va_list args;
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  size_t used = strlen(err->text);
  snprintf(err->text + used, sizeof err->text - used, ": %s", inner);
  return -1;
}

int err_exit_status(enum err_code code) {
  switch (code) {
  case ERR_USAGE: return 64;
  case ERR_DATA: return 65;
  case ERR_NOINPUT: return 66;
  case ERR_LIMIT: return 69;
  case ERR_IO:
  case ERR_CORRUPT: return 74;
  case ERR_RETRY:
  case ERR_BUSY: return 75;
  case ERR_PERM: return 77;
  case ERR_CONFIG: return 78;
  case ERR_OTHER: break;
  }
  return 70;
}
