/* kafka: the calls of kafka.h, handed to the implementation. */
#include "daemon/io/kafka.h"

int kafka_settings_check(struct kafka *kafka, const struct kafka_settings *settings, bool producer,
                         struct err *err) {
  return kafka->ops->settings_check(kafka, settings, producer, err);
}

int kafka_reach(struct kafka *kafka, const struct kafka_settings *settings,
                const char *const *topics, size_t n_topics, int64_t timeout_us, struct err *err) {
  return kafka->ops->reach(kafka, settings, topics, n_topics, timeout_us, err);
}

int kafka_consumer_new(struct kafka *kafka, const struct kafka_consumer_options *options,
                       const struct kafka_consumer_events *events, void *arg,
                       struct kafka_consumer **consumer, struct err *err) {
  return kafka->ops->consumer_new(kafka, options, events, arg, consumer, err);
}

void kafka_consumer_free(struct kafka_consumer *consumer) {
  if (consumer != NULL) consumer->kafka->ops->consumer_free(consumer);
}

void kafka_subscribe(struct kafka_consumer *consumer) {
  consumer->kafka->ops->subscribe(consumer);
}

void kafka_start(struct kafka_consumer *consumer, struct kafka_partition at, int64_t offset) {
  consumer->kafka->ops->start(consumer, at, offset);
}

void kafka_release(struct kafka_consumer *consumer, struct kafka_partition at) {
  consumer->kafka->ops->release(consumer, at);
}

size_t kafka_poll(struct kafka_consumer *consumer, struct kafka_message *messages, size_t max,
                  struct kafka_position *gone) {
  return consumer->kafka->ops->poll(consumer, messages, max, gone);
}

void kafka_polled(struct kafka_consumer *consumer) {
  consumer->kafka->ops->polled(consumer);
}

void kafka_committed(struct kafka_consumer *consumer, const struct kafka_partition *list, size_t n,
                     kafka_positions_fn *fn, void *arg) {
  consumer->kafka->ops->committed(consumer, list, n, fn, arg);
}

void kafka_offsets_at(struct kafka_consumer *consumer, const struct kafka_partition *list, size_t n,
                      int64_t time_us, kafka_positions_fn *fn, void *arg) {
  consumer->kafka->ops->offsets_at(consumer, list, n, time_us, fn, arg);
}

int64_t kafka_end(struct kafka_consumer *consumer, struct kafka_partition at) {
  return consumer->kafka->ops->end(consumer, at);
}

void kafka_commit(struct kafka_consumer *consumer, const struct kafka_position *list, size_t n,
                  kafka_positions_fn *fn, void *arg) {
  consumer->kafka->ops->commit(consumer, list, n, fn, arg);
}

void kafka_commit_last(struct kafka_consumer *consumer, const struct kafka_position *list,
                       size_t n) {
  consumer->kafka->ops->commit_last(consumer, list, n);
}

int kafka_producer_new(struct kafka *kafka, const struct kafka_producer_options *options,
                       const struct kafka_producer_events *events, void *arg,
                       struct kafka_producer **producer, struct err *err) {
  return kafka->ops->producer_new(kafka, options, events, arg, producer, err);
}

void kafka_producer_free(struct kafka_producer *producer) {
  if (producer != NULL) producer->kafka->ops->producer_free(producer);
}

int kafka_produce(struct kafka_producer *producer, const struct kafka_record *record,
                  struct err *err) {
  return producer->kafka->ops->produce(producer, record, err);
}

void kafka_transactions_init(struct kafka_producer *producer, kafka_step_fn *fn, void *arg) {
  producer->kafka->ops->transactions_init(producer, fn, arg);
}

int kafka_transaction_begin(struct kafka_producer *producer, enum kafka_outcome *outcome,
                            struct err *err) {
  return producer->kafka->ops->transaction_begin(producer, outcome, err);
}

void kafka_transaction_commit(struct kafka_producer *producer, const char *group,
                              const struct kafka_position *positions, size_t n, kafka_step_fn *fn,
                              void *arg) {
  producer->kafka->ops->transaction_commit(producer, group, positions, n, fn, arg);
}

void kafka_transaction_abort(struct kafka_producer *producer, kafka_step_fn *fn, void *arg) {
  producer->kafka->ops->transaction_abort(producer, fn, arg);
}

void kafka_free(struct kafka *kafka) {
  if (kafka != NULL) kafka->ops->free(kafka);
}
