/* exec: the calls of exec.h, handed to the implementation. */
#include "daemon/io/exec.h"

#include "daemon/io/usage.h"

struct exec *exec_new(struct threads *threads, struct loop *loop, const char *name) {
  return threads->ops->exec_new(threads, loop, name);
}

void exec_submit(struct exec *exec, struct exec_job job) {
  exec->threads->ops->exec_submit(exec, job);
}

void exec_free(struct exec *exec) {
  if (exec != NULL) exec->threads->ops->exec_free(exec);
}

struct pool *pool_new(struct threads *threads, uint32_t n_workers) {
  return threads->ops->pool_new(threads, n_workers);
}

uint32_t pool_workers(const struct pool *pool) {
  return pool->n_workers;
}

void pool_run(struct pool *pool, size_t n_parts,
              void (*fn)(void *arg, size_t part, uint32_t worker), void *arg) {
  pool->threads->ops->pool_run(pool, n_parts, fn, arg);
}

void pool_free(struct pool *pool) {
  if (pool != NULL) pool->threads->ops->pool_free(pool);
}

int frozen_start(struct threads *threads, int (*fn)(void *arg, struct err *err), void *arg,
                 struct frozen **frozen, struct err *err) {
  return threads->ops->frozen_start(threads, fn, arg, frozen, err);
}

int frozen_wait(struct frozen *frozen, struct err *err) {
  return frozen->threads->ops->frozen_wait(frozen, err);
}

uint32_t threads_cores(struct threads *threads) {
  return threads->ops->cores(threads);
}

void threads_free(struct threads *threads) {
  if (threads != NULL) threads->ops->free(threads);
}

void usage_read(struct threads *threads, struct usage *usage) {
  threads->ops->usage(threads, usage);
}
