/* engine_notes: what sources of pushed data need from the log: to hear when input is in it for
 * good, and to know keys again after a crash.
 *
 * A note is in its source's table from take_note() on; in the log with the epoch that takes its
 * records; in snapshots from then on, until it expires by the epochs' clock. So a snapshot of an
 * epoch knows the notes of exactly the epochs up to it. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

struct note { /* a table's value */
  uint64_t value;
  int64_t expires_us;
  bool appended; /* its epoch's record is in the log, synced or not */
};

static struct note *note_put(struct engine_source *source, struct slice key) {
  if (source->notes == NULL)
    source->notes = table_new(sizeof(struct note), &source->engine->notes_account);
  bool created;
  uint64_t hash = hash_bytes(key.data, key.len);
  struct note *note = table_find(source->notes, hash, key);
  if (note != NULL) table_delete(source->notes, note); /* the newest stands last */
  return table_put(source->notes, hash, key, &created);
}

void engine_note_put(struct engine_source *source, const struct log_note *note) {
  struct note *held = note_put(source, note->key);
  *held = (struct note){note->value, note->expires_us, true};
}

void take_note(struct take *take, struct slice key, uint64_t value, int64_t ttl_us) {
  struct engine_source *source = take_source(take);
  struct note *held = note_put(source, key);
  *held = (struct note){.value = value, .expires_us = TIME_MAX_US};
  epoch_note_add(take_epoch(take),
                 (struct epoch_note){.source = source->stage->kind_index,
                                     .key = {mem_strndup(key.data, key.len), key.len},
                                     .value = value,
                                     .ttl_us = ttl_us});
}

/* An epoch's clock is what forgets notes; where none comes, they must not count for longer. */
static bool is_over(const struct engine *engine, const struct note *note) {
  int64_t now_us = clock_wall_us(engine->io->clock);
  return note->appended &&
         note->expires_us <= (now_us > engine->clock_us ? now_us : engine->clock_us);
}

bool source_note_find(const struct source_ctx *ctx, struct slice key, uint64_t *value) {
  const struct engine_source *source = ctx->engine;
  if (source->notes == NULL) return false;
  const struct note *note = table_find(source->notes, hash_bytes(key.data, key.len), key);
  if (note == NULL || is_over(source->engine, note)) return false;
  *value = note->value;
  return true;
}

static void expire(struct engine_source *source, int64_t clock_us) {
  if (source->notes == NULL) return;
  struct note *note;
  while ((note = table_first(source->notes)) != NULL && note->appended &&
         note->expires_us <= clock_us) {
    table_delete(source->notes, note);
  }
}

struct log_note *engine_notes_append(struct engine *engine, const struct epoch *epoch) {
  struct log_note *notes = mem_zalloc((epoch->n_notes + 1) * sizeof *notes);
  for (size_t i = 0; i < epoch->n_notes; i++) {
    const struct epoch_note *taken = &epoch->notes[i];
    int64_t expires_us = taken->ttl_us < TIME_MAX_US - epoch->clock_us
                             ? epoch->clock_us + taken->ttl_us
                             : TIME_MAX_US;
    notes[i] = (struct log_note){taken->source, taken->value, expires_us, taken->key};
    engine_note_put(&engine->sources[taken->source], &notes[i]);
  }
  for (size_t s = 0; s < engine->n_sources; s++) expire(&engine->sources[s], epoch->clock_us);
  return notes;
}

void engine_notes_save(const struct engine_source *source, struct buf *out) {
  uint64_t n = 0;
  size_t count_at = out->len;
  field_put_u64(out, 0);
  const void *held = source->notes != NULL ? table_first(source->notes) : NULL;
  for (; held != NULL; held = table_next(source->notes, held)) {
    const struct note *note = held;
    if (!note->appended) continue;
    field_put_bytes(out, table_key(source->notes, note));
    field_put_u64(out, note->value);
    field_put_i64(out, note->expires_us);
    n++;
  }
  struct buf count;
  buf_init(&count);
  field_put_u64(&count, n);
  memcpy(out->data + count_at, count.data, count.len);
  buf_fini(&count);
}

int engine_notes_load(struct engine_source *source, struct slice body, size_t *at) {
  uint64_t n = 0;
  if (field_get_u64(body, at, &n) != 0) return -1;
  for (uint64_t i = 0; i < n; i++) {
    struct log_note note = {0};
    if (field_get_bytes(body, at, &note.key) != 0 || field_get_u64(body, at, &note.value) != 0 ||
        field_get_i64(body, at, &note.expires_us) != 0) {
      return -1;
    }
    if (source != NULL) engine_note_put(source, &note);
  }
  return 0;
}

void engine_notes_forget(struct engine_source *source) {
  table_free(source->notes);
  source->notes = NULL;
}

/* ------------------------------------------------------------------ acknowledging */

/* The epoch's record has been appended and will be synced with end_lsn. */
void engine_acks_add(struct engine *engine, const struct epoch *epoch) {
  for (size_t i = 0; i < epoch->n_chunks; i++) {
    const struct chunk *chunk = &epoch->chunks[i];
    if (engine->sources[chunk->source].stage->source->logged == NULL) continue;
    struct source_ack *last = engine->n_acks > 0 ? &engine->acks[engine->n_acks - 1] : NULL;
    struct source_ack ack = {chunk->source, chunk->partition, chunk->to, epoch->end_lsn};
    if (last != NULL && last->source == ack.source && last->partition == ack.partition) {
      if (last->lsn == ack.lsn) {
        last->position = ack.position;
        continue;
      }
    }
    array_grow((void **)&engine->acks, &engine->cap_acks, engine->n_acks, sizeof *engine->acks);
    engine->acks[engine->n_acks++] = ack;
  }
}

void engine_acks_turn(struct engine *engine) {
  uint64_t synced = wal_synced_lsn(engine->wal);
  size_t told = 0;
  while (told < engine->n_acks && engine->acks[told].lsn <= synced) told++;
  for (size_t i = 0; i < told; i++) {
    const struct source_ack *ack = &engine->acks[i];
    const struct engine_source *source = &engine->sources[ack->source];
    source->stage->source->logged(source->instance, ack->partition, ack->position);
  }
  if (told == 0) return; /* maybe there never was one */
  engine->n_acks -= told;
  memmove(engine->acks, engine->acks + told, engine->n_acks * sizeof *engine->acks);
}

const char *source_stalled(const struct source_ctx *ctx) {
  return wal_stall(ctx->engine->engine->wal);
}
