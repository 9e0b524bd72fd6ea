/* kafka: a client of Kafka's brokers. Nothing here waits, but to close: what a broker must be asked
 * is answered by a callback in loop_wait(). All calls and callbacks are on the loop's thread; a
 * callback may call anything here but the freeing of the client that calls it.
 *
 * Settings are librdkafka's own names and values and go to the client as they are, later ones over
 * earlier ones. Real: librdkafka. Simulated (io_sim.h): brokers in memory that keep what they
 * promised - transactions, fencing, groups and their generations, timestamps - and lose
 * connections, delay and repeat answers as a seed says.
 *
 * Errors are told in three kinds: ERR_RETRY (a broker is away, a call timed out: the same call
 * again may work; the text names the broker), ERR_CONFIG (a setting, a topic, a right that is not
 * there: only people can mend it), ERR_IO (the client is of no use any more). */
#ifndef TIDEMARK_IO_KAFKA_H
#define TIDEMARK_IO_KAFKA_H

#include "daemon/base/err.h"
#include "daemon/base/slice.h"
#include "daemon/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct threads; /* exec.h */

struct kafka; /* makes clients; real or simulated */
struct kafka_consumer;
struct kafka_producer;

#define KAFKA_NO_TIME INT64_MIN

struct kafka_setting {
  const char *name, *value;
};
struct kafka_settings {
  const struct kafka_setting *list; /* copied by who is given them */
  size_t n;
};

/* Whether a client would take these settings. -1, ERR_CONFIG: the text names the setting and says
 * what it may be. Asks no broker. */
int kafka_settings_check(struct kafka *kafka, const struct kafka_settings *settings, bool producer,
                         struct err *err);

/* Asks the brokers whether they are there and know these topics (names; expressions are not asked
 * for), and waits for the answer, at most timeout_us: for a reload, before anything is given up. */
int kafka_reach(struct kafka *kafka, const struct kafka_settings *settings,
                const char *const *topics, size_t n_topics, int64_t timeout_us, struct err *err);

struct kafka_partition {
  const char *topic;
  int32_t partition;
};

/* A place in a partition: of a record, or that a group has committed. */
struct kafka_position {
  struct kafka_partition at;
  int64_t offset;        /* the next record to be read; KAFKA_OFFSET_NONE: there is none */
  struct slice metadata; /* of a commit; up to 4,096 bytes */
};
#define KAFKA_OFFSET_NONE (-1)

struct kafka_header {
  struct slice name, value; /* value.data NULL: null */
};

/* What a client says of brokers while it goes on by itself: for diagnostics and metrics. */
enum kafka_trouble {
  KAFKA_BROKER_DOWN, /* one is not reached; others may be */
  KAFKA_ALL_DOWN,    /* none is */
  KAFKA_REFUSED,     /* authentication, authorisation, TLS, an unknown topic */
  KAFKA_OTHER,
};
typedef void kafka_trouble_fn(void *arg, enum kafka_trouble trouble, const char *text);

/* ------------------------------------------------------------------ consuming */

struct kafka_message {
  struct kafka_partition at;
  int64_t offset;
  int64_t time_us;                    /* of the record, whoever set it; KAFKA_NO_TIME: none */
  struct slice key, value;            /* data NULL: null */
  const struct kafka_header *headers; /* in order; only when asked for */
  size_t n_headers;
};

struct kafka_consumer_options {
  struct kafka_settings settings; /* bootstrap.servers, group.id, isolation.level, ... */
  const char *const *topics;      /* names, or regular expressions that begin with ^ */
  size_t n_topics;
  bool headers; /* messages come with theirs */
};

struct kafka_consumer_events {
  /* There may be messages to poll: called when there were none and now there are. */
  loop_fn *ready;
  /* By the group (cooperative): these are ours from now on, and nothing comes of them before
   * kafka_start(). */
  void (*assigned)(void *arg, const struct kafka_partition *list, size_t n);
  /* They are to go to somebody else, who waits until kafka_release() is called for each. Until
   * then they are still ours: finish, commit, release. lost: they are somebody else's already (the
   * group has not heard of us for too long); release at once. */
  void (*revoked)(void *arg, const struct kafka_partition *list, size_t n, bool lost);
  kafka_trouble_fn *trouble;
};

/* events is copied. The topics need not be there. -1: ERR_CONFIG. */
int kafka_consumer_new(struct kafka *kafka, const struct kafka_consumer_options *options,
                       const struct kafka_consumer_events *events, void *arg,
                       struct kafka_consumer **consumer, struct err *err);
/* Leaves the group (a static member, group.instance.id, stays one) and waits for that at most some
 * seconds; answers that are still out do not come. NULL is fine. */
void kafka_consumer_free(struct kafka_consumer *consumer);

/* Joins the group for the topics. Without it the consumer belongs to no group's assignment and
 * kafka_start() takes any partition: so a range is read again. */
void kafka_subscribe(struct kafka_consumer *consumer);

/* From this offset on messages of the partition come; again: it goes there. Assigned by the group,
 * or by nobody when there was no kafka_subscribe(). An offset that is not there (any more) is told
 * by `gone` in kafka_poll(). */
void kafka_start(struct kafka_consumer *consumer, struct kafka_partition at, int64_t offset);
/* No more of it comes; what was fetched already is dropped. */
void kafka_release(struct kafka_consumer *consumer, struct kafka_partition at);

/* Up to max messages, in order within a partition, without waiting; they live until the next
 * kafka_poll() or kafka_polled(). Those that were not asked for stay in the client's queue, which
 * has its limits by settings (queued.max.messages.kbytes): so a reader that does not poll holds up
 * the brokers and nothing grows. *gone is set to a partition whose offset, the one asked for, is
 * not there: .offset is the first that is; else gone->at.topic is NULL. */
size_t kafka_poll(struct kafka_consumer *consumer, struct kafka_message *messages, size_t max,
                  struct kafka_position *gone);
/* The messages of the last kafka_poll() are not needed any more. */
void kafka_polled(struct kafka_consumer *consumer);

/* What follows is answered once, err NULL or said; the positions in the answer are in the order
 * asked for, and gone after the call. */
typedef void kafka_positions_fn(void *arg, const struct kafka_position *list, size_t n,
                                const struct err *err);

/* What the consumer's group has committed. Under isolation.level read_committed an offset that an
 * open transaction is about to commit is ERR_RETRY. */
void kafka_committed(struct kafka_consumer *consumer, const struct kafka_partition *list, size_t n,
                     kafka_positions_fn *fn, void *arg);
/* The first offset at or behind a time: us since 1970, KAFKA_EARLIEST, KAFKA_LATEST. A time behind
 * the last record gives the end. */
#define KAFKA_EARLIEST INT64_MIN
#define KAFKA_LATEST INT64_MAX
void kafka_offsets_at(struct kafka_consumer *consumer, const struct kafka_partition *list, size_t n,
                      int64_t time_us, kafka_positions_fn *fn, void *arg);
/* The end of a partition as the client knows it from fetching, for lag; KAFKA_OFFSET_NONE: not
 * known yet. Asks no broker. */
int64_t kafka_end(struct kafka_consumer *consumer, struct kafka_partition at);
/* Commits for the group. One at a time is out. */
void kafka_commit(struct kafka_consumer *consumer, const struct kafka_position *list, size_t n,
                  kafka_positions_fn *fn, void *arg);

/* The same at the consumer's end, also while one is out: nothing is answered, nothing but
 * kafka_consumer_free() follows, and that waits for it too. */
void kafka_commit_last(struct kafka_consumer *consumer, const struct kafka_position *list,
                       size_t n);

/* ------------------------------------------------------------------ producing */

struct kafka_record {
  const char *topic;
  int32_t partition;       /* -1: by the key, as Java's clients do (murmur2), or any without one */
  int64_t time_us;         /* KAFKA_NO_TIME: the client's clock */
  struct slice key, value; /* data NULL: null */
  const struct kafka_header *headers;
  size_t n_headers;
  void *token; /* comes back with its fate */
};

enum kafka_fate {
  KAFKA_DELIVERED,      /* the brokers have it as acks says; in a transaction, not yet visible */
  KAFKA_REFUSED_RECORD, /* this record, for good: too large, invalid */
  KAFKA_LOST, /* not delivered, or not known: of an aborted transaction, purged, timed out */
};

struct kafka_producer_options {
  struct kafka_settings settings; /* with transactional.id: transactions, else none */
};
struct kafka_producer_events {
  /* In order for each partition. text: why; NULL when delivered. */
  void (*fate)(void *arg, void *token, enum kafka_fate fate, const char *text);
  loop_fn *room; /* kafka_produce() gave 1, and there is room again */
  kafka_trouble_fn *trouble;
};
int kafka_producer_new(struct kafka *kafka, const struct kafka_producer_options *options,
                       const struct kafka_producer_events *events, void *arg,
                       struct kafka_producer **producer, struct err *err);
/* What was not delivered is given up: no event comes any more; an open transaction stays open until
 * its timeout or the next one of its id. NULL is fine. */
void kafka_producer_free(struct kafka_producer *producer);

/* 0: taken; value, key and headers' bytes are not copied and stay as they are until the fate is
 * told. 1: no room now. -1: it will never be taken (ERR_DATA: too large or invalid; ERR_IO: the
 * client is of no use). */
int kafka_produce(struct kafka_producer *producer, const struct kafka_record *record,
                  struct err *err);

/* Transactions. One step at a time, each answered once. What a step comes to: */
enum kafka_outcome {
  KAFKA_DONE,
  KAFKA_AGAIN,  /* it did not work and the same step again may: a broker is away */
  KAFKA_ABORT,  /* the transaction must be aborted; then it may be begun again */
  KAFKA_FENCED, /* another producer has the transactional.id: this one must end */
  KAFKA_FATAL,  /* the producer is of no use: a new one may work */
};
typedef void kafka_step_fn(void *arg, enum kafka_outcome outcome, const char *text);

/* First of all steps: fences whoever had the transactional.id before and ends what he had open. */
void kafka_transactions_init(struct kafka_producer *producer, kafka_step_fn *fn, void *arg);
/* At once and without a broker. -1: as KAFKA_FATAL or KAFKA_FENCED (*outcome says). */
int kafka_transaction_begin(struct kafka_producer *producer, enum kafka_outcome *outcome,
                            struct err *err);
/* Waits for what was produced, sends the positions as commits of `group`, commits. All or nothing
 * of it is seen by who reads committed. The strings are copied. */
void kafka_transaction_commit(struct kafka_producer *producer, const char *group,
                              const struct kafka_position *positions, size_t n, kafka_step_fn *fn,
                              void *arg);
/* What was produced and has no fate yet gets KAFKA_LOST before the answer. */
void kafka_transaction_abort(struct kafka_producer *producer, kafka_step_fn *fn, void *arg);

/* ------------------------------------------------------------------ the interface */

struct kafka_ops {
  int (*settings_check)(struct kafka *, const struct kafka_settings *, bool, struct err *);
  int (*reach)(struct kafka *, const struct kafka_settings *, const char *const *, size_t, int64_t,
               struct err *);
  int (*consumer_new)(struct kafka *, const struct kafka_consumer_options *,
                      const struct kafka_consumer_events *, void *, struct kafka_consumer **,
                      struct err *);
  void (*consumer_free)(struct kafka_consumer *);
  void (*subscribe)(struct kafka_consumer *);
  void (*start)(struct kafka_consumer *, struct kafka_partition, int64_t);
  void (*release)(struct kafka_consumer *, struct kafka_partition);
  size_t (*poll)(struct kafka_consumer *, struct kafka_message *, size_t, struct kafka_position *);
  void (*polled)(struct kafka_consumer *);
  void (*committed)(struct kafka_consumer *, const struct kafka_partition *, size_t,
                    kafka_positions_fn *, void *);
  void (*offsets_at)(struct kafka_consumer *, const struct kafka_partition *, size_t, int64_t,
                     kafka_positions_fn *, void *);
  int64_t (*end)(struct kafka_consumer *, struct kafka_partition);
  void (*commit)(struct kafka_consumer *, const struct kafka_position *, size_t,
                 kafka_positions_fn *, void *);
  void (*commit_last)(struct kafka_consumer *, const struct kafka_position *, size_t);
  int (*producer_new)(struct kafka *, const struct kafka_producer_options *,
                      const struct kafka_producer_events *, void *, struct kafka_producer **,
                      struct err *);
  void (*producer_free)(struct kafka_producer *);
  int (*produce)(struct kafka_producer *, const struct kafka_record *, struct err *);
  void (*transactions_init)(struct kafka_producer *, kafka_step_fn *, void *);
  int (*transaction_begin)(struct kafka_producer *, enum kafka_outcome *, struct err *);
  void (*transaction_commit)(struct kafka_producer *, const char *, const struct kafka_position *,
                             size_t, kafka_step_fn *, void *);
  void (*transaction_abort)(struct kafka_producer *, kafka_step_fn *, void *);
  void (*free)(struct kafka *);
};
struct kafka {
  const struct kafka_ops *ops;
};
struct kafka_consumer {
  struct kafka *kafka;
};
struct kafka_producer {
  struct kafka *kafka;
};

/* On a real loop, librdkafka's; what blocks runs on these threads. */
struct kafka *kafka_real_new(struct loop *loop, struct threads *threads);
void kafka_free(struct kafka *kafka); /* its clients before it; NULL is fine */

#endif
