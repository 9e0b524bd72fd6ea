/* kafka_real_transaction: the steps of a producer's transactions, each a request.
 *
 * A step that librdkafka calls retriable is called again here, for a while and as long as nobody
 * frees the producer: each call waits only a short time, so that freeing does too. librdkafka takes
 * up a step that timed out where it was. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_real.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CALL_MS 1000
#define STEP_MS 30000
#define PAUSE_MS 20 /* between calls that fail at once */

enum step_kind { STEP_INIT, STEP_COMMIT, STEP_ABORT };

struct step {
  struct kafka_request request;
  struct real_producer *producer;
  enum step_kind kind;
  char *group;
  rd_kafka_topic_partition_list_t *positions;
  enum kafka_outcome outcome;
  char text[512];
  kafka_step_fn *fn;
  void *arg;
};

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_fenced(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static enum kafka_outcome outcome_of(rd_kafka_t *rk, const rd_kafka_error_t *error) {
  char text[16];
  rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  if (is_fenced(code) || is_fenced(rd_kafka_fatal_error(rk, text, sizeof text)))
    return KAFKA_FENCED;
  if (rd_kafka_error_is_fatal(error)) return KAFKA_FATAL;
  if (rd_kafka_error_txn_requires_abort(error)) return KAFKA_ABORT;
  if (rd_kafka_error_is_retriable(error) || kafka_code(code) == ERR_RETRY) return KAFKA_AGAIN;
  return KAFKA_FATAL;
}

static rd_kafka_error_t *send_positions(struct step *step) {
  if (step->positions == NULL || step->producer->positions_sent) return NULL;
  rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(step->group);
  rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(step->producer->client.rk,
                                                                 step->positions, group, CALL_MS);
  rd_kafka_consumer_group_metadata_destroy(group);
  step->producer->positions_sent = error == NULL;
  return error;
}

static rd_kafka_error_t *call(struct step *step) {
  rd_kafka_t *rk = step->producer->client.rk;
  rd_kafka_error_t *error;
  switch (step->kind) {
  case STEP_INIT: return rd_kafka_init_transactions(rk, CALL_MS);
  case STEP_ABORT: return rd_kafka_abort_transaction(rk, CALL_MS);
  case STEP_COMMIT: break;
  }
  error = send_positions(step);
  return error != NULL ? error : rd_kafka_commit_transaction(rk, CALL_MS);
}

static void step_run(struct kafka_request *request) {
  struct step *step = (struct step *)request;
  struct kafka_client *client = request->client;
  int64_t until = now_ms() + STEP_MS;
  for (;;) {
    int64_t begun = now_ms();
    rd_kafka_error_t *error = call(step);
    step->outcome = error == NULL ? KAFKA_DONE : outcome_of(client->rk, error);
    if (error != NULL) snprintf(step->text, sizeof step->text, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    if (step->outcome != KAFKA_AGAIN || now_ms() >= until || atomic_load(&client->closing)) return;
    if (now_ms() - begun >= PAUSE_MS) continue;
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    nanosleep(&pause, NULL);
  }
}

static void step_done(struct kafka_request *request) {
  struct step *step = (struct step *)request;
  char hidden[512];
  /* What the brokers said before they said that it is over. */
  kafka_real_fates(step->producer);
  step->fn(step->arg, step->outcome,
           step->outcome == KAFKA_DONE
               ? NULL
               : kafka_hide(&request->client->secrets, step->text, hidden, sizeof hidden));
}

static void step_fini(struct kafka_request *request) {
  struct step *step = (struct step *)request;
  free(step->group);
  if (step->positions != NULL) rd_kafka_topic_partition_list_destroy(step->positions);
}

static struct step *step_new(struct kafka_producer *base, enum step_kind kind, kafka_step_fn *fn,
                             void *arg) {
  struct step *step = mem_zalloc(sizeof *step);
  step->request.run = step_run;
  step->request.done = step_done;
  step->request.fini = step_fini;
  step->producer = (struct real_producer *)base;
  step->kind = kind;
  step->fn = fn;
  step->arg = arg;
  return step;
}

static void step_submit(struct step *step) {
  kafka_request_submit(&step->producer->client, &step->request);
}

void kafka_real_transactions_init(struct kafka_producer *base, kafka_step_fn *fn, void *arg) {
  step_submit(step_new(base, STEP_INIT, fn, arg));
}

int kafka_real_transaction_begin(struct kafka_producer *base, enum kafka_outcome *outcome,
                                 struct err *err) {
  struct real_producer *producer = (struct real_producer *)base;
  char hidden[512];
  rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->client.rk);
  if (error == NULL) {
    producer->positions_sent = false;
    return 0;
  }
  enum kafka_outcome told = outcome_of(producer->client.rk, error);
  *outcome = told == KAFKA_FENCED ? KAFKA_FENCED : KAFKA_FATAL;
  err_set(
      err, ERR_IO, "cannot begin a transaction: %s",
      kafka_hide(&producer->client.secrets, rd_kafka_error_string(error), hidden, sizeof hidden));
  rd_kafka_error_destroy(error);
  return -1;
}

void kafka_real_transaction_commit(struct kafka_producer *base, const char *group,
                                   const struct kafka_position *positions, size_t n,
                                   kafka_step_fn *fn, void *arg) {
  struct step *step = step_new(base, STEP_COMMIT, fn, arg);
  step->group = mem_strdup(group);
  if (n > 0) step->positions = kafka_positions_list(positions, n);
  step_submit(step);
}

void kafka_real_transaction_abort(struct kafka_producer *base, kafka_step_fn *fn, void *arg) {
  step_submit(step_new(base, STEP_ABORT, fn, arg));
}
