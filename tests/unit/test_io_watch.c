/* Tests of daemon/io/watch.h: notices of real and simulated folders. */
#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <string.h>

/* What was told, as "names a;bytes a;". */
struct told {
  struct io_world *world;
  struct watcher *watcher;
  struct buf text;
};

static void on_notice(void *arg, enum watch_change change, const char *folder, const char *name) {
  static const char *const words[] = {"bytes", "names", "lost"};
  struct told *told = arg;
  const char *last = folder == NULL ? "any" : strrchr(folder, '/') + 1;
  buf_printf(&told->text, "%s %s/%s;", words[change], last, name == NULL ? "" : name);
}

static void begin(struct told *told, struct io_world *world) {
  *told = (struct told){.world = world};
  buf_init(&told->text);
  OK(world, watcher_open(world->io.watch, on_notice, told, &told->watcher, &world->err));
}

static void end(struct told *told) {
  watcher_close(told->watcher);
  buf_fini(&told->text);
}

/* Waits until it was told, then forgets. */
static void until_told(struct told *told, const char *wanted) {
  struct io_world *world = told->world;
  int64_t end_us = clock_mono_us(world->io.clock) + 20 * 1000000;
  while (strstr(buf_cstr(&told->text), wanted) == NULL) {
    if (clock_mono_us(world->io.clock) > end_us)
      fail_msg("\"%s\" was told, not \"%s\"", buf_cstr(&told->text), wanted);
    OK(world, loop_wait(world->io.loop, 100000, &world->err));
  }
  buf_clear(&told->text);
}

static void put(struct io_world *world, const char *name, const char *text) {
  struct disk_file *file;
  OK(world, disk_open(world->io.disk, io_world_path(world, name), DISK_WRITE | DISK_CREATE, &file,
                      &world->err));
  if (*text != '\0') OK(world, disk_write(file, text, strlen(text), 0, &world->err));
  disk_close(file);
}

static void what_happens_is_told(void **state) {
  struct io_world *world = *state;
  struct told told;
  begin(&told, world);
  put(world, "before", "x");
  OK(world, disk_make_dirs(world->io.disk, io_world_path(world, "d"), &world->err));
  OK(world, watcher_add(told.watcher, io_world_path(world, "d"), &world->err));
  OK(world, watcher_add(told.watcher, io_world_path(world, "d"), &world->err));
  put(world, "d/a", "");
  until_told(&told, "names d/a;");
  put(world, "d/a", "text");
  until_told(&told, "bytes d/a;");
  struct disk_file *file;
  OK(world, disk_open(world->io.disk, io_world_path(world, "d/a"), DISK_WRITE, &file, &world->err));
  OK(world, disk_rename(world->io.disk, io_world_path(world, "d/a"), io_world_path(world, "d/b"),
                        &world->err));
  until_told(&told, "names d/a;names d/b;");
  /* Written by the name it was opened with, told by the name it has. */
  OK(world, disk_write(file, "more", 4, 4, &world->err));
  until_told(&told, "bytes d/b;");
  OK(world, disk_truncate(file, 0, &world->err));
  until_told(&told, "bytes d/b;");
  disk_close(file);
  OK(world, disk_unlink(world->io.disk, io_world_path(world, "d/b"), &world->err));
  until_told(&told, "names d/b;");
  /* Elsewhere, and in a folder within. */
  OK(world, disk_make_dirs(world->io.disk, io_world_path(world, "d/e"), &world->err));
  until_told(&told, "names d/e;");
  put(world, "after", "x");
  put(world, "d/e/f", "x");
  put(world, "d/g", "");
  OK(world, loop_wait(world->io.loop, 100000, &world->err));
  assert_null(strstr(buf_cstr(&told.text), "f"));
  until_told(&told, "names d/g;");
  end(&told);
}

static void a_folder_that_is_another_one(void **state) {
  struct io_world *world = *state;
  struct told told;
  begin(&told, world);
  const char *d = io_world_path(world, "d");
  OK(world, disk_make_dirs(world->io.disk, d, &world->err));
  OK(world, watcher_add(told.watcher, d, &world->err));
  OK(world, disk_rename(world->io.disk, d, io_world_path(world, "was"), &world->err));
  until_told(&told, "lost d/;");
  assert_int_equal(watcher_add(told.watcher, io_world_path(world, "d"), &world->err), -1);
  assert_int_equal(world->err.code, ERR_NOINPUT);
  OK(world, disk_make_dirs(world->io.disk, io_world_path(world, "d"), &world->err));
  OK(world, watcher_add(told.watcher, io_world_path(world, "d"), &world->err));
  put(world, "d/a", "");
  until_told(&told, "names d/a;");
  put(world, "was/b", "");
  put(world, "d/c", "");
  OK(world, loop_wait(world->io.loop, 100000, &world->err));
  assert_null(strstr(buf_cstr(&told.text), "b"));
  end(&told);
}

static void two_watchers_and_two_paths(void **state) {
  struct io_world *world = *state;
  struct told one, other;
  begin(&one, world);
  begin(&other, world);
  OK(world, disk_make_dirs(world->io.disk, io_world_path(world, "d"), &world->err));
  OK(world, watcher_add(one.watcher, io_world_path(world, "d"), &world->err));
  OK(world, watcher_add(other.watcher, io_world_path(world, "./d"), &world->err));
  OK(world, watcher_add(other.watcher, io_world_path(world, "d"), &world->err));
  put(world, "d/a", "");
  until_told(&one, "names d/a;");
  until_told(&other, "names d/a;names d/a;");
  watcher_close(one.watcher);
  one.watcher = NULL;
  put(world, "d/b", "");
  until_told(&other, "names d/b;names d/b;");
  assert_int_equal(one.text.len, 0);
  end(&one);
  end(&other);
}

static void limits(void **state) {
  struct io_world *world = *state;
  struct told told;
  sim_watch_set_faults(world->io.watch, (struct sim_watch_faults){.no_watchers = true});
  assert_int_equal(watcher_open(world->io.watch, on_notice, &told, &told.watcher, &world->err), -1);
  assert_int_equal(world->err.code, ERR_LIMIT);
  sim_watch_set_faults(world->io.watch, (struct sim_watch_faults){.folders_max = 1});
  begin(&told, world);
  OK(world, disk_make_dirs(world->io.disk, io_world_path(world, "d"), &world->err));
  OK(world, watcher_add(told.watcher, io_world_path(world, "."), &world->err));
  assert_int_equal(watcher_add(told.watcher, io_world_path(world, "d"), &world->err), -1);
  assert_int_equal(world->err.code, ERR_LIMIT);
  sim_watch_set_faults(world->io.watch, (struct sim_watch_faults){.overflow = true});
  put(world, "a", "");
  until_told(&told, "lost any/;");
  end(&told);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(what_happens_is_told),
      BOTH(a_folder_that_is_another_one),
      BOTH(two_watchers_and_two_paths),
      SIM(limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
