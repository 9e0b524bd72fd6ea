/* http_echo: see http_echo.h. What is asked for by the path:
 *
 *     /late         waits in the list
 *     /unwanted     is answered 401 at its head
 *     /parts        an answer in pieces: 1, 22, 333
 *     else          "METHOD path query=... length=... hash=..." */
#include "tests/unit/http_echo.h"

#include "daemon/base/buf.h"
#include "daemon/base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool on_head(void *arg, struct http_exchange *exchange) {
  struct http_echo *echo = arg;
  echo->heads++;
  if (!slice_is(http_path(exchange), "/unwanted")) return true;
  static const char *const headers[] = {"WWW-Authenticate: Bearer", NULL};
  http_answer_error(exchange, 401, "a \"token\" is missing", headers);
  return false;
}

static void on_request(void *arg, struct http_exchange *exchange) {
  struct http_echo *echo = arg;
  echo->requests++;
  if (slice_is(http_path(exchange), "/late")) {
    if (echo->n_waiting == ECHO_WAITING_MAX) abort();
    echo->waiting[echo->n_waiting++] = exchange;
    *http_exchange_data(exchange) = echo;
    return;
  }
  if (slice_is(http_path(exchange), "/parts")) {
    http_answer_begin(exchange, 200, "text/plain");
    http_answer_part(exchange, slice_of("1"));
    http_answer_part(exchange, slice_of("22"));
    http_answer_part(exchange, slice_of("333"));
    http_answer_end(exchange);
    return;
  }
  struct slice body = http_body(exchange), path = http_path(exchange);
  bool found;
  struct slice query = http_query(exchange, "q", &found);
  struct buf text;
  buf_init(&text);
  buf_printf(&text, "%s %.*s query=%.*s length=%zu hash=%016llx\n", http_method(exchange),
             SLICE_ARG(path), SLICE_ARG(query), body.len,
             (unsigned long long)hash_bytes(body.data, body.len));
  http_answer(exchange, 200, "text/plain", buf_slice(&text), NULL);
  buf_fini(&text);
}

static void on_gone(void *arg, struct http_exchange *exchange) {
  struct http_echo *echo = arg;
  echo->gone++;
  size_t kept = 0;
  for (size_t i = 0; i < echo->n_waiting; i++)
    if (echo->waiting[i] != exchange) echo->waiting[kept++] = echo->waiting[i];
  echo->n_waiting = kept;
}

const struct http_handler http_echo_handler = {
    .head = on_head, .request = on_request, .gone = on_gone};

void http_echo_open(struct http_echo *echo, const struct io *io, const char *address,
                    const struct http_limits *limits) {
  *echo = (struct http_echo){.server = NULL};
  struct http_server_options options = {.address = address, .limits = *limits};
  struct err err;
  if (http_server_open(&echo->server, io, &options, &err) != 0) {
    fprintf(stderr, "%s\n", err.text);
    abort();
  }
  http_server_start(echo->server, &http_echo_handler, echo);
}

void http_echo_close(struct http_echo *echo) {
  http_server_close(echo->server);
}

void http_echo_answer(struct http_echo *echo, size_t i, int status) {
  struct http_exchange *exchange = echo->waiting[i];
  memmove(&echo->waiting[i], &echo->waiting[i + 1],
          (--echo->n_waiting - i) * sizeof *echo->waiting);
  http_answer(exchange, status, "text/plain", slice_of("late\n"), NULL);
}
