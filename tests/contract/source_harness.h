/* source_harness: drives a source without the engine and holds it to the contract of plugin.h: what
 * it commits follows on without a gap, lies in the block reserved last, is whole lines and small
 * enough; the order of records does not depend on the size of takes nor on restarts; and a range
 * that was given can be given again, also in another life.
 *
 * A world is a computer: io (real or simulated), and the log of what sources gave. A source can be
 * started and stopped in it any number of times and goes on each time from what is in the log. */
#ifndef TIDEMARK_TESTS_CONTRACT_SOURCE_HARNESS_H
#define TIDEMARK_TESTS_CONTRACT_SOURCE_HARNESS_H

#include "daemon/base/buf.h"
#include "daemon/io/io_sim.h"
#include "tests/contract/component_harness.h"

enum { HARNESS_PARTITIONS_MAX = 4096 };

struct given { /* one commit */
  uint32_t partition;
  uint64_t from, to;
  int flags;
  size_t at, len; /* of the world's bytes */
};

struct given_note {
  char *key;
  uint64_t value;
  int64_t ttl_us;
};

struct source_world {
  bool simulated;
  struct io io;
  struct disk *disk; /* simulated: outlives the io */
  char folder[64];   /* where files may be made, and "@" in options stands for */
  const char *input; /* what stdin holds, from byte 0 */
  /* Makes what else a source finds in a new life, before its open(); may be NULL. */
  void (*furnish)(struct source_world *world, void *arg);
  void *furnish_arg;
  /* the log */
  struct source_partition partitions[HARNESS_PARTITIONS_MAX];
  uint32_t n_partitions;
  struct given *given;
  size_t n_given, cap_given;
  struct given_note *notes; /* kept until source_world_forget() */
  size_t n_notes, cap_notes;
  struct buf bytes;
  struct buf story; /* what came, in order: "name: line", "name: end", "end" */
  bool ended;
  struct sim_watch_faults watch_faults; /* simulated: of the lives to come */
  bool gaps;                            /* the source may leave positions out, and begin anywhere */
  /* the source that runs */
  const struct source_plugin *plugin;
  void *instance;
  struct compile compile;
  struct source_common common;
  struct source_ctx ctx;
  struct diag diag;
  bool ready;
  const char *stalled;   /* what source_stalled() says */
  char state_folder[17]; /* its name, as ctx->folder has it */
  bool commit_soon;      /* source_commit_soon() was called */
};

void source_world_open(struct source_world *world, bool simulated);
void source_world_close(struct source_world *world);
void source_world_file(struct source_world *world, const char *name, const void *data, size_t len);
/* The log as if nothing had been taken. */
void source_world_forget(struct source_world *world);

/* "@" in the options is the world's folder. */
int source_start(struct source_world *world, const struct source_plugin *plugin,
                 const char *options, struct err *err);
/* One call of take() for so many bytes, waiting for readiness before it; -1 with its error. */
int source_take_once(struct source_world *world, uint64_t bytes, struct err *err);
/* As a reload does it: claim, adopt, close, open; a claim that fails changes nothing. */
int source_reload(struct source_world *world, const char *options, struct err *err);
void source_stop(struct source_world *world); /* close(); fine when not started */
/* All that was taken is in the log, synced. */
void source_logged(struct source_world *world);
/* All that was taken is in the sinks for good. */
void source_acknowledged(struct source_world *world);
/* Starts, takes all in takes of so many bytes, with a restart after each `restart_every` takes (0:
 * none), stops. Fails the test on any error. */
void source_run(struct source_world *world, const struct source_plugin *plugin, const char *options,
                uint64_t bytes, int restart_every);
/* Reads all that is in the log again, as ranges that may be ready later, in another life, and
 * compares. */
void source_check_reread(struct source_world *world, const struct source_plugin *plugin,
                         const char *options);

/* All of the above, in a world that is real and one that is simulated; the story is compared with
 * `story` when it is not NULL. prepare() makes the files. */
struct source_case {
  const struct source_plugin *plugin;
  const char *options;
  const char *input;
  void (*prepare)(struct source_world *world);
  const char *story;
  uint64_t line_max_bytes; /* 0: 1 MiB */
};
void source_contract(const struct source_case *test);

#endif
