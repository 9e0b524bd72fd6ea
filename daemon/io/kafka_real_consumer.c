/* kafka_real_consumer: messages from the brokers, and the group's partitions coming and going.
 *
 * Messages have a queue of their own, into which the queue of each partition is led before the
 * partition is started; all else comes by the consumer's queue, which is emptied also when nobody
 * polls messages, so that a reader who holds up the brokers stays in the group.
 *
 * The group gives partitions by an event that must be acknowledged before it goes on. It is, with
 * an empty list: kafka_start() hands a partition to librdkafka, when it is known from where. When
 * partitions are taken away the acknowledgement is the call that takes them from librdkafka, and
 * any such call is one; so it waits until all of them are released, and what else was to be stopped
 * or moved meanwhile (`waits`) is done behind it.
 *
 * librdkafka drops what was fetched of a partition by raising its version, in the calls that stop,
 * pause or move it; so no message comes that was not asked for, though many may be in the queue. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_real.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLOSE_MS 3000

struct part {
  char *topic;
  int32_t partition;
  int64_t offset; /* that was asked for */
  uint64_t turn;  /* counts starts and releases */
  bool started;   /* librdkafka has it */
  bool revoked;   /* and not released, or released and not acknowledged yet */
  bool released;
  bool waits; /* to be started (again) or stopped behind an acknowledgement */
  bool wanted;
};

struct real_consumer {
  struct kafka_consumer consumer;
  struct kafka_client client;
  struct kafka_consumer_events events;
  void *arg;
  bool with_headers, subscribed;
  rd_kafka_topic_partition_list_t *topics;
  struct kafka_queue control, messages;
  struct loop_timer *alive; /* empties the control queue: that says that we live */
  int64_t alive_us;
  struct part *parts;
  size_t n_parts, cap_parts;
  size_t n_revoked; /* parts that are */
  rd_kafka_message_t **held;
  size_t n_held, cap_held;
  struct kafka_header *headers; /* of the messages held */
  size_t n_headers, cap_headers;
  rd_kafka_topic_partition_list_t *gone; /* to be told */
  rd_kafka_topic_partition_list_t *told; /* holds the name of the last one told */
  rd_kafka_topic_partition_list_t *committing;
  kafka_positions_fn *commit_fn;
  void *commit_arg;
};

/* ------------------------------------------------------------------ partitions */

static struct part *part_find(struct real_consumer *consumer, const char *topic,
                              int32_t partition) {
  for (size_t i = 0; i < consumer->n_parts; i++) {
    struct part *part = &consumer->parts[i];
    if (part->partition == partition && strcmp(part->topic, topic) == 0) return part;
  }
  return NULL;
}

static struct part *part_get(struct real_consumer *consumer, const char *topic, int32_t partition) {
  struct part *part = part_find(consumer, topic, partition);
  if (part != NULL) return part;
  array_grow((void **)&consumer->parts, &consumer->cap_parts, consumer->n_parts, sizeof *part);
  part = &consumer->parts[consumer->n_parts++];
  *part = (struct part){.topic = mem_strdup(topic), .partition = partition};
  return part;
}

static void part_remove(struct real_consumer *consumer, struct part *part) {
  free(part->topic);
  *part = consumer->parts[--consumer->n_parts];
}

static void complain(struct real_consumer *consumer, const char *doing, rd_kafka_error_t *error) {
  char text[512];
  if (error == NULL) return;
  snprintf(text, sizeof text, "cannot %s: %s", doing, rd_kafka_error_string(error));
  kafka_client_trouble(&consumer->client, rd_kafka_error_code(error), text);
  rd_kafka_error_destroy(error);
}

static rd_kafka_topic_partition_list_t *list_of(const struct part *part) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = part->offset;
  return list;
}

/* Acknowledges what the group gave, if it did. */
static void group_go_on(struct real_consumer *consumer) {
  rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
  complain(consumer, "take partitions", rd_kafka_incremental_assign(consumer->client.rk, none));
  rd_kafka_topic_partition_list_destroy(none);
}

static void part_stop(struct real_consumer *consumer, struct part *part) {
  if (!part->started) return;
  rd_kafka_topic_partition_list_t *list = list_of(part);
  complain(consumer, "stop a partition", rd_kafka_incremental_unassign(consumer->client.rk, list));
  rd_kafka_topic_partition_list_destroy(list);
  part->started = false;
  /* The stop takes the partition's queue away from ours when librdkafka's thread comes to it: a
   * call that waits for its turn there comes behind it. */
  group_go_on(consumer);
}

static void part_start(struct real_consumer *consumer, struct part *part) {
  rd_kafka_t *rk = consumer->client.rk;
  rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(rk, part->topic, part->partition);
  if (queue != NULL) {
    rd_kafka_queue_forward(queue, consumer->messages.queue);
    rd_kafka_queue_destroy(queue);
  }
  rd_kafka_topic_partition_list_t *list = list_of(part);
  complain(consumer, "start a partition", rd_kafka_incremental_assign(rk, list));
  rd_kafka_resume_partitions(rk, list); /* it may have been paused to be released */
  rd_kafka_topic_partition_list_destroy(list);
  part->started = true;
}

/* Messages of it that are in the queue are dropped. */
static void part_pause(struct real_consumer *consumer, struct part *part) {
  if (!part->started) return;
  rd_kafka_topic_partition_list_t *list = list_of(part);
  rd_kafka_pause_partitions(consumer->client.rk, list);
  rd_kafka_topic_partition_list_destroy(list);
}

static void gone_forget(struct real_consumer *consumer, const struct part *part) {
  rd_kafka_topic_partition_list_del(consumer->gone, part->topic, part->partition);
}

void kafka_real_start(struct kafka_consumer *base, struct kafka_partition at, int64_t offset) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  struct part *part = part_get(consumer, at.topic, at.partition);
  if (part->revoked) return;
  part->offset = offset;
  part->turn++;
  gone_forget(consumer, part);
  if (consumer->n_revoked > 0) {
    part_pause(consumer, part);
    part->waits = part->wanted = true;
    return;
  }
  part_stop(consumer, part);
  part_start(consumer, part);
}

/* ------------------------------------------------------------------ the group */

/* All that was revoked is released: the group is told, and what waited is done. */
static void acknowledge(struct real_consumer *consumer) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  for (size_t i = consumer->n_parts; i-- > 0;) {
    struct part *part = &consumer->parts[i];
    if (!part->revoked) continue;
    if (part->started) rd_kafka_topic_partition_list_add(list, part->topic, part->partition);
    part_remove(consumer, part);
  }
  consumer->n_revoked = 0;
  complain(consumer, "give partitions back",
           rd_kafka_incremental_unassign(consumer->client.rk, list));
  rd_kafka_topic_partition_list_destroy(list);
  for (size_t i = 0; i < consumer->n_parts; i++) {
    struct part *part = &consumer->parts[i];
    if (!part->waits) continue;
    part->waits = false;
    part_stop(consumer, part);
    if (part->wanted) part_start(consumer, part);
  }
}

void kafka_real_release(struct kafka_consumer *base, struct kafka_partition at) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  struct part *part = part_find(consumer, at.topic, at.partition);
  if (part == NULL || part->released) return;
  part->turn++;
  gone_forget(consumer, part);
  if (part->revoked) {
    part_pause(consumer, part);
    part->released = true;
    for (size_t i = 0; i < consumer->n_parts; i++)
      if (consumer->parts[i].revoked && !consumer->parts[i].released) return;
    acknowledge(consumer);
  } else if (consumer->n_revoked > 0) {
    part_pause(consumer, part);
    part->waits = true;
    part->wanted = false;
  } else {
    part_stop(consumer, part);
  }
}

static struct kafka_partition *partitions_of(const rd_kafka_topic_partition_list_t *list) {
  struct kafka_partition *partitions = mem_alloc(((size_t)list->cnt + 1) * sizeof *partitions);
  for (int i = 0; i < list->cnt; i++)
    partitions[i] = (struct kafka_partition){list->elems[i].topic, list->elems[i].partition};
  return partitions;
}

static void on_assigned(struct real_consumer *consumer,
                        const rd_kafka_topic_partition_list_t *list) {
  group_go_on(consumer);
  for (int i = 0; i < list->cnt; i++)
    part_get(consumer, list->elems[i].topic, list->elems[i].partition);
  if (list->cnt == 0 || consumer->events.assigned == NULL) return;
  struct kafka_partition *partitions = partitions_of(list);
  consumer->events.assigned(consumer->arg, partitions, (size_t)list->cnt);
  free(partitions);
}

static void on_revoked(struct real_consumer *consumer,
                       const rd_kafka_topic_partition_list_t *list) {
  bool lost = rd_kafka_assignment_lost(consumer->client.rk) != 0;
  for (int i = 0; i < list->cnt; i++) {
    struct part *part = part_get(consumer, list->elems[i].topic, list->elems[i].partition);
    part->revoked = true;
    part->released = part->waits = false;
    consumer->n_revoked++;
  }
  if (list->cnt == 0) {
    acknowledge(consumer);
    return;
  }
  struct kafka_partition *partitions = partitions_of(list);
  if (consumer->events.revoked != NULL)
    consumer->events.revoked(consumer->arg, partitions, (size_t)list->cnt, lost);
  else
    for (int i = 0; i < list->cnt; i++) kafka_real_release(&consumer->consumer, partitions[i]);
  free(partitions);
}

/* ------------------------------------------------------------------ the consumer's queue */

static void on_committed(struct real_consumer *consumer, rd_kafka_event_t *event) {
  rd_kafka_topic_partition_list_t *asked = consumer->committing;
  if (asked == NULL) return;
  consumer->committing = NULL;
  kafka_positions_answer(
      &consumer->client, "commit the group's offset", rd_kafka_event_error(event), asked,
      rd_kafka_event_topic_partition_list(event), consumer->commit_fn, consumer->commit_arg);
  rd_kafka_topic_partition_list_destroy(asked);
}

static void on_control(void *arg) {
  struct real_consumer *consumer = arg;
  rd_kafka_event_t *event;
  while ((event = rd_kafka_queue_poll(consumer->control.queue, 0)) != NULL) {
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE:
      if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        on_assigned(consumer, rd_kafka_event_topic_partition_list(event));
      else
        on_revoked(consumer, rd_kafka_event_topic_partition_list(event));
      break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT: on_committed(consumer, event); break;
    default: kafka_client_event(&consumer->client, event);
    }
    rd_kafka_event_destroy(event);
  }
}

static void on_alive(void *arg) {
  struct real_consumer *consumer = arg;
  on_control(consumer);
  loop_timer_arm(consumer->alive, consumer->alive_us);
}

static void on_messages(void *arg) {
  struct real_consumer *consumer = arg;
  if (consumer->events.ready != NULL) consumer->events.ready(consumer->arg);
}

/* ------------------------------------------------------------------ messages */

/* An offset that is not there: where the partition begins is asked for, and then it is told. */
struct lost_place {
  struct kafka_request request;
  struct real_consumer *consumer;
  rd_kafka_topic_partition_list_t *list;
  uint64_t turn;
  bool found;
};

static void lost_place_run(struct kafka_request *request) {
  struct lost_place *lost = (struct lost_place *)request;
  lost->list->elems[0].offset = KAFKA_FIRST_MS;
  rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(request->client->rk, lost->list, CLOSE_MS);
  lost->found = code == RD_KAFKA_RESP_ERR_NO_ERROR &&
                lost->list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                lost->list->elems[0].offset >= 0;
  struct timespec pause = {.tv_nsec = 100000000};
  if (!lost->found) nanosleep(&pause, NULL);
}

static void lost_place_submit(struct real_consumer *consumer, const char *topic, int32_t partition,
                              uint64_t turn);

static void lost_place_done(struct kafka_request *request) {
  struct lost_place *lost = (struct lost_place *)request;
  struct real_consumer *consumer = lost->consumer;
  const rd_kafka_topic_partition_t *place = &lost->list->elems[0];
  struct part *part = part_find(consumer, place->topic, place->partition);
  if (part == NULL || part->turn != lost->turn) return;
  if (!lost->found) {
    lost_place_submit(consumer, place->topic, place->partition, lost->turn);
    return;
  }
  gone_forget(consumer, part);
  rd_kafka_topic_partition_list_add(consumer->gone, place->topic, place->partition)->offset =
      place->offset;
  on_messages(consumer);
}

static void lost_place_fini(struct kafka_request *request) {
  rd_kafka_topic_partition_list_destroy(((struct lost_place *)request)->list);
}

static void lost_place_submit(struct real_consumer *consumer, const char *topic, int32_t partition,
                              uint64_t turn) {
  struct lost_place *lost = mem_zalloc(sizeof *lost);
  lost->request.run = lost_place_run;
  lost->request.done = lost_place_done;
  lost->request.fini = lost_place_fini;
  lost->consumer = consumer;
  lost->list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(lost->list, topic, partition);
  lost->turn = turn;
  kafka_request_submit(&consumer->client, &lost->request);
}

static void on_bad_message(struct real_consumer *consumer, const rd_kafka_message_t *message) {
  const char *topic = message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : NULL;
  if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && topic != NULL) {
    struct part *part = part_find(consumer, topic, message->partition);
    /* One that was asked for before is not of interest any more. */
    if (part != NULL && part->started && message->offset >= part->offset)
      lost_place_submit(consumer, topic, message->partition, part->turn);
    return;
  }
  kafka_client_trouble(&consumer->client, message->err, rd_kafka_message_errstr(message));
}

/* Where a message's headers are is known when all are, as the list may move meanwhile: until then
 * n_headers says how many, and they are in order. */
static size_t headers_take(struct real_consumer *consumer, const rd_kafka_message_t *message) {
  rd_kafka_headers_t *headers;
  const char *name;
  const void *value;
  size_t n = 0, len;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  while (rd_kafka_header_get_all(headers, n, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    array_grow((void **)&consumer->headers, &consumer->cap_headers, consumer->n_headers,
               sizeof *consumer->headers);
    consumer->headers[consumer->n_headers++] =
        (struct kafka_header){slice_of(name), {value, value != NULL ? len : 0}};
    n++;
  }
  return n;
}

static bool gone_tell(struct real_consumer *consumer, struct kafka_position *gone) {
  *gone = (struct kafka_position){.offset = KAFKA_OFFSET_NONE};
  if (consumer->gone->cnt == 0) return false;
  rd_kafka_topic_partition_list_destroy(consumer->told);
  consumer->told = rd_kafka_topic_partition_list_new(1);
  const rd_kafka_topic_partition_t *first = &consumer->gone->elems[0];
  rd_kafka_topic_partition_t *told =
      rd_kafka_topic_partition_list_add(consumer->told, first->topic, first->partition);
  told->offset = first->offset;
  rd_kafka_topic_partition_list_del_by_idx(consumer->gone, 0);
  gone->at = (struct kafka_partition){told->topic, told->partition};
  gone->offset = told->offset;
  return true;
}

void kafka_real_polled(struct kafka_consumer *base) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  for (size_t i = 0; i < consumer->n_held; i++) rd_kafka_message_destroy(consumer->held[i]);
  consumer->n_held = consumer->n_headers = 0;
}

size_t kafka_real_poll(struct kafka_consumer *base, struct kafka_message *messages, size_t max,
                       struct kafka_position *gone) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  kafka_real_polled(base);
  gone_tell(consumer, gone);
  while (consumer->cap_held < max)
    array_grow((void **)&consumer->held, &consumer->cap_held, consumer->cap_held,
               sizeof(rd_kafka_message_t *));
  ssize_t got = rd_kafka_consume_batch_queue(consumer->messages.queue, 0, consumer->held, max);
  size_t n = 0;
  for (ssize_t i = 0; i < got; i++) {
    rd_kafka_message_t *from = consumer->held[i];
    consumer->held[consumer->n_held++] = from;
    if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      on_bad_message(consumer, from);
      continue;
    }
    struct kafka_message *message = &messages[n++];
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(from, &type);
    *message = (struct kafka_message){
        .at = {rd_kafka_topic_name(from->rkt), from->partition},
        .offset = from->offset,
        .time_us = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? KAFKA_NO_TIME : time_ms * 1000,
        .key = {from->key, from->key_len},
        .value = {from->payload, from->len},
        .n_headers = consumer->with_headers ? headers_take(consumer, from) : 0};
  }
  size_t at = 0;
  for (size_t i = 0; consumer->n_headers > 0 && i < n; at += messages[i++].n_headers)
    messages[i].headers = consumer->headers + at;
  return n;
}

/* ------------------------------------------------------------------ questions */

static rd_kafka_topic_partition_list_t *partitions_list(const struct kafka_partition *list,
                                                        size_t n) {
  rd_kafka_topic_partition_list_t *made = rd_kafka_topic_partition_list_new((int)n);
  for (size_t i = 0; i < n; i++)
    rd_kafka_topic_partition_list_add(made, list[i].topic, list[i].partition);
  return made;
}

void kafka_real_committed(struct kafka_consumer *base, const struct kafka_partition *list, size_t n,
                          kafka_positions_fn *fn, void *arg) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  kafka_positions_ask(&consumer->client, true, partitions_list(list, n), 0, fn, arg);
}

/* librdkafka counts in milliseconds: the first one that is not before the time. */
static int64_t time_ms_of(int64_t time_us) {
  if (time_us == KAFKA_EARLIEST) return KAFKA_FIRST_MS;
  if (time_us == KAFKA_LATEST) return KAFKA_END_MS;
  if (time_us <= 0) return 0;
  return time_us / 1000 + (time_us % 1000 != 0);
}

void kafka_real_offsets_at(struct kafka_consumer *base, const struct kafka_partition *list,
                           size_t n, int64_t time_us, kafka_positions_fn *fn, void *arg) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  kafka_positions_ask(&consumer->client, false, partitions_list(list, n), time_ms_of(time_us), fn,
                      arg);
}

int64_t kafka_real_end(struct kafka_consumer *base, struct kafka_partition at) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  int64_t low, high;
  if (rd_kafka_get_watermark_offsets(consumer->client.rk, at.topic, at.partition, &low, &high) !=
          RD_KAFKA_RESP_ERR_NO_ERROR ||
      high < 0)
    return KAFKA_OFFSET_NONE;
  return high;
}

void kafka_real_commit(struct kafka_consumer *base, const struct kafka_position *list, size_t n,
                       kafka_positions_fn *fn, void *arg) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  if (consumer->committing != NULL) abort();
  consumer->committing = kafka_positions_list(list, n);
  consumer->commit_fn = fn;
  consumer->commit_arg = arg;
  /* Only a consumer without a group is refused here, and there is none. */
  if (rd_kafka_commit_queue(consumer->client.rk, consumer->committing, consumer->control.queue,
                            NULL, NULL) != RD_KAFKA_RESP_ERR_NO_ERROR)
    abort();
}

/* rd_kafka_consumer_close() waits for commits that are out. */
void kafka_real_commit_last(struct kafka_consumer *base, const struct kafka_position *list,
                            size_t n) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  rd_kafka_topic_partition_list_t *last = kafka_positions_list(list, n);
  rd_kafka_commit(consumer->client.rk, last, 1);
  rd_kafka_topic_partition_list_destroy(last);
}

/* ------------------------------------------------------------------ its life */

void kafka_real_subscribe(struct kafka_consumer *base) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  consumer->subscribed = true;
  rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client.rk, consumer->topics);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) kafka_client_trouble(&consumer->client, code, NULL);
}

int kafka_real_consumer_new(struct kafka *kafka, const struct kafka_consumer_options *options,
                            const struct kafka_consumer_events *events, void *arg,
                            struct kafka_consumer **consumer, struct err *err) {
  struct real_kafka *real = (struct real_kafka *)kafka;
  struct kafka_secrets secrets;
  rd_kafka_t *rk;
  if (kafka_real_client_new(&options->settings, KAFKA_CONSUMER, true, &secrets, &rk, err) != 0) {
    kafka_secrets_fini(&secrets);
    return -1;
  }
  struct real_consumer *made = mem_zalloc(sizeof *made);
  made->consumer.kafka = kafka;
  made->events = *events;
  made->arg = arg;
  made->with_headers = options->headers;
  made->topics = rd_kafka_topic_partition_list_new((int)options->n_topics);
  for (size_t i = 0; i < options->n_topics; i++)
    rd_kafka_topic_partition_list_add(made->topics, options->topics[i], RD_KAFKA_PARTITION_UA);
  made->gone = rd_kafka_topic_partition_list_new(1);
  made->told = rd_kafka_topic_partition_list_new(1);
  rd_kafka_poll_set_consumer(rk);
  kafka_client_init(&made->client, real, rk, secrets, events->trouble, arg);
  kafka_queue_watch(&made->control, &made->client, rd_kafka_queue_get_consumer(rk), on_control,
                    made);
  kafka_queue_watch(&made->messages, &made->client, rd_kafka_queue_new(rk), on_messages, made);
  const char *interval = kafka_setting(&options->settings, "max.poll.interval.ms");
  int64_t interval_ms = interval != NULL ? strtoll(interval, NULL, 10) : 300000;
  made->alive_us = interval_ms * 1000 / 4;
  made->alive = loop_timer_new(real->loop, on_alive, made);
  loop_timer_arm(made->alive, made->alive_us);
  *consumer = &made->consumer;
  return 0;
}

/* Whoever waits for us to give partitions back waits no longer than this takes. */
static void leave(struct real_consumer *consumer) {
  rd_kafka_t *rk = consumer->client.rk;
  rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
  rd_kafka_error_destroy(rd_kafka_consumer_close_queue(rk, queue));
  for (int left_ms = CLOSE_MS; left_ms > 0 && !rd_kafka_consumer_closed(rk); left_ms -= 10) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10);
    if (event == NULL) continue;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) rd_kafka_assign(rk, NULL);
    rd_kafka_event_destroy(event);
  }
  rd_kafka_queue_destroy(queue);
}

void kafka_real_consumer_free(struct kafka_consumer *base) {
  struct real_consumer *consumer = (struct real_consumer *)base;
  loop_timer_free(consumer->alive);
  kafka_client_stop(&consumer->client);
  kafka_real_polled(base);
  if (consumer->subscribed) leave(consumer);
  kafka_queue_fini(&consumer->messages);
  kafka_queue_fini(&consumer->control);
  kafka_client_fini(&consumer->client);
  while (consumer->n_parts > 0) part_remove(consumer, consumer->parts);
  if (consumer->committing != NULL) rd_kafka_topic_partition_list_destroy(consumer->committing);
  rd_kafka_topic_partition_list_destroy(consumer->topics);
  rd_kafka_topic_partition_list_destroy(consumer->gone);
  rd_kafka_topic_partition_list_destroy(consumer->told);
  free(consumer->parts);
  free(consumer->held);
  free(consumer->headers);
  free(consumer);
}
