/* wal_format: the log on the disk. This page is the only description of it.
 *
 * Numbers are little-endian and unsigned; CRC-32C as in daemon/base/crc32c.h, started with 0. A log
 * is a folder that holds
 *
 *   %020u.wal          a segment of the log; the number is its sequence number, without gaps
 *   spare-%020u.wal    an allocated file that is no part of the log, whatever it holds
 *
 * The newest segments may be empty: they are made ready ahead of time. A position (LSN) is
 * sequence number * segment bytes + offset in the segment; sequence numbers start with 1, so no
 * entry has position 0.
 *
 * Segment: all are of one size, a multiple of 4096 from 1 MiB to 1 GiB.
 *
 *   offset  bytes
 *        0      8  magic "TIDEMWAL"
 *        8      4  format version, 1
 *       12      4  CRC-32C of bytes 0..11, in every version: tells a newer format from damage
 *       16      8  log id: drawn at random when the log was made
 *       24      8  sequence number
 *       32      8  segment bytes
 *       40      1  1: all behind the header was zero when the segment was made ready; else 0
 *       41     19  zero
 *       60      4  CRC-32C of bytes 0..59
 *       64   4032  zero
 *     4096         entries, one behind the other
 *
 * A segment is valid if and only if both checksums and the magic are right, the version is 1, the
 * log id is that of the log's first segment, the sequence number is that of the file's name, and
 * segment bytes is the file's size and that of the other segments. The header is written and synced
 * before the file gets its name, so an invalid segment is damage, never a crash.
 *
 * Entry: at a multiple of 8.
 *
 *   offset  bytes
 *        0      4  header checksum: CRC-32C of log id (8 bytes), sequence number (8), offset in the
 *                  segment (8), and bytes 4..23
 *        4      4  body checksum: CRC-32C of bytes 24 to the end, padding included
 *        8      4  body bytes n
 *       12      2  kind of record (flow/log_record.h); 0 in seals and marks
 *       14      1  type: 1 record, 2 seal, 3 mark
 *       15      1  zero
 *       16      8  synced LSN: all of the log before it was on the disk when this was written
 *       24      n  body; empty in seals and marks
 *     24+n   0..7  zeros up to a multiple of 8
 *
 * An entry header is valid if and only if its checksum is right, its type is one of the three, byte
 * 15 is zero, the entry ends within the segment, and its synced LSN is not behind its own position.
 * An entry is valid if and only if its header is valid and the body checksum is right. The header
 * checksum covers where and for which log the entry was written: what an older use of the file
 * left behind, or another log, is never valid; nor can the data of a record be made up to look like
 * an entry, because nobody knows the log id beforehand. Therefore a segment that is used again is
 * not zeroed, which would write every byte of the log twice; its blocks are allocated already, and
 * that is what makes syncing it cheap. A new segment is written full of zeros for the same end.
 *
 * A seal ends its segment, the log goes on at offset 4096 of the next. Where less than 24 bytes are
 * left it does so without one. A mark says nothing but its synced LSN; one is written when the log
 * is closed in peace.
 *
 * The end of the log is the first place P, going from entry to entry from the first segment, that
 * holds no valid entry. Either it is where writing ended, or bytes there were lost. Writing goes in
 * groups: a group lies within one segment, is written and then synced, and only then the next one
 * is written; each of its entries carries the group's beginning as synced LSN. A crash can leave
 * any part of the last group on the disk, in any order. So:
 *
 *   - a valid entry header anywhere behind P with a synced LSN behind P proves that P was synced,
 *     perhaps acted upon, and was damaged later: the log is refused (P is named).
 *   - otherwise what is behind P are the remains of one group that never was reported as synced:
 *     it is cut. Its remains are zeroed, and that is synced, before anything is appended;
 *     else a later end of the log could fall on the beginning of a remaining entry.
 *   - damage within the very last group of a log that was not closed in peace looks the same as a
 *     torn group and is cut, and said. The mark closes this gap for logs that were.
 *
 * With `sync: never` groups are not synced, their synced LSN is where the log ended when it was
 * opened. What is promised then is only that the log is cut at its first gap, so that what is read
 * is a prefix of what was appended. Damage behind that LSN cannot be told from a power cut.
 *
 * Assumed of the disk: a power cut while a sector is being written does not change those of its
 * bytes that stay the same. (The end of a group and the beginning of the next share a sector.) */
#ifndef TIDEMARK_WAL_WAL_FORMAT_H
#define TIDEMARK_WAL_WAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  WAL_VERSION = 1,
  WAL_SEGMENT_HEADER_BYTES = 4096,
  WAL_SEGMENT_BYTES_MIN = 1024 * 1024,
  WAL_SEGMENT_BYTES_MAX = 1024 * 1024 * 1024,
  WAL_SEGMENT_BYTES_STEP = 4096,
  WAL_ENTRY_HEADER_BYTES = 24,
  WAL_ENTRY_ALIGN_BYTES = 8,
};

/* What a segment says of itself. */
struct wal_segment {
  uint64_t log_id, seq, segment_bytes;
  bool zeroed;
};

enum wal_segment_state {
  WAL_SEGMENT_VALID,
  WAL_SEGMENT_DAMAGED,
  WAL_SEGMENT_OTHER_VERSION, /* *version says which */
};

void wal_segment_encode(unsigned char header[WAL_SEGMENT_HEADER_BYTES],
                        const struct wal_segment *segment);
/* Checks what can be seen in the header alone. */
enum wal_segment_state wal_segment_decode(const unsigned char header[WAL_SEGMENT_HEADER_BYTES],
                                          struct wal_segment *segment, uint32_t *version);
bool wal_segment_bytes_allowed(uint64_t segment_bytes);

enum wal_entry_type { WAL_ENTRY_RECORD = 1, WAL_ENTRY_SEAL = 2, WAL_ENTRY_MARK = 3 };

struct wal_entry {
  uint32_t body_crc, body_bytes;
  uint16_t kind;
  enum wal_entry_type type;
  uint64_t synced_lsn;
};

/* Header, body and padding. */
static inline uint64_t wal_entry_bytes(uint64_t body_bytes) {
  return (WAL_ENTRY_HEADER_BYTES + body_bytes + WAL_ENTRY_ALIGN_BYTES - 1) &
         ~(uint64_t)(WAL_ENTRY_ALIGN_BYTES - 1);
}

/* An entry is made in two steps: what it is, when it is appended; where it is, what was synced and
 * the checksums when its group is written. The second step may be repeated. */
void wal_entry_begin(unsigned char header[WAL_ENTRY_HEADER_BYTES], enum wal_entry_type type,
                     uint16_t kind, uint32_t body_bytes);
/* bytes: the begun entry with body and padding, at `offset` of the segment. Returns its size. */
size_t wal_entry_finish(unsigned char *bytes, const struct wal_segment *segment, uint64_t offset,
                        uint64_t synced_lsn);

/* False if the header is not valid there. */
bool wal_entry_decode(const unsigned char header[WAL_ENTRY_HEADER_BYTES],
                      const struct wal_segment *segment, uint64_t offset, struct wal_entry *entry);
bool wal_entry_body_valid(const struct wal_entry *entry, const unsigned char *body);

static inline uint64_t wal_lsn(const struct wal_segment *segment, uint64_t offset) {
  return segment->seq * segment->segment_bytes + offset;
}

#endif
