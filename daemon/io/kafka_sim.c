/* kafka_sim: see kafka_sim.h. This file is the io's side of the connection: time, faults, requests
 * that are on their way. What a consumer and a producer make of them is in kafka_sim_consumer.c and
 * kafka_sim_producer.c; what the brokers have, in sim_brokers.c and sim_group.c.
 *
 * The brokers have no loop of their own: what is due there is done when somebody looks, and each io
 * has a source for the next thing that will be due. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_sim_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DELAY_US_MAX = 2000, MILLION = 1000000 };

/* ------------------------------------------------------------------ time */

static int64_t time_of(const struct kafka_sim *sim) {
  return sim->base_us + sim_now_us(sim->loop);
}

int64_t sim_now(struct sim_kafka *brokers) {
  for (const struct kafka_sim *sim = brokers->clients; sim != NULL; sim = sim->next)
    if (time_of(sim) > brokers->now_us) brokers->now_us = time_of(sim);
  return brokers->now_us;
}

void sim_look(struct sim_kafka *brokers) {
  int64_t now_us = sim_now(brokers), next_us = SIM_NEVER;
  bool changed = false;
  for (struct sim_transaction *t = brokers->transactions; t != NULL; t = t->next) {
    if (t->state == SIM_ENDED) continue;
    if (t->due_us > now_us) {
      if (t->due_us < next_us) next_us = t->due_us;
      continue;
    }
    if (t->state == SIM_BEGUN) t->epoch++; /* who comes back to it is fenced */
    sim_transaction_finish(brokers, t);
    changed = true;
  }
  sim_groups_expire(brokers, &next_us);
  if (changed) sim_kafka_changed(brokers);
  for (struct kafka_sim *sim = brokers->clients; sim != NULL; sim = sim->next) {
    sim->tick.due_us = SIM_NEVER;
    if (next_us == SIM_NEVER || sim->crashed) continue;
    int64_t due_us = next_us - sim->base_us;
    sim->tick.due_us = due_us > sim_now_us(sim->loop) ? due_us : sim_now_us(sim->loop);
  }
}

static void run_tick(struct sim_source *source) {
  source->due_us = SIM_NEVER;
  sim_look(SIM_HOLDER(source, struct kafka_sim, tick)->brokers);
}

void sim_kafka_pass(struct sim_kafka *brokers, int64_t us) {
  assert(brokers->clients == NULL);
  brokers->now_us += us;
  sim_look(brokers);
}

int64_t sim_delay_us(struct kafka_sim *sim) {
  int64_t max_us = sim->faults.delay_us_max > 0 ? sim->faults.delay_us_max : DELAY_US_MAX;
  return (int64_t)random_below(&sim->random, (uint64_t)max_us + 1);
}

void sim_soon(struct kafka_sim *sim, struct sim_source *source) {
  int64_t due_us = sim_now_us(sim->loop) + sim_delay_us(sim);
  if (due_us < source->due_us) source->due_us = due_us;
}

/* ------------------------------------------------------------------ faults */

bool sim_reached(const struct kafka_sim *sim) {
  return !sim->crashed && sim->cut_until_us <= sim_now_us(sim->loop);
}

bool sim_strikes(struct kafka_sim *sim, uint32_t per_million) {
  return per_million > 0 && random_below(&sim->random, MILLION) < per_million;
}

enum sim_luck sim_luck(struct kafka_sim *sim) {
  if (!sim_reached(sim)) return SIM_UNDONE;
  sim->calls++;
  if (sim->calls == sim->crash_at) {
    if (random_below(&sim->random, 2) == 0) {
      sim_kafka_crash(&sim->kafka);
      return SIM_UNDONE;
    }
    sim->dying = true;
    return SIM_UNTOLD;
  }
  if (sim_strikes(sim, sim->faults.cut_per_million)) {
    int64_t max_us = sim->faults.cut_us_max > 0 ? sim->faults.cut_us_max : 1;
    sim_kafka_cut(&sim->kafka, 1 + (int64_t)random_below(&sim->random, (uint64_t)max_us));
    return SIM_UNDONE;
  }
  if (!sim_strikes(sim, sim->faults.lost_per_million)) return SIM_TOLD;
  return random_below(&sim->random, 2) == 0 ? SIM_UNTOLD : SIM_UNDONE;
}

void sim_kafka_set_faults(struct kafka *kafka, struct sim_kafka_faults faults) {
  struct kafka_sim *sim = kafka_sim_of(kafka);
  sim->faults = faults;
  sim->crash_at = faults.crash_at > 0 ? sim->calls + faults.crash_at : 0;
}

uint64_t sim_kafka_calls(struct kafka *kafka) {
  return kafka_sim_of(kafka)->calls;
}

void sim_kafka_cut(struct kafka *kafka, int64_t for_us) {
  struct kafka_sim *sim = kafka_sim_of(kafka);
  int64_t now_us = sim_now_us(sim->loop);
  if (sim_reached(sim)) sim->cut_us = now_us;
  if (now_us + for_us > sim->cut_until_us) sim->cut_until_us = now_us + for_us;
  sim->mended.due_us = sim->cut_until_us;
  sim_consumers_poke(sim); /* they say that it is away */
  sim_producers_poke(sim);
  if (sim->brokers != NULL) sim_look(sim->brokers);
}

static void run_mended(struct sim_source *source) {
  struct kafka_sim *sim = SIM_HOLDER(source, struct kafka_sim, mended);
  source->due_us = SIM_NEVER;
  sim_look(sim->brokers);
  sim_consumers_poke(sim);
  sim_consumers_fetch(sim);
  sim_producers_poke(sim);
}

void sim_kafka_crash(struct kafka *kafka) {
  struct kafka_sim *sim = kafka_sim_of(kafka);
  if (sim->crashed) return;
  sim_consumers_crash(sim);
  sim->crashed = true;
  sim->tick.due_us = sim->mended.due_us = SIM_NEVER;
  if (sim->brokers != NULL) sim_look(sim->brokers);
}

bool sim_kafka_crashed(struct kafka *kafka) {
  return kafka_sim_of(kafka)->crashed;
}

void sim_tell_down(struct sim_client *client) {
  bool down = !sim_reached(client->sim);
  bool tell = down && !client->told_down;
  client->told_down = down;
  if (tell && client->trouble != NULL)
    client->trouble(client->arg, KAFKA_ALL_DOWN, "localhost:9092: Connection refused");
}

/* ------------------------------------------------------------------ requests */

/* Nobody knows of it any more. */
static void ask_detach(struct sim_ask *ask) {
  sim_source_remove(ask->client->sim->loop, &ask->source);
  if (ask->next != NULL) ask->next->prev = ask->prev;
  if (ask->prev != NULL)
    ask->prev->next = ask->next;
  else
    ask->client->asks = ask->next;
}

static void ask_free(struct sim_ask *ask) {
  for (size_t i = 0; i < ask->n; i++) {
    free((void *)ask->list[i].at.topic);
    free((void *)ask->list[i].metadata.data);
  }
  free(ask->list);
  free(ask->group);
  free(ask);
}

void sim_asks_free(struct sim_client *client) {
  for (struct sim_ask *ask; (ask = client->asks) != NULL;) {
    ask_detach(ask);
    ask_free(ask);
  }
}

static void arrive(struct kafka_sim *sim, struct sim_ask *ask) {
  ask->source.due_us = sim_now_us(sim->loop) + sim_delay_us(sim);
  ask->arrived = ask->arrive(ask);
  if (sim->brokers != NULL) sim_look(sim->brokers);
  if (sim->dying) sim_kafka_crash(&sim->kafka);
  if (sim->crashed) ask->source.due_us = SIM_NEVER;
}

static void run_ask(struct sim_source *source) {
  struct sim_ask *ask = SIM_HOLDER(source, struct sim_ask, source);
  struct kafka_sim *sim = ask->client->sim;
  source->due_us = SIM_NEVER;
  if (sim->crashed) return;
  if (!ask->arrived) {
    arrive(sim, ask);
    return;
  }
  ask_detach(ask); /* so that the next step can be asked for in the answer */
  if (ask->answered != NULL) ask->answered(ask);
  if (ask->positions_fn != NULL)
    ask->positions_fn(ask->arg, ask->list, ask->n, ask->failed ? &ask->err : NULL);
  else
    ask->step_fn(ask->arg, ask->outcome, ask->outcome == KAFKA_DONE ? NULL : ask->err.text);
  ask_free(ask);
}

struct sim_ask *sim_ask_new(struct sim_client *client, bool (*arrive_fn)(struct sim_ask *),
                            const struct kafka_position *list, size_t n, void *arg) {
  struct sim_ask *ask = mem_zalloc(sizeof *ask);
  ask->client = client;
  ask->arrive = arrive_fn;
  ask->arg = arg;
  ask->list = mem_alloc((n + 1) * sizeof *list);
  ask->n = n;
  for (size_t i = 0; i < n; i++) {
    ask->list[i] = list[i];
    ask->list[i].at.topic = mem_strdup(list[i].at.topic);
    struct slice metadata = list[i].metadata;
    ask->list[i].metadata.data = mem_strndup(metadata.len > 0 ? metadata.data : "", metadata.len);
  }
  ask->next = client->asks;
  if (ask->next != NULL) ask->next->prev = ask;
  client->asks = ask;
  ask->source.run = run_ask;
  sim_source_add(client->sim->loop, &ask->source);
  sim_soon(client->sim, &ask->source);
  return ask;
}

/* ------------------------------------------------------------------ an io's brokers */

static int sim_reach(struct kafka *kafka, const struct kafka_settings *settings,
                     const char *const *topics, size_t n_topics, int64_t timeout_us,
                     struct err *err) {
  struct kafka_sim *sim = kafka_sim_of(kafka);
  const char *servers = sim_setting(settings, "bootstrap.servers", "");
  if (!sim_reached(sim))
    return err_set(err, ERR_RETRY, "%s: no broker has answered within %.1f s", servers,
                   (double)timeout_us / 1e6);
  for (size_t i = 0; i < n_topics; i++)
    if (topics[i][0] != '^' && sim_topic_find(sim->brokers, topics[i]) == NULL)
      return err_set(err, ERR_CONFIG, "%s: there is no topic '%s'", servers, topics[i]);
  return 0;
}

/* Everybody's consumers look for what is new. */
void sim_kafka_changed(struct sim_kafka *brokers) {
  for (struct kafka_sim *sim = brokers->clients; sim != NULL; sim = sim->next)
    sim_consumers_fetch(sim);
}

void sim_kafka_join(struct kafka *kafka, struct sim_kafka *brokers) {
  struct kafka_sim *sim = kafka_sim_of(kafka);
  assert(sim->brokers == NULL && sim->consumers == NULL && sim->producers == NULL);
  sim->brokers = brokers;
  sim->base_us = sim_now(brokers) - sim_now_us(sim->loop);
  sim->next = brokers->clients;
  brokers->clients = sim;
  sim->cut_until_us = 0;
  sim_look(brokers);
}

static void sim_free(struct kafka *kafka) {
  struct kafka_sim *sim = kafka_sim_of(kafka);
  assert(sim->consumers == NULL && sim->producers == NULL);
  if (sim->brokers != NULL) {
    sim_now(sim->brokers);
    struct kafka_sim **at = &sim->brokers->clients;
    while (*at != sim) at = &(*at)->next;
    *at = sim->next;
  }
  sim_source_remove(sim->loop, &sim->tick);
  sim_source_remove(sim->loop, &sim->mended);
  free(sim);
}

static const struct kafka_ops sim_ops = {
    .settings_check = sim_settings_check,
    .reach = sim_reach,
    .consumer_new = sim_consumer_new,
    .consumer_free = sim_consumer_free,
    .subscribe = sim_consumer_subscribe,
    .start = sim_consumer_start,
    .release = sim_consumer_release,
    .poll = sim_consumer_poll,
    .polled = sim_consumer_polled,
    .committed = sim_consumer_committed,
    .offsets_at = sim_consumer_offsets_at,
    .end = sim_consumer_end,
    .commit = sim_consumer_commit,
    .commit_last = sim_consumer_commit_last,
    .producer_new = sim_producer_new,
    .producer_free = sim_producer_free,
    .produce = sim_producer_produce,
    .transactions_init = sim_producer_init,
    .transaction_begin = sim_producer_begin,
    .transaction_commit = sim_producer_commit,
    .transaction_abort = sim_producer_abort,
    .free = sim_free,
};

struct kafka *kafka_sim_new(struct loop *loop, struct clock *clock, uint64_t seed) {
  struct kafka_sim *sim = mem_zalloc(sizeof *sim);
  sim->kafka.ops = &sim_ops;
  sim->loop = loop;
  sim->clock = clock;
  sim->cut_until_us = SIM_NEVER;
  random_seed(&sim->random, seed);
  sim->tick.run = run_tick;
  sim->mended.run = run_mended;
  sim_source_add(loop, &sim->tick);
  sim_source_add(loop, &sim->mended);
  return &sim->kafka;
}
