/* wal_impl: struct wal, for the files of this folder. */
#ifndef TIDEMARK_WAL_WAL_IMPL_H
#define TIDEMARK_WAL_WAL_IMPL_H

#include "daemon/wal/wal.h"
#include "daemon/wal/wal_cursor.h"
#include "daemon/wal/wal_writer.h"

struct wal_groups { /* in order; a group at most once */
  struct wal_group *first, *last;
};

enum wal_work {
  WAL_WORK_NONE,
  WAL_WORK_GROUPS, /* write what is in hand */
  WAL_WORK_RETIRE, /* the oldest segment */
  WAL_WORK_READY,  /* a step towards the next segment */
  WAL_WORK_DROP,   /* a spare */
};

struct wal {
  struct io *io;
  const struct diag *diag;
  struct diag_where where;
  loop_fn *on_change;
  void *on_change_arg;
  char *dir;
  enum wal_sync sync;
  int64_t sync_interval_us;
  uint32_t spare_segments;
  bool read_only;

  struct wal_segment segment; /* log id and segment bytes; seq: where the next entry goes */
  uint64_t offset;            /* there */
  uint64_t begin_lsn, found_end_lsn, synced_lsn;
  uint64_t marked_lsn; /* a mark at the end vouches for all before; 0: there is none */
  uint64_t pending_bytes;
  uint64_t trim_seq;      /* segments before it are to be retired */
  uint64_t segments_keep; /* files to keep in all: recently so many were needed */
  struct wal_figures figures;

  struct wal_groups queue; /* appended, not yet given to the writer */
  struct wal_groups hand;  /* given to it and not yet written */
  struct wal_group *idle;  /* one kept for its memory, or NULL */
  bool sync_now, groups_were_last;
  int64_t last_write_us; /* when the last groups were given to the writer */
  int64_t retry_groups_us, retry_housekeeping_us; /* not before; 0: at once */
  char *stall, *failure;                          /* NULL: none */
  bool housekeeping_said;                         /* that it fails; once until it goes well */

  struct loop_timer *timer;
  struct exec *exec; /* NULL when read only */

  /* The job's while `work` is not NONE, else the loop's. */
  struct wal_writer writer;
  enum wal_work work;
  struct wal_group *written_to; /* first group of hand that was not written; NULL: all were */
  int work_result;
  struct err work_err;
};

/* wal_write.c. Starting is the last step of opening, when everything above is set. */
void wal_writing_start(struct wal *wal);
void wal_writing_stop(struct wal *wal); /* waits; writes what is left */
void wal_take_figures(struct wal *wal); /* those of the writer, while no job is under way */

#endif
