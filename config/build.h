/* build: the steps from a parsed map to a checked pipeline; private to config/. */
#ifndef TIDEMARK_CONFIG_BUILD_H
#define TIDEMARK_CONFIG_BUILD_H

#include "config/pipeline.h"

struct build {
  struct arena *arena;
  struct config_errors *errors;
  const struct component_catalog *catalog;
  const struct config_source *source;
};

/* pipeline.c: settings, then components, then the graph. map: of one or several files; place: of
 * the pipeline as a whole. */
struct pipeline *pipeline_read(const struct build *build, const char *name, const struct node *map,
                               struct place place);
/* The options at the top of a file, with the names of the sections. */
const struct option *pipeline_options(void);

/* daemon.c: what is said of the program as a whole. map: its keys of all files. */
void daemon_read(const struct build *build, const struct node *map,
                 struct daemon_settings *settings);
const struct option *daemon_options(void);
bool daemon_option_is(struct slice key);

/* component.c: the components of the three sections (NULL: not there). A component whose options
 * are in error has no instance. */
void components_read(const struct build *build, struct pipeline *pipeline,
                     const struct node *const sections[3]);
const char *component_kind_name(enum component_kind kind); /* "source" */
/* `type` and `input`, which come before the options of the kind and of the type. */
const struct option *component_head_options(enum component_kind kind);

/* check.c: resolves inputs, finds circles and what nobody reads, puts components in order. */
void graph_check(const struct build *build, struct pipeline *pipeline);

#endif
