/* time_zone: what time_zone.c (looking up) and time_zone_file.c (reading TZif) share. Everybody
 * else uses time.h. */
#ifndef TIDEMARK_RECORD_TIME_ZONE_H
#define TIDEMARK_RECORD_TIME_ZONE_H

#include "daemon/base/err.h"
#include "daemon/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct time_change {
  int64_t at_s;     /* from this second on (UTC) ... */
  int32_t offset_s; /* ... so many seconds east */
};

struct time_zone {
  char *name;                  /* owned */
  int32_t first_offset_s;      /* before the first change */
  struct time_change *changes; /* by time; owned */
  size_t n_changes, cap_changes;
  /* The rule behind the table repeats every 400 years; the table covers them once from here on.
   * INT64_MAX when the last offset holds for good. */
  int64_t cycle_from_s;
};

void time_zone_add_change(struct time_zone *zone, int64_t at_s, int32_t offset_s);

/* Appends the changes of a POSIX TZ rule ("CET-1CEST,M3.5.0,M10.5.0/3", RFC 8536 section 3.3) for
 * all years behind the table. -1: not a rule. */
int time_zone_add_rule(struct time_zone *zone, struct slice rule);

/* Fills the zone from the bytes of a TZif file. */
int time_zone_read_file(struct time_zone *zone, struct slice bytes, struct err *err);

#endif
