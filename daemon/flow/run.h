/* run: the inside of the runner, shared by runner.c and run_*.c.
 *
 * An epoch is run head by head, in the order of the graph. The views of a head's port are tasks: a
 * worker takes one and runs the port's chain on it. What a stage gets from a task lies in its
 * arrays under the task's number; so everything is in the order of the log again without a sort. */
#ifndef TIDEMARK_FLOW_RUN_H
#define TIDEMARK_FLOW_RUN_H

#include "daemon/flow/runner.h"
#include "daemon/flow/source_time.h"

struct view_list {
  struct view *list;
  size_t n, cap;
};

struct shard_error {
  uint32_t view, row;
  const char *code, *text;
  bool stop;
};
struct shard_errors {
  struct shard_error *list;
  size_t n, cap;
};

struct stage_run {
  const struct stage *stage;
  struct stage_figures figures;

  /* Heads: rows that came to be at each port, and the watermark behind them. */
  struct view_list *heads; /* [ports] */
  const struct watermark_track *track;
  struct watermark_track own_track; /* merges */

  /* One element per task of the chain this stage is in; of sources: per chunk. */
  size_t n_tasks;
  struct view **out;         /* STATELESS: [port][task] */
  struct row_errors *errors; /* [task] */
  struct batch **batches;    /* [task]: what the errors' rows are rows of */
  struct keyed_view *keyed;  /* KEYED: [task] */
  struct sink_part *parts;   /* SINK: [task] */

  /* KEYED: state beyond the plugin's. */
  int64_t floor_us; /* the highest watermark so far: a new input does not take it back */
  bool dropped;     /* at loading: the state of another definition is left out */
  uint64_t arrivals;
  struct shard_errors *shard_errors; /* [shards] */
  /* SOURCE */
  struct source_time time;
  struct decoder **decoders; /* [workers] */
  struct slice *partition_names;
  size_t n_partition_names, cap_partition_names;
};

struct runner {
  const struct graph *graph;
  const struct diag *diag;
  struct pool *pool;
  uint32_t n_workers, n_shards;
  struct stage_run *runs; /* by stage->index */
  struct stage_run **sources;
  uint64_t next_ord;
  bool stopped;

  /* The epoch being run. */
  struct epoch *epoch;
  uint64_t first_ord, last_ord;
  struct arena arena;     /* of the epoch, one thread */
  struct batch **batches; /* all of them, to be freed at the end */
  size_t n_batches, cap_batches;
  bool stop_found;
  uint64_t stop_ord;
};

struct keyed_epoch { /* what keyed_run->engine points to */
  struct runner *runner;
  struct stage_run *run;
};

void runner_adopt(struct runner *runner, struct batch *batch);

/* run_source.c: decodes all chunks, runs the sources' chains, gives out ords, moves watermarks. */
void run_sources(struct runner *runner);
/* run_chain.c: makes room in the chain's stages for n tasks; then each task, on any worker. */
void chain_prepare(struct runner *runner, const struct port *port, size_t n_tasks);
void chain_task(struct runner *runner, const struct stage *head, uint32_t port, size_t task,
                struct view view);
/* All views of a head's ports, in parallel. */
void run_chains(struct runner *runner, const struct stage *head);
/* run_keyed.c, run_merge.c, run_errors.c: rows come to be at the stage's ports. */
void run_keyed(struct runner *runner, struct stage_run *run);
void run_merge(struct runner *runner, struct stage_run *run);
void run_errors(struct runner *runner, struct stage_run *run);
/* Gives the rejected records their ords; run_errors() makes rows of them. */
void run_rejects_count(struct runner *runner, struct epoch_reject *reject);
/* run_tap.c: looks at what passed, before it is freed. */
void run_taps(struct runner *runner);
/* Counts the errors of a stage and looks whether one of them stops the pipeline. */
void run_count_errors(struct runner *runner, struct stage_run *run);
void run_stop(struct runner *runner, const struct stage_run *run, const struct batch *batch,
              uint32_t row, const char *code, const char *text);

/* run_figures.c */
void run_figures_init(struct stage_run *run);
void run_figures_fini(struct stage_run *run);
void run_figures_errors(struct stage_figures *figures, const struct row_errors *errors);
void run_figures_partitions(struct stage_run *run); /* of a source, at the end of an epoch */
void run_figures_keys(struct stage_run *run);       /* of a keyed transform, between shards' runs */

static inline struct stage_run *run_of(struct runner *runner, const struct stage *stage) {
  return &runner->runs[stage->index];
}

#endif
