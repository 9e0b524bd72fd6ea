/* plan: what a change of configuration does to a pipeline: components added, changed, removed, and
 * whose state is kept. Made before a reload, and printed by `tidemark plan`. */
#ifndef TIDEMARK_SUPERVISOR_PLAN_H
#define TIDEMARK_SUPERVISOR_PLAN_H

#include "daemon/flow/graph.h"

enum plan_change { PLAN_SAME, PLAN_ADDED, PLAN_CHANGED, PLAN_REMOVED };

enum plan_state {
  PLAN_STATELESS,
  PLAN_KEPT,
  PLAN_RESET,   /* on_incompatible: reset */
  PLAN_DROPPED, /* its component is removed */
  PLAN_REFUSED, /* the change cannot be made */
};

struct plan_item {
  const char *kind, *name; /* "transform", "usage"; kind "pipeline": its settings */
  enum plan_change change;
  enum plan_state state;
  char *why; /* owned; NULL: nothing to say */
};

struct plan {
  const char *pipeline;
  enum plan_change change; /* of the pipeline as a whole */
  struct plan_item *items; /* only what is not PLAN_SAME or has state */
  size_t n_items, cap_items;
  bool refused; /* some item is */
  bool forgets; /* some state is reset or dropped */
};

/* from or to NULL: the pipeline is added or removed. The graphs must outlive the plan. */
void plan_make(struct plan *plan, const struct graph *from, const struct graph *to);
void plan_fini(struct plan *plan);
/* Lines for people: "  ~ transform usage: changed; state kept: ...". */
void plan_put(const struct plan *plan, struct buf *out);

/* The stage of that kind and name, or NULL. */
const struct stage *plan_stage_find(const struct graph *graph, enum stage_kind kind,
                                    const char *name);

#endif
