/* metrics: the figures that a scrape shows, as one table, and how they are put there.
 *
 * metrics.def is the table: from it come the exposition, the reference page and the tests of the
 * examples. Whoever adds a figure adds a row there and puts its value where it is asked for:
 *
 *     static void figures(const void *instance, struct metrics *metrics) {
 *       const struct kafka *kafka = instance;
 *       metrics_put(metrics, METRIC_KAFKA_LAG, NULL, (double)kafka->lag);
 *       metrics_put_histogram(metrics, METRIC_KAFKA_COMMIT, NULL, &kafka->commit);
 *     }
 *
 * What is counted is a plain number in the instance, kept where it happens; nothing is looked up or
 * formatted before a scrape. Counters begin at 0 with the process, and again when a reload changes
 * their pipeline; else they never fall: what the replay of the log does again after a crash is not
 * counted again by the engine. Figures of durations are
 * in seconds, of memory in bytes: base units.
 *
 * One scrape is one struct metrics, on the loop's thread. */
#ifndef TIDEMARK_FLOW_METRICS_H
#define TIDEMARK_FLOW_METRICS_H

#include "daemon/base/buf.h"
#include "daemon/base/histogram.h"

enum metric_type {
  METRIC_COUNTER,   /* name ends in _total */
  METRIC_GAUGE,     /* goes up and down */
  METRIC_HISTOGRAM, /* of durations; name ends in _seconds */
};

/* Whose figure it is, and so which labels it has beside its own. */
enum metric_scope {
  METRIC_OF_PROCESS,   /* none */
  METRIC_OF_PIPELINE,  /* pipeline */
  METRIC_OF_COMPONENT, /* pipeline, component */
};

enum metric_id {
#define METRIC(id, name, type, scope, label, unit, text, alert) id,
#include "daemon/flow/metrics.def"
#undef METRIC
  METRICS
};

struct metric {
  const char *name;
  enum metric_type type;
  enum metric_scope scope;
  const char *label; /* its own, "": none */
  const char *unit;  /* "seconds", "records", "": a plain number */
  const char *text;  /* what it says, one line */
  const char *alert; /* when somebody should look, "": never by itself */
};
extern const struct metric metric_table[METRICS];

/* "counter", "gauge", "histogram" */
const char *metric_type_name(enum metric_type type);

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* Whose the figures that follow are. The engine sets it before it asks a component. pipeline NULL:
 * the process's; component NULL: the pipeline's. The texts must live as long as metrics. */
void metrics_of(struct metrics *metrics, const char *pipeline, const char *component);

/* The value of a counter or gauge. label: the value of the metric's own label, NULL when it has
 * none; it is copied. There must be a bound to how many values a label can have, set by the program
 * or the configuration and never by records: a port, a code of record_errors.def, "4xx". A value
 * that was put with the same labels already is added to. */
void metrics_put(struct metrics *metrics, enum metric_id id, const char *label, double value);
/* Of a histogram; copied as it is now. */
void metrics_put_histogram(struct metrics *metrics, enum metric_id id, const char *label,
                           const struct histogram *histogram);

enum metrics_format {
  METRICS_PROMETHEUS,  /* text/plain; version=0.0.4 */
  METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};
const char *metrics_content_type(enum metrics_format format);
/* All that was put, by metric in the order of the table. */
void metrics_put_text(const struct metrics *metrics, enum metrics_format format, struct buf *out);

#endif
