/* What only the simulated world can do: crash, fail when told to, and repeat itself. */
#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"

#include <string.h>

static struct disk_file *create(struct io_world *w, const char *path) {
  struct disk_file *file;
  OK(w, disk_open(w->io.disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, &file, &w->err));
  return file;
}

static void put(struct io_world *w, const char *path, const char *text, bool synced) {
  struct disk_file *file = create(w, path);
  OK(w, disk_write(file, text, strlen(text), 0, &w->err));
  if (synced) OK(w, disk_sync(file, &w->err));
  disk_close(file);
}

/* The text of a file, or NULL when there is none. Valid until the next call. */
static const char *text_of(struct io_world *w, const char *path) {
  static char text[8192];
  struct disk_file *file;
  size_t got;
  if (disk_open(w->io.disk, path, DISK_READ, &file, &w->err) != 0) {
    assert_int_equal(w->err.code, ERR_NOINPUT);
    return NULL;
  }
  OK(w, disk_read(file, text, sizeof text - 1, 0, &got, &w->err));
  text[got] = '\0';
  disk_close(file);
  return text;
}

static void crash(struct io_world *w, enum sim_unsynced unsynced) {
  sim_disk_crash(w->io.disk, unsynced, w->io.random);
}

static void synced_bytes_survive_everything(void **state) {
  struct io_world *w = *state;
  for (int i = 0; i <= SIM_UNSYNCED_MIXED; i++) {
    put(w, "/a/folder/f", "kept", true);
    OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
    crash(w, (enum sim_unsynced)i);
    assert_string_equal(text_of(w, "/a/folder/f"), "kept");
  }
}

static void kill_keeps_what_was_not_synced(void **state) {
  struct io_world *w = *state;
  put(w, "/a/folder/f", "text", false);
  crash(w, SIM_UNSYNCED_KEPT);
  assert_string_equal(text_of(w, "/a/folder/f"), "text");
  crash(w, SIM_UNSYNCED_DROPPED); /* it was only in the memory of the machine */
  assert_null(text_of(w, "/a/folder/f"));
}

static void a_power_cut_drops_what_was_not_synced(void **state) {
  struct io_world *w = *state;
  put(w, "/a/folder/f", "first", true);
  OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
  struct disk_file *file = create(w, "/a/folder/f");
  OK(w, disk_write(file, "second", 6, 3, &w->err));
  OK(w, disk_truncate(file, 1, &w->err));
  assert_string_equal(text_of(w, "/a/folder/f"), "f");
  disk_close(file);
  put(w, "/a/folder/g", "name not synced", true);
  OK(w, disk_unlink(w->io.disk, "/a/folder/f", &w->err));
  crash(w, SIM_UNSYNCED_DROPPED);
  assert_string_equal(text_of(w, "/a/folder/f"), "first");
  assert_null(text_of(w, "/a/folder/g"));
}

static void a_rename_needs_the_folder_synced(void **state) {
  struct io_world *w = *state;
  int kept = 0, lost = 0;
  for (int i = 0; i < 40; i++) {
    put(w, "/a/folder/f", "old", true);
    OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
    put(w, "/a/folder/f.new", "new", true);
    OK(w, disk_rename(w->io.disk, "/a/folder/f.new", "/a/folder/f", &w->err));
    assert_string_equal(text_of(w, "/a/folder/f"), "new");
    crash(w, i == 0 ? SIM_UNSYNCED_DROPPED : SIM_UNSYNCED_MIXED);
    const char *text = text_of(w, "/a/folder/f");
    assert_non_null(text); /* old or new, never none */
    if (strcmp(text, "new") == 0)
      kept++;
    else
      assert_string_equal(text, "old");
    if (i == 0) assert_string_equal(text, "old");
    lost += strcmp(text, "old") == 0;
    OK(w, disk_unlink(w->io.disk, "/a/folder/f", &w->err));
    OK(w, disk_unlink(w->io.disk, "/a/folder/f.new", &w->err));
  }
  assert_true(kept > 5 && lost > 5);
  put(w, "/a/folder/f.new", "new", true);
  OK(w, disk_rename(w->io.disk, "/a/folder/f.new", "/a/folder/f", &w->err));
  OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
  crash(w, SIM_UNSYNCED_DROPPED);
  assert_string_equal(text_of(w, "/a/folder/f"), "new");
  assert_null(text_of(w, "/a/folder/f.new"));
}

static void a_move_between_folders_is_whole(void **state) {
  struct io_world *w = *state;
  OK(w, disk_make_dirs(w->io.disk, "/a/other", &w->err));
  put(w, "/a/folder/f", "text", true);
  OK(w, disk_rename(w->io.disk, "/a/folder/f", "/a/other/f", &w->err));
  OK(w, disk_sync_dir(w->io.disk, "/a/other", &w->err));
  crash(w, SIM_UNSYNCED_DROPPED);
  assert_null(text_of(w, "/a/folder/f"));
  assert_string_equal(text_of(w, "/a/other/f"), "text");
  OK(w, disk_rename(w->io.disk, "/a/other", "/a/renamed", &w->err));
  assert_string_equal(text_of(w, "/a/renamed/f"), "text");
  crash(w, SIM_UNSYNCED_DROPPED);
  assert_string_equal(text_of(w, "/a/other/f"), "text");
}

/* Eight sectors of 'a' were synced, then written over with 'b'. */
static void mixed_tears_by_sector(void **state) {
  struct io_world *w = *state;
  enum { SECTOR = 512, N = 8 };
  char data[N * SECTOR];
  int old = 0, new = 0, torn = 0;
  for (int round = 0; round < 50; round++) {
    struct disk_file *file = create(w, "/a/folder/f");
    memset(data, 'a', sizeof data);
    OK(w, disk_write(file, data, sizeof data, 0, &w->err));
    OK(w, disk_sync(file, &w->err));
    OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
    memset(data, 'b', sizeof data);
    OK(w, disk_write(file, data, sizeof data, 0, &w->err));
    disk_close(file);
    crash(w, SIM_UNSYNCED_MIXED);
    const char *text = text_of(w, "/a/folder/f");
    assert_int_equal(strlen(text), sizeof data);
    for (int i = 0; i < N; i++, text += SECTOR) {
      size_t b = strspn(text, "b");
      if (b > SECTOR) b = SECTOR;
      for (size_t j = b; j < SECTOR; j++) assert_int_equal(text[j], 'a');
      old += b == 0;
      new += b == SECTOR;
      torn += b > 0 && b < SECTOR;
    }
  }
  assert_int_equal(old + new + torn, 50 * N);
  assert_true(old > 60 && new > 60 && torn > 30);
}

static void an_open_file_dies_in_a_crash(void **state) {
  struct io_world *w = *state;
  struct disk_file *before = create(w, "/a/folder/f");
  OK(w, disk_lock(before, &w->err));
  OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
  crash(w, SIM_UNSYNCED_KEPT);
  assert_int_equal(disk_write(before, "x", 1, 0, &w->err), -1);
  struct disk_file *after = create(w, "/a/folder/f");
  OK(w, disk_lock(after, &w->err)); /* the lock died too */
  disk_close(before);
  disk_close(after);
  assert_string_equal(text_of(w, "/a/folder/f"), "");
}

/* One call after another of the same job fails, and each failure is noticed. */
static void the_nth_call_fails(void **state) {
  struct io_world *w = *state;
  uint64_t before = sim_disk_calls(w->io.disk);
  uint64_t n_calls = 0;
  for (uint64_t n = 0; n <= 6; n++) {
    sim_disk_set_faults(w->io.disk, (struct sim_disk_faults){.fail_at = n});
    before = sim_disk_calls(w->io.disk);
    struct disk_file *file = NULL;
    int result = disk_open(w->io.disk, "/a/folder/f", DISK_WRITE | DISK_CREATE, &file, &w->err);
    if (result == 0) result = disk_write(file, "text", 4, 0, &w->err);
    if (result == 0) result = disk_sync(file, &w->err);
    disk_close(file);
    if (result == 0) result = disk_rename(w->io.disk, "/a/folder/f", "/a/folder/g", &w->err);
    if (result == 0) result = disk_sync_dir(w->io.disk, "/a/folder", &w->err);
    if (n == 0) n_calls = sim_disk_calls(w->io.disk) - before;
    bool expected_to_fail = n > 0 && n <= n_calls;
    assert_int_equal(result, expected_to_fail ? -1 : 0);
    if (expected_to_fail) assert_int_equal(w->err.code, ERR_IO);
  }
  assert_int_equal(n_calls, 5);
}

static void a_machine_going_down_stays_down(void **state) {
  struct io_world *w = *state;
  put(w, "/a/folder/f", "text", true);
  OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
  sim_disk_set_faults(w->io.disk, (struct sim_disk_faults){.fail_at = 2, .fail_is_crash = true});
  struct disk_stat stat;
  bool found;
  OK(w, disk_stat(w->io.disk, "/a/folder/f", &found, &stat, &w->err));
  for (int i = 0; i < 5; i++) assert_int_equal(disk_unlink(w->io.disk, "/a/folder/f", &w->err), -1);
  crash(w, SIM_UNSYNCED_KEPT);
  assert_string_equal(text_of(w, "/a/folder/f"), "text");
}

/* After a failed sync the system holds the bytes for clean: a second sync does not save them. */
static void a_failed_sync_is_final(void **state) {
  struct io_world *w = *state;
  put(w, "/a/folder/f", "old.", true);
  OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
  struct disk_file *file = create(w, "/a/folder/f");
  OK(w, disk_write(file, "new.", 4, 0, &w->err));
  sim_disk_set_faults(w->io.disk, (struct sim_disk_faults){.fail_at = 1});
  assert_int_equal(disk_sync(file, &w->err), -1);
  OK(w, disk_sync(file, &w->err));
  disk_close(file);
  assert_string_equal(text_of(w, "/a/folder/f"), "new.");
  crash(w, SIM_UNSYNCED_DROPPED);
  assert_string_equal(text_of(w, "/a/folder/f"), "old.");
}

static void a_disk_fills_up(void **state) {
  struct io_world *w = *state;
  sim_disk_set_faults(w->io.disk, (struct sim_disk_faults){.capacity_bytes = 10});
  struct disk_file *file = create(w, "/a/folder/f");
  OK(w, disk_write(file, "12345678", 8, 0, &w->err));
  OK(w, disk_write(file, "87654321", 8, 0, &w->err)); /* needs no room */
  assert_int_equal(disk_write(file, "abcd", 4, 8, &w->err), -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  assert_string_equal(w->err.text, "cannot write /a/folder/f: No space left on device");
  assert_int_equal(disk_truncate(file, 11, &w->err), -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  OK(w, disk_truncate(file, 0, &w->err));
  OK(w, disk_write(file, "abcd", 4, 6, &w->err));
  disk_close(file);
}

static void short_reads_change_nothing(void **state) {
  struct io_world *w = *state;
  put(w, "/a/folder/f", "a text of some length", false);
  sim_disk_set_faults(w->io.disk, (struct sim_disk_faults){.short_reads = true});
  assert_string_equal(text_of(w, "/a/folder/f"), "a text of some length");
}

static void a_bit_rots(void **state) {
  struct io_world *w = *state;
  put(w, "/a/folder/f", "abc", true);
  OK(w, disk_sync_dir(w->io.disk, "/a/folder", &w->err));
  OK(w, sim_disk_flip_bit(w->io.disk, "/a/folder/f", 9, &w->err));
  assert_string_equal(text_of(w, "/a/folder/f"), "a`c");
  crash(w, SIM_UNSYNCED_DROPPED);
  assert_string_equal(text_of(w, "/a/folder/f"), "a`c");
  assert_int_equal(sim_disk_flip_bit(w->io.disk, "/a/folder/f", 24, &w->err), -1);
  assert_int_equal(sim_disk_flip_bit(w->io.disk, "/a/none", 0, &w->err), -1);
}

/* --- a seed replays a run --- */

struct trace {
  struct io io;
  struct buf text;
  struct loop_timer *timers[3];
  struct exec *execs[2];
  struct loop_stream *input;
};
struct event {
  struct trace *trace;
  char name;
};

static void note(struct trace *trace, char name) {
  buf_printf(&trace->text, "%c%lld ", name, (long long)clock_mono_us(trace->io.clock));
}
static void on_event(void *arg) {
  struct event *event = arg;
  note(event->trace, event->name);
}
static void on_input(void *arg) {
  struct trace *trace = arg;
  char data[10];
  size_t got;
  bool ended;
  assert_int_equal(loop_stream_read(trace->input, data, sizeof data, &got, &ended, NULL), 0);
  note(trace, (char)('0' + got));
  if (ended) loop_stream_want(trace->input, false);
}
static void on_part(void *arg, size_t part, uint32_t worker) {
  struct trace *trace = arg;
  buf_printf(&trace->text, "%zu/%u ", part, worker);
}

/* All that can happen, on one seed, as text. */
static char *run(uint64_t seed) {
  struct trace trace = {0};
  struct disk *disk = sim_disk_new();
  struct err err;
  assert_int_equal(io_sim_open(&trace.io, seed, 0, disk, &err), 0);
  struct event events[8];
  for (int i = 0; i < 8; i++) events[i] = (struct event){&trace, (char)('a' + i)};
  for (int i = 0; i < 3; i++) {
    trace.timers[i] = loop_timer_new(trace.io.loop, on_event, &events[i]);
    loop_timer_arm(trace.timers[i], 500);
  }
  for (int i = 0; i < 2; i++) {
    trace.execs[i] = exec_new(trace.io.threads, trace.io.loop, "x");
    for (int j = 0; j < 4; j++)
      exec_submit(trace.execs[i], (struct exec_job){on_event, on_event, &events[3 + i]});
  }
  assert_int_equal(loop_stream_open_stdin(trace.io.loop, on_input, &trace, &trace.input, &err), 0);
  loop_stream_want(trace.input, true);
  sim_stdin(trace.io.loop, "some bytes to be read", 21, true);
  struct pool *pool = pool_new(trace.io.threads, 3);
  while (!sim_loop_idle(trace.io.loop)) {
    assert_int_equal(loop_wait(trace.io.loop, -1, &err), 0);
    if (trace.text.len > 100000) fail_msg("the run does not end");
  }
  pool_run(pool, 10, on_part, &trace);
  buf_printf(&trace.text, "%llu", (unsigned long long)random_u64(trace.io.random));
  pool_free(pool);
  loop_stream_close(trace.input);
  for (int i = 0; i < 2; i++) exec_free(trace.execs[i]);
  for (int i = 0; i < 3; i++) loop_timer_free(trace.timers[i]);
  io_sim_close(&trace.io);
  disk_free(disk);
  buf_cstr(&trace.text);
  return trace.text.data;
}

static void a_seed_replays_a_run(void **state) {
  (void)state;
  int different = 0;
  char *last = NULL;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    char *first = run(seed), *second = run(seed);
    assert_string_equal(first, second);
    different += last != NULL && strcmp(first, last) != 0;
    free(last);
    free(second);
    last = first;
  }
  free(last);
  assert_int_equal(different, 19);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SIM(synced_bytes_survive_everything),
      SIM(kill_keeps_what_was_not_synced),
      SIM(a_power_cut_drops_what_was_not_synced),
      SIM(a_rename_needs_the_folder_synced),
      SIM(a_move_between_folders_is_whole),
      SIM(mixed_tears_by_sector),
      SIM(an_open_file_dies_in_a_crash),
      SIM(the_nth_call_fails),
      SIM(a_machine_going_down_stays_down),
      SIM(a_failed_sync_is_final),
      SIM(a_disk_fills_up),
      SIM(short_reads_change_nothing),
      SIM(a_bit_rots),
      cmocka_unit_test(a_seed_replays_a_run),
  };
  return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
