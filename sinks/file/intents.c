/* intents: see intents.h. Entries are appended and synced; a torn last one was never acted upon,
 * because acting waits for the sync. The note is replaced as a whole by writing a new one beside it
 * and renaming it. */
#include "sinks/file/intents.h"

#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

static const char magic[8] = {'T', 'M', 'I', 'N', 'T', 'E', 'N', '1'};
enum { HEADER_BYTES = 16, KIND_INTENT = 1, KIND_FIRST_COMMIT = 2, COMPACT_BYTES = 256 * 1024 };

static void put_entry(struct buf *to, int kind, const struct intent *intent) {
  struct buf body;
  buf_init(&body);
  bytes_put(&body, (uint64_t)kind, 1);
  bytes_put(&body, intent->generation, 8);
  bytes_put(&body, intent->existed, 1);
  bytes_put(&body, intent->base_bytes, 8);
  if (intent->path != NULL) buf_put_text(&body, intent->path);
  bytes_put(to, crc32c(0, body.data, body.len), 4);
  bytes_put_slice(to, buf_slice(&body));
  buf_fini(&body);
}

static void remember(struct intents *intents, uint64_t generation, bool existed,
                     uint64_t base_bytes, struct slice path) {
  array_grow((void **)&intents->list, &intents->cap, intents->n, sizeof *intents->list);
  intents->list[intents->n++] = (struct intent){.generation = generation,
                                                .existed = existed,
                                                .base_bytes = base_bytes,
                                                .path = mem_strndup(path.data, path.len)};
}

static void read_entries(struct intents *intents, struct slice bytes) {
  uint64_t id;
  if (bytes.len < HEADER_BYTES || memcmp(bytes.data, magic, sizeof magic) != 0) return;
  bytes.data += sizeof magic;
  bytes.len -= sizeof magic;
  if (!bytes_get(&bytes, 8, &id)) return;
  intents->id = id;
  for (;;) {
    uint64_t crc, kind, generation, existed, base_bytes;
    struct slice body;
    if (!bytes_get(&bytes, 4, &crc) || !bytes_get_slice(&bytes, &body)) return;
    if (crc32c(0, body.data, body.len) != crc) return;
    if (!bytes_get(&body, 1, &kind) || !bytes_get(&body, 8, &generation) ||
        !bytes_get(&body, 1, &existed) || !bytes_get(&body, 8, &base_bytes))
      return;
    if (kind == KIND_FIRST_COMMIT)
      intents->first_commit_behind = true;
    else if (kind == KIND_INTENT)
      remember(intents, generation, existed != 0, base_bytes, body);
  }
}

int intents_open(struct intents *intents, struct disk *disk, const char *folder,
                 const char *sink_id, struct err *err) {
  intents->disk = disk;
  intents->folder = mem_strdup(folder);
  intents->path = mem_printf("%s/.tidemark-%s.intents", folder, sink_id);
  for (char *c = intents->path + strlen(folder) + 1; *c != '\0'; c++)
    if (*c == '/') *c = '-';

  bool found;
  struct disk_stat stat;
  if (disk_stat(disk, intents->path, &found, &stat, err) != 0) return -1;
  if (!found) return 0;
  struct disk_file *file;
  if (disk_open(disk, intents->path, DISK_READ, &file, err) != 0) return -1;
  char *bytes = mem_alloc((size_t)stat.size_bytes + 1);
  size_t got;
  int result = disk_read(file, bytes, (size_t)stat.size_bytes, 0, &got, err);
  if (result == 0) read_entries(intents, (struct slice){bytes, got});
  disk_close(file);
  free(bytes);
  return result;
}

static void forget(struct intents *intents) {
  for (size_t i = 0; i < intents->n; i++) free(intents->list[i].path);
  intents->n = 0;
}

void intents_close(struct intents *intents) {
  forget(intents);
  free(intents->list);
  disk_close(intents->file);
  buf_fini(&intents->pending);
  free(intents->path);
  free(intents->folder);
  *intents = (struct intents){0};
}

void intents_reset(struct intents *intents, uint64_t id) {
  forget(intents);
  intents->id = id;
  intents->first_commit_behind = false;
  disk_close(intents->file);
  intents->file = NULL;
  buf_clear(&intents->pending);
}

void intents_add(struct intents *intents, uint64_t generation, bool existed, uint64_t base_bytes,
                 const char *path) {
  remember(intents, generation, existed, base_bytes, slice_of(path));
  put_entry(&intents->pending, KIND_INTENT, &intents->list[intents->n - 1]);
}

void intents_add_first_commit(struct intents *intents) {
  if (intents->first_commit_behind) return;
  intents->first_commit_behind = true;
  put_entry(&intents->pending, KIND_FIRST_COMMIT, &(struct intent){0});
}

/* Writes the note anew, with all entries that are remembered. */
static int write_whole(struct intents *intents, struct err *err) {
  struct buf all;
  buf_init(&all);
  buf_put(&all, magic, sizeof magic);
  bytes_put(&all, intents->id, 8);
  if (intents->first_commit_behind) put_entry(&all, KIND_FIRST_COMMIT, &(struct intent){0});
  for (size_t i = 0; i < intents->n; i++) put_entry(&all, KIND_INTENT, &intents->list[i]);

  char *beside = mem_printf("%s.new", intents->path);
  struct disk_file *file = NULL;
  int result =
      disk_open(intents->disk, beside, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file, err);
  if (result == 0) result = disk_write(file, all.data, all.len, 0, err);
  if (result == 0) result = disk_sync(file, err);
  disk_close(file);
  if (result == 0) result = disk_rename(intents->disk, beside, intents->path, err);
  if (result == 0) result = disk_sync_dir(intents->disk, intents->folder, err);
  if (result == 0) {
    disk_close(intents->file);
    intents->file = NULL;
    result = disk_open(intents->disk, intents->path, DISK_WRITE, &intents->file, err);
  }
  if (result == 0) {
    intents->size_bytes = all.len;
    buf_clear(&intents->pending);
  }
  free(beside);
  buf_fini(&all);
  return result;
}

int intents_flush(struct intents *intents, struct err *err) {
  if (intents->pending.len == 0) return 0;
  int result;
  if (intents->file == NULL) {
    result = write_whole(intents, err);
  } else {
    result = disk_write(intents->file, intents->pending.data, intents->pending.len,
                        intents->size_bytes, err);
    if (result == 0) result = disk_sync(intents->file, err);
    if (result == 0) {
      intents->size_bytes += intents->pending.len;
      buf_clear(&intents->pending);
    }
  }
  if (result != 0 && err != NULL) err_wrap(err, "cannot write down what is about to be written");
  return result;
}

int intents_compact(struct intents *intents, uint64_t generation, struct err *err) {
  if (intents->size_bytes < COMPACT_BYTES || intents->file == NULL) return 0;
  size_t kept = 0;
  for (size_t i = 0; i < intents->n; i++) {
    if (intents->list[i].generation < generation)
      free(intents->list[i].path);
    else
      intents->list[kept++] = intents->list[i];
  }
  if (kept == intents->n) return 0;
  intents->n = kept;
  return write_whole(intents, err);
}
