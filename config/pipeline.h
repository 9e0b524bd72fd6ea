/* pipeline: a configuration as a whole: files in, checked components out.
 *
 * config/ knows no component: the catalog of types is given to it. It checks everything that can be
 * checked without compiling expressions: options, names, inputs, ports, cycles, double definitions,
 * outputs that nobody reads (a warning). */
#ifndef TIDEMARK_CONFIG_PIPELINE_H
#define TIDEMARK_CONFIG_PIPELINE_H

#include "config/option.h"

enum component_kind { COMPONENT_SOURCE, COMPONENT_TRANSFORM, COMPONENT_SINK };

/* A type of component, as far as configuration goes. The first member of each plugin. */
struct component_type {
  const char *name; /* "dedup" */
  const char *text; /* one line */
  /* More that a user must know, for the reference: paragraphs, NULL-ended; NULL: nothing. */
  const char *const *notes;
  const struct option *options;
  size_t instance_bytes; /* zeroed, in the configuration's arena; options' offsets count from it */
  /* Transforms: 0 and 1 as min are one, 0 as max is any number. Sources have none, sinks 1..any. */
  uint32_t min_inputs, max_inputs;
  /* Names of the side ports beside the main output (NULL: none), given the instance with its
   * options read; ".errors" is added for all. Returns how many. */
  size_t (*ports)(const void *instance, struct slice *names, size_t max);
  /* No main output (route): only side ports can be read. */
  bool no_main_output;
  /* What the table cannot say (options that exclude each other, ...); called when the options
   * alone are right. May be NULL. */
  void (*check)(const void *instance, const struct node *node, struct config_errors *errors);
};

struct component_catalog {
  const struct component_type *const *types[3]; /* by enum component_kind; NULL-ended */
  const struct option *common[3];               /* options of every component of the kind */
  size_t common_bytes[3];                       /* size of the struct they fill */
};

struct component_input {
  struct slice component; /* "usage" */
  struct slice port;      /* "late"; empty: the main output */
  struct place place;
  uint32_t index; /* of the component in the pipeline */
};

struct component {
  enum component_kind kind;
  const struct component_type *type;
  const char *name;
  const struct node *node; /* its map */
  struct place place;      /* of its name */
  void *instance;          /* type->instance_bytes */
  void *common;            /* common_bytes[kind] */
  struct component_input *inputs;
  size_t n_inputs;
};

enum delivery { DELIVERY_EXACTLY_ONCE, DELIVERY_AT_LEAST_ONCE, DELIVERY_AT_MOST_ONCE };

/* The options of a pipeline itself; the table is in pipeline.c. */
struct pipeline_settings {
  const char *name;      /* `pipeline:`; default: the file's name without .yaml */
  int delivery;          /* enum delivery */
  const char *state_dir; /* state.dir; default: $STATE_DIRECTORY or /var/lib/tidemark, then /NAME */
  int log_sync;          /* log.sync: interval | always | never (enum wal_sync) */
  int64_t log_sync_interval_us;   /* log.sync_interval, 5ms */
  uint64_t log_segment_bytes;     /* log.segment, 16MiB */
  int64_t checkpoint_interval_us; /* checkpoint.interval, 10s */
  uint64_t epoch_bytes;           /* epoch.bytes, 1MiB */
  int64_t epoch_records;          /* epoch.records, 0: no bound */
  int64_t epoch_age_us;           /* epoch.age, 50ms: input is held back no longer than that */
  int64_t epoch_linger_us;        /* epoch.linger, 0: nor any shorter, unless the epoch is full */
  int64_t workers;                /* 0: cores */
  int64_t shards;                 /* 64 */
  uint64_t memory_max_bytes;      /* memory.max, 1GiB */
  uint64_t queue_bytes;           /* queue.bytes, 64MiB: between sources and sinks, all together */
  int64_t drain_timeout_us;       /* drain_timeout, 60s */
};

struct pipeline {
  struct pipeline_settings settings;
  /* Inputs before their readers, else as written. When there were errors: only those components
   * that are right and read nothing that is not, so that the rest of them can be compiled too. */
  struct component *components;
  size_t n_components;
  const struct node *node;
  uint64_t
      id; /* hash of config_dump(): the same for the same pipeline, whatever its secrets hold */
};

/* What is said of the program, not of a pipeline; the table is in daemon.c. */
struct daemon_settings {
  bool admin; /* `admin:` is there */
  const char *admin_listen;
  const char *admin_token; /* NULL: none */
};

struct config {
  struct arena arena; /* everything below lives here */
  struct config_errors errors;
  struct pipeline **pipelines;
  size_t n_pipelines;
  struct daemon_settings daemon;
};

/* Reads a file, or all *.yaml and *.yml of a folder in order of name (one configuration: several
 * files may define components of the same `pipeline:`; each file with another name is another
 * pipeline). Always gives a config to free; config_errors_any(&config->errors) tells whether it can
 * be used. */
struct config *config_load(const char *path, const struct component_catalog *catalog,
                           const struct config_source *source);
void config_free(struct config *config); /* NULL is fine */

#endif
