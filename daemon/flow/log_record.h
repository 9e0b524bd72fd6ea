/* log_record: what stands in the log: kinds of records, their bodies, and how they read.
 *
 * Bodies are the little-endian fields of daemon/state/snapshot.h, in the order of the structs. */
#ifndef TIDEMARK_FLOW_LOG_RECORD_H
#define TIDEMARK_FLOW_LOG_RECORD_H

#include "daemon/base/arena.h"
#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/flow/epoch.h"

enum log_kind {
  LOG_EPOCH = 1, /* an admitted group of input */
  LOG_PAYLOAD,   /* bytes of the input of the epoch that follows */
  LOG_SINK,      /* a sink holds everything up to an epoch */
  LOG_ABANDON,   /* the epochs from this one on were taken back before they had an effect */
  LOG_CONFIG,    /* the configuration (u64 id) in force from here on */
  LOG_UNRUN,     /* those from this one on had no effect, but their payload is here: the next
                    configuration runs them, whichever it is */
  LOG_SINK_GONE, /* a sink (its name) is no longer in the configuration; if it comes back, it begins
                    anew */
  LOG_DRAINED,   /* the pipeline stopped with nothing left behind */
  LOG_GIVEN_UP,  /* a sink was let off what it owed: as if it held everything up to an epoch */
};

/* One range of positions of one partition. */
struct log_input {
  uint32_t source, partition;
  uint64_t from, to;
  uint64_t bytes; /* of the records */
  uint32_t crc;   /* CRC-32C of those bytes */
  uint32_t flags; /* LOG_INPUT_PAYLOAD | enum take_flags << 8 */
};
#define LOG_INPUT_PAYLOAD 1u

/* A key that a source will want to know again (take_note() in plugin.h). */
struct log_note {
  uint32_t source;
  uint64_t value;
  int64_t expires_us; /* by the epochs' clock */
  struct slice key;
};

/* What a sink's other side refused; the body is payload, behind that of the inputs. */
struct log_reject {
  uint32_t sink;
  uint64_t upto_epoch;
  uint64_t bytes;
  uint32_t crc;
};

struct log_epoch {
  uint64_t number;
  int64_t clock_us;
  struct new_partition *new_partitions;
  size_t n_new;
  struct log_input *inputs;
  size_t n_inputs;
  struct partition_id *partition_ends;
  size_t n_partition_ends;
  uint32_t *source_ends;
  size_t n_source_ends;
  struct log_reject *rejects;
  size_t n_rejects;
  struct log_note *notes;
  size_t n_notes;
};
void log_epoch_put(struct buf *buf, const struct log_epoch *epoch);
int log_epoch_get(struct slice body, struct arena *arena, struct log_epoch *epoch);

struct log_sink {
  struct slice sink; /* component name */
  uint64_t epoch;
  struct slice state;
};
void log_sink_put(struct buf *buf, const struct log_sink *sink);
int log_sink_get(struct slice body, struct log_sink *sink);

struct log_given_up {
  struct slice sink; /* component name */
  struct sink_debt debt;
};
void log_given_up_put(struct buf *buf, const struct log_given_up *given_up);
int log_given_up_get(struct slice body, struct log_given_up *given_up);

/* A kind of record. redo is what recovery does with it; recovering keeps its own state. */
struct recovery;
struct log_kind_row {
  uint16_t id;
  const char *name;
  int (*redo)(struct recovery *recovery, uint64_t end_lsn, struct slice body, struct err *err);
  /* Appends a line for people. -1: the body is not what it should be. */
  int (*describe)(struct buf *out, struct slice body);
};
/* recover.c */
int recovery_redo_epoch(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                        struct err *err);
int recovery_redo_payload(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                          struct err *err);
int recovery_redo_sink(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                       struct err *err);
int recovery_redo_sink_gone(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                            struct err *err);
int recovery_redo_given_up(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                           struct err *err);
int recovery_redo_abandon(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                          struct err *err);
int recovery_redo_unrun(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                        struct err *err);
int recovery_redo_config(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                         struct err *err);
int recovery_redo_nothing(struct recovery *recovery, uint64_t end_lsn, struct slice body,
                          struct err *err);

const struct log_kind_row *log_kind_find(uint16_t id); /* or NULL */

#endif
