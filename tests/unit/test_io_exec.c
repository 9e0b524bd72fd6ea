/* The contract of exec.h, real and simulated. */
#include "tests/unit/io_world.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_JOBS = 100 };

struct jobs {
  int ran[N_JOBS], n_ran; /* on the thread */
  int done[N_JOBS], n_done;
  struct exec *exec;
};
struct job {
  struct jobs *jobs;
  int number;
};

static void nothing(void *arg) {
  (void)arg;
}
static void count(void *arg) {
  ++*(int *)arg;
}

static void job_run(void *arg) {
  struct job *job = arg;
  job->jobs->ran[job->jobs->n_ran++] = job->number;
}
static void job_done(void *arg) {
  struct job *job = arg;
  job->jobs->done[job->jobs->n_done++] = job->number;
}

static void jobs_and_answers_keep_their_order(void **state) {
  struct io_world *w = *state;
  struct jobs jobs = {0};
  struct job list[N_JOBS];
  struct exec *exec = exec_new(w->io.threads, w->io.loop, "jobs");
  for (int i = 0; i < N_JOBS; i++) {
    list[i] = (struct job){&jobs, i};
    exec_submit(exec, (struct exec_job){job_run, i % 10 == 9 ? NULL : job_done, &list[i]});
  }
  assert_int_equal(jobs.n_done, 0);
  io_world_until(w, &jobs.n_done, 90);
  exec_free(exec);
  assert_int_equal(jobs.n_ran, N_JOBS);
  for (int i = 0; i < N_JOBS; i++) assert_int_equal(jobs.ran[i], i);
  for (int i = 0; i < 90; i++) assert_int_equal(jobs.done[i], i / 9 * 10 + i % 9);
}

static void free_runs_all_and_answers_none(void **state) {
  struct io_world *w = *state;
  struct jobs jobs = {0};
  struct job list[N_JOBS];
  struct exec *exec = exec_new(w->io.threads, w->io.loop, "jobs");
  for (int i = 0; i < N_JOBS; i++) {
    list[i] = (struct job){&jobs, i};
    exec_submit(exec, (struct exec_job){job_run, job_done, &list[i]});
  }
  exec_free(exec);
  exec_free(NULL);
  assert_int_equal(jobs.n_ran, N_JOBS);
  for (int i = 0; i < 10; i++) OK(w, loop_wait(w->io.loop, 0, &w->err));
  assert_int_equal(jobs.n_done, 0);
}

static void tell(void *arg) {
  sem_post(arg);
}

/* The second job tells that the first one's answer is posted; freeing must take it back. */
static void free_takes_back_what_is_posted(void **state) {
  struct io_world *w = *state;
  int answered = 0;
  sem_t told;
  sem_init(&told, 0, 0);
  struct exec *exec = exec_new(w->io.threads, w->io.loop, "jobs");
  exec_submit(exec, (struct exec_job){nothing, count, &answered});
  exec_submit(exec, (struct exec_job){tell, NULL, &told});
  while (sem_wait(&told) != 0) continue;
  exec_free(exec);
  sem_destroy(&told);
  for (int i = 0; i < 10; i++) OK(w, loop_wait(w->io.loop, 0, &w->err));
  assert_int_equal(answered, 0);
}

static void free_own_exec(void *arg) {
  struct jobs *jobs = arg;
  exec_free(jobs->exec);
  jobs->n_done++;
}

static void an_answer_may_free_the_exec(void **state) {
  struct io_world *w = *state;
  struct jobs jobs = {.exec = exec_new(w->io.threads, w->io.loop, "jobs")};
  exec_submit(jobs.exec, (struct exec_job){nothing, free_own_exec, &jobs});
  exec_submit(jobs.exec, (struct exec_job){nothing, free_own_exec, &jobs});
  io_world_until(w, &jobs.n_done, 1);
  for (int i = 0; i < 10; i++) OK(w, loop_wait(w->io.loop, 0, &w->err));
  assert_int_equal(jobs.n_done, 1);
}

/* --- pool --- */

struct parts {
  uint32_t n_workers;
  unsigned char seen[1000];
  uint64_t by_worker[8]; /* each worker adds to its own without a lock */
  int bad;
};

static void part_run(void *arg, size_t part, uint32_t worker) {
  struct parts *parts = arg;
  parts->seen[part]++;
  if (worker >= parts->n_workers)
    parts->bad = 1;
  else
    parts->by_worker[worker] += part;
}

static void each_part_runs_once(void **state) {
  struct io_world *w = *state;
  static const size_t sizes[] = {0, 1, 2, 3, 10, 1000};
  for (uint32_t n_workers = 1; n_workers <= 4; n_workers++) {
    struct pool *pool = pool_new(w->io.threads, n_workers);
    assert_int_equal(pool_workers(pool), n_workers);
    for (int round = 0; round < 300; round++) {
      size_t n = sizes[round % 6];
      struct parts parts = {.n_workers = n_workers};
      pool_run(pool, n, part_run, &parts);
      uint64_t sum = 0;
      for (size_t i = 0; i < n; i++) assert_int_equal(parts.seen[i], 1);
      for (int i = 0; i < 8; i++) sum += parts.by_worker[i];
      assert_int_equal(sum, n == 0 ? 0 : n * (n - 1) / 2);
      assert_int_equal(parts.bad, 0);
    }
    pool_free(pool);
  }
  pool_free(NULL);
}

static void two_parts_meet(void *arg, size_t part, uint32_t worker) {
  (void)part;
  (void)worker;
  pthread_barrier_wait(arg);
}

/* Each of three parts waits for the other two, so three threads must be at it. */
static void parts_run_at_the_same_time(void **state) {
  struct io_world *w = *state;
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, 3);
  struct pool *pool = pool_new(w->io.threads, 3);
  for (int i = 0; i < 50; i++) pool_run(pool, 3, two_parts_meet, &barrier);
  pool_free(pool);
  pthread_barrier_destroy(&barrier);
}

struct slow {
  pthread_barrier_t barrier;
  int finished[2];
};

static void meet_and_be_slow(void *arg, size_t part, uint32_t worker) {
  struct slow *slow = arg;
  pthread_barrier_wait(&slow->barrier);
  for (volatile int i = 0; worker != 0 && i < 1000000; i++) continue;
  slow->finished[part]++;
}

/* The caller is done long before the other worker. */
static void the_caller_waits_for_all(void **state) {
  struct io_world *w = *state;
  struct slow slow = {0};
  pthread_barrier_init(&slow.barrier, NULL, 2);
  struct pool *pool = pool_new(w->io.threads, 2);
  for (int i = 1; i <= 5; i++) {
    pool_run(pool, 2, meet_and_be_slow, &slow);
    assert_int_equal(slow.finished[0], i);
    assert_int_equal(slow.finished[1], i);
  }
  pool_free(pool);
  pthread_barrier_destroy(&slow.barrier);
}

static void cores_are_counted(void **state) {
  struct io_world *w = *state;
  uint32_t cores = threads_cores(w->io.threads);
  if (w->real)
    assert_in_range(cores, 1, 100000);
  else
    assert_int_equal(cores, 1);
}

/* --- frozen --- */

struct paper {
  struct io_world *world;
  const char *text;
};

static int write_down(void *arg, struct err *err) {
  struct paper *paper = arg;
  struct disk_file *file;
  char *copy = strdup(paper->text); /* the allocator works in a copy */
  int flags = DISK_WRITE | DISK_CREATE;
  int result =
      disk_open(paper->world->io.disk, io_world_path(paper->world, "paper"), flags, &file, err);
  if (result == 0) {
    result = disk_write(file, copy, strlen(copy), 0, err);
    disk_close(file);
  }
  free(copy);
  return result;
}

static void expect_paper(struct io_world *w, const char *text) {
  char data[32] = {0};
  size_t got;
  struct disk_file *file;
  OK(w, disk_open(w->io.disk, io_world_path(w, "paper"), DISK_READ, &file, &w->err));
  OK(w, disk_read(file, data, sizeof data - 1, 0, &got, &w->err));
  disk_close(file);
  assert_string_equal(data, text);
}

static void a_copy_sees_what_was(void **state) {
  struct io_world *w = *state;
  struct paper paper = {w, "as it was"};
  struct pool *pool = pool_new(w->io.threads, 2); /* more than one thread */
  struct frozen *frozen;
  OK(w, frozen_start(w->io.threads, write_down, &paper, &frozen, &w->err));
  paper.text = "as it is";
  OK(w, frozen_wait(frozen, &w->err));
  expect_paper(w, "as it was");
  pool_free(pool);
}

static int refuse(void *arg, struct err *err) {
  (void)arg;
  return err_set(err, ERR_LIMIT, "no room in %s", "here");
}

static void an_error_of_a_copy_arrives(void **state) {
  struct io_world *w = *state;
  struct frozen *first, *second;
  OK(w, frozen_start(w->io.threads, refuse, NULL, &first, &w->err));
  OK(w, frozen_start(w->io.threads, refuse, NULL, &second, &w->err));
  assert_int_equal(frozen_wait(first, &w->err), -1);
  assert_int_equal(w->err.code, ERR_LIMIT);
  assert_string_equal(w->err.text, "no room in here");
  assert_int_equal(frozen_wait(second, NULL), -1);
}

struct waiting_frozen {
  struct frozen *frozen;
  int result;
  struct err err;
  int done;
};
static void wait_run(void *arg) {
  struct waiting_frozen *waiting = arg;
  waiting->result = frozen_wait(waiting->frozen, &waiting->err);
}
static void wait_done(void *arg) {
  ((struct waiting_frozen *)arg)->done = 1;
}

static void a_copy_is_awaited_on_an_exec(void **state) {
  struct io_world *w = *state;
  struct waiting_frozen waiting = {0};
  struct exec *exec = exec_new(w->io.threads, w->io.loop, "snapshot");
  OK(w, frozen_start(w->io.threads, refuse, NULL, &waiting.frozen, &w->err));
  exec_submit(exec, (struct exec_job){wait_run, wait_done, &waiting});
  io_world_until(w, &waiting.done, 1);
  assert_int_equal(waiting.result, -1);
  assert_string_equal(waiting.err.text, "no room in here");
  exec_free(exec);
}

static int die(void *arg, struct err *err) {
  (void)arg;
  (void)err;
  return raise(SIGKILL);
}

static void a_killed_copy_is_an_error(void **state) {
  struct io_world *w = *state;
  struct frozen *frozen;
  OK(w, frozen_start(w->io.threads, die, NULL, &frozen, &w->err));
  assert_int_equal(frozen_wait(frozen, &w->err), -1);
  assert_string_equal(w->err.text, "the copy of the process was killed by signal 9 (Killed)");
}

static int hold(void *arg, struct err *err) {
  (void)err;
  while (arg == NULL) pause();
  return 0;
}

/* Two copies; the first is killed while the second lives on and holds all descriptors. */
static void one_copy_does_not_wait_for_another(void **state) {
  struct io_world *w = *state;
  struct frozen *dies, *holds;
  OK(w, frozen_start(w->io.threads, die, NULL, &dies, &w->err));
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t child = fork();
  if (child == 0) {
    /* Makes a copy that stays for ever, tells of it, and is killed: the copy must go too. */
    if (frozen_start(w->io.threads, hold, NULL, &holds, NULL) != 0) _exit(1);
    close(fds[0]);
    ssize_t put = write(fds[1], "x", 1);
    while (put == 1) pause();
    _exit(1);
  }
  close(fds[1]);
  char c;
  assert_int_equal(read(fds[0], &c, 1), 1);
  assert_int_equal(frozen_wait(dies, &w->err), -1);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  /* The end of the pipe comes when the last that held it is gone. */
  assert_int_equal(read(fds[0], &c, 1), 0);
  close(fds[0]);
}

static int signal_self(void *arg, struct err *err) {
  (void)arg;
  (void)err;
  return raise(SIGUSR2);
}

/* A handler in the copy would wake the original through the descriptors they share. */
static void a_signal_to_the_copy_is_not_ours(void **state) {
  struct io_world *w = *state;
  struct frozen *frozen;
  struct waiting_frozen note = {0};
  OK(w, loop_on_signal(w->io.loop, SIGUSR2, wait_done, &note, &w->err));
  OK(w, frozen_start(w->io.threads, signal_self, NULL, &frozen, &w->err));
  OK(w, frozen_wait(frozen, &w->err));
  for (int i = 0; i < 5; i++) OK(w, loop_wait(w->io.loop, 0, &w->err));
  assert_int_equal(note.done, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(jobs_and_answers_keep_their_order),
      BOTH(free_runs_all_and_answers_none),
      REAL(free_takes_back_what_is_posted),
      BOTH(an_answer_may_free_the_exec),
      BOTH(each_part_runs_once),
      REAL(parts_run_at_the_same_time),
      REAL(the_caller_waits_for_all),
      BOTH(cores_are_counted),
      BOTH(a_copy_sees_what_was),
      BOTH(an_error_of_a_copy_arrives),
      BOTH(a_copy_is_awaited_on_an_exec),
      REAL(a_killed_copy_is_an_error),
      REAL(one_copy_does_not_wait_for_another),
      REAL(a_signal_to_the_copy_is_not_ours),
  };
  return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
