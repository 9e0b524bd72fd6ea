/* time_calendar: what the files of time share among themselves. Everybody else uses time.h. */
#ifndef TIDEMARK_RECORD_TIME_CALENDAR_H
#define TIDEMARK_RECORD_TIME_CALENDAR_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z. */
#define TIME_FIRST_US (INT64_C(-719162) * 86400 * 1000000)
#define TIME_LAST_US (INT64_C(2932897) * 86400 * 1000000 - 1)

static inline int64_t time_floor_div(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

int64_t time_days_of_date(int64_t year, int month, int day); /* since 1970-01-01 */
bool time_leap_year(int64_t year);
int time_days_of_month(int64_t year, int month);

/* Both read at p and return where they stopped, NULL when it is not there. Fractions are digits
 * (cut behind the sixth); offsets are Z, +hh, +hhmm or +hh:mm. */
const char *time_read_fraction(const char *p, const char *end, int32_t *microsecond);
const char *time_read_offset(const char *p, const char *end, int32_t *seconds);

/* Appends a number with zeros in front up to the width. */
void time_put_number(struct buf *buf, int64_t number, int width);

#endif
