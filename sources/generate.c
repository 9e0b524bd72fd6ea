/* generate: the source that makes up records (generate.h). Positions count records, so the one
 * partition is read again by making the same records again. What must not change for that are the
 * options; `start_time: now` is kept with the partition.
 *
 * With a rate, the records that are due are those that the time since the first take asks for, by
 * the monotonic clock; a daemon that was held up for longer than a second does not make up for it.
 */
#include "sources/generate.h"
#include "daemon/base/bytes.h"
#include "daemon/base/mem.h"
#include "daemon/record/time.h"
#include "sources/lines.h"
#include "sources/sources.h"

#include <stdlib.h>

struct generate_source {
  /* options */
  const char *template;
  int preset;
  int64_t seed, count;
  double rate;
  const char *start_time;
  int64_t interval_us;
  /* run */
  struct source_ctx *ctx;
  struct generator *generator;
  struct loop_timer *timer;
  struct buf lines;
  uint32_t partition;
  uint64_t position;
  bool ended, source_ended;
  bool counting; /* the rate's clock runs */
  int64_t rate_start_us;
  uint64_t rate_start; /* the position then */
};

enum { COMMIT_BYTES = 128 * 1024, TIMER_US_MIN = 2000, HELD_UP_US_MAX = 1000000 };

static const char *const preset_names[] = {"none", "billing", NULL};

static const struct option generate_options[] = {
    {.name = "template",
     .type = OPTION_TEXT,
     .offset = offsetof(struct generate_source, template),
     .text = "a JSON text with {{placeholders}}; the reference lists them"},
    {.name = "preset",
     .type = OPTION_ENUM,
     .offset = offsetof(struct generate_source, preset),
     .fallback = "none",
     .names = preset_names,
     .text = "instead of a template: billing makes the API requests of the quickstart"},
    {.name = "seed",
     .type = OPTION_INT,
     .offset = offsetof(struct generate_source, seed),
     .fallback = "1",
     .text = "the same seed gives the same records"},
    {.name = "count",
     .type = OPTION_INT,
     .offset = offsetof(struct generate_source, count),
     .fallback = "0",
     .min = 0,
     .max = INT64_MAX,
     .text = "how many records; 0: without end"},
    {.name = "rate",
     .type = OPTION_DOUBLE,
     .offset = offsetof(struct generate_source, rate),
     .fallback = "0",
     .min = 0,
     .max = 100000000,
     .text = "records per second; 0: as fast as they are taken"},
    {.name = "start_time",
     .type = OPTION_TEXT,
     .offset = offsetof(struct generate_source, start_time),
     .fallback = "2026-01-01T00:00:00Z",
     .text = "event time of the first record, or now"},
    {.name = "interval",
     .type = OPTION_DURATION,
     .offset = offsetof(struct generate_source, interval_us),
     .text = "event time from one record to the next; by default what the rate says, else 500us"},
    {0}};

static int start_of(const struct generate_source *source, int64_t now_us, int64_t *start_us) {
  if (strcmp(source->start_time, "now") == 0) {
    *start_us = now_us;
    return 0;
  }
  return time_parse(slice_of(source->start_time), start_us);
}

static void generator_options(const struct generate_source *source, int64_t start_us,
                              struct generate_options *options) {
  int64_t interval_us = source->interval_us;
  if (interval_us < 0) interval_us = source->rate > 0 ? (int64_t)(1e6 / source->rate) : 500;
  *options = (struct generate_options){.preset = source->preset,
                                       .template = source->template,
                                       .seed = (uint64_t)source->seed,
                                       .start_us = start_us,
                                       .interval_us = interval_us};
}

static void generate_check(const void *instance, const struct node *node,
                           struct config_errors *errors) {
  const struct generate_source *source = instance;
  const struct node *template = node_get(node, "template");
  if ((source->template != NULL) == (source->preset != GENERATE_TEMPLATE)) {
    config_error_add(errors, template != NULL ? template->place : node->place,
                     "give either a template or a preset");
    return;
  }
  int64_t start_us = 0;
  const struct node *start = node_get(node, "start_time");
  if (start != NULL && start_of(source, 0, &start_us) != 0)
    config_error_add(errors, start->place, "start_time is neither a time nor now");
  struct generate_options options;
  struct err err;
  generator_options(source, start_us, &options);
  struct generator *generator = generator_new(&options, &err);
  if (generator == NULL)
    config_error_add(errors, template != NULL ? template->place : node->place, "%s", err.text);
  generator_free(generator);
}

static int generate_flags(const void *instance) {
  (void)instance;
  return SOURCE_REREADABLE;
}

static bool generate_bounded(const void *instance) {
  const struct generate_source *source = instance;
  return source->count > 0;
}

static void timer_fired(void *arg) {
  struct generate_source *source = arg;
  source_ready(source->ctx);
}

static int generate_open(void *instance, struct source_ctx *ctx, struct err *err) {
  struct generate_source *source = instance;
  source->ctx = ctx;
  buf_init(&source->lines);
  uint64_t start_us;
  if (source_partition_count(ctx) > 0) {
    const struct source_partition *known = source_partition_get(ctx, 0);
    struct slice identity = known->identity;
    if (!bytes_get(&identity, 8, &start_us))
      return err_set(err, ERR_CORRUPT, "the state folder's note of the start time cannot be read");
    source->position = known->position;
    source->ended = known->ended;
  } else {
    int64_t now_us = clock_wall_us(ctx->io->clock), at_us;
    if (start_of(source, now_us - now_us % 1000, &at_us) != 0)
      return err_set(err, ERR_CONFIG, "start_time is neither a time nor now");
    start_us = (uint64_t)at_us;
    struct buf identity;
    buf_init(&identity);
    bytes_put(&identity, start_us, 8);
    source->partition = source_partition_add(ctx, slice_of("generate"), buf_slice(&identity));
    buf_fini(&identity);
  }
  struct generate_options options;
  generator_options(source, (int64_t)start_us, &options);
  source->generator = generator_new(&options, err);
  if (source->generator == NULL) return -1;
  source->timer = loop_timer_new(ctx->io->loop, timer_fired, source);
  source_ready(ctx);
  return 0;
}

/* Commits records [from, to), or fewer when the take is full; returns where it stopped. */
static uint64_t commit_records(struct generate_source *source, struct take *take, uint64_t from,
                               uint64_t to, bool all) {
  uint64_t at = from;
  while (at < to && (all || take_bytes_left(take) > 0)) {
    uint64_t first = at, room = all ? COMMIT_BYTES : take_bytes_left(take);
    if (room > COMMIT_BYTES) room = COMMIT_BYTES;
    buf_clear(&source->lines);
    while (at < to && source->lines.len < room)
      generator_put(source->generator, at++, &source->lines);
    char *data = take_reserve(take, source->lines.len);
    memcpy(data, source->lines.data, source->lines.len);
    take_commit(take, source->partition, first, at, data, source->lines.len, TAKE_COUNTED);
  }
  return at;
}

/* Up to which record the rate allows now; arms the timer for the next one. */
static uint64_t due(struct generate_source *source) {
  int64_t now_us = clock_mono_us(source->ctx->io->clock);
  if (!source->counting) {
    source->counting = true;
    source->rate_start_us = now_us;
    source->rate_start = source->position;
  }
  double passed = (double)(now_us - source->rate_start_us) * source->rate / 1e6;
  uint64_t to = source->rate_start + (uint64_t)passed + 1;
  double second = source->rate * HELD_UP_US_MAX / 1e6;
  if ((double)(to - source->position) > second + 1) {
    to = source->position + (uint64_t)second + 1;
    source->rate_start_us = now_us;
    source->rate_start = to - 1;
  }
  double next_us = (double)(to - source->rate_start) * 1e6 / source->rate;
  int64_t wait_us = source->rate_start_us + (int64_t)next_us + 1 - now_us;
  loop_timer_arm(source->timer, wait_us > TIMER_US_MIN ? wait_us : TIMER_US_MIN);
  return to;
}

static int generate_take(void *instance, struct take *take, struct err *err) {
  struct generate_source *source = instance;
  (void)err;
  uint64_t to = source->count > 0 ? (uint64_t)source->count : UINT64_MAX;
  bool known_ended = source->ended;
  if (source->rate > 0 && !source->ended && source->position < to) {
    uint64_t allowed = due(source);
    if (allowed < to) to = allowed;
  }
  if (!source->ended) source->position = commit_records(source, take, source->position, to, false);
  if (source->count > 0 && source->position >= (uint64_t)source->count) source->ended = true;
  if (!source->ended) {
    if (source->position < to) source_ready(source->ctx);
    return 0;
  }
  if (source->source_ended) return 0;
  source->source_ended = true;
  loop_timer_disarm(source->timer);
  if (!known_ended) take_partition_end(take, source->partition);
  take_source_end(take);
  return 0;
}

static int generate_reread(void *instance, uint32_t partition, uint64_t from, uint64_t to,
                           struct take *take, struct err *err) {
  struct generate_source *source = instance;
  if (partition != source->partition)
    return err_set(err, ERR_CORRUPT, "generate has no partition %u", (unsigned)partition);
  commit_records(source, take, from, to, true);
  return 0;
}

static double generate_progress(const void *instance) {
  const struct generate_source *source = instance;
  if (source->count <= 0) return -1;
  double share = (double)source->position / (double)source->count;
  return share < 1 ? share : 1;
}

static void generate_close(void *instance) {
  struct generate_source *source = instance;
  loop_timer_free(source->timer);
  source->timer = NULL;
  generator_free(source->generator);
  source->generator = NULL;
  buf_fini(&source->lines);
}

const struct source_plugin source_generate = {
    .type = {.name = "generate",
             .text = "made-up records from a template or a preset",
             .options = generate_options,
             .instance_bytes = sizeof(struct generate_source),
             .check = generate_check},
    .promise = SOURCE_READ_AGAIN,
    .flags = generate_flags,
    .bounded = generate_bounded,
    .open = generate_open,
    .take = generate_take,
    .reread = generate_reread,
    .progress = generate_progress,
    .close = generate_close,
};
