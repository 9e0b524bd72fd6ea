/* wal_read: the readers, and what can be asked of a log. A reader sees what wal_open() found, never
 * what was appended since: it can be used while the log is written. Every record is checked again;
 * between opening and reading a disk can lose more. */
#include "daemon/base/mem.h"
#include "daemon/wal/wal_impl.h"

#include <inttypes.h>
#include <stdlib.h>

struct wal_reader {
  const struct wal *wal;
  struct wal_cursor cursor;
};

static uint64_t reader_lsn(const struct wal_reader *reader) {
  return wal_lsn(&reader->cursor.segment, reader->cursor.offset);
}

static int goto_segment(struct wal_reader *reader, uint64_t seq, struct err *err) {
  const struct wal_segment *segment = &reader->wal->segment;
  return wal_cursor_open(&reader->cursor, seq, segment->log_id, segment->segment_bytes, err);
}

int wal_reader_open(struct wal *wal, uint64_t lsn, struct wal_reader **opened, struct err *err) {
  if (lsn == 0) lsn = wal->begin_lsn;
  if (lsn < wal->begin_lsn || lsn > wal->found_end_lsn)
    return err_set(err, ERR_CORRUPT,
                   "log: record %" PRIu64 " is asked for, but %s holds records from %" PRIu64
                   " to %" PRIu64 " only",
                   lsn, wal->dir, wal->begin_lsn, wal->found_end_lsn);
  struct wal_reader *reader = mem_zalloc(sizeof *reader);
  reader->wal = wal;
  wal_cursor_init(&reader->cursor, wal->io->disk, wal->dir);
  uint64_t segment_bytes = wal->segment.segment_bytes;
  uint64_t seq = lsn / segment_bytes, offset = lsn % segment_bytes;
  if (offset == 0) { /* what follows an entry that fills its segment */
    seq--;
    offset = segment_bytes;
  }
  if (lsn < wal->found_end_lsn && goto_segment(reader, seq, err) != 0) {
    wal_reader_close(reader);
    return err_wrap(err, "log");
  }
  reader->cursor.segment = (struct wal_segment){
      .log_id = wal->segment.log_id, .seq = seq, .segment_bytes = segment_bytes};
  reader->cursor.offset = offset;
  *opened = reader;
  return 0;
}

int wal_reader_next(struct wal_reader *reader, struct wal_record *record, struct err *err) {
  struct wal_cursor *cursor = &reader->cursor;
  while (reader_lsn(reader) < reader->wal->found_end_lsn) {
    struct wal_entry entry;
    const unsigned char *body;
    enum wal_step step;
    uint64_t lsn = reader_lsn(reader);
    if (wal_cursor_next(cursor, &entry, &body, &step, err) != 0) return err_wrap(err, "log");
    if (step == WAL_STEP_BAD)
      return err_set(err, ERR_CORRUPT, "log: %s, byte %" PRIu64 ": no valid record is here",
                     disk_path(cursor->file), cursor->offset);
    if (step == WAL_STEP_SEGMENT_END) {
      uint64_t next = cursor->segment.seq + 1;
      uint64_t next_lsn = next * cursor->segment.segment_bytes + WAL_SEGMENT_HEADER_BYTES;
      if (next_lsn >= reader->wal->found_end_lsn) return 0;
      if (goto_segment(reader, next, err) != 0) return err_wrap(err, "log");
      continue;
    }
    if (entry.type != WAL_ENTRY_RECORD) continue;
    record->lsn = lsn;
    record->end_lsn = reader_lsn(reader);
    record->kind = entry.kind;
    record->body = (struct slice){(const char *)body, entry.body_bytes};
    return 1;
  }
  return 0;
}

void wal_reader_close(struct wal_reader *reader) {
  if (reader == NULL) return;
  wal_cursor_fini(&reader->cursor);
  free(reader);
}

uint64_t wal_record_bytes_max(const struct wal *wal) {
  return wal->segment.segment_bytes - WAL_SEGMENT_HEADER_BYTES - WAL_ENTRY_HEADER_BYTES;
}

uint64_t wal_end_lsn(const struct wal *wal) {
  return wal_lsn(&wal->segment, wal->offset);
}

uint64_t wal_synced_lsn(const struct wal *wal) {
  return wal->synced_lsn;
}

uint64_t wal_pending_bytes(const struct wal *wal) {
  return wal->pending_bytes;
}

uint64_t wal_begin_lsn(const struct wal *wal) {
  return wal->begin_lsn;
}

bool wal_is_whole(const struct wal *wal) {
  return wal->begin_lsn < 2 * wal->segment.segment_bytes; /* segments are numbered from 1 */
}

const char *wal_stall(const struct wal *wal) {
  return wal->stall;
}

int wal_failed(const struct wal *wal, struct err *err) {
  return wal->failure == NULL ? 0 : err_set(err, ERR_IO, "log: %s", wal->failure);
}

void wal_figures(const struct wal *wal, struct wal_figures *figures) {
  *figures = wal->figures;
  figures->segments = wal->segment.seq + 1 - wal->trim_seq;
}

const struct histogram *wal_sync_times(const struct wal *wal) {
  return &wal->writer.sync;
}
