/* Tests of daemon/wal that try everything in turn: a crash at the n-th call to the disk, for all n;
 * and every kind of damage a generator with a fixed seed can think of. */
#include "tests/unit/wal_world.h"

/* ---- crashes */

struct life {
  uint32_t first, appended; /* records first .. appended - 1 belong to the log */
  uint64_t first_lsn;       /* of record first */
  uint32_t synced;          /* records before this one were reported as synced */
  uint32_t n_ends;
  struct {
    uint32_t next;
    uint64_t end_lsn;
  } ends[200]; /* of records not yet reported as synced */
};

static void note_synced(struct world *world, struct life *life) {
  for (uint32_t k = 0; k < life->n_ends; k++)
    if (life->ends[k].end_lsn <= wal_synced_lsn(world->wal) && life->ends[k].next > life->synced)
      life->synced = life->ends[k].next;
}

static void append_one(struct world *world, struct life *life, size_t len) {
  uint64_t end_lsn = append(world->wal, life->appended++, len);
  assert_true(life->n_ends < 200);
  life->ends[life->n_ends].next = life->appended;
  life->ends[life->n_ends++].end_lsn = end_lsn;
}

static bool broken(struct world *world) {
  struct err err;
  return wal_stall(world->wal) != NULL || wal_failed(world->wal, &err) != 0;
}

/* Appends, syncs and trims, through several segments; ends early when the disk has gone. */
static void live(struct world *world, struct life *life) {
  static const size_t lens[] = {0, 1, 511, 5000, 100, 250 * 1024, 480, 7, 300 * 1024, 70000};
  for (int i = 0; i < 24 && !broken(world); i++) {
    int together = i % 4 + 1;
    for (int k = 0; k < together; k++)
      append_one(world, life, lens[(size_t)(i + k * 3) % (sizeof lens / sizeof *lens)]);
    for (int turn = 0; turn < 4; turn++) {
      assert_int_equal(loop_wait(world->io.loop, 3000, &world->err), 0);
      note_synced(world, life);
    }
    if (i % 8 == 7 && life->synced + 1 < life->appended) {
      /* Keep the last record that was reported. */
      uint32_t kept = life->synced - 1;
      for (uint32_t k = 0; k < life->n_ends; k++)
        if (life->ends[k].next == kept && kept > life->first) {
          life->first = kept;
          life->first_lsn = life->ends[k].end_lsn;
        }
      if (life->first_lsn > 0) wal_trim(world->wal, life->first_lsn);
    }
  }
}

/* What is found must reach at least to what was reported, and hold nothing that was not appended.
 */
static void check(struct world *world, struct life *life) {
  uint32_t n = read_all(world, life->first_lsn, life->first);
  if (life->first + n < life->synced)
    fail_msg("%u records were reported as synced, %u are left", life->synced, life->first + n);
  if (life->first + n > life->appended)
    fail_msg("%u records were appended, %u are there", life->appended, life->first + n);
  life->synced = life->appended = life->first + n;
  life->n_ends = 0;
}

/* True if the n-th call was reached. */
static bool crash_at(uint64_t n, enum sim_unsynced unsynced) {
  struct world world;
  struct random random;
  struct life life = {0};
  random_seed(&random, n * 3 + (uint64_t)unsynced);
  world_start(&world);
  bool reached = false;
  /* The second life begins with what the first has left, and crashes as well. */
  for (int lives = 0; lives < 2; lives++) {
    struct sim_disk_faults faults = {.fail_at = n, .fail_is_crash = true};
    sim_disk_set_faults(world.disk, faults);
    uint64_t calls = sim_disk_calls(world.disk);
    if (world_try_open(&world) == 0) {
      live(&world, &life);
      world_close(&world);
    } else {
      world.wal = NULL;
    }
    reached = sim_disk_calls(world.disk) - calls >= n;
    world_crash(&world, unsynced, &random);
    /* Looked at without a change: the next life has to clear up itself. */
    world.options.read_only = true;
    if (world_try_open(&world) == 0) {
      check(&world, &life);
      world_close(&world);
    } else {
      world.wal = NULL; /* the crash came before there was a log */
      assert_int_equal(world.err.code, ERR_NOINPUT);
      assert_int_equal(life.synced, 0);
      life.appended = life.n_ends = 0;
    }
    world.options.read_only = false;
  }
  world_open(&world);
  check(&world, &life);
  world_crash(&world, SIM_UNSYNCED_DROPPED, NULL);
  world_open(&world);
  check(&world, &life);
  world_end(&world);
  return reached;
}

/* Every step-th call: all of them together are too many for each test run. */
static void crash_everywhere(enum sim_unsynced unsynced, uint64_t first, uint64_t step) {
  uint64_t n = first;
  while (crash_at(n, unsynced)) n += step;
  assert_true(n > 100);
}

static void a_kill_loses_nothing_reported(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_KEPT, 1, 3);
}

static void a_power_cut_loses_nothing_reported(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_DROPPED, 2, 3);
}

static void a_power_cut_that_tears_loses_nothing_reported(void **state) {
  (void)state;
  crash_everywhere(SIM_UNSYNCED_MIXED, 1, 2);
}

/* True if the n-th call was reached. One call fails, also a sync on whose bytes the system has lost
 * its grip: what the next life finds in memory must be on the disk before it builds on it. */
static bool failure_at(uint64_t n) {
  struct world world;
  struct life life = {0};
  world_start(&world);
  world_open(&world);
  for (int i = 0; i < 3; i++) append_one(&world, &life, 300);
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = n});
  uint64_t calls = sim_disk_calls(world.disk);
  world_settle(&world);
  note_synced(&world, &life);
  world_close(&world); /* with its mark, if all is well */
  bool reached = sim_disk_calls(world.disk) - calls >= n;
  sim_disk_set_faults(world.disk, (struct sim_disk_faults){0});
  world_open(&world);
  check(&world, &life);
  for (int i = 0; i < 3; i++) {
    append_one(&world, &life, 200);
    world_settle(&world);
    note_synced(&world, &life);
  }
  world_crash(&world, SIM_UNSYNCED_DROPPED, NULL);
  world_open(&world);
  check(&world, &life);
  world_end(&world);
  return reached;
}

static void a_failure_and_then_a_power_cut_lose_nothing_reported(void **state) {
  (void)state;
  uint64_t n = 1;
  while (failure_at(n)) n++;
  assert_true(n > 4);
}

/* A kill between the renaming of a segment and the sync of the folder leaves a name that the next
 * life sees and the disk does not have: what that life writes there must outlive a power cut. */
static void a_kill_and_then_a_power_cut_lose_nothing_reported(void **state) {
  (void)state;
  for (uint64_t n = 1; n <= 120; n++) {
    struct world world;
    struct life life = {0};
    world_start(&world);
    world.options.spare_segments = 0; /* to make one would sync the folder */
    sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = n, .fail_is_crash = true});
    if (world_try_open(&world) == 0)
      live(&world, &life);
    else
      world.wal = NULL;
    world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
    world_open(&world);
    check(&world, &life);
    append_one(&world, &life, 100);
    for (; life.synced < life.appended; note_synced(&world, &life))
      assert_int_equal(loop_wait(world.io.loop, 1000, &world.err), 0);
    world_crash(&world, SIM_UNSYNCED_DROPPED, NULL);
    world_open(&world);
    check(&world, &life);
    world_end(&world);
  }
}

/* ---- damage */

enum { RECORDS = 40 };

/* A log of several segments with remains of earlier use. Returns LSNs of the records kept. */
static uint32_t write_log(struct world *world, uint64_t starts[RECORDS + 1]) {
  world_open(world);
  uint32_t first = 0;
  for (uint32_t i = 0; i < RECORDS; i++) {
    starts[i] = wal_end_lsn(world->wal);
    append(world->wal, i, i % 5 == 4 ? 200 * 1024 : i * 97);
    if (i % 3 == 2) world_settle(world);
    if (i == 20) {
      first = 14;
      wal_trim(world->wal, starts[first]);
      world_settle(world);
    }
  }
  world_settle(world);
  starts[RECORDS] = wal_end_lsn(world->wal);
  return first;
}

/* Every single bit that matters, in a log closed in peace: it is refused, never shortened. */
static void no_flipped_bit_of_a_closed_log_goes_unseen(void **state) {
  (void)state;
  struct world world;
  uint64_t starts[RECORDS + 1];
  struct random random;
  random_seed(&random, 7);
  world_start(&world);
  uint32_t first = write_log(&world, starts);
  world_close(&world);
  world.options.read_only = true;
  for (int round = 0; round < 60; round++) {
    uint32_t i = first + (uint32_t)random_below(&random, RECORDS - first);
    /* The records of a segment lie close; what is behind the last may be unused. */
    uint64_t end = starts[i + 1] / MIB == starts[i] / MIB ? starts[i + 1] : starts[i] + 24;
    uint64_t lsn = starts[i] + random_below(&random, round % 2 == 0 ? 24 : end - starts[i]);
    segment_flip(&world, lsn);
    if (world_try_open(&world) == 0) fail_msg("a flipped bit at %" PRIu64 " was not seen", lsn);
    world.wal = NULL;
    assert_int_equal(world.err.code, ERR_CORRUPT);
    segment_flip(&world, lsn);
  }
  world_open(&world);
  assert_int_equal(read_all(&world, starts[first], first), RECORDS - first);
  world_end(&world);
}

static void mutate(struct world *world, struct random *random, uint64_t from, uint64_t to) {
  unsigned char bytes[4096];
  uint64_t n = 1 + random_below(random, 4);
  while (n-- > 0) {
    uint64_t lsn = from + random_below(random, to - from);
    size_t len = 1 + (size_t)random_below(random, random_below(random, 2) == 0 ? 24 : 4096);
    if (lsn % MIB + len > MIB) len = (size_t)(MIB - lsn % MIB);
    uint64_t source = from + random_below(random, to - from);
    if (source % MIB + len > MIB) source -= len;
    switch (random_below(random, 4)) {
    case 0: segment_flip(world, lsn); continue;
    case 1: memset(bytes, 0, len); break;
    case 2: /* bytes of the log itself, at another place */
      lsn &= ~(uint64_t)7;
      source &= ~(uint64_t)7;
      segment_read(world, source / MIB, bytes, len, source % MIB);
      break;
    case 3:
      for (size_t k = 0; k < len; k++) bytes[k] = (unsigned char)random_u64(random);
      break;
    }
    segment_write(world, lsn / MIB, bytes, len, lsn % MIB);
  }
}

/* Whatever the bytes are, opening says no, or what is read is a beginning of what was appended. */
static void mutated_segments_give_a_beginning_or_an_error(void **state) {
  (void)state;
  unsigned refused = 0, opened = 0;
  for (uint64_t seed = 0; seed < 60; seed++) {
    struct world world;
    uint64_t starts[RECORDS + 1];
    struct random random;
    random_seed(&random, seed);
    world_start(&world);
    uint32_t first = write_log(&world, starts);
    world_crash(&world, SIM_UNSYNCED_KEPT, NULL);
    uint64_t from = seed % 2 == 0 ? starts[first] / MIB * MIB : starts[RECORDS - 3];
    mutate(&world, &random, from, starts[RECORDS]);
    world.options.read_only = seed % 3 == 0;
    if (world_try_open(&world) == 0) {
      opened++;
      uint32_t n = read_all(&world, starts[first], first);
      assert_in_range(n, 0, RECORDS - first);
      if (!world.options.read_only) {
        append(world.wal, first + n, 3000);
        world_close(&world);
        world_open(&world);
        assert_int_equal(read_all(&world, starts[first], first), n + 1);
      }
    } else {
      world.wal = NULL;
      refused++;
      assert_int_not_equal(world.err.code, ERR_IO);
    }
    world_end(&world);
  }
  assert_true(refused > 10 && opened > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_kill_loses_nothing_reported),
      cmocka_unit_test(a_power_cut_loses_nothing_reported),
      cmocka_unit_test(a_power_cut_that_tears_loses_nothing_reported),
      cmocka_unit_test(a_kill_and_then_a_power_cut_lose_nothing_reported),
      cmocka_unit_test(a_failure_and_then_a_power_cut_lose_nothing_reported),
      cmocka_unit_test(no_flipped_bit_of_a_closed_log_goes_unseen),
      cmocka_unit_test(mutated_segments_give_a_beginning_or_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
