/* disk_sim: what io_sim.c needs of the simulated disk. */
#ifndef TIDEMARK_IO_DISK_SIM_H
#define TIDEMARK_IO_DISK_SIM_H

#include "daemon/io/clock.h"
#include "daemon/io/disk.h"

/* The clock files are stamped with; NULL: none, files are of 1970. */
void disk_sim_set_clock(struct disk *disk, struct clock *clock);

#endif
