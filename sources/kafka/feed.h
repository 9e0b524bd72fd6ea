/* feed: what the source `kafka` has at the brokers: its consumer and the partitions that the group
 * gives it. It is apart from the instance because it outlives it: a reload that changes nothing of
 * it gives it to the next one, with the partitions.
 *
 * A partition's way (enum part_state):
 *
 *     away -> asking -> marking -> reading -> leaving -> away
 *                \-> locating -/  /    \
 *                 \--------------/      \-- lost: away at once
 *
 * asking: what has the group committed? locating: which offset is `start`? marking: the group's
 * offset is made ours, before anything is read behind a place that is not our own. leaving: it is
 * revoked, nothing more is taken of it, and it is let go of when all that was taken is in the sinks
 * for good and the group's offset says so. README.md says what counts when.
 *
 * feed.c has the consumer, its trouble and what is taken; feed_group.c the states above;
 * feed_reread.c what recovery reads again. All on the loop's thread. */
#ifndef TIDEMARK_SOURCES_KAFKA_FEED_H
#define TIDEMARK_SOURCES_KAFKA_FEED_H

#include "daemon/flow/kafka_access.h"
#include "daemon/flow/plugin.h"

struct kafka_source {         /* the instance */
  struct kafka_access access; /* first: options' offsets count from it */
  /* options */
  struct text_list topics;
  const char *group; /* NULL: the pipeline's name */
  const char *start;
  int isolation, tombstones;
  uint64_t queue_bytes_max;
  /* life */
  int64_t start_us;  /* KAFKA_EARLIEST, KAFKA_LATEST or a time */
  struct feed *feed; /* NULL: not open, or handed over */
};
enum { TOMBSTONES_KEEP, TOMBSTONES_DROP };

#define PART_UNKNOWN UINT32_MAX

enum part_state {
  PART_AWAY,
  PART_ASKING,
  PART_LOCATING,
  PART_MARKING,
  PART_READING,
  PART_LEAVING,
};

struct reread; /* feed_reread.c */

struct feed_part {
  char *topic;
  int32_t partition;
  uint32_t number; /* the engine's; PART_UNKNOWN: it has none yet */
  enum part_state state;
  bool asked;            /* a request about it is out, in this state */
  bool fresh;            /* it begins at `start`: nothing was promised of what is before */
  bool marked;           /* a commit that is out is its mark */
  int64_t was;           /* mark: our own position before; -1: none */
  uint64_t next;         /* everything before it was taken */
  uint64_t acknowledged; /* everything before it is in the sinks for good */
  int64_t committed;     /* the group's offset, by us; -1: not known to be ours */
  int64_t committing;    /* the one in the commit that is out; -1: none */
  struct reread *reread; /* NULL: nothing of it was asked for */
};

enum { FEED_POLL_MAX = 1000, FEED_TROUBLES = KAFKA_OTHER + 1 };

struct feed {
  struct kafka_source *source;
  struct source_ctx *ctx; /* NULL between two instances */
  struct io *io;
  char *pipeline, *component, *folder;
  struct kafka_collected settings;
  struct kafka_consumer *consumer; /* NULL: recovery is not over */
  struct kafka_consumer *again;    /* reads again for recovery; NULL: it has not had to */
  struct feed_part *parts;
  size_t n_parts, cap_parts;
  /* polled and not taken; those of a partition that has gone have no topic */
  struct kafka_message messages[FEED_POLL_MAX];
  size_t n_messages, next_message;
  bool asking, locating, committing; /* such a request is out */
  bool stopping;                     /* nothing will be taken any more */
  int64_t next_commit_us;            /* monotonic: when what is only for people is committed */
  struct loop_timer *commit_timer;
  struct loop_timer *timer; /* tries again what failed, and asks whether brokers are back */
  bool down, doubted;       /* no broker is reached; that may be so: one was lost */
  bool probing;
  int64_t down_since_us; /* monotonic */
  struct err *failure;   /* the source is over: for take() */
  /* figures */
  uint64_t assigned, revoked, lost, troubles[FEED_TROUBLES];
};

/* ------------------------------------------------------------------ feed.c */

struct feed *feed_new(struct kafka_source *source, struct source_ctx *ctx);
/* The partitions that the log knows, and what was on its way meanwhile. */
int feed_open(struct feed *feed, struct kafka_source *source, struct source_ctx *ctx,
              struct err *err);
int feed_take(struct feed *feed, struct take *take, struct err *err);
void feed_stop(struct feed *feed); /* nothing will be taken any more */
void feed_free(struct feed *feed); /* NULL is fine */

/* All settings of the consumer, as this source with these names would have them. */
void feed_settings(const struct kafka_source *source, const char *pipeline, const char *component,
                   const char *folder, struct kafka_collected *settings);

struct feed_part *feed_part_find(struct feed *feed, struct kafka_partition at);
struct feed_part *feed_part_get(struct feed *feed, struct kafka_partition at);
struct feed_part *feed_part_of(struct feed *feed, uint32_t number); /* NULL: none */
static inline struct kafka_partition feed_place(const struct feed_part *part) {
  return (struct kafka_partition){part->topic, part->partition};
}
/* The source is over, with this. */
void feed_fail(struct feed *feed, const struct err *err);
/* A request was not answered well: it is tried again, or the source is over. A good answer, err
 * NULL, ends an outage. */
void feed_answered(struct feed *feed, const struct err *err);
/* The events of both consumers. */
void feed_ready(void *arg);
void feed_trouble(void *arg, enum kafka_trouble trouble, const char *text);
/* Messages as envelopes, written to a chunk of an epoch and committed. */
void feed_commit_chunk(const struct feed_part *part, const struct kafka_message *list, size_t n,
                       uint64_t from, uint64_t to, struct take *take);
bool feed_takes(const struct feed *feed, const struct kafka_message *message);

/* ------------------------------------------------------------------ feed_group.c */

void feed_assigned(void *arg, const struct kafka_partition *list, size_t n);
void feed_revoked(void *arg, const struct kafka_partition *list, size_t n, bool lost);
/* What was being read, or was to be left, when there was no ctx. */
void feed_part_resume(struct feed *feed, struct feed_part *part);
/* Sends what requests are due. */
void feed_group_turn(struct feed *feed);
/* All before the position is in the sinks for good. */
void feed_acknowledged(struct feed *feed, struct feed_part *part, uint64_t position);
/* All that is left to be committed, before the consumer is freed. */
void feed_commit_last(struct feed *feed);
/* The offset that was to be read is not there. */
void feed_gone(struct feed *feed, const struct kafka_position *gone);

/* ------------------------------------------------------------------ feed_reread.c */

int feed_reread_ready(struct feed *feed, uint32_t number, uint64_t from, uint64_t to,
                      struct err *err);
int feed_reread(struct feed *feed, uint32_t number, uint64_t from, uint64_t to, struct take *take,
                struct err *err);
void feed_reread_end(struct feed *feed); /* recovery is over */

#endif
