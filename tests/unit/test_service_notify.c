/* The service: what systemd is told, and when, in a simulated world whose clock only waiting moves.
 */
#include "daemon/io/io_sim.h"
#include "daemon/service_notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_US 1767225600000000 /* 2026-01-01 */

struct world {
  struct io io;
  struct disk *disk;
  struct service *service;
  struct totals totals;
  struct loop_timer *timer; /* so that the simulated loop can wait for ever */
};

static void totals_get(void *arg, struct totals *totals) {
  *totals = ((struct world *)arg)->totals;
}

static void nothing(void *arg) {
  (void)arg;
}

static void begin(struct world *world, bool wanted, int64_t watchdog_us) {
  struct err err;
  *world = (struct world){.disk = sim_disk_new()};
  assert_int_equal(io_sim_open(&world->io, 1, START_US, world->disk, &err), 0);
  if (wanted) sim_notify_want(world->io.notify, watchdog_us);
  world->totals = (struct totals){.open = 2, .watermark_us = TIME_MAX_US};
  world->service = service_new(&world->io, totals_get, world);
  world->timer = loop_timer_new(world->io.loop, nothing, NULL);
}

static void end(struct world *world) {
  service_free(world->service);
  loop_timer_free(world->timer);
  io_sim_close(&world->io);
  disk_free(world->disk);
}

static void expect(struct world *world, const char *wanted) {
  assert_string_equal(sim_notify_take(world->io.notify), wanted);
}

/* A wait of the loop, then a turn. Returns how long it may wait next. */
static int64_t turn_after(struct world *world, int64_t us) {
  struct err err;
  int64_t until_us = clock_mono_us(world->io.clock) + us;
  loop_timer_arm(world->timer, us);
  while (clock_mono_us(world->io.clock) < until_us) loop_wait(world->io.loop, -1, &err);
  return service_turn(world->service, -1);
}

static void test_nobody_listens(void **state) {
  (void)state;
  struct world world;
  begin(&world, false, 0);
  service_opening(world.service, "one");
  assert_int_equal(service_turn(world.service, -1), -1);
  assert_int_equal(service_turn(world.service, 77), 77);
  service_stopping(world.service, 1000);
  expect(&world, "");
  end(&world);
}

static void test_life(void **state) {
  (void)state;
  struct world world;
  begin(&world, true, 0);
  service_opening(world.service, "one");
  expect(&world, "STATUS=opening one\nEXTEND_TIMEOUT_USEC=600000000\n\n");
  world.totals.recovering = 2;
  assert_int_equal(service_turn(world.service, -1), 5000000);
  expect(&world, "STATUS=coming back: 0 of 2 pipelines, 0 epochs of the log run again\n\n");
  /* More time only as long as it comes forward. */
  world.totals.replayed_epochs = 10;
  turn_after(&world, 1000000);
  expect(&world, "EXTEND_TIMEOUT_USEC=60000000\n\n");
  world.totals.replayed_epochs = 20;
  turn_after(&world, 1000000);
  expect(&world, "");
  turn_after(&world, 9000000);
  expect(&world, "STATUS=coming back: 0 of 2 pipelines, 20 epochs of the log run again\n"
                 "EXTEND_TIMEOUT_USEC=60000000\n\n");
  turn_after(&world, 20000000);
  expect(&world, "");
  /* Nobody is ready before all are. */
  world.totals.recovering = 1;
  turn_after(&world, 5000000);
  expect(&world, "STATUS=coming back: 1 of 2 pipelines, 20 epochs of the log run again\n\n");
  world.totals.recovering = 0;
  turn_after(&world, 1000);
  expect(&world, "READY=1\n\nSTATUS=running: 2 pipelines, 0 records/s\n\n");
  world.totals.records = 5000;
  world.totals.watermark_us = clock_wall_us(world.io.clock) - 4000000;
  turn_after(&world, 4000000);
  expect(&world, "");
  turn_after(&world, 1000000);
  expect(&world, "STATUS=running: 2 pipelines, 1000 records/s, watermark 9s behind\n\n");
  world.totals.stall = "no room\nREADY=1";
  world.totals.watermark_us = TIME_MAX_US;
  turn_after(&world, 5000000);
  expect(&world, "STATUS=running: 2 pipelines, 0 records/s, a log waits: no room READY=1\n\n");
  service_stopping(world.service, 25000000);
  expect(&world, "STOPPING=1\n\nEXTEND_TIMEOUT_USEC=55000000\n\n");
  turn_after(&world, 5000000);
  expect(&world, "STATUS=stopping: delivering what was taken, for 20 s at most\n\n");
  /* Nothing takes a stop back. */
  service_reloading(world.service);
  service_reloaded(world.service);
  expect(&world, "");
  end(&world);
}

static void test_reload(void **state) {
  (void)state;
  struct world world;
  begin(&world, true, 0);
  service_reloading(world.service); /* not yet ready: READY=1 comes by itself */
  expect(&world, "");
  service_turn(world.service, -1);
  sim_notify_take(world.io.notify);
  turn_after(&world, 1000000);
  char wanted[200];
  snprintf(wanted, sizeof wanted, "RELOADING=1\nMONOTONIC_USEC=%lld\n\n",
           (long long)clock_mono_us(world.io.clock));
  service_reloading(world.service);
  expect(&world, wanted);
  turn_after(&world, 1000000);
  expect(&world, "STATUS=reloading: 2 pipelines, 0 records/s\n\n");
  service_reloaded(world.service);
  expect(&world, "READY=1\n\n");
  turn_after(&world, 1000000);
  expect(&world, "STATUS=running: 2 pipelines, 0 records/s\n\n");

  /* All of it while there is no room: late, but in order and each by itself. */
  sim_notify_full(world.io.notify, true);
  service_reloading(world.service);
  service_reloaded(world.service);
  service_stopping(world.service, 1000000);
  assert_int_equal(service_turn(world.service, -1), 50000);
  sim_notify_full(world.io.notify, false);
  snprintf(wanted, sizeof wanted,
           "RELOADING=1\nMONOTONIC_USEC=%lld\n\nREADY=1\n\nSTOPPING=1\n\n"
           "STATUS=stopping: delivering what was taken, for 1 s at most\n"
           "EXTEND_TIMEOUT_USEC=31000000\n\n",
           (long long)clock_mono_us(world.io.clock));
  assert_int_not_equal(service_turn(world.service, -1), 50000);
  expect(&world, wanted);
  end(&world);
}

/* Twice within its time, and by turns alone. */
static void test_watchdog(void **state) {
  (void)state;
  struct world world;
  begin(&world, true, 3000000);
  assert_int_equal(service_turn(world.service, -1), 1500000);
  assert_non_null(strstr(sim_notify_take(world.io.notify), "WATCHDOG=1\n"));
  assert_int_equal(service_turn(world.service, 100), 100);
  expect(&world, "");
  assert_int_equal(turn_after(&world, 1000000), 500000);
  expect(&world, "");
  assert_int_equal(turn_after(&world, 500000), 1500000);
  expect(&world, "WATCHDOG=1\n\n");
  end(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nobody_listens),
      cmocka_unit_test(test_life),
      cmocka_unit_test(test_reload),
      cmocka_unit_test(test_watchdog),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
