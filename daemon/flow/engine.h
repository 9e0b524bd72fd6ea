/* engine: one pipeline, running: its sources, log, runner, sinks and snapshots, tied together by
 * epochs. An object without globals; one process may hold several.
 *
 * The owner of the loop calls engine_turn() after every loop_wait(); all calls are on the loop's
 * thread. A turn does, in this order (engine.c):
 *
 *     collect   epochs that were run, syncs of the log, answers of sinks, snapshots
 *     deliver   outputs of synced epochs to sinks that are free
 *     commit    sinks say up to where they hold everything
 *     take      an epoch from the log (recovery) or from the sources, appended and given to the
 * runner snapshot  when it is time end       drained, bounded input at its end, or failed */
#ifndef TIDEMARK_FLOW_ENGINE_H
#define TIDEMARK_FLOW_ENGINE_H

#include "daemon/flow/graph.h"
#include "daemon/flow/runner.h"

enum engine_state {
  ENGINE_RECOVERING, /* replaying the log */
  ENGINE_RUNNING,
  ENGINE_DRAINING, /* taking nothing more; finishing what is there */
  ENGINE_PAUSING,  /* the same, to be changed or to go on */
  ENGINE_PAUSED,   /* all delivered and committed, in a snapshot; sources and sinks are open */
  ENGINE_FOREIGN, /* the log holds epochs that another configuration has to run: engine_foreign() */
  ENGINE_DONE,    /* all delivered and committed, nothing left behind */
  ENGINE_FAILED,  /* engine_error() says why; the state folder is good for another start */
  ENGINE_STATES
};

struct engine;

struct engine_figures {
  enum engine_state state;
  uint64_t epoch, released_epoch, snapshot_epoch;
  uint64_t records, bytes; /* taken in this life, from sources or the log */
  uint64_t replayed_epochs;
  uint64_t queued_bytes, state_bytes;
  int64_t watermark_us;          /* least of the sources */
  double progress;               /* share done of a bounded input; negative: not known */
  const char *stall;             /* why the log cannot be written now, or NULL; until a turn */
  int64_t snapshot_pause_us_max; /* how long the runner stood still for one */
};

/* Opens the state folder (made if missing; ERR_BUSY when another daemon has it), recovers as far as
 * reading goes, opens sinks and sources. The graph is not owned. Errors do not name the pipeline:
 * who reports them does. */
int engine_open(struct engine **engine, const struct graph *graph, struct io *io,
                const struct diag *diag, struct err *err);
/* The same for a configuration of which the log holds epochs that are not finished, while another
 * one is to come after it: takes nothing, and comes to ENGINE_PAUSED. */
int engine_open_to_finish(struct engine **engine, const struct graph *graph, struct io *io,
                          const struct diag *diag, struct err *err);
/* Where a state folder keeps the configuration of that id; free(). */
char *state_dir_config_path(const char *state_dir, uint64_t id);
/* The one that ran last or runs; *found = false: none ever did. */
int state_dir_in_force(struct disk *disk, const char *state_dir, bool *found, uint64_t *id,
                       struct err *err);
void engine_turn(struct engine *engine);
/* Wall µs at which a turn is needed even if nothing happens; TIME_MAX_US for never. */
int64_t engine_next_turn_us(const struct engine *engine);
/* Takes nothing more, delivers and commits what there is, makes a last snapshot. */
void engine_drain(struct engine *engine);
/* For a reload: comes to ENGINE_PAUSED, from where engine_resume() goes on as if nothing had been.
 * Also while it is on the way there. */
void engine_pause(struct engine *engine);
void engine_resume(struct engine *engine);
/* Lets a sink off what it owes, which others will never see: until the engine is at rest, or at the
 * end of recovery, what comes for the sink is counted and thrown away, and then the log says so.
 * For an engine that recovers, or has been told to pause or drain. false: no sink has that name.
 * What is not owed when nothing is out is not given up. */
bool engine_give_up(struct engine *engine, const char *sink);
/* Moves to out what was said of that since the last call, a line each. */
void engine_given_up(struct engine *engine, struct buf *out);
/* Of a paused engine: engine_close() will leave its sources and sinks open, for who takes over. */
void engine_detach(struct engine *engine);
/* Of ENGINE_FOREIGN: the configuration (pipeline id) whose epochs were not finished, and where it
 * is written down; the engine has touched nothing and is to be closed. */
uint64_t engine_foreign(const struct engine *engine);
enum engine_state engine_state(const struct engine *engine);
const struct err *engine_error(const struct engine *engine); /* of ENGINE_FAILED */
void engine_figures(const struct engine *engine, struct engine_figures *figures);
const struct stage_figures *engine_stage_figures(const struct engine *engine, uint32_t stage);
const struct graph *engine_graph(const struct engine *engine);

/* Counts of a stage in this process: what the replay of the log did again is left out, and while it
 * lasts they stand still. */
struct stage_counts {
  uint64_t records_in, records_out, errors, bytes_in;
  uint64_t counters[TRANSFORM_COUNTERS];
  uint64_t codes[RECORD_ERRORS + 1];
  uint64_t *ports; /* [n_ports] */
};
/* ports: room for as many as the stage has, or NULL. */
void engine_stage_counts(const struct engine *engine, uint32_t stage, struct stage_counts *counts,
                         uint64_t *ports);

struct sink_figures {
  uint64_t records, bytes, retries; /* delivered; of this process */
  uint64_t queued_batches, queued_bytes;
  uint64_t delivered_epoch, committed_epoch;
  bool writing, waiting; /* a batch or commit is out; waits to try again */
  int64_t event_lag_us;  /* clock less event time of the newest record, at the last delivery */
  bool event_lag_known;
};
void engine_sink_figures(const struct engine *engine, uint32_t sink, struct sink_figures *figures);
/* What a sink was given and is not known to hold. false: nothing is queued or out. */
bool engine_sink_debt(const struct engine *engine, uint32_t sink, struct sink_debt *debt);

/* Of a source, by kind_index: partitions in order of their numbers; NULL behind the last. */
const struct source_partition *engine_source_partition(const struct engine *engine, uint32_t source,
                                                       uint32_t partition);
/* Why nothing is taken for now ("queues"), or NULL. */
const char *engine_held(const struct engine *engine);
/* Cause i = 0, 1, ... and for how long it has held the engine up so far; NULL behind the last. */
const char *engine_backpressure(const struct engine *engine, size_t i, int64_t *us);
/* From opening to taking new input, or until now while it lasts. */
int64_t engine_recovery_us(const struct engine *engine);
const char *engine_state_name(enum engine_state state);

/* All figures of the pipeline and its components (metrics.def). */
void engine_metrics(const struct engine *engine, struct metrics *metrics);
/* Looking at records that pass: name is "component" or "component.port". One of `every` records is
 * shown (by its place in the log, so always the same ones), and of an epoch not much more than
 * bytes_max. Nothing waits for whoever looks. fn gets JSON lines, on the loop's thread; `ended`:
 * the engine is being closed, and the tap is only to be closed too. */
struct engine_tap;
typedef void engine_tap_fn(void *arg, struct slice lines, uint64_t n_shown, bool ended);
int engine_tap_open(struct engine *engine, struct slice name, uint64_t every, size_t bytes_max,
                    engine_tap_fn *fn, void *arg, struct engine_tap **tap, struct err *err);
void engine_tap_close(struct engine_tap *tap); /* NULL is fine */

/* Waits for what is running, closes everything; what was not delivered comes again at the next
 * start. NULL is fine. */
void engine_close(struct engine *engine);

#endif
