/* file: what the files of the source `file` share: file.c (the plugin, and the order of mode:
 * read), file_identity.c (by what a file is known again), file_list.c (which files there are),
 * file_read.c (their bytes), gzip.c; mode: tail is in tail.h and tail*.c. */
#ifndef TIDEMARK_SOURCES_FILE_FILE_H
#define TIDEMARK_SOURCES_FILE_FILE_H

#include "daemon/flow/plugin.h"
#include "sources/file/gzip.h"
#include "sources/file/tail.h"

enum file_mode { FILE_READ, FILE_TAIL };
enum file_compression { FILE_AUTO, FILE_PLAIN, FILE_GZIP };
enum file_order { FILE_INTERLEAVED, FILE_SEQUENTIAL };

enum {
  FILE_OPEN_MAX = 64,  /* descriptors */
  FILE_GZIP_MAX = 256, /* decompressors kept; of more files one starts from its beginning again */
  FILE_TURN_BYTES = 256 * 1024,
  FILE_HEAD_BYTES = 1024, /* of a file's start, by whose checksum it is known again */
  FILE_START_BYTES = 64,  /* of them kept as they are, for when less than the head was taken */
};

/* By what a file is known again in another life; its form in the log is 24 bytes and the start. */
struct file_identity {
  uint32_t head_bytes; /* at first sight, at most FILE_HEAD_BYTES */
  uint32_t head_crc;
  uint64_t dev, ino;
  uint32_t start_bytes; /* the lesser of head_bytes and FILE_START_BYTES */
  char start[FILE_START_BYTES];
};

void file_identity_of(const char *head, size_t head_bytes, uint64_t dev, uint64_t ino,
                      struct file_identity *identity);
void file_identity_put(const struct file_identity *identity, struct buf *to);
int file_identity_get(struct slice bytes, struct file_identity *identity, struct err *err);

/* One file = one partition. */
struct file_part {
  char *path; /* owned */
  struct file_identity identity;
  uint32_t partition;
  bool added;      /* it has its partition number */
  bool ended;      /* all of it has been taken */
  bool missing;    /* ended in an earlier life and not to be found any more */
  bool compressed; /* gzip */
  uint64_t position;
  uint64_t size_bytes; /* of the file, the most that was seen */
  uint64_t dev, ino;   /* in this life */
  struct disk_file *file;
  struct gzip *gzip;
  uint64_t used; /* stamp of the last use, for closing the one that was not used for longest */
};

struct file_source {
  /* options */
  struct text_list paths;
  int mode, compression, order;
  struct tail_options tail_options;
  /* run */
  struct source_ctx *ctx;
  struct file_part *parts; /* known ones by partition number, then new ones by name */
  size_t n_parts, cap_parts;
  struct file_part *open[FILE_OPEN_MAX];
  size_t n_open, n_gzip;
  uint64_t stamp;
  size_t *active; /* indexes of the parts that have not ended, in order */
  size_t n_active, cursor;
  uint64_t turn;
  bool source_ended;
  struct err *broken; /* what the next take() says */
  struct tail *tail;  /* mode: tail, which uses nothing else of the run */
};

/* file_list.c: fills parts. */
int file_list_open(struct file_source *source, struct err *err);
/* Gives the part its partition number if it has none yet. */
void file_part_add(struct file_source *source, struct file_part *part);

/* file_read.c */
struct file_reading {
  struct file_part *part;
  uint64_t position;     /* of a line's start */
  uint64_t start_before; /* lines that start behind this are left for later */
  uint64_t end_at; /* the range ends here, which is a line's end; UINT64_MAX: the file's end */
};
/* Commits one block of lines and moves position. *ended: the end of the file was reached. */
int file_read_lines(struct file_source *source, struct file_reading *reading, struct take *take,
                    bool *ended, struct err *err);
/* Opens the file when it is not open, perhaps closing another, and checks that it is the one. */
int file_part_open(struct file_source *source, struct file_part *part, struct err *err);
void file_part_close(struct file_source *source, struct file_part *part); /* and frees gzip */
int file_part_shrank(const struct file_part *part, uint64_t size, uint64_t taken, struct err *err);

#endif
