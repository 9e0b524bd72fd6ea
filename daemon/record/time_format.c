/* time_format: times by the directives of strptime(3) and strftime(3), English names only: neither
 * the process's locale nor its time zone may change a result.
 *
 *   %Y %y year    %m %b %B month    %d %e day       %j day of the year   %a %A weekday
 *   %H %I hour    %M minute         %S second       %p AM, PM            %f fraction of a second
 *   %s seconds since 1970           %z offset       %Z UTC, GMT, Z
 *   %T %H:%M:%S   %R %H:%M          %F %Y-%m-%d     %D %m/%d/%y          %n %t blanks   %% itself
 *
 * Reading: a blank in the format takes any number of blanks, numbers may have fewer digits than
 * usual, names are taken short or long and in any case, a weekday is read over; %y is 1969..2068.
 * What the format does not give is 1970-01-01 00:00:00 UTC. Writing: %f has six digits, %z looks
 * like +0200, %Z is the offset too unless it is UTC. */
#include "daemon/record/time.h"

#include "daemon/record/time_calendar.h"

#include <strings.h>

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const weekday_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                            "Friday", "Saturday", "Sunday"};
static const char directives[] = "YymbBdejaAHIMSpfszZTRFDnth%";

static const char *composed(char directive) {
  switch (directive) {
  case 'T': return "%H:%M:%S";
  case 'R': return "%H:%M";
  case 'F': return "%Y-%m-%d";
  case 'D': return "%m/%d/%y";
  default: return NULL;
  }
}

int time_format_check(const char *format, struct err *err) {
  for (const char *p = strchr(format, '%'); p != NULL; p = strchr(p + 2, '%')) {
    if (p[1] == '\0') return err_set(err, ERR_CONFIG, "a time format that ends in %%");
    if (strchr(directives, p[1]) == NULL)
      return err_set(err, ERR_CONFIG, "unknown directive %%%c in a time format", p[1]);
  }
  return 0;
}

struct parsed {
  struct time_fields fields;
  bool has_yearday, has_pm, pm, has_epoch;
  int64_t epoch_s;
  int32_t offset_s;
};

static bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *read_number(const char *p, const char *end, int digits_max, int32_t min,
                               int32_t max, int32_t *number) {
  int32_t value = 0;
  int n = 0;
  for (; p < end && n < digits_max && *p >= '0' && *p <= '9'; p++, n++)
    value = value * 10 + (*p - '0');
  if (n == 0 || value < min || value > max) return NULL;
  *number = value;
  return p;
}

/* The number from 1 of a name, long or its first three letters. */
static const char *read_name(const char *p, const char *end, const char *const *names, int n,
                             int32_t *number) {
  for (int i = 0; i < n; i++) {
    size_t len = strlen(names[i]);
    if ((size_t)(end - p) < len || strncasecmp(p, names[i], len) != 0) len = 3;
    if ((size_t)(end - p) < len || strncasecmp(p, names[i], len) != 0) continue;
    *number = i + 1;
    return p + len;
  }
  return NULL;
}

static const char *read_epoch(const char *p, const char *end, struct parsed *parsed) {
  bool negative = p < end && *p == '-';
  p += negative;
  const char *start = p;
  int64_t seconds = 0;
  for (; p < end && *p >= '0' && *p <= '9' && p - start < 13; p++)
    seconds = seconds * 10 + (*p - '0');
  if (p == start) return NULL;
  parsed->has_epoch = true;
  parsed->epoch_s = negative ? -seconds : seconds;
  return p;
}

static const char *read_by(const char *p, const char *end, const char *format,
                           struct parsed *parsed);

static const char *read_directive(const char *p, const char *end, char directive,
                                  struct parsed *parsed) {
  struct time_fields *f = &parsed->fields;
  int32_t number;
  switch (directive) {
  case 'Y': return read_number(p, end, 4, 1, 9999, &f->year);
  case 'y':
    if ((p = read_number(p, end, 2, 0, 99, &number)) != NULL)
      f->year = number + (number < 69 ? 2000 : 1900);
    return p;
  case 'm': return read_number(p, end, 2, 1, 12, &f->month);
  case 'b':
  case 'B':
  case 'h': return read_name(p, end, month_names, 12, &f->month);
  case 'e':
    while (p < end && *p == ' ') p++;
    return read_number(p, end, 2, 1, 31, &f->day);
  case 'd': return read_number(p, end, 2, 1, 31, &f->day);
  case 'j': parsed->has_yearday = true; return read_number(p, end, 3, 1, 366, &f->yearday);
  case 'a':
  case 'A': return read_name(p, end, weekday_names, 7, &number);
  case 'H': parsed->has_pm = false; return read_number(p, end, 2, 0, 23, &f->hour);
  case 'I': return read_number(p, end, 2, 1, 12, &f->hour);
  case 'M': return read_number(p, end, 2, 0, 59, &f->minute);
  case 'S': return read_number(p, end, 2, 0, 60, &f->second);
  case 'p':
    if (end - p < 2 || (p[1] | 0x20) != 'm') return NULL;
    if ((*p | 0x20) != 'a' && (*p | 0x20) != 'p') return NULL;
    parsed->has_pm = true;
    parsed->pm = (*p | 0x20) == 'p';
    return p + 2;
  case 'f': return time_read_fraction(p, end, &f->microsecond);
  case 's': return read_epoch(p, end, parsed);
  case 'z': return time_read_offset(p, end, &parsed->offset_s);
  case 'Z':
    if (end - p >= 3 && (strncasecmp(p, "UTC", 3) == 0 || strncasecmp(p, "GMT", 3) == 0))
      return p + 3;
    return p < end && *p == 'Z' ? p + 1 : NULL;
  case 'n':
  case 't':
    while (p < end && is_blank(*p)) p++;
    return p;
  case '%': return p < end && *p == '%' ? p + 1 : NULL;
  default: {
    const char *parts = composed(directive);
    return parts == NULL ? NULL : read_by(p, end, parts, parsed);
  }
  }
}

static const char *read_by(const char *p, const char *end, const char *format,
                           struct parsed *parsed) {
  for (; *format != '\0'; format++) {
    if (is_blank(*format)) {
      while (p < end && is_blank(*p)) p++;
    } else if (*format != '%') {
      if (p == end || *p++ != *format) return NULL;
    } else if (*++format == '\0' || (p = read_directive(p, end, *format, parsed)) == NULL) {
      return NULL;
    }
  }
  return p;
}

int time_parse_format(struct slice text, const char *format, int64_t *us) {
  struct parsed parsed = {.fields = {.year = 1970, .month = 1, .day = 1}};
  struct time_fields *f = &parsed.fields;
  const char *end = text.data + text.len;
  if (read_by(text.data, end, format, &parsed) != end) return -1;
  int64_t result;
  if (parsed.has_epoch) {
    result = parsed.epoch_s * TIME_SECOND_US + f->microsecond;
  } else {
    if (parsed.has_pm) {
      if (f->hour > 12) return -1;
      f->hour = f->hour % 12 + (parsed.pm ? 12 : 0);
    }
    if (parsed.has_yearday) {
      if (f->yearday > 365 + time_leap_year(f->year)) return -1;
      f->month = 1;
      f->day = f->yearday; /* days count on over the months in time_of_fields() */
    } else if (f->day > time_days_of_month(f->year, f->month)) {
      return -1;
    }
    result = time_of_fields(f) - parsed.offset_s * TIME_SECOND_US;
  }
  if (!time_in_range(result)) return -1;
  *us = result;
  return 0;
}

static void put_offset(struct buf *buf, int32_t offset_s) {
  int32_t minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
  buf_put_char(buf, offset_s < 0 ? '-' : '+');
  time_put_number(buf, minutes / 60, 2);
  time_put_number(buf, minutes % 60, 2);
}

static void put_by(struct buf *buf, const struct time_fields *f, int64_t us, int32_t offset_s,
                   const char *format) {
  for (; *format != '\0'; format++) {
    if (*format != '%' || format[1] == '\0') {
      buf_put_char(buf, *format);
      continue;
    }
    switch (*++format) {
    case 'Y': time_put_number(buf, f->year, 4); break;
    case 'y': time_put_number(buf, (f->year % 100 + 100) % 100, 2); break;
    case 'm': time_put_number(buf, f->month, 2); break;
    case 'b':
    case 'h': buf_put(buf, month_names[f->month - 1], 3); break;
    case 'B': buf_put_text(buf, month_names[f->month - 1]); break;
    case 'd': time_put_number(buf, f->day, 2); break;
    case 'e':
      if (f->day < 10) buf_put_char(buf, ' ');
      time_put_number(buf, f->day, 1);
      break;
    case 'j': time_put_number(buf, f->yearday, 3); break;
    case 'a': buf_put(buf, weekday_names[f->weekday - 1], 3); break;
    case 'A': buf_put_text(buf, weekday_names[f->weekday - 1]); break;
    case 'H': time_put_number(buf, f->hour, 2); break;
    case 'I': time_put_number(buf, (f->hour + 11) % 12 + 1, 2); break;
    case 'M': time_put_number(buf, f->minute, 2); break;
    case 'S': time_put_number(buf, f->second, 2); break;
    case 'p': buf_put_text(buf, f->hour < 12 ? "AM" : "PM"); break;
    case 'f': time_put_number(buf, f->microsecond, 6); break;
    case 's': time_put_number(buf, time_floor_div(us, TIME_SECOND_US), 1); break;
    case 'z': put_offset(buf, offset_s); break;
    case 'Z':
      if (offset_s == 0)
        buf_put_text(buf, "UTC");
      else
        put_offset(buf, offset_s);
      break;
    case 'n': buf_put_char(buf, '\n'); break;
    case 't': buf_put_char(buf, '\t'); break;
    case '%': buf_put_char(buf, '%'); break;
    default: {
      const char *parts = composed(*format);
      if (parts != NULL) put_by(buf, f, us, offset_s, parts);
    }
    }
  }
}

void time_put_format(struct buf *buf, int64_t us, const char *format,
                     const struct time_zone *zone) {
  int32_t offset_s = zone == NULL ? 0 : time_zone_offset(zone, us);
  int64_t local_us;
  if (__builtin_add_overflow(us, offset_s * TIME_SECOND_US, &local_us)) local_us = us;
  struct time_fields fields;
  time_fields_of(local_us, &fields);
  put_by(buf, &fields, us, offset_s, format);
}
