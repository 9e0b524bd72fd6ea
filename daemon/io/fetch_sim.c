/* fetch_sim: see fetch_sim.h and io_sim.h.
 *
 * A request is on its way to the server for some drawn time, so that requests overtake one another;
 * then the server is asked once what becomes of it, and that is due when its delay is over, or as a
 * timeout when that is earlier. A request that is cancelled in between was seen by the server: so
 * it is with a sender that dies. Connections are not limited. */
#include "daemon/io/fetch_sim.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "daemon/io/loop_sim.h"

#include <assert.h>
#include <stdlib.h>

enum { ARRIVAL_US_MAX = 2000 };

struct sim_fetch {
  struct fetch fetch;
  struct loop *loop;
  struct random random;
  sim_server_fn *serve;
  void *serve_arg;
};

struct sim_client {
  struct fetch_client client;
  struct sim_call *calls; /* list */
};

struct sim_call {
  struct fetch_call call;
  struct sim_client *client;
  struct sim_call *prev, *next;
  struct sim_source source;
  struct fetch_request request;
  char peer[FETCH_PEER_BYTES];
  int64_t end_us; /* when it times out */
  bool arrived;
  int status; /* of the answer; 0: failure */
  struct buf headers, body;
  struct err failure;
  fetch_fn *fn;
  void *arg;
};

static struct sim_fetch *sim_of(struct fetch *fetch) {
  return (struct sim_fetch *)fetch;
}

static void call_free(struct sim_call *call) {
  sim_source_remove(sim_of(call->call.fetch)->loop, &call->source);
  for (size_t i = 0; i < call->request.n_headers; i++) free((void *)call->request.headers[i]);
  free((void *)call->request.headers);
  free((void *)call->request.method);
  free((void *)call->request.url);
  buf_fini(&call->headers);
  buf_fini(&call->body);
  if (call->next != NULL) call->next->prev = call->prev;
  if (call->prev != NULL)
    call->prev->next = call->next;
  else
    call->client->calls = call->next;
  free(call);
}

static void arrive(struct sim_fetch *sim, struct sim_call *call) {
  struct sim_answer answer = {0};
  if (sim->serve != NULL)
    sim->serve(sim->serve_arg, &call->request, &answer);
  else
    answer.failure = "cannot connect: Connection refused";
  call->arrived = true;
  call->status = answer.status;
  call->source.due_us = sim_now_us(sim->loop) + answer.delay_us;
  bool silent = answer.status == 0 && answer.failure == NULL;
  if (silent || call->source.due_us > call->end_us) {
    call->status = 0;
    call->source.due_us = call->end_us;
    err_set(&call->failure, ERR_RETRY, "%s has not answered within %.1f s", call->peer,
            (double)call->request.timeout_us / 1e6);
  } else if (answer.failure != NULL) {
    err_set(&call->failure, ERR_RETRY, "%s: %s", call->peer, answer.failure);
  }
  if (answer.headers != NULL) buf_put_text(&call->headers, answer.headers);
  if (answer.body != NULL) buf_put_text(&call->body, answer.body);
  if (call->body.len > call->request.body_bytes_max) call->body.len = call->request.body_bytes_max;
}

static void answer(struct sim_call *call) {
  struct fetch_answer given = {call->status, buf_slice(&call->headers), buf_slice(&call->body)};
  struct err err = call->failure;
  struct buf headers = call->headers, body = call->body;
  fetch_fn *fn = call->fn;
  void *arg = call->arg;
  buf_init(&call->headers);
  buf_init(&call->body);
  call_free(call);
  fn(arg, given.status != 0 ? &given : NULL, given.status != 0 ? NULL : &err);
  buf_fini(&headers);
  buf_fini(&body);
}

static void run_call(struct sim_source *source) {
  struct sim_call *call = (struct sim_call *)((char *)source - offsetof(struct sim_call, source));
  if (call->arrived)
    answer(call);
  else
    arrive(sim_of(call->call.fetch), call);
}

static struct fetch_client *sim_client_new(struct fetch *fetch,
                                           const struct fetch_options *options) {
  (void)options;
  struct sim_client *client = mem_zalloc(sizeof *client);
  client->client.fetch = fetch;
  return &client->client;
}

static void sim_client_free(struct fetch_client *base) {
  struct sim_client *client = (struct sim_client *)base;
  while (client->calls != NULL) call_free(client->calls);
  free(client);
}

static struct fetch_call *sim_start(struct fetch_client *base, const struct fetch_request *request,
                                    fetch_fn *fn, void *arg) {
  struct sim_client *client = (struct sim_client *)base;
  struct sim_fetch *sim = sim_of(base->fetch);
  struct sim_call *call = mem_zalloc(sizeof *call);
  call->call.fetch = base->fetch;
  call->client = client;
  call->fn = fn;
  call->arg = arg;
  call->request = *request;
  call->request.method = mem_strdup(request->method);
  call->request.url = mem_strdup(request->url);
  char **headers = mem_alloc((request->n_headers + 1) * sizeof *headers);
  for (size_t i = 0; i < request->n_headers; i++) headers[i] = mem_strdup(request->headers[i]);
  call->request.headers = (const char *const *)headers;
  int right = fetch_peer(request->url, call->peer, NULL);
  assert(right == 0);
  (void)right;
  call->next = client->calls;
  if (call->next != NULL) call->next->prev = call;
  client->calls = call;
  call->source.run = run_call;
  sim_source_add(sim->loop, &call->source);
  call->end_us = sim_now_us(sim->loop) + request->timeout_us;
  call->source.due_us =
      sim_now_us(sim->loop) + (int64_t)random_below(&sim->random, ARRIVAL_US_MAX + 1);
  return &call->call;
}

static void sim_cancel(struct fetch_call *call) {
  call_free((struct sim_call *)call);
}

static void sim_free(struct fetch *fetch) {
  free(fetch);
}

static const struct fetch_ops sim_ops = {.client_new = sim_client_new,
                                         .client_free = sim_client_free,
                                         .start = sim_start,
                                         .cancel = sim_cancel,
                                         .free = sim_free};

struct fetch *fetch_sim_new(struct loop *loop, uint64_t seed) {
  struct sim_fetch *sim = mem_zalloc(sizeof *sim);
  sim->fetch.ops = &sim_ops;
  sim->loop = loop;
  random_seed(&sim->random, seed);
  return &sim->fetch;
}

void sim_fetch_serve(struct fetch *fetch, sim_server_fn *fn, void *arg) {
  sim_of(fetch)->serve = fn;
  sim_of(fetch)->serve_arg = arg;
}
