/* promise: see promise.h. */
#include "daemon/flow/promise.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

enum promise promise_of(enum delivery delivery, enum sink_promise sink) {
  if (delivery == DELIVERY_AT_MOST_ONCE)
    return sink == SINK_ONCE_BY_KEY ? PROMISE_AT_MOST_ONCE_BY_KEY : PROMISE_AT_MOST_ONCE;
  if (delivery == DELIVERY_AT_LEAST_ONCE || sink == SINK_AT_LEAST_ONCE)
    return PROMISE_AT_LEAST_ONCE;
  return sink == SINK_ONCE_BY_KEY ? PROMISE_ONCE_BY_KEY : PROMISE_EXACTLY_ONCE;
}

void promise_put(struct buf *out, enum delivery delivery, enum source_promise source,
                 enum sink_promise sink) {
  static const char *const often[] = {
      [PROMISE_EXACTLY_ONCE] = "exactly once",
      [PROMISE_ONCE_BY_KEY] = "exactly once, if the receiver honours the Idempotency-Key",
      [PROMISE_AT_LEAST_ONCE] = "at least once",
      [PROMISE_AT_MOST_ONCE] = "at most once",
      [PROMISE_AT_MOST_ONCE_BY_KEY] = "at most once, if the receiver honours the Idempotency-Key",
  };
  static const char *const whose[] = {
      [SOURCE_READ_AGAIN] = "",
      [SOURCE_ACKNOWLEDGED] = ": what was acknowledged; a retry needs its Idempotency-Key",
      [SOURCE_RESUMED] = ": the producer goes on with the byte that is told at the start",
      [SOURCE_FORGOTTEN] = ": what the log has; what it had not yet is lost in a crash",
  };
  enum promise promise = promise_of(delivery, sink);
  buf_put_text(out, often[promise]);
  if (delivery != DELIVERY_AT_MOST_ONCE) buf_put_text(out, whose[source]);
}

bool promise_between(const struct graph *graph, const struct stage *source,
                     const struct stage *sink) {
  bool *reached = mem_zalloc(graph->n_stages * sizeof *reached); /* inputs stand before readers */
  reached[source->index] = true;
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    for (size_t k = 0; k < stage->n_inputs; k++)
      reached[i] = reached[i] || reached[stage->inputs[k].stage->index];
  }
  bool between = reached[sink->index];
  free(reached);
  return between;
}
