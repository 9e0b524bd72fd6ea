/* http_tls: TLS 1.2 and 1.3 between memory and memory: bytes of the network go in and come out,
 * whoever has the socket moves them. OpenSSL draws its own random numbers and asks the time of day
 * for certificates; nothing of that reaches a record. */
#ifndef TIDEMARK_HTTP_HTTP_TLS_H
#define TIDEMARK_HTTP_HTTP_TLS_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/http/http_server.h"

struct http_tls_files; /* what a listener has read of its files */
struct http_tls;       /* of one connection */

int http_tls_files_read(struct http_tls_files **files, struct disk *disk,
                        const struct http_tls_options *options, struct err *err);
void http_tls_files_free(struct http_tls_files *files); /* connections may live on; NULL is fine */

struct http_tls *http_tls_new(const struct http_tls_files *files);
void http_tls_free(struct http_tls *tls); /* NULL is fine */

/* Bytes that came by the network. */
void http_tls_receive(struct http_tls *tls, struct slice bytes);
/* Adds to `in` what they mean, up to len bytes; *got = 0: more must come. *ended: the peer said
 * that it will send nothing more. -1: this is no TLS, or not one that is accepted here; what it
 * said to the peer about it may wait in http_tls_pending(). */
int http_tls_read(struct http_tls *tls, struct buf *in, size_t len, size_t *got, bool *ended);
/* Takes all of it. False: not after a failure, nor before the handshake. */
bool http_tls_write(struct http_tls *tls, struct slice bytes);
void http_tls_end(struct http_tls *tls); /* says that nothing more will be sent */
/* Appends to out what is to go to the network. */
void http_tls_pending(struct http_tls *tls, struct buf *out);

#endif
