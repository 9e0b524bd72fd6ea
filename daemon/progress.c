/* progress: see progress.h. */
#include "daemon/progress.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/totals.h"

#include <inttypes.h>
#include <stdlib.h>

#define EVERY_US (200 * 1000)

struct progress {
  struct clock *clock;
  FILE *to;
  bool shown, drawn;
  int64_t next_us, last_us;
  uint64_t last_records;
};

struct progress *progress_new(struct clock *clock, FILE *to, bool shown) {
  struct progress *progress = mem_zalloc(sizeof *progress);
  *progress = (struct progress){.clock = clock, .to = to, .shown = shown};
  progress->last_us = clock_mono_us(clock);
  progress->next_us = progress->last_us + EVERY_US;
  return progress;
}

void progress_free(struct progress *progress) {
  progress_clear(progress);
  free(progress);
}

void progress_clear(struct progress *progress) {
  if (progress == NULL || !progress->drawn) return;
  fputs("\r\033[K", progress->to);
  fflush(progress->to);
  progress->drawn = false;
}

static void draw(struct progress *progress, const struct supervisor *supervisor, int64_t now_us) {
  struct totals totals;
  totals_of(supervisor, &totals);
  if (totals.open == 0) return;
  double rate = (double)(totals.records - progress->last_records) * 1e6 /
                (double)(now_us - progress->last_us);
  struct buf line;
  buf_init(&line);
  buf_printf(&line, "\r\033[K%" PRIu64 " records, %.0f/s", totals.records, rate);
  int64_t watermark_us = totals.watermark_us;
  if (watermark_us != TIME_MIN_US && watermark_us != TIME_MAX_US) {
    buf_put_text(&line, ", watermark ");
    time_put(&line, watermark_us - watermark_us % TIME_SECOND_US);
  }
  if (totals.share >= 0) buf_printf(&line, ", %.0f %%", 100 * totals.share);
  fwrite(line.data, 1, line.len, progress->to);
  fflush(progress->to);
  buf_fini(&line);
  progress->drawn = true;
  progress->last_records = totals.records;
  progress->last_us = now_us;
}

int64_t progress_turn(struct progress *progress, const struct supervisor *supervisor,
                      int64_t wait_us) {
  if (progress == NULL || !progress->shown) return wait_us;
  int64_t now_us = clock_mono_us(progress->clock);
  if (now_us >= progress->next_us) {
    draw(progress, supervisor, now_us);
    progress->next_us = now_us + EVERY_US;
  }
  int64_t left_us = progress->next_us - now_us;
  return wait_us < 0 || wait_us > left_us ? left_us : wait_us;
}

void progress_summary(const struct graph *graph, const struct engine *engine,
                      const struct diag *diag) {
  static const char *const counter_names[TRANSFORM_COUNTERS] = {"late", "duplicates", "dropped"};
  static const char *const kinds[] = {[STAGE_SOURCE] = "source",
                                      [STAGE_STATELESS] = "transform",
                                      [STAGE_KEYED] = "transform",
                                      [STAGE_SINK] = "sink"};
  const char *name = graph->pipeline->settings.name;
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    if (stage->kind == STAGE_MERGE || stage->kind == STAGE_ERRORS) continue;
    const struct stage_figures *figures = engine_stage_figures(engine, stage->index);
    struct buf text;
    buf_init(&text);
    buf_printf(&text, "%" PRIu64 " in, %" PRIu64 " out", figures->records_in, figures->records_out);
    for (int c = 0; c < TRANSFORM_COUNTERS; c++) {
      if (figures->counters[c] > 0) {
        buf_printf(&text, ", %" PRIu64 " %s", figures->counters[c], counter_names[c]);
      }
    }
    if (figures->errors > 0) buf_printf(&text, ", %" PRIu64 " errors", figures->errors);
    struct diag_where where = {name, kinds[stage->kind], stage->name};
    diag_say(diag, MESSAGE_COMPONENT_TOTAL, &where, "%s", buf_cstr(&text));
    buf_fini(&text);
  }
  struct engine_figures figures;
  engine_figures(engine, &figures);
  if (figures.snapshot_pause_us_max > 0) {
    struct diag_where where = {name, NULL, NULL};
    diag_say(diag, MESSAGE_SNAPSHOT_PAUSE, &where, "longest pause for a snapshot: %.1f ms",
             (double)figures.snapshot_pause_us_max / 1e3);
  }
}
