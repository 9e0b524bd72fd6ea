/* Letting a sink off what it owes, in a simulated world: a reload that a silent server holds up,
 * and a start whose old configuration would never finish. Whatever the disk does meanwhile, a
 * record is delivered once, or it is among those that the log says were given up; and who was told
 * that they were, is told the truth for ever. */
#include "receiver.h"
#include "reload_world.h"

#include <stdio.h>

#define FIRST 40 /* records of the first source; the second has the others */
#define PAD 3000 /* bytes more in each, so that the queue is full before the first has ended */
#define HEAD                                                                                       \
  WORLD_HEAD("checkpoint: {interval: 30ms}\nepoch: {bytes: 12KiB}\nqueue: {bytes: "                \
             "64KiB}\ndrain_timeout: 300ms\n")                                                     \
  "sources:\n  in: {type: file, path: /in/a.ndjson}\n"
#define SINKS(inputs, url)                                                                         \
  "sinks:\n"                                                                                       \
  "  web: {type: http, input: " inputs ", url: '" url "', batch: {records: 3}, timeout: 100ms,\n"  \
  "        retry: {initial: 5ms, max: 50ms}}\n"                                                    \
  "  out: {type: file, input: " inputs ", path: /out/out.ndjson}\n"
#define BEFORE HEAD SINKS("in", "http://old/")
#define AFTER HEAD "  more: {type: file, path: /in/b.ndjson}\n" SINKS("[in, more]", "http://new/")

static bool old_is_silent(const char *url) {
  return strcmp(url, "http://old/") == 0;
}

static bool refuses_none(const char *url, int id) {
  (void)url, (void)id;
  return false;
}

static bool serve_turn(struct world *world) {
  if (world->turns == 0) receiver_serve(world->arg, &world->io);
  return true;
}

static void put_records(struct world *world, const char *path, int from, int to) {
  struct buf text;
  buf_init(&text);
  for (int i = from; i < to; i++)
    buf_printf(&text, "{\"id\":%d,\"pad\":\"%*d\"}\n", RECEIVER_IDS_FROM + i, PAD, i);
  world_put(world->disk, path, buf_slice(&text));
  buf_fini(&text);
}

static void begin(struct world *world, struct receiver *receiver, uint64_t seed) {
  *receiver = (struct receiver){.refuses = refuses_none, .silent = old_is_silent};
  random_seed(&receiver->random, seed);
  world_init(world, BEFORE);
  put_records(world, "/in/a.ndjson", 0, FIRST);
  put_records(world, "/in/b.ndjson", FIRST, RECEIVER_RECORDS);
  struct err err;
  assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
  world->seed = seed;
  world->turn = serve_turn;
  world->arg = receiver;
}

static void end(struct world *world, struct receiver *receiver) {
  receiver_fini(receiver);
  world_fini(world);
}

/* All is in the file, once; with the server, or given up: the first ones. How many are given up. */
static int check(struct world *world, const struct receiver *receiver, const char *what) {
  int file[RECEIVER_RECORDS] = {0}, taken[RECEIVER_RECORDS] = {0}, missing = 0;
  struct buf text;
  world_get(world->disk, "/out/out.ndjson", &text);
  receiver_count(buf_slice(&text), file);
  buf_fini(&text);
  receiver_taken(receiver, "http://old/", taken);
  receiver_taken(receiver, "http://new/", taken);
  while (missing < RECEIVER_RECORDS && taken[missing] == 0) missing++;
  for (int id = 0; id < RECEIVER_RECORDS; id++) {
    if (file[id] != 1)
      fail_msg("%s: record %d is in the file %d times\n%s", what, id, file[id], world->said);
    if (taken[id] != (id >= missing))
      fail_msg("%s: record %d was taken %d times, the first that was is %d\n%s", what, id,
               taken[id], missing, world->said);
  }
  return missing;
}

/* What the daemon says that it gave up, in a result or in its messages; 0: nothing. */
static int said_given_up(const char *text) {
  unsigned long long from = 0, upto = 0, records = 0;
  const char *at = strstr(text, "given up as asked: ");
  if (at == NULL) return 0;
  assert_int_equal(sscanf(at,
                          "given up as asked: what it owed of epochs %llu to %llu, %llu records",
                          &from, &upto, &records),
                   3);
  assert_true(from <= upto && records > 0);
  return (int)records;
}

/* Without giving up the change is refused, and the way out is told; with it, it is made. */
static void a_reload_that_is_held_up(void **state) {
  (void)state;
  struct world world;
  struct receiver receiver;
  struct err err;
  struct reload_step steps[] = {{30, AFTER, NULL}, {2000, AFTER, "p/web\n"}};
  begin(&world, &receiver, 1);
  if (reload_life(&world, steps, 2, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  assert_int_equal(reload_last.refused, 1);
  assert_int_equal(reload_last.succeeded, 1);
  assert_true(world_said(&world, "sink web owes what it was given of epochs 1 to "));
  assert_true(world_said(&world, "tidemark reload --give-up p/web /p.yaml"));
  assert_true(world_said(&world, "[sink-gave-up]"));
  int missing = check(&world, &receiver, "reloaded");
  assert_in_range(missing, 4, FIRST - 4);
  assert_int_equal(said_given_up(reload_last.text), missing);
  end(&world, &receiver);
}

/* Names that are none, or sinks that owe nothing: nothing is given up. */
static void who_owes_nothing_loses_nothing(void **state) {
  (void)state;
  struct world world;
  struct receiver receiver;
  struct err err;
  struct reload_step wrong[] = {{30, BEFORE, "wap\n"}};
  begin(&world, &receiver, 1);
  receiver.silent = NULL;
  if (reload_life(&world, wrong, 1, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  assert_non_null(strstr(reload_last.text, "no pipeline that runs has a sink \"wap\""));
  end(&world, &receiver);
  begin(&world, &receiver, 1);
  struct reload_step well[] = {{2000, AFTER, "out\n"}, {2100, AFTER, "web\nout\n"}};
  receiver.silent = NULL;
  if (reload_life(&world, well, 2, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  assert_false(world_said(&world, "[sink-gave-up]"));
  end(&world, &receiver);
}

/* The server speaks again when what it is owed has been given up. */
static bool speaks_later(struct world *world) {
  struct receiver *receiver = world->arg;
  if (world->turns > 400) receiver->silent = NULL;
  return serve_turn(world);
}

/* The pipeline is not changed at all: it rests, gives up, and goes on. */
static void without_a_change(void **state) {
  (void)state;
  struct world world;
  struct receiver receiver;
  struct err err;
  struct reload_step steps[] = {{300, BEFORE, "web\n"}};
  begin(&world, &receiver, 1);
  put_records(&world, "/in/a.ndjson", 0, RECEIVER_RECORDS);
  world.turn = speaks_later;
  if (reload_life(&world, steps, 1, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  assert_int_equal(reload_last.succeeded, 1);
  int missing = check(&world, &receiver, "the same");
  assert_in_range(missing, 4, FIRST - 4);
  assert_int_equal(said_given_up(reload_last.text), missing);
  end(&world, &receiver);
}

/* Switched off at each call of the disk around it. Where the log had not heard of it the old server
 * gets everything, once it speaks again; else nobody gets what was given up. */
static void switched_off_around_a_reload(void **state) {
  (void)state;
  struct world world;
  struct receiver receiver;
  struct err err;
  struct reload_step steps[] = {{30, NULL, "web\n"}};
  begin(&world, &receiver, 1);
  world_put(world.disk, "/q.yaml", slice_of(AFTER));
  uint64_t before = sim_disk_calls(world.disk);
  if (reload_life(&world, steps, 1, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  uint64_t calls = sim_disk_calls(world.disk) - before, kept = 0, gone = 0;
  end(&world, &receiver);
  for (uint64_t n = 1; n <= calls; n++) {
    for (int unsynced = SIM_UNSYNCED_KEPT; unsynced <= SIM_UNSYNCED_MIXED; unsynced++) {
      char what[80];
      snprintf(what, sizeof what, "call %llu, unsynced %d", (unsigned long long)n, unsynced);
      begin(&world, &receiver, n);
      world_put(world.disk, "/q.yaml", slice_of(AFTER));
      sim_disk_set_faults(world.disk,
                          (struct sim_disk_faults){.fail_at = sim_disk_calls(world.disk) + n,
                                                   .fail_is_crash = true});
      reload_life(&world, steps, 1, n, &err);
      int told = said_given_up(world.said);
      world_crash(&world, (enum sim_unsynced)unsynced, n);
      world_configure(&world, AFTER);
      receiver.silent = NULL;
      if (reload_life(&world, NULL, 0, 0, &err) != 0)
        fail_msg("%s: %s\n%s", what, err.text, world.said);
      int missing = check(&world, &receiver, what);
      if (told > 0 && missing != told)
        fail_msg("%s: %d were given up, %d are missing", what, told, missing);
      gone += missing > 0;
      kept += missing == 0;
      end(&world, &receiver);
    }
  }
  print_message("%llu crashes, behind %llu the sink had been let off\n",
                (unsigned long long)(kept + gone), (unsigned long long)gone);
  assert_true(kept > 20 && gone > 20);
}

static bool off_at_60(struct world *world) {
  return serve_turn(world) && world->turns < 60;
}

/* After a crash the old configuration would finish for ever; the start says who is let off, itself
 * switched off at each call. */
static void at_a_start(void **state) {
  (void)state;
  struct world world;
  struct receiver receiver;
  struct err err;
  uint64_t calls = 1;
  for (uint64_t n = 0; n <= calls; n++) {
    char what[80];
    snprintf(what, sizeof what, "start, call %llu", (unsigned long long)n);
    begin(&world, &receiver, n + 1);
    world.turn = off_at_60;
    assert_int_equal(reload_life(&world, NULL, 0, 0, &err), -1);
    world.turn = serve_turn;
    world_crash(&world, SIM_UNSYNCED_KEPT, n);
    world_configure(&world, AFTER);
    world.give_up = "web\n";
    uint64_t before = sim_disk_calls(world.disk);
    int told = 0;
    if (n > 0) {
      sim_disk_set_faults(world.disk,
                          (struct sim_disk_faults){.fail_at = before + n, .fail_is_crash = true});
      reload_life(&world, NULL, 0, n, &err);
      told = said_given_up(world.said);
      world_crash(&world, SIM_UNSYNCED_MIXED, n);
      world.give_up = NULL;
      receiver.silent = NULL;
    }
    if (reload_life(&world, NULL, 0, 0, &err) != 0)
      fail_msg("%s: %s\n%s", what, err.text, world.said);
    if (n == 0) {
      calls = sim_disk_calls(world.disk) - before;
      assert_true(world_said(&world, "finished first"));
      told = said_given_up(world.said);
      assert_true(told > 0);
    }
    int missing = check(&world, &receiver, what);
    if (told > 0 && missing != told)
      fail_msg("%s: %d were given up, %d are missing", what, told, missing);
    end(&world, &receiver);
  }
  print_message("%llu crashes\n", (unsigned long long)calls);
  assert_true(calls > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reload_that_is_held_up),
      cmocka_unit_test(who_owes_nothing_loses_nothing),
      cmocka_unit_test(without_a_change),
      cmocka_unit_test(switched_off_around_a_reload),
      cmocka_unit_test(at_a_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
