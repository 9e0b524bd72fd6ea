/* body: see body.h. */
#include "sinks/http/body.h"

#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16 }; /* 16: gzip's frame, whose time stays 0 */

static void put_plain(struct buf *out, int format, const struct slice *records, size_t n) {
  if (format == HTTP_ARRAY) buf_put_char(out, '[');
  for (size_t i = 0; i < n; i++) {
    if (format == HTTP_ARRAY && i > 0) buf_put_char(out, ',');
    buf_put_slice(out, records[i]);
    if (format == HTTP_LINES) buf_put_char(out, '\n');
  }
  if (format == HTTP_ARRAY) buf_put_char(out, ']');
}

static void put_gzip(struct buf *out, struct slice plain) {
  z_stream stream = {.next_in = (Bytef *)(uintptr_t)plain.data};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    abort(); /* no memory */
  size_t left = plain.len;
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    /* zlib counts in 32 bits. */
    size_t in = left < 1u << 30 ? left : 1u << 30, room = in / 2 + 4096;
    stream.avail_in = (uInt)in;
    stream.next_out = (Bytef *)buf_reserve(out, room);
    stream.avail_out = (uInt)room;
    result = deflate(&stream, in == left ? Z_FINISH : Z_NO_FLUSH);
    if (result == Z_STREAM_ERROR) abort();
    left -= in - stream.avail_in;
    out->len += room - stream.avail_out;
  }
  deflateEnd(&stream);
}

void body_make(struct buf *out, const struct http_settings *settings, const struct slice *records,
               size_t n) {
  buf_clear(out);
  buf_reserve(out, 1); /* an empty body has an address too */
  if (settings->compression == HTTP_PLAIN) {
    put_plain(out, settings->format, records, n);
    return;
  }
  struct buf plain;
  buf_init(&plain);
  put_plain(&plain, settings->format, records, n);
  put_gzip(out, buf_slice(&plain));
  buf_fini(&plain);
}

const char *body_content_type(const struct http_settings *settings, bool json) {
  if (!json) return "text/plain; charset=utf-8";
  return settings->format == HTTP_LINES ? "application/x-ndjson" : "application/json";
}
