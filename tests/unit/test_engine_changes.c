/* What may happen between two lives in a simulated world: bits rot, inputs change, sinks and
 * sources come and go. The next life goes on rightly or says what is wrong. */
#include "engine_world.h"

/* ------------------------------------------------------------------ damage */

static void in_state(struct world *world, const char *pattern, char ***paths, size_t *n) {
  struct err err;
  assert_int_equal(disk_glob(world->disk, pattern, paths, n, &err), 0);
}

static void flip(struct world *world, const char *path) {
  struct disk_stat stat;
  bool found;
  struct err err;
  assert_int_equal(disk_stat(world->disk, path, &found, &stat, &err), 0);
  assert_int_equal(sim_disk_flip_bit(world->disk, path, stat.size_bytes / 2 * 8, &err), 0);
}

static void rotten_snapshots(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, WORLD_COPY(WORLD_CALM, WORLD_FILE));
  world_put_lines(&wanted, "/in/a.ndjson", 2000, -1, "");
  world_live(&wanted, "sound");
  for (int damaged = 1; damaged <= 2; damaged++) {
    struct world world;
    struct err err = {0};
    uint64_t records = 1500;
    char **paths;
    size_t n;
    world_init(&world, WORLD_COPY(WORLD_CALM, WORLD_FILE));
    world_put_lines(&world, "/in/a.ndjson", 2000, -1, "");
    world.turn = world_some_records;
    world.arg = &records;
    world_life(&world, &err);
    world_crash(&world, SIM_UNSYNCED_DROPPED, 1);
    in_state(&world, "/state/snapshots/*", &paths, &n);
    assert_true(n >= 2);
    for (int i = 0; i < damaged; i++) flip(&world, paths[n - 1 - (size_t)i]);
    free(paths);
    world.turn = NULL;
    if (damaged == 1) {
      world_live(&world, "the newest is damaged");
      assert_true(world_said(&world, "the one before is used"));
      world_same(&world, &wanted, world_out, "the newest is damaged");
    } else if (world_life(&world, &err) == 0) {
      /* All of the log is still there. */
      world_same(&world, &wanted, world_out, "both are damaged");
    } else {
      world_expect_error(&err, ERR_CORRUPT, "is needed next");
    }
    world_fini(&world);
  }
  world_fini(&wanted);
}

static void rotten_log(void **state) {
  (void)state;
  struct world world;
  struct err err = {0};
  uint64_t records = 1500;
  char **paths;
  size_t n;
  world_init(&world, WORLD_COPY("checkpoint: {interval: 1h}\nepoch: {bytes: 2KiB}\n", WORLD_FILE));
  world_put_lines(&world, "/in/a.ndjson", 2000, -1, "");
  world.turn = world_some_records;
  world.arg = &records;
  world_life(&world, &err);
  in_state(&world, "/state/log/*", &paths, &n);
  assert_true(n >= 1);
  assert_int_equal(sim_disk_flip_bit(world.disk, paths[0], 4200 * 8, &err), 0);
  char *name = mem_strdup(paths[0]);
  free(paths);
  world.turn = NULL;
  assert_int_equal(world_life(&world, &err), -1);
  world_expect_error(&err, ERR_CORRUPT, name);
  free(name);
  world_fini(&world);
}

/* ------------------------------------------------------------------ changes between lives */

#define LOGGED "file, log_payload: true, path: /in/a.ndjson"
#define ONE_LOG "checkpoint: {interval: 1h}\nepoch: {bytes: 2KiB}\n"

static void input_changes(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, WORLD_COPY(ONE_LOG, WORLD_FILE));
  world_put_lines(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "undisturbed");
  for (int logged = 0; logged < 2; logged++) {
    for (int shrinks = 0; shrinks < 2; shrinks++) {
      struct world world;
      struct err err = {0};
      uint64_t records = 600;
      world_init(&world, logged ? WORLD_COPY(ONE_LOG, LOGGED) : WORLD_COPY(ONE_LOG, WORLD_FILE));
      world_put_lines(&world, "/in/a.ndjson", 900, -1, "");
      world.turn = world_some_records;
      world.arg = &records;
      world_life(&world, &err);
      struct buf text;
      world_get(world.disk, "/in/a.ndjson", &text);
      if (shrinks)
        text.len = 100 * WORLD_LINE_BYTES;
      else
        text.data[300 * WORLD_LINE_BYTES + 7] ^= 1; /* behind the bytes by which a file is known */
      world_put(world.disk, "/in/a.ndjson", buf_slice(&text));
      buf_fini(&text);
      world.turn = NULL;
      if (logged && !shrinks) { /* what was taken is as it was */
        world_live(&world, "changed, but logged");
        world_same(&world, &wanted, world_out, "changed, but logged");
      } else {
        assert_int_equal(world_life(&world, &err), -1);
        world_expect_error(&err, ERR_CORRUPT, "/in/a.ndjson");
      }
      world_fini(&world);
    }
  }
  world_fini(&wanted);
}

#define SINKS(more_sources, more_sinks)                                                            \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n  in: {type: file, path: /in/a.ndjson}\n" more_sources "transforms:\n"                \
  "  once: {type: dedup, input: in, key: id, ttl: 1h}\n"                                           \
  "sinks:\n  out: {type: file, input: once, path: /out/out.ndjson}\n" more_sinks

#define SECOND_SINK                                                                                \
  "  two: {type: file, input: [once, once.duplicates], path: /out/two.ndjson}\n"                   \
  "  bad: {type: file, input: in.errors, path: /out/bad.ndjson}\n"

/* A new sink begins with what comes now; one that is gone is forgotten. The others go on. */
static void sinks_change(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, SINKS("", ""));
  world_put_lines(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "undisturbed");
  for (int drained = 0; drained < 2; drained++) {
    for (int added = 0; added < 2; added++) {
      struct world world;
      struct err err = {0};
      uint64_t records = 450;
      uint64_t drain_turn = 25;
      world_init(&world, added ? SINKS("", "") : SINKS("", SECOND_SINK));
      world_put_lines(&world, "/in/a.ndjson", 900, -1, "");
      world.turn = drained ? world_drain_at : world_some_records;
      world.arg = drained ? &drain_turn : &records;
      world_life(&world, &err);
      world_configure(&world, added ? SINKS("", SECOND_SINK) : SINKS("", ""));
      world.turn = NULL;
      world_live(&world, added ? "a sink was added" : "a sink was removed");
      world_same(&world, &wanted, world_out, added ? "a sink was added" : "a sink was removed");
      if (added) { /* the end of the whole */
        struct buf two, all;
        world_get(world.disk, "/out/two.ndjson", &two);
        world_get(world.disk, "/out/out.ndjson", &all);
        assert_true(two.len > 0 && two.len < all.len);
        assert_int_equal(memcmp(two.data, all.data + all.len - two.len, two.len), 0);
        buf_fini(&two);
        buf_fini(&all);
      }
      world_fini(&world);
    }
  }
  world_fini(&wanted);
}

/* A new source begins, the others go on; what the old configuration had begun is finished by it. */
static void source_added(void **state) {
  (void)state;
  struct world wanted;
  world_init(&wanted, SINKS("", ""));
  world_put_lines(&wanted, "/in/a.ndjson", 900, -1, "");
  world_live(&wanted, "undisturbed");
  for (int drained = 0; drained < 2; drained++) {
    struct world world;
    struct err err = {0};
    uint64_t records = 450;
    uint64_t drain_turn = 25;
    world_init(&world, SINKS("", ""));
    world_put_lines(&world, "/in/a.ndjson", 900, -1, "");
    world.turn = drained ? world_drain_at : world_some_records;
    world.arg = drained ? &drain_turn : &records;
    world_life(&world, &err);
    world_configure(&world,
                    SINKS("  more: {type: generate, count: 3, template: '{\"a\":1}'}\n",
                          "  more_out: {type: file, input: more, path: /out/more.ndjson}\n"));
    world.turn = NULL;
    world_live(&world, "a source was added");
    assert_int_equal(world_said(&world, "finished first"), !drained);
    world_same(&world, &wanted, world_out, "a source was added");
    world_expect(&world, "/out/more.ndjson", "{\"a\":1}\n{\"a\":1}\n{\"a\":1}\n");
    world_configure(&world, SINKS("", ""));
    world_live(&world, "and removed again");
    world_same(&world, &wanted, world_out, "and removed again");
    world_fini(&world);
  }
  world_fini(&wanted);
}

/* A changed filter holds for what comes after the change, never for what was taken before it. */
static void transform_changes(void **state) {
  (void)state;
#define FILTERED(where)                                                                            \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n  in: {type: file, path: /in/a.ndjson}\n"                                             \
  "transforms:\n"                                                                                  \
  "  some: {type: filter, input: in, where: " where "}\n"                                          \
  "  once: {type: dedup, input: some, key: id, ttl: 1h}\n"                                         \
  "sinks:\n  out: {type: file, input: once, path: /out/out.ndjson}\n"
  int changes = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct world world;
    struct err err = {0};
    uint64_t records = 20 * seed;
    world_init(&world, FILTERED("id % 2 = 0"));
    world.seed = seed;
    world_put_lines(&world, "/in/a.ndjson", 900, -1, "");
    world.turn = world_some_records;
    world.arg = &records;
    world_life(&world, &err);
    world_crash(&world, SIM_UNSYNCED_MIXED, seed);
    world_configure(&world, FILTERED("id % 2 = 1"));
    world.turn = NULL;
    world_live(&world, "the filter has changed");
    struct buf text;
    world_get(world.disk, "/out/out.ndjson", &text);
    int odd_from = -1, id = 0;
    for (const char *at = buf_cstr(&text); at != NULL; at = strstr(at + 1, "{\"id\":")) {
      id = atoi(at + 6);
      if (id % 2 == 1 && odd_from < 0) odd_from = id;
      assert_int_equal(id % 2, odd_from < 0 ? 0 : 1); /* once changed, changed for good */
    }
    assert_true(odd_from >= 0 && id == 100899);
    if (odd_from > 100001) changes++;
    /* Half of them, whoever chose: nothing is missing at the change. */
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++) lines += text.data[i] == '\n';
    assert_int_equal(lines, 450);
    buf_fini(&text);
    world_fini(&world);
  }
  assert_true(changes > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rotten_snapshots), cmocka_unit_test(rotten_log),
      cmocka_unit_test(input_changes),    cmocka_unit_test(sinks_change),
      cmocka_unit_test(source_added),     cmocka_unit_test(transform_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
