/* window: options, compilation, the plugin. See window.h. */
#include "transforms/window/window.h"

#include "daemon/base/mem.h"
#include "transforms/transforms.h"

#include <stddef.h>
#include <stdlib.h>

static const char *const time_names[] = {"event", "processing", NULL};
static const char *const on_late_names[] = {"side_output", "drop", "stop", NULL};

static const struct option shape_options[] = {
    {.name = "tumbling",
     .type = OPTION_DURATION,
     .offset = offsetof(struct window, tumbling_us),
     .min = 1,
     .max = WINDOW_DURATION_MAX_US,
     .text = "windows of this length, one behind the other"},
    {.name = "hopping",
     .type = OPTION_DURATION,
     .offset = offsetof(struct window, hopping_us),
     .min = 1,
     .max = WINDOW_DURATION_MAX_US,
     .text = "windows of this length, one starting at each `every`"},
    {.name = "every",
     .type = OPTION_DURATION,
     .offset = offsetof(struct window, hop_every_us),
     .min = 1,
     .max = WINDOW_DURATION_MAX_US,
     .text = "from the start of one hopping window to that of the next"},
    {.name = "offset",
     .type = OPTION_DURATION,
     .offset = offsetof(struct window, offset_us),
     .fallback = "0",
     .max = WINDOW_DURATION_MAX_US,
     .text = "windows start this much after multiples of their length (or of `every`) since 1970"},
    {0}};

static const struct option emit_options[] = {
    {.name = "on_close",
     .type = OPTION_BOOL,
     .offset = offsetof(struct window, on_close),
     .fallback = "true",
     .text = "a result when the watermark passes the end of a window"},
    {.name = "on_update",
     .type = OPTION_BOOL,
     .offset = offsetof(struct window, on_update),
     .text = "a result for each changed window at the end of each epoch"},
    {.name = "every",
     .type = OPTION_DURATION,
     .offset = offsetof(struct window, early_every_us),
     .min = 1000,
     .max = WINDOW_DURATION_MAX_US,
     .text = "early results of changed windows, by the clock"},
    {0}};

static const struct option window_options[] = {
    {.name = "window",
     .type = OPTION_GROUP,
     .group = shape_options,
     .required = true,
     .text = "the windows: tumbling, or hopping and every"},
    {.name = "time",
     .type = OPTION_ENUM,
     .offset = offsetof(struct window, time),
     .names = time_names,
     .fallback = "event",
     .text = "whether records fall into windows by event time or by the clock"},
    {.name = "group_by",
     .type = OPTION_NODE,
     .offset = offsetof(struct window, group_by),
     .text = "a result for each value of these: a list of expressions or a map from name to "
             "expression"},
    {.name = "aggregate",
     .type = OPTION_EXPR_MAP,
     .offset = offsetof(struct window, aggregates),
     .required = true,
     .text = "what to compute: name to aggregate"},
    {.name = "having",
     .type = OPTION_EXPR,
     .offset = offsetof(struct window, having),
     .text = "which results to put out"},
    {.name = "allowed_lateness",
     .type = OPTION_DURATION,
     .offset = offsetof(struct window, allowed_lateness_us),
     .fallback = "0",
     .max = WINDOW_DURATION_MAX_US,
     .text = "how long after its close a window takes records in and corrects its result"},
    {.name = "on_late",
     .type = OPTION_ENUM,
     .offset = offsetof(struct window, on_late),
     .names = on_late_names,
     .fallback = "side_output",
     .text = "what happens to records that come too late"},
    {.name = "emit", .type = OPTION_GROUP, .group = emit_options, .text = "when there are results"},
    {0}};

static size_t window_ports(const void *instance, struct slice *names, size_t max) {
  (void)instance;
  if (max > 0) names[0] = slice_of("late");
  return 1;
}

static void window_check(const void *instance, const struct node *node,
                         struct config_errors *errors) {
  const struct window *window = instance;
  struct node *shape = node_get(node, "window"), *emit = node_get(node, "emit");
  struct place place = shape != NULL ? shape->place : node->place;
  bool tumbling = window->tumbling_us > 0, hopping = window->hopping_us > 0;
  bool every = window->hop_every_us > 0;
  if (tumbling == hopping)
    config_error_add(errors, place, "a window is either tumbling or hopping");
  if (hopping && !tumbling && !every)
    config_error_add(errors, place, "hopping windows need every: how far apart they start");
  if (tumbling && every)
    config_error_add(errors, place, "tumbling windows have no every; hopping ones do");
  if (hopping && every && window->hopping_us / window->hop_every_us >= WINDOW_PER_RECORD_MAX)
    config_error_add(errors, place, "each record would fall into more than %d windows",
                     WINDOW_PER_RECORD_MAX);
  if (!window->on_close && !window->on_update && window->early_every_us <= 0)
    config_error_add(errors, emit != NULL ? emit->place : node->place,
                     "there would never be a result: emit needs on_close, on_update or every");
  if (window->time == WINDOW_TIME_PROCESSING && window->allowed_lateness_us > 0)
    config_error_add(errors, node_get(node, "allowed_lateness")->place,
                     "by the clock no record is late, so allowed_lateness has no meaning");
}

/* ------------------------------------------------------------------ compiling */

/* Adds a column to the results; names must differ. */
static int out_add(struct compile *compile, struct schema *out, struct slice name,
                   enum value_type type, struct place place) {
  if (schema_find(out, name) != NULL) {
    compile_error(compile, place, "the results would have two fields named %.*s", SLICE_ARG(name));
    return -1;
  }
  schema_set(out, name, rowset_add_slot(out->rowset, type));
  return 0;
}

static int group_compile(struct window *window, struct compile *compile, struct schema *in,
                         struct schema *out) {
  struct expr_list list;
  if (columns_read(compile, window->group_by, &list) != 0) return -1;
  if (keys_compile(&window->keys, compile, &list, in) != 0) return -1;
  window->groups = list;
  int result = 0;
  for (size_t i = 0; i < list.n; i++) {
    const struct expr *expr = window->keys.columns[i].expr;
    if (out_add(compile, out, columns_name(&list.items[i], expr), expr_type(expr),
                list.items[i].node->place) != 0)
      result = -1;
  }
  return result;
}

static int aggregates_compile(struct window *window, struct compile *compile, struct schema *in,
                              struct schema *out) {
  int result = 0;
  window->n_aggregates = window->aggregates.n;
  window->list = arena_zalloc(compile_arena(compile), window->n_aggregates * sizeof *window->list);
  window->group_bytes = sizeof(struct window_group);
  for (size_t i = 0; i < window->n_aggregates; i++) {
    const struct expr_text *item = &window->aggregates.items[i];
    struct aggregate *aggregate = &window->list[i];
    if (aggregate_compile(aggregate, compile, item, in) != 0) {
      result = -1;
      continue;
    }
    aggregate->offset = window->group_bytes;
    window->group_bytes += (aggregate->kind->bytes + 7) & ~(size_t)7;
    window->conflicting |= aggregate->kind->conflicts != NULL;
    if (out_add(compile, out, aggregate->name, aggregate->type, item->name_place) != 0) result = -1;
  }
  return result;
}

static int window_compile(void *instance, struct compile *compile) {
  struct window *window = instance;
  struct schema *in = compile_input(compile, 0);
  bool tumbling = window->tumbling_us > 0;
  struct place nowhere = {0};
  window->size_us = tumbling ? window->tumbling_us : window->hopping_us;
  window->every_us = tumbling ? window->tumbling_us : window->hop_every_us;
  window->early = window->on_update || window->early_every_us > 0;
  window->numbered = window->early || window->allowed_lateness_us > 0;

  window->out = rowset_new(compile_arena(compile), false);
  struct schema *out = schema_new(window->out, false);
  out_add(compile, out, slice_of("window_start"), VALUE_TIMESTAMP, nowhere);
  out_add(compile, out, slice_of("window_end"), VALUE_TIMESTAMP, nowhere);
  int result = group_compile(window, compile, in, out);
  if (aggregates_compile(window, compile, in, out) != 0) result = -1;
  if (window->numbered) {
    struct place place = window->aggregates.items[0].name_place;
    if (out_add(compile, out, slice_of("_revision"), VALUE_INT, place) != 0 ||
        out_add(compile, out, slice_of("_final"), VALUE_BOOL, place) != 0)
      result = -1;
  }
  if (window->having.node != NULL && result == 0)
    result =
        compile_expr(compile, &window->having, out, EXPR_SCALAR, VALUE_BOOL, &window->having_expr);

  window->late_slot = rowset_add_slot(in->rowset, VALUE_INT);
  struct schema *late = schema_copy(in);
  schema_append(late, slice_of("_late_by"), window->late_slot);
  compile_output(compile, "", out);
  compile_output(compile, "late", late);
  return result;
}

/* ------------------------------------------------------------------ running */

static void window_state_new(void *instance, uint32_t n_shards, struct account *account) {
  struct window *window = instance;
  window->shards = mem_zalloc(n_shards * sizeof *window->shards);
  window->n_shards = n_shards;
  for (uint32_t i = 0; i < n_shards; i++) {
    struct window_shard *shard = &window->shards[i];
    shard->table = table_new(window->group_bytes, account);
    shard->account = account;
    shard->memory.table = shard->table;
    shard->memory.sets = table_new(sizeof(void *), account);
    arena_init(&shard->arena, 16 * 1024);
  }
}

static void window_state_free(void *instance) {
  struct window *window = instance;
  for (uint32_t i = 0; i < window->n_shards; i++) {
    struct window_shard *shard = &window->shards[i];
    for (struct window_group *group = table_first(shard->table), *next; group != NULL;
         group = next) {
      next = table_next(shard->table, group);
      window_group_free(window, shard, group);
    }
    table_free(shard->table);
    table_free(shard->memory.sets);
    buf_fini(&shard->memory.scratch);
    arena_fini(&shard->arena);
    free(shard->open);
    free(shard->results);
    free(shard->late);
    free(shard->touches);
    account_take(shard->account, shard->counted_bytes);
  }
  free(window->shards);
  window->shards = NULL;
  window->n_shards = 0;
}

static void window_fini(void *instance) {
  struct window *window = instance;
  free(window->loaded);
  window->loaded = NULL;
}

static void window_prepare(const void *instance, const struct expr_run *run,
                           struct keyed_view *view) {
  const struct window *window = instance;
  struct batch *batch = view->view.batch;
  keys_prepare(&window->keys, run, view, WINDOW_KEY_ROOM);
  for (size_t i = 0; i < window->n_aggregates; i++)
    aggregate_prepare(&window->list[i], run, view->view, &view->errors);
  batch_column(batch, window->late_slot);
  for (uint32_t i = 0; i < view->view.n; i++) {
    uint32_t row = view_row(&view->view, i);
    if (batch->time_us[row] > -WINDOW_TIME_BOUND_US && batch->time_us[row] < WINDOW_TIME_BOUND_US)
      continue;
    row_errors_add(&view->errors, row, "window.time", "no window can hold this time");
  }
}

static int64_t window_next_clock(const void *instance) {
  const struct window *window = instance;
  int64_t next = TIME_MAX_US;
  for (uint32_t i = 0; i < window->n_shards; i++) {
    const struct window_shard *shard = &window->shards[i];
    bool changed = false;
    for (size_t k = 0; k < shard->n_open; k++) changed |= shard->open[k].changed != NULL;
    if (window->early_every_us > 0 && changed && shard->next_early_us < next)
      next = shard->next_early_us;
    if (window->time != WINDOW_TIME_PROCESSING || shard->n_open == 0) continue;
    if (shard->open[0].start_us + window->size_us < next)
      next = shard->open[0].start_us + window->size_us;
  }
  return next;
}

static int64_t window_next_watermark(const void *instance) {
  const struct window *window = instance;
  int64_t next = TIME_MAX_US;
  if (window->time == WINDOW_TIME_PROCESSING) return next;
  for (uint32_t i = 0; i < window->n_shards; i++) {
    const struct window_shard *shard = &window->shards[i];
    for (size_t k = 0; k < shard->n_open; k++) {
      const struct window_open *open = &shard->open[k];
      if (open->closed && window->on_close) continue; /* only memory is due */
      int64_t due = open->start_us + window->size_us;
      if (open->closed) due += window->allowed_lateness_us;
      if (due < next) next = due;
      break;
    }
  }
  return next;
}

static uint64_t window_state_keys(const void *instance) {
  const struct window *window = instance;
  uint64_t n = 0;
  for (uint32_t i = 0; i < window->n_shards; i++) n += table_count(window->shards[i].table);
  return n;
}

const struct transform_plugin transform_window = {
    .type = {.name = "window",
             .text = "aggregates over windows of time",
             .options = window_options,
             .instance_bytes = sizeof(struct window),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX,
             .ports = window_ports,
             .check = window_check},
    .keyed = true,
    .compile = window_compile,
    .state_new = window_state_new,
    .state_free = window_state_free,
    .prepare = window_prepare,
    .run_shard = window_run_shard,
    .finish = window_finish,
    .next_clock_us = window_next_clock,
    .next_watermark_us = window_next_watermark,
    .fini = window_fini,
    .state_definition = window_definition,
    .state_accept = window_accept,
    .save = window_save,
    .load = window_load,
    .state_keys = window_state_keys,
};
