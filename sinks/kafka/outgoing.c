/* outgoing: see outgoing.h. */
#include "sinks/kafka/outgoing.h"

#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"

#include <stdlib.h>

int64_t outgoing_now_us(const struct outgoing *outgoing) {
  return clock_mono_us(outgoing->io->clock);
}

/* ------------------------------------------------------------------ brokers that are away */

static void give_up(void *arg) {
  struct outgoing *outgoing = arg;
  struct err err;
  if (outgoing->away_since_us == 0 || outgoing->ctx == NULL) return;
  err_set(&err, ERR_RETRY,
          "no broker was reached for %.0f s, so it is given up, as give_up_after says; nothing is "
          "lost: start again when they are well",
          (double)(outgoing_now_us(outgoing) - outgoing->away_since_us) / 1e6);
  outgoing_fail(outgoing, &err);
}

void outgoing_away(struct outgoing *outgoing, const char *text) {
  if (outgoing->away_since_us != 0 || outgoing->ctx == NULL) return;
  outgoing->away_since_us = outgoing_now_us(outgoing);
  diag_say(outgoing->ctx->diag, MESSAGE_KAFKA_AWAY, outgoing->ctx->where,
           "no broker is reached: %s; waiting, nothing is lost", text);
  if (outgoing->options->give_up_after_us >= 0)
    loop_timer_arm(outgoing->giving_up, outgoing->options->give_up_after_us);
}

void outgoing_reached(struct outgoing *outgoing) {
  if (outgoing->away_since_us == 0) return;
  diag_say(outgoing->ctx->diag, MESSAGE_KAFKA_BACK, outgoing->ctx->where,
           "a broker answers again, after %.1f s",
           (double)(outgoing_now_us(outgoing) - outgoing->away_since_us) / 1e6);
  outgoing->away_since_us = 0;
  loop_timer_disarm(outgoing->giving_up);
}

static void on_trouble(void *arg, enum kafka_trouble trouble, const char *text) {
  struct outgoing *outgoing = arg;
  outgoing->troubles[trouble]++;
  if (outgoing->ctx == NULL) return;
  if (trouble == KAFKA_ALL_DOWN) outgoing_away(outgoing, text);
  if (trouble == KAFKA_REFUSED)
    diag_say(outgoing->ctx->diag, MESSAGE_KAFKA_REFUSED, outgoing->ctx->where, "%s", text);
}

/* ------------------------------------------------------------------ records that are refused */

static struct refused *refused_find(struct outgoing *outgoing, uint64_t epoch, uint32_t number) {
  for (size_t i = 0; i < outgoing->n_refused; i++)
    if (outgoing->refused[i].epoch == epoch && outgoing->refused[i].number == number)
      return &outgoing->refused[i];
  return NULL;
}

static void refuse(struct outgoing *outgoing, const struct frame *frame, enum verdict verdict,
                   const char *text) {
  struct refused *refused = refused_find(outgoing, frame->epoch, frame->number);
  if (refused == NULL) {
    array_grow((void **)&outgoing->refused, &outgoing->cap_refused, outgoing->n_refused,
               sizeof *outgoing->refused);
    refused = &outgoing->refused[outgoing->n_refused++];
    *refused = (struct refused){.epoch = frame->epoch, .number = frame->number};
  }
  free(refused->text);
  refused->verdict = verdict;
  refused->text = mem_strdup(text);
}

static void refused_forget(struct outgoing *outgoing, uint64_t upto_epoch) {
  size_t kept = 0;
  for (size_t i = 0; i < outgoing->n_refused; i++) {
    if (outgoing->refused[i].epoch > upto_epoch)
      outgoing->refused[kept++] = outgoing->refused[i];
    else
      free(outgoing->refused[i].text);
  }
  outgoing->n_refused = kept;
}

void outgoing_reject(struct outgoing *outgoing, struct flight *flight) {
  struct frame_cursor cursor = {0};
  struct kafka_header headers[FRAME_HEADERS_MAX];
  struct frame *frame;
  if (flight->rejected || outgoing->n_refused == 0) return;
  flight->rejected = true;
  while ((frame = frame_next(flight->batch, &cursor)) != NULL) {
    const struct refused *refused = refused_find(outgoing, frame->epoch, frame->number);
    if (refused == NULL || refused->verdict != VERDICT_REFUSED) continue;
    struct slice value = frame_record(frame, "", headers).value;
    sink_reject(flight->batch, value, "kafka.refused", refused->text);
  }
}

/* ------------------------------------------------------------------ flights */

static struct flight *flight_find(struct outgoing *outgoing, uint64_t epoch) {
  for (size_t i = 0; i < outgoing->n_flights; i++)
    if (outgoing->flights[i].batch->epoch == epoch) return &outgoing->flights[i];
  return NULL;
}

void outgoing_delivered(struct outgoing *outgoing, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct sink_batch *batch = outgoing->flights[0].batch;
    outgoing_reject(outgoing, &outgoing->flights[0]);
    refused_forget(outgoing, batch->epoch);
    outgoing->n_flights--;
    memmove(outgoing->flights, outgoing->flights + 1,
            outgoing->n_flights * sizeof *outgoing->flights);
    sink_delivered(batch);
  }
}

void outgoing_retry(struct outgoing *outgoing, const struct err *err) {
  outgoing->lost = outgoing->refused_anew = false;
  if (outgoing->n_flights == 0) return;
  struct sink_batch *oldest = outgoing->flights[0].batch;
  outgoing->n_flights = 0;
  outgoing->retries++;
  sink_retry(oldest, err);
}

void outgoing_fail(struct outgoing *outgoing, const struct err *err) {
  enum outgoing_state was = outgoing->state;
  outgoing->state = OUTGOING_FAILED;
  loop_timer_disarm(outgoing->due);
  loop_timer_disarm(outgoing->giving_up);
  if (outgoing->n_flights > 0)
    sink_failed(outgoing->flights[0].batch, err);
  else if (was == OUTGOING_OPENING)
    sink_open_failed(outgoing->ctx, err);
}

/* ------------------------------------------------------------------ producing */

static void on_fate(void *arg, void *token, enum kafka_fate fate, const char *text) {
  struct outgoing *outgoing = arg;
  const struct frame *frame = token;
  bool alone = frame == outgoing->alone;
  outgoing->n_out--;
  struct flight *flight = flight_find(outgoing, frame->epoch);
  if (flight != NULL) flight->n_out--;
  if (alone) outgoing->alone = NULL;
  bool over = fate == KAFKA_LOST && outgoing->options->once_at_most; /* it is not sent again */
  if (alone && (fate == KAFKA_DELIVERED || over)) refuse(outgoing, frame, VERDICT_TAKEN, "");
  if (fate == KAFKA_DELIVERED) {
    outgoing_reached(outgoing);
  } else if (fate == KAFKA_REFUSED_RECORD) {
    refuse(outgoing, frame, alone ? VERDICT_REFUSED : VERDICT_SUSPECT, text);
    outgoing->refused_anew = true;
  } else if (!outgoing->lost) {
    outgoing->lost = true;
    err_set(&outgoing->lost_err, ERR_RETRY, "records were not delivered to topic %s: %s",
            outgoing->options->topic, text);
  }
  if (!outgoing->options->transactions || outgoing->n_out == 0) outgoing_pump(outgoing);
}

static void on_room(void *arg) {
  outgoing_pump(arg);
}

int outgoing_producer_new(struct outgoing *outgoing, struct err *err) {
  const struct kafka_producer_options options = {
      .settings = kafka_collected_settings(&outgoing->options->producer)};
  const struct kafka_producer_events events = {
      .fate = on_fate, .room = on_room, .trouble = on_trouble};
  return kafka_producer_new(outgoing->io->kafka, &options, &events, outgoing, &outgoing->producer,
                            err);
}

/* 0: given, or not to be given. 1: no room. -1: the producer is of no use. */
static int frame_produce(struct outgoing *outgoing, struct flight *flight, struct frame *frame,
                         struct err *err) {
  struct kafka_header headers[FRAME_HEADERS_MAX];
  const struct refused *refused =
      outgoing->n_refused > 0 ? refused_find(outgoing, frame->epoch, frame->number) : NULL;
  if (refused != NULL && refused->verdict == VERDICT_REFUSED) return 0;
  if (flight->again && (refused == NULL || refused->verdict != VERDICT_SUSPECT)) return 0;
  if (outgoing->alone != NULL || (refused != NULL && outgoing->n_out > 0)) return 1;
  struct kafka_record record = frame_record(frame, outgoing->options->topic, headers);
  int result = kafka_produce(outgoing->producer, &record, err);
  if (result == 0) {
    flight->n_out++;
    outgoing->n_out++;
    if (refused != NULL) outgoing->alone = frame;
  } else if (result < 0 && err->code == ERR_DATA) {
    refuse(outgoing, frame, VERDICT_REFUSED, err->text);
    return 0;
  }
  return result;
}

/* The same for all of the flight. */
static int flight_produce(struct outgoing *outgoing, struct flight *flight, struct err *err) {
  for (;;) {
    struct frame_cursor before = flight->cursor;
    struct frame *frame = frame_next(flight->batch, &flight->cursor);
    if (frame == NULL) return 0;
    frame->epoch = flight->batch->epoch;
    frame->number = flight->next_number;
    int result = frame_produce(outgoing, flight, frame, err);
    if (result != 0) {
      flight->cursor = before;
      return result;
    }
    flight->next_number++;
  }
}

static struct flight *flight_next(struct outgoing *outgoing) {
  for (size_t i = 0; i < outgoing->n_flights; i++)
    if (!outgoing->flights[i].produced) return &outgoing->flights[i];
  return NULL;
}

static bool has_suspects(const struct outgoing *outgoing, uint64_t epoch) {
  for (size_t i = 0; i < outgoing->n_refused; i++)
    if (outgoing->refused[i].epoch == epoch && outgoing->refused[i].verdict == VERDICT_SUSPECT)
      return true;
  return false;
}

/* Without transactions: what the brokers have is delivered, in order. What is lost is written again
 * when all else is settled, so that no record of two tries is out at once; not with at_most_once.
 */
static void settle(struct outgoing *outgoing) {
  outgoing->refused_anew = false;
  if (outgoing->lost && outgoing->n_out == 0 && !outgoing->options->once_at_most) {
    struct err err = outgoing->lost_err;
    outgoing_retry(outgoing, &err);
  }
  if (outgoing->options->once_at_most) outgoing->lost = false;
  while (outgoing->n_flights > 0 && outgoing->flights[0].produced &&
         outgoing->flights[0].n_out == 0 && !outgoing->lost) {
    struct flight *first = &outgoing->flights[0];
    if (!has_suspects(outgoing, first->batch->epoch)) {
      outgoing_delivered(outgoing, 1);
      continue;
    }
    first->cursor = (struct frame_cursor){0};
    first->next_number = 0;
    first->produced = false;
    first->again = true;
    return;
  }
}

void outgoing_pump(struct outgoing *outgoing) {
  struct err err;
  if (outgoing->ctx == NULL) return;
  for (;;) {
    if (outgoing->options->transactions)
      transactions_turn(outgoing);
    else
      settle(outgoing);
    struct flight *flight = flight_next(outgoing);
    if (flight == NULL || outgoing->lost) return;
    if (outgoing->state == OUTGOING_IDLE && outgoing->options->transactions &&
        transactions_begin(outgoing) != 0)
      return;
    if (outgoing->state != OUTGOING_IDLE && outgoing->state != OUTGOING_BEGUN) return;
    int result = flight_produce(outgoing, flight, &err);
    if (result > 0) return;
    if (result < 0) {
      outgoing_renew(outgoing, err.text);
      return;
    }
    flight->produced = true;
    if (!flight->accepted) sink_accepted(flight->batch);
    flight->accepted = true;
  }
}

void outgoing_write(struct outgoing *outgoing, struct sink_batch *batch) {
  array_grow((void **)&outgoing->flights, &outgoing->cap_flights, outgoing->n_flights,
             sizeof *outgoing->flights);
  outgoing->flights[outgoing->n_flights++] = (struct flight){.batch = batch};
  outgoing_pump(outgoing);
}

/* ------------------------------------------------------------------ beginning and end */

struct outgoing *outgoing_new(const struct outgoing_options *options, struct sink_ctx *ctx) {
  struct outgoing *outgoing = mem_zalloc(sizeof *outgoing);
  outgoing->options = options;
  outgoing->io = ctx->io;
  outgoing->ctx = ctx;
  outgoing->giving_up = loop_timer_new(ctx->io->loop, give_up, outgoing);
  return outgoing;
}

bool outgoing_can_go_on(const struct outgoing *outgoing) {
  return outgoing->state == OUTGOING_IDLE && outgoing->n_flights == 0 &&
         outgoing->away_since_us == 0;
}

void outgoing_leave(struct outgoing *outgoing) {
  loop_unpost(outgoing->io->loop, outgoing_consumer_end, outgoing);
  outgoing_consumer_end(outgoing);
  outgoing->ctx = NULL;
}

void outgoing_take_over(struct outgoing *outgoing, const struct outgoing_options *options,
                        struct sink_ctx *ctx) {
  outgoing->options = options;
  outgoing->ctx = ctx;
}

int outgoing_open(struct outgoing *outgoing, struct slice state, uint64_t *held_epoch,
                  struct err *err) {
  outgoing->engine_epoch = *held_epoch;
  if (outgoing->producer != NULL) { /* of the sink that a reload replaced: it knows what it holds */
    if (*held_epoch < outgoing->held_epoch) *held_epoch = outgoing->held_epoch;
    return 0;
  }
  if (outgoing->options->transactions) return transactions_open(outgoing, state, err);
  outgoing->state = OUTGOING_IDLE;
  return outgoing_producer_new(outgoing, err);
}

void outgoing_metrics(const struct outgoing *outgoing, struct metrics *metrics) {
  static const char *const kinds[4] = {"broker_down", "all_down", "refused", "other"};
  metrics_put(metrics, METRIC_KAFKA_SINK_TRANSACTIONS, "committed", (double)outgoing->commits);
  metrics_put(metrics, METRIC_KAFKA_SINK_TRANSACTIONS, "aborted", (double)outgoing->aborts);
  metrics_put_histogram(metrics, METRIC_KAFKA_SINK_COMMIT, NULL, &outgoing->commit_took);
  for (int i = 0; i < 4; i++)
    metrics_put(metrics, METRIC_KAFKA_SINK_TROUBLES, kinds[i], (double)outgoing->troubles[i]);
}

void outgoing_free(struct outgoing *outgoing) {
  if (outgoing == NULL) return;
  transactions_close(outgoing);
  kafka_producer_free(outgoing->producer);
  loop_timer_free(outgoing->giving_up);
  refused_forget(outgoing, UINT64_MAX);
  free(outgoing->refused);
  free(outgoing->flights);
  free(outgoing);
}
