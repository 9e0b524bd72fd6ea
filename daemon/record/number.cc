/* number: text of numbers, by the shortest-digits conversions of the C++ library, which are exact,
 * quick and do not look at the locale. The style of doubles is PostgreSQL's (digits from 1e-4 up to
 * 1e15, an exponent outside), with ".0" behind whole ones so that they read back as doubles. */
#include "daemon/record/number.h"

#include <charconv>
#include <cmath>

extern "C" size_t number_put_double(char *to, double d) {
  double size = std::fabs(d);
  if (size >= 1e15 || (size < 1e-4 && size != 0))
    return (size_t)(std::to_chars(to, to + 32, d, std::chars_format::scientific).ptr - to);
  char *end = std::to_chars(to, to + 30, d, std::chars_format::fixed).ptr;
  if (size == std::trunc(size)) {
    *end++ = '.';
    *end++ = '0';
  }
  return (size_t)(end - to);
}

extern "C" size_t number_put_int(char *to, int64_t i) {
  return (size_t)(std::to_chars(to, to + 32, i).ptr - to);
}

/* The decimal exponent of the first digit that is not 0; tells too large from too small. */
static bool is_large(const char *at, const char *end) {
  long point = 0, exponent = 0;
  bool seen = false, fraction = false;
  for (; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') {
      fraction = true;
    } else if (*at >= '0' && *at <= '9') {
      if (*at != '0') seen = true;
      if (seen && !fraction) point++;
      if (!seen && fraction) point--;
    }
  }
  if (at < end) {
    at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    for (; at < end && exponent < 1000000000; at++) exponent = exponent * 10 + (*at - '0');
    if (negative) exponent = -exponent;
  }
  return seen && point + exponent > 0;
}

extern "C" enum number_result number_parse_double(const char *data, size_t len, double *d) {
  double result = 0;
  std::from_chars_result read = std::from_chars(data, data + len, result);
  if (read.ec == std::errc::invalid_argument || read.ptr != data + len) return NUMBER_NOT;
  if (read.ec == std::errc::result_out_of_range) {
    if (is_large(data, data + len)) return NUMBER_RANGE;
    result = len > 0 && data[0] == '-' ? -0.0 : 0.0;
  }
  if (!std::isfinite(result)) return NUMBER_RANGE;
  *d = result;
  return NUMBER_OK;
}
