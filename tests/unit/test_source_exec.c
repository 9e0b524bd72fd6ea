/* Tests of the source `exec`: its rules, with commands that are simulated; a few run real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "sources/sources.h"
#include "tests/contract/source_harness.h"

#include <stdio.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define FOR_EVER INT64_MAX

static void play(struct source_world *world, struct sim_program program) {
  sim_program(world->io.processes, program);
}

static void furnish(struct source_world *world, void *arg) {
  play(world, *(const struct sim_program *)arg);
}

static void begin(struct source_world *world, const char *options, struct sim_program program) {
  struct err err;
  source_world_open(world, true);
  world->furnish = furnish;
  world->furnish_arg = &program;
  if (source_start(world, &source_exec, options, &err) != 0) fail_msg("%s", err.text);
  world->furnish = NULL;
}

static int64_t now_us(struct source_world *world) {
  return clock_mono_us(world->io.clock);
}

/* Until so much time has passed, taking whatever is there; the error of a take. */
static int pass(struct source_world *world, int64_t us, uint64_t bytes, struct err *err) {
  int64_t end_us = now_us(world) + us;
  while (now_us(world) < end_us) {
    assert_int_equal(loop_wait(world->io.loop, end_us - now_us(world), err), 0);
    while (world->ready && !world->ended) {
      size_t n = world->n_given;
      if (source_take_once(world, bytes, err) == 0) continue;
      assert_int_equal(world->n_given, n); /* behind what was good */
      return -1;
    }
  }
  return 0;
}

static void passes(struct source_world *world, int64_t us) {
  struct err err;
  if (pass(world, us, 1 << 20, &err) != 0) fail_msg("%s", err.text);
}

static void story_is(struct source_world *world, const char *wanted) {
  assert_string_equal(buf_cstr(&world->story), wanted);
}

static int64_t started(struct source_world *world) {
  return sim_programs_started(world->io.processes);
}

static void a_bounded_command(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct source_world world;
    begin(&world, "command: [c]\nrestart: never\n",
          (struct sim_program){.out = "one\n\ntwo\r\nhalf", .err = "complaint\n", .run_us = 1000});
    struct err err;
    assert_int_equal(pass(&world, SECOND_US, i == 0 ? 1 << 20 : 1, &err), 0);
    story_is(&world, "exec: one\nexec: \nexec: two\r\nexec: half\nexec: end\nend\n");
    /* A later life has nothing more to give, and starts nothing. */
    source_stop(&world);
    assert_int_equal(source_start(&world, &source_exec, "command: [c]\nrestart: never\n", &err), 0);
    assert_int_equal(source_take_once(&world, 1000, &err), 0);
    assert_true(world.ended);
    source_world_close(&world);
  }
}

/* What it said comes out, the half line does not, and then the error. */
static void a_bounded_command_that_fails(void **state) {
  (void)state;
  static const struct sim_program ends[] = {{.out = "one\ntw", .status = 3},
                                            {.out = "one\ntw", .signal = 11}};
  static const char *const texts[] = {"c has ended with exit status 3", "c was ended by signal 11"};
  for (int i = 0; i < 2; i++) {
    struct source_world world;
    begin(&world, "command: [c]\nrestart: never\n", ends[i]);
    struct err err = {0};
    while (sim_programs_running(world.io.processes) > 0)
      assert_int_equal(loop_wait(world.io.loop, 1000, &err), 0);
    assert_int_equal(pass(&world, SECOND_US, 1 << 20, &err), -1);
    assert_non_null(strstr(err.text, texts[i]));
    story_is(&world, "exec: one\n");
    source_world_close(&world);
  }
}

static void restarts(void **state) {
  (void)state;
  static const struct {
    const char *restart;
    int status;
    bool again;
  } cases[] = {{"always", 0, true},
               {"always", 1, true},
               {"on_failure", 1, true},
               {"on_failure", 0, false},
               {"never", 0, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct source_world world;
    char options[100];
    snprintf(options, sizeof options, "command: [c]\nrestart: %s\n", cases[i].restart);
    begin(&world, options, (struct sim_program){.out = "one\n", .status = cases[i].status});
    play(&world, (struct sim_program){.out = "two\n", .run_us = FOR_EVER});
    passes(&world, 900000);
    assert_int_equal(started(&world), 1);
    passes(&world, 200000);
    assert_int_equal(started(&world), cases[i].again ? 2 : 1);
    assert_int_equal(world.ended, !cases[i].again);
    if (cases[i].again) story_is(&world, "exec: one\nexec: two\n");
    source_world_close(&world);
  }
}

/* 1 s, 2 s, 4 s, ... 1 min; 1 s again after a minute of health. A clean end does not count. */
static void delays_double(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, "command: [c]\n", (struct sim_program){.status = 1});
  static const int64_t delays[] = {1, 2, 4, 8, 16, 32, 60, 60};
  size_t n = sizeof delays / sizeof *delays;
  for (size_t i = 0; i < n; i++) {
    play(&world, (struct sim_program){.status = 1, .run_us = i + 1 == n ? 61 * SECOND_US : 0});
    passes(&world, delays[i] * SECOND_US - 100000);
    assert_int_equal(started(&world), i + 1);
    passes(&world, 100000 + 10000);
    assert_int_equal(started(&world), i + 2);
  }
  play(&world, (struct sim_program){.run_us = 1000});
  play(&world, (struct sim_program){.run_us = 1000});
  play(&world, (struct sim_program){.run_us = FOR_EVER});
  passes(&world, 62 * SECOND_US + 100000); /* healthy for 61 s, then 1 s */
  assert_int_equal(started(&world), n + 2);
  passes(&world, SECOND_US + 100000);
  assert_int_equal(started(&world), n + 3);
  passes(&world, SECOND_US + 100000);
  assert_int_equal(started(&world), n + 4);
  source_world_close(&world);
}

/* A start that does not work is a failure like any other, but the first is an error. */
static void no_such_command(void **state) {
  (void)state;
  struct source_world world;
  struct err err;
  source_world_open(&world, true);
  assert_int_equal(source_start(&world, &source_exec, "command: [c]\n", &err), -1);
  assert_int_equal(err.code, ERR_NOINPUT);
  source_world_close(&world);
  begin(&world, "command: [c]\n", (struct sim_program){.out = "one\n"});
  passes(&world, 2 * SECOND_US); /* none is planned: it cannot be started at 1 s */
  play(&world, (struct sim_program){.out = "two\n", .run_us = FOR_EVER});
  passes(&world, 2 * SECOND_US);
  story_is(&world, "exec: one\nexec: two\n");
  source_world_close(&world);
}

/* What is not taken is not read, and the command waits. */
static void a_full_pipeline_holds_the_command(void **state) {
  (void)state;
  struct source_world world;
  struct buf out;
  buf_init(&out);
  for (int i = 0; i < 30000; i++) buf_printf(&out, "line %d\n", i);
  begin(&world, "command: [c]\nrestart: never\n", (struct sim_program){.out = buf_cstr(&out)});
  struct err err;
  for (int i = 0; i < 20; i++) assert_int_equal(loop_wait(world.io.loop, SECOND_US, &err), 0);
  assert_int_equal(sim_programs_running(world.io.processes), 1);
  for (int i = 0; i < 3; i++) passes(&world, SECOND_US);
  assert_true(world.ended);
  assert_true(slice_equal(buf_slice(&world.bytes), buf_slice(&out)));
  buf_fini(&out);
  source_world_close(&world);
}

static void a_stop_asks_first(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, "command: [c]\n", (struct sim_program){.run_us = FOR_EVER, .stop_us = SECOND_US});
  passes(&world, 1000);
  source_exec.stop(world.instance);
  passes(&world, SECOND_US / 2);
  assert_int_equal(sim_programs_running(world.io.processes), 1);
  struct err err;
  assert_int_equal(loop_wait(world.io.loop, SECOND_US, &err), 0);
  assert_int_equal(sim_programs_running(world.io.processes), 0);
  source_world_close(&world);
  begin(&world, "command: [c]\nstop_timeout: 3s\n",
        (struct sim_program){.run_us = FOR_EVER, .stop_us = -1});
  passes(&world, 1000);
  source_exec.stop(world.instance);
  int64_t since_us = now_us(&world);
  while (sim_programs_running(world.io.processes) > 0)
    assert_int_equal(loop_wait(world.io.loop, SECOND_US, &err), 0);
  assert_in_range(now_us(&world) - since_us, 3 * SECOND_US, 3 * SECOND_US + 1000);
  source_world_close(&world);
}

/* ------------------------------------------------------------------ reload */

static void reload(struct source_world *world, const char *options) {
  struct err err;
  if (source_reload(world, options, &err) != 0) fail_msg("%s", err.text);
}

static void an_unchanged_command_runs_on(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, "command: [c, x]\nenv: {A: b}\n",
        (struct sim_program){.out = "one\nha", .run_us = FOR_EVER});
  play(&world, (struct sim_program){.out = "other\n", .run_us = FOR_EVER});
  passes(&world, 100000);
  reload(&world, "command: [c, x]\nenv: {A: b}\nrestart: on_failure\nstop_timeout: 9s\n");
  passes(&world, 5 * SECOND_US);
  assert_int_equal(started(&world), 1);
  assert_int_equal(sim_programs_running(world.io.processes), 1);
  story_is(&world, "exec: one\n");
  source_world_close(&world);
}

/* The old one is asked to end, what it still says is taken, and the new one starts behind it. */
static void a_changed_command_is_replaced(void **state) {
  (void)state;
  static const char *const others[] = {"command: [c, y]\n", "command: [c, x]\nenv: {A: b}\n",
                                       "command: [c, x]\ndir: /else\n"};
  for (int i = 0; i < 3; i++) {
    struct source_world world;
    begin(&world, "command: [c, x]\n",
          (struct sim_program){
              .out = "one\nlast words\n", .run_us = FOR_EVER, .stop_us = SECOND_US, .status = 1});
    play(&world, (struct sim_program){.out = "new\n", .run_us = FOR_EVER});
    reload(&world, others[i]); /* nothing was taken yet */
    passes(&world, SECOND_US / 2);
    assert_int_equal(started(&world), 1);
    passes(&world, SECOND_US);
    assert_int_equal(started(&world), 2);
    story_is(&world, "exec: one\nexec: last words\nexec: new\n");
    source_world_close(&world);
  }
}

static void a_reload_that_cannot_be(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, "command: [c]\n", (struct sim_program){.out = "one\n", .run_us = FOR_EVER});
  struct err err;
  assert_int_equal(source_reload(&world, "command: [d]\n", &err), -1); /* none is planned */
  assert_int_equal(err.code, ERR_NOINPUT);
  passes(&world, SECOND_US);
  assert_int_equal(sim_programs_running(world.io.processes), 1);
  story_is(&world, "exec: one\n");
  source_world_close(&world);
}

/* Adopted and never opened, as when another component of the new pipeline cannot be opened. */
static void who_is_adopted_can_be_closed(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, "command: [c]\n", (struct sim_program){.run_us = FOR_EVER, .stop_us = 0});
  struct compile compile;
  compile_init(&compile, &world.io, NULL);
  void *new = compile_component(&compile, &source_exec.type, NULL, "command: [d]\n", NULL);
  source_exec.handover.adopt(new, world.instance);
  source_exec.close(new);
  assert_int_equal(sim_programs_running(world.io.processes), 0);
  compile_fini(&compile);
  source_world_close(&world);
}

/* ------------------------------------------------------------------ options and the system */

static void refused(const char *options, const char *text) {
  struct source_world world;
  struct err err = {0};
  source_world_open(&world, true);
  assert_int_equal(source_start(&world, &source_exec, options, &err), -1);
  if (strstr(err.text, text) == NULL) fail_msg("%s: %s", options, err.text);
  source_world_close(&world);
}

static void options_are_checked(void **state) {
  (void)state;
  refused("restart: never\n", "command");
  refused("command: [\"\", x]\n", "command wants a list");
  refused("command: journalctl -f\n", "no shell");
}

static void a_real_command(void **state) {
  (void)state;
  static const uint64_t sizes[] = {1, 1000, 1 << 20};
  for (int i = 0; i < 3; i++) {
    struct source_world world;
    source_world_open(&world, false);
    struct err err;
    if (source_start(&world, &source_exec,
                     "command: [sh, -c, 'pwd; echo \"$A\"; seq 1000; printf half']\n"
                     "dir: /\nenv: {A: b c}\nrestart: never\n",
                     &err) != 0)
      fail_msg("%s", err.text);
    while (!world.ended)
      if (source_take_once(&world, sizes[i], &err) != 0) fail_msg("%s", err.text);
    const char *story = buf_cstr(&world.story);
    assert_int_equal(strncmp(story, "exec: /\nexec: b c\nexec: 1\nexec: 2\n", 34), 0);
    assert_non_null(strstr(story, "exec: 1000\nexec: half\nexec: end\nend\n"));
    source_world_close(&world);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bounded_command),
      cmocka_unit_test(a_bounded_command_that_fails),
      cmocka_unit_test(restarts),
      cmocka_unit_test(delays_double),
      cmocka_unit_test(no_such_command),
      cmocka_unit_test(a_full_pipeline_holds_the_command),
      cmocka_unit_test(a_stop_asks_first),
      cmocka_unit_test(an_unchanged_command_runs_on),
      cmocka_unit_test(a_changed_command_is_replaced),
      cmocka_unit_test(a_reload_that_cannot_be),
      cmocka_unit_test(who_is_adopted_can_be_closed),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(a_real_command),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
