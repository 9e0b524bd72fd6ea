/* io_real: the real parts put together. */
#include "daemon/base/mem.h"
#include "daemon/io/io.h"

#include <stdlib.h>

int io_real_open(struct io *io, struct err *err) {
  struct loop *loop = loop_real_new(err);
  if (loop == NULL) return -1;
  struct threads *threads = threads_real_new();
  *io = (struct io){
      .clock = clock_real_new(),
      .random = mem_alloc(sizeof(struct random)),
      .disk = disk_real_new(),
      .net = net_real_new(loop),
      .datagrams = datagrams_real_new(loop),
      .processes = processes_real_new(loop),
      .fetch = fetch_real_new(loop),
      .kafka = kafka_real_new(loop, threads),
      .loop = loop,
      .threads = threads,
      .notify = notify_real_new(),
      .watch = watch_real_new(loop),
      .memory = memory_real_new(),
  };
  random_seed(io->random, random_system_seed());
  return 0;
}

/* Whatever uses the loop goes before it. */
void io_real_close(struct io *io) {
  notify_free(io->notify);
  memory_free(io->memory);
  kafka_free(io->kafka);
  threads_free(io->threads);
  fetch_free(io->fetch);
  processes_free(io->processes);
  datagrams_free(io->datagrams);
  net_free(io->net);
  watch_free(io->watch);
  loop_free(io->loop);
  disk_free(io->disk);
  free(io->random);
  clock_free(io->clock);
  *io = (struct io){0};
}
