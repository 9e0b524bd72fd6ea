/* exec_child: see exec_child.h.
 *
 * Its output is watched only from when a take found nothing more until there is something, so a
 * command that says more than can be taken is held by its pipe. Its standard error is always read:
 * a command must not stand still because nobody looks at its complaints. */
#include "sources/exec/exec_child.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SAID_BYTES_MAX = 1000 }; /* of a line of it */

/* ------------------------------------------------------------------ what it says to people */

static void say_line(struct exec_child *child, const char *line, size_t len) {
  if (child->ctx == NULL || len == 0) return;
  size_t shown = len < SAID_BYTES_MAX ? len : SAID_BYTES_MAX;
  diag_say(child->ctx->diag, MESSAGE_EXEC_SAID, child->ctx->where, "%.*s%s", (int)shown, line,
           shown < len ? "..." : "");
}

static void say_half(struct exec_child *child) {
  say_line(child, child->said.data, child->said.len);
  buf_clear(&child->said);
}

static void hear(struct exec_child *child, const char *data, size_t len) {
  while (len > 0) {
    const char *newline = memchr(data, '\n', len);
    size_t n = newline != NULL ? (size_t)(newline - data) : len;
    size_t room = SAID_BYTES_MAX + 1 - child->said.len;
    buf_put(&child->said, data, n < room ? n : room);
    if (newline == NULL) return;
    say_half(child);
    data += n + 1;
    len -= n + 1;
  }
}

/* One piece a turn, unless it has ended: then all that is there. */
static void read_said(struct exec_child *child, bool all) {
  char data[4096];
  size_t got = 0;
  bool ended = false;
  do {
    if (process_read(child->process, PROCESS_STDERR, data, sizeof data, &got, &ended, NULL) != 0)
      ended = true;
    else
      hear(child, data, got);
  } while (all && got > 0 && !ended);
  if (ended || all) say_half(child);
  if (ended) process_want(child->process, PROCESS_STDERR, false);
}

/* ------------------------------------------------------------------ starting and ending */

static void ready(struct exec_child *child) {
  if (child->ctx != NULL) source_ready(child->ctx);
}

static void on_output(void *arg) {
  struct exec_child *child = arg;
  process_want(child->process, PROCESS_STDOUT, false);
  ready(child);
}

static void on_said(void *arg) {
  read_said(arg, false);
}

static void on_exited(void *arg) {
  struct exec_child *child = arg;
  process_exited(child->process, &child->how);
  read_said(child, true);
  process_want(child->process, PROCESS_STDERR, false);
  process_want(child->process, PROCESS_STDOUT, false);
  child->state = EXEC_LEFT;
  ready(child);
}

/* The text is the caller's to free. */
static char *end_text(struct process_exit how) {
  return how.signal != 0
             ? mem_printf("was ended by signal %d (%s)", how.signal, strsignal(how.signal))
             : mem_printf("has ended with exit status %d", how.status);
}

static struct process_command process_command_of(const struct exec_command *command) {
  size_t n = command->argv.n, m = command->env.n;
  const char **argv = mem_zalloc((n + 1) * sizeof *argv), **env = mem_zalloc((m + 1) * sizeof *env);
  for (size_t i = 0; i < n; i++) argv[i] = command->argv.items[i];
  for (size_t i = 0; i < m; i++)
    env[i] = mem_printf("%s=%s", command->env.names[i], command->env.items[i]);
  return (struct process_command){.argv = argv, .dir = command->dir, .env = env};
}

static void process_command_free(struct process_command *command) {
  for (size_t i = 0; command->env[i] != NULL; i++) free((char *)(uintptr_t)command->env[i]);
  free((void *)(uintptr_t)command->env);
  free((void *)(uintptr_t)command->argv);
}

int exec_command_check(struct io *io, const struct exec_command *command, struct err *err) {
  struct process_command asked = process_command_of(command);
  int result = process_check(io->processes, &asked, err);
  process_command_free(&asked);
  return result;
}

static int start(struct exec_child *child, struct err *err) {
  struct process_command asked = process_command_of(child->command);
  struct process_events events = {{on_output, on_said}, on_exited, child};
  int result = process_start(child->io->processes, &asked, &events, &child->process, err);
  process_command_free(&asked);
  if (result != 0) return -1;
  child->state = EXEC_RUNNING;
  child->starts++;
  child->started_us = clock_mono_us(child->io->clock);
  child->wanted_end = false;
  process_want(child->process, PROCESS_STDOUT, true);
  process_want(child->process, PROCESS_STDERR, true);
  diag_say(child->ctx->diag, MESSAGE_EXEC_STARTED, child->ctx->where, "%s runs as process %lld",
           child->command->argv.items[0], (long long)process_id(child->process));
  return 0;
}

/* Tries again later, and later each time it does not work. */
static void start_later(struct exec_child *child, const char *why) {
  int64_t delay_us = child->delay_us;
  child->state = EXEC_WAITING;
  diag_say(child->ctx->diag, MESSAGE_EXEC_RESTART, child->ctx->where,
           "%s %s; it is started again in %.1f s", child->command->argv.items[0], why,
           (double)delay_us / 1e6);
  loop_timer_arm(child->timer, delay_us);
}

static void double_delay(struct exec_child *child) {
  child->failures++;
  child->delay_us = child->delay_us > child->command->delay_max_us / 2
                        ? child->command->delay_max_us
                        : child->delay_us * 2;
}

static void on_timer(void *arg) {
  struct exec_child *child = arg;
  struct err err;
  if (child->ctx == NULL || child->state != EXEC_WAITING || start(child, &err) == 0) return;
  start_later(child, err.text);
  double_delay(child);
}

struct exec_child *exec_child_new(struct io *io) {
  struct exec_child *child = mem_zalloc(sizeof *child);
  child->io = io;
  child->state = EXEC_WAITING;
  child->timer = loop_timer_new(io->loop, on_timer, child);
  return child;
}

void exec_child_free(struct exec_child *child) {
  if (child == NULL) return;
  child->ctx = NULL;
  process_close(child->process);
  loop_timer_free(child->timer);
  line_half_fini(&child->half);
  buf_fini(&child->said);
  free(child);
}

static void ask_to_end(struct exec_child *child) {
  child->state = EXEC_STOPPING;
  process_stop(child->process, child->stop_timeout_us);
}

int exec_child_attach(struct exec_child *child, struct source_ctx *ctx,
                      const struct exec_command *command, bool changed, struct err *err) {
  child->ctx = ctx;
  child->command = command;
  child->stop_timeout_us = command->stop_timeout_us;
  child->delay_us = command->delay_us;
  if (changed) child->wanted_end = true;
  switch (child->state) {
  case EXEC_WAITING: loop_timer_disarm(child->timer); return start(child, err);
  case EXEC_RUNNING:
    if (changed) ask_to_end(child);
    break;
  case EXEC_STOPPING:
  case EXEC_LEFT:
  case EXEC_OVER: break;
  }
  if (child->process != NULL && child->state != EXEC_LEFT) {
    process_want(child->process, PROCESS_STDOUT, true);
    process_want(child->process, PROCESS_STDERR, true);
  }
  source_ready(ctx);
  return 0;
}

void exec_child_detach(struct exec_child *child) {
  child->ctx = NULL;
  child->command = NULL;
  loop_timer_disarm(child->timer);
  if (child->process == NULL) return;
  process_want(child->process, PROCESS_STDOUT, false);
  process_want(child->process, PROCESS_STDERR, false);
}

void exec_child_stop(struct exec_child *child) {
  loop_timer_disarm(child->timer);
  if (child->state == EXEC_RUNNING) ask_to_end(child);
}

/* ------------------------------------------------------------------ taking */

static int read_output(void *stream, void *data, size_t len, size_t *got, bool *ended,
                       struct err *err) {
  return process_read(stream, PROCESS_STDOUT, data, len, got, ended, err);
}

/* A half line is a record when the command has ended well: it is what it wanted to say. */
static void take_last_half(struct exec_child *child, struct line_input *input, bool failed) {
  if (child->half.len > 0 && failed) {
    child->halves_lost++;
    diag_say(child->ctx->diag, MESSAGE_EXEC_HALF_LOST, child->ctx->where,
             "%s failed in the middle of a line; its first %llu bytes are left out",
             child->command->argv.items[0], (unsigned long long)child->half.len);
  } else {
    line_input_take_half(input, &child->half, true);
  }
  line_half_fini(&child->half);
}

/* All that it has left is taken: what next? */
static int after_end(struct exec_child *child, struct line_input *input, struct err *err) {
  const struct exec_command *command = child->command;
  bool failed = child->how.signal != 0 || child->how.status != 0, asked = child->wanted_end;
  take_last_half(child, input, failed);
  process_close(child->process);
  child->process = NULL;
  if (asked && start(child, err) == 0) return 0;
  if (asked && command->restart == EXEC_NEVER) return -1;
  if (asked) {
    start_later(child, err->text);
    double_delay(child);
    return 0;
  }
  int64_t ran_us = clock_mono_us(child->io->clock) - child->started_us;
  if (!failed || ran_us >= command->healthy_us) child->delay_us = command->delay_us;
  char *text = end_text(child->how);
  int result = 0;
  if (command->restart == EXEC_ALWAYS || (failed && command->restart == EXEC_ON_FAILURE)) {
    start_later(child, text);
    if (failed) double_delay(child);
  } else if (failed) {
    result = err_set(err, ERR_NOINPUT, "%s %s", command->argv.items[0], text);
  } else {
    child->state = EXEC_OVER;
    diag_say(child->ctx->diag, MESSAGE_EXEC_ENDED, child->ctx->where, "%s %s after %llu starts",
             command->argv.items[0], text, (unsigned long long)child->starts);
  }
  free(text);
  return result;
}

int exec_child_take(struct exec_child *child, struct line_input *input, bool *over,
                    struct err *err) {
  bool any = false;
  while (child->process != NULL && line_input_left(input) > 0) {
    size_t got = 0;
    bool ended = false;
    if (line_input_read(input, &child->half, read_output, child->process, &got, &ended, err) != 0)
      return -1;
    any |= got > 0;
    if (got > 0) continue;
    if (child->state == EXEC_LEFT) {
      /* Its end, or nothing: who holds its output open is not it. What is wrong with its end is
       * said in a take of its own, behind what was good. */
      if (any)
        ready(child);
      else if (after_end(child, input, err) != 0)
        return -1;
    } else if (!ended) {
      process_want(child->process, PROCESS_STDOUT, true);
    }
    break;
  }
  *over = child->state == EXEC_OVER;
  return 0;
}
