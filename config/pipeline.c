/* pipeline: see pipeline.h. The settings of a pipeline; component.c reads its components, check.c
 * joins them, load.c finds the files. */
#include "config/pipeline.h"

#include "config/build.h"
#include "daemon/base/limits.h"

/* What stands at the top of a file. */
struct top {
  struct pipeline_settings settings;
  const struct node *sections[3];
  const struct node *tests; /* read by `tidemark test` */
};

#define SETTING(member) offsetof(struct top, settings.member)
#define MILLISECOND INT64_C(1000)
#define SECOND INT64_C(1000000)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const char *const delivery_names[] = {"exactly_once", "at_least_once", "at_most_once", NULL};
static const char *const sync_names[] = {"interval", "always", "never", NULL};

static const struct option state_options[] = {
    {.name = "dir",
     .type = OPTION_TEXT,
     .offset = SETTING(state_dir),
     .text = "folder of log, snapshots and lock; default: the pipeline's name below "
             "$STATE_DIRECTORY or /var/lib/tidemark"},
    {0}};

static const struct option log_options[] = {
    {.name = "sync",
     .type = OPTION_ENUM,
     .offset = SETTING(log_sync),
     .names = sync_names,
     .fallback = "interval",
     .text = "when the log is synced to the disk; results leave after it"},
    {.name = "sync_interval",
     .type = OPTION_DURATION,
     .offset = SETTING(log_sync_interval_us),
     .fallback = "5ms",
     .min = 0,
     .max = 60 * SECOND,
     .text = "time between two syncs of the log"},
    {.name = "segment",
     .type = OPTION_SIZE,
     .offset = SETTING(log_segment_bytes),
     .fallback = "16MiB",
     .min = MIB,
     .max = 4 * GIB,
     .text = "size of one file of the log, a multiple of 4096"},
    {0}};

static const struct option checkpoint_options[] = {
    {.name = "interval",
     .type = OPTION_DURATION,
     .offset = SETTING(checkpoint_interval_us),
     .fallback = "10s",
     .min = MILLISECOND,
     .max = 24 * 3600 * SECOND,
     .text = "time between two snapshots; what is replayed after a crash is at most as long"},
    {0}};

static const struct option epoch_options[] = {
    {.name = "bytes",
     .type = OPTION_SIZE,
     .offset = SETTING(epoch_bytes),
     .fallback = "1MiB",
     .min = 1,
     .max = GIB,
     .text = "an epoch takes no more input than this"},
    {.name = "records",
     .type = OPTION_INT,
     .offset = SETTING(epoch_records),
     .fallback = "0",
     .min = 0,
     .max = INT64_MAX,
     .text = "an epoch takes no more records than this; 0: no bound"},
    {.name = "age",
     .type = OPTION_DURATION,
     .offset = SETTING(epoch_age_us),
     .fallback = "50ms",
     .min = 0,
     .max = 60 * SECOND,
     .text = "input is held back no longer than this while the pipeline is busy"},
    {.name = "linger",
     .type = OPTION_DURATION,
     .offset = SETTING(epoch_linger_us),
     .fallback = "0s",
     .min = 0,
     .max = 60 * SECOND,
     .text =
         "an epoch that is not full stays open this long, also when the pipeline is idle: sinks "
         "get larger groups, everything comes so much later, and so does an http source's answer"},
    {0}};

static const struct option memory_options[] = {{.name = "max",
                                                .type = OPTION_SIZE,
                                                .offset = SETTING(memory_max_bytes),
                                                .fallback = "1GiB",
                                                .min = MIB,
                                                .max = INT64_MAX,
                                                .text = "bound of queues and state together"},
                                               {0}};

static const struct option queue_options[] = {
    {.name = "bytes",
     .type = OPTION_SIZE,
     .offset = SETTING(queue_bytes),
     .fallback = "64MiB",
     .min = 64 * KIB,
     .max = INT64_MAX,
     .text = "bound of what is between sources and sinks, all together"},
    {0}};

static const struct option top_options[] = {
    {.name = "pipeline",
     .type = OPTION_TEXT,
     .offset = SETTING(name),
     .text = "name of the pipeline; default: the file's name without .yaml"},
    {.name = "delivery",
     .type = OPTION_ENUM,
     .offset = SETTING(delivery),
     .names = delivery_names,
     .fallback = "exactly_once",
     .text = "what is promised for each result"},
    {.name = "state",
     .type = OPTION_GROUP,
     .group = state_options,
     .text = "where the pipeline keeps what must survive"},
    {.name = "log", .type = OPTION_GROUP, .group = log_options, .text = "the write-ahead log"},
    {.name = "checkpoint",
     .type = OPTION_GROUP,
     .group = checkpoint_options,
     .text = "snapshots of the state"},
    {.name = "epoch",
     .type = OPTION_GROUP,
     .group = epoch_options,
     .text = "bounds of one group of input"},
    {.name = "workers",
     .type = OPTION_INT,
     .offset = SETTING(workers),
     .fallback = "0",
     .min = 0,
     .max = LIMIT_WORKERS,
     .text = "threads that compute; 0: one for each core"},
    {.name = "shards",
     .type = OPTION_INT,
     .offset = SETTING(shards),
     .fallback = "64",
     .min = 1,
     .max = LIMIT_SHARDS,
     .text = "slices of the key space, fixed when the state folder is made"},
    {.name = "memory", .type = OPTION_GROUP, .group = memory_options, .text = "memory budget"},
    {.name = "queue", .type = OPTION_GROUP, .group = queue_options, .text = "queues"},
    {.name = "drain_timeout",
     .type = OPTION_DURATION,
     .offset = SETTING(drain_timeout_us),
     .fallback = "60s",
     .min = 0,
     .max = 24 * 3600 * SECOND,
     .text = "how long a stop may take to bring everything out"},
    {.name = "sources",
     .type = OPTION_NODE,
     .offset = offsetof(struct top, sections[COMPONENT_SOURCE]),
     .text = "where records come from, by name"},
    {.name = "transforms",
     .type = OPTION_NODE,
     .offset = offsetof(struct top, sections[COMPONENT_TRANSFORM]),
     .text = "what is done with them, by name"},
    {.name = "sinks",
     .type = OPTION_NODE,
     .offset = offsetof(struct top, sections[COMPONENT_SINK]),
     .text = "where results go, by name"},
    {.name = "tests",
     .type = OPTION_NODE,
     .offset = offsetof(struct top, tests),
     .text = "tests of the pipeline; accepted, and not looked at by any command yet"},
    {0}};

const struct option *pipeline_options(void) {
  return top_options;
}

/* $STATE_DIRECTORY as systemd sets it: one or several paths with colons between; the first. */
static const char *default_state_dir(const struct build *build, const char *name) {
  const char *parent = build->source->env(build->source->env_arg, "STATE_DIRECTORY");
  if (parent == NULL || parent[0] == '\0') parent = "/var/lib/tidemark";
  return arena_printf(build->arena, "%.*s/%s", (int)strcspn(parent, ":"), parent, name);
}

static void check_settings(const struct build *build, const struct node *map,
                           const struct pipeline_settings *settings) {
  const struct node *log = node_get(map, "log");
  const struct node *segment = log != NULL ? node_get(log, "segment") : NULL;
  if (segment != NULL && settings->log_segment_bytes % 4096 != 0)
    config_error_add(build->errors, segment->place, "\"log.segment\" must be a multiple of 4096");
  const struct node *state = node_get(map, "state");
  const struct node *dir = state != NULL ? node_get(state, "dir") : NULL;
  if (dir != NULL && !dir->refused && settings->state_dir != NULL && settings->state_dir[0] == '\0')
    config_error_add(build->errors, dir->place, "\"state.dir\" is empty");
}

struct pipeline *pipeline_read(const struct build *build, const char *name, const struct node *map,
                               struct place place) {
  struct top *top = arena_zalloc(build->arena, sizeof *top);
  options_read(top_options, map, top, build->arena, build->errors);
  struct pipeline *pipeline = arena_zalloc(build->arena, sizeof *pipeline);
  pipeline->node = map;
  top->settings.name = name; /* load.c has checked it */
  check_settings(build, map, &top->settings);
  if (top->settings.state_dir == NULL) top->settings.state_dir = default_state_dir(build, name);
  pipeline->settings = top->settings;
  if (top->sections[COMPONENT_SOURCE] == NULL)
    config_error_add(build->errors, place, "the pipeline %s has no sources", name);
  if (top->sections[COMPONENT_SINK] == NULL)
    config_error_add(build->errors, place, "the pipeline %s has no sinks", name);
  if (top->tests != NULL && top->tests->kind != NODE_LIST)
    config_error_add(build->errors, top->tests->place, "\"tests\" must be a list of tests");
  components_read(build, pipeline, top->sections);
  graph_check(build, pipeline);
  return pipeline;
}
