/* io_world: one suite for two implementations. A contract test gets a struct io_world that is real
 * the first time and simulated the second; BOTH() lists it twice. */
#ifndef TIDEMARK_TESTS_IO_WORLD_H
#define TIDEMARK_TESTS_IO_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/io/io.h"
#include "daemon/io/io_sim.h"

#include <stdbool.h>

struct io_world {
  struct io io;
  struct err err;
  char *dir; /* empty, exists */
  bool real;
  struct disk *sim_disk; /* NULL when real */
};

int io_world_real(void **state);
int io_world_sim(void **state);
int io_world_end(void **state);

#define REAL(test)                                                                                 \
  { #test ", real", test, io_world_real, io_world_end, NULL }
#define SIM(test)                                                                                  \
  { #test ", simulated", test, io_world_sim, io_world_end, NULL }
#define BOTH(test) REAL(test), SIM(test)

/* A path in the world's folder; valid until the next four calls. */
const char *io_world_path(struct io_world *world, const char *name);

/* Waits, not for ever, until *flag is at least n. */
void io_world_until(struct io_world *world, const int *flag, int n);

#define OK(world, call)                                                                            \
  do {                                                                                             \
    if ((call) != 0) fail_msg("%s", (world)->err.text);                                            \
  } while (0)

#endif
