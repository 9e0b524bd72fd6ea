/* run: one run of the simulation: the machine, the daemon's lives on it, and what is around it. */
#ifndef TIDEMARK_TESTS_SIM_RUN_H
#define TIDEMARK_TESTS_SIM_RUN_H

#include "tests/sim/kept_log.h"
#include "tests/sim/script.h"
#include "tests/sim/server.h"
#include "tests/unit/pusher.h"

/* A file that somebody writes to while the daemon follows it. */
struct run_tail {
  uint64_t written;
};

struct run {
  struct script script;
  struct world world;
  struct random random; /* of what happens around the daemon */
  struct kept_log log;
  struct server server;
  struct pusher pusher;
  struct slice *bodies; /* of the pusher's requests */
  struct run_tail tails[SCRIPT_FILES_MAX];
  struct buf printed; /* on the standard output, in all lives */
  struct buf said;    /* diagnostics of all lives */
  uint64_t lives, crashes, failures, reloads, refused;
  bool damaged; /* a life with rot=1 ended with an error that names the place; nothing follows */

  /* of the life that is */
  const struct script_life *life;
  uint64_t calls_at_begin, own_calls; /* of the disk: not the daemon's */
  bool full;
  bool producing;       /* it was said from where the standard input is read */
  int64_t fed_since_us; /* wall clock since when there is nothing more to come; 0: there is */
};

/* Calls of the disk that are not the daemon's are between these; none of them fails. */
void run_aside_begin(struct run *run);
void run_aside_end(struct run *run);
/* How many the daemon made in this life. */
uint64_t run_calls(const struct run *run);

/* feed.c: whoever gives the daemon its input, from life to life. */
void feed_init(struct run *run);
void feed_fini(struct run *run);
void feed_turn(struct run *run, FILE *said); /* before a turn */
bool feed_done(const struct run *run);       /* all of it was given */
void feed_off(struct run *run);              /* the machine goes off */
/* Lines for the model: what became of each request that was pushed. */
void feed_put(const struct run *run, struct buf *out);

/* life.c: 0: the daemon came to its end; -1: the machine went down, or err says why it ended. */
int life_run(struct run *run, const struct script_life *life, struct err *err);
bool life_down(const struct run *run); /* its crash has come */

/* rot.c: flips a bit somewhere in what the daemon keeps; says where. */
void rot_flip(struct run *run);

#endif
