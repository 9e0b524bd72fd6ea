/* watch_sim: what io_sim.c needs of the simulated notices. */
#ifndef TIDEMARK_IO_WATCH_SIM_H
#define TIDEMARK_IO_WATCH_SIM_H

#include "daemon/io/disk.h"
#include "daemon/io/loop.h"
#include "daemon/io/watch.h"

#include <stdint.h>

/* Notices of the simulated disk's changes, each late by a drawn time. Loop and disk live longer. */
struct watch *watch_sim_new(struct loop *loop, struct disk *disk, uint64_t seed);

#endif
