/* tail_look: which files there are, and which of them are known.
 *
 * A file is known by its inode, whatever name it has now. One that is not where a path of the
 * configuration leads is looked for in its folder, so a file that was renamed out of the pattern is
 * read on; one that is nowhere has no name any more, and what is left of it is what its descriptor
 * gives. A look that could not see everything takes nothing for gone. */
#include "daemon/base/mem.h"
#include "sources/file/tail_impl.h"

#include <fnmatch.h>
#include <stdlib.h>

struct found {
  char *path; /* owned */
  struct disk_stat stat;
};
struct found_list {
  struct found *items;
  size_t n, cap;
  bool complete;
};

static int inode_order(uint64_t dev, uint64_t ino, uint64_t other_dev, uint64_t other_ino) {
  if (dev != other_dev) return dev < other_dev ? -1 : 1;
  return (ino > other_ino) - (ino < other_ino);
}

static int found_order(const void *a, const void *b) {
  const struct found *x = a, *y = b;
  int order = inode_order(x->stat.dev, x->stat.ino, y->stat.dev, y->stat.ino);
  return order != 0 ? order : strcmp(x->path, y->path);
}

static int part_order(const void *a, const void *b) {
  const struct tail_part *x = *(struct tail_part *const *)a, *y = *(struct tail_part *const *)b;
  return inode_order(x->dev, x->ino, y->dev, y->ino);
}

static int name_order(const void *a, const void *b) {
  const struct tail_part *x = *(struct tail_part *const *)a, *y = *(struct tail_part *const *)b;
  return strcmp(x->path, y->path);
}

void tail_sort(struct tail *tail) {
  struct tail_list *parts = &tail->parts, *names = &tail->names;
  names->n = 0;
  for (size_t i = 0; i < parts->n; i++)
    if (parts->items[i]->gone_us == 0) tail_list_add(names, parts->items[i]);
  if (parts->n > 1) qsort(parts->items, parts->n, sizeof *parts->items, part_order);
  if (names->n > 1) qsort(names->items, names->n, sizeof *names->items, name_order);
}

struct tail_part *tail_find(const struct tail *tail, uint64_t dev, uint64_t ino) {
  size_t low = 0, high = tail->parts.n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    struct tail_part *part = tail->parts.items[middle];
    int order = inode_order(part->dev, part->ino, dev, ino);
    if (order == 0) return part;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

bool tail_names_match(const struct tail *tail, const char *path) {
  for (size_t i = 0; i < tail->paths->n; i++) {
    const char *pattern = tail->paths->items[i];
    if (strcmp(pattern, path) == 0 || fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0)
      return true;
  }
  return false;
}

/* ------------------------------------------------------------------ what there is */

static int add_path(struct tail *tail, struct found_list *list, const char *path, bool *exists,
                    struct err *err) {
  struct disk_stat stat;
  if (disk_stat(tail->ctx->io->disk, path, exists, &stat, err) != 0) return -1;
  if (!*exists || stat.type != DISK_FILE) return 0;
  array_grow((void **)&list->items, &list->cap, list->n, sizeof *list->items);
  list->items[list->n++] = (struct found){mem_strdup(path), stat};
  return 0;
}

static int add_pattern(struct tail *tail, struct found_list *list, const char *pattern,
                       struct err *err) {
  bool exists;
  if (add_path(tail, list, pattern, &exists, err) != 0) return -1;
  if (exists || strpbrk(pattern, "*?[") == NULL) return 0;
  char **paths;
  size_t n;
  if (disk_glob(tail->ctx->io->disk, pattern, &paths, &n, err) != 0) return -1;
  int result = 0;
  for (size_t i = 0; i < n && result == 0; i++)
    result = add_path(tail, list, paths[i], &exists, err);
  free(paths);
  return result;
}

/* Without another name for what is in it already. */
static void keep_one_of_each(struct found_list *list) {
  if (list->n < 2) return;
  qsort(list->items, list->n, sizeof *list->items, found_order);
  size_t kept = 1;
  for (size_t i = 1; i < list->n; i++) {
    const struct disk_stat *last = &list->items[kept - 1].stat, *stat = &list->items[i].stat;
    if (last->dev == stat->dev && last->ino == stat->ino)
      free(list->items[i].path);
    else
      list->items[kept++] = list->items[i];
  }
  list->n = kept;
}

static int find_all(struct tail *tail, struct found_list *list, bool first, struct err *err) {
  struct err problem;
  list->complete = true;
  for (size_t i = 0; i < tail->paths->n; i++) {
    if (add_pattern(tail, list, tail->paths->items[i], &problem) == 0) continue;
    if (first) {
      *err = problem;
      return -1;
    }
    list->complete = false;
    if (!tail->look_failed)
      diag_say(tail->ctx->diag, MESSAGE_FILE_UNREADABLE, tail->ctx->where, "%s; trying again",
               problem.text);
    tail->look_failed = true;
  }
  if (list->complete) tail->look_failed = false;
  keep_one_of_each(list);
  return 0;
}

/* ------------------------------------------------------------------ what is known */

static void saw(struct tail *tail, struct tail_part *part, const char *path,
                const struct disk_stat *stat, bool outside) {
  part->seen = true;
  part->outside = outside;
  part->gone_us = 0;
  if (strcmp(part->path, path) != 0) {
    free(part->path);
    part->path = mem_strdup(path);
  }
  if (stat->size_bytes != part->size_bytes || stat->mtime_us != part->mtime_us)
    part->changed = true;
  part->size_bytes = stat->size_bytes;
  part->mtime_us = stat->mtime_us;
  if (part->state != TAIL_READING || !part->changed || part->noted != NULL) return;
  part->changed = false;
  tail_queue(tail, part);
}

/* The inode is the part's. Are its bytes? */
static bool is_cut(struct tail *tail, struct tail_part *part, const struct disk_stat *stat) {
  if (part->state != TAIL_READING) return false;
  if (part->noted != NULL) return tail_verify(tail, part) == TAIL_WAS_CUT;
  uint64_t end = part->searched > part->position ? part->searched : part->position;
  return stat->size_bytes < end;
}

static bool is_missing(const struct tail_part *part) {
  return !part->seen && part->state == TAIL_READING && part->gone_us == 0;
}

/* Whether it is still where it was last, though no path of the configuration leads there. */
static void look_at_place(struct tail *tail, struct tail_part *part) {
  bool exists;
  struct disk_stat stat;
  if (disk_stat(tail->ctx->io->disk, part->path, &exists, &stat, NULL) == 0 && exists &&
      stat.dev == part->dev && stat.ino == part->ino)
    saw(tail, part, part->path, &stat, true);
}

static void look_in_folder(struct tail *tail, const char *folder) {
  char **names;
  size_t n;
  struct disk *disk = tail->ctx->io->disk;
  if (disk_list(disk, folder, &names, &n, NULL) != 0) return;
  for (size_t i = 0; i < n; i++) {
    char *path = tail_join(folder, names[i]);
    bool exists;
    struct disk_stat stat;
    if (disk_stat(disk, path, &exists, &stat, NULL) == 0 && exists) {
      struct tail_part *part = tail_find(tail, stat.dev, stat.ino);
      if (part != NULL && is_missing(part)) saw(tail, part, path, &stat, true);
    }
    free(path);
  }
  free(names);
}

static void find_missing(struct tail *tail) {
  for (size_t i = 0; i < tail->parts.n; i++)
    if (is_missing(tail->parts.items[i])) look_at_place(tail, tail->parts.items[i]);
  char *folder = NULL; /* the last one: those of one folder stand together */
  for (size_t i = 0; i < tail->names.n; i++) {
    const struct tail_part *part = tail->names.items[i];
    if (!is_missing(part)) continue;
    char *own = tail_folder_of(part->path);
    if (folder == NULL || strcmp(folder, own) != 0) look_in_folder(tail, own);
    free(folder);
    folder = own;
  }
  free(folder);
}

/* Those found outside by find_missing() whose bytes are others. */
static void check_outside(struct tail *tail) {
  for (size_t i = tail->parts.n; i-- > 0;) {
    struct tail_part *part = tail->parts.items[i];
    struct disk_stat stat = {.size_bytes = part->size_bytes};
    if (part->seen && part->outside && is_cut(tail, part, &stat)) tail_part_cut(tail, part);
  }
}

static void forget_missing(struct tail *tail) {
  tail->any_gone = false;
  for (size_t i = tail->parts.n; i-- > 0;) {
    struct tail_part *part = tail->parts.items[i];
    if (part->seen) continue;
    if (part->state != TAIL_READING) {
      tail_list_remove(&tail->parts, part);
      tail_part_free(tail, part);
      continue;
    }
    tail->any_gone = true;
    if (part->gone_us == 0) part->gone_us = tail_now_us(tail);
    if (part->file != NULL) tail_queue(tail, part);
  }
}

int tail_look(struct tail *tail, bool first, struct err *err) {
  int64_t began_us = tail_now_us(tail);
  struct found_list list = {0};
  struct tail_list fresh = {0};
  tail_watch_paths(tail); /* first, so that what comes behind the look is told */
  int result = find_all(tail, &list, first, err);
  tail_sort(tail);
  for (size_t i = 0; i < tail->parts.n; i++) tail->parts.items[i]->seen = false;
  for (size_t i = 0; i < list.n && result == 0; i++) {
    const struct found *found = &list.items[i];
    struct tail_part *part = tail_find(tail, found->stat.dev, found->stat.ino);
    if (part != NULL) saw(tail, part, found->path, &found->stat, false);
    if (part != NULL && !is_cut(tail, part, &found->stat)) continue;
    if (part != NULL) tail_part_cut(tail, part);
    tail_list_add(&fresh, tail_part_young(tail, found->path, &found->stat));
  }
  if (result == 0) {
    find_missing(tail);
    check_outside(tail);
    if (list.complete) forget_missing(tail);
  }
  for (size_t i = 0; i < fresh.n; i++) tail_list_add(&tail->parts, fresh.items[i]);
  tail_sort(tail);
  for (size_t i = 0; i < list.n; i++) free(list.items[i].path);
  free(list.items);
  free(fresh.items);
  tail_looked(tail, began_us);
  return result;
}
