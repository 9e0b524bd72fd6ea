/* admin_scrape: /metrics. */
#include "daemon/admin/admin_internal.h"
#include "daemon/flow/metrics.h"
#include "daemon/io/usage.h"

/* Prometheus names what it can read in Accept, with weights; it is given OpenMetrics when that is
 * among it, as it prefers. */
static enum metrics_format wanted(struct slice accept) {
  static const char name[] = "application/openmetrics-text";
  return accept.len > 0 && memmem(accept.data, accept.len, name, sizeof name - 1) != NULL
             ? METRICS_OPENMETRICS
             : METRICS_PROMETHEUS;
}

static void put_known(struct metrics *metrics, enum metric_id id, double value) {
  if (value > 0) metrics_put(metrics, id, NULL, value);
}

static void process_put(const struct admin *admin, struct metrics *metrics) {
  struct usage usage;
  usage_read(admin->io->threads, &usage);
  metrics_put(metrics, METRIC_BUILD, TIDEMARK_VERSION, 1);
  struct admin_reloads reloads = admin_reloads_of(admin);
  metrics_put(metrics, METRIC_RELOADS, "done", (double)reloads.done);
  metrics_put(metrics, METRIC_RELOADS, "refused", (double)reloads.refused);
  put_known(metrics, METRIC_RELOADED, (double)reloads.done_us / 1e6);
  metrics_put(metrics, METRIC_PROCESS_CPU, NULL, (double)usage.cpu_us / 1e6);
  put_known(metrics, METRIC_PROCESS_RESIDENT, (double)usage.resident_bytes);
  put_known(metrics, METRIC_PROCESS_VIRTUAL, (double)usage.virtual_bytes);
  put_known(metrics, METRIC_PROCESS_FDS, (double)usage.fds);
  put_known(metrics, METRIC_PROCESS_FDS_MAX, (double)usage.fds_max);
  put_known(metrics, METRIC_PROCESS_START, (double)usage.started_us / 1e6);
}

void admin_scrape(struct admin *admin, struct slice accept, struct admin_answer *answer) {
  struct metrics *metrics = metrics_new();
  enum metrics_format format = wanted(accept);
  process_put(admin, metrics);
  for (size_t i = 0; i < admin->n_pipelines; i++)
    engine_metrics(admin->pipelines[i].engine, metrics);
  answer->content_type = metrics_content_type(format);
  metrics_put_text(metrics, format, &answer->body);
  metrics_free(metrics);
}
