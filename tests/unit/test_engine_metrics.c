/* Metrics of the engine in a simulated world: they say what happened, exactly, count from the
 * beginning of the process, and never fall. */
#include "engine_world.h"

#include "daemon/flow/metrics.h"

#include <stdio.h>

#define PIPELINE                                                                                   \
  WORLD_HEAD(WORLD_CALM)                                                                           \
  "sources:\n"                                                                                     \
  "  in: {type: file, path: /in/a.ndjson, event_time: t}\n"                                        \
  "transforms:\n"                                                                                  \
  "  parts: {type: route, input: in, routes: {even: v % 2 = 0}}\n"                                 \
  "  once: {type: dedup, input: parts.even, key: id, ttl: 1h}\n"                                   \
  "  all: {type: window, input: in, window: {tumbling: 1m}, group_by: k, aggregate: {n: "          \
  "count(*)}}\n"                                                                                   \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: once, path: /out/out.ndjson}\n"                                      \
  "  rest: {type: file, input: parts.rest, path: /out/rest.ndjson}\n"                              \
  "  totals: {type: file, input: all, path: /out/totals.ndjson}\n"                                 \
  "  late: {type: file, input: all.late, path: /out/late.ndjson}\n"                                \
  "  bad: {type: file, input: in.errors, path: /out/bad.ndjson}\n"

struct scrapes {
  uint64_t turns;
  char *last; /* as text; free() */
  uint64_t stop_records;
  double keys_most;        /* of "once" */
  bool recovering_counted; /* something was counted during recovery */
};

static double value_of(const char *text, const char *series) {
  const char *at = text;
  size_t len = strlen(series);
  while ((at = strstr(at, series)) != NULL) {
    if ((at == text || at[-1] == '\n') && at[len] == ' ') return strtod(at + len, NULL);
    at += len;
  }
  return -1;
}

/* Every counter, and every part of a histogram, is at least what it was. */
static void never_falls(const char *before, const char *after) {
  bool counter = false;
  for (const char *line = before; *line != '\0'; line = strchr(line, '\n') + 1) {
    size_t len = (size_t)(strchr(line, '\n') - line);
    if (strncmp(line, "# TYPE", 6) == 0) counter = memmem(line, len, " gauge", 6) == NULL;
    if (line[0] == '#' || !counter) continue;
    const char *end = memrchr(line, ' ', len);
    char series[256];
    snprintf(series, sizeof series, "%.*s", (int)(end - line), line);
    if (value_of(after, series) < strtod(end, NULL)) fail_msg("%s has fallen", series);
  }
}

static bool goes_on(const struct world *world) {
  const struct scrapes *scrapes = world->arg;
  struct engine_figures figures;
  engine_figures(world->engine, &figures);
  return scrapes->stop_records == 0 || figures.records < scrapes->stop_records;
}

/* At every fifth turn, and at the last one. */
static bool scrape(struct world *world) {
  struct scrapes *scrapes = world->arg;
  if (scrapes->turns++ % 5 != 0 && goes_on(world)) return true;
  struct metrics *metrics = metrics_new();
  engine_metrics(world->engine, metrics);
  struct buf text;
  buf_init(&text);
  metrics_put_text(metrics, METRICS_PROMETHEUS, &text);
  metrics_free(metrics);
  char *now = mem_strdup(buf_cstr(&text));
  buf_fini(&text);
  if (scrapes->last != NULL) never_falls(scrapes->last, now);
  if (value_of(now, "tidemark_pipeline_state{pipeline=\"p\",state=\"recovering\"}") == 1 &&
      value_of(now, "tidemark_records_in_total{pipeline=\"p\",component=\"in\"}") != 0) {
    scrapes->recovering_counted = true;
  }
  double keys = value_of(now, "tidemark_state_keys{pipeline=\"p\",component=\"once\"}");
  if (keys > scrapes->keys_most) scrapes->keys_most = keys;
  free(scrapes->last);
  scrapes->last = now;
  return goes_on(world);
}

static uint64_t lines_in(struct world *world, const char *path) {
  struct buf text;
  buf_init(&text);
  world_get(world->disk, path, &text);
  uint64_t n = 0;
  for (size_t i = 0; i < text.len; i++) n += text.data[i] == '\n';
  buf_fini(&text);
  return n;
}

static void expect(const struct scrapes *scrapes, const char *series, double wanted) {
  double value = value_of(scrapes->last, series);
  if (value != wanted) fail_msg("%s is %g, not %g", series, value, wanted);
}

static void put_records(struct world *world, int n, uint64_t seed) {
  struct buf text;
  struct err err;
  buf_init(&text);
  world_records(&text, n, 0, seed);
  world_put(world->disk, "/in/a.ndjson", buf_slice(&text));
  assert_int_equal(disk_sync_dir(world->disk, "/in", &err), 0);
  buf_fini(&text);
}

static void what_is_counted_is_what_came_out(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 5; seed++) {
    struct world world;
    struct scrapes scrapes = {0};
    world_init(&world, PIPELINE);
    world.seed = seed;
    world.turn = scrape;
    world.arg = &scrapes;
    put_records(&world, 2000, seed);
    world_live(&world, "scraped again and again");
    double in = (double)lines_in(&world, "/in/a.ndjson");
    double bad = (double)lines_in(&world, "/out/bad.ndjson");
    double out = (double)lines_in(&world, "/out/out.ndjson");
    double rest = (double)lines_in(&world, "/out/rest.ndjson");
    double late = (double)lines_in(&world, "/out/late.ndjson");
    double totals = (double)lines_in(&world, "/out/totals.ndjson");
    assert_true(bad > 10 && out > 100 && rest > 100 && late > 1 && totals > 5);
#define OF(name, component) "tidemark_" name "{pipeline=\"p\",component=\"" component "\"}"
#define PORT(component, port)                                                                      \
  "tidemark_records_out_total{pipeline=\"p\",component=\"" component "\",port=\"" port "\"}"
    expect(&scrapes, OF("records_in_total", "in"), in);
    expect(&scrapes, PORT("in", "main"), in - bad);
    expect(&scrapes, PORT("in", "errors"), bad);
    expect(&scrapes, "tidemark_errors_total{pipeline=\"p\",component=\"in\",code=\"json.syntax\"}",
           bad);
    expect(&scrapes, OF("records_in_total", "parts"), in - bad);
    expect(&scrapes, PORT("parts", "rest"), rest);
    expect(&scrapes, PORT("parts", "even"), in - bad - rest);
    expect(&scrapes, PORT("once", "main"), out);
    expect(&scrapes, OF("duplicate_records_total", "once"), in - bad - rest - out);
    expect(&scrapes, PORT("all", "main"), totals);
    expect(&scrapes, PORT("all", "late"), late);
    expect(&scrapes, OF("late_records_total", "all"), late);
    expect(&scrapes, PORT("out", "main"), out);
    expect(&scrapes, OF("records_in_total", "late"), late);
    struct buf text;
    world_get(world.disk, "/out/out.ndjson", &text);
    expect(&scrapes, OF("written_bytes_total", "out"), (double)text.len);
    buf_fini(&text);
    world_get(world.disk, "/in/a.ndjson", &text);
    expect(&scrapes, OF("read_bytes_total", "in"), (double)text.len);
    buf_fini(&text);
    assert_true(scrapes.keys_most > out / 2 && scrapes.keys_most <= out);
    expect(&scrapes, OF("state_keys", "once"), 0); /* the end of input ends their time */
    assert_true(value_of(scrapes.last, OF("state_bytes", "once")) > 1000);
    expect(&scrapes, "tidemark_source_partitions{pipeline=\"p\",component=\"in\",state=\"ended\"}",
           1);
    double epochs = value_of(scrapes.last, "tidemark_epochs_total{pipeline=\"p\"}");
    expect(&scrapes, "tidemark_epoch{pipeline=\"p\"}", epochs);
    expect(&scrapes, "tidemark_processing_seconds_count{pipeline=\"p\"}", epochs);
    assert_true(value_of(scrapes.last, OF("sink_delivery_seconds_count", "out")) > 5);
    expect(&scrapes, OF("sink_write_seconds_count", "out"),
           value_of(scrapes.last, OF("sink_delivery_seconds_count", "out")));
    assert_true(value_of(scrapes.last, "tidemark_snapshots_total{pipeline=\"p\",result=\"done\"}") >
                1);
    assert_true(value_of(scrapes.last, "tidemark_snapshot_size_bytes{pipeline=\"p\"}") > 1000);
    assert_true(value_of(scrapes.last, "tidemark_log_sync_seconds_count{pipeline=\"p\"}") > 5);
    free(scrapes.last);

    /* The next process begins at 0, whatever the snapshot holds. */
    scrapes = (struct scrapes){0};
    world_live(&world, "with nothing to do");
    expect(&scrapes, OF("records_in_total", "in"), 0);
    expect(&scrapes, PORT("once", "main"), 0);
    expect(&scrapes, OF("duplicate_records_total", "once"), 0);
    free(scrapes.last);
    world_fini(&world);
  }
}

static void a_replay_is_not_counted(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    struct world world;
    struct err err;
    world_init(&world, PIPELINE);
    world.seed = seed;
    world.turn = scrape;
    put_records(&world, 2000, seed);
    struct scrapes first = {.stop_records = 1200}, second = {0};
    world.arg = &first;
    assert_int_equal(world_life(&world, &err), -1);
    world_crash(&world, SIM_UNSYNCED_DROPPED, seed);
    world.arg = &second;
    world_live(&world, "after the crash");
    assert_true(value_of(second.last, "tidemark_recovery_replayed_epochs{pipeline=\"p\"}") > 0);
    assert_true(value_of(second.last, "tidemark_recovery_seconds{pipeline=\"p\"}") > 0);
    assert_false(second.recovering_counted);
    double before = value_of(first.last, OF("records_in_total", "in"));
    double after = value_of(second.last, OF("records_in_total", "in"));
    double in = (double)lines_in(&world, "/in/a.ndjson");
    /* Some epochs may have been under way: in the log, and counted by nobody. */
    assert_true(before >= 1200 && before + after >= in - 150 && before + after <= in + 150);
    free(first.last);
    free(second.last);
    world_fini(&world);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_counted_is_what_came_out),
      cmocka_unit_test(a_replay_is_not_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
