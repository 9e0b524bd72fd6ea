/* count, sum, avg. Integers are added exactly, doubles with Neumaier's compensation ("Rundungs-
 * fehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974), each by itself, so that a
 * sum of both does not depend on how they alternate more than the doubles do. */
#include "transforms/window/aggregate.h"

#include <math.h>

/* No stream has so many records; two such counts can be added. */
#define COUNT_BOUND (INT64_C(1) << 62)

static bool is_count(int64_t n) {
  return n >= 0 && n < COUNT_BOUND;
}

/* ------------------------------------------------------------------ count */

static int count_type(enum value_type argument) {
  (void)argument;
  return VALUE_INT;
}

static void count_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                         int64_t time_us) {
  (void)memory;
  (void)v;
  (void)time_us;
  ++*(int64_t *)acc;
}

static const char *count_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  (void)memory;
  *(int64_t *)acc += *(const int64_t *)other;
  return NULL;
}

static struct value count_final(const void *acc) {
  return value_int(*(const int64_t *)acc);
}

static void count_save(const struct aggregate_memory *memory, const void *acc, struct buf *out) {
  (void)memory;
  field_put_i64(out, *(const int64_t *)acc);
}

static int count_load(struct aggregate_memory *memory, void *acc, struct slice body, size_t *at) {
  (void)memory;
  return field_get_i64(body, at, acc) == 0 && is_count(*(int64_t *)acc) ? 0 : -1;
}

const struct aggregate_kind aggregate_count = {
    .name = "count",
    .star = true,
    .bytes = sizeof(int64_t),
    .result_type = count_type,
    .update = count_update,
    .merge = count_merge,
    .final = count_final,
    .save = count_save,
    .load = count_load,
};

/* ------------------------------------------------------------------ compensated doubles */

struct compensated {
  double sum, lost;
};

static void compensated_add(struct compensated *c, double d) {
  double sum = c->sum + d;
  c->lost += fabs(c->sum) >= fabs(d) ? (c->sum - sum) + d : (d - sum) + c->sum;
  c->sum = sum;
}

static void compensated_save(const struct compensated *c, struct buf *out) {
  struct value sum = value_double(c->sum), lost = value_double(c->lost);
  value_put_binary(out, &sum);
  value_put_binary(out, &lost);
}

static int compensated_load(struct compensated *c, struct slice body, size_t *at) {
  struct value sum, lost;
  if (value_get_binary(body, at, &sum) != 0 || value_get_binary(body, at, &lost) != 0 ||
      sum.type != VALUE_DOUBLE || lost.type != VALUE_DOUBLE)
    return -1;
  *c = (struct compensated){sum.number, lost.number};
  return 0;
}

static const char *number_refuses(const struct value *v) {
  if (v->type == VALUE_INT || v->type == VALUE_DOUBLE) return NULL;
  return v->type == VALUE_NUMBER ? AGGREGATE_OVERFLOW : AGGREGATE_TYPE;
}

static bool is_number_type(enum value_type type) {
  return type == VALUE_INT || type == VALUE_DOUBLE || type == VALUE_ANY || type == VALUE_NULL ||
         type == VALUE_NUMBER;
}

/* ------------------------------------------------------------------ sum */

struct sum {
  int64_t integers;
  struct compensated doubles;
  uint32_t any_integer, any_double;
};

static int sum_type(enum value_type argument) {
  if (!is_number_type(argument)) return AGGREGATE_REFUSES;
  return argument == VALUE_INT || argument == VALUE_DOUBLE ? (int)argument : VALUE_ANY;
}

static const char *sum_conflicts(const void *acc, const struct value *v) {
  const struct sum *sum = acc;
  int64_t result;
  if (v->type == VALUE_INT)
    return __builtin_add_overflow(sum->integers, v->integer, &result) ? AGGREGATE_OVERFLOW : NULL;
  return isfinite(sum->doubles.sum + v->number) ? NULL : AGGREGATE_OVERFLOW;
}

static void sum_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                       int64_t time_us) {
  (void)memory;
  (void)time_us;
  struct sum *sum = acc;
  if (v->type == VALUE_INT) {
    sum->integers += v->integer;
    sum->any_integer = 1;
  } else {
    compensated_add(&sum->doubles, v->number);
    sum->any_double = 1;
  }
}

static const char *sum_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  (void)memory;
  struct sum *sum = acc;
  const struct sum *more = other;
  int64_t integers;
  if (__builtin_add_overflow(sum->integers, more->integers, &integers) ||
      !isfinite(sum->doubles.sum + more->doubles.sum))
    return AGGREGATE_OVERFLOW;
  sum->integers = integers;
  compensated_add(&sum->doubles, more->doubles.sum);
  compensated_add(&sum->doubles, more->doubles.lost);
  sum->any_integer |= more->any_integer;
  sum->any_double |= more->any_double;
  return NULL;
}

/* Doubles may sum up to beyond their range only when the integers join them. */
static struct value double_or_null(double d) {
  return isfinite(d) ? value_double(d) : value_null();
}

static struct value sum_final(const void *acc) {
  const struct sum *sum = acc;
  if (!sum->any_double) return sum->any_integer ? value_int(sum->integers) : value_null();
  struct compensated total = sum->doubles;
  compensated_add(&total, (double)sum->integers);
  return double_or_null(total.sum + total.lost);
}

static void sum_save(const struct aggregate_memory *memory, const void *acc, struct buf *out) {
  (void)memory;
  const struct sum *sum = acc;
  field_put_i64(out, sum->integers);
  compensated_save(&sum->doubles, out);
  field_put_u32(out, sum->any_integer);
  field_put_u32(out, sum->any_double);
}

static int sum_load(struct aggregate_memory *memory, void *acc, struct slice body, size_t *at) {
  (void)memory;
  struct sum *sum = acc;
  if (field_get_i64(body, at, &sum->integers) != 0 ||
      compensated_load(&sum->doubles, body, at) != 0 ||
      field_get_u32(body, at, &sum->any_integer) != 0 ||
      field_get_u32(body, at, &sum->any_double) != 0)
    return -1;
  return 0;
}

const struct aggregate_kind aggregate_sum = {
    .name = "sum",
    .bytes = sizeof(struct sum),
    .result_type = sum_type,
    .refuses = number_refuses,
    .conflicts = sum_conflicts,
    .update = sum_update,
    .merge = sum_merge,
    .final = sum_final,
    .save = sum_save,
    .load = sum_load,
};

/* ------------------------------------------------------------------ avg */

/* The integers' sum has 128 bits: 2^64 of them fit. Two halves, because entries have 8 bytes of
 * alignment. */
struct avg {
  uint64_t low;
  int64_t high;
  struct compensated doubles;
  int64_t n;
};

static __int128 avg_integers(const struct avg *avg) {
  return ((__int128)avg->high * ((__int128)1 << 64)) + (__int128)avg->low;
}

static void avg_set_integers(struct avg *avg, __int128 integers) {
  avg->low = (uint64_t)integers;
  avg->high = (int64_t)(integers >> 64);
}

static int avg_type(enum value_type argument) {
  return is_number_type(argument) ? VALUE_DOUBLE : AGGREGATE_REFUSES;
}

static const char *avg_conflicts(const void *acc, const struct value *v) {
  const struct avg *avg = acc;
  if (v->type == VALUE_INT) return NULL;
  return isfinite(avg->doubles.sum + v->number) ? NULL : AGGREGATE_OVERFLOW;
}

static void avg_update(struct aggregate_memory *memory, void *acc, const struct value *v,
                       int64_t time_us) {
  (void)memory;
  (void)time_us;
  struct avg *avg = acc;
  if (v->type == VALUE_INT) {
    avg_set_integers(avg, avg_integers(avg) + v->integer);
  } else {
    compensated_add(&avg->doubles, v->number);
  }
  avg->n++;
}

static const char *avg_merge(struct aggregate_memory *memory, void *acc, const void *other) {
  (void)memory;
  struct avg *avg = acc;
  const struct avg *more = other;
  if (!isfinite(avg->doubles.sum + more->doubles.sum)) return AGGREGATE_OVERFLOW;
  avg_set_integers(avg, avg_integers(avg) + avg_integers(more));
  compensated_add(&avg->doubles, more->doubles.sum);
  compensated_add(&avg->doubles, more->doubles.lost);
  avg->n += more->n;
  return NULL;
}

static struct value avg_final(const void *acc) {
  const struct avg *avg = acc;
  if (avg->n == 0) return value_null();
  struct compensated total = avg->doubles;
  compensated_add(&total, (double)avg_integers(avg));
  return double_or_null((total.sum + total.lost) / (double)avg->n);
}

static void avg_save(const struct aggregate_memory *memory, const void *acc, struct buf *out) {
  (void)memory;
  const struct avg *avg = acc;
  field_put_u64(out, avg->low);
  field_put_i64(out, avg->high);
  compensated_save(&avg->doubles, out);
  field_put_i64(out, avg->n);
}

static int avg_load(struct aggregate_memory *memory, void *acc, struct slice body, size_t *at) {
  (void)memory;
  struct avg *avg = acc;
  if (field_get_u64(body, at, &avg->low) != 0 || field_get_i64(body, at, &avg->high) != 0 ||
      compensated_load(&avg->doubles, body, at) != 0 || field_get_i64(body, at, &avg->n) != 0)
    return -1;
  /* Each integer adds at most half to the upper half. */
  return is_count(avg->n) && avg->high >= -avg->n && avg->high <= avg->n ? 0 : -1;
}

const struct aggregate_kind aggregate_avg = {
    .name = "avg",
    .bytes = sizeof(struct avg),
    .result_type = avg_type,
    .refuses = number_refuses,
    .conflicts = avg_conflicts,
    .update = avg_update,
    .merge = avg_merge,
    .final = avg_final,
    .save = avg_save,
    .load = avg_load,
};
