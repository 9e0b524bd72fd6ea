/* The contract of disk.h, real and simulated. */
#include "tests/unit/io_world.h"

#include <string.h>
#include <unistd.h>

static struct disk_file *open_file(struct io_world *w, const char *name, int flags) {
  struct disk_file *file;
  OK(w, disk_open(w->io.disk, io_world_path(w, name), flags, &file, &w->err));
  return file;
}

static void write_file(struct io_world *w, const char *name, const char *text) {
  struct disk_file *file = open_file(w, name, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE);
  OK(w, disk_write(file, text, strlen(text), 0, &w->err));
  disk_close(file);
}

static void expect_file(struct io_world *w, const char *name, const char *text) {
  char data[256] = {0};
  size_t got;
  struct disk_file *file = open_file(w, name, DISK_READ);
  OK(w, disk_read(file, data, sizeof data - 1, 0, &got, &w->err));
  disk_close(file);
  assert_string_equal(data, text);
  assert_int_equal(got, strlen(text));
}

static void what_is_written_is_read(void **state) {
  struct io_world *w = *state;
  struct disk_file *file = open_file(w, "f", DISK_READ | DISK_WRITE | DISK_CREATE);
  assert_string_equal(disk_path(file), io_world_path(w, "f"));
  OK(w, disk_write(file, "hello", 5, 3, &w->err));
  char data[16];
  size_t got;
  OK(w, disk_read(file, data, sizeof data, 0, &got, &w->err));
  assert_int_equal(got, 8);
  assert_memory_equal(data, "\0\0\0hello", 8);
  OK(w, disk_read(file, data, 2, 4, &got, &w->err));
  assert_int_equal(got, 2);
  assert_memory_equal(data, "el", 2);
  OK(w, disk_read(file, data, 5, 100, &got, &w->err));
  assert_int_equal(got, 0);
  OK(w, disk_sync(file, &w->err));
  struct disk_stat by_file, by_path;
  bool found;
  OK(w, disk_fstat(file, &by_file, &w->err));
  OK(w, disk_stat(w->io.disk, disk_path(file), &found, &by_path, &w->err));
  assert_true(found);
  assert_int_equal(by_path.type, DISK_FILE);
  assert_int_equal(by_path.size_bytes, 8);
  assert_true(by_file.ino == by_path.ino && by_file.dev == by_path.dev);
  assert_true(by_path.mtime_us > 1600000000000000);
  disk_close(file);
  disk_close(NULL);
}

static void what_was_cut_off_is_zero(void **state) {
  struct io_world *w = *state;
  struct disk_file *file = open_file(w, "f", DISK_READ | DISK_WRITE | DISK_CREATE);
  OK(w, disk_write(file, "abcdef", 6, 0, &w->err));
  OK(w, disk_truncate(file, 2, &w->err));
  OK(w, disk_truncate(file, 4, &w->err));
  char data[8];
  size_t got;
  OK(w, disk_read(file, data, sizeof data, 0, &got, &w->err));
  assert_int_equal(got, 4);
  assert_memory_equal(data, "ab\0\0", 4);
  disk_close(file);
}

static void open_does_what_the_flags_say(void **state) {
  struct io_world *w = *state;
  struct disk_file *file;
  const char *path = io_world_path(w, "f");
  assert_int_equal(disk_open(w->io.disk, path, DISK_READ, &file, &w->err), -1);
  assert_int_equal(w->err.code, ERR_NOINPUT);
  assert_non_null(strstr(w->err.text, path));
  assert_non_null(strstr(w->err.text, "cannot open"));
  write_file(w, "f", "first");
  expect_file(w, "f", "first");
  int exclusive = DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE;
  assert_int_equal(disk_open(w->io.disk, path, exclusive, &file, &w->err), -1);
  assert_int_equal(w->err.code, ERR_BUSY);
  disk_close(open_file(w, "f", DISK_WRITE | DISK_CREATE));
  expect_file(w, "f", "first");
  disk_close(open_file(w, "f", DISK_WRITE | DISK_TRUNCATE));
  expect_file(w, "f", "");
  disk_close(open_file(w, "g", exclusive));
  path = io_world_path(w, "no/such/folder");
  assert_int_equal(disk_open(w->io.disk, path, DISK_WRITE | DISK_CREATE, &file, &w->err), -1);
  assert_non_null(strstr(w->err.text, path));
  file = open_file(w, "g", DISK_READ);
  assert_int_equal(disk_write(file, "x", 1, 0, &w->err), -1);
  assert_non_null(strstr(w->err.text, disk_path(file)));
  disk_close(file);
}

static void rename_replaces_and_unlink_forgives(void **state) {
  struct io_world *w = *state;
  write_file(w, "old", "one");
  write_file(w, "new", "two");
  struct disk_file *held = open_file(w, "new", DISK_READ);
  OK(w, disk_rename(w->io.disk, io_world_path(w, "old"), io_world_path(w, "new"), &w->err));
  expect_file(w, "new", "one");
  char data[4] = {0};
  size_t got;
  OK(w, disk_read(held, data, 3, 0, &got, &w->err)); /* the replaced file lives while it is open */
  assert_string_equal(data, "two");
  disk_close(held);
  struct disk_stat stat;
  bool found = true;
  OK(w, disk_stat(w->io.disk, io_world_path(w, "old"), &found, &stat, &w->err));
  assert_false(found);
  assert_int_equal(
      disk_rename(w->io.disk, io_world_path(w, "old"), io_world_path(w, "new"), &w->err), -1);
  assert_int_equal(w->err.code, ERR_NOINPUT);
  OK(w, disk_unlink(w->io.disk, io_world_path(w, "new"), &w->err));
  OK(w, disk_unlink(w->io.disk, io_world_path(w, "new"), &w->err));
  OK(w, disk_stat(w->io.disk, io_world_path(w, "new"), &found, &stat, &w->err));
  assert_false(found);
}

static void folders_are_made_and_listed(void **state) {
  struct io_world *w = *state;
  OK(w, disk_make_dirs(w->io.disk, io_world_path(w, "a//b/c/"), &w->err));
  OK(w, disk_make_dirs(w->io.disk, io_world_path(w, "a/b"), &w->err));
  write_file(w, "a/b/z", "");
  write_file(w, "a/b/Y", "");
  write_file(w, "a/b/.hidden", "");
  char **names;
  size_t n;
  OK(w, disk_list(w->io.disk, io_world_path(w, "a/b"), &names, &n, &w->err));
  assert_int_equal(n, 4);
  assert_string_equal(names[0], ".hidden");
  assert_string_equal(names[1], "Y");
  assert_string_equal(names[2], "c");
  assert_string_equal(names[3], "z");
  free(names);
  OK(w, disk_list(w->io.disk, io_world_path(w, "a/b/c"), &names, &n, &w->err));
  assert_int_equal(n, 0);
  free(names);
  OK(w, disk_sync_dir(w->io.disk, io_world_path(w, "a/b"), &w->err));
  struct disk_stat stat;
  bool found;
  OK(w, disk_stat(w->io.disk, io_world_path(w, "a/b"), &found, &stat, &w->err));
  assert_int_equal(stat.type, DISK_DIR);
  assert_int_equal(disk_list(w->io.disk, io_world_path(w, "none"), &names, &n, &w->err), -1);
  assert_int_equal(w->err.code, ERR_NOINPUT);
  assert_int_equal(disk_sync_dir(w->io.disk, io_world_path(w, "none"), &w->err), -1);
  const char *in_the_way = io_world_path(w, "a/b/z/d");
  assert_int_equal(disk_make_dirs(w->io.disk, in_the_way, &w->err), -1);
  assert_non_null(strstr(w->err.text, "/a/b/z"));
  assert_non_null(strstr(w->err.text, "Not a directory"));
}

static void glob_finds_sorted(void **state) {
  struct io_world *w = *state;
  OK(w, disk_make_dirs(w->io.disk, io_world_path(w, "x/deep"), &w->err));
  OK(w, disk_make_dirs(w->io.disk, io_world_path(w, "y"), &w->err));
  write_file(w, "y/b.log", "");
  write_file(w, "x/a.log", "");
  write_file(w, "x/a.txt", "");
  write_file(w, "x/.c.log", "");
  write_file(w, "x/deep/d.log", "");
  char **paths;
  size_t n;
  OK(w, disk_glob(w->io.disk, io_world_path(w, "[xy]/*.log"), &paths, &n, &w->err));
  assert_int_equal(n, 2);
  assert_string_equal(paths[0], io_world_path(w, "x/a.log"));
  assert_string_equal(paths[1], io_world_path(w, "y/b.log"));
  free(paths);
  OK(w, disk_glob(w->io.disk, io_world_path(w, "nowhere/*"), &paths, &n, &w->err));
  assert_int_equal(n, 0);
  free(paths);
}

static void a_lock_is_held_until_close(void **state) {
  struct io_world *w = *state;
  struct disk_file *first = open_file(w, "lock", DISK_WRITE | DISK_CREATE);
  struct disk_file *second = open_file(w, "lock", DISK_WRITE | DISK_CREATE);
  OK(w, disk_lock(first, &w->err));
  assert_int_equal(disk_lock(second, &w->err), -1);
  assert_int_equal(w->err.code, ERR_BUSY);
  assert_non_null(strstr(w->err.text, disk_path(second)));
  disk_close(first);
  OK(w, disk_lock(second, &w->err));
  disk_close(second);
}

static void errors_of_the_system_name_the_path(void **state) {
  struct io_world *w = *state;
  struct disk_file *file;
  OK(w, disk_open(w->io.disk, "/dev/full", DISK_WRITE, &file, &w->err));
  assert_int_equal(disk_write(file, "x", 1, 0, &w->err), -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  assert_string_equal(w->err.text, "cannot write /dev/full: No space left on device");
  disk_close(file);
  if (geteuid() == 0) return; /* nothing is forbidden to root */
  assert_int_equal(disk_open(w->io.disk, "/etc/passwd", DISK_WRITE, &file, &w->err), -1);
  assert_int_equal(w->err.code, ERR_PERM);
  assert_string_equal(w->err.text, "cannot open /etc/passwd: Permission denied");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(what_is_written_is_read),      BOTH(what_was_cut_off_is_zero),
      BOTH(open_does_what_the_flags_say), BOTH(rename_replaces_and_unlink_forgives),
      BOTH(folders_are_made_and_listed),  BOTH(glob_finds_sorted),
      BOTH(a_lock_is_held_until_close),   REAL(errors_of_the_system_name_the_path),
  };
  return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
