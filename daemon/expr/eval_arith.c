/* eval_arith: + - * / % ^ and unary minus.
 *
 * Integers stay integers (division cuts towards zero, as in PostgreSQL) and overflow is an error of
 * the row; an integer with a double is computed in double; a result that is not finite is an error.
 * Timestamps and intervals are added and subtracted, intervals multiplied and divided. */
#include "daemon/expr/eval.h"

#include "daemon/record/time_calendar.h"

#include <math.h>

static const char range_text[] = "integer out of range";
static const char double_text[] = "double out of range";
static const char zero_text[] = "division by zero";
static const char time_text[] = "time or interval out of range";

static enum value_type number_type(char op, enum value_type a, enum value_type b) {
  if (op == '^') return VALUE_DOUBLE;
  return a == VALUE_DOUBLE || b == VALUE_DOUBLE ? VALUE_DOUBLE : VALUE_INT;
}

static bool is_number_or_any(enum value_type type) {
  return type_is_number(type) || type == VALUE_ANY || type == VALUE_NULL;
}

enum value_type arith_type(char op, enum value_type a, enum value_type b, bool *wrong) {
  *wrong = false;
  bool a_open = a == VALUE_ANY || a == VALUE_NULL, b_open = b == VALUE_ANY || b == VALUE_NULL;
  if (type_is_number(a) && type_is_number(b)) return number_type(op, a, b);
  if (a == VALUE_TIMESTAMP && b == VALUE_TIMESTAMP && op == '-') return VALUE_INTERVAL;
  if (a == VALUE_TIMESTAMP && b == VALUE_INTERVAL && (op == '+' || op == '-'))
    return VALUE_TIMESTAMP;
  if (a == VALUE_INTERVAL && b == VALUE_TIMESTAMP && op == '+') return VALUE_TIMESTAMP;
  if (a == VALUE_INTERVAL && b == VALUE_INTERVAL && (op == '+' || op == '-')) return VALUE_INTERVAL;
  if (a == VALUE_INTERVAL && is_number_or_any(b) && (op == '*' || op == '/')) return VALUE_INTERVAL;
  if (is_number_or_any(a) && b == VALUE_INTERVAL && op == '*') return VALUE_INTERVAL;
  if (op == '^' && is_number_or_any(a) && is_number_or_any(b)) return VALUE_DOUBLE;
  bool takes_times = op == '+' || op == '-';
  bool a_time = a == VALUE_TIMESTAMP || a == VALUE_INTERVAL;
  bool b_time = b == VALUE_TIMESTAMP || b == VALUE_INTERVAL;
  bool possible = (a_open && b_open) ||
                  (a_open && (type_is_number(b) || (b_time && takes_times))) ||
                  (b_open && (type_is_number(a) || (a_time && takes_times)));
  *wrong = !possible;
  return VALUE_ANY;
}

/* 0, or -1 with *text: the error is "expr.range" then. */
static int arith_int(char op, int64_t a, int64_t b, struct value *out, const char **text) {
  int64_t result = 0;
  bool overflow = false;
  *text = range_text;
  switch (op) {
  case '+': overflow = __builtin_add_overflow(a, b, &result); break;
  case '-': overflow = __builtin_sub_overflow(a, b, &result); break;
  case '*': overflow = __builtin_mul_overflow(a, b, &result); break;
  default:
    if (b == 0) {
      *text = zero_text;
      return -1;
    }
    overflow = op == '/' && a == INT64_MIN && b == -1;
    if (!overflow) result = op == '/' ? a / b : b == -1 ? 0 : a % b;
  }
  if (overflow) return -1;
  *out = value_int(result);
  return 0;
}

static int arith_power(double a, double b, double *result, const char **text) {
  *text = "zero raised to a negative power is undefined";
  if (a == 0 && b < 0) return -1;
  *text = "a negative number raised to a non-integer power yields a complex result";
  if (a < 0 && b != floor(b)) return -1;
  *text = double_text;
  *result = pow(a, b);
  return 0;
}

static int arith_double(char op, double a, double b, struct value *out, const char **text) {
  double result = 0;
  *text = double_text;
  switch (op) {
  case '+': result = a + b; break;
  case '-': result = a - b; break;
  case '*': result = a * b; break;
  case '^':
    if (arith_power(a, b, &result, text) != 0) return -1;
    break;
  default:
    if (b == 0) {
      *text = zero_text;
      return -1;
    }
    result = op == '/' ? a / b : fmod(a, b);
  }
  if (!isfinite(result)) return -1;
  *out = value_double(result);
  return 0;
}

/* interval * number and interval / number, rounded to whole microseconds. */
static int arith_scale(char op, int64_t us, const struct value *by, struct value *out,
                       const char **text) {
  *text = time_text;
  if (by->type == VALUE_INT && op == '*') {
    int64_t product;
    if (__builtin_mul_overflow(us, by->integer, &product)) return -1;
    *out = value_interval(product);
    return 0;
  }
  double number = by->type == VALUE_INT ? (double)by->integer : by->number;
  if (op == '/' && number == 0) {
    *text = zero_text;
    return -1;
  }
  double result = rint(op == '*' ? (double)us * number : (double)us / number);
  if (!(fabs(result) < 9.2e18)) return -1;
  *out = value_interval((int64_t)result);
  return 0;
}

static int arith_time(char op, const struct value *a, const struct value *b, enum value_type type,
                      struct value *out, const char **text) {
  if (op == '*' || op == '/')
    return a->type == VALUE_INTERVAL ? arith_scale(op, a->integer, b, out, text)
                                     : arith_scale(op, b->integer, a, out, text);
  *text = time_text;
  int64_t result;
  bool overflow = op == '+' ? __builtin_add_overflow(a->integer, b->integer, &result)
                            : __builtin_sub_overflow(a->integer, b->integer, &result);
  if (overflow) return -1;
  if (type == VALUE_TIMESTAMP && (result < TIME_FIRST_US || result > TIME_LAST_US)) return -1;
  *out = type == VALUE_TIMESTAMP ? value_timestamp(result) : value_interval(result);
  return 0;
}

static const char *type_sentence(char op) {
  switch (op) {
  case '+': return "operator + cannot take %s and %s";
  case '-': return "operator - cannot take %s and %s";
  case '*': return "operator * cannot take %s and %s";
  case '/': return "operator / cannot take %s and %s";
  case '%': return "operator %% cannot take %s and %s";
  default: return "operator ^ cannot take %s and %s";
  }
}

/* Everything but two integers or two doubles, and whatever fails. */
static struct value arith_other(struct eval *eval, uint32_t row, char op, const struct value *a,
                                const struct value *b) {
  struct value out = value_null();
  if (a->type == VALUE_NULL || b->type == VALUE_NULL) return out;
  bool wrong;
  enum value_type type = arith_type(op, a->type, b->type, &wrong);
  if (wrong) {
    eval_fail_types(eval, row, type_sentence(op), a->type, b->type);
    return out;
  }
  if (a->type == VALUE_NUMBER || b->type == VALUE_NUMBER) {
    eval_fail(eval, row, "expr.range",
              "an integer beyond 64 bits cannot be computed with; cast it to double");
    return out;
  }
  const char *text = NULL;
  int status;
  if (type == VALUE_INT) {
    status = arith_int(op, a->integer, b->integer, &out, &text);
  } else if (type == VALUE_DOUBLE) {
    status = arith_double(op, a->type == VALUE_INT ? (double)a->integer : a->number,
                          b->type == VALUE_INT ? (double)b->integer : b->number, &out, &text);
  } else {
    status = arith_time(op, a, b, type, &out, &text);
  }
  if (status != 0)
    eval_fail(eval, row, text == zero_text ? "expr.division_by_zero" : "expr.range", text);
  return out;
}

/* The common cases inline; one loop per operator, so that op is a constant in it. */
#define ARITH_LOOP(OP, OVERFLOW, DOUBLE)                                                           \
  for (uint32_t i = 0; i < rows.n; i++) {                                                          \
    uint32_t row = view_row(&rows, i);                                                             \
    const struct value *x = column_at(a, row), *y = column_at(b, row);                             \
    int64_t integer;                                                                               \
    double number;                                                                                 \
    if (x->type == VALUE_INT && y->type == VALUE_INT &&                                            \
        !OVERFLOW(x->integer, y->integer, &integer)) {                                             \
      out[row] = value_int(integer);                                                               \
    } else if (x->type == VALUE_DOUBLE && y->type == VALUE_DOUBLE &&                               \
               isfinite(number = x->number DOUBLE y->number)) {                                    \
      out[row] = value_double(number);                                                             \
    } else {                                                                                       \
      out[row] = arith_other(eval, row, OP, x, y);                                                 \
    }                                                                                              \
  }

static void arith_columns(struct eval *eval, char op, const struct column *a,
                          const struct column *b, struct view rows, struct value *out) {
  if (op == '+') {
    ARITH_LOOP('+', __builtin_add_overflow, +)
  } else if (op == '-') {
    ARITH_LOOP('-', __builtin_sub_overflow, -)
  } else if (op == '*') {
    ARITH_LOOP('*', __builtin_mul_overflow, *)
  } else {
    for (uint32_t i = 0; i < rows.n; i++) {
      uint32_t row = view_row(&rows, i);
      out[row] = arith_other(eval, row, op, column_at(a, row), column_at(b, row));
    }
  }
}

struct column eval_arith(struct eval *eval, const struct node *node, struct view rows) {
  struct column sum = eval_node(eval, node->args[0], rows);
  for (uint32_t i = 1; i < node->n_args; i++) {
    struct column next = eval_node(eval, node->args[i], rows);
    struct value *out = sum.own != NULL ? sum.own : column_new(eval);
    arith_columns(eval, node->steps[i].op, &sum, &next, rows, out);
    sum = column_of(out);
    column_drop(eval, &next);
  }
  return sum;
}

struct column eval_negate(struct eval *eval, const struct node *node, struct view rows) {
  struct column arg = eval_node(eval, node->args[0], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    struct value value = *column_at(&arg, row);
    out[row] = value_null();
    if (value.type == VALUE_DOUBLE) {
      out[row] = value_double(-value.number);
    } else if ((value.type == VALUE_INT || value.type == VALUE_INTERVAL)) {
      if (value.integer == INT64_MIN) {
        eval_fail(eval, row, "expr.range", value.type == VALUE_INT ? range_text : time_text);
        continue;
      }
      value.integer = -value.integer;
      out[row] = value;
    } else if (value.type == VALUE_NUMBER) {
      eval_fail(eval, row, "expr.range",
                "an integer beyond 64 bits cannot be computed with; cast it to double");
    } else if (value.type != VALUE_NULL) {
      eval_fail_types(eval, row, "operator - cannot take %s", value.type, VALUE_NULL);
    }
  }
  column_drop(eval, &arg);
  return column_of(out);
}
