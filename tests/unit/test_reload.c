/* Reloads in a simulated world: the configuration changes between two epochs or not at all,
 * whatever the disk does meanwhile. */
#include "reload_world.h"

#define HEAD                                                                                       \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n  in: {type: file, path: /in/a.ndjson, event_time: t, max_future: 1000d,\n"           \
  "       watermark: {max_lateness: 2s}}\n"
#define SUMS(name, more)                                                                           \
  "  " name ": {type: window, input: once, window: {tumbling: 5s}, group_by: k,\n"                 \
  "         aggregate: {n: count(*), v: sum(v)}" more "}\n"
#define BEFORE                                                                                     \
  HEAD "transforms:\n"                                                                             \
       "  once: {type: dedup, input: in, key: id, ttl: 1h}\n" SUMS(                                \
           "sums", "") "sinks:\n  out: {type: file, input: sums, path: /out/out.ndjson}\n"
/* A sink more, other settings, and what does not concern the state. */
#define AFTER                                                                                      \
  HEAD "workers: 2\n"                                                                              \
       "transforms:\n"                                                                             \
       "  once: {type: dedup, input: in, key: id, ttl: 1h}\n" SUMS("sums", ", having: n > 0")      \
           SUMS("more", "") "sinks:\n"                                                             \
                            "  out: {type: file, input: sums, path: /out/out.ndjson}\n"            \
                            "  more_out: {type: file, input: more, path: /out/more.ndjson}\n"

static void world_with_input(struct world *world, const char *pipeline) {
  struct buf text;
  buf_init(&text);
  world_init(world, pipeline);
  world_records(&text, 900, 0, 3);
  world_put(world->disk, "/in/a.ndjson", buf_slice(&text));
  buf_fini(&text);
  struct err err;
  assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
}

static void undisturbed(struct world *wanted) {
  world_with_input(wanted, BEFORE);
  world_live(wanted, "undisturbed");
}

/* Each turn is a place to change at, and no result shows it. */
static void at_any_turn(void **state) {
  (void)state;
  struct world wanted;
  undisturbed(&wanted);
  uint64_t changed = 0, all = wanted.turns;
  for (uint64_t turn = 0; turn < all + 2; turn += 1 + all / 60) {
    struct world world;
    struct err err;
    struct reload_step steps[] = {
        {turn, AFTER, NULL}, {turn + 3, BEFORE, NULL}, {turn + 9, AFTER, NULL}};
    world_with_input(&world, BEFORE);
    world.seed = turn + 1;
    if (reload_life(&world, steps, 3, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
    world_same(&world, &wanted, world_out, "reloaded");
    changed += reload_last.succeeded;
    assert_int_equal(reload_last.refused, 0);
    world_fini(&world);
  }
  print_message("%llu reloads\n", (unsigned long long)changed);
  assert_true(changed > 60);
  world_fini(&wanted);
}

/* Switched off at each call of the disk around a reload: the next start finishes what the old one
 * had begun, and goes on as the new one. */
static void crash_anywhere(void **state) {
  (void)state;
  struct world wanted;
  undisturbed(&wanted);
  struct world world;
  struct err err;
  struct reload_step steps[] = {{20, NULL, NULL}};
  world_with_input(&world, BEFORE);
  world_put(world.disk, "/q.yaml", slice_of(AFTER));
  if (reload_life(&world, steps, 1, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  uint64_t calls = sim_disk_calls(world.disk), finished_by_old = 0;
  world_fini(&world);
  for (uint64_t n = 1; n <= calls; n++) {
    for (int unsynced = 0; unsynced < 2; unsynced++) {
      world_with_input(&world, BEFORE);
      world.seed = n;
      world_put(world.disk, "/q.yaml", slice_of(AFTER));
      sim_disk_set_faults(world.disk,
                          (struct sim_disk_faults){.fail_at = n, .fail_is_crash = true});
      reload_life(&world, steps, 1, n, &err);
      world_crash(&world, unsynced ? SIM_UNSYNCED_MIXED : SIM_UNSYNCED_DROPPED, n);
      world_configure(&world, AFTER);
      if (reload_life(&world, NULL, 0, 0, &err) != 0)
        fail_msg("call %llu: %s\n%s", (unsigned long long)n, err.text, world.said);
      finished_by_old += world_said(&world, "finished first");
      world_same(&world, &wanted, world_out, "switched off around a reload");
      world_fini(&world);
    }
  }
  print_message("%llu crashes, %llu times the old one finished first\n",
                (unsigned long long)(2 * calls), (unsigned long long)finished_by_old);
  assert_true(finished_by_old > calls / 10);
  world_fini(&wanted);
}

/* One call of the disk fails around a reload, and no other: the change waits for the snapshot that
 * it needs, or is refused, or the daemon ends and says why; it never stands still, and no result
 * shows it. */
static void one_failure_anywhere(void **state) {
  (void)state;
  struct world wanted;
  undisturbed(&wanted);
  struct world world;
  struct err err;
  struct reload_step steps[] = {{.turn = 4}, {.turn = 20}};
  world_with_input(&world, BEFORE);
  world_put(world.disk, "/q.yaml", slice_of(AFTER));
  uint64_t before = sim_disk_calls(world.disk), changed = 0, without_snapshot = 0;
  if (reload_life(&world, steps, 2, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  uint64_t calls = sim_disk_calls(world.disk) - before;
  world_fini(&world);
  for (uint64_t n = 1; n <= calls; n++) {
    world_with_input(&world, BEFORE);
    world.seed = n;
    world_put(world.disk, "/q.yaml", slice_of(AFTER));
    sim_disk_set_faults(world.disk, (struct sim_disk_faults){.fail_at = n});
    int result = reload_life(&world, steps, 2, 0, &err);
    /* One that failed is not begun again by the reload it failed in: what it had taken from a
     * producer is lost for this process. */
    if (world_said(&world, "[log-failed]")) assert_false(world_said(&world, "[recovery-"));
    changed += reload_last.succeeded;
    without_snapshot += world_said(&world, "[snapshot-failed]");
    sim_disk_set_faults(world.disk, (struct sim_disk_faults){0});
    if (result != 0 && reload_life(&world, NULL, 0, 0, &err) != 0)
      fail_msg("call %llu: %s\n%s", (unsigned long long)n, err.text, world.said);
    world_same(&world, &wanted, world_out, "a call failed around a reload");
    world_fini(&world);
  }
  print_message("%llu failures, %llu changes, %llu times without a snapshot\n",
                (unsigned long long)calls, (unsigned long long)changed,
                (unsigned long long)without_snapshot);
  assert_true(changed > 0 && without_snapshot > 10);
  world_fini(&wanted);
}

static bool full_from_turn_4(struct world *world) {
  if (world->turns == 4)
    sim_disk_set_faults(world->disk, (struct sim_disk_faults){.capacity_bytes = 1});
  return true;
}

/* Neither the new one nor the old one can be opened: both reasons are said, and nothing that was
 * claimed stays open (the world's end would find it). */
static void no_way_back(void **state) {
  (void)state;
#define LISTENING(more)                                                                            \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  more "sources:\n  in: {type: http, listen: '127.0.0.1:8080'}\n"                                  \
       "sinks:\n  out: {type: file, input: in, path: /out/out.ndjson}\n"
  struct world world;
  struct err err;
  struct reload_step steps[] = {{.turn = 4}};
  world_init(&world, LISTENING(""));
  world_put(world.disk, "/q.yaml", slice_of(LISTENING("workers: 2\n")));
  world.turn = full_from_turn_4;
  assert_int_equal(reload_life(&world, steps, 1, 0, &err), -1);
  world_expect_error(&err, ERR_RETRY, "No space left on device; and the old configuration");
  world_fini(&world);
}

/* What cannot be is refused, and the old one goes on. */
static void refused(void **state) {
  (void)state;
  static const struct {
    const char *yaml, *why;
  } cases[] = {
      {"sources: {in: {type: file}}\n", "the option \"path\" is missing"},
      {"not yaml: [", "yaml"},
      {HEAD "transforms:\n"
            "  once: {type: dedup, input: in, key: id, ttl: 1h}\n"
            "  sums: {type: window, input: once, window: {tumbling: 5s}, group_by: v,\n"
            "         aggregate: {n: count(*)}}\n"
            "sinks:\n  out: {type: file, input: sums, path: /out/out.ndjson}\n",
       "group_by has changed (it was k)"},
      {HEAD "transforms:\n"
            "  once: {type: dedup, input: in, key: [id, k], ttl: 1h}\n" SUMS(
                "sums", "") "sinks:\n  out: {type: file, input: sums, path: /out/out.ndjson}\n",
       "key has changed"},
      {"shards: 8\npipeline: p\nstate: {dir: /state}\n"
       "sources:\n  in: {type: file, path: /in/a.ndjson}\n"
       "sinks:\n  out: {type: file, input: in, path: /out/out.ndjson}\n",
       "shards is fixed"},
      {"pipeline: p\nstate: {dir: /elsewhere}\nshards: 4\n"
       "sources:\n  in: {type: file, path: /in/a.ndjson}\n"
       "sinks:\n  out: {type: file, input: in, path: /out/out.ndjson}\n",
       "state.dir cannot change"},
  };
  struct world wanted;
  undisturbed(&wanted);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world world;
    struct err err;
    struct reload_step steps[] = {{15, cases[i].yaml, NULL}};
    world_with_input(&world, BEFORE);
    if (reload_life(&world, steps, 1, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
    world_same(&world, &wanted, world_out, "refused");
    assert_int_equal(reload_last.refused, 1);
    if (strcasestr(reload_last.text, cases[i].why) == NULL)
      fail_msg("case %zu says\n%s\nwithout \"%s\"", i, reload_last.text, cases[i].why);
    world_fini(&world);
  }
  world_fini(&wanted);
}

/* Nobody answers, and the machine is switched off then. */
static bool off_at_60(struct world *world) {
  return world->turns < 60;
}

static void collect(void *arg, const struct fetch_request *request, struct sim_answer *answer) {
  buf_put_slice(arg, request->body);
  answer->status = 200;
}

static bool collects(struct world *world) {
  if (world->turns == 0) sim_fetch_serve(world->io.fetch, collect, world->arg);
  return true;
}

/* A sink that has held nothing yet is behind the first snapshot there is: what was taken in front
 * of that is still the old configuration's. */
static void sink_behind_the_only_snapshot(void **state) {
  (void)state;
#define SENT(where)                                                                                \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n  in: {type: file, path: /in/a.ndjson}\n"                                             \
  "transforms:\n  some: {type: filter, input: in, where: " where "}\n"                             \
  "sinks:\n  out: {type: http, input: some, url: \"http://receiver/\"}\n"
  struct world world;
  struct err err;
  struct buf received;
  buf_init(&received);
  world_init(&world, SENT("id % 2 = 0"));
  world_put_lines(&world, "/in/a.ndjson", 30, -1, "");
  world.turn = off_at_60;
  assert_int_equal(reload_life(&world, NULL, 0, 0, &err), -1);
  world_crash(&world, SIM_UNSYNCED_KEPT, 1);
  char **snapshots;
  size_t n;
  assert_int_equal(disk_glob(world.disk, "/state/snapshots/*", &snapshots, &n, &err), 0);
  assert_int_equal(n, 1);
  free(snapshots);
  world_configure(&world, SENT("id % 2 = 1"));
  world.turn = collects;
  world.arg = &received;
  if (reload_life(&world, NULL, 0, 0, &err) != 0) fail_msg("%s\n%s", err.text, world.said);
  assert_true(world_said(&world, "finished first"));
  size_t even = 0;
  for (const char *at = buf_cstr(&received); (at = strstr(at, "\"id\":")) != NULL; at++)
    even += (atoi(at + 5) % 2) == 0 ? 1 : 1000;
  assert_int_equal(even, 15);
  buf_fini(&received);
  world_fini(&world);
}

static size_t count_lines(struct world *world, const char *path, const char *with) {
  struct buf text;
  world_get(world->disk, path, &text);
  size_t n = 0;
  for (const char *at = buf_cstr(&text); (at = strstr(at, with)) != NULL; at++) n++;
  buf_fini(&text);
  return n;
}

/* A reset begins anew: the dedup passes again what it had seen, once. */
static void reset(void **state) {
  (void)state;
#define DEDUP(key, more)                                                                           \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n  in: {type: file, path: /in/*.ndjson, read_order: sequential}\n"                     \
  "transforms:\n  once: {type: dedup, input: in, ttl: 1h, key: " key more "}\n"                    \
  "sinks:\n  out: {type: file, input: once, path: /out/out.ndjson}\n"
  struct world world;
  struct err err;
  world_init(&world, DEDUP("id", ""));
  world_put_lines(&world, "/in/a.ndjson", 300, -1, "");
  if (reload_life(&world, NULL, 0, 0, &err) != 0) fail_msg("%s", err.text);
  assert_int_equal(count_lines(&world, "/out/out.ndjson", "\n"), 300);
  /* Two more lives: the same key in other words is another definition. */
  world_configure(&world, DEDUP("id + 0", ""));
  assert_int_equal(reload_life(&world, NULL, 0, 0, &err), -1);
  world_expect_error(&err, ERR_CONFIG, "on_incompatible: reset");
  world_configure(&world, DEDUP("id + 0", ", on_incompatible: reset"));
  if (reload_life(&world, NULL, 0, 0, &err) != 0) fail_msg("%s", err.text);
  assert_true(world_said(&world, "[state-reset]"));
  world_fini(&world);
}

static bool drain_after_30(struct world *world) {
  if (world->figures.records > 30) engine_drain(world->engine);
  return true;
}

/* An aggregate more: open windows have nothing of it before the change; the others keep theirs. */
static void aggregate_added(void **state) {
  (void)state;
#define COUNTED(aggregates)                                                                        \
  WORLD_HEAD("checkpoint: {interval: 1h}\nepoch: {records: 10}\n")                                 \
  "sources:\n  in: {type: stdin}\n"                                                                \
  "transforms:\n  all: {type: window, input: in, window: {tumbling: 1d}, group_by: k,\n"           \
  "        time: processing, aggregate: {" aggregates "}}\n"                                       \
  "sinks:\n  out: {type: file, input: all, path: /out/out.ndjson}\n"
  struct world world;
  world_init(&world, COUNTED("n: count(*), s: sum(v), gone: max(v)"));
  for (int i = 1; i <= 100; i++) buf_printf(&world.input, "{\"k\":\"a\",\"v\":%d}\n", i);
  world.turn = drain_after_30;
  world.piece_bytes = 60;
  world_live(&world, "the first part");
  uint64_t first = world.figures.records;
  assert_true(first > 10 && first < 90);
  world_configure(&world, COUNTED("m: min(v), total: sum(v), n: count(*)"));
  world.turn = NULL;
  world.input_ends = true;
  world_live(&world, "the rest");
  assert_true(world_said(&world, "aggregate m starts empty"));
  assert_true(world_said(&world, "1 aggregate held is left out"));
  struct buf text;
  world_get(world.disk, "/out/out.ndjson", &text);
  char wanted[100];
  snprintf(wanted, sizeof wanted, "\"k\":\"a\",\"m\":%llu,\"total\":5050,\"n\":100}",
           (unsigned long long)first + 1);
  if (strstr(buf_cstr(&text), wanted) == NULL)
    fail_msg("%s is not in\n%s", wanted, buf_cstr(&text));
  buf_fini(&text);
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(at_any_turn),
      cmocka_unit_test(crash_anywhere),
      cmocka_unit_test(one_failure_anywhere),
      cmocka_unit_test(no_way_back),
      cmocka_unit_test(refused),
      cmocka_unit_test(reset),
      cmocka_unit_test(aggregate_added),
      cmocka_unit_test(sink_behind_the_only_snapshot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
