/* pool_real: workers that share the parts of one piece of work.
 *
 * A run is published in `state`, one word of
 *
 *     generation << 32 | open << 31 | number of threads inside
 *
 * and the parts are handed out by a counter. A thread enters by adding one to `state` while it is
 * open and of a generation it has not seen, takes parts until there are none, and leaves. The
 * caller takes parts too; when there are none left it closes the run and waits for those inside.
 * So a thread that the system is slow to wake costs nothing: it finds the run closed.
 *
 * fn, arg, n_parts and next change only while the run is closed and nobody is inside. Threads spin
 * for some microseconds, since one run is often followed by the next, and then sleep on a
 * condition: an idle daemon uses no CPU. A sleeper looks at `state` under the mutex before it
 * sleeps, and whoever changes it in a way that a sleeper waits for takes the mutex, so no change is
 * missed. */
#include "daemon/base/mem.h"
#include "daemon/io/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SPINS = 500, CACHE_LINE_BYTES = 64 };

#define POOL_OPEN ((uint64_t)1 << 31)
#define POOL_INSIDE (POOL_OPEN - 1)

struct real_pool {
  struct pool pool;
  struct pool_thread *threads; /* n_workers - 1 */
  uint32_t n_spins;
  void (*fn)(void *arg, size_t part, uint32_t worker);
  void *arg;
  size_t n_parts;
  pthread_mutex_t mutex;
  pthread_cond_t opened; /* threads wait for a new generation */
  pthread_cond_t left;   /* the caller waits for the last thread inside */
  atomic_bool stopping;
  char apart_1[CACHE_LINE_BYTES];
  _Atomic uint64_t state;
  char apart_2[CACHE_LINE_BYTES];
  atomic_size_t next;
};

struct pool_thread {
  struct real_pool *pool;
  uint32_t worker; /* 1 <= worker < n_workers; the caller is 0 */
  pthread_t thread;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void take_parts(struct real_pool *pool, uint32_t worker) {
  for (;;) {
    size_t part = atomic_fetch_add(&pool->next, 1);
    if (part >= pool->n_parts) return;
    pool->fn(pool->arg, part, worker);
  }
}

static bool is_new(uint64_t state, uint32_t seen) {
  return (state & POOL_OPEN) != 0 && (uint32_t)(state >> 32) != seen;
}

/* Waits until a run not seen is open (true) or the pool ends (false). */
static bool wait_for_run(struct real_pool *pool, uint32_t seen) {
  for (uint32_t i = 0; i < pool->n_spins; i++) {
    if (is_new(atomic_load(&pool->state), seen)) return true;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  while (!is_new(atomic_load(&pool->state), seen) && !atomic_load(&pool->stopping))
    pthread_cond_wait(&pool->opened, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
  return !atomic_load(&pool->stopping);
}

static void leave(struct real_pool *pool) {
  uint64_t state = atomic_fetch_sub(&pool->state, 1) - 1;
  if ((state & POOL_OPEN) != 0 || (state & POOL_INSIDE) != 0) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_signal(&pool->left);
  pthread_mutex_unlock(&pool->mutex);
}

static void *pool_main(void *arg) {
  struct pool_thread *thread = arg;
  struct real_pool *pool = thread->pool;
  uint32_t seen = 0;
  while (wait_for_run(pool, seen)) {
    uint64_t state = atomic_load(&pool->state);
    if (!is_new(state, seen) || !atomic_compare_exchange_strong(&pool->state, &state, state + 1))
      continue;
    seen = (uint32_t)(state >> 32);
    take_parts(pool, thread->worker);
    leave(pool);
  }
  return NULL;
}

struct pool *pool_real_new(struct threads *threads, uint32_t n_workers) {
  struct real_pool *pool = mem_zalloc(sizeof *pool);
  pool->pool.threads = threads;
  pool->pool.n_workers = n_workers > 0 ? n_workers : 1;
  pool->n_spins = pool->pool.n_workers <= threads_cores(threads) ? SPINS : 0;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->opened, NULL);
  pthread_cond_init(&pool->left, NULL);
  pool->threads = mem_zalloc(pool->pool.n_workers * sizeof *pool->threads);
  for (uint32_t i = 1; i < pool->pool.n_workers; i++) {
    struct pool_thread *thread = &pool->threads[i - 1];
    thread->pool = pool;
    thread->worker = i;
    thread_start(&thread->thread, "worker", pool_main, thread);
  }
  return &pool->pool;
}

/* Waits until nobody is inside the closed run. */
static void wait_until_left(struct real_pool *pool) {
  for (uint32_t i = 0; i < pool->n_spins; i++) {
    if ((atomic_load(&pool->state) & POOL_INSIDE) == 0) return;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  while ((atomic_load(&pool->state) & POOL_INSIDE) != 0)
    pthread_cond_wait(&pool->left, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
}

void pool_real_run(struct pool *base, size_t n_parts,
                   void (*fn)(void *arg, size_t part, uint32_t worker), void *arg) {
  struct real_pool *pool = (struct real_pool *)base;
  if (base->n_workers == 1 || n_parts <= 1) {
    for (size_t part = 0; part < n_parts; part++) fn(arg, part, 0);
    return;
  }
  pool->fn = fn;
  pool->arg = arg;
  pool->n_parts = n_parts;
  atomic_store(&pool->next, 0);
  /* Generation 0 is what a thread that has seen none compares with. */
  uint32_t generation = (uint32_t)(atomic_load(&pool->state) >> 32) + 1;
  if (generation == 0) generation = 1;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->state, (uint64_t)generation << 32 | POOL_OPEN);
  pthread_cond_broadcast(&pool->opened);
  pthread_mutex_unlock(&pool->mutex);
  take_parts(pool, 0);
  atomic_fetch_and(&pool->state, ~POOL_OPEN);
  wait_until_left(pool);
}

void pool_real_free(struct pool *base) {
  struct real_pool *pool = (struct real_pool *)base;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->stopping, true);
  pthread_cond_broadcast(&pool->opened);
  pthread_mutex_unlock(&pool->mutex);
  for (uint32_t i = 1; i < base->n_workers; i++) pthread_join(pool->threads[i - 1].thread, NULL);
  pthread_cond_destroy(&pool->opened);
  pthread_cond_destroy(&pool->left);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->threads);
  free(pool);
}
