/* tail_meet: what a file is that has not been seen before, and one that is not what it was.
 *
 * A partition is one generation of one inode, and its identity in the log says where in the file it
 * begins: mostly at 0, at the size the file had with `start: end`, and for a copy behind what was
 * taken of the original. For copytruncate makes a second file with the same lines: the rest of
 * them, which the original no longer has, is read from the copy, and nothing twice. So a new file
 * that begins as a known one does, byte for byte as far as both go, waits for rotate_wait without
 * growing: if the known one is cut meanwhile it was copied, and if not, the new one is a file like
 * any other. The original's partition ends in the same epoch in which the copy's begins. */
#include "daemon/base/bytes.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"
#include "sources/file/tail_impl.h"

#include <stdlib.h>

static const char magic[4] = "tail";
enum { IDENTITY_OUTSIDE = 1 };

struct identity {
  uint64_t flags, start;
  struct file_identity file;
};

static void identity_put(const struct tail_part *part, struct buf *to) {
  struct file_identity file;
  file_identity_of(part->head, part->head_bytes, part->dev, part->ino, &file);
  buf_put(to, magic, sizeof magic);
  bytes_put(to, part->outside ? IDENTITY_OUTSIDE : 0, 1);
  bytes_put(to, part->start, 8);
  file_identity_put(&file, to);
}

static int identity_get(struct slice bytes, struct identity *identity, struct err *err) {
  if (bytes.len < sizeof magic || memcmp(bytes.data, magic, sizeof magic) != 0)
    return err_set(err, ERR_CONFIG,
                   "the state folder knows files that were read with another `mode`; use another "
                   "state folder");
  bytes.data += sizeof magic;
  bytes.len -= sizeof magic;
  if (!bytes_get(&bytes, 1, &identity->flags) || !bytes_get(&bytes, 8, &identity->start))
    return err_set(err, ERR_CORRUPT, "the state folder's note of a file cannot be read");
  return file_identity_get(bytes, &identity->file, err);
}

/* ------------------------------------------------------------------ beginnings */

/* How many bytes two beginnings share, if they are the same as far as both go; else 0. */
static size_t alike(const char *head, size_t head_bytes, const struct tail_part *part) {
  if (part->noted == NULL) {
    size_t n = head_bytes < part->head_bytes ? head_bytes : part->head_bytes;
    return n > 0 && memcmp(head, part->head, n) == 0 ? n : 0;
  }
  const struct file_identity *noted = part->noted;
  if (head_bytes >= noted->head_bytes)
    return crc32c(0, head, noted->head_bytes) == noted->head_crc ? noted->head_bytes : 0;
  size_t n = head_bytes < noted->start_bytes ? head_bytes : noted->start_bytes;
  return n > 0 && memcmp(head, noted->start, n) == 0 ? n : 0;
}

static void keep_head(struct tail_part *part, const char *head, size_t head_bytes) {
  part->head = mem_realloc(part->head, head_bytes + 1);
  memcpy(part->head, head, head_bytes);
  part->head_bytes = head_bytes;
}

/* Its beginning and size as they are now. */
static int peek(struct tail *tail, struct tail_part *part, struct err *err) {
  struct disk_file *file;
  struct disk_stat stat;
  char head[FILE_HEAD_BYTES];
  size_t got;
  if (disk_open(tail->ctx->io->disk, part->path, DISK_READ, &file, err) != 0) return -1;
  int result = disk_read(file, head, sizeof head, 0, &got, err);
  if (result == 0) result = disk_fstat(file, &stat, err);
  disk_close(file);
  if (result != 0) return -1;
  if (stat.dev != part->dev || stat.ino != part->ino)
    return err_set(err, ERR_NOINPUT, "%s: is another file now", part->path);
  keep_head(part, head, got);
  part->size_bytes = stat.size_bytes;
  return 0;
}

/* Goes to the position; within a line, its rest is skipped. */
static int go_to(struct tail *tail, struct tail_part *part, uint64_t position, struct err *err) {
  char before = '\n';
  size_t got = 1;
  if (position > 0 && (tail_part_open(tail, part, err) != 0 ||
                       disk_read(part->file, &before, 1, position - 1, &got, err) != 0))
    return -1;
  part->position = part->searched = position;
  part->skipping = got == 1 && before != '\n';
  return 0;
}

/* ------------------------------------------------------------------ from earlier lives */

/* Of too many the oldest is forgotten for good. */
static void past_add(struct tail *tail, uint32_t partition, const struct file_identity *file,
                     uint64_t position) {
  if (tail->n_past == TAIL_PAST_MAX) {
    source_partition_forget(tail->ctx, tail->past[0].partition);
    memmove(tail->past, tail->past + 1, --tail->n_past * sizeof *tail->past);
  }
  array_grow((void **)&tail->past, &tail->cap_past, tail->n_past, sizeof *tail->past);
  tail->past[tail->n_past++] = (struct tail_past){partition, file->dev,        file->ino,
                                                  position,  file->head_bytes, file->head_crc};
}

void tail_past_add(struct tail *tail, struct tail_part *part) {
  struct file_identity file;
  part->remembered = true;
  if (part->noted != NULL)
    file = *part->noted;
  else
    file_identity_of(part->head, part->head_bytes, part->dev, part->ino, &file);
  past_add(tail, part->partition, &file, part->position);
}

/* Of one inode the newest partition is the file's; the crash came before the end of the other. */
static void keep_newest(struct tail *tail) {
  struct tail_list *parts = &tail->parts;
  tail_sort(tail);
  for (size_t i = parts->n; i-- > 1;) {
    struct tail_part *part = parts->items[i], *other = parts->items[i - 1];
    if (part->dev != other->dev || part->ino != other->ino) continue;
    struct tail_part *older = part->partition < other->partition ? part : other;
    tail_part_end(tail, older);
  }
}

int tail_known(struct tail *tail, struct err *err) {
  uint32_t n = source_partition_count(tail->ctx);
  for (uint32_t i = 0; i < n; i++) {
    const struct source_partition *known = source_partition_get(tail->ctx, i);
    struct identity identity;
    if (slice_is(known->identity, TAIL_MARK)) continue;
    tail->any_known = true;
    if (known->forgotten) continue;
    if (identity_get(known->identity, &identity, err) != 0) return -1;
    uint64_t position = known->position > identity.start ? known->position : identity.start;
    if (known->ended) {
      past_add(tail, i, &identity.file, position);
      continue;
    }
    char *path = mem_strndup(known->name.data, known->name.len);
    struct tail_part *part = tail_part_new(path, identity.file.dev, identity.file.ino);
    free(path);
    part->state = TAIL_READING;
    part->partition = i;
    part->start = identity.start;
    part->position = part->searched = position;
    part->outside = (identity.flags & IDENTITY_OUTSIDE) != 0;
    part->noted = mem_alloc(sizeof *part->noted);
    *part->noted = identity.file;
    if (part->outside || tail_names_match(tail, part->path)) {
      tail_list_add(&tail->parts, part);
      continue;
    }
    diag_say(tail->ctx->diag, MESSAGE_FILE_UNNAMED, tail->ctx->where,
             "no path names %s any more; it is read no further than its %llu bytes", part->path,
             (unsigned long long)position);
    part->state = TAIL_ENDED;
    tail_past_add(tail, part);
    tail_list_add(&tail->over, part);
  }
  keep_newest(tail);
  return 0;
}

enum tail_result tail_verify(struct tail *tail, struct tail_part *part) {
  struct err err;
  if (peek(tail, part, &err) != 0) {
    tail_trouble(tail, part, &err);
    return TAIL_TROUBLE;
  }
  if (part->size_bytes < part->position ||
      alike(part->head, part->head_bytes, part) < part->noted->head_bytes)
    return TAIL_WAS_CUT;
  if (go_to(tail, part, part->position, &err) != 0) {
    tail_trouble(tail, part, &err);
    return TAIL_TROUBLE;
  }
  if (part->head_bytes > part->noted->head_bytes) tail_identify(tail, part);
  free(part->noted);
  part->noted = NULL;
  part->changed = false;
  tail_queue(tail, part);
  return TAIL_ALL;
}

/* The file of a partition that ended when the file went away, and that is back: where it goes on,
 * else 0. */
static uint64_t back_at(struct tail *tail, const struct tail_part *part) {
  for (size_t i = tail->n_past; i-- > 0;) {
    const struct tail_past *past = &tail->past[i];
    if (past->dev != part->dev || past->ino != part->ino) continue;
    bool same = part->size_bytes >= past->position && part->head_bytes >= past->head_bytes &&
                crc32c(0, part->head, past->head_bytes) == past->head_crc;
    return same ? past->position : 0;
  }
  return 0;
}

/* ------------------------------------------------------------------ new ones */

static int begin(struct tail *tail, struct tail_part *part, uint64_t start, struct err *err) {
  if (go_to(tail, part, start, err) != 0) return -1;
  struct buf identity;
  buf_init(&identity);
  part->start = start;
  identity_put(part, &identity);
  part->partition = source_partition_add(tail->ctx, slice_of(part->path), buf_slice(&identity));
  buf_fini(&identity);
  part->state = TAIL_READING;
  part->held_us = 0;
  tail_queue(tail, part);
  return 0;
}

void tail_identify(const struct tail *tail, const struct tail_part *part) {
  struct buf identity;
  buf_init(&identity);
  identity_put(part, &identity);
  source_partition_identify(tail->ctx, part->partition, buf_slice(&identity));
  buf_fini(&identity);
}

/* It may be a copy that is being made, of a file that will be cut. One that has changed and was not
 * read since may be cut already. */
static bool is_held(struct tail *tail, struct tail_part *part) {
  bool same = false, unread = false;
  for (size_t i = 0; i < tail->parts.n && part->late; i++) {
    const struct tail_part *other = tail->parts.items[i];
    if (other == part || other->state != TAIL_READING || other->gone_us != 0 ||
        alike(part->head, part->head_bytes, other) == 0)
      continue;
    same = true;
    unread |= other->queued;
  }
  if (!same) return false;
  int64_t now_us = tail_now_us(tail);
  if (part->held_us == 0) part->held_us = now_us;
  return unread || now_us - part->held_us < tail->options->rotate_wait_us;
}

static void meet_one(struct tail *tail, struct tail_part *part) {
  if (part->head_bytes < FILE_HEAD_BYTES &&
      (part->head_bytes == 0 || memchr(part->head, '\n', part->head_bytes) == NULL))
    return;
  if (gzip_begins(part->head, part->head_bytes)) {
    part->state = TAIL_IGNORED;
    if (!tail->gzip_said)
      diag_say(tail->ctx->diag, MESSAGE_FILE_COMPRESSED, tail->ctx->where,
               "%s is compressed; mode: tail leaves such files alone", part->path);
    tail->gzip_said = true;
    return;
  }
  uint64_t start = back_at(tail, part);
  if (start == 0 && is_held(tail, part)) return;
  if (tail->first_start && tail->options->start == TAIL_FROM_END) start = part->size_bytes;
  struct err err;
  if (begin(tail, part, start, &err) != 0 && err.code != ERR_NOINPUT)
    tail_trouble(tail, part, &err);
}

/* ------------------------------------------------------------------ copies */

/* A copy in the folder that no path names: it must go on where the original ended, and bear its
 * name at the front of its own. */
static struct tail_part *copy_in_folder(struct tail *tail, const struct tail_part *original) {
  struct disk *disk = tail->ctx->io->disk;
  char *folder = tail_folder_of(original->path), **names;
  const char *slash = strrchr(original->path, '/');
  const char *name = slash != NULL ? slash + 1 : original->path;
  size_t n, stem = strcspn(name, ".");
  struct tail_part *copy = NULL;
  if (stem == 0) stem = strlen(name);
  if (disk_list(disk, folder, &names, &n, NULL) != 0) n = 0, names = NULL;
  for (size_t i = 0; i < n && copy == NULL; i++) {
    if (strncmp(names[i], name, stem) != 0 || strcmp(names[i], name) == 0) continue;
    char *path = tail_join(folder, names[i]);
    bool exists;
    struct disk_stat stat;
    if (disk_stat(disk, path, &exists, &stat, NULL) == 0 && exists && stat.type == DISK_FILE &&
        stat.size_bytes > original->position && tail_find(tail, stat.dev, stat.ino) == NULL) {
      copy = tail_part_new(path, stat.dev, stat.ino);
      copy->seen = copy->late = copy->outside = true;
      size_t known = original->noted != NULL ? original->noted->head_bytes : original->head_bytes;
      if (peek(tail, copy, NULL) != 0 || alike(copy->head, copy->head_bytes, original) < known ||
          go_to(tail, copy, original->position, NULL) != 0 ||
          copy->skipping != original->skipping) {
        tail_part_free(tail, copy);
        copy = NULL;
      }
    }
    free(path);
  }
  free(names);
  free(folder);
  if (copy == NULL) return NULL;
  tail_list_add(&tail->parts, copy);
  tail_sort(tail);
  return copy;
}

/* Of the new files, the one that shares most with what was cut. */
static struct tail_part *copy_among_new(const struct tail *tail, const struct tail_part *original) {
  struct tail_part *best = NULL;
  size_t most = 0;
  for (size_t i = 0; i < tail->parts.n; i++) {
    struct tail_part *part = tail->parts.items[i];
    if (part->state != TAIL_YOUNG || !part->late || part->head_bytes == 0 ||
        (part->dev == original->dev && part->ino == original->ino))
      continue;
    size_t common = alike(part->head, part->head_bytes, original);
    if (common <= most) continue;
    best = part;
    most = common;
  }
  return best;
}

static void find_copy(struct tail *tail, struct tail_part *original) {
  struct tail_part *copy = copy_among_new(tail, original);
  if (copy == NULL) copy = copy_in_folder(tail, original);
  if (copy != NULL) {
    uint64_t start = copy->size_bytes < original->position ? copy->size_bytes : original->position;
    struct err err;
    if (begin(tail, copy, start, &err) != 0) {
      tail_trouble(tail, copy, &err);
      return; /* the next look tries again */
    }
    diag_say(tail->ctx->diag, MESSAGE_FILE_COPIED, tail->ctx->where,
             "%s is the copy of %s; it goes on there at byte %llu", copy->path, original->path,
             (unsigned long long)start);
  }
  original->state = TAIL_ENDED;
}

/* A copy may have the inode of a file that was deleted, and pass for that one until it is read. */
static void uncover_copies(struct tail *tail) {
  struct tail_list reused = {0};
  for (size_t i = 0; i < tail->parts.n; i++) {
    struct tail_part *part = tail->parts.items[i];
    struct err err;
    bool same = true;
    if (part->state != TAIL_READING || part->noted != NULL || part->gone_us != 0 || !part->queued)
      continue;
    if (tail_check(tail, part, &same, &err) == 0 && !same) tail_list_add(&reused, part);
  }
  for (size_t i = 0; i < reused.n; i++) {
    struct tail_part *part = reused.items[i];
    struct disk_stat stat = {.size_bytes = part->size_bytes,
                             .dev = part->dev,
                             .ino = part->ino,
                             .mtime_us = part->mtime_us};
    tail_part_cut(tail, part);
    if (!part->outside) tail_list_add(&tail->parts, tail_part_young(tail, part->path, &stat));
  }
  free(reused.items);
  tail_sort(tail);
}

static void peek_all(struct tail *tail) {
  for (size_t i = 0; i < tail->parts.n; i++) {
    struct tail_part *part = tail->parts.items[i];
    struct err err;
    if (part->state != TAIL_YOUNG || !part->changed || part->size_bytes == 0) continue;
    part->held_us = 0;
    if (peek(tail, part, &err) == 0)
      part->met = part->changed = false;
    else if (err.code != ERR_NOINPUT)
      tail_trouble(tail, part, &err);
  }
}

static bool any_cut(const struct tail *tail) {
  for (size_t i = 0; i < tail->over.n; i++)
    if (tail->over.items[i]->state == TAIL_CUT) return true;
  return false;
}

void tail_meet(struct tail *tail) {
  if (any_cut(tail)) uncover_copies(tail);
  peek_all(tail);
  for (size_t i = 0; i < tail->over.n; i++)
    if (tail->over.items[i]->state == TAIL_CUT) find_copy(tail, tail->over.items[i]);
  for (size_t i = 0; i < tail->parts.n; i++) {
    struct tail_part *part = tail->parts.items[i];
    if (part->state != TAIL_YOUNG || (part->met && part->held_us == 0)) continue;
    part->met = true;
    meet_one(tail, part);
  }
}
