/* kafka_sim_impl: what the files of the simulated client of Kafka share: the io's side of the
 * connection, with its faults, and requests that are on their way. */
#ifndef TIDEMARK_IO_KAFKA_SIM_IMPL_H
#define TIDEMARK_IO_KAFKA_SIM_IMPL_H

#include "daemon/base/buf.h"
#include "daemon/io/loop_sim.h"
#include "daemon/io/sim_brokers.h"
#include "daemon/io/sim_group.h"

struct sim_ask;
struct sim_producer;

struct kafka_sim {
  struct kafka kafka;
  struct kafka_sim *next; /* on the same brokers */
  struct loop *loop;
  struct clock *clock;
  struct random random;
  struct sim_kafka *brokers; /* NULL: none */
  int64_t base_us;           /* the brokers' time when the loop's clock stood at 0 */
  struct sim_kafka_faults faults;
  uint64_t calls, crash_at;     /* crash_at: in terms of calls */
  bool crashed, dying;          /* dying: once the request that is being done is done */
  int64_t cut_us, cut_until_us; /* the loop's clock; until: SIM_NEVER when there are no brokers */
  int64_t crashed_us;           /* the brokers' clock */
  struct sim_source tick;       /* the next that is due at the brokers */
  struct sim_source mended;     /* the end of a cut */
  struct sim_consumer *consumers;
  struct sim_producer *producers;
};

/* What a consumer and a producer have in common. */
struct sim_client {
  struct kafka_sim *sim;
  struct sim_ask *asks;
  kafka_trouble_fn *trouble;
  void *arg;
  bool told_down;
};

static inline struct kafka_sim *kafka_sim_of(struct kafka *kafka) {
  return (struct kafka_sim *)kafka;
}

bool sim_reached(const struct kafka_sim *sim);
int64_t sim_delay_us(struct kafka_sim *sim);
/* A source is due after some delay, if not earlier. */
void sim_soon(struct kafka_sim *sim, struct sim_source *source);
/* The brokers' time, which goes on. */
int64_t sim_now(struct sim_kafka *brokers);
/* Does what is due at the brokers, and arms everybody's tick for what will be. Behind each change
 * of the brokers. */
void sim_look(struct sim_kafka *brokers);
/* Says once that no broker is reached. */
void sim_tell_down(struct sim_client *client);

/* What becomes of a request. */
enum sim_luck {
  SIM_TOLD,   /* it is done */
  SIM_UNTOLD, /* it is done, and its answer is lost */
  SIM_UNDONE, /* it never came there */
};
enum sim_luck sim_luck(struct kafka_sim *sim);
bool sim_strikes(struct kafka_sim *sim, uint32_t per_million);

/* ------------------------------------------------------------------ settings */

/* The value that counts, or the fallback. */
const char *sim_setting(const struct kafka_settings *settings, const char *name,
                        const char *fallback);
int64_t sim_setting_number(const struct kafka_settings *settings, const char *name,
                           int64_t fallback);
int sim_settings_check(struct kafka *kafka, const struct kafka_settings *settings, bool producer,
                       struct err *err);

/* ------------------------------------------------------------------ requests */

/* One request and its answer. It arrives after some delay, and is answered after another. */
struct sim_ask {
  struct sim_ask *prev, *next;
  struct sim_client *client;
  struct sim_source source;
  bool arrived;
  /* At the brokers: fills in what is answered. False: not now, it is tried again soon. */
  bool (*arrive)(struct sim_ask *ask);
  struct kafka_position *list; /* with topics and metadata of their own */
  size_t n;
  int64_t time_us;
  uint64_t generation; /* of the group, as the asker knew it */
  char *group;
  kafka_positions_fn *positions_fn; /* one of the two */
  kafka_step_fn *step_fn;
  void (*answered)(struct sim_ask *ask); /* before fn; may be NULL */
  void *arg;
  struct err err; /* also the text of an outcome */
  bool failed;
  enum kafka_outcome outcome;
};
struct sim_ask *sim_ask_new(struct sim_client *client, bool (*arrive)(struct sim_ask *),
                            const struct kafka_position *list, size_t n, void *arg);
void sim_asks_free(struct sim_client *client);

/* ------------------------------------------------------------------ the two clients */

int sim_consumer_new(struct kafka *kafka, const struct kafka_consumer_options *options,
                     const struct kafka_consumer_events *events, void *arg,
                     struct kafka_consumer **consumer, struct err *err);
void sim_consumer_free(struct kafka_consumer *consumer);
void sim_consumer_subscribe(struct kafka_consumer *consumer);
void sim_consumer_start(struct kafka_consumer *consumer, struct kafka_partition at, int64_t offset);
void sim_consumer_release(struct kafka_consumer *consumer, struct kafka_partition at);
size_t sim_consumer_poll(struct kafka_consumer *consumer, struct kafka_message *messages,
                         size_t max, struct kafka_position *gone);
void sim_consumer_polled(struct kafka_consumer *consumer);
void sim_consumer_committed(struct kafka_consumer *consumer, const struct kafka_partition *list,
                            size_t n, kafka_positions_fn *fn, void *arg);
void sim_consumer_offsets_at(struct kafka_consumer *consumer, const struct kafka_partition *list,
                             size_t n, int64_t time_us, kafka_positions_fn *fn, void *arg);
int64_t sim_consumer_end(struct kafka_consumer *consumer, struct kafka_partition at);
void sim_consumer_commit(struct kafka_consumer *consumer, const struct kafka_position *list,
                         size_t n, kafka_positions_fn *fn, void *arg);
void sim_consumer_commit_last(struct kafka_consumer *consumer, const struct kafka_position *list,
                              size_t n);
/* The daemon has died, or the connection is there again, or the brokers have something new. */
void sim_consumers_crash(struct kafka_sim *sim);
void sim_consumers_poke(struct kafka_sim *sim);
void sim_consumers_fetch(struct kafka_sim *sim);

int sim_producer_new(struct kafka *kafka, const struct kafka_producer_options *options,
                     const struct kafka_producer_events *events, void *arg,
                     struct kafka_producer **producer, struct err *err);
void sim_producer_free(struct kafka_producer *producer);
int sim_producer_produce(struct kafka_producer *producer, const struct kafka_record *record,
                         struct err *err);
void sim_producer_init(struct kafka_producer *producer, kafka_step_fn *fn, void *arg);
int sim_producer_begin(struct kafka_producer *producer, enum kafka_outcome *outcome,
                       struct err *err);
void sim_producer_commit(struct kafka_producer *producer, const char *group,
                         const struct kafka_position *positions, size_t n, kafka_step_fn *fn,
                         void *arg);
void sim_producer_abort(struct kafka_producer *producer, kafka_step_fn *fn, void *arg);
void sim_producers_poke(struct kafka_sim *sim);

#define SIM_HOLDER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
