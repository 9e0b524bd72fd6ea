/* Tests of mode: tail of the source `file`: what writers, rotation and restarts do to files while
 * they are followed. Mostly on the simulated disk, where time is free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "sources/sources.h"
#include "tests/contract/source_harness.h"

#include <dirent.h>
#include <stdio.h>

#define ALL "path: '@/*'\nmode: tail\nrotate_wait: 1s\n"
#define ONE "path: '@/app.log'\nmode: tail\nrotate_wait: 1s\n"
#define SECOND_US INT64_C(1000000)

/* ------------------------------------------------------------------ the writers' side */

static char *place(struct source_world *world, const char *name) {
  return mem_printf("%s/%s", world->folder, name);
}

static void fail_if(int result, const struct err *err) {
  if (result != 0) fail_msg("%s", err->text);
}

static uint64_t size_of(struct source_world *world, const char *name, uint64_t *ino) {
  char *path = place(world, name);
  bool found;
  struct disk_stat stat = {0};
  struct err err;
  fail_if(disk_stat(world->io.disk, path, &found, &stat, &err), &err);
  free(path);
  if (ino != NULL) *ino = stat.ino;
  return found ? stat.size_bytes : 0;
}

static void append(struct source_world *world, const char *name, const char *text) {
  char *path = place(world, name);
  struct disk_file *file;
  struct err err;
  uint64_t size = size_of(world, name, NULL);
  fail_if(disk_open(world->io.disk, path, DISK_WRITE | DISK_CREATE, &file, &err), &err);
  fail_if(disk_write(file, text, strlen(text), size, &err), &err);
  disk_close(file);
  free(path);
}

static void move(struct source_world *world, const char *from, const char *to) {
  char *old = place(world, from), *new = place(world, to);
  struct err err;
  fail_if(disk_rename(world->io.disk, old, new, &err), &err);
  free(old);
  free(new);
}

static void drop(struct source_world *world, const char *name) {
  char *path = place(world, name);
  struct err err;
  fail_if(disk_unlink(world->io.disk, path, &err), &err);
  free(path);
}

static void copy(struct source_world *world, const char *from, const char *to) {
  char *path = place(world, from);
  struct disk_file *file;
  struct err err;
  size_t size = (size_t)size_of(world, from, NULL), got;
  char *bytes = mem_zalloc(size + 1);
  fail_if(disk_open(world->io.disk, path, DISK_READ, &file, &err), &err);
  fail_if(disk_read(file, bytes, size, 0, &got, &err), &err);
  disk_close(file);
  append(world, to, bytes);
  free(bytes);
  free(path);
}

static void cut(struct source_world *world, const char *name) {
  char *path = place(world, name);
  struct disk_file *file;
  struct err err;
  fail_if(disk_open(world->io.disk, path, DISK_WRITE, &file, &err), &err);
  fail_if(disk_truncate(file, 0, &err), &err);
  disk_close(file);
  free(path);
}

/* ------------------------------------------------------------------ the source's side */

static void start(struct source_world *world, const char *options) {
  struct err err;
  world->gaps = true;
  fail_if(source_start(world, &source_file, options, &err), &err);
}

static void restart(struct source_world *world, const char *options) {
  source_stop(world);
  start(world, options);
}

/* Lets so much time pass, taking whatever comes in takes of so many bytes. */
static void follow_by(struct source_world *world, int64_t us, uint64_t bytes) {
  struct err err;
  int64_t end_us = clock_mono_us(world->io.clock) + us, now_us;
  while ((now_us = clock_mono_us(world->io.clock)) < end_us) {
    fail_if(loop_wait(world->io.loop, world->ready ? 0 : end_us - now_us, &err), &err);
    if (world->ready) fail_if(source_take_once(world, bytes, &err), &err);
  }
}

static void follow(struct source_world *world, int64_t us) {
  follow_by(world, us, 1 << 20);
}

static int line_order(const void *a, const void *b) {
  const struct slice *x = a, *y = b;
  return slice_compare(*x, *y);
}

/* The same lines, in any order: whose turn is first is nobody's business. */
static bool same_lines(const char *one, const char *other) {
  struct slice lines[2][64];
  size_t n[2] = {0};
  const char *texts[2] = {one, other};
  for (int i = 0; i < 2; i++) {
    for (const char *at = texts[i]; *at != '\0' && n[i] < 64;) {
      const char *end = strchr(at, '\n') + 1;
      lines[i][n[i]++] = (struct slice){at, (size_t)(end - at)};
      at = end;
    }
    qsort(lines[i], n[i], sizeof *lines[i], line_order);
  }
  bool same = n[0] == n[1];
  for (size_t i = 0; i < n[0] && same; i++) same = slice_equal(lines[0][i], lines[1][i]);
  return same;
}

/* What came since the last time. */
static void came(struct source_world *world, const char *wanted) {
  if (strcmp(buf_cstr(&world->story), wanted) != 0 && !same_lines(buf_cstr(&world->story), wanted))
    fail_msg("there came\n%s\nbut not\n%s", buf_cstr(&world->story), wanted);
  buf_clear(&world->story);
}

/* The ways to be told, each with its own options behind those of the test. */
static const char *const ways[] = {"",       "watch: poll\n", "max_open: 1\n",
                                   "silent", "none",          "overflow"};
enum { WAYS = sizeof ways / sizeof *ways };

static void start_by(struct source_world *world, int way, const char *options) {
  char *all = mem_printf("%s%s", options, way < 3 ? ways[way] : "");
  world->watch_faults =
      (struct sim_watch_faults){.silent = way == 3, .no_watchers = way == 4, .overflow = way == 5};
  start(world, all);
  free(all);
}

/* Runs the story for each way of being told, without and with a restart at every step. */
typedef void step_fn(struct source_world *world);
static void tell(const char *options, step_fn *const *steps, size_t n_steps, const char *wanted) {
  for (int way = 0; way < WAYS; way++) {
    for (int restarts = 0; restarts < 2; restarts++) {
      struct source_world world;
      source_world_open(&world, true);
      steps[0](&world);
      start_by(&world, way, options);
      follow(&world, 2 * SECOND_US);
      for (size_t i = 1; i < n_steps; i++) {
        if (restarts) source_stop(&world);
        steps[i](&world);
        if (restarts) start_by(&world, way, options);
        follow(&world, 3 * SECOND_US);
      }
      if (!same_lines(buf_cstr(&world.story), wanted))
        fail_msg("way \"%s\", %d restarts: there came\n%s\nbut not\n%s", ways[way], restarts,
                 buf_cstr(&world.story), wanted);
      source_world_close(&world);
    }
  }
}
#define TELL(options, wanted, ...)                                                                 \
  tell(options, (step_fn *const[]){__VA_ARGS__},                                                   \
       sizeof((step_fn *const[]){__VA_ARGS__}) / sizeof(step_fn *), wanted)

static void nothing(struct source_world *world) {
  (void)world;
}

/* ------------------------------------------------------------------ lines and files */

static void app_1(struct source_world *world) {
  append(world, "app.log", "1\n");
}
static void app_2(struct source_world *world) {
  append(world, "app.log", "2\n");
}
static void app_half(struct source_world *world) {
  append(world, "app.log", "half");
}
static void app_rest(struct source_world *world) {
  append(world, "app.log", "-whole\nnext\n");
}
static void other_file(struct source_world *world) {
  append(world, "other.log", "a\nb\n");
}

static void lines_as_they_come(void **state) {
  (void)state;
  TELL(ALL, "app.log: 1\napp.log: 2\n", app_1, app_2);
  TELL(ONE, "app.log: 1\napp.log: 2\napp.log: half-whole\napp.log: next\n", nothing, app_1, app_2,
       app_half, app_rest);
  TELL(ALL, "app.log: half-whole\napp.log: next\nother.log: a\nother.log: b\napp.log: 1\n",
       app_half, app_rest, other_file, app_1);
  TELL("path: ['@/app*', '@/app.log', '@/o*']\nmode: tail\n",
       "app.log: 1\nother.log: a\nother.log: b\n", app_1, other_file);
}

static void at_the_end(struct source_world *world) {
  append(world, "app.log", "old 1\nold 2\nold ha");
}
static void behind_the_end(struct source_world *world) {
  append(world, "app.log", "lf\nnew\n");
}

static void begun_at_the_end(void **state) {
  (void)state;
  TELL(ALL "start: end\n",
       "(first start): end\napp.log: new\nother.log: a\nother.log: b\napp.log: 1\n", at_the_end,
       behind_the_end, other_file, app_1);
  TELL(ALL "start: end\n", "(first start): end\napp.log: 1\n", nothing, app_1);
}

static void folders_and_patterns(void **state) {
  (void)state;
  for (int way = 0; way < WAYS; way++) {
    struct source_world world;
    struct err err;
    source_world_open(&world, true);
    start_by(&world, way, "path: '@/*/x*/*.log'\nmode: tail\n");
    follow(&world, SECOND_US);
    char *folder = place(&world, "a/x1");
    fail_if(disk_make_dirs(world.io.disk, folder, &err), &err);
    append(&world, "a/x1/f.log", "1\n");
    append(&world, "a/x1/f.txt", "no\n");
    follow(&world, 2 * SECOND_US);
    append(&world, "a/x1/f.log", "2\n");
    follow(&world, 2 * SECOND_US);
    came(&world, "f.log: 1\nf.log: 2\n");
    free(folder);
    source_world_close(&world);
  }
}

/* With notices a line is there within milliseconds, without them after poll_interval. */
static void how_soon(void **state) {
  (void)state;
  for (int way = 0; way < 2; way++) {
    struct source_world world;
    source_world_open(&world, true);
    app_1(&world);
    start_by(&world, way, ALL "poll_interval: 5s\n");
    follow(&world, SECOND_US);
    app_2(&world);
    follow(&world, SECOND_US / 10);
    came(&world, way == 0 ? "app.log: 1\napp.log: 2\n" : "app.log: 1\n");
    other_file(&world);
    follow(&world, SECOND_US / 10);
    came(&world, way == 0 ? "other.log: a\nother.log: b\n" : "");
    follow(&world, 5 * SECOND_US);
    came(&world, way == 0 ? "" : "app.log: 2\nother.log: a\nother.log: b\n");
    source_world_close(&world);
  }
}

static void long_lines(void **state) {
  (void)state;
  for (int way = 0; way < WAYS; way++) {
    for (int restarts = 0; restarts < 2; restarts++) {
      struct source_world world;
      struct buf wanted;
      buf_init(&wanted);
      source_world_open(&world, true);
      world.common.line_max_bytes = 300 * 1000;
      start_by(&world, way, ALL);
      char *piece = mem_zalloc(10 * 1000 + 1);
      memset(piece, 'L', 10 * 1000);
      buf_put_text(&wanted, "a: ");
      for (int i = 0; i < 20; i++) {
        append(&world, "a", piece);
        buf_put_text(&wanted, piece);
        follow(&world, 2 * SECOND_US);
        if (restarts) source_stop(&world);
        if (restarts) start_by(&world, way, ALL);
      }
      append(&world, "a", "\nnext\n");
      follow(&world, 2 * SECOND_US);
      buf_put_text(&wanted, "\na: next\n");
      came(&world, buf_cstr(&wanted));
      /* One that grows without an end is given once, as too long, and its end is waited for. */
      for (int i = 0; i < 40; i++) {
        append(&world, "a", piece);
        follow(&world, SECOND_US / 2);
      }
      follow(&world, 2 * SECOND_US);
      assert_memory_equal(buf_cstr(&world.story), "a (too long): LLLLL", 19);
      buf_clear(&world.story);
      if (restarts) source_stop(&world);
      if (restarts) start_by(&world, way, ALL);
      append(&world, "a", "and its end\nafter\n");
      follow(&world, 2 * SECOND_US);
      came(&world, "a: after\n");
      free(piece);
      buf_fini(&wanted);
      source_world_close(&world);
    }
  }
}

/* ------------------------------------------------------------------ rotation by rename */

static void renamed(struct source_world *world) {
  move(world, "app.log", "app.log.1");
}
static void renamed_and_made(struct source_world *world) {
  append(world, "app.log", "last\n");
  move(world, "app.log", "app.log.1");
  append(world, "app.log.1", "later than last\n");
  append(world, "app.log", "first\n");
}
static void rotated_again(struct source_world *world) {
  append(world, "app.log.1", "still there\n");
  move(world, "app.log.1", "app.log.2");
  move(world, "app.log", "app.log.1");
  append(world, "app.log.1", "x\n");
  append(world, "app.log", "y\n");
}
static void oldest_dropped(struct source_world *world) {
  drop(world, "app.log.2");
}

static void renamed_files(void **state) {
  (void)state;
  static const char story[] =
      "app.log: 1\napp.log: last\napp.log: later than last\napp.log: first\n"
      "app.log: still there\napp.log: x\napp.log: y\napp.log: end\n";
  for (int all = 0; all < 2; all++) {
    for (int way = 0; way < WAYS; way++) {
      struct source_world world;
      const char *options = all ? ALL : ONE;
      source_world_open(&world, true);
      app_1(&world);
      start_by(&world, way, options);
      follow(&world, SECOND_US);
      renamed_and_made(&world);
      follow(&world, 2 * SECOND_US);
      rotated_again(&world);
      follow(&world, 2 * SECOND_US);
      oldest_dropped(&world);
      follow(&world, 3 * SECOND_US);
      came(&world, story);
      source_world_close(&world);
    }
  }
  TELL(ONE, "app.log: 1\napp.log: 2\n", app_1, renamed, app_2);
  TELL(ALL, "app.log: 1\napp.log: 2\napp.log: end\n", app_1, renamed, app_2, renamed, nothing);
}

/* ------------------------------------------------------------------ copytruncate */

static void copied_and_cut(struct source_world *world) {
  copy(world, "app.log", "app.log.1");
  cut(world, "app.log");
}
static void cut_and_written(struct source_world *world) {
  copied_and_cut(world);
  append(world, "app.log", "2\n");
}
/* What was written before the copy and had not been read is in the copy. */
static void written_copied_cut(struct source_world *world) {
  append(world, "app.log", "unread\n");
  copied_and_cut(world);
  append(world, "app.log", "a new line that makes it longer than it was\n");
}
static void cut_to_the_same(struct source_world *world) {
  append(world, "app.log", "unread\n");
  copied_and_cut(world);
  append(world, "app.log", "9\nundead\n");
}
static void shift_and_copy(struct source_world *world) {
  move(world, "app.log.1", "app.log.2");
  append(world, "app.log", "more\n");
  copied_and_cut(world);
}
static void copy_dropped(struct source_world *world) {
  drop(world, "app.log.1");
}
static void kilobytes(struct source_world *world) {
  for (int i = 0; i < 300; i++) {
    char line[32];
    snprintf(line, sizeof line, "line %d\n", 1000 + i);
    append(world, "app.log", line);
  }
}

static void cut_files(void **state) {
  (void)state;
  static const char *const patterns[] = {ONE, ALL};
  for (int i = 0; i < 2; i++) {
    TELL(patterns[i], "app.log: 1\napp.log: end\napp.log: 2\n", app_1, cut_and_written);
    TELL(patterns[i],
         i == 0 ? "app.log: 1\napp.log: end\napp.log: 2\n"
                : "app.log: 1\napp.log: end\napp.log: 2\napp.log.1: end\n",
         app_1, copied_and_cut, app_2, copy_dropped);
  }
  for (int way = 0; way < WAYS; way++) {
    for (int restarts = 0; restarts < 2; restarts++) {
      for (int variant = 0; variant < 8; variant++) {
        struct source_world world;
        const char *options = variant & 1 ? ALL : ONE;
        bool large = variant & 2, same = variant & 4;
        source_world_open(&world, true);
        if (large)
          kilobytes(&world);
        else
          app_1(&world);
        start_by(&world, way, options);
        follow(&world, 2 * SECOND_US);
        buf_clear(&world.story);
        if (restarts) source_stop(&world);
        if (same)
          cut_to_the_same(&world);
        else
          written_copied_cut(&world);
        if (restarts) start_by(&world, way, options);
        follow(&world, 3 * SECOND_US);
        came(&world, same ? "app.log.1: unread\napp.log: end\napp.log: 9\napp.log: undead\n"
                          : "app.log.1: unread\napp.log: end\n"
                            "app.log: a new line that makes it longer than it was\n");
        /* And again, with the copy of before shifted on. */
        if (restarts) source_stop(&world);
        shift_and_copy(&world);
        if (restarts) start_by(&world, way, options);
        follow(&world, 3 * SECOND_US);
        came(&world, "app.log: end\napp.log.1: more\n");
        source_world_close(&world);
      }
    }
  }
}

/* Lines between copy and truncation: those that were read are not lost, and the copy, which lacks
 * them, is not read again. */
static void cut_later(void **state) {
  (void)state;
  for (int way = 0; way < WAYS; way++) {
    struct source_world world;
    source_world_open(&world, true);
    app_1(&world);
    start_by(&world, way, ALL "poll_interval: 100ms\n");
    follow(&world, SECOND_US);
    copy(&world, "app.log", "app.log.1");
    follow(&world, SECOND_US / 4);
    app_2(&world);
    follow(&world, SECOND_US / 4);
    cut(&world, "app.log");
    follow(&world, 3 * SECOND_US);
    came(&world, "app.log: 1\napp.log: 2\napp.log: end\n");
    append(&world, "app.log.1", "3\n");
    follow(&world, 3 * SECOND_US);
    came(&world, "app.log.1: 3\n");
    source_world_close(&world);
  }
}

static void twin(struct source_world *world) {
  append(world, "twin", "1\n");
}

/* Two files that begin alike, and nobody cuts anything. */
static void a_copy_that_is_none(void **state) {
  (void)state;
  TELL(ALL, "app.log: 1\napp.log: 2\ntwin: 1\n", app_1, app_2, twin);
}

/* ------------------------------------------------------------------ deleted and reused */

static void deleted_while_read(void **state) {
  (void)state;
  for (int half = 0; half < 2; half++) {
    struct source_world world;
    struct err err;
    source_world_open(&world, true);
    kilobytes(&world);
    start(&world, ALL);
    assert_int_equal(source_take_once(&world, 10, &err), 0);
    buf_clear(&world.story);
    append(&world, "app.log", half ? "the last\nhalf" : "the last\n");
    drop(&world, "app.log");
    follow_by(&world, SECOND_US / 2, 100);
    const char *end = buf_cstr(&world.story) + world.story.len;
    assert_string_equal(end - 18, "app.log: the last\n");
    buf_clear(&world.story);
    follow(&world, 3 * SECOND_US);
    came(&world, half ? "app.log: half\napp.log: end\n" : "app.log: end\n");
    assert_int_equal(sim_disk_open_files(world.disk), 0);
    source_world_close(&world);
  }
}

static void gone_and_back(void **state) {
  (void)state;
  for (int restarts = 0; restarts < 2; restarts++) {
    struct source_world world;
    struct err err;
    source_world_open(&world, true);
    app_1(&world);
    start(&world, ALL);
    follow(&world, SECOND_US);
    char *from = place(&world, "app.log");
    fail_if(disk_rename(world.io.disk, from, "/elsewhere", &err), &err);
    follow(&world, 3 * SECOND_US);
    if (restarts) restart(&world, ALL);
    fail_if(disk_rename(world.io.disk, "/elsewhere", from, &err), &err);
    app_2(&world);
    follow(&world, 3 * SECOND_US);
    came(&world, "app.log: 1\napp.log: end\napp.log: 2\n");
    free(from);
    source_world_close(&world);
  }
}

static void reused_inode(void **state) {
  (void)state;
  for (int way = 0; way < WAYS; way++) {
    for (int restarts = 0; restarts < 2; restarts++) {
      for (int longer = 0; longer < 2; longer++) {
        struct source_world world;
        uint64_t ino, ino_now;
        source_world_open(&world, true);
        append(&world, "a", "first\n");
        start_by(&world, way, way == 2 ? ALL : ALL "max_open: 1\n");
        follow(&world, 2 * SECOND_US);
        append(&world, "z", "z\n"); /* so that the other one is not open */
        follow(&world, 2 * SECOND_US);
        size_of(&world, "a", &ino);
        if (restarts) source_stop(&world);
        sim_disk_reuse_inodes(world.disk, true);
        drop(&world, "a");
        append(&world, longer ? "b" : "a", longer ? "other and longer\n" : "other\n");
        size_of(&world, longer ? "b" : "a", &ino_now);
        assert_true(ino_now == ino);
        if (restarts) start_by(&world, way, way == 2 ? ALL : ALL "max_open: 1\n");
        follow(&world, 3 * SECOND_US);
        came(&world, longer ? "a: first\nz: z\na: end\nb: other and longer\n"
                            : "a: first\nz: z\na: end\na: other\n");
        source_world_close(&world);
      }
    }
  }
}

/* ------------------------------------------------------------------ many */

static size_t descriptors(void) {
  DIR *dir = opendir("/proc/self/fd");
  assert_non_null(dir);
  size_t n = 0;
  while (readdir(dir) != NULL) n++;
  closedir(dir);
  return n;
}

static void thousands_of_files(void **state) {
  (void)state;
  for (int simulated = 0; simulated < 2; simulated++) {
    struct source_world world;
    enum { FILES = 2000 };
    source_world_open(&world, simulated);
    size_t before = descriptors();
    static const char options[] = ALL "max_open: 64\nwatch: poll\npoll_interval: 10ms\n";
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < FILES; i++) {
        char name[16], text[64];
        snprintf(name, sizeof name, "f%04d", i);
        snprintf(text, sizeof text, "%d of %d\n", round, i);
        append(&world, name, text);
      }
      if (round == 0)
        start(&world, options);
      else if (round == 1)
        restart(&world, options);
      for (int i = 0; i < 6000 && world.n_given < (size_t)(round + 1) * FILES; i++)
        follow(&world, 10000);
      assert_int_equal(world.n_given, (round + 1) * FILES);
      if (simulated)
        assert_int_equal(sim_disk_open_files(world.disk), 64);
      else
        assert_true(descriptors() <= before + 64 + 8);
    }
    assert_int_equal(world.n_partitions, FILES);
    source_world_close(&world);
  }
}

/* A file of many turns does not hold up one of a single line. */
static void a_large_file_starves_nobody(void **state) {
  (void)state;
  struct source_world world;
  struct err err;
  source_world_open(&world, true);
  struct buf text;
  buf_init(&text);
  for (int i = 0; text.len < 10 * 1000 * 1000; i++)
    buf_printf(&text, "line %d of the large one\n", i);
  source_world_file(&world, "a", text.data, text.len);
  start(&world, ALL);
  assert_int_equal(source_take_once(&world, 200 * 1000, &err), 0);
  append(&world, "b", "1\n");
  follow_by(&world, SECOND_US / 1000 * 30, 100);
  size_t n = world.n_given;
  assert_true(n > 0);
  for (int i = 0; i < 1000 && strstr(buf_cstr(&world.story), "b: 1\n") == NULL; i++) {
    assert_int_equal(source_take_once(&world, 200 * 1000, &err), 0);
    follow(&world, 1);
  }
  assert_non_null(strstr(buf_cstr(&world.story), "b: 1\n"));
  assert_true(world.partitions[0].position < 9 * 1000 * 1000);
  buf_fini(&text);
  source_world_close(&world);
}

/* ------------------------------------------------------------------ the rest */

static void compressed_files(struct source_world *world) {
  append(world, "app.log.2.gz", "\x1f\x8b\x08 and so on\n");
}

static void compressed_files_are_left_alone(void **state) {
  (void)state;
  TELL(ALL, "app.log: 1\napp.log: 2\n", app_1, compressed_files, app_2);
}

static void wrong_options(void **state) {
  (void)state;
  static const char *const wrong[][2] = {
      {"path: '@/a'\nmax_open: 3\n", "`max_open` belongs to `mode: tail`"},
      {ALL "read_order: sequential\n", "`read_order` belongs to `mode: read`"},
      {ALL "compression: gzip\n", "`compression` belongs to `mode: read`"},
      {ALL "max_open: 0\n", ""}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct source_world world;
    struct err err;
    source_world_open(&world, true);
    assert_int_equal(source_start(&world, &source_file, wrong[i][0], &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    if (strstr(err.text, wrong[i][1]) == NULL) assert_string_equal(err.text, wrong[i][1]);
    source_world_close(&world);
  }
}

static void no_watchers(void **state) {
  (void)state;
  for (int folders = 0; folders < 2; folders++) {
    struct source_world world;
    char *said = NULL;
    size_t said_len;
    source_world_open(&world, true);
    world.diag.stream = open_memstream(&said, &said_len);
    world.diag.level = DIAG_INFO;
    world.watch_faults = (struct sim_watch_faults){.no_watchers = !folders, .folders_max = 1};
    app_1(&world);
    start(&world, "path: ['/*.log', '@/*']\nmode: tail\n");
    follow(&world, SECOND_US / 10);
    app_2(&world);
    follow(&world, 2 * SECOND_US);
    came(&world, "app.log: 1\napp.log: 2\n");
    source_world_close(&world);
    fclose(world.diag.stream);
    if (strstr(said, "what is not watched is looked at every 1.0 s [file-polled]") == NULL ||
        strstr(strstr(said, "file-polled") + 1, "file-polled") != NULL)
      fail_msg("it said %s", said);
    free(said);
  }
}

static void read_again(void **state) {
  (void)state;
  static const char options[] = ONE "reread: true\n";
  struct source_world world;
  struct err err;
  source_world_open(&world, true);
  kilobytes(&world);
  app_half(&world);
  start(&world, options);
  assert_int_equal(source_file.flags(world.instance), SOURCE_REREADABLE);
  follow_by(&world, SECOND_US, 50);
  app_rest(&world);
  follow_by(&world, SECOND_US, 50);
  renamed(&world);
  append(&world, "app.log", "1\n");
  follow_by(&world, SECOND_US, 50);
  assert_true(world.n_given > 40);
  source_stop(&world);
  source_check_reread(&world, &source_file, options);
  drop(&world, "app.log.1");
  start(&world, options);
  struct take *none = NULL;
  assert_int_equal(source_file.reread(world.instance, 0, 0, 10, none, &err), -1);
  assert_int_equal(err.code, ERR_CORRUPT);
  assert_non_null(
      strstr(err.text, "app.log: is gone or was cut, but its bytes 0 to 10 are needed"));
  source_stop(&world);
  start(&world, ONE);
  assert_int_equal(source_file.flags(world.instance), 0);
  source_world_close(&world);
}

static void a_path_taken_out(void **state) {
  (void)state;
  struct source_world world;
  source_world_open(&world, true);
  app_1(&world);
  other_file(&world);
  start(&world, ALL);
  follow(&world, SECOND_US);
  buf_clear(&world.story);
  restart(&world, ONE);
  append(&world, "other.log", "c\n");
  app_2(&world);
  follow(&world, 3 * SECOND_US);
  came(&world, "app.log: 2\nother.log: end\n");
  source_world_close(&world);
}

static void another_mode(void **state) {
  (void)state;
  struct source_world world;
  struct err err;
  source_world_open(&world, true);
  app_1(&world);
  source_run(&world, &source_file, "path: '@/*'\n", 100, 0);
  assert_int_equal(source_start(&world, &source_file, ALL, &err), -1);
  assert_int_equal(err.code, ERR_CONFIG);
  assert_non_null(strstr(err.text, "another `mode`"));
  source_world_close(&world);
}

/* ------------------------------------------------------------------ anything at any time */

/* Writers, rotation of both kinds and restarts, drawn from the seed; each line is to come once. */
struct storm {
  struct source_world world;
  struct random random;
  const char *options;
  bool narrow; /* rotated files have names that no pattern matches */
  int next_line;
  bool half[3]; /* the file's last line has no end yet */
};

static void storm_write(struct storm *storm, int file) {
  char name[16], text[256];
  snprintf(name, sizeof name, "s%d.log", file);
  for (uint64_t n = 1 + random_below(&storm->random, 5); n > 0; n--) {
    int pad = (int)random_below(&storm->random, 200);
    int len = storm->half[file]
                  ? snprintf(text, sizeof text, "%*s.\n", pad, "")
                  : snprintf(text, sizeof text, "<%d>%*s.\n", storm->next_line++, pad, "");
    storm->half[file] = random_below(&storm->random, 8) == 0;
    if (storm->half[file]) text[len - 1] = '\0';
    append(&storm->world, name, text);
    if (storm->half[file] && random_below(&storm->random, 2) == 0) return;
  }
}

static void storm_end_line(struct storm *storm, int file) {
  char name[16];
  snprintf(name, sizeof name, "s%d.log", file);
  if (storm->half[file]) append(&storm->world, name, ".\n");
  storm->half[file] = false;
}

static void storm_shift(struct storm *storm, int file, bool by_copy) {
  char from[16], to[16];
  struct source_world *world = &storm->world;
  for (int i = 3; i >= 0; i--) {
    snprintf(from, sizeof from, i == 0 ? "s%d.log" : "s%d.log.%d", file, i);
    snprintf(to, sizeof to, "s%d.log.%d", file, i + 1);
    if (size_of(world, from, NULL) == 0) continue;
    if (i == 3) {
      /* Who deletes what was not read loses it. */
      if (world->plugin == NULL) return;
      follow(world, 5 * SECOND_US / 2);
      drop(world, from);
    } else if (i == 0 && by_copy) {
      copy(world, from, to);
      if (random_below(&storm->random, 2) == 0 && world->plugin != NULL)
        follow(world, (int64_t)random_below(&storm->random, SECOND_US / 2));
      cut(world, from);
    } else {
      move(world, from, to);
    }
  }
}

static void storm_step(struct storm *storm) {
  int file = (int)random_below(&storm->random, 3);
  char name[16];
  bool shifts;
  struct err err;
  switch (random_below(&storm->random, 16)) {
  case 0:
  case 1:
    storm_end_line(storm, file);
    /* Who renames a file out of all patterns before anybody saw it loses it. */
    if (storm->narrow) follow(&storm->world, 3 * SECOND_US / 2);
    storm_shift(storm, file, random_below(&storm->random, 2) == 0);
    break;
  case 2:
    storm_end_line(storm, file);
    if (storm->narrow) follow(&storm->world, 3 * SECOND_US / 2);
    source_stop(&storm->world);
    snprintf(name, sizeof name, "s%d.log", file);
    shifts = random_below(&storm->random, 2) == 0 && size_of(&storm->world, name, NULL) > 0;
    if (random_below(&storm->random, 2) == 0) storm_write(storm, file);
    storm_end_line(storm, file);
    if (shifts) storm_shift(storm, file, random_below(&storm->random, 2) == 0);
    fail_if(source_start(&storm->world, &source_file, storm->options, &err), &err);
    break;
  case 3:
    follow_by(&storm->world, (int64_t)random_below(&storm->random, 3 * SECOND_US), 300);
    break;
  case 4:
  case 5:
  case 6: follow_by(&storm->world, (int64_t)random_below(&storm->random, 50000), 300); break;
  default: storm_write(storm, file); break;
  }
}

static void storms(void **state) {
  (void)state;
  static const char *const options[] = {
      "path: '@/s*'\nmode: tail\nrotate_wait: 1s\n",
      "path: '@/s*.log'\nmode: tail\nrotate_wait: 1s\n",
      "path: '@/s*'\nmode: tail\nrotate_wait: 1s\nmax_open: 2\nwatch: poll\n",
      "path: ['@/s0.log', '@/s1*', '@/s?.log']\nmode: tail\nrotate_wait: 1s\nmax_open: 1\n"};
  for (uint64_t seed = 1; seed <= 200; seed++) {
    struct storm storm = {.options = options[seed % 4], .narrow = seed % 2 == 1};
    random_seed(&storm.random, seed);
    source_world_open(&storm.world, true);
    sim_disk_reuse_inodes(storm.world.disk, true);
    start(&storm.world, storm.options);
    for (int i = 0; i < 120; i++) storm_step(&storm);
    for (int i = 0; i < 3; i++) storm_end_line(&storm, i);
    follow(&storm.world, 5 * SECOND_US);
    int *times = mem_zalloc(((size_t)storm.next_line + 1) * sizeof *times);
    const char *story = buf_cstr(&storm.world.story);
    for (const char *at = story; (at = strchr(at, '<')) != NULL; at++) {
      long n = strtol(at + 1, NULL, 10);
      assert_true(n >= 0 && n < storm.next_line);
      times[n]++;
    }
    for (int i = 0; i < storm.next_line; i++)
      if (times[i] != 1)
        fail_msg("seed %d: line %d came %d times:\n%s", (int)seed, i, times[i], story);
    free(times);
    source_world_close(&storm.world);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_as_they_come),
      cmocka_unit_test(begun_at_the_end),
      cmocka_unit_test(folders_and_patterns),
      cmocka_unit_test(how_soon),
      cmocka_unit_test(long_lines),
      cmocka_unit_test(renamed_files),
      cmocka_unit_test(cut_files),
      cmocka_unit_test(cut_later),
      cmocka_unit_test(a_copy_that_is_none),
      cmocka_unit_test(deleted_while_read),
      cmocka_unit_test(gone_and_back),
      cmocka_unit_test(reused_inode),
      cmocka_unit_test(thousands_of_files),
      cmocka_unit_test(a_large_file_starves_nobody),
      cmocka_unit_test(compressed_files_are_left_alone),
      cmocka_unit_test(wrong_options),
      cmocka_unit_test(no_watchers),
      cmocka_unit_test(read_again),
      cmocka_unit_test(a_path_taken_out),
      cmocka_unit_test(another_mode),
      cmocka_unit_test(storms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
