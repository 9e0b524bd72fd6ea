/* component_harness: what the harnesses of sources, transforms and sinks share: a component's
 * options are read and compiled without the engine. The functions by which plugin.h compiles are
 * here too, as small as they can be; a test program links them in place of the engine's. */
#ifndef TIDEMARK_TESTS_CONTRACT_COMPONENT_HARNESS_H
#define TIDEMARK_TESTS_CONTRACT_COMPONENT_HARNESS_H

#include "daemon/flow/plugin.h"

enum { HARNESS_PORTS_MAX = 16, HARNESS_EXPRS_MAX = 64 };

/* A configuration with one component. */
struct compile {
  struct arena arena;
  struct config_errors errors;
  struct config_file file;
  struct io *io;
  struct schema *input;
  const char *ports[HARNESS_PORTS_MAX]; /* in the order of compile_output() */
  struct schema *schemas[HARNESS_PORTS_MAX];
  size_t n_ports;
  struct expr *exprs[HARNESS_EXPRS_MAX];
  size_t n_exprs;
};

/* io: not owned, may be NULL where no plugin asks for it. columns: NULL for an open input, else the
 * fields of a closed one ("a b c"). */
void compile_init(struct compile *compile, struct io *io, const char *columns);
void compile_fini(struct compile *compile);

/* Reads the options (YAML, in which "@" stands for `folder` unless that is NULL) and, if they are
 * right, calls compile_plugin (may be NULL). What is wrong is in compile->errors. The instance is
 * in the arena. */
void *compile_component(struct compile *compile, const struct component_type *type,
                        int (*compile_plugin)(void *instance, struct compile *compile),
                        const char *options, const char *folder);
/* -1 and what is wrong, as config_errors_put() says it, if anything is. */
int compile_result(struct compile *compile, struct err *err);

#endif
