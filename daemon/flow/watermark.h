/* watermark: how far event time has come, record by record (SEMANTICS 1).
 *
 * A track is the watermark of one stream over one epoch as steps: from just behind the row with
 * this ord, it is that. A row is judged by the watermark that the rows before it made, so the step
 * of a row's own ord does not count for it. */
#ifndef TIDEMARK_FLOW_WATERMARK_H
#define TIDEMARK_FLOW_WATERMARK_H

#include "daemon/record/time.h"

#include <stddef.h>
#include <stdint.h>

struct watermark_step {
  uint64_t ord;
  int64_t watermark_us;
};

struct watermark_track {
  int64_t start_us;             /* before the epoch's first ord */
  struct watermark_step *steps; /* both members grow strictly */
  size_t n_steps, cap_steps;
};

void watermark_track_fini(struct watermark_track *track);
/* Empties it for the next epoch; the watermark goes on from where it ended. */
void watermark_track_next(struct watermark_track *track, int64_t start_us);
/* Ignored unless it is higher than the end. Steps come in order of ord. */
void watermark_track_add(struct watermark_track *track, uint64_t ord, int64_t watermark_us);

static inline int64_t watermark_end(const struct watermark_track *track) {
  return track->n_steps > 0 ? track->steps[track->n_steps - 1].watermark_us : track->start_us;
}
/* In force for a row with this ord: of the steps with a smaller ord, the last. */
int64_t watermark_before(const struct watermark_track *track, uint64_t ord);
/* The first step that reaches watermark_us, or NULL when the epoch doesn't (or started beyond). */
const struct watermark_step *watermark_reaches(const struct watermark_track *track,
                                               int64_t watermark_us);
/* *out becomes the minimum of the inputs at every ord. */
void watermark_track_min(struct watermark_track *out, const struct watermark_track *const *inputs,
                         size_t n_inputs);

#endif
