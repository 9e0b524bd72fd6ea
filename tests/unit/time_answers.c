/* time_answers: answers questions about times, one a line, for time_oracle.py to compare:
 *
 *   put US            the time as text            parse TEXT        the time of a text, or "no"
 *   fields US         year month day hour minute second microsecond weekday yearday
 *   offset ZONE US    seconds east of UTC then    utc ZONE US       UTC of a local time
 */
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/record/time.h"
#include "daemon/record/time_zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The file is read here, so that the program stands on record alone. */
static struct time_zone *open_zone(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  static char bytes[1024 * 1024];
  size_t len = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  struct time_zone *zone = mem_zalloc(sizeof *zone);
  zone->name = mem_strdup(name);
  zone->cycle_from_s = INT64_MAX;
  struct err err;
  if (time_zone_read_file(zone, (struct slice){bytes, len}, &err) < 0) {
    fprintf(stderr, "%s: %s\n", path, err.text);
    exit(1);
  }
  return zone;
}

static void answer(char *line, struct time_zone **zone) {
  char name[256];
  int64_t us;
  struct buf buf;
  buf_init(&buf);
  if (sscanf(line, "put %" SCNd64, &us) == 1) {
    time_put(&buf, us);
  } else if (strncmp(line, "parse ", 6) == 0) {
    if (time_parse(slice_of(line + 6), &us) == 0)
      buf_printf(&buf, "%" PRId64, us);
    else
      buf_put_text(&buf, "no");
  } else if (sscanf(line, "fields %" SCNd64, &us) == 1) {
    struct time_fields f;
    time_fields_of(us, &f);
    buf_printf(&buf, "%d %d %d %d %d %d %d %d %d", f.year, f.month, f.day, f.hour, f.minute,
               f.second, f.microsecond, f.weekday, f.yearday);
  } else if (sscanf(line, "offset %255s %" SCNd64, name, &us) == 2 ||
             sscanf(line, "utc %255s %" SCNd64, name, &us) == 2) {
    if (*zone == NULL || strcmp((*zone)->name, name) != 0) {
      time_zone_close(*zone);
      *zone = open_zone(name);
    }
    if (line[0] == 'o')
      buf_printf(&buf, "%d", time_zone_offset(*zone, us));
    else
      buf_printf(&buf, "%" PRId64, time_zone_to_utc(*zone, us));
  } else {
    fprintf(stderr, "what is \"%s\"?\n", line);
    exit(1);
  }
  puts(buf_cstr(&buf));
  buf_fini(&buf);
}

int main(void) {
  char line[1024];
  struct time_zone *zone = NULL;
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    answer(line, &zone);
  }
  time_zone_close(zone);
  return 0;
}
