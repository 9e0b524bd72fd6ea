/* time_zone_file: reads TZif files (RFC 8536).
 *
 * A file holds a block with 32-bit times and, from version 2 on, one with 64-bit times and a footer
 * with the rule for the years behind it. The last block is the one read. The bytes are not trusted:
 * every count is checked against the size of the file. */
#include "daemon/record/time_zone.h"

#include "daemon/base/mem.h"

#define HEADER_BYTES 44

static int64_t big_endian(const char *p, size_t bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < bytes; i++) number = number << 8 | (unsigned char)p[i];
  return bytes == 4 ? (int32_t)(uint32_t)number : (int64_t)number;
}

struct header {
  uint64_t n_utc, n_standard, n_leap, n_times, n_types, n_chars;
  uint64_t body_bytes;
};

static int read_header(struct slice bytes, size_t at, size_t time_bytes, struct header *h) {
  if (bytes.len < at || bytes.len - at < HEADER_BYTES) return -1;
  const char *p = bytes.data + at;
  if (memcmp(p, "TZif", 4) != 0) return -1;
  uint64_t counts[6];
  for (size_t i = 0; i < 6; i++) counts[i] = (uint32_t)big_endian(p + 20 + 4 * i, 4);
  *h = (struct header){counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], 0};
  h->body_bytes = h->n_times * (time_bytes + 1) + h->n_types * 6 + h->n_chars +
                  h->n_leap * (time_bytes + 4) + h->n_standard + h->n_utc;
  return bytes.len - at - HEADER_BYTES < h->body_bytes ? -1 : 0;
}

int time_zone_read_file(struct time_zone *zone, struct slice bytes, struct err *err) {
  struct header h;
  size_t at = 0, time_bytes = 4;
  if (read_header(bytes, 0, 4, &h) < 0) return err_set(err, ERR_CORRUPT, "not a TZif file");
  bool has_footer = bytes.data[4] >= '2';
  if (has_footer) {
    at = HEADER_BYTES + (size_t)h.body_bytes;
    time_bytes = 8;
    if (read_header(bytes, at, 8, &h) < 0)
      return err_set(err, ERR_CORRUPT, "a TZif file without its second part");
  }
  /* With leap seconds counted ("right/..."), times are not those of POSIX. */
  if (h.n_leap != 0) return err_set(err, ERR_CONFIG, "the zone counts leap seconds");
  if (h.n_types == 0) return err_set(err, ERR_CORRUPT, "a TZif file without types");

  const char *times = bytes.data + at + HEADER_BYTES;
  const char *indexes = times + h.n_times * time_bytes;
  const char *types = indexes + h.n_times;
  for (uint64_t i = 0; i < h.n_types; i++) {
    int64_t offset_s = big_endian(types + i * 6, 4);
    if (offset_s <= -86400 || offset_s >= 86400)
      return err_set(err, ERR_CORRUPT, "a TZif file with an offset of a day");
  }
  zone->first_offset_s = (int32_t)big_endian(types, 4);
  int64_t last_s = INT64_MIN;
  for (uint64_t i = 0; i < h.n_times; i++) {
    int64_t at_s = big_endian(times + i * time_bytes, time_bytes);
    uint8_t type = (uint8_t)indexes[i];
    if (type >= h.n_types || (i > 0 && at_s <= last_s))
      return err_set(err, ERR_CORRUPT, "a TZif file with times out of order");
    last_s = at_s;
    time_zone_add_change(zone, at_s, (int32_t)big_endian(types + type * 6, 4));
  }
  if (has_footer) {
    const char *p = bytes.data + at + HEADER_BYTES + h.body_bytes, *end = bytes.data + bytes.len;
    const char *newline = p < end ? memchr(p + 1, '\n', (size_t)(end - p - 1)) : NULL;
    if (newline == NULL || *p != '\n')
      return err_set(err, ERR_CORRUPT, "a TZif file without its last line");
    struct slice rule = {p + 1, (size_t)(newline - p - 1)};
    if (rule.len > 0 && time_zone_add_rule(zone, rule) < 0)
      return err_set(err, ERR_CORRUPT, "a TZif file with the unknown rule %.*s", SLICE_ARG(rule));
  }
  return 0;
}
