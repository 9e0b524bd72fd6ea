/* thread: what the real exec and pool share, and the real frozen needs to make its answers. */
#ifndef TIDEMARK_IO_THREAD_H
#define TIDEMARK_IO_THREAD_H

#include "daemon/io/exec.h"

#include <pthread.h>
#include <signal.h>

/* Starts a thread that gets no signals but those of its own faults. Aborts when the system has no
 * room for one, as mem.h does for memory: nothing could go on without it. */
void thread_start(pthread_t *thread, const char *name, void *(*fn)(void *arg), void *arg);

/* All signals but those of a fault, for pthread_sigmask(). */
void thread_signals(sigset_t *set);

struct pool *pool_real_new(struct threads *threads, uint32_t n_workers);
void pool_real_run(struct pool *pool, size_t n_parts,
                   void (*fn)(void *arg, size_t part, uint32_t worker), void *arg);
void pool_real_free(struct pool *pool);

int frozen_real_start(struct threads *threads, int (*fn)(void *arg, struct err *err), void *arg,
                      struct frozen **frozen, struct err *err);
int frozen_real_wait(struct frozen *frozen, struct err *err);

#endif
