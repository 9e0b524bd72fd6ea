/* reload_world: lives of a whole daemon in an engine_world, with reloads. */
#ifndef TIDEMARK_TESTS_RELOAD_WORLD_H
#define TIDEMARK_TESTS_RELOAD_WORLD_H

#include "engine_world.h"

#include "daemon/supervisor/supervisor.h"

#define RELOAD_TURNS_MAX 100000

struct reload_step { /* at a turn the file is another one, and the daemon is told */
  uint64_t turn;
  const char *yaml;    /* NULL: what is in /q.yaml from the beginning */
  const char *give_up; /* sinks, a line each; NULL: none. The state folder is /state. */
};

/* 0: all pipelines of /p.yaml came to their end. calls_max: of the disk, then the machine is down;
 * 0: no end. */
int reload_life(struct world *world, const struct reload_step *steps, size_t n_steps,
                uint64_t calls_max, struct err *err);
extern struct reload_result reload_last; /* of that life */

#endif
