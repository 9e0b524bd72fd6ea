/* intake: see intake.h. Requests in the queue and in `taken` are in order of arrival, so logged()
 * and the deadlines look at the first ones only. */
#include "sources/http/intake.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

enum { COMMIT_BYTES = 256 * 1024 };

static const char *const again[] = {"Retry-After: 1", NULL};

static void list_init(struct request_list *list) {
  list->first = NULL;
  list->end = &list->first;
}

static void list_add(struct request_list *list, struct request *request) {
  request->next = NULL;
  *list->end = request;
  list->end = &request->next;
}

static struct request *list_pop(struct request_list *list) {
  struct request *request = list->first;
  list->first = request->next;
  if (list->first == NULL) list->end = &list->first;
  return request;
}

static void list_remove(struct request_list *list, struct request *request) {
  struct request **at = &list->first;
  while (*at != request) at = &(*at)->next;
  *at = request->next;
  if (*at == NULL) list->end = at;
}

static void request_free(struct request *request) {
  records_fini(&request->records);
  free(request->idempotency_key);
  free(request);
}

/* ------------------------------------------------------------------ waiters */

static int64_t now_us(const struct intake *intake) {
  return clock_mono_us(intake->io->clock);
}

static void arm(struct intake *intake) {
  if (intake->waiters == NULL) {
    loop_timer_disarm(intake->timer);
    return;
  }
  int64_t delay_us = intake->waiters->deadline_us - now_us(intake);
  loop_timer_arm(intake->timer, delay_us > 0 ? delay_us : 0);
}

void intake_wait(struct intake *intake, struct request *request, struct http_exchange *exchange) {
  struct waiter *waiter = mem_zalloc(sizeof *waiter);
  waiter->request = request;
  waiter->exchange = exchange;
  waiter->next_of_request = request->waiters;
  request->waiters = waiter;
  *http_exchange_data(exchange) = waiter;
  waiter->deadline_us = now_us(intake) + intake->source->ack_timeout_us;
  /* A reload may have made the timeout shorter: then it counts from those before. */
  if (intake->last_waiter != NULL && intake->last_waiter->deadline_us > waiter->deadline_us)
    waiter->deadline_us = intake->last_waiter->deadline_us;
  waiter->prev = intake->last_waiter;
  if (waiter->prev != NULL)
    waiter->prev->next = waiter;
  else
    intake->waiters = waiter;
  intake->last_waiter = waiter;
  if (waiter->prev == NULL) arm(intake);
}

/* Out of both lists; the exchange is the caller's. */
static struct http_exchange *waiter_free(struct intake *intake, struct waiter *waiter) {
  struct http_exchange *exchange = waiter->exchange;
  if (waiter->prev != NULL)
    waiter->prev->next = waiter->next;
  else
    intake->waiters = waiter->next;
  if (waiter->next != NULL)
    waiter->next->prev = waiter->prev;
  else
    intake->last_waiter = waiter->prev;
  struct waiter **at = &waiter->request->waiters;
  while (*at != waiter) at = &(*at)->next_of_request;
  *at = waiter->next_of_request;
  *http_exchange_data(exchange) = NULL;
  free(waiter);
  return exchange;
}

/* A request that nobody took and nobody waits for any more. */
static void drop_queued(struct intake *intake, struct request *request) {
  list_remove(&intake->queue, request);
  intake->queue_bytes -= records_bytes(&request->records).len;
  request_free(request);
}

/* What nobody will hear of need not be taken, and is not taken twice when it is sent again. */
void intake_gone(struct intake *intake, struct http_exchange *exchange) {
  struct waiter *waiter = *http_exchange_data(exchange);
  if (waiter == NULL) return;
  struct request *request = waiter->request;
  waiter_free(intake, waiter);
  if (request->waiters == NULL && !request->taken) drop_queued(intake, request);
}

static void waiter_late(struct intake *intake, struct waiter *waiter) {
  struct request *request = waiter->request;
  struct http_exchange *exchange = waiter_free(intake, waiter);
  if (request->taken) {
    http_answer_error(exchange, 503,
                      "the log is not synced yet: the records may or may not be taken; the same "
                      "Idempotency-Key makes it harmless to send them again",
                      again);
    return;
  }
  http_answer_error(exchange, 503, "nothing of the request was taken in time", again);
  if (request->waiters == NULL) drop_queued(intake, request);
}

static void on_timer(void *arg) {
  struct intake *intake = arg;
  int64_t now = now_us(intake);
  while (intake->waiters != NULL && intake->waiters->deadline_us <= now)
    waiter_late(intake, intake->waiters);
  arm(intake);
}

/* ------------------------------------------------------------------ life of an intake */

struct intake *intake_new(struct io *io, struct http_server *server) {
  struct intake *intake = mem_zalloc(sizeof *intake);
  intake->io = io;
  intake->server = server;
  intake->plan = json_plan_new(NULL, 0, true);
  intake->timer = loop_timer_new(io->loop, on_timer, intake);
  list_init(&intake->queue);
  list_init(&intake->taken);
  return intake;
}

static void close_retired(struct intake *intake) {
  if (intake->retired == NULL) return;
  struct http_server_figures figures;
  http_server_figures(intake->retired, &figures);
  for (int i = 0; i < 6; i++) intake->answers_before[i] += figures.answers[i];
  http_server_close(intake->retired);
  intake->retired = NULL;
}

void intake_move(struct intake *intake, struct http_server *server) {
  close_retired(intake);
  intake->retired = intake->server;
  http_server_retire(intake->retired, "requests are taken at another address now");
  intake->server = server;
}

void intake_free(struct intake *intake) {
  if (intake == NULL) return;
  close_retired(intake);
  http_server_close(intake->server); /* its gone() empties the waiters */
  while (intake->queue.first != NULL) request_free(list_pop(&intake->queue));
  while (intake->taken.first != NULL) request_free(list_pop(&intake->taken));
  json_plan_free(intake->plan);
  loop_timer_free(intake->timer);
  free(intake);
}

/* ------------------------------------------------------------------ life of a request */

static bool has_key(const struct request *request, struct slice key) {
  return request->idempotency_key != NULL && slice_is(key, request->idempotency_key);
}

struct request *intake_find(const struct intake *intake, struct slice key) {
  const struct request_list *lists[] = {&intake->taken, &intake->queue};
  for (int i = 0; i < 2; i++)
    for (struct request *r = lists[i]->first; r != NULL; r = r->next)
      if (has_key(r, key)) return r;
  return NULL;
}

void intake_queue(struct intake *intake, struct records *records, char *key, uint64_t hash,
                  struct http_exchange *exchange) {
  struct request *request = mem_zalloc(sizeof *request);
  request->records = *records;
  request->idempotency_key = key;
  request->hash = hash;
  intake->queue_bytes += records_bytes(records).len;
  list_add(&intake->queue, request);
  intake_wait(intake, request, exchange);
  if (intake->ctx != NULL) source_ready(intake->ctx);
}

/* A request whose key is in the log already is answered and gone. Asked only here: before the first
 * take() the log may not be read to its end, and not all keys may be known. */
static void answer_known(struct intake *intake) {
  struct request *next;
  for (struct request *request = intake->queue.first; request != NULL; request = next) {
    next = request->next;
    uint64_t known;
    if (request->idempotency_key == NULL ||
        !source_note_find(intake->ctx, slice_of(request->idempotency_key), &known))
      continue;
    while (request->waiters != NULL) {
      struct http_exchange *exchange = waiter_free(intake, request->waiters);
      if (known == request->hash)
        intake_answer_accepted(exchange, &request->records, true);
      else
        http_answer_error(exchange, 422, intake_other_body, NULL);
    }
    drop_queued(intake, request);
  }
}

/* As many of the first requests as go into one commit: one, or several small ones. Each is whole in
 * it, so all of them are. */
static void take_some(struct intake *intake, struct take *take) {
  size_t bytes = 0;
  for (const struct request *r = intake->queue.first; r != NULL; r = r->next) {
    size_t len = records_bytes(&r->records).len;
    if (bytes > 0 && (bytes + len > COMMIT_BYTES || bytes >= take_bytes_left(take))) break;
    bytes += len;
  }
  char *data = take_reserve(take, bytes);
  size_t at = 0;
  uint64_t from = intake->position;
  struct request *first = intake->queue.first, *end;
  for (end = first; at < bytes; end = end->next) {
    struct slice mine = records_bytes(&end->records);
    memcpy(data + at, mine.data, mine.len);
    at += mine.len;
    intake->position += end->records.n;
    end->to = intake->position;
  }
  take_commit(take, 0, from, intake->position, data, bytes, TAKE_COUNTED | TAKE_WHOLE);
  while (intake->queue.first != end) {
    struct request *request = list_pop(&intake->queue);
    if (request->idempotency_key != NULL)
      take_note(take, slice_of(request->idempotency_key), request->hash,
                intake->source->idempotency_ttl_us);
    records_fini(&request->records);
    request->taken = true;
    list_add(&intake->taken, request);
  }
  intake->queue_bytes -= bytes;
}

void intake_take(struct intake *intake, struct take *take) {
  answer_known(intake);
  while (intake->queue.first != NULL && take_bytes_left(take) > 0) take_some(intake, take);
  if (intake->queue.first != NULL) source_ready(intake->ctx);
}

void intake_logged(struct intake *intake, uint64_t position) {
  while (intake->taken.first != NULL && intake->taken.first->to <= position) {
    struct request *request = list_pop(&intake->taken);
    while (request->waiters != NULL)
      intake_answer_accepted(waiter_free(intake, request->waiters), &request->records, false);
    request_free(request);
  }
  arm(intake);
}

void intake_stop(struct intake *intake) {
  static const char why[] = "the pipeline stops; nothing of the request was taken";
  intake->stopped = true;
  http_server_refuse(intake->server, "the pipeline stops");
  while (intake->queue.first != NULL) {
    struct request *request = list_pop(&intake->queue);
    while (request->waiters != NULL)
      http_answer_error(waiter_free(intake, request->waiters), 503, why, again);
    request_free(request);
  }
  intake->queue_bytes = 0;
  arm(intake);
}
