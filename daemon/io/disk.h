/* disk: files and folders. Calls block; whoever must not block makes them on a thread of its own
 * (exec.h). Paths are the system's. Errors name the path.
 *
 * What survives a power cut: bytes of a file after disk_sync(file); a file's name after
 * disk_sync_dir(folder). The simulated disk keeps, drops, reorders or tears everything else, and
 * can fail the n-th call, fill up, and flip bits. */
#ifndef TIDEMARK_IO_DISK_H
#define TIDEMARK_IO_DISK_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;
struct disk_file;

enum disk_open_flags {
  DISK_READ = 1,
  DISK_WRITE = 2,
  DISK_CREATE = 4,    /* if it does not exist, mode 0640 */
  DISK_EXCLUSIVE = 8, /* with DISK_CREATE: fail if it exists (ERR_BUSY) */
  DISK_TRUNCATE = 16,
};

enum disk_type { DISK_FILE, DISK_DIR, DISK_OTHER };

struct disk_stat {
  enum disk_type type;
  uint64_t size_bytes;
  uint64_t dev, ino; /* identity */
  int64_t mtime_us;
};

/* ERR_NOINPUT when it does not exist and DISK_CREATE was not given. */
int disk_open(struct disk *disk, const char *path, int flags, struct disk_file **file,
              struct err *err);
void disk_close(struct disk_file *file); /* NULL is fine; does not sync */
const char *disk_path(const struct disk_file *file);

/* Reads up to len bytes at offset; *got < len only at the end of the file. */
int disk_read(struct disk_file *file, void *data, size_t len, uint64_t offset, size_t *got,
              struct err *err);
/* Writes all of it or fails; after a failure any prefix may have been written. */
int disk_write(struct disk_file *file, const void *data, size_t len, uint64_t offset,
               struct err *err);
int disk_sync(struct disk_file *file, struct err *err); /* fdatasync(2) */
int disk_truncate(struct disk_file *file, uint64_t size_bytes, struct err *err);
int disk_fstat(struct disk_file *file, struct disk_stat *stat, struct err *err);
/* An advisory lock held until close or death. ERR_BUSY when somebody else holds it. */
int disk_lock(struct disk_file *file, struct err *err);

/* *found = false and 0 when there is nothing at path. */
int disk_stat(struct disk *disk, const char *path, bool *found, struct disk_stat *stat,
              struct err *err);
int disk_rename(struct disk *disk, const char *from, const char *to, struct err *err);
int disk_unlink(struct disk *disk, const char *path, struct err *err); /* missing is fine */
/* Mode 0750, parents too. What it makes survives a power cut without disk_sync_dir(). */
int disk_make_dirs(struct disk *disk, const char *path, struct err *err);
int disk_sync_dir(struct disk *disk, const char *path, struct err *err);

/* Names in a folder, sorted bytewise, without "." and "..". The list and names are one allocation
 * for free(). */
int disk_list(struct disk *disk, const char *path, char ***names, size_t *n_names, struct err *err);
/* Paths that match a glob(7) pattern, sorted bytewise; none is not an error. One allocation. */
int disk_glob(struct disk *disk, const char *pattern, char ***paths, size_t *n_paths,
              struct err *err);

struct disk_ops { /* implemented by disk_real.c and disk_sim.c; the members are the calls above */
  int (*open)(struct disk *, const char *, int, struct disk_file **, struct err *);
  void (*close)(struct disk_file *);
  int (*read)(struct disk_file *, void *, size_t, uint64_t, size_t *, struct err *);
  int (*write)(struct disk_file *, const void *, size_t, uint64_t, struct err *);
  int (*sync)(struct disk_file *, struct err *);
  int (*truncate)(struct disk_file *, uint64_t, struct err *);
  int (*fstat)(struct disk_file *, struct disk_stat *, struct err *);
  int (*lock)(struct disk_file *, struct err *);
  int (*stat)(struct disk *, const char *, bool *, struct disk_stat *, struct err *);
  int (*rename)(struct disk *, const char *, const char *, struct err *);
  int (*unlink)(struct disk *, const char *, struct err *);
  int (*make_dirs)(struct disk *, const char *, struct err *);
  int (*sync_dir)(struct disk *, const char *, struct err *);
  int (*list)(struct disk *, const char *, char ***, size_t *, struct err *);
  int (*glob)(struct disk *, const char *, char ***, size_t *, struct err *);
  void (*free)(struct disk *);
};
struct disk {
  const struct disk_ops *ops;
};
struct disk_file {
  struct disk *disk;
  char *path; /* owned */
};

struct disk *disk_real_new(void);
void disk_free(struct disk *disk); /* NULL is fine */

#endif
