/* kafka_real_producer: records on their way to the brokers, and their fates.
 *
 * A record's value stays where it is; librdkafka copies keys and headers. Fates come by the
 * client's main queue as events, so that a commit that waits for them on the client's thread (the
 * next file) needs no polling. A topic's object of librdkafka's is looked up once: the last one
 * used is at the front of the list. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_real.h"

#include <stdio.h>
#include <stdlib.h>

static enum kafka_fate fate_of(rd_kafka_resp_err_t code) {
  switch (code) {
  case RD_KAFKA_RESP_ERR_NO_ERROR: return KAFKA_DELIVERED;
  case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
  case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
  case RD_KAFKA_RESP_ERR_INVALID_MSG:
  case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
  case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
  case RD_KAFKA_RESP_ERR_INVALID_RECORD: return KAFKA_REFUSED_RECORD;
  default: return KAFKA_LOST;
  }
}

static void tell(struct real_producer *producer, rd_kafka_event_t *event) {
  const rd_kafka_message_t *message;
  rd_kafka_resp_err_t told = RD_KAFKA_RESP_ERR_NO_ERROR;
  while ((message = rd_kafka_event_message_next(event)) != NULL) {
    enum kafka_fate fate = fate_of(message->err);
    const char *text = fate == KAFKA_DELIVERED ? NULL : rd_kafka_err2str(message->err);
    /* What is not there or not allowed is not told of otherwise; once is enough. */
    if (fate == KAFKA_LOST && message->err != told && kafka_code(message->err) == ERR_CONFIG) {
      char line[512];
      snprintf(line, sizeof line, "topic %s: %s", rd_kafka_topic_name(message->rkt), text);
      kafka_client_trouble(&producer->client, message->err, line);
      told = message->err;
    }
    producer->events.fate(producer->arg, message->_private, fate, text);
  }
}

void kafka_real_fates(struct real_producer *producer) {
  rd_kafka_event_t *event;
  bool told = false;
  while ((event = rd_kafka_queue_poll(producer->fates.queue, 0)) != NULL) {
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
      tell(producer, event);
      told = true;
    } else {
      kafka_client_event(&producer->client, event);
    }
    rd_kafka_event_destroy(event); /* makes room */
  }
  if (!told || !producer->full) return;
  producer->full = false;
  if (producer->events.room != NULL) producer->events.room(producer->arg);
}

static void on_fates(void *arg) {
  kafka_real_fates(arg);
}

int kafka_real_producer_new(struct kafka *kafka, const struct kafka_producer_options *options,
                            const struct kafka_producer_events *events, void *arg,
                            struct kafka_producer **producer, struct err *err) {
  struct kafka_secrets secrets;
  rd_kafka_t *rk;
  if (kafka_real_client_new(&options->settings, KAFKA_PRODUCER, true, &secrets, &rk, err) != 0) {
    kafka_secrets_fini(&secrets);
    return -1;
  }
  struct real_producer *made = mem_zalloc(sizeof *made);
  made->producer.kafka = kafka;
  made->events = *events;
  made->arg = arg;
  kafka_client_init(&made->client, (struct real_kafka *)kafka, rk, secrets, events->trouble, arg);
  kafka_queue_watch(&made->fates, &made->client, rd_kafka_queue_get_main(rk), on_fates, made);
  *producer = &made->producer;
  return 0;
}

void kafka_real_producer_free(struct kafka_producer *base) {
  struct real_producer *producer = (struct real_producer *)base;
  atomic_store(&producer->client.closing, true);
  /* Else a commit on the client's thread would wait for what is under way. */
  rd_kafka_purge(producer->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                          RD_KAFKA_PURGE_F_NON_BLOCKING);
  kafka_client_stop(&producer->client);
  kafka_queue_fini(&producer->fates);
  for (size_t i = 0; i < producer->n_topics; i++) rd_kafka_topic_destroy(producer->topics[i]);
  free(producer->topics);
  kafka_client_fini(&producer->client);
  free(producer);
}

/* NULL: it cannot be a topic's name. */
static rd_kafka_topic_t *topic_get(struct real_producer *producer, const char *name) {
  for (size_t i = 0; i < producer->n_topics; i++) {
    rd_kafka_topic_t *topic = producer->topics[i];
    if (strcmp(rd_kafka_topic_name(topic), name) != 0) continue;
    producer->topics[i] = producer->topics[0];
    return producer->topics[0] = topic;
  }
  rd_kafka_topic_t *topic = rd_kafka_topic_new(producer->client.rk, name, NULL);
  if (topic == NULL) return NULL;
  array_grow((void **)&producer->topics, &producer->cap_topics, producer->n_topics,
             sizeof(rd_kafka_topic_t *));
  producer->topics[producer->n_topics++] = topic;
  return topic;
}

static rd_kafka_headers_t *headers_of(const struct kafka_record *record) {
  rd_kafka_headers_t *headers = rd_kafka_headers_new(record->n_headers);
  for (size_t i = 0; i < record->n_headers; i++) {
    const struct kafka_header *header = &record->headers[i];
    rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.len, header->value.data,
                        header->value.data != NULL ? (ssize_t)header->value.len : 0);
  }
  return headers;
}

static int refused(struct real_producer *producer, const struct kafka_record *record,
                   rd_kafka_error_t *error, struct err *err) {
  char fatal[512];
  rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  int result = -1;
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    producer->full = true;
    result = 1;
  } else if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
    err_set(err, ERR_DATA,
            "a record of %zu bytes is larger than message.max.bytes lets it be for topic %s",
            record->key.len + record->value.len, record->topic);
  else if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
    err_set(err, ERR_DATA, "topic %s has no partition %d", record->topic, (int)record->partition);
  else if (rd_kafka_fatal_error(producer->client.rk, fatal, sizeof fatal) != 0)
    err_set(err, ERR_IO, "cannot write to topic %s: %s", record->topic, fatal);
  else
    err_set(err, code == RD_KAFKA_RESP_ERR__INVALID_ARG ? ERR_DATA : ERR_IO,
            "cannot write to topic %s: %s", record->topic, rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
  return result;
}

int kafka_real_produce(struct kafka_producer *base, const struct kafka_record *record,
                       struct err *err) {
  struct real_producer *producer = (struct real_producer *)base;
  rd_kafka_topic_t *topic = topic_get(producer, record->topic);
  if (topic == NULL)
    return err_set(err, ERR_DATA, "\"%s\" cannot be a topic's name", record->topic);
  rd_kafka_vu_t parts[7] = {
      {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
      {.vtype = RD_KAFKA_VTYPE_PARTITION,
       .u.i32 = record->partition < 0 ? RD_KAFKA_PARTITION_UA : record->partition},
      {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)record->value.data, record->value.len}},
      {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)record->key.data, record->key.len}},
      {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record->token},
  };
  size_t n = 5;
  rd_kafka_headers_t *headers = NULL;
  if (record->time_us != KAFKA_NO_TIME)
    parts[n++] =
        (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->time_us / 1000};
  if (record->n_headers > 0) {
    headers = headers_of(record);
    parts[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
  }
  rd_kafka_error_t *error = rd_kafka_produceva(producer->client.rk, parts, n);
  if (error == NULL) return 0;
  if (headers != NULL) rd_kafka_headers_destroy(headers);
  return refused(producer, record, error, err);
}
