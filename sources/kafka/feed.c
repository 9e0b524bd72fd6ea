/* feed: see feed.h. The consumer, what is taken of it, and its troubles. */
#include "sources/kafka/feed.h"

#include "daemon/base/mem.h"
#include "daemon/record/envelope.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_BYTES_MAX = 256 * 1024, RETRY_US = 500000, INSTANCE_ID_BYTES = 250 };

/* ------------------------------------------------------------------ settings */

/* Kafka takes letters, digits and "._-" there. The folder makes it one of its kind. */
static void instance_id(char id[INSTANCE_ID_BYTES], const char *pipeline, const char *component,
                        const char *folder) {
  snprintf(id, INSTANCE_ID_BYTES, "%s-%.100s-%.100s", folder, pipeline, component);
  for (char *c = id; *c != '\0'; c++)
    if (!isalnum((unsigned char)*c) && *c != '.' && *c != '_') *c = '-';
}

void feed_settings(const struct kafka_source *source, const char *pipeline, const char *component,
                   const char *folder, struct kafka_collected *settings) {
  static const char *const isolations[] = {"read_committed", "read_uncommitted"};
  char number[32], id[INSTANCE_ID_BYTES];
  kafka_access_put(&source->access, settings);
  kafka_collected_put(settings, "group.id", source->group != NULL ? source->group : pipeline);
  instance_id(id, pipeline, component, folder);
  kafka_collected_put(settings, "group.instance.id", id);
  kafka_collected_put(settings, "isolation.level", isolations[source->isolation]);
  snprintf(number, sizeof number, "%llu", (unsigned long long)(source->queue_bytes_max / 1024));
  kafka_collected_put(settings, "queued.max.messages.kbytes", number);
  kafka_access_put_options(&source->access, settings);
}

/* ------------------------------------------------------------------ partitions */

struct feed_part *feed_part_find(struct feed *feed, struct kafka_partition at) {
  for (size_t i = 0; i < feed->n_parts; i++)
    if (feed->parts[i].partition == at.partition && strcmp(feed->parts[i].topic, at.topic) == 0)
      return &feed->parts[i];
  return NULL;
}

struct feed_part *feed_part_get(struct feed *feed, struct kafka_partition at) {
  struct feed_part *part = feed_part_find(feed, at);
  if (part != NULL) return part;
  array_grow((void **)&feed->parts, &feed->cap_parts, feed->n_parts, sizeof *feed->parts);
  part = &feed->parts[feed->n_parts++];
  *part = (struct feed_part){.topic = mem_strdup(at.topic),
                             .partition = at.partition,
                             .number = PART_UNKNOWN,
                             .committed = -1,
                             .committing = -1};
  return part;
}

struct feed_part *feed_part_of(struct feed *feed, uint32_t number) {
  for (size_t i = 0; i < feed->n_parts; i++)
    if (feed->parts[i].number == number) return &feed->parts[i];
  return NULL;
}

/* The identity of a partition is "topic/number"; no topic has a '/' in its name. */
static int part_known(struct feed *feed, uint32_t number, struct err *err) {
  const struct source_partition *known = source_partition_get(feed->ctx, number);
  char *name = mem_strndup(known->identity.data, known->identity.len);
  char *slash = strrchr(name, '/');
  if (slash == NULL) {
    err_set(err, ERR_CORRUPT, "partition %u of the log, '%s', is of no topic", number, name);
    free(name);
    return -1;
  }
  *slash = '\0';
  struct kafka_partition at = {name, (int32_t)strtol(slash + 1, NULL, 10)};
  struct feed_part *part = feed_part_get(feed, at);
  part->number = number;
  if (part->state < PART_MARKING) part->next = known->position;
  free(name);
  return 0;
}

/* ------------------------------------------------------------------ troubles */

void feed_fail(struct feed *feed, const struct err *err) {
  if (feed->failure != NULL) return;
  feed->failure = mem_alloc(sizeof *feed->failure);
  *feed->failure = *err;
  if (feed->ctx != NULL) source_ready(feed->ctx);
}

static void back(struct feed *feed) {
  if (feed->down && feed->ctx != NULL)
    diag_say(feed->ctx->diag, MESSAGE_KAFKA_BACK, feed->ctx->where, "the brokers answer again");
  feed->down = feed->doubted = false;
}

static void down(struct feed *feed, const char *text) {
  if (feed->down) return;
  feed->down = true;
  feed->down_since_us = clock_mono_us(feed->io->clock);
  loop_timer_arm(feed->timer, RETRY_US);
  if (feed->ctx != NULL)
    diag_say(feed->ctx->diag, MESSAGE_KAFKA_AWAY, feed->ctx->where, "no broker is reached: %s",
             text);
}

void feed_answered(struct feed *feed, const struct err *err) {
  if (err == NULL) {
    back(feed);
    return;
  }
  if (err->code != ERR_RETRY) {
    feed_fail(feed, err);
    return;
  }
  loop_timer_arm(feed->timer, RETRY_US);
}

/* Who reads nothing hears nothing either: so the brokers are asked whether they are there. */
static void probed(void *arg, const struct kafka_position *list, size_t n, const struct err *err) {
  struct feed *feed = arg;
  (void)list, (void)n;
  feed->probing = false;
  if (err == NULL || err->code != ERR_RETRY)
    back(feed);
  else
    down(feed, err->text);
}

static void probe(struct feed *feed) {
  struct kafka_consumer *consumer = feed->consumer != NULL ? feed->consumer : feed->again;
  const char *topic = feed->source->topics.items[0];
  struct kafka_partition at = {topic, 0};
  if (feed->n_parts > 0)
    at = feed_place(&feed->parts[0]);
  else if (topic[0] == '^')
    return; /* being given a partition will tell */
  if (consumer == NULL || feed->probing) return;
  feed->probing = true;
  kafka_committed(consumer, &at, 1, probed, feed);
}

static void give_up(struct feed *feed) {
  int64_t after_us = feed->source->access.give_up_after_us;
  if (!feed->down || after_us < 0 ||
      clock_mono_us(feed->io->clock) - feed->down_since_us < after_us)
    return;
  struct err err;
  err_set(&err, ERR_RETRY, "no broker was reached for %.1f s (give_up_after): %s",
          (double)after_us / 1e6, feed->settings.list[0].value);
  feed_fail(feed, &err);
}

static void on_timer(void *arg) {
  struct feed *feed = arg;
  if (feed->consumer != NULL) feed_group_turn(feed);
  if (!feed->down && !feed->doubted) return;
  give_up(feed);
  probe(feed);
  loop_timer_arm(feed->timer, RETRY_US);
}

static void on_commit_timer(void *arg) {
  struct feed *feed = arg;
  if (feed->consumer != NULL) feed_group_turn(feed);
}

void feed_ready(void *arg) {
  struct feed *feed = arg;
  if (feed->ctx != NULL) source_ready(feed->ctx);
}

void feed_trouble(void *arg, enum kafka_trouble trouble, const char *text) {
  struct feed *feed = arg;
  feed->troubles[trouble]++;
  const struct source_ctx *ctx = feed->ctx;
  if (trouble == KAFKA_ALL_DOWN) {
    down(feed, text);
  } else if (trouble == KAFKA_BROKER_DOWN && !feed->doubted) {
    feed->doubted = true; /* of the last one that goes, librdkafka does not always say so */
    loop_timer_arm(feed->timer, RETRY_US);
  } else if (trouble == KAFKA_REFUSED && ctx != NULL) {
    diag_say(ctx->diag, MESSAGE_KAFKA_REFUSED, ctx->where, "%s", text);
  }
}

/* ------------------------------------------------------------------ taking */

bool feed_takes(const struct feed *feed, const struct kafka_message *message) {
  return message->value.data != NULL || feed->source->tombstones == TOMBSTONES_KEEP;
}

/* What it will take of an epoch, nearly: the rest is some 40 bytes a record. */
static size_t bytes_of(const struct kafka_message *message) {
  size_t bytes = message->value.len + message->key.len + 40;
  for (size_t i = 0; i < message->n_headers; i++)
    bytes += message->headers[i].name.len + message->headers[i].value.len + 8;
  return bytes;
}

void feed_commit_chunk(const struct feed_part *part, const struct kafka_message *list, size_t n,
                       uint64_t from, uint64_t to, struct take *take) {
  struct envelope *envelopes = mem_alloc(n * sizeof *envelopes);
  size_t n_headers = 0;
  for (size_t i = 0; i < n; i++) n_headers += list[i].n_headers;
  struct envelope_header *headers = mem_alloc((n_headers + 1) * sizeof *headers), *at = headers;
  for (size_t i = 0; i < n; i++) {
    const struct kafka_message *message = &list[i];
    envelopes[i] = (struct envelope){
        .position = (uint64_t)message->offset,
        .time_us = message->time_us == KAFKA_NO_TIME ? ENVELOPE_NO_TIME : message->time_us,
        .key = message->key,
        .value = message->value,
        .headers = at,
        .n_headers = message->n_headers};
    for (size_t k = 0; k < message->n_headers; k++)
      *at++ = (struct envelope_header){message->headers[k].name, message->headers[k].value};
  }
  struct envelope_origin origin = {slice_of(part->topic), part->partition};
  size_t bytes = envelope_chunk_bytes(&origin, envelopes, n);
  char *chunk = take_reserve(take, bytes);
  envelope_chunk_put(chunk, &origin, envelopes, n);
  take_commit(take, part->number, from, to, chunk, bytes, TAKE_ENVELOPED);
  free(headers);
  free(envelopes);
}

static bool same_place(const struct kafka_message *a, const struct kafka_message *b) {
  return a->at.topic == b->at.topic ||
         (a->at.topic != NULL && b->at.topic != NULL && strcmp(a->at.topic, b->at.topic) == 0);
}

/* Takes the next messages that are of one partition, as many as one commit may have. Tombstones
 * that are not wanted are taken out of the list, in place. */
static void take_run(struct feed *feed, struct take *take) {
  struct kafka_message *list = &feed->messages[feed->next_message];
  size_t left = feed->n_messages - feed->next_message, n = 0, kept = 0, bytes = 0;
  uint64_t bytes_max = take_bytes_left(take);
  if (bytes_max > CHUNK_BYTES_MAX) bytes_max = CHUNK_BYTES_MAX;
  struct kafka_message first = list[0];
  while (n < left && same_place(&list[n], &first) && list[n].at.partition == first.at.partition) {
    bool taken = feed_takes(feed, &list[n]);
    size_t more = taken ? bytes_of(&list[n]) : 0;
    if (kept > 0 && bytes + more > bytes_max) break;
    bytes += more;
    if (taken) list[kept++] = list[n];
    n++;
  }
  feed->next_message += n;
  struct feed_part *part = first.at.topic != NULL ? feed_part_find(feed, first.at) : NULL;
  if (part == NULL || part->state != PART_READING || kept == 0) return;
  uint64_t from = (uint64_t)list[0].offset, to = (uint64_t)list[kept - 1].offset + 1;
  feed_commit_chunk(part, list, kept, from, to, take);
  part->next = to;
  part->fresh = false;
}

static int begin(struct feed *feed, struct err *err) {
  feed_reread_end(feed);
  struct kafka_consumer_options options = {.settings = kafka_collected_settings(&feed->settings),
                                           .topics = feed->source->topics.items,
                                           .n_topics = feed->source->topics.n,
                                           .headers = true};
  struct kafka_consumer_events events = {.ready = feed_ready,
                                         .assigned = feed_assigned,
                                         .revoked = feed_revoked,
                                         .trouble = feed_trouble};
  if (kafka_consumer_new(feed->io->kafka, &options, &events, feed, &feed->consumer, err) != 0)
    return -1;
  kafka_subscribe(feed->consumer);
  return 0;
}

int feed_take(struct feed *feed, struct take *take, struct err *err) {
  if (feed->consumer == NULL && begin(feed, err) != 0) return -1;
  while (feed->failure == NULL && take_bytes_left(take) > 0) {
    if (feed->next_message == feed->n_messages) {
      struct kafka_position gone;
      feed->n_messages = kafka_poll(feed->consumer, feed->messages, FEED_POLL_MAX, &gone);
      feed->next_message = 0;
      if (feed->n_messages > 0) back(feed);
      if (gone.at.topic != NULL) feed_gone(feed, &gone);
      if (feed->n_messages == 0) break;
    }
    take_run(feed, take);
  }
  if (feed->next_message < feed->n_messages) source_ready(feed->ctx);
  if (feed->failure == NULL) return 0;
  *err = *feed->failure;
  return -1;
}

/* ------------------------------------------------------------------ life */

struct feed *feed_new(struct kafka_source *source, struct source_ctx *ctx) {
  struct feed *feed = mem_zalloc(sizeof *feed);
  feed->io = ctx->io;
  feed->pipeline = mem_strdup(ctx->where->pipeline);
  feed->component = mem_strdup(ctx->where->name);
  feed->folder = mem_strdup(ctx->folder);
  feed->timer = loop_timer_new(feed->io->loop, on_timer, feed);
  feed->commit_timer = loop_timer_new(feed->io->loop, on_commit_timer, feed);
  feed_settings(source, feed->pipeline, feed->component, feed->folder, &feed->settings);
  return feed;
}

int feed_open(struct feed *feed, struct kafka_source *source, struct source_ctx *ctx,
              struct err *err) {
  struct kafka_settings settings = kafka_collected_settings(&feed->settings);
  feed->source = source;
  feed->ctx = ctx;
  feed->stopping = false;
  if (kafka_settings_check(feed->io->kafka, &settings, false, err) != 0) return -1;
  for (size_t i = 0; i < feed->n_parts; i++) feed->parts[i].number = PART_UNKNOWN;
  for (uint32_t i = 0; i < source_partition_count(ctx); i++)
    if (part_known(feed, i, err) != 0) return -1;
  for (size_t i = 0; i < feed->n_parts; i++) feed_part_resume(feed, &feed->parts[i]);
  if (feed->consumer != NULL) feed_group_turn(feed);
  source_ready(ctx);
  return 0;
}

void feed_stop(struct feed *feed) {
  feed->stopping = true;
  if (feed->consumer != NULL) feed_group_turn(feed);
}

void feed_free(struct feed *feed) {
  if (feed == NULL) return;
  feed_reread_end(feed);
  if (feed->consumer != NULL) feed_commit_last(feed);
  kafka_consumer_free(feed->consumer);
  loop_timer_free(feed->timer);
  loop_timer_free(feed->commit_timer);
  for (size_t i = 0; i < feed->n_parts; i++) free(feed->parts[i].topic);
  free(feed->parts);
  kafka_collected_fini(&feed->settings);
  free(feed->pipeline);
  free(feed->component);
  free(feed->folder);
  free(feed->failure);
  free(feed);
}
