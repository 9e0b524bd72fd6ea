/* Groups of daemon/io/kafka.h: partitions that come and go; and a broker that is killed in the
 * middle of each step and comes back. The broker is this suite's own. */
#include "tests/kafka/kafka_world.h"

#include <stdio.h>

static const char *const member[] = {"group.id=members", "session.timeout.ms=3000",
                                     "heartbeat.interval.ms=300", NULL};

static void put_numbered(struct io_world *world, const char *topic, int partitions, int n) {
  struct writer writer;
  struct kafka_record record = {.topic = topic, .value = slice_of("v"), .token = &writer};
  writer_open(&writer, world, NULL);
  for (record.partition = 0; record.partition < partitions; record.partition++)
    for (int i = 0; i < n; i++)
      assert_int_equal(kafka_produce(writer.producer, &record, &world->err), 0);
  UNTIL(world, writer.n_delivered == n * partitions);
  writer_close(&writer);
}

static void test_group(void **state) {
  struct io_world *world = *state;
  struct reader first, second;
  const char *topic = topic_new(world, "group", 2, NULL);
  put_numbered(world, topic, 2, 10);
  reader_open(&first, world, topic, member);
  kafka_subscribe(first.consumer);
  READ_UNTIL(&first, first.n_messages == 20);
  assert_int_equal(first.n_last_assigned, 2);
  /* Nothing goes to the second before the first gives it. */
  reader_open(&second, world, topic, member);
  kafka_subscribe(second.consumer);
  UNTIL(world, (reader_poll(&first), reader_poll(&second), first.n_revoked == 1));
  assert_int_equal(first.n_last_revoked, 1);
  assert_int_equal(first.n_lost, 0);
  for (int i = 0; i < 20; i++) OK(world, loop_wait(world->io.loop, 10000, &world->err));
  assert_int_equal(second.n_assigned, 0);
  /* What is moved while the group waits is moved behind it. */
  int32_t kept = 1 - first.revoked[0];
  kafka_start(first.consumer, (struct kafka_partition){topic, kept}, 5);
  kafka_release(first.consumer, (struct kafka_partition){topic, first.revoked[0]});
  UNTIL(world, (reader_poll(&first), reader_poll(&second), second.n_messages == 10));
  READ_UNTIL(&first, first.n_messages == 25);
  assert_int_equal(second.n_last_assigned, 1);
  assert_int_equal(second.assigned[0], first.revoked[0]);
  /* Who leaves gives all. */
  reader_close(&second);
  READ_UNTIL(&first, first.n_messages == 35);
  assert_int_equal(first.n_assigned, 2);
  assert_int_equal(first.n_troubles, 0);
  reader_close(&first);
}

/* A member that is not heard of for too long has lost its partitions, and gets them again. */
static void test_lost(void **state) {
  struct io_world *world = *state;
  static const char *const hasty[] = {"group.id=hasty", "session.timeout.ms=1000",
                                      "heartbeat.interval.ms=200", NULL};
  struct reader reader;
  const char *topic = topic_new(world, "lost", 1, NULL);
  put_numbered(world, topic, 1, 3);
  reader_open(&reader, world, topic, hasty);
  reader.release_at_once = true;
  kafka_subscribe(reader.consumer);
  READ_UNTIL(&reader, reader.n_messages == 3);
  broker_do("stop");
  UNTIL(world, reader.n_lost == 1);
  broker_do("cont");
  READ_UNTIL(&reader, reader.n_messages == 6);
  assert_int_equal(reader.n_assigned, 2);
  reader_close(&reader);
}

/* ------------------------------------------------------------------ a broker that comes and goes
 */

static void test_kill_while_reading(void **state) {
  struct io_world *world = *state;
  struct reader reader;
  struct writer writer;
  const char *topic = topic_new(world, "kill-reading", 1, NULL);
  writer_open(&writer, world, (const char *const[]){"enable.idempotence=true", NULL});
  reader_open(&reader, world, topic, NULL);
  kafka_start(reader.consumer, (struct kafka_partition){topic, 0}, 0);
  writer_put(&writer, topic, NULL, "1");
  READ_UNTIL(&reader, reader.n_messages == 1);
  broker_do("kill");
  writer_put(&writer, topic, NULL, "2");
  UNTIL(world, reader.n_troubles > 0 && writer.n_troubles > 0);
  broker_do("start");
  READ_UNTIL(&reader, reader.n_messages == 2);
  UNTIL(world, writer.n_delivered == 2);
  assert_string_equal(buf_cstr(&reader.text), "0/0 null=1\n0/1 null=2\n");
  writer_close(&writer);
  reader_close(&reader);
}

static void outcome_note(void *arg, enum kafka_outcome outcome, const char *text) {
  (void)text;
  *(int *)arg = 1 + (int)outcome;
}

static const char *const stepping[] = {"transactional.id=kill-steps", NULL};
static const char *const of_steps[] = {"group.id=kill-steps", NULL};

/* librdkafka gives a producer up when it repeats an end of a transaction that the broker has come
 * to already; a new one finds out what it was. */
static void writer_again(struct writer *writer) {
  struct io_world *world = writer->world;
  writer_close(writer);
  writer_open(writer, world, stepping);
  assert_int_equal(writer_init(writer), KAFKA_DONE);
}

static bool is_committed(struct io_world *world, const char *topic, int64_t offset) {
  struct reader reader;
  struct positions got = {0};
  struct kafka_partition at = {topic, 0};
  reader_open(&reader, world, topic, of_steps);
  do {
    got.n = 0;
    kafka_committed(reader.consumer, &at, 1, note_positions, &got);
    UNTIL(world, got.n == 1);
  } while (!got.good && got.err.code == ERR_RETRY);
  if (!got.good) fail_msg("%s", got.err.text);
  reader_close(&reader);
  return got.offsets[0] == offset;
}

/* The broker dies while a step is out: the step is done when it is back, or says what to do. */
static void test_kill_in_steps(void **state) {
  struct io_world *world = *state;
  struct reader reader;
  struct writer writer;
  struct positions got = {0};
  int outcome = 0;
  const char *topic = topic_new(world, "kill-steps", 1, NULL);
  struct kafka_partition at = {topic, 0};
  struct kafka_position position = {.at = at, .offset = 1, .metadata = slice_of("epoch 1")};
  writer_open(&writer, world, stepping);
  broker_do("kill");
  kafka_transactions_init(writer.producer, outcome_note, &outcome);
  broker_do("start");
  UNTIL(world, outcome != 0);
  if (outcome - 1 == KAFKA_AGAIN) assert_int_equal(writer_init(&writer), KAFKA_DONE);
  /* Between the record and the commit, and while the commit is out. */
  bool committed = false;
  for (int rounds = 0; !committed; rounds++) {
    assert_true(rounds < 5);
    writer_begin(&writer);
    writer_put(&writer, topic, NULL, "v");
    broker_do("kill");
    kafka_transaction_commit(writer.producer, "kill-steps", &position, 1, outcome_note,
                             (outcome = 0, &outcome));
    broker_do("start");
    UNTIL(world, outcome != 0);
    enum kafka_outcome end = (enum kafka_outcome)(outcome - 1);
    if (end == KAFKA_AGAIN) end = writer_commit(&writer, "kill-steps", topic, 1, "epoch 1");
    if (end == KAFKA_ABORT) end = writer_abort(&writer) == KAFKA_FATAL ? KAFKA_FATAL : KAFKA_ABORT;
    if (end == KAFKA_FATAL) writer_again(&writer);
    committed = end == KAFKA_FATAL ? is_committed(world, topic, 1) : end == KAFKA_DONE;
  }
  /* While an abort is out. */
  writer_begin(&writer);
  writer_put(&writer, topic, NULL, "never");
  broker_do("kill");
  kafka_transaction_abort(writer.producer, outcome_note, (outcome = 0, &outcome));
  broker_do("start");
  UNTIL(world, outcome != 0);
  enum kafka_outcome aborted = (enum kafka_outcome)(outcome - 1);
  if (aborted == KAFKA_AGAIN) aborted = writer_abort(&writer);
  if (aborted == KAFKA_FATAL) writer_again(&writer);
  writer_begin(&writer);
  writer_put(&writer, topic, NULL, "w");
  assert_int_equal(writer_commit(&writer, "kill-steps", topic, 2, "epoch 2"), KAFKA_DONE);
  /* While the group is asked. */
  reader_open(&reader, world, topic, of_steps);
  broker_do("kill");
  kafka_committed(reader.consumer, &at, 1, note_positions, &got);
  broker_do("start");
  UNTIL(world, got.n == 1);
  while (!got.good) {
    assert_int_equal(got.err.code, ERR_RETRY);
    got.n = 0;
    kafka_committed(reader.consumer, &at, 1, note_positions, &got);
    UNTIL(world, got.n == 1);
  }
  assert_int_equal(got.offsets[0], 2);
  assert_string_equal(got.metadata, "epoch 2");
  kafka_start(reader.consumer, at, 0);
  READ_UNTIL(&reader, reader.n_messages == 2);
  assert_null(strstr(buf_cstr(&reader.text), "never"));
  writer_close(&writer);
  reader_close(&reader);
}

/* A client whose broker is away is freed soon. */
static void test_free_while_away(void **state) {
  struct io_world *world = *state;
  struct reader reader;
  struct writer writer;
  struct positions got = {0};
  int outcome = 0;
  const char *topic = topic_new(world, "away", 1, NULL);
  struct kafka_partition at = {topic, 0};
  writer_open(&writer, world, (const char *const[]){"transactional.id=away", NULL});
  reader_open(&reader, world, topic, member);
  kafka_subscribe(reader.consumer);
  UNTIL(world, reader.n_assigned == 1);
  assert_int_equal(writer_init(&writer), KAFKA_DONE);
  writer_begin(&writer);
  writer_put(&writer, topic, NULL, "v");
  broker_do("kill");
  kafka_committed(reader.consumer, &at, 1, note_positions, &got);
  kafka_transaction_commit(writer.producer, "away", NULL, 0, outcome_note, &outcome);
  writer_close(&writer);
  reader_close(&reader);
  assert_int_equal(outcome, 0);
  assert_int_equal(got.n, 0);
  broker_do("start");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      REAL(test_group),
      REAL(test_lost),
      REAL(test_kill_while_reading),
      REAL(test_kill_in_steps),
      REAL(test_free_while_away),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
