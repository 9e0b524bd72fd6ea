/* admin: the port by which the daemon is watched: metrics, probes, and what each pipeline does, as
 * JSON. It reads, and changes nothing.
 *
 *     /metrics             Prometheus text, or OpenMetrics when Accept asks for it
 *     /healthz             200 while the loop turns
 *     /readyz              200 when every pipeline has recovered and takes input, else 503 and why
 *     /v1                  version, uptime, the pipelines' names, the last reload
 *     /v1/pipelines        a line for each pipeline
 *     /v1/pipelines/NAME   all about one: components, rates, watermarks, queues, positions
 *     /v1/tap/PIPELINE/COMPONENT[.PORT]?every=N&limit=N    records as they pass
 *
 * With a token, all but the two probes want it. No option of a component is ever shown, so no
 * secret can be. All calls are on the loop's thread. */
#ifndef TIDEMARK_ADMIN_ADMIN_H
#define TIDEMARK_ADMIN_ADMIN_H

#include "daemon/base/buf.h"
#include "daemon/flow/engine.h"

struct admin;

struct admin_options {
  const char *listen; /* as net_listen() */
  const char *token;  /* NULL: none is wanted */
};

/* Binds and answers from now on, though nothing is shown yet: not ready, "starting". */
int admin_open(struct admin **admin, struct io *io, const struct admin_options *options,
               struct err *err);
const char *admin_address(const struct admin *admin); /* with the port bound */
void admin_close(struct admin *admin);                /* NULL is fine */

/* How the port sees the program: asked at each request and once a second. */
struct admin_pipeline {
  const struct graph *graph;
  struct engine *engine;
  bool catching_up; /* finishing what an earlier configuration began */
};
struct admin_reloads {
  uint64_t done, refused;
  bool last_done;
  int64_t last_us, done_us; /* wall: when the last ended, and the last that was done; 0: none */
  const char *why;          /* of a last one that was refused */
};
struct admin_view {
  size_t (*pipelines)(void *arg); /* that run */
  void (*pipeline)(void *arg, size_t i, struct admin_pipeline *pipeline);
  void (*reloads)(void *arg, struct admin_reloads *reloads);
  void *arg;
};
void admin_show(struct admin *admin, const struct admin_view *view); /* NULL: nothing any more */
/* A pipeline runs no more, or never did. failed: why; NULL when it has done all there was. */
void admin_ended(struct admin *admin, const char *pipeline, const struct err *failed);
void admin_change_token(struct admin *admin, const char *token); /* NULL: none is wanted */
/* The program is being stopped: not ready any more. */
void admin_stopping(struct admin *admin);

/* ------------------------------------------------------------------ what a request is answered */

/* The answer to GET path, without the port: for the port itself, and for tests. */
struct admin_answer {
  int status;
  const char *content_type;
  struct buf body; /* buf_fini() */
};
void admin_answer(struct admin *admin, struct slice path, struct slice accept,
                  struct admin_answer *answer);

#endif
