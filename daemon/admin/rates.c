/* rates: see rates.h. A ring of samples per engine; a rate is the newest less the oldest. */
#include "daemon/admin/rates.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

struct counted {
  uint64_t in, out, bytes;
};

struct sample {
  int64_t at_us; /* monotonic */
  struct counted *stages;
  int64_t held_us[RATES_CAUSES];
};

struct engine_rates {
  const struct engine *engine; /* by which it is known again; may be gone */
  const struct graph *graph;
  struct sample ring[RATES_KEPT];
  size_t n, newest; /* n of them are taken */
};

struct rates {
  struct clock *clock;
  struct engine_rates *engines;
  size_t n;
};

struct rates *rates_new(struct clock *clock) {
  struct rates *rates = mem_zalloc(sizeof *rates);
  rates->clock = clock;
  return rates;
}

static void forget(struct engine_rates *of) {
  for (size_t k = 0; k < RATES_KEPT; k++) free(of->ring[k].stages);
  *of = (struct engine_rates){0};
}

void rates_free(struct rates *rates) {
  if (rates == NULL) return;
  rates_begin(rates, 0);
  free(rates->engines);
  free(rates);
}

static struct counted count(const struct engine *engine, const struct stage *stage) {
  struct stage_counts counts;
  engine_stage_counts(engine, stage->index, &counts, NULL);
  if (stage->kind != STAGE_SINK)
    return (struct counted){counts.records_in, counts.records_out, counts.bytes_in};
  struct sink_figures figures;
  engine_sink_figures(engine, stage->kind_index, &figures);
  return (struct counted){counts.records_in, figures.records, figures.bytes};
}

void rates_begin(struct rates *rates, size_t n) {
  for (size_t i = n; i < rates->n; i++) forget(&rates->engines[i]);
  rates->engines = mem_realloc(rates->engines, (n + 1) * sizeof *rates->engines);
  for (size_t i = rates->n; i < n; i++) rates->engines[i] = (struct engine_rates){0};
  rates->n = n;
}

/* A new engine may lie where an old one was: its counts are less. */
static bool goes_on(const struct engine_rates *of, const struct engine *engine) {
  if (of->n == 0 || of->engine != engine || of->graph != engine_graph(engine)) return false;
  const struct sample *newest = &of->ring[of->newest];
  for (size_t s = 0; s < of->graph->n_stages; s++) {
    struct counted now = count(engine, of->graph->stages[s]);
    const struct counted *before = &newest->stages[s];
    if (now.in < before->in || now.out < before->out || now.bytes < before->bytes) return false;
  }
  return true;
}

void rates_take(struct rates *rates, size_t i, const struct engine *engine) {
  struct engine_rates *of = &rates->engines[i];
  const struct graph *graph = engine_graph(engine);
  if (!goes_on(of, engine)) {
    forget(of);
    of->engine = engine;
    of->graph = graph;
  }
  of->newest = of->n == 0 ? 0 : (of->newest + 1) % RATES_KEPT;
  if (of->n < RATES_KEPT) of->n++;
  struct sample *sample = &of->ring[of->newest];
  if (sample->stages == NULL)
    sample->stages = mem_zalloc((graph->n_stages + 1) * sizeof *sample->stages);
  sample->at_us = clock_mono_us(rates->clock);
  for (size_t s = 0; s < graph->n_stages; s++) sample->stages[s] = count(engine, graph->stages[s]);
  for (size_t c = 0; c < RATES_CAUSES; c++) {
    if (engine_backpressure(engine, c, &sample->held_us[c]) == NULL) break;
  }
}

/* The two samples to be compared; false: there are not two of this engine yet. */
static bool ends(const struct rates *rates, size_t i, const struct engine *engine,
                 const struct sample **oldest, const struct sample **newest, double *seconds) {
  if (i >= rates->n || rates->engines[i].n < 2) return false;
  const struct engine_rates *of = &rates->engines[i];
  if (of->engine != engine || of->graph != engine_graph(engine)) return false;
  *newest = &of->ring[of->newest];
  *oldest = &of->ring[(of->newest + RATES_KEPT + 1 - of->n) % RATES_KEPT];
  *seconds = (double)((*newest)->at_us - (*oldest)->at_us) / 1e6;
  return *seconds > 0;
}

struct rate rates_of(const struct rates *rates, size_t i, const struct engine *engine,
                     uint32_t stage) {
  const struct sample *oldest, *newest;
  double seconds;
  if (!ends(rates, i, engine, &oldest, &newest, &seconds)) return (struct rate){0, 0, 0};
  const struct counted *before = &oldest->stages[stage], *now = &newest->stages[stage];
  return (struct rate){.records_in = (double)(now->in - before->in) / seconds,
                       .records_out = (double)(now->out - before->out) / seconds,
                       .bytes = (double)(now->bytes - before->bytes) / seconds};
}

double rates_backpressure(const struct rates *rates, size_t i, const struct engine *engine,
                          size_t cause) {
  const struct sample *oldest, *newest;
  double seconds;
  if (cause >= RATES_CAUSES || !ends(rates, i, engine, &oldest, &newest, &seconds)) return 0;
  return (double)(newest->held_us[cause] - oldest->held_us[cause]) / 1e6 / seconds;
}
