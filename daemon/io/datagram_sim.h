/* datagram_sim: messages within one process; sim_datagram() of io_sim.h sends them. */
#ifndef TIDEMARK_IO_DATAGRAM_SIM_H
#define TIDEMARK_IO_DATAGRAM_SIM_H

#include "daemon/io/datagram.h"

struct datagrams *datagrams_sim_new(struct loop *loop); /* on a simulated loop */

#endif
