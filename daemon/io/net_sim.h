/* net_sim: a network within one process. */
#ifndef TIDEMARK_IO_NET_SIM_H
#define TIDEMARK_IO_NET_SIM_H

#include "daemon/io/net.h"

#include <stdint.h>

struct net *net_sim_new(struct loop *loop, uint64_t seed); /* on a simulated loop */

#endif
