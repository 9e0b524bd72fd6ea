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
#include "tests/unit/followed.h"

#include <dirent.h>
#include <stdio.h>

#define ALL "path: '@/*'\nmode: tail\nrotate_wait: 1s\n"
#define ONE "path: '@/app.log'\nmode: tail\nrotate_wait: 1s\n"

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
  follow_start(world, all);
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
  log_append(world, "app.log", "1\n");
}
static void app_2(struct source_world *world) {
  log_append(world, "app.log", "2\n");
}
static void app_half(struct source_world *world) {
  log_append(world, "app.log", "half");
}
static void app_rest(struct source_world *world) {
  log_append(world, "app.log", "-whole\nnext\n");
}
static void other_file(struct source_world *world) {
  log_append(world, "other.log", "a\nb\n");
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
  log_append(world, "app.log", "old 1\nold 2\nold ha");
}
static void behind_the_end(struct source_world *world) {
  log_append(world, "app.log", "lf\nnew\n");
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
    log_append(&world, "a/x1/f.log", "1\n");
    log_append(&world, "a/x1/f.txt", "no\n");
    follow(&world, 2 * SECOND_US);
    log_append(&world, "a/x1/f.log", "2\n");
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
        log_append(&world, "a", piece);
        buf_put_text(&wanted, piece);
        follow(&world, 2 * SECOND_US);
        if (restarts) source_stop(&world);
        if (restarts) start_by(&world, way, ALL);
      }
      log_append(&world, "a", "\nnext\n");
      follow(&world, 2 * SECOND_US);
      buf_put_text(&wanted, "\na: next\n");
      came(&world, buf_cstr(&wanted));
      /* One that grows without an end is given once, as too long, and its end is waited for. */
      for (int i = 0; i < 40; i++) {
        log_append(&world, "a", piece);
        follow(&world, SECOND_US / 2);
      }
      follow(&world, 2 * SECOND_US);
      assert_memory_equal(buf_cstr(&world.story), "a (too long): LLLLL", 19);
      buf_clear(&world.story);
      if (restarts) source_stop(&world);
      if (restarts) start_by(&world, way, ALL);
      log_append(&world, "a", "and its end\nafter\n");
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
  log_move(world, "app.log", "app.log.1");
}
static void renamed_and_made(struct source_world *world) {
  log_append(world, "app.log", "last\n");
  log_move(world, "app.log", "app.log.1");
  log_append(world, "app.log.1", "later than last\n");
  log_append(world, "app.log", "first\n");
}
static void rotated_again(struct source_world *world) {
  log_append(world, "app.log.1", "still there\n");
  log_move(world, "app.log.1", "app.log.2");
  log_move(world, "app.log", "app.log.1");
  log_append(world, "app.log.1", "x\n");
  log_append(world, "app.log", "y\n");
}
static void oldest_dropped(struct source_world *world) {
  log_drop(world, "app.log.2");
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
  log_copy(world, "app.log", "app.log.1");
  log_cut(world, "app.log");
}
static void cut_and_written(struct source_world *world) {
  copied_and_cut(world);
  log_append(world, "app.log", "2\n");
}
/* What was written before the copy and had not been read is in the copy. */
static void written_copied_cut(struct source_world *world) {
  log_append(world, "app.log", "unread\n");
  copied_and_cut(world);
  log_append(world, "app.log", "a new line that makes it longer than it was\n");
}
static void cut_to_the_same(struct source_world *world) {
  log_append(world, "app.log", "unread\n");
  copied_and_cut(world);
  log_append(world, "app.log", "9\nundead\n");
}
static void shift_and_copy(struct source_world *world) {
  log_move(world, "app.log.1", "app.log.2");
  log_append(world, "app.log", "more\n");
  copied_and_cut(world);
}
static void copy_dropped(struct source_world *world) {
  log_drop(world, "app.log.1");
}
static void kilobytes(struct source_world *world) {
  for (int i = 0; i < 300; i++) {
    char line[32];
    snprintf(line, sizeof line, "line %d\n", 1000 + i);
    log_append(world, "app.log", line);
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

/* Partitions may get into the log with another source's epoch, and the end of the old one does not.
 */
static void killed_behind_the_look(void **state) {
  (void)state;
  for (uint32_t others = 0; others < 4; others++) {
    struct source_world world;
    source_world_open(&world, true);
    for (uint32_t i = 0; i < others; i++) {
      char name[8], text[8];
      snprintf(name, sizeof name, "%u", i);
      snprintf(text, sizeof text, "%u!\n", i);
      log_append(&world, name, text);
    }
    app_1(&world);
    follow_start(&world, ALL);
    follow(&world, 2 * SECOND_US);
    buf_clear(&world.story);
    source_stop(&world);
    written_copied_cut(&world);
    follow_start(&world, ALL);
    assert_int_equal(world.n_partitions, others + 3);
    follow_restart(&world, ALL);
    follow(&world, 3 * SECOND_US);
    came(&world, "app.log.1: unread\napp.log: end\n"
                 "app.log: a new line that makes it longer than it was\n");
    assert_int_equal(world.n_partitions, others + 3);
    source_world_close(&world);
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
    log_copy(&world, "app.log", "app.log.1");
    follow(&world, SECOND_US / 4);
    app_2(&world);
    follow(&world, SECOND_US / 4);
    log_cut(&world, "app.log");
    follow(&world, 3 * SECOND_US);
    came(&world, "app.log: 1\napp.log: 2\napp.log: end\n");
    log_append(&world, "app.log.1", "3\n");
    follow(&world, 3 * SECOND_US);
    came(&world, "app.log.1: 3\n");
    source_world_close(&world);
  }
}

static void twin(struct source_world *world) {
  log_append(world, "twin", "1\n");
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
    follow_start(&world, ALL);
    assert_int_equal(source_take_once(&world, 10, &err), 0);
    buf_clear(&world.story);
    log_append(&world, "app.log", half ? "the last\nhalf" : "the last\n");
    log_drop(&world, "app.log");
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
    follow_start(&world, ALL);
    follow(&world, SECOND_US);
    char *from = place(&world, "app.log");
    fail_if(disk_rename(world.io.disk, from, "/elsewhere", &err), &err);
    follow(&world, 3 * SECOND_US);
    if (restarts) follow_restart(&world, ALL);
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
        log_append(&world, "a", "first\n");
        start_by(&world, way, way == 2 ? ALL : ALL "max_open: 1\n");
        follow(&world, 2 * SECOND_US);
        log_append(&world, "z", "z\n"); /* so that the other one is not open */
        follow(&world, 2 * SECOND_US);
        log_size(&world, "a", &ino);
        if (restarts) source_stop(&world);
        sim_disk_reuse_inodes(world.disk, true);
        log_drop(&world, "a");
        log_append(&world, longer ? "b" : "a", longer ? "other and longer\n" : "other\n");
        log_size(&world, longer ? "b" : "a", &ino_now);
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
        log_append(&world, name, text);
      }
      if (round == 0)
        follow_start(&world, options);
      else if (round == 1)
        follow_restart(&world, options);
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
  follow_start(&world, ALL);
  assert_int_equal(source_take_once(&world, 200 * 1000, &err), 0);
  log_append(&world, "b", "1\n");
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
  log_append(world, "app.log.2.gz", "\x1f\x8b\x08 and so on\n");
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
    follow_start(&world, "path: ['/*.log', '@/*']\nmode: tail\n");
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
  follow_start(&world, options);
  assert_int_equal(source_file.flags(world.instance), SOURCE_REREADABLE);
  follow_by(&world, SECOND_US, 50);
  app_rest(&world);
  follow_by(&world, SECOND_US, 50);
  renamed(&world);
  log_append(&world, "app.log", "1\n");
  follow_by(&world, SECOND_US, 50);
  assert_true(world.n_given > 40);
  source_stop(&world);
  source_check_reread(&world, &source_file, options);
  log_drop(&world, "app.log.1");
  follow_start(&world, options);
  struct take *none = NULL;
  assert_int_equal(source_file.reread(world.instance, 0, 0, 10, none, &err), -1);
  assert_int_equal(err.code, ERR_CORRUPT);
  assert_non_null(
      strstr(err.text, "app.log: is gone or was cut, but its bytes 0 to 10 are needed"));
  source_stop(&world);
  follow_start(&world, ONE);
  assert_int_equal(source_file.flags(world.instance), 0);
  source_world_close(&world);
}

static void a_path_taken_out(void **state) {
  (void)state;
  struct source_world world;
  source_world_open(&world, true);
  app_1(&world);
  other_file(&world);
  follow_start(&world, ALL);
  follow(&world, SECOND_US);
  buf_clear(&world.story);
  follow_restart(&world, ONE);
  log_append(&world, "other.log", "c\n");
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
      cmocka_unit_test(killed_behind_the_look),
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
