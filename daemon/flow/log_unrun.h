/* log_unrun: the record of epochs that had no effect (LOG_UNRUN), for the configuration that comes
 * next. Epochs name sources and sinks by number; here stands whose numbers they were, so that
 * another configuration finds its own. */
#ifndef TIDEMARK_FLOW_LOG_UNRUN_H
#define TIDEMARK_FLOW_LOG_UNRUN_H

#include "daemon/flow/graph.h"
#include "daemon/flow/log_record.h"

#define UNRUN_GONE UINT32_MAX /* the configuration has none of that name */

struct log_unrun { /* as another graph sees it */
  uint64_t from_epoch;
  uint32_t *sources, *sinks; /* by the old number the new one */
  size_t n_sources, n_sinks;
};

void log_unrun_put(struct buf *buf, uint64_t from_epoch, const struct graph *graph);
/* Lists are owned: log_unrun_fini(). -1: not what this version writes. */
int log_unrun_get(struct slice body, const struct graph *graph, struct log_unrun *unrun);
void log_unrun_fini(struct log_unrun *unrun);
/* Gives the epoch the new numbers. -1 and err: it has something of a source or a sink that is gone.
 */
int log_unrun_map(const struct log_unrun *unrun, struct log_epoch *epoch, struct err *err);

#endif
