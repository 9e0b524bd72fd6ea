/* time: event times as text and numbers, calendar, time zones, durations.
 *
 * int64 microseconds UTC; proleptic Gregorian calendar (days-from-civil of Howard Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms"). Range: years 0001 to 9999. */
#ifndef TIDEMARK_RECORD_TIME_H
#define TIDEMARK_RECORD_TIME_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define TIME_SECOND_US INT64_C(1000000)
#define TIME_MINUTE_US (60 * TIME_SECOND_US)
#define TIME_HOUR_US (60 * TIME_MINUTE_US)
#define TIME_DAY_US (24 * TIME_HOUR_US)
/* Watermarks: nothing seen yet, and the end of everything. */
#define TIME_MIN_US INT64_MIN
#define TIME_MAX_US INT64_MAX

/* Of the years 1 to 9999, as the times of records are. */
bool time_in_range(int64_t us);

struct time_fields {
  int32_t year;       /* 1..9999 */
  int32_t month, day; /* from 1 */
  int32_t hour, minute, second, microsecond;
  int32_t weekday; /* ISO: Monday 1 .. Sunday 7 */
  int32_t yearday; /* from 1 */
};

void time_fields_of(int64_t us, struct time_fields *fields); /* of a UTC time */
int64_t time_of_fields(const struct time_fields *fields);    /* date and time parts only */

/* ISO 8601 / RFC 3339: "2026-01-31T23:59:59.123456789+01:00", a blank instead of the T, seconds and
 * fraction optional, offset Z | +hh | +hh:mm | +hhmm or none (UTC), a date alone. More than
 * microseconds are cut. 60 seconds (leap) counts as the next minute's 0. -1: not a time. */
int time_parse(struct slice text, int64_t *us);
/* By a strptime(3)-style format (%Y %m %d %H %M %S %f fraction %z %Z(UTC, GMT) %b %B %a %A %j %s %y
 * %e %p %I %T %F %D %R %n %t %%). -1: does not match or unknown directive. */
int time_parse_format(struct slice text, const char *format, int64_t *us);
int time_format_check(const char *format, struct err *err); /* known directives only */
/* RFC 3339 UTC with 0, 3 or 6 fraction digits, as few as are exact. */
void time_put(struct buf *buf, int64_t us);
/* By a strftime(3)-style format (the directives above) of local time in zone (NULL: UTC). */
struct time_zone;
void time_put_format(struct buf *buf, int64_t us, const char *format, const struct time_zone *zone);

enum time_unit { TIME_UNIT_S, TIME_UNIT_MS, TIME_UNIT_US, TIME_UNIT_NS };
/* An epoch number in a unit; nanoseconds are cut towards minus infinity. -1: out of range. */
int time_of_number(int64_t number, enum time_unit unit, int64_t *us);
int time_of_double(double number, enum time_unit unit, int64_t *us);

/* Durations as people write them in configurations: "250ms", "5m", "1h30m", "2d", "10us", "1w",
 * "0". -1: not one. */
int time_parse_duration(struct slice text, int64_t *us);
void time_put_duration(struct buf *buf, int64_t us); /* "1h30m" */
/* SQL intervals: "5 minutes", "1 day 02:03:04.5", "-1 hour", "90 s", ISO "PT5M". Months and years
 * have no length in microseconds: -1. */
int time_parse_interval(struct slice text, int64_t *us);
void time_put_interval_iso(struct buf *buf, int64_t us); /* "PT1H30M", "PT0.5S", "PT0S" */

/* A zone of the system's tz database (TZif files, RFC 8536, the footer's rule for the years behind
 * the table), or "UTC", or a fixed offset "+02:00". Read through the disk interface once; constant
 * afterwards. NULL: err names it and the nearest name of the database. */
struct disk;
struct time_zone *time_zone_open(struct disk *disk, const char *name, struct err *err);
void time_zone_close(struct time_zone *zone);
/* Seconds east of UTC at a time. */
int32_t time_zone_offset(const struct time_zone *zone, int64_t us);
/* Local wall time (as if it were UTC) to UTC. A time in a gap or one that happens twice is read
 * with the offset that PostgreSQL uses for it (time_zone.c says which, a test compares). */
int64_t time_zone_to_utc(const struct time_zone *zone, int64_t local_us);

#endif
