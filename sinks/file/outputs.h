/* outputs: the files that the sink `file` writes to: which there are, how long each may be, when
 * the next number begins. All calls but open and close are made on the sink's thread. */
#ifndef TIDEMARK_SINKS_FILE_OUTPUTS_H
#define TIDEMARK_SINKS_FILE_OUTPUTS_H

#include "daemon/flow/plugin.h"
#include "sinks/file/intents.h"

enum file_if_exists { IF_EXISTS_APPEND, IF_EXISTS_FAIL, IF_EXISTS_TRUNCATE };

struct outputs_settings {
  size_t open_max;
  uint64_t rotate_bytes;   /* 0: not by size */
  int64_t rotate_every_us; /* 0: not by time */
  int if_exists;
};

struct output {
  char *path;            /* owned; without the number */
  uint32_t number;       /* of rotation, from 1; 0: files have no numbers */
  uint64_t length_bytes; /* after the last whole batch */
  uint64_t next_bytes;   /* with what the batch that is being written has added */
  uint64_t tried_bytes;  /* as far as any attempt may have written */
  int64_t opened_us;     /* clock of the first batch in this number; -1: none yet */
  uint64_t attempt;      /* the write() that touched it last */
  bool cut;              /* to be cut to length_bytes when it is opened */
  bool dirty;            /* written to since it was last synced */
  struct disk_file *file;
  uint64_t dev, ino; /* of the open file */
  struct output *next_in_bucket;
  struct output *newer, *older; /* by last use */
};

struct outputs {
  struct outputs_settings settings;
  const struct sink_ctx *ctx;
  struct disk *disk;
  struct intents intents;
  uint64_t generation; /* commits given so far */
  bool logged;         /* one of them is in the log for good (set and read on the loop) */
  struct output **buckets;
  struct output *newest, *oldest;
  size_t n, n_open;
  uint64_t attempt;
  char **folders; /* to be synced with the next commit */
  size_t n_folders, cap_folders;
};

/* Makes the disk what it was at the commit that gave state. folder: where the note of intents is.
 */
int outputs_open(struct outputs *outputs, const struct outputs_settings *settings,
                 const struct sink_ctx *ctx, const char *folder, struct slice state,
                 struct err *err);
void outputs_close(struct outputs *outputs); /* safe on a zeroed one */

/* Opens the file of a path right away, so that what cannot be written to is known at the start. */
int outputs_prepare(struct outputs *outputs, const char *path, struct err *err);
/* Writes the batch, all or, after -1, as if nothing: the next call with it does it all again.
 * path: of pieces without a route. */
int outputs_write(struct outputs *outputs, const struct sink_batch *batch, const char *path,
                  struct err *err);
/* Syncs everything and appends the state to be recorded. */
int outputs_commit(struct outputs *outputs, struct buf *state, struct err *err);

#endif
