/* http_inflate: a body's gzip or deflate undone piece by piece, so that a small body that would
 * become a large one is refused before it has. */
#include "daemon/base/mem.h"
#include "daemon/http/http_body.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

enum { INFLATE_STEP_BYTES = 64 * 1024 };

struct http_inflate {
  z_stream stream;
  bool gzip;
  bool ended; /* at the end of a member, of which gzip may have several */
};

static bool is_coding(struct slice coding, const char *name) {
  return coding.len == strlen(name) && strncasecmp(coding.data, name, coding.len) == 0;
}

struct http_inflate *http_inflate_new(struct slice coding) {
  bool gzip = is_coding(coding, "gzip") || is_coding(coding, "x-gzip");
  if (!gzip && !is_coding(coding, "deflate")) return NULL;
  struct http_inflate *state = mem_zalloc(sizeof *state);
  state->gzip = gzip;
  if (inflateInit2(&state->stream, gzip ? 15 + 16 : 15) != Z_OK) abort();
  return state;
}

int http_inflate_feed(struct http_inflate *state, struct slice data, struct buf *out,
                      uint64_t bytes_max, struct http_refusal *refusal) {
  z_stream *stream = &state->stream;
  stream->next_in = (Bytef *)(uintptr_t)data.data;
  stream->avail_in = (uInt)data.len;
  for (;;) {
    if (state->ended) {
      if (stream->avail_in == 0) return 0;
      if (!state->gzip) return http_refuse(refusal, 400, "the body goes on behind its end");
      inflateReset(stream);
      state->ended = false;
    }
    /* One byte more than may be shows that there is one. */
    uint64_t room = bytes_max - out->len + 1;
    uInt step = room < INFLATE_STEP_BYTES ? (uInt)room : INFLATE_STEP_BYTES;
    stream->avail_out = step;
    stream->next_out = (Bytef *)buf_reserve(out, step);
    int result = inflate(stream, Z_NO_FLUSH);
    out->len += step - stream->avail_out;
    if (out->len > bytes_max)
      return http_refuse(refusal, 413, "the decompressed body is too large");
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
      return http_refuse(refusal, 400, "the body is not what its Content-Encoding says");
    state->ended = result == Z_STREAM_END;
    /* Output that found no room waits inside. */
    if (stream->avail_in == 0 && stream->avail_out > 0) return 0;
  }
}

bool http_inflate_ended(const struct http_inflate *state) {
  return state->ended;
}

void http_inflate_free(struct http_inflate *state) {
  if (state == NULL) return;
  inflateEnd(&state->stream);
  free(state);
}
