/* reload_note: how `tidemark reload` reaches the daemon and hears what became of it, without a
 * port: the state folder's lock says who runs, a small file says what is wanted beside the reload,
 * SIGHUP asks, and another small file answers. */
#ifndef TIDEMARK_SUPERVISOR_RELOAD_NOTE_H
#define TIDEMARK_SUPERVISOR_RELOAD_NOTE_H

#include "daemon/supervisor/supervisor.h"

/* Best effort: a note that cannot be written is missed only by who waits for it. */
void reload_note_write(struct io *io, const char *state_dir, const struct reload_result *result);

/* What the next reload is to give up: names of sinks, each with a line end. Whoever asks leaves it
 * there in front of the signal; the daemon takes it, and what it finds at its start is of a
 * question that nobody waits for any more. */
int reload_wish_write(struct io *io, const char *state_dir, struct slice sinks, struct err *err);
/* Appends to sinks, and removes it. Best effort: what cannot be read is not there. */
void reload_wish_take(struct io *io, const char *state_dir, struct buf *sinks);

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
