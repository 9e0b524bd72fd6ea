/* sink_harness: drives a sink without the engine and holds it to the contract of plugin.h: each
 * batch and commit is answered exactly once, on the loop's thread; what was committed is there
 * after a crash, and what was not is gone or written again with the same bytes.
 *
 * A world is a computer: io (real or simulated) and the log: the newest state that the sink gave.
 * A sink can be started and stopped in it any number of times. */
#ifndef TIDEMARK_TESTS_CONTRACT_SINK_HARNESS_H
#define TIDEMARK_TESTS_CONTRACT_SINK_HARNESS_H

#include "daemon/base/buf.h"
#include "daemon/io/io_sim.h"
#include "tests/contract/component_harness.h"

enum sink_answer { SINK_ANSWER_NONE, SINK_ANSWER_DONE, SINK_ANSWER_RETRY, SINK_ANSWER_FAILED };

struct sink_world {
  bool simulated;
  struct io io;
  struct disk *disk; /* simulated: outlives the io */
  char folder[64];   /* what "@" in options stands for */
  /* the log */
  struct buf state;
  uint64_t held_epoch;
  struct buf state_before; /* what was in the log for sure when the newest commit was asked for */
  uint64_t held_before;
  /* the sink that runs */
  const struct sink_plugin *plugin;
  void *instance;
  struct compile compile;
  struct sink_ctx ctx;
  struct sink_common common;
  struct diag diag;
  enum sink_answer answer;
  struct err answer_err;
  struct buf errors;   /* rows that had no place: "code: text" lines */
  struct buf rejected; /* what the other side refused: "code record: text" lines */
  /* The HTTP server of this world, simulated; NULL: takes everything. */
  sim_server_fn *serve;
  void *serve_arg;
  /* True when a life is to end in the middle of a batch: sink_give() then stops the sink and
   * answers SINK_ANSWER_NONE. May be NULL. */
  bool (*ends)(struct sink_world *world);
};

void sink_world_open(struct sink_world *world, bool simulated);
void sink_world_close(struct sink_world *world);
/* `name` in the folder. */
void sink_world_file(struct sink_world *world, const char *name, const char *text);
/* All files below the folder that are not notes of the sink: "== name", then what is in them.
 * free()
 */
char *sink_world_dump(struct sink_world *world);
/* The state folder is thrown away. */
void sink_world_forget(struct sink_world *world);

/* "@" in the options is the folder. -1: options, compile or open failed. */
int sink_start(struct sink_world *world, const struct sink_plugin *plugin, const char *options,
               struct err *err);
/* Encodes the records (JSON lines; "t" is the event time in seconds) in two parts, writes them, and
 * waits for the answer, whose error is in *err. */
enum sink_answer sink_give(struct sink_world *world, uint64_t epoch, int64_t clock_s,
                           const char *records, struct err *err);
enum sink_answer sink_commit_now(struct sink_world *world, uint64_t epoch, struct err *err);
void sink_stop(struct sink_world *world); /* close(); fine when not started */
/* The machine stops here: nothing that was not synced is sure to be there. Simulated only. */
void sink_crash(struct sink_world *world, enum sim_unsynced unsynced, uint64_t seed);

/* A run: epochs in order. */
struct sink_step {
  int64_t clock_s;
  const char *records; /* NULL ends the list */
  bool commit;         /* behind it */
};
/* Gives the epochs behind the one the sink holds; a commit behind those that say so and the last.
 * -1 at the first thing that goes wrong. */
int sink_play(struct sink_world *world, const struct sink_step *steps, struct err *err);

#endif
