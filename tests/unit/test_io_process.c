/* The contract of process.h, real and simulated: the real programs are shell scripts that do what
 * the simulated ones are told to. */
#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct run {
  struct process *process;
  int readable, exited;
};

static void readable(void *arg) {
  ((struct run *)arg)->readable++;
}

static void exited(void *arg) {
  ((struct run *)arg)->exited++;
}

static int start_in(struct io_world *w, struct run *run, const struct process_command *command) {
  *run = (struct run){0};
  struct process_events events = {{readable, readable}, exited, run};
  return process_start(w->io.processes, command, &events, &run->process, &w->err);
}

static void start(struct io_world *w, struct run *run, const char *script,
                  struct sim_program program) {
  const char *argv[] = {"sh", "-c", script, NULL};
  if (!w->real) sim_program(w->io.processes, program);
  OK(w, start_in(w, run, &(struct process_command){.argv = argv}));
}

/* Reads a stream to its end. */
static char *output(struct io_world *w, struct run *run, enum process_stream stream) {
  struct buf text;
  buf_init(&text);
  bool ended = false;
  process_want(run->process, stream, true);
  while (!ended) {
    char data[100];
    size_t got;
    OK(w, process_read(run->process, stream, data, sizeof data, &got, &ended, &w->err));
    buf_put(&text, data, got);
    if (got == 0 && !ended) io_world_until(w, &run->readable, run->readable + 1);
  }
  process_want(run->process, stream, false);
  buf_cstr(&text);
  return text.data;
}

static struct process_exit end_of(struct io_world *w, struct run *run) {
  struct process_exit how = {0};
  io_world_until(w, &run->exited, 1);
  assert_true(process_exited(run->process, &how));
  assert_int_equal(run->exited, 1);
  return how;
}

static void output_and_status_come_back(void **state) {
  struct io_world *w = *state;
  struct run run;
  start(w, &run, "echo one; echo two >&2; printf half; exit 3",
        (struct sim_program){.out = "one\nhalf", .err = "two\n", .status = 3});
  char *out = output(w, &run, PROCESS_STDOUT), *err = output(w, &run, PROCESS_STDERR);
  assert_string_equal(out, "one\nhalf");
  assert_string_equal(err, "two\n");
  free(out);
  free(err);
  struct process_exit how = end_of(w, &run);
  assert_int_equal(how.status, 3);
  assert_int_equal(how.signal, 0);
  process_close(run.process);
}

/* Who does not read holds the writer, and loses nothing by it. */
static void a_full_pipe_holds_the_program(void **state) {
  struct io_world *w = *state;
  struct run run;
  enum { BYTES = 300000 };
  char *text = malloc(BYTES + 1);
  memset(text, '\0', BYTES + 1);
  for (int i = 0; i < BYTES; i++) text[i] = "0123456789"[i % 10];
  start(w, &run,
        "i=0; while [ $i -lt 300 ]; do printf %01000d 0 | sed 's/0000000000/0123456789/g'; "
        "i=$((i+1)); done",
        (struct sim_program){.out = text});
  OK(w, loop_wait(w->io.loop, 50000, &w->err));
  assert_int_equal(run.readable, 0);
  struct process_exit how;
  assert_false(process_exited(run.process, &how));
  char *out = output(w, &run, PROCESS_STDOUT);
  assert_string_equal(out, text);
  free(out);
  free(text);
  assert_int_equal(end_of(w, &run).status, 0);
  process_close(run.process);
}

static void who_is_asked_ends(void **state) {
  struct io_world *w = *state;
  struct run run;
  /* One who ends when asked, with an order to say so first. */
  start(w, &run, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done",
        (struct sim_program){.out = "ready\n", .run_us = INT64_MAX, .stop_us = 100, .status = 5});
  process_want(run.process, PROCESS_STDOUT, true);
  io_world_until(w, &run.readable, 1);
  process_want(run.process, PROCESS_STDOUT, false);
  process_stop(run.process, 15000000);
  assert_int_equal(end_of(w, &run).status, 5);
  process_close(run.process);
  /* One who does not is killed. */
  start(w, &run, "trap '' TERM; echo ready; while :; do sleep 0.01; done",
        (struct sim_program){.out = "ready\n", .run_us = INT64_MAX, .stop_us = -1});
  process_want(run.process, PROCESS_STDOUT, true);
  io_world_until(w, &run.readable, 1);
  process_want(run.process, PROCESS_STDOUT, false);
  process_stop(run.process, 20000);
  struct process_exit how = end_of(w, &run);
  assert_int_equal(how.status, -1);
  assert_int_equal(how.signal, SIGKILL);
  process_close(run.process);
}

static void what_cannot_run_says_so(void **state) {
  struct io_world *w = *state;
  struct run run;
  const char *argv[] = {"tidemark-no-such-program", NULL};
  struct process_command command = {.argv = argv};
  assert_int_equal(process_check(w->io.processes, &command, &w->err), -1);
  assert_int_equal(start_in(w, &run, &command), -1);
  assert_int_equal(w->err.code, ERR_NOINPUT);
  assert_non_null(strstr(w->err.text, "cannot run tidemark-no-such-program: No such file"));
}

/* --- the system's alone --- */

static void no_such_folder_no_right(void **state) {
  struct io_world *w = *state;
  struct run run;
  const char *argv[] = {"true", NULL};
  struct process_command command = {.argv = argv, .dir = "/no/such/folder"};
  assert_int_equal(start_in(w, &run, &command), -1);
  assert_int_equal(w->err.code, ERR_NOINPUT);
  assert_non_null(strstr(w->err.text, "/no/such/folder"));
  const char *folder[] = {"/", NULL};
  command = (struct process_command){.argv = folder};
  assert_int_equal(start_in(w, &run, &command), -1);
  assert_int_equal(w->err.code, ERR_PERM);
  /* What only execve(2) can know: a script whose interpreter is not there. */
  const char *path = io_world_path(w, "script");
  FILE *file = fopen(path, "w");
  fputs("#!/no/such/interpreter\n", file);
  fclose(file);
  assert_int_equal(chmod(path, 0755), 0);
  const char *script[] = {path, NULL};
  command = (struct process_command){.argv = script};
  OK(w, process_check(w->io.processes, &command, &w->err));
  assert_int_equal(start_in(w, &run, &command), -1);
  assert_int_equal(w->err.code, ERR_NOINPUT);
}

static void folder_and_environment(void **state) {
  struct io_world *w = *state;
  struct run run;
  const char *argv[] = {"sh", "-c", "pwd; echo $TIDEMARK_ADDED $HOME; ls /proc/self/fd", NULL};
  const char *env[] = {"TIDEMARK_ADDED=one two", "HOME=/else", NULL};
  int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as a library might */
  OK(w, start_in(w, &run, &(struct process_command){.argv = argv, .dir = w->dir, .env = env}));
  char *out = output(w, &run, PROCESS_STDOUT);
  char wanted[4096];
  /* 3 is the folder that ls itself reads. */
  snprintf(wanted, sizeof wanted, "%s\none two /else\n0\n1\n2\n3\n", w->dir);
  assert_string_equal(out, wanted);
  free(out);
  close(leak);
  end_of(w, &run);
  process_close(run.process);
}

/* Our signals are not its signals: SIGPIPE is ignored here. 32 and 33 are the C library's own, and
 * ignored by whoever was started by posix_spawn(3), as by make. */
static void signals_are_as_usual(void **state) {
  struct io_world *w = *state;
  struct run run;
  const char *argv[] = {"grep", "-E", "SigBlk|SigIgn", "/proc/self/status", NULL};
  OK(w, start_in(w, &run, &(struct process_command){.argv = argv}));
  char *out = output(w, &run, PROCESS_STDOUT);
  unsigned long long blocked = 1, ignored = 1;
  assert_int_equal(sscanf(out, "SigBlk:\t%llx\nSigIgn:\t%llx", &blocked, &ignored), 2);
  assert_int_equal(blocked, 0);
  assert_int_equal(ignored & ~0x180000000ULL, 0);
  free(out);
  end_of(w, &run);
  process_close(run.process);
}

static bool lives(long pid) {
  return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

static void what_it_left_behind_is_killed(void **state) {
  struct io_world *w = *state;
  struct run run;
  start(w, &run, "sleep 1000 & echo $!", (struct sim_program){0});
  end_of(w, &run);
  char *out = output(w, &run, PROCESS_STDOUT); /* ends, so nobody holds it */
  long left = strtol(out, NULL, 10);
  assert_true(left > 1);
  for (int i = 0; lives(left); i++) { /* until init has waited for it */
    assert_true(i < 1000);
    OK(w, loop_wait(w->io.loop, 10000, &w->err));
  }
  free(out);
  process_close(run.process);
}

/* close() without stop() kills and leaves no zombie. */
static void closing_kills(void **state) {
  struct io_world *w = *state;
  struct run run;
  start(w, &run, "exec sleep 1000", (struct sim_program){0});
  long pid = (long)process_id(run.process);
  assert_true(lives(pid));
  process_close(run.process);
  assert_false(lives(pid));
}

/* Who starts one dies: so does the program. */
static void it_dies_with_us(void **state) {
  struct io_world *w = *state;
  (void)w;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t daemon = fork();
  if (daemon == 0) {
    struct io io;
    struct run run = {0};
    struct err err;
    const char *argv[] = {"sleep", "1000", NULL};
    struct process_events events = {{readable, readable}, exited, &run};
    if (io_real_open(&io, &err) != 0 ||
        process_start(io.processes, &(struct process_command){.argv = argv}, &events, &run.process,
                      &err) != 0)
      _exit(1);
    int64_t id = process_id(run.process);
    if (write(fds[1], &id, sizeof id) != sizeof id) _exit(1);
    for (;;) pause();
  }
  int64_t id;
  assert_int_equal(read(fds[0], &id, sizeof id), sizeof id);
  assert_true(lives((long)id));
  kill(daemon, SIGKILL);
  waitpid(daemon, NULL, 0);
  for (int i = 0; lives((long)id); i++) {
    assert_true(i < 1000);
    usleep(10000);
  }
  close(fds[0]);
  close(fds[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(output_and_status_come_back),
      BOTH(a_full_pipe_holds_the_program),
      BOTH(who_is_asked_ends),
      BOTH(what_cannot_run_says_so),
      REAL(no_such_folder_no_right),
      REAL(folder_and_environment),
      REAL(signals_are_as_usual),
      REAL(what_it_left_behind_is_killed),
      REAL(closing_kills),
      REAL(it_dies_with_us),
  };
  return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
