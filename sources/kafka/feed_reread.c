/* feed_reread: what recovery reads again: ranges of offsets that the log refers to.
 *
 * A consumer of its own that belongs to no group's assignment fetches them. The engine asks for one
 * range after the other and reads none before all of an epoch are there, so what comes is kept by
 * partition, in order, and let go of when it was read. Of a partition that is not waited for no
 * more than KEPT_BYTES_MAX are kept: it is stopped, and started again when its turn comes.
 *
 * A range is [first offset, last offset + 1) of records that were taken, so it is there when its
 * last record is. */
#include "sources/kafka/feed.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

enum { KEPT_BYTES_MAX = 8 << 20, BATCH_MAX = 256 };

struct kept { /* a message, in one piece of memory */
  struct kafka_message message;
  size_t bytes;
  struct kafka_header headers[];
};

struct reread {
  struct kept **kept; /* kept[first .. first + n), by offset */
  size_t first, n, cap;
  size_t bytes;
  int64_t from, seen; /* all in [from, seen) that there is, is kept or was */
  int64_t gone;       /* the first offset that is there, when one asked for is not; -1: it is */
  bool started;
};

/* ------------------------------------------------------------------ keeping */

static struct slice put(char **at, struct slice from) {
  struct slice to = from;
  if (from.data == NULL) return to;
  if (from.len > 0) memcpy(*at, from.data, from.len);
  to.data = *at;
  *at += from.len;
  return to;
}

static struct kept *kept_new(const struct kafka_message *m) {
  size_t bytes = m->key.len + m->value.len + 1; /* so that an empty one has an address */
  for (size_t i = 0; i < m->n_headers; i++)
    bytes += m->headers[i].name.len + m->headers[i].value.len;
  struct kept *kept = mem_alloc(sizeof *kept + m->n_headers * sizeof *m->headers + bytes);
  char *at = (char *)&kept->headers[m->n_headers];
  kept->bytes = sizeof *kept + bytes;
  kept->message = *m;
  kept->message.key = put(&at, m->key);
  kept->message.value = put(&at, m->value);
  for (size_t i = 0; i < m->n_headers; i++)
    kept->headers[i] =
        (struct kafka_header){put(&at, m->headers[i].name), put(&at, m->headers[i].value)};
  kept->message.headers = kept->headers;
  return kept;
}

static void keep(struct reread *reread, const struct kafka_message *message) {
  if (reread->first > 0 && reread->first + reread->n == reread->cap) {
    memmove(reread->kept, reread->kept + reread->first, reread->n * sizeof *reread->kept);
    reread->first = 0;
  }
  array_grow((void **)&reread->kept, &reread->cap, reread->first + reread->n, sizeof *reread->kept);
  struct kept *kept = kept_new(message);
  reread->kept[reread->first + reread->n++] = kept;
  reread->bytes += kept->bytes;
  reread->seen = message->offset + 1;
}

static void drop_before(struct reread *reread, int64_t offset) {
  while (reread->n > 0 && reread->kept[reread->first]->message.offset < offset) {
    reread->bytes -= reread->kept[reread->first]->bytes;
    free(reread->kept[reread->first++]);
    reread->n--;
  }
  if (offset > reread->from) reread->from = offset;
}

/* ------------------------------------------------------------------ fetching */

static int consumer_open(struct feed *feed, struct err *err) {
  if (feed->again != NULL) return 0;
  struct kafka_collected settings = {0};
  for (size_t i = 0; i < feed->settings.n; i++) /* it is no member of anything */
    if (strcmp(feed->settings.list[i].name, "group.instance.id") != 0)
      kafka_collected_put(&settings, feed->settings.list[i].name, feed->settings.list[i].value);
  struct kafka_consumer_options options = {.settings = kafka_collected_settings(&settings),
                                           .headers = true};
  struct kafka_consumer_events events = {.ready = feed_ready,
                                         .assigned = feed_assigned,
                                         .revoked = feed_revoked,
                                         .trouble = feed_trouble};
  int result = kafka_consumer_new(feed->io->kafka, &options, &events, feed, &feed->again, err);
  kafka_collected_fini(&settings);
  return result;
}

static void start(struct feed *feed, struct feed_part *part, int64_t offset) {
  part->reread->started = true;
  kafka_start(feed->again, feed_place(part), offset);
}

static void take_in(struct feed *feed, const struct kafka_message *message,
                    const struct feed_part *wanted) {
  struct feed_part *part = feed_part_find(feed, message->at);
  if (part == NULL || part->reread == NULL || message->offset < part->reread->seen) return;
  struct reread *reread = part->reread;
  if (!reread->started) return; /* stopped: it comes again */
  keep(reread, message);
  if (part == wanted || reread->bytes < KEPT_BYTES_MAX) return;
  reread->started = false;
  kafka_release(feed->again, feed_place(part));
}

/* Polls until the range of the part is there, or nothing comes. */
static void fetch(struct feed *feed, struct feed_part *part, int64_t to) {
  struct kafka_message messages[BATCH_MAX];
  struct kafka_position gone;
  size_t n = 1;
  while (n > 0 && part->reread->seen < to && part->reread->gone < 0) {
    n = kafka_poll(feed->again, messages, BATCH_MAX, &gone);
    for (size_t i = 0; i < n; i++) take_in(feed, &messages[i], part);
    struct feed_part *lacks = gone.at.topic != NULL ? feed_part_find(feed, gone.at) : NULL;
    if (lacks != NULL && lacks->reread != NULL) lacks->reread->gone = gone.offset;
  }
  kafka_polled(feed->again);
}

static int say_gone(const struct feed_part *part, int64_t from, int64_t to, struct err *err) {
  return err_set(
      err, ERR_CORRUPT,
      "%s/%d: the records at offsets %" PRId64 " to %" PRId64
      " are needed once more to recover, but the first one there is %" PRId64
      ": retention has removed them (retention.ms, retention.bytes of the topic must cover what is "
      "not in a snapshot yet), or the topic was made anew; begin anew with an empty state folder, "
      "and keep records longer or write log_payload: true",
      part->topic, part->partition, from, to, part->reread->gone);
}

int feed_reread_ready(struct feed *feed, uint32_t number, uint64_t range_from, uint64_t range_to,
                      struct err *err) {
  struct feed_part *part = feed_part_of(feed, number);
  int64_t from = (int64_t)range_from, to = (int64_t)range_to;
  if (part == NULL) return err_set(err, ERR_CORRUPT, "partition %u is of no topic", number);
  if (feed->failure != NULL) {
    *err = *feed->failure;
    return -1;
  }
  if (consumer_open(feed, err) != 0) return -1;
  if (part->reread == NULL) {
    part->reread = mem_zalloc(sizeof *part->reread);
    *part->reread = (struct reread){.from = from, .seen = from, .gone = -1};
  }
  struct reread *reread = part->reread;
  if (from < reread->from) { /* back, as when the engine begins once more */
    drop_before(reread, INT64_MAX);
    *reread = (struct reread){.kept = reread->kept, .cap = reread->cap, .gone = -1};
    reread->from = reread->seen = from;
  }
  if (reread->n == 0 && from > reread->seen) {
    reread->seen = from; /* what is between is not needed */
    reread->started = false;
  }
  if (reread->seen < to && !reread->started) start(feed, part, reread->seen);
  fetch(feed, part, to);
  if (reread->gone >= 0) return say_gone(part, from, to, err);
  return reread->seen >= to;
}

int feed_reread(struct feed *feed, uint32_t number, uint64_t range_from, uint64_t range_to,
                struct take *take, struct err *err) {
  (void)err;
  const struct feed_part *part = feed_part_of(feed, number);
  struct reread *reread = part->reread;
  struct kafka_message *list = mem_alloc((reread->n + 1) * sizeof *list);
  size_t n = 0;
  for (size_t i = 0; i < reread->n; i++) {
    const struct kafka_message *message = &reread->kept[reread->first + i]->message;
    bool within = message->offset >= (int64_t)range_from && message->offset < (int64_t)range_to;
    if (within && feed_takes(feed, message)) list[n++] = *message;
  }
  /* If none is there, compaction has taken them: the engine sees that it is not the same. */
  if (n > 0) feed_commit_chunk(part, list, n, range_from, range_to, take);
  free(list);
  drop_before(reread, (int64_t)range_to);
  return 0;
}

void feed_reread_end(struct feed *feed) {
  for (size_t i = 0; i < feed->n_parts; i++) {
    struct reread *reread = feed->parts[i].reread;
    if (reread == NULL) continue;
    drop_before(reread, INT64_MAX);
    free(reread->kept);
    free(reread);
    feed->parts[i].reread = NULL;
  }
  kafka_consumer_free(feed->again);
  feed->again = NULL;
  feed->probing = false; /* if it was this one that was asked */
}
