/* exec_sim: jobs, parts and copies without threads, in an order drawn from the seed. */
#ifndef TIDEMARK_IO_EXEC_SIM_H
#define TIDEMARK_IO_EXEC_SIM_H

#include "daemon/io/exec.h"

struct threads *threads_sim_new(uint64_t seed);

#endif
