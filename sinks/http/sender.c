/* sender: see sender.h.
 *
 * A lane is in one of these states:
 *
 *     IDLE -> PREPARING -> SENDING -> (settled) -> PREPARING ... -> IDLE
 *                  ^          |  \
 *                  |          |   -> WAITING -> SENDING
 *                  +--(split)-+
 *
 * PREPARING: the body is being made on the sink's own thread, which reads `requests` and writes the
 * lane's body, so neither is touched here meanwhile. The lane that goes IDLE last answers the
 * batch. When the sender fails, the other lanes are called back; one that is PREPARING comes back
 * by itself.
 *
 * What is settled of a request is what stands before `from`; behind it are parts that end at
 * ends[n_ends - 1], ..., ends[0], of which the first is being sent. Splitting puts a new end on
 * top, so there are never more than the halvings of 32 bits. */
#include "sinks/http/sender.h"

#include "daemon/base/hash.h"
#include "daemon/base/histogram.h"
#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "daemon/record/time.h"
#include "sinks/http/answer.h"
#include "sinks/http/body.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENDS_MAX = 34, BODY_BYTES_WANTED = 64 * 1024 };

enum lane_state { LANE_IDLE, LANE_PREPARING, LANE_SENDING, LANE_WAITING };

/* Answers as they are counted. */
enum answer_class { ANSWER_NONE, ANSWER_2XX, ANSWER_3XX, ANSWER_4XX, ANSWER_5XX, ANSWER_CLASSES };
static const char *const class_names[ANSWER_CLASSES] = {"none", "2xx", "3xx", "4xx", "5xx"};

struct lane {
  struct sender *sender;
  enum lane_state state;
  uint32_t request, request_end; /* index into requests.list */
  uint32_t from, ends[ENDS_MAX];
  uint32_t n_ends;
  struct buf body;
  struct fetch_call *call;  /* when SENDING */
  struct loop_timer *timer; /* armed when WAITING */
  uint32_t failures;        /* in a row */
  int64_t first_failure_us; /* of them; monotonic */
  int64_t sent_us;
};

/* Records that were refused together. */
struct refusal {
  char code[16];
  char *text;
  uint32_t first, end; /* of requests.records */
};

struct sender {
  const struct http_settings *settings;
  struct sink_ctx *ctx;
  const char *peer;
  struct fetch_client *client;
  struct exec *exec;
  struct text_list headers; /* of each request, without the key */
  struct lane *lanes;
  struct sink_batch *batch; /* NULL: nothing to do */
  struct requests requests;
  uint32_t n_active; /* lanes that are not IDLE */
  struct refusal *refusals;
  size_t n_refusals, cap_refusals;
  bool failed;
  struct err err; /* when failed */
  uint64_t answers[ANSWER_CLASSES], retries;
  struct histogram took; /* requests, to their answers */
};

static int64_t now_us(const struct sender *sender) {
  return clock_mono_us(sender->ctx->io->clock);
}

/* ------------------------------------------------------------------ the batch as a whole */

struct rejected {
  uint32_t number, record;
  const struct refusal *refusal;
};

static int by_number(const void *a, const void *b) {
  uint32_t x = ((const struct rejected *)a)->number, y = ((const struct rejected *)b)->number;
  return (x > y) - (x < y);
}

/* In order of the records in the epoch, which is not that of the lanes. */
static void reject_all(struct sender *sender) {
  size_t n = 0;
  for (size_t i = 0; i < sender->n_refusals; i++)
    n += sender->refusals[i].end - sender->refusals[i].first;
  if (n == 0) return;
  struct rejected *all = mem_alloc(n * sizeof *all);
  n = 0;
  for (size_t i = 0; i < sender->n_refusals; i++) {
    const struct refusal *refusal = &sender->refusals[i];
    for (uint32_t r = refusal->first; r < refusal->end; r++)
      all[n++] = (struct rejected){sender->requests.numbers[r], r, refusal};
  }
  qsort(all, n, sizeof *all, by_number);
  for (size_t i = 0; i < n; i++)
    sink_reject(sender->batch, sender->requests.records[all[i].record], all[i].refusal->code,
                all[i].refusal->text);
  free(all);
}

static void batch_forget(struct sender *sender) {
  for (size_t i = 0; i < sender->n_refusals; i++) free(sender->refusals[i].text);
  sender->n_refusals = 0;
  requests_fini(&sender->requests);
  sender->batch = NULL;
}

static void batch_answer(struct sender *sender) {
  struct sink_batch *batch = sender->batch;
  if (!sender->failed) reject_all(sender);
  batch_forget(sender);
  if (sender->failed)
    sink_failed(batch, &sender->err);
  else
    sink_delivered(batch);
}

static void lane_end(struct lane *lane) {
  lane->state = LANE_IDLE;
  if (--lane->sender->n_active == 0) batch_answer(lane->sender);
}

/* Calls the other lanes back; the one that failed ends itself. */
static void fail_others(struct sender *sender, struct lane *failed) {
  sender->failed = true;
  for (int64_t i = 0; i < sender->settings->concurrency; i++) {
    struct lane *lane = &sender->lanes[i];
    if (lane == failed || lane->state == LANE_IDLE || lane->state == LANE_PREPARING) continue;
    fetch_cancel(lane->call);
    lane->call = NULL;
    loop_timer_disarm(lane->timer);
    lane_end(lane);
  }
}

/* ------------------------------------------------------------------ a lane */

static const struct request *request_of(const struct lane *lane) {
  return &lane->sender->requests.list[lane->request];
}

static void on_answer(void *arg, const struct fetch_answer *answer, const struct err *err);

static void lane_send(struct lane *lane) {
  struct sender *sender = lane->sender;
  const struct http_settings *settings = sender->settings;
  static const char *const methods[] = {"POST", "PUT", "PATCH"};
  uint32_t to = lane->ends[lane->n_ends - 1];
  struct buf key;
  buf_init(&key);
  buf_printf(&key, "Idempotency-Key: %s/%llu/%u",
             settings->key_prefix != NULL ? settings->key_prefix : sender->ctx->id,
             (unsigned long long)sender->batch->epoch, (unsigned)lane->request);
  if (to - lane->from < request_of(lane)->n)
    buf_printf(&key, ".%u-%u", (unsigned)lane->from, (unsigned)to - 1);
  if (sender->ctx->early)
    buf_printf(&key, "/%016llx", (unsigned long long)hash_bytes(lane->body.data, lane->body.len));
  sender->headers.items[sender->headers.n] = buf_cstr(&key);
  struct fetch_request request = {.method = methods[settings->method],
                                  .url = settings->url,
                                  .headers = sender->headers.items,
                                  .n_headers = sender->headers.n + 1,
                                  .body = buf_slice(&lane->body),
                                  .timeout_us = settings->timeout_us,
                                  .body_bytes_max = BODY_BYTES_WANTED};
  lane->state = LANE_SENDING;
  lane->sent_us = now_us(sender);
  lane->call = fetch_start(sender->client, &request, on_answer, lane);
  buf_fini(&key);
}

/* On the sink's thread. */
static void prepare_run(void *arg) {
  struct lane *lane = arg;
  const struct requests *requests = &lane->sender->requests;
  body_make(&lane->body, lane->sender->settings,
            requests->records + request_of(lane)->first + lane->from,
            lane->ends[lane->n_ends - 1] - lane->from);
}

static void prepare_done(void *arg) {
  struct lane *lane = arg;
  if (lane->sender->failed)
    lane_end(lane);
  else
    lane_send(lane);
}

static void lane_prepare(struct lane *lane) {
  lane->state = LANE_PREPARING;
  exec_submit(lane->sender->exec,
              (struct exec_job){.run = prepare_run, .done = prepare_done, .arg = lane});
}

static void lane_take_request(struct lane *lane) {
  if (lane->request == lane->request_end) {
    lane_end(lane);
    return;
  }
  lane->from = 0;
  lane->ends[0] = request_of(lane)->n;
  lane->n_ends = 1;
  lane_prepare(lane);
}

/* The part that was sent is delivered or refused. */
static void lane_settled(struct lane *lane) {
  lane->failures = 0;
  lane->from = lane->ends[--lane->n_ends];
  if (lane->n_ends > 0) {
    lane_prepare(lane);
    return;
  }
  lane->request++;
  lane_take_request(lane);
}

static void on_wait_over(void *arg) {
  lane_send(arg);
}

/* Half of the backoff is chance, so that many senders do not come back at the same moment. */
static int64_t backoff_us(const struct lane *lane) {
  const struct http_settings *settings = lane->sender->settings;
  int64_t wait_us = settings->retry_initial_us;
  for (uint32_t i = 1; i < lane->failures && wait_us < settings->retry_max_us; i++) wait_us *= 2;
  if (wait_us > settings->retry_max_us) wait_us = settings->retry_max_us;
  uint64_t half = (uint64_t)wait_us / 2;
  return (int64_t)(half + random_below(lane->sender->ctx->io->random, half + 1));
}

static void lane_fail(struct lane *lane, enum err_code code, const char *text) {
  err_set(&lane->sender->err, code, "%s", text);
  fail_others(lane->sender, lane);
  lane_end(lane);
}

/* after_us: what the server asked for. */
static void lane_retry(struct lane *lane, const char *text, int64_t after_us) {
  struct sender *sender = lane->sender;
  const struct http_settings *settings = sender->settings;
  if (lane->failures++ == 0) lane->first_failure_us = now_us(sender);
  int64_t tried_us = now_us(sender) - lane->first_failure_us;
  if (settings->give_up_after_us > 0 && tried_us >= settings->give_up_after_us) {
    char *given_up =
        mem_printf("%s; given up after %.0f s, as retry.give_up_after says; nothing is "
                   "lost: start again when the server is well",
                   text, (double)tried_us / 1e6);
    lane_fail(lane, ERR_RETRY, given_up);
    free(given_up);
    return;
  }
  int64_t wait_us = backoff_us(lane);
  if (after_us > settings->retry_after_max_us) after_us = settings->retry_after_max_us;
  if (after_us > wait_us) wait_us = after_us;
  diag_say(sender->ctx->diag, MESSAGE_HTTP_RETRY, sender->ctx->where,
           "%s; trying again in %.1f s (attempt %u), nothing is lost", text, (double)wait_us / 1e6,
           (unsigned)lane->failures + 1);
  sender->retries++;
  lane->state = LANE_WAITING;
  loop_timer_arm(lane->timer, wait_us);
}

static void lane_split(struct lane *lane) {
  assert(lane->n_ends < ENDS_MAX);
  uint32_t to = lane->ends[lane->n_ends - 1];
  lane->ends[lane->n_ends++] = lane->from + (to - lane->from) / 2;
  lane->failures = 0;
  lane_prepare(lane);
}

/* The part that was sent is refused as a whole. */
static void lane_refused(struct lane *lane, int status, const char *text) {
  struct sender *sender = lane->sender;
  uint32_t to = lane->ends[lane->n_ends - 1], n = to - lane->from;
  uint32_t first = request_of(lane)->first;
  array_grow((void **)&sender->refusals, &sender->cap_refusals, sender->n_refusals,
             sizeof *sender->refusals);
  struct refusal *refusal = &sender->refusals[sender->n_refusals++];
  *refusal = (struct refusal){
      .code = "http.4xx", .text = mem_strdup(text), .first = first + lane->from, .end = first + to};
  snprintf(refusal->code + strlen("http."), 4, "%03d", status);
  diag_say(sender->ctx->diag, MESSAGE_HTTP_REFUSED, sender->ctx->where,
           "%s; %u record%s refused for good", text, (unsigned)n, n == 1 ? " is" : "s are");
  lane_settled(lane);
}

static void lane_redirected(struct lane *lane, const struct fetch_answer *answer) {
  struct slice to = {"nowhere", 7};
  fetch_header(answer, "location", &to);
  const char *query = memchr(to.data, '?', to.len); /* may hold a secret */
  if (query != NULL) to.len = (size_t)(query - to.data);
  if (to.len > 200) to.len = 200;
  char *text =
      mem_printf("%s answers %d, a redirect to %.*s, which is not followed; if that is the "
                 "right place, give it as url",
                 lane->sender->peer, answer->status, SLICE_ARG(to));
  lane_fail(lane, ERR_CONFIG, text);
  free(text);
}

static void lane_delivered(struct lane *lane) {
  struct sender *sender = lane->sender;
  if (lane->failures > 0)
    diag_say(sender->ctx->diag, MESSAGE_HTTP_GOES_ON, sender->ctx->where,
             "%s takes requests again, after %.1f s", sender->peer,
             (double)(now_us(sender) - lane->first_failure_us) / 1e6);
  lane_settled(lane);
}

static void on_answer(void *arg, const struct fetch_answer *answer, const struct err *err) {
  struct lane *lane = arg;
  struct sender *sender = lane->sender;
  lane->call = NULL;
  int answer_class = err != NULL ? ANSWER_NONE : answer->status / 100 - 1;
  if (answer_class < ANSWER_2XX || answer_class > ANSWER_5XX) answer_class = ANSWER_NONE;
  sender->answers[answer_class]++;
  histogram_add(&sender->took, now_us(sender) - lane->sent_us);
  if (err != NULL) {
    lane_retry(lane, err->text, 0);
    return;
  }
  char said[ANSWER_SAID_BYTES];
  answer_said(sender->settings, answer, sender->peer, said);
  bool several = lane->ends[lane->n_ends - 1] - lane->from > 1;
  bool split = sender->settings->on_reject == HTTP_SPLIT_REJECTED;
  switch (answer_verdict(sender->settings, answer->status)) {
  case VERDICT_DELIVERED: lane_delivered(lane); break;
  case VERDICT_RETRY:
    lane_retry(lane, said, answer_retry_after_us(answer, clock_wall_us(sender->ctx->io->clock)));
    break;
  case VERDICT_REDIRECTED: lane_redirected(lane, answer); break;
  case VERDICT_TOO_LARGE:
  case VERDICT_REFUSED:
    if (several && (split || answer->status == 413))
      lane_split(lane);
    else
      lane_refused(lane, answer->status, said);
    break;
  case VERDICT_REFUSED_REQUEST: lane_refused(lane, answer->status, said); break;
  }
}

void sender_write(struct sender *sender, struct sink_batch *batch) {
  sender->batch = batch;
  sender->failed = false;
  requests_cut(&sender->requests, sender->settings, batch);
  sender->n_active = 1; /* us, so that no lane is the last while others are still to start */
  for (int64_t i = 0; i < sender->settings->concurrency; i++) {
    struct lane *lane = &sender->lanes[i];
    lane->request = sender->requests.lane_start[i];
    lane->request_end = sender->requests.lane_start[i + 1];
    lane->failures = 0;
    sender->n_active++;
    lane_take_request(lane);
  }
  if (--sender->n_active == 0) batch_answer(sender);
}

void sender_metrics(const struct sender *sender, struct metrics *metrics) {
  bool waiting = false;
  for (int64_t i = 0; i < sender->settings->concurrency; i++)
    waiting |= sender->lanes[i].state == LANE_WAITING;
  metrics_put(metrics, METRIC_SINK_RETRIES, NULL, (double)sender->retries);
  metrics_put(metrics, METRIC_SINK_WAITING, NULL, waiting);
  for (int i = 0; i < ANSWER_CLASSES; i++)
    metrics_put(metrics, METRIC_HTTP_SINK_REQUESTS, class_names[i], (double)sender->answers[i]);
  metrics_put_histogram(metrics, METRIC_HTTP_SINK_REQUEST, NULL, &sender->took);
}

/* ------------------------------------------------------------------ beginning and end */

static void headers_make(struct sender *sender) {
  const struct http_settings *settings = sender->settings;
  struct text_list *headers = &sender->headers;
  bool typed = false;
  /* Type, compression, token, and in lane_send() the key. */
  headers->items = mem_zalloc((settings->headers.n + 4) * sizeof *headers->items);
  for (size_t i = 0; i < settings->headers.n; i++) {
    const char *name = settings->headers.names[i];
    typed |= strcasecmp(name, "Content-Type") == 0;
    headers->items[headers->n++] = mem_printf("%s: %s", name, settings->headers.items[i]);
  }
  bool json = strcmp(sender->ctx->codec->name, "json") == 0;
  if (!typed)
    headers->items[headers->n++] =
        mem_printf("Content-Type: %s", body_content_type(settings, json));
  if (settings->compression == HTTP_GZIP)
    headers->items[headers->n++] = mem_strdup("Content-Encoding: gzip");
  if (settings->token != NULL)
    headers->items[headers->n++] = mem_printf("Authorization: Bearer %s", settings->token);
}

static bool same_text(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

struct fetch_client *sender_hand_over(struct sender *sender, const struct http_settings *settings) {
  const struct http_settings *own = sender->settings;
  if (!same_text(own->tls_ca, settings->tls_ca) ||
      !same_text(own->tls_certificate, settings->tls_certificate) ||
      !same_text(own->tls_key, settings->tls_key) || own->tls_verify != settings->tls_verify ||
      own->connect_timeout_us != settings->connect_timeout_us ||
      own->concurrency != settings->concurrency) {
    return NULL;
  }
  struct fetch_client *client = sender->client;
  sender->client = NULL;
  return client;
}

struct sender *sender_new(const struct http_settings *settings, struct sink_ctx *ctx,
                          const char *peer, struct fetch_client *client) {
  struct sender *sender = mem_zalloc(sizeof *sender);
  sender->settings = settings;
  sender->ctx = ctx;
  sender->peer = peer;
  struct fetch_options options = {.tls_ca = settings->tls_ca,
                                  .tls_certificate = settings->tls_certificate,
                                  .tls_key = settings->tls_key,
                                  .tls_verify = settings->tls_verify,
                                  .connect_timeout_us = settings->connect_timeout_us,
                                  .connections_max = (uint32_t)settings->concurrency};
  sender->client = client != NULL ? client : fetch_client_new(ctx->io->fetch, &options);
  sender->exec = exec_new(ctx->io->threads, ctx->io->loop, "sink-http");
  headers_make(sender);
  sender->lanes = mem_zalloc((size_t)settings->concurrency * sizeof *sender->lanes);
  for (int64_t i = 0; i < settings->concurrency; i++) {
    struct lane *lane = &sender->lanes[i];
    lane->sender = sender;
    lane->timer = loop_timer_new(ctx->io->loop, on_wait_over, lane);
    buf_init(&lane->body);
  }
  return sender;
}

void sender_free(struct sender *sender) {
  if (sender == NULL) return;
  exec_free(sender->exec); /* first: its jobs read the batch */
  fetch_client_free(sender->client);
  for (int64_t i = 0; i < sender->settings->concurrency; i++) {
    loop_timer_free(sender->lanes[i].timer);
    buf_fini(&sender->lanes[i].body);
  }
  batch_forget(sender);
  for (size_t i = 0; i < sender->headers.n; i++) free((void *)sender->headers.items[i]);
  free((void *)sender->headers.items);
  free(sender->refusals);
  free(sender->lanes);
  free(sender);
}
