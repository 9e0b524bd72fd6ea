/* json_number: a JSON number as a value. One pass checks the grammar and gathers the digits; what
 * is not certain to be exact that way goes to number_parse_double(). */
#include "daemon/record/json_scalar.h"

#include <float.h>

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* A JSON number's parts. The digits are also gathered as one integer, exact while there are at most
 * 19 of them. */
struct number_scan {
  uint64_t digits;    /* of integer and fraction together */
  ptrdiff_t n_digits; /* leading zeros counted */
  ptrdiff_t fraction; /* of them behind the point */
  bool negative, integral, exponent;
};

static inline const char *scan_digits(const char *at, const char *end, uint64_t *digits) {
  uint64_t sum = *digits;
  for (; at < end && is_digit(*at); at++) sum = sum * 10 + (uint64_t)(*at - '0');
  *digits = sum;
  return at;
}

static bool scan_number(const char *at, const char *end, struct number_scan *scan) {
  *scan = (struct number_scan){.integral = true};
  if (at < end && *at == '-') {
    scan->negative = true;
    at++;
  }
  const char *first = at;
  at = scan_digits(at, end, &scan->digits);
  scan->n_digits = at - first;
  if (at == first || (*first == '0' && at - first > 1)) return false;
  if (at == end) return true;
  scan->integral = false;
  if (*at == '.') {
    first = ++at;
    at = scan_digits(at, end, &scan->digits);
    if (at == first) return false;
    scan->fraction = at - first;
    scan->n_digits += scan->fraction;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    uint64_t ignored = 0;
    scan->exponent = true;
    at++;
    if (at < end && (*at == '-' || *at == '+')) at++;
    first = at;
    at = scan_digits(at, end, &ignored);
    if (at == first) return false;
  }
  return at == end;
}

enum number_result json_number(struct slice text, struct value *value) {
  struct number_scan scan;
  if (!scan_number(text.data, text.data + text.len, &scan)) return NUMBER_NOT;
  if (scan.integral) {
    /* 19 digits never overflow 64 bits; the limit of int64 is one further down for negatives. */
    if (scan.n_digits <= 19 && scan.digits <= (uint64_t)INT64_MAX + scan.negative) {
      *value = value_int((int64_t)(scan.negative ? 0 - scan.digits : scan.digits));
    } else {
      *value = value_text(text.data, text.len);
      value->type = VALUE_NUMBER;
    }
    return NUMBER_OK;
  }
  /* Digits and power of ten are both doubles exactly, so one division rounds once (Clinger). */
  static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11};
  if (FLT_EVAL_METHOD == 0 && !scan.exponent && scan.n_digits <= 15 && scan.fraction <= 11) {
    double size = (double)scan.digits / powers[scan.fraction];
    *value = value_double(scan.negative ? -size : size);
    return NUMBER_OK;
  }
  double d;
  enum number_result result = number_parse_double(text.data, text.len, &d);
  if (result == NUMBER_OK) *value = value_double(d);
  return result;
}
