/* kafka_sim: brokers of Kafka in memory, which outlive the io that talks to them, as the disk does.
 *
 * They keep what real ones promise: offsets with gaps where transactions end, a last stable offset,
 * transactions that are seen whole or not at all, producers that are fenced, groups whose
 * partitions move one after the other (cooperative), static members, and offsets that a group has
 * committed; a commit that crosses a rebalance loses its member all that it has, as librdkafka's.
 * One broker is all of them; what bootstrap.servers says does not matter.
 *
 * Several io may talk to the same brokers, each with its own loop. The brokers' time is that of the
 * io that is furthest. A consumer is heard of while its loop runs: a loop that stands still while
 * the other goes on for longer than session.timeout.ms is a daemon that was stopped. So who drives
 * two loops waits in each for a short time in turn. */
#ifndef TIDEMARK_IO_KAFKA_SIM_H
#define TIDEMARK_IO_KAFKA_SIM_H

#include "daemon/io/clock.h"
#include "daemon/io/kafka.h"

struct sim_kafka; /* the brokers */

struct sim_kafka *sim_kafka_new(void);          /* no topics */
void sim_kafka_free(struct sim_kafka *brokers); /* no io is on them any more; NULL is fine */
/* This io's brokers, before its first client. Until then none is reached. */
void sim_kafka_join(struct kafka *kafka, struct sim_kafka *brokers);

struct sim_kafka_faults {     /* of one io; zeroed: none, and each step takes up to 2 ms */
  int64_t delay_us_max;       /* each request, answer and message is late by up to this */
  uint32_t lost_per_million;  /* an answer is lost: half of them of requests that were done */
  uint32_t cut_per_million;   /* a request finds the connection gone, for ... */
  int64_t cut_us_max;         /* ... up to this */
  uint32_t abort_per_million; /* a transaction's commit finds that it must be aborted */
  uint32_t fatal_per_million; /* a transaction's step finds that the producer is of no use */
  size_t refuse_over_bytes;   /* the brokers refuse records whose value is larger; 0: none */
  uint64_t crash_at;          /* the n-th request from now on (1 = next), see sim_kafka_crash(); it
                                 is done or not; 0: none */
};
void sim_kafka_set_faults(struct kafka *kafka, struct sim_kafka_faults faults);
uint64_t sim_kafka_calls(struct kafka *kafka); /* requests so far */
/* The brokers are not reached for so long. */
void sim_kafka_cut(struct kafka *kafka, int64_t for_us);
/* The daemon dies here, as far as the brokers know: nothing of this io reaches them any more, also
 * not that its clients are freed. Its members stay until their session is over, an open transaction
 * until it is fenced or timed out. */
void sim_kafka_crash(struct kafka *kafka);
bool sim_kafka_crashed(struct kafka *kafka);

/* ------------------------------------------------------------------ what a test does to brokers */

/* Time goes by with no daemon there. */
void sim_kafka_pass(struct sim_kafka *brokers, int64_t us);
/* Makes a topic, or gives it more partitions. */
void sim_kafka_topic(struct sim_kafka *brokers, const char *name, int32_t n_partitions);
/* A record, outside of any transaction; its offset. time_us and partition are given. */
int64_t sim_kafka_produce(struct sim_kafka *brokers, const struct kafka_record *record);
/* Retention: the records before an offset are gone. */
void sim_kafka_remove(struct sim_kafka *brokers, struct kafka_partition at, int64_t before);
/* Compaction: of records with one key only the newest stays; so do all without one. */
void sim_kafka_compact(struct sim_kafka *brokers, struct kafka_partition at);
int64_t sim_kafka_end(struct sim_kafka *brokers, struct kafka_partition at);

/* The first record at or behind *offset that a consumer sees who reads committed; *offset goes
 * behind it. False: there is none. It lives until the brokers are changed. */
bool sim_kafka_read(struct sim_kafka *brokers, struct kafka_partition at, int64_t *offset,
                    struct kafka_message *message);
/* What a group has committed, whether or not a transaction is about to change it. False: nothing.
 * The metadata lives until the next commit. */
bool sim_kafka_committed(struct sim_kafka *brokers, const char *group, struct kafka_partition at,
                         struct kafka_position *position);
/* As a tool for people does it. */
void sim_kafka_commit(struct sim_kafka *brokers, const char *group,
                      const struct kafka_position *position);
size_t sim_kafka_members(struct sim_kafka *brokers, const char *group);

/* ------------------------------------------------------------------ for io_sim.c */

struct kafka *kafka_sim_new(struct loop *loop, struct clock *clock, uint64_t seed);

#endif
