/* state_dir: a pipeline's folder: who owns it, and whether it is the right one.
 *
 *     meta        text: format, pipeline, shards, log id
 *     lock        held while a daemon runs; its process id
 *     in-force    the id of the configuration in force
 *     config-ID.yaml  the configurations that the log speaks of (config/dump.h), the one in force
 *                 and those of snapshots that are kept
 *     log/        daemon/wal
 *     snapshots/  daemon/state/snapshot.h */
#include "daemon/flow/engine_internal.h"

#include "config/dump.h"
#include "daemon/base/mem.h"
#include "daemon/io/lock_holder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FORMAT_VERSION 1
#define META_BYTES_MAX 4096

/* All of it, or none. */
static int file_write(struct engine *engine, const char *path, struct slice text, struct err *err) {
  struct disk *disk = engine->io->disk;
  char *temporary = mem_printf("%s.tmp", path);
  struct disk_file *file = NULL;
  int result =
      disk_open(disk, temporary, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file, err);
  if (result == 0) result = disk_write(file, text.data, text.len, 0, err);
  if (result == 0) result = disk_sync(file, err);
  disk_close(file);
  if (result == 0) result = disk_rename(disk, temporary, path, err);
  if (result == 0) result = disk_sync_dir(disk, engine->state_dir, err);
  free(temporary);
  return result;
}

static int meta_write(struct engine *engine, const char *path, uint64_t log_id, struct err *err) {
  char *text =
      mem_printf("tidemark state\nformat %d\npipeline %s\nshards %" PRId64 "\nlog %016" PRIx64 "\n",
                 FORMAT_VERSION, engine->settings->name, engine->settings->shards, log_id);
  int result = file_write(engine, path, slice_of(text), err);
  free(text);
  return result;
}

static int meta_read(struct engine *engine, const char *path, uint64_t *log_id, struct err *err) {
  struct disk_file *file;
  if (disk_open(engine->io->disk, path, DISK_READ, &file, err) != 0) return -1;
  char text[META_BYTES_MAX + 1];
  size_t got = 0;
  int result = disk_read(file, text, META_BYTES_MAX, 0, &got, err);
  disk_close(file);
  if (result != 0) return -1;
  text[got] = '\0';
  int format = 0;
  if (sscanf(text, "tidemark state\nformat %d\n", &format) != 1) {
    return err_set(err, ERR_CORRUPT, "%s is not the description of a tidemark state folder", path);
  }
  if (format != FORMAT_VERSION) {
    return err_set(err, ERR_CONFIG,
                   "the state folder %s has format %d; this tidemark (%s) knows format %d: use the "
                   "version that wrote it, or another state.dir",
                   engine->state_dir, format, TIDEMARK_VERSION, FORMAT_VERSION);
  }
  char pipeline[META_BYTES_MAX + 1];
  int64_t shards = 0;
  if (sscanf(text, "tidemark state\nformat %*d\npipeline %4096s\nshards %" SCNd64 "\nlog %" SCNx64,
             pipeline, &shards, log_id) != 3) {
    return err_set(err, ERR_CORRUPT, "%s is damaged", path);
  }
  if (strcmp(pipeline, engine->settings->name) != 0) {
    return err_set(err, ERR_CONFIG,
                   "the state folder %s belongs to pipeline \"%s\", not \"%s\"; give each pipeline "
                   "a state.dir of its own",
                   engine->state_dir, pipeline, engine->settings->name);
  }
  if (shards != engine->settings->shards) {
    return err_set(err, ERR_CONFIG,
                   "the state folder %s was made with shards: %" PRId64 ", the configuration says "
                   "%" PRId64 "; the number is fixed for the life of a folder",
                   engine->state_dir, shards, engine->settings->shards);
  }
  return 0;
}

int state_dir_open(struct engine *engine, uint64_t *log_id, bool *used, struct err *err) {
  struct disk *disk = engine->io->disk;
  engine->state_dir = mem_strdup(engine->settings->state_dir);
  engine->log_dir = mem_printf("%s/log", engine->state_dir);
  engine->snapshot_dir = mem_printf("%s/snapshots", engine->state_dir);
  if (disk_make_dirs(disk, engine->state_dir, err) != 0) {
    return err_wrap(err, "cannot make the state folder (state.dir)");
  }
  char *lock = mem_printf("%s/lock", engine->state_dir);
  char *meta = mem_printf("%s/meta", engine->state_dir);
  char *in_force = mem_printf("%s/in-force", engine->state_dir);
  int result = disk_open(disk, lock, DISK_READ | DISK_WRITE | DISK_CREATE, &engine->lock, err);
  if (result == 0) result = disk_lock(engine->lock, err);
  char pid[24];
  snprintf(pid, sizeof pid, "%lld\n", (long long)lock_holder_self());
  if (result == 0) result = disk_truncate(engine->lock, 0, err);
  if (result == 0) result = disk_write(engine->lock, pid, strlen(pid), 0, err);
  if (result != 0) {
    if (err->code == ERR_BUSY) {
      err_set(err, ERR_BUSY,
              "another tidemark is running on the state folder %s; stop it, or give this pipeline "
              "another state.dir",
              engine->state_dir);
    } else {
      err_wrap(err, "cannot use the state folder (state.dir)");
    }
  }
  bool found = false;
  struct disk_stat stat;
  if (result == 0) result = disk_stat(disk, meta, &found, &stat, err);
  if (result == 0 && found) result = meta_read(engine, meta, log_id, err);
  if (result == 0 && !found) {
    *log_id = random_u64(engine->io->random);
    result = meta_write(engine, meta, *log_id, err);
  }
  if (result == 0) result = disk_stat(disk, in_force, used, &stat, err);
  if (result == 0) result = disk_make_dirs(disk, engine->snapshot_dir, err);
  free(lock);
  free(meta);
  free(in_force);
  return result;
}

static bool config_needed(const struct engine *engine, const char *name) {
  uint64_t id;
  int end = 0;
  if (sscanf(name, "config-%16" SCNx64 ".yaml%n", &id, &end) != 1 || name[end] != '\0') return true;
  if (id == engine->graph->pipeline->id) return true;
  for (size_t i = 0; i < engine->n_configs; i++) {
    if (engine->configs[i] == id) return true;
  }
  for (size_t i = 0; i < engine->n_kept; i++) {
    if (engine->kept[i].config == id) return true;
  }
  return false;
}

static int configs_clean(const struct engine *engine, struct err *err) {
  char **names;
  size_t n;
  struct disk *disk = engine->io->disk;
  if (disk_list(disk, engine->state_dir, &names, &n, err) != 0) return -1;
  int result = 0;
  for (size_t i = 0; i < n && result == 0; i++) {
    if (config_needed(engine, names[i])) continue;
    char *path = mem_printf("%s/%s", engine->state_dir, names[i]);
    result = disk_unlink(disk, path, err);
    free(path);
  }
  free(names);
  return result;
}

char *state_dir_config_path(const char *state_dir, uint64_t id) {
  return mem_printf("%s/config-%016" PRIx64 ".yaml", state_dir, id);
}

int state_dir_set_in_force(struct engine *engine, struct err *err) {
  char id[24];
  snprintf(id, sizeof id, "%016" PRIx64 "\n", engine->graph->pipeline->id);
  char *path = mem_printf("%s/in-force", engine->state_dir);
  int result = file_write(engine, path, slice_of(id), err);
  free(path);
  return result;
}

int state_dir_keep_config(struct engine *engine, struct err *err) {
  struct disk *disk = engine->io->disk;
  char *path = state_dir_config_path(engine->state_dir, engine->graph->pipeline->id);
  bool found = false;
  struct disk_stat stat;
  int result = disk_stat(disk, path, &found, &stat, err);
  if (result == 0 && !found) {
    struct buf text;
    buf_init(&text);
    config_dump(engine->graph->pipeline, &text);
    result = file_write(engine, path, buf_slice(&text), err);
    buf_fini(&text);
  }
  free(path);
  return result == 0 ? configs_clean(engine, err) : -1;
}

int state_dir_in_force(struct disk *disk, const char *state_dir, bool *found, uint64_t *id,
                       struct err *err) {
  char *path = mem_printf("%s/in-force", state_dir);
  struct disk_stat stat;
  struct disk_file *file = NULL;
  int result = disk_stat(disk, path, found, &stat, err);
  if (result == 0 && *found) result = disk_open(disk, path, DISK_READ, &file, err);
  if (file != NULL) {
    char text[24];
    size_t got = 0;
    result = disk_read(file, text, sizeof text - 1, 0, &got, err);
    text[got] = '\0';
    if (result == 0 && sscanf(text, "%16" SCNx64, id) != 1)
      result = err_set(err, ERR_CORRUPT, "%s is damaged", path);
    disk_close(file);
  }
  free(path);
  return result;
}

void state_dir_close(struct engine *engine) {
  disk_close(engine->lock);
  free(engine->state_dir);
  free(engine->log_dir);
  free(engine->snapshot_dir);
}
