/* run_keyed: the exchange by key hash and the shards of one keyed stage.
 *
 * Each view's rows are grouped by shard (a counting sort, rows stay in order), shards run on any
 * worker, and finish() joins what they gave. */
#include "daemon/flow/run.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

struct keyed_work {
  struct runner *runner;
  struct stage_run *run;
  struct keyed_run *keyed;
};

static void partition_part(void *arg, size_t part, uint32_t worker) {
  (void)worker;
  struct keyed_work *work = arg;
  struct keyed_view *keyed = &work->keyed->views[part];
  uint32_t n_shards = work->runner->n_shards;
  const struct view *view = &keyed->view;
  struct arena *arena = &view->batch->arena;
  uint32_t *start = arena_zalloc(arena, (n_shards + 1) * sizeof *start);
  keyed->rows = arena_alloc(arena, (view->n + 1) * sizeof *keyed->rows);
  for (uint32_t i = 0; i < view->n; i++) {
    start[hash_shard(keyed->hashes[view_row(view, i)], n_shards)]++;
  }
  uint32_t before = 0;
  for (uint32_t s = 0; s <= n_shards; s++) {
    uint32_t n = start[s];
    start[s] = before;
    before += n;
  }
  uint32_t *next = arena_alloc(arena, n_shards * sizeof *next);
  memcpy(next, start, n_shards * sizeof *next);
  for (uint32_t i = 0; i < view->n; i++) {
    uint32_t row = view_row(view, i);
    keyed->rows[next[hash_shard(keyed->hashes[row], n_shards)]++] = (struct keyed_row){row, i};
  }
  keyed->shard_start = start;
}

static void shard_part(void *arg, size_t part, uint32_t worker) {
  (void)worker;
  struct keyed_work *work = arg;
  const struct stage *stage = work->run->stage;
  stage->transform->run_shard(stage->component->instance, work->keyed, (uint32_t)part);
}

static void error_add(struct keyed_run *keyed, uint32_t shard, struct shard_error error) {
  struct shard_errors *errors = &keyed->engine->run->shard_errors[shard];
  array_grow((void **)&errors->list, &errors->cap, errors->n, sizeof *errors->list);
  errors->list[errors->n++] = error;
}

void keyed_error(struct keyed_run *keyed, uint32_t shard, size_t view, uint32_t row,
                 const char *code, const char *text) {
  error_add(keyed, shard, (struct shard_error){(uint32_t)view, row, code, text, false});
}

void keyed_stop(struct keyed_run *keyed, uint32_t shard, size_t view, uint32_t row,
                const char *code, const char *text) {
  error_add(keyed, shard, (struct shard_error){(uint32_t)view, row, code, text, true});
}

void keyed_count(struct keyed_run *keyed, enum transform_counter counter, uint64_t n) {
  atomic_fetch_add_explicit(&keyed->engine->run->figures.counters[counter], n,
                            memory_order_relaxed);
}

void keyed_emit(struct keyed_run *keyed, size_t port, struct view view) {
  if (view.batch == NULL) return;
  runner_adopt(keyed->engine->runner, view.batch);
  struct view_list *list = &keyed->engine->run->heads[port];
  array_grow((void **)&list->list, &list->cap, list->n, sizeof *list->list);
  list->list[list->n++] = view;
  atomic_fetch_add(&keyed->engine->run->figures.records_out, view.n);
  atomic_fetch_add(&keyed->engine->run->figures.ports[port], view.n);
}

/* What the shards found wrong joins what prepare() did, per view and in order of rows. */
static void errors_collect(struct runner *runner, struct stage_run *run) {
  for (uint32_t s = 0; s < runner->n_shards; s++) {
    struct shard_errors *errors = &run->shard_errors[s];
    for (size_t i = 0; i < errors->n; i++) {
      const struct shard_error *error = &errors->list[i];
      if (error->stop) {
        run_stop(runner, run, run->batches[error->view], error->row, error->code, error->text);
      } else {
        row_errors_add(&run->errors[error->view], error->row, error->code, error->text);
      }
    }
    errors->n = 0;
  }
  for (size_t t = 0; t < run->n_tasks; t++) row_errors_sort(&run->errors[t]);
}

/* Inputs that a reload adds may be behind; what was closed stays closed. */
static const struct watermark_track *floored(struct stage_run *run,
                                             const struct watermark_track *track) {
  if (track->start_us < run->floor_us) {
    watermark_track_next(&run->own_track, run->floor_us);
    for (size_t i = 0; i < track->n_steps; i++)
      watermark_track_add(&run->own_track, track->steps[i].ord, track->steps[i].watermark_us);
    track = &run->own_track;
  }
  run->floor_us = watermark_end(track);
  return track;
}

void run_keyed(struct runner *runner, struct stage_run *run) {
  const struct stage *stage = run->stage;
  const struct stage_input *input = &stage->inputs[0];
  const struct stage *head = input->stage;
  while (head->kind == STAGE_STATELESS) head = head->inputs[0].stage;
  run->track = floored(run, run_of(runner, head)->track);
  struct keyed_epoch engine = {runner, run};
  struct keyed_run keyed = {
      .run = {.clock_us = runner->epoch->clock_us},
      .first_ord = runner->first_ord,
      .last_ord = runner->last_ord,
      .track = run->track,
      .ended = watermark_end(run->track) == TIME_MAX_US,
      .views = run->keyed,
      .n_views = run->n_tasks,
      .n_shards = runner->n_shards,
      .engine = &engine,
  };
  for (size_t t = 0; t < run->n_tasks; t++) {
    run->keyed[t].arrival_base = run->arrivals;
    run->arrivals += run->keyed[t].view.n;
    run->errors[t] = run->keyed[t].errors;
  }
  for (size_t p = 0; p < stage->n_ports; p++) run->heads[p].n = 0;
  struct keyed_work work = {runner, run, &keyed};
  pool_run(runner->pool, run->n_tasks, partition_part, &work);
  pool_run(runner->pool, runner->n_shards, shard_part, &work);
  stage->transform->finish(stage->component->instance, &keyed);
  errors_collect(runner, run);
  run_count_errors(runner, run);
  run_figures_keys(run);
  atomic_store_explicit(&run->figures.watermark_us, watermark_end(run->track),
                        memory_order_relaxed);
}
