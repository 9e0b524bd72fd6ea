/* diag: see diag.h. A message is one fprintf, so lines of several threads do not mix. */
#include "daemon/base/diag.h"

#include <stdarg.h>

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void diag_say(const struct diag *diag, enum diag_level level, const char *where, const char *format,
              ...) {
  if (diag == NULL || diag->stream == NULL || level > diag->level) return;
  char text[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fprintf(diag->stream, "tidemark: %s: %s%s%s\n", level_names[level], where != NULL ? where : "",
          where != NULL ? ": " : "", text);
  fflush(diag->stream);
}
