/* wal_world: what the tests of the log share: a log on a simulated disk, and records that say by
 * their bytes which they are. */
#ifndef TIDEMARK_TESTS_UNIT_WAL_WORLD_H
#define TIDEMARK_TESTS_UNIT_WAL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "daemon/wal/wal.h"
#include "daemon/wal/wal_format.h"

#include <inttypes.h>
#include <stdio.h>

#define MIB ((uint64_t)1024 * 1024)
#define WORLD_DIR "/state/log"

struct world {
  struct disk *disk;
  struct io io;
  struct wal *wal; /* NULL: closed */
  struct wal_options options;
  struct diag diag;
  char *said; /* by diag */
  size_t said_len;
  unsigned changes;
  struct err err;
};

static inline void world_changed(void *arg) {
  ((struct world *)arg)->changes++;
}

static inline void world_start(struct world *world) {
  memset(world, 0, sizeof *world);
  world->disk = sim_disk_new();
  struct disk *disk = world->disk;
  assert_int_equal(disk_make_dirs(disk, WORLD_DIR, &world->err), 0);
  assert_int_equal(disk_sync_dir(disk, "/", &world->err), 0);
  assert_int_equal(disk_sync_dir(disk, "/state", &world->err), 0);
  world->options = (struct wal_options){.dir = WORLD_DIR,
                                        .segment_bytes = MIB,
                                        .spare_segments = 1,
                                        .sync = WAL_SYNC_INTERVAL,
                                        .sync_interval_us = 5000,
                                        .log_id = 0x1122334455667788};
  world->diag =
      (struct diag){.stream = open_memstream(&world->said, &world->said_len), .level = DIAG_DEBUG};
  assert_int_equal(io_sim_open(&world->io, 1, 1000000, disk, &world->err), 0);
}

static inline int world_try_open(struct world *world) {
  return wal_open(&world->wal, &world->io, &world->options, &world->diag, world_changed, world,
                  &world->err);
}

static inline void world_open(struct world *world) {
  if (world_try_open(world) != 0) fail_msg("wal_open: %s", world->err.text);
}

static inline void world_close(struct world *world) {
  wal_close(world->wal);
  world->wal = NULL;
}

/* As if the machine had stopped: what is in memory is gone, the disk decides the rest. The log has
 * no say any more: from a first failed call on (here one without effect) all fail. */
static inline void world_crash(struct world *world, enum sim_unsynced unsynced,
                               struct random *random) {
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){.fail_at = 1, .fail_is_crash = true});
  bool found;
  struct disk_stat stat;
  assert_int_equal(disk_stat(world->disk, WORLD_DIR, &found, &stat, &world->err), -1);
  world_close(world);
  io_sim_close(&world->io);
  sim_disk_crash(world->disk, unsynced, random);
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){0});
  assert_int_equal(io_sim_open(&world->io, 1, 2000000, world->disk, &world->err), 0);
}

static inline void world_end(struct world *world) {
  world_close(world);
  io_sim_close(&world->io);
  disk_free(world->disk);
  fclose(world->diag.stream);
  free(world->said);
}

static inline bool world_said(struct world *world, const char *text) {
  fflush(world->diag.stream);
  return world->said != NULL && strstr(world->said, text) != NULL;
}

/* Turns the loop until nothing is pending and the log's housekeeping rests. */
static inline void world_settle(struct world *world) {
  while (!sim_loop_idle(world->io.loop))
    assert_int_equal(loop_wait(world->io.loop, -1, &world->err), 0);
}

/* Record number i: its kind and every byte follow from i. */
static inline uint16_t record_kind(uint32_t i) {
  return (uint16_t)(i * 7 + 1);
}

static inline char record_byte(uint32_t i, size_t at) {
  return (char)((i + 1) * 131 + at * 7 + (at >> 8));
}

static inline uint64_t append(struct wal *wal, uint32_t i, size_t len) {
  char *body = mem_alloc(len + 1);
  for (size_t at = 0; at < len; at++) body[at] = record_byte(i, at);
  struct slice parts[2] = {{body, len / 3}, {body + len / 3, len - len / 3}};
  uint64_t end_lsn = wal_append(wal, record_kind(i), parts, 2);
  free(body);
  return end_lsn;
}

static inline bool record_is(const struct wal_record *record, uint32_t i) {
  if (record->kind != record_kind(i)) return false;
  for (size_t at = 0; at < record->body.len; at++)
    if (record->body.data[at] != record_byte(i, at)) return false;
  return true;
}

/* Reads from lsn on and expects the records first, first + 1, ...; returns how many. */
static inline uint32_t read_all(struct world *world, uint64_t lsn, uint32_t first) {
  struct wal_reader *reader;
  if (wal_reader_open(world->wal, lsn, &reader, &world->err) != 0)
    fail_msg("wal_reader_open: %s", world->err.text);
  uint32_t n = 0;
  struct wal_record record;
  int got;
  while ((got = wal_reader_next(reader, &record, &world->err)) == 1) {
    if (!record_is(&record, first + n)) fail_msg("record %u is not as appended", first + n);
    n++;
  }
  if (got < 0) fail_msg("wal_reader_next: %s", world->err.text);
  wal_reader_close(reader);
  return n;
}

static inline char *segment_file(uint64_t seq) {
  return mem_printf(WORLD_DIR "/%020" PRIu64 ".wal", seq);
}

static inline void segment_io(struct world *world, uint64_t seq, bool write, void *data, size_t len,
                              uint64_t offset) {
  char *path = segment_file(seq);
  struct disk_file *file;
  size_t got = len;
  if (disk_open(world->disk, path, DISK_READ | DISK_WRITE, &file, &world->err) != 0)
    fail_msg("%s", world->err.text);
  int result = write ? disk_write(file, data, len, offset, &world->err)
                     : disk_read(file, data, len, offset, &got, &world->err);
  assert_int_equal(result, 0);
  assert_int_equal(got, len);
  if (write) assert_int_equal(disk_sync(file, &world->err), 0);
  disk_close(file);
  free(path);
}

static inline void segment_read(struct world *world, uint64_t seq, void *data, size_t len,
                                uint64_t offset) {
  segment_io(world, seq, false, data, len, offset);
}

static inline void segment_write(struct world *world, uint64_t seq, const void *data, size_t len,
                                 uint64_t offset) {
  segment_io(world, seq, true, (void *)(uintptr_t)data, len, offset);
}

static inline void segment_flip(struct world *world, uint64_t lsn) {
  char *path = segment_file(lsn / MIB);
  assert_int_equal(sim_disk_flip_bit(world->disk, path, (lsn % MIB) * 8 + 3, &world->err), 0);
  free(path);
}

#endif
