/* progress: what `tidemark run` shows of itself: a line on a terminal while bounded input is read,
 * and a summary at the end. */
#ifndef TIDEMARK_PROGRESS_H
#define TIDEMARK_PROGRESS_H

#include "daemon/base/diag.h"
#include "daemon/io/clock.h"
#include "daemon/supervisor/supervisor.h"

#include <stdbool.h>
#include <stdio.h>

struct progress;

struct progress *progress_new(struct clock *clock, FILE *to, bool shown);
void progress_free(struct progress *progress); /* NULL is fine */
/* Draws the line when it is time; returns the wait, shortened to the next time. NULL is fine. */
int64_t progress_turn(struct progress *progress, const struct supervisor *supervisor,
                      int64_t wait_us);
/* Removes the line, so that a message can be printed. NULL is fine. */
void progress_clear(struct progress *progress);
/* Records in and out, late and repeated ones, errors, by component; how long snapshots held it up.
 */
void progress_summary(const struct graph *graph, const struct engine *engine,
                      const struct diag *diag);

#endif
