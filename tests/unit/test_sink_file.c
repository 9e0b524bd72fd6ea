/* Tests of the sink `file`: what it writes where, and that each record is there exactly once
 * wherever the machine stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "sinks/sinks.h"
#include "tests/contract/sink_harness.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char plain[] = "path: '@/out.ndjson'\n";
static const char by_user[] = "path: '@/{{date:%Y}}/{{u}}.ndjson'\nmax_open_files: 2\n";
static const char rotated[] = "path: '@/out.ndjson'\nrotate: {size: 30}\n";

static const struct sink_step steps[] = {
    {1, "{\"u\":\"a\",\"n\":1}\n{\"u\":\"b\",\"n\":2}\n", false},
    {2, "{\"u\":\"a\",\"n\":3}\n{\"u\":\"c\",\"n\":4}\n{\"u\":\"a\",\"n\":5}\n", true},
    {3, "{\"u\":\"d\",\"n\":6}\n", false},
    {4, "{\"u\":\"b\",\"n\":7}\n{\"u\":\"a\",\"n\":8}\n{\"u\":\"e\",\"n\":9}\n", true},
    {5, "{\"u\":\"a\",\"n\":10}\n{\"u\":\"d\",\"n\":11}\n", false},
    {0, NULL, false}};

static const char in_one_file[] =
    "{\"u\":\"a\",\"n\":1}\n{\"u\":\"b\",\"n\":2}\n{\"u\":\"a\",\"n\":3}\n{\"u\":\"c\",\"n\":4}\n"
    "{\"u\":\"a\",\"n\":5}\n{\"u\":\"d\",\"n\":6}\n{\"u\":\"b\",\"n\":7}\n{\"u\":\"a\",\"n\":8}\n"
    "{\"u\":\"e\",\"n\":9}\n{\"u\":\"a\",\"n\":10}\n{\"u\":\"d\",\"n\":11}\n";

static void play(struct sink_world *world, const char *options) {
  struct err err = {0};
  if (sink_start(world, &sink_file, options, &err) != 0 || sink_play(world, steps, &err) != 0) {
    print_message("%s\n", err.text);
    fail();
  }
}

static void assert_dump(struct sink_world *world, const char *expected) {
  char *dump = sink_world_dump(world);
  assert_string_equal(dump, expected);
  free(dump);
}

static void records_go_where_they_belong(void **state) {
  (void)state;
  for (int simulated = 0; simulated < 2; simulated++) {
    struct sink_world world;
    char *expected = mem_printf("== out.ndjson\n%s", in_one_file);
    sink_world_open(&world, simulated);
    play(&world, plain);
    assert_dump(&world, expected);
    free(expected);
    sink_world_close(&world);

    sink_world_open(&world, simulated);
    play(&world, by_user);
    assert_dump(
        &world,
        "== 1970/a.ndjson\n{\"u\":\"a\",\"n\":1}\n{\"u\":\"a\",\"n\":3}\n{\"u\":\"a\",\"n\":5}\n"
        "{\"u\":\"a\",\"n\":8}\n{\"u\":\"a\",\"n\":10}\n"
        "== 1970/b.ndjson\n{\"u\":\"b\",\"n\":2}\n{\"u\":\"b\",\"n\":7}\n"
        "== 1970/c.ndjson\n{\"u\":\"c\",\"n\":4}\n"
        "== 1970/d.ndjson\n{\"u\":\"d\",\"n\":6}\n{\"u\":\"d\",\"n\":11}\n"
        "== 1970/e.ndjson\n{\"u\":\"e\",\"n\":9}\n");
    sink_world_close(&world);

    sink_world_open(&world, simulated);
    play(&world, rotated);
    assert_dump(&world, "== out.ndjson.000001\n{\"u\":\"a\",\"n\":1}\n{\"u\":\"b\",\"n\":2}\n"
                        "== out.ndjson.000002\n{\"u\":\"a\",\"n\":3}\n{\"u\":\"c\",\"n\":4}\n"
                        "{\"u\":\"a\",\"n\":5}\n"
                        "== out.ndjson.000003\n{\"u\":\"d\",\"n\":6}\n{\"u\":\"b\",\"n\":7}\n"
                        "{\"u\":\"a\",\"n\":8}\n{\"u\":\"e\",\"n\":9}\n"
                        "== out.ndjson.000004\n{\"u\":\"a\",\"n\":10}\n{\"u\":\"d\",\"n\":11}\n");
    sink_world_close(&world);

    sink_world_open(&world, simulated);
    play(&world, "path: '@/out'\nrotate: {every: 2s}\n");
    assert_dump(&world, "== out.000001\n{\"u\":\"a\",\"n\":1}\n{\"u\":\"b\",\"n\":2}\n"
                        "{\"u\":\"a\",\"n\":3}\n{\"u\":\"c\",\"n\":4}\n{\"u\":\"a\",\"n\":5}\n"
                        "== out.000002\n{\"u\":\"d\",\"n\":6}\n{\"u\":\"b\",\"n\":7}\n"
                        "{\"u\":\"a\",\"n\":8}\n{\"u\":\"e\",\"n\":9}\n"
                        "== out.000003\n{\"u\":\"a\",\"n\":10}\n{\"u\":\"d\",\"n\":11}\n");
    sink_world_close(&world);
  }
}

/* Somebody else's bytes are in one of the files; they must be there afterwards, once, in front. */
static void prepare(struct sink_world *world) {
  sink_world_file(world, "out.ndjson", "mine\n");
  sink_world_file(world, "out.ndjson.000002", "mine too\n");
  struct err err;
  char *path = mem_printf("%s/1970", world->folder);
  assert_int_equal(disk_make_dirs(world->io.disk, path, &err), 0);
  free(path);
  sink_world_file(world, "1970/b.ndjson", "mine\n");
  path = mem_printf("%s/1970", world->folder);
  assert_int_equal(disk_sync_dir(world->io.disk, path, &err), 0);
  free(path);
}

/* Runs the steps with the n-th disk call failing for good, for every n, then what is left after the
 * crash; the files must be those of a run where nothing happened. behind: the log lost the newest
 * commit (it had not been synced). */
static void crash_everywhere(const char *options, enum sim_unsynced unsynced, bool behind) {
  struct sink_world world;
  struct err err = {0};
  sink_world_open(&world, true);
  prepare(&world);
  play(&world, options);
  sink_stop(&world);
  char *expected = sink_world_dump(&world);
  sink_world_close(&world);
  assert_non_null(strstr(expected, "mine"));

  bool crashed = true;
  for (uint64_t n = 1; crashed; n++) {
    assert_true(n < 2000);
    sink_world_open(&world, true);
    prepare(&world);
    sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = n, .fail_is_crash = true});
    crashed =
        sink_start(&world, &sink_file, options, &err) != 0 || sink_play(&world, steps, &err) != 0;
    sink_crash(&world, unsynced, n);
    if (behind && world.held_epoch > 0) {
      buf_clear(&world.state);
      buf_put_slice(&world.state, buf_slice(&world.state_before));
      world.held_epoch = world.held_before;
    }
    /* A second crash while recovering from the first, at a place of its own. */
    sim_disk_set_faults(world.disk,
                        (struct sim_disk_faults){.fail_at = 1 + n % 13, .fail_is_crash = true});
    if (sink_start(&world, &sink_file, options, &err) == 0) sink_play(&world, steps, &err);
    sink_crash(&world, unsynced, n + 1);
    play(&world, options);
    sink_stop(&world);
    char *dump = sink_world_dump(&world);
    if (strcmp(dump, expected) != 0) print_message("crash at call %llu\n", (unsigned long long)n);
    assert_string_equal(dump, expected);
    free(dump);
    sink_world_close(&world);
  }
  free(expected);
}

static void exactly_once_wherever_it_stops(void **state) {
  (void)state;
  static const char *const all[] = {plain, by_user, rotated, "path: '@/out'\nrotate: {every: 2s}\n",
                                    "path: '@/out.ndjson'\nif_exists: truncate\n"};
  static const enum sim_unsynced modes[] = {SIM_UNSYNCED_KEPT, SIM_UNSYNCED_DROPPED,
                                            SIM_UNSYNCED_MIXED};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (size_t j = 0; j < sizeof modes / sizeof *modes; j++)
      for (int behind = 0; behind < 2; behind++) crash_everywhere(all[i], modes[j], behind);
}

/* A call of a commit fails, and no other: what is said to be committed is there after a power cut.
 * A sync that failed is not asked for again. */
static void a_failed_sync_is_final(void **state) {
  (void)state;
  static const char *const all[] = {plain, by_user, rotated};
  int finals = 0;
  for (size_t i = 0; i < 3; i++) {
    struct sink_world world;
    struct err err = {0};
    sink_world_open(&world, true);
    play(&world, all[i]);
    char *expected = sink_world_dump(&world);
    sink_world_close(&world);
    for (uint64_t n = 1; n < 12; n++) {
      sink_world_open(&world, true);
      assert_int_equal(sink_start(&world, &sink_file, all[i], &err), 0);
      assert_int_equal(sink_give(&world, 1, steps[0].clock_s, steps[0].records, &err),
                       SINK_ANSWER_DONE);
      sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = n});
      enum sink_answer answer = sink_commit_now(&world, 1, &err);
      if (answer == SINK_ANSWER_RETRY) answer = sink_commit_now(&world, 1, &err);
      if (answer == SINK_ANSWER_FAILED) finals += strstr(err.text, "not known any more") != NULL;
      sink_crash(&world, SIM_UNSYNCED_DROPPED, n);
      play(&world, all[i]);
      assert_dump(&world, expected);
      sink_world_close(&world);
    }
    free(expected);
  }
  assert_true(finals >= 6);
}

static void a_full_disk_is_waited_for(void **state) {
  (void)state;
  struct sink_world world;
  struct err err = {0};
  sink_world_open(&world, true);
  assert_int_equal(sink_start(&world, &sink_file, plain, &err), 0);
  assert_int_equal(sink_give(&world, 1, 1, steps[0].records, &err), SINK_ANSWER_DONE);
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){.capacity_bytes = 1});
  for (int i = 0; i < 3; i++) {
    assert_int_equal(sink_give(&world, 2, 2, steps[1].records, &err), SINK_ANSWER_RETRY);
    assert_non_null(strstr(err.text, "/data/out.ndjson"));
    assert_non_null(strstr(err.text, "No space left on device"));
  }
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){0});
  assert_int_equal(sink_play(&world, steps, &err), 0);
  char *dump = sink_world_dump(&world);
  /* The first epoch was given twice by this test, as two different ones. */
  assert_non_null(strstr(dump, in_one_file));
  free(dump);
  sink_world_close(&world);
}

static void start_fails(struct sink_world *world, const char *options, int code, const char *text) {
  struct err err = {0};
  assert_int_equal(sink_start(world, &sink_file, options, &err), -1);
  assert_int_equal(err.code, code);
  if (strstr(err.text, text) == NULL) assert_string_equal(err.text, text);
  sink_stop(world);
}

static void what_cannot_be_written_is_told(void **state) {
  (void)state;
  struct sink_world world;
  sink_world_open(&world, false);
  char *dir = mem_printf("%s/dir", world.folder);
  assert_int_equal(mkdir(dir, 0755), 0);
  start_fails(&world, "path: '@/dir'\n", ERR_IO, "/dir: is not a regular file");
  start_fails(&world, "path: '@/dir/'\n", ERR_CONFIG, "path ends with a /");
  start_fails(&world, "path: ''\n", ERR_CONFIG, "\"path\" is empty");
  if (geteuid() != 0) {
    assert_int_equal(chmod(dir, 0555), 0);
    start_fails(&world, "path: '@/dir/out'\n", ERR_PERM, "Permission denied");
    assert_int_equal(chmod(dir, 0755), 0);
  }
  start_fails(&world, "path: /proc/tidemark/out\n", ERR_NOINPUT, "/proc/tidemark");
  sink_world_file(&world, "old", "old\n");
  start_fails(&world, "path: '@/old'\nif_exists: fail\n", ERR_IO,
              "/old: is there already, and if_exists: fail forbids writing to it");
  start_fails(&world, "path: '@/{{u}}'\nif_exists: truncate\n", ERR_CONFIG,
              "if_exists: truncate needs a path without {{placeholders}}");
  start_fails(&world, "path: '@/{{u}'\n", ERR_CONFIG, "{{ without its }}");
  start_fails(&world, "path: '@/{{}}'\n", ERR_CONFIG, "nothing between {{ and }}");
  start_fails(&world, "path: '@/{{date:%Q}}'\n", ERR_CONFIG, "%Q");
  start_fails(&world, "path: '/o/{{lowr(u)}}'\n", ERR_CONFIG,
              "test.yaml:1:13: unknown function lowr");
  start_fails(&world, "path: '@/x'\ntimezone: Mars/Olympus\n", ERR_CONFIG, "Mars/Olympus");
  assert_dump(&world, "== old\nold\n");
  free(dir);
  sink_world_close(&world);
}

static void values_cannot_leave_the_folder(void **state) {
  (void)state;
  struct sink_world world;
  struct err err = {0};
  sink_world_open(&world, false);
  assert_int_equal(sink_start(&world, &sink_file, "path: '@/{{u}}{{v}}'\n", &err), 0);
  struct buf records;
  buf_init(&records);
  static const char *const bad[] = {"\"../x\",\"v\":1",     "\"a/b\",\"v\":1",   "\"\",\"v\":1",
                                    "\"n\\u0000\",\"v\":1", "\".\",\"v\":\".\"", "null,\"v\":1",
                                    "\"a\\nb\",\"v\":1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    buf_printf(&records, "{\"u\":%s}\n", bad[i]);
  buf_printf(&records, "{\"u\":\"%0256d\",\"v\":1}\n", 7);
  buf_printf(&records, "{\"u\":\"%0200d\",\"v\":\"%0100d\"}\n", 7, 7);
  buf_put_text(&records, "{\"u\":\"..x\",\"v\":1}\n");
  assert_int_equal(sink_give(&world, 1, 1, buf_cstr(&records), &err), SINK_ANSWER_DONE);
  assert_dump(&world, "== ..x1\n{\"u\":\"..x\",\"v\":1}\n");
  assert_string_equal(buf_cstr(&world.errors),
                      "file.path: a field of the path has a / in it\n"
                      "file.path: a field of the path has a / in it\n"
                      "file.path: a field of the path is empty\n"
                      "file.path: a field of the path has a control character in it\n"
                      "file.path: the path would leave its folder\n"
                      "file.path: a field of the path is null or missing\n"
                      "file.path: a field of the path has a control character in it\n"
                      "file.path: a field of the path is longer than 255 bytes\n"
                      "file.path: a name in the path is longer than 255 bytes\n");
  buf_fini(&records);
  sink_world_close(&world);
}

static void dates_are_event_time_in_a_zone(void **state) {
  (void)state;
  struct sink_world world;
  struct err err = {0};
  sink_world_open(&world, false);
  assert_int_equal(
      sink_start(&world, &sink_file, "path: '@/{{date:%Y/%m/%d}}'\ntimezone: '+02:00'\n", &err), 0);
  assert_int_equal(sink_give(&world, 1, 1, "{\"t\":79199}\n{\"t\":79200}\n{\"t\":1}\n", &err),
                   SINK_ANSWER_DONE);
  assert_dump(&world, "== 1970/01/01\n{\"t\":79199}\n{\"t\":1}\n== 1970/01/02\n{\"t\":79200}\n");
  sink_world_close(&world);
}

/* Between two lives, and in the middle of one. */
static void a_file_that_somebody_else_changed(void **state) {
  (void)state;
  for (int simulated = 0; simulated < 2; simulated++) {
    struct sink_world world;
    struct err err = {0};
    sink_world_open(&world, simulated);
    play(&world, plain);
    sink_stop(&world);
    char *path = mem_printf("%s/out.ndjson", world.folder);
    sink_world_file(&world, "out.ndjson", "short\n");
    start_fails(&world, plain, ERR_CORRUPT, "has 6 bytes, but the log promises");
    assert_int_equal(disk_unlink(world.io.disk, path, &err), 0);
    start_fails(&world, plain, ERR_CORRUPT, "is gone, but the log promises its first");

    sink_world_forget(&world);
    play(&world, plain);
    sink_world_file(&world, "out.ndjson", "");
    assert_int_equal(sink_give(&world, 6, 6, "{}\n", &err), SINK_ANSWER_FAILED);
    assert_non_null(strstr(err.text, "somebody cut it to 0 bytes"));
    sink_stop(&world);

    assert_int_equal(disk_unlink(world.io.disk, path, &err), 0);
    sink_world_forget(&world);
    play(&world, plain);
    assert_int_equal(disk_unlink(world.io.disk, path, &err), 0);
    assert_int_equal(sink_give(&world, 6, 6, "{}\n", &err), SINK_ANSWER_FAILED);
    assert_non_null(strstr(err.text, "somebody moved, removed or replaced it"));
    free(path);
    sink_world_close(&world);
  }
}

/* What came to a good end is somebody's, also when its state folder is gone. */
static void a_new_state_folder_appends(void **state) {
  (void)state;
  struct sink_world world;
  sink_world_open(&world, true);
  for (int i = 0; i < 3; i++) {
    play(&world, plain);
    sink_stop(&world);
    sink_world_forget(&world);
  }
  char *expected = mem_printf("== out.ndjson\n%s%s%s", in_one_file, in_one_file, in_one_file);
  assert_dump(&world, expected);
  free(expected);
  sink_world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_go_where_they_belong),
      cmocka_unit_test(exactly_once_wherever_it_stops),
      cmocka_unit_test(a_failed_sync_is_final),
      cmocka_unit_test(a_full_disk_is_waited_for),
      cmocka_unit_test(what_cannot_be_written_is_told),
      cmocka_unit_test(values_cannot_leave_the_folder),
      cmocka_unit_test(dates_are_event_time_in_a_zone),
      cmocka_unit_test(a_file_that_somebody_else_changed),
      cmocka_unit_test(a_new_state_folder_appends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
