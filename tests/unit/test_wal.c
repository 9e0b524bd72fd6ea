/* Unit tests of daemon/wal: what the log promises, one known case at a time. */
#include "tests/unit/wal_world.h"

#include "daemon/base/crc32c.h"

#define FIRST_LSN (MIB + WAL_SEGMENT_HEADER_BYTES)
#define HEADER WAL_ENTRY_HEADER_BYTES

/* ---- the format */

static void put(unsigned char *to, uint64_t value, int bytes) {
  while (bytes-- > 0) {
    *to++ = (unsigned char)value;
    value >>= 8;
  }
}

/* Bytes written down by hand after the tables of wal_format.h. */
static void format_is_as_described(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  wal_append(world.wal, 0x0203, (struct slice[]){slice_of("tide"), slice_of("!")}, 2);
  world_close(&world);

  unsigned char want[WAL_SEGMENT_HEADER_BYTES + HEADER + 8] = "TIDEMWAL", got[sizeof want];
  put(want + 8, 1, 4);
  put(want + 12, crc32c(0, want, 12), 4);
  put(want + 16, 0x1122334455667788, 8);
  put(want + 24, 1, 8);
  put(want + 32, MIB, 8);
  want[40] = 1;
  put(want + 60, crc32c(0, want, 60), 4);
  unsigned char *entry = want + WAL_SEGMENT_HEADER_BYTES;
  memcpy(entry + HEADER, "tide!\0\0\0", 8);
  put(entry + 4, crc32c(0, "tide!\0\0\0", 8), 4);
  put(entry + 8, 5, 4);
  put(entry + 12, 0x0203, 2);
  entry[14] = 1;
  put(entry + 16, FIRST_LSN, 8);
  unsigned char covered[24 + HEADER - 4];
  put(covered, 0x1122334455667788, 8);
  put(covered + 8, 1, 8);
  put(covered + 16, 4096, 8);
  memcpy(covered + 24, entry + 4, HEADER - 4);
  put(entry, crc32c(0, covered, sizeof covered), 4);
  segment_read(&world, 1, got, sizeof got, 0);
  assert_memory_equal(got, want, sizeof want);
  world_end(&world);
}

static void entries_are_valid_only_where_they_were_written(void **state) {
  (void)state;
  struct wal_segment segment = {.log_id = 5, .seq = 7, .segment_bytes = MIB};
  unsigned char bytes[32] = {0};
  struct wal_entry entry;
  wal_entry_begin(bytes, WAL_ENTRY_RECORD, 9, 5);
  memcpy(bytes + HEADER, "12345", 5);
  assert_int_equal(wal_entry_finish(bytes, &segment, 4096, 7 * MIB + 4096), 32);
  assert_true(wal_entry_decode(bytes, &segment, 4096, &entry));
  assert_true(wal_entry_body_valid(&entry, bytes + HEADER));
  assert_false(wal_entry_decode(bytes, &segment, 4104, &entry));
  segment.seq = 8;
  assert_false(wal_entry_decode(bytes, &segment, 4096, &entry));
  segment.seq = 7;
  segment.log_id = 6;
  assert_false(wal_entry_decode(bytes, &segment, 4096, &entry));
  segment.log_id = 5;
  for (int bit = 0; bit < 32 * 8; bit++) {
    bytes[bit / 8] ^= (unsigned char)(1 << (bit % 8));
    assert_false(wal_entry_decode(bytes, &segment, 4096, &entry) &&
                 wal_entry_body_valid(&entry, bytes + HEADER));
    bytes[bit / 8] ^= (unsigned char)(1 << (bit % 8));
  }
  /* Rules beyond the checksums. */
  wal_entry_finish(bytes, &segment, 4096, 7 * MIB + 4097);
  assert_false(wal_entry_decode(bytes, &segment, 4096, &entry));
  wal_entry_finish(bytes, &segment, MIB - 24, 0);
  assert_false(wal_entry_decode(bytes, &segment, MIB - 24, &entry));
}

/* ---- writing and reading */

static void appended_is_read_back(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  assert_int_equal(wal_end_lsn(world.wal), FIRST_LSN);
  assert_int_equal(wal_begin_lsn(world.wal), FIRST_LSN);
  uint64_t ends[50];
  for (uint32_t i = 0; i < 50; i++) ends[i] = append(world.wal, i, i * i);
  assert_int_equal(wal_synced_lsn(world.wal), FIRST_LSN);
  assert_true(wal_pending_bytes(world.wal) > 0);
  world_settle(&world);
  assert_int_equal(wal_synced_lsn(world.wal), ends[49]);
  assert_int_equal(wal_pending_bytes(world.wal), 0);
  assert_true(world.changes > 0);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 50);
  assert_int_equal(read_all(&world, ends[19], 20), 30);
  assert_int_equal(read_all(&world, wal_end_lsn(world.wal), 50), 0);
  struct wal_reader *reader;
  assert_int_equal(wal_reader_open(world.wal, wal_end_lsn(world.wal) + 8, &reader, &world.err), -1);
  assert_int_equal(world.err.code, ERR_CORRUPT);
  struct wal_figures figures;
  wal_figures(world.wal, &figures);
  assert_int_equal(figures.records, 50);
  assert_int_equal(figures.bytes, ends[49] - FIRST_LSN);
  assert_int_equal(figures.segments, 1);
  assert_int_equal(figures.torn_tail_bytes, 0);
  world_end(&world);
}

static void a_record_that_does_not_fit_goes_to_the_next_segment(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  uint64_t ends[10];
  for (uint32_t i = 0; i < 10; i++) ends[i] = append(world.wal, i, 300 * 1024);
  world_settle(&world);
  assert_int_equal(ends[3] / MIB, 2);
  assert_int_equal(ends[9] / MIB, 4);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 10);
  assert_int_equal(read_all(&world, ends[2], 3), 7);
  uint64_t end_lsn = append(world.wal, 10, 1);
  assert_true(end_lsn > ends[9]);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 11);
  world_end(&world);
}

/* rest: bytes left in the segment behind the record. With none, 8 or 16 there is no room for a
 * seal; with 24 there is just that. */
static void exact_fit_with(uint64_t rest) {
  struct world world;
  world_start(&world);
  world_open(&world);
  uint64_t max = wal_record_bytes_max(world.wal);
  assert_int_equal(max, MIB - 4096 - HEADER);
  uint64_t end_lsn = append(world.wal, 0, max - rest);
  assert_int_equal(end_lsn, 2 * MIB - rest);
  world_settle(&world);
  assert_int_equal(wal_synced_lsn(world.wal), end_lsn);
  wal_trim(world.wal, end_lsn);
  world_settle(&world);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 1);
  append(world.wal, 1, max);
  append(world.wal, 2, 0);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 3);
  assert_int_equal(read_all(&world, end_lsn, 1), 2);
  world_end(&world);
}

static void exact_fit(void **state) {
  (void)state;
  for (uint64_t rest = 0; rest <= 48; rest += 8) exact_fit_with(rest);
}

static void size_of_an_existing_log_counts(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  append(world.wal, 0, 10);
  world_close(&world);
  world.options.segment_bytes = 4 * MIB;
  world.options.log_id = 99;
  world_open(&world);
  assert_int_equal(wal_record_bytes_max(world.wal), MIB - 4096 - HEADER);
  append(world.wal, 1, 10);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 2);
  world_end(&world);

  world_start(&world);
  world.options.segment_bytes = MIB + 1;
  assert_int_equal(world_try_open(&world), -1);
  assert_int_equal(world.err.code, ERR_CONFIG);
  world_end(&world);
}

/* ---- when it is synced */

static uint64_t syncs(struct world *world) {
  struct wal_figures figures;
  wal_figures(world->wal, &figures);
  return figures.syncs;
}

static void an_idle_log_syncs_at_once_a_busy_one_in_groups(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world.options.sync_interval_us = 1000000;
  world_open(&world);
  world_settle(&world);
  assert_int_equal(loop_wait(world.io.loop, 2000000, &world.err), 0);
  uint64_t before = syncs(&world);
  int64_t began_us = clock_mono_us(world.io.clock);
  uint64_t end_lsn = append(world.wal, 0, 100);
  while (wal_synced_lsn(world.wal) < end_lsn) loop_wait(world.io.loop, -1, &world.err);
  assert_true(clock_mono_us(world.io.clock) - began_us < 500000);
  assert_int_equal(syncs(&world), before + 1);
  for (uint32_t i = 1; i <= 100; i++) {
    end_lsn = append(world.wal, i, 100);
    loop_wait(world.io.loop, 0, &world.err);
  }
  assert_int_equal(syncs(&world), before + 1);
  while (wal_synced_lsn(world.wal) < end_lsn) loop_wait(world.io.loop, -1, &world.err);
  assert_int_equal(syncs(&world), before + 2);
  assert_true(clock_mono_us(world.io.clock) - began_us >= 1000000);
  /* Whatever the interval says. */
  end_lsn = append(world.wal, 101, 100);
  wal_sync_now(world.wal);
  began_us = clock_mono_us(world.io.clock);
  while (wal_synced_lsn(world.wal) < end_lsn) loop_wait(world.io.loop, -1, &world.err);
  assert_true(clock_mono_us(world.io.clock) - began_us < 500000);
  world_end(&world);
}

static void never_means_written_in_order(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world.options.sync = WAL_SYNC_NEVER;
  world_open(&world);
  world_settle(&world);
  uint64_t before = syncs(&world), end_lsn = 0;
  for (uint32_t i = 0; i < 20; i++) {
    end_lsn = append(world.wal, i, 1000);
    world_settle(&world);
  }
  assert_int_equal(syncs(&world), before);
  assert_int_equal(wal_synced_lsn(world.wal), end_lsn);
  struct random random;
  random_seed(&random, 4);
  world_crash(&world, SIM_UNSYNCED_MIXED, &random);
  world_open(&world);
  assert_in_range(read_all(&world, 0, 0), 0, 20);
  world_end(&world);
}

/* ---- segments used again */

static void segments_are_made_ready_and_used_again(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world.options.spare_segments = 2;
  world_open(&world);
  world_settle(&world);
  struct wal_figures figures;
  wal_figures(world.wal, &figures);
  assert_int_equal(figures.spare_segments, 2);
  uint32_t i = 0;
  uint64_t kept_lsn = 0;
  uint32_t kept = 0;
  for (int round = 0; round < 6; round++) {
    for (int k = 0; k < 8; k++) {
      kept = i;
      kept_lsn = wal_end_lsn(world.wal);
      append(world.wal, i++, 400 * 1024);
      world_settle(&world);
    }
    wal_trim(world.wal, kept_lsn);
    world_settle(&world);
    assert_true(wal_begin_lsn(world.wal) <= kept_lsn);
  }
  wal_figures(world.wal, &figures);
  assert_int_equal(figures.segments, kept_lsn % MIB > MIB - 400 * 1024 ? 2 : 1);
  char **names;
  size_t n_names;
  assert_int_equal(disk_list(world.disk, WORLD_DIR, &names, &n_names, &world.err), 0);
  free(names);
  assert_int_equal(n_names, figures.segments + figures.spare_segments);
  assert_in_range(n_names, 3, 10);
  world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
  world_open(&world);
  /* The files are full of what they held before; none of it is found. */
  assert_false(world_said(&world, "were being written"));
  assert_int_equal(read_all(&world, kept_lsn, kept), 1);
  struct wal_reader *reader;
  assert_int_equal(wal_reader_open(world.wal, FIRST_LSN, &reader, &world.err), -1);
  assert_int_equal(world.err.code, ERR_CORRUPT);
  world_end(&world);
}

static size_t files_of(struct world *world) {
  char **names;
  size_t n_names;
  assert_int_equal(disk_list(world->disk, WORLD_DIR, &names, &n_names, &world->err), 0);
  free(names);
  return n_names;
}

/* Filling its first segment is not waited for; what is appended meanwhile is. */
static void a_new_log_is_open_at_once(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  uint64_t before = sim_disk_calls(world.disk);
  world_open(&world);
  assert_in_range(sim_disk_calls(world.disk) - before, 1, 8);
  append(world.wal, 0, 100);
  assert_int_equal(wal_synced_lsn(world.wal), FIRST_LSN);
  world_settle(&world);
  assert_true(wal_synced_lsn(world.wal) == wal_end_lsn(world.wal));
  assert_true(files_of(&world) >= 1);
  world_crash(&world, SIM_UNSYNCED_DROPPED, NULL);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 1);
  world_end(&world);
}

static void a_busy_log_makes_segments_ready(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world.options.sync = WAL_SYNC_ALWAYS;
  world.options.spare_segments = 3; /* the first is begun before there is anything to write */
  world_open(&world);
  struct wal_figures figures = {0};
  for (uint32_t i = 0; figures.spare_segments < 3; i++) {
    append(world.wal, i, 1000);
    assert_int_equal(loop_wait(world.io.loop, -1, &world.err), 0);
    wal_figures(world.wal, &figures);
    assert_true(wal_end_lsn(world.wal) < 2 * MIB);
  }
  world_end(&world);
}

/* ---- torn or damaged */

/* Ten records of 1000 bytes in three groups (4, 3, 3), then the process dies. */
static void write_three_groups(struct world *world, uint64_t starts[10]) {
  world_open(world);
  for (uint32_t i = 0; i < 10; i++) {
    starts[i] = wal_end_lsn(world->wal);
    append(world->wal, i, 1000);
    if (i == 3 || i == 6 || i == 9) world_settle(world);
  }
}

static void torn_last_record_is_cut(void **state) {
  (void)state;
  struct world world;
  uint64_t starts[10];
  world_start(&world);
  write_three_groups(&world, starts);
  world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
  segment_flip(&world, starts[9] + 500);

  char *before = mem_alloc(MIB), *after = mem_alloc(MIB);
  segment_read(&world, 1, before, MIB, 0);
  world.options.read_only = true;
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 9);
  assert_true(world_said(&world, "the next start will cut them"));
  world_close(&world);
  segment_read(&world, 1, after, MIB, 0);
  assert_memory_equal(before, after, MIB);
  free(before);
  free(after);

  world.options.read_only = false;
  world_open(&world);
  struct wal_figures figures;
  wal_figures(world.wal, &figures);
  assert_int_equal(figures.torn_tail_bytes, 1000 + HEADER);
  char *place = mem_printf("%020d.wal, byte %" PRIu64 ": 1024 bytes", 1, starts[9] - MIB);
  assert_true(world_said(&world, place));
  free(place);
  assert_int_equal(wal_end_lsn(world.wal), starts[9]);
  assert_int_equal(read_all(&world, 0, 0), 9);
  append(world.wal, 9, 77);
  world_close(&world);
  world_open(&world);
  wal_figures(world.wal, &figures);
  assert_int_equal(figures.torn_tail_bytes, 0);
  assert_int_equal(read_all(&world, 0, 0), 10);
  world_end(&world);
}

/* The last group's first record was not written, the two behind it were. Cut off, they must not
 * come back when a new record ends where they began. */
static void what_was_cut_never_comes_back(void **state) {
  (void)state;
  struct world world;
  uint64_t starts[10];
  char zeros[1000 + HEADER] = {0};
  world_start(&world);
  write_three_groups(&world, starts);
  world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
  segment_write(&world, 1, zeros, sizeof zeros, starts[7] - MIB);
  world_open(&world);
  struct wal_figures figures;
  wal_figures(world.wal, &figures);
  assert_int_equal(figures.torn_tail_bytes, 3 * (1000 + HEADER));
  assert_int_equal(read_all(&world, 0, 0), 7);
  assert_int_equal(append(world.wal, 7, 1000), starts[8]);
  world_settle(&world);
  world_crash(&world, SIM_UNSYNCED_DROPPED, NULL);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 8);
  world_end(&world);
}

static void expect_refused_at(struct world *world, uint64_t lsn) {
  for (int read_only = 0; read_only < 2; read_only++) {
    world->options.read_only = read_only != 0;
    assert_int_equal(world_try_open(world), -1);
    world->wal = NULL;
    assert_int_equal(world->err.code, ERR_CORRUPT);
    char *place = mem_printf("%020" PRIu64 ".wal, byte %" PRIu64 ":", lsn / MIB, lsn % MIB);
    if (strstr(world->err.text, place) == NULL)
      fail_msg("'%s' does not name %s", world->err.text, place);
    free(place);
  }
}

static void damage_of_synced_records_is_refused(void **state) {
  (void)state;
  static const uint32_t damaged[] = {0, 3, 4, 6};
  for (size_t k = 0; k < 4; k++) {
    for (uint64_t within = 0; within < 1000 + HEADER; within += 333) {
      struct world world;
      uint64_t starts[10];
      world_start(&world);
      write_three_groups(&world, starts);
      world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
      segment_flip(&world, starts[damaged[k]] + within);
      expect_refused_at(&world, starts[damaged[k]]);
      world_end(&world);
    }
  }
}

/* The mark of a log closed in peace vouches for its last group too. */
static void damage_after_a_peaceful_close_is_refused(void **state) {
  (void)state;
  struct world world;
  uint64_t starts[10];
  world_start(&world);
  write_three_groups(&world, starts);
  world_close(&world);
  segment_flip(&world, starts[9] + 5);
  expect_refused_at(&world, starts[9]);
  world_end(&world);
}

static void damage_is_proved_by_later_segments(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  uint64_t starts[5];
  for (uint32_t i = 0; i < 5; i++) {
    starts[i] = wal_end_lsn(world.wal);
    append(world.wal, i, 600 * 1024);
    world_settle(&world);
  }
  world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
  segment_flip(&world, starts[1]); /* the seal of segment 1 */
  expect_refused_at(&world, starts[1]);
  world_end(&world);
}

/* ---- the folder */

static void write_three_segments(struct world *world) {
  world_open(world);
  for (uint32_t i = 0; i < 5; i++) append(world->wal, i, 500 * 1024);
  world_close(world);
}

static void expect_refused(struct world *world, enum err_code code, const char *text) {
  assert_int_equal(world_try_open(world), -1);
  world->wal = NULL;
  assert_int_equal(world->err.code, code);
  if (strstr(world->err.text, text) == NULL)
    fail_msg("'%s' does not say '%s'", world->err.text, text);
}

static void wrong_segments_are_refused_and_named(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  write_three_segments(&world);
  unsigned char header[WAL_SEGMENT_HEADER_BYTES], good[sizeof header];
  segment_read(&world, 2, good, sizeof good, 0);

  segment_flip(&world, 2 * MIB + 30);
  expect_refused(&world, ERR_CORRUPT, "00000000000000000002.wal, byte 0");

  memcpy(header, good, sizeof header);
  put(header + 8, 2, 4);
  segment_write(&world, 2, header, sizeof header, 0);
  expect_refused(&world, ERR_CORRUPT, "00000000000000000002.wal, byte 0");
  put(header + 12, crc32c(0, header, 12), 4);
  segment_write(&world, 2, header, sizeof header, 0);
  expect_refused(&world, ERR_CONFIG, "00000000000000000002.wal is of version 2");

  memcpy(header, good, sizeof header);
  put(header + 16, 7, 8);
  put(header + 60, crc32c(0, header, 60), 4);
  segment_write(&world, 2, header, sizeof header, 0);
  expect_refused(&world, ERR_CORRUPT, "another log");

  segment_write(&world, 2, good, sizeof good, 0);
  char *two = segment_file(2), *nine = segment_file(9);
  assert_int_equal(disk_rename(world.disk, two, nine, &world.err), 0);
  expect_refused(&world, ERR_CORRUPT, "00000000000000000002.wal, byte 0: the segment is missing");
  assert_int_equal(disk_rename(world.disk, nine, two, &world.err), 0);

  struct disk_file *file;
  assert_int_equal(disk_open(world.disk, two, DISK_WRITE, &file, &world.err), 0);
  assert_int_equal(disk_truncate(file, MIB - 4096, &world.err), 0);
  expect_refused(&world, ERR_CORRUPT, "00000000000000000002.wal");
  assert_int_equal(disk_truncate(file, 10, &world.err), 0);
  expect_refused(&world, ERR_CORRUPT, "too short");
  disk_close(file);
  free(two);
  free(nine);
  world_end(&world);
}

static void other_files_are_left_alone(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  write_three_segments(&world);
  struct disk_file *file;
  int flags = DISK_WRITE | DISK_CREATE;
  assert_int_equal(disk_open(world.disk, WORLD_DIR "/notes.txt", flags, &file, &world.err), 0);
  disk_close(file);
  const char *half = WORLD_DIR "/spare-00000000000000000077.wal";
  assert_int_equal(disk_open(world.disk, half, flags, &file, &world.err), 0);
  assert_int_equal(disk_write(file, "x", 1, 5000, &world.err), 0);
  disk_close(file);
  world_open(&world);
  assert_true(world_said(&world, WORLD_DIR "/notes.txt is not a file of the log"));
  assert_int_equal(read_all(&world, 0, 0), 5);
  bool found;
  struct disk_stat stat;
  assert_int_equal(disk_stat(world.disk, WORLD_DIR "/notes.txt", &found, &stat, &world.err), 0);
  assert_true(found);
  /* A making that was interrupted is cleared away. */
  assert_int_equal(disk_stat(world.disk, half, &found, &stat, &world.err), 0);
  assert_false(found);
  world_end(&world);
}

static void read_only_makes_nothing(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world.options.read_only = true;
  expect_refused(&world, ERR_NOINPUT, WORLD_DIR);
  char **names;
  size_t n_names;
  assert_int_equal(disk_list(world.disk, WORLD_DIR, &names, &n_names, &world.err), 0);
  free(names);
  assert_int_equal(n_names, 0);
  world_end(&world);
}

/* ---- when the disk does not want */

static void a_full_disk_stalls_and_loses_nothing(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world.options.spare_segments = 0;
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){.capacity_bytes = 3 * MIB / 2});
  world_open(&world);
  for (uint32_t i = 0; i < 3; i++) append(world.wal, i, 600 * 1024);
  while (wal_stall(world.wal) == NULL) loop_wait(world.io.loop, -1, &world.err);
  assert_non_null(strstr(wal_stall(world.wal), WORLD_DIR));
  assert_non_null(strstr(wal_stall(world.wal), "No space left on device"));
  assert_true(wal_pending_bytes(world.wal) > 0);
  uint64_t end_lsn = 0;
  for (uint32_t i = 3; i < 20; i++) {
    end_lsn = append(world.wal, i, 100 * 1024);
    loop_wait(world.io.loop, -1, &world.err);
  }
  assert_non_null(wal_stall(world.wal));
  unsigned changes = world.changes;
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){0});
  world_settle(&world);
  assert_null(wal_stall(world.wal));
  assert_true(world.changes > changes);
  assert_true(world_said(&world, "writing goes on"));
  assert_int_equal(wal_synced_lsn(world.wal), end_lsn);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 20);
  world_end(&world);
}

static void a_sync_that_fails_is_final(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  uint64_t synced_lsn = append(world.wal, 0, 1000);
  world_settle(&world);
  /* The group's write is the next call, its sync the one after. */
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = 2});
  append(world.wal, 1, 1000);
  world_settle(&world);
  assert_int_equal(wal_failed(world.wal, &world.err), -1);
  assert_int_equal(world.err.code, ERR_IO);
  assert_int_equal(wal_synced_lsn(world.wal), synced_lsn);
  uint64_t end_lsn = append(world.wal, 2, 1000);
  assert_true(end_lsn > synced_lsn);
  for (uint32_t i = 0; i < 2000; i++) append(world.wal, i, 1000);
  wal_sync_now(world.wal);
  wal_trim(world.wal, end_lsn);
  world_settle(&world);
  assert_int_equal(wal_synced_lsn(world.wal), synced_lsn);
  world_close(&world);
  world_open(&world);
  assert_in_range(read_all(&world, 0, 0), 1, 2);
  world_end(&world);
}

/* What is read at a start is acted upon, so it must be on the disk by then, whatever became of the
 * sync of the process before. */
static void what_was_read_once_stays(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  append(world.wal, 0, 1000);
  world_settle(&world);
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = 2});
  append(world.wal, 1, 1000);
  world_settle(&world);
  assert_int_equal(wal_failed(world.wal, &world.err), -1);
  world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
  world_open(&world);
  uint32_t n = read_all(&world, 0, 0);
  assert_int_equal(n, 2);
  world_crash(&world, SIM_UNSYNCED_DROPPED, NULL);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), n);
  world_end(&world);
}

/* A write that fails is tried again. */
static void a_write_that_fails_is_repeated(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world_open(&world);
  append(world.wal, 0, 1000);
  world_settle(&world);
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = 1});
  uint64_t end_lsn = append(world.wal, 1, 1000);
  while (wal_stall(world.wal) == NULL) loop_wait(world.io.loop, -1, &world.err);
  world_settle(&world);
  assert_null(wal_stall(world.wal));
  assert_int_equal(wal_failed(world.wal, &world.err), 0);
  assert_int_equal(wal_synced_lsn(world.wal), end_lsn);
  world_close(&world);
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 2);
  world_end(&world);
}

/* Its files are removed, or moved away, under the log: nothing is reported as synced that the next
 * start would not find. */
static void a_log_that_is_taken_away_is_final(void **state) {
  (void)state;
  for (int moved = 0; moved < 2; moved++) {
    for (int sync = WAL_SYNC_INTERVAL; sync <= WAL_SYNC_NEVER; sync++) {
      struct world world;
      world_start(&world);
      world.options.sync = (enum wal_sync)sync;
      world_open(&world);
      uint64_t synced_lsn = append(world.wal, 0, 1000);
      world_settle(&world);
      assert_int_equal(wal_synced_lsn(world.wal), synced_lsn);
      char *path = segment_file(1);
      int result = moved ? disk_rename(world.disk, path, "/state/elsewhere", &world.err)
                         : disk_unlink(world.disk, path, &world.err);
      assert_int_equal(result, 0);
      append(world.wal, 1, 1000);
      world_settle(&world);
      assert_int_equal(wal_failed(world.wal, &world.err), -1);
      assert_int_equal(world.err.code, ERR_IO);
      assert_non_null(strstr(world.err.text, path));
      assert_non_null(strstr(world.err.text, "was removed or moved away"));
      assert_true(world_said(&world, "start with a new state folder"));
      assert_int_equal(wal_synced_lsn(world.wal), synced_lsn);
      free(path);
      world_end(&world);
    }
  }
}

static void a_log_that_must_be_there(void **state) {
  (void)state;
  struct world world;
  world_start(&world);
  world.options.must_exist = true;
  assert_int_equal(world_try_open(&world), -1);
  assert_int_equal(world.err.code, ERR_CORRUPT);
  assert_non_null(strstr(world.err.text, "there is none in " WORLD_DIR));
  world.options.must_exist = false;
  world_open(&world);
  append(world.wal, 0, 1000);
  world_close(&world);
  world.options.must_exist = true;
  world_open(&world);
  assert_int_equal(read_all(&world, 0, 0), 1);
  world_end(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(format_is_as_described),
      cmocka_unit_test(entries_are_valid_only_where_they_were_written),
      cmocka_unit_test(appended_is_read_back),
      cmocka_unit_test(a_record_that_does_not_fit_goes_to_the_next_segment),
      cmocka_unit_test(exact_fit),
      cmocka_unit_test(size_of_an_existing_log_counts),
      cmocka_unit_test(an_idle_log_syncs_at_once_a_busy_one_in_groups),
      cmocka_unit_test(never_means_written_in_order),
      cmocka_unit_test(segments_are_made_ready_and_used_again),
      cmocka_unit_test(a_new_log_is_open_at_once),
      cmocka_unit_test(a_busy_log_makes_segments_ready),
      cmocka_unit_test(torn_last_record_is_cut),
      cmocka_unit_test(what_was_cut_never_comes_back),
      cmocka_unit_test(damage_of_synced_records_is_refused),
      cmocka_unit_test(damage_after_a_peaceful_close_is_refused),
      cmocka_unit_test(damage_is_proved_by_later_segments),
      cmocka_unit_test(wrong_segments_are_refused_and_named),
      cmocka_unit_test(other_files_are_left_alone),
      cmocka_unit_test(read_only_makes_nothing),
      cmocka_unit_test(a_full_disk_stalls_and_loses_nothing),
      cmocka_unit_test(a_sync_that_fails_is_final),
      cmocka_unit_test(what_was_read_once_stays),
      cmocka_unit_test(a_write_that_fails_is_repeated),
      cmocka_unit_test(a_log_that_is_taken_away_is_final),
      cmocka_unit_test(a_log_that_must_be_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
