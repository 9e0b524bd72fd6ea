/* Unit tests of daemon/state/snapshot: round trip, listing, and that no damaged byte is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"
#include "daemon/state/snapshot.h"

#include <stdio.h>
#include <unistd.h>

struct world {
  struct disk *disk;
  char dir[64];
};

static int world_new(void **state) {
  struct world *world = mem_zalloc(sizeof *world);
  strcpy(world->dir, "/tmp/test-snapshot-XXXXXX");
  assert_non_null(mkdtemp(world->dir));
  world->disk = disk_real_new();
  *state = world;
  return 0;
}

static int world_free(void **state) {
  struct world *world = *state;
  char **names;
  size_t n;
  struct err err;
  assert_int_equal(disk_list(world->disk, world->dir, &names, &n, &err), 0);
  for (size_t i = 0; i < n; i++) {
    char *path = mem_printf("%s/%s", world->dir, names[i]);
    assert_int_equal(disk_unlink(world->disk, path, &err), 0);
    free(path);
  }
  free(names);
  disk_free(world->disk);
  rmdir(world->dir);
  free(world);
  return 0;
}

static void write_one(struct world *world, uint64_t epoch, bool commit) {
  struct snapshot_writer *writer;
  struct err err;
  if (snapshot_create(world->disk, world->dir, epoch, &writer, &err) != 0) fail_msg("%s", err.text);
  struct buf *body = snapshot_begin(writer);
  assert_int_equal(body->len, 0);
  field_put_u64(body, epoch);
  field_put_bytes(body, slice_of("state"));
  assert_int_equal(snapshot_end(writer, "engine", 0, &err), 0);
  snapshot_begin(writer);
  assert_int_equal(snapshot_end(writer, "empty", 7, &err), 0);
  body = snapshot_begin(writer);
  for (int i = 0; i < 50; i++) field_put_i64(body, -i);
  assert_int_equal(snapshot_end(writer, "usage", 63, &err), 0);
  if (commit) {
    if (snapshot_commit(writer, &err) != 0) fail_msg("%s", err.text);
  } else {
    snapshot_abandon(writer);
  }
}

static void what_was_written_is_read(void **state) {
  struct world *world = *state;
  struct snapshot_reader *reader;
  struct snapshot_section section;
  struct err err;
  write_one(world, 12, true);
  if (snapshot_open(world->disk, world->dir, 12, &reader, &err) != 0) fail_msg("%s", err.text);
  assert_int_equal(snapshot_next(reader, &section, &err), 1);
  assert_string_equal(section.name, "engine");
  assert_int_equal(section.index, 0);
  size_t at = 0;
  uint64_t epoch;
  struct slice text;
  assert_int_equal(field_get_u64(section.body, &at, &epoch), 0);
  assert_int_equal(epoch, 12);
  assert_int_equal(field_get_bytes(section.body, &at, &text), 0);
  assert_true(slice_is(text, "state"));
  assert_int_equal(at, section.body.len);
  assert_int_equal(field_get_bytes(section.body, &at, &text), -1);
  assert_int_equal(snapshot_next(reader, &section, &err), 1);
  assert_string_equal(section.name, "empty");
  assert_int_equal(section.index, 7);
  assert_int_equal(section.body.len, 0);
  assert_int_equal(snapshot_next(reader, &section, &err), 1);
  assert_int_equal(section.index, 63);
  at = 0;
  for (int i = 0; i < 50; i++) {
    int64_t number;
    assert_int_equal(field_get_i64(section.body, &at, &number), 0);
    assert_int_equal(number, -i);
  }
  assert_int_equal(snapshot_next(reader, &section, &err), 0);
  assert_int_equal(snapshot_next(reader, &section, &err), 0);
  snapshot_close(reader);
  snapshot_close(NULL);
  assert_int_equal(snapshot_verify(world->disk, world->dir, 12, &err), 0);
}

static void fields_end_with_their_bytes(void **state) {
  (void)state;
  struct buf buf = {0};
  field_put_u32(&buf, 0x01020304);
  field_put_bytes(&buf, slice_of("abc"));
  assert_memory_equal(buf.data, "\x04\x03\x02\x01\x03\0\0\0abc", 11);
  for (size_t len = 0; len < buf.len; len++) {
    struct slice cut = {buf.data, len}, text;
    size_t at = 4;
    if (len >= 4) assert_int_equal(field_get_bytes(cut, &at, &text), -1);
    uint32_t small;
    uint64_t large;
    at = 0;
    assert_int_equal(field_get_u32(cut, &at, &small), len < 4 ? -1 : 0);
    at = 0;
    assert_int_equal(field_get_u64(cut, &at, &large), len < 8 ? -1 : 0);
  }
  buf_fini(&buf);
}

static void the_folder_is_listed(void **state) {
  struct world *world = *state;
  uint64_t *epochs;
  size_t n;
  struct err err;
  write_one(world, 9, true);
  write_one(world, 10, true);
  write_one(world, UINT64_MAX, true);
  write_one(world, 11, false);
  static const char *const others[] = {"snapshot-12.tmp",
                                       "snapshot-",
                                       "snapshot-012",
                                       "snapshot-1x",
                                       "snapshot-18446744073709551616",
                                       "lock"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    struct disk_file *file;
    char *path = mem_printf("%s/%s", world->dir, others[i]);
    assert_int_equal(disk_open(world->disk, path, DISK_WRITE | DISK_CREATE, &file, &err), 0);
    disk_close(file);
    free(path);
  }
  assert_int_equal(snapshot_list(world->disk, world->dir, true, &epochs, &n, &err), 0);
  assert_int_equal(n, 3);
  assert_true(epochs[0] == UINT64_MAX && epochs[1] == 10 && epochs[2] == 9);
  free(epochs);
  char *tmp = mem_printf("%s/%s", world->dir, others[0]);
  struct disk_stat stat;
  bool found;
  assert_int_equal(disk_stat(world->disk, tmp, &found, &stat, &err), 0);
  assert_false(found);
  free(tmp);
  assert_int_equal(snapshot_remove(world->disk, world->dir, 10, &err), 0);
  assert_int_equal(snapshot_list(world->disk, world->dir, false, &epochs, &n, &err), 0);
  assert_int_equal(n, 2);
  free(epochs);
}

static void refused(struct world *world, uint64_t byte, const char *what) {
  struct err err;
  if (snapshot_verify(world->disk, world->dir, 3, &err) == 0)
    fail_msg("taken although %s at byte %llu", what, (unsigned long long)byte);
  assert_int_equal(err.code, ERR_CORRUPT);
  assert_non_null(strstr(err.text, "/snapshot-3 is damaged at byte "));
}

static void no_damaged_byte_is_taken(void **state) {
  struct world *world = *state;
  struct err err;
  write_one(world, 3, true);
  char *path = mem_printf("%s/snapshot-3", world->dir);
  struct disk_file *file;
  struct disk_stat stat;
  assert_int_equal(disk_open(world->disk, path, DISK_READ | DISK_WRITE, &file, &err), 0);
  assert_int_equal(disk_fstat(file, &stat, &err), 0);
  for (uint64_t byte = 0; byte < stat.size_bytes; byte++) {
    size_t got;
    char good;
    assert_int_equal(disk_read(file, &good, 1, byte, &got, &err), 0);
    for (int bit = 0; bit < 8; bit++) {
      char bad = (char)(good ^ (1 << bit));
      assert_int_equal(disk_write(file, &bad, 1, byte, &err), 0);
      refused(world, byte, "a bit is flipped");
    }
    assert_int_equal(disk_write(file, &good, 1, byte, &err), 0);
  }
  assert_int_equal(snapshot_verify(world->disk, world->dir, 3, &err), 0);
  /* Longer by what may look like a footer, and shorter by anything. */
  char footer[32];
  size_t got;
  assert_int_equal(disk_read(file, footer, 32, stat.size_bytes - 32, &got, &err), 0);
  assert_int_equal(disk_write(file, footer, 32, stat.size_bytes, &err), 0);
  refused(world, stat.size_bytes, "it is longer");
  for (uint64_t size = stat.size_bytes; size-- > 0;) {
    assert_int_equal(disk_truncate(file, size, &err), 0);
    refused(world, size, "it is cut");
  }
  disk_close(file);
  free(path);
}

static void other_epochs_and_formats_are_refused(void **state) {
  struct world *world = *state;
  struct err err;
  write_one(world, 4, true);
  char *from = mem_printf("%s/snapshot-4", world->dir),
       *to = mem_printf("%s/snapshot-3", world->dir);
  assert_int_equal(disk_rename(world->disk, from, to, &err), 0);
  refused(world, 16, "it is another epoch's");

  /* A good header of format 2. */
  struct disk_file *file;
  struct buf header = {0};
  buf_put(&header, "tidesnap", 8);
  field_put_u32(&header, 2);
  field_put_u32(&header, 0);
  field_put_u64(&header, 3);
  field_put_u32(&header, 0);
  field_put_u32(&header, crc32c(0, header.data, header.len));
  assert_int_equal(disk_open(world->disk, to, DISK_WRITE, &file, &err), 0);
  assert_int_equal(disk_write(file, header.data, header.len, 0, &err), 0);
  disk_close(file);
  assert_int_equal(snapshot_verify(world->disk, world->dir, 3, &err), -1);
  assert_int_equal(err.code, ERR_OTHER);
  assert_non_null(strstr(err.text, "snapshot-3 has format 2"));
  assert_int_equal(snapshot_verify(world->disk, world->dir, 99, &err), -1);
  assert_int_equal(err.code, ERR_NOINPUT);
  buf_fini(&header);
  free(from);
  free(to);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_was_written_is_read, world_new, world_free),
      cmocka_unit_test(fields_end_with_their_bytes),
      cmocka_unit_test_setup_teardown(the_folder_is_listed, world_new, world_free),
      cmocka_unit_test_setup_teardown(no_damaged_byte_is_taken, world_new, world_free),
      cmocka_unit_test_setup_teardown(other_epochs_and_formats_are_refused, world_new, world_free),
  };
  return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
