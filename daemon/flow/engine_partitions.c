/* engine_partitions: the partitions of the sources: their numbers, names and positions.
 *
 * A number is a place in lists, of the log's records, of the snapshots and of the runner, so it
 * comes again: a source that says that it will never need an ended partition again gives its number
 * to the next new one, and what is kept is what is live. Not before the older of the two snapshots
 * has its end, so that whoever reads the log again from there meets a number with one meaning; and
 * never with delivery: at_most_once, where what the log says is taken together without being run.
 */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"

#include <assert.h>
#include <stdlib.h>

static struct slice copy_of(struct slice text) {
  return (struct slice){mem_strndup(text.data, text.len), text.len};
}

static void texts_free(struct engine_partition *partition) {
  free((void *)partition->seen.name.data);
  free((void *)partition->seen.identity.data);
}

void engine_partition_set(struct engine_source *source, uint32_t number, struct slice name,
                          struct slice identity) {
  struct engine_partition *partition = &source->partitions[number];
  texts_free(partition);
  *partition = (struct engine_partition){.used = partition->logged || partition->used};
  partition->seen.name = copy_of(name);
  partition->seen.identity = copy_of(identity);
}

uint32_t engine_partition_add(struct engine_source *source, struct slice name,
                              struct slice identity) {
  array_grow((void **)&source->partitions, &source->cap_partitions, source->n_partitions,
             sizeof *source->partitions);
  source->partitions[source->n_partitions] = (struct engine_partition){0};
  engine_partition_set(source, (uint32_t)source->n_partitions, name, identity);
  return (uint32_t)source->n_partitions++;
}

void engine_partitions_free(struct engine_source *source) {
  for (size_t p = 0; p < source->n_partitions; p++) texts_free(&source->partitions[p]);
  source->n_partitions = source->n_unlogged = source->n_free = source->first_free = 0;
}

/* ------------------------------------------------------------------ forgetting */

static void forget(struct engine_source *source, uint32_t number) {
  struct engine_partition *partition = &source->partitions[number];
  texts_free(partition);
  partition->seen.name = copy_of((struct slice){"", 0});
  partition->seen.identity = copy_of((struct slice){"", 0});
  partition->seen.forgotten = true;
  array_grow((void **)&source->free_numbers, &source->cap_free, source->n_free,
             sizeof *source->free_numbers);
  source->free_numbers[source->n_free++] = number;
}

void engine_partition_forgotten(struct engine_source *source, uint32_t number, uint64_t epoch) {
  struct engine_partition *partition = &source->partitions[number];
  partition->seen.ended = true;
  partition->end_epoch = epoch;
  forget(source, number);
}

void engine_partition_ended(struct engine_source *source, uint32_t number, uint64_t epoch) {
  struct engine_partition *partition = &source->partitions[number];
  partition->seen.ended = true;
  partition->end_epoch = epoch;
  if (partition->forgets) forget(source, number);
}

void source_partition_forget(struct source_ctx *ctx, uint32_t number) {
  struct engine_partition *partition = &ctx->engine->partitions[number];
  partition->forgets = true;
  if (partition->seen.ended && !partition->seen.forgotten) forget(ctx->engine, number);
}

/* A number that may be given again; false: none yet. */
static bool number_take(struct engine_source *source, uint32_t *number) {
  const struct engine *engine = source->engine;
  if (engine->settings->delivery == DELIVERY_AT_MOST_ONCE || engine->n_kept < 2) return false;
  while (source->first_free < source->n_free) {
    *number = source->free_numbers[source->first_free];
    const struct engine_partition *partition = &source->partitions[*number];
    if (partition->seen.forgotten && partition->end_epoch > engine->kept[1].epoch) break;
    source->first_free++;
    if (!partition->seen.forgotten) continue;      /* the log gave it to another already */
    if (source->first_free * 2 > source->n_free) { /* what was taken goes, now and then */
      source->n_free -= source->first_free;
      memmove(source->free_numbers, source->free_numbers + source->first_free,
              source->n_free * sizeof *source->free_numbers);
      source->first_free = 0;
    }
    return true;
  }
  return false;
}

/* ------------------------------------------------------------------ what sources call */

uint32_t source_partition_add(struct source_ctx *ctx, struct slice name, struct slice identity) {
  struct engine_source *source = ctx->engine;
  uint32_t number;
  source->n_unlogged++;
  if (!number_take(source, &number)) return engine_partition_add(source, name, identity);
  engine_partition_set(source, number, name, identity);
  return number;
}

uint32_t source_partition_count(const struct source_ctx *ctx) {
  return (uint32_t)ctx->engine->n_partitions;
}

const struct source_partition *source_partition_get(const struct source_ctx *ctx,
                                                    uint32_t partition) {
  return &ctx->engine->partitions[partition].seen;
}

void source_partition_seek(struct source_ctx *ctx, uint32_t partition, uint64_t position) {
  ctx->engine->partitions[partition].seen.position = position;
}

void source_partition_identify(struct source_ctx *ctx, uint32_t number, struct slice identity) {
  struct engine_partition *partition = &ctx->engine->partitions[number];
  assert(!partition->seen.forgotten);
  free((void *)partition->seen.identity.data);
  partition->seen.identity = copy_of(identity);
}

/* ------------------------------------------------------------------ epochs */

void epoch_new_partition(struct epoch *epoch, struct new_partition new) {
  array_grow((void **)&epoch->new_partitions, &epoch->cap_new, epoch->n_new,
             sizeof *epoch->new_partitions);
  new.name = copy_of(new.name);
  new.identity = copy_of(new.identity);
  epoch->new_partitions[epoch->n_new++] = new;
}

void engine_partitions_new(struct engine *engine, struct epoch *epoch) {
  for (uint32_t s = 0; s < engine->n_sources; s++) {
    struct engine_source *source = &engine->sources[s];
    for (uint32_t p = 0; p < source->n_partitions && source->n_unlogged > 0; p++) {
      struct engine_partition *partition = &source->partitions[p];
      if (partition->logged) continue;
      partition->logged = true;
      source->n_unlogged--;
      epoch_new_partition(
          epoch, (struct new_partition){s, p, partition->seen.name, partition->seen.identity});
    }
  }
}
