/* snapshot: all state at the end of one epoch, in a file of its own.
 *
 * A file is a header, sections in order of writing, and a footer; every piece has its CRC-32C and
 * a file without its footer is not a snapshot (format: snapshot.c). It is written under a temporary
 * name, synced, renamed to "snapshot-<epoch>", and its folder synced. Writing happens in a frozen
 * copy of the process (daemon/io/exec.h), so nothing here uses the loop or other threads. */
#ifndef TIDEMARK_STATE_SNAPSHOT_H
#define TIDEMARK_STATE_SNAPSHOT_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/slice.h"
#include "daemon/io/disk.h"

#include <stdbool.h>
#include <stdint.h>

struct snapshot_writer;
struct snapshot_reader;

struct snapshot_section {
  const char *name; /* "engine", "usage"; up to 255 bytes */
  uint32_t index;   /* shard */
  struct slice body;
};

/* Writes dir/snapshot-<epoch>.tmp. */
int snapshot_create(struct disk *disk, const char *dir, uint64_t epoch,
                    struct snapshot_writer **writer, struct err *err);
/* The buffer for the next section's body, empty; the writer's. */
struct buf *snapshot_begin(struct snapshot_writer *writer);
int snapshot_end(struct snapshot_writer *writer, const char *name, uint32_t index, struct err *err);
/* Footer, sync, rename, sync of the folder; frees the writer. */
int snapshot_commit(struct snapshot_writer *writer, struct err *err);
void snapshot_abandon(struct snapshot_writer *writer); /* frees; removes the temporary file */

/* Epochs of the complete-looking snapshots in a folder, newest first; *epochs for free(). Temporary
 * files of earlier lives are removed when `clean`. */
int snapshot_list(struct disk *disk, const char *dir, bool clean, uint64_t **epochs, size_t *n,
                  struct err *err);
/* Size of its file; 0 when that cannot be found out. */
uint64_t snapshot_bytes(struct disk *disk, const char *dir, uint64_t epoch);
/* A power cut may undo it until disk_sync_dir(dir). */
int snapshot_remove(struct disk *disk, const char *dir, uint64_t epoch, struct err *err);

/* Opens and checks header and footer. ERR_CORRUPT names the file and byte. */
int snapshot_open(struct disk *disk, const char *dir, uint64_t epoch,
                  struct snapshot_reader **reader, struct err *err);
/* 1: the next section, its checksum good, body valid until the next call; 0: the end; -1: err. */
int snapshot_next(struct snapshot_reader *reader, struct snapshot_section *section,
                  struct err *err);
/* Reads all of it once to see whether it is good. */
int snapshot_verify(struct disk *disk, const char *dir, uint64_t epoch, struct err *err);
void snapshot_close(struct snapshot_reader *reader); /* NULL is fine */

/* Little-endian fields for bodies: what was put in an order is got in that order. The getters
 * return -1 at the end of the bytes. */
void field_put_u32(struct buf *buf, uint32_t v);
void field_put_u64(struct buf *buf, uint64_t v);
void field_put_i64(struct buf *buf, int64_t v);
void field_put_bytes(struct buf *buf, struct slice bytes); /* u32 length, bytes */
int field_get_u32(struct slice body, size_t *at, uint32_t *v);
int field_get_u64(struct slice body, size_t *at, uint64_t *v);
int field_get_i64(struct slice body, size_t *at, int64_t *v);
int field_get_bytes(struct slice body, size_t *at, struct slice *bytes); /* points into body */

#endif
