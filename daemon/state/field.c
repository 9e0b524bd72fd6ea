/* field: the little-endian fields of snapshot.h. */
#include "daemon/state/snapshot.h"

void field_put_u32(struct buf *buf, uint32_t v) {
  unsigned char *to = (unsigned char *)buf_reserve(buf, 4);
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(v >> 8 * i);
  buf->len += 4;
}

void field_put_u64(struct buf *buf, uint64_t v) {
  unsigned char *to = (unsigned char *)buf_reserve(buf, 8);
  for (int i = 0; i < 8; i++) to[i] = (unsigned char)(v >> 8 * i);
  buf->len += 8;
}

void field_put_i64(struct buf *buf, int64_t v) {
  field_put_u64(buf, (uint64_t)v);
}

void field_put_bytes(struct buf *buf, struct slice bytes) {
  field_put_u32(buf, (uint32_t)bytes.len);
  buf_put_slice(buf, bytes);
}

int field_get_u32(struct slice body, size_t *at, uint32_t *v) {
  if (body.len - *at < 4) return -1;
  const unsigned char *from = (const unsigned char *)body.data + *at;
  *v = 0;
  for (int i = 0; i < 4; i++) *v |= (uint32_t)from[i] << 8 * i;
  *at += 4;
  return 0;
}

int field_get_u64(struct slice body, size_t *at, uint64_t *v) {
  if (body.len - *at < 8) return -1;
  const unsigned char *from = (const unsigned char *)body.data + *at;
  *v = 0;
  for (int i = 0; i < 8; i++) *v |= (uint64_t)from[i] << 8 * i;
  *at += 8;
  return 0;
}

int field_get_i64(struct slice body, size_t *at, int64_t *v) {
  uint64_t bits;
  if (field_get_u64(body, at, &bits) != 0) return -1;
  *v = (int64_t)bits;
  return 0;
}

int field_get_bytes(struct slice body, size_t *at, struct slice *bytes) {
  size_t after = *at;
  uint32_t len;
  if (field_get_u32(body, &after, &len) != 0 || body.len - after < len) return -1;
  *bytes = (struct slice){body.data + after, len};
  *at = after + len;
  return 0;
}
