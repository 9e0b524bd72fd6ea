/* sim_group: who is in a group of the simulated brokers, and who has which partition.
 *
 * A partition that is to go to somebody else is asked back from who has it (`revoking`) and goes on
 * only when he has let go: cooperative, as librdkafka's cooperative-sticky. Who does not let go
 * within max.poll.interval.ms, or was not heard of for session.timeout.ms, is out. */
#ifndef TIDEMARK_IO_SIM_GROUP_H
#define TIDEMARK_IO_SIM_GROUP_H

#include "daemon/io/sim_brokers.h"

struct sim_consumer;

struct sim_member {
  struct sim_member *next; /* in order of joining */
  struct sim_group *group;
  struct sim_consumer *client; /* NULL: it has gone, and left its place to its session's timeout */
  char *instance;              /* group.instance.id; NULL: none */
  int64_t heard_us; /* when it was heard of last, unless the client tells; on the brokers' clock */
  int64_t session_us, poll_us;
  size_t planned; /* while balancing: how many partitions it will have */
};

struct sim_claim {
  struct sim_topic *topic;
  int32_t partition;
  struct sim_member *owner; /* NULL: nobody */
  bool revoking;
  int64_t since_us; /* revoking */
};

struct sim_group {
  struct sim_group *next;
  char *name;
  struct sim_member *members;
  uint64_t generation; /* one more with each rebalance; a commit of an older one is refused */
  struct sim_claim *claims;
  size_t n_claims, cap_claims;
};

/* A member for this client, with the place that its instance has if it has one: then *fenced is
 * the client that had it until now, or NULL. */
struct sim_member *sim_group_join(struct sim_kafka *brokers, const char *group,
                                  struct sim_consumer *client, const char *instance,
                                  struct sim_consumer **fenced);
/* It is out; what it had is free. Its client's member is NULL from here on. */
void sim_member_remove(struct sim_kafka *brokers, struct sim_member *member);
/* Its client has gone without a word, or is a static member's. */
void sim_member_leave(struct sim_kafka *brokers, struct sim_member *member);
/* It has let go of a partition. */
void sim_member_release(struct sim_kafka *brokers, struct sim_member *member,
                        struct kafka_partition at);
/* Gives out what is free and asks back what is to move, where something has changed. */
void sim_groups_balance(struct sim_kafka *brokers);
/* Those whose time is over at now_us are out; *next_us: when that may be so again. */
void sim_groups_expire(struct sim_kafka *brokers, int64_t *next_us);
/* NULL: there is none. */
struct sim_group *sim_group_find(struct sim_kafka *brokers, const char *name);
void sim_groups_free(struct sim_kafka *brokers);

/* ------------------------------------------------------------------ of kafka_sim*.c */

/* Its group may have something to tell it. */
void sim_consumer_poke(struct sim_consumer *client);
bool sim_consumer_wants(const struct sim_consumer *client, const char *topic);
void sim_consumer_out(struct sim_consumer *client);            /* its member is gone */
bool sim_consumer_is_heard(const struct sim_consumer *client); /* right now */
int64_t sim_consumer_heard_us(const struct sim_consumer *client);
/* There may be something new to fetch, for everybody. */
void sim_kafka_changed(struct sim_kafka *brokers);

#endif
