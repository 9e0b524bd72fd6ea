/* process_sim: programs that do what sim_program() of io_sim.h said. */
#ifndef TIDEMARK_IO_PROCESS_SIM_H
#define TIDEMARK_IO_PROCESS_SIM_H

#include "daemon/io/process.h"

struct processes *processes_sim_new(struct loop *loop, uint64_t seed); /* on a simulated loop */

#endif
