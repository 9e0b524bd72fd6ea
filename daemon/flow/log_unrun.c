/* log_unrun: see log_unrun.h. The epoch (u64), then of sources and of sinks their number (u64) and
 * names, in their order. */
#include "daemon/flow/log_unrun.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static const enum stage_kind kinds[] = {STAGE_SOURCE, STAGE_SINK};

static const char *name_of(const struct graph *graph, enum stage_kind kind, uint32_t number) {
  size_t i = 0;
  while (graph->stages[i]->kind != kind || graph->stages[i]->kind_index != number) i++;
  return graph->stages[i]->name;
}

void log_unrun_put(struct buf *buf, uint64_t from_epoch, const struct graph *graph) {
  field_put_u64(buf, from_epoch);
  for (int k = 0; k < 2; k++) {
    field_put_u64(buf, graph->n_kind[kinds[k]]);
    for (uint32_t number = 0; number < graph->n_kind[kinds[k]]; number++)
      field_put_bytes(buf, slice_of(name_of(graph, kinds[k], number)));
  }
}

static uint32_t number_of(const struct graph *graph, enum stage_kind kind, struct slice name) {
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    if (stage->kind == kind && slice_is(name, stage->name)) return stage->kind_index;
  }
  return UNRUN_GONE;
}

int log_unrun_get(struct slice body, const struct graph *graph, struct log_unrun *unrun) {
  size_t at = 0;
  *unrun = (struct log_unrun){0};
  int result = field_get_u64(body, &at, &unrun->from_epoch);
  for (int k = 0; k < 2 && result == 0; k++) {
    uint64_t n = 0;
    result = field_get_u64(body, &at, &n) != 0 || n > body.len ? -1 : 0;
    if (result != 0) break;
    uint32_t *numbers = mem_zalloc((size_t)(n + 1) * sizeof *numbers);
    *(k == 0 ? &unrun->sources : &unrun->sinks) = numbers;
    *(k == 0 ? &unrun->n_sources : &unrun->n_sinks) = (size_t)n;
    for (uint64_t i = 0; i < n && result == 0; i++) {
      struct slice name;
      result = field_get_bytes(body, &at, &name);
      if (result == 0) numbers[i] = number_of(graph, kinds[k], name);
    }
  }
  if (result == 0 && at == body.len) return 0;
  log_unrun_fini(unrun);
  return -1;
}

void log_unrun_fini(struct log_unrun *unrun) {
  free(unrun->sources);
  free(unrun->sinks);
  *unrun = (struct log_unrun){0};
}

static uint32_t mapped(const uint32_t *numbers, size_t n, uint32_t number) {
  return number < n ? numbers[number] : UNRUN_GONE;
}

int log_unrun_map(const struct log_unrun *unrun, struct log_epoch *epoch, struct err *err) {
  bool gone = false;
#define MAP(list, n_list)                                                                          \
  for (size_t i = 0; i < epoch->n_list; i++) {                                                     \
    epoch->list[i].source = mapped(unrun->sources, unrun->n_sources, epoch->list[i].source);       \
    gone |= epoch->list[i].source == UNRUN_GONE;                                                   \
  }
  MAP(new_partitions, n_new)
  MAP(inputs, n_inputs)
  MAP(partition_ends, n_partition_ends)
  MAP(notes, n_notes)
#undef MAP
  for (size_t i = 0; i < epoch->n_source_ends; i++) {
    epoch->source_ends[i] = mapped(unrun->sources, unrun->n_sources, epoch->source_ends[i]);
    gone |= epoch->source_ends[i] == UNRUN_GONE;
  }
  for (size_t i = 0; i < epoch->n_rejects; i++) {
    epoch->rejects[i].sink = mapped(unrun->sinks, unrun->n_sinks, epoch->rejects[i].sink);
    gone |= epoch->rejects[i].sink == UNRUN_GONE;
  }
  if (!gone) return 0;
  return err_set(err, ERR_CONFIG,
                 "epoch %" PRIu64 " was taken when a record stopped the pipeline and had no effect "
                 "yet, and it has something of a source or a sink that is in the configuration no "
                 "more: put that back until the pipeline has run once",
                 epoch->number);
}
