/* line_input: bytes that come in any pieces become whole lines of a take. Shared by the sources
 * that read a stream which cannot be read again: standard input, connections, a command's output.
 *
 * A line's bytes are the same however they came in pieces. Of a line that is longer than max_line
 * at least its first max_line + 2 bytes are kept, and never more than kept_bytes: the memory that a
 * peer can make us hold. */
#ifndef TIDEMARK_SOURCES_LINE_INPUT_H
#define TIDEMARK_SOURCES_LINE_INPUT_H

#include "daemon/base/buf.h"
#include "daemon/flow/plugin.h"

/* The line of one stream that has not ended yet; zeroed at first. */
struct line_half {
  struct buf kept;
  uint64_t len; /* in the stream, which may be more than what is kept */
};
void line_half_fini(struct line_half *half);

/* What one take() gathers for one partition, from one stream or many. Lines stand in a block of the
 * take until it is full or line_input_end() commits them. */
struct line_input {
  struct take *take;
  uint32_t partition;
  uint64_t *position; /* behind the last line taken, moved by commits; the source's */
  uint64_t line_max;
  uint64_t kept_bytes;
  char *block;
  size_t used, cap;
};

/* position: as above. kept_bytes: at least line_max + 2, at most LINES_LONGEST_BYTES. */
void line_input_begin(struct line_input *input, struct take *take, uint32_t partition,
                      uint64_t *position, uint64_t line_max, uint64_t kept_bytes);
/* As take_bytes_left(), without what was gathered. */
uint64_t line_input_left(const struct line_input *input);

enum { LINE_READ_BYTES_MIN = 4096 };
/* Reads at most len bytes; *got = 0 and *ended = false: nothing now. */
typedef int line_read_fn(void *stream, void *data, size_t len, size_t *got, bool *ended,
                         struct err *err);
/* One read of a stream, of at least LINE_READ_BYTES_MIN: its whole lines are gathered, the rest is
 * put to half. */
int line_input_read(struct line_input *input, struct line_half *half, line_read_fn *read,
                    void *stream, size_t *got, bool *ended, struct err *err);
/* The stream has ended and so has the line, if there is half of one. end_it: it gets the '\n' that
 * it lacks, because lines of other streams may follow it. */
void line_input_take_half(struct line_input *input, struct line_half *half, bool end_it);
/* Room for `bytes` behind what was gathered, and the whole lines put there. */
char *line_input_room(struct line_input *input, size_t bytes);
void line_input_add(struct line_input *input, size_t len);

/* Commits what was gathered. Nothing but another begin may follow. */
void line_input_end(struct line_input *input);

#endif
