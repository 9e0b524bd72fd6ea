/* time: the calendar, ISO 8601 text and epoch numbers.
 *
 * Dates go to day numbers and back by Hinnant's algorithms (years start in March, eras of 400 years
 * have 146097 days), so there is no table and no loop. Everything here works for any int64; that
 * text and numbers from outside stay within the years 0001 to 9999 is checked where they come in.
 */
#include "daemon/record/time.h"

#include "daemon/record/time_calendar.h"

#include <math.h>

int64_t time_days_of_date(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

bool time_leap_year(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int time_days_of_month(int64_t year, int month) {
  static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && time_leap_year(year) ? 29 : days[month - 1];
}

void time_fields_of(int64_t us, struct time_fields *fields) {
  int64_t days = time_floor_div(us, TIME_DAY_US);
  int64_t rest = us % TIME_DAY_US; /* not us - days * day: that may not fit */
  if (rest < 0) rest += TIME_DAY_US;
  fields->microsecond = (int32_t)(rest % TIME_SECOND_US);
  fields->second = (int32_t)(rest / TIME_SECOND_US % 60);
  fields->minute = (int32_t)(rest / TIME_MINUTE_US % 60);
  fields->hour = (int32_t)(rest / TIME_HOUR_US);
  fields->weekday = (int32_t)(((days + 3) % 7 + 7) % 7 + 1); /* 1970-01-01 was a Thursday */

  int64_t z = days + 719468;
  int64_t era = time_floor_div(z, 146097);
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  fields->day = (int32_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  fields->month = (int32_t)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  int64_t year = year_of_era + era * 400 + (fields->month <= 2);
  fields->year = (int32_t)year;
  fields->yearday = (int32_t)(days - time_days_of_date(year, 1, 1) + 1);
}

int64_t time_of_fields(const struct time_fields *fields) {
  int64_t days = time_days_of_date(fields->year, fields->month, fields->day);
  int64_t seconds = (fields->hour * INT64_C(60) + fields->minute) * 60 + fields->second;
  /* Unsigned, because the earliest int64's day begins before the earliest int64. */
  return (int64_t)((uint64_t)days * TIME_DAY_US +
                   (uint64_t)(seconds * TIME_SECOND_US + fields->microsecond));
}

bool time_in_range(int64_t us) {
  return us >= TIME_FIRST_US && us <= TIME_LAST_US;
}

/* Exactly n digits at p. -1: not there. */
static int digits(const char *p, const char *end, int n) {
  if (end - p < n) return -1;
  int number = 0;
  for (int i = 0; i < n; i++) {
    unsigned digit = (unsigned char)p[i] - '0';
    if (digit > 9) return -1;
    number = number * 10 + (int)digit;
  }
  return number;
}

const char *time_read_fraction(const char *p, const char *end, int32_t *microsecond) {
  const char *start = p;
  int32_t value = 0, scale = 100000;
  for (; p < end && *p >= '0' && *p <= '9'; p++) {
    value += (*p - '0') * scale;
    scale /= 10; /* 0 behind the sixth digit: the rest is cut */
  }
  if (p == start) return NULL;
  *microsecond = value;
  return p;
}

const char *time_read_offset(const char *p, const char *end, int32_t *seconds) {
  if (p < end && (*p == 'Z' || *p == 'z')) {
    *seconds = 0;
    return p + 1;
  }
  if (p == end || (*p != '+' && *p != '-')) return NULL;
  int sign = *p++ == '-' ? -1 : 1;
  int hours = digits(p, end, 2), minutes = 0;
  if (hours < 0 || hours > 23) return NULL;
  p += 2;
  if (p < end && *p == ':') {
    minutes = digits(p + 1, end, 2);
    p += 3;
  } else if (p < end && *p >= '0' && *p <= '9') {
    minutes = digits(p, end, 2);
    p += 2;
  }
  if (minutes < 0 || minutes > 59) return NULL;
  *seconds = sign * (hours * 3600 + minutes * 60);
  return p;
}

int time_parse(struct slice text, int64_t *us) {
  const char *p = text.data, *end = text.data + text.len;
  if (text.len < 10 || p[4] != '-' || p[7] != '-') return -1;
  int year = digits(p, end, 4), month = digits(p + 5, end, 2), day = digits(p + 8, end, 2);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > time_days_of_month(year, month))
    return -1;
  struct time_fields f = {.year = year, .month = month, .day = day};
  int32_t offset = 0;
  p += 10;
  if (p < end) {
    if ((*p != 'T' && *p != 't' && *p != ' ') || end - p < 6 || p[3] != ':') return -1;
    f.hour = digits(p + 1, end, 2);
    f.minute = digits(p + 4, end, 2);
    p += 6;
    if (p < end && *p == ':') {
      f.second = digits(p + 1, end, 2);
      if (f.second < 0) return -1;
      p += 3;
      if (p < end && (*p == '.' || *p == ','))
        if ((p = time_read_fraction(p + 1, end, &f.microsecond)) == NULL) return -1;
    }
    if (f.hour < 0 || f.minute < 0 || f.minute > 59 || f.second > 60) return -1;
    /* 60 seconds and 24:00 carry over by themselves in time_of_fields(). */
    if (f.hour > 24 || (f.hour == 24 && (f.minute | f.second | f.microsecond) != 0)) return -1;
    if (p < end && (p = time_read_offset(p, end, &offset)) == NULL) return -1;
    if (p != end) return -1;
  }
  int64_t result = time_of_fields(&f) - offset * TIME_SECOND_US;
  if (!time_in_range(result)) return -1;
  *us = result;
  return 0;
}

void time_put_number(struct buf *buf, int64_t number, int width) {
  char text[32], *p = text + sizeof text;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do {
    *--p = (char)('0' + rest % 10);
    rest /= 10;
    width--;
  } while (rest != 0 || (width > 0 && p > text + 1));
  if (number < 0) *--p = '-';
  buf_put(buf, p, (size_t)(text + sizeof text - p));
}

void time_put(struct buf *buf, int64_t us) {
  struct time_fields f;
  time_fields_of(us, &f);
  time_put_number(buf, f.year, 4);
  buf_put_char(buf, '-');
  time_put_number(buf, f.month, 2);
  buf_put_char(buf, '-');
  time_put_number(buf, f.day, 2);
  buf_put_char(buf, 'T');
  time_put_number(buf, f.hour, 2);
  buf_put_char(buf, ':');
  time_put_number(buf, f.minute, 2);
  buf_put_char(buf, ':');
  time_put_number(buf, f.second, 2);
  if (f.microsecond != 0) {
    buf_put_char(buf, '.');
    if (f.microsecond % 1000 == 0)
      time_put_number(buf, f.microsecond / 1000, 3);
    else
      time_put_number(buf, f.microsecond, 6);
  }
  buf_put_char(buf, 'Z');
}

int time_of_number(int64_t number, enum time_unit unit, int64_t *us) {
  int64_t result = number;
  bool overflow = false;
  switch (unit) {
  case TIME_UNIT_S: overflow = __builtin_mul_overflow(number, TIME_SECOND_US, &result); break;
  case TIME_UNIT_MS: overflow = __builtin_mul_overflow(number, INT64_C(1000), &result); break;
  case TIME_UNIT_US: break;
  case TIME_UNIT_NS: result = time_floor_div(number, 1000); break;
  }
  if (overflow || !time_in_range(result)) return -1;
  *us = result;
  return 0;
}

int time_of_double(double number, enum time_unit unit, int64_t *us) {
  double result = number;
  switch (unit) {
  /* To the nearest microsecond, as PostgreSQL's to_timestamp: 0.000001 has no exact double. */
  case TIME_UNIT_S: result = rint(number * 1e6); break;
  case TIME_UNIT_MS: result = rint(number * 1e3); break;
  case TIME_UNIT_US: result = floor(number); break;
  case TIME_UNIT_NS: result = floor(number / 1e3); break;
  }
  if (!(result >= (double)TIME_FIRST_US && result <= (double)TIME_LAST_US)) return -1; /* NaN too */
  *us = (int64_t)result;
  return time_in_range(*us) ? 0 : -1;
}
