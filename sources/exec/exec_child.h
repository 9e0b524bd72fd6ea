/* exec_child: the command's life: started, stopped, started again; and what it says to people.
 * Lives on the heap, owned by one source at a time, because it outlives a configuration.
 *
 *     WAITING --timer--> RUNNING --exit--> LEFT --all taken--> WAITING or OVER
 *                           \__ asked to end: STOPPING --exit--> LEFT
 *
 * LEFT: the process has ended and what it has left in its pipe is still to be taken. */
#ifndef TIDEMARK_SOURCES_EXEC_CHILD_H
#define TIDEMARK_SOURCES_EXEC_CHILD_H

#include "sources/line_input.h"

enum exec_restart { EXEC_ALWAYS, EXEC_ON_FAILURE, EXEC_NEVER };
enum exec_state { EXEC_WAITING, EXEC_RUNNING, EXEC_STOPPING, EXEC_LEFT, EXEC_OVER };

/* What the configuration says of the command. */
struct exec_command {
  struct text_list argv;
  const char *dir;
  struct text_list env; /* with names */
  int restart;          /* enum exec_restart */
  int64_t delay_us, delay_max_us, healthy_us, stop_timeout_us;
};

struct exec_child {
  struct io *io;
  struct source_ctx *ctx;             /* NULL: it belongs to no source that is open */
  const struct exec_command *command; /* the source's */
  enum exec_state state;
  struct process *process; /* RUNNING, STOPPING, LEFT */
  struct process_exit how; /* LEFT: how it ended */
  bool wanted_end;         /* it was we who asked it to end: what follows is a start, not an end */
  struct line_half half;   /* of its output */
  struct buf said;         /* of its standard error: the line that has not ended */
  struct loop_timer *timer;
  int64_t stop_timeout_us;      /* of the last that it belonged to */
  int64_t started_us, delay_us; /* monotonic; the delay before the next start */
  uint64_t starts, failures, halves_lost;
};

struct exec_child *exec_child_new(struct io *io);
void exec_child_free(struct exec_child *child); /* kills; NULL is fine */
/* Why the command cannot be started, if it cannot. */
int exec_command_check(struct io *io, const struct exec_command *command, struct err *err);
/* Goes on for this source, and starts the command if it does not run. With another command than
 * the one that runs, that one is asked to end first, and what it still says is taken. */
int exec_child_attach(struct exec_child *child, struct source_ctx *ctx,
                      const struct exec_command *command, bool changed, struct err *err);
/* Nobody is called from now on; the command runs on. */
void exec_child_detach(struct exec_child *child);
/* Gathers what it has printed. *over: it has ended, all is taken, and it is not started again. */
int exec_child_take(struct exec_child *child, struct line_input *input, bool *over,
                    struct err *err);
/* Asks it to end, for good. */
void exec_child_stop(struct exec_child *child);

#endif
