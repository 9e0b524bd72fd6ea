/* wal_open: from a folder to a log that can be read and appended to.
 *
 * In order: list the folder; check every segment's header and that none is missing; go from entry
 * to entry to the first place that holds none; look behind it for proof of damage (wal_format.h);
 * cut what a crash has left there; make sure that all before it is on the disk (the process before
 * may have died between writing and syncing, and what is read here will be acted upon). Read-only
 * opening stops before the cut. A log that is new has no segment yet: the first one is filled with
 * zeros on the log's thread, like all others, while whoever opened it goes on. */
#include "daemon/base/mem.h"
#include "daemon/wal/wal_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the folder */

struct folder {
  uint64_t first_seq, n_segments; /* consecutive */
  uint64_t *spares;
  size_t n_spares, spares_cap;
};

static bool parse_number(const char *name, const char *prefix, uint64_t *number) {
  enum { DIGITS = 20 };
  size_t prefix_len = strlen(prefix);
  if (strncmp(name, prefix, prefix_len) != 0) return false;
  name += prefix_len;
  *number = 0;
  for (int i = 0; i < DIGITS; i++, name++) {
    if (*name < '0' || *name > '9') return false;
    uint64_t digit = (uint64_t)(*name - '0');
    if (*number > (UINT64_MAX - digit) / 10) return false;
    *number = *number * 10 + digit;
  }
  return strcmp(name, ".wal") == 0;
}

/* Names come sorted, and all numbers are of one width: in the order of the log. */
static int take_name(struct wal *wal, struct folder *folder, const char *name, struct err *err) {
  uint64_t number;
  if (parse_number(name, "", &number)) {
    if (number == 0)
      return err_set(err, ERR_CORRUPT, "%s/%s: no segment of a log has number 0", wal->dir, name);
    if (folder->n_segments == 0) folder->first_seq = number;
    uint64_t next = folder->first_seq + folder->n_segments;
    if (number != next) {
      char missing[WAL_NAME_BYTES];
      wal_segment_name(missing, next);
      return err_set(err, ERR_CORRUPT, "%s/%s, byte 0: the segment is missing, but %s is there",
                     wal->dir, missing, name);
    }
    folder->n_segments++;
  } else if (parse_number(name, "spare-", &number)) {
    array_grow((void **)&folder->spares, &folder->spares_cap, folder->n_spares,
               sizeof *folder->spares);
    folder->spares[folder->n_spares++] = number;
  } else {
    diag_say(wal->diag, MESSAGE_LOG_FILE_UNKNOWN, &wal->where,
             "%s/%s is not a file of the log; it is left alone", wal->dir, name);
  }
  return 0;
}

static int list_folder(struct wal *wal, struct folder *folder, struct err *err) {
  char **names;
  size_t n_names;
  if (disk_list(wal->io->disk, wal->dir, &names, &n_names, err) != 0) return -1;
  int result = 0;
  for (size_t i = 0; i < n_names && result == 0; i++)
    result = take_name(wal, folder, names[i], err);
  free(names);
  return result;
}

/* Spares of another size (a making that was interrupted) are of no use. */
static int take_spares(struct wal *wal, const struct folder *folder, struct err *err) {
  for (size_t i = 0; i < folder->n_spares; i++) {
    char name[WAL_NAME_BYTES];
    wal_spare_name(name, folder->spares[i]);
    char *path = mem_printf("%s/%s", wal->dir, name);
    bool found;
    struct disk_stat stat;
    int result = disk_stat(wal->io->disk, path, &found, &stat, err);
    if (result == 0 && found) {
      if (stat.type == DISK_FILE && stat.size_bytes == wal->segment.segment_bytes)
        wal_writer_add_spare(&wal->writer, folder->spares[i]);
      else if (!wal->read_only)
        result = disk_unlink(wal->io->disk, path, err);
    }
    free(path);
    if (result != 0) return -1;
  }
  return 0;
}

/* ---- the end of the log */

struct ending {
  uint64_t last_seq;    /* of the segments there are */
  uint64_t seq, offset; /* P of wal_format.h; seq may be last_seq + 1 */
  uint64_t synced_lsn;  /* of the last valid entry: what follows may not be on the disk */
  bool marked;          /* the last entry is a mark, or there is no entry at all */
};

static uint64_t lsn_of(const struct wal *wal, uint64_t seq, uint64_t offset) {
  return seq * wal->segment.segment_bytes + offset;
}

static int open_segment(struct wal *wal, struct wal_cursor *cursor, uint64_t seq, struct err *err) {
  return wal_cursor_open(cursor, seq, wal->segment.log_id, wal->segment.segment_bytes, err);
}

/* Reads one segment's entries; *over: the log ends here, at ending->offset. */
static int read_segment(struct wal *wal, struct wal_cursor *cursor, struct ending *ending,
                        bool *over, struct err *err) {
  for (;;) {
    struct wal_entry entry;
    const unsigned char *body;
    enum wal_step step;
    if (wal_cursor_next(cursor, &entry, &body, &step, err) != 0) return -1;
    ending->offset = cursor->offset;
    *over = step == WAL_STEP_BAD;
    if (step == WAL_STEP_SEGMENT_END) ending->marked = false;
    if (step != WAL_STEP_ENTRY) return 0;
    ending->synced_lsn = entry.synced_lsn;
    ending->marked = entry.type == WAL_ENTRY_MARK;
    if (entry.type != WAL_ENTRY_RECORD) continue;
    wal->figures.records++;
    wal->figures.bytes += wal_entry_bytes(entry.body_bytes);
  }
}

static int find_end(struct wal *wal, struct wal_cursor *cursor, struct ending *ending,
                    struct err *err) {
  ending->marked = true;
  bool over = false;
  while (!over && ending->seq <= ending->last_seq) {
    if (open_segment(wal, cursor, ending->seq, err) != 0) return -1;
    if (read_segment(wal, cursor, ending, &over, err) != 0) return -1;
    if (!over) {
      ending->seq++;
      ending->offset = WAL_SEGMENT_HEADER_BYTES;
    }
  }
  return 0;
}

/* Bytes to be cut: from..to of a segment. */
struct cut {
  uint64_t from, to;
};

/* Looks at what segment seq, which the cursor has open, holds behind the end. */
static int look_behind(struct wal *wal, struct wal_cursor *cursor, const struct ending *ending,
                       struct cut *cut, struct err *err) {
  uint64_t seq = cursor->segment.seq;
  char name[WAL_NAME_BYTES];
  cut->from = seq == ending->seq ? ending->offset : WAL_SEGMENT_HEADER_BYTES;
  cut->to = cut->from;
  struct wal_remains remains;
  if (wal_cursor_scan(cursor, cut->from, &remains, err) != 0) return -1;
  if (remains.entries > 0 && remains.synced_lsn_max > lsn_of(wal, ending->seq, ending->offset)) {
    wal_segment_name(name, ending->seq);
    return err_set(err, ERR_CORRUPT,
                   "%s/%s, byte %" PRIu64
                   ": the log is damaged: no valid record is here, but later "
                   "ones show that there was one",
                   wal->dir, name, ending->offset);
  }
  if (remains.entries_end > cut->to) cut->to = remains.entries_end;
  if (cursor->segment.zeroed && remains.nonzero_end > cut->to) cut->to = remains.nonzero_end;
  if (cut->to == cut->from) return 0;
  wal->figures.torn_tail_bytes += cut->to - cut->from;
  wal_segment_name(name, seq);
  diag_say(wal->diag, MESSAGE_LOG_TAIL_CUT, &wal->where,
           "%s/%s, byte %" PRIu64 ": %" PRIu64 " bytes at the end were being written when the log "
           "stopped, and never reported as synced: %s",
           wal->dir, name, cut->from, cut->to - cut->from,
           wal->read_only ? "the next start will cut them" : "they are cut");
  return 0;
}

/* No byte is changed before all are known not to be needed. */
static int clear_behind(struct wal *wal, struct wal_cursor *cursor, const struct ending *ending,
                        struct err *err) {
  if (ending->seq > ending->last_seq) return 0;
  size_t n_cuts = (size_t)(ending->last_seq - ending->seq + 1);
  struct cut *cuts = mem_zalloc(n_cuts * sizeof *cuts);
  int result = 0;
  for (size_t i = 0; i < n_cuts && result == 0; i++) {
    result = open_segment(wal, cursor, ending->seq + i, err);
    if (result == 0) result = look_behind(wal, cursor, ending, &cuts[i], err);
  }
  for (size_t i = 0; i < n_cuts && result == 0 && !wal->read_only; i++)
    if (cuts[i].to > cuts[i].from)
      result = wal_writer_zero(&wal->writer, ending->seq + i, cuts[i].from, cuts[i].to, err);
  free(cuts);
  return result;
}

static int settle(struct wal *wal, const struct ending *ending, struct err *err) {
  uint64_t segment_bytes = wal->segment.segment_bytes;
  for (uint64_t seq = wal->writer.first_seq; seq <= ending->last_seq && seq <= ending->seq; seq++) {
    /* What the last writer did not know to be on the disk is written again before it is synced: if
     * its sync failed, the system may hold the bytes and believe them written. With sync: never
     * that may be long; there the sync alone has to do. */
    uint64_t from = WAL_SEGMENT_HEADER_BYTES;
    uint64_t to = seq == ending->seq ? ending->offset : segment_bytes;
    if (ending->synced_lsn / segment_bytes == seq) from = ending->synced_lsn % segment_bytes;
    if (ending->synced_lsn / segment_bytes > seq || wal->sync == WAL_SYNC_NEVER) from = to;
    if (wal_writer_refresh(&wal->writer, seq, from, to, err) != 0) return -1;
  }
  /* It may also have died between giving a segment its name and syncing the folder. */
  return disk_sync_dir(wal->io->disk, wal->dir, err);
}

/* ---- opening */

static int open_existing(struct wal *wal, const struct folder *folder, struct wal_cursor *cursor,
                         struct err *err) {
  struct wal_writer *writer = &wal->writer;
  struct ending ending = {.seq = folder->first_seq,
                          .offset = WAL_SEGMENT_HEADER_BYTES,
                          .last_seq = folder->first_seq + folder->n_segments - 1};
  if (wal_cursor_open(cursor, folder->first_seq, 0, 0, err) != 0) return -1;
  wal->segment = cursor->segment;
  writer->log_id = wal->segment.log_id;
  writer->segment_bytes = wal->segment.segment_bytes;
  writer->first_seq = folder->first_seq;
  writer->last_seq = ending.last_seq;
  for (uint64_t seq = folder->first_seq + 1; seq <= ending.last_seq; seq++)
    if (open_segment(wal, cursor, seq, err) != 0) return -1;
  if (find_end(wal, cursor, &ending, err) != 0) return -1;
  if (clear_behind(wal, cursor, &ending, err) != 0) return -1;
  if (!wal->read_only && settle(wal, &ending, err) != 0) return -1;
  wal->segment.seq = ending.seq;
  wal->offset = ending.offset;
  if (ending.marked) wal->marked_lsn = lsn_of(wal, ending.seq, ending.offset);
  return 0;
}

/* The folder's own name must survive too. */
static int sync_parent(struct wal *wal, struct err *err) {
  const char *slash = strrchr(wal->dir, '/');
  char *parent = slash == NULL       ? mem_strdup(".")
                 : slash == wal->dir ? mem_strdup("/")
                                     : mem_strndup(wal->dir, (size_t)(slash - wal->dir));
  int result = disk_sync_dir(wal->io->disk, parent, err);
  free(parent);
  return result;
}

static int make_new(struct wal *wal, const struct wal_options *options, struct err *err) {
  if (wal->read_only) return err_set(err, ERR_NOINPUT, "there is no log in %s", wal->dir);
  if (options->must_exist)
    return err_set(err, ERR_CORRUPT,
                   "there is none in %s, but there was one: its files were removed. Put them back, "
                   "or start with a new state folder",
                   wal->dir);
  if (!wal_segment_bytes_allowed(options->segment_bytes))
    return err_set(err, ERR_CONFIG,
                   "segments of %" PRIu64 " bytes: a multiple of %d from %d to %d is needed",
                   options->segment_bytes, WAL_SEGMENT_BYTES_STEP, WAL_SEGMENT_BYTES_MIN,
                   WAL_SEGMENT_BYTES_MAX);
  wal->segment = (struct wal_segment){
      .log_id = options->log_id, .seq = 1, .segment_bytes = options->segment_bytes};
  wal->offset = WAL_SEGMENT_HEADER_BYTES;
  wal->marked_lsn = lsn_of(wal, 1, WAL_SEGMENT_HEADER_BYTES);
  wal->writer.log_id = options->log_id;
  wal->writer.segment_bytes = options->segment_bytes;
  wal->writer.first_seq = 1;
  return sync_parent(wal, err);
}

static int open_folder(struct wal *wal, const struct wal_options *options, struct folder *folder,
                       struct wal_cursor *cursor, struct err *err) {
  if (!wal->read_only && disk_make_dirs(wal->io->disk, wal->dir, err) != 0) return -1;
  if (list_folder(wal, folder, err) != 0) return -1;
  if (folder->n_segments > 0) {
    if (open_existing(wal, folder, cursor, err) != 0) return -1;
  } else {
    if (make_new(wal, options, err) != 0) return -1;
  }
  return take_spares(wal, folder, err);
}

int wal_open(struct wal **opened, struct io *io, const struct wal_options *options,
             const struct diag *diag, loop_fn *on_change, void *arg, struct err *err) {
  struct wal *wal = mem_zalloc(sizeof *wal);
  wal->io = io;
  wal->diag = diag;
  wal->on_change = on_change;
  wal->on_change_arg = arg;
  wal->dir = mem_strdup(options->dir);
  diag_where_init(&wal->where, options->pipeline, "log", NULL);
  wal->sync = options->sync;
  wal->sync_interval_us = options->sync_interval_us;
  wal->spare_segments = options->spare_segments;
  wal->read_only = options->read_only;
  struct wal_writer *writer = &wal->writer;
  writer->disk = io->disk;
  writer->clock = io->clock;
  writer->dir = wal->dir;
  writer->sync_groups = options->sync != WAL_SYNC_NEVER;

  struct folder folder = {0};
  struct wal_cursor cursor;
  wal_cursor_init(&cursor, io->disk, wal->dir);
  int result = open_folder(wal, options, &folder, &cursor, err);
  wal_cursor_fini(&cursor);
  free(folder.spares);
  if (result != 0) {
    wal_close(wal);
    return err_wrap(err, "log");
  }

  uint64_t end_lsn = lsn_of(wal, wal->segment.seq, wal->offset);
  wal->begin_lsn = lsn_of(wal, writer->first_seq, WAL_SEGMENT_HEADER_BYTES);
  wal->trim_seq = writer->first_seq;
  wal->found_end_lsn = wal->synced_lsn = writer->synced_lsn = end_lsn;
  wal->segments_keep = writer->last_seq + 1 - writer->first_seq + writer->n_spares;
  wal_take_figures(wal);
  if (!wal->read_only) wal_writing_start(wal);
  *opened = wal;
  return 0;
}

void wal_close(struct wal *wal) {
  if (wal == NULL) return;
  wal_writing_stop(wal);
  free(wal->dir);
  diag_where_fini(&wal->where);
  free(wal);
}
