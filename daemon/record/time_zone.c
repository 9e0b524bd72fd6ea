/* time_zone: offsets from UTC.
 *
 * A zone is a sorted table of changes. The years behind the file's table follow a rule; its changes
 * are written out for 400 years (the calendar repeats after them) and later times are mapped back
 * by whole cycles, so that every look-up is one binary search.
 *
 * A local time that does not exist or exists twice is read as PostgreSQL reads it: in a gap with
 * the offset from before it, in a repeat with the offset from after it. In both cases that is the
 * lesser of the two offsets. */
#include "daemon/record/time_zone.h"

#include "daemon/base/mem.h"
#include "daemon/record/time.h"
#include "daemon/record/time_calendar.h"

#include <stdlib.h>

#define CYCLE_YEARS 400
#define CYCLE_S (INT64_C(146097) * 86400)

void time_zone_add_change(struct time_zone *zone, int64_t at_s, int32_t offset_s) {
  array_grow((void **)&zone->changes, &zone->cap_changes, zone->n_changes, sizeof *zone->changes);
  zone->changes[zone->n_changes++] = (struct time_change){at_s, offset_s};
}

void time_zone_close(struct time_zone *zone) {
  if (zone == NULL) return;
  free(zone->changes);
  free(zone->name);
  free(zone);
}

/* How many changes have happened at a second of UTC. */
static size_t changes_until(const struct time_zone *zone, int64_t at_s) {
  size_t low = 0, high = zone->n_changes;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (zone->changes[middle].at_s <= at_s)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static int64_t cycles_behind(const struct time_zone *zone, int64_t at_s) {
  return at_s < zone->cycle_from_s ? 0 : (at_s - zone->cycle_from_s) / CYCLE_S;
}

static int32_t offset_behind(const struct time_zone *zone, size_t n_changes) {
  return n_changes == 0 ? zone->first_offset_s : zone->changes[n_changes - 1].offset_s;
}

int32_t time_zone_offset(const struct time_zone *zone, int64_t us) {
  int64_t at_s = time_floor_div(us, TIME_SECOND_US);
  at_s -= cycles_behind(zone, at_s) * CYCLE_S;
  return offset_behind(zone, changes_until(zone, at_s));
}

int64_t time_zone_to_utc(const struct time_zone *zone, int64_t local_us) {
  /* Only the first change after the day before can matter, as in PostgreSQL: no offset is larger
   * than a day. */
  int64_t local_s = time_floor_div(local_us, TIME_SECOND_US);
  int64_t shift_s = cycles_behind(zone, local_s - 86400) * CYCLE_S;
  int64_t wall_s = local_s - shift_s;
  size_t n = changes_until(zone, wall_s - 86400);
  int32_t before = offset_behind(zone, n), offset = before;
  /* A change to the same offset (another name for it) is none. */
  while (n < zone->n_changes && zone->changes[n].offset_s == before) n++;
  if (n < zone->n_changes) {
    int32_t after = zone->changes[n].offset_s;
    int64_t change_s = zone->changes[n].at_s;
    bool is_before = wall_s - before < change_s, is_after = wall_s - after >= change_s;
    if (is_before == is_after) /* both: it happens twice; neither: in a gap */
      offset = before < after ? before : after;
    else
      offset = is_before ? before : after;
  }
  return local_us - offset * TIME_SECOND_US;
}

/* The parts of a rule: see RFC 8536, section 3.3, and POSIX, "TZ". */
struct rule_day {
  char kind; /* 'M' month, week, weekday; 'J' 1..365 without February 29th; '0' 0..365 */
  int month, week, weekday, day;
  int32_t time_s; /* local, may be negative or beyond a day */
};

struct reader {
  const char *p, *end;
  bool bad;
};

static bool take(struct reader *r, char c) {
  if (r->p == r->end || *r->p != c) return false;
  r->p++;
  return true;
}

static int take_number(struct reader *r, int min, int max) {
  int number = 0, n = 0;
  for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && n < 4; r->p++, n++)
    number = number * 10 + (*r->p - '0');
  if (n == 0 || number < min || number > max) r->bad = true;
  return r->bad ? min : number;
}

static void take_name(struct reader *r) {
  const char *start = r->p;
  if (take(r, '<')) {
    while (r->p < r->end && *r->p != '>') r->p++;
    if (!take(r, '>')) r->bad = true;
  } else {
    while (r->p < r->end && ((*r->p >= 'A' && *r->p <= 'Z') || (*r->p >= 'a' && *r->p <= 'z')))
      r->p++;
    if (r->p - start < 3) r->bad = true;
  }
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int32_t take_clock(struct reader *r, int hours_max) {
  int sign = take(r, '-') ? -1 : 1;
  if (sign > 0) take(r, '+');
  int32_t seconds = take_number(r, 0, hours_max) * 3600;
  if (take(r, ':')) seconds += take_number(r, 0, 59) * 60;
  if (take(r, ':')) seconds += take_number(r, 0, 59);
  return sign * seconds;
}

static struct rule_day take_day(struct reader *r) {
  struct rule_day day = {.kind = '0', .time_s = 2 * 3600};
  if (!take(r, ',')) r->bad = true;
  if (take(r, 'M')) {
    day.kind = 'M';
    day.month = take_number(r, 1, 12);
    if (!take(r, '.')) r->bad = true;
    day.week = take_number(r, 1, 5);
    if (!take(r, '.')) r->bad = true;
    day.weekday = take_number(r, 0, 6);
  } else if (take(r, 'J')) {
    day.kind = 'J';
    day.day = take_number(r, 1, 365);
  } else {
    day.day = take_number(r, 0, 365);
  }
  if (take(r, '/')) day.time_s = take_clock(r, 167);
  return day;
}

/* Local seconds since 1970 at which a rule's day comes in a year. */
static int64_t rule_time(const struct rule_day *rule, int64_t year) {
  int64_t first = time_days_of_date(year, 1, 1), day = 0;
  switch (rule->kind) {
  case 'J': day = first + rule->day - 1 + (rule->day >= 60 && time_leap_year(year)); break;
  case 'M': {
    int64_t month_first = time_days_of_date(year, rule->month, 1);
    int64_t weekday = ((month_first + 4) % 7 + 7) % 7; /* Sunday 0 */
    int64_t of_month = (rule->weekday - weekday + 7) % 7 + (rule->week - 1) * 7;
    if (of_month >= time_days_of_month(year, rule->month)) of_month -= 7; /* week 5: the last */
    day = month_first + of_month;
    break;
  }
  default: day = first + rule->day; break;
  }
  return day * 86400 + rule->time_s;
}

int time_zone_add_rule(struct time_zone *zone, struct slice rule) {
  struct reader r = {rule.data, rule.data + rule.len, false};
  take_name(&r);
  int32_t standard_s = -take_clock(&r, 24);
  if (r.bad) return -1;
  if (r.p == r.end) { /* one offset for good */
    if (offset_behind(zone, zone->n_changes) != standard_s && zone->n_changes > 0)
      return -1; /* the file contradicts itself */
    if (zone->n_changes == 0) zone->first_offset_s = standard_s;
    return 0;
  }
  take_name(&r);
  int32_t summer_s = standard_s + 3600;
  if (r.p < r.end && *r.p != ',') summer_s = -take_clock(&r, 24);
  struct rule_day start = take_day(&r), end = take_day(&r);
  if (r.bad || r.p != r.end) return -1;

  int64_t last_s = zone->n_changes > 0 ? zone->changes[zone->n_changes - 1].at_s : INT64_MIN;
  int64_t first_year = 1970;
  if (zone->n_changes == 0) {
    zone->first_offset_s = standard_s;
  } else {
    struct time_fields fields;
    if (last_s > TIME_LAST_US / TIME_SECOND_US) return -1;
    if (last_s > 0) {
      time_fields_of(last_s * TIME_SECOND_US, &fields);
      first_year = fields.year;
    }
  }
  /* One year more than a cycle: cycle_from_s lies between two changes of the first whole year. */
  for (int64_t year = first_year; year <= first_year + CYCLE_YEARS + 1; year++) {
    struct time_change changes[2] = {{rule_time(&start, year) - standard_s, summer_s},
                                     {rule_time(&end, year) - summer_s, standard_s}};
    bool swap = changes[1].at_s < changes[0].at_s; /* southern summer */
    for (int i = 0; i < 2; i++) {
      const struct time_change *change = &changes[i ^ swap];
      if (change->at_s > last_s) time_zone_add_change(zone, change->at_s, change->offset_s);
    }
  }
  zone->cycle_from_s = time_days_of_date(first_year + 1, 1, 1) * 86400;
  return 0;
}
