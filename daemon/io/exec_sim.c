/* exec_sim: see exec_sim.h.
 *
 * The oldest job of an exec is due some drawn time after it became the oldest, so that jobs, timers
 * and other execs overtake one another as they do with threads. A frozen runs at once: what it
 * would read is as it is now, and the disk of the moment when it is done is one that a fast copy
 * could have made. */
#include "daemon/io/exec_sim.h"

#include "daemon/base/mem.h"
#include "daemon/io/fifo.h"
#include "daemon/io/loop_sim.h"
#include "daemon/io/usage.h"

#include <stdbool.h>
#include <stdlib.h>

enum { JOB_US_MAX = 2000 };

struct sim_threads {
  struct threads threads;
  struct random random;
};

struct sim_exec {
  struct exec exec;
  struct loop *loop;
  struct sim_source source;
  struct fifo jobs; /* two calls each: run, and done (which may be NULL) */
  struct fifo answers;
};

struct sim_frozen {
  struct frozen frozen;
  int result;
  struct err err;
};

static struct random *random_of(struct threads *threads) {
  return &((struct sim_threads *)threads)->random;
}

/* Half of the jobs are done in no time. */
static void set_due(struct sim_exec *exec) {
  exec->source.due_us = SIM_NEVER;
  if (exec->jobs.n == 0) return;
  struct random *random = random_of(exec->exec.threads);
  uint64_t takes_us = random_below(random, 2) == 0 ? 0 : random_below(random, JOB_US_MAX + 1);
  exec->source.due_us = sim_now_us(exec->loop) + (int64_t)takes_us;
}

static void answer(void *arg) {
  struct sim_exec *exec = arg;
  struct fifo_call done = fifo_pop(&exec->answers);
  done.fn(done.arg); /* may free exec */
}

static void run_job(struct sim_source *source) {
  struct sim_exec *exec = (struct sim_exec *)((char *)source - offsetof(struct sim_exec, source));
  struct fifo_call run = fifo_pop(&exec->jobs), done = fifo_pop(&exec->jobs);
  exec->source.due_us = SIM_NEVER;
  run.fn(run.arg);
  if (done.fn != NULL) {
    fifo_push(&exec->answers, done);
    loop_post(exec->loop, answer, exec);
  }
  set_due(exec);
}

static struct exec *sim_exec_new(struct threads *threads, struct loop *loop, const char *name) {
  (void)name;
  struct sim_exec *exec = mem_zalloc(sizeof *exec);
  exec->exec.threads = threads;
  exec->loop = loop;
  exec->source.run = run_job;
  sim_source_add(loop, &exec->source);
  return &exec->exec;
}

static void sim_exec_submit(struct exec *base, struct exec_job job) {
  struct sim_exec *exec = (struct sim_exec *)base;
  fifo_push(&exec->jobs, (struct fifo_call){job.run, job.arg});
  fifo_push(&exec->jobs, (struct fifo_call){job.done, job.arg});
  if (exec->jobs.n == 2) set_due(exec);
}

static void sim_exec_free(struct exec *base) {
  struct sim_exec *exec = (struct sim_exec *)base;
  while (exec->jobs.n > 0) run_job(&exec->source);
  loop_unpost(exec->loop, answer, exec);
  sim_source_remove(exec->loop, &exec->source);
  fifo_fini(&exec->jobs);
  fifo_fini(&exec->answers);
  free(exec);
}

static struct pool *sim_pool_new(struct threads *threads, uint32_t n_workers) {
  struct pool *pool = mem_zalloc(sizeof *pool);
  pool->threads = threads;
  pool->n_workers = n_workers > 0 ? n_workers : 1;
  return pool;
}

/* One worker takes the parts in order, as the real one does; more of them in any. */
static void sim_pool_run(struct pool *pool, size_t n_parts,
                         void (*fn)(void *arg, size_t part, uint32_t worker), void *arg) {
  if (pool->n_workers == 1) {
    for (size_t part = 0; part < n_parts; part++) fn(arg, part, 0);
    return;
  }
  struct random *random = random_of(pool->threads);
  size_t *order = mem_alloc(n_parts * sizeof *order);
  for (size_t i = 0; i < n_parts; i++) {
    size_t j = (size_t)random_below(random, i + 1);
    order[i] = order[j];
    order[j] = i;
  }
  for (size_t i = 0; i < n_parts; i++)
    fn(arg, order[i], (uint32_t)random_below(random, pool->n_workers));
  free(order);
}

static void sim_pool_free(struct pool *pool) {
  free(pool);
}

static int sim_frozen_start(struct threads *threads, int (*fn)(void *arg, struct err *err),
                            void *arg, struct frozen **out, struct err *err) {
  (void)err;
  struct sim_frozen *frozen = mem_zalloc(sizeof *frozen);
  frozen->frozen.threads = threads;
  frozen->result = fn(arg, &frozen->err);
  *out = &frozen->frozen;
  return 0;
}

static int sim_frozen_wait(struct frozen *base, struct err *err) {
  struct sim_frozen *frozen = (struct sim_frozen *)base;
  int result = frozen->result == 0 ? 0 : -1;
  if (result != 0 && err != NULL) *err = frozen->err;
  free(frozen);
  return result;
}

static uint32_t sim_cores(struct threads *threads) {
  (void)threads;
  return 1;
}

static void sim_usage(struct threads *threads, struct usage *usage) {
  (void)threads;
  *usage = (struct usage){0};
}

static void sim_free(struct threads *threads) {
  free(threads);
}

static const struct threads_ops sim_ops = {
    .exec_new = sim_exec_new,
    .exec_submit = sim_exec_submit,
    .exec_free = sim_exec_free,
    .pool_new = sim_pool_new,
    .pool_run = sim_pool_run,
    .pool_free = sim_pool_free,
    .frozen_start = sim_frozen_start,
    .frozen_wait = sim_frozen_wait,
    .cores = sim_cores,
    .usage = sim_usage,
    .free = sim_free,
};

struct threads *threads_sim_new(uint64_t seed) {
  struct sim_threads *sim = mem_zalloc(sizeof *sim);
  sim->threads.ops = &sim_ops;
  random_seed(&sim->random, seed);
  return &sim->threads;
}
