/* json_number: a JSON number as a value. One pass checks the grammar and gathers the digits; what
 * is not certain to be exact that way goes to number_parse_double(). */
#include "daemon/record/json_scalar.h"

#include <float.h>

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* A JSON number's parts. The digits are also gathered as one integer, as far as 19 go. */
struct number_scan {
  const char *end;
  uint64_t digits; /* of integer and fraction together, leading zeros not counted */
  int n_digits;    /* how many went into it */
  int fraction;    /* of them behind the point */
  bool negative, integral, exponent;
};

static bool scan_number(const char *at, const char *end, struct number_scan *scan) {
  *scan = (struct number_scan){0};
  scan->integral = true;
  if (at < end && *at == '-') {
    scan->negative = true;
    at++;
  }
  const char *first = at;
  for (; at < end && is_digit(*at); at++) {
    scan->digits = scan->digits * 10 + (uint64_t)(*at - '0');
    if (scan->n_digits > 0 || *at != '0') scan->n_digits++;
  }
  if (at == first || (*first == '0' && at - first > 1)) return false;
  if (at < end && *at == '.') {
    scan->integral = false;
    first = ++at;
    for (; at < end && is_digit(*at); at++) {
      scan->digits = scan->digits * 10 + (uint64_t)(*at - '0');
      if (scan->n_digits > 0 || *at != '0') scan->n_digits++;
    }
    if (at == first) return false;
    scan->fraction = at - first > 1000 ? 1000 : (int)(at - first);
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    scan->integral = false;
    scan->exponent = true;
    at++;
    if (at < end && (*at == '-' || *at == '+')) at++;
    first = at;
    while (at < end && is_digit(*at)) at++;
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
