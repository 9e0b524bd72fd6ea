/* supervisor: all pipelines of a configuration, running, and how they become those of another
 * (reload).
 *
 * The owner of the loop calls supervisor_turn() after every loop_wait(); all calls are on the
 * loop's thread. A reload goes through these states, one a turn or more:
 *
 *     read     the files, again, beside what runs; wrong: refused
 *     plan     per pipeline what changes, whose state is kept; not possible: refused
 *     claim    what new components need from outside (ports, files); not there: refused
 *     pause    the pipelines that change come to rest between two epochs; not in time: refused
 *     switch   each becomes the new one; those that are gone drain and end
 *
 * A refused reload leaves everything as it was. */
#ifndef TIDEMARK_SUPERVISOR_SERVICE_H
#define TIDEMARK_SUPERVISOR_SERVICE_H

#include "daemon/supervisor/running.h"

struct supervisor;

struct supervisor_options {
  struct io *io;
  const struct diag *diag;
  const char *path; /* of the configuration: read again at each reload */
  const char *(*env)(void *arg, const char *name);
  void *env_arg;
  /* A pipeline is about to be opened, which may read long without a turn. May be NULL. */
  void (*opening)(void *arg, const char *pipeline);
  /* At the start: it could not be, which is no harm to the others. */
  void (*unopened)(void *arg, const char *pipeline, const struct err *err);
  /* A reload, for what is not a pipeline's: takes what the configuration needs from outside (-1:
   * the reload is refused); then it is in force, or was given up. May be NULL, all together. */
  int (*claim)(void *arg, const struct config *config, struct err *err);
  void (*changed)(void *arg, const struct config *config);
  void (*kept)(void *arg);
  /* A pipeline has ended (drained, or failed with err); its engine is still there. */
  void (*ended)(void *arg, const struct running *running, const struct err *err);
  void *arg;
};

/* Takes the configuration over and opens its pipelines. */
struct supervisor *supervisor_open(const struct supervisor_options *options,
                                   struct configuration *configuration);
void supervisor_turn(struct supervisor *supervisor);
/* Wall µs at which a turn is needed even if nothing happens; TIME_MAX_US for never. */
int64_t supervisor_next_turn_us(const struct supervisor *supervisor);
/* Reads the configuration again and changes to it; asked for again while one is going on, another
 * one follows. */
void supervisor_reload(struct supervisor *supervisor);
/* At the start: sinks, a line each, are let off what they owe from before (give_up.h). A reload is
 * told by reload_note.h. */
int supervisor_give_up(struct supervisor *supervisor, struct buf *sinks, struct err *err);
bool supervisor_reloading(const struct supervisor *supervisor);
/* All pipelines deliver and end; a reload that is going on is refused. */
void supervisor_drain(struct supervisor *supervisor);
/* Closes at once what is left; it goes on at the next start. NULL is fine. */
void supervisor_close(struct supervisor *supervisor);

size_t supervisor_pipelines(const struct supervisor *supervisor); /* that have not ended */
const struct running *supervisor_pipeline(const struct supervisor *supervisor, size_t i);

struct reload_result {
  uint64_t number; /* counts all, from 1; 0: there was none */
  uint64_t succeeded, refused;
  bool ok;
  int64_t begun_us, at_us; /* wall: it was begun and ended */
  int64_t succeeded_at_us;
  const char *text; /* the plan, or the plan and why it was refused; several lines */
};
const struct reload_result *supervisor_reload_result(const struct supervisor *supervisor);

#endif
