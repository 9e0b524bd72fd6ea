/* value: see value.h. The JSON text of a value is in value_json.c, its key and binary forms are in
 * value_key.c. */
#include "daemon/record/value.h"

#include "daemon/record/time.h"

#include <stdio.h>
#include <stdlib.h>

const char *value_type_name(enum value_type type) {
  static const char *const names[] = {
      [VALUE_NULL] = "null",         [VALUE_BOOL] = "boolean", [VALUE_INT] = "integer",
      [VALUE_DOUBLE] = "double",     [VALUE_TEXT] = "text",    [VALUE_TIMESTAMP] = "timestamp",
      [VALUE_INTERVAL] = "interval", [VALUE_JSON] = "json",    [VALUE_NUMBER] = "number",
      [VALUE_ANY] = "any",
  };
  if ((size_t)type >= sizeof names / sizeof *names) abort();
  return names[type];
}

struct value value_copy(struct arena *arena, const struct value *v) {
  struct value copy = *v;
  if (v->type == VALUE_TEXT || v->type == VALUE_JSON || v->type == VALUE_NUMBER)
    copy.data = arena_dup(arena, v->data, v->len);
  return copy;
}

static int order_of(int64_t a, int64_t b) {
  return (a > b) - (a < b);
}

/* Exact: the double is not rounded to an integer, nor the integer to a double. */
static int compare_int_double(int64_t i, double d) {
  if (d >= 0x1p63) return -1;
  if (d < -0x1p63) return 1;
  int64_t whole = (int64_t)d;
  if (i != whole) return order_of(i, whole);
  double rest = d - (double)whole;
  return (rest < 0) - (rest > 0);
}

/* Of JSON integers as text: no leading zeros, so a longer one is further from 0. */
static int compare_digits(struct slice a, struct slice b) {
  bool a_negative = a.len > 0 && a.data[0] == '-', b_negative = b.len > 0 && b.data[0] == '-';
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  int order = a.len != b.len ? (a.len > b.len) - (a.len < b.len) : slice_compare(a, b);
  return a_negative ? -order : order;
}

static bool is_numeric(uint8_t type) {
  return type == VALUE_INT || type == VALUE_DOUBLE || type == VALUE_NUMBER;
}

/* a is VALUE_NUMBER, so further from 0 than every int64. */
static int compare_number(const struct value *a, const struct value *b) {
  bool negative = a->len > 0 && a->data[0] == '-';
  if (b->type == VALUE_NUMBER) return compare_digits(value_slice(a), value_slice(b));
  if (b->type == VALUE_INT || (b->number < 0x1p63 && b->number >= -0x1p63))
    return negative ? -1 : 1;
  char text[400]; /* doubles of that size are whole and have at most 309 digits */
  int len = snprintf(text, sizeof text, "%.0f", b->number);
  return compare_digits(value_slice(a), (struct slice){text, (size_t)len});
}

static int compare_numeric(const struct value *a, const struct value *b) {
  if (a->type == VALUE_NUMBER) return compare_number(a, b);
  if (b->type == VALUE_NUMBER) return -compare_number(b, a);
  if (a->type == VALUE_INT && b->type == VALUE_INT) return order_of(a->integer, b->integer);
  if (a->type == VALUE_INT) return compare_int_double(a->integer, b->number);
  if (b->type == VALUE_INT) return -compare_int_double(b->integer, a->number);
  return (a->number > b->number) - (a->number < b->number);
}

int value_compare(const struct value *a, const struct value *b) {
  if (a->type == VALUE_NULL || b->type == VALUE_NULL)
    return (a->type == VALUE_NULL) - (b->type == VALUE_NULL);
  if (is_numeric(a->type) && is_numeric(b->type)) return compare_numeric(a, b);
  /* All numbers sort where integers do, else the order would not be transitive. */
  int a_rank = is_numeric(a->type) ? VALUE_INT : a->type;
  int b_rank = is_numeric(b->type) ? VALUE_INT : b->type;
  if (a_rank != b_rank) return a_rank < b_rank ? -1 : 1;
  switch (a->type) {
  case VALUE_BOOL: return (int)a->boolean - (int)b->boolean;
  case VALUE_TIMESTAMP:
  case VALUE_INTERVAL: return order_of(a->integer, b->integer);
  default: return slice_compare(value_slice(a), value_slice(b));
  }
}

void value_put_text(struct buf *buf, const struct value *v) {
  switch (v->type) {
  case VALUE_NULL: return;
  case VALUE_BOOL: buf_put_text(buf, v->boolean ? "true" : "false"); return;
  case VALUE_INT: buf->len += number_put_int(buf_reserve(buf, 32), v->integer); return;
  case VALUE_DOUBLE: {
    /* As in PostgreSQL a whole double has no point here. */
    char *to = buf_reserve(buf, 32);
    size_t len = number_put_double(to, v->number);
    if (len > 2 && to[len - 1] == '0' && to[len - 2] == '.') len -= 2;
    buf->len += len;
    return;
  }
  case VALUE_TIMESTAMP: time_put(buf, v->integer); return;
  case VALUE_INTERVAL: time_put_interval_iso(buf, v->integer); return;
  default: buf_put(buf, v->data, v->len); return;
  }
}
