/* usage: what the process takes of the machine. Any thread may ask. */
#ifndef TIDEMARK_IO_USAGE_H
#define TIDEMARK_IO_USAGE_H

#include "daemon/io/exec.h"

struct usage {    /* 0: not known; all of it is on a simulated machine */
  int64_t cpu_us; /* user and system, all threads */
  uint64_t resident_bytes, virtual_bytes;
  uint64_t fds, fds_max;
  int64_t started_us; /* wall clock */
};

void usage_read(struct threads *threads, struct usage *usage);

void usage_real_read(struct usage *usage); /* of threads_real */

#endif
