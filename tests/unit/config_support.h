/* config_support: a small world for the tests of config/: a disk in memory, an environment, and a
 * catalog of made-up component types, so that no test depends on real plugins. */
#ifndef TIDEMARK_TESTS_CONFIG_SUPPORT_H
#define TIDEMARK_TESTS_CONFIG_SUPPORT_H

#include "config/pipeline.h"

/* Files and variables: pairs of name and value. */
struct world {
  struct disk *disk;
  struct config_source source;
  const char *variables[32][2];
  size_t n_variables;
};

void world_init(struct world *world);
void world_fini(struct world *world);
void world_put(struct world *world, const char *path, const void *data, size_t len);
void world_set(struct world *world, const char *name, const char *value);

/* What the made-up types read, for tests that look into an instance. */
struct fake_filter {
  struct expr_text where;
};
struct fake_window {
  int64_t tumbling_us, offset_us, allowed_lateness_us;
  struct expr_list group_by, aggregate;
  bool on_close;
  int64_t every_us;
};
struct fake_file {
  const char *path, *password;
  int mode;
  uint64_t rotate_bytes;
  int64_t level;
  double share;
  struct text_list tags, headers;
  const struct node *extra;
};
struct fake_common {
  const char *codec;
  struct expr_text event_time;
  int64_t max_lateness_us;
  bool strict;
};

extern const struct component_catalog fake_catalog;

#endif
