/* stdout: the sink that prints records, one a line, on the standard output. A pipe cannot be asked
 * what it has taken, nor be told to forget it: after a crash the last epochs come again.
 *
 * Writing blocks as long as the reader does, so it happens on a thread of the sink's own. One write
 * is out at a time: its batch, its result and nothing else are shared with the thread. */
#include "sinks/sinks.h"

struct stdout_sink {
  struct sink_ctx *ctx;
  struct exec *exec;
  struct sink_batch *batch;
  int result;
  struct err err;
};

static const struct option stdout_options[] = {{0}};

static enum sink_promise stdout_promise(const void *instance) {
  (void)instance;
  return SINK_AT_LEAST_ONCE;
}

static const char *stdout_promise_text(const void *instance) {
  (void)instance;
  return "at least once: after a crash the last epochs are printed again";
}

static int stdout_open(void *instance, struct sink_ctx *ctx, struct slice state,
                       uint64_t *held_epoch, struct err *err) {
  struct stdout_sink *sink = instance;
  (void)state, (void)held_epoch, (void)err;
  sink->ctx = ctx;
  sink->exec = exec_new(ctx->io->threads, ctx->io->loop, "sink-stdout");
  return 0;
}

static void stdout_encode(const void *instance, const struct sink_ctx *ctx,
                          const struct expr_run *run, const struct schema *schema,
                          const struct view *view, struct sink_part *part) {
  (void)instance, (void)run;
  ctx->codec->encode(schema, view, &part->bytes);
}

/* On the sink's thread. */
static void write_run(void *arg) {
  struct stdout_sink *sink = arg;
  sink->result = 0;
  for (size_t i = 0; i < sink->batch->n_parts && sink->result == 0; i++) {
    const struct buf *bytes = &sink->batch->parts[i].bytes;
    if (bytes->len > 0)
      sink->result = loop_stdout_write(sink->ctx->io->loop, bytes->data, bytes->len, &sink->err);
  }
}

static void write_done(void *arg) {
  struct stdout_sink *sink = arg;
  struct sink_batch *batch = sink->batch;
  sink->batch = NULL;
  /* What went out before the error cannot be taken back, so trying again would print it twice. */
  if (sink->result == 0)
    sink_delivered(batch);
  else
    sink_failed(batch, &sink->err);
}

static void stdout_write(void *instance, struct sink_batch *batch) {
  struct stdout_sink *sink = instance;
  sink->batch = batch;
  exec_submit(sink->exec, (struct exec_job){.run = write_run, .done = write_done, .arg = sink});
}

static void stdout_commit(void *instance, struct sink_commit *commit) {
  (void)instance;
  sink_committed(commit, (struct slice){NULL, 0});
}

static void stdout_close(void *instance) {
  struct stdout_sink *sink = instance;
  exec_free(sink->exec);
  sink->exec = NULL;
}

const struct sink_plugin sink_stdout = {
    .type = {.name = "stdout",
             .text = "prints records on the standard output",
             .options = stdout_options,
             .instance_bytes = sizeof(struct stdout_sink),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX},
    .promise = stdout_promise,
    .promise_text = stdout_promise_text,
    .open = stdout_open,
    .encode = stdout_encode,
    .write = stdout_write,
    .commit = stdout_commit,
    .close = stdout_close,
};
