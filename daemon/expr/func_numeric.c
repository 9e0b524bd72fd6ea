/* func_numeric: mathematics. Integers stay integers where the result is one, and what does not fit
 * is an error, never a wrapped number. There is no other kind of decimals than doubles:
 *
 *   round(x)     to the nearest whole number, halves to the even one, as PostgreSQL's double
 *   round(x, n)  halves away from zero, as PostgreSQL's numeric, and of the number as people
 *                write it: round(2.675, 2) is 2.68 although the double is a little less
 *
 * NaN and infinities never come out: values are finite (value.h). */
#include "daemon/expr/func_call.h"

#include "daemon/record/number.h"

#include <math.h>

static const char code_range[] = "expr.range";
static const char integer_text[] = "integer out of range";
static const char double_text[] = "number out of range";

static int set_double(struct func_call *call, double number, struct value *result) {
  if (!isfinite(number)) return func_fail(call, code_range, double_text);
  *result = value_double(number);
  return 0;
}

static int call_abs(struct func_call *call, const struct value *args, size_t n_args,
                    struct value *result) {
  (void)n_args;
  double number;
  if (args[0].type == VALUE_INT) {
    if (args[0].integer == INT64_MIN) return func_fail(call, code_range, integer_text);
    *result = value_int(args[0].integer < 0 ? -args[0].integer : args[0].integer);
    return 0;
  }
  if (!func_number(&args[0], &number)) return func_fail_type(call, "abs", &args[0]);
  return set_double(call, fabs(number), result);
}

static int call_sign(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  (void)n_args;
  double number;
  if (!func_number(&args[0], &number)) return func_fail_type(call, "sign", &args[0]);
  int sign = (number > 0) - (number < 0);
  *result = args[0].type == VALUE_INT ? value_int(sign) : value_double(sign);
  return 0;
}

/* Whole numbers by a function of the C library. */
static int whole(struct func_call *call, const char *name, double (*function)(double),
                 const struct value *arg, struct value *result) {
  double number;
  if (arg->type == VALUE_INT) {
    *result = *arg;
    return 0;
  }
  if (!func_number(arg, &number)) return func_fail_type(call, name, arg);
  return set_double(call, function(number), result);
}

static int call_floor(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)n_args;
  return whole(call, "floor", floor, &args[0], result);
}

static int call_ceil(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  (void)n_args;
  return whole(call, "ceil", ceil, &args[0], result);
}

/* An integer to a multiple of 10^n_zeros. */
static int round_integer(struct func_call *call, int64_t number, int64_t n_zeros, bool nearest,
                         struct value *result) {
  if (n_zeros > 19) {
    *result = value_int(0);
    return 0;
  }
  uint64_t unit = 1, amount = number < 0 ? -(uint64_t)number : (uint64_t)number;
  for (int64_t i = 0; i < n_zeros; i++) unit *= 10; /* 10^19 fits */
  uint64_t rest = amount % unit;
  amount -= rest;
  if (nearest && rest >= unit - rest && __builtin_add_overflow(amount, unit, &amount))
    return func_fail(call, code_range, integer_text);
  if (amount > (uint64_t)INT64_MAX + (number < 0)) return func_fail(call, code_range, integer_text);
  *result = value_int((int64_t)(number < 0 ? -amount : amount));
  return 0;
}

/* The decimal digits of a double: 0.digits * 10^point. */
struct digits {
  bool negative;
  int n, point;
  char digits[40];
};

static void read_digits(double number, struct digits *d) {
  char text[32];
  size_t len = number_put_double(text, number);
  bool behind_point = false;
  *d = (struct digits){0};
  for (size_t i = 0; i < len; i++) {
    char c = text[i];
    if (c == '-') {
      d->negative = true;
    } else if (c == '.') {
      behind_point = true;
    } else if (c == 'e') {
      int exponent = 0;
      bool negative = i + 1 < len && text[i + 1] == '-';
      for (i++; i < len; i++)
        if (text[i] >= '0' && text[i] <= '9') exponent = exponent * 10 + (text[i] - '0');
      d->point += negative ? -exponent : exponent;
    } else {
      if (!behind_point && (d->n > 0 || c != '0')) d->point++;
      if (behind_point && d->n == 0 && c == '0')
        d->point--;
      else if (d->n > 0 || c != '0')
        d->digits[d->n++] = (char)(c - '0');
    }
  }
}

/* A double to n places behind the point (before it when negative). */
static int round_double(struct func_call *call, double number, int64_t n, bool nearest,
                        struct value *result) {
  struct digits d;
  read_digits(number, &d);
  if (n >= d.n - d.point) { /* it has no more places than that */
    *result = value_double(number);
    return 0;
  }
  int64_t keep = d.point + n;
  char text[64], *to = text;
  if (keep < 0) {
    *result = value_double(0);
    return 0;
  }
  bool up = nearest && d.digits[keep] >= 5;
  char *first = to;
  *to++ = '0'; /* room for a carry */
  for (int64_t i = 0; i < keep; i++) *to++ = (char)('0' + d.digits[i]);
  if (up) {
    char *p = to - 1;
    while (p > first && *p == '9') *p-- = '0';
    ++*p;
  }
  *to++ = 'e';
  to += number_put_int(to, -n);
  double rounded;
  if (number_parse_double(first, (size_t)(to - first), &rounded) != NUMBER_OK)
    return func_fail(call, code_range, double_text);
  return set_double(call, d.negative && rounded != 0 ? -rounded : rounded, result);
}

static int round_places(struct func_call *call, const char *name, const struct value *args,
                        bool nearest, struct value *result) {
  int64_t n = args[1].integer;
  double number;
  if (args[0].type == VALUE_INT && n >= 0) {
    *result = args[0];
    return 0;
  }
  if (args[0].type == VALUE_INT)
    return round_integer(call, args[0].integer, n == INT64_MIN ? INT64_MAX : -n, nearest, result);
  if (!func_number(&args[0], &number)) return func_fail_type(call, name, &args[0]);
  if (n < -400) n = -400;
  return round_double(call, number, n, nearest, result);
}

static int call_round(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  if (n_args == 2) return round_places(call, "round", args, true, result);
  return whole(call, "round", rint, &args[0], result);
}

static int call_trunc(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  if (n_args == 2) return round_places(call, "trunc", args, false, result);
  return whole(call, "trunc", trunc, &args[0], result);
}

static int call_mod(struct func_call *call, const struct value *args, size_t n_args,
                    struct value *result) {
  (void)n_args;
  double a, b;
  if (!func_number(&args[0], &a)) return func_fail_type(call, "mod", &args[0]);
  if (!func_number(&args[1], &b)) return func_fail_type(call, "mod", &args[1]);
  if (b == 0) return func_fail(call, "expr.division_by_zero", "division by zero");
  if (args[0].type == VALUE_INT && args[1].type == VALUE_INT) {
    /* INT64_MIN % -1 traps in C. */
    *result = value_int(args[1].integer == -1 ? 0 : args[0].integer % args[1].integer);
    return 0;
  }
  return set_double(call, fmod(a, b), result);
}

static int call_power(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)n_args;
  double base = args[0].number, exponent = args[1].number;
  if (base == 0 && exponent < 0)
    return func_fail(call, code_range, "zero raised to a negative power is undefined");
  if (base < 0 && floor(exponent) != exponent)
    return func_fail(call, code_range,
                     "a negative number raised to a power that is not whole is undefined");
  double number = pow(base, exponent);
  if (number == 0 && base != 0)
    return func_fail(call, code_range, "number out of range: too close to zero");
  return set_double(call, number, result);
}

static int call_sqrt(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  (void)n_args;
  if (args[0].number < 0)
    return func_fail(call, code_range, "a negative number has no square root");
  return set_double(call, sqrt(args[0].number), result);
}

static int logarithm(struct func_call *call, double (*function)(double), double number,
                     struct value *result) {
  if (number == 0) return func_fail(call, code_range, "zero has no logarithm");
  if (number < 0) return func_fail(call, code_range, "a negative number has no logarithm");
  return set_double(call, function(number), result);
}

static int call_ln(struct func_call *call, const struct value *args, size_t n_args,
                   struct value *result) {
  (void)n_args;
  return logarithm(call, log, args[0].number, result);
}

static int call_log10(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  (void)n_args;
  return logarithm(call, log10, args[0].number, result);
}

static int call_exp(struct func_call *call, const struct value *args, size_t n_args,
                    struct value *result) {
  (void)n_args;
  double number = exp(args[0].number);
  if (number == 0) return func_fail(call, code_range, "number out of range: too close to zero");
  return set_double(call, number, result);
}

static bool is_number(const struct value *v) {
  return v->type == VALUE_INT || v->type == VALUE_DOUBLE || v->type == VALUE_NUMBER;
}

/* The value that comes last (sign 1) or first (-1) in order; of equal ones the first given. */
static int extreme(struct func_call *call, const struct value *args, size_t n_args, int sign,
                   struct value *result) {
  const struct value *best = NULL;
  for (size_t i = 0; i < n_args; i++) {
    const struct value *v = &args[i];
    if (v->type == VALUE_NULL) continue;
    if (best != NULL && v->type != best->type && !(is_number(v) && is_number(best)))
      return func_fail(call, "expr.type",
                       arena_printf(call->arena, "cannot compare %s with %s",
                                    value_type_name(best->type), value_type_name(v->type)));
    int order = best == NULL ? sign : value_compare(v, best);
    if (order != 0 && (order > 0) == (sign > 0)) best = v;
  }
  *result = best == NULL ? value_null() : *best;
  return 0;
}

static int call_greatest(struct func_call *call, const struct value *args, size_t n_args,
                         struct value *result) {
  return extreme(call, args, n_args, 1, result);
}

static int call_least(struct func_call *call, const struct value *args, size_t n_args,
                      struct value *result) {
  return extreme(call, args, n_args, -1, result);
}

#define ANY VALUE_ANY
#define INT VALUE_INT
#define DOUBLE VALUE_DOUBLE

const struct func func_numeric_table[] = {
    {.name = "abs",
     .group = "numeric",
     .signature = "abs(number) -> number",
     .text = "without its sign",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {ANY},
     .result_type = ANY,
     .call = call_abs},
    {.name = "sign",
     .group = "numeric",
     .signature = "sign(number) -> number",
     .text = "-1, 0 or 1",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {ANY},
     .result_type = ANY,
     .call = call_sign},
    {.name = "round",
     .group = "numeric",
     .signature = "round(number [, places integer]) -> number",
     .text =
         "to the nearest whole number (halves to even), or to decimal places (halves away from 0)",
     .min_args = 1,
     .max_args = 2,
     .arg_types = {ANY, INT},
     .result_type = ANY,
     .call = call_round},
    {.name = "trunc",
     .group = "numeric",
     .signature = "trunc(number [, places integer]) -> number",
     .text = "with the places behind the point, or behind so many decimal places, cut off",
     .min_args = 1,
     .max_args = 2,
     .arg_types = {ANY, INT},
     .result_type = ANY,
     .call = call_trunc},
    {.name = "floor",
     .group = "numeric",
     .signature = "floor(number) -> number",
     .text = "the largest whole number that is not greater",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {ANY},
     .result_type = ANY,
     .call = call_floor},
    {.name = "ceil",
     .group = "numeric",
     .signature = "ceil(number) -> number",
     .text = "the smallest whole number that is not less",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {ANY},
     .result_type = ANY,
     .call = call_ceil},
    {.name = "ceiling",
     .group = "numeric",
     .signature = "ceiling(number) -> number",
     .text = "the same as ceil",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {ANY},
     .result_type = ANY,
     .call = call_ceil},
    {.name = "mod",
     .group = "numeric",
     .signature = "mod(number, by number) -> number",
     .text = "the rest of a division, with the sign of the first number",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {ANY, ANY},
     .result_type = ANY,
     .call = call_mod},
    {.name = "power",
     .group = "numeric",
     .signature = "power(base double, exponent double) -> double",
     .text = "the base raised to a power",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {DOUBLE, DOUBLE},
     .result_type = DOUBLE,
     .call = call_power},
    {.name = "sqrt",
     .group = "numeric",
     .signature = "sqrt(double) -> double",
     .text = "the square root",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {DOUBLE},
     .result_type = DOUBLE,
     .call = call_sqrt},
    {.name = "ln",
     .group = "numeric",
     .signature = "ln(double) -> double",
     .text = "the natural logarithm",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {DOUBLE},
     .result_type = DOUBLE,
     .call = call_ln},
    {.name = "log10",
     .group = "numeric",
     .signature = "log10(double) -> double",
     .text = "the logarithm to base 10",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {DOUBLE},
     .result_type = DOUBLE,
     .call = call_log10},
    {.name = "exp",
     .group = "numeric",
     .signature = "exp(double) -> double",
     .text = "e raised to a power",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {DOUBLE},
     .result_type = DOUBLE,
     .call = call_exp},
    {.name = "greatest",
     .group = "numeric",
     .signature = "greatest(any, ...) -> any",
     .text = "the greatest of values of one type; NULLs are left out",
     .min_args = 1,
     .max_args = FUNC_VARIADIC,
     .arg_types = {ANY},
     .result_type = ANY,
     .null_in = true,
     .call = call_greatest},
    {.name = "least",
     .group = "numeric",
     .signature = "least(any, ...) -> any",
     .text = "the least of values of one type; NULLs are left out",
     .min_args = 1,
     .max_args = FUNC_VARIADIC,
     .arg_types = {ANY},
     .result_type = ANY,
     .null_in = true,
     .call = call_least},
    {.name = NULL},
};
