/* fetch: HTTP requests, as a client. A request is started and answered by a callback of the loop;
 * nothing here waits. All calls are made on the loop's thread.
 *
 * What an answer is, is its status, the headers and the first bytes of the body; whatever else
 * there is of the body is not read, and its connection is closed. Redirects are not followed,
 * cookies not kept, and the environment (proxies, .netrc) is not asked. Only HTTP/1.1, plain or
 * with TLS. */
#ifndef TIDEMARK_IO_FETCH_H
#define TIDEMARK_IO_FETCH_H

#include "daemon/base/err.h"
#include "daemon/base/slice.h"
#include "daemon/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch;        /* makes clients; real or simulated */
struct fetch_client; /* connections that are alike, kept open between requests */
struct fetch_call;   /* one request that is out */

#define FETCH_HEADER_BYTES_MAX (64 * 1024) /* of an answer's headers; more is an error */

/* Files are PEM and are read again for each connection, so that renewed ones count. */
struct fetch_options {
  const char *tls_ca;          /* NULL: the authorities of the system */
  const char *tls_certificate; /* of ours, with tls_key; NULL: none */
  const char *tls_key;
  bool tls_verify;            /* false: whoever answers is believed */
  int64_t connect_timeout_us; /* name, connection and TLS together */
  uint32_t connections_max;   /* open at once */
};

struct fetch_request {
  const char *method, *url;   /* a url that fetch_peer() takes */
  const char *const *headers; /* "Name: value", without line ends */
  size_t n_headers;
  struct slice body;     /* stays as it is until the answer; data NULL: none */
  int64_t timeout_us;    /* from start to answer */
  size_t body_bytes_max; /* wanted of the answer's body */
};

struct fetch_answer {
  int status;           /* 100..999 */
  struct slice headers; /* "Name: value" lines */
  struct slice body;    /* its first body_bytes_max bytes */
};

/* Exactly one of answer and err is NULL; both are gone after the call. err: ERR_RETRY, with the
 * host and port in its text. It may start and cancel requests, but not free the client. */
typedef void fetch_fn(void *arg, const struct fetch_answer *answer, const struct err *err);

/* The options are copied. */
struct fetch_client *fetch_client_new(struct fetch *fetch, const struct fetch_options *options);
void fetch_client_free(struct fetch_client *client); /* cancels what is out; NULL is fine */

/* The strings of the request are copied, its body is not. The call is valid until its answer. */
struct fetch_call *fetch_start(struct fetch_client *client, const struct fetch_request *request,
                               fetch_fn *fn, void *arg);
void fetch_cancel(struct fetch_call *call); /* no answer comes any more; NULL is fine */

/* The value of a header of an answer, without blanks around it; whatever case the name is in. The
 * first one when there are several. False: there is none. */
bool fetch_header(const struct fetch_answer *answer, const char *name, struct slice *value);

/* "host:port" of a url, for messages: it holds no secrets. -1: not a url we can ask; ERR_CONFIG. */
#define FETCH_PEER_BYTES 300
int fetch_peer(const char *url, char peer[FETCH_PEER_BYTES], struct err *err);

struct fetch_ops {
  struct fetch_client *(*client_new)(struct fetch *, const struct fetch_options *);
  void (*client_free)(struct fetch_client *);
  struct fetch_call *(*start)(struct fetch_client *, const struct fetch_request *, fetch_fn *,
                              void *);
  void (*cancel)(struct fetch_call *);
  void (*free)(struct fetch *);
};
struct fetch {
  const struct fetch_ops *ops;
};
struct fetch_client {
  struct fetch *fetch;
};
struct fetch_call {
  struct fetch *fetch;
};

struct fetch *fetch_real_new(struct loop *loop); /* on a real loop; libcurl's */
void fetch_free(struct fetch *fetch);            /* its clients before it; NULL is fine */

#endif
