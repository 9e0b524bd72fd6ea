/* script: what happens in a run of the simulation, as generate.py wrote it down: one thing a line.
 *
 *     seed N                     of everything that is drawn in the run
 *     put PATH FILE              a file of the simulated disk, there from the beginning
 *     tail PATH FILE             one that grows in pieces, from nothing
 *     stdin FILE                 what the producer of the standard input has to send
 *     push FILE N                requests, an empty line behind each, sent to N addresses in turn
 *     refuse N                   the receiver refuses records with an id that N divides
 *     trouble N                  of 100 requests so many meet some trouble
 *     quiet US                   how long to wait behind the last input before the daemon is
 * drained life KEY=VALUE ...         a life, as in struct script_life; behind the last comes one
 * more, in which nothing goes wrong
 *
 * FILE is a file in the run's folder. */
#ifndef TIDEMARK_TESTS_SIM_SCRIPT_H
#define TIDEMARK_TESTS_SIM_SCRIPT_H

#include "tests/unit/engine_world.h"

enum { SCRIPT_LIVES_MAX = 64, SCRIPT_FILES_MAX = 16, SCRIPT_RELOADS_MAX = 4 };

struct script_file {
  char *path;
  struct buf text;
};

struct script_reload {
  uint64_t turn;
  char *file; /* the configuration in the run's folder */
};

struct script_life {
  uint64_t crash;              /* crash=N: the machine goes down at the disk's N-th call; 0: no */
  enum sim_unsynced unsynced;  /* unsynced=kept|dropped|mixed: what a crash makes of writes */
  uint64_t fail;               /* fail=N: the N-th call fails, and no other */
  bool short_reads;            /* short=1 */
  uint64_t full_from, full_to; /* full=A-B: no room on the disk in these turns */
  uint64_t dead_from, dead_to; /* dead=A-B: the receiver says nothing in these turns */
  uint64_t jump_turn;          /* jump=T:US: the wall clock jumps */
  int64_t jump_us;
  struct script_reload reloads[SCRIPT_RELOADS_MAX]; /* reload=T:FILE */
  size_t n_reloads;
  uint32_t cut_per_million; /* cut=N: the network cuts connections, and is late */
  bool rot;                 /* rot=1: before it a bit of log or snapshots is flipped */
};

struct script {
  const char *folder;
  uint64_t seed;
  struct script_file puts[SCRIPT_FILES_MAX], tails[SCRIPT_FILES_MAX];
  size_t n_puts, n_tails;
  struct buf standard_input;
  bool has_stdin, has_push;
  struct buf requests; /* of push */
  size_t n_addresses;
  uint64_t refuse, trouble;
  int64_t quiet_us;
  struct script_life lives[SCRIPT_LIVES_MAX];
  size_t n_lives;
};

/* Reads FOLDER/script; the run fails when it is not as above. The folder's name is not owned. */
void script_read(struct script *script, const char *folder);
void script_fini(struct script *script);
/* A file of the run's folder. */
void script_file_read(const struct script *script, const char *name, struct buf *text);

#endif
