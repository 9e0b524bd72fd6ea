/* rot: a bit of what the daemon keeps is another one. */
#include "tests/sim/run.h"

#include <stdio.h>

static void candidates(struct disk *disk, const char *dir, char *paths[], size_t *n, size_t max) {
  char **names;
  size_t n_names;
  struct err err;
  if (disk_list(disk, dir, &names, &n_names, &err) != 0) return;
  for (size_t i = 0; i < n_names && *n < max; i++)
    paths[(*n)++] = mem_printf("%s/%s", dir, names[i]);
  free(names);
}

void rot_flip(struct run *run) {
  enum { FILES_MAX = 64 };
  char *paths[FILES_MAX];
  size_t n = 0;
  struct disk *disk = run->world.disk;
  candidates(disk, KEPT_LOG_STATE "/log", paths, &n, FILES_MAX);
  candidates(disk, KEPT_LOG_STATE "/snapshots", paths, &n, FILES_MAX);
  if (n > 0) {
    const char *path = paths[random_below(&run->random, n)];
    struct buf bytes;
    struct err err;
    world_get(disk, path, &bytes);
    /* Segments are made longer than what is in them. */
    while (bytes.len > 0 && bytes.data[bytes.len - 1] == '\0') bytes.len--;
    if (bytes.len > 0) {
      uint64_t bit = random_below(&run->random, bytes.len * 8);
      if (sim_disk_flip_bit(disk, path, bit, &err) != 0) fail_msg("%s", err.text);
      buf_printf(&run->said, "(bit %llu of %s is flipped)\n", (unsigned long long)bit, path);
    }
    buf_fini(&bytes);
  }
  for (size_t i = 0; i < n; i++) free(paths[i]);
}
