/* give_up: which sinks are to be let off what they owe (engine_give_up()), as people name them:
 * "name", or "pipeline/name" where several pipelines have one of that name. */
#ifndef TIDEMARK_SUPERVISOR_GIVE_UP_H
#define TIDEMARK_SUPERVISOR_GIVE_UP_H

#include "daemon/supervisor/running.h"

/* Those that run. */
struct give_up_list {
  struct running *const *list;
  size_t n;
};

/* The sinks in wishes, a line each, which is empty behind it. -1: none of the pipelines has such a
 * sink, or several have. */
int give_up_all(struct give_up_list of, struct buf *wishes, struct err *err);
/* Adds what was left for the next reload (reload_note.h). A pipeline that is catching up may never
 * come to where a reload begins, so it is told at once. */
void give_up_ask(struct give_up_list of, struct io *io, struct buf *wishes);
/* Lines that say which sinks hold the pipeline up, and the command that lets them off; path: of the
 * configuration. Nothing when none does. */
void give_up_hint(const struct running *running, const char *path, struct buf *out);

#endif
