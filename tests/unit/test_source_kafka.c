/* The source `kafka` on simulated brokers: what it commits, from where it goes on, how partitions
 * move. A daemon is a world of the source harness; two may be on the brokers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "sources/sources.h"
#include "tests/contract/source_harness.h"

#include <stdio.h>

enum { SECOND_US = 1000000, STEP_US = 10000, DAEMONS = 2 };

#define OPTIONS "brokers: localhost:9092\ntopics: in\ngroup: g\n"

struct daemon {
  struct source_world world;
  FILE *stream;
  char *said;
  size_t said_len;
  bool runs, deaf; /* deaf: nothing is acknowledged */
  bool stopped;    /* its loop stands still */
  uint64_t bytes;  /* of a take */
  struct err err;  /* how take() ended */
  bool failed;
};
static struct daemon daemons[DAEMONS];
static struct sim_kafka *brokers;
static uint64_t faults_seed; /* 0: no faults */

static void furnish(struct source_world *world, void *arg) {
  (void)arg;
  sim_kafka_join(world->io.kafka, brokers);
  if (faults_seed == 0) return;
  sim_kafka_set_faults(world->io.kafka, (struct sim_kafka_faults){.delay_us_max = 20000,
                                                                  .lost_per_million = 100000,
                                                                  .cut_per_million = 20000,
                                                                  .cut_us_max = 300000});
}

static int setup(void **state) {
  (void)state;
  brokers = sim_kafka_new();
  faults_seed = 0;
  for (int i = 0; i < DAEMONS; i++) {
    struct daemon *d = &daemons[i];
    *d = (struct daemon){.bytes = 1 << 20};
    source_world_open(&d->world, true);
    d->world.furnish = furnish;
    d->world.gaps = true;
    d->world.state_folder[0] = (char)('a' + i);
    d->stream = open_memstream(&d->said, &d->said_len);
    d->world.diag = (struct diag){.stream = d->stream, .level = DIAG_INFO};
  }
  return 0;
}

static int teardown(void **state) {
  (void)state;
  for (int i = 0; i < DAEMONS; i++) {
    source_world_close(&daemons[i].world);
    fclose(daemons[i].stream);
    free(daemons[i].said);
  }
  sim_kafka_free(brokers);
  return 0;
}

static void start(struct daemon *d, const char *options) {
  if (source_start(&d->world, &source_kafka, options, &d->err) != 0) fail_msg("%s", d->err.text);
  d->world.ready = true; /* the engine's first call */
  d->runs = true;
  d->failed = false;
}

static void stop(struct daemon *d) {
  source_stop(&d->world);
  d->runs = false;
}

static void passes(int64_t us);

/* As the engine does it: nothing more is taken, all is in the sinks for good, then it ends. */
static void drain(struct daemon *d) {
  d->bytes = 0;
  source_kafka.stop(d->world.instance);
  passes(SECOND_US);
  stop(d);
}

static void crash(struct daemon *d) {
  sim_kafka_crash(d->world.io.kafka);
  stop(d);
}

static void turn(struct daemon *d) {
  int64_t end_us = clock_mono_us(d->world.io.clock) + STEP_US;
  for (int64_t left; (left = end_us - clock_mono_us(d->world.io.clock)) > 0;)
    if (loop_wait(d->world.io.loop, left, &d->err) != 0) fail_msg("%s", d->err.text);
  for (int i = 0; d->world.ready && !d->failed && i < 100; i++)
    d->failed = source_take_once(&d->world, d->bytes, &d->err) != 0;
  if (!d->deaf && !d->failed) source_acknowledged(&d->world);
}

static void passes(int64_t us) {
  for (int64_t t = 0; t < us; t += STEP_US)
    for (int i = 0; i < DAEMONS; i++)
      if (daemons[i].runs && !daemons[i].stopped) turn(&daemons[i]);
}

static void produce(const char *topic, int32_t partition, const char *value) {
  struct kafka_record record = {.topic = topic,
                                .partition = partition,
                                .time_us = 1000,
                                .key = slice_of("k"),
                                .value = value != NULL ? slice_of(value) : (struct slice){NULL, 0}};
  sim_kafka_produce(brokers, &record);
}

static void produce_numbers(const char *topic, int32_t partition, int from, int to) {
  char text[20];
  for (int i = from; i < to; i++) {
    snprintf(text, sizeof text, "%d", i);
    produce(topic, partition, text);
  }
}

static void story_is(struct daemon *d, const char *story) {
  assert_string_equal(buf_cstr(&d->world.story), story);
  buf_clear(&d->world.story);
}

static bool has_said(struct daemon *d, const char *text) {
  fflush(d->stream);
  return d->said != NULL && strstr(d->said, text) != NULL;
}

#define AT(topic, partition) ((struct kafka_partition){topic, partition})

static int64_t group_offset(int32_t partition) {
  struct kafka_position position;
  return sim_kafka_committed(brokers, "g", AT("in", partition), &position) ? position.offset : -1;
}

/* Each number of [0, n) of each partition is in the stories exactly once. */
static void all_once(int n_partitions, int n) {
  bool *seen = mem_zalloc((size_t)(n_partitions * n));
  size_t count = 0;
  for (int d = 0; d < DAEMONS; d++) {
    const char *line = buf_cstr(&daemons[d].world.story);
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, count++) {
      int partition, value;
      assert_int_equal(sscanf(line, "%d: %d", &partition, &value), 2);
      assert_in_range(value, 0, n - 1);
      bool *one = &seen[partition * n + value];
      if (*one) fail_msg("%d of partition %d comes twice", value, partition);
      *one = true;
    }
  }
  if (count != (size_t)(n_partitions * n))
    fail_msg("%zu of %d records have come", count, n_partitions * n);
  free(seen);
}

/* ------------------------------------------------------------------ reading */

static void partitions_are_read(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 3);
  for (int32_t p = 0; p < 3; p++) produce_numbers("in", p, 0, 50);
  d->bytes = 700;
  start(d, OPTIONS);
  passes(SECOND_US);
  all_once(3, 50);
  assert_int_equal(d->world.n_partitions, 3);
  assert_int_equal(group_offset(1), 0); /* seldom */
  passes(5 * SECOND_US);
  assert_int_equal(group_offset(1), 50);
  stop(d);
  assert_int_equal(group_offset(1), 50);
  for (int32_t p = 0; p < 3; p++) produce_numbers("in", p, 50, 60);
  start(d, OPTIONS);
  passes(SECOND_US);
  all_once(3, 60);
  stop(d);
  source_check_reread(&d->world, &source_kafka, OPTIONS);
}

static void a_restart_waits_for_nobody(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  start(d, OPTIONS);
  passes(SECOND_US);
  crash(d);
  produce_numbers("in", 0, 0, 1);
  start(d, OPTIONS);
  passes(SECOND_US);
  story_is(d, "0: 0\n");
  assert_int_equal(sim_kafka_members(brokers, "g"), 1);
}

static void where_it_begins(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 3);
  start(d, OPTIONS "start: latest\n");
  passes(SECOND_US);
  story_is(d, "");
  crash(d); /* nothing is in the log, and yet it is known where it was */
  produce_numbers("in", 0, 3, 5);
  start(d, OPTIONS "start: latest\n");
  passes(SECOND_US);
  story_is(d, "0: 3\n0: 4\n");
  stop(d);
  source_world_forget(&d->world);
  struct kafka_record late = {.topic = "in", .time_us = 1768000000000000, .value = slice_of("x")};
  sim_kafka_produce(brokers, &late);
  start(d, "brokers: b\ntopics: [in]\ngroup: h\nstart: 2026-01-01T00:00:00Z\n");
  passes(SECOND_US);
  story_is(d, "0: x\n");
  stop(d);
  source_world_forget(&d->world);
  start(d, OPTIONS); /* another log of the same folder: the group knows */
  passes(SECOND_US);
  story_is(d, "0: x\n");
}

static void records_without_a_value(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce("in", 0, "a");
  produce("in", 0, NULL);
  produce("in", 0, "");
  produce("in", 0, "b\nc");
  start(d, OPTIONS);
  passes(SECOND_US);
  story_is(d, "0: a\n0: null\n0: \n0: b\nc\n");
  stop(d);
  source_check_reread(&d->world, &source_kafka, OPTIONS);
  source_world_forget(&d->world);
  start(d, "brokers: b\ntopics: in\ngroup: h\ntombstones: drop\n");
  passes(SECOND_US);
  story_is(d, "0: a\n0: \n0: b\nc\n");
  stop(d);
  source_check_reread(&d->world, &source_kafka, "brokers: b\ntopics: in\ntombstones: drop\n");
}

/* ------------------------------------------------------------------ transactions */

static int steps;
static void on_step(void *arg, enum kafka_outcome outcome, const char *text) {
  (void)arg, (void)text;
  assert_int_equal(outcome, KAFKA_DONE);
  steps++;
}
static void on_fate(void *arg, void *token, enum kafka_fate fate, const char *text) {
  (void)arg, (void)token, (void)fate, (void)text;
}

static void wait_step(struct io *io, int n) {
  struct err err;
  while (steps < n) assert_int_equal(loop_wait(io->loop, SECOND_US, &err), 0);
}

/* Somebody else's producer. */
static void transaction(const char *const *values, bool commits) {
  struct io io;
  struct err err;
  struct disk *disk = sim_disk_new();
  assert_int_equal(io_sim_open(&io, 5, 1767225600000000, disk, &err), 0);
  sim_kafka_join(io.kafka, brokers);
  struct kafka_setting setting = {"transactional.id", "t"};
  struct kafka_producer_options options = {.settings = {&setting, 1}};
  struct kafka_producer_events events = {.fate = on_fate};
  struct kafka_producer *producer;
  enum kafka_outcome outcome;
  assert_int_equal(kafka_producer_new(io.kafka, &options, &events, NULL, &producer, &err), 0);
  steps = 0;
  kafka_transactions_init(producer, on_step, NULL);
  wait_step(&io, 1);
  assert_int_equal(kafka_transaction_begin(producer, &outcome, &err), 0);
  for (; *values != NULL; values++) {
    struct kafka_record record = {.topic = "in", .time_us = 1, .value = slice_of(*values)};
    assert_int_equal(kafka_produce(producer, &record, &err), 0);
  }
  for (int64_t end_us = clock_mono_us(io.clock) + SECOND_US; clock_mono_us(io.clock) < end_us;)
    assert_int_equal(loop_wait(io.loop, STEP_US, &err), 0);
  if (commits)
    kafka_transaction_commit(producer, "", NULL, 0, on_step, NULL);
  else
    kafka_transaction_abort(producer, on_step, NULL);
  wait_step(&io, 2);
  kafka_producer_free(producer);
  io_sim_close(&io);
  disk_free(disk);
}

static void transactions_leave_gaps(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  transaction((const char *const[]){"a", "b", NULL}, true);
  transaction((const char *const[]){"c", NULL}, false);
  transaction((const char *const[]){"d", NULL}, true);
  start(d, OPTIONS);
  passes(SECOND_US);
  story_is(d, "0: a\n0: b\n0: d\n");
  assert_int_equal(d->world.given[d->world.n_given - 1].to, 6);
  drain(d);
  assert_int_equal(group_offset(0), 6);
  d->bytes = 1000;
  start(d, OPTIONS);
  transaction((const char *const[]){"e", NULL}, true);
  passes(SECOND_US);
  story_is(d, "0: e\n");
  stop(d);
  source_check_reread(&d->world, &source_kafka, OPTIONS);
  source_world_forget(&d->world);
  start(d, "brokers: b\ntopics: in\ngroup: h\nisolation: read_uncommitted\n");
  passes(SECOND_US);
  story_is(d, "0: a\n0: b\n0: c\n0: d\n0: e\n");
}

/* ------------------------------------------------------------------ the group */

static void partitions_move(void **state) {
  (void)state;
  struct daemon *a = &daemons[0], *b = &daemons[1];
  sim_kafka_topic(brokers, "in", 4);
  for (int32_t p = 0; p < 4; p++) produce_numbers("in", p, 0, 100);
  a->bytes = 1000;
  start(a, OPTIONS);
  passes(6 * SECOND_US);
  a->deaf = true;
  start(b, OPTIONS);
  for (int32_t p = 0; p < 4; p++) produce_numbers("in", p, 100, 200);
  passes(SECOND_US);
  assert_true(a->world.commit_soon); /* it wants to let go, and may not yet */
  for (int32_t p = 0; p < 4; p++) assert_in_range(group_offset(p), 1, 100);
  assert_int_equal(b->world.n_partitions, 0);
  a->deaf = false;
  passes(SECOND_US);
  assert_int_equal(b->world.n_partitions, 2);
  for (int32_t p = 0; p < 4; p++) produce_numbers("in", p, 200, 300);
  passes(SECOND_US);
  all_once(4, 300);
  /* And back, to who has been there before. */
  b->deaf = true; /* what was acknowledged before it is told to stop is committed then */
  drain(b);
  passes(60 * SECOND_US); /* b is a static member */
  for (int32_t p = 0; p < 4; p++) produce_numbers("in", p, 300, 310);
  passes(SECOND_US);
  all_once(4, 310);
  assert_true(has_said(a, "another state folder has read it meanwhile [kafka-moved]"));
}

static void a_daemon_that_was_stopped(void **state) {
  (void)state;
  struct daemon *a = &daemons[0], *b = &daemons[1];
  sim_kafka_topic(brokers, "in", 2);
  start(a, OPTIONS);
  start(b, OPTIONS);
  passes(2 * SECOND_US);
  for (int32_t p = 0; p < 2; p++) produce_numbers("in", p, 0, 20);
  passes(6 * SECOND_US);
  a->stopped = true;
  passes(60 * SECOND_US);
  for (int32_t p = 0; p < 2; p++) produce_numbers("in", p, 20, 40);
  passes(SECOND_US);
  a->stopped = false;
  passes(5 * SECOND_US);
  assert_true(has_said(a, "[kafka-lost]"));
  for (int32_t p = 0; p < 2; p++) produce_numbers("in", p, 40, 60);
  passes(5 * SECOND_US);
  all_once(2, 60); /* all that a had taken was committed before */
}

static void an_offset_that_was_set(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 10);
  start(d, OPTIONS);
  passes(SECOND_US);
  stop(d);
  buf_clear(&d->world.story);
  struct kafka_position position = {AT("in", 0), 7, {NULL, 0}};
  sim_kafka_commit(brokers, "g", &position);
  start(d, OPTIONS);
  d->bytes = 0; /* it goes there, and crashes before it has taken anything */
  d->deaf = true;
  passes(SECOND_US);
  assert_true(has_said(d, "in/0 goes on at offset 7 instead of 10: the group's offset was set by "
                          "somebody else [kafka-moved]"));
  crash(d);
  d->world.partitions[0].position = 10; /* as the log has it */
  d->bytes = 1000;
  d->deaf = false;
  start(d, OPTIONS);
  passes(SECOND_US);
  story_is(d, "0: 7\n0: 8\n0: 9\n");
  crash(d);
  start(d, OPTIONS); /* once */
  passes(6 * SECOND_US);
  story_is(d, "");
  assert_int_equal(group_offset(0), 10);
}

static void a_mark_counts_once(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 10);
  start(d, OPTIONS);
  passes(SECOND_US);
  stop(d);
  struct kafka_position position = {AT("in", 0), 7, slice_of("tidemark a123456789abcdef from 10")};
  assert_string_equal(d->world.state_folder, "a123456789abcdef");
  sim_kafka_commit(brokers, "g", &position);
  buf_clear(&d->world.story);
  start(d, OPTIONS); /* it was at 10 when it made the mark, and is */
  passes(SECOND_US);
  story_is(d, "0: 7\n0: 8\n0: 9\n");
  stop(d);
  position.metadata = slice_of("tidemark a123456789abcdef from 9");
  sim_kafka_commit(brokers, "g", &position);
  start(d, OPTIONS); /* it has read on since */
  passes(SECOND_US);
  story_is(d, "");
}

static void metadata_of_anybody(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "tidemark",
                                      "tidemark ",
                                      "tidemark xyz",
                                      "tidemark a123456789abcdef from x",
                                      "tidemark a123456789abcdef from 99999999999999999999999",
                                      "tidemark a123456789abcdef0123456789",
                                      "\x01\xff{}"};
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 3);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct kafka_position position = {AT("in", 0), 2, slice_of(texts[i])};
    sim_kafka_commit(brokers, "g", &position);
    start(d, OPTIONS);
    passes(SECOND_US);
    assert_false(d->failed);
    story_is(d, "0: 2\n");
    stop(d);
    source_world_forget(&d->world);
  }
}

/* What another folder has read is not read here, also when this one dies before the first record
 * behind that is in its log. */
static void a_place_taken_over_and_a_crash(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 5);
  start(d, OPTIONS);
  passes(SECOND_US);
  story_is(d, "0: 0\n0: 1\n0: 2\n0: 3\n0: 4\n");
  stop(d);
  produce_numbers("in", 0, 5, 10);
  struct kafka_position position = {AT("in", 0), 8, slice_of("tidemark 00000000000000ff")};
  sim_kafka_commit(brokers, "g", &position);
  d->bytes = 0;
  start(d, OPTIONS);
  passes(SECOND_US);
  assert_true(has_said(d, "kafka-moved"));
  crash(d);
  d->world.partitions[0].position = 5; /* as the log has it */
  d->bytes = 1000;
  start(d, OPTIONS);
  passes(SECOND_US);
  story_is(d, "0: 8\n0: 9\n");
  stop(d);
  position.offset = 2; /* he was behind us */
  sim_kafka_commit(brokers, "g", &position);
  start(d, OPTIONS);
  passes(6 * SECOND_US);
  story_is(d, "");
  assert_int_equal(group_offset(0), 10);
}

/* ------------------------------------------------------------------ what is not there */

static void records_that_are_gone(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 10);
  start(d, OPTIONS);
  passes(SECOND_US);
  stop(d);
  produce_numbers("in", 0, 10, 30);
  sim_kafka_remove(brokers, AT("in", 0), 20);
  start(d, OPTIONS);
  passes(SECOND_US);
  assert_true(d->failed);
  assert_int_equal(d->err.code, ERR_CORRUPT);
  assert_non_null(strstr(d->err.text, "in/0 is to be read from offset 10, but the first one there "
                                      "is 20: retention has removed"));
  assert_non_null(strstr(d->err.text, "--group g --topic in:0 --reset-offsets"));
  stop(d);
  buf_clear(&d->world.story);
  struct kafka_position position = {AT("in", 0), 20, {NULL, 0}}; /* as it says */
  sim_kafka_commit(brokers, "g", &position);
  start(d, OPTIONS);
  passes(SECOND_US);
  assert_false(d->failed);
  assert_int_equal(strncmp(buf_cstr(&d->world.story), "0: 20\n", 6), 0);
  stop(d);
  /* What recovery needs. */
  if (source_start(&d->world, &source_kafka, OPTIONS, &d->err) != 0) fail_msg("%s", d->err.text);
  int ready = 0;
  while ((ready = source_kafka.reread_ready(d->world.instance, 0, 0, 10, &d->err)) == 0)
    assert_int_equal(loop_wait(d->world.io.loop, SECOND_US, &d->err), 0);
  assert_int_equal(ready, -1);
  assert_int_equal(d->err.code, ERR_CORRUPT);
  assert_non_null(strstr(d->err.text, "in/0: the records at offsets 0 to 10 are needed once more"));
}

static void what_was_never_promised_may_be_gone(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 10);
  d->deaf = true;
  start(d, OPTIONS);
  while (group_offset(0) < 0) { /* it is known from where */
    if (d->world.ready && source_take_once(&d->world, 1, &d->err) != 0) fail_msg("%s", d->err.text);
    assert_int_equal(loop_wait(d->world.io.loop, STEP_US, &d->err), 0);
  }
  sim_kafka_remove(brokers, AT("in", 0), 9);
  passes(SECOND_US);
  assert_false(d->failed);
  story_is(d, "0: 9\n");
}

static void brokers_that_are_away(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  start(d, OPTIONS "give_up_after: 20s\n");
  passes(SECOND_US);
  sim_kafka_cut(d->world.io.kafka, 10 * SECOND_US);
  produce_numbers("in", 0, 0, 1);
  passes(5 * SECOND_US);
  assert_true(has_said(d, "no broker is reached: localhost:9092"));
  passes(20 * SECOND_US);
  assert_false(d->failed);
  assert_true(has_said(d, "the brokers answer again [kafka-back]"));
  story_is(d, "0: 0\n");
  sim_kafka_cut(d->world.io.kafka, 100 * SECOND_US);
  passes(19 * SECOND_US);
  assert_false(d->failed);
  passes(3 * SECOND_US);
  assert_true(d->failed);
  assert_int_equal(d->err.code, ERR_RETRY);
  assert_string_equal(d->err.text,
                      "no broker was reached for 20.0 s (give_up_after): localhost:9092");
}

static void a_topic_that_is_not_there(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  start(d, OPTIONS);
  passes(SECOND_US);
  assert_true(has_said(d, "in: there is no such topic [kafka-refused]"));
  sim_kafka_topic(brokers, "in", 1);
  produce_numbers("in", 0, 0, 1);
  passes(SECOND_US);
  story_is(d, "0: 0\n");
  stop(d);
  start(d, "brokers: b\ntopics: [\"^more-.*\"]\n");
  sim_kafka_topic(brokers, "more-1", 1);
  produce_numbers("more-1", 0, 5, 6);
  passes(SECOND_US);
  story_is(d, "0: 5\n");
}

/* ------------------------------------------------------------------ reload */

static void a_reload_that_changes_nothing(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 2);
  d->bytes = 100;
  start(d, OPTIONS);
  for (int i = 0; i < 20; i++) {
    for (int32_t p = 0; p < 2; p++) produce_numbers("in", p, i * 20, i * 20 + 20);
    passes(20000);
    uint64_t calls = sim_kafka_calls(d->world.io.kafka);
    if (source_reload(&d->world, i % 2 == 0 ? OPTIONS "start: latest\n" : OPTIONS, &d->err) != 0)
      fail_msg("%s", d->err.text);
    assert_int_equal(sim_kafka_calls(d->world.io.kafka), calls);
  }
  passes(SECOND_US);
  all_once(2, 400);
}

/* Nothing came before the reload, so the log of the new engine has no partitions. */
static void a_reload_of_what_is_not_in_the_log(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 2);
  produce_numbers("in", 0, 0, 3);
  start(d, OPTIONS "start: latest\n");
  passes(SECOND_US);
  assert_int_equal(d->world.n_partitions, 2);
  source_world_forget(&d->world);
  if (source_reload(&d->world, OPTIONS "start: latest\n", &d->err) != 0)
    fail_msg("%s", d->err.text);
  assert_int_equal(d->world.n_partitions, 2);
  produce_numbers("in", 0, 3, 4);
  produce_numbers("in", 1, 7, 8);
  passes(SECOND_US);
  bool one = strcmp(buf_cstr(&d->world.story), "0: 3\n1: 7\n") == 0;
  if (!one) story_is(d, "1: 7\n0: 3\n");
}

static void a_reload_that_changes_it(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 2);
  sim_kafka_topic(brokers, "other", 1);
  start(d, OPTIONS);
  for (int32_t p = 0; p < 2; p++) produce_numbers("in", p, 0, 20);
  passes(100000);
  if (source_reload(&d->world, "brokers: b\ntopics: [in, other]\ngroup: g\n", &d->err) != 0)
    fail_msg("%s", d->err.text);
  d->world.ready = true;
  passes(SECOND_US);
  all_once(2, 20);
  produce("other", 0, "x");
  buf_clear(&d->world.story);
  passes(SECOND_US);
  story_is(d, "0: x\n");
  assert_int_equal(source_reload(&d->world, "brokers: b\ntopics: none\n", &d->err), -1);
  assert_int_equal(d->err.code, ERR_CONFIG);
  sim_kafka_cut(d->world.io.kafka, SECOND_US);
  assert_int_equal(source_reload(&d->world, OPTIONS, &d->err), -1);
  assert_int_equal(d->err.code, ERR_RETRY);
  passes(2 * SECOND_US);
  produce("other", 0, "y");
  passes(SECOND_US);
  story_is(d, "0: y\n");
}

static void who_is_adopted_can_be_closed(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 1);
  start(d, OPTIONS);
  passes(SECOND_US);
  struct compile compile;
  compile_init(&compile, &d->world.io, NULL);
  void *new = compile_component(&compile, &source_kafka.type, NULL, OPTIONS, NULL);
  source_kafka.handover.adopt(new, d->world.instance);
  produce_numbers("in", 0, 0, 1);
  for (int i = 0; i < 10; i++) assert_int_equal(loop_wait(d->world.io.loop, STEP_US, &d->err), 0);
  source_kafka.close(new);
  compile_fini(&compile);
  d->runs = false;
}

/* ------------------------------------------------------------------ options and figures */

static void refused(const char *options, const char *text) {
  struct daemon *d = &daemons[0];
  if (source_start(&d->world, &source_kafka, options, &d->err) == 0) fail_msg("%s", options);
  if (strstr(d->err.text, text) == NULL) fail_msg("%s: %s", options, d->err.text);
  assert_null(strstr(d->err.text, "hunter2"));
  source_stop(&d->world);
}

static void options_are_checked(void **state) {
  (void)state;
  refused("topics: in\n", "brokers");
  refused("brokers: b\n", "topics");
  refused(OPTIONS "start: yesterday\n", "start is earliest, latest or a time");
  refused(OPTIONS "tls: {key: k}\n", "tls needs both certificate and key");
  refused(OPTIONS "sasl: {mechanism: plain, username: u}\n", "sasl needs mechanism");
  refused(OPTIONS "sasl: {password: hunter2}\n", "sasl needs mechanism");
  refused(OPTIONS "options: {group.id: x}\n", "group.id is set by tidemark");
  refused(OPTIONS "options: {sasl.password: hunter2, group.id: x}\n", "group.id is set");
  refused(OPTIONS "options: {linger.msec: 5}\n", "there is no setting 'linger.msec'");
  refused(OPTIONS "isolation: none\n", "isolation");
}

static void figures_are_told(void **state) {
  (void)state;
  struct daemon *d = &daemons[0];
  sim_kafka_topic(brokers, "in", 2);
  start(d, OPTIONS);
  passes(SECOND_US);
  d->failed = true; /* nothing is taken any more */
  produce_numbers("in", 1, 0, 7);
  passes(SECOND_US);
  struct metrics *metrics = metrics_new();
  struct buf text = {0};
  metrics_of(metrics, "p", "in");
  source_kafka.metrics(d->world.instance, metrics);
  metrics_put_text(metrics, METRICS_PROMETHEUS, &text);
  static const char *const lines[] = {
      "tidemark_kafka_lag_records{pipeline=\"p\",component=\"in\",topic=\"in\"} 7",
      "tidemark_kafka_partitions{pipeline=\"p\",component=\"in\"} 2",
      "tidemark_kafka_rebalanced_partitions_total{pipeline=\"p\",component=\"in\",event="
      "\"assigned\"} "
      "2",
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (strstr(buf_cstr(&text), lines[i]) == NULL) fail_msg("%s\n%s", lines[i], buf_cstr(&text));
  buf_fini(&text);
  metrics_free(metrics);
}

/* ------------------------------------------------------------------ storms */

/* One daemon that dies and is stopped, with brokers that are slow, away, and lose answers. */
static void a_storm_of_crashes(void **state) {
  (void)state;
  struct random random;
  random_seed(&random, 11);
  struct daemon *d = &daemons[0];
  faults_seed = 1;
  sim_kafka_topic(brokers, "in", 3);
  for (int round = 0; round < 80; round++) {
    d->bytes = 50 + random_below(&random, 2000);
    d->deaf = random_below(&random, 4) == 0;
    if (!d->runs) start(d, OPTIONS);
    for (int32_t p = 0; p < 3; p++) produce_numbers("in", p, round * 10, round * 10 + 10);
    passes((int64_t)random_below(&random, SECOND_US));
    assert_false(d->failed);
    if (random_below(&random, 2) == 0)
      crash(d);
    else if (random_below(&random, 4) == 0)
      stop(d);
  }
  d->deaf = false;
  if (!d->runs) start(d, OPTIONS);
  passes(20 * SECOND_US);
  all_once(3, 800);
  stop(d);
  faults_seed = 0;
  source_check_reread(&d->world, &source_kafka, OPTIONS);
}

/* Two that come and go in good order: what one lets go of the other goes on with. */
static void a_storm_of_rebalances(void **state) {
  (void)state;
  struct random random;
  random_seed(&random, 12);
  sim_kafka_topic(brokers, "in", 5);
  for (int round = 0; round < 60; round++) {
    struct daemon *d = &daemons[random_below(&random, DAEMONS)];
    d->bytes = 50 + random_below(&random, 2000);
    if (!d->runs) {
      start(d, OPTIONS "options: {session.timeout.ms: 3000}\n");
    } else if (random_below(&random, 2) == 0) {
      drain(d);
      passes(4 * SECOND_US);
    }
    for (int32_t p = 0; p < 5; p++) produce_numbers("in", p, round * 10, round * 10 + 10);
    passes((int64_t)random_below(&random, SECOND_US));
  }
  for (int i = 0; i < DAEMONS; i++) daemons[i].bytes = 1000;
  if (!daemons[0].runs) start(&daemons[0], OPTIONS);
  passes(5 * SECOND_US);
  all_once(5, 600);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(partitions_are_read),
      TEST(a_restart_waits_for_nobody),
      TEST(where_it_begins),
      TEST(records_without_a_value),
      TEST(transactions_leave_gaps),
      TEST(partitions_move),
      TEST(a_daemon_that_was_stopped),
      TEST(an_offset_that_was_set),
      TEST(a_mark_counts_once),
      TEST(a_place_taken_over_and_a_crash),
      TEST(metadata_of_anybody),
      TEST(records_that_are_gone),
      TEST(what_was_never_promised_may_be_gone),
      TEST(brokers_that_are_away),
      TEST(a_topic_that_is_not_there),
      TEST(a_reload_that_changes_nothing),
      TEST(a_reload_that_changes_it),
      TEST(a_reload_of_what_is_not_in_the_log),
      TEST(who_is_adopted_can_be_closed),
      TEST(options_are_checked),
      TEST(figures_are_told),
      TEST(a_storm_of_crashes),
      TEST(a_storm_of_rebalances),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
