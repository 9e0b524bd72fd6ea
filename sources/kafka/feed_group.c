/* feed_group: see feed.h. Partitions that come and go, and from where they are read.
 *
 * Our own position is in our log and counts. What the group has committed is for people, for
 * monitoring, and for handing a partition over; its metadata says who committed it:
 *
 *     tidemark FOLDER            this state folder, behind what its sinks had for good
 *     tidemark FOLDER from WAS   its mark: it goes to that offset, from its own position WAS
 *
 * A mark is made before anything is read at a place that a tool has set, or that `start` gave. So a
 * crash between the going there and the first record that is in the log goes there again, and one
 * behind it does not. */
#include "sources/kafka/feed.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TAG "tidemark "
enum { METADATA_BYTES = 120, FOLDER_BYTES = 17, COMMIT_US = 5000000 };

/* ------------------------------------------------------------------ what the group has */

enum committer { COMMITTED_BY_NOBODY, COMMITTED_BY_US, COMMITTED_BY_FOLDER, COMMITTED_BY_TOOL };

struct standing {
  enum committer by;
  char folder[FOLDER_BYTES];
  int64_t was; /* of a mark; -1: none */
};

/* Anybody may write what he likes there. */
static struct standing read_standing(const struct feed *feed,
                                     const struct kafka_position *position) {
  struct standing standing = {.by = COMMITTED_BY_TOOL, .was = -1};
  char text[METADATA_BYTES];
  if (position->offset == KAFKA_OFFSET_NONE) standing.by = COMMITTED_BY_NOBODY;
  if (position->offset < 0 || position->metadata.len >= sizeof text) return standing;
  snprintf(text, sizeof text, "%.*s", SLICE_ARG(position->metadata));
  int64_t was = -1;
  int n = sscanf(text, TAG "%16[0-9a-f] from %" SCNd64, standing.folder, &was);
  if (n < 1) return standing;
  standing.by = strcmp(standing.folder, feed->folder) == 0 ? COMMITTED_BY_US : COMMITTED_BY_FOLDER;
  standing.was = n == 2 ? was : -1;
  return standing;
}

static bool is_known(const struct feed_part *part) {
  return part->number != PART_UNKNOWN && part->next > 0;
}

/* ------------------------------------------------------------------ where it goes on */

static void go_to(struct feed *feed, struct feed_part *part, uint64_t offset) {
  if (part->number == PART_UNKNOWN) {
    char *name = mem_printf("%s/%d", part->topic, part->partition);
    part->number = source_partition_add(feed->ctx, slice_of(name), slice_of(name));
    free(name);
  }
  part->next = offset;
  if (source_partition_get(feed->ctx, part->number)->position == offset) return;
  source_partition_seek(feed->ctx, part->number, offset);
  part->acknowledged = offset; /* nothing was taken behind it */
}

void feed_part_resume(struct feed *feed, struct feed_part *part) {
  if (part->state == PART_READING || part->state == PART_LEAVING) go_to(feed, part, part->next);
  if (part->state == PART_LEAVING) source_commit_soon(feed->ctx);
}

static void read_from(struct feed *feed, struct feed_part *part, uint64_t offset) {
  go_to(feed, part, offset);
  part->state = PART_READING;
  kafka_start(feed->consumer, feed_place(part), (int64_t)offset);
}

static void mark(struct feed_part *part, uint64_t offset) {
  part->was = is_known(part) ? (int64_t)part->next : -1;
  part->next = offset;
  part->committed = -1;
  part->state = PART_MARKING;
}

static void say_moved(struct feed *feed, const struct feed_part *part, int64_t offset,
                      const char *who) {
  diag_say(feed->ctx->diag, MESSAGE_KAFKA_MOVED, feed->ctx->where,
           "%s/%d goes on at offset %" PRId64 " instead of %" PRIu64 ": %s", part->topic,
           part->partition, offset, part->next, who);
}

static void decide(struct feed *feed, struct feed_part *part,
                   const struct kafka_position *position) {
  struct standing standing = read_standing(feed, position);
  uint64_t offset = position->offset > 0 ? (uint64_t)position->offset : 0;
  bool known = is_known(part);
  part->committed = standing.by == COMMITTED_BY_US ? position->offset : -1;
  switch (standing.by) {
  case COMMITTED_BY_NOBODY:
    if (!known) {
      part->state = PART_LOCATING;
      return;
    }
    break;
  case COMMITTED_BY_US:
    if (!known || (standing.was >= 0 && part->next == (uint64_t)standing.was)) {
      read_from(feed, part, offset);
      return;
    }
    break;
  case COMMITTED_BY_FOLDER:
    if (known && offset > part->next)
      say_moved(feed, part, position->offset, "another state folder has read it meanwhile");
    if (!known || offset > part->next) {
      read_from(feed, part, offset);
      part->committed = (int64_t)offset; /* his until we are behind it */
      return;
    }
    break;
  case COMMITTED_BY_TOOL:
    if (known && offset != part->next)
      say_moved(feed, part, position->offset, "the group's offset was set by somebody else");
    mark(part, offset);
    return;
  }
  read_from(feed, part, part->next);
}

/* ------------------------------------------------------------------ asking */

/* The partitions in a state about which nothing was asked yet; free(). */
static struct kafka_partition *list_of(struct feed *feed, enum part_state state, size_t *n) {
  struct kafka_partition *list = mem_alloc((feed->n_parts + 1) * sizeof *list);
  *n = 0;
  for (size_t i = 0; i < feed->n_parts; i++) {
    struct feed_part *part = &feed->parts[i];
    if (part->state != state || part->asked) continue;
    part->asked = true;
    list[(*n)++] = feed_place(part);
  }
  return list;
}

/* What is answered is of one that is still waited for. */
static struct feed_part *answered_part(struct feed *feed, const struct kafka_position *position,
                                       enum part_state state) {
  struct feed_part *part = feed_part_find(feed, position->at);
  if (part == NULL || part->state != state || !part->asked) return NULL;
  part->asked = false;
  return part;
}

static void on_committed(void *arg, const struct kafka_position *list, size_t n,
                         const struct err *err) {
  struct feed *feed = arg;
  feed->asking = false;
  feed_answered(feed, err);
  for (size_t i = 0; i < n; i++) {
    struct feed_part *part = answered_part(feed, &list[i], PART_ASKING);
    if (part != NULL && err == NULL) decide(feed, part, &list[i]);
  }
  if (err == NULL) feed_group_turn(feed);
}

static void on_located(void *arg, const struct kafka_position *list, size_t n,
                       const struct err *err) {
  struct feed *feed = arg;
  feed->locating = false;
  feed_answered(feed, err);
  for (size_t i = 0; i < n; i++) {
    struct feed_part *part = answered_part(feed, &list[i], PART_LOCATING);
    if (part == NULL || err != NULL) continue;
    mark(part, list[i].offset > 0 ? (uint64_t)list[i].offset : 0);
    part->fresh = true;
  }
  if (err == NULL) feed_group_turn(feed);
}

static void ask(struct feed *feed) {
  size_t n;
  if (!feed->asking) {
    struct kafka_partition *list = list_of(feed, PART_ASKING, &n);
    feed->asking = n > 0;
    if (n > 0) kafka_committed(feed->consumer, list, n, on_committed, feed);
    free(list);
  }
  if (!feed->locating) {
    struct kafka_partition *list = list_of(feed, PART_LOCATING, &n);
    feed->locating = n > 0;
    if (n > 0) kafka_offsets_at(feed->consumer, list, n, feed->source->start_us, on_located, feed);
    free(list);
  }
}

/* ------------------------------------------------------------------ committing and leaving */

static void leave(struct feed *feed, struct feed_part *part) {
  part->state = PART_AWAY;
  part->asked = part->fresh = false;
  kafka_release(feed->consumer, feed_place(part));
}

/* What was taken is in the sinks for good, and the next owner will begin behind it: only what is
 * acknowledged is committed. */
static void leave_if_done(struct feed *feed, struct feed_part *part) {
  if (part->state == PART_LEAVING && part->committed >= (int64_t)part->next) leave(feed, part);
}

/* The offset that the group should have of it now, or -1: it has. */
static int64_t to_commit(const struct feed_part *part, bool due) {
  if (part->state == PART_MARKING) return (int64_t)part->next;
  if (part->state != PART_LEAVING && (part->state != PART_READING || !due)) return -1;
  uint64_t done = part->acknowledged < part->next ? part->acknowledged : part->next;
  return done > 0 && (int64_t)done > part->committed ? (int64_t)done : -1;
}

static void on_commit(void *arg, const struct kafka_position *list, size_t n,
                      const struct err *err) {
  struct feed *feed = arg;
  feed->committing = false;
  feed_answered(feed, err);
  for (size_t i = 0; i < n; i++) {
    struct feed_part *part = feed_part_find(feed, list[i].at);
    if (part == NULL || part->committing < 0) continue; /* it was lost meanwhile */
    int64_t offset = part->committing;
    part->committing = -1;
    if (err != NULL) continue;
    part->committed = offset;
    if (part->state == PART_MARKING && part->marked && offset == (int64_t)part->next)
      read_from(feed, part, part->next);
    leave_if_done(feed, part);
  }
  if (err == NULL) feed_group_turn(feed);
}

/* Of partitions that stay, seldom: librdkafka gives up all that it has when a commit crosses a
 * rebalance (an illegal generation), and then they are lost instead of let go of in good order. */
static bool ordinary_due(struct feed *feed) {
  int64_t left_us = feed->next_commit_us - clock_mono_us(feed->io->clock);
  if (left_us <= 0 || feed->stopping) return true;
  loop_timer_arm(feed->commit_timer, left_us);
  return false;
}

struct commits { /* to be sent */
  struct kafka_position *list;
  char (*metadata)[METADATA_BYTES];
  size_t n;
};

static void commits_put(struct commits *commits, const struct feed *feed,
                        const struct feed_part *part, int64_t offset) {
  char *text = commits->metadata[commits->n];
  bool from = part->state == PART_MARKING && part->was >= 0;
  int len = from ? snprintf(text, METADATA_BYTES, TAG "%s from %" PRId64, feed->folder, part->was)
                 : snprintf(text, METADATA_BYTES, TAG "%s", feed->folder);
  commits->list[commits->n++] =
      (struct kafka_position){feed_place(part), offset, {text, (size_t)len}};
}

static struct commits commits_new(const struct feed *feed) {
  return (struct commits){.list = mem_alloc((feed->n_parts + 1) * sizeof(struct kafka_position)),
                          .metadata = mem_alloc((feed->n_parts + 1) * METADATA_BYTES)};
}

static void commits_fini(struct commits *commits) {
  free(commits->metadata);
  free(commits->list);
}

static void commit(struct feed *feed) {
  if (feed->committing) return;
  bool due = ordinary_due(feed);
  struct commits commits = commits_new(feed);
  for (size_t i = 0; i < feed->n_parts; i++) {
    struct feed_part *part = &feed->parts[i];
    int64_t offset = to_commit(part, due);
    if (offset < 0) continue;
    part->committing = offset;
    part->marked = part->state == PART_MARKING;
    commits_put(&commits, feed, part, offset);
  }
  feed->committing = commits.n > 0;
  if (feed->committing && due) feed->next_commit_us = clock_mono_us(feed->io->clock) + COMMIT_US;
  if (feed->committing) kafka_commit(feed->consumer, commits.list, commits.n, on_commit, feed);
  commits_fini(&commits);
}

/* Who comes next, with another state folder too, begins behind what we had for good. */
void feed_commit_last(struct feed *feed) {
  struct commits commits = commits_new(feed);
  for (size_t i = 0; i < feed->n_parts; i++) {
    int64_t offset = to_commit(&feed->parts[i], true);
    if (offset >= 0 && feed->parts[i].state != PART_MARKING)
      commits_put(&commits, feed, &feed->parts[i], offset);
  }
  if (commits.n > 0) kafka_commit_last(feed->consumer, commits.list, commits.n);
  commits_fini(&commits);
}

void feed_group_turn(struct feed *feed) {
  if (feed->ctx == NULL || feed->failure != NULL) return;
  ask(feed);
  commit(feed);
}

void feed_acknowledged(struct feed *feed, struct feed_part *part, uint64_t position) {
  if (position > part->acknowledged && position <= part->next) part->acknowledged = position;
  if (feed->consumer == NULL) return;
  leave_if_done(feed, part);
  feed_group_turn(feed);
}

/* ------------------------------------------------------------------ what the group says */

void feed_assigned(void *arg, const struct kafka_partition *list, size_t n) {
  struct feed *feed = arg;
  feed->assigned += n;
  for (size_t i = 0; i < n; i++) {
    struct feed_part *part = feed_part_get(feed, list[i]);
    part->state = PART_ASKING;
    part->asked = part->fresh = false;
    part->committed = part->committing = -1;
  }
  feed_answered(feed, NULL);
  feed_group_turn(feed);
}

/* What was polled of it and not taken is not ours to take any more. */
static void drop_polled(struct feed *feed, const struct feed_part *part) {
  for (size_t i = feed->next_message; i < feed->n_messages; i++) {
    struct kafka_message *message = &feed->messages[i];
    if (message->at.topic != NULL && message->at.partition == part->partition &&
        strcmp(message->at.topic, part->topic) == 0)
      message->at.topic = NULL;
  }
}

static void revoke_one(struct feed *feed, struct feed_part *part, bool lost) {
  drop_polled(feed, part);
  if (lost || part->state != PART_READING) {
    if (!lost && part->state == PART_LEAVING) return;
    part->committing = -1;
    leave(feed, part);
    return;
  }
  part->state = PART_LEAVING;
  if (feed->ctx != NULL) source_commit_soon(feed->ctx);
  if (part->next == 0) part->committed = 0; /* there was nothing */
  leave_if_done(feed, part);
}

void feed_revoked(void *arg, const struct kafka_partition *list, size_t n, bool lost) {
  struct feed *feed = arg;
  *(lost ? &feed->lost : &feed->revoked) += n;
  for (size_t i = 0; i < n; i++) {
    struct feed_part *part = feed_part_find(feed, list[i]);
    if (part != NULL) revoke_one(feed, part, lost);
  }
  if (lost && feed->ctx != NULL)
    diag_say(feed->ctx->diag, MESSAGE_KAFKA_LOST, feed->ctx->where,
             "the group has given %zu partitions to others, %s/%d among them: it has not heard of "
             "us in time",
             n, list[0].topic, list[0].partition);
  feed_group_turn(feed);
}

void feed_gone(struct feed *feed, const struct kafka_position *gone) {
  struct feed_part *part = feed_part_find(feed, gone->at);
  if (part == NULL || part->state != PART_READING) return;
  if (part->fresh) { /* nothing was promised of what is gone */
    read_from(feed, part, (uint64_t)gone->offset);
    return;
  }
  struct err err;
  const char *group = feed->source->group != NULL ? feed->source->group : feed->pipeline;
  bool before = part->next < (uint64_t)gone->offset;
  err_set(&err, ERR_CORRUPT,
          "%s/%d is to be read from offset %" PRIu64 ", but %s %" PRId64
          ": %s; to go on without what is missing, set the group's offset while this does not run "
          "(kafka-consumer-groups.sh --group %s --topic %s:%d --reset-offsets --to-earliest "
          "--execute)",
          part->topic, part->partition, part->next,
          before ? "the first one there is" : "it ends before that, and begins at", gone->offset,
          before ? "retention has removed records that were not read yet (retention.ms, "
                   "retention.bytes of the topic)"
                 : "the topic was made anew, or a broker that was behind became its leader",
          group, part->topic, part->partition);
  feed_fail(feed, &err);
}
