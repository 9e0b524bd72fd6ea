/* rates: how much each component did in the last seconds, from counts taken once a second. */
#ifndef TIDEMARK_ADMIN_RATES_H
#define TIDEMARK_ADMIN_RATES_H

#include "daemon/flow/engine.h"

enum { RATES_EVERY_US = 1000 * 1000, RATES_KEPT = 6, RATES_CAUSES = 8 };

struct rates;

struct rate { /* per second, over at most RATES_KEPT - 1 seconds */
  double records_in, records_out, bytes;
};

struct rates *rates_new(struct clock *clock);
void rates_free(struct rates *rates); /* NULL is fine */
/* There are n engines now, numbered as they are asked for below. */
void rates_begin(struct rates *rates, size_t n);
/* Counts what engine i has done so far; when it is another one than before, from now on. */
void rates_take(struct rates *rates, size_t i, const struct engine *engine);
/* Of a stage of engine i; zeros when not known yet. bytes: read by a source, delivered by a sink.
 */
struct rate rates_of(const struct rates *rates, size_t i, const struct engine *engine,
                     uint32_t stage);
/* Share of the time in which it was held up by a cause of engine_backpressure(). */
double rates_backpressure(const struct rates *rates, size_t i, const struct engine *engine,
                          size_t cause);

#endif
