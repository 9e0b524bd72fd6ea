/* wal_writer: the half of the log that blocks on the disk. Private to the log. It has no thread and
 * no lock of its own: a job on the log's exec uses it, or, while no job is under way, the loop. */
#ifndef TIDEMARK_WAL_WAL_WRITER_H
#define TIDEMARK_WAL_WAL_WRITER_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/histogram.h"
#include "daemon/io/clock.h"
#include "daemon/io/disk.h"
#include "daemon/wal/wal_format.h"

/* Entries of one segment, one behind the other, that are written and synced together. */
struct wal_group {
  struct wal_group *next;
  uint64_t seq, offset; /* where they go */
  struct buf bytes;
};

struct wal_writer {
  struct disk *disk;
  struct clock *clock;
  const char *dir; /* borrowed */
  uint64_t log_id, segment_bytes;
  bool sync_groups;
  uint64_t first_seq,
      last_seq;           /* segments there are, the ready ones included; none: last < first */
  uint64_t synced_lsn;    /* all before it is on the disk */
  struct disk_file *file; /* segment file_seq, being written; NULL: none yet */
  uint64_t file_seq;
  struct disk_file *making; /* a file being filled with zeros; NULL: none */
  uint64_t making_number, making_bytes;
  uint64_t *spares; /* numbers of the allocated files that are no segments */
  size_t n_spares, spares_cap;
  bool broken; /* nothing more may be reported as synced: a sync failed, or */
  bool gone;   /* the segment being written is not under its name any more */
  uint64_t syncs, sync_us_total, sync_us_max;
  struct histogram sync; /* the same; any thread may read */
};

void wal_writer_fini(struct wal_writer *writer);

/* Writes (and syncs, if sync_groups) a group; makes its segment ready first if it is not. After a
 * failure that did not break the writer it may be called again with the same group. */
int wal_writer_group(struct wal_writer *writer, struct wal_group *group, struct err *err);

/* One step, of some milliseconds, towards one more segment being ready behind the last. */
int wal_writer_ready_step(struct wal_writer *writer, struct err *err);
/* The oldest segment leaves the log and becomes a spare. */
int wal_writer_retire(struct wal_writer *writer, struct err *err);
int wal_writer_drop_spare(struct wal_writer *writer, struct err *err);
void wal_writer_add_spare(struct wal_writer *writer, uint64_t number);

/* Overwrites bytes from..to of a segment with zeros and syncs it. */
int wal_writer_zero(struct wal_writer *writer, uint64_t seq, uint64_t from, uint64_t to,
                    struct err *err);
/* Writes bytes from..to of a segment once more as they are, and syncs it. */
int wal_writer_refresh(struct wal_writer *writer, uint64_t seq, uint64_t from, uint64_t to,
                       struct err *err);

#endif
