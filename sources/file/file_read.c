/* file_read: the bytes of the source's files, as whole lines.
 *
 * A block is read straight to where the decoder will find it. It reaches a little beyond the place
 * where it is to stop, so that the line that crosses the place is mostly in it; a line that is not
 * goes to the next block, which is read from that line's start. Only a line that is longer than a
 * block is gathered in memory of its own first, because its length is not known before. */
#include "daemon/base/mem.h"
#include "sources/file/file.h"
#include "sources/lines.h"

#include <stdlib.h>

enum { SLACK_BYTES = 4096 };

int file_part_shrank(const struct file_part *part, uint64_t size, uint64_t taken, struct err *err) {
  return err_set(err, ERR_CORRUPT,
                 "%s: has %llu bytes, but %llu were there or have been taken: it was cut or "
                 "replaced; put the file back, or start with a new state folder",
                 part->path, (unsigned long long)size, (unsigned long long)taken);
}

static void close_descriptor(struct file_source *source, struct file_part *part) {
  if (part->file == NULL) return;
  disk_close(part->file);
  part->file = NULL;
  for (size_t i = 0; i < source->n_open; i++)
    if (source->open[i] == part) source->open[i] = source->open[--source->n_open];
}

void file_part_close(struct file_source *source, struct file_part *part) {
  close_descriptor(source, part);
  if (part->gzip == NULL) return;
  gzip_free(part->gzip);
  part->gzip = NULL;
  source->n_gzip--;
}

static void make_room(struct file_source *source) {
  if (source->n_open < FILE_OPEN_MAX) return;
  struct file_part *oldest = source->open[0];
  for (size_t i = 1; i < source->n_open; i++)
    if (source->open[i]->used < oldest->used) oldest = source->open[i];
  close_descriptor(source, oldest);
}

static void make_gzip_room(struct file_source *source) {
  if (source->n_gzip < FILE_GZIP_MAX) return;
  struct file_part *oldest = NULL;
  for (size_t i = 0; i < source->n_parts; i++) {
    struct file_part *part = &source->parts[i];
    if (part->gzip != NULL && (oldest == NULL || part->used < oldest->used)) oldest = part;
  }
  gzip_free(oldest->gzip);
  oldest->gzip = NULL;
  source->n_gzip--;
}

int file_part_open(struct file_source *source, struct file_part *part, struct err *err) {
  part->used = ++source->stamp;
  if (part->compressed && part->gzip == NULL) {
    make_gzip_room(source);
    part->gzip = gzip_new();
    source->n_gzip++;
  }
  if (part->file != NULL) return 0;
  make_room(source);
  struct disk_file *file;
  struct disk_stat stat;
  if (disk_open(source->ctx->io->disk, part->path, DISK_READ, &file, err) != 0) return -1;
  if (disk_fstat(file, &stat, err) != 0) {
    disk_close(file);
    return -1;
  }
  if (stat.dev != part->dev || stat.ino != part->ino) {
    disk_close(file);
    return err_set(err, ERR_CORRUPT,
                   "%s: another file was put in its place after %llu bytes of it were taken; put "
                   "the first one back, or start with a new state folder",
                   part->path, (unsigned long long)part->position);
  }
  part->file = file;
  source->open[source->n_open++] = part;
  return 0;
}

/* At most len bytes from position on; *ended when there are no more behind them. */
static int read_bytes(struct file_part *part, uint64_t position, void *data, size_t len,
                      size_t *got, bool *ended, struct err *err) {
  if (part->compressed)
    return gzip_read(part->gzip, part->file, data, len, position, got, ended, err);
  if (disk_read(part->file, data, len, position, got, err) != 0) return -1;
  *ended = *got < len;
  if (!*ended) return 0;
  struct disk_stat stat;
  if (disk_fstat(part->file, &stat, err) != 0) return -1;
  uint64_t seen = part->size_bytes > position + *got ? part->size_bytes : position + *got;
  if (stat.size_bytes < seen) return file_part_shrank(part, stat.size_bytes, seen, err);
  part->size_bytes = stat.size_bytes;
  /* It has grown just now: what is read counts, and the rest is found by the next read. */
  *ended = stat.size_bytes == position + *got;
  return 0;
}

static void unread(struct file_part *part, const char *data, size_t len) {
  if (part->compressed && len > 0) gzip_unread(part->gzip, data, len);
}

/* The line at position does not end within a block. Gathers it, up to what is kept of a line. */
static int read_long_line(struct file_source *source, struct file_reading *reading,
                          struct take *take, bool *ended, struct err *err) {
  struct file_part *part = reading->part;
  struct buf line;
  buf_init(&line);
  char *scratch = mem_alloc(LINES_BLOCK_BYTES);
  uint64_t at = reading->position;
  int result = 0;
  for (bool complete = false; !complete;) {
    size_t want = LINES_BLOCK_BYTES, got;
    if (reading->end_at - at < want) want = (size_t)(reading->end_at - at);
    result = read_bytes(part, at, scratch, want, &got, ended, err);
    if (result != 0) break;
    const char *newline = got > 0 ? memchr(scratch, '\n', got) : NULL;
    size_t n = newline != NULL ? (size_t)(newline - scratch) + 1 : got;
    unread(part, scratch + n, got - n);
    if (n < got) *ended = false;
    size_t room = LINES_LONGEST_BYTES - line.len;
    buf_put(&line, scratch, n < room ? n : room);
    at += n;
    complete = newline != NULL || *ended || at == reading->end_at;
    if (!complete && got == 0) {
      /* Nothing came, and yet it is not the end: what broke is said by the next read. */
      result = read_bytes(part, at, scratch, 1, &got, ended, err);
      if (result != 0) break;
      unread(part, scratch, got);
    }
  }
  if (result == 0) {
    char *data = take_reserve(take, line.len);
    memcpy(data, line.data, line.len);
    if (at - reading->position > line.len)
      take_commit(take, part->partition, reading->position, at, data, line.len, TAKE_TOO_LONG);
    else
      lines_commit(take, part->partition, reading->position, data, line.len,
                   source->ctx->common->line_max_bytes);
    reading->position = at;
  }
  free(scratch);
  buf_fini(&line);
  return result;
}

int file_read_lines(struct file_source *source, struct file_reading *reading, struct take *take,
                    bool *ended, struct err *err) {
  struct file_part *part = reading->part;
  *ended = false;
  if (file_part_open(source, part, err) != 0) return -1;

  uint64_t position = reading->position, stop = LINES_BLOCK_BYTES;
  if (reading->start_before - position < stop) stop = reading->start_before - position;
  if (take_bytes_left(take) < stop) stop = take_bytes_left(take);
  if (stop == 0) stop = 1;
  uint64_t want = stop + SLACK_BYTES;
  if (reading->end_at - position < want) want = reading->end_at - position;

  char *data = take_reserve(take, (size_t)want);
  size_t got;
  bool file_ended;
  if (read_bytes(part, position, data, (size_t)want, &got, &file_ended, err) != 0) return -1;
  bool all = file_ended || position + got == reading->end_at;
  size_t n = lines_whole(data, got, (size_t)stop, all);
  unread(part, data + n, got - n);
  if (n == 0 && !(all && got == 0)) return read_long_line(source, reading, take, ended, err);
  lines_commit(take, part->partition, position, data, n, source->ctx->common->line_max_bytes);
  reading->position = position + n;
  *ended = file_ended && n == got;
  if (*ended || reading->end_at != UINT64_MAX) return 0;

  /* Whether this was the end must not depend on how much was asked for. */
  char next;
  if (read_bytes(part, reading->position, &next, 1, &got, &file_ended, err) != 0) {
    /* What was good has been given; the next call meets the same and says it. */
    if (part->compressed) return 0;
    return -1;
  }
  unread(part, &next, got);
  *ended = file_ended;
  return 0;
}
