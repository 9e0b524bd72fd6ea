/* file_list: which files the source reads, and which of them it has read before.
 *
 * The paths and patterns are looked up once, at the start. A file from an earlier life is known
 * again by device, inode and the checksum of its first bytes, under whatever name it has now; or
 * by name and checksum alone (it was copied back from a backup). The order is: known ones by
 * partition number, which is the order of the first start, then new ones by name. So the order of
 * records after a restart goes on as it would have without one. */
#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"
#include "sources/file/file.h"

#include <stdlib.h>

/* A file that a path or pattern gave. */
struct found {
  char *path; /* owned */
  struct disk_stat stat;
  struct file_identity identity;
  bool compressed;
  bool claimed; /* by a known partition */
};
struct found_list {
  struct found *items; /* by path */
  size_t n, cap;
  struct found **by_inode;
};

/* Opens the file once: its head, whether it is gzip, that it can be read at all. */
static int look_at(struct file_source *source, struct found *found, struct err *err) {
  struct disk_file *file;
  if (disk_open(source->ctx->io->disk, found->path, DISK_READ, &file, err) != 0) return -1;
  char head[FILE_HEAD_BYTES];
  size_t got = 0;
  int result = disk_fstat(file, &found->stat, err);
  if (result == 0) result = disk_read(file, head, sizeof head, 0, &got, err);
  disk_close(file);
  if (result != 0) return -1;
  bool magic = gzip_begins(head, got);
  if (source->compression == FILE_GZIP && !magic)
    return err_set(err, ERR_DATA, "%s: is not gzip, and compression: gzip says it is", found->path);
  found->compressed = magic && source->compression != FILE_PLAIN;
  file_identity_of(head, got, found->stat.dev, found->stat.ino, &found->identity);
  return 0;
}

/* Whether the file begins as the one that was noted; it may have grown since. */
static bool same_head(struct file_source *source, const struct found *found,
                      const struct file_identity *noted) {
  if (found->identity.head_bytes == noted->head_bytes)
    return found->identity.head_crc == noted->head_crc;
  if (found->identity.head_bytes < noted->head_bytes) return false;
  struct disk_file *file;
  if (disk_open(source->ctx->io->disk, found->path, DISK_READ, &file, NULL) != 0) return false;
  char head[FILE_HEAD_BYTES];
  size_t got = 0;
  bool same = disk_read(file, head, noted->head_bytes, 0, &got, NULL) == 0 &&
              got == noted->head_bytes && crc32c(0, head, got) == noted->head_crc;
  disk_close(file);
  return same;
}

/* The head may reach beyond what was taken. Then a file that was mended behind it (on_error: stop
 * asks for that) has another checksum; it is still the same when it starts as it did and a line
 * ends where we are. What was taken since the last snapshot is compared by the engine besides. */
static bool mended_behind(struct file_source *source, const struct found *found,
                          const struct file_part *part) {
  const struct file_identity *noted = &part->identity, *now = &found->identity;
  if (found->compressed || part->ended || part->position >= noted->head_bytes) return false;
  if (part->position == 0) return true;
  size_t taken = part->position < noted->start_bytes ? part->position : noted->start_bytes;
  if (now->start_bytes < taken || memcmp(now->start, noted->start, taken) != 0) return false;
  struct disk_file *file;
  if (disk_open(source->ctx->io->disk, found->path, DISK_READ, &file, NULL) != 0) return false;
  char last = 0;
  size_t got = 0;
  bool fits = disk_read(file, &last, 1, part->position - 1, &got, NULL) == 0 && got == 1;
  disk_close(file);
  return fits && last == '\n';
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static int by_inode(const void *a, const void *b) {
  const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
  if (x->stat.dev != y->stat.dev) return x->stat.dev < y->stat.dev ? -1 : 1;
  if (x->stat.ino != y->stat.ino) return x->stat.ino < y->stat.ino ? -1 : 1;
  return strcmp(x->path, y->path);
}

static void add_found(struct found_list *list, const char *path, const struct disk_stat *stat) {
  array_grow((void **)&list->items, &list->cap, list->n, sizeof *list->items);
  list->items[list->n++] = (struct found){.path = mem_strdup(path), .stat = *stat};
}

static void found_free(struct found_list *list) {
  for (size_t i = 0; i < list->n; i++) free(list->items[i].path);
  free(list->items);
  free(list->by_inode);
}

static bool known_path(const struct source_ctx *ctx, const char *path) {
  for (uint32_t i = 0; i < source_partition_count(ctx); i++)
    if (slice_is(source_partition_get(ctx, i)->name, path)) return true;
  return false;
}

static int find_named(struct file_source *source, struct found_list *list, const char *path,
                      bool *exists, struct err *err) {
  struct disk_stat stat;
  if (disk_stat(source->ctx->io->disk, path, exists, &stat, err) != 0) return -1;
  if (!*exists) return 0;
  if (stat.type == DISK_DIR)
    return err_set(err, ERR_NOINPUT, "%s: is a folder; write %s/* for the files in it", path, path);
  if (stat.type != DISK_FILE)
    return err_set(
        err, ERR_NOINPUT,
        "%s: is not a regular file, so it cannot be read again after a crash; give it to "
        "a source of type stdin",
        path);
  add_found(list, path, &stat);
  return 0;
}

static int find_pattern(struct file_source *source, struct found_list *list, const char *pattern,
                        struct err *err) {
  char **paths;
  size_t n, n_files = 0, n_others = 0;
  if (disk_glob(source->ctx->io->disk, pattern, &paths, &n, err) != 0) return -1;
  int result = 0;
  for (size_t i = 0; i < n && result == 0; i++) {
    bool exists;
    struct disk_stat stat;
    result = disk_stat(source->ctx->io->disk, paths[i], &exists, &stat, err);
    if (result != 0 || !exists) continue;
    if (stat.type == DISK_FILE) {
      add_found(list, paths[i], &stat);
      n_files++;
    } else {
      n_others++;
    }
  }
  free(paths);
  if (result != 0) return -1;
  if (n_files > 0 || source_partition_count(source->ctx) > 0) return 0;
  if (n_others > 0)
    return err_set(err, ERR_NOINPUT, "%s: matches folders or devices, but no file", pattern);
  return err_set(err, ERR_NOINPUT, "%s: no file matches this pattern", pattern);
}

static int find_all(struct file_source *source, struct found_list *list, struct err *err) {
  for (size_t i = 0; i < source->paths.n; i++) {
    const char *path = source->paths.items[i];
    bool exists;
    if (find_named(source, list, path, &exists, err) != 0) return -1;
    if (exists) continue;
    if (strpbrk(path, "*?[") != NULL) {
      if (find_pattern(source, list, path, err) != 0) return -1;
    } else if (!known_path(source->ctx, path)) {
      return err_set(err, ERR_NOINPUT, "%s: there is no such file", path);
    }
  }
  /* One file is read once, by however many patterns and names it was found. */
  if (list->n > 1) qsort(list->items, list->n, sizeof *list->items, by_path);
  size_t different = 0;
  for (size_t i = 0; i < list->n; i++) {
    if (different > 0 && strcmp(list->items[different - 1].path, list->items[i].path) == 0)
      free(list->items[i].path);
    else
      list->items[different++] = list->items[i];
  }
  list->n = different;
  list->by_inode = mem_alloc((list->n + 1) * sizeof *list->by_inode);
  for (size_t i = 0; i < list->n; i++) list->by_inode[i] = &list->items[i];
  if (list->n > 1) qsort(list->by_inode, list->n, sizeof *list->by_inode, by_inode);
  size_t kept = 0;
  for (size_t i = 0; i < list->n; i++) {
    struct found *found = list->by_inode[i];
    if (kept > 0 && found->stat.dev == list->by_inode[kept - 1]->stat.dev &&
        found->stat.ino == list->by_inode[kept - 1]->stat.ino) {
      diag_say(source->ctx->diag, MESSAGE_FILE_SAME, source->ctx->where,
               "%s and %s are the same file; it is read once", list->by_inode[kept - 1]->path,
               found->path);
      found->claimed = true;
      continue;
    }
    list->by_inode[kept++] = found;
  }
  for (size_t i = 0; i < list->n; i++)
    if (!list->items[i].claimed && look_at(source, &list->items[i], err) != 0) return -1;
  for (size_t i = kept; i < list->n; i++) list->by_inode[i] = NULL;
  return 0;
}

static struct found *match_inode(struct file_source *source, struct found_list *list,
                                 const struct file_identity *noted) {
  size_t low = 0, high = list->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    struct found *found = list->by_inode[middle];
    int order = 1;
    if (found != NULL) {
      if (found->stat.dev != noted->dev)
        order = found->stat.dev < noted->dev ? -1 : 1;
      else
        order = (found->stat.ino > noted->ino) - (found->stat.ino < noted->ino);
    }
    if (order == 0) return !found->claimed && same_head(source, found, noted) ? found : NULL;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static struct file_part *add_part(struct file_source *source, const char *path) {
  array_grow((void **)&source->parts, &source->cap_parts, source->n_parts, sizeof *source->parts);
  struct file_part *part = &source->parts[source->n_parts++];
  *part = (struct file_part){.path = mem_strdup(path)};
  return part;
}

static void take_over(struct file_part *part, struct found *found) {
  found->claimed = true;
  part->compressed = found->compressed;
  part->size_bytes = found->stat.size_bytes;
  part->dev = found->stat.dev;
  part->ino = found->stat.ino;
}

/* A partition from an earlier life: which file is it now, and is it as it was? */
static int find_known(struct file_source *source, struct found_list *list, uint32_t number,
                      struct err *err) {
  const struct source_partition *known = source_partition_get(source->ctx, number);
  struct file_identity noted;
  if (file_identity_get(known->identity, &noted, err) != 0) return -1;
  char *name = mem_strndup(known->name.data, known->name.len);
  struct file_part *part = add_part(source, name);
  free(name);
  part->identity = noted;
  part->partition = number;
  part->added = true;
  part->ended = known->ended;
  part->position = known->position;

  struct found *match = match_inode(source, list, &noted);
  struct found key = {.path = part->path}, alone = {0};
  struct found *named =
      list->n == 0 ? NULL : bsearch(&key, list->items, list->n, sizeof key, by_path);
  int result = 0;
  if (match == NULL && named == NULL) {
    /* Perhaps the patterns have changed and it is still where it was. */
    bool exists;
    result = disk_stat(source->ctx->io->disk, part->path, &exists, &alone.stat, err);
    if (result == 0 && exists && alone.stat.type == DISK_FILE) {
      alone.path = part->path;
      result = look_at(source, &alone, err);
      if (result == 0) named = &alone;
    }
  }
  if (result != 0) return -1;
  if (match == NULL && named != NULL && !named->claimed && same_head(source, named, &noted))
    match = named;
  if (match == NULL && named != NULL && !named->claimed && mended_behind(source, named, part)) {
    match = named;
    diag_say(source->ctx->diag, MESSAGE_FILE_CHANGED, source->ctx->where,
             "%s was changed, maybe only behind the %llu bytes that were taken; it goes on there",
             part->path, (unsigned long long)part->position);
  }
  if (match == NULL) {
    if (part->ended) {
      part->missing = true;
      return 0;
    }
    if (named != NULL)
      return err_set(err, ERR_CORRUPT,
                     "%s: its first bytes have changed since %llu bytes of it were taken: it is "
                     "another file now; put the first one back, or start with a new state folder",
                     part->path, (unsigned long long)part->position);
    return err_set(err, ERR_CORRUPT,
                   "%s: is gone, and only %llu bytes of it have been taken; put it back, or start "
                   "with a new state folder",
                   part->path, (unsigned long long)part->position);
  }
  take_over(part, match);
  if (strcmp(part->path, match->path) != 0) {
    diag_say(source->ctx->diag, MESSAGE_FILE_RENAMED, source->ctx->where, "%s is now called %s",
             part->path, match->path);
    free(part->path);
    part->path = mem_strdup(match->path);
  }
  if (!part->compressed && part->size_bytes < part->position)
    return file_part_shrank(part, part->size_bytes, part->position, err);
  if (part->ended && !part->compressed && part->size_bytes > part->position)
    diag_say(source->ctx->diag, MESSAGE_FILE_GREW, source->ctx->where,
             "%s has grown by %llu bytes after its end was reached; they are not read", part->path,
             (unsigned long long)(part->size_bytes - part->position));
  return 0;
}

void file_part_add(struct file_source *source, struct file_part *part) {
  if (part->added) return;
  struct buf identity;
  buf_init(&identity);
  file_identity_put(&part->identity, &identity);
  part->partition = source_partition_add(source->ctx, slice_of(part->path), buf_slice(&identity));
  buf_fini(&identity);
  part->added = true;
}

int file_list_open(struct file_source *source, struct err *err) {
  struct found_list list = {0};
  int result = find_all(source, &list, err);
  uint32_t n_known = source_partition_count(source->ctx);
  for (uint32_t i = 0; i < n_known && result == 0; i++) result = find_known(source, &list, i, err);
  for (size_t i = 0; i < list.n && result == 0; i++) {
    struct found *found = &list.items[i];
    if (found->claimed) continue;
    struct file_part *part = add_part(source, found->path);
    part->identity = found->identity;
    take_over(part, found);
    /* Read one after the other, a file is not there before its turn: it would hold the watermark
     * back until then. */
    if (source->order == FILE_INTERLEAVED) file_part_add(source, part);
  }
  found_free(&list);
  return result;
}
