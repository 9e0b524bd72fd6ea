/* http_body: from the bytes behind a head to the body that was meant: its framing (a length, or
 * chunks), its coding (gzip, deflate), and how much of it there may be. Chunks are read by our own
 * few states because here, too, the library overlooks what it should not (http_guard.h). */
#ifndef TIDEMARK_HTTP_HTTP_BODY_H
#define TIDEMARK_HTTP_HTTP_BODY_H

#include "daemon/base/buf.h"
#include "daemon/http/http_guard.h"

enum http_chunk_state {
  CHUNK_LENGTH, /* not chunked: `left` bytes */
  CHUNK_SIZE,   /* digits, and what may stand behind them up to LF */
  CHUNK_DATA,
  CHUNK_DATA_END,
  CHUNK_TRAILER,
  CHUNK_DONE
};

struct http_body {
  enum http_chunk_state state;
  uint64_t left;                /* of the body, or of the chunk */
  struct buf line;              /* of framing, as far as it has come; the trailer section */
  uint64_t line_bytes;          /* of all framing beyond its digits: it has a bound, too */
  struct http_scan scan;        /* of the trailer section */
  struct http_inflate *inflate; /* NULL: as it is */
  uint64_t got;                 /* bytes before decoding */
  uint64_t bytes_max;
  struct buf bytes; /* decoded, LIMIT_PADDING_BYTES in front; no memory until something came */
};

/* body: zeroed. coding: the value of Content-Encoding, empty for none; unknown: 415. */
int http_body_start(struct http_body *body, const struct http_head *head, struct slice coding,
                    uint64_t bytes_max, struct http_refusal *refusal);
/* Takes from the front of data what belongs to the body. 1: it has come to its end; 0: more must
 * come; -1: refused. As with http_scan(), pieces do not matter. */
int http_body_feed(struct http_body *body, struct slice data, size_t *used,
                   struct http_refusal *refusal);
struct slice http_body_bytes(const struct http_body *body);
void http_body_fini(struct http_body *body); /* fine when zeroed, leaves it zeroed */

/* ------------------------------------------------------------------ http_inflate.c */

struct http_inflate;

/* NULL: not a coding that is known here. */
struct http_inflate *http_inflate_new(struct slice coding);
/* Adds what data decodes to; -1: it does not, or more than bytes_max would be in out. */
int http_inflate_feed(struct http_inflate *state, struct slice data, struct buf *out,
                      uint64_t bytes_max, struct http_refusal *refusal);
/* Whether what has come is whole. */
bool http_inflate_ended(const struct http_inflate *state);
void http_inflate_free(struct http_inflate *state); /* NULL is fine */

#endif
