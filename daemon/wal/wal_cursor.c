/* wal_cursor: see wal_cursor.h. A window of the segment is kept in memory; it is as large as the
 * largest entry met, never as the segment. Bytes are judged by wal_format.c alone. */
#include "daemon/wal/wal_cursor.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES ((size_t)256 * 1024)

void wal_segment_name(char name[WAL_NAME_BYTES], uint64_t seq) {
  snprintf(name, WAL_NAME_BYTES, "%020" PRIu64 ".wal", seq);
}

void wal_spare_name(char name[WAL_NAME_BYTES], uint64_t number) {
  snprintf(name, WAL_NAME_BYTES, "spare-%020" PRIu64 ".wal", number);
}

void wal_cursor_init(struct wal_cursor *cursor, struct disk *disk, const char *dir) {
  memset(cursor, 0, sizeof *cursor);
  cursor->disk = disk;
  cursor->dir = dir;
}

void wal_cursor_fini(struct wal_cursor *cursor) {
  disk_close(cursor->file);
  free(cursor->room);
  cursor->file = NULL;
  cursor->room = NULL;
}

/* Makes bytes offset .. offset + len of the segment readable at the returned address. */
static const unsigned char *fetch(struct wal_cursor *cursor, uint64_t offset, size_t len,
                                  struct err *err) {
  if (offset < cursor->window_at || offset + len > cursor->window_at + cursor->window_bytes) {
    uint64_t rest = cursor->segment.segment_bytes - offset;
    size_t want = len > WINDOW_BYTES ? len : WINDOW_BYTES;
    if (want > rest) want = (size_t)rest;
    if (cursor->room_bytes < want) {
      free(cursor->room);
      cursor->room = mem_zalloc(want + (size_t)2 * LIMIT_PADDING_BYTES);
      cursor->room_bytes = want;
    }
    cursor->window_bytes = 0;
    size_t got;
    if (disk_read(cursor->file, cursor->room + LIMIT_PADDING_BYTES, want, offset, &got, err) != 0)
      return NULL;
    if (got < want) {
      err_set(err, ERR_CORRUPT, "%s ends at byte %" PRIu64 ", before its size of %" PRIu64,
              disk_path(cursor->file), offset + got, cursor->segment.segment_bytes);
      return NULL;
    }
    cursor->window_at = offset;
    cursor->window_bytes = want;
  }
  return (unsigned char *)cursor->room + LIMIT_PADDING_BYTES + (offset - cursor->window_at);
}

static int check_segment(struct wal_cursor *cursor, uint64_t seq, uint64_t log_id,
                         uint64_t segment_bytes, struct err *err) {
  const char *path = disk_path(cursor->file);
  struct disk_stat stat;
  if (disk_fstat(cursor->file, &stat, err) != 0) return -1;
  if (stat.size_bytes < WAL_SEGMENT_HEADER_BYTES)
    return err_set(err, ERR_CORRUPT, "%s, byte 0: the file is too short for a segment of the log",
                   path);
  cursor->segment.segment_bytes = WAL_SEGMENT_HEADER_BYTES; /* all that may be read so far */
  const unsigned char *header = fetch(cursor, 0, WAL_SEGMENT_HEADER_BYTES, err);
  if (header == NULL) return -1;
  uint32_t version = 0;
  struct wal_segment segment;
  switch (wal_segment_decode(header, &segment, &version)) {
  case WAL_SEGMENT_VALID: break;
  case WAL_SEGMENT_OTHER_VERSION:
    return err_set(err, ERR_CONFIG,
                   "%s is of version %" PRIu32 " of the log format, this program knows version "
                   "%d; use the program that wrote it, or a newer one",
                   path, version, WAL_VERSION);
  case WAL_SEGMENT_DAMAGED:
    return err_set(err, ERR_CORRUPT, "%s, byte 0: the segment's header is damaged", path);
  }
  if (segment.seq != seq)
    return err_set(err, ERR_CORRUPT,
                   "%s, byte 24: this is segment %" PRIu64 " of a log, under another's name", path,
                   segment.seq);
  if (log_id != 0 && segment.log_id != log_id)
    return err_set(err, ERR_CORRUPT, "%s, byte 16: the segment is of another log", path);
  if (segment_bytes != 0 && segment.segment_bytes != segment_bytes)
    return err_set(err, ERR_CORRUPT,
                   "%s, byte 32: segments of %" PRIu64 " and of %" PRIu64 " bytes in one log", path,
                   segment.segment_bytes, segment_bytes);
  if (stat.size_bytes != segment.segment_bytes)
    return err_set(err, ERR_CORRUPT,
                   "%s: the file is %" PRIu64 " bytes long, the segment %" PRIu64 ": damage at "
                   "byte %" PRIu64,
                   path, stat.size_bytes, segment.segment_bytes,
                   stat.size_bytes < segment.segment_bytes ? stat.size_bytes
                                                           : segment.segment_bytes);
  cursor->segment = segment;
  return 0;
}

int wal_cursor_open(struct wal_cursor *cursor, uint64_t seq, uint64_t log_id,
                    uint64_t segment_bytes, struct err *err) {
  disk_close(cursor->file);
  cursor->file = NULL;
  cursor->window_bytes = 0;
  cursor->offset = WAL_SEGMENT_HEADER_BYTES;
  char name[WAL_NAME_BYTES];
  wal_segment_name(name, seq);
  char *path = mem_printf("%s/%s", cursor->dir, name);
  int opened = disk_open(cursor->disk, path, DISK_READ, &cursor->file, err);
  free(path);
  if (opened != 0) {
    cursor->file = NULL;
    return -1;
  }
  return check_segment(cursor, seq, log_id, segment_bytes, err);
}

int wal_cursor_next(struct wal_cursor *cursor, struct wal_entry *entry, const unsigned char **body,
                    enum wal_step *step, struct err *err) {
  const struct wal_segment *segment = &cursor->segment;
  if (segment->segment_bytes - cursor->offset < WAL_ENTRY_HEADER_BYTES) {
    *step = WAL_STEP_SEGMENT_END;
    return 0;
  }
  const unsigned char *bytes = fetch(cursor, cursor->offset, WAL_ENTRY_HEADER_BYTES, err);
  if (bytes == NULL) return -1;
  *step = WAL_STEP_BAD;
  if (!wal_entry_decode(bytes, segment, cursor->offset, entry)) return 0;
  uint64_t entry_bytes = wal_entry_bytes(entry->body_bytes);
  bytes = fetch(cursor, cursor->offset, (size_t)entry_bytes, err);
  if (bytes == NULL) return -1;
  *body = bytes + WAL_ENTRY_HEADER_BYTES;
  if (!wal_entry_body_valid(entry, *body)) return 0;
  /* A seal is not passed: what is asked again is answered again. */
  *step = entry->type == WAL_ENTRY_SEAL ? WAL_STEP_SEGMENT_END : WAL_STEP_ENTRY;
  if (entry->type != WAL_ENTRY_SEAL) cursor->offset += entry_bytes;
  return 0;
}

/* A page of zeros holds nothing: most of a new segment. */
static bool all_zero(const unsigned char *bytes, size_t len) {
  return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

int wal_cursor_scan(struct wal_cursor *cursor, uint64_t from, struct wal_remains *remains,
                    struct err *err) {
  const struct wal_segment *segment = &cursor->segment;
  memset(remains, 0, sizeof *remains);
  enum { BLOCK_BYTES = 4096 };
  for (uint64_t at = from, next; at < segment->segment_bytes; at = next) {
    next = (at / BLOCK_BYTES + 1) * BLOCK_BYTES;
    /* A header may reach into the next block. */
    uint64_t end = next + WAL_ENTRY_HEADER_BYTES - WAL_ENTRY_ALIGN_BYTES;
    if (end > segment->segment_bytes) end = segment->segment_bytes;
    const unsigned char *bytes = fetch(cursor, at, (size_t)(end - at), err);
    if (bytes == NULL) return -1;
    if (all_zero(bytes, (size_t)(end - at))) continue;
    for (uint64_t o = at; o < next && o + WAL_ENTRY_HEADER_BYTES <= end;
         o += WAL_ENTRY_ALIGN_BYTES) {
      struct wal_entry entry;
      if (!wal_entry_decode(bytes + (o - at), segment, o, &entry)) continue;
      remains->entries++;
      if (entry.synced_lsn > remains->synced_lsn_max) remains->synced_lsn_max = entry.synced_lsn;
      uint64_t entry_end = o + wal_entry_bytes(entry.body_bytes);
      if (entry_end > remains->entries_end) remains->entries_end = entry_end;
    }
    for (uint64_t o = end; o > at; o--) {
      if (bytes[o - at - 1] == 0) continue;
      remains->nonzero_end = o;
      break;
    }
  }
  return 0;
}
