/* io_sim: a world in which a seed replays a whole run.
 *
 * One thread; time passes only in loop_wait(), which jumps to the next thing due. Jobs of execs run
 * inside loop_wait() too, in an order drawn from the seed (in order within one exec). The disk
 * lives in memory and outlives the loop: to "crash", close the io, call sim_disk_crash(), and open
 * another io on the same disk. Brokers of Kafka outlive it too: kafka_sim.h. */
#ifndef TIDEMARK_IO_IO_SIM_H
#define TIDEMARK_IO_IO_SIM_H

#include "daemon/base/slice.h"
#include "daemon/io/io.h"
#include "daemon/io/kafka_sim.h"

struct sim_disk_faults {
  uint64_t fail_at;        /* the n-th call from now that could fail does (1 = next); 0: none */
  bool fail_is_crash;      /* every call after that one fails too: the machine is going down */
  uint64_t capacity_bytes; /* beyond it ERR_RETRY "No space left on device"; 0: no limit */
  bool short_reads;        /* disk_read() is exercised in pieces inside; results are the same */
};

/* What becomes of writes that were not synced. */
enum sim_unsynced {
  SIM_UNSYNCED_KEPT,    /* as after kill -9 */
  SIM_UNSYNCED_DROPPED, /* as after a power cut, at its worst */
  SIM_UNSYNCED_MIXED,   /* each 512-byte sector kept, dropped or torn, by the seed */
};

struct disk *sim_disk_new(void); /* empty; disk_free() */
void sim_disk_set_faults(struct disk *disk, struct sim_disk_faults faults);
uint64_t sim_disk_calls(const struct disk *disk); /* that could have failed, so far */
void sim_disk_crash(struct disk *disk, enum sim_unsynced unsynced, struct random *random);
/* A file that is made has the inode of one that was deleted just before, if nobody has that open.
 */
void sim_disk_reuse_inodes(struct disk *disk, bool reuse);
/* How many files are open. */
size_t sim_disk_open_files(const struct disk *disk);
/* Flips one bit of a file, for tests of bit rot. */
int sim_disk_flip_bit(struct disk *disk, const char *path, uint64_t bit, struct err *err);

/* disk: from sim_disk_new(), not owned. wall_us: the clock at the start. */
int io_sim_open(struct io *io, uint64_t seed, int64_t wall_us, struct disk *disk, struct err *err);
void io_sim_close(struct io *io);

void sim_clock_jump(struct clock *clock, int64_t by_us); /* the wall clock, either way */
void sim_signal(struct loop *loop, int signal_number);
/* Text to be read from standard input, in pieces drawn from the seed; then its end if `ends`. */
void sim_stdin(struct loop *loop, const void *data, size_t len, bool ends);
/* All that was written to standard output. */
struct slice sim_stdout(struct loop *loop);
/* True when nothing is armed, posted or running: waiting would last for ever. */
bool sim_loop_idle(struct loop *loop);

struct sim_watch_faults {
  bool no_watchers;   /* none can be opened */
  size_t folders_max; /* of each watcher; 0: no limit */
  bool silent;        /* no notice comes, as on a network file system */
  bool overflow;      /* of what happens only WATCH_LOST is told */
};
void sim_watch_set_faults(struct watch *watch, struct sim_watch_faults faults);

/* A service manager that listens from now on; none does before. watchdog_us: 0 for none. */
void sim_notify_want(struct notify *notify, int64_t watchdog_us);
void sim_notify_full(struct notify *notify, bool full); /* it takes nothing meanwhile */
/* What it was told since the last time, an empty line behind each datagram; until the next one. */
const char *sim_notify_take(struct notify *notify);

struct sim_net_faults {
  int64_t delay_us_max;     /* each delivery is late by up to this */
  uint32_t cut_per_million; /* each operation cuts its connection with this chance */
};
void sim_net_set_faults(struct net *net, struct sim_net_faults faults);

/* The one HTTP server there is, whatever the url. */
struct sim_answer {
  int64_t delay_us;    /* from the request's arrival until this is known */
  int status;          /* 0: no answer */
  const char *headers; /* "Name: value" lines; NULL: none; copied */
  const char *body;    /* NULL: empty; copied */
  const char *failure; /* without status: what went wrong; NULL: silence until the timeout */
};
/* Called when a request arrives; answer is zeroed. Without a server connections are refused. */
typedef void sim_server_fn(void *arg, const struct fetch_request *request,
                           struct sim_answer *answer);
void sim_fetch_serve(struct fetch *fetch, sim_server_fn *fn, void *arg);

/* A message for the socket bound to an address, as it was given or chosen; false: there is none. */
bool sim_datagram(struct datagrams *datagrams, const char *address, const void *data, size_t len);

/* What the next process_start() plays; when there is none left, there is no such command. */
struct sim_program {
  const char *out, *err; /* what it prints; NULL: nothing. Copied. */
  int64_t run_us;        /* how long it runs; INT64_MAX: until it is asked to stop */
  int64_t stop_us;       /* how long it takes to end when asked, with its status unless 0; negative:
                            it does not */
  int status, signal;    /* how it ends by itself */
};
void sim_program(struct processes *processes, struct sim_program program);
int64_t sim_programs_started(struct processes *processes);
int64_t sim_programs_running(struct processes *processes);

#endif
