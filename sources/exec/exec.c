/* exec: the source that runs a command and reads lines of its output.
 *
 * All its output, of all its runs, is one partition; its position is the number of bytes taken,
 * with the line ends that were added. What was taken is in the log; what the command has printed
 * and nobody has taken is lost in a crash, and so is the command. A start of the daemon is a start
 * of the command, which does not know how far the one before came.
 *
 * The command goes on over a reload that does not change it (exec_child.h). */
#include "daemon/flow/metrics.h"
#include "sources/exec/exec_child.h"
#include "sources/sources.h"

#include <string.h>

struct exec_source {
  /* options */
  struct exec_command command;
  /* run */
  struct source_ctx *ctx;
  struct exec_child *child;
  bool changed; /* the child that was adopted runs another command */
  uint32_t partition;
  uint64_t position;
  bool ended, source_ended;
};

static const char *const restart_names[] = {"always", "on_failure", "never", NULL};

static const char *const notes[] = {
    "The command runs without a shell, in a process group of its own, with an empty standard "
    "input. What it prints to its standard error is said as exec-said. When nothing can be "
    "taken, its output is not read and it waits at its pipe.",
    "A half line at its end is a record when its exit status is 0; else it is lost, with the "
    "message exec-half-lost. What is left of its process group when it has ended is killed.",
    "Nothing tells the command how far its lines were taken. What was taken is in the log and "
    "survives a crash; what was still in the pipe does not. Each start of the daemon starts the "
    "command anew.",
    "When it is not started again and has ended with exit status 0, the source has come to its "
    "end, also for later starts of the daemon; with another status the pipeline stops with an "
    "error.",
    "At a stop, and at a reload that changes `command`, `dir` or `env`, its process group gets "
    "SIGTERM, and SIGKILL after `stop_timeout`; at the reload what it prints until then is "
    "taken, and the new command starts behind it. Other reloads leave it running. It is killed "
    "when the daemon dies; what it has started itself is not.",
    NULL};

static const struct option exec_options[] = {
    {.name = "command",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct exec_source, command.argv),
     .required = true,
     .text = "the program and its arguments, as a list: [journalctl, -f, -o, json]"},
    {.name = "dir",
     .type = OPTION_TEXT,
     .offset = offsetof(struct exec_source, command.dir),
     .text = "the folder to run in; by default the daemon's"},
    {.name = "env",
     .type = OPTION_TEXT_MAP,
     .offset = offsetof(struct exec_source, command.env),
     .text = "variables beside and instead of those of the daemon's environment"},
    {.name = "restart",
     .type = OPTION_ENUM,
     .offset = offsetof(struct exec_source, command.restart),
     .fallback = "always",
     .names = restart_names,
     .text =
         "when it has ended: always, on_failure (a signal, or a status that is not 0) or never"},
    {.name = "restart_delay",
     .type = OPTION_DURATION,
     .offset = offsetof(struct exec_source, command.delay_us),
     .fallback = "1s",
     .min = 1000,
     .text = "from its end to the next start; doubled with each failure"},
    {.name = "restart_delay_max",
     .type = OPTION_DURATION,
     .offset = offsetof(struct exec_source, command.delay_max_us),
     .fallback = "1m",
     .min = 1000,
     .text = "what the delay is doubled up to"},
    {.name = "healthy_after",
     .type = OPTION_DURATION,
     .offset = offsetof(struct exec_source, command.healthy_us),
     .fallback = "1m",
     .min = 1000,
     .text = "a failure after so long is a first one again: the delay is restart_delay"},
    {.name = "stop_timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct exec_source, command.stop_timeout_us),
     .fallback = "5s",
     .min = 1000,
     .text = "how long it has to end when asked, before it is killed"},
    {0}};

static void exec_check(const void *instance, const struct node *node,
                       struct config_errors *errors) {
  const struct exec_command *command = &((const struct exec_source *)instance)->command;
  if (command->argv.n == 0 || command->argv.items[0][0] == '\0')
    config_error_add(errors, node_get(node, "command")->place,
                     "command wants a list with the program first");
  else if (command->argv.n == 1 && strchr(command->argv.items[0], ' ') != NULL)
    config_error_add(errors, node_get(node, "command")->place,
                     "command is a list, and no shell takes it apart: [prog, arg], or [sh, -c, "
                     "\"...\"]");
}

static int exec_flags(const void *instance) {
  (void)instance;
  return 0;
}

static bool exec_bounded(const void *instance) {
  return ((const struct exec_source *)instance)->command.restart == EXEC_NEVER;
}

static int exec_open(void *instance, struct source_ctx *ctx, struct err *err) {
  struct exec_source *source = instance;
  source->ctx = ctx;
  if (source_partition_count(ctx) > 0) {
    const struct source_partition *known = source_partition_get(ctx, 0);
    source->position = known->position;
    source->ended = known->ended;
  } else {
    source->partition = source_partition_add(ctx, slice_of("exec"), (struct slice){NULL, 0});
  }
  if (source->ended) {
    diag_say(ctx->diag, MESSAGE_EXEC_OVER, ctx->where,
             "the command came to its end in an earlier run, after %llu bytes; it is not started "
             "again with this state folder",
             (unsigned long long)source->position);
    source_ready(ctx);
    return 0;
  }
  if (source->child == NULL) source->child = exec_child_new(ctx->io);
  return exec_child_attach(source->child, ctx, &source->command, source->changed, err);
}

static int exec_take(void *instance, struct take *take, struct err *err) {
  struct exec_source *source = instance;
  bool over = source->ended;
  int result = 0;
  if (!over) {
    uint64_t line_max = source->ctx->common->line_max_bytes;
    struct line_input input;
    line_input_begin(&input, take, source->partition, &source->position, line_max, line_max + 2);
    result = exec_child_take(source->child, &input, &over, err);
    if (line_input_left(&input) == 0) source_ready(source->ctx);
    line_input_end(&input);
  }
  if (result != 0 || !over || source->source_ended) return result;
  source->source_ended = true;
  if (!source->ended) take_partition_end(take, source->partition);
  take_source_end(take);
  return 0;
}

static void exec_stop(void *instance) {
  struct exec_source *source = instance;
  if (source->child != NULL) exec_child_stop(source->child);
}

static bool same_texts(const struct text_list *one, const struct text_list *other) {
  if (one->n != other->n) return false;
  for (size_t i = 0; i < one->n; i++) {
    if (strcmp(one->items[i], other->items[i]) != 0) return false;
    if (one->names != NULL && strcmp(one->names[i], other->names[i]) != 0) return false;
  }
  return true;
}

static bool same_command(const struct exec_command *one, const struct exec_command *other) {
  const char *dir = one->dir != NULL ? one->dir : "",
             *before = other->dir != NULL ? other->dir : "";
  return same_texts(&one->argv, &other->argv) && same_texts(&one->env, &other->env) &&
         strcmp(dir, before) == 0;
}

static int exec_claim(void *instance, struct io *io, const struct diag *diag, const void *old,
                      struct err *err) {
  (void)diag, (void)old;
  return exec_command_check(io, &((const struct exec_source *)instance)->command, err);
}

static void exec_adopt(void *instance, void *old) {
  struct exec_source *source = instance, *before = old;
  if (before->child == NULL) return;
  exec_child_detach(before->child);
  source->child = before->child;
  source->changed = !same_command(&source->command, &before->command);
  before->child = NULL;
}

static void exec_metrics(const void *instance, struct metrics *metrics) {
  const struct exec_child *child = ((const struct exec_source *)instance)->child;
  if (child == NULL) return;
  bool runs = child->state == EXEC_RUNNING || child->state == EXEC_STOPPING;
  metrics_put(metrics, METRIC_EXEC_RUNNING, NULL, runs);
  metrics_put(metrics, METRIC_EXEC_STARTS, NULL, (double)child->starts);
  metrics_put(metrics, METRIC_EXEC_FAILURES, NULL, (double)child->failures);
  int status = child->how.signal != 0 ? 128 + child->how.signal : child->how.status;
  metrics_put(metrics, METRIC_EXEC_STATUS, NULL, status);
  metrics_put(metrics, METRIC_EXEC_HALVES_LOST, NULL, (double)child->halves_lost);
}

static void exec_close(void *instance) {
  struct exec_source *source = instance;
  exec_stop(source);
  exec_child_free(source->child);
  source->child = NULL;
}

const struct source_plugin source_exec = {
    .type = {.name = "exec",
             .text = "lines that a command prints",
             .notes = notes,
             .options = exec_options,
             .instance_bytes = sizeof(struct exec_source),
             .check = exec_check},
    .promise = SOURCE_FORGOTTEN,
    .flags = exec_flags,
    .bounded = exec_bounded,
    .open = exec_open,
    .take = exec_take,
    .stop = exec_stop,
    .handover = {.claim = exec_claim, .adopt = exec_adopt},
    .metrics = exec_metrics,
    .close = exec_close,
};
