/* snapshot: see snapshot.h. The file, all numbers little-endian:
 *
 *   header   0   8  "tidesnap"
 *            8   4  format, 1
 *           12   4  0
 *           16   8  epoch
 *           24   4  0
 *           28   4  CRC-32C of bytes 0..27
 *
 *   section  0   4  kind, 1
 *            4   4  bytes of the name, 1..255
 *            8   4  index
 *           12   8  bytes of the body
 *           20   4  CRC-32C of name and body
 *           24   4  CRC-32C of bytes 0..23
 *           28      name, body
 *
 *   footer   0   4  kind, 2
 *            4   4  0
 *            8   8  number of sections
 *           16   8  bytes of the whole file, this footer included
 *           24   4  CRC-32C over the last four header bytes of all sections, in order
 *           28   4  CRC-32C of bytes 0..27
 *
 * A file is a snapshot if and only if its header, its footer and every section between check out,
 * the sections end where the footer begins, and its name has the header's epoch. */
#include "daemon/state/snapshot.h"

#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  FORMAT = 1,
  HEADER_BYTES = 32,
  SECTION_BYTES = 28,
  FOOTER_BYTES = 32,
  KIND_SECTION = 1,
  KIND_FOOTER = 2,
  NAME_MAX_BYTES = 255,
};
static const char magic[8] = {'t', 'i', 'd', 'e', 's', 'n', 'a', 'p'};
static const char name_prefix[] = "snapshot-", tmp_suffix[] = ".tmp";

struct snapshot_writer {
  struct disk *disk;
  struct disk_file *file;
  char *dir, *path, *tmp_path;
  uint64_t offset, n_sections;
  uint32_t chain; /* CRC over the sections' header CRCs */
  struct buf head, body;
};

struct snapshot_reader {
  struct disk_file *file;
  uint64_t offset, end; /* of the sections */
  uint64_t n_sections, n_sections_expected;
  uint32_t chain, chain_expected;
  struct buf body; /* name, NUL, body */
};

static char *path_of(const char *dir, uint64_t epoch, const char *suffix) {
  return mem_printf("%s/%s%" PRIu64 "%s", dir, name_prefix, epoch, suffix);
}

static void put_crc(struct buf *buf, size_t from) {
  field_put_u32(buf, crc32c(0, buf->data + from, buf->len - from));
}

/* Whether the bytes end in the CRC of all before. */
static bool crc_good(struct slice bytes) {
  size_t at = bytes.len - 4;
  uint32_t crc;
  return field_get_u32(bytes, &at, &crc) == 0 && crc == crc32c(0, bytes.data, bytes.len - 4);
}

/* ------------------------------------------------------------------ writing */

static void writer_free(struct snapshot_writer *writer) {
  disk_close(writer->file);
  buf_fini(&writer->head);
  buf_fini(&writer->body);
  free(writer->dir);
  free(writer->path);
  free(writer->tmp_path);
  free(writer);
}

static int writer_put(struct snapshot_writer *writer, const struct buf *bytes, struct err *err) {
  if (bytes->len == 0) return 0;
  if (disk_write(writer->file, bytes->data, bytes->len, writer->offset, err) != 0) return -1;
  writer->offset += bytes->len;
  return 0;
}

int snapshot_create(struct disk *disk, const char *dir, uint64_t epoch,
                    struct snapshot_writer **writer_out, struct err *err) {
  struct snapshot_writer *writer = mem_zalloc(sizeof *writer);
  writer->disk = disk;
  writer->dir = mem_strdup(dir);
  writer->path = path_of(dir, epoch, "");
  writer->tmp_path = path_of(dir, epoch, tmp_suffix);
  int flags = DISK_WRITE | DISK_CREATE | DISK_TRUNCATE;
  if (disk_open(disk, writer->tmp_path, flags, &writer->file, err) != 0) {
    writer->file = NULL;
    writer_free(writer);
    return -1;
  }
  buf_put(&writer->head, magic, sizeof magic);
  field_put_u32(&writer->head, FORMAT);
  field_put_u32(&writer->head, 0);
  field_put_u64(&writer->head, epoch);
  field_put_u32(&writer->head, 0);
  put_crc(&writer->head, 0);
  if (writer_put(writer, &writer->head, err) != 0) {
    snapshot_abandon(writer);
    return -1;
  }
  *writer_out = writer;
  return 0;
}

struct buf *snapshot_begin(struct snapshot_writer *writer) {
  buf_clear(&writer->body);
  return &writer->body;
}

int snapshot_end(struct snapshot_writer *writer, const char *name, uint32_t index,
                 struct err *err) {
  size_t name_len = strlen(name);
  if (name_len == 0 || name_len > NAME_MAX_BYTES)
    return err_set(err, ERR_OTHER, "a snapshot's section cannot be named \"%s\"", name);
  struct buf *head = &writer->head;
  uint32_t crc = crc32c(0, name, name_len);
  if (writer->body.len > 0) crc = crc32c(crc, writer->body.data, writer->body.len);
  buf_clear(head);
  field_put_u32(head, KIND_SECTION);
  field_put_u32(head, (uint32_t)name_len);
  field_put_u32(head, index);
  field_put_u64(head, writer->body.len);
  field_put_u32(head, crc);
  put_crc(head, 0);
  writer->chain = crc32c(writer->chain, head->data + SECTION_BYTES - 4, 4);
  writer->n_sections++;
  buf_put(head, name, name_len);
  if (writer_put(writer, head, err) != 0) return -1;
  return writer_put(writer, &writer->body, err);
}

int snapshot_commit(struct snapshot_writer *writer, struct err *err) {
  struct buf *head = &writer->head;
  buf_clear(head);
  field_put_u32(head, KIND_FOOTER);
  field_put_u32(head, 0);
  field_put_u64(head, writer->n_sections);
  field_put_u64(head, writer->offset + FOOTER_BYTES);
  field_put_u32(head, writer->chain);
  put_crc(head, 0);
  if (writer_put(writer, head, err) != 0 || disk_sync(writer->file, err) != 0 ||
      disk_rename(writer->disk, writer->tmp_path, writer->path, err) != 0) {
    snapshot_abandon(writer);
    return -1;
  }
  int result = disk_sync_dir(writer->disk, writer->dir, err);
  writer_free(writer);
  return result;
}

void snapshot_abandon(struct snapshot_writer *writer) {
  disk_close(writer->file);
  writer->file = NULL;
  struct err ignored; /* what stays behind is removed by snapshot_list() of the next life */
  disk_unlink(writer->disk, writer->tmp_path, &ignored);
  writer_free(writer);
}

/* ------------------------------------------------------------------ the folder */

/* Reads "snapshot-<epoch>"; *tmp tells whether ".tmp" follows. */
static bool parse_name(const char *name, uint64_t *epoch, bool *tmp) {
  size_t prefix_len = sizeof name_prefix - 1;
  if (strncmp(name, name_prefix, prefix_len) != 0) return false;
  const char *digit = name + prefix_len;
  if (*digit < '0' || *digit > '9' || (*digit == '0' && digit[1] >= '0' && digit[1] <= '9'))
    return false;
  *epoch = 0;
  for (; *digit >= '0' && *digit <= '9'; digit++) {
    if (__builtin_mul_overflow(*epoch, 10, epoch) ||
        __builtin_add_overflow(*epoch, (uint64_t)(*digit - '0'), epoch))
      return false;
  }
  *tmp = strcmp(digit, tmp_suffix) == 0;
  return *tmp || *digit == '\0';
}

static int newest_first(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x < y) - (x > y);
}

int snapshot_list(struct disk *disk, const char *dir, bool clean, uint64_t **epochs, size_t *n,
                  struct err *err) {
  char **names;
  size_t n_names;
  if (disk_list(disk, dir, &names, &n_names, err) != 0) return -1;
  uint64_t *list = mem_alloc(n_names * sizeof *list);
  size_t count = 0;
  int result = 0;
  for (size_t i = 0; i < n_names && result == 0; i++) {
    uint64_t epoch;
    bool tmp;
    if (!parse_name(names[i], &epoch, &tmp)) continue;
    if (!tmp) {
      list[count++] = epoch;
    } else if (clean) {
      char *path = path_of(dir, epoch, tmp_suffix);
      result = disk_unlink(disk, path, err);
      free(path);
    }
  }
  free(names);
  if (result != 0) {
    free(list);
    return -1;
  }
  qsort(list, count, sizeof *list, newest_first);
  *epochs = list;
  *n = count;
  return 0;
}

uint64_t snapshot_bytes(struct disk *disk, const char *dir, uint64_t epoch) {
  char *path = path_of(dir, epoch, "");
  struct disk_stat stat;
  struct err err;
  bool found;
  int result = disk_stat(disk, path, &found, &stat, &err);
  free(path);
  return result == 0 && found ? stat.size_bytes : 0;
}

int snapshot_remove(struct disk *disk, const char *dir, uint64_t epoch, struct err *err) {
  char *path = path_of(dir, epoch, "");
  int result = disk_unlink(disk, path, err);
  free(path);
  return result;
}

/* ------------------------------------------------------------------ reading */

static int damaged(const struct snapshot_reader *reader, uint64_t byte, const char *what,
                   struct err *err) {
  return err_set(err, ERR_CORRUPT, "%s is damaged at byte %" PRIu64 ": %s", disk_path(reader->file),
                 byte, what);
}

/* All of len bytes, which the size of the file promised. */
static int read_exact(struct snapshot_reader *reader, char *to, size_t len, uint64_t offset,
                      struct err *err) {
  size_t got = 0;
  if (len > 0 && disk_read(reader->file, to, len, offset, &got, err) != 0) return -1;
  if (got < len) return damaged(reader, offset + got, "the file ends too early", err);
  return 0;
}

static int check_header(struct snapshot_reader *reader, uint64_t epoch, struct err *err) {
  char bytes[HEADER_BYTES];
  struct slice header = {bytes, sizeof bytes};
  if (read_exact(reader, bytes, sizeof bytes, 0, err) != 0) return -1;
  if (memcmp(bytes, magic, sizeof magic) != 0)
    return damaged(reader, 0, "it does not begin as a snapshot does", err);
  if (!crc_good(header)) return damaged(reader, 0, "the header's checksum is wrong", err);
  size_t at = sizeof magic;
  uint32_t format, zero;
  uint64_t found;
  field_get_u32(header, &at, &format);
  field_get_u32(header, &at, &zero);
  field_get_u64(header, &at, &found);
  if (format != FORMAT)
    return err_set(err, ERR_OTHER,
                   "%s has format %" PRIu32 ", which this version of Tidemark does not know "
                   "(it knows %d)",
                   disk_path(reader->file), format, FORMAT);
  if (found != epoch) return damaged(reader, 16, "it is the snapshot of another epoch", err);
  return 0;
}

static int check_footer(struct snapshot_reader *reader, uint64_t size, struct err *err) {
  char bytes[FOOTER_BYTES];
  struct slice footer = {bytes, sizeof bytes};
  uint64_t start = size - FOOTER_BYTES;
  if (read_exact(reader, bytes, sizeof bytes, start, err) != 0) return -1;
  size_t at = 0;
  uint32_t kind, zero;
  uint64_t file_bytes;
  field_get_u32(footer, &at, &kind);
  field_get_u32(footer, &at, &zero);
  field_get_u64(footer, &at, &reader->n_sections_expected);
  field_get_u64(footer, &at, &file_bytes);
  field_get_u32(footer, &at, &reader->chain_expected);
  if (!crc_good(footer) || kind != KIND_FOOTER || file_bytes != size)
    return damaged(reader, start, "it does not end as a snapshot does", err);
  reader->end = start;
  return 0;
}

int snapshot_open(struct disk *disk, const char *dir, uint64_t epoch,
                  struct snapshot_reader **reader_out, struct err *err) {
  struct snapshot_reader *reader = mem_zalloc(sizeof *reader);
  char *path = path_of(dir, epoch, "");
  struct disk_stat stat;
  int result = disk_open(disk, path, DISK_READ, &reader->file, err);
  free(path);
  if (result != 0) {
    free(reader);
    return -1;
  }
  result = disk_fstat(reader->file, &stat, err);
  if (result == 0 && stat.size_bytes < HEADER_BYTES + FOOTER_BYTES)
    result = damaged(reader, stat.size_bytes, "the file is shorter than any snapshot", err);
  if (result == 0) result = check_header(reader, epoch, err);
  if (result == 0) result = check_footer(reader, stat.size_bytes, err);
  if (result != 0) {
    snapshot_close(reader);
    return -1;
  }
  reader->offset = HEADER_BYTES;
  *reader_out = reader;
  return 0;
}

int snapshot_next(struct snapshot_reader *reader, struct snapshot_section *section,
                  struct err *err) {
  uint64_t start = reader->offset, left = reader->end - start;
  if (left == 0) {
    if (reader->n_sections != reader->n_sections_expected ||
        reader->chain != reader->chain_expected)
      return damaged(reader, reader->end, "the footer tells of other sections", err);
    return 0;
  }
  char bytes[SECTION_BYTES];
  struct slice head = {bytes, sizeof bytes};
  if (left < SECTION_BYTES) return damaged(reader, start, "a section is cut off", err);
  if (read_exact(reader, bytes, sizeof bytes, start, err) != 0) return -1;
  size_t at = 0;
  uint32_t kind, name_len, crc;
  uint64_t body_len;
  field_get_u32(head, &at, &kind);
  field_get_u32(head, &at, &name_len);
  field_get_u32(head, &at, &section->index);
  field_get_u64(head, &at, &body_len);
  field_get_u32(head, &at, &crc);
  if (!crc_good(head) || kind != KIND_SECTION || name_len == 0 || name_len > NAME_MAX_BYTES)
    return damaged(reader, start, "the head of a section has a wrong checksum", err);
  left -= SECTION_BYTES;
  if (left < name_len || left - name_len < body_len)
    return damaged(reader, start, "a section is longer than the file", err);

  start += SECTION_BYTES;
  buf_clear(&reader->body);
  char *name = buf_reserve(&reader->body, name_len + 1 + (size_t)body_len);
  char *body = name + name_len + 1;
  if (read_exact(reader, name, name_len, start, err) != 0) return -1;
  name[name_len] = '\0';
  if (read_exact(reader, body, (size_t)body_len, start + name_len, err) != 0) return -1;
  if (crc32c(crc32c(0, name, name_len), body, (size_t)body_len) != crc)
    return damaged(reader, start, "the checksum of a section is wrong", err);
  reader->chain = crc32c(reader->chain, bytes + SECTION_BYTES - 4, 4);
  reader->n_sections++;
  reader->offset = start + name_len + body_len;
  section->name = name;
  section->body = (struct slice){body, (size_t)body_len};
  return 1;
}

int snapshot_verify(struct disk *disk, const char *dir, uint64_t epoch, struct err *err) {
  struct snapshot_reader *reader;
  struct snapshot_section section;
  if (snapshot_open(disk, dir, epoch, &reader, err) != 0) return -1;
  int more;
  do {
    more = snapshot_next(reader, &section, err);
  } while (more == 1);
  snapshot_close(reader);
  return more;
}

void snapshot_close(struct snapshot_reader *reader) {
  if (reader == NULL) return;
  disk_close(reader->file);
  buf_fini(&reader->body);
  free(reader);
}
