/* time_zone_open: zones by name: "UTC", fixed offsets, and the files of the system's database. */
#include "daemon/base/mem.h"
#include "daemon/base/nearest.h"
#include "daemon/io/disk.h"
#include "daemon/record/time.h"
#include "daemon/record/time_calendar.h"
#include "daemon/record/time_zone.h"

#include <stdlib.h>

#define ZONE_FOLDER "/usr/share/zoneinfo/"
#define ZONE_FILE_BYTES_MAX (1024 * 1024)

/* Names become paths: no way out of the folder. */
static bool name_is_sane(const char *name) {
  size_t len = strlen(name);
  if (len == 0 || len > 100 || name[0] == '/' || strstr(name, "..") != NULL) return false;
  for (const char *p = name; *p != '\0'; p++) {
    bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
    if (!letter && !(*p >= '0' && *p <= '9') && strchr("/_+-", *p) == NULL) return false;
  }
  return true;
}

/* Of one depth of the database the name nearest to `wrong`, or NULL; free(). The names of zones
 * begin with a capital, those of tables and of copies ("posix/...") do not. */
static char *nearest_of_depth(struct disk *disk, const char *below, struct slice wrong) {
  char *pattern = mem_printf("%s[A-Z]*%s", ZONE_FOLDER, below), *nearest = NULL, **paths = NULL;
  size_t n_paths = 0, n = 0;
  struct err err;
  if (disk_glob(disk, pattern, &paths, &n_paths, &err) == 0) {
    const char **names = mem_alloc((n_paths + 1) * sizeof *names);
    for (size_t i = 0; i < n_paths; i++) {
      struct disk_stat stat;
      bool found;
      if (disk_stat(disk, paths[i], &found, &stat, &err) == 0 && found && stat.type == DISK_FILE)
        names[n++] = paths[i] + strlen(ZONE_FOLDER);
    }
    const char *name = nearest_word(wrong, names, n);
    if (name != NULL) nearest = mem_strdup(name);
    free(names);
  }
  free(paths);
  free(pattern);
  return nearest;
}

static int unknown_zone(struct disk *disk, const char *name, struct err *err) {
  static const char *const depths[] = {"", "/*", "/*/*"};
  enum { DEPTHS = sizeof depths / sizeof depths[0] };
  char *found[DEPTHS];
  size_t n = 0;
  for (size_t i = 0; i < DEPTHS; i++) {
    found[n] = nearest_of_depth(disk, depths[i], slice_of(name));
    if (found[n] != NULL) n++;
  }
  const char *nearest = nearest_word(slice_of(name), (const char *const *)found, n);
  if (nearest != NULL)
    err_set(err, ERR_CONFIG, "unknown time zone %s; did you mean %s?", name, nearest);
  else
    err_set(err, ERR_CONFIG, "unknown time zone %s", name);
  while (n > 0) free(found[--n]);
  return -1;
}

static int open_file(struct disk *disk, struct time_zone *zone, struct err *err) {
  char *path = mem_printf("%s%s", ZONE_FOLDER, zone->name);
  char *bytes = NULL;
  struct disk_file *file = NULL;
  struct disk_stat stat;
  bool found = false;
  size_t got = 0;
  int result = -1;
  if (disk_stat(disk, path, &found, &stat, err) < 0) goto out;
  if (!found || stat.type != DISK_FILE) {
    unknown_zone(disk, zone->name, err);
    goto out;
  }
  if (stat.size_bytes > ZONE_FILE_BYTES_MAX) {
    err_set(err, ERR_CORRUPT, "%s is too large for a time zone", path);
    goto out;
  }
  if (disk_open(disk, path, DISK_READ, &file, err) < 0) goto out;
  bytes = mem_alloc((size_t)stat.size_bytes + 1);
  if (disk_read(file, bytes, (size_t)stat.size_bytes, 0, &got, err) < 0) goto out;
  result = time_zone_read_file(zone, (struct slice){bytes, got}, err);
  if (result < 0) err_wrap(err, "%s", path);
out:
  disk_close(file);
  free(bytes);
  free(path);
  return result;
}

struct time_zone *time_zone_open(struct disk *disk, const char *name, struct err *err) {
  struct time_zone *zone = mem_zalloc(sizeof *zone);
  zone->name = mem_strdup(name);
  zone->cycle_from_s = INT64_MAX;
  if (strcmp(name, "UTC") == 0) return zone;
  if (*name == '+' || *name == '-') {
    const char *end = name + strlen(name);
    if (time_read_offset(name, end, &zone->first_offset_s) == end) return zone;
    err_set(err, ERR_CONFIG, "unknown time zone %s: an offset looks like +02:00", name);
  } else if (!name_is_sane(name)) {
    unknown_zone(disk, name, err);
  } else if (open_file(disk, zone, err) == 0) {
    return zone;
  }
  time_zone_close(zone);
  return NULL;
}
