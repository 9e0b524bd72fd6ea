/* Storms over mode: tail of the source `file`: writers, rotation of both kinds, reused inodes and
 * restarts in an order drawn from a seed. */
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

#include <stdio.h>

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
    log_append(&storm->world, name, text);
    if (storm->half[file] && random_below(&storm->random, 2) == 0) return;
  }
}

static void storm_end_line(struct storm *storm, int file) {
  char name[16];
  snprintf(name, sizeof name, "s%d.log", file);
  if (storm->half[file]) log_append(&storm->world, name, ".\n");
  storm->half[file] = false;
}

static void storm_shift(struct storm *storm, int file, bool by_copy) {
  char from[16], to[16];
  struct source_world *world = &storm->world;
  for (int i = 3; i >= 0; i--) {
    snprintf(from, sizeof from, i == 0 ? "s%d.log" : "s%d.log.%d", file, i);
    snprintf(to, sizeof to, "s%d.log.%d", file, i + 1);
    if (log_size(world, from, NULL) == 0) continue;
    if (i == 3) {
      /* Who deletes what was not read loses it. */
      if (world->plugin == NULL) return;
      follow(world, 5 * SECOND_US / 2);
      log_drop(world, from);
    } else if (i == 0 && by_copy) {
      log_copy(world, from, to);
      if (random_below(&storm->random, 2) == 0 && world->plugin != NULL)
        follow(world, (int64_t)random_below(&storm->random, SECOND_US / 2));
      log_cut(world, from);
    } else {
      log_move(world, from, to);
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
    shifts = random_below(&storm->random, 2) == 0 && log_size(&storm->world, name, NULL) > 0;
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
    follow_start(&storm.world, storm.options);
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(storms)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
