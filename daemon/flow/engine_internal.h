/* engine_internal: the inside of the engine, shared by engine.c and engine_*.c, take.c. */
#ifndef TIDEMARK_FLOW_ENGINE_INTERNAL_H
#define TIDEMARK_FLOW_ENGINE_INTERNAL_H

#include "daemon/flow/engine.h"
#include "daemon/flow/log_record.h"
#include "daemon/wal/wal.h"

#include "daemon/base/histogram.h"

#define EPOCHS_IN_FLIGHT_MAX 3 /* taken and not yet run: one runs, one waits, one is being made */

struct engine_partition {
  struct source_partition seen; /* what the source is shown; name and identity owned */
  bool logged;                  /* stands in the log (or snapshot) already */
  bool used;                    /* the number was another's, whom the log knows */
  bool forgets;                 /* the source will not ask for it again */
  uint64_t end_epoch;           /* when it has ended: in that one, or before */
};

struct engine_source {
  struct engine *engine;
  const struct stage *stage;
  void *instance;
  struct source_ctx ctx;
  struct diag_where where;
  bool open, ready, rereadable;
  bool ended;      /* it has given its end, maybe to the epoch that is still open */
  bool end_logged; /* the end is in an epoch of the log, so a snapshot of that epoch may know it */
  struct engine_partition *partitions;
  size_t n_partitions, cap_partitions;
  size_t n_unlogged;
  uint32_t *free_numbers; /* of forgotten ones, from first_free on; some may be taken again */
  size_t first_free, n_free, cap_free;
  struct table *notes; /* engine_notes.c; NULL until there is one */
};

struct source_ack { /* input that waits for its sync, to be told to its source */
  uint32_t source, partition;
  uint64_t position, lsn;
};

struct source_commit { /* input that waits for the sinks' commit, to be told to its source */
  uint32_t source, partition;
  uint64_t position, epoch;
};

/* What a sink counts for metrics alone; of this process. */
struct sink_meters {
  struct histogram delivery, write;
  uint64_t records, bytes, retries;
  uint64_t given_up_epochs, given_up_records;
  int64_t newest_us;       /* event time delivered last; TIME_MIN_US: none */
  int64_t delivered_at_us; /* clock at that moment */
};

/* What keeps the engine from taking more. */
enum held { HELD_NOT, HELD_PROCESSING, HELD_QUEUES, HELD_MEMORY, HELD_LOG, HELD_CAUSES };

/* What the engine counts for metrics alone; of this process. Durations are monotonic. */
struct engine_meters {
  int64_t opened_us, recovered_us; /* 0: not yet */
  uint64_t epochs, snapshots, snapshots_failed, snapshot_bytes;
  int64_t snapshot_at_us;    /* wall; 0: none yet */
  uint64_t log_bytes_before; /* in the log at the end of recovery */
  struct histogram processing, snapshot, snapshot_pause;
  enum held held;
  int64_t held_since_us, held_us[HELD_CAUSES];
  struct stage_counts *before; /* [stages] at the end of recovery; NULL until then */
};

enum sink_busy { SINK_IDLE, SINK_WRITING, SINK_WAITING, SINK_COMMITTING };

struct engine_sink {
  struct engine *engine;
  const struct stage *stage;
  void *instance;
  struct sink_ctx ctx;
  struct diag_where where;
  char *id;
  bool open, registered; /* the log knows of it */
  bool opening;          /* open() said "not yet" */
  enum sink_busy busy;
  struct sink_batch **queue; /* in order of epochs; the first n_out are the sink's */
  size_t n_queue, cap_queue, n_out;
  uint64_t pending_epoch, pending_lsn; /* a commit whose log record is being synced */
  uint64_t committed_epoch; /* everything up to it is there for good, and the log says so */
  uint64_t held_epoch;      /* at recovery: what it already holds is not sent again */
  struct sink_commit commit;
  struct buf state; /* of the newest commit */
  /* engine_give_up.c */
  bool giving_up;               /* what comes is counted in debt and thrown away */
  bool debt_logged;             /* debt is in the log, and not yet said */
  struct sink_debt debt;        /* that is or was given up */
  uint64_t given_up_epoch;      /* it is held to hold everything up to it, whatever it says */
  uint64_t uncommitted_records; /* delivered since the last commit */
  /* engine_rejects.c */
  struct buf rejected; /* of batches up to rejected_upto, not yet in an epoch */
  uint64_t rejected_upto;
  bool rejects_open;       /* the open epoch has some */
  uint64_t rejected_epoch; /* the log has all up to this one */
  uint64_t rejects_lsn;    /* behind them in the log; 0: nobody waits for that */
  bool rejects_asked;      /* the sink waits for rejects_logged() */
  bool retry_commit;
  int64_t retry_delay_us, retry_at_us;
  struct sink_meters meters;
};

struct engine_snapshot { /* one being made */
  struct engine *engine;
  uint64_t epoch, lsn;
  struct buf section;    /* the engine's own, made on the loop's thread */
  struct frozen *frozen; /* until it was waited for */
  int result;
  struct err err;
  bool last;    /* all is drained: nobody waits for it */
  bool written; /* complete; to be counted on once the log is synced that far */
  int64_t pause_us;
  int64_t began_us; /* monotonic */
  uint64_t bytes;   /* of the file; 0: not known */
};

struct snapshot_known {
  uint64_t epoch, lsn, config;
};

struct engine {
  const struct graph *graph;
  const struct pipeline_settings *settings;
  struct io *io;
  const struct diag *diag;
  struct diag_where where;
  enum engine_state state;
  struct err error;
  bool opened;      /* all sinks are open, and what follows upon that is done */
  bool log_is_new;  /* nothing of it is on the disk yet, and the folder does not say that it is */
  bool catching_up; /* opened to finish what its configuration began, not to begin anything */
  bool stopping;    /* a record said stop: error says which; what came before is finished */
  uint64_t stop_epoch; /* taken back, with all that follow */
  bool drained_logged;
  uint64_t foreign_config; /* of ENGINE_FOREIGN */
  uint64_t *configs;       /* ids of those that the log speaks of */
  size_t n_configs, cap_configs;

  char *state_dir, *log_dir, *snapshot_dir;
  char folder[17]; /* the log's id: of this state folder alone */
  struct disk_file *lock;
  struct wal *wal;
  struct runner *runner;
  struct exec *runner_exec; /* the runner's thread */
  struct exec *snapshot_exec;

  struct engine_source *sources; /* by kind_index */
  size_t n_sources;
  struct engine_sink *sinks;
  size_t n_sinks;

  /* Epochs, oldest first: taken, running, run and waiting for their sync. */
  struct epoch **epochs;
  size_t n_epochs, cap_epochs;
  size_t n_run; /* of them, run already */
  uint64_t last_epoch, released_epoch;
  uint64_t last_lsn;      /* of the end of last_epoch's record */
  uint64_t payload_epoch; /* the newest one whose payload is in the log behind the snapshot */
  int64_t clock_us;       /* of the newest epoch; never goes back */
  int64_t next_clock_us;  /* the clock makes something due */
  bool clock_stands;      /* engine_clock.c: said at clock_said_us, monotonic */
  int64_t clock_said_us;
  int64_t open_since_us; /* monotonic: since when something waits for the open epoch */
  uint64_t queued_bytes; /* outputs not yet answered for */
  uint64_t epoch_bytes_max;
  uint32_t next_source;
  struct epoch *open_epoch; /* being gathered, or NULL */
  bool open_is_rest;        /* it is what another one had too much (epoch.records) */

  struct source_ack *acks; /* in order of lsn */
  size_t n_acks, cap_acks;
  struct source_commit *commits; /* in order of epochs */
  size_t n_commits, cap_commits;
  uint64_t commit_soon; /* the epoch that some source waits for to be committed */
  struct account notes_account;

  struct engine_tap **taps;
  size_t n_taps, cap_taps;

  struct gone_sink { /* that the snapshot or the log know, and the configuration does not */
    char *name;
    uint64_t committed_epoch;
  } * gone_sinks;
  size_t n_gone_sinks, cap_gone_sinks;

  /* Recovery. */
  struct recovery *recovery;

  /* Snapshots: the last two that are complete. */
  struct snapshot_known kept[2];
  size_t n_kept;
  uint64_t *damaged; /* epochs of those found damaged; removed when two good ones are kept */
  size_t n_damaged, cap_damaged;
  struct engine_snapshot *snapshot;
  int64_t next_checkpoint_us; /* monotonic */
  bool snapshot_due, snapshot_failed;
  bool gathering;         /* the memory that the last copy took apart; the next one waits for it */
  uint64_t commit_wanted; /* sinks are to commit up to this epoch */

  struct buf given_up; /* what was said of engine_give_up() */
  uint64_t records, bytes, replayed_epochs;
  int64_t snapshot_pause_us_max;
  bool held_up; /* the last turn could take nothing, whatever was due */
  struct engine_meters meters;
};

/* engine.c */
void engine_fail(struct engine *engine, const struct err *err);
void engine_append_epoch(struct engine *engine, struct epoch *epoch);
void engine_start(struct engine *engine, struct epoch *epoch);

/* take.c: the next epoch from the sources, or NULL when nothing is due. */
struct epoch *engine_take(struct engine *engine);
/* At a drain: what was gathered already, or NULL. */
struct epoch *engine_take_rest(struct engine *engine);
/* The ends in a logged epoch, where they are news, once more in the next one. */
void engine_take_ends(struct engine *engine, const struct log_epoch *logged);
struct epoch *engine_epoch_new(struct engine *engine, uint64_t number, int64_t clock_us);
int take_from_log(struct engine *engine, const struct log_epoch *logged,
                  const struct slice *payloads, struct epoch **epoch, struct err *err);

/* engine_partitions.c */
uint32_t engine_partition_add(struct engine_source *source, struct slice name,
                              struct slice identity);
/* The number is that one's from here on. */
void engine_partition_set(struct engine_source *source, uint32_t number, struct slice name,
                          struct slice identity);
void engine_partition_ended(struct engine_source *source, uint32_t number, uint64_t epoch);
void engine_partition_forgotten(struct engine_source *source, uint32_t number, uint64_t epoch);
/* Those that the log has not heard of yet. */
void engine_partitions_new(struct engine *engine, struct epoch *epoch);
void engine_partitions_free(struct engine_source *source);

struct engine_source *take_source(const struct take *take);
struct epoch *take_epoch(const struct take *take);

/* engine_notes.c */
void engine_note_put(struct engine_source *source, const struct log_note *note);
/* The epoch is being appended: its notes for the log; free(). */
struct log_note *engine_notes_append(struct engine *engine, const struct epoch *epoch);
void engine_notes_save(const struct engine_source *source, struct buf *out);
/* source NULL: left out. */
int engine_notes_load(struct engine_source *source, struct slice body, size_t *at);
void engine_notes_forget(struct engine_source *source);
void engine_acks_add(struct engine *engine, const struct epoch *epoch);
void engine_acks_turn(struct engine *engine);

/* engine_commits.c */
void engine_commits_add(struct engine *engine, const struct epoch *epoch);
void engine_commits_recovered(struct engine *engine); /* all that the log has */
void engine_commits_turn(struct engine *engine);

/* engine_tap.c */
void engine_taps_ask(const struct engine *engine, struct epoch *epoch);
void engine_taps_tell(struct engine *engine, const struct epoch *epoch);
void engine_taps_end(struct engine *engine);

/* engine_sinks.c */
int engine_sink_open(struct engine_sink *sink, struct err *err); /* maybe not at once: ->opening */
/* 1: some are not open yet; engine_sinks_opening(). */
int engine_sinks_open(struct engine *engine, struct err *err);
bool engine_sinks_opening(const struct engine *engine);
void engine_sinks_close(struct engine *engine);
struct engine_sink *engine_sink_find(const struct engine *engine, struct slice name); /* or NULL */
void engine_sinks_give(struct engine *engine, struct epoch *epoch);
void engine_sinks_turn(struct engine *engine);
uint64_t engine_sink_written(const struct engine_sink *sink);
bool engine_sinks_all(const struct engine *engine, uint64_t epoch); /* all committed up to it */
/* A sink is known that the configuration does not have; and the log says that it is gone. */
void engine_sink_unknown(struct engine *engine, struct slice name, uint64_t committed_epoch);
/* The least that any sink has committed, those that are gone too; UINT64_MAX: none is known. */
uint64_t engine_sinks_least(const struct engine *engine);
void engine_sink_gone(struct engine *engine, struct slice name);
int64_t engine_sinks_next_us(const struct engine *engine);

/* engine_clock.c */
void engine_clock_turn(struct engine *engine);
int64_t engine_clock_ahead_us(const struct engine *engine); /* of the wall; 0: it goes with it */

/* engine_give_up.c */
void engine_give_up_batch(struct engine_sink *sink, const struct sink_batch *batch);
/* Nothing more comes for the sinks that give up: the log is told. */
void engine_give_up_settle(struct engine *engine);
/* Whether the sink is open and may be given something. */
bool engine_give_up_turn(struct engine_sink *sink);

/* engine_rejects.c */
void engine_rejects_answered(struct engine_sink *sink, struct sink_batch *batch, bool delivered);
/* Some are not in the log yet: the sink must not commit. */
bool engine_rejects_wait(const struct engine_sink *sink);
bool engine_rejects_any(const struct engine *engine); /* some are to be taken */
void engine_rejects_take(struct engine *engine, struct epoch *epoch);
void engine_rejects_appended(struct engine *engine, const struct epoch *epoch);
void engine_rejects_turn(struct engine_sink *sink);

/* engine_snapshot.c */
void engine_snapshot_turn(struct engine *engine, bool now);
void engine_snapshot_drop(struct engine *engine); /* at the end, when its threads have ended */
void engine_section_put(const struct engine *engine, uint64_t epoch, uint64_t lsn, struct buf *out);
struct section_head {
  uint64_t epoch, lsn;
  uint64_t config; /* id of the pipeline it was made by */
};
/* Sources and sinks are found by name; what is gone is left out, what is new begins. */
int engine_section_get(struct engine *engine, struct slice body, struct section_head *head);

/* recover.c */
int engine_recover_begin(struct engine *engine, struct err *err);
/* When no sink is opening any more: the snapshot, the positions, the sources. */
int engine_recover_opened(struct engine *engine, struct err *err);
/* 1: the next epoch of the log; 0: all was replayed; 2: a source has not got its input yet. */
int engine_recover_next(struct engine *engine, struct epoch **epoch, struct err *err);
void engine_recover_end(struct engine *engine);

/* engine_metrics.c */
void engine_meters_open(struct engine *engine);
void engine_meters_begin(struct engine *engine); /* recovery is over, nothing runs */
void engine_meters_fini(struct engine *engine);
void engine_meters_held(struct engine *engine, enum held held);
void engine_meters_ran(struct engine *engine, const struct epoch *epoch);
void engine_meters_snapshot(struct engine *engine, const struct engine_snapshot *snapshot);
void sink_meters_began(struct engine_sink *sink, struct sink_batch *batch);
void sink_meters_delivered(struct engine_sink *sink, const struct sink_batch *batch);

/* state_dir.c */
/* *used: a life of before came so far that it had a log. */
int state_dir_open(struct engine *engine, uint64_t *log_id, bool *used, struct err *err);
/* Writes the configuration down, so that its epochs can be run again by the next one's start. */
int state_dir_keep_config(struct engine *engine, struct err *err);
/* Says that it runs, and that there is a log. */
int state_dir_set_in_force(struct engine *engine, struct err *err);
void state_dir_close(struct engine *engine);

#endif
