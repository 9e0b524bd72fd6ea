/* The engine over simulated brokers: each record of a topic is in the output once, wherever the
 * machine was switched off, whatever the brokers did meanwhile, and with whom the partitions were.
 */
#include "tests/unit/engine_world.h"

#include <stdio.h>

enum { PARTITIONS = 3, RECORDS = 600, LIVES_MAX = 60 };

#define PIPELINE(more, transforms, input)                                                          \
  WORLD_HEAD(more)                                                                                 \
  "sources:\n"                                                                                     \
  "  in: {type: kafka, brokers: localhost:9092, topics: in, queue: 1MiB}\n" transforms "sinks:\n"  \
  "  out: {type: file, input: " input ", path: /out/out.ndjson}\n"

struct run {
  struct world world;
  struct random random;
  bool crashes, faults;
  uint64_t off_at; /* the turn at which the machine is switched off; 0: none */
  bool off_early;  /* it is switched off when some records were run */
  int64_t wanted;  /* when so many are, it drains */
};

static void produce(struct sim_kafka *brokers, int from, int to) {
  char value[80], key[20];
  for (int i = from; i < to; i++) {
    snprintf(value, sizeof value, "{\"id\": %d, \"k\": \"k%d\"}", i, i % 7);
    snprintf(key, sizeof key, "key %d", i);
    struct kafka_record record = {.topic = "in",
                                  .partition = i % PARTITIONS,
                                  .time_us = WORLD_START_US + i * INT64_C(1000),
                                  .key = slice_of(key),
                                  .value = slice_of(value)};
    sim_kafka_produce(brokers, &record);
  }
}

/* How many records are in the sink for good: the group's offsets follow that. */
static int64_t done(struct world *world) {
  int64_t n = 0;
  for (int32_t p = 0; p < PARTITIONS; p++) {
    struct kafka_position position;
    if (sim_kafka_committed(world->brokers, "p", (struct kafka_partition){"in", p}, &position))
      n += position.offset;
  }
  return n;
}

static bool on_turn(struct world *world) {
  struct run *run = world->arg;
  if (world->turns == 0 && run->faults)
    sim_kafka_set_faults(world->io.kafka, (struct sim_kafka_faults){.delay_us_max = 5000,
                                                                    .lost_per_million = 100000,
                                                                    .cut_per_million = 10000,
                                                                    .cut_us_max = 200000});
  bool early = run->off_early && world->turns > 0 && world->figures.records >= 100;
  if (early || (run->off_at > 0 && world->turns >= run->off_at)) {
    sim_kafka_crash(world->io.kafka);
    return false;
  }
  if (done(world) >= run->wanted) engine_drain(world->engine);
  return true;
}

static void begin(struct run *run, const char *pipeline, uint64_t seed) {
  *run = (struct run){.wanted = RECORDS};
  random_seed(&run->random, seed);
  world_init(&run->world, pipeline);
  run->world.seed = seed * 1000;
  run->world.brokers = sim_kafka_new();
  run->world.turn = on_turn;
  run->world.arg = run;
  sim_kafka_topic(run->world.brokers, "in", PARTITIONS);
}

static void end(struct run *run) {
  struct sim_kafka *brokers = run->world.brokers;
  world_fini(&run->world);
  sim_kafka_free(brokers);
}

/* Each id of [0, n) is in the output once. */
static void expect_each_once(struct run *run, int n) {
  struct buf text;
  world_get(run->world.disk, "/out/out.ndjson", &text);
  int *seen = mem_zalloc((size_t)n * sizeof *seen), lines = 0;
  const char *line = buf_cstr(&text);
  for (const char *end_of; (end_of = strchr(line, '\n')) != NULL; line = end_of + 1, lines++) {
    int id = -1;
    assert_int_equal(sscanf(line, "{\"id\": %d,", &id), 1);
    assert_in_range(id, 0, n - 1);
    if (seen[id]++ > 0) fail_msg("%d is there twice", id);
  }
  if (lines != n) fail_msg("%d of %d records are there\n%s", lines, n, run->world.said);
  free(seen);
  buf_fini(&text);
}

static int crashes;

static void lives(struct run *run) {
  static const enum sim_unsynced unsynced[] = {SIM_UNSYNCED_KEPT, SIM_UNSYNCED_DROPPED,
                                               SIM_UNSYNCED_MIXED};
  for (int life = 0; life < LIVES_MAX; life++) {
    struct err err = {0};
    uint64_t drawn = random_u64(&run->random);
    bool last = !run->crashes || life + 1 == LIVES_MAX;
    run->off_at = last || drawn % 2 == 0 ? 0 : 1 + drawn / 2 % 150;
    run->world.calls_max = last || drawn % 2 == 1 ? 0 : 20 + drawn / 2 % 200;
    if (run->world.calls_max > 0)
      sim_disk_set_faults(run->world.disk, (struct sim_disk_faults){.fail_at = run->world.calls_max,
                                                                    .fail_is_crash = true});
    if (world_life(&run->world, &err) == 0) { /* what it said to be done is there for good */
      world_crash(&run->world, SIM_UNSYNCED_DROPPED, drawn);
      return;
    }
    if (last) fail_msg("%s\n%s", err.text, run->world.said);
    crashes++;
    world_crash(&run->world, unsynced[drawn % 3], drawn);
    sim_kafka_pass(run->world.brokers, 1000000);
  }
}

static void records_come_once(void **state) {
  (void)state;
  struct run run;
  begin(&run, PIPELINE(WORLD_CALM, "", "in"), 1);
  produce(run.world.brokers, 0, RECORDS);
  lives(&run);
  expect_each_once(&run, RECORDS);
  struct kafka_position position; /* the group has followed */
  assert_true(
      sim_kafka_committed(run.world.brokers, "p", (struct kafka_partition){"in", 0}, &position));
  assert_true(position.offset > 0);
  end(&run);
}

static void records_come_once_over_crashes(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 25; seed++) {
    struct run run;
    begin(&run, PIPELINE(WORLD_CALM, "", "in"), seed);
    run.crashes = true;
    run.faults = seed % 2 == 0;
    produce(run.world.brokers, 0, RECORDS);
    lives(&run);
    expect_each_once(&run, RECORDS);
    end(&run);
  }
  assert_true(crashes > 100);
}

/* Fields of the envelope are there, and the event time is the record's. */
static void fields_of_the_envelope(void **state) {
  (void)state;
  struct run run;
  begin(&run,
        PIPELINE(WORLD_CALM,
                 "transforms:\n"
                 "  m: {type: map, input: in, select: {id: id, key: _key, at: "
                 "_topic, part: _partition, off: _offset}}\n",
                 "m"),
        1);
  run.wanted = 3;
  produce(run.world.brokers, 0, 3);
  lives(&run);
  struct buf text;
  world_get(run.world.disk, "/out/out.ndjson", &text);
  assert_non_null(
      strstr(buf_cstr(&text), "{\"id\":1,\"key\":\"key 1\",\"at\":\"in\",\"part\":1,\"off\":0}\n"));
  buf_fini(&text);
  end(&run);
}

/* The records that recovery needs are gone. */
static void retention_took_what_recovery_needs(void **state) {
  (void)state;
  struct run run;
  begin(&run, PIPELINE("checkpoint: {interval: 1h}\nepoch: {bytes: 2KiB}\n", "", "in"), 1);
  produce(run.world.brokers, 0, RECORDS);
  run.wanted = INT64_MAX;
  run.off_early = true;
  struct err err = {0};
  assert_int_equal(world_life(&run.world, &err), -1);
  world_crash(&run.world, SIM_UNSYNCED_KEPT, 1);
  for (int32_t p = 0; p < PARTITIONS; p++)
    sim_kafka_remove(run.world.brokers, (struct kafka_partition){"in", p}, RECORDS / PARTITIONS);
  run.off_early = false;
  assert_int_equal(world_life(&run.world, &err), -1);
  world_expect_error(&err, ERR_CORRUPT, "retention has removed them");
  end(&run);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_come_once),
      cmocka_unit_test(records_come_once_over_crashes),
      cmocka_unit_test(fields_of_the_envelope),
      cmocka_unit_test(retention_took_what_recovery_needs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
