/* sim_group: see sim_group.h.
 *
 * A balance is sticky: who has a partition keeps it unless somebody else, who wants it too, would
 * have two less than he. What is free goes to who has least. Both go by what everybody will have
 * once all that is being asked back has moved, so nothing is asked back twice. */
#include "daemon/io/sim_group.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct sim_group *sim_group_find(struct sim_kafka *brokers, const char *name) {
  struct sim_group *group = brokers->groups;
  while (group != NULL && strcmp(group->name, name) != 0) group = group->next;
  return group;
}

static struct sim_group *group_get(struct sim_kafka *brokers, const char *name) {
  struct sim_group *group = sim_group_find(brokers, name);
  if (group != NULL) return group;
  group = mem_zalloc(sizeof *group);
  group->name = mem_strdup(name);
  group->next = brokers->groups;
  brokers->groups = group;
  return group;
}

/* ------------------------------------------------------------------ balance */

/* A member whose client has gone keeps what it has and wants nothing more. */
static bool wants(const struct sim_member *member, const struct sim_claim *claim) {
  return member->client != NULL && sim_consumer_wants(member->client, claim->topic->name);
}

static void claims_complete(struct sim_kafka *brokers, struct sim_group *group) {
  for (struct sim_topic *topic = brokers->topics; topic != NULL; topic = topic->next) {
    int32_t known = 0;
    for (size_t i = 0; i < group->n_claims; i++) known += group->claims[i].topic == topic;
    for (; known < topic->n_parts; known++) {
      array_grow((void **)&group->claims, &group->cap_claims, group->n_claims,
                 sizeof *group->claims);
      group->claims[group->n_claims++] = (struct sim_claim){.topic = topic, .partition = known};
    }
  }
}

/* Of those who want it, who will have least. */
static struct sim_member *poorest(struct sim_group *group, const struct sim_claim *claim) {
  struct sim_member *found = NULL;
  for (struct sim_member *m = group->members; m != NULL; m = m->next)
    if (wants(m, claim) && (found == NULL || m->planned < found->planned)) found = m;
  return found;
}

static void plan(struct sim_group *group) {
  for (struct sim_member *m = group->members; m != NULL; m = m->next) m->planned = 0;
  for (size_t i = 0; i < group->n_claims; i++) {
    struct sim_claim *claim = &group->claims[i];
    if (claim->owner != NULL && !claim->revoking) claim->owner->planned++;
  }
  for (size_t i = 0; i < group->n_claims; i++) {
    struct sim_claim *claim = &group->claims[i];
    if (claim->owner != NULL && !claim->revoking) continue;
    struct sim_member *member = poorest(group, claim);
    if (member == NULL) continue;
    if (claim->owner == NULL) claim->owner = member;
    member->planned++;
  }
}

static bool ask_back_one(struct sim_kafka *brokers, struct sim_group *group) {
  for (size_t i = group->n_claims; i-- > 0;) {
    struct sim_claim *claim = &group->claims[i];
    if (claim->owner == NULL || claim->revoking || claim->owner->client == NULL) continue;
    struct sim_member *member = poorest(group, claim);
    bool unwanted = !wants(claim->owner, claim);
    if (!unwanted && (member == NULL || member->planned + 2 > claim->owner->planned)) continue;
    claim->revoking = true;
    claim->since_us = brokers->now_us;
    claim->owner->planned--;
    if (member != NULL) member->planned++;
    return true;
  }
  return false;
}

static void balance(struct sim_kafka *brokers, struct sim_group *group) {
  group->generation++;
  claims_complete(brokers, group);
  plan(group);
  while (ask_back_one(brokers, group)) continue;
  for (struct sim_member *m = group->members; m != NULL; m = m->next)
    if (m->client != NULL) sim_consumer_poke(m->client);
}

void sim_groups_balance(struct sim_kafka *brokers) {
  for (struct sim_group *group = brokers->groups; group != NULL; group = group->next)
    balance(brokers, group);
}

/* ------------------------------------------------------------------ members */

struct sim_member *sim_group_join(struct sim_kafka *brokers, const char *name,
                                  struct sim_consumer *client, const char *instance,
                                  struct sim_consumer **fenced) {
  struct sim_group *group = group_get(brokers, name);
  struct sim_member **at = &group->members;
  *fenced = NULL;
  while (*at != NULL &&
         (instance == NULL || (*at)->instance == NULL || strcmp((*at)->instance, instance) != 0))
    at = &(*at)->next;
  struct sim_member *member = *at;
  if (member == NULL) {
    member = *at = mem_zalloc(sizeof *member);
    member->group = group;
    if (instance != NULL) member->instance = mem_strdup(instance);
  } else {
    *fenced = member->client;
    for (size_t i = 0; i < group->n_claims; i++) /* there is nobody left to ask it back from */
      if (group->claims[i].owner == member && group->claims[i].revoking)
        group->claims[i] = (struct sim_claim){.topic = group->claims[i].topic,
                                              .partition = group->claims[i].partition};
  }
  member->client = client;
  return member;
}

static void give_up(struct sim_claim *claim) {
  claim->owner = NULL;
  claim->revoking = false;
}

void sim_member_remove(struct sim_kafka *brokers, struct sim_member *member) {
  struct sim_group *group = member->group;
  for (size_t i = 0; i < group->n_claims; i++)
    if (group->claims[i].owner == member) give_up(&group->claims[i]);
  struct sim_member **at = &group->members;
  while (*at != member) at = &(*at)->next;
  *at = member->next;
  if (member->client != NULL) sim_consumer_out(member->client);
  free(member->instance);
  free(member);
  balance(brokers, group);
}

void sim_member_leave(struct sim_kafka *brokers, struct sim_member *member) {
  member->heard_us = sim_consumer_heard_us(member->client);
  sim_consumer_out(member->client);
  member->client = NULL;
  balance(brokers, member->group);
}

void sim_member_release(struct sim_kafka *brokers, struct sim_member *member,
                        struct kafka_partition at) {
  struct sim_group *group = member->group;
  for (size_t i = 0; i < group->n_claims; i++) {
    struct sim_claim *claim = &group->claims[i];
    if (claim->owner == member && claim->revoking && claim->partition == at.partition &&
        strcmp(claim->topic->name, at.topic) == 0)
      give_up(claim);
  }
  balance(brokers, group);
}

/* ------------------------------------------------------------------ time */

static int64_t out_at_us(const struct sim_member *member) {
  const struct sim_group *group = member->group;
  int64_t heard_us =
      member->client != NULL ? sim_consumer_heard_us(member->client) : member->heard_us;
  int64_t at_us = heard_us + member->session_us;
  for (size_t i = 0; i < group->n_claims; i++) {
    const struct sim_claim *claim = &group->claims[i];
    if (claim->owner == member && claim->revoking && claim->since_us + member->poll_us < at_us)
      at_us = claim->since_us + member->poll_us;
  }
  return at_us;
}

/* Whose client is heard of right now is out only when it does not let go. */
static bool never_out(const struct sim_member *member, int64_t now_us, int64_t at_us) {
  return member->client != NULL && sim_consumer_is_heard(member->client) &&
         at_us == now_us + member->session_us;
}

void sim_groups_expire(struct sim_kafka *brokers, int64_t *next_us) {
  int64_t now_us = brokers->now_us;
  for (struct sim_group *group = brokers->groups; group != NULL; group = group->next) {
    for (struct sim_member *m = group->members, *next; m != NULL; m = next) {
      next = m->next;
      int64_t at_us = out_at_us(m);
      if (at_us <= now_us)
        sim_member_remove(brokers, m);
      else if (!never_out(m, now_us, at_us) && at_us < *next_us)
        *next_us = at_us;
    }
  }
}

size_t sim_kafka_members(struct sim_kafka *brokers, const char *name) {
  const struct sim_group *group = sim_group_find(brokers, name);
  size_t n = 0;
  for (const struct sim_member *m = group != NULL ? group->members : NULL; m != NULL; m = m->next)
    n++;
  return n;
}

void sim_groups_free(struct sim_kafka *brokers) {
  for (struct sim_group *group = brokers->groups, *next; group != NULL; group = next) {
    next = group->next;
    for (struct sim_member *m = group->members, *after; m != NULL; m = after) {
      after = m->next;
      free(m->instance);
      free(m);
    }
    free(group->claims);
    free(group->name);
    free(group);
  }
}
