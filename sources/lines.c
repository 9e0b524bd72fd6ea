/* lines: see lines.h.
 *
 * Looking at each line's length would cost as much as a good part of decoding it. Instead the last
 * '\n' within the next line_max + 1 bytes is looked for, backwards: every line up to there is short
 * enough, whatever lies between; only where there is none a line can be too long. */
#include "sources/lines.h"

/* Where the run of lines starting at `at` that may go into one commit ends; *too_long when it is
 * one line beyond line_max. */
static const char *run_end(const char *at, const char *end, size_t window, uint64_t line_max,
                           bool *too_long) {
  *too_long = false;
  size_t left = (size_t)(end - at);
  if (left < window) return end;
  const char *newline = memrchr(at, '\n', window);
  if (newline != NULL) return newline + 1;
  newline = memchr(at + window, '\n', left - window);
  const char *line_end = newline != NULL ? newline : end;
  size_t len = (size_t)(line_end - at);
  if (newline != NULL && line_end[-1] == '\r') len--;
  *too_long = len > line_max;
  return newline != NULL ? newline + 1 : end;
}

void lines_commit(struct take *take, uint32_t partition, uint64_t position, const char *data,
                  size_t len, uint64_t line_max) {
  lines_commit_kept(take, partition, position, data, len, line_max, UINT64_MAX);
}

void lines_commit_kept(struct take *take, uint32_t partition, uint64_t position, const char *data,
                       size_t len, uint64_t line_max, uint64_t kept) {
  /* Commits of about the same size, so that a block that is a line too long for one does not leave
   * a commit of a single line. */
  size_t pieces = len / LINES_BLOCK_BYTES + 1;
  size_t piece_bytes = len / pieces + 4096;
  if (piece_bytes > LINES_BLOCK_BYTES) piece_bytes = LINES_BLOCK_BYTES;
  size_t window = line_max < piece_bytes ? (size_t)line_max + 1 : piece_bytes;

  const char *end = data + len, *run = data, *at = data;
  while (at < end) {
    bool too_long;
    const char *next = run_end(at, end, window, line_max, &too_long);
    if (run < at && (too_long || (size_t)(next - run) > piece_bytes)) {
      take_commit(take, partition, position + (uint64_t)(run - data),
                  position + (uint64_t)(at - data), run, (size_t)(at - run), 0);
      run = at;
    }
    if (too_long) {
      size_t n = (size_t)(next - at);
      take_commit(take, partition, position + (uint64_t)(at - data),
                  position + (uint64_t)(next - data), at, n < kept ? n : (size_t)kept,
                  TAKE_TOO_LONG);
      run = next;
    }
    at = next;
  }
  if (run < end)
    take_commit(take, partition, position + (uint64_t)(run - data),
                position + (uint64_t)(end - data), run, (size_t)(end - run), 0);
}

size_t lines_whole(const char *data, size_t len, size_t stop, bool ended) {
  if (len == 0) return 0;
  if (stop <= len) {
    const char *newline = memchr(data + stop - 1, '\n', len - (stop - 1));
    if (newline != NULL) return (size_t)(newline - data) + 1;
  }
  if (ended) return len;
  const char *newline = memrchr(data, '\n', len);
  return newline != NULL ? (size_t)(newline - data) + 1 : 0;
}
