/* Fuzz target: the state of operators as snapshots bring it (runner_load()), with right checksums:
 * another version, or a bug of ours, may have written anything. A good state is made once, by
 * running an epoch; an input changes some of its sections (a number u8, how many bytes of
 * fuzz_patch() u8, those).
 *
 * What must hold: the state is refused with a reason, or the next epochs run, to the end of the
 * input, and the state they leave can be saved and loaded again. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/flow/runner.h"
#include "daemon/io/io_sim.h"
#include "daemon/supervisor/configuration.h"

#include <stdio.h>
#include <stdlib.h>

#define START_US INT64_C(1767225600000000) /* 2026-01-01 */

enum { SHARDS = 2, SECTIONS_MAX = 32 };

static const char pipeline[] =
    "pipeline: p\nstate: {dir: /state}\nshards: 2\n"
    "sources:\n"
    "  in: {type: stdin, event_time: t, watermark: {max_lateness: 1s, idle_timeout: 1m}}\n"
    "transforms:\n"
    "  once: {type: dedup, input: in, key: id, ttl: 1h}\n"
    "  last: {type: dedup, input: in, key: k, ttl: 10s, keep: last}\n"
    "  sums:\n"
    "    type: window\n    input: once\n    window: {tumbling: 10s}\n    allowed_lateness: 10s\n"
    "    group_by: [k, v]\n    emit: {every: 1s}\n"
    "    aggregate: {n: count(*), s: sum(v), a: avg(v), lo: min(v), d: count(distinct v),"
    " f: first(k), l: last(v)}\n"
    "  hops:\n"
    "    type: window\n    input: last\n    window: {hopping: 10s, every: 5s}\n"
    "    aggregate: {n: count(*) filter (where v > 1), m: max(v)}\n"
    "sinks:\n"
    "  out: {type: blackhole, input: [sums, hops, sums.late, last.duplicates, once.errors]}\n";

static const char first_records[] = "{\"id\":1,\"t\":1767225600000,\"k\":\"a\",\"v\":1}\n"
                                    "{\"id\":2,\"t\":1767225601000,\"k\":\"b\",\"v\":2.5}\n"
                                    "{\"id\":1,\"t\":1767225603000,\"k\":\"a\",\"v\":1}\n"
                                    "{\"id\":3,\"t\":1767225612500,\"k\":null,\"v\":-7}\n"
                                    "{\"id\":4,\"t\":1767225612600,\"k\":\"a\",\"v\":1e300}\n";
/* For groups that are there, and for others. */
static const char next_records[] = "{\"id\":3,\"t\":1767225613000,\"k\":\"a\",\"v\":1}\n"
                                   "{\"id\":5,\"t\":1767225604000,\"k\":\"b\",\"v\":3}\n"
                                   "{\"id\":7,\"t\":1767225612700,\"k\":\"a\",\"v\":1e300}\n"
                                   "{\"id\":8,\"t\":1767225612800,\"k\":null,\"v\":-7}\n"
                                   "{\"id\":9,\"t\":1767225604100,\"k\":\"a\",\"v\":1}\n"
                                   "{\"id\":10,\"t\":1767225604200,\"k\":\"b\",\"v\":2.5}\n"
                                   "{\"id\":6,\"t\":1767225650000,\"k\":\"c\",\"v\":4}\n";

/* What stays from call to call: the compiled pipeline and the good state. */
static struct io io;
static struct configuration *configuration;
static struct snapshot_section good[SECTIONS_MAX];
static size_t n_good;

static const struct graph *graph(void) {
  return configuration->graphs[0];
}

static const char *env(void *arg, const char *name) {
  (void)arg;
  (void)name;
  return NULL;
}

/* The partition is said to be new each time: whether it is known is up to the state. */
static void run(struct runner *runner, uint64_t number, const char *records, bool ends) {
  struct epoch *epoch = epoch_new(number, START_US + (int64_t)number * 2000000);
  size_t len = strlen(records);
  void *memory;
  struct slice block = fuzz_padded((struct slice){records, len}, &memory);
  struct chunk chunk = {.to = len, .data = block.data, .len = len};
  struct new_partition partition = {.name = slice_of("standard input")};
  uint32_t source = 0;
  if (len > 0) epoch->chunks = &chunk, epoch->n_chunks = 1;
  epoch->new_partitions = &partition;
  epoch->n_new = 1;
  if (ends) epoch->source_ends = &source, epoch->n_source_ends = 1;
  runner_run(runner, epoch);
  epoch->chunks = NULL; /* these three are ours */
  epoch->new_partitions = NULL;
  epoch->source_ends = NULL;
  epoch->n_chunks = epoch->n_new = epoch->n_source_ends = 0;
  epoch_free(epoch);
  free(memory);
}

static void save(const struct runner *runner, uint64_t number) {
  struct snapshot_writer *writer;
  struct err err;
  if (snapshot_create(io.disk, "/", number, &writer, &err) != 0 ||
      runner_save(runner, writer, &err) != 0 || snapshot_commit(writer, &err) != 0)
    fuzz_fail("%s", err.text);
}

static const struct diag quiet = {.stream = NULL};

static void start(void) {
  struct err err;
  struct disk *disk = sim_disk_new();
  if (io_sim_open(&io, 1, START_US, disk, &err) != 0) fuzz_fail("%s", err.text);
  fuzz_put_file(disk, "/p.yaml", slice_of(pipeline));
  struct config_source source = {.disk = disk, .env = env};
  configuration = configuration_load("/p.yaml", &io, &source);
  if (!configuration_valid(configuration)) {
    struct buf text = {0};
    config_errors_put(&configuration->config->errors, &text);
    fuzz_fail("%s", buf_cstr(&text));
  }
  struct runner *runner = runner_new(graph(), 1, SHARDS, &quiet);
  run(runner, 1, first_records, false);
  save(runner, 1);
  runner_free(runner);
  struct snapshot_reader *reader;
  struct snapshot_section section;
  if (snapshot_open(disk, "/", 1, &reader, &err) != 0) fuzz_fail("%s", err.text);
  while (n_good < SECTIONS_MAX && snapshot_next(reader, &section, &err) == 1)
    good[n_good++] = (struct snapshot_section){
        mem_strdup(section.name),
        section.index,
        {mem_strndup(section.body.data, section.body.len), section.body.len}};
  snapshot_close(reader);
}

static int load(struct runner *runner, const struct buf *bodies) {
  for (size_t i = 0; i < n_good; i++) {
    struct snapshot_section section = {good[i].name, good[i].index, buf_slice(&bodies[i])};
    struct err err = {0};
    if (runner_load(runner, &section, &err) == 0) continue;
    if (err.text[0] == '\0') fuzz_fail("a state is refused without a reason");
    return -1;
  }
  return 0;
}

/* What was saved as a snapshot of that number is taken. */
static void load_saved(uint64_t number) {
  struct runner *runner = runner_new(graph(), 1, SHARDS, &quiet);
  struct snapshot_reader *reader;
  struct snapshot_section section;
  struct err err;
  if (snapshot_open(io.disk, "/", number, &reader, &err) != 0) fuzz_fail("%s", err.text);
  while (snapshot_next(reader, &section, &err) == 1)
    if (runner_load(runner, &section, &err) != 0) fuzz_fail("saved, and refused: %s", err.text);
  snapshot_close(reader);
  runner_free(runner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (configuration == NULL) start();
  struct slice input = {(const char *)data, len};
  struct buf bodies[SECTIONS_MAX] = {{0}};
  for (size_t i = 0; i < n_good; i++) buf_put_slice(&bodies[i], good[i].body);
  while (input.len > 0) {
    struct buf *body = &bodies[fuzz_u8(&input) % n_good];
    struct slice changes = fuzz_bytes(&input, fuzz_u8(&input));
    fuzz_patch(body, &changes);
  }
  struct runner *runner = runner_new(graph(), 1, SHARDS, &quiet);
  bool loaded = load(runner, bodies) == 0;
  if (loaded) {
    runner_count_keys(runner);
    runner_next_clock_us(runner);
    run(runner, 2, next_records, false);
    save(runner, 2);
    run(runner, 3, "", true);
  }
  runner_free(runner);
  if (loaded) {
    load_saved(2);
    struct err err;
    if (snapshot_remove(io.disk, "/", 2, &err) != 0) fuzz_fail("%s", err.text);
  }
  for (size_t i = 0; i < n_good; i++) buf_fini(&bodies[i]);
  return 0;
}
