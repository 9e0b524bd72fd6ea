/* disk: the calls of disk.h, handed to the implementation. */
#include "daemon/io/disk.h"

int disk_open(struct disk *disk, const char *path, int flags, struct disk_file **file,
              struct err *err) {
  return disk->ops->open(disk, path, flags, file, err);
}

void disk_close(struct disk_file *file) {
  if (file != NULL) file->disk->ops->close(file);
}

const char *disk_path(const struct disk_file *file) {
  return file->path;
}

int disk_read(struct disk_file *file, void *data, size_t len, uint64_t offset, size_t *got,
              struct err *err) {
  return file->disk->ops->read(file, data, len, offset, got, err);
}

int disk_write(struct disk_file *file, const void *data, size_t len, uint64_t offset,
               struct err *err) {
  return file->disk->ops->write(file, data, len, offset, err);
}

int disk_sync(struct disk_file *file, struct err *err) {
  return file->disk->ops->sync(file, err);
}

int disk_truncate(struct disk_file *file, uint64_t size_bytes, struct err *err) {
  return file->disk->ops->truncate(file, size_bytes, err);
}

int disk_fstat(struct disk_file *file, struct disk_stat *stat, struct err *err) {
  return file->disk->ops->fstat(file, stat, err);
}

int disk_lock(struct disk_file *file, struct err *err) {
  return file->disk->ops->lock(file, err);
}

int disk_stat(struct disk *disk, const char *path, bool *found, struct disk_stat *stat,
              struct err *err) {
  return disk->ops->stat(disk, path, found, stat, err);
}

int disk_rename(struct disk *disk, const char *from, const char *to, struct err *err) {
  return disk->ops->rename(disk, from, to, err);
}

int disk_unlink(struct disk *disk, const char *path, struct err *err) {
  return disk->ops->unlink(disk, path, err);
}

int disk_make_dirs(struct disk *disk, const char *path, struct err *err) {
  return disk->ops->make_dirs(disk, path, err);
}

int disk_sync_dir(struct disk *disk, const char *path, struct err *err) {
  return disk->ops->sync_dir(disk, path, err);
}

int disk_list(struct disk *disk, const char *path, char ***names, size_t *n_names,
              struct err *err) {
  return disk->ops->list(disk, path, names, n_names, err);
}

int disk_glob(struct disk *disk, const char *pattern, char ***paths, size_t *n_paths,
              struct err *err) {
  return disk->ops->glob(disk, pattern, paths, n_paths, err);
}

void disk_free(struct disk *disk) {
  if (disk != NULL) disk->ops->free(disk);
}
