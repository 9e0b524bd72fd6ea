/* file: the source that reads files, however often the daemon is started and killed meanwhile: with
 * mode: tail as tail.h says; with mode: read, which is here, once from beginning to end.
 *
 * A file is a partition, its position the offset of the next line (of gzip: in the decompressed
 * bytes). The order in which records come is a function of the files alone, wherever epochs were
 * cut and whenever the daemon was restarted, because it is a function of the positions: next comes,
 * of the files whose position is in the lowest turn (position / 256 KiB), the first; and from it
 * the lines that start in that turn. So no file runs far ahead of the others, and neither does its
 * watermark. With `read_order: sequential` the whole file is one turn.
 *
 * The end of a file is noticed together with its last line, never one call later, for the same
 * reason. */
#include "sources/file/file.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

static const char *const mode_names[] = {"read", "tail", NULL};
static const char *const compression_names[] = {"auto", "none", "gzip", NULL};
static const char *const order_names[] = {"interleaved", "sequential", NULL};
static const char *const start_names[] = {"beginning", "end", NULL};
static const char *const watch_names[] = {"auto", "poll", NULL};

static const struct option file_options[] = {
    {.name = "path",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct file_source, paths),
     .required = true,
     .text = "the files: a path, a pattern with * ? [...], or a list of them"},
    {.name = "mode",
     .type = OPTION_ENUM,
     .offset = offsetof(struct file_source, mode),
     .fallback = "read",
     .names = mode_names,
     .text = "read: each file once, to the end it has when it is reached; tail: files that are "
             "written to, new ones too, through rotation by rename and by copytruncate"},
    {.name = "compression",
     .type = OPTION_ENUM,
     .offset = offsetof(struct file_source, compression),
     .fallback = "auto",
     .names = compression_names,
     .text =
         "mode: read: auto tells gzip by a file's first bytes (mode: tail leaves compressed files "
         "alone)"},
    {.name = "read_order",
     .type = OPTION_ENUM,
     .offset = offsetof(struct file_source, order),
     .fallback = "interleaved",
     .names = order_names,
     .text =
         "mode: read: interleaved: 256 KiB of each file in turn; sequential: one file after the "
         "other"},
    {.name = "start",
     .type = OPTION_ENUM,
     .offset = offsetof(struct file_source, tail_options.start),
     .fallback = "beginning",
     .names = start_names,
     .text = "mode: tail: where files begin that are there at the first start of the state folder; "
             "later ones are read from their beginning, known ones from where they were"},
    {.name = "watch",
     .type = OPTION_ENUM,
     .offset = offsetof(struct file_source, tail_options.watch),
     .fallback = "auto",
     .names = watch_names,
     .text =
         "mode: tail: auto: notices of the system (inotify), and looking besides; poll: looking "
         "only, as on network file systems"},
    {.name = "poll_interval",
     .type = OPTION_DURATION,
     .offset = offsetof(struct file_source, tail_options.poll_interval_us),
     .fallback = "1s",
     .min = 1000,
     .text =
         "mode: tail: how often to look for what no notice tells; less often when one look takes "
         "more than a fiftieth of it"},
    {.name = "rotate_wait",
     .type = OPTION_DURATION,
     .offset = offsetof(struct file_source, tail_options.rotate_wait_us),
     .fallback = "10s",
     .text =
         "mode: tail: how long a deleted file is kept open behind its last bytes, and how long a "
         "new file that begins like a known one waits to be its copy (copytruncate)"},
    {.name = "max_open",
     .type = OPTION_INT,
     .offset = offsetof(struct file_source, tail_options.open_max),
     .fallback = "256",
     .min = 1,
     .max = 1000000,
     .text = "mode: tail: so many files are open at most; the one that was read least recently is "
             "closed for another"},
    {.name = "reread",
     .type = OPTION_BOOL,
     .offset = offsetof(struct file_source, tail_options.reread),
     .fallback = "false",
     .text =
         "mode: tail: after a crash the lines are read again from the files and need not be in "
         "the log: only where rotation renames, and keeps files longer than a checkpoint takes"},
    {0}};

/* Options of one mode in the other would be silently without effect. */
static void file_check(const void *instance, const struct node *node,
                       struct config_errors *errors) {
  static const char *const of_mode[2][8] = {
      {"compression", "read_order"},
      {"start", "watch", "poll_interval", "rotate_wait", "max_open", "reread"}};
  const struct file_source *source = instance;
  const char *const *others = of_mode[source->mode == FILE_READ];
  for (size_t i = 0; others[i] != NULL; i++) {
    const struct node *other = node_get(node, others[i]);
    if (other != NULL)
      config_error_add(errors, other->place, "`%s` belongs to `mode: %s`", others[i],
                       mode_names[source->mode == FILE_READ]);
  }
}

/* What a followed file held may be gone, cut or compressed when it is needed again. */
static int file_flags(const void *instance) {
  const struct file_source *source = instance;
  return source->mode == FILE_READ || source->tail_options.reread ? SOURCE_REREADABLE : 0;
}

static bool file_bounded(const void *instance) {
  return ((const struct file_source *)instance)->mode == FILE_READ;
}

static uint64_t turn_of(const struct file_source *source, const struct file_part *part) {
  return source->order == FILE_SEQUENTIAL ? 0 : part->position / FILE_TURN_BYTES;
}

/* Takes out those that have ended and goes to the lowest turn of the others. */
static void start_round(struct file_source *source) {
  size_t kept = 0;
  source->turn = UINT64_MAX;
  source->cursor = 0;
  for (size_t i = 0; i < source->n_active; i++) {
    const struct file_part *part = &source->parts[source->active[i]];
    if (part->ended) continue;
    source->active[kept++] = source->active[i];
    if (turn_of(source, part) < source->turn) source->turn = turn_of(source, part);
  }
  source->n_active = kept;
}

/* The file that is to be read now, or NULL when all have ended. */
static struct file_part *current(struct file_source *source) {
  for (;;) {
    for (; source->cursor < source->n_active; source->cursor++) {
      struct file_part *part = &source->parts[source->active[source->cursor]];
      if (!part->ended && turn_of(source, part) <= source->turn) return part;
    }
    start_round(source);
    if (source->n_active == 0) return NULL;
  }
}

static int file_open(void *instance, struct source_ctx *ctx, struct err *err) {
  struct file_source *source = instance;
  source->ctx = ctx;
  if (source->mode == FILE_TAIL)
    return tail_open(&source->tail, &source->paths, &source->tail_options, ctx, err);
  if (file_list_open(source, err) != 0) return -1;
  source->active = mem_alloc((source->n_parts + 1) * sizeof *source->active);
  for (size_t i = 0; i < source->n_parts; i++) source->active[source->n_active++] = i;
  start_round(source);
  source_ready(ctx);
  return 0;
}

static int take_some(struct file_source *source, struct file_part *part, struct take *take,
                     struct err *err) {
  file_part_add(source, part);
  struct file_reading reading = {
      .part = part, .position = part->position, .start_before = UINT64_MAX, .end_at = UINT64_MAX};
  if (source->order == FILE_INTERLEAVED)
    reading.start_before = (source->turn + 1) * FILE_TURN_BYTES;
  bool ended = false;
  int result = file_read_lines(source, &reading, take, &ended, err);
  part->position = reading.position;
  if (result != 0 || !ended) return result;
  part->ended = true;
  file_part_close(source, part);
  take_partition_end(take, part->partition);
  return 0;
}

static int file_take(void *instance, struct take *take, struct err *err) {
  struct file_source *source = instance;
  if (source->mode == FILE_TAIL) return tail_take(source->tail, take, err);
  if (source->broken != NULL) {
    *err = *source->broken;
    return -1;
  }
  struct file_part *part;
  bool gave = false;
  while ((part = current(source)) != NULL && take_bytes_left(take) > 0) {
    struct err problem;
    uint64_t before = part->position;
    int result = take_some(source, part, take, &problem);
    gave = gave || part->position > before;
    if (result == 0) continue;
    if (!gave) {
      *err = problem;
      return -1;
    }
    /* What was good goes its way first. */
    source->broken = mem_alloc(sizeof problem);
    *source->broken = problem;
    source_ready(source->ctx);
    return 0;
  }
  if (part != NULL) {
    source_ready(source->ctx);
  } else if (!source->source_ended) {
    source->source_ended = true;
    take_source_end(take);
  }
  return 0;
}

static int file_reread(void *instance, uint32_t partition, uint64_t from, uint64_t to,
                       struct take *take, struct err *err) {
  struct file_source *source = instance;
  struct file_part *part = NULL;
  if (source->mode == FILE_TAIL) return tail_reread(source->tail, partition, from, to, take, err);
  for (size_t i = 0; i < source->n_parts && part == NULL; i++)
    if (source->parts[i].added && source->parts[i].partition == partition) part = &source->parts[i];
  if (part == NULL)
    return err_set(err, ERR_CORRUPT, "partition %u is of no file of this source",
                   (unsigned)partition);
  if (part->missing)
    return err_set(
        err, ERR_CORRUPT,
        "%s: is gone, but its bytes %llu to %llu are needed once more to recover; put it "
        "back, or start with a new state folder",
        part->path, (unsigned long long)from, (unsigned long long)to);
  struct file_reading reading = {
      .part = part, .position = from, .start_before = UINT64_MAX, .end_at = to};
  while (reading.position < to) {
    bool ended = false;
    if (file_read_lines(source, &reading, take, &ended, err) != 0) return -1;
    if (ended && reading.position < to) return file_part_shrank(part, reading.position, to, err);
  }
  return 0;
}

static double file_progress(const void *instance) {
  const struct file_source *source = instance;
  double total = 0, done = 0;
  if (source->mode == FILE_TAIL) return -1;
  for (size_t i = 0; i < source->n_parts; i++) {
    const struct file_part *part = &source->parts[i];
    if (part->missing) continue;
    total += (double)part->size_bytes;
    if (part->ended)
      done += (double)part->size_bytes;
    else if (!part->compressed)
      done += (double)part->position;
    else if (part->gzip != NULL)
      done += (double)gzip_file_bytes(part->gzip);
  }
  return total > 0 ? (done < total ? done / total : 1) : 1;
}

static void file_metrics(const void *instance, struct metrics *metrics) {
  const struct file_source *source = instance;
  if (source->tail != NULL) tail_metrics(source->tail, metrics);
}

static void file_close(void *instance) {
  struct file_source *source = instance;
  tail_close(source->tail);
  source->tail = NULL;
  for (size_t i = 0; i < source->n_parts; i++) {
    file_part_close(source, &source->parts[i]);
    free(source->parts[i].path);
  }
  free(source->parts);
  free(source->active);
  free(source->broken);
  source->parts = NULL;
  source->active = NULL;
  source->broken = NULL;
  source->n_parts = source->cap_parts = source->n_active = 0;
}

const struct source_plugin source_file = {
    .type = {.name = "file",
             .text = "lines of files: each read once (gzip too), or followed through rotation",
             .options = file_options,
             .instance_bytes = sizeof(struct file_source),
             .check = file_check},
    .promise = SOURCE_READ_AGAIN,
    .flags = file_flags,
    .bounded = file_bounded,
    .open = file_open,
    .take = file_take,
    .reread = file_reread,
    .progress = file_progress,
    .metrics = file_metrics,
    .close = file_close,
};
