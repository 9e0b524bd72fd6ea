/* http_wire: see http_wire.h. */
#include "daemon/http/http_wire.h"

#include <string.h>

enum { KEPT_OUT_BYTES = 16 * 1024 };

static enum http_wire_result read_network(struct http_wire *wire, struct buf *in, size_t len) {
  size_t got;
  bool ended;
  if (net_read(wire->net, buf_reserve(in, len), len, &got, &ended, NULL) != 0) return WIRE_BROKEN;
  in->len += got;
  return got > 0 ? WIRE_SOME : ended ? WIRE_ENDED : WIRE_NOTHING;
}

enum http_wire_result http_wire_read(struct http_wire *wire, struct buf *in, size_t len,
                                     bool may_read) {
  if (wire->tls == NULL) return may_read ? read_network(wire, in, len) : WIRE_NOTHING;
  for (;;) {
    size_t got;
    bool ended;
    int result = http_tls_read(wire->tls, in, len, &got, &ended);
    http_tls_pending(wire->tls, &wire->out);
    if (result != 0) return WIRE_BROKEN;
    if (got > 0) return WIRE_SOME;
    if (ended) return WIRE_ENDED;
    if (!may_read) return WIRE_NOTHING;
    may_read = false;
    buf_clear(&wire->received);
    enum http_wire_result network = read_network(wire, &wire->received, len);
    /* An end without TLS's own may be somebody else's work: what came is not the whole. */
    if (network != WIRE_SOME) return network == WIRE_ENDED ? WIRE_BROKEN : network;
    http_tls_receive(wire->tls, buf_slice(&wire->received));
  }
}

void http_wire_write(struct http_wire *wire, struct slice bytes) {
  if (wire->sent > KEPT_OUT_BYTES && wire->sent > wire->out.len / 2) {
    memmove(wire->out.data, wire->out.data + wire->sent, wire->out.len - wire->sent);
    wire->out.len -= wire->sent;
    wire->sent = 0;
  }
  if (wire->tls == NULL) {
    buf_put_slice(&wire->out, bytes);
  } else {
    http_tls_write(wire->tls, bytes); /* a failure shows at reading */
    http_tls_pending(wire->tls, &wire->out);
  }
}

enum http_wire_result http_wire_flush(struct http_wire *wire) {
  while (wire->sent < wire->out.len) {
    size_t put;
    if (net_write(wire->net, wire->out.data + wire->sent, wire->out.len - wire->sent, &put, NULL) !=
        0)
      return WIRE_BROKEN;
    if (put == 0) return WIRE_NOTHING;
    wire->sent += put;
    wire->taken += put;
  }
  wire->sent = 0;
  if (wire->out.cap > KEPT_OUT_BYTES)
    buf_fini(&wire->out);
  else
    buf_clear(&wire->out);
  return WIRE_SOME;
}

void http_wire_end(struct http_wire *wire) {
  if (wire->tls != NULL) {
    http_tls_end(wire->tls);
    http_tls_pending(wire->tls, &wire->out);
    http_wire_flush(wire);
  }
  net_conn_end(wire->net);
}

void http_wire_fini(struct http_wire *wire) {
  http_tls_free(wire->tls);
  net_conn_close(wire->net);
  buf_fini(&wire->received);
  buf_fini(&wire->out);
  *wire = (struct http_wire){.net = NULL};
}
