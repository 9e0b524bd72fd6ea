/* run_chain: one view of a head through everything that follows it without a barrier. */
#include "daemon/flow/run.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

void chain_prepare(struct runner *runner, const struct port *port, size_t n_tasks) {
  struct arena *arena = &runner->arena;
  for (size_t i = 0; i < port->n_chain; i++) {
    const struct stage *stage = port->chain[i];
    struct stage_run *run = run_of(runner, stage);
    run->n_tasks = n_tasks;
    run->errors = arena_zalloc(arena, n_tasks * sizeof *run->errors);
    run->batches = arena_zalloc(arena, n_tasks * sizeof *run->batches);
    run->out = arena_zalloc(arena, stage->n_ports * sizeof *run->out);
    switch (stage->kind) {
    case STAGE_STATELESS:
      for (size_t p = 0; p < stage->n_ports; p++) {
        run->out[p] = arena_zalloc(arena, n_tasks * sizeof **run->out);
      }
      break;
    case STAGE_KEYED: run->keyed = arena_zalloc(arena, n_tasks * sizeof *run->keyed); break;
    case STAGE_SINK: run->parts = arena_zalloc(arena, n_tasks * sizeof *run->parts); break;
    case STAGE_SOURCE:
    case STAGE_MERGE:
    case STAGE_ERRORS: break; /* heads are in no chain */
    }
  }
}

static void count(struct stage_figures *figures, uint64_t in, uint64_t out) {
  atomic_fetch_add_explicit(&figures->records_in, in, memory_order_relaxed);
  atomic_fetch_add_explicit(&figures->records_out, out, memory_order_relaxed);
}

static void stateless_task(const struct stage *stage, struct stage_run *run,
                           const struct expr_run *expr_run, size_t task, struct view in) {
  struct view *out = arena_alloc(&in.batch->arena, stage->n_ports * sizeof *out);
  uint64_t counters[TRANSFORM_COUNTERS] = {0};
  for (size_t p = 0; p < stage->n_ports; p++) out[p] = (struct view){.batch = in.batch};
  struct apply apply = {.run = *expr_run, .in = in, .out = out, .counters = counters};
  stage->transform->apply(stage->component->instance, &apply);
  row_errors_sort(&apply.errors);
  uint64_t n_out = 0;
  for (size_t p = 0; p < stage->n_ports; p++) {
    run->out[p][task] = view_without(out[p], &apply.errors);
    n_out += run->out[p][task].n;
    atomic_fetch_add_explicit(&run->figures.ports[p], run->out[p][task].n, memory_order_relaxed);
  }
  run->errors[task] = apply.errors;
  for (int c = 0; c < TRANSFORM_COUNTERS; c++) {
    if (counters[c] > 0) atomic_fetch_add(&run->figures.counters[c], counters[c]);
  }
  count(&run->figures, in.n, n_out);
}

static void keyed_task(const struct stage *stage, struct stage_run *run,
                       const struct expr_run *expr_run, size_t task, struct view in) {
  struct keyed_view *keyed = &run->keyed[task];
  keyed->view = in;
  keyed->hashes = arena_alloc(&in.batch->arena, (in.batch->n_rows + 1) * sizeof *keyed->hashes);
  stage->transform->prepare(stage->component->instance, expr_run, keyed);
  row_errors_sort(&keyed->errors);
  keyed->view = view_without(keyed->view, &keyed->errors);
  count(&run->figures, in.n, 0);
}

static void sink_task(const struct stage *stage, struct stage_run *run,
                      const struct expr_run *expr_run, size_t task, struct view in) {
  if (in.n == 0) return;
  struct sink_part *part = &run->parts[task];
  struct sink_common *common = stage->component->common;
  struct sink_ctx ctx = {.common = common, .codec = stage->codec};
  stage->sink->encode(stage->component->instance, &ctx, expr_run, stage->input_schema, &in, part);
  row_errors_sort(&part->errors);
  run->errors[task] = part->errors;
  if (part->n_pieces == 0 && in.n > part->errors.n) { /* one place only: all of it is one piece */
    array_grow((void **)&part->pieces, &part->cap_pieces, 0, sizeof *part->pieces);
    part->pieces[part->n_pieces++] = (struct sink_piece){
        .len = (uint32_t)part->bytes.len, .n_records = in.n - (uint32_t)part->errors.n};
  }
  if (in.batch->time_us != NULL) part->newest_us = in.batch->time_us[view_row(&in, in.n - 1)];
  count(&run->figures, in.n, in.n - part->errors.n);
}

void chain_task(struct runner *runner, const struct stage *head, uint32_t port, size_t task,
                struct view view) {
  struct expr_run expr_run = {.clock_us = runner->epoch->clock_us};
  const struct port *from = &head->ports[port];
  for (size_t i = 0; i < from->n_chain; i++) {
    const struct stage *stage = from->chain[i];
    struct stage_run *run = run_of(runner, stage);
    const struct stage_input *input = &stage->inputs[0];
    struct view in =
        input->stage == head ? view : run_of(runner, input->stage)->out[input->port][task];
    run->batches[task] = view.batch;
    if (stage->kind == STAGE_STATELESS) stateless_task(stage, run, &expr_run, task, in);
    if (stage->kind == STAGE_KEYED) keyed_task(stage, run, &expr_run, task, in);
    if (stage->kind == STAGE_SINK) sink_task(stage, run, &expr_run, task, in);
  }
}

struct chain_work {
  struct runner *runner;
  const struct stage *head;
  uint32_t port;
  const struct view_list *views;
};

static void chain_part(void *arg, size_t part, uint32_t worker) {
  (void)worker;
  struct chain_work *work = arg;
  chain_task(work->runner, work->head, work->port, part, work->views->list[part]);
}

void run_chains(struct runner *runner, const struct stage *head) {
  struct stage_run *run = run_of(runner, head);
  for (uint32_t p = 0; p < head->n_ports; p++) {
    if (head->ports[p].n_chain == 0) continue;
    struct chain_work work = {runner, head, p, &run->heads[p]};
    chain_prepare(runner, &head->ports[p], work.views->n);
    pool_run(runner->pool, work.views->n, chain_part, &work);
  }
}
