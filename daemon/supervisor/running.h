/* running: one pipeline that runs, and how it becomes that of another configuration.
 *
 * A switch happens between two epochs: the engine is paused (all delivered, committed and in a
 * snapshot), its sources and sinks hand over what lives on, and an engine of the new graph opens
 * the state folder, by the same way as after any other end. */
#ifndef TIDEMARK_SUPERVISOR_RUNNING_H
#define TIDEMARK_SUPERVISOR_RUNNING_H

#include "daemon/flow/engine.h"
#include "daemon/supervisor/configuration.h"

struct running {
  struct io *io;
  const struct diag *diag;
  const char *name; /* the graph's */
  struct configuration *of;
  const struct graph *graph;
  struct engine *engine;
  /* What it is to become, with what that needs from outside claimed; NULL: nothing else. */
  struct configuration *next_of;
  const struct graph *next;
  bool catching_up;    /* finishing what the configuration of an earlier run began */
  bool gives_up;       /* running_give_up() made it pause, whether it changes or not */
  struct buf given_up; /* lines about what engines that are gone gave up */
};

/* Opens the state folder. When its epochs have to be finished by an earlier configuration first, it
 * runs with that one, and becomes the given one by itself (running_turn()). The configuration is
 * held. NULL and err. */
struct running *running_open(struct configuration *of, const struct graph *graph, struct io *io,
                             const struct diag *diag, struct err *err);
/* The engine's turn, and the switch that catching up ends with. -1: no configuration can go on. */
int running_turn(struct running *running, struct err *err);

/* A change, step by step. claim: beside the running pipeline; -1 and nothing has changed. */
int running_claim(struct running *running, struct configuration *of, const struct graph *next,
                  struct err *err);
void running_pause(struct running *running);
/* Of its sinks: by name, or by "pipeline/name". */
bool running_has_sink(const struct running *running, const char *sink);
/* The sink is let off what it owes (engine_give_up()): while the log is read again, or in a pause,
 * which it begins when there is none. */
void running_give_up(struct running *running, const char *sink);
/* Moves to out what was said of that. */
void running_given_up(struct running *running, struct buf *out);
bool running_paused(const struct running *running);
/* Instead of a switch, or behind a pause without one: goes on as before. */
void running_cancel(struct running *running);
/* To the new graph. -1: that failed, err says why, and the old one goes on; or, when
 * running->engine is NULL then, nothing does any more. */
int running_switch(struct running *running, struct err *err);

void running_close(struct running *running); /* NULL is fine */

#endif
