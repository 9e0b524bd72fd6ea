/* http: the source that takes what is sent to it. A request is answered 202 when its records are in
 * the log, synced as log.sync says: what was acknowledged is not lost, and a request is in the log
 * whole or not at all. What cannot be taken now is refused, not parked: 429 and 503 with
 * Retry-After, so that memory is bounded by `queue` and `max_connections`.
 *
 * It has one partition; its position counts records since the state folder was made. intake.h says
 * what becomes of a request; this file is the plugin around it. */
#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "sources/http/intake.h"
#include "sources/sources.h"

#include <string.h>

static const char *const partial_names[] = {"refuse", "accept", NULL};

static const struct option tls_options[] = {
    {.name = "certificate",
     .type = OPTION_TEXT,
     .offset = offsetof(struct http_source, certificate),
     .text = "PEM file with the certificate and those that vouch for it, its own first"},
    {.name = "key",
     .type = OPTION_TEXT,
     .offset = offsetof(struct http_source, key),
     .text = "PEM file with the key of the certificate"},
    {.name = "client_ca",
     .type = OPTION_TEXT,
     .offset = offsetof(struct http_source, client_ca),
     .text = "PEM file: clients must show a certificate that one of these vouches for"},
    {0}};

static const struct option http_options[] = {
    {.name = "listen",
     .type = OPTION_TEXT,
     .offset = offsetof(struct http_source, listen),
     .required = true,
     .text = "where requests come in: host:port, [v6]:port or unix:/path"},
    {.name = "path",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct http_source, paths),
     .fallback = "/",
     .text = "the path of the URL, or a list of them; others answer 404"},
    {.name = "token",
     .type = OPTION_TEXT,
     .offset = offsetof(struct http_source, token),
     .secret = true,
     .text = "what clients send as `Authorization: Bearer ...`"},
    {.name = "tls", .type = OPTION_GROUP, .group = tls_options, .text = "HTTPS, from TLS 1.2 on"},
    {.name = "max_body",
     .type = OPTION_SIZE,
     .offset = offsetof(struct http_source, body_bytes_max),
     .fallback = "16MiB",
     .min = 1,
     .max = 1 << 30,
     .text = "a larger body, also after decompression, answers 413"},
    {.name = "max_connections",
     .type = OPTION_INT,
     .offset = offsetof(struct http_source, connections_max),
     .fallback = "1000",
     .min = 1,
     .max = 1000000,
     .text = "at once; more callers wait for one to end"},
    {.name = "request_timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct http_source, request_timeout_us),
     .fallback = "30s",
     .min = 1,
     .text = "a request must have come by then, from its first byte to its last; else 408"},
    {.name = "ack_timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct http_source, ack_timeout_us),
     .fallback = "30s",
     .min = 1,
     .text = "a request that is not in the log by then answers 503"},
    {.name = "queue",
     .type = OPTION_SIZE,
     .offset = offsetof(struct http_source, queue_bytes_max),
     .fallback = "64MiB",
     .min = 1,
     .text = "of requests that wait for the pipeline, and once more of those being received; "
             "beyond: 429"},
    {.name = "idempotency_ttl",
     .type = OPTION_DURATION,
     .offset = offsetof(struct http_source, idempotency_ttl_us),
     .fallback = "24h",
     .min = 1,
     .text = "how long an Idempotency-Key is remembered: the same request again is harmless"},
    {.name = "partial",
     .type = OPTION_ENUM,
     .offset = offsetof(struct http_source, partial),
     .fallback = "refuse",
     .names = partial_names,
     .text = "a bad record makes its whole request answer 400; accept: it goes on alone, to "
             ".errors"},
    {0}};

static void http_check(const void *instance, const struct node *node,
                       struct config_errors *errors) {
  const struct http_source *source = instance;
  const struct node *tls = node_get(node, "tls");
  if ((source->certificate == NULL) != (source->key == NULL) ||
      (source->client_ca != NULL && source->certificate == NULL))
    config_error_add(errors, tls->place, "tls needs both certificate and key");
  if (source->token != NULL && *source->token == '\0')
    config_error_add(errors, node_get(node, "token")->place,
                     "the token is empty, so nobody could be let in; leave it out if none is "
                     "wanted");
  for (size_t i = 0; i < source->paths.n; i++)
    if (source->paths.items[i][0] != '/')
      config_error_add(errors,
                       source->paths.nodes[i] != NULL ? source->paths.nodes[i]->place : node->place,
                       "a path begins with '/'");
}

static int http_flags(const void *instance) {
  (void)instance;
  return 0;
}

static bool http_bounded(const void *instance) {
  (void)instance;
  return false;
}

/* ------------------------------------------------------------------ the server */

struct server_setting {
  struct http_server_options options;
  struct http_tls_options tls;
};

static void setting_of(const struct http_source *source, struct server_setting *setting) {
  *setting = (struct server_setting){
      .options = {.address = source->listen, .limits = http_limits_default}};
  struct http_limits *limits = &setting->options.limits;
  limits->connections_max = (uint32_t)source->connections_max;
  limits->body_bytes_max = source->body_bytes_max;
  limits->bodies_bytes_max = source->queue_bytes_max > source->body_bytes_max
                                 ? source->queue_bytes_max
                                 : source->body_bytes_max;
  limits->request_timeout_us = source->request_timeout_us;
  if (source->certificate == NULL) return;
  setting->tls = (struct http_tls_options){source->certificate, source->key, source->client_ca};
  setting->options.tls = &setting->tls;
}

static int http_bind(const struct http_source *source, const struct io *io,
                     struct http_server **server, struct err *err) {
  struct server_setting setting;
  setting_of(source, &setting);
  return http_server_open(server, io, &setting.options, err);
}

/* ------------------------------------------------------------------ reload */

static int http_claim(void *instance, struct io *io, const struct diag *diag, const void *old,
                      struct err *err) {
  (void)diag;
  struct http_source *source = instance;
  const struct http_source *before = old;
  if (before == NULL || strcmp(before->listen, source->listen) != 0)
    return http_bind(source, io, &source->claimed, err);
  struct server_setting setting;
  setting_of(source, &setting);
  return http_server_check(io, &setting.options, err);
}

static void http_adopt(void *instance, void *old) {
  struct http_source *source = instance, *before = old;
  struct intake *intake = before->intake;
  if (intake == NULL) return;
  before->intake = NULL;
  source->intake = intake;
  intake->source = source;
  intake->ctx = NULL;
  if (source->claimed == NULL) {
    struct server_setting setting;
    setting_of(source, &setting);
    struct err err;
    intake->tls_is_old = http_server_change(intake->server, &setting.options, &err) != 0;
    return;
  }
  intake_move(intake, source->claimed);
  source->claimed = NULL;
}

/* ------------------------------------------------------------------ life */

static int http_open(void *instance, struct source_ctx *ctx, struct err *err) {
  struct http_source *source = instance;
  if (source->intake == NULL) {
    if (source->claimed == NULL && http_bind(source, ctx->io, &source->claimed, err) != 0)
      return -1;
    source->intake = intake_new(ctx->io, source->claimed);
    source->claimed = NULL;
  }
  struct intake *intake = source->intake;
  intake->source = source;
  intake->ctx = ctx;
  intake->json = strcmp(ctx->common->codec, "json") == 0;
  intake->line_max_bytes = ctx->common->line_max_bytes;
  if (source_partition_count(ctx) > 0)
    intake->position = source_partition_get(ctx, 0)->position;
  else
    source_partition_add(ctx, slice_of("requests"), (struct slice){NULL, 0});
  if (intake->tls_is_old)
    diag_say(ctx->diag, MESSAGE_HTTP_TLS_OLD, ctx->where,
             "the TLS files could not be read again; the options of before go on");
  diag_say(ctx->diag, MESSAGE_HTTP_LISTENING, ctx->where, "listening on %s",
           http_server_address(intake->server));
  http_server_start(intake->server, &intake_handler, intake);
  if (intake->queue.first != NULL) source_ready(ctx);
  return 0;
}

static int http_take(void *instance, struct take *take, struct err *err) {
  (void)err;
  struct http_source *source = instance;
  intake_take(source->intake, take);
  return 0;
}

static void http_logged(void *instance, uint32_t partition, uint64_t position) {
  (void)partition;
  struct http_source *source = instance;
  intake_logged(source->intake, position);
}

static void http_stop(void *instance) {
  struct http_source *source = instance;
  if (source->intake != NULL) intake_stop(source->intake);
}

static void http_metrics(const void *instance, struct metrics *metrics) {
  const struct http_source *source = instance;
  const struct intake *intake = source->intake;
  if (intake == NULL) return;
  struct http_server_figures now, before = {.connections = 0};
  http_server_figures(intake->server, &now);
  if (intake->retired != NULL) http_server_figures(intake->retired, &before);
  static const char *const labels[] = {NULL, NULL, "2xx", "3xx", "4xx", "5xx"};
  for (int i = 2; i < 6; i++) {
    uint64_t all = intake->answers_before[i] + before.answers[i] + now.answers[i];
    metrics_put(metrics, METRIC_HTTP_SOURCE_REQUESTS, labels[i], (double)all);
  }
  metrics_put(metrics, METRIC_HTTP_SOURCE_CONNECTIONS, NULL,
              (double)(now.connections + before.connections));
  metrics_put(metrics, METRIC_HTTP_SOURCE_WAITING, NULL,
              (double)(intake->queue_bytes + now.body_bytes));
}

static void http_close(void *instance) {
  struct http_source *source = instance;
  http_server_close(source->claimed);
  source->claimed = NULL;
  intake_free(source->intake);
  source->intake = NULL;
}

const struct source_plugin source_http = {
    .type = {.name = "http",
             .text = "records sent by POST, acknowledged when they are in the log",
             .options = http_options,
             .instance_bytes = sizeof(struct http_source),
             .check = http_check},
    .promise = SOURCE_ACKNOWLEDGED,
    .flags = http_flags,
    .bounded = http_bounded,
    .open = http_open,
    .take = http_take,
    .logged = http_logged,
    .stop = http_stop,
    .handover = {.claim = http_claim, .adopt = http_adopt},
    .metrics = http_metrics,
    .close = http_close,
};
