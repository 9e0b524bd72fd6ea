/* graph: a compiled pipeline: stages, what flows between them, and in which order they run.
 *
 * A stage is a component, or one that the engine adds: a merge where a component reads several
 * outputs, and the .errors output of a component that somebody reads. Outputs of sources, keyed
 * transforms, merges and errors are heads: rows come to be there, as a list of views. What follows
 * a head without a barrier - stateless transforms, the preparing half of keyed ones, the encoding
 * half of sinks - is its chain, run once for each view by one worker while the view is in the
 * cache. */
#ifndef TIDEMARK_FLOW_GRAPH_H
#define TIDEMARK_FLOW_GRAPH_H

#include "daemon/flow/plugin.h"

#include <stdbool.h>
#include <stdint.h>

enum stage_kind {
  STAGE_SOURCE,
  STAGE_STATELESS,
  STAGE_KEYED,
  STAGE_MERGE,
  STAGE_ERRORS,
  STAGE_SINK,
};

struct stage_input {
  struct stage *stage;
  uint32_t port;
};

struct port {
  const char *name; /* "" is the main output */
  struct schema *schema;
  struct stage **chain; /* of a head: the stages its tasks run, inputs before readers */
  size_t n_chain;
};

struct compiled_expr { /* for explain and for the end */
  struct expr_text text;
  struct expr *expr;
};

struct stage {
  enum stage_kind kind;
  uint32_t index; /* in graph->stages */
  const char *name;
  const struct component *component; /* of an added stage: the one it was added for */
  uint64_t definition; /* hash of what the configuration says of the component, without secrets */
  struct stage_input *inputs;
  size_t n_inputs;
  struct port *ports;
  size_t n_ports;
  struct stage *errors; /* the STAGE_ERRORS that reads this stage's errors, or NULL */
  int on_error;         /* enum on_error */
  uint32_t kind_index;  /* number among the stages of its kind: source 0, 1, ... */
  /* Filled in by kind. */
  const struct source_plugin *source;
  const struct source_common *source_common;
  const struct codec *codec; /* sources and sinks */
  struct expr *event_time, *watermark_when, *watermark_value;
  const struct transform_plugin *transform;
  const struct sink_plugin *sink;
  struct merge_plan *merge;
  struct schema *input_schema;
  struct compiled_expr *exprs;
  size_t n_exprs, cap_exprs;
};

struct graph {
  const struct pipeline *pipeline;
  struct arena *arena; /* the configuration's */
  struct io *io;
  struct stage **stages; /* inputs before their readers */
  size_t n_stages, cap_stages;
  size_t n_kind[STAGE_SINK + 1];
};

/* Compiles the pipeline; what is wrong is added to errors, all of it. NULL when there was any. The
 * graph lives in the configuration's arena; graph_free() frees what does not. */
struct graph *graph_compile(const struct pipeline *pipeline, struct arena *arena, struct io *io,
                            struct config_errors *errors);
void graph_free(struct graph *graph); /* NULL is fine */

/* The plan as text, for `tidemark explain`. */
void graph_explain(const struct graph *graph, struct buf *out);

/* A merge's slots: where each is to be found in the rows of each input. */
struct merge_source {
  bool present;
  uint32_t slot;
  const struct path_step *rest; /* to look up inside the slot's JSON */
  uint32_t n_rest;
};
struct merge_plan {
  struct stage *stage;
  struct rowset *rowset;
  struct schema **inputs;
  size_t n_inputs;
  struct merge_source **slots; /* [slot][input] */
  size_t n_slots, cap_slots;
};

/* Fields of the rows of an .errors output, in this order (closed schema). */
enum error_slot {
  ERROR_RAW,
  ERROR_ENCODING,
  ERROR_ERROR,
  ERROR_COMPONENT,
  ERROR_POSITION,
  ERROR_SLOTS
};

#endif
