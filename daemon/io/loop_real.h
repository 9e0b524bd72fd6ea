/* loop_real: what net_real.c needs of the real loop. */
#ifndef TIDEMARK_IO_LOOP_REAL_H
#define TIDEMARK_IO_LOOP_REAL_H

#include "daemon/io/loop.h"

struct event_base;

struct event_base *loop_real_base(struct loop *loop);

#endif
