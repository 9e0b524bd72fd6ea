/* http_wire: the bytes of one connection, with or without TLS: what comes is appended to a buffer,
 * what is written waits here until the network takes it. */
#ifndef TIDEMARK_HTTP_HTTP_WIRE_H
#define TIDEMARK_HTTP_HTTP_WIRE_H

#include "daemon/base/buf.h"
#include "daemon/http/http_tls.h"

enum http_wire_result {
  WIRE_SOME,
  WIRE_NOTHING, /* now */
  WIRE_ENDED,   /* the peer sends nothing more */
  WIRE_BROKEN
};

struct http_wire {
  struct net_conn *net;
  struct http_tls *tls; /* NULL: none */
  struct buf received;  /* of TLS: a read from the network */
  struct buf out;       /* for the network, from `sent` on */
  size_t sent;
  uint64_t taken; /* bytes the network has taken in all */
};

/* Appends up to len bytes to `in`. may_read: the network may be asked (once); without it only what
 * TLS holds already comes. */
enum http_wire_result http_wire_read(struct http_wire *wire, struct buf *in, size_t len,
                                     bool may_read);
void http_wire_write(struct http_wire *wire, struct slice bytes);
/* Sends what the network takes now. WIRE_SOME: all has gone; WIRE_NOTHING: some waits. */
enum http_wire_result http_wire_flush(struct http_wire *wire);
static inline size_t http_wire_waiting(const struct http_wire *wire) {
  return wire->out.len - wire->sent;
}
void http_wire_end(struct http_wire *wire); /* when all has gone: the peer reads the end */
void http_wire_fini(struct http_wire *wire);

#endif
