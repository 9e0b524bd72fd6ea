/* plugin: what a source, a transform and a sink are to the engine. One plugin is one file (or one
 * folder) and one line in its kind's table (sources/sources.def, ...): a const struct below.
 *
 * For all kinds: the engine allocates the instance zeroed, options filled in from the table, in the
 * arena of the configuration; close()/fini is always called, also after a failed open, and must be
 * safe then. Nothing here may read a clock, a file or a random number but through ctx->io, and
 * nothing a transform does may depend on hash order, threads, the number of workers or where
 * epochs were cut. */
#ifndef TIDEMARK_FLOW_PLUGIN_H
#define TIDEMARK_FLOW_PLUGIN_H

#include "config/pipeline.h"
#include "daemon/base/diag.h"
#include "daemon/expr/expr.h"
#include "daemon/flow/watermark.h"
#include "daemon/io/io.h"
#include "daemon/record/batch.h"
#include "daemon/record/codec.h"
#include "daemon/state/snapshot.h"
#include "daemon/state/table.h"

/* ------------------------------------------------------------------ compiling expressions */

/* Turns the expressions of a configuration into compiled ones; errors go to the configuration's,
 * with carets. Shared by all kinds. */
struct compile;

/* wanted: the static type it must be able to have (VALUE_ANY: any); a mismatch known at compile
 * time is an error. schema NULL: constants only. -1 after adding an error. What comes is freed with
 * the graph, never by the plugin. */
int compile_expr(struct compile *compile, const struct expr_text *text, struct schema *schema,
                 enum expr_place place, enum value_type wanted, struct expr **expr);
void compile_error(struct compile *compile, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct arena *compile_arena(struct compile *compile); /* the configuration's */
struct io *compile_io(struct compile *compile);

/* ------------------------------------------------------------------ reload */

/* How a source or a sink takes over from the one of the same name and type that a reload replaces,
 * also when its options have changed. Both members may be NULL: then the old one is closed and the
 * new one opened, between two epochs. The order of a reload:
 *
 * 1. claim(new, old) for all components, while the old pipeline runs; any failure ends the reload.
 * 2. The old engine takes nothing more, delivers, commits and makes a snapshot.
 * 3. adopt(new, old), then close(old), then open(new), called by the new engine.
 *
 * After a reload that failed, close(new) is called and must leave the old one as it was. */
struct handover {
  /* Takes what open() will need from outside, beside the old instance (NULL: there is none): binds
   * addresses that the old one has not, looks whether files can be opened. No other effect. */
  int (*claim)(void *instance, struct io *io, const struct diag *diag, const void *old,
               struct err *err);
  /* Moves what lives on - listeners, connections, what they have brought and nobody took - from the
   * old instance, which then only gets close(). Cannot fail. Until open() no callback of the loop
   * may touch a ctx: there is none. */
  void (*adopt)(void *instance, void *old);
};

struct metrics; /* daemon/flow/metrics.h: where a component puts its figures when asked */

/* ------------------------------------------------------------------ sources */

/* What every source may be told beside its own options (flow/common_options.c). */
struct source_common {
  const char *codec;       /* codec: json */
  bool json_strict;        /* json.strict */
  uint64_t line_max_bytes; /* max_line: 1MiB */
  struct expr_text event_time;
  int event_time_unit;           /* unit: enum time_unit, ms */
  const char *event_time_format; /* format: strptime-style */
  int64_t max_future_us;         /* max_future: 1h */
  int64_t max_lateness_us;       /* watermark.max_lateness: 0 */
  int64_t idle_timeout_us;       /* watermark.idle_timeout; -1: the default rule */
  int when_idle;                 /* watermark.when_idle: advance | hold */
  struct expr_text watermark_when, watermark_value;
  bool log_payload;
  int on_error; /* enum on_error */
};

enum on_error { ON_ERROR_DEAD_LETTER, ON_ERROR_DROP, ON_ERROR_STOP };

/* The engine's side of one source; calls on the loop's thread. */
struct source_ctx {
  struct io *io;
  const struct diag *diag;
  const struct diag_where *where; /* for diag_say() */
  const struct source_common *common;
  const char *folder; /* names the state folder, for good: 16 hexadecimal digits */
  struct engine_source *engine;
};

/* There may be something to take; the engine will call take(). Any number of times, also from
 * within take(), which is then called again for the next epoch. */
void source_ready(struct source_ctx *ctx);

/* A partition is what has positions and a watermark of its own: a file, a Kafka partition, the one
 * stream of a socket. Its number is given at first sight and kept in the log; one that ended and
 * was forgotten leaves its own to another, which begins at position 0. identity: bytes by which the
 * source knows it again (may be empty), up to 1 KiB. name: for people. */
uint32_t source_partition_add(struct source_ctx *ctx, struct slice name, struct slice identity);
struct source_partition {
  struct slice name, identity;
  uint64_t position; /* everything before it has been taken: where to go on */
  bool ended;
  bool forgotten; /* there is nothing of it but the number; it has ended */
};
/* Those known from earlier lives are there, with their positions, before open(). */
uint32_t source_partition_count(const struct source_ctx *ctx);
const struct source_partition *source_partition_get(const struct source_ctx *ctx,
                                                    uint32_t partition);
/* It has ended, or its end has been taken, and will never be asked for again: nothing of it is
 * kept.
 */
void source_partition_forget(struct source_ctx *ctx, uint32_t partition);
/* It is known better than at first sight. From the next snapshot on; a crash before that may go
 * back to what was said before, which must still be true. */
void source_partition_identify(struct source_ctx *ctx, uint32_t partition, struct slice identity);
/* Somebody else has read the partition meanwhile: its next input will begin there. Between two
 * commits of it. */
void source_partition_seek(struct source_ctx *ctx, uint32_t partition, uint64_t position);
/* Sinks are to commit all that was taken up to now without waiting for the next checkpoint;
 * acknowledged() tells when they have. */
void source_commit_soon(struct source_ctx *ctx);

/* An epoch's input being gathered. */
struct take;
uint64_t take_bytes_left(const struct take *take); /* stop offering at 0 */
int64_t take_clock_us(const struct take *take);    /* the epoch's clock, wall time */
/* Room for `bytes` in a block (padded as decoders need it) that lives as long as the epoch. */
char *take_reserve(struct take *take, size_t bytes);
enum take_flags {
  TAKE_TOO_LONG = 1,  /* one line longer than max_line: goes to .errors as it is */
  TAKE_COUNTED = 2,   /* positions count records, not bytes: row i has position from + i */
  TAKE_ENVELOPED = 8, /* made by envelope_chunk_put(): never cut, and read again as one commit */
  TAKE_WHOLE = 4,     /* whole requests: never cut into several epochs, so all of each is in the log
                         or none; may be of any size */
};
/* The first `len` bytes at `data` (in the block reserved last, anywhere in it) are whole lines, the
 * next of the partition, standing for positions [from, to). At most 256 KiB unless a line is
 * longer. Between a reserve and the next several commits are fine. */
void take_commit(struct take *take, uint32_t partition, uint64_t from, uint64_t to,
                 const char *data, size_t len, int flags);
/* The partition has come to its end and will give nothing more. The epoch ends with it:
 * take_bytes_left() is 0 from here on. */
void take_partition_end(struct take *take, uint32_t partition);
/* The source has: all its partitions have ended (a bounded source). */
void take_source_end(struct take *take);

/* Notes: keys that a source of pushed data must know again after a crash (an Idempotency-Key). The
 * engine keeps them, in the log with the records and in snapshots, until ttl_us after the epoch's
 * clock. A note belongs to what was committed last in this take; value is the source's own. key: up
 * to 1 KiB. */
void take_note(struct take *take, struct slice key, uint64_t value, int64_t ttl_us);
/* Whether there is a note of that key, from take_note() on until its time is over. */
bool source_note_find(const struct source_ctx *ctx, struct slice key, uint64_t *value);

/* Why nothing can be taken for now ("the log waits: no space left ..."), or NULL: a source of
 * pushed data then refuses, and says so, rather than let its callers wait. */
const char *source_stalled(const struct source_ctx *ctx);

/* What becomes of records that a crash overtakes before they are in the log. */
enum source_promise {
  SOURCE_READ_AGAIN,   /* they are still where they were */
  SOURCE_ACKNOWLEDGED, /* whoever sent them was not told that they are safe, and sends them again */
  SOURCE_RESUMED,      /* the producer is told at the start from which byte to go on */
  SOURCE_FORGOTTEN,    /* they are lost: nobody knows */
};

enum source_flags {
  SOURCE_REREADABLE = 1, /* reread() gives the same bytes for a range again, also after a crash */
};

struct source_plugin {
  struct component_type type;
  enum source_promise promise;
  bool enveloped; /* its commits have TAKE_ENVELOPED, all of them */
  int (*flags)(const void *instance);
  bool (*bounded)(const void *instance);
  /* Claims what is needed and goes to where the partitions' positions are. */
  int (*open)(void *instance, struct source_ctx *ctx, struct err *err);
  /* Offers what is there now without waiting, up to take_bytes_left(). Called when the source was
   * ready, and again at the next epoch while a call used up all of take_bytes_left(). */
  int (*take)(void *instance, struct take *take, struct err *err);
  /* Commits exactly the positions [from, to) of a partition again (in any number of commits).
   * Called after open(), before take(), and only with SOURCE_REREADABLE. A range that is gone:
   * ERR_CORRUPT saying what and what to do; whether the bytes are the same is checked by the
   * engine. */
  int (*reread)(void *instance, uint32_t partition, uint64_t from, uint64_t to, struct take *take,
                struct err *err);
  /* Whether reread() of that range would not wait: 1, or 0 and source_ready() when it may have
   * changed. Asked for each range of an epoch, again and again, until all are there. -1: as
   * reread(). NULL: reread() never waits. */
  int (*reread_ready)(void *instance, uint32_t partition, uint64_t from, uint64_t to,
                      struct err *err);
  /* All positions before `position` are in the log, synced as log.sync says: what was pushed may be
   * acknowledged to whoever pushed it. May be NULL. */
  void (*logged)(void *instance, uint32_t partition, uint64_t position);
  /* What came of all positions before `position` is in the sinks for good, and the log knows that
   * they have it. May be NULL. */
  void (*acknowledged)(void *instance, uint32_t partition, uint64_t position);
  /* The pipeline stops: take() will not be called any more, in this life. What was offered and not
   * taken is refused. May be NULL. */
  void (*stop)(void *instance);
  /* Share done of a bounded source, 0..1, or negative when not known; may be NULL. */
  double (*progress)(const void *instance);
  struct handover handover;
  void (*metrics)(const void *instance, struct metrics *metrics); /* may be NULL */
  void (*close)(void *instance);
};

/* ------------------------------------------------------------------ transforms */

struct transform_common {
  int on_error;        /* enum on_error */
  int on_incompatible; /* enum on_incompatible: state that a changed definition cannot go on with */
};

enum on_incompatible { ON_INCOMPATIBLE_REFUSE, ON_INCOMPATIBLE_RESET };

/* Compile time: what flows in and out. */
size_t compile_input_count(const struct compile *compile);
/* The schema of the records of input i. Not to be changed: copy it. */
struct schema *compile_input(struct compile *compile, size_t i);
/* Declares an output: port "" is the main one. Order of calls numbers them 0, 1, ... (.errors is
 * the engine's). The rows of a port have its schema. */
void compile_output(struct compile *compile, const char *port, struct schema *schema);

/* A stateless transform's call: rows of one batch in, rows of the same batch out. */
struct apply {
  struct expr_run run;
  size_t input; /* index of the input it came by */
  struct view in;
  struct view *out;         /* [ports]; all empty at the call */
  struct row_errors errors; /* rows that failed; the engine sends them to .errors */
  uint64_t *counters;       /* [TRANSFORM_COUNTERS] of this call, see below */
};

/* A keyed transform's epoch. Rows come to the shard of their key, in order of arrival. */
struct keyed_row {
  uint32_t row;
  uint32_t rank; /* among the view's rows: arrival = arrival_base + rank */
};
struct keyed_view {
  struct view view; /* without the rows in error */
  size_t input;
  uint64_t arrival_base;       /* arrivals number all rows this transform ever got, from 0 */
  uint64_t *hashes;            /* [n_rows], by row; set by prepare() */
  struct keyed_row *rows;      /* [view.n], grouped by shard, in order within */
  const uint32_t *shard_start; /* [n_shards + 1] into rows */
  struct row_errors errors;
};
struct keyed_run {
  struct expr_run run;
  uint64_t first_ord, last_ord;        /* the epoch's ticks, before and behind all of its rows */
  const struct watermark_track *track; /* minimum over the inputs */
  bool ended;               /* the watermark has gone to TIME_MAX_US: bounded input is over */
  struct keyed_view *views; /* in order of ord (several inputs: merged by the engine's caller) */
  size_t n_views;
  uint32_t n_shards;
  struct keyed_epoch *engine;
};
/* From run_shard(): the row could not be taken in; it goes to .errors. code and text are static
 * (other shards work on rows of the same batch). */
void keyed_error(struct keyed_run *run, uint32_t shard, size_t view, uint32_t row, const char *code,
                 const char *text);
/* From finish(): the rows of a port, views in order of ord; a batch made here passes to the engine.
 */
void keyed_emit(struct keyed_run *run, size_t port, struct view view);
/* Adds to a counter of the transform, any thread. */
enum transform_counter {
  COUNT_LATE,
  COUNT_DUPLICATES,
  COUNT_DROPPED, /* by on_late: drop and the like */
  TRANSFORM_COUNTERS
};
void keyed_count(struct keyed_run *run, enum transform_counter counter, uint64_t n);
/* From run_shard(): this record must stop the pipeline (on_late: stop). */
void keyed_stop(struct keyed_run *run, uint32_t shard, size_t view, uint32_t row, const char *code,
                const char *text);

struct transform_plugin {
  struct component_type type;
  bool keyed;
  /* Compiles expressions, adds slots to rowsets, declares outputs. Errors go to compile; -1 after.
   */
  int (*compile)(void *instance, struct compile *compile);
  void (*fini)(void *instance); /* may be NULL */

  /* Stateless. Any worker, several at once with different batches: the instance is constant. */
  void (*apply)(const void *instance, struct apply *apply);

  /* Keyed. state_new: once, before load or the first epoch. */
  void (*state_new)(void *instance, uint32_t n_shards, struct account *account);
  void (*state_free)(void *instance);
  /* Any worker: evaluates what is needed into slots of the view's batch and sets hashes[row] for
   * each row; rows that fail go to view->errors (the engine then takes them out). */
  void (*prepare)(const void *instance, const struct expr_run *run, struct keyed_view *view);
  /* Any worker, each shard once an epoch, also when it has no rows: takes in its rows and whatever
   * the watermark and the clock make due. Touches nothing but the state of its shard. */
  void (*run_shard)(void *instance, struct keyed_run *run, uint32_t shard);
  /* One thread, after all shards: joins what they gave in the order of the contract and emits it.
   */
  void (*finish)(void *instance, struct keyed_run *run);
  /* When the clock alone makes something due (early results, processing time): wall µs of the next
   * time, TIME_MAX_US for never. After each epoch, one thread. May be NULL. */
  int64_t (*next_clock_us)(const void *instance);
  /* The lowest watermark at which something becomes due, TIME_MAX_US for never: an idle source's
   * watermark goes on by the clock, and the engine must know when to look. May be NULL. */
  int64_t (*next_watermark_us)(const void *instance);
  /* What the bytes of save() mean, as text that is the same for the same meaning; stored with them.
   * NULL: they mean the same whatever the options. */
  void (*state_definition)(const void *instance, struct buf *out);
  /* State saved under another definition is to be loaded next. 0: load() will understand it; notes
   * gets a line for each thing the user should know ("aggregate p99 starts empty for open
   * windows"). -1: err says why it cannot be ("group_by has changed"). NULL: no other definition
   * can be. */
  int (*state_accept)(void *instance, struct slice definition, struct buf *notes, struct err *err);
  /* State of one shard; of what is the instance's as a whole (save_all, load_all; may be NULL).
   * Saving happens in a frozen copy and allocates nothing but the buffer. load: -1 for bytes that
   * cannot be. */
  void (*save)(const void *instance, uint32_t shard, struct buf *out);
  int (*load)(void *instance, uint32_t shard, struct slice body, struct err *err);
  void (*save_all)(const void *instance, struct buf *out);
  int (*load_all)(void *instance, struct slice body, struct err *err);
  uint64_t (*state_keys)(const void *instance);                   /* entries held, for people */
  void (*metrics)(const void *instance, struct metrics *metrics); /* may be NULL */
};

/* ------------------------------------------------------------------ sinks */

struct sink_common {
  const char *codec; /* codec: json */
  int on_error;      /* for records the sink refuses */
};

enum sink_promise {
  SINK_EXACTLY_ONCE,
  SINK_ONCE_BY_KEY, /* what comes again has the same key and bytes as before */
  SINK_AT_LEAST_ONCE,
};

struct sink_ctx {
  struct io *io;
  const struct diag *diag;
  const struct diag_where *where; /* for diag_say() */
  const char *id;                 /* "billing/bills" */
  const char *folder;             /* names the state folder, for good: 16 hexadecimal digits */
  enum delivery delivery;         /* what the pipeline promises */
  const struct sink_common *common;
  const struct codec *codec;
  struct engine_sink *engine;
  bool early; /* at_least_once: a batch may come before the log has its epoch, and after a crash
               * one of the same number may hold other records */
};

/* open() said "not yet", and now it is. */
void sink_opened(struct sink_ctx *ctx, uint64_t held_epoch);
void sink_open_failed(struct sink_ctx *ctx, const struct err *err);

/* What a worker made of one view: encoded records, cut into pieces by where they go. A sink with
 * one place adds no pieces: the engine makes one of all bytes. */
struct sink_piece {
  struct slice route; /* in the batch's arena or constant; empty when there is one place only. */
  uint32_t offset, len;
  uint32_t n_records;
};
struct sink_part {
  struct buf bytes;
  struct sink_piece *pieces; /* free() */
  size_t n_pieces, cap_pieces;
  struct row_errors errors; /* rows that have no place (a path that leaves its folder, ...) */
  int64_t newest_us;        /* event time of the view's last row; the engine's */
};

/* Output of one epoch for one sink; the engine's until answered. */
struct sink_batch {
  uint64_t epoch;
  struct sink_part *parts; /* in order */
  size_t n_parts;
  uint64_t n_records, n_bytes;
  int64_t clock_us; /* the epoch's clock: {date} in a path, age of a file */
  /* The engine's: when the epoch was taken (monotonic; 0: from the log), when the sink got it,
   * newest event time in it. */
  int64_t taken_us, began_us, newest_us;
  struct sink_rejects *rejects; /* NULL: none */
  struct engine_sink *engine;
};

/* The promise that everything up to an epoch will be there after a power cut. */
struct sink_commit {
  uint64_t epoch; /* the last one written before */
  struct engine_sink *engine;
};

/* Answers, on the loop's thread, exactly once each. */
void sink_delivered(struct sink_batch *batch);
/* Not an answer: the sink keeps the batch and will answer it later, in the order in which they
 * came; the next one may be written meanwhile. (A transaction of several epochs.) */
void sink_accepted(struct sink_batch *batch);
/* It did not work and may later (disk full, peer away): the engine says why, waits (backoff) and
 * calls write() again with the same batch. It is the oldest that is not answered; those that were
 * accepted behind it are written again too, and until then none is the sink's. */
void sink_retry(struct sink_batch *batch, const struct err *err);
/* A record that the other side refuses for good: it goes to the sink's port .errors, on_error says
 * what follows. Called before the batch is answered, in order of the records; what a retry or a
 * crash makes the sink say again about the same epoch is left out by the engine. record: its bytes
 * as sent, without line end; code and text are copied. */
void sink_reject(struct sink_batch *batch, struct slice record, const char *code, const char *text);
/* For a sink that itself makes an epoch final before it says that it is delivered: what was
 * rejected of this batch goes into the log first. True: rejects_logged() will be called when it is
 * there, and the epoch must not be final before. In order of batches, when all rejects of the batch
 * are told.
 */
bool sink_rejects_log(struct sink_batch *batch);
/* It will never work: the pipeline stops. */
void sink_failed(struct sink_batch *batch, const struct err *err);
/* state: what open() is to be given next time (copied into our log). */
void sink_committed(struct sink_commit *commit, struct slice state);
void sink_commit_retry(struct sink_commit *commit, const struct err *err);
/* It will never work, or nobody knows what of it is there (a sync that failed): the pipeline stops,
 * and the next start gives again what is behind the last commit. */
void sink_commit_failed(struct sink_commit *commit, const struct err *err);

struct sink_plugin {
  struct component_type type;
  enum sink_promise (*promise)(const void *instance);
  const char *(*promise_text)(const void *instance); /* why, for `tidemark validate` */
  /* Resolves expressions the sink has (fields in a path template), against the schema of its input.
   * May be NULL. */
  int (*compile)(void *instance, struct compile *compile);
  /* state: what was given with the newest commit (empty at the first start), which covered all up
   * to *held_epoch. The sink undoes whatever it holds beyond that and may set *held_epoch to what
   * it knows better. 1: not yet (a peer has to be asked); sink_opened() or sink_open_failed() will
   * be called, and nothing is written before. The sink says what it waits for. */
  int (*open)(void *instance, struct sink_ctx *ctx, struct slice state, uint64_t *held_epoch,
              struct err *err);
  /* Any worker, a pure function: appends the view's records to part. */
  void (*encode)(const void *instance, const struct sink_ctx *ctx, const struct expr_run *run,
                 const struct schema *schema, const struct view *view, struct sink_part *part);
  /* In order of epochs; one at a time, after the one before was answered. */
  void (*write)(void *instance, struct sink_batch *batch);
  /* Not while a write is out, and only when the state given last is in the log for good. */
  void (*commit)(void *instance, struct sink_commit *commit);
  /* The state given last is in the log for good; may be NULL. */
  void (*committed)(void *instance);
  void (*rejects_logged)(void *instance); /* sink_rejects_log(); may be NULL without that */
  struct handover handover;
  void (*metrics)(const void *instance, struct metrics *metrics); /* may be NULL */
  void (*close)(void *instance);                                  /* waits for what is going on */
};

/* ------------------------------------------------------------------ registry (flow/registry.c) */

const struct source_plugin *const *registry_sources(void);       /* NULL-ended */
const struct transform_plugin *const *registry_transforms(void); /* NULL-ended */
const struct sink_plugin *const *registry_sinks(void);           /* NULL-ended */
const struct component_catalog *registry_catalog(void);

#endif
