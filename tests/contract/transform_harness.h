/* transform_harness: drives a transform without the engine, and holds it to what the engine's
 * promise stands on: the same input gives the same output however it is cut into epochs and
 * batches, with any number of shards, and when all state is saved and loaded after each epoch.
 *
 * The input is text, one thing a line:
 *   {"t": 5, ...}   a record; t is its event time in seconds
 *   ---             an epoch ends here, when the case fixes its epochs
 *   clock 60        the clock stands at 60 s from here on (an epoch ends here in any case)
 *   watermark 30    the watermark goes to 30 s, behind the record before
 *   end             the input is over: the watermark goes to infinity
 * After each record the watermark is the greatest t so far minus the case's lateness. */
#ifndef TIDEMARK_TESTS_CONTRACT_TRANSFORM_HARNESS_H
#define TIDEMARK_TESTS_CONTRACT_TRANSFORM_HARNESS_H

#include "daemon/base/buf.h"
#include "daemon/flow/plugin.h"

struct transform_case {
  const struct transform_plugin *plugin;
  const char *options; /* YAML */
  int64_t lateness_s;
  bool fixed_epochs; /* results depend on the epochs (early results, the clock) */
  const char *input;
  /* For each port that gave rows "== name", then the rows as JSON, in order; then what failed under
   * "== errors" as code and record; at last the counters that are not zero. NULL: what the first
   * way gives is what all must give. */
  const char *expected;
};

/* Runs the case in every way there is and fails the test where one differs from `expected`. */
void transform_check(const struct transform_case *test);
/* Compiles only: what is wrong with these options, as config_errors_put() says it ("" if nothing
 * is). columns: NULL for an open input, else the fields of a closed one ("a b c"). */
void transform_check_errors(const struct transform_plugin *plugin, const char *options,
                            const char *columns, const char *expected);

#endif
