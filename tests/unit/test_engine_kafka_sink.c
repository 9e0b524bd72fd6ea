/* The sink `kafka` over simulated brokers: each record is in the topic once for who reads committed
 * ones, wherever the machine was switched off and whatever the brokers did meanwhile. */
#include "tests/unit/engine_world.h"

#include <stdio.h>

enum { PARTITIONS = 3, RECORDS = 300, LARGE = 37, LIVES_MAX = 40 };

#define PIPELINE(more)                                                                             \
  WORLD_HEAD(WORLD_CALM more)                                                                      \
  "sources:\n"                                                                                     \
  "  in: {type: file, path: /in/a.ndjson}\n"                                                       \
  "sinks:\n"                                                                                       \
  "  out: {type: kafka, input: in, brokers: localhost:9092, topic: out, key: k, "                  \
  "commit_interval: 3ms}\n"                                                                        \
  "  refused: {type: file, input: out.errors, path: /out/refused.ndjson}\n"

struct run {
  struct world world;
  struct random random;
  struct sim_kafka_faults faults;
  uint64_t off_at; /* the turn at which the machine is switched off; 0: none */
  bool crashed;    /* the brokers have not heard what the daemon did since */
};

static void on_off(struct world *world) {
  struct run *run = world->arg;
  run->crashed = sim_kafka_crashed(world->io.kafka);
}

static bool on_turn(struct world *world) {
  struct run *run = world->arg;
  if (world->turns == 0) sim_kafka_set_faults(world->io.kafka, run->faults);
  if (run->off_at == 0 || world->turns < run->off_at) return !sim_kafka_crashed(world->io.kafka);
  sim_kafka_crash(world->io.kafka);
  return false;
}

static void begin(struct run *run, const char *pipeline, uint64_t seed, int large) {
  *run = (struct run){0};
  random_seed(&run->random, seed);
  world_init(&run->world, pipeline);
  run->world.seed = seed * 1000;
  run->world.brokers = sim_kafka_new();
  run->world.turn = on_turn;
  run->world.off = on_off;
  run->world.arg = run;
  sim_kafka_topic(run->world.brokers, "out", PARTITIONS);
  struct buf text;
  buf_init(&text);
  for (int i = 0; i < RECORDS; i++) {
    buf_printf(&text, "{\"id\": %d, \"k\": \"k%d\"", i, i % 7);
    if (large > 0 && i % large == large - 1) buf_printf(&text, ", \"long\": \"%0200d\"", i);
    buf_printf(&text, "}\n");
  }
  world_put(run->world.disk, "/in/a.ndjson", buf_slice(&text));
  buf_fini(&text);
  struct err err;
  assert_int_equal(disk_sync_dir(run->world.disk, "/in", &err), 0);
}

static void end(struct run *run) {
  struct sim_kafka *brokers = run->world.brokers;
  world_fini(&run->world);
  sim_kafka_free(brokers);
}

static int id_of(struct slice value) {
  char text[40];
  int id = -1;
  snprintf(text, sizeof text, "%.*s", (int)(value.len < 30 ? value.len : 30), value.data);
  assert_int_equal(sscanf(text, "{\"id\": %d,", &id), 1);
  assert_in_range(id, 0, RECORDS - 1);
  return id;
}

/* How often each is there; those of a key in their order. */
static void count_topic(struct run *run, int *seen, bool in_order) {
  for (int32_t p = 0; p < PARTITIONS; p++) {
    struct kafka_message message;
    int64_t offset = 0;
    int last[7] = {-1, -1, -1, -1, -1, -1, -1};
    while (
        sim_kafka_read(run->world.brokers, (struct kafka_partition){"out", p}, &offset, &message)) {
      int id = id_of(message.value);
      seen[id]++;
      if (in_order && id <= last[id % 7]) fail_msg("%d is behind %d", id, last[id % 7]);
      last[id % 7] = id;
    }
  }
}

static void count_refused(struct run *run, int *seen) {
  struct buf text;
  world_get(run->world.disk, "/out/refused.ndjson", &text);
  const char *line = buf_cstr(&text);
  for (const char *id; (id = strstr(line, "{\\\"id\\\": ")) != NULL; line = id + 1)
    seen[atoi(id + strlen("{\\\"id\\\": "))]++;
  buf_fini(&text);
}

static void expect_each_once(struct run *run, int large) {
  int topic[RECORDS] = {0}, refused[RECORDS] = {0};
  /* A transaction is seen some time behind the answer that it is committed. */
  sim_kafka_pass(run->world.brokers, 1000000);
  count_topic(run, topic, true);
  count_refused(run, refused);
  for (int i = 0; i < RECORDS; i++) {
    int wanted = large > 0 && i % large == large - 1;
    if (topic[i] != !wanted || refused[i] != wanted)
      fail_msg("%d is in the topic %d times and refused %d times\n%s", i, topic[i], refused[i],
               run->world.said);
  }
}

static void lives(struct run *run, bool crashes) {
  static const enum sim_unsynced unsynced[] = {SIM_UNSYNCED_KEPT, SIM_UNSYNCED_DROPPED,
                                               SIM_UNSYNCED_MIXED};
  for (int life = 0; life < LIVES_MAX; life++) {
    struct err err = {0};
    uint64_t drawn = random_u64(&run->random);
    bool last = !crashes || life + 1 == LIVES_MAX;
    run->off_at = last || drawn % 3 != 0 ? 0 : 1 + drawn / 3 % 100;
    run->faults.crash_at = last || drawn % 3 != 1 ? 0 : 1 + drawn / 3 % 200;
    run->world.calls_max = last || drawn % 3 != 2 ? 0 : 20 + drawn / 3 % 200;
    if (run->world.calls_max > 0)
      sim_disk_set_faults(run->world.disk, (struct sim_disk_faults){.fail_at = run->world.calls_max,
                                                                    .fail_is_crash = true});
    bool done = world_life(&run->world, &err) == 0 && !run->crashed;
    if (last && !done) fail_msg("%s\n%s", err.text, run->world.said);
    world_crash(&run->world, unsynced[drawn % 3], drawn);
    if (done) return;
    sim_kafka_pass(run->world.brokers, 1000000);
  }
}

static void records_come_once(void **state) {
  (void)state;
  struct run run;
  begin(&run, PIPELINE(""), 1, 0);
  lives(&run, false);
  expect_each_once(&run, 0);
  struct kafka_position position;
  assert_true(sim_kafka_committed(run.world.brokers, "p/out", (struct kafka_partition){"out", 0},
                                  &position));
  assert_true(memcmp(position.metadata.data, "tidemark ", strlen("tidemark ")) == 0);
  end(&run);
}

static void over_crashes(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 30; seed++) {
    struct run run;
    begin(&run, PIPELINE(""), seed, 0);
    lives(&run, true);
    expect_each_once(&run, 0);
    end(&run);
  }
}

static void over_crashes_and_faults(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 30; seed++) {
    struct run run;
    int large = seed % 2 == 0 ? LARGE : 0;
    begin(&run, PIPELINE(""), seed, large);
    run.faults = (struct sim_kafka_faults){.delay_us_max = 5000,
                                           .lost_per_million = 50000,
                                           .cut_per_million = 10000,
                                           .cut_us_max = 200000,
                                           .abort_per_million = 100000,
                                           .fatal_per_million = 50000,
                                           .refuse_over_bytes = large > 0 ? 150 : 0};
    lives(&run, true);
    expect_each_once(&run, large);
    end(&run);
  }
}

/* Without transactions: nothing is missing, and without crashes nothing is doubled either. */
static void other_promises(void **state) {
  (void)state;
  static const char *const pipelines[] = {PIPELINE("delivery: at_least_once\n"),
                                          PIPELINE("delivery: at_most_once\n")};
  for (uint64_t seed = 1; seed <= 10; seed++) {
    struct run run;
    begin(&run, pipelines[seed % 2], seed, LARGE);
    run.faults = (struct sim_kafka_faults){.delay_us_max = 5000,
                                           .cut_per_million = 10000,
                                           .cut_us_max = 200000,
                                           .refuse_over_bytes = 150};
    lives(&run, false);
    expect_each_once(&run, LARGE);
    end(&run);
  }
}

static void at_least_once_over_crashes(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 15; seed++) {
    struct run run;
    int seen[RECORDS] = {0};
    begin(&run, PIPELINE("delivery: at_least_once\n"), seed, 0);
    lives(&run, true);
    count_topic(&run, seen, false);
    for (int i = 0; i < RECORDS; i++)
      if (seen[i] == 0) fail_msg("%d is missing\n%s", i, run.world.said);
    end(&run);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_come_once),          cmocka_unit_test(over_crashes),
      cmocka_unit_test(over_crashes_and_faults),    cmocka_unit_test(other_promises),
      cmocka_unit_test(at_least_once_over_crashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
