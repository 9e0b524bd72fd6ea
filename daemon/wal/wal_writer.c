/* wal_writer: see wal_writer.h.
 *
 * The life of a file: filled with zeros and synced under a spare's name -> header written, synced,
 * renamed to a segment's name, folder synced: ready -> written group by group -> trimmed: renamed
 * to a spare's name, folder synced -> header written ... Each arrow is on the disk before the next
 * begins, so whatever a crash leaves, a file with a segment's name has that segment's header.
 *
 * Failures: a sync that fails breaks the writer, because the system may have dropped the unwritten
 * pages and forgotten it. Only when it fails for want of room (some filesystems find that out so
 * late) is it not final: the whole group is written again, which makes its pages new. A segment
 * that is not under its name any more breaks it too: what is written to a removed file is synced
 * without an error and gone with the process. All other failures leave things as they were, and the
 * step can be repeated. */
#include "daemon/wal/wal_writer.h"

#include "daemon/base/mem.h"
#include "daemon/wal/wal_cursor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEP_BYTES ((uint64_t)1024 * 1024)

static char *segment_path(const struct wal_writer *writer, uint64_t seq) {
  char name[WAL_NAME_BYTES];
  wal_segment_name(name, seq);
  return mem_printf("%s/%s", writer->dir, name);
}

static char *spare_path(const struct wal_writer *writer, uint64_t number) {
  char name[WAL_NAME_BYTES];
  wal_spare_name(name, number);
  return mem_printf("%s/%s", writer->dir, name);
}

void wal_writer_fini(struct wal_writer *writer) {
  disk_close(writer->file);
  disk_close(writer->making);
  free(writer->spares);
  writer->file = NULL;
  writer->making = NULL;
  writer->spares = NULL;
}

static int sync_file(struct wal_writer *writer, struct disk_file *file, struct err *err) {
  int64_t began_us = clock_mono_us(writer->clock);
  if (disk_sync(file, err) != 0) {
    if (err->code != ERR_RETRY) writer->broken = true;
    return -1;
  }
  uint64_t took_us = (uint64_t)(clock_mono_us(writer->clock) - began_us);
  writer->syncs++;
  histogram_add(&writer->sync, (int64_t)took_us);
  writer->sync_us_total += took_us;
  if (took_us > writer->sync_us_max) writer->sync_us_max = took_us;
  return 0;
}

/* The rename before it is done and cannot be repeated: always final. */
static int sync_dir(struct wal_writer *writer, struct err *err) {
  if (disk_sync_dir(writer->disk, writer->dir, err) == 0) return 0;
  writer->broken = true;
  return -1;
}

static int write_zeros(struct disk_file *file, uint64_t from, uint64_t to, struct err *err) {
  char *zeros = mem_zalloc(STEP_BYTES);
  int result = 0;
  while (from < to && result == 0) {
    uint64_t len = to - from < STEP_BYTES ? to - from : STEP_BYTES;
    result = disk_write(file, zeros, (size_t)len, from, err);
    from += len;
  }
  free(zeros);
  return result;
}

/* A file under a spare's name becomes the segment behind the last one. */
static int take_into_use(struct wal_writer *writer, struct disk_file *file, uint64_t number,
                         bool zeroed, struct err *err) {
  struct wal_segment segment = {.log_id = writer->log_id,
                                .seq = writer->last_seq + 1,
                                .segment_bytes = writer->segment_bytes,
                                .zeroed = zeroed};
  unsigned char header[WAL_SEGMENT_HEADER_BYTES];
  wal_segment_encode(header, &segment);
  if (disk_write(file, header, sizeof header, 0, err) != 0) return -1;
  if (sync_file(writer, file, err) != 0) return -1;
  char *from = spare_path(writer, number);
  char *to = segment_path(writer, segment.seq);
  int result = disk_rename(writer->disk, from, to, err);
  free(from);
  free(to);
  if (result != 0) return -1;
  if (sync_dir(writer, err) != 0) return -1;
  writer->last_seq++;
  return 0;
}

static int use_spare(struct wal_writer *writer, struct err *err) {
  uint64_t number = writer->spares[writer->n_spares - 1];
  char *path = spare_path(writer, number);
  struct disk_file *file = NULL;
  int result = disk_open(writer->disk, path, DISK_READ | DISK_WRITE, &file, err);
  free(path);
  if (result != 0) {
    /* Somebody took it away: one less. Another will be made. */
    if (err->code != ERR_NOINPUT) return -1;
    writer->n_spares--;
    return 0;
  }
  result = take_into_use(writer, file, number, false, err);
  disk_close(file);
  if (result == 0) writer->n_spares--;
  return result;
}

/* Gives back the room of a file that could not be completed: the disk may be full. */
static void give_up_making(struct wal_writer *writer) {
  disk_close(writer->making);
  writer->making = NULL;
  char *path = spare_path(writer, writer->making_number);
  struct err ignored;
  disk_unlink(writer->disk, path, &ignored);
  free(path);
}

static int make_step(struct wal_writer *writer, struct err *err) {
  if (writer->making == NULL) {
    writer->making_number = writer->last_seq + 1;
    writer->making_bytes = 0;
    char *path = spare_path(writer, writer->making_number);
    int result = disk_open(writer->disk, path, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE,
                           &writer->making, err);
    free(path);
    if (result != 0) {
      writer->making = NULL;
      return -1;
    }
  }
  uint64_t to = writer->making_bytes + STEP_BYTES;
  if (to > writer->segment_bytes) to = writer->segment_bytes;
  if (write_zeros(writer->making, writer->making_bytes, to, err) != 0 ||
      sync_file(writer, writer->making, err) != 0) {
    give_up_making(writer);
    return -1;
  }
  writer->making_bytes = to;
  if (to < writer->segment_bytes) return 0;
  if (take_into_use(writer, writer->making, writer->making_number, true, err) != 0) {
    if (!writer->broken) give_up_making(writer);
    return -1;
  }
  disk_close(writer->making);
  writer->making = NULL;
  return 0;
}

int wal_writer_ready_step(struct wal_writer *writer, struct err *err) {
  if (writer->making == NULL && writer->n_spares > 0) return use_spare(writer, err);
  return make_step(writer, err);
}

void wal_writer_add_spare(struct wal_writer *writer, uint64_t number) {
  array_grow((void **)&writer->spares, &writer->spares_cap, writer->n_spares,
             sizeof *writer->spares);
  writer->spares[writer->n_spares++] = number;
}

int wal_writer_retire(struct wal_writer *writer, struct err *err) {
  uint64_t seq = writer->first_seq;
  if (writer->file != NULL && writer->file_seq == seq) {
    disk_close(writer->file);
    writer->file = NULL;
  }
  char *from = segment_path(writer, seq);
  char *to = spare_path(writer, seq);
  int result = disk_rename(writer->disk, from, to, err);
  free(from);
  free(to);
  if (result != 0) return -1;
  if (sync_dir(writer, err) != 0) return -1;
  writer->first_seq++;
  wal_writer_add_spare(writer, seq);
  return 0;
}

int wal_writer_drop_spare(struct wal_writer *writer, struct err *err) {
  char *path = spare_path(writer, writer->spares[writer->n_spares - 1]);
  int result = disk_unlink(writer->disk, path, err);
  free(path);
  if (result == 0) writer->n_spares--;
  return result;
}

static int open_segment(struct wal_writer *writer, uint64_t seq, struct err *err) {
  if (writer->file != NULL && writer->file_seq == seq) return 0;
  disk_close(writer->file);
  writer->file = NULL;
  char *path = segment_path(writer, seq);
  int result = disk_open(writer->disk, path, DISK_READ | DISK_WRITE, &writer->file, err);
  free(path);
  if (result != 0) {
    writer->file = NULL;
    return -1;
  }
  writer->file_seq = seq;
  return 0;
}

/* Whether the file that was written is still the one that the next start will find. */
static int check_in_place(struct wal_writer *writer, struct err *err) {
  struct disk_stat mine, named;
  bool found;
  const char *path = disk_path(writer->file);
  if (disk_fstat(writer->file, &mine, err) != 0 ||
      disk_stat(writer->disk, path, &found, &named, err) != 0)
    return -1;
  if (found && named.ino == mine.ino && named.dev == mine.dev) return 0;
  writer->broken = writer->gone = true;
  return err_set(err, ERR_IO, "%s was removed or moved away while it was being written", path);
}

int wal_writer_group(struct wal_writer *writer, struct wal_group *group, struct err *err) {
  while (writer->last_seq < group->seq)
    if (wal_writer_ready_step(writer, err) != 0) return -1;
  if (open_segment(writer, group->seq, err) != 0) return -1;
  struct wal_segment segment = {
      .log_id = writer->log_id, .seq = group->seq, .segment_bytes = writer->segment_bytes};
  for (size_t at = 0; at < group->bytes.len;)
    at += wal_entry_finish((unsigned char *)group->bytes.data + at, &segment, group->offset + at,
                           writer->sync_groups ? wal_lsn(&segment, group->offset)
                                               : writer->synced_lsn);
  if (disk_write(writer->file, group->bytes.data, group->bytes.len, group->offset, err) != 0)
    return -1;
  if (writer->sync_groups && sync_file(writer, writer->file, err) != 0) return -1;
  if (check_in_place(writer, err) != 0) return -1;
  if (!writer->sync_groups) return 0;
  writer->synced_lsn = wal_lsn(&segment, group->offset) + group->bytes.len;
  return 0;
}

int wal_writer_zero(struct wal_writer *writer, uint64_t seq, uint64_t from, uint64_t to,
                    struct err *err) {
  if (open_segment(writer, seq, err) != 0) return -1;
  if (write_zeros(writer->file, from, to, err) != 0) return -1;
  return sync_file(writer, writer->file, err);
}

int wal_writer_refresh(struct wal_writer *writer, uint64_t seq, uint64_t from, uint64_t to,
                       struct err *err) {
  if (open_segment(writer, seq, err) != 0) return -1;
  char *copy = mem_alloc(STEP_BYTES);
  int result = 0;
  while (from < to && result == 0) {
    size_t len = (size_t)(to - from < STEP_BYTES ? to - from : STEP_BYTES), got = 0;
    result = disk_read(writer->file, copy, len, from, &got, err);
    if (result == 0) result = disk_write(writer->file, copy, got, from, err);
    from += len;
  }
  free(copy);
  return result == 0 ? sync_file(writer, writer->file, err) : -1;
}
