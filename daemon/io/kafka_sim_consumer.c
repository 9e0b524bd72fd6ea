/* kafka_sim_consumer: a consumer of the simulated brokers; see kafka.h and kafka_sim.h.
 *
 * What it knows of a partition is a view. Two things happen to views in the loop: `sync` brings
 * them and the group together - what it let go of is told, what it was given or is asked for is
 * heard - and `fetch` brings messages nearer: those before `seen` can be polled. Each of them works
 * by the difference between what is and what is known, so it does not matter what was missed
 * meanwhile. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_sim_impl.h"

#include <assert.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { METADATA_BYTES_MAX = 4096, RUN_MAX = 16 };

struct sim_view {
  const char *topic; /* the brokers' */
  int32_t partition;
  bool owned;    /* given by the group */
  bool revoked;  /* and asked for, and that was told */
  bool released; /* let go of: the group has not heard yet */
  bool started;
  bool gone;          /* the offset is not there: to be told */
  int64_t next, seen; /* offsets: what is polled next, and what has been fetched */
  int64_t end;        /* of the partition, when it was looked at last */
};

struct sim_topics { /* subscribed to */
  char **names;
  regex_t *patterns; /* of those that begin with ^ */
  bool *missed;      /* told that it is not there */
  size_t n;
};

struct sim_consumer {
  struct kafka_consumer consumer;
  struct sim_client client;
  struct sim_consumer *next; /* of the io */
  struct kafka_consumer_events events;
  char *group, *instance; /* NULL: none */
  struct sim_topics topics;
  bool committed, headers, subscribed, fenced, tell_fenced, commit_is_out, ready_told;
  int64_t session_us, poll_us;
  struct sim_member *member; /* NULL: not in the group */
  uint64_t generation;       /* of the group, when it was heard of last */
  struct sim_source sync, fetch;
  struct sim_view *views;
  size_t n_views, cap_views;
  struct sim_body **lent; /* those of the messages polled last */
  size_t n_lent, cap_lent;
};

static struct sim_consumer *consumer_of(struct kafka_consumer *consumer) {
  return (struct sim_consumer *)consumer;
}

/* ------------------------------------------------------------------ views */

static struct kafka_partition place_of(const struct sim_view *view) {
  return (struct kafka_partition){view->topic, view->partition};
}

static struct sim_view *view_find(struct sim_consumer *c, struct kafka_partition at) {
  for (size_t i = 0; i < c->n_views; i++)
    if (c->views[i].partition == at.partition && strcmp(c->views[i].topic, at.topic) == 0)
      return &c->views[i];
  return NULL;
}

static struct sim_view *view_add(struct sim_consumer *c, struct kafka_partition at) {
  array_grow((void **)&c->views, &c->cap_views, c->n_views, sizeof *c->views);
  struct sim_view *view = &c->views[c->n_views++];
  *view = (struct sim_view){.topic = at.topic, .partition = at.partition, .end = KAFKA_OFFSET_NONE};
  return view;
}

static void view_remove(struct sim_consumer *c, size_t i) {
  memmove(&c->views[i], &c->views[i + 1], (c->n_views - i - 1) * sizeof *c->views);
  c->n_views--;
}

/* ------------------------------------------------------------------ the group */

void sim_consumer_poke(struct sim_consumer *c) {
  if (!c->client.sim->crashed) sim_soon(c->client.sim, &c->sync);
}

bool sim_consumer_wants(const struct sim_consumer *c, const char *topic) {
  for (size_t i = 0; i < c->topics.n; i++) {
    const char *name = c->topics.names[i];
    if (name[0] == '^' ? regexec(&c->topics.patterns[i], topic, 0, NULL, 0) == 0
                       : strcmp(name, topic) == 0)
      return true;
  }
  return false;
}

void sim_consumer_out(struct sim_consumer *c) {
  c->member = NULL;
  sim_consumer_poke(c);
}

bool sim_consumer_is_heard(const struct sim_consumer *c) {
  return sim_reached(c->client.sim);
}

int64_t sim_consumer_heard_us(const struct sim_consumer *c) {
  const struct kafka_sim *sim = c->client.sim;
  return sim->base_us + (sim_reached(sim) ? sim_now_us(sim->loop) : sim->cut_us);
}

static void tell_missing_topics(struct sim_consumer *c) {
  for (size_t i = 0; i < c->topics.n; i++) {
    const char *name = c->topics.names[i];
    bool missing = name[0] != '^' && sim_topic_find(c->client.sim->brokers, name) == NULL;
    bool tell = missing && !c->topics.missed[i];
    c->topics.missed[i] = missing;
    char *text = mem_printf("%s: there is no such topic", name);
    if (tell) c->events.trouble(c->client.arg, KAFKA_REFUSED, text);
    free(text);
  }
}

static void join(struct sim_consumer *c) {
  struct kafka_sim *sim = c->client.sim;
  struct sim_kafka *brokers = sim->brokers;
  struct sim_consumer *fenced;
  sim->base_us = sim_now(brokers) - sim_now_us(sim->loop); /* it may have been stopped */
  c->member = sim_group_join(brokers, c->group, c, c->instance, &fenced);
  c->member->session_us = c->session_us;
  c->member->poll_us = c->poll_us;
  if (fenced != NULL) {
    fenced->fenced = fenced->tell_fenced = true;
    sim_consumer_out(fenced);
  }
  sim_groups_balance(brokers);
}

/* It is out of the group: all that it had may be somebody else's by now. */
static void lose(struct sim_consumer *c) {
  struct kafka_partition *list = mem_alloc((c->n_views + 1) * sizeof *list);
  size_t n = 0;
  for (size_t i = c->n_views; i-- > 0;) {
    if (!c->views[i].owned) continue;
    if (!c->views[i].released) list[n++] = place_of(&c->views[i]);
    view_remove(c, i);
  }
  if (n > 0) c->events.revoked(c->client.arg, list, n, true);
  free(list);
  if (c->tell_fenced)
    c->events.trouble(c->client.arg, KAFKA_REFUSED,
                      "another member with the same group.instance.id has come: this one is out");
  c->tell_fenced = false;
}

/* The group hears of it when all that it asked for is let go of: that is one step to librdkafka. */
static void send_releases(struct sim_consumer *c) {
  for (size_t i = 0; i < c->n_views; i++)
    if (c->views[i].revoked && !c->views[i].released) return;
  for (size_t i = c->n_views; i-- > 0;) {
    if (!c->views[i].released) continue;
    struct kafka_partition at = place_of(&c->views[i]);
    view_remove(c, i);
    sim_member_release(c->client.sim->brokers, c->member, at);
  }
}

/* What was given and asked back again before that was heard. */
static void send_unheard(struct sim_consumer *c) {
  const struct sim_group *group = c->member->group;
  for (size_t i = 0; i < group->n_claims; i++) {
    const struct sim_claim *claim = &group->claims[i];
    struct kafka_partition at = {claim->topic->name, claim->partition};
    if (claim->owner == c->member && claim->revoking && view_find(c, at) == NULL)
      sim_member_release(c->client.sim->brokers, c->member, at);
  }
}

/* What the group says of partitions and was not heard yet: those given, or those asked for. */
static void hear(struct sim_consumer *c, bool revoking) {
  const struct sim_group *group = c->member->group;
  struct kafka_partition *list = mem_alloc((group->n_claims + 1) * sizeof *list);
  size_t n = 0;
  for (size_t i = 0; i < group->n_claims; i++) {
    const struct sim_claim *claim = &group->claims[i];
    if (claim->owner != c->member || claim->revoking != revoking) continue;
    struct kafka_partition at = {claim->topic->name, claim->partition};
    struct sim_view *view = view_find(c, at);
    if (view != NULL && view->owned && (view->revoked || !revoking)) continue;
    if (view == NULL) view = view_add(c, at);
    view->revoked = revoking;
    view->owned = true;
    list[n++] = at;
  }
  if (n > 0 && revoking) c->events.revoked(c->client.arg, list, n, false);
  if (n > 0 && !revoking) c->events.assigned(c->client.arg, list, n);
  free(list);
}

static void run_sync(struct sim_source *source) {
  struct sim_consumer *c = SIM_HOLDER(source, struct sim_consumer, sync);
  struct kafka_sim *sim = c->client.sim;
  source->due_us = SIM_NEVER;
  if (sim->crashed) return;
  sim_tell_down(&c->client);
  if (c->member == NULL) lose(c);
  if (!c->subscribed || c->fenced || !sim_reached(sim)) return;
  tell_missing_topics(c);
  if (c->member == NULL) {
    join(c);
  } else {
    send_releases(c);
    send_unheard(c);
    c->generation = c->member->group->generation;
    hear(c, true);
    if (c->member != NULL) hear(c, false);
  }
  sim_look(sim->brokers);
}

void sim_consumer_subscribe(struct kafka_consumer *consumer) {
  struct sim_consumer *c = consumer_of(consumer);
  assert(c->group != NULL && c->n_views == 0);
  c->subscribed = true;
  sim_consumer_poke(c);
}

void sim_consumers_crash(struct kafka_sim *sim) {
  for (struct sim_consumer *c = sim->consumers; c != NULL; c = c->next)
    if (c->member != NULL) sim_member_leave(sim->brokers, c->member);
}

void sim_consumers_poke(struct kafka_sim *sim) {
  for (struct sim_consumer *c = sim->consumers; c != NULL; c = c->next) sim_consumer_poke(c);
}

/* ------------------------------------------------------------------ fetching */

void sim_consumers_fetch(struct kafka_sim *sim) {
  for (struct sim_consumer *c = sim->consumers; c != NULL; c = c->next)
    if (!sim->crashed) sim_soon(sim, &c->fetch);
}

/* Whether there is something to poll; goes over what nobody sees. */
static bool has_some(const struct sim_consumer *c, struct sim_view *view) {
  if (!view->started) return false;
  const struct sim_part *part = sim_part_find(c->client.sim->brokers, place_of(view));
  if (view->next < part->start) view->gone = true;
  if (view->gone) return true;
  for (size_t i = sim_part_index(part, view->next); i < part->n; i++) {
    if (part->entries[i].offset >= view->seen) break;
    if (sim_entry_seen(&part->entries[i], c->committed)) return true;
  }
  view->next = view->seen;
  return false;
}

/* True: there is more than came this time. */
static bool fetch_view(struct sim_consumer *c, struct sim_view *view) {
  struct kafka_sim *sim = c->client.sim;
  const struct sim_part *part = sim_part_find(sim->brokers, place_of(view));
  if (!view->started || view->gone) return false;
  view->end = part->end;
  view->gone = view->next < part->start || view->next > part->end;
  int64_t stop = sim_part_stop(part, c->committed);
  if (view->gone || view->seen >= stop) return false;
  view->seen += 1 + (int64_t)random_below(&sim->random, (uint64_t)(stop - view->seen));
  return view->seen < stop;
}

static void run_fetch(struct sim_source *source) {
  struct sim_consumer *c = SIM_HOLDER(source, struct sim_consumer, fetch);
  bool more = false, some = false;
  source->due_us = SIM_NEVER;
  if (!sim_reached(c->client.sim)) return;
  for (size_t i = 0; i < c->n_views; i++) {
    more = fetch_view(c, &c->views[i]) || more;
    some = has_some(c, &c->views[i]) || some;
  }
  if (more) sim_soon(c->client.sim, source);
  if (!some || c->ready_told) return;
  c->ready_told = true;
  c->events.ready(c->client.arg);
}

void sim_consumer_start(struct kafka_consumer *consumer, struct kafka_partition at,
                        int64_t offset) {
  struct sim_consumer *c = consumer_of(consumer);
  struct sim_kafka *brokers = c->client.sim->brokers;
  struct sim_view *view = view_find(c, at);
  assert(!c->subscribed || (view != NULL && view->owned && !view->released));
  if (brokers == NULL || sim_part_find(brokers, at) == NULL) return; /* it never comes to be */
  if (view == NULL)
    view = view_add(
        c, (struct kafka_partition){sim_topic_find(brokers, at.topic)->name, at.partition});
  view->started = true;
  view->gone = false;
  view->next = view->seen = offset;
  sim_soon(c->client.sim, &c->fetch);
}

void sim_consumer_release(struct kafka_consumer *consumer, struct kafka_partition at) {
  struct sim_consumer *c = consumer_of(consumer);
  struct sim_view *view = view_find(c, at);
  if (view == NULL) return;
  view->started = view->gone = false;
  if (!view->owned) {
    view_remove(c, (size_t)(view - c->views));
  } else if (view->revoked) {
    view->released = true;
    sim_consumer_poke(c);
  }
}

/* ------------------------------------------------------------------ polling */

void sim_consumer_polled(struct kafka_consumer *consumer) {
  struct sim_consumer *c = consumer_of(consumer);
  for (size_t i = 0; i < c->n_lent; i++) free(c->lent[i]);
  c->n_lent = 0;
}

static struct kafka_message lend(struct sim_consumer *c, const struct sim_view *view,
                                 const struct sim_entry *entry) {
  const struct sim_body *from = entry->body;
  struct sim_body *body =
      sim_body_new(from->key, from->value, from->headers, c->headers ? from->n_headers : 0);
  array_grow((void **)&c->lent, &c->cap_lent, c->n_lent, sizeof *c->lent);
  c->lent[c->n_lent++] = body;
  return (struct kafka_message){.at = place_of(view),
                                .offset = entry->offset,
                                .time_us = entry->time_us,
                                .key = body->key,
                                .value = body->value,
                                .headers = body->headers,
                                .n_headers = body->n_headers};
}

static size_t poll_view(struct sim_consumer *c, struct sim_view *view,
                        struct kafka_message *messages, size_t max) {
  size_t n = 0;
  while (n < max && has_some(c, view) && !view->gone) {
    const struct sim_part *part = sim_part_find(c->client.sim->brokers, place_of(view));
    const struct sim_entry *entry = &part->entries[sim_part_index(part, view->next)];
    if (sim_entry_seen(entry, c->committed)) messages[n++] = lend(c, view, entry);
    view->next = entry->offset + 1;
  }
  return n;
}

size_t sim_consumer_poll(struct kafka_consumer *consumer, struct kafka_message *messages,
                         size_t max, struct kafka_position *gone) {
  struct sim_consumer *c = consumer_of(consumer);
  struct random *random = &c->client.sim->random;
  sim_consumer_polled(consumer);
  *gone = (struct kafka_position){.offset = KAFKA_OFFSET_NONE};
  size_t n = 0, before;
  do { /* some of each partition in turn, beginning with any */
    before = n;
    size_t first = c->n_views > 0 ? (size_t)random_below(random, c->n_views) : 0;
    for (size_t i = 0; i < c->n_views && n < max; i++) {
      size_t run = 1 + (size_t)random_below(random, RUN_MAX);
      n += poll_view(c, &c->views[(first + i) % c->n_views], messages + n,
                     run < max - n ? run : max - n);
    }
  } while (n > before && n < max);
  bool more = false;
  for (size_t i = 0; i < c->n_views; i++) {
    struct sim_view *view = &c->views[i];
    if (view->gone && gone->at.topic == NULL) {
      const struct sim_part *part = sim_part_find(c->client.sim->brokers, place_of(view));
      *gone = (struct kafka_position){.at = place_of(view), .offset = part->start};
      view->started = view->gone = false;
    }
    more = has_some(c, view) || more;
  }
  c->ready_told = more;
  return n;
}

int64_t sim_consumer_end(struct kafka_consumer *consumer, struct kafka_partition at) {
  const struct sim_view *view = view_find(consumer_of(consumer), at);
  return view != NULL ? view->end : KAFKA_OFFSET_NONE;
}

/* ------------------------------------------------------------------ requests */

static struct sim_consumer *asker(struct sim_ask *ask) {
  return SIM_HOLDER(ask->client, struct sim_consumer, client);
}

static bool fail(struct sim_ask *ask, enum err_code code, const char *text) {
  ask->failed = true;
  err_set(&ask->err, code, "localhost:9092: %s", text);
  return true;
}

/* The answer is lost, or was one. */
static bool finish(struct sim_ask *ask, enum sim_luck luck) {
  return luck == SIM_TOLD ? true : fail(ask, ERR_RETRY, "Timed out");
}

static bool arrive_committed(struct sim_ask *ask) {
  const struct sim_consumer *c = asker(ask);
  enum sim_luck luck = sim_luck(c->client.sim);
  struct sim_kafka *brokers = c->client.sim->brokers;
  for (size_t i = 0; i < ask->n && luck == SIM_TOLD; i++) {
    struct kafka_position *position = &ask->list[i];
    const struct sim_offset *offset = sim_offset_find(&brokers->offsets, c->group, position->at);
    if (c->committed && sim_offset_pending(brokers, c->group, position->at))
      return fail(ask, ERR_RETRY, "a transaction that is not over is about to commit for it");
    if (offset == NULL) continue;
    position->offset = offset->offset;
    free((void *)position->metadata.data);
    position->metadata =
        (struct slice){mem_strndup(offset->metadata, offset->metadata_len), offset->metadata_len};
  }
  return finish(ask, luck);
}

static bool arrive_offsets_at(struct sim_ask *ask) {
  const struct sim_consumer *c = asker(ask);
  enum sim_luck luck = sim_luck(c->client.sim);
  for (size_t i = 0; i < ask->n && luck == SIM_TOLD; i++) {
    const struct sim_part *part = sim_part_find(c->client.sim->brokers, ask->list[i].at);
    if (part == NULL) return fail(ask, ERR_CONFIG, "there is no such topic or partition");
    ask->list[i].offset = sim_part_at(part, ask->time_us, c->committed);
  }
  return finish(ask, luck);
}

/* Who belongs to no group's assignment may commit for one that has no members, as a tool does. */
static bool may_commit(const struct sim_consumer *c) {
  if (c->subscribed) return c->member != NULL;
  const struct sim_group *group = sim_group_find(c->client.sim->brokers, c->group);
  return group == NULL || group->members == NULL;
}

static bool arrive_commit(struct sim_ask *ask) {
  const struct sim_consumer *c = asker(ask);
  struct sim_kafka *brokers = c->client.sim->brokers;
  enum sim_luck luck = sim_luck(c->client.sim);
  if (luck == SIM_UNDONE) return finish(ask, luck);
  if (c->fenced) return fail(ask, ERR_IO, "another member has the group.instance.id");
  if (!may_commit(c)) return fail(ask, ERR_RETRY, "Unknown member");
  if (c->member != NULL && ask->generation != c->member->group->generation) {
    sim_member_remove(brokers, c->member); /* as librdkafka does: what it has is lost */
    return fail(ask, ERR_RETRY, "Specified group generation id is not valid");
  }
  for (size_t i = 0; i < ask->n; i++)
    if (ask->list[i].metadata.len > METADATA_BYTES_MAX)
      return fail(ask, ERR_CONFIG, "the offset's metadata is too large");
  for (size_t i = 0; i < ask->n; i++)
    if (sim_offset_set(brokers, &brokers->offsets, c->group, &ask->list[i]) != 0)
      return fail(ask, ERR_CONFIG, "there is no such topic or partition");
  return finish(ask, luck);
}

static struct sim_ask *ask_places(struct sim_consumer *c, bool (*arrive)(struct sim_ask *),
                                  const struct kafka_partition *list, size_t n,
                                  kafka_positions_fn *fn, void *arg) {
  struct kafka_position *positions = mem_zalloc((n + 1) * sizeof *positions);
  for (size_t i = 0; i < n; i++)
    positions[i] = (struct kafka_position){.at = list[i], .offset = KAFKA_OFFSET_NONE};
  struct sim_ask *ask = sim_ask_new(&c->client, arrive, positions, n, arg);
  ask->positions_fn = fn;
  free(positions);
  return ask;
}

void sim_consumer_committed(struct kafka_consumer *consumer, const struct kafka_partition *list,
                            size_t n, kafka_positions_fn *fn, void *arg) {
  assert(consumer_of(consumer)->group != NULL);
  ask_places(consumer_of(consumer), arrive_committed, list, n, fn, arg);
}

void sim_consumer_offsets_at(struct kafka_consumer *consumer, const struct kafka_partition *list,
                             size_t n, int64_t time_us, kafka_positions_fn *fn, void *arg) {
  ask_places(consumer_of(consumer), arrive_offsets_at, list, n, fn, arg)->time_us = time_us;
}

static void commit_answered(struct sim_ask *ask) {
  asker(ask)->commit_is_out = false;
}

void sim_consumer_commit(struct kafka_consumer *consumer, const struct kafka_position *list,
                         size_t n, kafka_positions_fn *fn, void *arg) {
  struct sim_consumer *c = consumer_of(consumer);
  assert(c->group != NULL && !c->commit_is_out);
  c->commit_is_out = true;
  struct sim_ask *ask = sim_ask_new(&c->client, arrive_commit, list, n, arg);
  ask->positions_fn = fn;
  ask->answered = commit_answered;
  ask->generation = c->generation;
}

/* Waited for, so it is done now or not at all. */
void sim_consumer_commit_last(struct kafka_consumer *consumer, const struct kafka_position *list,
                              size_t n) {
  struct sim_consumer *c = consumer_of(consumer);
  struct sim_kafka *brokers = c->client.sim->brokers;
  if (sim_luck(c->client.sim) == SIM_UNDONE || c->fenced || !may_commit(c)) return;
  if (c->member != NULL && c->generation != c->member->group->generation) return;
  for (size_t i = 0; i < n; i++) sim_offset_set(brokers, &brokers->offsets, c->group, &list[i]);
}

/* ------------------------------------------------------------------ life */

static void consumer_release(struct sim_consumer *c) {
  for (size_t i = 0; i < c->topics.n; i++) {
    if (c->topics.names[i][0] == '^') regfree(&c->topics.patterns[i]);
    free(c->topics.names[i]);
  }
  free(c->topics.names);
  free(c->topics.patterns);
  free(c->topics.missed);
  free(c->group);
  free(c->instance);
  free(c->views);
  free(c->lent);
  free(c);
}

static int topics_set(struct sim_topics *topics, const struct kafka_consumer_options *options,
                      struct err *err) {
  topics->names = mem_zalloc((options->n_topics + 1) * sizeof *topics->names);
  topics->patterns = mem_zalloc((options->n_topics + 1) * sizeof *topics->patterns);
  topics->missed = mem_zalloc(options->n_topics + 1);
  for (size_t i = 0; i < options->n_topics; i++) {
    const char *name = options->topics[i];
    if (name[0] == '^' && regcomp(&topics->patterns[i], name, REG_EXTENDED | REG_NOSUB) != 0)
      return err_set(err, ERR_CONFIG, "'%s' is not a regular expression", name);
    topics->names[topics->n++] = mem_strdup(name);
  }
  return 0;
}

int sim_consumer_new(struct kafka *kafka, const struct kafka_consumer_options *options,
                     const struct kafka_consumer_events *events, void *arg,
                     struct kafka_consumer **consumer, struct err *err) {
  if (sim_settings_check(kafka, &options->settings, false, err) != 0) return -1;
  const struct kafka_settings *settings = &options->settings;
  struct kafka_sim *sim = kafka_sim_of(kafka);
  struct sim_consumer *c = mem_zalloc(sizeof *c);
  if (topics_set(&c->topics, options, err) != 0) {
    consumer_release(c);
    return -1;
  }
  c->consumer.kafka = kafka;
  c->client = (struct sim_client){.sim = sim, .trouble = events->trouble, .arg = arg};
  c->events = *events;
  const char *group = sim_setting(settings, "group.id", NULL);
  const char *instance = sim_setting(settings, "group.instance.id", NULL);
  if (group != NULL) c->group = mem_strdup(group);
  if (instance != NULL) c->instance = mem_strdup(instance);
  c->committed =
      strcmp(sim_setting(settings, "isolation.level", "read_committed"), "read_committed") == 0;
  c->session_us = 1000 * sim_setting_number(settings, "session.timeout.ms", 45000);
  c->poll_us = 1000 * sim_setting_number(settings, "max.poll.interval.ms", 300000);
  c->headers = options->headers;
  c->sync.run = run_sync;
  c->fetch.run = run_fetch;
  sim_source_add(sim->loop, &c->sync);
  sim_source_add(sim->loop, &c->fetch);
  c->next = sim->consumers;
  sim->consumers = c;
  if (!sim_reached(sim)) sim_consumer_poke(c);
  *consumer = &c->consumer;
  return 0;
}

void sim_consumer_free(struct kafka_consumer *consumer) {
  struct sim_consumer *c = consumer_of(consumer);
  struct kafka_sim *sim = c->client.sim;
  if (c->member != NULL) {
    if (c->instance != NULL || !sim_reached(sim))
      sim_member_leave(sim->brokers, c->member);
    else
      sim_member_remove(sim->brokers, c->member);
    sim_look(sim->brokers);
  }
  sim_consumer_polled(consumer);
  sim_asks_free(&c->client);
  sim_source_remove(sim->loop, &c->sync);
  sim_source_remove(sim->loop, &c->fetch);
  struct sim_consumer **at = &sim->consumers;
  while (*at != c) at = &(*at)->next;
  *at = c->next;
  consumer_release(c);
}
