/* Tests of the sinks stdout and blackhole, and of what all sinks must do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "sinks/sinks.h"
#include "tests/contract/sink_harness.h"

#include <signal.h>
#include <unistd.h>

static const struct {
  const struct sink_plugin *plugin;
  const char *options;
} sinks[] = {{&sink_file, "path: '@/out'\n"},
             {&sink_file, "path: '@/{{u}}'\n"},
             {&sink_http, "url: http://host/\n"},
             {&sink_http, "{url: http://host/, concurrency: 3, key: u}\n"},
             {&sink_stdout, "{}\n"},
             {&sink_blackhole, "{}\n"}};

static const struct sink_step steps[] = {{1, "{\"u\":1}\n{\"u\":2}\n", false},
                                         {2, "{\"u\":3}\n", true},
                                         {3, "{\"u\":4}\n", false},
                                         {0, NULL, false}};

/* Simulated, so that what stdout gets can be seen and does not spoil the test's own output. */
static void all_sinks_keep_the_contract(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof sinks / sizeof *sinks; i++) {
    const struct sink_plugin *plugin = sinks[i].plugin;
    void *zeroed = mem_zalloc(plugin->type.instance_bytes);
    plugin->close(zeroed);
    assert_true(strlen(plugin->promise_text(zeroed)) > 10);
    const char *word =
        plugin->promise(zeroed) == SINK_EXACTLY_ONCE ? "exactly once: " : "at least once: ";
    assert_int_equal(strncmp(plugin->promise_text(zeroed), word, strlen(word)), 0);
    free(zeroed);

    struct sink_world world;
    struct err err = {0};
    sink_world_open(&world, true);
    assert_int_equal(sink_start(&world, plugin, sinks[i].options, &err), 0);
    assert_int_equal(sink_play(&world, steps, &err), 0);
    assert_int_equal(world.held_epoch, 3);
    assert_int_equal(world.errors.len, 0);
    /* A commit with nothing new, another life, and more. */
    assert_int_equal(sink_commit_now(&world, 3, &err), SINK_ANSWER_DONE);
    assert_int_equal(sink_start(&world, plugin, sinks[i].options, &err), 0);
    assert_int_equal(sink_give(&world, 4, 4, "", &err), SINK_ANSWER_DONE);
    assert_int_equal(sink_give(&world, 5, 5, "{\"u\":1}\n", &err), SINK_ANSWER_DONE);
    assert_int_equal(sink_commit_now(&world, 5, &err), SINK_ANSWER_DONE);
    sink_world_close(&world);
  }
}

static void stdout_prints_lines(void **state) {
  (void)state;
  struct sink_world world;
  struct err err = {0};
  sink_world_open(&world, true);
  assert_int_equal(sink_start(&world, &sink_stdout, "{}\n", &err), 0);
  assert_int_equal(sink_play(&world, steps, &err), 0);
  struct slice out = sim_stdout(world.io.loop);
  assert_true(slice_is(out, "{\"u\":1}\n{\"u\":2}\n{\"u\":3}\n{\"u\":4}\n"));
  sink_world_close(&world);
}

static void stdout_that_nobody_reads_stops(void **state) {
  (void)state;
  struct sink_world world;
  struct err err = {0};
  int ends[2], real = dup(1);
  signal(SIGPIPE, SIG_IGN);
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  sink_world_open(&world, false);
  assert_int_equal(sink_start(&world, &sink_stdout, "{}\n", &err), 0);
  dup2(ends[1], 1);
  enum sink_answer answer = sink_give(&world, 1, 1, "{}\n", &err);
  dup2(real, 1);
  assert_int_equal(answer, SINK_ANSWER_FAILED);
  assert_non_null(strstr(err.text, "Broken pipe"));
  close(ends[1]);
  close(real);
  sink_world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_sinks_keep_the_contract),
      cmocka_unit_test(stdout_prints_lines),
      cmocka_unit_test(stdout_that_nobody_reads_stops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
