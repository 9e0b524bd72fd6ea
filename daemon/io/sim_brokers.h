/* sim_brokers: what is in the simulated brokers of Kafka: topics and their records, transactions,
 * offsets of groups. No time, no chance and no connection is here: kafka_sim*.c have those. The
 * members of groups are in sim_group.h. */
#ifndef TIDEMARK_IO_SIM_BROKERS_H
#define TIDEMARK_IO_SIM_BROKERS_H

#include "daemon/io/kafka_sim.h"

/* ------------------------------------------------------------------ records */

/* A record's own bytes, in one piece of memory. */
struct sim_body {
  struct slice key, value;
  size_t n_headers;
  struct kafka_header headers[];
};
struct sim_body *sim_body_new(struct slice key, struct slice value,
                              const struct kafka_header *headers, size_t n_headers); /* free() */

enum sim_entry_state {
  SIM_VISIBLE,
  SIM_OPEN,    /* of a transaction that is not over: who reads committed stops here */
  SIM_ABORTED, /* of one that was aborted */
  SIM_MARKER,  /* the end of one; no consumer sees it */
};
struct sim_entry {
  int64_t offset, time_us;
  enum sim_entry_state state;
  uint64_t writer;       /* the transaction; 0: none */
  struct sim_body *body; /* NULL: a marker */
};

/* Entries in order of offset; some offsets have none. */
struct sim_part {
  struct sim_entry *entries;
  size_t n, cap;
  int64_t start, end; /* offsets: the first that is kept, the next to be given */
  int64_t settled;    /* no record before this offset is of an open transaction */
};
struct sim_topic {
  struct sim_topic *next; /* in order of making */
  char *name;
  struct sim_part *parts;
  int32_t n_parts;
};

/* ------------------------------------------------------------------ transactions and offsets */

struct sim_offset { /* of a group */
  char *group;
  struct sim_topic *topic;
  int32_t partition;
  int64_t offset;
  char *metadata;
  size_t metadata_len;
};
struct sim_offsets {
  struct sim_offset *items;
  size_t n, cap;
};

enum sim_transaction_state { SIM_ENDED, SIM_BEGUN, SIM_COMMITTING, SIM_ABORTING };
struct sim_transaction { /* one transactional.id */
  struct sim_transaction *next;
  char *id;
  uint64_t epoch;  /* of the newest producer; an older one is fenced */
  uint64_t writer; /* of the transaction that is there, or was last */
  enum sim_transaction_state state;
  int64_t timeout_us;
  int64_t due_us; /* begun: its timeout; committing, aborting: when the markers are written */
  struct sim_offsets offsets; /* come into force with the commit */
};

struct sim_group;

struct sim_kafka {
  struct sim_topic *topics;
  struct sim_transaction *transactions;
  struct sim_offsets offsets;
  struct sim_group *groups;
  uint64_t writers;          /* transactions so far */
  int64_t now_us;            /* at least; see sim_now() in kafka_sim_impl.h */
  struct kafka_sim *clients; /* the io that are on these brokers */
};

struct sim_topic *sim_topic_find(struct sim_kafka *brokers, const char *name);
/* NULL: there is none. */
struct sim_part *sim_part_find(struct sim_kafka *brokers, struct kafka_partition at);
/* The first entry at or behind an offset, part->n when there is none. */
size_t sim_part_index(const struct sim_part *part, int64_t offset);
/* Where a consumer comes to a stop: the end, or the first record of an open transaction. */
int64_t sim_part_stop(const struct sim_part *part, bool committed);
bool sim_entry_seen(const struct sim_entry *entry, bool committed);
/* The body becomes the brokers'. Its offset. */
int64_t sim_part_append(struct sim_part *part, int64_t time_us, struct sim_body *body,
                        uint64_t writer);
/* The first offset whose record is at or behind a time, else the stop. */
int64_t sim_part_at(const struct sim_part *part, int64_t time_us, bool committed);

struct sim_transaction *sim_transaction_get(struct sim_kafka *brokers, const char *id);
/* Begins it unless it has begun. */
void sim_transaction_write(struct sim_kafka *brokers, struct sim_transaction *transaction);
/* The end is decided and comes about at due_us: then, or earlier, sim_transaction_finish(). */
void sim_transaction_end(struct sim_transaction *transaction, bool commit, int64_t due_us);
void sim_transaction_finish(struct sim_kafka *brokers, struct sim_transaction *transaction);

struct sim_offset *sim_offset_find(const struct sim_offsets *offsets, const char *group,
                                   struct kafka_partition at);
/* -1: there is no such partition. */
int sim_offset_set(struct sim_kafka *brokers, struct sim_offsets *offsets, const char *group,
                   const struct kafka_position *position);
/* Whether a transaction that is not over is about to commit for it. */
bool sim_offset_pending(const struct sim_kafka *brokers, const char *group,
                        struct kafka_partition at);

#endif
