/* lines: cutting a block of whole lines into what take_commit() accepts. Shared by the sources
 * whose records are lines of bytes. */
#ifndef TIDEMARK_SOURCES_LINES_H
#define TIDEMARK_SOURCES_LINES_H

#include "daemon/flow/plugin.h"

enum {
  LINES_BLOCK_BYTES = 256 * 1024, /* one commit, unless a line is longer */
  /* Of a line longer than that only so much is kept; it is too long for every max_line there is. */
  LINES_LONGEST_BYTES = 64 * 1024 * 1024,
};

/* How many of the bytes are whole lines that start before stop (at least 1); 0: not even one.
 * ended: the last line needs no '\n'. */
size_t lines_whole(const char *data, size_t len, size_t stop, bool ended);

/* Commits data, which lies in the block reserved last and is whole lines (the very last may lack
 * its '\n'), as positions [position, position + len). Lines of more than line_max bytes, line end
 * not counted, are committed alone with TAKE_TOO_LONG. */
void lines_commit(struct take *take, uint32_t partition, uint64_t position, const char *data,
                  size_t len, uint64_t line_max);
/* The same, with no more than the first `kept` bytes of a line that is too long. */
void lines_commit_kept(struct take *take, uint32_t partition, uint64_t position, const char *data,
                       size_t len, uint64_t line_max, uint64_t kept);

#endif
