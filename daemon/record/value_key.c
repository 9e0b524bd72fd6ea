/* value_key: values as bytes, for keys of state and for storage.
 *
 *   key     := tag:u8 payload
 *   'n'     NULL                              'f' 't'  false, true
 *   'i'     int64, little-endian: integers, and doubles and big integers that equal one
 *   'd'     the double's bits, little-endian: what is no int64 but a double
 *   'N'     length, digits: integers that are neither
 *   's'     length, bytes: text               'j'      length, bytes: JSON text
 *   'T'     int64: timestamp                  'I'      int64: interval
 *   length  LEB128
 *
 *   binary  := type:u8 flags:u8 payload, by type as above, nothing converted
 *
 * Both are on disk: what is written here may not change without a new format of the state. */
#include "daemon/record/number.h"
#include "daemon/record/value.h"

#include <math.h>
#include <stdio.h>

static void put_u64(struct buf *buf, uint64_t u) {
  char *to = buf_reserve(buf, 8);
  for (int i = 0; i < 8; i++) to[i] = (char)(u >> (8 * i));
  buf->len += 8;
}

static int get_u64(struct slice bytes, size_t *at, uint64_t *u) {
  if (bytes.len - *at < 8) return -1;
  *u = 0;
  for (int i = 0; i < 8; i++) *u |= (uint64_t)(unsigned char)bytes.data[*at + (size_t)i] << (8 * i);
  *at += 8;
  return 0;
}

static void put_bytes(struct buf *buf, const char *data, uint32_t len) {
  char *to = buf_reserve(buf, (size_t)len + 5), *start = to;
  uint32_t rest = len;
  for (; rest >= 0x80; rest >>= 7) *to++ = (char)(rest | 0x80);
  *to++ = (char)rest;
  if (len > 0) memcpy(to, data, len);
  buf->len += (size_t)(to - start) + len;
}

static int get_bytes(struct slice bytes, size_t *at, struct value *v) {
  uint64_t len = 0;
  for (int shift = 0;; shift += 7) {
    if (*at >= bytes.len || shift > 28) return -1;
    unsigned char c = (unsigned char)bytes.data[(*at)++];
    len |= (uint64_t)(c & 0x7f) << shift;
    if (c < 0x80) break;
  }
  if (len > UINT32_MAX || len > bytes.len - *at) return -1;
  v->len = (uint32_t)len;
  v->data = bytes.data + *at;
  *at += len;
  return 0;
}

static uint64_t double_bits(double d) {
  uint64_t bits;
  memcpy(&bits, &d, 8);
  return bits;
}

static double bits_double(uint64_t bits) {
  double d;
  memcpy(&d, &bits, 8);
  return d;
}

static void put_int_key(struct buf *buf, char tag, int64_t i) {
  buf_put_char(buf, tag);
  put_u64(buf, (uint64_t)i);
}

static void put_double_key(struct buf *buf, double d) {
  if (d >= -0x1p63 && d < 0x1p63 && d == trunc(d)) {
    put_int_key(buf, 'i', (int64_t)d);
  } else {
    buf_put_char(buf, 'd');
    put_u64(buf, double_bits(d));
  }
}

/* A big integer that is exactly a double has the double's key, since the two are equal. */
static void put_number_key(struct buf *buf, const struct value *v) {
  double d;
  char digits[400];
  if (v->len < sizeof digits && number_parse_double(v->data, v->len, &d) == NUMBER_OK) {
    int len = snprintf(digits, sizeof digits, "%.0f", d);
    if (slice_equal(value_slice(v), (struct slice){digits, (size_t)len})) {
      put_double_key(buf, d);
      return;
    }
  }
  buf_put_char(buf, 'N');
  put_bytes(buf, v->data, v->len);
}

void value_put_key(struct buf *buf, const struct value *v) {
  switch ((enum value_type)v->type) {
  case VALUE_NULL: buf_put_char(buf, 'n'); return;
  case VALUE_BOOL: buf_put_char(buf, v->boolean ? 't' : 'f'); return;
  case VALUE_INT: put_int_key(buf, 'i', v->integer); return;
  case VALUE_DOUBLE: put_double_key(buf, v->number); return;
  case VALUE_TIMESTAMP: put_int_key(buf, 'T', v->integer); return;
  case VALUE_INTERVAL: put_int_key(buf, 'I', v->integer); return;
  case VALUE_NUMBER: put_number_key(buf, v); return;
  case VALUE_TEXT:
  case VALUE_JSON:
  case VALUE_ANY: /* not the type of a value */
    buf_put_char(buf, v->type == VALUE_TEXT ? 's' : 'j');
    put_bytes(buf, v->data, v->len);
    return;
  }
}

int value_get_key(struct slice key, size_t *at, struct value *v) {
  uint64_t bits;
  if (*at >= key.len) return -1;
  char tag = key.data[(*at)++];
  switch (tag) {
  case 'n': *v = value_null(); return 0;
  case 'f':
  case 't': *v = value_bool(tag == 't'); return 0;
  case 'i':
  case 'T':
  case 'I':
    if (get_u64(key, at, &bits) != 0) return -1;
    *v = value_int((int64_t)bits);
    if (tag == 'T') v->type = VALUE_TIMESTAMP;
    if (tag == 'I') v->type = VALUE_INTERVAL;
    return 0;
  case 'd':
    if (get_u64(key, at, &bits) != 0 || !isfinite(bits_double(bits))) return -1;
    *v = value_double(bits_double(bits));
    return 0;
  case 's':
  case 'j':
  case 'N':
    *v = value_text(NULL, 0);
    if (tag == 'j') v->type = VALUE_JSON;
    if (tag == 'N') v->type = VALUE_NUMBER;
    return get_bytes(key, at, v);
  default: return -1;
  }
}

void value_put_binary(struct buf *buf, const struct value *v) {
  buf_put_char(buf, (char)v->type);
  buf_put_char(buf, (char)v->flags);
  switch ((enum value_type)v->type) {
  case VALUE_NULL: return;
  case VALUE_BOOL: buf_put_char(buf, v->boolean ? 1 : 0); return;
  case VALUE_INT:
  case VALUE_TIMESTAMP:
  case VALUE_INTERVAL: put_u64(buf, (uint64_t)v->integer); return;
  case VALUE_DOUBLE: put_u64(buf, double_bits(v->number)); return;
  case VALUE_TEXT:
  case VALUE_JSON:
  case VALUE_NUMBER:
  case VALUE_ANY: /* not the type of a value */ put_bytes(buf, v->data, v->len); return;
  }
}

int value_get_binary(struct slice bytes, size_t *at, struct value *v) {
  uint64_t bits;
  if (bytes.len < *at || bytes.len - *at < 2) return -1;
  *v = (struct value){.type = (uint8_t)bytes.data[*at], .flags = (uint8_t)bytes.data[*at + 1]};
  *at += 2;
  switch ((enum value_type)v->type) {
  case VALUE_NULL: return 0;
  case VALUE_BOOL:
    if (*at >= bytes.len || (unsigned char)bytes.data[*at] > 1) return -1;
    v->boolean = bytes.data[(*at)++] == 1;
    return 0;
  case VALUE_INT:
  case VALUE_TIMESTAMP:
  case VALUE_INTERVAL:
    if (get_u64(bytes, at, &bits) != 0) return -1;
    v->integer = (int64_t)bits;
    return 0;
  case VALUE_DOUBLE:
    if (get_u64(bytes, at, &bits) != 0 || !isfinite(bits_double(bits))) return -1;
    v->number = bits_double(bits);
    return 0;
  case VALUE_TEXT:
  case VALUE_JSON:
  case VALUE_NUMBER: return get_bytes(bytes, at, v);
  case VALUE_ANY: return -1;
  }
  return -1;
}
