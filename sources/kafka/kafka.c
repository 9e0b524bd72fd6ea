/* kafka: the source that reads topics of Kafka. Its records have envelopes (record/envelope.h):
 * key, headers, time and place are fields beside those of the value.
 *
 * A partition of ours is one of a topic's, its position the offset of the next record. This file is
 * the plugin around the feed (feed.h), which says how partitions come and go. */
#include "sources/kafka/feed.h"

#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "daemon/record/time.h"
#include "sources/sources.h"

#include <stdlib.h>

enum { REACH_US = 5000000 };

static const char *const isolation_names[] = {"read_committed", "read_uncommitted", NULL};
static const char *const tombstone_names[] = {"keep", "drop", NULL};

static const char *const notes[] = {
    "Fields beside those of the value: `_key` (text; what is not UTF-8 in base64), `_headers` and "
    "`_headers.name`, `_topic`, `_partition`, `_offset`, `_timestamp` and `_tombstone`. The event "
    "time is `_timestamp` unless `event_time` says otherwise. A record without a value (a "
    "tombstone) is a record without fields.",
    "Each partition of a topic has a watermark of its own; one that is quiet for "
    "`watermark.idle_timeout` holds nobody up.",
    "Positions are in the state folder and count. What the group has committed follows them, "
    "behind "
    "what the sinks have for good; it is what monitoring shows, and where a daemon with another "
    "state folder goes on when it gets the partition. An offset that somebody sets while the "
    "daemon "
    "does not run (kafka-consumer-groups.sh --reset-offsets) is where it goes on, and it says so.",
    "Daemons with one `group` share the partitions; each has a state folder of its own. A "
    "partition "
    "moves (cooperatively) when all that was taken of it is in the sinks for good. When a daemon "
    "dies, or is not heard of for session.timeout.ms, the next owner begins at the group's offset: "
    "what the first one had taken behind that comes twice. State of transforms does not move.",
    "After a crash the records behind the newest snapshot are read again from the topics: "
    "retention "
    "must keep them for some checkpoints, and as long as a sink is away. `log_payload: true` keeps "
    "them in the log instead; it is needed where topics are compacted.",
    "Each daemon is a static member of its group (group.instance.id, made of state folder, "
    "pipeline "
    "and source), so a restart within session.timeout.ms (45 s) moves no partitions.",
    NULL};

static const struct option kafka_options[] = {
    KAFKA_ACCESS_OPTIONS,
    {.name = "topics",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct kafka_source, topics),
     .required = true,
     .text = "names, or regular expressions that begin with ^; topics that come later too"},
    {.name = "group",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_source, group),
     .text = "the consumer group; by default the pipeline's name"},
    {.name = "start",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_source, start),
     .fallback = "earliest",
     .text =
         "where a partition begins that neither the state folder nor the group knows: earliest, "
         "latest, or a time such as 2026-01-31T00:00:00Z"},
    {.name = "isolation",
     .type = OPTION_ENUM,
     .offset = offsetof(struct kafka_source, isolation),
     .fallback = "read_committed",
     .names = isolation_names,
     .text = "read_uncommitted also shows records of transactions that are open or were aborted"},
    {.name = "tombstones",
     .type = OPTION_ENUM,
     .offset = offsetof(struct kafka_source, tombstones),
     .fallback = "keep",
     .names = tombstone_names,
     .text = "keep: records without a value, with `_tombstone` true; drop: they are left out"},
    {.name = "queue",
     .type = OPTION_SIZE,
     .offset = offsetof(struct kafka_source, queue_bytes_max),
     .fallback = "16MiB",
     .min = 1 << 20,
     .max = 1 << 30,
     .text =
         "of records that were fetched and wait for the pipeline; beyond it nothing is fetched"},
    {0}};

static int64_t start_of(const struct kafka_source *source) {
  int64_t us;
  if (strcmp(source->start, "earliest") == 0) return KAFKA_EARLIEST;
  if (strcmp(source->start, "latest") == 0) return KAFKA_LATEST;
  return time_parse(slice_of(source->start), &us) == 0 ? us : KAFKA_NO_TIME + 1;
}

static void kafka_check(const void *instance, const struct node *node,
                        struct config_errors *errors) {
  static const char *const own[] = {"bootstrap.servers",
                                    "metadata.broker.list",
                                    "group.id",
                                    "isolation.level",
                                    "enable.auto.commit",
                                    "enable.auto.offset.store",
                                    "auto.offset.reset",
                                    "partition.assignment.strategy",
                                    NULL};
  const struct kafka_source *source = instance;
  kafka_access_check(&source->access, node, own, errors);
  if (start_of(source) == KAFKA_NO_TIME + 1)
    config_error_add(errors, node_get(node, "start")->place,
                     "start is earliest, latest or a time such as 2026-01-31T00:00:00Z");
  for (size_t i = 0; i < source->topics.n; i++)
    if (source->topics.items[i][0] == '\0')
      config_error_add(errors, source->topics.nodes[i]->place, "a topic has a name");
}

static int kafka_flags(const void *instance) {
  (void)instance;
  return SOURCE_REREADABLE;
}

static bool kafka_bounded(const void *instance) {
  (void)instance;
  return false;
}

/* ------------------------------------------------------------------ reload */

static bool same_texts(const struct text_list *a, const struct text_list *b) {
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->items[i], b->items[i]) != 0) return false;
  return true;
}

/* Whether the consumer can go on as it is. */
static bool same_feed(const struct kafka_source *source, const struct feed *feed) {
  struct kafka_collected settings = {0};
  feed_settings(source, feed->pipeline, feed->component, feed->folder, &settings);
  bool same = kafka_collected_equal(&settings, &feed->settings) &&
              same_texts(&source->topics, &feed->source->topics) &&
              source->tombstones == feed->source->tombstones;
  kafka_collected_fini(&settings);
  return same;
}

static int kafka_claim(void *instance, struct io *io, const struct diag *diag, const void *old,
                       struct err *err) {
  (void)diag;
  const struct kafka_source *source = instance, *before = old;
  if (before != NULL && before->feed != NULL && same_feed(source, before->feed)) return 0;
  struct kafka_collected settings = {0};
  feed_settings(source, "tidemark", "tidemark", "0", &settings); /* names do not matter here */
  struct kafka_settings list = kafka_collected_settings(&settings);
  int result = kafka_settings_check(io->kafka, &list, false, err);
  if (result == 0)
    result = kafka_reach(io->kafka, &list, source->topics.items, source->topics.n, REACH_US, err);
  kafka_collected_fini(&settings);
  return result;
}

static void kafka_adopt(void *instance, void *old) {
  struct kafka_source *source = instance, *before = old;
  if (before->feed == NULL || !same_feed(source, before->feed)) return;
  source->feed = before->feed;
  before->feed = NULL;
  source->feed->ctx = NULL;
  source->feed->source = source;
}

/* ------------------------------------------------------------------ life */

static int kafka_open(void *instance, struct source_ctx *ctx, struct err *err) {
  struct kafka_source *source = instance;
  source->start_us = start_of(source);
  if (source->feed == NULL) source->feed = feed_new(source, ctx);
  return feed_open(source->feed, source, ctx, err);
}

static int kafka_take(void *instance, struct take *take, struct err *err) {
  return feed_take(((struct kafka_source *)instance)->feed, take, err);
}

static int kafka_reread_ready(void *instance, uint32_t partition, uint64_t from, uint64_t to,
                              struct err *err) {
  return feed_reread_ready(((struct kafka_source *)instance)->feed, partition, from, to, err);
}

static int kafka_reread(void *instance, uint32_t partition, uint64_t from, uint64_t to,
                        struct take *take, struct err *err) {
  return feed_reread(((struct kafka_source *)instance)->feed, partition, from, to, take, err);
}

static void kafka_acknowledged(void *instance, uint32_t partition, uint64_t position) {
  struct feed *feed = ((struct kafka_source *)instance)->feed;
  struct feed_part *part = feed_part_of(feed, partition);
  if (part != NULL) feed_acknowledged(feed, part, position);
}

/* How many records are in the topics that were not taken. The end of each transaction counts as
 * one until something comes behind it. */
static void put_lag(const struct feed *feed, struct metrics *metrics) {
  for (size_t i = 0; i < feed->n_parts; i++) {
    const struct feed_part *part = &feed->parts[i];
    if (part->state != PART_READING) continue;
    int64_t end = kafka_end(feed->consumer, feed_place(part));
    int64_t lag = end > (int64_t)part->next ? end - (int64_t)part->next : 0;
    metrics_put(metrics, METRIC_KAFKA_LAG, part->topic, (double)lag);
  }
}

static void kafka_metrics(const void *instance, struct metrics *metrics) {
  static const char *const troubles[] = {"broker_down", "all_down", "refused", "other"};
  const struct feed *feed = ((const struct kafka_source *)instance)->feed;
  if (feed == NULL) return;
  size_t held = 0;
  for (size_t i = 0; i < feed->n_parts; i++) held += feed->parts[i].state != PART_AWAY;
  put_lag(feed, metrics);
  metrics_put(metrics, METRIC_KAFKA_PARTITIONS, NULL, (double)held);
  metrics_put(metrics, METRIC_KAFKA_REBALANCES, "assigned", (double)feed->assigned);
  metrics_put(metrics, METRIC_KAFKA_REBALANCES, "revoked", (double)feed->revoked);
  metrics_put(metrics, METRIC_KAFKA_REBALANCES, "lost", (double)feed->lost);
  for (int i = 0; i < FEED_TROUBLES; i++)
    metrics_put(metrics, METRIC_KAFKA_SOURCE_TROUBLES, troubles[i], (double)feed->troubles[i]);
}

static void kafka_stop(void *instance) {
  struct feed *feed = ((struct kafka_source *)instance)->feed;
  if (feed != NULL) feed_stop(feed);
}

static void kafka_close(void *instance) {
  struct kafka_source *source = instance;
  feed_free(source->feed);
  source->feed = NULL;
}

const struct source_plugin source_kafka = {
    .type = {.name = "kafka",
             .text = "records of Kafka topics, as a member of a consumer group",
             .notes = notes,
             .options = kafka_options,
             .instance_bytes = sizeof(struct kafka_source),
             .check = kafka_check},
    .promise = SOURCE_READ_AGAIN,
    .enveloped = true,
    .flags = kafka_flags,
    .bounded = kafka_bounded,
    .open = kafka_open,
    .take = kafka_take,
    .reread = kafka_reread,
    .reread_ready = kafka_reread_ready,
    .acknowledged = kafka_acknowledged,
    .stop = kafka_stop,
    .handover = {.claim = kafka_claim, .adopt = kafka_adopt},
    .metrics = kafka_metrics,
    .close = kafka_close,
};
