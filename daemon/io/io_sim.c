/* io_sim: the simulated parts put together. Each draws from a stream of its own, so that one more
 * draw in one part does not change what happens in the others. */
#include "daemon/io/io_sim.h"

#include "daemon/base/mem.h"
#include "daemon/io/clock_sim.h"
#include "daemon/io/datagram_sim.h"
#include "daemon/io/disk_sim.h"
#include "daemon/io/exec_sim.h"
#include "daemon/io/fetch_sim.h"
#include "daemon/io/kafka_sim.h"
#include "daemon/io/loop_sim.h"
#include "daemon/io/net_sim.h"
#include "daemon/io/notify_sim.h"
#include "daemon/io/process_sim.h"
#include "daemon/io/watch_sim.h"

#include <stdlib.h>

int io_sim_open(struct io *io, uint64_t seed, int64_t wall_us, struct disk *disk, struct err *err) {
  (void)err;
  struct random seeds;
  random_seed(&seeds, seed);
  struct clock *clock = clock_sim_new(wall_us);
  struct random *random = mem_alloc(sizeof *random);
  random_seed(random, random_u64(&seeds));
  struct loop *loop = loop_sim_new(clock, random_u64(&seeds));
  struct threads *threads = threads_sim_new(random_u64(&seeds));
  struct net *net = net_sim_new(loop, random_u64(&seeds));
  struct watch *watch = watch_sim_new(loop, disk, random_u64(&seeds));
  struct fetch *fetch = fetch_sim_new(loop, random_u64(&seeds));
  struct processes *processes = processes_sim_new(loop, random_u64(&seeds));
  struct kafka *kafka = kafka_sim_new(loop, clock, random_u64(&seeds));
  disk_sim_set_clock(disk, clock);
  *io = (struct io){.clock = clock,
                    .random = random,
                    .disk = disk,
                    .net = net,
                    .datagrams = datagrams_sim_new(loop),
                    .processes = processes,
                    .fetch = fetch,
                    .kafka = kafka,
                    .loop = loop,
                    .threads = threads,
                    .notify = notify_sim_new(),
                    .watch = watch};
  return 0;
}

void io_sim_close(struct io *io) {
  disk_sim_set_clock(io->disk, NULL);
  watch_free(io->watch);
  notify_free(io->notify);
  fetch_free(io->fetch);
  kafka_free(io->kafka);
  processes_free(io->processes);
  datagrams_free(io->datagrams);
  net_free(io->net);
  threads_free(io->threads);
  loop_free(io->loop);
  free(io->random);
  clock_free(io->clock);
  *io = (struct io){0};
}
