/* wal_format: from structs to bytes and back, with the rules of validity of wal_format.h and
 * nothing else. Never fails otherwise: any bytes are either valid or not. */
#include "daemon/wal/wal_format.h"

#include "daemon/base/crc32c.h"

#include <string.h>

static const char magic[8] = {'T', 'I', 'D', 'E', 'M', 'W', 'A', 'L'};

static void put_le(unsigned char *to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get_le(const unsigned char *from, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << (8 * i);
  return value;
}

void wal_segment_encode(unsigned char header[WAL_SEGMENT_HEADER_BYTES],
                        const struct wal_segment *segment) {
  memset(header, 0, WAL_SEGMENT_HEADER_BYTES);
  memcpy(header, magic, sizeof magic);
  put_le(header + 8, WAL_VERSION, 4);
  put_le(header + 12, crc32c(0, header, 12), 4);
  put_le(header + 16, segment->log_id, 8);
  put_le(header + 24, segment->seq, 8);
  put_le(header + 32, segment->segment_bytes, 8);
  header[40] = segment->zeroed;
  put_le(header + 60, crc32c(0, header, 60), 4);
}

enum wal_segment_state wal_segment_decode(const unsigned char header[WAL_SEGMENT_HEADER_BYTES],
                                          struct wal_segment *segment, uint32_t *version) {
  if (memcmp(header, magic, sizeof magic) != 0) return WAL_SEGMENT_DAMAGED;
  if (get_le(header + 12, 4) != crc32c(0, header, 12)) return WAL_SEGMENT_DAMAGED;
  *version = (uint32_t)get_le(header + 8, 4);
  if (*version != WAL_VERSION) return WAL_SEGMENT_OTHER_VERSION;
  if (get_le(header + 60, 4) != crc32c(0, header, 60)) return WAL_SEGMENT_DAMAGED;
  segment->log_id = get_le(header + 16, 8);
  segment->seq = get_le(header + 24, 8);
  segment->segment_bytes = get_le(header + 32, 8);
  segment->zeroed = header[40] != 0;
  bool sane = wal_segment_bytes_allowed(segment->segment_bytes) && segment->seq > 0 &&
              segment->seq < UINT64_MAX / segment->segment_bytes;
  return sane ? WAL_SEGMENT_VALID : WAL_SEGMENT_DAMAGED;
}

bool wal_segment_bytes_allowed(uint64_t segment_bytes) {
  return segment_bytes >= WAL_SEGMENT_BYTES_MIN && segment_bytes <= WAL_SEGMENT_BYTES_MAX &&
         segment_bytes % WAL_SEGMENT_BYTES_STEP == 0;
}

static uint32_t header_crc(const unsigned char *header, const struct wal_segment *segment,
                           uint64_t offset) {
  unsigned char place[24];
  put_le(place, segment->log_id, 8);
  put_le(place + 8, segment->seq, 8);
  put_le(place + 16, offset, 8);
  return crc32c(crc32c(0, place, sizeof place), header + 4, WAL_ENTRY_HEADER_BYTES - 4);
}

static size_t padded_body_bytes(uint32_t body_bytes) {
  return (size_t)wal_entry_bytes(body_bytes) - WAL_ENTRY_HEADER_BYTES;
}

void wal_entry_begin(unsigned char header[WAL_ENTRY_HEADER_BYTES], enum wal_entry_type type,
                     uint16_t kind, uint32_t body_bytes) {
  memset(header, 0, WAL_ENTRY_HEADER_BYTES);
  put_le(header + 8, body_bytes, 4);
  put_le(header + 12, kind, 2);
  header[14] = (unsigned char)type;
}

size_t wal_entry_finish(unsigned char *bytes, const struct wal_segment *segment, uint64_t offset,
                        uint64_t synced_lsn) {
  size_t body_bytes = padded_body_bytes((uint32_t)get_le(bytes + 8, 4));
  put_le(bytes + 4, crc32c(0, bytes + WAL_ENTRY_HEADER_BYTES, body_bytes), 4);
  put_le(bytes + 16, synced_lsn, 8);
  put_le(bytes, header_crc(bytes, segment, offset), 4);
  return WAL_ENTRY_HEADER_BYTES + body_bytes;
}

/* The cheap conditions come first: behind a bad place this runs on every eighth byte. */
bool wal_entry_decode(const unsigned char header[WAL_ENTRY_HEADER_BYTES],
                      const struct wal_segment *segment, uint64_t offset, struct wal_entry *entry) {
  if (header[14] < WAL_ENTRY_RECORD || header[14] > WAL_ENTRY_MARK || header[15] != 0) return false;
  uint64_t synced_lsn = get_le(header + 16, 8);
  if (synced_lsn > wal_lsn(segment, offset)) return false;
  uint32_t body_bytes = (uint32_t)get_le(header + 8, 4);
  if (offset + wal_entry_bytes(body_bytes) > segment->segment_bytes) return false;
  if (get_le(header, 4) != header_crc(header, segment, offset)) return false;
  entry->body_crc = (uint32_t)get_le(header + 4, 4);
  entry->body_bytes = body_bytes;
  entry->kind = (uint16_t)get_le(header + 12, 2);
  entry->type = (enum wal_entry_type)header[14];
  entry->synced_lsn = synced_lsn;
  return true;
}

bool wal_entry_body_valid(const struct wal_entry *entry, const unsigned char *body) {
  return crc32c(0, body, padded_body_bytes(entry->body_bytes)) == entry->body_crc;
}
