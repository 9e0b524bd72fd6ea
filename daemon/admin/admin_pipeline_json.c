/* admin_pipeline_json: /v1/pipelines/NAME. What there may be many of - partitions - is cut after
 * the first FIGURES_PARTITIONS, with the count of all. */
#include "daemon/admin/admin_internal.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const kind_names[] = {"source", "transform", "sink"};
static const char *const partition_names[PARTITION_STATES] = {"active", "idle", "ended"};

static bool has_time(int64_t us) {
  return us != TIME_MIN_US && us != TIME_MAX_US;
}

/* ------------------------------------------------------------------ the pipeline */

void admin_end_json(const struct admin_end *end, struct buf *out) {
  member_text(out, "name", end->pipeline);
  member_text(out, "state", end->failed != NULL ? "failed" : "done");
  member_text(out, "error", end->failed);
}

static bool shown(const struct stage *stage) {
  return stage->kind != STAGE_MERGE && stage->kind != STAGE_ERRORS;
}

void admin_pipeline_head_json(const struct admin *admin, size_t i, struct buf *out) {
  const struct graph *graph = admin->pipelines[i].graph;
  const struct engine *engine = admin->pipelines[i].engine;
  bool failed = engine_state(engine) == ENGINE_FAILED;
  member_text(out, "name", graph->pipeline->settings.name);
  member_text(out, "state", engine_state_name(engine_state(engine)));
  member_text(out, "error", failed ? engine_error(engine)->text : NULL);
  member_bool(out, "catching_up", admin->pipelines[i].catching_up);
  char id[24];
  snprintf(id, sizeof id, "%016" PRIx64, graph->pipeline->id);
  member_text(out, "config", id);
  struct engine_figures figures;
  engine_figures(engine, &figures);
  double in = 0, written = 0;
  for (size_t s = 0; s < graph->n_stages; s++) {
    const struct stage *stage = graph->stages[s];
    struct rate rate = rates_of(admin->rates, i, engine, stage->index);
    if (stage->kind == STAGE_SOURCE) in += rate.records_in;
    if (stage->kind == STAGE_SINK) written += rate.records_out;
  }
  member_number(out, "records_in_per_second", in);
  member_number(out, "records_out_per_second", written);
  member_time(out, "watermark", figures.watermark_us);
  member_name(out, "watermark_lag_seconds");
  if (has_time(figures.watermark_us)) {
    int64_t lag_us = clock_wall_us(admin->io->clock) - figures.watermark_us;
    buf_printf(out, "%.3f", (double)lag_us / 1e6);
  } else {
    buf_put_text(out, "null");
  }
  member_text(out, "held_up_by", engine_held(engine));
}

static void engine_put(const struct admin *admin, size_t i, struct buf *out) {
  const struct engine *engine = admin->pipelines[i].engine;
  const struct pipeline_settings *settings = &engine_graph(engine)->pipeline->settings;
  struct engine_figures figures;
  engine_figures(engine, &figures);
  member_name(out, "epochs");
  buf_put_char(out, '{');
  member_count(out, "newest", figures.epoch);
  member_count(out, "released", figures.released_epoch);
  member_count(out, "snapshot", figures.snapshot_epoch);
  buf_put_char(out, '}');
  member_name(out, "recovery");
  buf_put_char(out, '{');
  member_number(out, "seconds", (double)engine_recovery_us(engine) / 1e6);
  member_count(out, "replayed_epochs", figures.replayed_epochs);
  buf_put_char(out, '}');
  member_name(out, "memory");
  buf_put_char(out, '{');
  member_count(out, "queued_bytes", figures.queued_bytes);
  member_count(out, "queue_limit_bytes", settings->queue_bytes);
  member_count(out, "state_bytes", figures.state_bytes);
  member_count(out, "limit_bytes", settings->memory_max_bytes);
  buf_put_char(out, '}');
  member_name(out, "backpressure"); /* share of the last seconds, by cause */
  buf_put_char(out, '{');
  const char *cause;
  int64_t us;
  for (size_t c = 0; (cause = engine_backpressure(engine, c, &us)) != NULL; c++)
    member_number(out, cause, rates_backpressure(admin->rates, i, engine, c));
  buf_put_char(out, '}');
  member_name(out, "progress");
  if (figures.progress >= 0)
    buf_printf(out, "%.4f", figures.progress);
  else
    buf_put_text(out, "null");
}

/* ------------------------------------------------------------------ components */

static void partitions_put(const struct engine *engine, const struct stage *stage,
                           struct buf *out) {
  const struct source_figures *figures = engine_stage_figures(engine, stage->index)->source;
  member_name(out, "partitions");
  buf_put_char(out, '{');
  const struct source_partition *partition;
  uint32_t total = 0, live = 0;
  for (; (partition = engine_source_partition(engine, stage->kind_index, total)) != NULL; total++)
    live += !partition->forgotten;
  member_count(out, "total", live);
  for (int s = 0; s < PARTITION_STATES; s++)
    member_count(out, partition_names[s], figures->partitions[s]);
  int64_t least = figures->least;
  const struct source_partition *holds =
      least >= 0 ? engine_source_partition(engine, stage->kind_index, (uint32_t)least) : NULL;
  member_name(out, "holds_watermark_back");
  if (holds != NULL)
    value_put_json_string(out, holds->name);
  else
    buf_put_text(out, "null");
  member_name(out, "first");
  buf_put_char(out, '[');
  for (uint32_t p = 0; p < total && p < FIGURES_PARTITIONS; p++) {
    partition = engine_source_partition(engine, stage->kind_index, p);
    if (partition->forgotten) continue;
    member_comma(out);
    buf_put_char(out, '{');
    member_slice(out, "name", partition->name);
    member_count(out, "position", partition->position);
    member_time(out, "watermark", figures->watermark_us[p]);
    member_text(out, "state", partition_names[atomic_load(&figures->state[p])]);
    buf_put_char(out, '}');
  }
  buf_put_text(out, "]}");
}

static void lateness_put(const struct engine *engine, const struct stage *stage, struct buf *out) {
  static const struct {
    const char *name;
    double share;
  } shares[] = {{"0.5", 0.5}, {"0.99", 0.99}, {"0.999", 0.999}, {"0.9999", 0.9999}, {"1", 1}};
  const struct quantiles *lateness = &engine_stage_figures(engine, stage->index)->source->lateness;
  member_name(out, "lateness"); /* seconds, by share of the records */
  buf_put_char(out, '{');
  member_count(out, "records", quantiles_count(lateness));
  member_name(out, "max_lateness_seconds");
  buf_printf(out, "%.6f", (double)stage->source_common->max_lateness_us / 1e6);
  member_name(out, "shares");
  buf_put_char(out, '{');
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
    member_name(out, shares[i].name);
    buf_printf(out, "%.6f", (double)quantiles_find(lateness, shares[i].share) / 1e6);
  }
  buf_put_text(out, "}}");
}

static void sink_put(const struct engine *engine, const struct stage *stage, struct buf *out) {
  struct sink_figures figures;
  engine_sink_figures(engine, stage->kind_index, &figures);
  member_count(out, "records_delivered", figures.records);
  member_count(out, "bytes_delivered", figures.bytes);
  member_count(out, "delivered_epoch", figures.delivered_epoch);
  member_count(out, "committed_epoch", figures.committed_epoch);
  member_count(out, "queued_batches", figures.queued_batches);
  member_count(out, "queued_bytes", figures.queued_bytes);
  member_count(out, "retries", figures.retries);
  member_bool(out, "waiting_to_retry", figures.waiting);
}

static void counts_put(const struct engine *engine, const struct stage *stage, struct buf *out) {
  static const char *const counter_names[TRANSFORM_COUNTERS] = {"late", "duplicates", "dropped"};
  uint64_t *ports = mem_zalloc((stage->n_ports + 1) * sizeof *ports);
  struct stage_counts counts;
  engine_stage_counts(engine, stage->index, &counts, ports);
  member_count(out, "records_in", counts.records_in);
  member_name(out, "records_out");
  buf_put_char(out, '{');
  for (size_t p = 0; p < stage->n_ports; p++)
    member_count(out, stage->ports[p].name[0] != '\0' ? stage->ports[p].name : "main", ports[p]);
  buf_put_char(out, '}');
  member_name(out, "errors");
  buf_put_char(out, '{');
  for (uint32_t c = 0; c <= RECORD_ERRORS; c++) {
    if (counts.codes[c] > 0) member_count(out, record_error_code(c), counts.codes[c]);
  }
  buf_put_char(out, '}');
  for (int c = 0; c < TRANSFORM_COUNTERS; c++) {
    if (counts.counters[c] > 0) member_count(out, counter_names[c], counts.counters[c]);
  }
  if (stage->kind == STAGE_SOURCE) member_count(out, "bytes_in", counts.bytes_in);
  free(ports);
}

static void inputs_put(const struct component *component, struct buf *out) {
  member_name(out, "inputs");
  buf_put_char(out, '[');
  for (size_t i = 0; i < component->n_inputs; i++) {
    const struct component_input *input = &component->inputs[i];
    struct buf name;
    buf_init(&name);
    buf_put_slice(&name, input->component);
    if (input->port.len > 0) {
      buf_put_char(&name, '.');
      buf_put_slice(&name, input->port);
    }
    member_comma(out);
    value_put_json_string(out, buf_slice(&name));
    buf_fini(&name);
  }
  buf_put_char(out, ']');
}

static void component_put(const struct admin *admin, size_t i, const struct stage *stage,
                          struct buf *out) {
  const struct component *component = stage->component;
  const struct engine *engine = admin->pipelines[i].engine;
  member_comma(out);
  buf_put_char(out, '{');
  member_text(out, "name", stage->name);
  member_text(out, "kind", kind_names[component->kind]);
  member_text(out, "type", component->type->name);
  inputs_put(component, out);
  struct rate rate = rates_of(admin->rates, i, engine, stage->index);
  member_number(out, "records_in_per_second", rate.records_in);
  member_number(out, "records_out_per_second", rate.records_out);
  if (stage->kind == STAGE_SOURCE || stage->kind == STAGE_SINK)
    member_number(out, "bytes_per_second", rate.bytes);
  counts_put(engine, stage, out);
  const struct stage_figures *figures = engine_stage_figures(engine, stage->index);
  if (stage->kind == STAGE_SOURCE || stage->kind == STAGE_KEYED)
    member_time(out, "watermark", figures->watermark_us);
  if (stage->kind == STAGE_SOURCE) {
    partitions_put(engine, stage, out);
    lateness_put(engine, stage, out);
  }
  if (stage->kind == STAGE_KEYED) {
    member_count(out, "state_bytes", figures->state.bytes);
    if (stage->transform->state_keys != NULL) member_count(out, "state_keys", figures->keys);
  }
  if (stage->kind == STAGE_SINK) sink_put(engine, stage, out);
  buf_put_char(out, '}');
}

bool admin_pipeline_json(const struct admin *admin, struct slice name, struct buf *out) {
  for (size_t i = 0; i < admin->n_pipelines; i++) {
    const struct graph *graph = admin->pipelines[i].graph;
    if (!slice_is(name, graph->pipeline->settings.name)) continue;
    buf_put_char(out, '{');
    admin_pipeline_head_json(admin, i, out);
    engine_put(admin, i, out);
    member_name(out, "components");
    buf_put_char(out, '[');
    for (size_t s = 0; s < graph->n_stages; s++) {
      if (shown(graph->stages[s])) component_put(admin, i, graph->stages[s], out);
    }
    buf_put_text(out, "]}\n");
    return true;
  }
  const struct admin_end *end = admin_end_find(admin, name);
  if (end == NULL) return false;
  buf_put_char(out, '{');
  admin_end_json(end, out);
  buf_put_text(out, "}\n");
  return true;
}
