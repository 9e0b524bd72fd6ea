/* http_guard: what is a request, and what is not (RFC 9112 2.2, 5, 6.3, 11.2).
 *
 * A head passes three gates: http_scan() looks at its bytes and lines as they come, the library
 * http_parser at its grammar, http_head_read() at what it means. The library alone is not enough:
 * as Debian builds it, it takes LF for CR LF, blanks before a colon, folded lines and bytes that no
 * target may have. A request that two readers could take for different things is refused by one of
 * the gates. */
#ifndef TIDEMARK_HTTP_HTTP_GUARD_H
#define TIDEMARK_HTTP_HTTP_GUARD_H

#include "daemon/base/arena.h"
#include "daemon/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct http_refusal {
  int status;
  const char *why; /* constant */
};
/* Always -1, so that `return http_refuse(...)` reads well. */
static inline int http_refuse(struct http_refusal *refusal, int status, const char *why) {
  *refusal = (struct http_refusal){status, why};
  return -1;
}

/* How far the lines of a head, or of a trailer section, have been looked at. */
struct http_scan {
  size_t at;      /* the next byte to look at */
  size_t line;    /* where its line begins */
  size_t n_lines; /* complete before it */
  bool trailer;   /* no request line */
};

/* Looks on. 1: complete with its empty line, *len bytes; 0: more must come; -1: refused. The
 * verdict is a function of the bytes, whatever pieces they came in. bytes: all from the beginning.
 */
int http_scan(struct http_scan *scan, struct slice bytes, size_t bytes_max, size_t *len,
              struct http_refusal *refusal);

struct http_header {
  struct slice name, value; /* the value without blanks around it */
};

struct http_head {
  const char *method;
  struct slice target; /* as sent: begins with '/', no '#' */
  bool version_1_0;
  bool keep_alive; /* what the peer wants */
  bool chunked;    /* the body is framed so */
  uint64_t length; /* else its length, 0 without Content-Length */
  bool expects_continue;
  struct http_header *headers; /* in the arena; slices of the bytes */
  size_t n_headers;
};

/* bytes: a complete head that http_scan() let through; head's slices lie in it. */
int http_head_read(struct http_head *head, struct arena *arena, struct slice bytes,
                   struct http_refusal *refusal);

#endif
