/* dump: a pipeline written down again, as YAML that reads back as the same pipeline.
 *
 * It is what the state folder keeps of the configuration in force, and what two configurations are
 * compared by. ${...} is replaced by its value, but what is secret: there stands
 * ${TIDEMARK_SECRET_<path>}, the path with "_" for all but letters and digits, to be looked up when
 * it is read. `tests` are left out. */
#ifndef TIDEMARK_CONFIG_DUMP_H
#define TIDEMARK_CONFIG_DUMP_H

#include "config/pipeline.h"

#define CONFIG_SECRET_PREFIX "TIDEMARK_SECRET_"

void config_dump(const struct pipeline *pipeline, struct buf *out);
/* What `type`, `input` and the options of a component say, in the same form. */
void config_dump_component(const struct component *component, struct buf *out);
/* The same structure and the same texts, secrets too. */
bool config_node_equal(const struct node *a, const struct node *b);
/* The value that ${name} of a dump stands for in this pipeline, or NULL. */
const char *config_dump_secret(const struct pipeline *pipeline, const char *name);

#endif
