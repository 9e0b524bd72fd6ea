/* server: the other side of sinks `http` in a run. It outlives the daemon.
 *
 * What it takes it takes once a key, and holds the bytes of a key to be the same whenever they
 * come. Before and after it may fail in any way there is. */
#ifndef TIDEMARK_TESTS_SIM_SERVER_H
#define TIDEMARK_TESTS_SIM_SERVER_H

#include "tests/unit/engine_world.h"

struct server_request {
  char *key, *url;
  struct buf body;
  bool taken;
};

struct server {
  struct random random;
  uint64_t trouble; /* of 100 requests so many fail in a way that is to be tried again */
  uint64_t refuse;  /* records with an "id" that this divides are refused; 0: none */
  bool dead;        /* says nothing to anybody */
  struct server_request *list;
  size_t n, cap;
  struct buf *taken; /* [urls] what was taken, in order of the first time */
  char **urls;
  size_t n_urls, cap_urls;
  uint64_t asked, again;
};

void server_fini(struct server *server);
void server_serve(struct server *server, struct io *io); /* in each life, at its beginning */

#endif
