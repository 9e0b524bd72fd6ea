/* stdin: the source that reads lines from the standard input. What was read cannot be read again,
 * so the engine keeps it in the log.
 *
 * Its one partition's position is the number of bytes of whole lines taken since the state folder
 * was made. What had been read but not logged when the daemon died is lost here; so at the start
 * and at the end the position is said, and a producer that resumes begins with that byte.
 *
 * Back-pressure: the loop watches the input only from when a take() found nothing more to read
 * until there is something; between that and the engine's next take() nothing is read, and the pipe
 * fills up. Half a line is carried over to the next take. */
#include "daemon/base/mem.h"
#include "sources/line_input.h"
#include "sources/lines.h"
#include "sources/sources.h"

#include <stdlib.h>

struct stdin_source;

/* What a reload hands over: the stream, and what has been read of the line that has not ended. */
struct stdin_input {
  struct stdin_source *source; /* that reads it now */
  struct loop_stream *stream;
  struct line_half half;
};

struct stdin_source {
  struct source_ctx *ctx;
  struct stdin_input *input;
  uint32_t partition;
  uint64_t position; /* behind the last line taken */
  bool open, ended, source_ended;
};

static const struct option stdin_options[] = {{0}};

static int stdin_flags(const void *instance) {
  (void)instance;
  return 0;
}

static bool stdin_bounded(const void *instance) {
  (void)instance;
  return true;
}

static void readable(void *arg) {
  struct stdin_input *input = arg;
  loop_stream_want(input->stream, false);
  source_ready(input->source->ctx);
}

static int stdin_open(void *instance, struct source_ctx *ctx, struct err *err) {
  struct stdin_source *source = instance;
  source->ctx = ctx;
  if (source_partition_count(ctx) > 0) {
    const struct source_partition *known = source_partition_get(ctx, 0);
    source->position = known->position;
    source->ended = known->ended;
  } else {
    source->partition = source_partition_add(ctx, slice_of("stdin"), (struct slice){NULL, 0});
  }
  source->open = true;
  if (source->ended) {
    diag_say(ctx->diag, MESSAGE_STDIN_OVER, ctx->where,
             "the standard input came to its end in an earlier run, after %llu bytes; nothing more "
             "is read from it with this state folder",
             (unsigned long long)source->position);
    source_ready(ctx);
    return 0;
  }
  if (source->input == NULL) { /* else it goes on after a reload, and no producer begins anew */
    diag_say(ctx->diag, MESSAGE_STDIN_OPENED, ctx->where,
             "reading the standard input from byte %llu on", (unsigned long long)source->position);
    source->input = mem_zalloc(sizeof *source->input);
    if (loop_stream_open_stdin(ctx->io->loop, readable, source->input, &source->input->stream,
                               err) != 0) {
      return -1;
    }
  }
  source->input->source = source;
  loop_stream_want(source->input->stream, true);
  return 0;
}

static int read_some(void *stream, void *data, size_t len, size_t *got, bool *ended,
                     struct err *err) {
  return loop_stream_read(stream, data, len, got, ended, err);
}

static int read_all(struct stdin_source *source, struct take *take, bool *nothing,
                    struct err *err) {
  struct line_input input;
  line_input_begin(&input, take, source->partition, &source->position,
                   source->ctx->common->line_max_bytes, LINES_LONGEST_BYTES);
  int result = 0;
  while (result == 0 && !source->ended && !*nothing && line_input_left(&input) > 0) {
    size_t got = 0;
    result = line_input_read(&input, &source->input->half, read_some, source->input->stream, &got,
                             &source->ended, err);
    *nothing = got == 0 && !source->ended;
  }
  if (source->ended) line_input_take_half(&input, &source->input->half, false);
  line_input_end(&input);
  return result;
}

static int stdin_take(void *instance, struct take *take, struct err *err) {
  struct stdin_source *source = instance;
  bool nothing = false;
  if (source->input != NULL && read_all(source, take, &nothing, err) != 0) return -1;
  if (!source->ended) {
    if (nothing)
      loop_stream_want(source->input->stream, true);
    else
      source_ready(source->ctx);
    return 0;
  }
  if (source->source_ended) return 0;
  source->source_ended = true;
  if (source->input != NULL) {
    diag_say(source->ctx->diag, MESSAGE_STDIN_ENDED, source->ctx->where,
             "the standard input has ended after %llu bytes", (unsigned long long)source->position);
    take_partition_end(take, source->partition);
  }
  take_source_end(take);
  return 0;
}

/* The stream goes on with the same line; nobody watches it until open(). */
static void stdin_adopt(void *instance, void *old_instance) {
  struct stdin_source *source = instance, *old = old_instance;
  if (old->input == NULL) return;
  loop_stream_want(old->input->stream, false);
  source->input = old->input;
  old->input = NULL;
}

static void stdin_close(void *instance) {
  struct stdin_source *source = instance;
  if (source->open && !source->ended && source->input != NULL)
    diag_say(source->ctx->diag, MESSAGE_STDIN_LEFT, source->ctx->where,
             "stopped reading the standard input; the next run goes on at byte %llu",
             (unsigned long long)source->position);
  source->open = false;
  if (source->input == NULL) return;
  loop_stream_close(source->input->stream);
  line_half_fini(&source->input->half);
  free(source->input);
  source->input = NULL;
}

const struct source_plugin source_stdin = {
    .type = {.name = "stdin",
             .text = "lines of the standard input",
             .options = stdin_options,
             .instance_bytes = sizeof(struct stdin_source)},
    .promise = SOURCE_RESUMED,
    .flags = stdin_flags,
    .bounded = stdin_bounded,
    .open = stdin_open,
    .take = stdin_take,
    .handover = {.adopt = stdin_adopt},
    .close = stdin_close,
};
