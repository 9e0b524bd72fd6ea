/* run_figures: what a stage shows of itself: see figures.h. */
#include "daemon/flow/run.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

static const char *const codes[RECORD_ERRORS + 1] = {
#define RECORD_ERROR(code, text) code,
#include "daemon/flow/record_errors.def"
#undef RECORD_ERROR
    "other",
};

const char *record_error_code(uint32_t number) {
  return codes[number];
}

uint32_t record_error_number(const char *code) {
  uint32_t number = 0;
  while (number < RECORD_ERRORS && strcmp(codes[number], code) != 0) number++;
  return number;
}

void run_figures_init(struct stage_run *run) {
  struct stage_figures *figures = &run->figures;
  figures->watermark_us = TIME_MIN_US;
  figures->ports = mem_zalloc((run->stage->n_ports + 1) * sizeof *figures->ports);
  if (run->stage->kind != STAGE_SOURCE) return;
  figures->source = mem_zalloc(sizeof *figures->source);
  figures->source->least = -1;
}

void run_figures_fini(struct stage_run *run) {
  free(run->figures.ports);
  free(run->figures.source);
}

/* The same code mostly comes many times, from the same place. */
void run_figures_errors(struct stage_figures *figures, const struct row_errors *errors) {
  for (size_t i = 0; i < errors->n;) {
    const char *code = errors->list[i].code;
    size_t same = i + 1;
    while (same < errors->n && errors->list[same].code == code) same++;
    atomic_fetch_add_explicit(&figures->codes[record_error_number(code)], same - i,
                              memory_order_relaxed);
    i = same;
  }
}

void run_figures_partitions(struct stage_run *run) {
  struct source_figures *figures = run->figures.source;
  const struct source_time *time = &run->time;
  for (size_t i = 0; i < time->n_partitions && i < FIGURES_PARTITIONS; i++) {
    const struct partition_time *partition = &time->partitions[i];
    if (!partition->known) continue;
    atomic_store_explicit(&figures->watermark_us[i], partition->watermark_us, memory_order_relaxed);
    atomic_store_explicit(&figures->state[i], (int)partition->state, memory_order_relaxed);
  }
  for (int s = 0; s < PARTITION_STATES; s++)
    atomic_store_explicit(&figures->partitions[s], time->n_of[s], memory_order_relaxed);
  atomic_store_explicit(&figures->least, source_time_least(time), memory_order_relaxed);
}

void run_figures_keys(struct stage_run *run) {
  const struct transform_plugin *transform = run->stage->transform;
  if (transform->state_keys == NULL) return;
  atomic_store_explicit(&run->figures.keys, transform->state_keys(run->stage->component->instance),
                        memory_order_relaxed);
}
