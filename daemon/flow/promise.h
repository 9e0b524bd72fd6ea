/* promise: what a pipeline promises of the records of a source that come to a sink, should the
 * program, the machine or a peer die at any moment: by what the source, the sink and `delivery` can
 * do. It is printed by `tidemark validate` and stands in the reference; tests/crash/cells.sh holds
 * each of them true. */
#ifndef TIDEMARK_FLOW_PROMISE_H
#define TIDEMARK_FLOW_PROMISE_H

#include "daemon/flow/graph.h"

/* How often a record comes out. */
enum promise {
  PROMISE_EXACTLY_ONCE,
  PROMISE_ONCE_BY_KEY, /* if the receiver leaves out what it has, by the key that it is given */
  PROMISE_AT_LEAST_ONCE,
  PROMISE_AT_MOST_ONCE,
  PROMISE_AT_MOST_ONCE_BY_KEY, /* what got no answer is sent again, under the same key */
};
enum promise promise_of(enum delivery delivery, enum sink_promise sink);

/* The whole of it, as a sentence without a full stop; appended. */
void promise_put(struct buf *out, enum delivery delivery, enum source_promise source,
                 enum sink_promise sink);

/* Whether records of the source can come to the sink. */
bool promise_between(const struct graph *graph, const struct stage *source,
                     const struct stage *sink);

#endif
