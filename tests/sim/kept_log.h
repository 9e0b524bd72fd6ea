/* kept_log: the epochs of a run, as the pipeline's log had them, however often it was cut back.
 *
 * The log forgets what snapshots stand for, so it is read again and again on the way: between
 * lives, and whenever its folder has changed. What is read later replaces what was read before,
 * because an epoch that a crash took back comes again with other contents. */
#ifndef TIDEMARK_TESTS_SIM_KEPT_LOG_H
#define TIDEMARK_TESTS_SIM_KEPT_LOG_H

#include "daemon/base/buf.h"
#include "daemon/io/io.h"

#define KEPT_LOG_STATE "/state"

struct kept_epoch {
  char *line; /* JSON; NULL: not seen */
};

struct kept_log {
  struct kept_epoch *epochs; /* number 1 is the first */
  size_t n, cap;
  uint64_t config;
  struct buf names; /* of the segments, as they were read last */
};

void kept_log_fini(struct kept_log *log);
/* Reads all of it. Calls of the disk that it makes must not fail; a log that cannot be read, or is
 * not there, changes nothing. Only between lives, or on the loop's thread beside the engine. */
void kept_log_read(struct kept_log *log, struct io *io);
/* Reads it if segments came or went. */
void kept_log_look(struct kept_log *log, struct io *io);
/* A line for each epoch: {"epoch", "clock", "config", "new": [[source, partition, name]],
 * "in": [[source, partition, from, to, payload in hex or null]], "partition_ends": [[source,
 * partition]], "source_ends": [source], "rejects": [sink]} */
void kept_log_put(const struct kept_log *log, struct buf *out);

#endif
