/* runner: the deterministic half of the engine. Epochs in, batches for the sinks out; state of all
 * operators, watermarks and ords within. It knows no log, no clock and no file: the same epochs
 * give the same bytes, however many workers there are.
 *
 * One thread at a time calls it (the engine's runner thread, or the loop at recovery); inside, a
 * pool shares the work: chunks of input and their chains, then shards of keyed stages. */
#ifndef TIDEMARK_FLOW_RUNNER_H
#define TIDEMARK_FLOW_RUNNER_H

#include "daemon/flow/epoch.h"
#include "daemon/flow/figures.h"
#include "daemon/flow/graph.h"

struct runner;

struct runner *runner_new(const struct graph *graph, uint32_t n_workers, uint32_t n_shards,
                          const struct diag *diag);
void runner_free(struct runner *runner); /* NULL is fine */

/* Runs the epoch: fills in what epoch.h says is set by the run. */
void runner_run(struct runner *runner, struct epoch *epoch);

/* Wall µs at which the clock alone makes something due, TIME_MAX_US for never; between runs. */
int64_t runner_next_clock_us(const struct runner *runner);
/* An epoch was stopped by a record (epoch.h): the state is no longer that of a whole epoch. */
bool runner_stopped(const struct runner *runner);

/* All state, at the end of the last epoch run, as sections; only between runs. */
int runner_save(const struct runner *runner, struct snapshot_writer *writer, struct err *err);
/* One section of a snapshot, "runner" first. Sources and transforms are found by name; what is gone
 * is left out, what is new begins empty, and a transform defined otherwise says whether it can go
 * on with the state. ERR_CONFIG when it cannot and on_incompatible does not say reset. */
int runner_load(struct runner *runner, const struct snapshot_section *section, struct err *err);

/* Records of a sink's that the other side refused. Any thread. */
void runner_count_rejects(struct runner *runner, uint32_t stage,
                          const uint64_t codes[RECORD_ERRORS + 1]);
/* State was loaded: the figures of keys as of now; only between runs. */
void runner_count_keys(struct runner *runner);

/* What a keyed stage's state means, as it is stored with it. */
void runner_state_definition(const struct stage *stage, struct buf *out);
/* Whether a stage can go on with state of that definition (as a snapshot holds it): plugin.h's
 * state_accept(). */
int runner_state_fits(const struct stage *stage, struct slice definition, struct buf *notes,
                      struct err *err);

uint64_t runner_state_bytes(const struct runner *runner);
const struct stage_figures *runner_figures(const struct runner *runner, uint32_t stage);

#endif
