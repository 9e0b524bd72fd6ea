/* process_real: programs by vfork(2) and execve(2), their end by a pidfd on the loop.
 *
 * vfork, because fork would copy the page tables of a process that may hold gigabytes, with the
 * loop waiting. The child shares our memory until it is another program, so all it needs is made
 * before, and it calls nothing but the system. Why it could not become that program comes back
 * through a pipe that closes by itself when it did.
 *
 * Until the child is waited for, its number stays its group's: the rest of the group is killed
 * before that, never after. */
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/io/loop_real.h"
#include "daemon/io/process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct real_processes {
  struct processes processes;
  struct loop *loop;
};

struct real_process {
  struct process process;
  struct process_events events;
  pid_t pid;
  int pidfd;
  struct event *ends;
  struct {
    int fd;
    struct event *event;
    bool wanted;
  } streams[PROCESS_STREAMS];
  bool exited;
  struct process_exit how;
  struct loop_timer *kill;
  int64_t kill_at_us; /* monotonic; 0: not asked to stop */
};

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- finding the program --- */

static const char *added_env(const struct process_command *command, const char *name) {
  size_t len = strlen(name);
  for (size_t i = 0; command->env != NULL && command->env[i] != NULL; i++)
    if (strncmp(command->env[i], name, len) == 0 && command->env[i][len] == '=')
      return command->env[i] + len + 1;
  return NULL;
}

static int runnable(const struct process_command *command, const char *path) {
  char *seen = command->dir != NULL && path[0] != '/' ? mem_printf("%s/%s", command->dir, path)
                                                      : mem_strdup(path);
  struct stat stat_buf;
  int errnum = stat(seen, &stat_buf) != 0   ? errno
               : !S_ISREG(stat_buf.st_mode) ? EACCES
               : access(seen, X_OK) != 0    ? errno
                                            : 0;
  free(seen);
  return errnum;
}

/* The path for execve(2), free(); or NULL. */
static char *find_program(const struct process_command *command, struct err *err) {
  const char *name = command->argv[0];
  int errnum = ENOENT;
  if (strchr(name, '/') != NULL) {
    errnum = runnable(command, name);
    if (errnum == 0) return mem_strdup(name);
  } else {
    const char *path = added_env(command, "PATH");
    if (path == NULL) path = getenv("PATH");
    if (path == NULL) path = "/usr/local/bin:/usr/bin:/bin";
    for (const char *at = path; name[0] != '\0';) {
      size_t len = strcspn(at, ":");
      char *candidate = len > 0 ? mem_printf("%.*s/%s", (int)len, at, name) : mem_strdup(name);
      int why = runnable(command, candidate);
      if (why == 0) return candidate;
      if (why != ENOENT && why != ENOTDIR) errnum = why;
      free(candidate);
      if (at[len] == '\0') break;
      at += len + 1;
    }
  }
  err_errno(err, errnum, "cannot run %s", name);
  if (err != NULL && err->code == ERR_IO) err->code = ERR_NOINPUT;
  return NULL;
}

static int check_dir(const struct process_command *command, struct err *err) {
  if (command->dir == NULL) return 0;
  struct stat stat_buf;
  int errnum = stat(command->dir, &stat_buf) != 0 ? errno
               : !S_ISDIR(stat_buf.st_mode)       ? ENOTDIR
                                                  : 0;
  if (errnum == 0) return 0;
  err_errno(err, errnum, "cannot run %s in %s", command->argv[0], command->dir);
  if (err != NULL && err->code == ERR_IO) err->code = ERR_NOINPUT;
  return -1;
}

static int real_check(struct processes *processes, const struct process_command *command,
                      struct err *err) {
  (void)processes;
  char *program = check_dir(command, err) == 0 ? find_program(command, err) : NULL;
  free(program);
  return program != NULL ? 0 : -1;
}

/* --- starting it --- */

struct launch {
  const char *program, *dir;
  char *const *argv;
  char **envp;
  int fds[3];    /* to become its 0, 1, 2; all above 2 */
  int report_fd; /* where errno goes when it fails */
  pid_t parent;
};

/* In the child, which shares our memory: only system calls, and nothing written to but its own. */
static _Noreturn void become(const struct launch *launch) {
  struct sigaction by_default = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &by_default, NULL);
  sigset_t none;
  sigemptyset(&none);
  bool ok = setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
  if (ok && getppid() != launch->parent) _exit(127); /* it died before the call above */
  for (int i = 0; i < 3 && ok; i++) ok = dup2(launch->fds[i], i) == i;
  close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC); /* what a library may have opened without it */
  if (ok && launch->dir != NULL) ok = chdir(launch->dir) == 0;
  if (ok) {
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(launch->program, launch->argv, launch->envp);
  }
  int errnum = errno;
  ssize_t put = write(launch->report_fd, &errnum, sizeof errnum);
  (void)put;
  _exit(127);
}

/* Everything is blocked around it, so that no handler of ours runs in the child. */
static pid_t launch_child(const struct launch *launch) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t pid = vfork();
  if (pid == 0) become(launch);
  int errnum = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  errno = errnum;
  return pid;
}

static bool env_replaced(const struct process_command *command, const char *entry) {
  size_t len = strcspn(entry, "=");
  for (size_t i = 0; command->env != NULL && command->env[i] != NULL; i++)
    if (strncmp(command->env[i], entry, len) == 0 && command->env[i][len] == '=') return true;
  return false;
}

static char **make_envp(const struct process_command *command) {
  char **envp = NULL;
  size_t n = 0, cap = 0;
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
    if (env_replaced(command, *entry)) continue;
    array_grow((void **)&envp, &cap, n, sizeof *envp);
    envp[n++] = *entry;
  }
  for (size_t i = 0; command->env != NULL && command->env[i] != NULL; i++) {
    array_grow((void **)&envp, &cap, n, sizeof *envp);
    envp[n++] = (char *)(uintptr_t)command->env[i];
  }
  array_grow((void **)&envp, &cap, n, sizeof *envp);
  envp[n] = NULL;
  return envp;
}

/* A descriptor that no dup2() to 0, 1 or 2 can hit. */
static int above_standard(int fd) {
  if (fd < 0 || fd > 2) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  close(fd);
  return moved;
}

static int pipe_above(int fds[2]) {
  if (pipe2(fds, O_CLOEXEC) != 0) {
    fds[0] = fds[1] = -1;
    return -1;
  }
  fds[0] = above_standard(fds[0]);
  fds[1] = above_standard(fds[1]);
  return fds[0] >= 0 && fds[1] >= 0 ? 0 : -1;
}

static void close_all(const int *fds, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (fds[i] >= 0) close(fds[i]);
}

static void reap(pid_t pid, struct process_exit *how) {
  siginfo_t info = {0};
  while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
  kill(-pid, SIGKILL);
  while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR) continue;
  *how = info.si_code == CLD_EXITED ? (struct process_exit){.status = info.si_status}
                                    : (struct process_exit){.status = -1, .signal = info.si_status};
}

/* What it reports when it could not become the program: an errno, or 0. */
static int read_report(int fd) {
  int errnum = 0;
  ssize_t got;
  do got = read(fd, &errnum, sizeof errnum);
  while (got < 0 && errno == EINTR);
  return got == sizeof errnum ? errnum : 0;
}

enum { OUT_READ, OUT_WRITE, ERR_READ, ERR_WRITE, REPORT_READ, REPORT_WRITE, EMPTY_INPUT, FDS };

/* Starts it with the descriptors of fds; -1 with errno of the step that failed. */
static pid_t start_with(const struct process_command *command, const char *program, int *fds) {
  if (pipe_above(fds + OUT_READ) != 0 || pipe_above(fds + ERR_READ) != 0 ||
      pipe_above(fds + REPORT_READ) != 0)
    return -1;
  fds[EMPTY_INPUT] = above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (fds[EMPTY_INPUT] < 0) return -1;
  struct launch launch = {
      .program = program,
      .dir = command->dir,
      .argv = (char *const *)(uintptr_t)command->argv,
      .envp = make_envp(command),
      .fds = {fds[EMPTY_INPUT], fds[OUT_WRITE], fds[ERR_WRITE]},
      .report_fd = fds[REPORT_WRITE],
      .parent = getpid(),
  };
  pid_t pid = launch_child(&launch);
  int errnum = errno;
  free(launch.envp);
  close(fds[REPORT_WRITE]);
  fds[REPORT_WRITE] = -1;
  if (pid > 0) {
    errnum = read_report(fds[REPORT_READ]);
    struct process_exit how;
    if (errnum != 0) {
      reap(pid, &how);
      pid = -1;
    }
  }
  errno = errnum;
  return pid;
}

static int start_failed(const struct process_command *command, int errnum, struct err *err) {
  err_errno(err, errnum, "cannot run %s", command->argv[0]);
  if (err == NULL) return -1;
  if (errnum == EMFILE || errnum == ENFILE || errnum == EAGAIN || errnum == ENOMEM)
    err->code = ERR_RETRY;
  else if (err->code == ERR_IO)
    err->code = ERR_NOINPUT;
  return -1;
}

/* --- while it runs --- */

static void mark_exited(struct real_process *real) {
  reap(real->pid, &real->how);
  real->exited = true;
  event_del(real->ends);
  loop_timer_disarm(real->kill);
}

static void on_end(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_process *real = arg;
  mark_exited(real);
  real->events.exited(real->events.arg);
}

static void on_stdout(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_process *real = arg;
  real->events.readable[PROCESS_STDOUT](real->events.arg);
}

static void on_stderr(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_process *real = arg;
  real->events.readable[PROCESS_STDERR](real->events.arg);
}

static void on_kill(void *arg) {
  struct real_process *real = arg;
  if (!real->exited) kill(-real->pid, SIGKILL);
}

static struct event *watch_fd(struct loop *loop, int fd, event_callback_fn fn, void *arg) {
  struct event *event = event_new(loop_real_base(loop), fd, EV_READ | EV_PERSIST, fn, arg);
  if (event == NULL) abort(); /* out of memory, as in mem.h */
  return event;
}

static int real_start(struct processes *processes, const struct process_command *command,
                      const struct process_events *events, struct process **out, struct err *err) {
  if (check_dir(command, err) != 0) return -1;
  char *program = find_program(command, err);
  if (program == NULL) return -1;
  int fds[FDS] = {-1, -1, -1, -1, -1, -1, -1};
  pid_t pid = start_with(command, program, fds);
  int errnum = errno;
  free(program);
  int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
  if (pid > 0 && pidfd < 0) {
    errnum = errno;
    struct process_exit how;
    kill(-pid, SIGKILL);
    reap(pid, &how);
  }
  if (pidfd < 0) {
    close_all(fds, FDS);
    return start_failed(command, errnum, err);
  }
  close_all((int[]){fds[OUT_WRITE], fds[ERR_WRITE], fds[REPORT_READ], fds[EMPTY_INPUT]}, 4);
  struct loop *loop = ((struct real_processes *)processes)->loop;
  struct real_process *real = mem_zalloc(sizeof *real);
  real->process.processes = processes;
  real->events = *events;
  real->pid = pid;
  real->pidfd = pidfd;
  real->kill = loop_timer_new(loop, on_kill, real);
  real->ends = watch_fd(loop, pidfd, on_end, real);
  event_add(real->ends, NULL);
  static const event_callback_fn on_readable[] = {on_stdout, on_stderr};
  for (int s = 0; s < PROCESS_STREAMS; s++) {
    int fd = fds[s == PROCESS_STDOUT ? OUT_READ : ERR_READ];
    fcntl(fd, F_SETFL, O_NONBLOCK); /* of our end alone */
    real->streams[s].fd = fd;
    real->streams[s].event = watch_fd(loop, fd, on_readable[s], real);
  }
  *out = &real->process;
  return 0;
}

static int64_t real_id(const struct process *process) {
  return ((const struct real_process *)process)->pid;
}

static void real_want(struct process *process, enum process_stream stream, bool wanted) {
  struct real_process *real = (struct real_process *)process;
  if (real->streams[stream].wanted == wanted) return;
  real->streams[stream].wanted = wanted;
  if (wanted)
    event_add(real->streams[stream].event, NULL);
  else
    event_del(real->streams[stream].event);
}

static int real_read(struct process *process, enum process_stream stream, void *data, size_t len,
                     size_t *got, bool *ended, struct err *err) {
  struct real_process *real = (struct real_process *)process;
  *got = 0;
  *ended = false;
  ssize_t n = read(real->streams[stream].fd, data, len);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n < 0) return err_errno(err, errno, "cannot read the output of process %d", (int)real->pid);
  *got = (size_t)n;
  *ended = n == 0 && len > 0;
  return 0;
}

static bool real_exited(const struct process *process, struct process_exit *how) {
  const struct real_process *real = (const struct real_process *)process;
  if (real->exited) *how = real->how;
  return real->exited;
}

static void real_stop(struct process *process, int64_t kill_after_us) {
  struct real_process *real = (struct real_process *)process;
  if (real->exited || real->kill_at_us != 0) return;
  real->kill_at_us = now_us() + kill_after_us;
  kill(-real->pid, SIGTERM);
  loop_timer_arm(real->kill, kill_after_us);
}

static void real_close(struct process *process) {
  struct real_process *real = (struct real_process *)process;
  if (!real->exited) {
    struct pollfd ended = {.fd = real->pidfd, .events = POLLIN};
    for (int64_t left_us; (left_us = real->kill_at_us - now_us()) > 0;)
      if (poll(&ended, 1,
               (int)((left_us + 999) / 1000 < INT_MAX ? (left_us + 999) / 1000 : INT_MAX)) > 0)
        break;
    if ((ended.revents & POLLIN) == 0) kill(-real->pid, SIGKILL);
    mark_exited(real);
  }
  for (int s = 0; s < PROCESS_STREAMS; s++) {
    event_free(real->streams[s].event);
    close(real->streams[s].fd);
  }
  event_free(real->ends);
  loop_timer_free(real->kill);
  close(real->pidfd);
  free(real);
}

static void real_free(struct processes *processes) {
  free(processes);
}

static const struct processes_ops real_ops = {
    .check = real_check,
    .start = real_start,
    .id = real_id,
    .want = real_want,
    .read = real_read,
    .exited = real_exited,
    .stop = real_stop,
    .close = real_close,
    .free = real_free,
};

struct processes *processes_real_new(struct loop *loop) {
  struct real_processes *real = mem_zalloc(sizeof *real);
  real->processes.ops = &real_ops;
  real->loop = loop;
  return &real->processes;
}
