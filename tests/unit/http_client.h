/* http_client: the other side of an HTTP server in tests: bytes as the test wants them, on a real
 * or a simulated network. */
#ifndef TIDEMARK_TESTS_HTTP_CLIENT_H
#define TIDEMARK_TESTS_HTTP_CLIENT_H

#include "daemon/base/buf.h"
#include "daemon/io/io.h"

struct http_client {
  struct io *io;
  struct net_conn *conn;
  struct buf out; /* not sent yet, from `sent` on */
  size_t sent;
  bool ends; /* when all of it is sent */
  struct buf got;
  bool deaf;          /* reads nothing */
  bool ended, broken; /* the server has ended it; broken: not nicely */
};

void http_client_open(struct http_client *client, struct io *io, const char *address);
void http_client_send(struct http_client *client, struct slice bytes);
void http_client_text(struct http_client *client, const char *text);
void http_client_end(struct http_client *client); /* sends nothing more */
void http_client_listen(struct http_client *client, bool listens);
void http_client_close(struct http_client *client);

/* Turns the loop until the server has ended the connection, or n whole answers are there. Fails the
 * test after 20 seconds of the world's clock beyond the longest timeout. */
void http_client_until_ended(struct http_client *client);
void http_client_until(struct http_client *client, size_t n_answers);

/* Whole answers among what has come, 100 Continue left out. */
size_t http_client_answers(struct http_client *client);
/* Their statuses: "200 400". Valid until the next call. */
const char *http_client_statuses(struct http_client *client);
/* All that has come as a string, without Date lines and 100 Continue. Valid until the next call. */
const char *http_client_got(struct http_client *client);

#endif
