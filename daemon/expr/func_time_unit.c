/* func_time_unit: parts of times, as PostgreSQL counts them: weeks start on Monday and are those of
 * ISO 8601, centuries start in the years ending in 01. */
#include "daemon/expr/func_time_unit.h"

#include "daemon/base/nearest.h"
#include "daemon/record/time.h"

#include <strings.h>

static const struct {
  const char *name;
  enum unit unit;
} units[] = {
    {"microsecond", UNIT_MICROSECOND},
    {"microseconds", UNIT_MICROSECOND},
    {"millisecond", UNIT_MILLISECOND},
    {"milliseconds", UNIT_MILLISECOND},
    {"second", UNIT_SECOND},
    {"seconds", UNIT_SECOND},
    {"minute", UNIT_MINUTE},
    {"minutes", UNIT_MINUTE},
    {"hour", UNIT_HOUR},
    {"hours", UNIT_HOUR},
    {"day", UNIT_DAY},
    {"days", UNIT_DAY},
    {"week", UNIT_WEEK},
    {"weeks", UNIT_WEEK},
    {"month", UNIT_MONTH},
    {"months", UNIT_MONTH},
    {"quarter", UNIT_QUARTER},
    {"year", UNIT_YEAR},
    {"years", UNIT_YEAR},
    {"decade", UNIT_DECADE},
    {"decades", UNIT_DECADE},
    {"century", UNIT_CENTURY},
    {"centuries", UNIT_CENTURY},
    {"millennium", UNIT_MILLENNIUM},
    {"millennia", UNIT_MILLENNIUM},
    {"dow", UNIT_DOW},
    {"isodow", UNIT_ISODOW},
    {"doy", UNIT_DOY},
    {"isoyear", UNIT_ISOYEAR},
    {"epoch", UNIT_EPOCH},
    {"julian", UNIT_JULIAN},
};
#define N_UNITS (sizeof units / sizeof *units)

int unit_find(struct slice name, enum unit *unit) {
  for (size_t i = 0; i < N_UNITS; i++) {
    if (strlen(units[i].name) != name.len || strncasecmp(units[i].name, name.data, name.len) != 0)
      continue;
    *unit = units[i].unit;
    return 0;
  }
  return -1;
}

const char *unit_nearest(struct slice name) {
  const char *names[N_UNITS + 1];
  for (size_t i = 0; i < N_UNITS; i++) names[i] = units[i].name;
  names[N_UNITS] = NULL;
  return nearest_of(name, names);
}

static int64_t floor_to(int64_t us, int64_t unit_us) {
  int64_t rest = us % unit_us;
  if (rest < 0) rest += unit_us;
  int64_t start;
  return __builtin_sub_overflow(us, rest, &start) ? us : start;
}

/* The first year of the n years that this one lies in, when the first of all is year `first`. */
static int32_t first_year(int32_t year, int32_t n, int32_t first) {
  int32_t rest = (year - first) % n;
  return year - (rest < 0 ? rest + n : rest);
}

int unit_trunc(enum unit unit, int64_t us, int64_t *start_us) {
  struct time_fields f;
  time_fields_of(us, &f);
  switch (unit) {
  case UNIT_MICROSECOND: *start_us = us; return 0;
  case UNIT_MILLISECOND: *start_us = floor_to(us, 1000); return 0;
  case UNIT_SECOND: *start_us = floor_to(us, TIME_SECOND_US); return 0;
  case UNIT_MINUTE: *start_us = floor_to(us, TIME_MINUTE_US); return 0;
  case UNIT_HOUR: *start_us = floor_to(us, TIME_HOUR_US); return 0;
  case UNIT_DAY: *start_us = floor_to(us, TIME_DAY_US); return 0;
  case UNIT_WEEK: {
    int64_t day_us = floor_to(us, TIME_DAY_US), back_us = (f.weekday - 1) * TIME_DAY_US;
    if (__builtin_sub_overflow(day_us, back_us, start_us)) *start_us = day_us;
    return 0;
  }
  case UNIT_MONTH: break;
  case UNIT_QUARTER: f.month = (f.month - 1) / 3 * 3 + 1; break;
  case UNIT_YEAR: f.month = 1; break;
  case UNIT_DECADE: f.year = first_year(f.year, 10, 0), f.month = 1; break;
  case UNIT_CENTURY: f.year = first_year(f.year, 100, 1), f.month = 1; break;
  case UNIT_MILLENNIUM: f.year = first_year(f.year, 1000, 1), f.month = 1; break;
  default: return -1;
  }
  f = (struct time_fields){.year = f.year, .month = f.month, .day = 1};
  *start_us = time_of_fields(&f);
  return 0;
}

/* The ISO week is that of its Thursday. */
static void iso_week(const struct time_fields *f, int64_t us, int32_t *year, int32_t *week) {
  int64_t thursday_us;
  struct time_fields thursday = *f;
  if (!__builtin_add_overflow(us, (4 - f->weekday) * TIME_DAY_US, &thursday_us))
    time_fields_of(thursday_us, &thursday);
  *year = thursday.year;
  *week = (thursday.yearday - 1) / 7 + 1;
}

void unit_extract(enum unit unit, int64_t us, struct value *result) {
  struct time_fields f;
  time_fields_of(us, &f);
  int64_t second_us = f.second * TIME_SECOND_US + f.microsecond;
  int32_t year, week;
  int64_t whole = 0;
  switch (unit) {
  case UNIT_MICROSECOND: whole = second_us; break;
  case UNIT_MILLISECOND: *result = value_double((double)second_us / 1e3); return;
  case UNIT_SECOND: *result = value_double((double)second_us / 1e6); return;
  case UNIT_EPOCH: *result = value_double((double)us / 1e6); return;
  case UNIT_JULIAN:
    *result = value_double(2440587.5 + 0.5 + (double)us / (double)TIME_DAY_US);
    return;
  case UNIT_MINUTE: whole = f.minute; break;
  case UNIT_HOUR: whole = f.hour; break;
  case UNIT_DAY: whole = f.day; break;
  case UNIT_MONTH: whole = f.month; break;
  case UNIT_QUARTER: whole = (f.month - 1) / 3 + 1; break;
  case UNIT_YEAR: whole = f.year; break;
  case UNIT_DECADE: whole = first_year(f.year, 10, 0) / 10; break;
  case UNIT_CENTURY: whole = first_year(f.year, 100, 1) / 100 + 1; break;
  case UNIT_MILLENNIUM: whole = first_year(f.year, 1000, 1) / 1000 + 1; break;
  case UNIT_DOW: whole = f.weekday % 7; break;
  case UNIT_ISODOW: whole = f.weekday; break;
  case UNIT_DOY: whole = f.yearday; break;
  case UNIT_WEEK:
  case UNIT_ISOYEAR:
    iso_week(&f, us, &year, &week);
    whole = unit == UNIT_WEEK ? week : year;
    break;
  }
  *result = value_int(whole);
}

int unit_extract_interval(enum unit unit, int64_t us, struct value *result) {
  int64_t second_us = us % TIME_MINUTE_US;
  switch (unit) {
  case UNIT_MICROSECOND: *result = value_int(second_us); return 0;
  case UNIT_MILLISECOND: *result = value_double((double)second_us / 1e3); return 0;
  case UNIT_SECOND: *result = value_double((double)second_us / 1e6); return 0;
  case UNIT_MINUTE: *result = value_int(us % TIME_HOUR_US / TIME_MINUTE_US); return 0;
  case UNIT_HOUR: *result = value_int(us % TIME_DAY_US / TIME_HOUR_US); return 0;
  case UNIT_DAY: *result = value_int(us / TIME_DAY_US); return 0;
  case UNIT_EPOCH: *result = value_double((double)us / 1e6); return 0;
  default: return -1;
  }
}
