/* transactions: epochs go to Kafka in transactions that hold their records and, as what the group
 * "pipeline/sink" has committed for partition 0 of the topic, the number of the last of them:
 *
 *     OPENING -> IDLE -> BEGUN -> (SETTLING -> LOGGING ->) COMMITTING -> IDLE
 *        ^                 |                                   |
 *        +-- FATAL --------+-------- ABORTING <----------------+
 *                                       +-> IDLE, and the engine writes all of it again
 *
 * OPENING: the producer is made and fences whoever had its transactional.id; only then is the group
 * asked what it holds, as nobody can change that any more. What is said of it names the state
 * folder, so that the epochs of another folder are not taken for ours.
 *
 * A producer that librdkafka gives up is made anew in the same way, which also tells whether the
 * transaction that was under way has been committed. One that was fenced ends the pipeline - unless
 * it held a transaction open for longer than the brokers allow (the machine slept): then nobody
 * else need have been there. So before it fences in its turn it looks who wrote last. */
#include "daemon/base/mem.h"
#include "sinks/kafka/outgoing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_FIRST_US (100 * 1000)
#define RETRY_MOST_US (5 * 1000000)

static void commit_send(struct outgoing *outgoing);
static void abort_send(struct outgoing *outgoing);
static void init_send(struct outgoing *outgoing);
static void ask(struct outgoing *outgoing);

static size_t n_produced(const struct outgoing *outgoing) {
  size_t n = 0;
  while (n < outgoing->n_flights && outgoing->flights[n].produced) n++;
  return n;
}

/* ------------------------------------------------------------------ what goes wrong */

static void on_due(void *arg) {
  struct outgoing *outgoing = arg;
  void (*again)(struct outgoing *) = outgoing->again;
  outgoing->again = NULL;
  if (again != NULL)
    again(outgoing);
  else
    outgoing_pump(outgoing);
}

/* The same step again, later. */
static void step_later(struct outgoing *outgoing, void (*step)(struct outgoing *),
                       const char *text) {
  outgoing->retries++;
  outgoing_away(outgoing, text);
  if (outgoing->state == OUTGOING_FAILED) return;
  outgoing->again = step;
  outgoing->retry_delay_us =
      outgoing->retry_delay_us == 0 ? RETRY_FIRST_US : outgoing->retry_delay_us * 2;
  if (outgoing->retry_delay_us > RETRY_MOST_US) outgoing->retry_delay_us = RETRY_MOST_US;
  loop_timer_arm(outgoing->due, outgoing->retry_delay_us);
}

static void step_done(struct outgoing *outgoing) {
  outgoing->retry_delay_us = 0;
  outgoing_reached(outgoing);
}

static void another_daemon(struct outgoing *outgoing) {
  struct err err;
  err_set(&err, ERR_BUSY,
          "another daemon writes to topic %s as %s now, so this one must not any more; nothing is "
          "lost or doubled: see that the pipeline runs only once, then start again",
          outgoing->options->topic, outgoing->ctx->id);
  outgoing_fail(outgoing, &err);
}

static void reopen_now(void *arg);

/* A client cannot be freed by what it calls. */
void outgoing_renew(struct outgoing *outgoing, const char *text) {
  outgoing->state = OUTGOING_OPENING;
  outgoing->reopening = true;
  err_set(&outgoing->lost_err, ERR_RETRY, "the client of Kafka had to be made anew: %s", text);
  loop_post(outgoing->io->loop, reopen_now, outgoing);
}

static void fenced(struct outgoing *outgoing, const char *text) {
  int64_t open_us = outgoing_now_us(outgoing) - outgoing->begun_us;
  if (open_us < outgoing->options->transaction_timeout_us) {
    another_daemon(outgoing);
    return;
  }
  outgoing->look_first = true;
  outgoing_renew(outgoing, text);
}

/* A step did not end well and is not to be repeated. */
static void step_ended(struct outgoing *outgoing, enum kafka_outcome outcome, const char *text) {
  if (outcome == KAFKA_FENCED)
    fenced(outgoing, text);
  else
    outgoing_renew(outgoing, text);
}

/* ------------------------------------------------------------------ opening */

static void clients_free(struct outgoing *outgoing) {
  kafka_producer_free(outgoing->producer);
  kafka_consumer_free(outgoing->consumer);
  outgoing->producer = NULL;
  outgoing->consumer = NULL;
  outgoing->n_out = 0;
  outgoing->alone = NULL;
  for (size_t i = 0; i < outgoing->n_flights; i++) outgoing->flights[i].n_out = 0;
}

static void consumer_trouble(void *arg, enum kafka_trouble trouble, const char *text) {
  struct outgoing *outgoing = arg;
  if (trouble == KAFKA_ALL_DOWN) outgoing_away(outgoing, text);
}

static int clients_new(struct outgoing *outgoing, struct err *err) {
  const struct kafka_consumer_options options = {
      .settings = kafka_collected_settings(&outgoing->options->consumer)};
  const struct kafka_consumer_events events = {.trouble = consumer_trouble};
  if (kafka_consumer_new(outgoing->io->kafka, &options, &events, outgoing, &outgoing->consumer,
                         err) != 0)
    return -1;
  return outgoing_producer_new(outgoing, err);
}

static void open_step(struct outgoing *outgoing) {
  if (outgoing->look_first)
    ask(outgoing);
  else
    init_send(outgoing);
}

/* Who only wanted to know what the group holds is not needed any more. */
void outgoing_consumer_end(void *arg) {
  struct outgoing *outgoing = arg;
  if (outgoing->state == OUTGOING_OPENING) return;
  kafka_consumer_free(outgoing->consumer);
  outgoing->consumer = NULL;
}

/* Of an epoch that was out when the producer was lost: whether it is not to be written again. */
static bool is_over(const struct outgoing *outgoing, const struct flight *flight) {
  if (outgoing->options->transactions) return flight->batch->epoch <= outgoing->held_epoch;
  return outgoing->options->once_at_most && flight->next_number > 0;
}

static void opened(struct outgoing *outgoing) {
  outgoing->state = OUTGOING_IDLE;
  loop_post(outgoing->io->loop, outgoing_consumer_end, outgoing);
  if (!outgoing->reopening) {
    uint64_t held = outgoing->held_epoch;
    sink_opened(outgoing->ctx, held > outgoing->engine_epoch ? held : outgoing->engine_epoch);
    return;
  }
  outgoing->reopening = false;
  size_t n = 0;
  while (n < outgoing->n_flights && is_over(outgoing, &outgoing->flights[n])) n++;
  outgoing_delivered(outgoing, n);
  struct err err = outgoing->lost_err;
  outgoing_retry(outgoing, &err);
}

static void reopen_now(void *arg) {
  struct outgoing *outgoing = arg;
  struct err err;
  clients_free(outgoing);
  outgoing->lost = outgoing->refused_anew = false;
  if (clients_new(outgoing, &err) != 0)
    outgoing_fail(outgoing, &err);
  else if (outgoing->options->transactions)
    open_step(outgoing);
  else
    opened(outgoing);
}

/* What the group holds, as it stands in the metadata; a position that people have set has none. */
struct held {
  bool any, ours, unnamed;
  uint64_t epoch;
};

static struct held held_read(const struct outgoing *outgoing,
                             const struct kafka_position *position) {
  char folder[17], text[100];
  struct held held = {.any = position->offset != KAFKA_OFFSET_NONE,
                      .unnamed = position->metadata.len == 0,
                      .epoch = (uint64_t)position->offset};
  snprintf(text, sizeof text, "%.*s", SLICE_ARG(position->metadata));
  held.ours = held.any && sscanf(text, "tidemark %16s %" SCNu64, folder, &held.epoch) == 2 &&
              strcmp(folder, outgoing->ctx->folder) == 0;
  return held;
}

/* Whether it can be what we left there; then held_epoch is set. */
static int held_check(struct outgoing *outgoing, struct held held, struct err *err) {
  const char *topic = outgoing->options->topic, *group = outgoing->ctx->id;
  bool known = outgoing->log_topic_same && outgoing->log_epoch > 0;
  unsigned long long log_epoch = (unsigned long long)outgoing->log_epoch;
  if (!held.any && known)
    return err_set(err, ERR_CORRUPT,
                   "our log says that epoch %llu is in topic %s, but the brokers have forgotten "
                   "what group %s holds (they keep it for offsets.retention.minutes), so nobody "
                   "knows whether more is there; see what stands at the end of the topic, then set "
                   "the group's offset of partition 0 to the epoch that is the last in it",
                   log_epoch, topic, group);
  if (held.any && !held.ours && !held.unnamed && known)
    return err_set(err, ERR_BUSY,
                   "a pipeline with another state folder has written to topic %s as %s since epoch "
                   "%llu of ours; give one of them another name, or begin with an empty folder",
                   topic, group, log_epoch);
  if (held.any && (held.ours || held.unnamed) && known && held.epoch < outgoing->log_epoch)
    return err_set(err, ERR_CORRUPT,
                   "our log says that epoch %llu is in topic %s, but group %s is at %llu: its "
                   "offset was set back, or the brokers have lost what they had acknowledged",
                   log_epoch, topic, group, (unsigned long long)held.epoch);
  if (held.any && !held.ours && !held.unnamed)
    diag_say(outgoing->ctx->diag, MESSAGE_KAFKA_SINK_TAKEN, outgoing->ctx->where,
             "topic %s was written as %s by a pipeline with another state folder; this one goes on "
             "behind it",
             topic, group);
  outgoing->held_epoch = held.ours || (held.any && held.unnamed) ? held.epoch : 0;
  return 0;
}

static void on_held(void *arg, const struct kafka_position *list, size_t n, const struct err *err) {
  struct outgoing *outgoing = arg;
  struct err wrong;
  (void)n;
  if (err != NULL && err->code == ERR_RETRY) {
    step_later(outgoing, ask, err->text);
    return;
  }
  if (err != NULL) {
    outgoing_fail(outgoing, err);
    return;
  }
  step_done(outgoing);
  struct held held = held_read(outgoing, &list[0]);
  if (outgoing->look_first) {
    outgoing->look_first = false;
    if (held.any && !held.ours)
      another_daemon(outgoing);
    else
      init_send(outgoing);
    return;
  }
  if (outgoing->reopening) {
    outgoing->log_topic_same = true;
    outgoing->log_epoch = outgoing->held_epoch;
  }
  if (held_check(outgoing, held, &wrong) != 0)
    outgoing_fail(outgoing, &wrong);
  else
    opened(outgoing);
}

static void ask(struct outgoing *outgoing) {
  struct kafka_partition at = {outgoing->options->topic, 0};
  kafka_committed(outgoing->consumer, &at, 1, on_held, outgoing);
}

static void on_init(void *arg, enum kafka_outcome outcome, const char *text) {
  struct outgoing *outgoing = arg;
  struct err err;
  switch (outcome) {
  case KAFKA_DONE:
    step_done(outgoing);
    ask(outgoing);
    break;
  case KAFKA_AGAIN: step_later(outgoing, init_send, text); break;
  case KAFKA_FENCED: another_daemon(outgoing); break;
  case KAFKA_ABORT:
  case KAFKA_FATAL:
    err_set(&err, ERR_CONFIG, "the brokers do not let %s write in transactions: %s",
            outgoing->ctx->id, text);
    outgoing_fail(outgoing, &err);
  }
}

static void init_send(struct outgoing *outgoing) {
  kafka_transactions_init(outgoing->producer, on_init, outgoing);
}

int transactions_open(struct outgoing *outgoing, struct slice state, struct err *err) {
  struct buf text = {0};
  int at = 0;
  buf_put_slice(&text, state);
  outgoing->log_epoch = 0;
  if (sscanf(buf_cstr(&text), "%" SCNu64 " %n", &outgoing->log_epoch, &at) >= 1)
    outgoing->log_topic_same = strcmp(text.data + at, outgoing->options->topic) == 0;
  buf_fini(&text);
  outgoing->due = loop_timer_new(outgoing->io->loop, on_due, outgoing);
  outgoing->state = OUTGOING_OPENING;
  if (clients_new(outgoing, err) != 0) return -1;
  init_send(outgoing);
  return 1;
}

void outgoing_state_put(const struct outgoing *outgoing, struct buf *out) {
  if (outgoing->options->transactions)
    buf_printf(out, "%" PRIu64 " %s", outgoing->held_epoch, outgoing->options->topic);
}

void transactions_close(struct outgoing *outgoing) {
  loop_unpost(outgoing->io->loop, reopen_now, outgoing);
  loop_unpost(outgoing->io->loop, outgoing_consumer_end, outgoing);
  clients_free(outgoing);
  loop_timer_free(outgoing->due);
}

/* ------------------------------------------------------------------ a transaction */

int transactions_begin(struct outgoing *outgoing) {
  enum kafka_outcome outcome = KAFKA_FATAL;
  struct err err;
  if (kafka_transaction_begin(outgoing->producer, &outcome, &err) == 0) {
    outgoing->state = OUTGOING_BEGUN;
    outgoing->begun_us = outgoing_now_us(outgoing);
    return 0;
  }
  outgoing->begun_us = outgoing_now_us(outgoing); /* there is none that could have timed out */
  step_ended(outgoing, outcome, err.text);
  return -1;
}

static void on_abort(void *arg, enum kafka_outcome outcome, const char *text) {
  struct outgoing *outgoing = arg;
  if (outcome == KAFKA_AGAIN) {
    step_later(outgoing, abort_send, text);
    return;
  }
  if (outcome != KAFKA_DONE) {
    step_ended(outgoing, outcome, text);
    return;
  }
  step_done(outgoing);
  outgoing->aborts++;
  outgoing->state = OUTGOING_IDLE;
  struct err err = outgoing->lost_err;
  outgoing_retry(outgoing, &err);
}

static void abort_send(struct outgoing *outgoing) {
  outgoing->state = OUTGOING_ABORTING;
  loop_timer_disarm(outgoing->due);
  kafka_transaction_abort(outgoing->producer, on_abort, outgoing);
}

static void on_commit(void *arg, enum kafka_outcome outcome, const char *text) {
  struct outgoing *outgoing = arg;
  size_t n = n_produced(outgoing);
  switch (outcome) {
  case KAFKA_AGAIN: step_later(outgoing, commit_send, text); return;
  case KAFKA_ABORT:
    if (!outgoing->lost)
      err_set(&outgoing->lost_err, ERR_RETRY,
              "a transaction had to be aborted and is written again: %s", text);
    abort_send(outgoing);
    return;
  case KAFKA_FENCED:
  case KAFKA_FATAL: step_ended(outgoing, outcome, text); return;
  case KAFKA_DONE: break;
  }
  step_done(outgoing);
  outgoing->commits++;
  outgoing->committed_us = outgoing_now_us(outgoing);
  histogram_add(&outgoing->commit_took, outgoing->committed_us - outgoing->committing_us);
  outgoing->held_epoch = outgoing->flights[n - 1].batch->epoch;
  outgoing->state = OUTGOING_IDLE;
  outgoing_delivered(outgoing, n);
  outgoing_pump(outgoing);
}

static void commit_send(struct outgoing *outgoing) {
  char metadata[100];
  uint64_t epoch = outgoing->flights[n_produced(outgoing) - 1].batch->epoch;
  snprintf(metadata, sizeof metadata, "tidemark %s %" PRIu64, outgoing->ctx->folder, epoch);
  const struct kafka_position position = {.at = {outgoing->options->topic, 0},
                                          .offset = (int64_t)epoch,
                                          .metadata = slice_of(metadata)};
  outgoing->state = OUTGOING_COMMITTING;
  kafka_transaction_commit(outgoing->producer, outgoing->ctx->id, &position, 1, on_commit,
                           outgoing);
}

static void commit(struct outgoing *outgoing) {
  outgoing->committing_us = outgoing_now_us(outgoing);
  commit_send(outgoing);
}

/* All fates are known, and no record of the transaction is refused that was given to it. */
static void rejects_log(struct outgoing *outgoing) {
  bool wait = false;
  for (size_t i = 0; i < n_produced(outgoing); i++) {
    outgoing_reject(outgoing, &outgoing->flights[i]);
    wait = sink_rejects_log(outgoing->flights[i].batch);
  }
  if (wait)
    outgoing->state = OUTGOING_LOGGING;
  else
    commit(outgoing);
}

void outgoing_rejects_logged(struct outgoing *outgoing) {
  if (outgoing->state == OUTGOING_LOGGING) commit(outgoing);
}

void transactions_turn(struct outgoing *outgoing) {
  if (outgoing->state != OUTGOING_BEGUN && outgoing->state != OUTGOING_SETTLING) return;
  if (outgoing->lost || outgoing->refused_anew) {
    if (!outgoing->lost)
      err_set(&outgoing->lost_err, ERR_RETRY,
              "the brokers refuse records for good, which go to .errors; the others are written "
              "again without them");
    abort_send(outgoing);
    return;
  }
  if (outgoing->state == OUTGOING_SETTLING) {
    if (outgoing->n_out == 0) rejects_log(outgoing);
    return;
  }
  size_t n = n_produced(outgoing);
  if (n == 0 || (n < outgoing->n_flights && outgoing->flights[n].next_number > 0)) return;
  int64_t left_us =
      outgoing->committed_us + outgoing->options->commit_interval_us - outgoing_now_us(outgoing);
  if (outgoing->committed_us > 0 && left_us > 0) {
    loop_timer_arm(outgoing->due, left_us);
    return;
  }
  if (outgoing->n_refused == 0) {
    commit(outgoing);
    return;
  }
  outgoing->state = OUTGOING_SETTLING;
  if (outgoing->n_out == 0) rejects_log(outgoing);
}
