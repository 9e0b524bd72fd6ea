/* http: the sink that sends records to an HTTP server.
 *
 * An epoch's records are cut into requests (requests.h), which are sent and answered lane by lane
 * (sender.h); the epoch is delivered when each of its records is delivered or refused. Nothing is
 * kept between epochs: where requests are cut and what they are called depends on the epoch alone,
 * so that a crash changes neither. README.md says why. */
#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "sinks/http/sender.h"
#include "sinks/sinks.h"

struct http_sink {
  struct http_settings settings; /* first: the options' offsets count from it */
  struct expr *key;              /* decides about the lane, if there are several */
  char peer[FETCH_PEER_BYTES];
  struct sender *sender;
  struct fetch_client *inherited; /* connections of the one before, until open() */
};

static enum sink_promise http_promise(const void *instance) {
  (void)instance;
  return SINK_ONCE_BY_KEY;
}

static const char *http_promise_text(const void *instance) {
  (void)instance;
  return "at least once: a request may come again, with the same Idempotency-Key and the same "
         "bytes; exactly once if the receiver honours the key";
}

static int http_compile(void *instance, struct compile *compile) {
  struct http_sink *sink = instance;
  const struct expr_text *key = &sink->settings.key;
  if (key->node == NULL) return 0;
  if (compile_input_count(compile) > 1) {
    compile_error(compile, key->node->place, "a key needs a single input; put a merge in front");
    return -1;
  }
  return compile_expr(compile, key, compile_input(compile, 0), EXPR_SCALAR, VALUE_ANY, &sink->key);
}

/* They are read when a connection is made; what is missing is told at the start all the same. */
static int files_check(const struct http_settings *settings, struct io *io, struct err *err) {
  const char *const paths[] = {settings->tls_ca, settings->tls_certificate, settings->tls_key};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    struct disk_file *file;
    if (paths[i] == NULL) continue;
    if (disk_open(io->disk, paths[i], DISK_READ, &file, err) != 0) return err_wrap(err, "tls");
    disk_close(file);
  }
  return 0;
}

static int http_claim(void *instance, struct io *io, const struct diag *diag, const void *old,
                      struct err *err) {
  const struct http_sink *sink = instance;
  (void)diag, (void)old;
  return files_check(&sink->settings, io, err);
}

static int http_open(void *instance, struct sink_ctx *ctx, struct slice state, uint64_t *held_epoch,
                     struct err *err) {
  struct http_sink *sink = instance;
  (void)state, (void)held_epoch;
  if (sink->settings.format == HTTP_ARRAY && strcmp(ctx->codec->name, "json") != 0)
    return err_set(err, ERR_CONFIG, "format: array makes JSON, so it needs codec: json, not %s",
                   ctx->codec->name);
  if (fetch_peer(sink->settings.url, sink->peer, err) != 0) return -1;
  if (files_check(&sink->settings, ctx->io, err) != 0) return -1;
  sink->sender = sender_new(&sink->settings, ctx, sink->peer, sink->inherited);
  sink->inherited = NULL;
  return 0;
}

/* The connections stay open. */
static void http_adopt(void *instance, void *old_instance) {
  struct http_sink *sink = instance, *old = old_instance;
  if (old->sender != NULL) sink->inherited = sender_hand_over(old->sender, &sink->settings);
}

static void encode_record(const struct sink_ctx *ctx, const struct schema *schema,
                          struct batch *batch, uint32_t row, uint32_t lane,
                          struct sink_part *part) {
  size_t offset = part->bytes.len;
  struct view one = {.batch = batch, .sel = &row, .n = 1};
  ctx->codec->encode(schema, &one, &part->bytes);
  array_grow((void **)&part->pieces, &part->cap_pieces, part->n_pieces, sizeof *part->pieces);
  part->pieces[part->n_pieces++] = (struct sink_piece){.route = requests_lane_route(lane),
                                                       .offset = (uint32_t)offset,
                                                       .len = (uint32_t)(part->bytes.len - offset),
                                                       .n_records = 1};
}

/* A piece for each record: only the codec knows where one ends. */
static void http_encode(const void *instance, const struct sink_ctx *ctx,
                        const struct expr_run *run, const struct schema *schema,
                        const struct view *view, struct sink_part *part) {
  const struct http_sink *sink = instance;
  if (sink->settings.concurrency == 1) {
    for (uint32_t i = 0; i < view->n; i++)
      encode_record(ctx, schema, view->batch, view_row(view, i), 0, part);
    return;
  }
  struct value *keys = arena_alloc(&view->batch->arena, (view->batch->n_rows + 1) * sizeof *keys);
  struct row_errors failed = {0};
  expr_eval(sink->key, run, view, keys, &failed);
  row_errors_sort(&failed);
  for (size_t i = 0; i < failed.n; i++)
    row_errors_add(&part->errors, failed.list[i].row, failed.list[i].code, failed.list[i].text);
  struct view good = view_without(*view, &failed);
  struct buf key;
  buf_init(&key);
  for (uint32_t i = 0; i < good.n; i++) {
    uint32_t row = view_row(&good, i);
    buf_clear(&key);
    value_put_key(&key, &keys[row]);
    encode_record(ctx, schema, view->batch, row,
                  hash_shard(hash_bytes(key.data, key.len), (uint32_t)sink->settings.concurrency),
                  part);
  }
  buf_fini(&key);
  row_errors_fini(&failed);
}

static void http_write(void *instance, struct sink_batch *batch) {
  struct http_sink *sink = instance;
  sender_write(sink->sender, batch);
}

/* What was delivered is with the receiver; there is nothing to sync. */
static void http_commit(void *instance, struct sink_commit *commit) {
  (void)instance;
  sink_committed(commit, (struct slice){NULL, 0});
}

static void http_metrics(const void *instance, struct metrics *metrics) {
  const struct http_sink *sink = instance;
  if (sink->sender != NULL) sender_metrics(sink->sender, metrics);
}

static void http_close(void *instance) {
  struct http_sink *sink = instance;
  sender_free(sink->sender);
  sink->sender = NULL;
  fetch_client_free(sink->inherited);
  sink->inherited = NULL;
}

const struct sink_plugin sink_http = {
    .type = {.name = "http",
             .text = "sends records to an HTTP server, in batches, with retries and a key for each "
                     "request by which it can be known again",
             .options = http_options,
             .instance_bytes = sizeof(struct http_sink),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX,
             .check = http_check},
    .promise = http_promise,
    .promise_text = http_promise_text,
    .compile = http_compile,
    .open = http_open,
    .encode = http_encode,
    .write = http_write,
    .commit = http_commit,
    .handover = {.claim = http_claim, .adopt = http_adopt},
    .metrics = http_metrics,
    .close = http_close,
};
