/* io: everything that could differ between two runs, behind interfaces.
 *
 * No code outside daemon/io/ reads a clock, draws a random number, starts a thread, or touches a
 * file or socket. Each interface has a real implementation and a simulated one in which a seed
 * replays a whole run: io_real_open() gives the former, io_sim_open() (io_sim.h) the latter. */
#ifndef TIDEMARK_IO_IO_H
#define TIDEMARK_IO_IO_H

#include "daemon/base/err.h"
#include "daemon/io/clock.h"
#include "daemon/io/datagram.h"
#include "daemon/io/disk.h"
#include "daemon/io/exec.h"
#include "daemon/io/fetch.h"
#include "daemon/io/kafka.h"
#include "daemon/io/loop.h"
#include "daemon/io/memory.h"
#include "daemon/io/net.h"
#include "daemon/io/notify.h"
#include "daemon/io/process.h"
#include "daemon/io/random.h"
#include "daemon/io/watch.h"

/* The parts are owned by whoever opened the io and live until io_close(). */
struct io {
  struct clock *clock;
  struct random *random;
  struct disk *disk;
  struct net *net;
  struct datagrams *datagrams;
  struct processes *processes;
  struct fetch *fetch;
  struct kafka *kafka;
  struct loop *loop;
  struct threads *threads;
  struct notify *notify;
  struct watch *watch;
  struct memory *memory;
};

int io_real_open(struct io *io, struct err *err);
void io_real_close(struct io *io);

#endif
