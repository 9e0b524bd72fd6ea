/* The simulated brokers of Kafka hold to kafka.h, and do what real ones do: a life here is an io on
 * brokers that outlive it, of which several may run at once. */
#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { SECOND_US = 1000000, LIVES = 2, STEP_US = 10000 };

/* ------------------------------------------------------------------ lives */

struct life {
  struct io io;
  struct disk *disk;
  struct kafka_consumer *consumer;
  struct kafka_producer *producer;
  int readies, rooms, downs, refusals, assigned, revoked, lost;
  struct buf story;               /* "topic/partition: value" lines */
  struct buf fates;               /* "token fate" lines */
  bool hold;                      /* what is revoked is not released */
  bool from_group;                /* what is assigned begins where the group has committed */
  struct kafka_position mine[16]; /* assigned; offset: the next to be read */
  size_t n_mine;
  struct kafka_position gone;
  char gone_topic[32];
  /* the last answer */
  int answers;
  bool failed;
  struct err err;
  struct kafka_position positions[16];
  char metadata[64];
  enum kafka_outcome outcome;
};

static struct sim_kafka *brokers;
static struct life lives[LIVES];

static void life_open_seed(struct life *life, uint64_t seed) {
  struct err err;
  *life = (struct life){.disk = sim_disk_new()};
  assert_int_equal(io_sim_open(&life->io, seed, 1700000000000000, life->disk, &err), 0);
  sim_kafka_join(life->io.kafka, brokers);
}

static void life_open(struct life *life) {
  life_open_seed(life, (uint64_t)(1 + (life - lives)));
}

static void life_close(struct life *life) {
  if (life->disk == NULL) return;
  kafka_consumer_free(life->consumer);
  kafka_producer_free(life->producer);
  buf_fini(&life->story);
  buf_fini(&life->fates);
  io_sim_close(&life->io);
  disk_free(life->disk);
  *life = (struct life){0};
}

static void life_crash(struct life *life) {
  sim_kafka_crash(life->io.kafka);
  life_close(life);
}

static int setup(void **state) {
  (void)state;
  brokers = sim_kafka_new();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  for (int i = 0; i < LIVES; i++) life_close(&lives[i]);
  sim_kafka_free(brokers);
  return 0;
}

static void read_all(struct life *life);

/* All lives that run, in turn, for so long. */
static void passes(int64_t us) {
  for (int64_t t = 0; t < us; t += STEP_US) {
    for (int i = 0; i < LIVES; i++) {
      struct life *life = &lives[i];
      if (life->disk == NULL) continue;
      int64_t end_us = clock_mono_us(life->io.clock) + STEP_US;
      for (int64_t left; (left = end_us - clock_mono_us(life->io.clock)) > 0;) {
        struct err err;
        if (loop_wait(life->io.loop, left, &err) != 0) fail_msg("%s", err.text);
      }
      if (life->consumer != NULL) read_all(life);
    }
  }
}

/* ------------------------------------------------------------------ a consumer */

static void on_ready(void *arg) {
  ((struct life *)arg)->readies++;
}

static struct kafka_position *mine_find(struct life *life, struct kafka_partition at) {
  for (size_t i = 0; i < life->n_mine; i++)
    if (strcmp(life->mine[i].at.topic, at.topic) == 0 && life->mine[i].at.partition == at.partition)
      return &life->mine[i];
  return NULL;
}

static void on_assigned(void *arg, const struct kafka_partition *list, size_t n) {
  struct life *life = arg;
  life->assigned += (int)n;
  for (size_t i = 0; i < n; i++) {
    struct kafka_position committed;
    assert_null(mine_find(life, list[i]));
    assert_true(life->n_mine < 16);
    int64_t offset = 0;
    if (life->from_group && sim_kafka_committed(brokers, "g", list[i], &committed))
      offset = committed.offset;
    life->mine[life->n_mine++] = (struct kafka_position){.at = list[i], .offset = offset};
    kafka_start(life->consumer, list[i], offset);
  }
}

static void on_revoked(void *arg, const struct kafka_partition *list, size_t n, bool lost) {
  struct life *life = arg;
  *(lost ? &life->lost : &life->revoked) += (int)n;
  for (size_t i = 0; i < n; i++) {
    struct kafka_position *mine = mine_find(life, list[i]);
    assert_non_null(mine);
    if (life->hold && !lost) continue;
    if (life->from_group && !lost) sim_kafka_commit(brokers, "g", mine);
    *mine = life->mine[--life->n_mine];
    kafka_release(life->consumer, list[i]);
  }
}

static void on_trouble(void *arg, enum kafka_trouble trouble, const char *text) {
  struct life *life = arg;
  assert_non_null(text);
  life->downs += trouble == KAFKA_ALL_DOWN;
  life->refusals += trouble == KAFKA_REFUSED;
}

static void read_all(struct life *life) {
  struct kafka_message messages[7];
  struct kafka_position gone;
  for (;;) {
    size_t n = kafka_poll(life->consumer, messages, 7, &gone);
    if (gone.at.topic != NULL) life->gone = gone;
    for (size_t i = 0; i < n; i++) {
      const struct kafka_message *m = &messages[i];
      struct kafka_position *mine = mine_find(life, m->at);
      if (mine != NULL) {
        assert_true(m->offset >= mine->offset);
        mine->offset = m->offset + 1;
      }
      buf_printf(&life->story, "%s/%d: %.*s\n", m->at.topic, m->at.partition, SLICE_ARG(m->value));
    }
    if (n < 7) return;
  }
}

static void consume(struct life *life, const char *topic, const char *more, const char *value) {
  struct kafka_setting settings[] = {
      {"bootstrap.servers", "localhost:9092"}, {"group.id", "g"}, {more, value}};
  struct kafka_consumer_options options = {
      .settings = {settings, more != NULL ? 3 : 2}, .topics = &topic, .n_topics = 1};
  struct kafka_consumer_events events = {on_ready, on_assigned, on_revoked, on_trouble};
  struct err err;
  if (kafka_consumer_new(life->io.kafka, &options, &events, life, &life->consumer, &err) != 0)
    fail_msg("%s", err.text);
}

static void join_group(struct life *life, const char *topic, const char *more, const char *value) {
  consume(life, topic, more, value);
  kafka_subscribe(life->consumer);
}

static void on_positions(void *arg, const struct kafka_position *list, size_t n,
                         const struct err *err) {
  struct life *life = arg;
  life->answers++;
  life->failed = err != NULL;
  if (err != NULL) life->err = *err;
  for (size_t i = 0; i < n; i++) life->positions[i] = list[i];
  if (n > 0) snprintf(life->metadata, sizeof life->metadata, "%.*s", SLICE_ARG(list[0].metadata));
}

static void answered(struct life *life) {
  int before = life->answers;
  for (int i = 0; life->answers == before; i++) {
    if (i > 2000) fail_msg("no answer");
    passes(STEP_US);
  }
}

#define AT(topic, partition) ((struct kafka_partition){topic, partition})
#define P(topic, partition) (&AT(topic, partition))

static int64_t offset_at(struct life *life, const char *topic, int64_t time_us) {
  kafka_offsets_at(life->consumer, P(topic, 0), 1, time_us, on_positions, life);
  answered(life);
  assert_false(life->failed);
  return life->positions[0].offset;
}

/* ------------------------------------------------------------------ a producer */

static void on_fate(void *arg, void *token, enum kafka_fate fate, const char *text) {
  static const char *const names[] = {"delivered", "refused", "lost"};
  struct life *life = arg;
  assert_int_equal(text == NULL, fate == KAFKA_DELIVERED);
  buf_printf(&life->fates, "%s %s\n", (const char *)token, names[fate]);
}

static void on_room(void *arg) {
  ((struct life *)arg)->rooms++;
}

static void on_step(void *arg, enum kafka_outcome outcome, const char *text) {
  struct life *life = arg;
  assert_int_equal(text == NULL, outcome == KAFKA_DONE);
  life->answers++;
  life->outcome = outcome;
}

static void produce_by(struct life *life, const char *id, const char *more, const char *value) {
  struct kafka_setting settings[] = {
      {"bootstrap.servers", "localhost:9092"},
      {id != NULL ? "transactional.id" : "enable.idempotence", id != NULL ? id : "true"},
      {more, value}};
  struct kafka_producer_options options = {.settings = {settings, more != NULL ? 3 : 2}};
  struct kafka_producer_events events = {on_fate, on_room, on_trouble};
  struct err err;
  if (kafka_producer_new(life->io.kafka, &options, &events, life, &life->producer, &err) != 0)
    fail_msg("%s", err.text);
}

static int put(struct life *life, const char *topic, const char *value) {
  struct kafka_record record = {
      .topic = topic, .time_us = KAFKA_NO_TIME, .value = slice_of(value), .token = (void *)value};
  return kafka_produce(life->producer, &record, &life->err);
}

static enum kafka_outcome init(struct life *life) {
  kafka_transactions_init(life->producer, on_step, life);
  answered(life);
  return life->outcome;
}

static void begin(struct life *life) {
  enum kafka_outcome outcome;
  assert_int_equal(kafka_transaction_begin(life->producer, &outcome, &life->err), 0);
}

static enum kafka_outcome commit(struct life *life, int64_t offset, const char *metadata) {
  struct kafka_position position = {
      AT("in", 0), offset, metadata != NULL ? slice_of(metadata) : (struct slice){NULL, 0}};
  kafka_transaction_commit(life->producer, "g", &position, metadata != NULL, on_step, life);
  answered(life);
  return life->outcome;
}

static enum kafka_outcome take_back(struct life *life) {
  kafka_transaction_abort(life->producer, on_step, life);
  answered(life);
  return life->outcome;
}

static void fates_are(struct life *life, const char *text) {
  assert_string_equal(buf_cstr(&life->fates), text);
  buf_clear(&life->fates);
}

static void story_is(struct life *life, const char *text) {
  assert_string_equal(buf_cstr(&life->story), text);
  buf_clear(&life->story);
}

/* What is in a partition, for a test that writes it itself. */
static void fill(const char *topic, int32_t partition, int from, int to) {
  char text[20];
  for (int i = from; i < to; i++) {
    snprintf(text, sizeof text, "%d", i);
    struct kafka_record record = {
        .topic = topic, .partition = partition, .time_us = i, .value = slice_of(text)};
    sim_kafka_produce(brokers, &record);
  }
}

static void committed_is(const char *topic, const char *text) {
  struct buf found = {0};
  struct kafka_message m;
  for (int64_t offset = 0; sim_kafka_read(brokers, AT(topic, 0), &offset, &m);)
    buf_printf(&found, "%.*s ", SLICE_ARG(m.value));
  assert_string_equal(buf_cstr(&found), text);
  buf_fini(&found);
}

/* ------------------------------------------------------------------ reading */

static void messages_come_in_order(void **state) {
  (void)state;
  struct life *life = &lives[0];
  life_open(life);
  sim_kafka_topic(brokers, "in", 2);
  fill("in", 0, 0, 40);
  fill("in", 1, 100, 140);
  join_group(life, "in", NULL, NULL);
  assert_int_equal(kafka_end(life->consumer, AT("in", 0)), KAFKA_OFFSET_NONE);
  passes(SECOND_US);
  assert_int_equal(life->assigned, 2);
  assert_true(life->readies > 0);
  int next[2] = {0, 100};
  char *line = (char *)buf_cstr(&life->story);
  for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    int partition, value;
    assert_int_equal(sscanf(line, "in/%d: %d", &partition, &value), 2);
    assert_int_equal(value, next[partition]++);
  }
  assert_int_equal(next[0], 40);
  assert_int_equal(next[1], 140);
  assert_int_equal(kafka_end(life->consumer, AT("in", 0)), 40);
  int readies = life->readies;
  passes(SECOND_US);
  assert_int_equal(life->readies, readies); /* there is nothing */
  fill("in", 1, 140, 141);
  passes(SECOND_US);
  assert_int_equal(life->readies, readies + 1);
  kafka_start(life->consumer, AT("in", 0), 38); /* going back */
  mine_find(life, AT("in", 0))->offset = 38;
  buf_clear(&life->story);
  passes(SECOND_US);
  story_is(life, "in/0: 38\nin/0: 39\n");
}

static void a_record_has_all_it_had(void **state) {
  (void)state;
  struct life *life = &lives[0];
  struct kafka_header headers[] = {{slice_of("h"), slice_of("v")}, {slice_of("n"), {NULL, 0}}};
  struct kafka_record record = {.topic = "in",
                                .time_us = 77,
                                .key = slice_of(""),
                                .value = {NULL, 0},
                                .headers = headers,
                                .n_headers = 2};
  sim_kafka_topic(brokers, "in", 1);
  sim_kafka_produce(brokers, &record);
  life_open(life);
  const char *topic = "in";
  struct kafka_consumer_options options = {.topics = &topic, .n_topics = 1, .headers = true};
  struct kafka_consumer_events events = {on_ready, on_assigned, on_revoked, on_trouble};
  struct err err;
  assert_int_equal(
      kafka_consumer_new(life->io.kafka, &options, &events, life, &life->consumer, &err), 0);
  kafka_start(life->consumer, AT("in", 0), 0); /* nobody's assignment */
  while (life->readies == 0) loop_wait(life->io.loop, 1000, &err);
  struct kafka_message m;
  struct kafka_position gone;
  assert_int_equal(kafka_poll(life->consumer, &m, 1, &gone), 1);
  assert_int_equal(m.time_us, 77);
  assert_int_equal(m.offset, 0);
  assert_true(m.key.data != NULL && m.key.len == 0 && m.value.data == NULL);
  assert_int_equal(m.n_headers, 2);
  assert_true(slice_is(m.headers[0].name, "h") && slice_is(m.headers[0].value, "v"));
  assert_null(m.headers[1].value.data);
  kafka_polled(life->consumer);
}

static void offsets_by_time(void **state) {
  (void)state;
  struct life *life = &lives[0];
  sim_kafka_topic(brokers, "in", 1);
  fill("in", 0, 10, 20); /* times are 10 to 19 */
  life_open(life);
  consume(life, "in", NULL, NULL);
  assert_int_equal(offset_at(life, "in", KAFKA_EARLIEST), 0);
  assert_int_equal(offset_at(life, "in", KAFKA_LATEST), 10);
  assert_int_equal(offset_at(life, "in", 13), 3);
  assert_int_equal(offset_at(life, "in", 1000), 10);
  sim_kafka_remove(brokers, AT("in", 0), 5);
  assert_int_equal(offset_at(life, "in", KAFKA_EARLIEST), 5);
  assert_int_equal(offset_at(life, "in", 13), 5);
  kafka_offsets_at(life->consumer, P("nowhere", 0), 1, 0, on_positions, life);
  answered(life);
  assert_true(life->failed && life->err.code == ERR_CONFIG);
}

static void what_is_gone_is_told(void **state) {
  (void)state;
  struct life *life = &lives[0];
  sim_kafka_topic(brokers, "in", 1);
  fill("in", 0, 0, 10);
  sim_kafka_remove(brokers, AT("in", 0), 5);
  life_open(life);
  consume(life, "in", NULL, NULL);
  kafka_start(life->consumer, AT("in", 0), 3);
  passes(SECOND_US);
  assert_string_equal(life->gone.at.topic, "in");
  assert_int_equal(life->gone.offset, 5);
  story_is(life, "");
  kafka_start(life->consumer, AT("in", 0), life->gone.offset);
  passes(SECOND_US);
  story_is(life, "in/0: 5\nin/0: 6\nin/0: 7\nin/0: 8\nin/0: 9\n");
  life->gone.at.topic = NULL;
  kafka_start(life->consumer, AT("in", 0), 11); /* behind the end */
  passes(SECOND_US);
  assert_int_equal(life->gone.offset, 5);
  /* when it has been fetched already */
  kafka_start(life->consumer, AT("in", 0), 5);
  for (int readies = life->readies; life->readies == readies;)
    assert_int_equal(loop_wait(life->io.loop, STEP_US, &life->err), 0);
  sim_kafka_remove(brokers, AT("in", 0), 10);
  read_all(life);
  assert_int_equal(life->gone.offset, 10);
  story_is(life, "");
}

static void compaction_leaves_gaps(void **state) {
  (void)state;
  sim_kafka_topic(brokers, "in", 1);
  static const char *const keys[] = {"a", "b", "a", NULL, "b"};
  for (int i = 0; i < 5; i++) {
    char text[2] = {(char)('0' + i), '\0'};
    struct kafka_record record = {.topic = "in",
                                  .key =
                                      keys[i] != NULL ? slice_of(keys[i]) : (struct slice){NULL, 0},
                                  .value = slice_of(text)};
    sim_kafka_produce(brokers, &record);
  }
  sim_kafka_compact(brokers, AT("in", 0));
  committed_is("in", "2 3 4 ");
  life_open(&lives[0]);
  consume(&lives[0], "in", NULL, NULL);
  kafka_start(lives[0].consumer, AT("in", 0), 0);
  passes(SECOND_US);
  assert_null(lives[0].gone.at.topic);
  story_is(&lives[0], "in/0: 2\nin/0: 3\nin/0: 4\n");
}

/* ------------------------------------------------------------------ transactions */

static void a_transaction_is_seen_whole_or_not_at_all(void **state) {
  (void)state;
  struct life *life = &lives[0], *other = &lives[1];
  sim_kafka_topic(brokers, "in", 1);
  life_open(life);
  life_open(other);
  consume(life, "in", "isolation.level", "read_uncommitted");
  kafka_start(life->consumer, AT("in", 0), 0);
  consume(other, "in", NULL, NULL);
  kafka_start(other->consumer, AT("in", 0), 0);
  produce_by(life, "t", NULL, NULL);
  assert_int_equal(init(life), KAFKA_DONE);
  begin(life);
  put(life, "in", "a");
  passes(SECOND_US);
  fates_are(life, "a delivered\n");
  fill("in", 0, 1, 2); /* behind the open one */
  passes(SECOND_US);
  story_is(life, "in/0: a\nin/0: 1\n");
  story_is(other, "");
  assert_int_equal(offset_at(other, "in", KAFKA_LATEST), 0);
  assert_int_equal(take_back(life), KAFKA_DONE);
  passes(SECOND_US);
  story_is(other, "in/0: 1\n");
  begin(life);
  put(life, "in", "b");
  put(life, "in", "c");
  assert_int_equal(commit(life, 0, NULL), KAFKA_DONE);
  passes(SECOND_US);
  story_is(other, "in/0: b\nin/0: c\n");
  assert_int_equal(sim_kafka_end(brokers, AT("in", 0)), 6); /* two markers */
  committed_is("in", "1 b c ");
  begin(life);
  assert_int_equal(commit(life, 0, NULL), KAFKA_DONE); /* of nothing */
  assert_int_equal(sim_kafka_end(brokers, AT("in", 0)), 6);
}

static void positions_go_with_the_transaction(void **state) {
  (void)state;
  struct life *life = &lives[0];
  struct kafka_position position;
  sim_kafka_topic(brokers, "in", 1);
  life_open(life);
  produce_by(life, "t", NULL, NULL);
  consume(life, "in", NULL, NULL);
  assert_int_equal(init(life), KAFKA_DONE);
  begin(life);
  assert_int_equal(commit(life, 5, "five"), KAFKA_DONE);
  assert_true(sim_kafka_committed(brokers, "g", AT("in", 0), &position));
  assert_int_equal(position.offset, 5);
  kafka_committed(life->consumer, P("in", 0), 1, on_positions, life);
  answered(life);
  assert_int_equal(life->positions[0].offset, 5);
  assert_string_equal(life->metadata, "five");
  /* One that is about to be committed is not known yet. */
  sim_kafka_set_faults(life->io.kafka, (struct sim_kafka_faults){.lost_per_million = 1000000});
  begin(life);
  for (bool pending = false; !pending;) {
    assert_int_equal(commit(life, 6, "six"), KAFKA_AGAIN);
    sim_kafka_set_faults(life->io.kafka, (struct sim_kafka_faults){0});
    kafka_committed(life->consumer, P("in", 0), 1, on_positions, life);
    answered(life);
    pending = life->failed && life->err.code == ERR_RETRY;
    if (!pending && life->positions[0].offset == 6) { /* it was done, and is told so */
      assert_int_equal(commit(life, 6, "six"), KAFKA_DONE);
      begin(life);
    }
    sim_kafka_set_faults(life->io.kafka, (struct sim_kafka_faults){.lost_per_million = 1000000});
  }
  sim_kafka_set_faults(life->io.kafka, (struct sim_kafka_faults){0});
  assert_int_equal(commit(life, 7, "seven"), KAFKA_DONE);
  kafka_committed(life->consumer, P("in", 0), 1, on_positions, life);
  answered(life);
  assert_int_equal(life->positions[0].offset, 7);
  /* What Kafka does not keep. */
  char large[4098];
  memset(large, 'x', sizeof large);
  large[4096] = '\0';
  begin(life);
  assert_int_equal(commit(life, 8, large), KAFKA_DONE);
  large[4096] = 'x';
  large[4097] = '\0';
  begin(life);
  assert_int_equal(commit(life, 9, large), KAFKA_ABORT);
  assert_int_equal(take_back(life), KAFKA_DONE);
  assert_true(sim_kafka_committed(brokers, "g", AT("in", 0), &position));
  assert_int_equal(position.offset, 8);
}

static void who_has_the_id_fences_who_had_it(void **state) {
  (void)state;
  struct life *old = &lives[0], *new = &lives[1];
  enum kafka_outcome outcome;
  sim_kafka_topic(brokers, "in", 1);
  life_open(old);
  life_open(new);
  produce_by(old, "t", NULL, NULL);
  assert_int_equal(init(old), KAFKA_DONE);
  begin(old);
  put(old, "in", "a");
  passes(SECOND_US);
  produce_by(new, "t", NULL, NULL);
  assert_int_equal(init(new), KAFKA_DONE);
  put(old, "in", "b");
  assert_int_equal(commit(old, 0, NULL), KAFKA_FENCED);
  fates_are(old, "a delivered\nb lost\n");
  assert_int_equal(take_back(old), KAFKA_FENCED);
  assert_int_equal(kafka_transaction_begin(old->producer, &outcome, &old->err), -1);
  assert_int_equal(outcome, KAFKA_FENCED);
  assert_int_equal(put(old, "in", "c"), -1);
  begin(new);
  put(new, "in", "d");
  assert_int_equal(commit(new, 0, NULL), KAFKA_DONE);
  committed_is("in", "d ");
}

static void nobody_comes_back(void **state) {
  (void)state;
  sim_kafka_topic(brokers, "in", 1);
  life_open(&lives[0]);
  produce_by(&lives[0], "t", "transaction.timeout.ms", "10000");
  assert_int_equal(init(&lives[0]), KAFKA_DONE);
  begin(&lives[0]);
  put(&lives[0], "in", "a");
  passes(SECOND_US);
  fill("in", 0, 1, 2);
  life_crash(&lives[0]);
  committed_is("in", "");
  sim_kafka_pass(brokers, 9 * SECOND_US);
  committed_is("in", "1 ");
}

static void who_is_too_slow_is_fenced(void **state) {
  (void)state;
  struct life *life = &lives[0];
  sim_kafka_topic(brokers, "in", 1);
  life_open(life);
  produce_by(life, "t", "transaction.timeout.ms", "10000");
  assert_int_equal(init(life), KAFKA_DONE);
  begin(life);
  put(life, "in", "a");
  passes(11 * SECOND_US);
  assert_int_equal(commit(life, 0, NULL), KAFKA_FENCED);
  committed_is("in", "");
}

static void what_goes_wrong_with_records(void **state) {
  (void)state;
  struct life *life = &lives[0];
  sim_kafka_topic(brokers, "in", 1);
  life_open(life);
  produce_by(life, "t", "message.max.bytes", "1000");
  assert_int_equal(init(life), KAFKA_DONE);
  sim_kafka_set_faults(life->io.kafka, (struct sim_kafka_faults){.refuse_over_bytes = 3});
  begin(life);
  char large[1002];
  memset(large, 'x', sizeof large);
  large[1001] = '\0';
  assert_int_equal(put(life, "in", large), -1);
  assert_int_equal(life->err.code, ERR_DATA);
  put(life, "in", "abc");
  put(life, "in", "abcd");
  passes(SECOND_US);
  fates_are(life, "abc delivered\nabcd refused\n");
  assert_int_equal(commit(life, 0, NULL), KAFKA_ABORT);
  put(life, "in", "e");
  assert_int_equal(take_back(life), KAFKA_DONE);
  fates_are(life, "e lost\n");
  begin(life);
  put(life, "nowhere", "a");
  passes(SECOND_US);
  fates_are(life, "a lost\n");
  assert_int_equal(life->refusals, 1);
  assert_int_equal(take_back(life), KAFKA_DONE);
  committed_is("in", "");
}

static void a_full_queue(void **state) {
  (void)state;
  struct life *life = &lives[0];
  sim_kafka_topic(brokers, "in", 1);
  life_open(life);
  produce_by(life, NULL, "queue.buffering.max.messages", "2");
  assert_int_equal(put(life, "in", "a"), 0);
  assert_int_equal(put(life, "in", "b"), 0);
  assert_int_equal(put(life, "in", "c"), 1);
  assert_int_equal(life->rooms, 0);
  passes(SECOND_US);
  assert_int_equal(life->rooms, 1);
  assert_int_equal(put(life, "in", "c"), 0);
  passes(SECOND_US);
  committed_is("in", "a b c ");
  assert_int_equal(life->rooms, 1);
}

/* A lost acknowledgement is repeated: once without idempotence, never with it. */
static void acknowledgements_are_lost(void **state) {
  (void)state;
  struct life *life = &lives[0];
  sim_kafka_topic(brokers, "in", 1);
  life_open(life);
  sim_kafka_set_faults(life->io.kafka, (struct sim_kafka_faults){.lost_per_million = 500000});
  produce_by(life, NULL, NULL, NULL);
  for (int i = 0; i < 20; i++) {
    put(life, "in", "x");
    passes(SECOND_US);
  }
  committed_is("in", "x x x x x x x x x x x x x x x x x x x x ");
  kafka_producer_free(life->producer);
  produce_by(life, NULL, "enable.idempotence", "false");
  for (int i = 0; i < 20; i++) {
    put(life, "in", "x");
    passes(SECOND_US);
  }
  assert_true(sim_kafka_end(brokers, AT("in", 0)) > 40);
}

/* Kafka's own test vectors (UtilsTest.testMurmur2). */
static void keys_go_where_java_puts_them(void **state) {
  (void)state;
  static const struct {
    const char *key;
    int32_t hash;
  } vectors[] = {{"21", -973932308},
                 {"foobar", -790332482},
                 {"a-little-bit-long-string", -985981536},
                 {"a-little-bit-longer-string", -1486304829},
                 {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                 {"abc", 479470107}};
  struct life *life = &lives[0];
  sim_kafka_topic(brokers, "in", 997);
  life_open(life);
  produce_by(life, NULL, NULL, NULL);
  for (int i = 0; i < 6; i++) {
    struct kafka_record record = {.topic = "in",
                                  .partition = -1,
                                  .time_us = KAFKA_NO_TIME,
                                  .key = slice_of(vectors[i].key),
                                  .value = slice_of("x"),
                                  .token = (void *)vectors[i].key};
    assert_int_equal(kafka_produce(life->producer, &record, &life->err), 0);
    passes(SECOND_US);
    int32_t partition = (vectors[i].hash & 0x7fffffff) % 997;
    assert_int_equal(sim_kafka_end(brokers, AT("in", partition)), 1);
    struct kafka_message m;
    int64_t offset = 0;
    assert_true(sim_kafka_read(brokers, AT("in", partition), &offset, &m));
    assert_true(m.time_us >= 1700000000000000); /* the clock's */
  }
}

/* ------------------------------------------------------------------ groups */

static void partitions_move_when_they_are_released(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 4);
  life_open(a);
  life_open(b);
  join_group(a, "in", NULL, NULL);
  passes(SECOND_US);
  assert_int_equal(a->assigned, 4);
  a->hold = true;
  join_group(b, "in", NULL, NULL);
  passes(SECOND_US);
  assert_int_equal(a->revoked, 2);
  assert_int_equal(b->assigned, 0); /* they are still a's: so it goes on reading */
  for (int32_t i = 0; i < 4; i++) fill("in", i, 0, 1);
  passes(SECOND_US);
  assert_int_equal(a->story.len, strlen("in/0: 0\n") * 4);
  for (int32_t i = 0; i < 4; i++) kafka_release(a->consumer, AT("in", i));
  passes(SECOND_US);
  assert_int_equal(b->assigned, 2);
  assert_int_equal(a->assigned, 4);
  /* Who leaves gives his back at once. */
  a->hold = false;
  kafka_consumer_free(b->consumer);
  b->consumer = NULL;
  a->n_mine = 0;
  passes(SECOND_US);
  assert_int_equal(a->assigned, 6);
  assert_int_equal(sim_kafka_members(brokers, "g"), 1);
}

static void who_does_not_let_go_is_out(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 2);
  life_open(a);
  life_open(b);
  join_group(a, "in", "max.poll.interval.ms", "20000");
  passes(SECOND_US);
  a->hold = true;
  join_group(b, "in", NULL, NULL);
  passes(19 * SECOND_US);
  assert_int_equal(b->assigned, 0);
  passes(3 * SECOND_US);
  assert_int_equal(a->lost, 2);
  assert_true(b->assigned >= 1);
}

static void a_crash_holds_its_partitions_for_a_session(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 2);
  life_open(a);
  life_open(b);
  join_group(a, "in", "session.timeout.ms", "10000");
  join_group(b, "in", NULL, NULL);
  passes(SECOND_US);
  assert_int_equal(b->n_mine, 1);
  life_crash(a);
  passes(9 * SECOND_US);
  assert_int_equal(b->n_mine, 1);
  passes(2 * SECOND_US);
  assert_int_equal(b->n_mine, 2);
}

static void a_static_member_comes_back(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 2);
  life_open(a);
  life_open(b);
  join_group(a, "in", "group.instance.id", "one");
  join_group(b, "in", NULL, NULL);
  passes(SECOND_US);
  int32_t mine = a->mine[0].at.partition;
  life_crash(a);
  passes(SECOND_US);
  life_open(a);
  join_group(a, "in", "group.instance.id", "one");
  passes(SECOND_US);
  assert_int_equal(a->n_mine, 1);
  assert_int_equal(a->mine[0].at.partition, mine);
  /* Also when it said good-bye; and if not, its place is free after the session. */
  kafka_consumer_free(a->consumer);
  a->consumer = NULL;
  passes(44 * SECOND_US);
  assert_int_equal(sim_kafka_members(brokers, "g"), 2);
  assert_int_equal(b->n_mine, 1);
  passes(2 * SECOND_US);
  assert_int_equal(b->n_mine, 2);
}

static void two_with_one_instance(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 2);
  life_open(a);
  life_open(b);
  join_group(a, "in", "group.instance.id", "one");
  passes(SECOND_US);
  join_group(b, "in", "group.instance.id", "one");
  passes(SECOND_US);
  assert_int_equal(b->n_mine, 2);
  assert_int_equal(a->lost, 2);
  assert_int_equal(a->refusals, 1);
  passes(SECOND_US);
  assert_int_equal(b->lost, 0); /* a stays out */
  kafka_commit(a->consumer, b->mine, 1, on_positions, a);
  answered(a);
  assert_true(a->failed && a->err.code == ERR_IO);
}

static void a_daemon_that_was_stopped(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 2);
  life_open(a);
  life_open(b);
  join_group(a, "in", NULL, NULL);
  join_group(b, "in", NULL, NULL);
  passes(SECOND_US);
  assert_int_equal(a->n_mine, 1);
  struct err err;
  int64_t end_us = clock_mono_us(b->io.clock) + 46 * SECOND_US;
  while (clock_mono_us(b->io.clock) < end_us)
    assert_int_equal(loop_wait(b->io.loop, SECOND_US, &err), 0);
  assert_int_equal(b->n_mine, 2);
  passes(SECOND_US);
  assert_int_equal(a->lost, 1);
  assert_int_equal(a->n_mine + b->n_mine, 2); /* a is in the group again */
  assert_int_equal(a->n_mine, 1);
}

static void commits_of_a_group(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 1);
  life_open(a);
  life_open(b);
  join_group(a, "in", NULL, NULL);
  passes(SECOND_US);
  kafka_committed(a->consumer, P("in", 0), 1, on_positions, a);
  answered(a);
  assert_int_equal(a->positions[0].offset, KAFKA_OFFSET_NONE);
  struct kafka_position position = {AT("in", 0), 3, slice_of("ours")};
  kafka_commit(a->consumer, &position, 1, on_positions, a);
  answered(a);
  assert_false(a->failed);
  kafka_committed(a->consumer, P("in", 0), 1, on_positions, a);
  answered(a);
  assert_int_equal(a->positions[0].offset, 3);
  assert_string_equal(a->metadata, "ours");
  /* Who is no member may not, while there are some. */
  consume(b, "in", NULL, NULL);
  kafka_commit(b->consumer, &position, 1, on_positions, b);
  answered(b);
  assert_true(b->failed && b->err.code == ERR_RETRY);
  kafka_consumer_free(a->consumer);
  a->consumer = NULL;
  kafka_commit(b->consumer, &position, 1, on_positions, b);
  answered(b);
  assert_false(b->failed);
}

/* A commit that was sent before a rebalance and comes behind it. */
static void a_commit_that_crosses_a_rebalance(void **state) {
  (void)state;
  struct life *a = &lives[0], *b = &lives[1];
  sim_kafka_topic(brokers, "in", 2);
  life_open(a);
  life_open(b);
  join_group(a, "in", NULL, NULL);
  passes(SECOND_US);
  a->hold = true;
  join_group(b, "in", NULL, NULL);
  struct kafka_position position = {AT("in", 0), 3, slice_of("ours")};
  while (sim_kafka_members(brokers, "g") < 2)
    assert_int_equal(loop_wait(b->io.loop, STEP_US, &b->err), 0);
  kafka_commit(a->consumer, &position, 1, on_positions, a);
  int before = a->answers;
  while (a->answers == before) assert_int_equal(loop_wait(a->io.loop, 1, &a->err), 0);
  if (a->revoked > 0) return; /* it had heard of the rebalance before */
  assert_true(a->failed && a->err.code == ERR_RETRY);
  assert_false(sim_kafka_committed(brokers, "g", AT("in", 0), &position));
  passes(SECOND_US);
  assert_int_equal(a->lost, 2);
  assert_int_equal(a->n_mine + b->n_mine, 2);
}

static void topics_come_and_grow(void **state) {
  (void)state;
  struct life *life = &lives[0];
  life_open(life);
  join_group(life, "^in-.*", NULL, NULL);
  passes(SECOND_US);
  assert_int_equal(life->assigned, 0);
  sim_kafka_topic(brokers, "in-a", 1);
  sim_kafka_topic(brokers, "out", 1);
  passes(SECOND_US);
  assert_int_equal(life->assigned, 1);
  sim_kafka_topic(brokers, "in-a", 3);
  sim_kafka_topic(brokers, "in-b", 1);
  passes(SECOND_US);
  assert_int_equal(life->assigned, 4);
  life_open(&lives[1]);
  join_group(&lives[1], "missing", NULL, NULL);
  passes(SECOND_US);
  assert_int_equal(lives[1].refusals, 1);
  assert_int_equal(lives[1].assigned, 0);
}

/* Two readers that come and go, each going on where the group was: nothing lost, nothing twice. */
static void a_storm_of_rebalances(void **state) {
  (void)state;
  struct random random;
  random_seed(&random, 7);
  sim_kafka_topic(brokers, "in", 5);
  struct buf story = {0};
  for (int round = 0; round < 60; round++) {
    struct life *life = &lives[random_below(&random, 2)];
    if (life->disk == NULL) {
      life_open_seed(life, (uint64_t)round);
      life->from_group = true;
      join_group(life, "in", NULL, NULL);
    } else if (random_below(&random, 2) == 0) {
      for (size_t i = 0; i < life->n_mine; i++) sim_kafka_commit(brokers, "g", &life->mine[i]);
      buf_put_slice(&story, buf_slice(&life->story));
      life_close(life);
    }
    for (int32_t i = 0; i < 5; i++) fill("in", i, round * 10, round * 10 + 10);
    passes((int64_t)random_below(&random, SECOND_US));
  }
  if (lives[0].disk == NULL) {
    life_open(&lives[0]);
    lives[0].from_group = true;
    join_group(&lives[0], "in", NULL, NULL);
  }
  passes(SECOND_US);
  for (int i = 0; i < LIVES; i++) buf_put_slice(&story, buf_slice(&lives[i].story));
  bool seen[5][600] = {{false}};
  size_t n = 0;
  char *line = (char *)buf_cstr(&story);
  for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
    int partition, value;
    assert_int_equal(sscanf(line, "in/%d: %d", &partition, &value), 2);
    assert_false(seen[partition][value]);
    seen[partition][value] = true;
  }
  assert_int_equal(n, 5 * 600);
  buf_fini(&story);
}

/* ------------------------------------------------------------------ faults */

static void the_connection_goes_away(void **state) {
  (void)state;
  struct life *life = &lives[0];
  struct kafka_setting setting = {"bootstrap.servers", "localhost:9092"};
  struct kafka_settings settings = {&setting, 1};
  const char *topics[] = {"in", "missing"};
  sim_kafka_topic(brokers, "in", 1);
  life_open(life);
  join_group(life, "in", NULL, NULL);
  produce_by(life, "t", "delivery.timeout.ms", "5000");
  assert_int_equal(init(life), KAFKA_DONE);
  begin(life);
  assert_int_equal(kafka_reach(life->io.kafka, &settings, topics, 1, SECOND_US, &life->err), 0);
  assert_int_equal(kafka_reach(life->io.kafka, &settings, topics, 2, SECOND_US, &life->err), -1);
  assert_int_equal(life->err.code, ERR_CONFIG);
  passes(SECOND_US);
  assert_int_equal(life->downs, 0);
  sim_kafka_cut(life->io.kafka, 10 * SECOND_US);
  fill("in", 0, 0, 1);
  passes(SECOND_US);
  assert_int_equal(life->downs, 2); /* each client once */
  story_is(life, "");
  assert_int_equal(kafka_reach(life->io.kafka, &settings, topics, 1, SECOND_US, &life->err), -1);
  assert_int_equal(life->err.code, ERR_RETRY);
  kafka_committed(life->consumer, P("in", 0), 1, on_positions, life);
  answered(life);
  assert_true(life->failed && life->err.code == ERR_RETRY);
  put(life, "in", "a");
  assert_int_equal(commit(life, 0, NULL), KAFKA_AGAIN);
  passes(6 * SECOND_US);
  fates_are(life, "a lost\n"); /* its timeout */
  assert_int_equal(commit(life, 0, NULL), KAFKA_ABORT);
  passes(5 * SECOND_US);
  story_is(life, "in/0: 0\n");
  assert_int_equal(take_back(life), KAFKA_DONE);
  assert_int_equal(life->downs, 2);
  assert_int_equal(life->lost, 0); /* the session was longer */
  sim_kafka_cut(life->io.kafka, 50 * SECOND_US);
  passes(46 * SECOND_US);
  assert_int_equal(life->lost, 1);
  passes(5 * SECOND_US);
  assert_int_equal(life->assigned, 2);
}

static void settings_are_checked(void **state) {
  (void)state;
  static const struct {
    struct kafka_setting setting;
    const char *text;
  } cases[] = {{{"linger.ms", "5"}, NULL},
               {{"linger.msec", "5"}, "there is no setting 'linger.msec'"},
               {{"session.timeout.ms", "soon"}, "session.timeout.ms is 'soon'"},
               {{"isolation.level", "none"}, "it may be read_committed or read_uncommitted"}};
  life_open(&lives[0]);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kafka_settings settings = {&cases[i].setting, 1};
    struct err err;
    int result = kafka_settings_check(lives[0].io.kafka, &settings, false, &err);
    assert_int_equal(result, cases[i].text != NULL ? -1 : 0);
    if (result == 0) continue;
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.text, cases[i].text));
  }
  const char *topic = "^(";
  struct kafka_consumer_options options = {.topics = &topic, .n_topics = 1};
  struct kafka_consumer_events events = {on_ready, on_assigned, on_revoked, on_trouble};
  struct err err;
  assert_int_equal(
      kafka_consumer_new(lives[0].io.kafka, &options, &events, NULL, &lives[0].consumer, &err), -1);
  assert_int_equal(err.code, ERR_CONFIG);
  lives[0].consumer = NULL;
}

/* Writes 1 to 30 in transactions, each with how far it got as the group's offset; whatever happens,
 * it begins again where that is. True: it came to the end. */
static bool write_numbers(struct life *life, uint64_t seed, struct sim_kafka_faults faults) {
  static const char *const numbers[] = {"0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",
                                        "8",  "9",  "10", "11", "12", "13", "14", "15",
                                        "16", "17", "18", "19", "20", "21", "22", "23",
                                        "24", "25", "26", "27", "28", "29", "30"};
  enum { LAST = 30 };
  life_open_seed(life, seed);
  sim_kafka_set_faults(life->io.kafka, faults);
  produce_by(life, "t", NULL, NULL);
  bool ready = false;
  for (;;) {
    enum kafka_outcome outcome = ready ? KAFKA_DONE : KAFKA_AGAIN;
    int64_t from = -1, to;
    int before = life->answers;
    if (!ready) kafka_transactions_init(life->producer, on_step, life);
    for (int i = 0; !ready && life->answers == before; i++) {
      if (sim_kafka_crashed(life->io.kafka)) return false;
      passes(STEP_US);
    }
    if (!ready) outcome = life->outcome;
    ready = outcome == KAFKA_DONE;
    while (ready && from < 0) { /* fenced off: now the group's offset is what counts */
      struct kafka_position committed;
      from = sim_kafka_committed(brokers, "g", AT("in", 0), &committed) ? committed.offset : 0;
    }
    if (ready && from == LAST) return true;
    if (ready) {
      begin(life);
      to = from + 1 + (int64_t)(seed % 7);
      if (to > LAST) to = LAST;
      for (int64_t i = from; i < to; i++) put(life, "in", numbers[i + 1]);
      do {
        struct kafka_position position = {AT("in", 0), to, {NULL, 0}};
        before = life->answers;
        kafka_transaction_commit(life->producer, "g", &position, 1, on_step, life);
        while (life->answers == before) {
          if (sim_kafka_crashed(life->io.kafka)) return false;
          passes(STEP_US);
        }
        outcome = life->outcome;
      } while (outcome == KAFKA_AGAIN);
      while (outcome == KAFKA_ABORT || outcome == KAFKA_AGAIN) {
        before = life->answers;
        kafka_transaction_abort(life->producer, on_step, life);
        while (life->answers == before) {
          if (sim_kafka_crashed(life->io.kafka)) return false;
          passes(STEP_US);
        }
        outcome = life->outcome == KAFKA_DONE ? KAFKA_DONE : life->outcome;
      }
    }
    if (outcome == KAFKA_FATAL) {
      kafka_producer_free(life->producer);
      produce_by(life, "t", NULL, NULL);
      ready = false;
    }
    assert_int_not_equal(outcome, KAFKA_FENCED);
    passes((int64_t)(seed % 5) * STEP_US); /* the commit's markers may come later */
    if (outcome == KAFKA_DONE) ready = false;
  }
}

static void once_whatever_happens(void **state) {
  (void)state;
  int crashes = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    struct sim_kafka_faults faults = {.delay_us_max = (int64_t)(seed % 3) * 20000,
                                      .lost_per_million = seed % 4 == 0 ? 0 : 200000,
                                      .cut_per_million = seed % 5 == 0 ? 50000 : 0,
                                      .cut_us_max = SECOND_US,
                                      .abort_per_million = seed % 2 == 0 ? 200000 : 0,
                                      .fatal_per_million = seed % 6 == 0 ? 50000 : 0,
                                      .crash_at = 1 + seed};
    sim_kafka_free(brokers);
    brokers = sim_kafka_new();
    sim_kafka_topic(brokers, "in", 1);
    while (!write_numbers(&lives[0], seed, faults)) {
      crashes++;
      life_close(&lives[0]);
      sim_kafka_pass(brokers, SECOND_US);
      faults.crash_at = seed % 9 == 0 ? 0 : faults.crash_at + 1;
    }
    life_close(&lives[0]);
    committed_is("in", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 "
                       "28 29 30 ");
  }
  assert_true(crashes > 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(messages_come_in_order),
      TEST(a_record_has_all_it_had),
      TEST(offsets_by_time),
      TEST(what_is_gone_is_told),
      TEST(compaction_leaves_gaps),
      TEST(a_transaction_is_seen_whole_or_not_at_all),
      TEST(positions_go_with_the_transaction),
      TEST(who_has_the_id_fences_who_had_it),
      TEST(nobody_comes_back),
      TEST(who_is_too_slow_is_fenced),
      TEST(what_goes_wrong_with_records),
      TEST(a_full_queue),
      TEST(acknowledgements_are_lost),
      TEST(keys_go_where_java_puts_them),
      TEST(partitions_move_when_they_are_released),
      TEST(who_does_not_let_go_is_out),
      TEST(a_crash_holds_its_partitions_for_a_session),
      TEST(a_static_member_comes_back),
      TEST(two_with_one_instance),
      TEST(a_daemon_that_was_stopped),
      TEST(commits_of_a_group),
      TEST(a_commit_that_crosses_a_rebalance),
      TEST(topics_come_and_grow),
      TEST(a_storm_of_rebalances),
      TEST(the_connection_goes_away),
      TEST(settings_are_checked),
      TEST(once_whatever_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
