/* tail_read: the bytes of a followed file, as whole lines.
 *
 * A block is read first, and only then it is looked whether the file still is what it was: it has
 * not become shorter, and begins as it did. So what is committed was there before any truncation
 * that happened meanwhile, and what a truncated file holds now is never taken for its continuation.
 *
 * A half line is left where it is. One that has grown beyond max_line is given as far as it is
 * there, as too long; what follows of it is skipped. That it is to be skipped needs no note: the
 * byte before the position is then not a line's end. */
#include "daemon/base/mem.h"
#include "sources/file/tail_impl.h"
#include "sources/lines.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ descriptors */

static void unlink_used(struct tail *tail, struct tail_part *part) {
  if (part->more_used != NULL)
    part->more_used->less_used = part->less_used;
  else
    tail->most_used = part->less_used;
  if (part->less_used != NULL)
    part->less_used->more_used = part->more_used;
  else
    tail->least_used = part->more_used;
  part->more_used = part->less_used = NULL;
}

static void link_used(struct tail *tail, struct tail_part *part) {
  part->less_used = tail->most_used;
  if (tail->most_used != NULL)
    tail->most_used->more_used = part;
  else
    tail->least_used = part;
  tail->most_used = part;
}

void tail_part_close(struct tail *tail, struct tail_part *part) {
  if (part->file == NULL) return;
  disk_close(part->file);
  part->file = NULL;
  unlink_used(tail, part);
  tail->n_open--;
}

/* The one that was not used for longest; of those without a name, whose descriptor is all there is
 * of them, only if there is no other. */
static void make_room(struct tail *tail) {
  if (tail->n_open < (size_t)tail->options->open_max) return;
  struct tail_part *part = tail->least_used;
  while (part != NULL && part->gone_us != 0) part = part->more_used;
  tail_part_close(tail, part != NULL ? part : tail->least_used);
}

int tail_part_open(struct tail *tail, struct tail_part *part, struct err *err) {
  if (part->file != NULL) {
    unlink_used(tail, part);
    link_used(tail, part);
    return 0;
  }
  struct disk_file *file;
  struct disk_stat stat;
  if (disk_open(tail->ctx->io->disk, part->path, DISK_READ, &file, err) != 0) return -1;
  if (disk_fstat(file, &stat, err) != 0) {
    disk_close(file);
    return -1;
  }
  if (stat.dev != part->dev || stat.ino != part->ino) {
    disk_close(file);
    return err_set(err, ERR_NOINPUT, "%s: is another file now", part->path);
  }
  make_room(tail);
  part->file = file;
  tail->n_open++;
  link_used(tail, part);
  return 0;
}

void tail_trouble(const struct tail *tail, struct tail_part *part, const struct err *err) {
  part->changed = true; /* the next look tries again */
  if (part->troubled) return;
  part->troubled = true;
  diag_say(tail->ctx->diag, MESSAGE_FILE_UNREADABLE, tail->ctx->where, "%s; trying again",
           err->text);
}

/* ------------------------------------------------------------------ bytes */

/* Whether the file begins as it did and has at least `end` bytes; more of its head is kept. */
static int still_same(const struct tail *tail, struct tail_part *part, uint64_t end, bool *same,
                      struct err *err) {
  char head[FILE_HEAD_BYTES];
  size_t got;
  struct disk_stat stat;
  if (disk_read(part->file, head, sizeof head, 0, &got, err) != 0 ||
      disk_fstat(part->file, &stat, err) != 0)
    return -1;
  *same = stat.size_bytes >= end && got >= part->head_bytes &&
          memcmp(head, part->head, part->head_bytes) == 0;
  if (!*same || got == part->head_bytes) return 0;
  part->head = mem_realloc(part->head, got);
  memcpy(part->head, head, got);
  part->head_bytes = got;
  tail_identify(tail, part);
  return 0;
}

int tail_check(struct tail *tail, struct tail_part *part, bool *same, struct err *err) {
  uint64_t end = part->searched > part->position ? part->searched : part->position;
  if (tail_part_open(tail, part, err) != 0) return -1;
  return still_same(tail, part, end, same, err);
}

struct block {
  char *data;
  size_t want, got;
};

static int block_read(struct tail_part *part, struct take *take, uint64_t position, size_t want,
                      struct block *block, struct err *err) {
  block->want = want;
  block->data = take_reserve(take, want);
  return disk_read(part->file, block->data, want, position, &block->got, err);
}

/* Goes on through what is not wanted, up to the end of the line. */
static enum tail_result skip(struct tail_part *part, const struct block *block) {
  const char *newline = block->got > 0 ? memchr(block->data, '\n', block->got) : NULL;
  part->skipping = newline == NULL;
  part->position += newline != NULL ? (size_t)(newline - block->data) + 1 : block->got;
  part->searched = part->position;
  return newline != NULL || block->got == block->want ? TAIL_MORE : TAIL_ALL;
}

/* The block is the beginning of a line that does not end in it. */
static enum tail_result half_line(struct tail *tail, struct tail_part *part, struct take *take,
                                  const struct block *block) {
  uint64_t line_max = tail->ctx->common->line_max_bytes;
  part->searched = part->position + block->got;
  if (block->got <= line_max + 1) return TAIL_ALL; /* one more may be a '\r' */
  take_commit(take, part->partition, part->position, part->searched, block->data, block->got,
              TAKE_TOO_LONG);
  part->position = part->searched;
  part->skipping = true;
  return TAIL_MORE;
}

/* Sets *block to what is to be given of the file, or skipped; got 0: nothing new. */
static int next_block(struct tail *tail, struct tail_part *part, struct take *take,
                      struct block *block, struct err *err) {
  uint64_t line_max = tail->ctx->common->line_max_bytes;
  *block = (struct block){0};
  if (!part->skipping && part->searched - part->position >= TAIL_TURN_BYTES) {
    /* Much of a line is there already: is its end in what has come? */
    if (block_read(part, take, part->searched, TAIL_TURN_BYTES, block, err) != 0) return -1;
    const char *newline = block->got > 0 ? memchr(block->data, '\n', block->got) : NULL;
    if (newline == NULL) part->searched += block->got;
    if (newline == NULL && part->searched - part->position <= line_max + 1) {
      block->got = 0;
      return 0;
    }
    return block_read(part, take, part->position, (size_t)line_max + 2, block, err);
  }
  if (block_read(part, take, part->position, TAIL_TURN_BYTES, block, err) != 0) return -1;
  bool long_line = !part->skipping && block->got == block->want && block->want < line_max + 2 &&
                   memchr(block->data, '\n', block->got) == NULL;
  if (!long_line) return 0;
  return block_read(part, take, part->position, (size_t)line_max + 2, block, err);
}

enum tail_result tail_read(struct tail *tail, struct tail_part *part, struct take *take) {
  struct err err;
  if (tail_part_open(tail, part, &err) != 0) {
    part->changed = true; /* whatever name it has now, the next look asks again */
    if (err.code == ERR_NOINPUT)
      tail_look_soon(tail);
    else
      tail_trouble(tail, part, &err);
    return TAIL_TROUBLE;
  }
  uint64_t left = take_bytes_left(take);
  uint64_t end_before = part->searched;
  struct block block;
  bool same;
  int result = next_block(tail, part, take, &block, &err);
  uint64_t end = part->position + block.got;
  if (end < part->searched) end = part->searched;
  if (result != 0 || still_same(tail, part, end, &same, &err) != 0) {
    tail_trouble(tail, part, &err);
    return TAIL_TROUBLE;
  }
  if (!same) return TAIL_WAS_CUT;
  part->troubled = false;
  if (part->gone_us != 0 && end > end_before) part->gone_us = tail_now_us(tail);
  if (block.got == 0) return end > end_before ? TAIL_MORE : TAIL_ALL;
  if (part->skipping) return skip(part, &block);
  size_t stop = left > 0 && left < block.got ? (size_t)left : block.got;
  size_t n = lines_whole(block.data, block.got, stop, false);
  if (n == 0) return half_line(tail, part, take, &block);
  lines_commit(take, part->partition, part->position, block.data, n,
               tail->ctx->common->line_max_bytes);
  part->position += n;
  part->searched = part->position;
  return n < block.got || block.got == block.want ? TAIL_MORE : TAIL_ALL;
}

void tail_read_rest(struct tail *tail, struct tail_part *part, struct take *take) {
  struct block block;
  bool same;
  size_t want = (size_t)tail->ctx->common->line_max_bytes + 2;
  if (part->file == NULL || part->skipping || part->searched == part->position) return;
  if (block_read(part, take, part->position, want, &block, NULL) != 0 || block.got == 0 ||
      still_same(tail, part, part->position + block.got, &same, NULL) != 0 || !same)
    return;
  lines_commit(take, part->partition, part->position, block.data, block.got,
               tail->ctx->common->line_max_bytes);
  part->position += block.got;
}
