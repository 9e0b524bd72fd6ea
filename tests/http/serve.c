/* serve: the HTTP server by itself on a real network, for server.py.
 *
 *     serve ADDRESS [REQUEST_TIMEOUT_MS [CONNECTIONS_MAX [CERTIFICATE KEY [CLIENT_CA]]]]
 *
 * Says the address bound on stdout, answers as tests/unit/http_echo.c says, and ends with SIGTERM;
 * then says how many turns its loop has made, so that one that spins is seen. SIGHUP reads the TLS
 * files again. */
#include "tests/unit/http_echo.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct serve {
  struct http_server_options options;
  struct http_tls_options tls;
  struct http_echo echo;
  bool ends;
};

static void on_end(void *arg) {
  struct serve *serve = arg;
  serve->ends = true;
}

static void on_again(void *arg) {
  struct serve *serve = arg;
  struct err err;
  if (http_server_change(serve->echo.server, &serve->options, &err) != 0)
    printf("%s\n", err.text);
  else
    printf("read again\n");
  fflush(stdout);
}

int main(int argc, char **argv) {
  struct serve serve = {.options = {.address = argv[1], .limits = http_limits_default}};
  struct io io;
  struct err err;
  if (argc < 2) return 64;
  if (argc > 2) serve.options.limits.request_timeout_us = atoll(argv[2]) * 1000;
  if (argc > 3) serve.options.limits.connections_max = (uint32_t)atoi(argv[3]);
  if (argc > 5) {
    serve.tls = (struct http_tls_options){argv[4], argv[5], argc > 6 ? argv[6] : NULL};
    serve.options.tls = &serve.tls;
  }
  if (io_real_open(&io, &err) != 0 ||
      http_server_open(&serve.echo.server, &io, &serve.options, &err) != 0 ||
      loop_on_signal(io.loop, SIGTERM, on_end, &serve, &err) != 0 ||
      loop_on_signal(io.loop, SIGHUP, on_again, &serve, &err) != 0) {
    fprintf(stderr, "%s\n", err.text);
    return err_exit_status(err.code);
  }
  http_server_start(serve.echo.server, &http_echo_handler, &serve.echo);
  printf("%s\n", http_server_address(serve.echo.server));
  fflush(stdout);
  unsigned long turns = 0;
  for (; !serve.ends; turns++)
    if (loop_wait(io.loop, -1, &err) != 0) return 74;
  struct http_server_figures figures;
  http_server_figures(serve.echo.server, &figures);
  printf("%lu turns, %llu accepted, %llu refused, %llu timeouts\n", turns,
         (unsigned long long)figures.accepted, (unsigned long long)figures.refused_requests,
         (unsigned long long)figures.timeouts);
  http_server_close(serve.echo.server);
  io_real_close(&io);
  return 0;
}
