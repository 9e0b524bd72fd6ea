/* wal_cursor: reads the segments of a log, from entry to entry, or behind a bad place. Private to
 * the log. */
#ifndef TIDEMARK_WAL_WAL_CURSOR_H
#define TIDEMARK_WAL_WAL_CURSOR_H

#include "daemon/base/err.h"
#include "daemon/io/disk.h"
#include "daemon/wal/wal_format.h"

/* Wide enough for names of any sequence number. */
#define WAL_NAME_BYTES 40

struct wal_cursor {
  struct disk *disk;
  const char *dir;
  struct wal_segment segment; /* the one being read */
  struct disk_file *file;
  uint64_t offset; /* of the next entry */
  char *room;      /* holds bytes window_at .. window_at + window_bytes of the segment */
  size_t room_bytes;
  uint64_t window_at;
  size_t window_bytes;
};

enum wal_step {
  WAL_STEP_ENTRY,
  WAL_STEP_SEGMENT_END, /* the log goes on in the next segment */
  WAL_STEP_BAD,         /* no valid entry at cursor->offset */
};

/* dir is borrowed. */
void wal_cursor_init(struct wal_cursor *cursor, struct disk *disk, const char *dir);
void wal_cursor_fini(struct wal_cursor *cursor);

/* Opens segment seq and checks its header (ERR_CORRUPT, ERR_CONFIG for another version of the
 * format). log_id 0 and segment_bytes 0: whatever it says counts. */
int wal_cursor_open(struct wal_cursor *cursor, uint64_t seq, uint64_t log_id,
                    uint64_t segment_bytes, struct err *err);
/* The entry at cursor->offset; the body is valid until the next call, with LIMIT_PADDING_BYTES
 * readable on both sides. Moves on except over a bad place. */
int wal_cursor_next(struct wal_cursor *cursor, struct wal_entry *entry, const unsigned char **body,
                    enum wal_step *step, struct err *err);

/* What is found in a segment at and behind an offset. */
struct wal_remains {
  uint64_t entries;        /* valid headers */
  uint64_t synced_lsn_max; /* of those */
  uint64_t entries_end;    /* offset behind the last byte that one of them claims, or 0 */
  uint64_t nonzero_end;    /* offset behind the last byte that is not zero, or 0 */
};
int wal_cursor_scan(struct wal_cursor *cursor, uint64_t from, struct wal_remains *remains,
                    struct err *err);

/* The names of wal_format.h. */
void wal_segment_name(char name[WAL_NAME_BYTES], uint64_t seq);
void wal_spare_name(char name[WAL_NAME_BYTES], uint64_t number);

#endif
