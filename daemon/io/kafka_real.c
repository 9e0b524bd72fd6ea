/* kafka_real: the real clients of Kafka, put together; how they work is said in kafka_real.h. */
#include "daemon/io/kafka_real.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

static void real_free(struct kafka *kafka) {
  free(kafka);
}

const struct kafka_ops kafka_real_ops = {.settings_check = kafka_real_settings_check,
                                         .reach = kafka_real_reach,
                                         .consumer_new = kafka_real_consumer_new,
                                         .consumer_free = kafka_real_consumer_free,
                                         .subscribe = kafka_real_subscribe,
                                         .start = kafka_real_start,
                                         .release = kafka_real_release,
                                         .poll = kafka_real_poll,
                                         .polled = kafka_real_polled,
                                         .committed = kafka_real_committed,
                                         .offsets_at = kafka_real_offsets_at,
                                         .end = kafka_real_end,
                                         .commit = kafka_real_commit,
                                         .commit_last = kafka_real_commit_last,
                                         .producer_new = kafka_real_producer_new,
                                         .producer_free = kafka_real_producer_free,
                                         .produce = kafka_real_produce,
                                         .transactions_init = kafka_real_transactions_init,
                                         .transaction_begin = kafka_real_transaction_begin,
                                         .transaction_commit = kafka_real_transaction_commit,
                                         .transaction_abort = kafka_real_transaction_abort,
                                         .free = real_free};

struct kafka *kafka_real_new(struct loop *loop, struct threads *threads) {
  struct real_kafka *kafka = mem_zalloc(sizeof *kafka);
  kafka->kafka.ops = &kafka_real_ops;
  kafka->loop = loop;
  kafka->threads = threads;
  return &kafka->kafka;
}
