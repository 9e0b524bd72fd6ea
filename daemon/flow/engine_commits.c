/* engine_commits: telling sources up to where what came of their input is in the sinks for good.
 *
 * A source that hands its input over to somebody else (another member of a consumer group) may do
 * that only for positions that no later life of this folder will deliver again. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"

static void add(struct engine *engine, struct source_commit commit) {
  if (engine->sources[commit.source].stage->source->acknowledged == NULL) return;
  struct source_commit *last =
      engine->n_commits > 0 ? &engine->commits[engine->n_commits - 1] : NULL;
  if (last != NULL && last->source == commit.source && last->partition == commit.partition &&
      last->epoch == commit.epoch) {
    last->position = commit.position;
    return;
  }
  array_grow((void **)&engine->commits, &engine->cap_commits, engine->n_commits,
             sizeof *engine->commits);
  engine->commits[engine->n_commits++] = commit;
}

void engine_commits_add(struct engine *engine, const struct epoch *epoch) {
  for (size_t i = 0; i < epoch->n_chunks; i++) {
    const struct chunk *chunk = &epoch->chunks[i];
    add(engine, (struct source_commit){chunk->source, chunk->partition, chunk->to, epoch->number});
  }
}

void engine_commits_recovered(struct engine *engine) {
  for (uint32_t s = 0; s < engine->n_sources; s++) {
    const struct engine_source *source = &engine->sources[s];
    for (uint32_t p = 0; p < source->n_partitions; p++) {
      uint64_t position = source->partitions[p].seen.position;
      add(engine, (struct source_commit){s, p, position, engine->last_epoch});
    }
  }
}

static uint64_t least_committed(const struct engine *engine) {
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < engine->n_sinks; i++) {
    if (engine->sinks[i].committed_epoch < least) least = engine->sinks[i].committed_epoch;
  }
  return least;
}

void engine_commits_turn(struct engine *engine) {
  uint64_t committed = least_committed(engine);
  if (engine->commit_soon > committed && engine->released_epoch > engine->commit_wanted)
    engine->commit_wanted = engine->released_epoch;
  size_t told = 0;
  while (told < engine->n_commits && engine->commits[told].epoch <= committed) told++;
  for (size_t i = 0; i < told; i++) {
    const struct source_commit *commit = &engine->commits[i];
    const struct engine_source *source = &engine->sources[commit->source];
    source->stage->source->acknowledged(source->instance, commit->partition, commit->position);
  }
  if (told == 0) return; /* maybe there never was one */
  engine->n_commits -= told;
  memmove(engine->commits, engine->commits + told, engine->n_commits * sizeof *engine->commits);
}

void source_commit_soon(struct source_ctx *ctx) {
  struct engine *engine = ctx->engine->engine;
  engine->commit_soon = engine->last_epoch + (engine->open_epoch != NULL ? 1 : 0);
}
