/* intake: what the source `http` has of requests, from the socket to the acknowledgement. It is
 * apart from the instance because it outlives it: a reload gives it to the next one, with the
 * listener, the connections and what they have brought.
 *
 *     head -> body -> checked -> queue -> taken -> logged
 *                        \         \        \-- no answer of ours in time: 503, "maybe taken"
 *                         \         \-- nobody took it in time, or a stop: 503, "not taken"
 *                          \-- bad: 400; no room in the queue: 429
 *
 * A request is in the queue until take() gives it to an epoch, and in `taken` until the log is
 * synced. Who waits for it is a waiter: the exchange that brought it, and those that repeated it
 * with the same Idempotency-Key meanwhile. */
#ifndef TIDEMARK_SOURCES_HTTP_INTAKE_H
#define TIDEMARK_SOURCES_HTTP_INTAKE_H

#include "daemon/flow/plugin.h"
#include "daemon/http/http_server.h"
#include "sources/http/records.h"

struct http_source { /* the instance */
  /* options */
  const char *listen;
  struct text_list paths;
  const char *token;
  const char *certificate, *key, *client_ca;
  uint64_t body_bytes_max, queue_bytes_max;
  int64_t connections_max;
  int64_t request_timeout_us, ack_timeout_us, idempotency_ttl_us;
  int partial;
  /* life */
  struct intake *intake;       /* NULL: not open, or handed over */
  struct http_server *claimed; /* bound for open() */
};

enum { PARTIAL_REFUSE, PARTIAL_ACCEPT };

struct request;

struct waiter {
  struct waiter *prev, *next; /* of the intake, by deadline */
  struct waiter *next_of_request;
  struct request *request;
  struct http_exchange *exchange;
  int64_t deadline_us; /* monotonic */
};

struct request {
  struct request *next; /* of the queue, or of the taken */
  struct waiter *waiters;
  struct records records; /* its bytes are gone once it is taken */
  char *idempotency_key;  /* NULL: none */
  uint64_t hash;          /* of the body, when there is a key */
  bool taken;
  uint64_t to; /* the position behind it, when taken */
};

struct request_list {
  struct request *first, **end;
};

struct intake {
  struct http_source *source; /* whose options count */
  struct source_ctx *ctx;     /* NULL between adopt and open */
  struct io *io;
  struct http_server *server;
  struct http_server *retired; /* of the address before a reload; NULL: none */
  uint64_t answers_before[6];  /* of those that are closed */
  struct json_plan *plan;
  bool json; /* the codec: bodies are checked */
  uint64_t line_max_bytes;
  bool tls_is_old;   /* a reload could not read the files it had read before */
  uint64_t position; /* records taken since the state folder was made */
  struct request_list queue, taken;
  uint64_t queue_bytes;
  struct waiter *waiters, *last_waiter; /* in order of deadline */
  struct loop_timer *timer;
  bool stopped;
};

/* intake.c: requests and who waits for them. */
struct intake *intake_new(struct io *io, struct http_server *server);
void intake_free(struct intake *intake); /* answers nobody; NULL is fine */
/* The request of that key that has not been logged yet, or NULL. */
struct request *intake_find(const struct intake *intake, struct slice key);
void intake_wait(struct intake *intake, struct request *request, struct http_exchange *exchange);
/* Takes records and key over. */
void intake_queue(struct intake *intake, struct records *records, char *key, uint64_t hash,
                  struct http_exchange *exchange);
void intake_take(struct intake *intake, struct take *take);
void intake_logged(struct intake *intake, uint64_t position);
/* What has not been taken never will be. */
void intake_stop(struct intake *intake);
/* Requests are taken by another server from now on; who waits at the old one is answered there. */
void intake_move(struct intake *intake, struct http_server *server);
/* The exchange will get no answer. */
void intake_gone(struct intake *intake, struct http_exchange *exchange);

/* intake_http.c: the server's side. */
extern const struct http_handler intake_handler; /* arg: struct intake */
extern const char intake_other_body[];           /* why 422 */
void intake_answer_accepted(struct http_exchange *exchange, const struct records *records,
                            bool replayed);

#endif
