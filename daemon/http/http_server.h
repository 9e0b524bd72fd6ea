/* http_server: HTTP/1.1 on a listener of ours, for the http source and the admin port.
 *
 * It guards what stands behind it: how many connections there are, how long a request may take in
 * all (absolute, not since the last byte), how large head and body may be, and that a request means
 * one thing only (RFC 9112 6.3, 11.2): Content-Length twice or odd, Content-Length beside
 * Transfer-Encoding, any transfer coding but one "chunked", bare CR or LF, spaces before a colon,
 * folded headers, NUL, a missing or second Host, and a target that is not an absolute path are
 * refused with 400 and the connection is closed. When connections_max are there, or the system has
 * no descriptor left, the listener pauses: callers wait in its backlog, nothing spins.
 *
 * All calls and callbacks are on the loop's thread. It stands on net.h, so it runs on the simulated
 * network too. Knows nothing of pipelines. */
#ifndef TIDEMARK_HTTP_HTTP_SERVER_H
#define TIDEMARK_HTTP_HTTP_SERVER_H

#include "daemon/base/err.h"
#include "daemon/base/slice.h"
#include "daemon/io/io.h"

#include <stdbool.h>
#include <stdint.h>

struct http_server;
struct http_exchange; /* one request and its answer */

struct http_limits {
  uint32_t connections_max;     /* of this listener */
  uint32_t head_bytes_max;      /* request line and headers, up to 64 KiB; beyond: 431 */
  uint64_t body_bytes_max;      /* of one body, also after decompression; beyond: 413 */
  uint64_t bodies_bytes_max;    /* of all bodies held at once; beyond: 429, come again */
  int64_t request_timeout_us;   /* from a request's first byte (a connection's beginning for its
                                   first) to the last byte of its body; beyond: 408, closed */
  int64_t answer_timeout_us;    /* the peer has so long to take an answer, or of an answer in
                                   pieces what waits; then closed */
  int64_t keepalive_timeout_us; /* between requests */
};
extern const struct http_limits http_limits_default;

/* TLS of a listener; all paths are PEM files. NULL in http_server_options: no TLS. */
struct http_tls_options {
  const char *certificate; /* chain, own first */
  const char *key;
  const char *client_ca; /* not NULL: clients must show a certificate signed by it */
};

struct http_server_options {
  const char *address; /* "host:port", as net_listen() */
  struct http_limits limits;
  const struct http_tls_options *tls; /* read and copied at once */
};

struct http_handler {
  /* The head has come; no body yet. Return true to have the body read (then request() follows), or
   * answer here (401, 413, 415, 429, 503, ...) and return false: the body is then not read but
   * thrown away or the connection closed. May be NULL: true. "Expect: 100-continue" is dealt with
   * by the server. */
  bool (*head)(void *arg, struct http_exchange *exchange);
  /* The whole request has come. Answer now or later, exactly once. */
  void (*request)(void *arg, struct http_exchange *exchange);
  /* There will be no answer of yours: the peer has left, or the server refuses the body (408, 413,
   * 400, ...) that head() wanted. The exchange is gone when this returns. Also called for those
   * unanswered at http_server_close(). A peer that only ends what it sends still gets its answer,
   * unless that comes in pieces. */
  void (*gone)(void *arg, struct http_exchange *exchange);
};

/* Binds, or says why not (port in use: ERR_BUSY and the address). Starts to listen, but callers are
 * accepted only after http_server_start(), so that a reload can bind first. */
int http_server_open(struct http_server **server, const struct io *io,
                     const struct http_server_options *options, struct err *err);
void http_server_start(struct http_server *server, const struct http_handler *handler, void *arg);
/* Other limits and TLS files for what comes from now on; the listener stays. Fails and changes
 * nothing when the TLS files are not good. */
int http_server_change(struct http_server *server, const struct http_server_options *options,
                       struct err *err);
/* Whether the TLS files are good, without any effect. */
int http_server_check(const struct io *io, const struct http_server_options *options,
                      struct err *err);
/* Another owner: exchanges that are open go on with the new handler and arg. */
void http_server_hand_over(struct http_server *server, const struct http_handler *handler,
                           void *arg);
const char *http_server_address(const struct http_server *server); /* with the port; not retired */
/* Answers 503 with "Connection: close" to whatever comes from now on, without asking the handler
 * (a drain); exchanges that are open are still answered. */
void http_server_refuse(struct http_server *server, const char *why);
/* The same, and nobody new is let in: the listener is closed. */
void http_server_retire(struct http_server *server, const char *why);
void http_server_close(struct http_server *server); /* not in a callback of it; NULL is fine */

struct http_server_figures {
  uint64_t connections;                          /* now */
  uint64_t accepted, refused_requests, timeouts; /* since open; refused: by the guard itself */
  uint64_t answers[6];                           /* since open, by the first digit of the status */
  uint64_t body_bytes;                           /* held now, all connections */
  bool paused;                                   /* at connections_max or out of descriptors */
};
void http_server_figures(const struct http_server *server, struct http_server_figures *figures);

/* ------------------------------------------------------------------ a request; valid until
 * answered */

const char *http_method(const struct http_exchange *exchange);
struct slice http_path(const struct http_exchange *exchange); /* percent-decoded, without query */
/* A parameter of the query, percent-decoded, "+" as a blank; *found tells an empty one from none.
 * The first counts when there are several. */
struct slice http_query(struct http_exchange *exchange, const char *name, bool *found);
/* A header's value without blanks around it; name in lower case. Repeated: joined by ", ". */
struct slice http_header(struct http_exchange *exchange, const char *name, bool *found);
/* The decoded body (Content-Encoding gzip and deflate are undone, within body_bytes_max; others
 * answer 415), with LIMIT_PADDING_BYTES readable bytes on both sides. */
struct slice http_body(const struct http_exchange *exchange);
/* What Content-Length says, before decoding; 0 when there is no body, UINT64_MAX when only its end
 * will tell. */
uint64_t http_body_announced(const struct http_exchange *exchange);
/* The body as memory of the caller's: free(*memory); the exchange has none any more. */
struct slice http_body_take(struct http_exchange *exchange, void **memory);
/* Whether "Authorization: Bearer <token>" was given; compared in constant time. */
bool http_bearer_is(struct http_exchange *exchange, const char *token);
/* For the handler's own use, NULL at first. */
void **http_exchange_data(struct http_exchange *exchange);

/* ------------------------------------------------------------------ its answer */

/* An answer never calls back: what follows from it happens in a coming turn of the loop.
 *
 * header lines "Name: value" without line ends, NULL-ended list, may be NULL. Values with control
 * characters are refused by an assertion of ours: nothing from outside may stand in them unchecked.
 * The body is copied. HEAD is answered without its body. content_type NULL: none is said. */
void http_answer(struct http_exchange *exchange, int status, const char *content_type,
                 struct slice body, const char *const *headers);
/* The same with the body {"error":"why"}, as the server's own refusals are. */
void http_answer_error(struct http_exchange *exchange, int status, const char *why,
                       const char *const *headers);
/* An answer in pieces (chunked): begin, then any number of parts, then end. A part is left out and
 * false returned when more than 1 MiB waits for the peer; so it is until `gone` or until
 * http_answer_waiting() has sunk. */
void http_answer_begin(struct http_exchange *exchange, int status, const char *content_type);
bool http_answer_part(struct http_exchange *exchange, struct slice part);
uint64_t http_answer_waiting(const struct http_exchange *exchange); /* bytes */
void http_answer_end(struct http_exchange *exchange);

#endif
