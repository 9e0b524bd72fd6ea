/* fetch_sim: requests to a server that a test writes down (sim_fetch_serve() in io_sim.h). */
#ifndef TIDEMARK_IO_FETCH_SIM_H
#define TIDEMARK_IO_FETCH_SIM_H

#include "daemon/io/fetch.h"

struct fetch *fetch_sim_new(struct loop *loop, uint64_t seed);

#endif
