/* sim_brokers: see sim_brokers.h and kafka_sim.h.
 *
 * A transaction's records are in their partitions from the start, open; its end changes their state
 * and puts one marker behind them, which takes an offset. So nobody who reads committed sees a part
 * of it, and later records wait behind an open one: that is all of a last stable offset. */
#include "daemon/io/sim_brokers.h"

#include "daemon/base/mem.h"
#include "daemon/io/sim_group.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ records */

static struct slice put(char **at, struct slice from) {
  if (from.data == NULL) return from;
  struct slice to = {*at, from.len};
  if (from.len > 0) memcpy(*at, from.data, from.len);
  *at += from.len;
  return to;
}

struct sim_body *sim_body_new(struct slice key, struct slice value,
                              const struct kafka_header *headers, size_t n_headers) {
  size_t bytes = key.len + value.len + 1; /* so that an empty value has an address of its own */
  for (size_t i = 0; i < n_headers; i++) bytes += headers[i].name.len + headers[i].value.len;
  struct sim_body *body = mem_alloc(sizeof *body + n_headers * sizeof *headers + bytes);
  char *at = (char *)&body->headers[n_headers];
  body->key = put(&at, key);
  body->value = put(&at, value);
  body->n_headers = n_headers;
  for (size_t i = 0; i < n_headers; i++)
    body->headers[i] = (struct kafka_header){put(&at, headers[i].name), put(&at, headers[i].value)};
  return body;
}

struct sim_topic *sim_topic_find(struct sim_kafka *brokers, const char *name) {
  struct sim_topic *topic = brokers->topics;
  while (topic != NULL && strcmp(topic->name, name) != 0) topic = topic->next;
  return topic;
}

struct sim_part *sim_part_find(struct sim_kafka *brokers, struct kafka_partition at) {
  struct sim_topic *topic = sim_topic_find(brokers, at.topic);
  return topic != NULL && at.partition >= 0 && at.partition < topic->n_parts
             ? &topic->parts[at.partition]
             : NULL;
}

static struct sim_part *part_get(struct sim_kafka *brokers, struct kafka_partition at) {
  struct sim_part *part = sim_part_find(brokers, at);
  assert(part != NULL); /* a test's mistake */
  return part;
}

size_t sim_part_index(const struct sim_part *part, int64_t offset) {
  size_t low = 0, high = part->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (part->entries[middle].offset < offset)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

int64_t sim_part_stop(const struct sim_part *part, bool committed) {
  for (size_t i = committed ? sim_part_index(part, part->settled) : part->n; i < part->n; i++)
    if (part->entries[i].state == SIM_OPEN) return part->entries[i].offset;
  return part->end;
}

bool sim_entry_seen(const struct sim_entry *entry, bool committed) {
  return entry->state == SIM_VISIBLE || (!committed && entry->state != SIM_MARKER);
}

static int64_t append(struct sim_part *part, struct sim_entry entry) {
  entry.offset = part->end++;
  array_grow((void **)&part->entries, &part->cap, part->n, sizeof *part->entries);
  part->entries[part->n++] = entry;
  return entry.offset;
}

int64_t sim_part_append(struct sim_part *part, int64_t time_us, struct sim_body *body,
                        uint64_t writer) {
  return append(part, (struct sim_entry){.time_us = time_us,
                                         .state = writer != 0 ? SIM_OPEN : SIM_VISIBLE,
                                         .writer = writer,
                                         .body = body});
}

int64_t sim_part_at(const struct sim_part *part, int64_t time_us, bool committed) {
  int64_t stop = sim_part_stop(part, committed);
  if (time_us == KAFKA_EARLIEST) return part->start;
  if (time_us == KAFKA_LATEST) return stop;
  for (size_t i = 0; i < part->n && part->entries[i].offset < stop; i++)
    if (part->entries[i].state != SIM_MARKER && part->entries[i].time_us >= time_us)
      return part->entries[i].offset;
  return stop;
}

/* ------------------------------------------------------------------ offsets */

static void offset_fini(struct sim_offset *offset) {
  free(offset->group);
  free(offset->metadata);
}

static void offsets_clear(struct sim_offsets *offsets) {
  for (size_t i = 0; i < offsets->n; i++) offset_fini(&offsets->items[i]);
  free(offsets->items);
  *offsets = (struct sim_offsets){0};
}

struct sim_offset *sim_offset_find(const struct sim_offsets *offsets, const char *group,
                                   struct kafka_partition at) {
  for (size_t i = 0; i < offsets->n; i++) {
    struct sim_offset *offset = &offsets->items[i];
    if (strcmp(offset->group, group) == 0 && offset->partition == at.partition &&
        strcmp(offset->topic->name, at.topic) == 0)
      return offset;
  }
  return NULL;
}

int sim_offset_set(struct sim_kafka *brokers, struct sim_offsets *offsets, const char *group,
                   const struct kafka_position *position) {
  if (sim_part_find(brokers, position->at) == NULL) return -1;
  struct sim_offset *offset = sim_offset_find(offsets, group, position->at);
  if (offset == NULL) {
    array_grow((void **)&offsets->items, &offsets->cap, offsets->n, sizeof *offset);
    offset = &offsets->items[offsets->n++];
  } else {
    offset_fini(offset);
  }
  *offset = (struct sim_offset){
      .group = mem_strdup(group),
      .topic = sim_topic_find(brokers, position->at.topic),
      .partition = position->at.partition,
      .offset = position->offset,
      .metadata = mem_strndup(position->metadata.len > 0 ? position->metadata.data : "",
                              position->metadata.len),
      .metadata_len = position->metadata.len};
  return 0;
}

bool sim_offset_pending(const struct sim_kafka *brokers, const char *group,
                        struct kafka_partition at) {
  for (const struct sim_transaction *t = brokers->transactions; t != NULL; t = t->next)
    if (t->state != SIM_ENDED && sim_offset_find(&t->offsets, group, at) != NULL) return true;
  return false;
}

/* ------------------------------------------------------------------ transactions */

struct sim_transaction *sim_transaction_get(struct sim_kafka *brokers, const char *id) {
  struct sim_transaction **at = &brokers->transactions;
  while (*at != NULL && strcmp((*at)->id, id) != 0) at = &(*at)->next;
  if (*at == NULL) {
    *at = mem_zalloc(sizeof **at);
    (*at)->id = mem_strdup(id);
  }
  return *at;
}

void sim_transaction_write(struct sim_kafka *brokers, struct sim_transaction *transaction) {
  if (transaction->state == SIM_BEGUN) return;
  sim_transaction_finish(brokers, transaction); /* the next one waits for the markers */
  transaction->state = SIM_BEGUN;
  transaction->writer = ++brokers->writers;
  transaction->due_us = brokers->now_us + transaction->timeout_us;
}

void sim_transaction_end(struct sim_transaction *transaction, bool commit, int64_t due_us) {
  if (transaction->state != SIM_BEGUN) return;
  transaction->state = commit ? SIM_COMMITTING : SIM_ABORTING;
  transaction->due_us = due_us;
}

static void finish_part(struct sim_kafka *brokers, struct sim_part *part, uint64_t writer,
                        bool commit) {
  bool had = false;
  for (size_t i = sim_part_index(part, sim_part_stop(part, true)); i < part->n; i++) {
    struct sim_entry *entry = &part->entries[i];
    if (entry->writer != writer || entry->state != SIM_OPEN) continue;
    entry->state = commit ? SIM_VISIBLE : SIM_ABORTED;
    had = true;
  }
  part->settled = sim_part_stop(part, true);
  if (had)
    append(part,
           (struct sim_entry){.time_us = brokers->now_us, .state = SIM_MARKER, .writer = writer});
}

void sim_transaction_finish(struct sim_kafka *brokers, struct sim_transaction *transaction) {
  if (transaction->state == SIM_ENDED) return;
  bool commit = transaction->state == SIM_COMMITTING;
  transaction->state = SIM_ENDED;
  for (struct sim_topic *topic = brokers->topics; topic != NULL; topic = topic->next)
    for (int32_t i = 0; i < topic->n_parts; i++)
      finish_part(brokers, &topic->parts[i], transaction->writer, commit);
  for (size_t i = 0; commit && i < transaction->offsets.n; i++) {
    const struct sim_offset *offset = &transaction->offsets.items[i];
    sim_offset_set(brokers, &brokers->offsets, offset->group,
                   &(struct kafka_position){{offset->topic->name, offset->partition},
                                            offset->offset,
                                            {offset->metadata, offset->metadata_len}});
  }
  offsets_clear(&transaction->offsets);
}

/* ------------------------------------------------------------------ what a test does */

struct sim_kafka *sim_kafka_new(void) {
  return mem_zalloc(sizeof(struct sim_kafka));
}

static void part_fini(struct sim_part *part) {
  for (size_t i = 0; i < part->n; i++) free(part->entries[i].body);
  free(part->entries);
}

void sim_kafka_free(struct sim_kafka *brokers) {
  if (brokers == NULL) return;
  assert(brokers->clients == NULL);
  sim_groups_free(brokers);
  offsets_clear(&brokers->offsets);
  for (struct sim_transaction *t = brokers->transactions, *next; t != NULL; t = next) {
    next = t->next;
    offsets_clear(&t->offsets);
    free(t->id);
    free(t);
  }
  for (struct sim_topic *topic = brokers->topics, *next; topic != NULL; topic = next) {
    next = topic->next;
    for (int32_t i = 0; i < topic->n_parts; i++) part_fini(&topic->parts[i]);
    free(topic->parts);
    free(topic->name);
    free(topic);
  }
  free(brokers);
}

void sim_kafka_topic(struct sim_kafka *brokers, const char *name, int32_t n_partitions) {
  struct sim_topic **at = &brokers->topics;
  while (*at != NULL && strcmp((*at)->name, name) != 0) at = &(*at)->next;
  if (*at == NULL) {
    *at = mem_zalloc(sizeof **at);
    (*at)->name = mem_strdup(name);
  }
  struct sim_topic *topic = *at;
  assert(n_partitions >= topic->n_parts);
  topic->parts = mem_realloc(topic->parts, (size_t)n_partitions * sizeof *topic->parts);
  for (int32_t i = topic->n_parts; i < n_partitions; i++) topic->parts[i] = (struct sim_part){0};
  topic->n_parts = n_partitions;
  sim_groups_balance(brokers);
}

int64_t sim_kafka_produce(struct sim_kafka *brokers, const struct kafka_record *record) {
  struct sim_part *part =
      part_get(brokers, (struct kafka_partition){record->topic, record->partition});
  int64_t offset = sim_part_append(
      part, record->time_us,
      sim_body_new(record->key, record->value, record->headers, record->n_headers), 0);
  sim_kafka_changed(brokers);
  return offset;
}

/* Takes out the entries that go, and says where the first of them was. */
static void take_out(struct sim_part *part, bool (*goes)(const struct sim_part *, size_t, int64_t),
                     int64_t arg) {
  size_t kept = 0;
  bool *gone = mem_alloc(part->n + 1);
  for (size_t i = 0; i < part->n; i++) gone[i] = goes(part, i, arg);
  for (size_t i = 0; i < part->n; i++) {
    if (gone[i])
      free(part->entries[i].body);
    else
      part->entries[kept++] = part->entries[i];
  }
  part->n = kept;
  free(gone);
}

static bool is_before(const struct sim_part *part, size_t i, int64_t offset) {
  return part->entries[i].offset < offset;
}

static bool is_overwritten(const struct sim_part *part, size_t i, int64_t stop) {
  const struct sim_entry *entry = &part->entries[i];
  if (entry->offset >= stop || entry->state != SIM_VISIBLE || entry->body->key.data == NULL)
    return false;
  for (size_t later = i + 1; later < part->n && part->entries[later].offset < stop; later++) {
    const struct sim_entry *other = &part->entries[later];
    if (other->state == SIM_VISIBLE && other->body->key.data != NULL &&
        slice_equal(other->body->key, entry->body->key))
      return true;
  }
  return false;
}

void sim_kafka_remove(struct sim_kafka *brokers, struct kafka_partition at, int64_t before) {
  struct sim_part *part = part_get(brokers, at);
  assert(before >= part->start && before <= sim_part_stop(part, true));
  take_out(part, is_before, before);
  part->start = before;
  sim_kafka_changed(brokers);
}

void sim_kafka_compact(struct sim_kafka *brokers, struct kafka_partition at) {
  struct sim_part *part = part_get(brokers, at);
  take_out(part, is_overwritten, sim_part_stop(part, true));
  sim_kafka_changed(brokers);
}

int64_t sim_kafka_end(struct sim_kafka *brokers, struct kafka_partition at) {
  return part_get(brokers, at)->end;
}

bool sim_kafka_read(struct sim_kafka *brokers, struct kafka_partition at, int64_t *offset,
                    struct kafka_message *message) {
  const struct sim_part *part = part_get(brokers, at);
  int64_t stop = sim_part_stop(part, true);
  for (size_t i = sim_part_index(part, *offset); i < part->n; i++) {
    const struct sim_entry *entry = &part->entries[i];
    if (entry->offset >= stop) return false;
    if (!sim_entry_seen(entry, true)) continue;
    *offset = entry->offset + 1;
    *message = (struct kafka_message){.at = at,
                                      .offset = entry->offset,
                                      .time_us = entry->time_us,
                                      .key = entry->body->key,
                                      .value = entry->body->value,
                                      .headers = entry->body->headers,
                                      .n_headers = entry->body->n_headers};
    return true;
  }
  return false;
}

bool sim_kafka_committed(struct sim_kafka *brokers, const char *group, struct kafka_partition at,
                         struct kafka_position *position) {
  const struct sim_offset *offset = sim_offset_find(&brokers->offsets, group, at);
  if (offset == NULL) return false;
  *position = (struct kafka_position){at, offset->offset, {offset->metadata, offset->metadata_len}};
  return true;
}

void sim_kafka_commit(struct sim_kafka *brokers, const char *group,
                      const struct kafka_position *position) {
  int result = sim_offset_set(brokers, &brokers->offsets, group, position);
  assert(result == 0);
  (void)result;
}
