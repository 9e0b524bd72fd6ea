/* The contract of daemon/io/kafka.h, by librdkafka and a real broker. */
#include "tests/kafka/kafka_world.h"

#include "daemon/base/mem.h"

#include <stdio.h>

static const char *const transactional[] = {"transactional.id=io-kafka", NULL};

/* ------------------------------------------------------------------ messages */

static void put_all(struct writer *writer, const char *topic) {
  static const struct kafka_header headers[] = {
      {{"h", 1}, {"one", 3}}, {{"h", 1}, {NULL, 0}}, {{"i", 1}, {"", 0}}};
  struct kafka_record record = {.topic = topic, .token = writer, .time_us = 1234567};
  record.key = slice_of("k");
  record.value = slice_of("v");
  record.headers = headers;
  record.n_headers = 3;
  assert_int_equal(kafka_produce(writer->producer, &record, &writer->world->err), 0);
  record.n_headers = 0;
  record.value = (struct slice){NULL, 0};
  assert_int_equal(kafka_produce(writer->producer, &record, &writer->world->err), 0);
  record.value = slice_of("");
  record.key = slice_of("");
  assert_int_equal(kafka_produce(writer->producer, &record, &writer->world->err), 0);
  record.key = (struct slice){NULL, 0};
  record.value = (struct slice){"a\0\n\xff", 4};
  assert_int_equal(kafka_produce(writer->producer, &record, &writer->world->err), 0);
}

#define ALL                                                                                        \
  "0/0 k=v h:one h:null i: @1234000\n0/1 k=null @1234000\n0/2 = @1234000\n"                        \
  "0/3 null=a\0\n\xff @1234000\n"

static void test_messages(void **state) {
  struct io_world *world = *state;
  struct reader reader;
  struct writer writer;
  const char *topic = topic_new(world, "messages", 1, NULL);
  writer_open(&writer, world, NULL);
  put_all(&writer, topic);
  UNTIL(world, writer.n_delivered == 4);
  writer_close(&writer);
  reader_open(&reader, world, topic, NULL);
  assert_int_equal(kafka_end(reader.consumer, (struct kafka_partition){topic, 0}),
                   KAFKA_OFFSET_NONE);
  kafka_start(reader.consumer, (struct kafka_partition){topic, 0}, 0);
  READ_UNTIL(&reader, reader.n_messages == 4);
  assert_true(slice_equal(buf_slice(&reader.text), (struct slice){ALL, sizeof ALL - 1}));
  assert_int_equal(kafka_end(reader.consumer, (struct kafka_partition){topic, 0}), 4);
  /* Again, from the middle; and the end of it. */
  buf_clear(&reader.text);
  kafka_start(reader.consumer, (struct kafka_partition){topic, 0}, 1);
  kafka_start(reader.consumer, (struct kafka_partition){topic, 0}, 2);
  READ_UNTIL(&reader, reader.n_messages == 6);
  assert_true(strncmp(buf_cstr(&reader.text), "0/2 =", 5) == 0);
  kafka_release(reader.consumer, (struct kafka_partition){topic, 0});
  assert_int_equal(reader.n_troubles, 0);
  reader_close(&reader);
}

/* What was fetched of a partition that is released or moved does not come. */
static void test_dropped(void **state) {
  struct io_world *world = *state;
  struct reader reader;
  struct writer writer;
  const char *topic = topic_new(world, "dropped", 2, NULL);
  struct kafka_partition first = {topic, 0}, second = {topic, 1};
  struct kafka_record record = {.topic = topic, .value = slice_of("v"), .token = &writer};
  struct kafka_message message;
  struct kafka_position gone;
  writer_open(&writer, world, NULL);
  for (record.partition = 0; record.partition < 2; record.partition++)
    for (int i = 0; i < 100; i++)
      assert_int_equal(kafka_produce(writer.producer, &record, &world->err), 0);
  UNTIL(world, writer.n_delivered == 200);
  writer_close(&writer);
  reader_open(&reader, world, topic, NULL);
  kafka_start(reader.consumer, first, 0);
  UNTIL(world, kafka_poll(reader.consumer, &message, 1, &gone) == 1);
  assert_int_equal(message.offset, 0);
  kafka_start(reader.consumer, first, 90);
  kafka_start(reader.consumer, second, 95);
  READ_UNTIL(&reader, reader.n_messages == 15);
  kafka_start(reader.consumer, first, 0);
  UNTIL(world, kafka_poll(reader.consumer, &message, 1, &gone) == 1);
  kafka_release(reader.consumer, first);
  kafka_start(reader.consumer, second, 99);
  READ_UNTIL(&reader, reader.n_messages == 16);
  assert_null(strstr(buf_cstr(&reader.text), "0/1 "));
  reader_close(&reader);
}

/* Partitions are those of Java's clients; the digits were printed by Kafka's own class. */
static void test_partitions(void **state) {
  struct io_world *world = *state;
  static const char java[] = "2453243033621244212510160160521064106010320664610653111255001341";
  static const struct slice binary[] = {
      {"", 0}, {"\0", 1}, {"\xff\xfe\x01", 3}, {"\0\0\0\0\0", 5}, {"\x80\x81\x82\x83", 4}};
  static const char java_binary[] = "20533";
  struct reader reader;
  struct writer writer;
  const char *topic = topic_new(world, "partitions", 7, NULL);
  writer_open(&writer, world, NULL);
  struct kafka_record record = {.topic = topic, .partition = -1, .time_us = 0, .token = &writer};
  char values[sizeof java][10], key[100];
  for (int i = 0; i < (int)sizeof java - 1; i++) {
    snprintf(key, sizeof key, "k%.*s%d", i % 9, "xxxxxxxxx", i * 7919);
    snprintf(values[i], sizeof values[i], "%c", java[i]);
    record.key = slice_of(key);
    record.value = slice_of(values[i]);
    assert_int_equal(kafka_produce(writer.producer, &record, &world->err), 0);
  }
  for (int i = 0; i < 5; i++) {
    record.key = binary[i];
    record.value = (struct slice){&java_binary[i], 1};
    assert_int_equal(kafka_produce(writer.producer, &record, &world->err), 0);
  }
  int n = (int)sizeof java - 1 + 5;
  UNTIL(world, writer.n_delivered == n);
  writer_close(&writer);
  reader_open(&reader, world, topic, NULL);
  struct kafka_message messages[100];
  struct kafka_position gone;
  for (int i = 0; i < 7; i++) kafka_start(reader.consumer, (struct kafka_partition){topic, i}, 0);
  for (int got = 0; got < n;) {
    size_t more = 0;
    UNTIL(world, (more = kafka_poll(reader.consumer, messages, 100, &gone)) > 0);
    for (size_t i = 0; i < more; i++)
      assert_int_equal(messages[i].value.data[0] - '0', messages[i].at.partition);
    got += (int)more;
  }
  reader_close(&reader);
}

/* ------------------------------------------------------------------ limits */

static void test_bounded(void **state) {
  struct io_world *world = *state;
  static const char *const small[] = {"queue.buffering.max.messages=1000", NULL};
  static const char *const little[] = {"queued.max.messages.kbytes=1000",
                                       "fetch.message.max.bytes=100000", NULL};
  enum { BYTES = 10000, RECORDS = 3000 };
  struct reader reader;
  struct writer writer;
  const char *topic = topic_new(world, "bounded", 1, NULL);
  char *value = mem_zalloc(BYTES);
  struct kafka_record record = {
      .topic = topic, .value = {value, BYTES}, .time_us = KAFKA_NO_TIME, .token = &writer};
  writer_open(&writer, world, small);
  for (int i = 0; i < RECORDS;) {
    int put = kafka_produce(writer.producer, &record, &world->err);
    assert_true(put >= 0);
    i += put == 0;
    int rooms = writer.n_rooms;
    if (put == 1) UNTIL(world, writer.n_rooms > rooms);
  }
  assert_true(writer.n_rooms > 0);
  UNTIL(world, writer.n_delivered == RECORDS);
  writer_close(&writer);
  reader_open(&reader, world, topic, little);
  kafka_start(reader.consumer, (struct kafka_partition){topic, 0}, 0);
  struct kafka_message *messages = mem_alloc(RECORDS * sizeof *messages);
  struct kafka_position gone;
  UNTIL(world, kafka_poll(reader.consumer, messages, 1, &gone) == 1);
  /* What is fetched while nobody polls is limited; this is as long as it takes to fetch it all. */
  for (int i = 0; i < 30; i++) OK(world, loop_wait(world->io.loop, 10000, &world->err));
  size_t waiting = kafka_poll(reader.consumer, messages, RECORDS, &gone), all = waiting + 1;
  assert_in_range(waiting * BYTES, 1, 3000000);
  while (all < RECORDS) {
    size_t more = 0;
    UNTIL(world, (more = kafka_poll(reader.consumer, messages, RECORDS, &gone)) > 0);
    all += more;
  }
  reader_close(&reader);
  free(messages);
  free(value);
}

static void test_too_large(void **state) {
  struct io_world *world = *state;
  static const char *const at_most[] = {"transactional.id=io-kafka-large", "message.max.bytes=2000",
                                        NULL};
  struct writer writer;
  const char *topic = topic_new(world, "large", 1, "max.message.bytes=1000");
  char *value = mem_zalloc(3000);
  struct kafka_record record = {
      .topic = topic, .value = {value, 3000}, .time_us = KAFKA_NO_TIME, .token = &writer};
  writer_open(&writer, world, at_most);
  assert_int_equal(writer_init(&writer), KAFKA_DONE);
  writer_begin(&writer);
  /* Ours say so at once, and the transaction goes on; the brokers' say so for it to be aborted. */
  assert_int_equal(kafka_produce(writer.producer, &record, &world->err), -1);
  assert_int_equal(world->err.code, ERR_DATA);
  writer_put(&writer, topic, NULL, "small");
  assert_int_equal(writer_commit(&writer, NULL, topic, 0, NULL), KAFKA_DONE);
  writer_begin(&writer);
  record.value.len = 1500;
  assert_int_equal(kafka_produce(writer.producer, &record, &world->err), 0);
  assert_int_equal(writer_commit(&writer, NULL, topic, 0, NULL), KAFKA_ABORT);
  assert_int_equal(writer.n_refused, 1);
  /* librdkafka needs a second abort now and then before its numbers are right again. */
  enum kafka_outcome outcome = KAFKA_ABORT;
  for (int i = 0; i < 5 && outcome == KAFKA_ABORT; i++) {
    assert_int_equal(writer_abort(&writer), KAFKA_DONE);
    writer_begin(&writer);
    writer_put(&writer, topic, NULL, "small");
    outcome = writer_commit(&writer, NULL, topic, 0, NULL);
  }
  if (outcome != KAFKA_DONE) fail_msg("%d: %s", outcome, writer.text);
  writer_close(&writer);
  free(value);
}

/* ------------------------------------------------------------------ transactions */

static const char *const of_group[] = {"group.id=pipeline/sink", NULL};

static void test_transactions(void **state) {
  struct io_world *world = *state;
  struct reader reader;
  struct writer writer, other;
  struct positions got = {0};
  enum kafka_outcome outcome;
  const char *topic = topic_new(world, "transactions", 1, NULL);
  struct kafka_partition at = {topic, 0};
  writer_open(&writer, world, transactional);
  assert_int_equal(writer_init(&writer), KAFKA_DONE);
  writer_begin(&writer);
  writer_put(&writer, topic, "a", "1");
  assert_int_equal(writer_commit(&writer, "pipeline/sink", topic, 7, "epoch 7"), KAFKA_DONE);
  assert_int_equal(writer.n_delivered, 1);
  /* Positions and records of an aborted one are those of nobody. */
  writer_begin(&writer);
  writer_put(&writer, topic, "b", "2");
  UNTIL(world, writer.n_delivered == 2);
  writer_put(&writer, topic, "c", "3");
  assert_int_equal(writer_abort(&writer), KAFKA_DONE);
  assert_int_equal(writer.n_delivered + writer.n_lost, 3);
  /* Positions alone, and metadata as large as it may be. */
  char metadata[4097] = "";
  memset(metadata, 'm', 100);
  writer_begin(&writer);
  assert_int_equal(writer_commit(&writer, "pipeline/sink", topic, 8, metadata), KAFKA_DONE);
  reader_open(&reader, world, topic, of_group);
  kafka_committed(reader.consumer, &at, 1, note_positions, &got);
  UNTIL(world, got.n == 1);
  if (!got.good) fail_msg("%s", got.err.text);
  assert_int_equal(got.offsets[0], 8);
  assert_string_equal(got.metadata, metadata);
  writer_begin(&writer);
  writer_put(&writer, topic, "d", "4");
  assert_int_equal(writer_commit(&writer, NULL, topic, 0, NULL), KAFKA_DONE);
  kafka_start(reader.consumer, at, 0);
  READ_UNTIL(&reader, reader.n_messages == 2);
  assert_string_equal(strtok(buf_cstr(&reader.text) == NULL ? NULL : reader.text.data, "\n"),
                      "0/0 a=1");
  /* Who comes after has it; what was open is aborted. */
  writer_begin(&writer);
  writer_put(&writer, topic, "e", "5");
  UNTIL(world, kafka_end(reader.consumer, at) >= 0);
  writer_open(&other, world, transactional);
  assert_int_equal(writer_init(&other), KAFKA_DONE);
  assert_int_equal(writer_commit(&writer, "pipeline/sink", topic, 9, NULL), KAFKA_FENCED);
  assert_int_equal(kafka_transaction_begin(writer.producer, &outcome, &world->err), -1);
  assert_int_equal(outcome, KAFKA_FENCED);
  got.n = 0;
  kafka_committed(reader.consumer, &at, 1, note_positions, &got);
  UNTIL(world, got.n == 1);
  assert_int_equal(got.offsets[0], 8);
  writer_close(&writer);
  writer_close(&other);
  reader_close(&reader);
}

/* ------------------------------------------------------------------ places */

static void test_places(void **state) {
  struct io_world *world = *state;
  static const int64_t times[] = {KAFKA_EARLIEST, 0, 1000, 1001, 2000, 3000, 3001, KAFKA_LATEST};
  static const int offsets[] = {0, 0, 0, 1, 1, 2, 3, 3};
  struct reader reader;
  struct writer writer;
  struct positions got = {0};
  const char *topic = topic_new(world, "places", 1, NULL);
  struct kafka_partition at = {topic, 0};
  struct kafka_record record = {.topic = topic, .value = slice_of("v"), .token = &writer};
  writer_open(&writer, world, NULL);
  for (record.time_us = 1000; record.time_us <= 3000; record.time_us += 1000)
    assert_int_equal(kafka_produce(writer.producer, &record, &world->err), 0);
  UNTIL(world, writer.n_delivered == 3);
  writer_close(&writer);
  reader_open(&reader, world, topic, of_group);
  for (int i = 0; i < 8; i++) {
    got.n = 0;
    kafka_offsets_at(reader.consumer, &at, 1, times[i], note_positions, &got);
    UNTIL(world, got.n == 1);
    if (!got.good) fail_msg("%s", got.err.text);
    assert_int_equal(got.offsets[0], offsets[i]);
  }
  /* Nothing is committed; then something is. */
  struct kafka_position position = {.at = at, .offset = 2, .metadata = slice_of("m")};
  kafka_committed(reader.consumer, &at, 1, note_positions, &got);
  UNTIL(world, got.n == 2);
  assert_int_equal(got.offsets[0], KAFKA_OFFSET_NONE);
  kafka_commit(reader.consumer, &position, 1, note_positions, &got);
  UNTIL(world, got.n == 3);
  if (!got.good) fail_msg("%s", got.err.text);
  kafka_committed(reader.consumer, &at, 1, note_positions, &got);
  UNTIL(world, got.n == 4);
  assert_int_equal(got.offsets[0], 2);
  assert_string_equal(got.metadata, "m");
  /* A partition that is not there. */
  struct kafka_partition nowhere = {topic, 9};
  kafka_offsets_at(reader.consumer, &nowhere, 1, KAFKA_EARLIEST, note_positions, &got);
  UNTIL(world, got.n == 5);
  assert_false(got.good);
  assert_int_equal(got.err.code, ERR_CONFIG);
  reader_close(&reader);
}

static void test_gone(void **state) {
  struct io_world *world = *state;
  struct reader reader;
  struct writer writer;
  const char *topic = topic_new(world, "gone", 1, NULL);
  struct kafka_partition at = {topic, 0};
  writer_open(&writer, world, NULL);
  for (int i = 0; i < 10; i++) writer_put(&writer, topic, NULL, "v");
  UNTIL(world, writer.n_delivered == 10);
  writer_close(&writer);
  topic_cut(topic, 6);
  reader_open(&reader, world, topic, NULL);
  kafka_start(reader.consumer, at, 2);
  READ_UNTIL(&reader, reader.gone.at.topic != NULL);
  assert_string_equal(reader.gone.at.topic, topic);
  assert_int_equal(reader.gone.offset, 6);
  assert_int_equal(reader.n_messages, 0);
  kafka_start(reader.consumer, at, 6);
  READ_UNTIL(&reader, reader.n_messages == 4);
  /* Behind the end, as of a topic that was made anew. */
  reader.gone = (struct kafka_position){0};
  kafka_start(reader.consumer, at, 100);
  READ_UNTIL(&reader, reader.gone.at.topic != NULL);
  assert_int_equal(reader.gone.offset, 6);
  assert_int_equal(reader.n_messages, 4);
  reader_close(&reader);
}

/* ------------------------------------------------------------------ settings */

static void refuses(struct io_world *world, const char *name, const char *value, bool producer,
                    const char *text) {
  struct kafka_setting list[] = {{"bootstrap.servers", "127.0.0.1:1"}, {name, value}};
  struct kafka_settings settings = {list, 2};
  assert_int_equal(kafka_settings_check(world->io.kafka, &settings, producer, &world->err), -1);
  assert_int_equal(world->err.code, ERR_CONFIG);
  if (strstr(world->err.text, text) == NULL) fail_msg("%s", world->err.text);
}

static void test_settings(void **state) {
  struct io_world *world = *state;
  const struct kafka_settings none = {NULL, 0};
  struct kafka_setting good[] = {{"bootstrap.servers", "127.0.0.1:1"}, {"acks", "all"}};
  const struct kafka_settings right = {good, 2};
  OK(world, kafka_settings_check(world->io.kafka, &right, true, &world->err));
  assert_int_equal(kafka_settings_check(world->io.kafka, &none, true, &world->err), -1);
  refuses(world, "batch.sise", "1", true, "did you mean \"batch.size\"");
  refuses(world, "acks", "2000", true, "outside allowed range");
  refuses(world, "isolation.level", "some", false, "isolation.level");
  refuses(world, "enable.auto.commit", "true", false, "is always \"false\" here");
  /* A secret shows nowhere, not even by chance. */
  struct kafka_setting hidden[] = {
      {"bootstrap.servers", "127.0.0.1:1"}, {"ssl.key.password", "2000"}, {"acks", "2000"}};
  const struct kafka_settings secret = {hidden, 3};
  assert_int_equal(kafka_settings_check(world->io.kafka, &secret, true, &world->err), -1);
  assert_non_null(strstr(world->err.text, "value ***"));
}

static void test_reach(void **state) {
  struct io_world *world = *state;
  const char *topic = topic_new(world, "reach", 1, NULL);
  const char *topics[] = {topic, "^not asked for", "not-there"};
  struct kafka_setting list[] = {
      {"bootstrap.servers", getenv("KAFKA_BROKERS")}, {"group.id", "g"}, {"transactional.id", "t"}};
  struct kafka_settings settings = {list, 3};
  OK(world, kafka_reach(world->io.kafka, &settings, topics, 2, 10000000, &world->err));
  assert_int_equal(kafka_reach(world->io.kafka, &settings, topics, 3, 10000000, &world->err), -1);
  assert_int_equal(world->err.code, ERR_CONFIG);
  assert_non_null(strstr(world->err.text, "not-there"));
  list[0].value = "127.0.0.1:1";
  assert_int_equal(kafka_reach(world->io.kafka, &settings, topics, 2, 600000, &world->err), -1);
  assert_int_equal(world->err.code, ERR_RETRY);
  assert_non_null(strstr(world->err.text, "127.0.0.1:1"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      REAL(test_messages),  REAL(test_dropped),      REAL(test_partitions), REAL(test_bounded),
      REAL(test_too_large), REAL(test_transactions), REAL(test_places),     REAL(test_gone),
      REAL(test_settings),  REAL(test_reach),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
