/* take: an epoch's input, gathered from the sources or, at recovery, from what the log says.
 *
 * An epoch stays open while the runner is busy, and grows; it is closed as soon as the runner has
 * nothing to do, or it is full (epoch.bytes, epoch.records), or old (epoch.age). So an idle daemon
 * answers at once, and a busy one makes large epochs by itself. With epoch.linger one that is not
 * full stays open that long in any case, unless the clock makes something due or a source wants a
 * commit: what is delivered together is then what came within that time.
 *
 * A partition's end closes it too. It changes the watermark, so it must stand behind the
 * partition's last record and in front of whatever the source gives next, or which records are late
 * would depend on where epochs are cut; what an epoch says of partitions holds at its bounds. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/crc32c.h"
#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/envelope.h"

#include <stdlib.h>

#define BLOCK_BYTES (256u << 10) /* what sources mostly reserve */

struct take {
  struct engine *engine;
  struct epoch *epoch;
  struct engine_source *source;
  uint64_t bytes_max; /* of the epoch */
};

/* ------------------------------------------------------------------ epochs and blocks */

struct epoch *epoch_new(uint64_t number, int64_t clock_us) {
  struct epoch *epoch = mem_zalloc(sizeof *epoch);
  epoch->number = number;
  epoch->clock_us = clock_us;
  epoch->next_clock_us = TIME_MAX_US;
  return epoch;
}

void epoch_free(struct epoch *epoch) {
  if (epoch == NULL) return;
  for (size_t i = 0; i < epoch->n_blocks; i++) free(epoch->blocks[i].memory);
  for (size_t i = 0; i < epoch->n_batches; i++) sink_batch_free(epoch->batches[i]);
  for (size_t i = 0; i < epoch->n_notes; i++) free((void *)epoch->notes[i].key.data);
  free(epoch->notes);
  free(epoch->rejects);
  for (size_t i = 0; i < epoch->n_taps; i++) buf_fini(&epoch->taps[i].lines);
  free(epoch->taps);
  free(epoch->blocks);
  free(epoch->chunks);
  for (size_t i = 0; i < epoch->n_new; i++) {
    free((void *)epoch->new_partitions[i].name.data);
    free((void *)epoch->new_partitions[i].identity.data);
  }
  free(epoch->new_partitions);
  free(epoch->partition_ends);
  free(epoch->source_ends);
  free(epoch->batches);
  free(epoch);
}

void epoch_note_add(struct epoch *epoch, struct epoch_note note) {
  array_grow((void **)&epoch->notes, &epoch->cap_notes, epoch->n_notes, sizeof *epoch->notes);
  note.chunk = epoch->n_chunks > 0 ? epoch->n_chunks - 1 : 0;
  epoch->notes[epoch->n_notes++] = note;
}

static char *epoch_reserve(struct epoch *epoch, size_t bytes) {
  if (epoch->n_blocks > 0) {
    struct block *last = &epoch->blocks[epoch->n_blocks - 1];
    if (last->cap - last->used >= bytes) return last->data + last->used;
  }
  size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
  array_grow((void **)&epoch->blocks, &epoch->cap_blocks, epoch->n_blocks, sizeof *epoch->blocks);
  struct block *block = &epoch->blocks[epoch->n_blocks++];
  block->memory = mem_alloc(cap + 2 * (size_t)LIMIT_PADDING_BYTES);
  block->data = (char *)block->memory + LIMIT_PADDING_BYTES;
  block->cap = cap;
  block->used = 0;
  memset(block->memory, ' ', LIMIT_PADDING_BYTES);
  memset(block->data + cap, ' ', LIMIT_PADDING_BYTES);
  return block->data;
}

static void epoch_commit(struct epoch *epoch, const struct chunk *chunk) {
  struct block *last = &epoch->blocks[epoch->n_blocks - 1];
  size_t end = (size_t)(chunk->data + chunk->len - last->data);
  if (end > last->used) last->used = end;
  array_grow((void **)&epoch->chunks, &epoch->cap_chunks, epoch->n_chunks, sizeof *epoch->chunks);
  epoch->chunks[epoch->n_chunks++] = *chunk;
  epoch->bytes += chunk->len;
}

void epoch_reject_add(struct epoch *epoch, uint32_t sink, uint64_t upto_epoch, struct slice body) {
  char *copy = epoch_reserve(epoch, body.len);
  memcpy(copy, body.data, body.len);
  epoch->blocks[epoch->n_blocks - 1].used += body.len;
  epoch->bytes += body.len;
  array_grow((void **)&epoch->rejects, &epoch->cap_rejects, epoch->n_rejects,
             sizeof *epoch->rejects);
  epoch->rejects[epoch->n_rejects++] =
      (struct epoch_reject){.sink = sink, .upto_epoch = upto_epoch, .body = {copy, body.len}};
}

static void epoch_partition_end(struct epoch *epoch, struct partition_id id) {
  array_grow((void **)&epoch->partition_ends, &epoch->cap_partition_ends, epoch->n_partition_ends,
             sizeof *epoch->partition_ends);
  epoch->partition_ends[epoch->n_partition_ends++] = id;
}

static void epoch_source_end(struct epoch *epoch, uint32_t source) {
  array_grow((void **)&epoch->source_ends, &epoch->cap_source_ends, epoch->n_source_ends,
             sizeof *epoch->source_ends);
  epoch->source_ends[epoch->n_source_ends++] = source;
}

/* ------------------------------------------------------------------ what sources call */

void source_ready(struct source_ctx *ctx) {
  ctx->engine->ready = true;
  loop_wake(ctx->io->loop);
}

struct engine_source *take_source(const struct take *take) {
  return take->source;
}

struct epoch *take_epoch(const struct take *take) {
  return take->epoch;
}

uint64_t take_bytes_left(const struct take *take) {
  if (take->epoch->n_partition_ends > 0) return 0;
  uint64_t used = take->epoch->bytes;
  return used < take->bytes_max ? take->bytes_max - used : 0;
}

int64_t take_clock_us(const struct take *take) {
  return take->epoch->clock_us;
}

char *take_reserve(struct take *take, size_t bytes) {
  return epoch_reserve(take->epoch, bytes);
}

void take_commit(struct take *take, uint32_t partition, uint64_t from, uint64_t to,
                 const char *data, size_t len, int flags) {
  struct chunk chunk = {.source = take->source->stage->kind_index,
                        .partition = partition,
                        .from = from,
                        .to = to,
                        .data = data,
                        .len = len,
                        .flags = flags};
  epoch_commit(take->epoch, &chunk);
}

void take_partition_end(struct take *take, uint32_t partition) {
  epoch_partition_end(take->epoch,
                      (struct partition_id){take->source->stage->kind_index, partition});
}

void take_source_end(struct take *take) {
  take->source->ended = true;
  epoch_source_end(take->epoch, take->source->stage->kind_index);
}

/* ------------------------------------------------------------------ gathering */

struct epoch *engine_epoch_new(struct engine *engine, uint64_t number, int64_t clock_us) {
  if (clock_us < engine->clock_us) clock_us = engine->clock_us;
  struct epoch *epoch = epoch_new(number, clock_us);
  epoch->taken_us = clock_mono_us(engine->io->clock);
  return epoch;
}

static bool epoch_empty(const struct epoch *epoch) {
  return epoch->n_chunks == 0 && epoch->n_rejects == 0 && epoch->n_partition_ends == 0 &&
         epoch->n_source_ends == 0;
}

/* All sources in turn, a different one first each time, until the epoch is full. */
static int gather(struct engine *engine, struct epoch *epoch, uint64_t bytes_max, struct err *err) {
  engine_rejects_take(engine, epoch);
  for (size_t i = 0; i < engine->n_sources; i++) {
    struct engine_source *source = &engine->sources[(engine->next_source + i) % engine->n_sources];
    if (!source->ready || source->ended) continue;
    struct take take = {engine, epoch, source, bytes_max};
    if (take_bytes_left(&take) == 0) continue;
    source->ready = false;
    if (source->stage->source->take(source->instance, &take, err) != 0) {
      return err_wrap(err, "source %s", source->stage->name);
    }
    if (take_bytes_left(&take) == 0) source->ready = true;
  }
  if (engine->n_sources > 0)
    engine->next_source = (engine->next_source + 1) % (uint32_t)engine->n_sources;
  return 0;
}

/* Where the chunk's first n lines end, and how many of them there are. */
static size_t lines_end(const struct chunk *chunk, uint64_t lines, uint64_t *found) {
  const char *at = chunk->data, *end = chunk->data + chunk->len;
  *found = 0;
  while (*found < lines && at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    at = newline != NULL ? newline + 1 : end;
    (*found)++;
  }
  return (size_t)(at - chunk->data);
}

/* Lines of the chunk that still fit; one that must stay whole fits when there is room at all. */
static size_t lines_fit(const struct chunk *chunk, uint64_t left, uint64_t *lines) {
  *lines = 1;
  if (chunk->flags & TAKE_TOO_LONG) return chunk->len;
  if (chunk->flags & TAKE_ENVELOPED) {
    uint32_t records = 0;
    envelope_chunk_count((struct slice){chunk->data, chunk->len}, &records);
    *lines = records < left ? records : left;
    return chunk->len;
  }
  size_t len = lines_end(chunk, left, lines);
  return chunk->flags & TAKE_WHOLE ? chunk->len : len;
}

/* Notes go where the last line of their chunk goes. */
static void notes_move(struct epoch *epoch, struct epoch *rest, size_t cut, bool cut_moved,
                       const size_t *moved_to) {
  size_t kept = 0;
  for (size_t i = 0; i < epoch->n_notes; i++) {
    struct epoch_note note = epoch->notes[i];
    if (note.chunk < cut || (note.chunk == cut && !cut_moved)) {
      epoch->notes[kept++] = note;
      continue;
    }
    epoch_note_add(rest, note);
    rest->notes[rest->n_notes - 1].chunk = moved_to[note.chunk - cut];
  }
  epoch->n_notes = kept;
}

/* epoch.records: what is beyond the bound moves, by copy, to an epoch of its own. */
static struct epoch *cut_records(struct engine *engine, struct epoch *epoch) {
  uint64_t left = (uint64_t)engine->settings->epoch_records;
  for (size_t i = 0; i < epoch->n_chunks; i++) {
    struct chunk *chunk = &epoch->chunks[i];
    uint64_t lines;
    size_t len = lines_fit(chunk, left, &lines);
    left -= lines;
    if (len == chunk->len && (left > 0 || i + 1 == epoch->n_chunks)) continue;
    struct epoch *rest = epoch_new(0, epoch->clock_us);
    rest->taken_us = epoch->taken_us;
    struct chunk tail = *chunk;
    uint64_t middle = len == chunk->len             ? chunk->to
                      : chunk->flags & TAKE_COUNTED ? chunk->from + lines
                                                    : chunk->from + len;
    tail.data += len;
    tail.len -= len;
    tail.from = middle;
    epoch->bytes -= tail.len;
    chunk->len = len;
    chunk->to = middle;
    size_t *moved_to = mem_zalloc((epoch->n_chunks - i) * sizeof *moved_to);
    for (size_t k = i; k < epoch->n_chunks; k++) {
      struct chunk moved = k == i ? tail : epoch->chunks[k];
      if (k > i) epoch->bytes -= moved.len;
      if (moved.len == 0) continue;
      char *copy = epoch_reserve(rest, moved.len);
      memcpy(copy, moved.data, moved.len);
      moved.data = copy;
      moved_to[k - i] = rest->n_chunks;
      epoch_commit(rest, &moved);
    }
    notes_move(epoch, rest, i, tail.len > 0, moved_to);
    free(moved_to);
    epoch->n_chunks = i + 1;
    for (size_t k = 0; k < epoch->n_partition_ends; k++) {
      epoch_partition_end(rest, epoch->partition_ends[k]);
    }
    for (size_t k = 0; k < epoch->n_source_ends; k++) epoch_source_end(rest, epoch->source_ends[k]);
    epoch->n_partition_ends = epoch->n_source_ends = 0;
    return rest;
  }
  return NULL;
}

/* The open epoch gets its number and is ready to be appended and run. */
static struct epoch *epoch_close(struct engine *engine) {
  struct epoch *epoch = engine->open_epoch;
  engine->open_epoch = NULL;
  engine->open_is_rest = false;
  if (engine->settings->epoch_records > 0) {
    engine->open_epoch = cut_records(engine, epoch);
    engine->open_is_rest = engine->open_epoch != NULL;
  }
  if (engine->clock_us > epoch->clock_us) epoch->clock_us = engine->clock_us;
  epoch->number = ++engine->last_epoch;
  engine->clock_us = epoch->clock_us;
  engine_partitions_new(engine, epoch);
  return epoch;
}

struct epoch *engine_take(struct engine *engine) {
  const struct pipeline_settings *settings = engine->settings;
  int64_t now_us = clock_wall_us(engine->io->clock);
  struct epoch *epoch = engine->open_epoch;
  bool clock_due = engine->next_clock_us <= now_us;
  if (epoch == NULL) {
    bool ready = engine_rejects_any(engine);
    for (size_t i = 0; i < engine->n_sources; i++) {
      ready |= engine->sources[i].ready && !engine->sources[i].ended;
    }
    if (!ready && !clock_due) return NULL;
    epoch = engine->open_epoch = engine_epoch_new(engine, 0, now_us);
    engine->open_since_us = clock_mono_us(engine->io->clock);
  }
  if (epoch_empty(epoch) && now_us > epoch->clock_us) {
    epoch->clock_us = now_us;
    epoch->taken_us = clock_mono_us(engine->io->clock);
  }
  struct err err;
  bool cut_before = engine->open_is_rest;
  if (!cut_before && gather(engine, epoch, engine->epoch_bytes_max, &err) != 0) {
    engine_fail(engine, &err);
    return NULL;
  }
  if (epoch_empty(epoch) && !clock_due) { /* it would stand in the way of an end */
    epoch_free(epoch);
    engine->open_epoch = NULL;
    return NULL;
  }
  bool idle = engine->n_epochs == engine->n_run;
  bool full =
      epoch->bytes >= engine->epoch_bytes_max || cut_before ||
      epoch->n_partition_ends + epoch->n_source_ends > 0 ||
      (settings->epoch_records > 0 && settings->epoch_linger_us == 0 && epoch->n_chunks > 0);
  int64_t age_us = clock_mono_us(engine->io->clock) - engine->open_since_us;
  bool old = age_us >= settings->epoch_age_us;
  bool wanted = clock_due || engine->commit_soon > engine->last_epoch;
  bool lingered = wanted || age_us >= settings->epoch_linger_us;
  return full || (lingered && (idle || old)) ? epoch_close(engine) : NULL;
}

struct epoch *engine_take_rest(struct engine *engine) {
  if (engine->open_epoch == NULL) {
    if (!engine_rejects_any(engine)) return NULL;
    engine->open_epoch = engine_epoch_new(engine, 0, clock_wall_us(engine->io->clock));
    engine_rejects_take(engine, engine->open_epoch);
  }
  if (!epoch_empty(engine->open_epoch)) return epoch_close(engine);
  epoch_free(engine->open_epoch);
  engine->open_epoch = NULL;
  return NULL;
}

/* ------------------------------------------------------------------ from the log */

void engine_take_ends(struct engine *engine, const struct log_epoch *logged) {
  if (logged->n_partition_ends + logged->n_source_ends == 0) return;
  if (engine->open_epoch == NULL)
    engine->open_epoch = engine_epoch_new(engine, 0, clock_wall_us(engine->io->clock));
  for (size_t i = 0; i < logged->n_partition_ends; i++) {
    const struct partition_id *id = &logged->partition_ends[i];
    if (!engine->sources[id->source].partitions[id->partition].seen.ended)
      epoch_partition_end(engine->open_epoch, *id);
  }
  for (size_t i = 0; i < logged->n_source_ends; i++) {
    if (!engine->sources[logged->source_ends[i]].ended)
      epoch_source_end(engine->open_epoch, logged->source_ends[i]);
  }
}

static struct chunk chunk_of(const struct log_input *input) {
  return (struct chunk){.source = input->source,
                        .partition = input->partition,
                        .from = input->from,
                        .to = input->to,
                        .flags = (int)(input->flags >> 8)};
}

/* Logged bytes, as one chunk: the engine put them there in one piece or in whole lines. */
static void payload_commit(struct epoch *epoch, const struct log_input *input, struct slice bytes) {
  struct chunk whole = chunk_of(input);
  char *copy = epoch_reserve(epoch, bytes.len);
  memcpy(copy, bytes.data, bytes.len);
  whole.data = copy;
  whole.len = bytes.len;
  if (whole.flags & (TAKE_TOO_LONG | TAKE_COUNTED | TAKE_ENVELOPED)) {
    epoch_commit(epoch, &whole);
    return;
  }
  size_t at = 0;
  while (at < bytes.len) { /* pieces for the workers, cut at line ends */
    size_t len = bytes.len - at;
    if (len > BLOCK_BYTES) {
      const char *newline = memchr(copy + at + BLOCK_BYTES, '\n', len - BLOCK_BYTES);
      if (newline != NULL) len = (size_t)(newline + 1 - (copy + at));
    }
    struct chunk piece = whole;
    piece.data = copy + at;
    piece.len = len;
    piece.from = input->from + at;
    piece.to = at + len == bytes.len ? input->to : piece.from + len;
    epoch_commit(epoch, &piece);
    at += len;
  }
}

static int range_reread(struct engine *engine, struct epoch *epoch, const struct log_input *input,
                        struct err *err) {
  struct engine_source *source = &engine->sources[input->source];
  struct take take = {engine, epoch, source, UINT64_MAX};
  size_t first = epoch->n_chunks;
  const char *name = source->partitions[input->partition].seen.name.data;
  if (source->stage->source->reread(source->instance, input->partition, input->from, input->to,
                                    &take, err) != 0) {
    return err_wrap(err, "source %s: cannot read again what the log refers to",
                    source->stage->name);
  }
  uint32_t crc = 0;
  uint64_t bytes = 0;
  for (size_t i = first; i < epoch->n_chunks; i++) {
    crc = crc32c(crc, epoch->chunks[i].data, epoch->chunks[i].len);
    bytes += epoch->chunks[i].len;
  }
  if (bytes == input->bytes && crc == input->crc) return 0;
  return err_set(
      err, ERR_CORRUPT,
      "source %s: %s has changed at positions %llu to %llu since it was read (epoch %llu: "
      "%llu bytes with checksum %08x then, %llu bytes with %08x now); put the old content "
      "back, or begin anew with an empty state folder",
      source->stage->name, name, (unsigned long long)input->from, (unsigned long long)input->to,
      (unsigned long long)epoch->number, (unsigned long long)input->bytes, input->crc,
      (unsigned long long)bytes, crc);
}

int take_from_log(struct engine *engine, const struct log_epoch *logged,
                  const struct slice *payloads, struct epoch **made, struct err *err) {
  struct epoch *epoch = epoch_new(logged->number, logged->clock_us);
  epoch->replayed = true;
  *made = epoch;
  for (size_t i = 0; i < logged->n_new; i++) epoch_new_partition(epoch, logged->new_partitions[i]);
  for (size_t i = 0; i < logged->n_inputs; i++) {
    const struct log_input *input = &logged->inputs[i];
    if (input->flags & LOG_INPUT_PAYLOAD) {
      payload_commit(epoch, input, payloads[i]);
    } else if (range_reread(engine, epoch, input, err) != 0) {
      return -1;
    }
  }
  for (size_t i = 0; i < logged->n_rejects; i++) {
    const struct log_reject *reject = &logged->rejects[i];
    epoch_reject_add(epoch, reject->sink, reject->upto_epoch, payloads[logged->n_inputs + i]);
  }
  for (size_t i = 0; i < logged->n_partition_ends; i++) {
    epoch_partition_end(epoch, logged->partition_ends[i]);
  }
  for (size_t i = 0; i < logged->n_source_ends; i++)
    epoch_source_end(epoch, logged->source_ends[i]);
  return 0;
}
