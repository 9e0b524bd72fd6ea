/* engine_metrics: what the engine shows of itself and its components.
 *
 * The runner's figures go over the whole life of a pipeline and grow in a replay too. Whoever
 * watches counters wants neither: they would jump at a restart, and records would be counted twice.
 * So what they are when recovery ends is taken off. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const state_names[ENGINE_STATES] = {
    "recovering", "running", "draining", "pausing", "paused", "foreign", "done", "failed"};
static const char *const held_names[HELD_CAUSES] = {NULL, "processing", "queues", "memory", "log"};
static const char *const partition_names[PARTITION_STATES] = {"active", "idle", "ended"};

/* ------------------------------------------------------------------ counting */

void engine_meters_open(struct engine *engine) {
  engine->meters.opened_us = clock_mono_us(engine->io->clock);
}

static void counts_read(const struct engine *engine, uint32_t stage, struct stage_counts *counts) {
  const struct stage_figures *figures = engine_stage_figures(engine, stage);
  counts->records_in = figures->records_in;
  counts->records_out = figures->records_out;
  counts->errors = figures->errors;
  counts->bytes_in = figures->bytes_in;
  for (int i = 0; i < TRANSFORM_COUNTERS; i++) counts->counters[i] = figures->counters[i];
  for (uint32_t i = 0; i <= RECORD_ERRORS; i++) counts->codes[i] = figures->codes[i];
  for (size_t i = 0; counts->ports != NULL && i < engine->graph->stages[stage]->n_ports; i++)
    counts->ports[i] = figures->ports[i];
}

void engine_meters_begin(struct engine *engine) {
  const struct graph *graph = engine->graph;
  struct engine_meters *meters = &engine->meters;
  meters->recovered_us = clock_mono_us(engine->io->clock);
  meters->before = mem_zalloc((graph->n_stages + 1) * sizeof *meters->before);
  for (uint32_t i = 0; i < graph->n_stages; i++) {
    struct stage_counts *before = &meters->before[i];
    before->ports = mem_zalloc((graph->stages[i]->n_ports + 1) * sizeof *before->ports);
    counts_read(engine, i, before);
  }
  struct wal_figures log;
  wal_figures(engine->wal, &log);
  meters->log_bytes_before = log.bytes;
  runner_count_keys(engine->runner);
}

void engine_meters_fini(struct engine *engine) {
  struct engine_meters *meters = &engine->meters;
  if (meters->before == NULL) return;
  for (size_t i = 0; i < engine->graph->n_stages; i++) free(meters->before[i].ports);
  free(meters->before);
}

/* Twice the same is the rule, and then no clock is asked. */
void engine_meters_held(struct engine *engine, enum held held) {
  struct engine_meters *meters = &engine->meters;
  if (held == meters->held) return;
  int64_t now_us = clock_mono_us(engine->io->clock);
  if (meters->held != HELD_NOT) meters->held_us[meters->held] += now_us - meters->held_since_us;
  meters->held = held;
  meters->held_since_us = now_us;
}

void engine_meters_ran(struct engine *engine, const struct epoch *epoch) {
  if (epoch->replayed) return;
  engine->meters.epochs++;
  histogram_add(&engine->meters.processing, clock_mono_us(engine->io->clock) - epoch->taken_us);
}

void engine_meters_snapshot(struct engine *engine, const struct engine_snapshot *snapshot) {
  struct engine_meters *meters = &engine->meters;
  histogram_add(&meters->snapshot_pause, snapshot->pause_us);
  if (snapshot->result != 0) {
    meters->snapshots_failed++;
    return;
  }
  meters->snapshots++;
  meters->snapshot_bytes = snapshot->bytes;
  meters->snapshot_at_us = clock_wall_us(engine->io->clock);
  histogram_add(&meters->snapshot, clock_mono_us(engine->io->clock) - snapshot->began_us);
}

void sink_meters_began(struct engine_sink *sink, struct sink_batch *batch) {
  batch->began_us = clock_mono_us(sink->engine->io->clock);
}

void sink_meters_delivered(struct engine_sink *sink, const struct sink_batch *batch) {
  struct sink_meters *meters = &sink->meters;
  struct clock *clock = sink->engine->io->clock;
  int64_t now_us = clock_mono_us(clock);
  meters->records += batch->n_records;
  meters->bytes += batch->n_bytes;
  histogram_add(&meters->write, now_us - batch->began_us);
  if (batch->taken_us > 0) histogram_add(&meters->delivery, now_us - batch->taken_us);
  if (batch->newest_us == TIME_MIN_US) return;
  meters->newest_us = batch->newest_us;
  meters->delivered_at_us = clock_wall_us(clock);
}

/* ------------------------------------------------------------------ what others ask */

const struct graph *engine_graph(const struct engine *engine) {
  return engine->graph;
}

const char *engine_state_name(enum engine_state state) {
  return state_names[state];
}

const char *engine_held(const struct engine *engine) {
  bool takes = engine->state == ENGINE_RUNNING;
  return takes ? held_names[engine->meters.held] : NULL;
}

const char *engine_backpressure(const struct engine *engine, size_t i, int64_t *us) {
  const struct engine_meters *meters = &engine->meters;
  enum held held = (enum held)(i + 1);
  if (held >= HELD_CAUSES) return NULL;
  *us = meters->held_us[held];
  if (held == meters->held) *us += clock_mono_us(engine->io->clock) - meters->held_since_us;
  return held_names[held];
}

int64_t engine_recovery_us(const struct engine *engine) {
  const struct engine_meters *meters = &engine->meters;
  int64_t until_us =
      meters->recovered_us != 0 ? meters->recovered_us : clock_mono_us(engine->io->clock);
  return until_us - meters->opened_us;
}

void engine_stage_counts(const struct engine *engine, uint32_t stage, struct stage_counts *counts,
                         uint64_t *ports) {
  *counts = (struct stage_counts){.ports = ports};
  size_t n_ports = ports != NULL ? engine->graph->stages[stage]->n_ports : 0;
  for (size_t i = 0; i < n_ports; i++) ports[i] = 0;
  if (engine->meters.before == NULL) return;
  const struct stage_counts *before = &engine->meters.before[stage];
  counts_read(engine, stage, counts);
  counts->records_in -= before->records_in;
  counts->records_out -= before->records_out;
  counts->errors -= before->errors;
  counts->bytes_in -= before->bytes_in;
  for (int i = 0; i < TRANSFORM_COUNTERS; i++) counts->counters[i] -= before->counters[i];
  for (uint32_t i = 0; i <= RECORD_ERRORS; i++) counts->codes[i] -= before->codes[i];
  for (size_t i = 0; i < n_ports; i++) ports[i] -= before->ports[i];
}

void engine_sink_figures(const struct engine *engine, uint32_t number,
                         struct sink_figures *figures) {
  const struct engine_sink *sink = &engine->sinks[number];
  const struct sink_meters *meters = &sink->meters;
  *figures = (struct sink_figures){
      .records = meters->records,
      .bytes = meters->bytes,
      .retries = meters->retries,
      .queued_batches = sink->n_queue,
      .delivered_epoch = engine_sink_written(sink),
      .committed_epoch = sink->committed_epoch,
      .writing = sink->busy == SINK_WRITING || sink->busy == SINK_COMMITTING,
      .waiting = sink->busy == SINK_WAITING,
      .event_lag_us = meters->delivered_at_us - meters->newest_us,
      .event_lag_known = meters->delivered_at_us != 0,
  };
  for (size_t i = 0; i < sink->n_queue; i++) figures->queued_bytes += sink->queue[i]->n_bytes;
}

const struct source_partition *engine_source_partition(const struct engine *engine, uint32_t number,
                                                       uint32_t partition) {
  const struct engine_source *source = &engine->sources[number];
  return partition < source->n_partitions ? &source->partitions[partition].seen : NULL;
}

/* ------------------------------------------------------------------ the pipeline */

static double seconds(int64_t us) {
  return (double)us / 1e6;
}

static void log_put(const struct engine *engine, struct metrics *metrics) {
  struct wal_figures figures;
  wal_figures(engine->wal, &figures);
  metrics_put(metrics, METRIC_LOG_PENDING, NULL, (double)wal_pending_bytes(engine->wal));
  uint64_t before =
      engine->meters.recovered_us != 0 ? engine->meters.log_bytes_before : figures.bytes;
  metrics_put(metrics, METRIC_LOG_APPENDED, NULL, (double)(figures.bytes - before));
  metrics_put(metrics, METRIC_LOG_SEGMENTS, NULL, (double)figures.segments);
  metrics_put(metrics, METRIC_LOG_SPARE, NULL, (double)figures.spare_segments);
  metrics_put_histogram(metrics, METRIC_LOG_SYNC, NULL, wal_sync_times(engine->wal));
  metrics_put(metrics, METRIC_LOG_STALLED, NULL, wal_stall(engine->wal) != NULL);
}

static void snapshots_put(const struct engine *engine, struct metrics *metrics) {
  const struct engine_meters *meters = &engine->meters;
  metrics_put(metrics, METRIC_SNAPSHOTS, "done", (double)meters->snapshots);
  metrics_put(metrics, METRIC_SNAPSHOTS, "failed", (double)meters->snapshots_failed);
  metrics_put_histogram(metrics, METRIC_SNAPSHOT_TIME, NULL, &meters->snapshot);
  metrics_put_histogram(metrics, METRIC_SNAPSHOT_PAUSE, NULL, &meters->snapshot_pause);
  if (engine->n_kept > 0)
    metrics_put(metrics, METRIC_SNAPSHOT_EPOCH, NULL, (double)engine->kept[0].epoch);
  if (meters->snapshot_at_us == 0) return;
  metrics_put(metrics, METRIC_SNAPSHOT_SIZE, NULL, (double)meters->snapshot_bytes);
  metrics_put(metrics, METRIC_SNAPSHOT_AT, NULL, seconds(meters->snapshot_at_us));
}

static void pipeline_put(const struct engine *engine, struct metrics *metrics) {
  const struct engine_meters *meters = &engine->meters;
  const char *name;
  char id[24];
  snprintf(id, sizeof id, "%016" PRIx64, engine->graph->pipeline->id);
  metrics_put(metrics, METRIC_CONFIG, id, 1);
  for (int state = ENGINE_RECOVERING; state < ENGINE_STATES; state++)
    metrics_put(metrics, METRIC_STATE, state_names[state], state == (int)engine->state);
  metrics_put(metrics, METRIC_EPOCHS, NULL, (double)meters->epochs);
  metrics_put(metrics, METRIC_EPOCH, NULL, (double)engine->last_epoch);
  metrics_put(metrics, METRIC_CLOCK_AHEAD, NULL, seconds(engine_clock_ahead_us(engine)));
  metrics_put(metrics, METRIC_EPOCH_RELEASED, NULL, (double)engine->released_epoch);
  uint64_t bytes = 0;
  for (size_t i = 0; i < engine->n_epochs; i++) bytes += engine->epochs[i]->bytes;
  metrics_put(metrics, METRIC_IN_FLIGHT, NULL, (double)engine->n_epochs);
  metrics_put(metrics, METRIC_IN_FLIGHT_BYTES, NULL, (double)bytes);
  metrics_put_histogram(metrics, METRIC_PROCESSING, NULL, &meters->processing);
  int64_t held_us;
  for (size_t i = 0; (name = engine_backpressure(engine, i, &held_us)) != NULL; i++)
    metrics_put(metrics, METRIC_BACKPRESSURE, name, seconds(held_us));
  metrics_put(metrics, METRIC_QUEUED, NULL, (double)engine->queued_bytes);
  metrics_put(metrics, METRIC_QUEUE_LIMIT, NULL, (double)engine->settings->queue_bytes);
  metrics_put(metrics, METRIC_MEMORY_LIMIT, NULL, (double)engine->settings->memory_max_bytes);
  metrics_put(metrics, METRIC_RECOVERY, NULL, seconds(engine_recovery_us(engine)));
  metrics_put(metrics, METRIC_REPLAYED, NULL, (double)engine->replayed_epochs);
  log_put(engine, metrics);
  snapshots_put(engine, metrics);
}

/* ------------------------------------------------------------------ components */

static void watermark_put(const struct engine *engine, const struct stage *stage,
                          struct metrics *metrics) {
  int64_t watermark_us = engine_stage_figures(engine, stage->index)->watermark_us;
  if (watermark_us == TIME_MIN_US || watermark_us == TIME_MAX_US) return;
  int64_t now_us = clock_wall_us(engine->io->clock);
  metrics_put(metrics, METRIC_WATERMARK, NULL, seconds(watermark_us));
  metrics_put(metrics, METRIC_WATERMARK_LAG, NULL, seconds(now_us - watermark_us));
}

static void source_put(const struct engine *engine, const struct stage *stage,
                       const struct stage_counts *counts, struct metrics *metrics) {
  static const struct {
    const char *label;
    double share;
  } shares[] = {{"0.5", 0.5}, {"0.99", 0.99}, {"0.999", 0.999}, {"0.9999", 0.9999}, {"1", 1}};
  const struct source_figures *figures = engine_stage_figures(engine, stage->index)->source;
  metrics_put(metrics, METRIC_READ_BYTES, NULL, (double)counts->bytes_in);
  for (int i = 0; i < PARTITION_STATES; i++)
    metrics_put(metrics, METRIC_PARTITIONS, partition_names[i], (double)figures->partitions[i]);
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
    metrics_put(metrics, METRIC_LATENESS, shares[i].label,
                seconds(quantiles_find(&figures->lateness, shares[i].share)));
  watermark_put(engine, stage, metrics);
  const void *instance = stage->component->instance;
  if (engine->opened && stage->source->metrics != NULL) stage->source->metrics(instance, metrics);
}

static void keyed_put(const struct engine *engine, const struct stage *stage,
                      struct metrics *metrics) {
  const struct stage_figures *figures = engine_stage_figures(engine, stage->index);
  metrics_put(metrics, METRIC_STATE_BYTES, NULL, (double)figures->state.bytes);
  if (stage->transform->state_keys != NULL)
    metrics_put(metrics, METRIC_STATE_KEYS, NULL, (double)figures->keys);
  watermark_put(engine, stage, metrics);
}

static void transform_put(const struct engine *engine, const struct stage *stage,
                          const struct stage_counts *counts, struct metrics *metrics) {
  static const enum metric_id counters[TRANSFORM_COUNTERS] = {METRIC_LATE, METRIC_DUPLICATES,
                                                              METRIC_DROPPED};
  for (int i = 0; i < TRANSFORM_COUNTERS; i++) {
    if (counts->counters[i] > 0 || stage->kind == STAGE_KEYED)
      metrics_put(metrics, counters[i], NULL, (double)counts->counters[i]);
  }
  if (stage->kind == STAGE_KEYED) keyed_put(engine, stage, metrics);
  const void *instance = stage->component->instance;
  if (stage->transform->metrics != NULL) stage->transform->metrics(instance, metrics);
}

static void sink_put(const struct engine *engine, const struct stage *stage,
                     struct metrics *metrics) {
  const struct sink_meters *meters = &engine->sinks[stage->kind_index].meters;
  struct sink_figures figures;
  engine_sink_figures(engine, stage->kind_index, &figures);
  metrics_put(metrics, METRIC_RECORDS_OUT, "main", (double)figures.records);
  metrics_put(metrics, METRIC_WRITTEN_BYTES, NULL, (double)figures.bytes);
  metrics_put_histogram(metrics, METRIC_SINK_DELIVERY, NULL, &meters->delivery);
  metrics_put_histogram(metrics, METRIC_SINK_WRITE, NULL, &meters->write);
  if (figures.event_lag_known)
    metrics_put(metrics, METRIC_SINK_LAG, NULL, seconds(figures.event_lag_us));
  metrics_put(metrics, METRIC_SINK_DELIVERED, NULL, (double)figures.delivered_epoch);
  metrics_put(metrics, METRIC_SINK_COMMITTED, NULL, (double)figures.committed_epoch);
  metrics_put(metrics, METRIC_SINK_RETRIES, NULL, (double)figures.retries);
  metrics_put(metrics, METRIC_SINK_WAITING, NULL, figures.waiting);
  metrics_put(metrics, METRIC_SINK_GIVEN_UP, NULL, (double)meters->given_up_records);
  metrics_put(metrics, METRIC_SINK_GIVEN_UP_EPOCHS, NULL, (double)meters->given_up_epochs);
  metrics_put(metrics, METRIC_SINK_QUEUE, NULL, (double)figures.queued_batches);
  metrics_put(metrics, METRIC_SINK_QUEUE_BYTES, NULL, (double)figures.queued_bytes);
  const void *instance = stage->component->instance;
  if (stage->sink->metrics != NULL) stage->sink->metrics(instance, metrics);
}

/* Records by port; those of .errors come from the stage that makes them. */
static void ports_put(const struct engine *engine, const struct stage *stage,
                      const struct stage_counts *counts, struct metrics *metrics) {
  for (size_t i = 0; i < stage->n_ports; i++) {
    const char *name = stage->ports[i].name;
    metrics_put(metrics, METRIC_RECORDS_OUT, name[0] != '\0' ? name : "main",
                (double)counts->ports[i]);
  }
  if (stage->errors == NULL) return;
  struct stage_counts errors;
  engine_stage_counts(engine, stage->errors->index, &errors, NULL);
  metrics_put(metrics, METRIC_RECORDS_OUT, "errors", (double)errors.records_out);
}

static void component_put(const struct engine *engine, const struct stage *stage,
                          struct metrics *metrics) {
  static const char *const kinds[] = {"source", "transform", "sink"};
  const struct component *component = stage->component;
  char *type = mem_printf("%s/%s", kinds[component->kind], component->type->name);
  uint64_t *ports = mem_zalloc((stage->n_ports + 1) * sizeof *ports);
  struct stage_counts counts;
  engine_stage_counts(engine, stage->index, &counts, ports);
  metrics_put(metrics, METRIC_COMPONENT, type, 1);
  metrics_put(metrics, METRIC_RECORDS_IN, NULL, (double)counts.records_in);
  for (uint32_t i = 0; i <= RECORD_ERRORS; i++) {
    if (counts.codes[i] > 0)
      metrics_put(metrics, METRIC_ERRORS, record_error_code(i), (double)counts.codes[i]);
  }
  ports_put(engine, stage, &counts, metrics);
  if (stage->kind == STAGE_SOURCE)
    source_put(engine, stage, &counts, metrics);
  else if (stage->kind == STAGE_SINK)
    sink_put(engine, stage, metrics);
  else
    transform_put(engine, stage, &counts, metrics);
  free(ports);
  free(type);
}

void engine_metrics(const struct engine *engine, struct metrics *metrics) {
  const char *name = engine->settings->name;
  metrics_of(metrics, name, NULL);
  pipeline_put(engine, metrics);
  for (size_t i = 0; i < engine->graph->n_stages; i++) {
    const struct stage *stage = engine->graph->stages[i];
    if (stage->kind == STAGE_MERGE || stage->kind == STAGE_ERRORS) continue;
    metrics_of(metrics, name, stage->name);
    component_put(engine, stage, metrics);
  }
  metrics_of(metrics, NULL, NULL);
}
