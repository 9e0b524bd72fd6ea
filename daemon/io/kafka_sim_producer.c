/* kafka_sim_producer: a producer of the simulated brokers; see kafka.h and kafka_sim.h.
 *
 * Records wait in a queue, are written to the brokers in order, some at a time, and are
 * acknowledged later, in order too. An acknowledgement that is lost shows only without idempotence:
 * then the record is written twice, as real ones are. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_sim_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 64, METADATA_BYTES_MAX = 4096 };

struct sim_sending {
  char *topic;
  struct kafka_record record; /* topic is the one above, headers a copy; bytes the caller's */
  int64_t end_us;             /* its timeout */
  bool written;
  enum kafka_fate fate; /* once written */
  const char *why;
};

struct sim_producer {
  struct kafka_producer producer;
  struct sim_client client;
  struct sim_producer *next; /* of the io */
  struct kafka_producer_events events;
  char *id; /* transactional.id; NULL: no transactions */
  bool idempotent;
  int64_t timeout_us, record_timeout_us;
  size_t record_bytes_max, records_max, bytes_max;
  struct sim_transaction *transaction; /* NULL before init */
  uint64_t epoch, writer;              /* of ours */
  bool begun;                          /* by the caller */
  bool wrote;                          /* the brokers know of it */
  bool must_abort, fenced, fatal;
  bool ended_untold; /* the commit was done, but that was not told */
  bool full;         /* somebody waits for room */
  struct sim_sending *queue;
  size_t first, n, cap; /* of the queue: queue[first .. first + n) */
  size_t bytes;
  struct sim_source send;
};

static struct sim_producer *producer_of(struct kafka_producer *producer) {
  return (struct sim_producer *)producer;
}

/* ------------------------------------------------------------------ partitions by key */

/* MurmurHash2 by Austin Appleby, public domain, as Kafka's Java clients have it. */
static uint32_t murmur2(struct slice key) {
  const uint32_t m = 0x5bd1e995;
  const unsigned char *data = (const unsigned char *)key.data;
  uint32_t hash = 0x9747b28c ^ (uint32_t)key.len;
  size_t len = key.len;
  for (; len >= 4; len -= 4, data += 4) {
    uint32_t k =
        data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    k *= m;
    k ^= k >> 24;
    hash = hash * m ^ k * m;
  }
  if (len > 0) {
    for (size_t i = len; i-- > 0;) hash ^= (uint32_t)data[i] << (8 * i);
    hash *= m;
  }
  hash ^= hash >> 13;
  hash *= m;
  return hash ^ hash >> 15;
}

static int32_t partition_of(struct sim_producer *p, const struct kafka_record *record,
                            const struct sim_topic *topic) {
  uint32_t n = (uint32_t)topic->n_parts;
  if (record->partition >= 0) return record->partition;
  if (record->key.data == NULL) return (int32_t)random_below(&p->client.sim->random, n);
  return (int32_t)((murmur2(record->key) & 0x7fffffff) % n);
}

/* ------------------------------------------------------------------ the queue */

static void tell_front(struct sim_producer *p, enum kafka_fate fate, const char *why) {
  struct sim_sending sending = p->queue[p->first];
  p->first++;
  p->n--;
  p->bytes -= sending.record.key.len + sending.record.value.len;
  if (fate != KAFKA_DELIVERED && p->begun) p->must_abort = true;
  p->events.fate(p->client.arg, sending.record.token, fate, fate == KAFKA_DELIVERED ? NULL : why);
  free((void *)sending.record.headers);
  free(sending.topic);
}

static void lose_all(struct sim_producer *p, const char *why) {
  while (p->n > 0) tell_front(p, KAFKA_LOST, why);
}

/* Acknowledges some of what was written. */
static void acknowledge(struct sim_producer *p) {
  size_t n = 1 + (size_t)random_below(&p->client.sim->random, BATCH_MAX);
  while (n-- > 0 && p->n > 0 && p->queue[p->first].written)
    tell_front(p, p->queue[p->first].fate, p->queue[p->first].why);
  if (!p->full || p->n >= p->records_max || p->bytes >= p->bytes_max) return;
  p->full = false;
  p->events.room(p->client.arg);
}

static bool is_fenced(struct sim_producer *p) {
  if (p->transaction != NULL && p->transaction->epoch != p->epoch) p->fenced = true;
  return p->fenced;
}

static void write_one(struct sim_producer *p, struct sim_sending *sending, enum sim_luck luck) {
  struct kafka_sim *sim = p->client.sim;
  const struct kafka_record *record = &sending->record;
  struct sim_topic *topic = sim_topic_find(sim->brokers, sending->topic);
  bool again = luck == SIM_UNTOLD && !p->idempotent;
  sending->written = !again;
  if (topic == NULL || record->partition >= topic->n_parts) {
    sending->fate = KAFKA_LOST;
    sending->why = "there is no such topic or partition";
    sending->written = true;
    p->events.trouble(p->client.arg, KAFKA_REFUSED, sending->why);
    return;
  }
  size_t over = sim->faults.refuse_over_bytes;
  if (over > 0 && record->value.len > over) {
    sending->fate = KAFKA_REFUSED_RECORD;
    sending->why = "Broker: Message size too large";
    sending->written = true;
    return;
  }
  if (p->transaction != NULL) {
    sim_transaction_write(sim->brokers, p->transaction);
    p->writer = p->transaction->writer;
    p->wrote = true;
  }
  int64_t time_us = record->time_us == KAFKA_NO_TIME ? clock_wall_us(sim->clock) : record->time_us;
  sim_part_append(&topic->parts[partition_of(p, record, topic)], time_us,
                  sim_body_new(record->key, record->value, record->headers, record->n_headers),
                  p->transaction != NULL ? p->writer : 0);
  sending->fate = KAFKA_DELIVERED;
}

static size_t find_unwritten(const struct sim_producer *p) {
  size_t i = 0;
  while (i < p->n && p->queue[p->first + i].written) i++;
  return i;
}

/* Writes some of what was not. */
static void write_some(struct sim_producer *p) {
  struct kafka_sim *sim = p->client.sim;
  size_t at = find_unwritten(p);
  if (at == p->n) return;
  enum sim_luck luck = sim_luck(sim);
  size_t n = 1 + (size_t)random_below(&sim->random, BATCH_MAX);
  if (luck != SIM_UNDONE && is_fenced(p)) {
    lose_all(p, "another producer has the transactional.id");
    return;
  }
  if (luck == SIM_UNDONE) return;
  for (; n > 0 && at < p->n; n--, at++) write_one(p, &p->queue[p->first + at], luck);
  sim_kafka_changed(sim->brokers);
  sim_look(sim->brokers);
  if (sim->dying) sim_kafka_crash(&sim->kafka);
}

static void run_send(struct sim_source *source) {
  struct sim_producer *p = SIM_HOLDER(source, struct sim_producer, send);
  struct kafka_sim *sim = p->client.sim;
  source->due_us = SIM_NEVER;
  if (sim->crashed) return;
  sim_tell_down(&p->client);
  if (!sim_reached(sim)) {
    while (p->n > 0 && p->queue[p->first].end_us <= sim_now_us(sim->loop))
      tell_front(p, KAFKA_LOST, "Local: Message timed out");
    if (p->n > 0) source->due_us = p->queue[p->first].end_us;
    return;
  }
  acknowledge(p);
  write_some(p);
  if (p->n > 0 && !sim->crashed) sim_soon(sim, source);
}

void sim_producers_poke(struct kafka_sim *sim) {
  for (struct sim_producer *p = sim->producers; p != NULL; p = p->next)
    if (!sim->crashed) sim_soon(sim, &p->send);
}

int sim_producer_produce(struct kafka_producer *producer, const struct kafka_record *record,
                         struct err *err) {
  struct sim_producer *p = producer_of(producer);
  struct kafka_sim *sim = p->client.sim;
  assert(p->id == NULL || p->begun || p->fenced || p->fatal); /* else it would be in none */
  if (p->fenced) return err_set(err, ERR_IO, "another producer has the transactional.id");
  if (p->fatal) return err_set(err, ERR_IO, "the producer is of no use any more");
  size_t bytes = record->key.len + record->value.len;
  if (bytes > p->record_bytes_max)
    return err_set(err, ERR_DATA, "a record of %zu bytes is larger than message.max.bytes, %zu",
                   bytes, p->record_bytes_max);
  if (p->n >= p->records_max || (p->n > 0 && p->bytes + bytes > p->bytes_max)) {
    p->full = true;
    return 1;
  }
  if (p->first > 0 && p->first + p->n == p->cap) {
    memmove(p->queue, p->queue + p->first, p->n * sizeof *p->queue);
    p->first = 0;
  }
  array_grow((void **)&p->queue, &p->cap, p->first + p->n, sizeof *p->queue);
  struct sim_sending *sending = &p->queue[p->first + p->n++];
  *sending = (struct sim_sending){.topic = mem_strdup(record->topic),
                                  .record = *record,
                                  .end_us = sim_now_us(sim->loop) + p->record_timeout_us};
  struct kafka_header *headers = mem_alloc((record->n_headers + 1) * sizeof *headers);
  if (record->n_headers > 0) memcpy(headers, record->headers, record->n_headers * sizeof *headers);
  sending->record.headers = headers;
  p->bytes += bytes;
  if (!sim->crashed && p->send.due_us == SIM_NEVER) sim_soon(sim, &p->send);
  return 0;
}

/* ------------------------------------------------------------------ transactions */

static struct sim_producer *asker(struct sim_ask *ask) {
  return SIM_HOLDER(ask->client, struct sim_producer, client);
}

static bool answer(struct sim_ask *ask, enum kafka_outcome outcome, const char *text) {
  ask->outcome = outcome;
  err_set(&ask->err, ERR_RETRY, "%s", text);
  return true;
}

static bool finish(struct sim_ask *ask, enum sim_luck luck) {
  return luck == SIM_TOLD ? answer(ask, KAFKA_DONE, "") : answer(ask, KAFKA_AGAIN, "Timed out");
}

/* Whether this step cannot even be tried; then it is answered. */
static bool is_over(struct sim_ask *ask, enum sim_luck luck) {
  struct sim_producer *p = asker(ask);
  if (luck != SIM_UNDONE && sim_strikes(p->client.sim, p->client.sim->faults.fatal_per_million))
    p->fatal = true;
  if (p->fatal) return answer(ask, KAFKA_FATAL, "the producer is of no use any more");
  if (p->fenced || (luck != SIM_UNDONE && is_fenced(p)))
    return answer(ask, KAFKA_FENCED, "another producer has the transactional.id");
  return false;
}

static bool arrive_init(struct sim_ask *ask) {
  struct sim_producer *p = asker(ask);
  struct kafka_sim *sim = p->client.sim;
  enum sim_luck luck = sim_luck(sim);
  if (is_over(ask, luck)) return true;
  if (luck == SIM_UNDONE) return finish(ask, luck);
  p->transaction = sim_transaction_get(sim->brokers, p->id);
  sim_transaction_finish(sim->brokers, p->transaction);
  p->transaction->timeout_us = p->timeout_us;
  p->epoch = ++p->transaction->epoch;
  sim_kafka_changed(sim->brokers);
  return finish(ask, luck);
}

static struct sim_ask *ask_step(struct sim_producer *p, bool (*arrive)(struct sim_ask *),
                                const struct kafka_position *positions, size_t n, kafka_step_fn *fn,
                                void *arg) {
  assert(p->id != NULL && p->client.asks == NULL); /* one step at a time */
  struct sim_ask *ask = sim_ask_new(&p->client, arrive, positions, n, arg);
  ask->step_fn = fn;
  return ask;
}

void sim_producer_init(struct kafka_producer *producer, kafka_step_fn *fn, void *arg) {
  ask_step(producer_of(producer), arrive_init, NULL, 0, fn, arg);
}

int sim_producer_begin(struct kafka_producer *producer, enum kafka_outcome *outcome,
                       struct err *err) {
  struct sim_producer *p = producer_of(producer);
  *outcome = p->fenced ? KAFKA_FENCED : p->fatal ? KAFKA_FATAL : KAFKA_DONE;
  if (p->fenced) return err_set(err, ERR_IO, "another producer has the transactional.id");
  if (p->fatal) return err_set(err, ERR_IO, "the producer is of no use any more");
  assert(p->transaction != NULL && !p->begun);
  p->begun = true;
  p->wrote = p->must_abort = p->ended_untold = false;
  return 0;
}

/* The positions, as a part of the transaction. False: they are not to be had; it is answered. */
static bool send_positions(struct sim_producer *p, struct sim_ask *ask) {
  struct sim_kafka *brokers = p->client.sim->brokers;
  for (size_t i = 0; i < ask->n; i++) {
    bool large = ask->list[i].metadata.len > METADATA_BYTES_MAX;
    if (!large && sim_part_find(brokers, ask->list[i].at) != NULL) continue;
    p->must_abort = true;
    answer(ask, KAFKA_ABORT,
           large ? "the offset's metadata is too large" : "there is no such topic or partition");
    return false;
  }
  sim_transaction_write(brokers, p->transaction);
  p->wrote = true;
  for (size_t i = 0; i < ask->n; i++)
    sim_offset_set(brokers, &p->transaction->offsets, ask->group, &ask->list[i]);
  return true;
}

static void end(struct sim_producer *p, bool commit) {
  struct kafka_sim *sim = p->client.sim;
  int64_t later_us = sim->faults.delay_us_max > 0 ? sim_delay_us(sim) : 0;
  sim_transaction_end(p->transaction, commit, sim_now(sim->brokers) + later_us);
  if (later_us == 0) sim_transaction_finish(sim->brokers, p->transaction);
  sim_kafka_changed(sim->brokers);
}

static bool arrive_commit(struct sim_ask *ask) {
  struct sim_producer *p = asker(ask);
  struct kafka_sim *sim = p->client.sim;
  assert(p->begun);
  if (is_over(ask, SIM_UNDONE)) return true;
  if (p->ended_untold) { /* the brokers know that it was this transaction */
    enum sim_luck luck = sim_luck(sim);
    if (luck == SIM_TOLD) p->begun = false;
    return finish(ask, luck);
  }
  if (p->must_abort) return answer(ask, KAFKA_ABORT, "a record was not delivered");
  if (p->n > 0 && sim_reached(sim)) return false;
  enum sim_luck luck = sim_luck(sim);
  if (is_over(ask, luck)) return true;
  bool half = luck == SIM_UNDONE && sim_reached(sim) && random_below(&sim->random, 2) == 0;
  if (luck != SIM_UNDONE && sim_strikes(sim, sim->faults.abort_per_million)) {
    p->must_abort = true;
    return answer(ask, KAFKA_ABORT, "the transaction must be aborted");
  }
  if (half || luck != SIM_UNDONE) {
    if (ask->n > 0 && !send_positions(p, ask)) return true;
    if (half) return finish(ask, luck);
    if (p->wrote) end(p, true);
    p->ended_untold = luck == SIM_UNTOLD;
    if (luck == SIM_TOLD) p->begun = false;
  }
  return finish(ask, luck);
}

void sim_producer_commit(struct kafka_producer *producer, const char *group,
                         const struct kafka_position *positions, size_t n, kafka_step_fn *fn,
                         void *arg) {
  struct sim_ask *ask = ask_step(producer_of(producer), arrive_commit, positions, n, fn, arg);
  ask->group = mem_strdup(group);
}

static bool arrive_abort(struct sim_ask *ask) {
  struct sim_producer *p = asker(ask);
  enum sim_luck luck = sim_luck(p->client.sim);
  lose_all(p, "the transaction was aborted");
  if (p->ended_untold) p->fatal = true; /* the brokers know that it was committed */
  if (is_over(ask, luck)) return true;
  if (luck == SIM_UNDONE) return finish(ask, luck);
  if (p->wrote) end(p, false);
  p->begun = p->wrote = p->must_abort = false;
  return finish(ask, luck);
}

void sim_producer_abort(struct kafka_producer *producer, kafka_step_fn *fn, void *arg) {
  ask_step(producer_of(producer), arrive_abort, NULL, 0, fn, arg);
}

/* ------------------------------------------------------------------ life */

int sim_producer_new(struct kafka *kafka, const struct kafka_producer_options *options,
                     const struct kafka_producer_events *events, void *arg,
                     struct kafka_producer **producer, struct err *err) {
  const struct kafka_settings *settings = &options->settings;
  struct kafka_sim *sim = kafka_sim_of(kafka);
  if (sim_settings_check(kafka, settings, true, err) != 0) return -1;
  struct sim_producer *p = mem_zalloc(sizeof *p);
  p->producer.kafka = kafka;
  p->client = (struct sim_client){.sim = sim, .trouble = events->trouble, .arg = arg};
  p->events = *events;
  const char *id = sim_setting(settings, "transactional.id", NULL);
  if (id != NULL) p->id = mem_strdup(id);
  p->idempotent =
      id != NULL || strcmp(sim_setting(settings, "enable.idempotence", "false"), "true") == 0;
  p->timeout_us = 1000 * sim_setting_number(settings, "transaction.timeout.ms", 60000);
  int64_t delivery_ms = sim_setting_number(settings, "delivery.timeout.ms", 300000);
  p->record_timeout_us = 1000 * sim_setting_number(settings, "message.timeout.ms", delivery_ms);
  if (p->record_timeout_us == 0) p->record_timeout_us = SIM_NEVER / 2; /* as librdkafka has it */
  p->record_bytes_max = (size_t)sim_setting_number(settings, "message.max.bytes", 1000000);
  p->records_max = (size_t)sim_setting_number(settings, "queue.buffering.max.messages", 100000);
  p->bytes_max = 1024 * (size_t)sim_setting_number(settings, "queue.buffering.max.kbytes", 1048576);
  p->send.run = run_send;
  sim_source_add(sim->loop, &p->send);
  p->next = sim->producers;
  sim->producers = p;
  if (!sim_reached(sim) && !sim->crashed) sim_soon(sim, &p->send);
  *producer = &p->producer;
  return 0;
}

void sim_producer_free(struct kafka_producer *producer) {
  struct sim_producer *p = producer_of(producer);
  struct kafka_sim *sim = p->client.sim;
  for (size_t i = 0; i < p->n; i++) {
    free((void *)p->queue[p->first + i].record.headers);
    free(p->queue[p->first + i].topic);
  }
  free(p->queue);
  sim_asks_free(&p->client);
  sim_source_remove(sim->loop, &p->send);
  struct sim_producer **at = &sim->producers;
  while (*at != p) at = &(*at)->next;
  *at = p->next;
  free(p->id);
  free(p);
}
