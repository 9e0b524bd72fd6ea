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
#include "sources/lines.h"
#include "sources/sources.h"

#include <stdlib.h>

struct stdin_source {
  struct source_ctx *ctx;
  struct loop_stream *stream;
  uint32_t partition;
  uint64_t position; /* behind the last line taken */
  struct buf half;   /* of the next line, as much as is kept of one */
  uint64_t half_len; /* of it in the input, which may be more */
  bool open, ended, source_ended;
};

enum { READ_BYTES = 64 * 1024, READ_BYTES_MIN = 4096 };

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
  struct stdin_source *source = arg;
  loop_stream_want(source->stream, false);
  source_ready(source->ctx);
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
  diag_say(ctx->diag, MESSAGE_STDIN_OPENED, ctx->where,
           "reading the standard input from byte %llu on", (unsigned long long)source->position);
  if (loop_stream_open_stdin(ctx->io->loop, readable, source, &source->stream, err) != 0) return -1;
  loop_stream_want(source->stream, true);
  return 0;
}

/* Adds to the line that has not ended yet; what is beyond the kept length is only counted. */
static void carry(struct stdin_source *source, const char *data, size_t len) {
  size_t room = LINES_LONGEST_BYTES - source->half.len;
  buf_put(&source->half, data, len < room ? len : room);
  source->half_len += len;
}

/* The carried line has ended, `more` bytes at `rest` belong to it too. */
static void commit_carried(struct stdin_source *source, struct take *take, const char *rest,
                           size_t more) {
  carry(source, rest, more);
  char *data = take_reserve(take, source->half.len);
  memcpy(data, source->half.data, source->half.len);
  uint64_t to = source->position + source->half_len;
  if (source->half_len > source->half.len)
    take_commit(take, source->partition, source->position, to, data, source->half.len,
                TAKE_TOO_LONG);
  else
    lines_commit(take, source->partition, source->position, data, source->half.len,
                 source->ctx->common->line_max_bytes);
  source->position = to;
  source->half_len = 0;
  if (source->half.cap > LINES_BLOCK_BYTES) buf_fini(&source->half);
  buf_clear(&source->half);
}

/* One read, straight behind room for the carried half line; *nothing: there was nothing to read. */
static int read_once(struct stdin_source *source, struct take *take, bool *nothing,
                     struct err *err) {
  /* A long half line is not moved again and again: then only its end is looked for. */
  bool joins = source->half_len <= READ_BYTES;
  size_t carried = joins ? source->half.len : 0, want = READ_BYTES, got;
  if (take_bytes_left(take) < want) want = (size_t)take_bytes_left(take);
  if (want < READ_BYTES_MIN) want = READ_BYTES_MIN;
  char *data = take_reserve(take, carried + want);
  if (loop_stream_read(source->stream, data + carried, want, &got, &source->ended, err) != 0)
    return -1;
  *nothing = got == 0 && !source->ended;
  if (got == 0) return 0;
  const char *newline = memrchr(data + carried, '\n', got);
  if (newline == NULL) {
    carry(source, data + carried, got);
    return 0;
  }
  size_t len = (size_t)(newline + 1 - data), left = carried + got - len;
  if (joins) {
    if (carried > 0) memcpy(data, source->half.data, carried);
    buf_clear(&source->half);
    source->half_len = 0;
    lines_commit(take, source->partition, source->position, data, len,
                 source->ctx->common->line_max_bytes);
    source->position += len;
    carry(source, data + len, left);
    return 0;
  }
  const char *first = memchr(data, '\n', got);
  struct buf rest;
  buf_init(&rest);
  buf_put(&rest, first + 1, got - (size_t)(first + 1 - data));
  commit_carried(source, take, data, (size_t)(first + 1 - data));
  len -= (size_t)(first + 1 - data);
  if (len > 0) {
    char *lines = take_reserve(take, len);
    memcpy(lines, rest.data, len);
    lines_commit(take, source->partition, source->position, lines, len,
                 source->ctx->common->line_max_bytes);
    source->position += len;
  }
  carry(source, rest.data + len, left);
  buf_fini(&rest);
  return 0;
}

static int stdin_take(void *instance, struct take *take, struct err *err) {
  struct stdin_source *source = instance;
  bool nothing = false;
  while (!source->ended && !nothing && take_bytes_left(take) > 0)
    if (read_once(source, take, &nothing, err) != 0) return -1;
  if (nothing) {
    loop_stream_want(source->stream, true);
    return 0;
  }
  if (!source->ended) {
    source_ready(source->ctx);
    return 0;
  }
  if (source->source_ended) return 0;
  source->source_ended = true;
  if (source->half_len > 0) commit_carried(source, take, NULL, 0);
  if (source->stream != NULL) {
    diag_say(source->ctx->diag, MESSAGE_STDIN_ENDED, source->ctx->where,
             "the standard input has ended after %llu bytes", (unsigned long long)source->position);
    take_partition_end(take, source->partition);
  }
  take_source_end(take);
  return 0;
}

static void stdin_close(void *instance) {
  struct stdin_source *source = instance;
  if (source->open && !source->ended)
    diag_say(source->ctx->diag, MESSAGE_STDIN_LEFT, source->ctx->where,
             "stopped reading the standard input; the next run goes on at byte %llu",
             (unsigned long long)source->position);
  source->open = false;
  loop_stream_close(source->stream);
  source->stream = NULL;
  buf_fini(&source->half);
}

const struct source_plugin source_stdin = {
    .type = {.name = "stdin",
             .text = "lines of the standard input",
             .options = stdin_options,
             .instance_bytes = sizeof(struct stdin_source)},
    .flags = stdin_flags,
    .bounded = stdin_bounded,
    .open = stdin_open,
    .take = stdin_take,
    .close = stdin_close,
};
