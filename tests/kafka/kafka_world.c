#include "tests/kafka/kafka_world.h"

#include "daemon/base/mem.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

static const char *brokers(void) {
  const char *brokers = getenv("KAFKA_BROKERS");
  if (brokers == NULL) fail_msg("broker.py starts this: there is no KAFKA_BROKERS");
  return brokers;
}

/* ------------------------------------------------------------------ topics */

static rd_kafka_t *admin_new(void) {
  char text[200];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers(), text, sizeof text);
  rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
  assert_non_null(rk);
  return rk;
}

static rd_kafka_event_t *admin_answer(rd_kafka_queue_t *queue) {
  rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 60000);
  assert_non_null(event);
  if (rd_kafka_event_error(event) != 0) fail_msg("%s", rd_kafka_event_error_string(event));
  return event;
}

const char *topic_new(struct io_world *world, const char *name, int partitions,
                      const char *config) {
  static char full[8][100];
  static int turn;
  char text[200], setting[100];
  char *topic = full[turn++ % 8];
  snprintf(topic, sizeof full[0], "%s-%08x", name, (unsigned)random_u64(world->io.random));
  rd_kafka_t *rk = admin_new();
  rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
  rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof text);
  if (config != NULL) {
    snprintf(setting, sizeof setting, "%s", config);
    char *value = strchr(setting, '=');
    *value++ = '\0';
    rd_kafka_NewTopic_set_config(new, setting, value);
  }
  rd_kafka_CreateTopics(rk, &new, 1, NULL, queue);
  rd_kafka_event_t *event = admin_answer(queue);
  size_t n;
  const rd_kafka_topic_result_t **results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
  if (rd_kafka_topic_result_error(results[0]) != 0)
    fail_msg("%s", rd_kafka_topic_result_error_string(results[0]));
  rd_kafka_event_destroy(event);
  rd_kafka_NewTopic_destroy(new);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(rk);
  return topic;
}

void topic_cut(const char *topic, int64_t before) {
  rd_kafka_t *rk = admin_new();
  rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic, 0)->offset = before;
  rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
  rd_kafka_DeleteRecords(rk, &records, 1, NULL, queue);
  rd_kafka_event_destroy(admin_answer(queue));
  rd_kafka_DeleteRecords_destroy(records);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(rk);
}

void broker_do(const char *word) {
  char *command = mem_printf("%s %s >/dev/null", getenv("KAFKA_BROKER"), word);
  assert_int_equal(system(command), 0);
  free(command);
}

#define SETTINGS_MAX 16

static void settings_of(const char *const *given, struct kafka_setting *list, size_t *n) {
  list[0] = (struct kafka_setting){"bootstrap.servers", brokers()};
  *n = 1;
  for (; given != NULL && *given != NULL; given++) {
    assert_true(*n < SETTINGS_MAX);
    const char *value = strchr(*given, '=');
    list[(*n)++] = (struct kafka_setting){mem_strndup(*given, (size_t)(value - *given)), value + 1};
  }
}

static void settings_free(struct kafka_setting *list, size_t n) {
  for (size_t i = 1; i < n; i++) free((void *)list[i].name);
}

/* ------------------------------------------------------------------ a consumer */

static void on_ready(void *arg) {
  ((struct reader *)arg)->n_ready++;
}

static void on_assigned(void *arg, const struct kafka_partition *list, size_t n) {
  struct reader *reader = arg;
  reader->n_assigned++;
  reader->n_last_assigned = (int)n;
  for (size_t i = 0; i < n; i++) {
    reader->assigned[i] = list[i].partition;
    if (reader->start_at_once) kafka_start(reader->consumer, list[i], 0);
  }
}

static void on_revoked(void *arg, const struct kafka_partition *list, size_t n, bool lost) {
  struct reader *reader = arg;
  reader->n_revoked++;
  reader->n_lost += lost;
  reader->n_last_revoked = (int)n;
  for (size_t i = 0; i < n; i++) {
    reader->revoked[i] = list[i].partition;
    if (reader->release_at_once) kafka_release(reader->consumer, list[i]);
  }
}

static void on_reader_trouble(void *arg, enum kafka_trouble trouble, const char *text) {
  (void)trouble;
  ((struct reader *)arg)->n_troubles++;
  if (getenv("KAFKA_TROUBLES") != NULL) fprintf(stderr, "reader: %d %s\n", trouble, text);
}

void reader_open(struct reader *reader, struct io_world *world, const char *topic,
                 const char *const *settings) {
  struct kafka_setting list[SETTINGS_MAX];
  struct kafka_consumer_options options = {
      .settings = {.list = list}, .topics = &topic, .n_topics = 1, .headers = true};
  const struct kafka_consumer_events events = {.ready = on_ready,
                                               .assigned = on_assigned,
                                               .revoked = on_revoked,
                                               .trouble = on_reader_trouble};
  *reader = (struct reader){.world = world, .topic = topic, .start_at_once = true};
  settings_of(settings, list, &options.settings.n);
  OK(world, kafka_consumer_new(world->io.kafka, &options, &events, reader, &reader->consumer,
                               &world->err));
  settings_free(list, options.settings.n);
}

static void put_text(struct buf *text, struct slice part) {
  if (part.data == NULL)
    buf_put_text(text, "null");
  else
    buf_put_slice(text, part);
}

void reader_poll(struct reader *reader) {
  struct kafka_message messages[100];
  struct kafka_position gone;
  size_t n;
  do {
    n = kafka_poll(reader->consumer, messages, 100, &gone);
    if (gone.at.topic != NULL) reader->gone = gone;
    for (size_t i = 0; i < n; i++) {
      const struct kafka_message *message = &messages[i];
      buf_printf(&reader->text, "%d/%lld ", (int)message->at.partition, (long long)message->offset);
      put_text(&reader->text, message->key);
      buf_put_char(&reader->text, '=');
      put_text(&reader->text, message->value);
      for (size_t h = 0; h < message->n_headers; h++) {
        buf_put_char(&reader->text, ' ');
        put_text(&reader->text, message->headers[h].name);
        buf_put_char(&reader->text, ':');
        put_text(&reader->text, message->headers[h].value);
      }
      if (message->time_us < 1000000000000) /* a test's own, not the clock's */
        buf_printf(&reader->text, " @%lld", (long long)message->time_us);
      buf_put_char(&reader->text, '\n');
      reader->n_messages++;
    }
  } while (n > 0);
  kafka_polled(reader->consumer);
}

void reader_close(struct reader *reader) {
  kafka_consumer_free(reader->consumer);
  buf_fini(&reader->text);
}

void note_positions(void *arg, const struct kafka_position *list, size_t n, const struct err *err) {
  struct positions *got = arg;
  got->n++;
  got->good = err == NULL;
  if (err != NULL) got->err = *err;
  for (size_t i = 0; i < n && i < 8; i++) got->offsets[i] = list[i].offset;
  snprintf(got->metadata, sizeof got->metadata, "%.*s", SLICE_ARG(list[0].metadata));
}

/* ------------------------------------------------------------------ a producer */

static void on_fate(void *arg, void *token, enum kafka_fate fate, const char *text) {
  struct writer *writer = arg;
  assert_ptr_equal(token, writer);
  if (fate == KAFKA_DELIVERED)
    writer->n_delivered++;
  else if (fate == KAFKA_REFUSED_RECORD)
    writer->n_refused++;
  else
    writer->n_lost++;
  assert_true((text == NULL) == (fate == KAFKA_DELIVERED));
}

static void on_room(void *arg) {
  ((struct writer *)arg)->n_rooms++;
}

static void on_writer_trouble(void *arg, enum kafka_trouble trouble, const char *text) {
  ((struct writer *)arg)->n_troubles++;
  if (getenv("KAFKA_TROUBLES") != NULL) fprintf(stderr, "writer: %d %s\n", trouble, text);
}

static void on_step(void *arg, enum kafka_outcome outcome, const char *text) {
  struct writer *writer = arg;
  writer->n_steps++;
  writer->outcome = outcome;
  snprintf(writer->text, sizeof writer->text, "%s", text != NULL ? text : "");
}

void writer_open(struct writer *writer, struct io_world *world, const char *const *settings) {
  struct kafka_setting list[SETTINGS_MAX];
  struct kafka_producer_options options = {.settings = {.list = list}};
  const struct kafka_producer_events events = {
      .fate = on_fate, .room = on_room, .trouble = on_writer_trouble};
  *writer = (struct writer){.world = world};
  settings_of(settings, list, &options.settings.n);
  OK(world, kafka_producer_new(world->io.kafka, &options, &events, writer, &writer->producer,
                               &world->err));
  settings_free(list, options.settings.n);
}

void writer_put(struct writer *writer, const char *topic, const char *key, const char *value) {
  struct kafka_record record = {.topic = topic,
                                .partition = -1,
                                .time_us = KAFKA_NO_TIME,
                                .value = slice_of(value),
                                .token = writer};
  if (key != NULL) record.key = slice_of(key);
  assert_int_equal(kafka_produce(writer->producer, &record, &writer->world->err), 0);
}

void writer_close(struct writer *writer) {
  kafka_producer_free(writer->producer);
}

static enum kafka_outcome step_end(struct writer *writer) {
  UNTIL(writer->world, writer->n_steps > 0);
  return writer->outcome;
}

enum kafka_outcome writer_init(struct writer *writer) {
  do {
    writer->n_steps = 0;
    kafka_transactions_init(writer->producer, on_step, writer);
  } while (step_end(writer) == KAFKA_AGAIN);
  return writer->outcome;
}

void writer_begin(struct writer *writer) {
  enum kafka_outcome outcome;
  OK(writer->world, kafka_transaction_begin(writer->producer, &outcome, &writer->world->err));
}

enum kafka_outcome writer_commit(struct writer *writer, const char *group, const char *topic,
                                 int64_t offset, const char *metadata) {
  struct kafka_position position = {.at = {topic, 0}, .offset = offset};
  if (metadata != NULL) position.metadata = slice_of(metadata);
  do {
    writer->n_steps = 0;
    kafka_transaction_commit(writer->producer, group != NULL ? group : "none", &position,
                             group != NULL ? 1 : 0, on_step, writer);
  } while (step_end(writer) == KAFKA_AGAIN);
  return writer->outcome;
}

enum kafka_outcome writer_abort(struct writer *writer) {
  do {
    writer->n_steps = 0;
    kafka_transaction_abort(writer->producer, on_step, writer);
  } while (step_end(writer) == KAFKA_AGAIN);
  return writer->outcome;
}
