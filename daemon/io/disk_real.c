/* disk_real: the system's files. Each call is the system's call of the same name, made whole: cut
 * short or interrupted it goes on, and an error says what was tried on which path. */
#include "daemon/base/mem.h"
#include "daemon/io/disk.h"
#include "daemon/io/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A daemon that was killed may have left a copy of itself (exec.h, frozen) that is going down too
 * and holds the lock until its memory is freed; a successor waits this long before it gives up. */
enum { LOCK_TRIES = 50, LOCK_PAUSE_NS = 10 * 1000 * 1000 };

struct real_file {
  struct disk_file file;
  int fd;
};

/* Takes the text of format and path, and a code by errno that a caller branches on. */
static int fail(struct err *err, int errnum, const char *what, const char *path) {
  err_errno(err, errnum, "cannot %s %s", what, path);
  if (err != NULL && (errnum == ENOENT || errnum == ENOTDIR)) err->code = ERR_NOINPUT;
  if (err != NULL && errnum == EEXIST) err->code = ERR_BUSY;
  return -1;
}

static int fd_of(const struct disk_file *file) {
  return ((const struct real_file *)file)->fd;
}

static int open_retry(const char *path, int flags) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC, 0640);
  while (fd < 0 && errno == EINTR);
  return fd;
}

static int real_open(struct disk *disk, const char *path, int flags, struct disk_file **file,
                     struct err *err) {
  int mode = (flags & DISK_WRITE) == 0 ? O_RDONLY : (flags & DISK_READ) != 0 ? O_RDWR : O_WRONLY;
  if ((flags & DISK_CREATE) != 0) mode |= O_CREAT;
  if ((flags & DISK_EXCLUSIVE) != 0) mode |= O_EXCL;
  if ((flags & DISK_TRUNCATE) != 0) mode |= O_TRUNC;
  int fd = open_retry(path, mode);
  if (fd < 0) return fail(err, errno, (flags & DISK_CREATE) != 0 ? "create" : "open", path);
  struct real_file *real = mem_zalloc(sizeof *real);
  real->file.disk = disk;
  real->file.path = mem_strdup(path);
  real->fd = fd;
  *file = &real->file;
  return 0;
}

static void real_close(struct disk_file *file) {
  close(fd_of(file));
  free(file->path);
  free(file);
}

static int real_read(struct disk_file *file, void *data, size_t len, uint64_t offset, size_t *got,
                     struct err *err) {
  size_t done = 0;
  while (done < len) {
    ssize_t n = pread(fd_of(file), (char *)data + done, len - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(err, errno, "read", file->path);
    if (n == 0) break;
    done += (size_t)n;
  }
  *got = done;
  return 0;
}

static int real_write(struct disk_file *file, const void *data, size_t len, uint64_t offset,
                      struct err *err) {
  size_t done = 0;
  while (done < len) {
    ssize_t n = pwrite(fd_of(file), (const char *)data + done, len - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(err, n < 0 ? errno : EIO, "write", file->path);
    done += (size_t)n;
  }
  return 0;
}

static int real_sync(struct disk_file *file, struct err *err) {
  int result;
  do result = fdatasync(fd_of(file));
  while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : fail(err, errno, "sync", file->path);
}

static int real_truncate(struct disk_file *file, uint64_t size_bytes, struct err *err) {
  int result;
  do result = ftruncate(fd_of(file), (off_t)size_bytes);
  while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : fail(err, errno, "change the size of", file->path);
}

static void fill_stat(struct disk_stat *to, const struct stat *from) {
  to->type = S_ISREG(from->st_mode) ? DISK_FILE : S_ISDIR(from->st_mode) ? DISK_DIR : DISK_OTHER;
  to->size_bytes = (uint64_t)from->st_size;
  to->dev = from->st_dev;
  to->ino = from->st_ino;
  to->mtime_us = (int64_t)from->st_mtim.tv_sec * 1000000 + from->st_mtim.tv_nsec / 1000;
}

static int real_fstat(struct disk_file *file, struct disk_stat *stat, struct err *err) {
  struct stat system;
  if (fstat(fd_of(file), &system) != 0) return fail(err, errno, "examine", file->path);
  fill_stat(stat, &system);
  return 0;
}

static int real_lock(struct disk_file *file, struct err *err) {
  for (int i = 0; i < LOCK_TRIES; i++) {
    if (flock(fd_of(file), LOCK_EX | LOCK_NB) == 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return fail(err, errno, "lock", file->path);
    nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
  }
  return err_set(err, ERR_BUSY, "cannot lock %s: another process holds it", file->path);
}

static int real_stat(struct disk *disk, const char *path, bool *found, struct disk_stat *out,
                     struct err *err) {
  (void)disk;
  struct stat system;
  *found = stat(path, &system) == 0;
  if (*found)
    fill_stat(out, &system);
  else if (errno != ENOENT && errno != ENOTDIR)
    return fail(err, errno, "examine", path);
  return 0;
}

static int real_rename(struct disk *disk, const char *from, const char *to, struct err *err) {
  (void)disk;
  if (rename(from, to) == 0) return 0;
  int errnum = errno;
  char *what = mem_printf("rename %s to", from);
  fail(err, errnum, what, to);
  free(what);
  return -1;
}

static int real_unlink(struct disk *disk, const char *path, struct err *err) {
  (void)disk;
  if (unlink(path) == 0 || errno == ENOENT) return 0;
  return fail(err, errno, "remove", path);
}

static int real_sync_dir(struct disk *disk, const char *path, struct err *err) {
  (void)disk;
  int fd = open_retry(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return fail(err, errno, "open the folder", path);
  int result;
  do result = fsync(fd);
  while (result != 0 && errno == EINTR);
  int errnum = errno;
  close(fd);
  /* EINVAL: a file system that has nothing to sync in a folder. */
  if (result == 0 || errnum == EINVAL) return 0;
  return fail(err, errnum, "sync the folder", path);
}

static bool is_dir(const char *path) {
  struct stat system;
  return stat(path, &system) == 0 && S_ISDIR(system.st_mode);
}

/* Makes one folder and has its name written down. */
static int make_dir(struct disk *disk, const char *path, struct err *err) {
  if (mkdir(path, 0750) != 0) {
    int errnum = errno;
    if (is_dir(path)) return 0; /* whatever errno says of it, and of a read-only file system */
    return fail(err, errnum == EEXIST ? ENOTDIR : errnum, "make the folder", path);
  }
  const char *slash = strrchr(path, '/');
  char *parent = slash == NULL ? mem_strdup(".") : mem_strndup(path, (size_t)(slash - path) + 1);
  int result = real_sync_dir(disk, parent, err);
  free(parent);
  return result;
}

static int real_make_dirs(struct disk *disk, const char *path, struct err *err) {
  if (is_dir(path)) return 0;
  char *part = mem_strdup(path);
  int result = 0;
  for (char *at = part; result == 0 && *at != '\0';) {
    at += strspn(at, "/");
    at += strcspn(at, "/");
    char was = *at;
    *at = '\0';
    result = make_dir(disk, part, err);
    *at = was;
  }
  free(part);
  return result;
}

static int real_list(struct disk *disk, const char *path, char ***list, size_t *n,
                     struct err *err) {
  (void)disk;
  DIR *dir = opendir(path);
  if (dir == NULL) return fail(err, errno, "open the folder", path);
  struct names names = {0};
  struct dirent *entry;
  while (errno = 0, (entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      names_add(&names, entry->d_name);
  }
  int errnum = errno;
  closedir(dir);
  if (errnum != 0) {
    names_fini(&names);
    return fail(err, errnum, "read the folder", path);
  }
  names_pack(&names, list, n);
  return 0;
}

/* A folder that is not there has no matches; one that cannot be read might have. */
static int glob_stops_at(const char *path, int errnum) {
  (void)path;
  return errnum != ENOENT && errnum != ENOTDIR;
}

static int real_glob(struct disk *disk, const char *pattern, char ***paths, size_t *n_paths,
                     struct err *err) {
  (void)disk;
  glob_t found = {0};
  int result = glob(pattern, GLOB_NOSORT, glob_stops_at, &found);
  if (result != 0 && result != GLOB_NOMATCH) {
    globfree(&found);
    return err_set(err, result == GLOB_ABORTED ? ERR_PERM : ERR_IO,
                   "cannot look for %s: a folder on the way cannot be read", pattern);
  }
  struct names names = {0};
  for (size_t i = 0; i < found.gl_pathc; i++) names_add(&names, found.gl_pathv[i]);
  globfree(&found);
  names_pack(&names, paths, n_paths);
  return 0;
}

static void real_free(struct disk *disk) {
  free(disk);
}

static const struct disk_ops real_ops = {
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .write = real_write,
    .sync = real_sync,
    .truncate = real_truncate,
    .fstat = real_fstat,
    .lock = real_lock,
    .stat = real_stat,
    .rename = real_rename,
    .unlink = real_unlink,
    .make_dirs = real_make_dirs,
    .sync_dir = real_sync_dir,
    .list = real_list,
    .glob = real_glob,
    .free = real_free,
};

struct disk *disk_real_new(void) {
  struct disk *disk = mem_zalloc(sizeof *disk);
  disk->ops = &real_ops;
  return disk;
}
