/* http_server: the listener, and whom it lets in. See http_server.h; what happens on a connection
 * is in http_conn.c. */
#include "daemon/base/mem.h"
#include "daemon/http/http_internal.h"

#include <stdlib.h>

/* Callers let in at one go; the loop has others to serve. */
enum { ACCEPTED_AT_ONCE_MAX = 64 };

const struct http_limits http_limits_default = {
    .connections_max = 1024,
    .head_bytes_max = 16 * 1024,
    .body_bytes_max = 16 * 1024 * 1024,
    .bodies_bytes_max = 64 * 1024 * 1024,
    .request_timeout_us = 30 * 1000000,
    .answer_timeout_us = 30 * 1000000,
    .keepalive_timeout_us = 60 * 1000000,
};

static bool is_full(const struct http_server *server) {
  return server->figures.connections >= server->limits.connections_max;
}

void http_server_accept_more(struct http_server *server) {
  if (server->listener == NULL) return;
  net_listener_want(server->listener, server->started && !is_full(server));
}

static void on_caller(void *arg) {
  struct http_server *server = arg;
  for (int n = 0; n < ACCEPTED_AT_ONCE_MAX && !is_full(server); n++) {
    struct http_conn *conn;
    server->starved = http_conn_accept(server, &conn, NULL) != 0;
    if (conn == NULL) break;
  }
  http_server_accept_more(server);
}

static int read_tls(struct http_tls_files **files, const struct io *io,
                    const struct http_server_options *options, struct err *err) {
  *files = NULL;
  return options->tls == NULL ? 0 : http_tls_files_read(files, io->disk, options->tls, err);
}

int http_server_open(struct http_server **out, const struct io *io,
                     const struct http_server_options *options, struct err *err) {
  struct http_server *server = mem_zalloc(sizeof *server);
  server->io = *io;
  server->limits = options->limits;
  if (read_tls(&server->tls, io, options, err) != 0 ||
      net_listen(io->net, options->address, on_caller, server, &server->listener, err) != 0) {
    http_tls_files_free(server->tls);
    free(server);
    return -1;
  }
  net_listener_want(server->listener, false);
  *out = server;
  return 0;
}

void http_server_start(struct http_server *server, const struct http_handler *handler, void *arg) {
  http_server_hand_over(server, handler, arg);
  server->started = true;
  http_server_accept_more(server);
}

int http_server_check(const struct io *io, const struct http_server_options *options,
                      struct err *err) {
  struct http_tls_files *files;
  if (read_tls(&files, io, options, err) != 0) return -1;
  http_tls_files_free(files);
  return 0;
}

int http_server_change(struct http_server *server, const struct http_server_options *options,
                       struct err *err) {
  struct http_tls_files *files;
  if (read_tls(&files, &server->io, options, err) != 0) return -1;
  http_tls_files_free(server->tls);
  server->tls = files;
  server->limits = options->limits;
  http_server_accept_more(server);
  return 0;
}

void http_server_hand_over(struct http_server *server, const struct http_handler *handler,
                           void *arg) {
  server->handler = handler;
  server->arg = arg;
}

const char *http_server_address(const struct http_server *server) {
  return net_listener_address(server->listener);
}

void http_server_refuse(struct http_server *server, const char *why) {
  free(server->refuses);
  server->refuses = mem_strdup(why);
}

void http_server_retire(struct http_server *server, const char *why) {
  http_server_refuse(server, why);
  net_listener_close(server->listener);
  server->listener = NULL;
}

void http_server_close(struct http_server *server) {
  if (server == NULL) return;
  while (server->conns != NULL) http_conn_free(server->conns);
  loop_unpost(server->io.loop, http_conn_run_kicked, server);
  net_listener_close(server->listener);
  http_tls_files_free(server->tls);
  free(server->refuses);
  free(server);
}

void http_server_figures(const struct http_server *server, struct http_server_figures *figures) {
  *figures = server->figures;
  figures->paused = server->starved || (server->started && is_full(server));
}
