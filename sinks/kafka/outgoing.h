/* outgoing: epochs on their way to Kafka. README.md says what is promised and why it holds.
 *
 * On the loop's thread. An epoch that was given to the producer is accepted and answered later;
 * several may be out. With transactions they are answered when the transaction that holds them is
 * committed; without, when the brokers have all their records. */
#ifndef TIDEMARK_SINKS_KAFKA_OUTGOING_H
#define TIDEMARK_SINKS_KAFKA_OUTGOING_H

#include "daemon/base/histogram.h"
#include "daemon/flow/kafka_access.h"
#include "daemon/flow/plugin.h"
#include "sinks/kafka/frame.h"

struct outgoing_options {
  struct kafka_collected producer, consumer; /* the latter asks for what the group holds */
  const char *topic;
  int64_t commit_interval_us;     /* with transactions: least time between two commits */
  int64_t transaction_timeout_us; /* after which brokers abort what is open */
  int64_t give_up_after_us;       /* -1: never */
  bool transactions, once_at_most;
};

/* A record that brokers have refused. They refuse what was sent together as a whole, so it is sent
 * once more, alone. Known from one try of its epoch to the next. */
enum verdict { VERDICT_SUSPECT, VERDICT_REFUSED, VERDICT_TAKEN };
struct refused {
  uint64_t epoch;
  uint32_t number;
  enum verdict verdict;
  char *text;
};

struct flight { /* an epoch that is out */
  struct sink_batch *batch;
  struct frame_cursor cursor; /* of what is to be given to the producer next */
  uint32_t next_number;
  bool produced;        /* all of it is */
  bool accepted, again; /* again: only what is suspect is given, without transactions */
  bool rejected;        /* its rejects have been told */
  uint32_t n_out;
};

enum outgoing_state {
  OUTGOING_OPENING, /* a step of transactions.c is out before anything may be written */
  OUTGOING_IDLE,    /* no transaction is open; without transactions: always */
  OUTGOING_BEGUN,
  OUTGOING_SETTLING, /* all fates are waited for, as some record is refused */
  OUTGOING_LOGGING,  /* the rejects go into the log before the commit */
  OUTGOING_COMMITTING,
  OUTGOING_ABORTING,
  OUTGOING_FAILED,
};

struct outgoing {
  const struct outgoing_options *options;
  struct io *io;
  struct sink_ctx *ctx; /* NULL between adopt() and open(); it may be gone before */
  enum outgoing_state state;
  struct kafka_producer *producer;
  struct kafka_consumer *consumer;
  struct flight *flights;
  size_t n_flights, cap_flights;
  struct refused *refused;
  size_t n_refused, cap_refused;
  const struct frame *alone; /* that is out, and nothing else */
  bool refused_anew;         /* since the transaction began: it must be aborted */
  bool lost;                 /* a record is, without transactions: all is written again */
  uint64_t n_out;
  struct err lost_err;
  uint64_t held_epoch; /* the last one in a committed transaction, as the brokers know it */
  uint64_t log_epoch;  /* and as our log did when we opened */
  bool log_topic_same;
  uint64_t engine_epoch;                         /* that the engine says the sink holds */
  int64_t begun_us, committing_us, committed_us; /* monotonic */
  void (*again)(struct outgoing *outgoing);      /* the step that `due` is to repeat, or NULL */
  struct loop_timer *due;                        /* a commit, or a step that is tried again */
  struct loop_timer *giving_up;
  int64_t away_since_us; /* 0: a broker is reached, as far as we know */
  bool look_first;       /* opening again: see transactions.c */
  bool reopening;
  int64_t retry_delay_us;
  uint64_t commits, aborts, retries, troubles[4];
  struct histogram commit_took;
};

struct outgoing *outgoing_new(const struct outgoing_options *options, struct sink_ctx *ctx);
/* For a reload: nothing is out and nothing has failed; it loses its ctx; it gets another. */
bool outgoing_can_go_on(const struct outgoing *outgoing);
void outgoing_leave(struct outgoing *outgoing);
void outgoing_take_over(struct outgoing *outgoing, const struct outgoing_options *options,
                        struct sink_ctx *ctx);
/* The engine's calls. open: 0, or 1: sink_opened() will be called. state: what outgoing_state_put()
 * put with the newest commit. */
int outgoing_open(struct outgoing *outgoing, struct slice state, uint64_t *held_epoch,
                  struct err *err);
void outgoing_write(struct outgoing *outgoing, struct sink_batch *batch);
void outgoing_state_put(const struct outgoing *outgoing, struct buf *out);
void outgoing_rejects_logged(struct outgoing *outgoing);
void outgoing_metrics(const struct outgoing *outgoing, struct metrics *metrics);
void outgoing_free(struct outgoing *outgoing); /* NULL is fine */

/* ------------------------------------------------------------------ between its files */

int outgoing_producer_new(struct outgoing *outgoing, struct err *err);
/* Does what can be done now. */
void outgoing_pump(struct outgoing *outgoing);
/* All that is out is the engine's again, who will write it again. */
void outgoing_retry(struct outgoing *outgoing, const struct err *err);
void outgoing_fail(struct outgoing *outgoing, const struct err *err);
/* Tells the rejects of a flight, once. */
void outgoing_reject(struct outgoing *outgoing, struct flight *flight);
/* The first n are delivered. */
void outgoing_delivered(struct outgoing *outgoing, size_t n);
void outgoing_reached(struct outgoing *outgoing); /* a broker answered */
void outgoing_away(struct outgoing *outgoing, const char *text);
int64_t outgoing_now_us(const struct outgoing *outgoing);

/* transactions.c */
int transactions_open(struct outgoing *outgoing, struct slice state, struct err *err);
/* -1: it was dealt with, nothing can be produced now. */
int transactions_begin(struct outgoing *outgoing);
/* Commits, or sees to it that it will be. */
/* The producer is of no use any more: another one, and what it had is written again. */
void outgoing_renew(struct outgoing *outgoing, const char *text);
void transactions_turn(struct outgoing *outgoing);
void outgoing_consumer_end(void *outgoing); /* posted when it is not needed any more */
void transactions_close(struct outgoing *outgoing);

#endif
