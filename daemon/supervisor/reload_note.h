/* reload_note: how `tidemark reload` reaches the daemon and hears what became of it, without a
 * port: the state folder's lock says who runs, SIGHUP asks, and a small file answers. */
#ifndef TIDEMARK_SUPERVISOR_RELOAD_NOTE_H
#define TIDEMARK_SUPERVISOR_RELOAD_NOTE_H

#include "daemon/supervisor/supervisor.h"

/* Best effort: a note that cannot be written is missed only by who waits for it. */
void reload_note_write(struct io *io, const char *state_dir, const struct reload_result *result);

struct reload_note {
  uint64_t number;
  int64_t begun_us; /* wall */
  bool ok;
  char *text; /* free() */
};
/* *found = false: nobody has written one. */
int reload_note_read(struct io *io, const char *state_dir, bool *found, struct reload_note *note,
                     struct err *err);

#endif
