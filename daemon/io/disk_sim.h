/* disk_sim: what io_sim.c needs of the simulated disk. */
#ifndef TIDEMARK_IO_DISK_SIM_H
#define TIDEMARK_IO_DISK_SIM_H

#include "daemon/io/clock.h"
#include "daemon/io/disk.h"

/* The clock files are stamped with; NULL: none, files are of 1970. */
void disk_sim_set_clock(struct disk *disk, struct clock *clock);
/* Calls fn after each change of a name (made, gone, moved), and after each of the bytes of a file
 * for every name that it has; path is as sim_path() gives it. fn NULL: no more. */
typedef void disk_sim_change_fn(void *arg, const char *path, bool names);
void disk_sim_on_change(struct disk *disk, disk_sim_change_fn *fn, void *arg);

#endif
