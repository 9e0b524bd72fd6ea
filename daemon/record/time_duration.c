/* time_duration: lengths of time as text: the configuration's "1h30m" and SQL's intervals.
 *
 * Both are sums of (number, unit). A duration is whole numbers with units that get smaller from
 * left to right, so that a slip like "1m1h" is an error; an interval is what PostgreSQL takes, as
 * far as it has a length in microseconds. */
#include "daemon/record/time.h"

#include "daemon/record/time_calendar.h"

#include <strings.h>

struct unit {
  const char *name;
  int64_t us;
};

static const struct unit duration_units[] = {
    {"w", 7 * TIME_DAY_US}, {"d", TIME_DAY_US}, {"h", TIME_HOUR_US}, {"m", TIME_MINUTE_US},
    {"s", TIME_SECOND_US},  {"ms", 1000},       {"us", 1},
};

static const struct unit interval_units[] = {
    {"week", 7 * TIME_DAY_US},
    {"weeks", 7 * TIME_DAY_US},
    {"w", 7 * TIME_DAY_US},
    {"day", TIME_DAY_US},
    {"days", TIME_DAY_US},
    {"d", TIME_DAY_US},
    {"hour", TIME_HOUR_US},
    {"hours", TIME_HOUR_US},
    {"hr", TIME_HOUR_US},
    {"hrs", TIME_HOUR_US},
    {"h", TIME_HOUR_US},
    {"minute", TIME_MINUTE_US},
    {"minutes", TIME_MINUTE_US},
    {"min", TIME_MINUTE_US},
    {"mins", TIME_MINUTE_US},
    {"m", TIME_MINUTE_US},
    {"second", TIME_SECOND_US},
    {"seconds", TIME_SECOND_US},
    {"sec", TIME_SECOND_US},
    {"secs", TIME_SECOND_US},
    {"s", TIME_SECOND_US},
    {"millisecond", 1000},
    {"milliseconds", 1000},
    {"msec", 1000},
    {"msecs", 1000},
    {"ms", 1000},
    {"microsecond", 1},
    {"microseconds", 1},
    {"usec", 1},
    {"usecs", 1},
    {"us", 1},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const struct unit *find_unit(const struct unit *units, size_t n, struct slice name) {
  for (size_t i = 0; i < n; i++)
    if (strlen(units[i].name) == name.len && strncasecmp(units[i].name, name.data, name.len) == 0)
      return &units[i];
  return NULL;
}

/* A whole number; NULL when there is none or it is too large. */
static const char *read_whole(const char *p, const char *end, int64_t *whole) {
  if (p == end || !is_digit(*p)) return NULL;
  for (*whole = 0; p < end && is_digit(*p); p++)
    if (__builtin_mul_overflow(*whole, 10, whole) ||
        __builtin_add_overflow(*whole, *p - '0', whole))
      return NULL;
  return p;
}

/* A run of letters. */
static const char *read_word(const char *p, const char *end, struct slice *word) {
  const char *start = p;
  while (p < end && is_letter(*p)) p++;
  *word = (struct slice){start, (size_t)(p - start)};
  return p;
}

int time_parse_duration(struct slice text, int64_t *us) {
  const char *p = text.data, *end = p + text.len;
  if (slice_is(text, "0")) {
    *us = 0;
    return 0;
  }
  bool negative = p < end && *p == '-';
  p += negative;
  if (p == end) return -1;
  int64_t sum = 0, last_unit_us = INT64_MAX;
  while (p < end) {
    int64_t whole;
    struct slice name;
    if ((p = read_whole(p, end, &whole)) == NULL) return -1;
    p = read_word(p, end, &name);
    const struct unit *unit = NULL;
    for (size_t i = 0; i < COUNT(duration_units); i++) /* "M" is not minutes */
      if (slice_is(name, duration_units[i].name)) unit = &duration_units[i];
    if (unit == NULL || unit->us >= last_unit_us) return -1;
    last_unit_us = unit->us;
    if (__builtin_mul_overflow(whole, unit->us, &whole) || __builtin_add_overflow(sum, whole, &sum))
      return -1;
  }
  *us = negative ? -sum : sum;
  return 0;
}

void time_put_duration(struct buf *buf, int64_t us) {
  uint64_t rest = us < 0 ? -(uint64_t)us : (uint64_t)us;
  if (us == 0) buf_put_char(buf, '0');
  if (us < 0) buf_put_char(buf, '-');
  for (size_t i = 0; i < COUNT(duration_units); i++) {
    uint64_t unit_us = (uint64_t)duration_units[i].us;
    /* Weeks only when nothing is over: "8d" is easier to read than "1w1d". */
    if (rest < unit_us || (i == 0 && rest % unit_us != 0)) continue;
    buf_printf(buf, "%llu%s", (unsigned long long)(rest / unit_us), duration_units[i].name);
    rest %= unit_us;
  }
}

/* A number with an optional fraction, of which at most 18 digits count. */
struct decimal {
  int64_t whole;
  double fraction; /* 0 <= fraction < 1 */
};

static const char *read_decimal(const char *p, const char *end, struct decimal *decimal) {
  *decimal = (struct decimal){0};
  bool has_whole = p < end && is_digit(*p);
  if (has_whole && (p = read_whole(p, end, &decimal->whole)) == NULL) return NULL;
  if (p == end || *p != '.') return has_whole ? p : NULL;
  const char *start = ++p;
  int64_t digits = 0, scale = 1;
  for (; p < end && is_digit(*p); p++) {
    if (p - start >= 18) continue;
    digits = digits * 10 + (*p - '0');
    scale *= 10;
  }
  if (!has_whole && p == start) return NULL;
  decimal->fraction = (double)digits / (double)scale;
  return p;
}

/* sum += sign * decimal * unit, the fraction to the nearest microsecond. */
static int add(int64_t *sum, int sign, const struct decimal *decimal, int64_t unit_us) {
  int64_t product;
  if (__builtin_mul_overflow(decimal->whole, unit_us, &product) ||
      __builtin_add_overflow(product, (int64_t)(decimal->fraction * (double)unit_us + 0.5),
                             &product) ||
      __builtin_mul_overflow(product, (int64_t)sign, &product))
    return -1;
  return __builtin_add_overflow(*sum, product, sum) ? -1 : 0;
}

/* The rest of "hh:mm[:ss[.fraction]]" behind hh. */
static const char *read_clock(const char *p, const char *end, int sign, int64_t hours,
                              int64_t *sum) {
  struct decimal part = {.whole = hours};
  if (add(sum, sign, &part, TIME_HOUR_US) < 0) return NULL;
  int64_t minutes;
  if ((p = read_whole(p + 1, end, &minutes)) == NULL || minutes > 59) return NULL;
  part.whole = minutes;
  if (add(sum, sign, &part, TIME_MINUTE_US) < 0) return NULL;
  if (p < end && *p == ':') {
    if ((p = read_decimal(p + 1, end, &part)) == NULL || part.whole > 60) return NULL;
    if (add(sum, sign, &part, TIME_SECOND_US) < 0) return NULL;
  }
  return p;
}

/* Behind the P of "P1DT2H3M4.5S" and "P1W"; each number may have a sign, as PostgreSQL has it. */
static int parse_iso(const char *p, const char *end, int64_t *us) {
  int64_t sum = 0;
  bool in_time = false, any = false;
  while (p < end) {
    if (*p == 'T' && !in_time) {
      in_time = true;
      any = false; /* a T with nothing behind it is an error */
      p++;
      continue;
    }
    int sign = *p == '-' ? -1 : 1;
    if (*p == '-' || *p == '+') p++;
    struct decimal number;
    if ((p = read_decimal(p, end, &number)) == NULL || p == end) return -1;
    int64_t unit_us = in_time ? (*p == 'H'   ? TIME_HOUR_US
                                 : *p == 'M' ? TIME_MINUTE_US
                                 : *p == 'S' ? TIME_SECOND_US
                                             : 0)
                              : (*p == 'W'   ? 7 * TIME_DAY_US
                                 : *p == 'D' ? TIME_DAY_US
                                             : 0);
    p++;
    any = true;
    if (unit_us == 0 || add(&sum, sign, &number, unit_us) < 0) return -1;
  }
  if (!any) return -1;
  *us = sum;
  return 0;
}

static const char *skip_blanks(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
  return p;
}

int time_parse_interval(struct slice text, int64_t *us) {
  const char *p = text.data, *end = p + text.len;
  p = skip_blanks(p, end);
  while (end > p && skip_blanks(end - 1, end) == end) end--;
  if (p < end && *p == 'P') return parse_iso(p + 1, end, us);
  if (p < end && *p == '@') p = skip_blanks(p + 1, end);
  int64_t sum = 0;
  bool any = false, ago = false;
  while (p < end) {
    if (ago) return -1; /* "ago" comes last */
    struct slice name;
    const char *behind = read_word(p, end, &name);
    if (name.len > 0) {
      if (!any || name.len != 3 || strncasecmp(name.data, "ago", 3) != 0) return -1;
      ago = true;
      p = skip_blanks(behind, end);
      continue;
    }
    int sign = *p == '-' ? -1 : 1;
    if (*p == '-' || *p == '+') p = skip_blanks(p + 1, end);
    struct decimal number;
    if ((p = read_decimal(p, end, &number)) == NULL) return -1;
    any = true;
    if (p < end && *p == ':' && number.fraction == 0) {
      if ((p = read_clock(p, end, sign, number.whole, &sum)) == NULL) return -1;
    } else {
      p = read_word(skip_blanks(p, end), end, &name);
      const struct unit *unit = find_unit(interval_units, COUNT(interval_units), name);
      /* A number alone, at the end, is seconds. */
      if (unit == NULL && (name.len > 0 || p < end)) return -1;
      if (add(&sum, sign, &number, unit != NULL ? unit->us : TIME_SECOND_US) < 0) return -1;
    }
    p = skip_blanks(p, end);
  }
  if (!any || (ago && __builtin_sub_overflow(INT64_C(0), sum, &sum))) return -1;
  *us = sum;
  return 0;
}

void time_put_interval_iso(struct buf *buf, int64_t us) {
  uint64_t rest = us < 0 ? -(uint64_t)us : (uint64_t)us;
  const char *sign = us < 0 ? "-" : "";
  uint64_t hours = rest / (uint64_t)TIME_HOUR_US;
  uint64_t minutes = rest / (uint64_t)TIME_MINUTE_US % 60;
  uint64_t second_us = rest % (uint64_t)TIME_MINUTE_US;
  buf_put_text(buf, "PT");
  if (hours != 0) buf_printf(buf, "%s%lluH", sign, (unsigned long long)hours);
  if (minutes != 0) buf_printf(buf, "%s%lluM", sign, (unsigned long long)minutes);
  if (second_us != 0 || us == 0) {
    buf_printf(buf, "%s%llu", sign, (unsigned long long)(second_us / 1000000));
    if (second_us % 1000000 != 0) {
      buf_put_char(buf, '.');
      time_put_number(buf, (int64_t)(second_us % 1000000), 6);
      while (buf->data[buf->len - 1] == '0') buf->len--;
    }
    buf_put_char(buf, 'S');
  }
}
