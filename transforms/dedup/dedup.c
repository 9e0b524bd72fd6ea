/* dedup: options, compilation and the common frame of both kinds; the rule stands in dedup.h. */
#include "transforms/dedup/dedup.h"

#include "daemon/base/mem.h"
#include "transforms/definition.h"
#include "transforms/transforms.h"

#include <stddef.h>
#include <stdlib.h>

enum { DEDUP_STATE_VERSION = 1 };

static const char *const keep_names[] = {"first", "last", NULL};
static const char *const time_names[] = {"event", "processing", NULL};

static const struct option dedup_options[] = {
    {.name = "key",
     .type = OPTION_EXPR_LIST,
     .offset = offsetof(struct dedup, key),
     .required = true,
     .text = "what makes two records the same: one or more expressions"},
    {.name = "ttl",
     .type = OPTION_DURATION,
     .offset = offsetof(struct dedup, ttl_us),
     .required = true,
     .min = 1,
     .max = INT64_MAX,
     .text = "records with the same key are duplicates when they are less than this apart"},
    {.name = "keep",
     .type = OPTION_ENUM,
     .offset = offsetof(struct dedup, keep),
     .names = keep_names,
     .fallback = "first",
     .text = "which of them goes on: the first at once, or the last when the ttl is over"},
    {.name = "time",
     .type = OPTION_ENUM,
     .offset = offsetof(struct dedup, time),
     .names = time_names,
     .fallback = "event",
     .text = "whether the ttl is event time or the clock's"},
    {0}};

static size_t dedup_ports(const void *instance, struct slice *names, size_t max) {
  (void)instance;
  if (max > 0) names[0] = slice_of("duplicates");
  return 1;
}

static int dedup_compile(void *instance, struct compile *compile) {
  struct dedup *dedup = instance;
  struct schema *schema = compile_input(compile, 0);
  int result = keys_compile(&dedup->keys, compile, &dedup->key, schema);
  if (dedup->keep == DEDUP_KEEP_LAST)
    return dedup_last_compile(dedup, compile, schema) != 0 ? -1 : result;
  compile_output(compile, "", schema);
  compile_output(compile, "duplicates", schema);
  return result;
}

/* The ttl is no part of it: what is held has its time. */
static void dedup_definition(const void *instance, struct buf *out) {
  const struct dedup *dedup = instance;
  definition_put_exprs(out, "key", &dedup->key);
  definition_put(out, "keep", slice_of(keep_names[dedup->keep]));
  definition_put(out, "time", slice_of(time_names[dedup->time]));
  if (dedup->keep == DEDUP_KEEP_LAST) dedup_last_definition(dedup, out);
}

static int dedup_accept(void *instance, struct slice definition, struct buf *notes,
                        struct err *err) {
  (void)notes;
  struct buf own;
  buf_init(&own);
  dedup_definition(instance, &own);
  int result = definition_same(definition, buf_slice(&own), NULL, err);
  buf_fini(&own);
  return result;
}

static void dedup_state_new(void *instance, uint32_t n_shards, struct account *account) {
  struct dedup *dedup = instance;
  bool last = dedup->keep == DEDUP_KEEP_LAST;
  dedup->shards = mem_zalloc(n_shards * sizeof *dedup->shards);
  dedup->n_shards = n_shards;
  for (uint32_t i = 0; i < n_shards; i++) {
    struct dedup_shard *shard = &dedup->shards[i];
    shard->table = table_new(last ? dedup_last_value_bytes() : dedup_first_value_bytes(), account);
    if (last) {
      dedup_last_new(shard);
    } else {
      dedup_first_new(shard);
    }
  }
}

static void dedup_state_free(void *instance) {
  struct dedup *dedup = instance;
  for (uint32_t i = 0; i < dedup->n_shards; i++) {
    struct dedup_shard *shard = &dedup->shards[i];
    if (dedup->keep == DEDUP_KEEP_LAST) {
      dedup_last_free(shard);
    } else {
      dedup_first_free(shard);
    }
    table_free(shard->table);
  }
  free(dedup->shards);
  dedup->shards = NULL;
  dedup->n_shards = 0;
}

static void dedup_prepare(const void *instance, const struct expr_run *run,
                          struct keyed_view *view) {
  const struct dedup *dedup = instance;
  keys_prepare(&dedup->keys, run, view, 0);
}

static void dedup_run_shard(void *instance, struct keyed_run *run, uint32_t shard) {
  struct dedup *dedup = instance;
  if (dedup->keep == DEDUP_KEEP_LAST) {
    dedup_last_run(dedup, run, shard);
  } else {
    dedup_first_run(dedup, run, shard);
  }
}

static void dedup_finish(void *instance, struct keyed_run *run) {
  struct dedup *dedup = instance;
  uint64_t n_duplicates = 0;
  for (uint32_t i = 0; i < dedup->n_shards; i++) {
    n_duplicates += dedup->shards[i].n_duplicates;
    dedup->shards[i].n_duplicates = 0;
  }
  if (n_duplicates > 0) keyed_count(run, COUNT_DUPLICATES, n_duplicates);
  if (dedup->keep == DEDUP_KEEP_LAST) {
    dedup_last_finish(dedup, run);
  } else {
    dedup_first_finish(dedup, run);
  }
}

static int64_t dedup_next_clock(const void *instance) {
  const struct dedup *dedup = instance;
  bool by_clock = dedup->keep == DEDUP_KEEP_LAST && dedup->time == DEDUP_TIME_PROCESSING;
  return by_clock ? dedup_last_next_us(dedup) : TIME_MAX_US;
}

static int64_t dedup_next_watermark(const void *instance) {
  const struct dedup *dedup = instance;
  bool by_watermark = dedup->keep == DEDUP_KEEP_LAST && dedup->time == DEDUP_TIME_EVENT;
  return by_watermark ? dedup_last_next_us(dedup) : TIME_MAX_US;
}

/* A shard's body: version, kind (enum dedup_keep), then what the kind writes. */
static void dedup_save(const void *instance, uint32_t index, struct buf *out) {
  const struct dedup *dedup = instance;
  field_put_u32(out, DEDUP_STATE_VERSION);
  field_put_u32(out, (uint32_t)dedup->keep);
  if (dedup->keep == DEDUP_KEEP_LAST) {
    dedup_last_save(dedup, &dedup->shards[index], out);
  } else {
    dedup_first_save(&dedup->shards[index], out);
  }
}

static int dedup_load(void *instance, uint32_t index, struct slice body, struct err *err) {
  struct dedup *dedup = instance;
  struct dedup_shard *shard = &dedup->shards[index];
  size_t at = 0;
  uint32_t version, keep;
  if (field_get_u32(body, &at, &version) != 0 || version != DEDUP_STATE_VERSION ||
      field_get_u32(body, &at, &keep) != 0 || keep != (uint32_t)dedup->keep)
    return err_set(err, ERR_CORRUPT, "the state is not that of a dedup with keep: %s",
                   keep_names[dedup->keep]);
  int result = dedup->keep == DEDUP_KEEP_LAST ? dedup_last_load(dedup, shard, body, &at)
                                              : dedup_first_load(shard, body, &at);
  if (result != 0 || at != body.len)
    return err_set(err, ERR_CORRUPT, "the state of a dedup cannot be at byte %zu", at);
  return 0;
}

static uint64_t dedup_state_keys(const void *instance) {
  const struct dedup *dedup = instance;
  uint64_t n = 0;
  for (uint32_t i = 0; i < dedup->n_shards; i++) n += table_count(dedup->shards[i].table);
  return n;
}

const struct transform_plugin transform_dedup = {
    .type = {.name = "dedup",
             .text = "of the records with one key within a time, one goes on",
             .options = dedup_options,
             .instance_bytes = sizeof(struct dedup),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX,
             .ports = dedup_ports},
    .keyed = true,
    .compile = dedup_compile,
    .state_new = dedup_state_new,
    .state_free = dedup_state_free,
    .prepare = dedup_prepare,
    .run_shard = dedup_run_shard,
    .finish = dedup_finish,
    .next_clock_us = dedup_next_clock,
    .next_watermark_us = dedup_next_watermark,
    .state_definition = dedup_definition,
    .state_accept = dedup_accept,
    .save = dedup_save,
    .load = dedup_load,
    .state_keys = dedup_state_keys,
};
