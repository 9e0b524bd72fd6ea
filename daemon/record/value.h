/* value: one cell of a batch: 16 bytes that own nothing.
 *
 * Text, JSON and number text point into the block the record was read from or into an arena of the
 * same lifetime. Integers stay exact over 2^53; a JSON integer beyond int64 is kept as its text
 * (VALUE_NUMBER). */
#ifndef TIDEMARK_RECORD_VALUE_H
#define TIDEMARK_RECORD_VALUE_H

#include "daemon/base/arena.h"
#include "daemon/base/buf.h"
#include "daemon/base/slice.h"
#include "daemon/record/number.h"

#include <stdbool.h>
#include <stdint.h>

enum value_type {
  VALUE_NULL, /* SQL NULL; also a missing field and JSON null */
  VALUE_BOOL,
  VALUE_INT,       /* int64 */
  VALUE_DOUBLE,    /* finite; JSON has no other */
  VALUE_TEXT,      /* UTF-8 */
  VALUE_TIMESTAMP, /* int64 microseconds since 1970-01-01 UTC */
  VALUE_INTERVAL,  /* int64 microseconds */
  VALUE_JSON,      /* text of a JSON array or object, as it came */
  VALUE_NUMBER,    /* text of a JSON integer beyond int64, as it came */
  VALUE_TYPES,
  VALUE_ANY = VALUE_TYPES, /* only as the static type of an expression or field: not known */
};

enum value_flags {
  /* VALUE_TEXT: the bytes need no escaping inside a JSON string (as in raw JSON without '\'). */
  VALUE_CLEAN = 1,
};

struct value {
  uint8_t type; /* enum value_type */
  uint8_t flags;
  uint32_t len; /* of data */
  union {
    bool boolean;
    int64_t integer; /* INT, TIMESTAMP, INTERVAL */
    double number;
    const char *data; /* TEXT, JSON, NUMBER */
  };
};

static inline struct value value_null(void) {
  return (struct value){.type = VALUE_NULL};
}
static inline struct value value_bool(bool b) {
  return (struct value){.type = VALUE_BOOL, .boolean = b};
}
static inline struct value value_int(int64_t i) {
  return (struct value){.type = VALUE_INT, .integer = i};
}
static inline struct value value_double(double d) {
  return (struct value){.type = VALUE_DOUBLE, .number = d};
}
static inline struct value value_timestamp(int64_t us) {
  return (struct value){.type = VALUE_TIMESTAMP, .integer = us};
}
static inline struct value value_interval(int64_t us) {
  return (struct value){.type = VALUE_INTERVAL, .integer = us};
}
/* len < 4 GiB; the caller keeps the bytes alive. */
static inline struct value value_text(const char *data, size_t len) {
  return (struct value){.type = VALUE_TEXT, .len = (uint32_t)len, .data = data};
}
static inline struct slice value_slice(const struct value *v) {
  return (struct slice){v->data, v->len};
}

/* "null", "boolean", "integer", "double", "text", "timestamp", "interval", "json", "number", "any".
 */
const char *value_type_name(enum value_type type);

/* Appends the value as JSON: timestamps as RFC 3339 text in UTC with as many fraction digits as
 * needed of 0, 3 or 6 ("2026-01-31T23:59:59Z"), intervals as ISO 8601 durations in text ("PT5M"),
 * doubles in the shortest form that reads back the same, JSON and NUMBER as they came. */
void value_put_json(struct buf *buf, const struct value *v);
/* Appends a JSON string, quotes included, escaping what must be ('"', '\', below 0x20). */
void value_put_json_string(struct buf *buf, struct slice text);
/* Appends the value as text: as a cast to text gives it (strings without quotes; NULL nothing). */
void value_put_text(struct buf *buf, const struct value *v);

/* Key encoding: equal values (SQL: 1 = 1.0, NULL groups with NULL) give equal bytes, others others.
 * A value's bytes are self-delimiting, so keys of several values may be joined. */
void value_put_key(struct buf *buf, const struct value *v);
/* Reads one back, advancing *at; text points into the key. -1: not a key. Numbers come back as
 * VALUE_INT when they are integral and fit, else VALUE_DOUBLE. */
int value_get_key(struct slice key, size_t *at, struct value *v);

/* Order as `order by ... nulls last` has it, for values of like types (int and double mix; text
 * bytewise; false < true). Unlike types: order of enum value_type, so that sorting is total. */
int value_compare(const struct value *a, const struct value *b);

/* A copy whose bytes are in the arena. */
struct value value_copy(struct arena *arena, const struct value *v);

/* Exact storage (state, snapshots): every type and flag comes back as it was. */
void value_put_binary(struct buf *buf, const struct value *v);
int value_get_binary(struct slice bytes, size_t *at, struct value *v); /* data points into bytes */

#endif
