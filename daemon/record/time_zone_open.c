/* time_zone_open: zones by name: "UTC", fixed offsets, and the files of the system's database. */
#include "daemon/base/mem.h"
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
    err_set(err, ERR_CONFIG, "unknown time zone %s", zone->name);
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
    err_set(err, ERR_CONFIG, "unknown time zone %s", name);
  } else if (open_file(disk, zone, err) == 0) {
    return zone;
  }
  time_zone_close(zone);
  return NULL;
}
