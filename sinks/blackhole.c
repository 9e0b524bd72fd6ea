/* blackhole: the sink that takes everything and keeps nothing: for measuring and for trying out a
 * pipeline. Its records are counted by the engine like those of every sink. */
#include "sinks/sinks.h"

struct blackhole {
  struct sink_ctx *ctx;
};

static const struct option blackhole_options[] = {{0}};

static enum sink_promise blackhole_promise(const void *instance) {
  (void)instance;
  return SINK_EXACTLY_ONCE;
}

static const char *blackhole_promise_text(const void *instance) {
  (void)instance;
  return "exactly once: nothing is kept, so nothing is kept twice";
}

static int blackhole_open(void *instance, struct sink_ctx *ctx, struct slice state,
                          uint64_t *held_epoch, struct err *err) {
  struct blackhole *sink = instance;
  (void)state, (void)held_epoch, (void)err;
  sink->ctx = ctx;
  return 0;
}

static void blackhole_encode(const void *instance, const struct sink_ctx *ctx,
                             const struct expr_run *run, const struct schema *schema,
                             const struct view *view, struct sink_part *part) {
  (void)instance, (void)ctx, (void)run, (void)schema, (void)view, (void)part;
}

static void blackhole_write(void *instance, struct sink_batch *batch) {
  (void)instance;
  sink_delivered(batch);
}

static void blackhole_commit(void *instance, struct sink_commit *commit) {
  (void)instance;
  sink_committed(commit, (struct slice){NULL, 0});
}

static void blackhole_close(void *instance) {
  (void)instance;
}

const struct sink_plugin sink_blackhole = {
    .type = {.name = "blackhole",
             .text = "counts records and forgets them",
             .options = blackhole_options,
             .instance_bytes = sizeof(struct blackhole),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX},
    .promise = blackhole_promise,
    .promise_text = blackhole_promise_text,
    .open = blackhole_open,
    .encode = blackhole_encode,
    .write = blackhole_write,
    .commit = blackhole_commit,
    .close = blackhole_close,
};
