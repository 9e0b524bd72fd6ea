/* admin: see admin.h; the port, who may ask, what is asked for, and the two probes. */
#include "daemon/admin/admin_internal.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static const char text_type[] = "text/plain; charset=utf-8";
static const char json_type[] = "application/json";

/* ------------------------------------------------------------------ what there is */

static void look(struct admin *admin) {
  admin->n_pipelines = 0;
  if (!admin->shown) return;
  size_t n = admin->view.pipelines(admin->view.arg);
  for (size_t i = 0; i < n; i++) {
    array_grow((void **)&admin->pipelines, &admin->cap_pipelines, i, sizeof *admin->pipelines);
    admin->view.pipeline(admin->view.arg, i, &admin->pipelines[i]);
  }
  admin->n_pipelines = n;
}

struct admin_reloads admin_reloads_of(const struct admin *admin) {
  struct admin_reloads reloads = {0};
  if (admin->shown) admin->view.reloads(admin->view.arg, &reloads);
  return reloads;
}

bool admin_runs(const struct admin *admin, const char *pipeline) {
  for (size_t i = 0; i < admin->n_pipelines; i++) {
    if (strcmp(admin->pipelines[i].graph->pipeline->settings.name, pipeline) == 0) return true;
  }
  return false;
}

const struct admin_end *admin_end_find(const struct admin *admin, struct slice pipeline) {
  for (size_t i = 0; i < admin->n_ends; i++) {
    if (slice_is(pipeline, admin->ends[i].pipeline)) return &admin->ends[i];
  }
  return NULL;
}

/* ------------------------------------------------------------------ probes */

bool admin_ready(const struct admin *admin, struct buf *why) {
  size_t before = why->len;
  if (!admin->shown) buf_put_text(why, "starting\n");
  if (admin->stopping) buf_put_text(why, "stopping\n");
  for (size_t i = 0; i < admin->n_ends; i++) {
    const struct admin_end *end = &admin->ends[i];
    if (end->failed != NULL && !admin_runs(admin, end->pipeline))
      buf_printf(why, "%s: failed: %s\n", end->pipeline, end->failed);
  }
  for (size_t i = 0; i < admin->n_pipelines; i++) {
    const struct admin_pipeline *pipeline = &admin->pipelines[i];
    const char *name = pipeline->graph->pipeline->settings.name;
    if (pipeline->catching_up) {
      buf_printf(why, "%s: finishing what an earlier configuration began\n", name);
    } else if (engine_state(pipeline->engine) == ENGINE_RECOVERING) {
      struct engine_figures figures;
      engine_figures(pipeline->engine, &figures);
      buf_printf(why, "%s: recovering, %" PRIu64 " epochs replayed\n", name,
                 figures.replayed_epochs);
    } else if (engine_state(pipeline->engine) == ENGINE_FAILED) {
      buf_printf(why, "%s: failed: %s\n", name, engine_error(pipeline->engine)->text);
    }
  }
  return why->len == before;
}

static void probe(const struct admin *admin, struct admin_answer *answer) {
  answer->content_type = text_type;
  if (admin_ready(admin, &answer->body))
    buf_put_text(&answer->body, "ready\n");
  else
    answer->status = 503;
}

/* ------------------------------------------------------------------ what is asked for */

static void not_found(struct admin_answer *answer) {
  answer->status = 404;
  buf_clear(&answer->body);
  buf_put_text(&answer->body, "{\"error\":\"there is nothing here; see /metrics, /healthz, "
                              "/readyz, /v1, /v1/pipelines, /v1/pipelines/NAME, /v1/tap\"}\n");
}

static bool begins(struct slice path, const char *with, struct slice *rest) {
  size_t len = strlen(with);
  if (path.len < len || memcmp(path.data, with, len) != 0) return false;
  *rest = (struct slice){path.data + len, path.len - len};
  return true;
}

void admin_answer(struct admin *admin, struct slice path, struct slice accept,
                  struct admin_answer *answer) {
  *answer = (struct admin_answer){.status = 200, .content_type = json_type};
  buf_init(&answer->body);
  struct slice name;
  look(admin);
  if (slice_is(path, "/metrics")) {
    admin_scrape(admin, accept, answer);
  } else if (slice_is(path, "/healthz")) {
    answer->content_type = text_type;
    buf_put_text(&answer->body, "ok\n");
  } else if (slice_is(path, "/readyz")) {
    probe(admin, answer);
  } else if (slice_is(path, "/v1") || slice_is(path, "/v1/")) {
    admin_json(admin, &answer->body);
  } else if (slice_is(path, "/v1/pipelines") || slice_is(path, "/v1/pipelines/")) {
    admin_pipelines_json(admin, &answer->body);
  } else if (!begins(path, "/v1/pipelines/", &name) ||
             !admin_pipeline_json(admin, name, &answer->body)) {
    not_found(answer);
  }
}

/* ------------------------------------------------------------------ the port */

/* Probes come from where no secret should be. */
static bool is_public(struct slice path) {
  return slice_is(path, "/healthz") || slice_is(path, "/readyz");
}

static bool head_came(void *arg, struct http_exchange *exchange) {
  static const char *const allow[] = {"Allow: GET, HEAD", NULL};
  static const char *const bearer[] = {"WWW-Authenticate: Bearer realm=\"tidemark\"", NULL};
  const struct admin *admin = arg;
  const char *method = http_method(exchange);
  if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
    http_answer_error(exchange, 405, "only GET and HEAD", allow);
    return false;
  }
  if (admin->token != NULL && !is_public(http_path(exchange)) &&
      !http_bearer_is(exchange, admin->token)) {
    http_answer_error(exchange, 401, "a token is wanted: Authorization: Bearer TOKEN", bearer);
    return false;
  }
  return true;
}

static void request_came(void *arg, struct http_exchange *exchange) {
  static const char *const headers[] = {"Cache-Control: no-store", NULL};
  struct slice what;
  if (begins(http_path(exchange), "/v1/tap/", &what)) {
    struct admin *admin = arg;
    look(admin);
    admin_tap(admin, exchange, what);
    return;
  }
  bool found;
  struct slice accept = http_header(exchange, "accept", &found);
  struct admin_answer answer;
  admin_answer(arg, http_path(exchange), found ? accept : slice_of(""), &answer);
  http_answer(exchange, answer.status, answer.content_type, buf_slice(&answer.body), headers);
  buf_fini(&answer.body);
}

static void gone(void *arg, struct http_exchange *exchange) {
  (void)arg;
  admin_tap_gone(exchange);
}

static const struct http_handler handler = {
    .head = head_came, .request = request_came, .gone = gone};

static void tick(void *arg) {
  struct admin *admin = arg;
  look(admin);
  rates_begin(admin->rates, admin->n_pipelines);
  for (size_t i = 0; i < admin->n_pipelines; i++)
    rates_take(admin->rates, i, admin->pipelines[i].engine);
  loop_timer_arm(admin->timer, RATES_EVERY_US);
}

int admin_open(struct admin **made, struct io *io, const struct admin_options *options,
               struct err *err) {
  struct http_server_options server = {.address = options->listen, .limits = http_limits_default};
  server.limits.connections_max = 64;
  server.limits.body_bytes_max = 64 << 10;
  struct admin *admin = mem_zalloc(sizeof *admin);
  admin->io = io;
  if (http_server_open(&admin->server, io, &server, err) != 0) {
    free(admin);
    return err_wrap(err, "admin port");
  }
  if (options->token != NULL) admin->token = mem_strdup(options->token);
  admin->opened_us = clock_wall_us(io->clock);
  admin->rates = rates_new(io->clock);
  admin->timer = loop_timer_new(io->loop, tick, admin);
  loop_timer_arm(admin->timer, RATES_EVERY_US);
  http_server_start(admin->server, &handler, admin);
  *made = admin;
  return 0;
}

const char *admin_address(const struct admin *admin) {
  return http_server_address(admin->server);
}

void admin_close(struct admin *admin) {
  if (admin == NULL) return;
  http_server_close(admin->server);
  loop_timer_free(admin->timer);
  rates_free(admin->rates);
  for (size_t i = 0; i < admin->n_ends; i++) {
    free(admin->ends[i].pipeline);
    free(admin->ends[i].failed);
  }
  free(admin->ends);
  free(admin->pipelines);
  free(admin->token);
  free(admin);
}

/* ------------------------------------------------------------------ what the program says */

void admin_show(struct admin *admin, const struct admin_view *view) {
  admin->shown = view != NULL;
  if (view != NULL) admin->view = *view;
  look(admin);
}

/* One that ends again (after a reload has brought it back) has one end: the last. */
void admin_ended(struct admin *admin, const char *pipeline, const struct err *failed) {
  struct admin_end *end = (struct admin_end *)admin_end_find(admin, slice_of(pipeline));
  if (end == NULL) {
    array_grow((void **)&admin->ends, &admin->cap_ends, admin->n_ends, sizeof *admin->ends);
    end = &admin->ends[admin->n_ends++];
    *end = (struct admin_end){.pipeline = mem_strdup(pipeline)};
  }
  free(end->failed);
  end->failed = failed != NULL ? mem_strdup(failed->text) : NULL;
}

void admin_change_token(struct admin *admin, const char *token) {
  free(admin->token);
  admin->token = token != NULL ? mem_strdup(token) : NULL;
}

void admin_stopping(struct admin *admin) {
  admin->stopping = true;
}
