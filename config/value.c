/* value: see value.h. Durations are the record module's: the one thing config/ takes from above
 * daemon/base, so that a duration is the same in a configuration and in an expression. */
#include "config/value.h"

#include "config/place.h"
#include "daemon/record/time.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { SHOWN_BYTES = 60, NUMBER_BYTES_MAX = 63 };

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

static size_t skip_digits(struct slice text, size_t at) {
  while (at < text.len && digit(text.data[at])) at++;
  return at;
}

int value_parse_int(struct slice text, int64_t *value) {
  size_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
  bool negative = at == 1 && text.data[0] == '-';
  if (at == text.len || skip_digits(text, at) < text.len) return -1;
  int64_t sum = 0; /* negative, for the sake of INT64_MIN */
  for (; at < text.len; at++)
    if (__builtin_mul_overflow(sum, 10, &sum) ||
        __builtin_sub_overflow(sum, text.data[at] - '0', &sum))
      return 1;
  if (!negative && sum == INT64_MIN) return 1;
  *value = negative ? sum : -sum;
  return 0;
}

int value_parse_double(struct slice text, double *value) {
  size_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
  size_t whole = skip_digits(text, at), n_digits = whole - at;
  at = whole;
  if (at < text.len && text.data[at] == '.') {
    at = skip_digits(text, whole + 1);
    n_digits += at - whole - 1;
  }
  if (n_digits == 0) return -1;
  if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
    at++;
    if (at < text.len && (text.data[at] == '-' || text.data[at] == '+')) at++;
    if (at == text.len || !digit(text.data[at])) return -1;
    at = skip_digits(text, at);
  }
  if (at < text.len || text.len > NUMBER_BYTES_MAX) return -1;
  char copy[NUMBER_BYTES_MAX + 1];
  memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  *value = strtod(copy, NULL);
  return isfinite(*value) ? 0 : -1;
}

int value_parse_bool(struct slice text, bool *value) {
  static const struct {
    const char *text[3];
    bool value;
  } words[] = {
      {{"true", "True", "TRUE"}, true}, {{"yes", "Yes", "YES"}, true},
      {{"on", "On", "ON"}, true},       {{"false", "False", "FALSE"}, false},
      {{"no", "No", "NO"}, false},      {{"off", "Off", "OFF"}, false},
  };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    for (size_t k = 0; k < 3; k++)
      if (slice_is(text, words[i].text[k])) {
        *value = words[i].value;
        return 0;
      }
  return -1;
}

int value_parse_duration(struct slice text, int64_t *us) {
  return time_parse_duration(text, us);
}

void value_put_duration(struct buf *out, int64_t us) {
  time_put_duration(out, us);
}

static const struct {
  const char *name;
  uint64_t bytes;
} size_units[] = {
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"G", UINT64_C(1) << 30},
    {"M", UINT64_C(1) << 20},
    {"K", UINT64_C(1) << 10},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"KB", 1000},
    {"TiB", UINT64_C(1) << 40},
    {"T", UINT64_C(1) << 40},
    {"TB", 1000000000000},
    {"kB", 1000},
    {"B", 1},
    {"", 1},
};

/* Digits, at most one point, an optional blank, a unit. "1.5GiB" is exact in integers: the fraction
 * is carried as parts of a power of ten. */
int option_parse_size(struct slice text, uint64_t *bytes) {
  size_t whole = skip_digits(text, 0), at = whole, fraction = 0;
  if (whole == 0) return -1;
  if (at < text.len && text.data[at] == '.') {
    at = skip_digits(text, whole + 1);
    fraction = at - whole - 1;
    if (fraction == 0 || fraction > 6) return -1;
  }
  size_t unit_at = at < text.len && text.data[at] == ' ' ? at + 1 : at;
  struct slice unit = {text.data + unit_at, text.len - unit_at};
  if (unit_at > at && unit.len == 0) return -1;
  uint64_t number = 0, scale = 1;
  for (size_t i = 0; i < at; i++) {
    if (text.data[i] == '.') continue;
    if (__builtin_mul_overflow(number, 10, &number) ||
        __builtin_add_overflow(number, (uint64_t)(text.data[i] - '0'), &number))
      return -1;
    if (i > whole) scale *= 10;
  }
  for (size_t i = 0; i < sizeof size_units / sizeof *size_units; i++) {
    if (!slice_is(unit, size_units[i].name)) continue;
    uint64_t total;
    if (__builtin_mul_overflow(number, size_units[i].bytes, &total) || total % scale != 0)
      return -1;
    *bytes = total / scale;
    return 0;
  }
  return -1;
}

void option_put_size(struct buf *out, uint64_t bytes) {
  size_t unit = 0;
  while (unit < 3 && (bytes == 0 || bytes % size_units[unit].bytes != 0)) unit++;
  if (unit < 3) {
    buf_printf(out, "%llu%s", (unsigned long long)(bytes / size_units[unit].bytes),
               size_units[unit].name);
  } else {
    buf_printf(out, "%llu", (unsigned long long)bytes);
  }
}

struct slice value_shown(struct slice text) {
  size_t len = 0;
  while (len < text.len && len < SHOWN_BYTES) len += place_char_len(text, len);
  return (struct slice){text.data, len};
}
