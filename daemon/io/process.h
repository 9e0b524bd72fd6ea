/* process: programs that we start and whose output we read. Non-blocking; a program is one process
 * group of its own, gets no descriptor of ours but its three, reads an empty standard input, and is
 * killed by the system when this process dies (what it has itself started is not).
 *
 * All calls and callbacks are on the loop's thread, which must live as long as the program: the
 * system kills what a thread has started together with that thread. */
#ifndef TIDEMARK_IO_PROCESS_H
#define TIDEMARK_IO_PROCESS_H

#include "daemon/base/err.h"
#include "daemon/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct processes; /* starts them; real or simulated */
struct process;

struct process_command {
  const char *const *argv; /* NULL-ended; argv[0] is looked for in PATH unless it has a '/' */
  const char *dir;         /* to run in; NULL: ours */
  const char *const *env;  /* NULL-ended "NAME=value", beside and instead of what we have; may be
                              NULL */
};

enum process_stream { PROCESS_STDOUT, PROCESS_STDERR, PROCESS_STREAMS };

struct process_events {
  loop_fn *readable[PROCESS_STREAMS]; /* there is something to read, or the end, while wanted */
  loop_fn *exited;                    /* once; process_exited() is true from then on */
  void *arg;
};

struct process_exit {
  int status; /* of exit(3), or -1 when a signal ended it */
  int signal; /* or 0 */
};

/* Says what would keep the command from being started: ERR_NOINPUT, ERR_PERM. */
int process_check(struct processes *processes, const struct process_command *command,
                  struct err *err);
/* The command is not needed afterwards. Nothing is wanted at first. ERR_NOINPUT, ERR_PERM: it
 * cannot be started; ERR_RETRY: the system has no room for one more process now. */
int process_start(struct processes *processes, const struct process_command *command,
                  const struct process_events *events, struct process **process, struct err *err);
int64_t process_id(const struct process *process); /* for people */

void process_want(struct process *process, enum process_stream stream, bool wanted);
/* *got = 0 and *ended = false: nothing now. What was written before the exit can be read after it;
 * the end may never come, when a process outside the group holds the stream open. */
int process_read(struct process *process, enum process_stream stream, void *data, size_t len,
                 size_t *got, bool *ended, struct err *err);

/* Whether it has ended, and how. Whatever is left of its group is killed then. */
bool process_exited(const struct process *process, struct process_exit *how);

/* Asks the group to end (SIGTERM), and kills it when it has not after kill_after_us. Once. */
void process_stop(struct process *process, int64_t kill_after_us);
/* Waits, without the loop, for a program that was asked to stop, as long as process_stop() said;
 * one that was not asked is killed at once. NULL is fine. */
void process_close(struct process *process);

struct processes_ops {
  int (*check)(struct processes *, const struct process_command *, struct err *);
  int (*start)(struct processes *, const struct process_command *, const struct process_events *,
               struct process **, struct err *);
  int64_t (*id)(const struct process *);
  void (*want)(struct process *, enum process_stream, bool);
  int (*read)(struct process *, enum process_stream, void *, size_t, size_t *, bool *,
              struct err *);
  bool (*exited)(const struct process *, struct process_exit *);
  void (*stop)(struct process *, int64_t);
  void (*close)(struct process *);
  void (*free)(struct processes *);
};
struct processes {
  const struct processes_ops *ops;
};
struct process {
  struct processes *processes;
};

struct processes *processes_real_new(struct loop *loop); /* on a real loop */
void processes_free(struct processes *processes);        /* NULL is fine */

#endif
