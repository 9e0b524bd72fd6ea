/* exec_real: a thread that takes jobs from a queue, and the threads in general.
 *
 * The answer to a job goes through two queues: exec.answers holds what is to be called, and a post
 * on the loop for each says that one is due. Freeing the exec takes back the posts, so no answer
 * comes after it, also when an answer itself frees the exec. */
#include "daemon/base/mem.h"
#include "daemon/io/fifo.h"
#include "daemon/io/thread.h"
#include "daemon/io/usage.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct real_exec {
  struct exec exec;
  struct loop *loop;
  pthread_t thread;
  pthread_mutex_t mutex; /* of all below */
  pthread_cond_t changed;
  bool closing;
  struct fifo jobs; /* two calls each: run, and done (which may be NULL) */
  struct fifo answers;
};

void thread_signals(sigset_t *set) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  sigfillset(set);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(set, faults[i]);
}

void thread_start(pthread_t *thread, const char *name, void *(*fn)(void *arg), void *arg) {
  sigset_t blocked, old;
  thread_signals(&blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, &old);
  int errnum = pthread_create(thread, NULL, fn, arg);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (errnum != 0) {
    fprintf(stderr, "tidemark: the system refused a thread: %s\n", strerror(errnum));
    abort();
  }
  pthread_setname_np(*thread, name);
}

static void answer(void *arg) {
  struct real_exec *exec = arg;
  pthread_mutex_lock(&exec->mutex);
  struct fifo_call done = fifo_pop(&exec->answers);
  pthread_mutex_unlock(&exec->mutex);
  done.fn(done.arg); /* may free exec */
}

static void *exec_main(void *arg) {
  struct real_exec *exec = arg;
  pthread_mutex_lock(&exec->mutex);
  for (;;) {
    while (exec->jobs.n == 0 && !exec->closing) pthread_cond_wait(&exec->changed, &exec->mutex);
    if (exec->jobs.n == 0) break;
    struct fifo_call run = fifo_pop(&exec->jobs), done = fifo_pop(&exec->jobs);
    pthread_mutex_unlock(&exec->mutex);
    run.fn(run.arg);
    pthread_mutex_lock(&exec->mutex);
    if (done.fn == NULL || exec->closing) continue;
    fifo_push(&exec->answers, done);
    loop_post(exec->loop, answer, exec);
  }
  pthread_mutex_unlock(&exec->mutex);
  return NULL;
}

static struct exec *real_exec_new(struct threads *threads, struct loop *loop, const char *name) {
  struct real_exec *exec = mem_zalloc(sizeof *exec);
  exec->exec.threads = threads;
  exec->loop = loop;
  pthread_mutex_init(&exec->mutex, NULL);
  pthread_cond_init(&exec->changed, NULL);
  thread_start(&exec->thread, name, exec_main, exec);
  return &exec->exec;
}

static void real_exec_submit(struct exec *base, struct exec_job job) {
  struct real_exec *exec = (struct real_exec *)base;
  pthread_mutex_lock(&exec->mutex);
  fifo_push(&exec->jobs, (struct fifo_call){job.run, job.arg});
  fifo_push(&exec->jobs, (struct fifo_call){job.done, job.arg});
  pthread_cond_signal(&exec->changed);
  pthread_mutex_unlock(&exec->mutex);
}

static void real_exec_free(struct exec *base) {
  struct real_exec *exec = (struct real_exec *)base;
  pthread_mutex_lock(&exec->mutex);
  exec->closing = true;
  pthread_cond_signal(&exec->changed);
  pthread_mutex_unlock(&exec->mutex);
  pthread_join(exec->thread, NULL);
  loop_unpost(exec->loop, answer, exec);
  fifo_fini(&exec->jobs);
  fifo_fini(&exec->answers);
  pthread_cond_destroy(&exec->changed);
  pthread_mutex_destroy(&exec->mutex);
  free(exec);
}

static uint32_t real_cores(struct threads *threads) {
  (void)threads;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int n = CPU_COUNT(&set);
  return n > 0 ? (uint32_t)n : 1;
}

static void real_usage(struct threads *threads, struct usage *usage) {
  (void)threads;
  usage_real_read(usage);
}

static void real_free(struct threads *threads) {
  free(threads);
}

static const struct threads_ops real_ops = {
    .exec_new = real_exec_new,
    .exec_submit = real_exec_submit,
    .exec_free = real_exec_free,
    .pool_new = pool_real_new,
    .pool_run = pool_real_run,
    .pool_free = pool_real_free,
    .frozen_start = frozen_real_start,
    .frozen_wait = frozen_real_wait,
    .cores = real_cores,
    .usage = real_usage,
    .free = real_free,
};

struct threads *threads_real_new(void) {
  struct threads *threads = mem_zalloc(sizeof *threads);
  threads->ops = &real_ops;
  return threads;
}
