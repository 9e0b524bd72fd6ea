/* kafka_world: an io on the real broker that broker.py started, and what a client tells, noted. */
#ifndef TIDEMARK_TESTS_KAFKA_WORLD_H
#define TIDEMARK_TESTS_KAFKA_WORLD_H

#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"

/* A topic of its own for a test, "NAME-RANDOM"; config: NULL or one setting of it, "name=value". */
const char *topic_new(struct io_world *world, const char *name, int partitions, const char *config);
/* Takes away the records of partition 0 before the offset. */
void topic_cut(const char *topic, int64_t before);
/* What broker.py can: "kill", "start", "stop", "cont". */
void broker_do(const char *word);

/* Waits until the condition holds, at most a minute. */
#define UNTIL(world, condition)                                                                    \
  do {                                                                                             \
    for (int turn_ = 0; !(condition); turn_++) {                                                   \
      if (turn_ == 6000) fail_msg("not within a minute: %s", #condition);                          \
      OK(world, loop_wait((world)->io.loop, 10000, &(world)->err));                                \
    }                                                                                              \
  } while (0)

/* ------------------------------------------------------------------ a consumer */

struct reader {
  struct io_world *world;
  struct kafka_consumer *consumer;
  int n_ready, n_assigned, n_revoked, n_lost, n_troubles;
  int32_t assigned[16], revoked[16]; /* partitions, of the last call */
  int n_last_assigned, n_last_revoked;
  bool start_at_once, release_at_once; /* what is assigned, from 0; what is revoked */
  const char *topic;
  struct buf text; /* of the messages: "PARTITION/OFFSET KEY=VALUE\n" */
  int n_messages;
  struct kafka_position gone; /* .at.topic NULL: nothing is */
};

/* settings: "name=value" up to NULL, over bootstrap.servers. */
void reader_open(struct reader *reader, struct io_world *world, const char *topic,
                 const char *const *settings);
void reader_poll(struct reader *reader); /* all there is */
void reader_close(struct reader *reader);
#define READ_UNTIL(reader, condition) UNTIL((reader)->world, (reader_poll(reader), (condition)))

struct positions {
  int n;
  bool good;
  struct err err;
  int64_t offsets[8];
  char metadata[200];
};
void note_positions(void *arg, const struct kafka_position *list, size_t n, const struct err *err);

/* ------------------------------------------------------------------ a producer */

struct writer {
  struct io_world *world;
  struct kafka_producer *producer;
  int n_steps, n_delivered, n_refused, n_lost, n_rooms, n_troubles;
  enum kafka_outcome outcome; /* of the last step */
  char text[512];
};

void writer_open(struct writer *writer, struct io_world *world, const char *const *settings);
/* Text that stays: a literal. key NULL: none. */
void writer_put(struct writer *writer, const char *topic, const char *key, const char *value);
void writer_close(struct writer *writer);
/* Steps, until they are answered other than with KAFKA_AGAIN. */
enum kafka_outcome writer_init(struct writer *writer);
void writer_begin(struct writer *writer);
enum kafka_outcome writer_commit(struct writer *writer, const char *group, const char *topic,
                                 int64_t offset, const char *metadata); /* group NULL: none */
enum kafka_outcome writer_abort(struct writer *writer);

#endif
