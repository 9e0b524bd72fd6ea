/* reference: the tables of options as text: Markdown for the reference, plain text for
 * `tidemark list TYPE`, a JSON Schema for editors. Groups are written with dots. */
#ifndef TIDEMARK_CONFIG_REFERENCE_H
#define TIDEMARK_CONFIG_REFERENCE_H

#include "config/pipeline.h"

/* One type of component; common: the options of all of its kind (may be NULL). */
void reference_put_component(struct buf *out, enum component_kind kind,
                             const struct component_type *type, const struct option *common);
void reference_put_component_text(struct buf *out, enum component_kind kind,
                                  const struct component_type *type, const struct option *common);
/* The settings of a pipeline itself. */
void reference_put_pipeline(struct buf *out);
void reference_put_pipeline_text(struct buf *out);
/* What is said of the program as a whole. */
void reference_put_daemon(struct buf *out);
void reference_put_daemon_text(struct buf *out);

/* For other forms: each option of a table and of the groups in it, by its whole name with dots, and
 * its facts as one line: "duration; default 5ms; 0 to 1m". */
typedef void reference_put_fn(void *arg, const char *name, const struct option *option);
void reference_each(const struct option *table, reference_put_fn *put, void *arg);
void reference_put_facts(struct buf *out, const struct option *option);

/* JSON Schema (draft 7, which the editors' YAML servers understand) of a whole file. It accepts
 * every configuration that Tidemark does; names, inputs and expressions it cannot check. */
void reference_put_schema(struct buf *out, const struct component_catalog *catalog);

#endif
