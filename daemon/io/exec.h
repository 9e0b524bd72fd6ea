/* exec: work beside the loop. Three shapes, each real (threads, processes) and simulated (run by
 * the loop in an order drawn from the seed, so that a run repeats):
 *
 *   exec    one thread that runs jobs in the order given; each answer comes back on the loop
 *   pool    n threads that share the parts of one piece of work; the caller waits
 *   frozen  a copy of the process as it is now (fork) that writes something down while the
 *           original goes on: snapshots */
#ifndef TIDEMARK_IO_EXEC_H
#define TIDEMARK_IO_EXEC_H

#include "daemon/base/err.h"
#include "daemon/io/loop.h"

#include <stddef.h>
#include <stdint.h>

struct usage;   /* usage.h */
struct threads; /* makes the three; real or simulated */
struct exec;
struct pool;
struct frozen;

struct exec_job {
  void (*run)(void *arg);  /* on the thread */
  void (*done)(void *arg); /* on the loop, in loop_wait(); may be NULL */
  void *arg;
};

/* name: at most 15 bytes, seen in ps and perf. */
struct exec *exec_new(struct threads *threads, struct loop *loop, const char *name);
/* The job is copied. Jobs run in the order submitted; any thread may submit. */
void exec_submit(struct exec *exec, struct exec_job job);
/* Waits for all jobs to have run. Answers not yet given on the loop are dropped. NULL is fine. */
void exec_free(struct exec *exec);

/* A pool with n_workers in all: n_workers - 1 threads and the caller of pool_run(). */
struct pool *pool_new(struct threads *threads, uint32_t n_workers);
uint32_t pool_workers(const struct pool *pool);
/* Calls fn(arg, part, worker) for each part 0 <= part < n_parts, on any worker 0 <= worker <
 * pool_workers(), each part once; returns when all are done. One caller at a time. */
void pool_run(struct pool *pool, size_t n_parts,
              void (*fn)(void *arg, size_t part, uint32_t worker), void *arg);
void pool_free(struct pool *pool); /* NULL is fine */

/* Runs fn(arg, err) in a copy of this process as it is at this moment; changes fn makes to memory
 * are not seen here, what it does to disk is. fn must not use the loop, exec or pool. The caller
 * sees to it that no other thread is changing what fn reads, and the calling thread lives at least
 * as long as the copy: the system kills the copy with it, so that none outlives the program. */
int frozen_start(struct threads *threads, int (*fn)(void *arg, struct err *err), void *arg,
                 struct frozen **frozen, struct err *err);
/* Waits for it, on an exec thread, and frees it: fn's result and err. A copy that was killed is an
 * error too. */
int frozen_wait(struct frozen *frozen, struct err *err);

struct threads_ops {
  struct exec *(*exec_new)(struct threads *, struct loop *, const char *);
  void (*exec_submit)(struct exec *, struct exec_job);
  void (*exec_free)(struct exec *);
  struct pool *(*pool_new)(struct threads *, uint32_t);
  void (*pool_run)(struct pool *, size_t, void (*)(void *, size_t, uint32_t), void *);
  void (*pool_free)(struct pool *);
  int (*frozen_start)(struct threads *, int (*)(void *, struct err *), void *, struct frozen **,
                      struct err *);
  int (*frozen_wait)(struct frozen *, struct err *);
  uint32_t (*cores)(struct threads *);
  void (*usage)(struct threads *, struct usage *);
  void (*free)(struct threads *);
};
struct threads {
  const struct threads_ops *ops;
};
struct exec {
  struct threads *threads;
};
struct pool {
  struct threads *threads;
  uint32_t n_workers;
};
struct frozen {
  struct threads *threads;
};

struct threads *threads_real_new(void);
/* Cores this process may use (sched_getaffinity); simulated: 1. */
uint32_t threads_cores(struct threads *threads);
void threads_free(struct threads *threads); /* NULL is fine */

#endif
