/* metrics: see metrics.h.
 *
 * A scrape is kept as one list of samples per metric, since both formats want all of a metric
 * together, while components put theirs one component after the other. */
#include "daemon/flow/metrics.h"

#include "daemon/base/arena.h"
#include "daemon/base/mem.h"
#include "daemon/record/number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

const struct metric metric_table[METRICS] = {
#define METRIC(id, name, type, scope, label, unit, text, alert)                                    \
  [id] = {name, type, scope, label, unit, text, alert},
#include "daemon/flow/metrics.def"
#undef METRIC
};

struct sample {
  const char *pipeline, *component;
  const char *label; /* value of the metric's own; NULL: it has none */
  double value;
  const struct histogram_counts *histogram;
};

struct samples {
  struct sample *list;
  size_t n, cap;
};

struct metrics {
  struct arena arena; /* labels and histograms */
  const char *pipeline, *component;
  struct samples samples[METRICS];
};

const char *metric_type_name(enum metric_type type) {
  static const char *const names[] = {"counter", "gauge", "histogram"};
  return names[type];
}

struct metrics *metrics_new(void) {
  struct metrics *metrics = mem_zalloc(sizeof *metrics);
  arena_init(&metrics->arena, 16 << 10);
  return metrics;
}

void metrics_free(struct metrics *metrics) {
  if (metrics == NULL) return;
  for (int id = 0; id < METRICS; id++) free(metrics->samples[id].list);
  arena_fini(&metrics->arena);
  free(metrics);
}

void metrics_of(struct metrics *metrics, const char *pipeline, const char *component) {
  metrics->pipeline = pipeline;
  metrics->component = component;
}

static bool same_label(const char *a, const char *b) {
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The sample of the labels in force: the one there is, or a new one. Those of one owner stand
 * together at the end. */
static struct sample *sample_of(struct metrics *metrics, enum metric_id id, const char *label) {
  const struct metric *metric = &metric_table[id];
  assert((metric->label[0] != '\0') == (label != NULL));
  assert((metric->scope >= METRIC_OF_PIPELINE) == (metrics->pipeline != NULL));
  assert((metric->scope >= METRIC_OF_COMPONENT) == (metrics->component != NULL));
  struct samples *samples = &metrics->samples[id];
  for (size_t i = samples->n; i > 0; i--) {
    struct sample *sample = &samples->list[i - 1];
    if (!same_label(sample->pipeline, metrics->pipeline) ||
        !same_label(sample->component, metrics->component)) {
      break;
    }
    if (same_label(sample->label, label)) return sample;
  }
  array_grow((void **)&samples->list, &samples->cap, samples->n, sizeof *samples->list);
  struct sample *sample = &samples->list[samples->n++];
  *sample = (struct sample){.pipeline = metrics->pipeline, .component = metrics->component};
  if (label != NULL) sample->label = arena_printf(&metrics->arena, "%s", label);
  return sample;
}

void metrics_put(struct metrics *metrics, enum metric_id id, const char *label, double value) {
  assert(metric_table[id].type != METRIC_HISTOGRAM);
  sample_of(metrics, id, label)->value += value;
}

void metrics_put_histogram(struct metrics *metrics, enum metric_id id, const char *label,
                           const struct histogram *histogram) {
  assert(metric_table[id].type == METRIC_HISTOGRAM);
  struct histogram_counts counts;
  histogram_read(histogram, &counts);
  struct sample *sample = sample_of(metrics, id, label);
  struct histogram_counts *sum = arena_zalloc(&metrics->arena, sizeof *sum);
  if (sample->histogram != NULL) *sum = *sample->histogram;
  for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) sum->counts[i] += counts.counts[i];
  sum->count += counts.count;
  sum->sum_us += counts.sum_us;
  sample->histogram = sum;
}

/* ------------------------------------------------------------------ as text */

const char *metrics_content_type(enum metrics_format format) {
  return format == METRICS_OPENMETRICS
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

static void put_value(struct buf *out, double value) {
  if (isnan(value)) {
    buf_put_text(out, "NaN");
  } else if (isinf(value)) {
    buf_put_text(out, value > 0 ? "+Inf" : "-Inf");
  } else if (value == floor(value) && fabs(value) <= 9007199254740992.0) {
    buf_printf(out, "%.0f", value);
  } else {
    char *to = buf_reserve(out, 32);
    out->len += number_put_double(to, value);
  }
}

/* Microseconds as seconds, exact. */
static void put_seconds(struct buf *out, uint64_t us) {
  buf_printf(out, "%" PRIu64, us / 1000000);
  if (us % 1000000 == 0) return;
  buf_printf(out, ".%06" PRIu64, us % 1000000);
  while (out->data[out->len - 1] == '0') out->len--;
}

static void put_label(struct buf *out, const char *name, const char *value) {
  if (value == NULL) return;
  if (out->data[out->len - 1] != '{') buf_put_char(out, ',');
  buf_printf(out, "%s=\"", name);
  for (; *value != '\0'; value++) {
    if (*value == '\n') {
      buf_put_text(out, "\\n");
    } else {
      if (*value == '"' || *value == '\\') buf_put_char(out, '\\');
      buf_put_char(out, *value);
    }
  }
  buf_put_char(out, '"');
}

/* Name and labels; bound: of a histogram's bucket, or NULL. */
static void put_series(struct buf *out, const struct metric *metric, const char *suffix,
                       const struct sample *sample, const char *bound) {
  buf_printf(out, "%s%s{", metric->name, suffix);
  put_label(out, "pipeline", sample->pipeline);
  put_label(out, "component", sample->component);
  put_label(out, metric->label, sample->label);
  put_label(out, "le", bound);
  if (out->data[out->len - 1] == '{')
    out->len--;
  else
    buf_put_char(out, '}');
  buf_put_char(out, ' ');
}

static void put_histogram(struct buf *out, const struct metric *metric,
                          const struct sample *sample) {
  const struct histogram_counts *histogram = sample->histogram;
  uint64_t below = 0;
  struct buf bound;
  buf_init(&bound);
  for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
    buf_clear(&bound);
    if (i < HISTOGRAM_BOUNDS) {
      put_seconds(&bound, (uint64_t)histogram_bounds_us[i]);
      /* As OpenMetrics wants it; in both formats, so that it is one series. */
      if (memchr(bound.data, '.', bound.len) == NULL) buf_put_text(&bound, ".0");
    } else {
      buf_put_text(&bound, "+Inf");
    }
    below += histogram->counts[i];
    put_series(out, metric, "_bucket", sample, buf_cstr(&bound));
    buf_printf(out, "%" PRIu64 "\n", below);
  }
  buf_fini(&bound);
  put_series(out, metric, "_sum", sample, NULL);
  put_seconds(out, histogram->sum_us);
  buf_put_char(out, '\n');
  put_series(out, metric, "_count", sample, NULL);
  buf_printf(out, "%" PRIu64 "\n", histogram->count);
}

static void put_family(struct buf *out, const struct metric *metric, enum metrics_format format) {
  size_t len = strlen(metric->name);
  if (format == METRICS_OPENMETRICS && metric->type == METRIC_COUNTER) len -= strlen("_total");
  buf_printf(out, "# HELP %.*s %s\n", (int)len, metric->name, metric->text);
  buf_printf(out, "# TYPE %.*s %s\n", (int)len, metric->name, metric_type_name(metric->type));
  /* A unit may only be named when the name ends in it. */
  size_t unit = strlen(metric->unit);
  if (format == METRICS_OPENMETRICS && unit > 0 && len > unit &&
      metric->name[len - unit - 1] == '_' &&
      memcmp(metric->name + len - unit, metric->unit, unit) == 0) {
    buf_printf(out, "# UNIT %.*s %s\n", (int)len, metric->name, metric->unit);
  }
}

void metrics_put_text(const struct metrics *metrics, enum metrics_format format, struct buf *out) {
  for (int id = 0; id < METRICS; id++) {
    const struct metric *metric = &metric_table[id];
    const struct samples *samples = &metrics->samples[id];
    if (samples->n == 0) continue;
    put_family(out, metric, format);
    for (size_t i = 0; i < samples->n; i++) {
      const struct sample *sample = &samples->list[i];
      if (metric->type == METRIC_HISTOGRAM) {
        put_histogram(out, metric, sample);
        continue;
      }
      put_series(out, metric, "", sample, NULL);
      put_value(out, sample->value);
      buf_put_char(out, '\n');
    }
  }
  if (format == METRICS_OPENMETRICS) buf_put_text(out, "# EOF\n");
}
