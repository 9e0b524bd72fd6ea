/* tail: see tail.h; the order of a take.
 *
 * A take looks at the names when that is due, gives partitions to the files that are new, and then
 * reads: of each file that may have something 64 KiB in turn, so that a large one starves nobody.
 * Partitions that have ended come last, as they end the epoch.
 *
 * What must stay true: a partition is one generation of one inode, and every byte of it that is
 * committed lies at its position in that inode. All that is taken from one generation to the next -
 * what of it the log has - is in the identity of the partition (tail_meet.c), so a crash between
 * any two epochs finds the same again. */
#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "sources/file/tail_impl.h"
#include "sources/lines.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ parts */

struct tail_part *tail_part_new(const char *path, uint64_t dev, uint64_t ino) {
  struct tail_part *part = mem_zalloc(sizeof *part);
  part->path = mem_strdup(path);
  part->dev = dev;
  part->ino = ino;
  return part;
}

struct tail_part *tail_part_young(const struct tail *tail, const char *path,
                                  const struct disk_stat *stat) {
  struct tail_part *part = tail_part_new(path, stat->dev, stat->ino);
  part->seen = part->changed = true;
  part->late = tail->any_known;
  part->size_bytes = stat->size_bytes;
  part->mtime_us = stat->mtime_us;
  return part;
}

static void unqueue(struct tail *tail, struct tail_part *part) {
  if (!part->queued) return;
  struct tail_part **at = &tail->first, *before = NULL;
  while (*at != part) {
    before = *at;
    at = &(*at)->next;
  }
  *at = part->next;
  if (tail->last == part) tail->last = before;
  part->queued = false;
}

void tail_part_free(struct tail *tail, struct tail_part *part) {
  unqueue(tail, part);
  tail_part_close(tail, part);
  free(part->path);
  free(part->head);
  free(part->noted);
  free(part);
}

void tail_list_add(struct tail_list *list, struct tail_part *part) {
  array_grow((void **)&list->items, &list->cap, list->n, sizeof *list->items);
  list->items[list->n++] = part;
}

void tail_list_remove(struct tail_list *list, const struct tail_part *part) {
  for (size_t i = 0; i < list->n; i++) {
    if (list->items[i] != part) continue;
    memmove(list->items + i, list->items + i + 1, (list->n - i - 1) * sizeof *list->items);
    list->n--;
    return;
  }
}

void tail_queue(struct tail *tail, struct tail_part *part) {
  if (part->queued) return;
  part->queued = true;
  part->next = NULL;
  if (tail->last != NULL)
    tail->last->next = part;
  else
    tail->first = part;
  tail->last = part;
}

static struct tail_part *next_queued(struct tail *tail) {
  struct tail_part *part = tail->first;
  if (part == NULL) return NULL;
  tail->first = part->next;
  if (tail->first == NULL) tail->last = NULL;
  part->queued = false;
  return part;
}

void tail_part_cut(struct tail *tail, struct tail_part *part) {
  diag_say(
      tail->ctx->diag, MESSAGE_FILE_CUT, tail->ctx->where,
      "%s was cut or replaced after %llu bytes of it were taken; it is read from its beginning",
      part->path, (unsigned long long)part->position);
  part->state = TAIL_CUT;
  unqueue(tail, part);
  tail_part_close(tail, part);
  tail_list_remove(&tail->parts, part);
  tail_list_remove(&tail->names, part);
  tail_list_add(&tail->over, part);
  tail_look_soon(tail);
}

void tail_part_end(struct tail *tail, struct tail_part *part) {
  part->state = TAIL_ENDED;
  unqueue(tail, part);
  tail_part_close(tail, part);
  tail_list_remove(&tail->parts, part);
  tail_list_remove(&tail->names, part);
  tail_list_add(&tail->over, part);
}

/* ------------------------------------------------------------------ a take */

/* Files without a name whose time is over: the half line they leave, and their end. One whose name
 * was only missed, because it was renamed during the look, has it again by then. */
static void gone_end(struct tail *tail, struct take *take) {
  if (!tail->any_gone) return;
  int64_t now_us = tail_now_us(tail);
  for (size_t i = 0; i < tail->parts.n;) {
    struct tail_part *part = tail->parts.items[i];
    bool waits = now_us - part->gone_us < tail->options->rotate_wait_us;
    if (part->gone_us == 0 || waits || part->queued) {
      i++;
      continue;
    }
    tail_read_rest(tail, part, take);
    if (part->size_bytes > part->position && !part->skipping)
      diag_say(tail->ctx->diag, MESSAGE_FILE_LOST, tail->ctx->where,
               "%s is gone; it had %llu bytes and %llu of them were taken", part->path,
               (unsigned long long)part->size_bytes, (unsigned long long)part->position);
    tail_past_add(tail, part);
    tail_part_end(tail, part);
  }
}

static void ends_tell(struct tail *tail, struct take *take) {
  size_t kept = 0;
  for (size_t i = 0; i < tail->over.n; i++) {
    struct tail_part *part = tail->over.items[i];
    if (part->state != TAIL_ENDED) {
      tail->over.items[kept++] = part;
      continue;
    }
    take_partition_end(take, part->partition);
    if (!part->remembered) source_partition_forget(tail->ctx, part->partition);
    tail_part_free(tail, part);
  }
  tail->over.n = kept;
}

/* A partition of no file, which has ended: from then on the state folder knows that the files that
 * were there at its first start have been seen, even if nothing has come of them. */
static void mark_tell(struct tail *tail, struct take *take) {
  if (!tail->mark_due) return;
  tail->mark_due = false;
  take_partition_end(
      take, source_partition_add(tail->ctx, slice_of("(first start)"), slice_of(TAIL_MARK)));
}

int tail_take(struct tail *tail, struct take *take, struct err *err) {
  if (tail->look_due) {
    if (tail_look(tail, false, err) != 0) return -1;
    tail_meet(tail);
  }
  struct tail_part *part;
  for (int turns = 0;
       turns < TAIL_TURNS_MAX && take_bytes_left(take) > 0 && (part = next_queued(tail)) != NULL;
       turns++) {
    switch (tail_read(tail, part, take)) {
    case TAIL_MORE: tail_queue(tail, part); break;
    case TAIL_WAS_CUT: tail_part_cut(tail, part); break;
    case TAIL_ALL:
    case TAIL_TROUBLE: break;
    }
  }
  gone_end(tail, take);
  ends_tell(tail, take);
  mark_tell(tail, take);
  if (tail->first != NULL) source_ready(tail->ctx);
  return 0;
}

/* ------------------------------------------------------------------ the rest */

static struct tail_part *find_partition(const struct tail *tail, uint32_t partition) {
  const struct tail_list *const lists[] = {&tail->parts, &tail->over};
  for (size_t l = 0; l < 2; l++)
    for (size_t i = 0; i < lists[l]->n; i++) {
      struct tail_part *part = lists[l]->items[i];
      if (part->state == TAIL_READING && part->gone_us == 0 && part->partition == partition)
        return part;
    }
  return NULL;
}

int tail_reread(struct tail *tail, uint32_t partition, uint64_t from, uint64_t to,
                struct take *take, struct err *err) {
  struct tail_part *part = find_partition(tail, partition);
  struct slice name = source_partition_get(tail->ctx, partition)->name;
  if (part == NULL)
    return err_set(err, ERR_CORRUPT,
                   "%.*s: is gone or was cut, but its bytes %llu to %llu are needed once more to "
                   "recover; put it back, or start with a new state folder and without `reread`",
                   SLICE_ARG(name), (unsigned long long)from, (unsigned long long)to);
  if (tail_part_open(tail, part, err) != 0) return -1;
  size_t want = (size_t)(to - from), got;
  char *data = take_reserve(take, want);
  if (disk_read(part->file, data, want, from, &got, err) != 0) return -1;
  if (got < want)
    return err_set(
        err, ERR_CORRUPT,
        "%s: has %llu bytes, but %llu have been taken: it was cut; put the file back, or "
        "start with a new state folder and without `reread`",
        part->path, (unsigned long long)(from + got), (unsigned long long)to);
  lines_commit(take, partition, from, data, want, tail->ctx->common->line_max_bytes);
  return 0;
}

int tail_open(struct tail **made, const struct text_list *paths, const struct tail_options *options,
              struct source_ctx *ctx, struct err *err) {
  struct tail *tail = *made = mem_zalloc(sizeof *tail);
  tail->ctx = ctx;
  tail->paths = paths;
  tail->options = options;
  tail->first_start = source_partition_count(ctx) == 0;
  tail->mark_due = tail->first_start && options->start == TAIL_FROM_END;
  if (tail_known(tail, err) != 0) return -1;
  tail_watch_open(tail);
  if (tail_look(tail, true, err) != 0) return -1;
  tail_meet(tail);
  tail->first_start = false;
  tail->any_known = true;
  source_ready(ctx);
  return 0;
}

void tail_metrics(const struct tail *tail, struct metrics *metrics) {
  uint64_t followed = 0, behind = 0;
  for (size_t i = 0; i < tail->parts.n; i++) {
    const struct tail_part *part = tail->parts.items[i];
    if (part->state == TAIL_IGNORED) continue;
    followed++;
    if (part->size_bytes > part->position) behind += part->size_bytes - part->position;
  }
  metrics_put(metrics, METRIC_FILE_KNOWN, NULL, (double)followed);
  metrics_put(metrics, METRIC_FILE_OPEN, NULL, (double)tail->n_open);
  metrics_put(metrics, METRIC_FILE_BEHIND, NULL, (double)behind);
}

void tail_close(struct tail *tail) {
  if (tail == NULL) return;
  tail_watch_close(tail);
  struct tail_list *const lists[] = {&tail->parts, &tail->over};
  for (size_t l = 0; l < 2; l++) {
    for (size_t i = 0; i < lists[l]->n; i++) tail_part_free(tail, lists[l]->items[i]);
    free(lists[l]->items);
  }
  free(tail->names.items);
  free(tail->past);
  free(tail);
}
