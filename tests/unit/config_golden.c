/* config_golden: loads a configuration and prints what is wrong with it; config_golden.sh compares.
 *
 *     config_golden FOLDER NAME
 *
 * reads FOLDER/NAME (a file, or a folder with files) into a disk in memory as NAME, so that the
 * places in the diagnostics do not depend on where the tests are. */
#include "daemon/base/mem.h"
#include "tests/unit/config_support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int put_file(struct world *world, const char *path, const char *name) {
  static char data[32 * 1024 * 1024];
  FILE *stream = fopen(path, "rb");
  if (stream == NULL) return -1;
  size_t len = fread(data, 1, sizeof data, stream);
  int result = ferror(stream) ? -1 : 0;
  fclose(stream);
  if (result == 0) world_put(world, name, data, len);
  return result;
}

static int put_path(struct world *world, const char *path, const char *name) {
  DIR *dir = opendir(path);
  if (dir == NULL) return put_file(world, path, name);
  int result = 0;
  for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char *inner_path = mem_printf("%s/%s", path, entry->d_name);
    char *inner_name = mem_printf("%s/%s", name, entry->d_name);
    result = put_file(world, inner_path, inner_name);
    free(inner_path);
    free(inner_name);
  }
  closedir(dir);
  return result;
}

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  struct world world;
  world_init(&world);
  world_set(&world, "PORT", "9092");
  world_set(&world, "WORD", "many");
  world_set(&world, "EMPTY", "");
  world_put(&world, "/run/secrets/password", "hunter2\n", 8);
  world_put(&world, "/run/secrets/binary", "a\0b", 3);
  char *path = mem_printf("%s/%s", argv[1], argv[2]);
  if (put_path(&world, path, argv[2]) < 0) {
    fprintf(stderr, "cannot read %s\n", path);
    free(path);
    world_fini(&world);
    return 66;
  }
  free(path);
  struct config *config = config_load(argv[2], &fake_catalog, &world.source);
  struct buf text = {0};
  config_errors_put(&config->errors, &text);
  if (text.len > 0) fwrite(text.data, 1, text.len, stdout);
  printf("%s\n", config_errors_any(&config->errors) ? "refused" : "accepted");
  buf_fini(&text);
  config_free(config);
  world_fini(&world);
  return 0;
}
