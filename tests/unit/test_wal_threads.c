/* Tests of daemon/wal on the real loop, disk and threads: group commit while the loop goes on.
 * Meant for --enable-tsan as well. */
#include "tests/unit/wal_world.h"

#include <unistd.h>

enum { RECORDS = 3000 };

static void changed(void *arg) {
  (*(unsigned *)arg)++;
}

static void remove_folder(struct disk *disk, const char *dir) {
  struct err err;
  char **names;
  size_t n_names;
  assert_int_equal(disk_list(disk, dir, &names, &n_names, &err), 0);
  for (size_t i = 0; i < n_names; i++) {
    char *path = mem_printf("%s/%s", dir, names[i]);
    assert_int_equal(disk_unlink(disk, path, &err), 0);
    free(path);
  }
  free(names);
  assert_int_equal(rmdir(dir), 0);
}

static size_t record_len(uint32_t i) {
  return i % 50 == 49 ? 200 * 1024 : i % 700;
}

/* Appends all, a few each turn, never waiting while there is room; trims what is synced up to
 * `keep` records from the end. */
static void write_all(struct io *io, struct wal *wal, uint32_t keep, uint64_t ends[RECORDS]) {
  struct err err;
  uint32_t appended = 0;
  while (appended < RECORDS || wal_synced_lsn(wal) < ends[RECORDS - 1]) {
    for (uint32_t k = 0; k < 7 && appended < RECORDS && wal_pending_bytes(wal) < 4 * MIB; k++) {
      ends[appended] = append(wal, appended, record_len(appended));
      appended++;
    }
    bool full = appended == RECORDS || wal_pending_bytes(wal) >= 4 * MIB;
    assert_int_equal(loop_wait(io->loop, full ? -1 : 0, &err), 0);
    assert_int_equal(wal_failed(wal, &err), 0);
    if (appended > keep && ends[appended - keep - 1] <= wal_synced_lsn(wal))
      wal_trim(wal, ends[appended - keep - 1]);
  }
}

static void write_and_read(enum wal_sync sync) {
  char dir[] = "/tmp/tidemark-test-wal-XXXXXX";
  assert_non_null(mkdtemp(dir));
  struct world world = {0};
  assert_int_equal(io_real_open(&world.io, &world.err), 0);
  struct wal_options options = {.dir = dir,
                                .segment_bytes = MIB,
                                .spare_segments = 2,
                                .sync = sync,
                                .sync_interval_us = 2000,
                                .log_id = 42};
  unsigned changes = 0;
  uint64_t *ends = mem_zalloc(RECORDS * sizeof *ends);
  struct diag quiet = {0};
  if (wal_open(&world.wal, &world.io, &options, &quiet, changed, &changes, &world.err) != 0)
    fail_msg("%s", world.err.text);
  uint32_t keep = RECORDS / 2;
  write_all(&world.io, world.wal, keep, ends);
  assert_true(changes > 0);
  struct wal_figures figures;
  wal_figures(world.wal, &figures);
  if (sync != WAL_SYNC_NEVER) assert_in_range(figures.syncs, 1, RECORDS);
  wal_close(world.wal);
  if (wal_open(&world.wal, &world.io, &options, &quiet, changed, &changes, &world.err) != 0)
    fail_msg("%s", world.err.text);
  assert_int_equal(read_all(&world, ends[RECORDS - keep - 1], RECORDS - keep), keep);
  wal_close(world.wal);
  remove_folder(world.io.disk, dir);
  io_real_close(&world.io);
  free(ends);
}

static void interval(void **state) {
  (void)state;
  write_and_read(WAL_SYNC_INTERVAL);
}

static void always(void **state) {
  (void)state;
  write_and_read(WAL_SYNC_ALWAYS);
}

static void never(void **state) {
  (void)state;
  write_and_read(WAL_SYNC_NEVER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(interval),
      cmocka_unit_test(always),
      cmocka_unit_test(never),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
