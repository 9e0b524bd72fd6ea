/* configuration: files read, checked and compiled. Lives as long as somebody holds it: a pipeline
 * that a reload left alone goes on with the configuration it came from. */
#ifndef TIDEMARK_SUPERVISOR_CONFIGURATION_H
#define TIDEMARK_SUPERVISOR_CONFIGURATION_H

#include "config/pipeline.h"
#include "daemon/flow/graph.h"

struct configuration {
  struct config *config;
  struct graph **graphs; /* one per pipeline, if it is valid */
  size_t n_graphs;
  unsigned holders;
};

/* Never NULL, held once; what is wrong is in config->errors, expressions too. */
struct configuration *configuration_load(const char *path, struct io *io,
                                         const struct config_source *source);
bool configuration_valid(const struct configuration *configuration);
/* Says the errors and warnings, all of them: to people with lines and carets, to machines and the
 * journal as messages, which have levels. */
void configuration_say(struct configuration *configuration, const char *path,
                       const struct diag *diag);
/* The configuration with that id as the state folder of `like` keeps it; secrets are those that
 * `like` has at the same place, and memory.max is that of `like`. NULL and err. */
struct configuration *configuration_kept(const struct pipeline *like, uint64_t id, struct io *io,
                                         const struct diag *diag, struct err *err);
void configuration_hold(struct configuration *configuration);
void configuration_release(struct configuration *configuration); /* NULL is fine */

#endif
