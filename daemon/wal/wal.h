/* wal: the write-ahead log. Bytes of records in, in order; told when they are on the disk; read
 * again from any record on. What the records mean is flow's business (flow/log_record.h).
 *
 * A log is a folder of segments of equal size, named by their sequence number. A record lies within
 * one segment and has a position (LSN): sequence number * segment_bytes + offset, so LSNs grow
 * along the log. Format and validity: wal_format.h.
 *
 * Threads: all calls on the loop's thread, except as said. Writing and syncing happen on a thread
 * of the log's own (group commit). */
#ifndef TIDEMARK_WAL_WAL_H
#define TIDEMARK_WAL_WAL_H

#include "daemon/base/diag.h"
#include "daemon/base/err.h"
#include "daemon/base/slice.h"
#include "daemon/io/io.h"

#include <stdbool.h>
#include <stdint.h>

enum wal_sync {
  WAL_SYNC_INTERVAL, /* at once when the last sync is longer ago than the interval, else then */
  WAL_SYNC_ALWAYS,   /* as soon as the one before has ended */
  WAL_SYNC_NEVER,    /* written, left to the system: a power cut may lose the newest */
};

struct wal_options {
  const char *dir;         /* made if missing */
  const char *pipeline;    /* for diagnostics; NULL: not known */
  uint64_t segment_bytes;  /* multiple of 4096, 1 MiB or more; of an existing log: its own counts */
  uint32_t spare_segments; /* pre-zeroed ones kept ready */
  enum wal_sync sync;
  int64_t sync_interval_us;
  uint64_t log_id; /* random, given when the folder is made; ties segments to their log */
  bool read_only;  /* for verify and dump: nothing is changed, a torn tail only told */
  bool must_exist; /* there was a log before: that there is none is damage */
};

struct wal_record {
  uint64_t lsn;      /* of this record */
  uint64_t end_lsn;  /* of what follows it */
  uint16_t kind;     /* flow/log_record.h */
  struct slice body; /* valid until the next read */
};

struct wal;
struct wal_reader;

/* Finds the end of the log: the first place behind the newest valid records that holds none. A torn
 * tail (bytes of a record that was being written) is cut and said through diag. Damage before the
 * tail - valid records of this log behind the bad place - is ERR_CORRUPT and names segment and
 * byte. on_change(arg) is called on the loop when wal_synced_lsn() has grown or the state of
 * wal_stall() or wal_failed() has changed. */
int wal_open(struct wal **wal, struct io *io, const struct wal_options *options,
             const struct diag *diag, loop_fn *on_change, void *arg, struct err *err);
/* Writes and syncs what was appended (unless failed), then frees. NULL is fine. */
void wal_close(struct wal *wal);

/* Appends a record of up to wal_record_bytes_max(); the parts are joined and copied. Returns its
 * end LSN: it is on the disk once wal_synced_lsn() >= that. Does not block. */
uint64_t wal_append(struct wal *wal, uint16_t kind, const struct slice *parts, size_t n_parts);
uint64_t wal_record_bytes_max(const struct wal *wal); /* body bytes */
uint64_t wal_end_lsn(const struct wal *wal);
uint64_t wal_synced_lsn(const struct wal *wal);    /* with WAL_SYNC_NEVER: written */
uint64_t wal_pending_bytes(const struct wal *wal); /* appended and not yet synced, in memory */
uint64_t wal_begin_lsn(const struct wal *wal);     /* oldest record still there */
bool wal_is_whole(const struct wal *wal);          /* that is the first one there ever was */
/* Sync as soon as possible, whatever the interval says. */
void wal_sync_now(struct wal *wal);
/* NULL when all is well, else why writing does not go on (disk full, ...); it is being retried. */
const char *wal_stall(const struct wal *wal);
/* -1 and err when the log can write no more (I/O error at sync: the state of the disk is unknown;
 * or the file being written was removed). */
int wal_failed(const struct wal *wal, struct err *err);
/* Nothing before lsn will be read again: whole segments before it are used again (wal_format.h). */
void wal_trim(struct wal *wal, uint64_t lsn);

/* Reads from the record at lsn (0: the oldest) to the end found by wal_open(). */
int wal_reader_open(struct wal *wal, uint64_t lsn, struct wal_reader **reader, struct err *err);
/* 1: a record; 0: the end; -1: err. */
int wal_reader_next(struct wal_reader *reader, struct wal_record *record, struct err *err);
void wal_reader_close(struct wal_reader *reader); /* NULL is fine */

struct wal_figures { /* for verify, metrics and the benchmark */
  uint64_t segments, spare_segments;
  uint64_t records, bytes; /* found at opening and appended since; bytes with headers */
  uint64_t syncs, sync_us_total, sync_us_max;
  uint64_t torn_tail_bytes; /* cut at opening */
};
void wal_figures(const struct wal *wal, struct wal_figures *figures);
const struct histogram *wal_sync_times(const struct wal *wal);

#endif
