/* frozen_real: a copy of the process by fork(2).
 *
 * Of the threads only the caller's goes on in the copy; fn may allocate (the C library sees to its
 * own locks at a fork) but must not take a lock that another thread may have held. The copy answers
 * by one write of a whole struct through a pipe, which holds it without a reader, and leaves by
 * _exit(2): neither handlers of atexit(3) nor half-filled stdio buffers are run twice.
 *
 * The copy inherits the handlers of the program's signals, which would wake the original's loop
 * through descriptors that both share: they are ignored in the copy before it can get one. A signal
 * to stop is the original's affair; the copy ends with it, by PR_SET_PDEATHSIG. */
#include "daemon/base/mem.h"
#include "daemon/io/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
  int result;
  struct err err;
};
_Static_assert(sizeof(struct answer) <= PIPE_BUF, "an answer is written to a pipe in one piece");

struct real_frozen {
  struct frozen frozen;
  pid_t pid;
  int fd; /* where the answer comes */
};

static void ignore_handled_signals(void) {
  sigset_t ours;
  thread_signals(&ours);
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigismember(&ours, number) != 1 || sigaction(number, NULL, &action) != 0) continue;
    if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) signal(number, SIG_IGN);
  }
}

#define FROZEN_NICE 10

static _Noreturn void run_copy(pid_t original, int fd, const sigset_t *signals,
                               int (*fn)(void *arg, struct err *err), void *arg) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != original) _exit(1);       /* it died before the call above */
  setpriority(PRIO_PROCESS, 0, FROZEN_NICE); /* the original has the first claim to the cores */
  ignore_handled_signals();
  pthread_sigmask(SIG_SETMASK, signals, NULL);
  struct answer answer = {0};
  answer.result = fn(arg, &answer.err);
  ssize_t put;
  do put = write(fd, &answer, sizeof answer);
  while (put < 0 && errno == EINTR);
  _exit(put == sizeof answer ? 0 : 1);
}

int frozen_real_start(struct threads *threads, int (*fn)(void *arg, struct err *err), void *arg,
                      struct frozen **frozen, struct err *err) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0)
    return err_errno(err, errno, "cannot make a pipe to a copy of the process");
  sigset_t all, old;
  thread_signals(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t original = getpid();
  pid_t pid = fork();
  if (pid == 0) run_copy(original, fds[1], &old, fn, arg);
  int errnum = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  close(fds[1]);
  if (pid < 0) {
    close(fds[0]);
    return err_errno(err, errnum, "cannot make a copy of the process");
  }
  struct real_frozen *real = mem_zalloc(sizeof *real);
  real->frozen.threads = threads;
  real->pid = pid;
  real->fd = fds[0];
  *frozen = &real->frozen;
  return 0;
}

static int describe_end(int status, struct err *err) {
  if (WIFSIGNALED(status))
    return err_set(err, ERR_IO, "the copy of the process was killed by signal %d (%s)",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
  return err_set(err, ERR_IO, "the copy of the process ended without an answer");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* A sanitizer's allocator does not see to its locks at a fork, as the C library does: a copy may
 * wait for ever for one that another thread had. It is given up, and the next snapshot is tried. */
static void end_await(pid_t pid, int *status) {
  enum { TRIES = 1500, PAUSE_US = 10 * 1000 };
  pid_t got = 0;
  for (int i = 0; i < TRIES && got == 0; i++) {
    got = waitpid(pid, status, WNOHANG);
    if (got < 0 && errno == EINTR) got = 0;
    if (got == 0) usleep(PAUSE_US);
  }
  if (got != 0) return;
  kill(pid, SIGKILL);
  while (waitpid(pid, status, 0) < 0 && errno == EINTR) continue;
}
#else
static void end_await(pid_t pid, int *status) {
  while (waitpid(pid, status, 0) < 0 && errno == EINTR) continue;
}
#endif

/* The end is awaited before the answer is read, not the end of the pipe: a second copy made
 * meanwhile holds the pipe's writing end too. */
int frozen_real_wait(struct frozen *frozen, struct err *err) {
  struct real_frozen *real = (struct real_frozen *)frozen;
  int status = 0;
  end_await(real->pid, &status);
  struct answer answer;
  fcntl(real->fd, F_SETFL, O_NONBLOCK);
  ssize_t got;
  do got = read(real->fd, &answer, sizeof answer);
  while (got < 0 && errno == EINTR);
  close(real->fd);
  free(real);
  if (got != sizeof answer) return describe_end(status, err);
  if (answer.result == 0) return 0;
  if (err != NULL) *err = answer.err;
  return -1;
}
