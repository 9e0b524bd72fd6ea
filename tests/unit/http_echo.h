/* http_echo: a server for tests that answers each request with what it understood of it. */
#ifndef TIDEMARK_TESTS_HTTP_ECHO_H
#define TIDEMARK_TESTS_HTTP_ECHO_H

#include "daemon/http/http_server.h"

enum { ECHO_WAITING_MAX = 16 };

struct http_echo {
  struct http_server *server;
  struct http_exchange *waiting[ECHO_WAITING_MAX]; /* asked for "/late", oldest first */
  size_t n_waiting;
  int heads, requests, gone;
};

extern const struct http_handler http_echo_handler; /* arg: struct http_echo */

/* The limits that tests start from: the default ones. */
void http_echo_open(struct http_echo *echo, const struct io *io, const char *address,
                    const struct http_limits *limits);
void http_echo_close(struct http_echo *echo);
/* Answers one of the waiting. */
void http_echo_answer(struct http_echo *echo, size_t i, int status);

#endif
