/* tail: mode: tail of the source `file`: files that are written to while they are read, found,
 * grown, renamed, cut and deleted meanwhile. README.md of sources/ says what holds. */
#ifndef TIDEMARK_SOURCES_FILE_TAIL_H
#define TIDEMARK_SOURCES_FILE_TAIL_H

#include "daemon/flow/plugin.h"

enum tail_start { TAIL_FROM_BEGINNING, TAIL_FROM_END };
enum tail_watch { TAIL_WATCH_AUTO, TAIL_WATCH_POLL };

struct tail_options {
  int start; /* enum tail_start */
  int watch; /* enum tail_watch */
  int64_t poll_interval_us, rotate_wait_us;
  int64_t open_max;
  bool reread;
};

struct tail;

/* Goes on with what the state folder knows. paths and options live longer. *tail is set also when
 * it fails, for tail_close(). */
int tail_open(struct tail **tail, const struct text_list *paths, const struct tail_options *options,
              struct source_ctx *ctx, struct err *err);
int tail_take(struct tail *tail, struct take *take, struct err *err);
int tail_reread(struct tail *tail, uint32_t partition, uint64_t from, uint64_t to,
                struct take *take, struct err *err);
void tail_metrics(const struct tail *tail, struct metrics *metrics);
void tail_close(struct tail *tail); /* NULL is fine */

#endif
