/* server: see server.h. */
#include "tests/sim/server.h"

#include <stdio.h>

void server_fini(struct server *server) {
  for (size_t i = 0; i < server->n; i++) {
    free(server->list[i].key);
    free(server->list[i].url);
    buf_fini(&server->list[i].body);
  }
  for (size_t i = 0; i < server->n_urls; i++) {
    buf_fini(&server->taken[i]);
    free(server->urls[i]);
  }
  free(server->list);
  free(server->urls);
  free(server->taken);
}

static struct server_request *request_of(struct server *server,
                                         const struct fetch_request *request) {
  const char *key = NULL;
  for (size_t i = 0; i < request->n_headers; i++)
    if (strncmp(request->headers[i], "Idempotency-Key: ", 17) == 0) key = request->headers[i] + 17;
  if (key == NULL) fail_msg("a request to %s has no key", request->url);
  server->asked++;
  for (size_t i = 0; i < server->n; i++) {
    struct server_request *known = &server->list[i];
    if (strcmp(known->key, key) != 0) continue;
    server->again++;
    if (strcmp(known->url, request->url) != 0 ||
        !slice_equal(buf_slice(&known->body), request->body))
      fail_msg("the key %s comes with other bytes", key);
    return known;
  }
  array_grow((void **)&server->list, &server->cap, server->n, sizeof *server->list);
  struct server_request *added = &server->list[server->n++];
  *added = (struct server_request){.key = mem_strdup(key), .url = mem_strdup(request->url)};
  buf_put_slice(&added->body, request->body);
  return added;
}

static bool refused(const struct server *server, struct slice body) {
  static const char mark[] = "\"id\":";
  const char *at = body.data, *end = body.data + body.len;
  if (server->refuse == 0) return false;
  while ((at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) != NULL) {
    at += sizeof mark - 1;
    if (strtoull(at, NULL, 10) % server->refuse == 0) return true;
  }
  return false;
}

static struct buf *taken_at(struct server *server, const char *url) {
  for (size_t i = 0; i < server->n_urls; i++)
    if (strcmp(server->urls[i], url) == 0) return &server->taken[i];
  size_t cap = server->cap_urls;
  array_grow((void **)&server->taken, &cap, server->n_urls, sizeof *server->taken);
  array_grow((void **)&server->urls, &server->cap_urls, server->n_urls, sizeof *server->urls);
  server->urls[server->n_urls] = mem_strdup(url);
  buf_init(&server->taken[server->n_urls]);
  return &server->taken[server->n_urls++];
}

static void take(struct server *server, struct server_request *request) {
  if (request->taken) return;
  request->taken = true;
  buf_put_slice(taken_at(server, request->url), buf_slice(&request->body));
}

enum trouble {
  BROKEN,
  UNAVAILABLE,
  LATER,
  INTERNAL,
  SILENT,
  TAKEN_SILENT,
  TAKEN_UNAVAILABLE,
  TROUBLES
};

static void serve(void *arg, const struct fetch_request *request, struct sim_answer *answer) {
  struct server *server = arg;
  struct server_request *of = request_of(server, request);
  answer->delay_us = (int64_t)random_below(&server->random, 4000);
  enum trouble trouble = TROUBLES;
  if (random_below(&server->random, 100) < server->trouble)
    trouble = (enum trouble)random_below(&server->random, TROUBLES);
  if (server->dead) trouble = SILENT;
  bool bad = refused(server, request->body);
  switch (trouble) {
  case BROKEN: answer->failure = "it broke before it was heard"; break;
  case UNAVAILABLE: answer->status = 503; break;
  case INTERNAL: answer->status = 500; break;
  case LATER:
    answer->status = 429;
    answer->headers = "Retry-After: 1\n";
    break;
  case SILENT: break;
  case TAKEN_SILENT:
    if (!bad) take(server, of);
    break;
  case TAKEN_UNAVAILABLE:
    if (!bad) take(server, of);
    answer->status = 503;
    break;
  case TROUBLES:
    answer->status = bad ? 400 : 200;
    if (bad)
      answer->body = "not wanted";
    else
      take(server, of);
    if (random_below(&server->random, 8) == 0)
      answer->delay_us += (int64_t)random_below(&server->random, 1500000);
  }
}

void server_serve(struct server *server, struct io *io) {
  sim_fetch_serve(io->fetch, serve, server);
}
