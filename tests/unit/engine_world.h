/* engine_world: a simulated machine on which an engine lives, dies and lives again.
 *
 * The disk outlives the engine; time goes on from life to life; standard input is what a producer
 * sends that resumes where the source says at its start. */
#ifndef TIDEMARK_TESTS_ENGINE_WORLD_H
#define TIDEMARK_TESTS_ENGINE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/flow/engine.h"
#include "daemon/io/io_sim.h"
#include "daemon/record/time.h"
#include "daemon/supervisor/running.h"

#define WORLD_START_US INT64_C(1767225600000000) /* 2026-01-01 */

/* The beginning of a pipeline; settings for one that cuts many epochs and makes many snapshots. */
#define WORLD_HEAD(more)                                                                           \
  "pipeline: p\n"                                                                                  \
  "state: {dir: /state}\n"                                                                         \
  "log: {segment: 1MiB, sync: always}\n"                                                           \
  "shards: 4\n" more
#define WORLD_CALM "checkpoint: {interval: 3ms}\nepoch: {bytes: 2KiB}\n"
#define WORLD_FILE "file, path: /in/a.ndjson"
/* What is in the input, once each, to world_out. */
#define WORLD_COPY(more, source)                                                                   \
  WORLD_HEAD(more)                                                                                 \
  "sources:\n"                                                                                     \
  "  in: {type: " source "}\n"                                                                     \
  "transforms:\n"                                                                                  \
  "  once: {type: dedup, input: in, key: id, ttl: 1h}\n"                                           \
  "sinks:\n"                                                                                       \
  "  out: {type: file, input: once, path: /out/out.ndjson}\n"
extern const char *const world_out[]; /* NULL-ended */

struct world {
  struct disk *disk;         /* with the folders /in and /out, and /p.yaml */
  uint64_t seed;             /* of the next life; counts on */
  int64_t wall_us;           /* the clock at which the next life begins; moves on */
  struct sim_kafka *brokers; /* outlive each life; NULL: there are none. The test's */
  struct buf input;          /* what the producer of standard input has to send */
  bool input_ends;
  uint64_t piece_bytes; /* sent before each turn; 0: all at once */
  bool scripted;        /* turn() sends, by sim_stdin() and `sent` */
  /* Before each turn; false: the machine is switched off. May be NULL. */
  bool (*turn)(struct world *world);
  /* Before the io of a life is closed: for what the test has open there. May be NULL. */
  void (*off)(struct world *world);
  void *arg;
  const char *give_up; /* reload_life(): sinks let off at its start, a line each; NULL: none */
  uint64_t calls_max;  /* of the disk in a life, then it is switched off; 0: no end */
  /* Of the life that is, or the last. */
  struct io io;
  struct engine *engine;
  uint64_t position, sent; /* where the producer resumed, and how far it is */
  char *said;              /* diagnostics */
  size_t said_len;
  struct engine_figures figures;
  uint64_t queued_bytes_most, turns;
};

void world_init(struct world *world, const char *pipeline);
void world_fini(struct world *world);
/* Replaces the configuration for lives to come. */
void world_configure(struct world *world, const char *pipeline);
/* 0: all was delivered; -1: it failed, or was switched off; err says why. */
int world_life(struct world *world, struct err *err);
/* A life of /p.yaml beside one of another configuration, on one loop. The first one's end is
 * returned when both have ended; other_err is the second one's error, if it has one. */
int world_pair(struct world *world, const char *other, struct err *other_err);
/* The parts of a life, for tests that make turns of their own: the machine is switched on, and off.
 * The stream gets the diagnostics (world->said). */
FILE *world_begin(struct world *world, struct err *err);
void world_end(struct world *world, FILE *stream);
/* Of a life in which turn() sends, or of one without world_life(): true once the source has said in
 * the stream from where the producer goes on; and so many bytes of what is left, with the end. */
bool world_produce(struct world *world, FILE *stream);
void world_send(struct world *world, uint64_t bytes);
const char *world_env(void *arg, const char *name); /* no variable is set */
/* A life in which the n-th call of the disk fails, and all after it: the machine goes down. */
int world_life_down_at(struct world *world, uint64_t n, struct err *err);
/* Up to so many of them, each down at a call that is drawn, until one comes to its end: how many.
 */
uint64_t world_lives_cut_short(struct world *world, uint64_t lives_max, uint64_t calls_max,
                               struct random *random);
/* A life that must come to its end. */
void world_live(struct world *world, const char *what);
/* What was not synced may be gone; the faults are over. */
void world_crash(struct world *world, enum sim_unsynced unsynced, uint64_t seed);

void world_put(struct disk *disk, const char *path, struct slice text);
/* Empty when there is no such file. */
void world_get(struct disk *disk, const char *path, struct buf *text);
void world_expect_error(const struct err *err, enum err_code code, const char *text);
void world_expect(struct world *world, const char *path, const char *wanted);
/* The outputs named (NULL-ended) are the same in both. */
void world_same(struct world *have, struct world *wanted, const char *const *paths,
                const char *what);
bool world_said(const struct world *world, const char *text);
/* Records in about the order of time, in `text`: {"id","t","k","v"} with disorder, repeats, late
 * ones and broken lines, all drawn from the seed. */
void world_records(struct buf *text, int records, int first_id, uint64_t seed);
/* n lines of WORLD_LINE_BYTES: id counts on from 100000, d is a digit as text but in line bad_at.
 */
#define WORLD_LINE_BYTES 58
void world_put_lines(struct world *world, const char *path, int n, int bad_at, const char *bad);

/* For world->turn, with a uint64_t as arg: switched off after so many records; drained at a turn.
 */
bool world_some_records(struct world *world);
bool world_drain_at(struct world *world);

#endif
