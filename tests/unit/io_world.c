/* io_world: see io_world.h. */
#include "tests/unit/io_world.h"

#include "daemon/base/mem.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

int io_world_real(void **state) {
  struct io_world *world = mem_zalloc(sizeof *world);
  world->real = true;
  const char *tmp = getenv("TMPDIR");
  world->dir = mem_printf("%s/tidemark io XXXXXX", tmp != NULL ? tmp : "/tmp");
  *state = world;
  return mkdtemp(world->dir) != NULL && io_real_open(&world->io, &world->err) == 0 ? 0 : -1;
}

int io_world_sim(void **state) {
  struct io_world *world = mem_zalloc(sizeof *world);
  world->dir = mem_strdup("/a/folder");
  world->sim_disk = sim_disk_new();
  *state = world;
  if (io_sim_open(&world->io, 1, 1700000000000000, world->sim_disk, &world->err) != 0) return -1;
  return disk_make_dirs(world->io.disk, world->dir, &world->err);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw) {
  (void)stat;
  (void)type;
  (void)ftw;
  return remove(path);
}

int io_world_end(void **state) {
  struct io_world *world = *state;
  if (world->real) {
    io_real_close(&world->io);
    nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  } else {
    io_sim_close(&world->io);
    disk_free(world->sim_disk);
  }
  free(world->dir);
  free(world);
  return 0;
}

const char *io_world_path(struct io_world *world, const char *name) {
  static char paths[4][4096];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", world->dir, name);
  return path;
}

void io_world_until(struct io_world *world, const int *flag, int n) {
  int64_t end_us = clock_mono_us(world->io.clock) + 20 * 1000000;
  while (*flag < n) {
    if (clock_mono_us(world->io.clock) > end_us) fail_msg("nothing happened for 20 seconds");
    OK(world, loop_wait(world->io.loop, 1000000, &world->err));
  }
}
