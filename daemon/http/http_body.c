/* http_body: see http_body.h. */
#include "daemon/http/http_body.h"

#include "daemon/base/limits.h"

#include <string.h>
#include <strings.h>

enum {
  CHUNK_LINE_BYTES_MAX = 256,      /* a size with its extensions */
  CHUNK_FRAMING_BYTES_MAX = 16384, /* all extensions of a body; its trailer section */
};

int http_body_start(struct http_body *body, const struct http_head *head, struct slice coding,
                    uint64_t bytes_max, struct http_refusal *refusal) {
  body->bytes_max = bytes_max;
  body->state = head->chunked ? CHUNK_SIZE : CHUNK_LENGTH;
  body->left = head->length;
  if (coding.len > 0 && !(coding.len == 8 && strncasecmp(coding.data, "identity", 8) == 0)) {
    body->inflate = http_inflate_new(coding);
    if (body->inflate == NULL)
      return http_refuse(refusal, 415, "a Content-Encoding other than gzip and deflate");
  }
  if (head->length > bytes_max) return http_refuse(refusal, 413, "the body is too large");
  return 0;
}

static int keep(struct http_body *body, struct slice data, struct http_refusal *refusal) {
  body->got += data.len; /* at most bytes_max: lengths are looked at when they are said */
  if (body->bytes.len == 0) {
    memset(buf_reserve(&body->bytes, LIMIT_PADDING_BYTES), 0, LIMIT_PADDING_BYTES);
    body->bytes.len = LIMIT_PADDING_BYTES;
  }
  if (body->inflate != NULL)
    return http_inflate_feed(body->inflate, data, &body->bytes,
                             body->bytes_max + LIMIT_PADDING_BYTES, refusal);
  buf_put_slice(&body->bytes, data);
  return 0;
}

/* Up to `left` bytes from the front. */
static int feed_data(struct http_body *body, struct slice *data, struct http_refusal *refusal) {
  struct slice mine = {data->data, data->len < body->left ? data->len : (size_t)body->left};
  data->data += mine.len;
  data->len -= mine.len;
  body->left -= mine.len;
  return mine.len > 0 ? keep(body, mine, refusal) : 0;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The line with the size of the next chunk is there, without its CR LF. */
static int read_size(struct http_body *body, struct slice line, struct http_refusal *refusal) {
  size_t n = 0;
  body->left = 0;
  for (; n < line.len && n < 16 && hex_digit(line.data[n]) >= 0; n++)
    body->left = body->left * 16 + (uint64_t)hex_digit(line.data[n]);
  if (n == 0 || (n < line.len && line.data[n] != ';'))
    return http_refuse(refusal, 400, "a chunk's size is not a number");
  body->line_bytes += line.len - n;
  if (body->line_bytes > CHUNK_FRAMING_BYTES_MAX)
    return http_refuse(refusal, 400, "the chunks have too long extensions");
  if (body->left > body->bytes_max - body->got)
    return http_refuse(refusal, 413, "the body is too large");
  body->state = body->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
  buf_clear(&body->line);
  body->scan = (struct http_scan){.trailer = true};
  return 0;
}

/* One byte of a line of framing. */
static int feed_line(struct http_body *body, char c, struct http_refusal *refusal) {
  struct buf *line = &body->line;
  bool after_cr = line->len > 0 && line->data[line->len - 1] == '\r';
  if (after_cr != (c == '\n'))
    return http_refuse(refusal, 400, "a chunk's line does not end with CR LF");
  if (((unsigned char)c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
    return http_refuse(refusal, 400, "a chunk's line has a control character");
  if (body->state == CHUNK_DATA_END && c != (line->len == 0 ? '\r' : '\n'))
    return http_refuse(refusal, 400, "a chunk is longer than it says");
  if (line->len >= CHUNK_LINE_BYTES_MAX)
    return http_refuse(refusal, 400, "a chunk's line is too long");
  buf_put_char(line, c);
  if (c != '\n') return 0;
  if (body->state == CHUNK_SIZE)
    return read_size(body, (struct slice){line->data, line->len - 2}, refusal);
  buf_clear(line);
  body->state = CHUNK_SIZE;
  return 0;
}

/* The trailer section is read, held to the rules of headers, and not used. */
static int feed_trailer(struct http_body *body, struct slice *data, struct http_refusal *refusal) {
  size_t before = body->line.len, len;
  buf_put_slice(&body->line, *data);
  int result =
      http_scan(&body->scan, buf_slice(&body->line), CHUNK_FRAMING_BYTES_MAX, &len, refusal);
  size_t used = result == 1 ? len - before : data->len;
  data->data += used;
  data->len -= used;
  if (result == 1) body->state = CHUNK_DONE;
  return result < 0 ? -1 : 0;
}

int http_body_feed(struct http_body *body, struct slice data, size_t *used,
                   struct http_refusal *refusal) {
  const char *start = data.data;
  int result = 0;
  while (result == 0 && body->state != CHUNK_DONE) {
    if (body->state == CHUNK_LENGTH && body->left == 0) {
      body->state = CHUNK_DONE;
    } else if (body->state == CHUNK_DATA && body->left == 0) {
      body->state = CHUNK_DATA_END;
      buf_clear(&body->line);
    } else if (data.len == 0) {
      break;
    } else if (body->state == CHUNK_LENGTH || body->state == CHUNK_DATA) {
      result = feed_data(body, &data, refusal);
    } else if (body->state == CHUNK_TRAILER) {
      result = feed_trailer(body, &data, refusal);
    } else {
      result = feed_line(body, *data.data, refusal);
      data.data++;
      data.len--;
    }
  }
  *used = (size_t)(data.data - start);
  if (result != 0) return -1;
  if (body->state != CHUNK_DONE) return 0;
  if (body->inflate != NULL && body->got > 0 && !http_inflate_ended(body->inflate))
    return http_refuse(refusal, 400, "the body ends before its Content-Encoding does");
  buf_reserve(&body->bytes, LIMIT_PADDING_BYTES);
  return 1;
}

struct slice http_body_bytes(const struct http_body *body) {
  static const char nothing[2 * LIMIT_PADDING_BYTES];
  if (body->bytes.len == 0) return (struct slice){nothing + LIMIT_PADDING_BYTES, 0};
  return (struct slice){body->bytes.data + LIMIT_PADDING_BYTES,
                        body->bytes.len - LIMIT_PADDING_BYTES};
}

void http_body_fini(struct http_body *body) {
  buf_fini(&body->line);
  buf_fini(&body->bytes);
  http_inflate_free(body->inflate);
  *body = (struct http_body){.state = CHUNK_LENGTH};
}
