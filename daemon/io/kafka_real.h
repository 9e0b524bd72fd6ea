/* kafka_real: what the files of the real client share. librdkafka's own threads talk to the
 * brokers; to us it speaks through queues, each of which makes an eventfd of the loop readable when
 * something comes into it while it was empty. So a queue is emptied whenever it is looked at, but
 * for the one with the messages, which the reader empties.
 *
 * What blocks in librdkafka is a request: it runs on the client's own thread (an exec) and is
 * answered on the loop. A client that is freed forgets its requests. */
#ifndef TIDEMARK_IO_KAFKA_REAL_H
#define TIDEMARK_IO_KAFKA_REAL_H

#include "daemon/io/exec.h"
#include "daemon/io/kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

struct event;

struct real_kafka {
  struct kafka kafka;
  struct loop *loop;
  struct threads *threads;
};

/* The values of settings that nobody may see. */
struct kafka_secrets {
  char **values;
  size_t n;
};

/* A queue of librdkafka's, watched. */
struct kafka_queue {
  rd_kafka_queue_t *queue;
  int fd;
  struct event *event;
  loop_fn *fn;
  void *arg;
};

struct kafka_client {
  struct real_kafka *kafka;
  rd_kafka_t *rk;
  struct kafka_secrets secrets;
  struct exec *exec;
  struct kafka_request *requests; /* that are out; list */
  atomic_bool closing;            /* requests that could go on waiting end */
  kafka_trouble_fn *trouble;
  void *arg; /* of whoever uses the client */
};

/* ------------------------------------------------------------------ settings */

enum kafka_kind { KAFKA_CONSUMER, KAFKA_PRODUCER, KAFKA_VISITOR /* only asks for metadata */ };

/* A client of librdkafka's with these settings over ours, its log and errors in its queues. connect
 * false: it asks nobody. *secrets is the caller's, also when there was an error. */
int kafka_real_client_new(const struct kafka_settings *settings, enum kafka_kind kind, bool connect,
                          struct kafka_secrets *secrets, rd_kafka_t **rk, struct err *err);
const char *kafka_setting(const struct kafka_settings *settings, const char *name); /* or NULL */
/* The text with each secret in it as ***, in `into`, which it returns. */
const char *kafka_hide(const struct kafka_secrets *secrets, const char *text, char *into,
                       size_t bytes);
void kafka_secrets_fini(struct kafka_secrets *secrets);

int kafka_real_settings_check(struct kafka *kafka, const struct kafka_settings *settings,
                              bool producer, struct err *err);
int kafka_real_reach(struct kafka *kafka, const struct kafka_settings *settings,
                     const char *const *topics, size_t n_topics, int64_t timeout_us,
                     struct err *err);

/* What a code of librdkafka's means to us: ERR_RETRY, ERR_CONFIG or ERR_IO. */
enum err_code kafka_code(rd_kafka_resp_err_t code);

/* ------------------------------------------------------------------ a client */

/* Takes rk and secrets over. */
void kafka_client_init(struct kafka_client *client, struct real_kafka *kafka, rd_kafka_t *rk,
                       struct kafka_secrets secrets, kafka_trouble_fn *trouble, void *arg);
/* Waits for the request that is running and gives up the others. First of what is freed: */
void kafka_client_stop(struct kafka_client *client);
void kafka_client_fini(struct kafka_client *client);

void kafka_queue_watch(struct kafka_queue *queue, struct kafka_client *client, rd_kafka_queue_t *of,
                       loop_fn *fn, void *arg);
void kafka_queue_fini(struct kafka_queue *queue); /* zeroed is fine */

/* Tells of an event of the log or of an error. */
void kafka_client_event(struct kafka_client *client, rd_kafka_event_t *event);
void kafka_client_trouble(struct kafka_client *client, rd_kafka_resp_err_t code, const char *text);

/* A request: run() on the client's thread, done() on the loop, fini() whenever it goes. */
struct kafka_request {
  struct kafka_client *client;
  struct kafka_request *prev, *next;
  void (*run)(struct kafka_request *request);
  void (*done)(struct kafka_request *request);
  void (*fini)(struct kafka_request *request); /* its parts; NULL: it has none */
};
/* The request is on the heap and the client's from here on. */
void kafka_request_submit(struct kafka_client *client, struct kafka_request *request);

/* ------------------------------------------------------------------ the calls of kafka.h */

rd_kafka_topic_partition_list_t *kafka_positions_list(const struct kafka_position *positions,
                                                      size_t n);
/* kafka_real_positions.c: a question about positions, of any client. */
void kafka_positions_ask(struct kafka_client *client, bool committed,
                         rd_kafka_topic_partition_list_t *list, int64_t time_ms,
                         kafka_positions_fn *fn, void *arg);
/* Answers with what a list of librdkafka's says, in the order of `asked`. */
void kafka_positions_answer(struct kafka_client *client, const char *doing,
                            rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *asked,
                            rd_kafka_topic_partition_list_t *got, kafka_positions_fn *fn,
                            void *arg);
#define KAFKA_FIRST_MS (-2) /* as a time: librdkafka's for the first offset, and for the end */
#define KAFKA_END_MS (-1)

int kafka_real_consumer_new(struct kafka *kafka, const struct kafka_consumer_options *options,
                            const struct kafka_consumer_events *events, void *arg,
                            struct kafka_consumer **consumer, struct err *err);
void kafka_real_consumer_free(struct kafka_consumer *consumer);
void kafka_real_subscribe(struct kafka_consumer *consumer);
void kafka_real_start(struct kafka_consumer *consumer, struct kafka_partition at, int64_t offset);
void kafka_real_release(struct kafka_consumer *consumer, struct kafka_partition at);
size_t kafka_real_poll(struct kafka_consumer *consumer, struct kafka_message *messages, size_t max,
                       struct kafka_position *gone);
void kafka_real_polled(struct kafka_consumer *consumer);
void kafka_real_committed(struct kafka_consumer *consumer, const struct kafka_partition *list,
                          size_t n, kafka_positions_fn *fn, void *arg);
void kafka_real_offsets_at(struct kafka_consumer *consumer, const struct kafka_partition *list,
                           size_t n, int64_t time_us, kafka_positions_fn *fn, void *arg);
int64_t kafka_real_end(struct kafka_consumer *consumer, struct kafka_partition at);
void kafka_real_commit(struct kafka_consumer *consumer, const struct kafka_position *list, size_t n,
                       kafka_positions_fn *fn, void *arg);
void kafka_real_commit_last(struct kafka_consumer *consumer, const struct kafka_position *list,
                            size_t n);

struct real_producer {
  struct kafka_producer producer;
  struct kafka_client client;
  struct kafka_producer_events events;
  void *arg;
  struct kafka_queue fates;
  rd_kafka_topic_t **topics; /* that were produced to */
  size_t n_topics, cap_topics;
  bool positions_sent; /* in the open transaction */
  bool full;           /* kafka_produce() gave 1 and nothing was told of room since */
};

int kafka_real_producer_new(struct kafka *kafka, const struct kafka_producer_options *options,
                            const struct kafka_producer_events *events, void *arg,
                            struct kafka_producer **producer, struct err *err);
void kafka_real_producer_free(struct kafka_producer *producer);
int kafka_real_produce(struct kafka_producer *producer, const struct kafka_record *record,
                       struct err *err);
/* Tells the fates that are known. */
void kafka_real_fates(struct real_producer *producer);
void kafka_real_transactions_init(struct kafka_producer *producer, kafka_step_fn *fn, void *arg);
int kafka_real_transaction_begin(struct kafka_producer *producer, enum kafka_outcome *outcome,
                                 struct err *err);
void kafka_real_transaction_commit(struct kafka_producer *producer, const char *group,
                                   const struct kafka_position *positions, size_t n,
                                   kafka_step_fn *fn, void *arg);
void kafka_real_transaction_abort(struct kafka_producer *producer, kafka_step_fn *fn, void *arg);

#endif
