/* notify_sim: for io_sim.c. */
#ifndef TIDEMARK_IO_NOTIFY_SIM_H
#define TIDEMARK_IO_NOTIFY_SIM_H

#include "daemon/io/notify.h"

struct notify *notify_sim_new(void);

#endif
