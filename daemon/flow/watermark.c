/* watermark: see watermark.h. Steps are found by bisection; most epochs of a stream in order have
 * many steps, and most questions are about a few of them. */
#include "daemon/flow/watermark.h"

#include "daemon/base/mem.h"

#include <stdbool.h>
#include <stdlib.h>

void watermark_track_fini(struct watermark_track *track) {
  free(track->steps);
  *track = (struct watermark_track){0};
}

void watermark_track_next(struct watermark_track *track, int64_t start_us) {
  track->start_us = start_us;
  track->n_steps = 0;
}

void watermark_track_add(struct watermark_track *track, uint64_t ord, int64_t watermark_us) {
  if (watermark_us <= watermark_end(track)) return;
  /* Two steps of one ord are one: nothing can stand between them. */
  if (track->n_steps > 0 && track->steps[track->n_steps - 1].ord == ord) {
    track->steps[track->n_steps - 1].watermark_us = watermark_us;
    return;
  }
  array_grow((void **)&track->steps, &track->cap_steps, track->n_steps, sizeof *track->steps);
  track->steps[track->n_steps++] =
      (struct watermark_step){.ord = ord, .watermark_us = watermark_us};
}

int64_t watermark_before(const struct watermark_track *track, uint64_t ord) {
  size_t low = 0, high = track->n_steps; /* steps below low have a smaller ord */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (track->steps[middle].ord < ord) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? track->start_us : track->steps[low - 1].watermark_us;
}

const struct watermark_step *watermark_reaches(const struct watermark_track *track,
                                               int64_t watermark_us) {
  if (track->start_us >= watermark_us || watermark_end(track) < watermark_us) return NULL;
  size_t low = 0, high = track->n_steps; /* steps below low do not reach it */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (track->steps[middle].watermark_us < watermark_us) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return &track->steps[low];
}

void watermark_track_min(struct watermark_track *out, const struct watermark_track *const *inputs,
                         size_t n_inputs) {
  out->n_steps = 0;
  if (n_inputs == 0) return;
  size_t *next = mem_zalloc(n_inputs * sizeof *next);
  out->start_us = inputs[0]->start_us;
  for (size_t i = 1; i < n_inputs; i++) {
    if (inputs[i]->start_us < out->start_us) out->start_us = inputs[i]->start_us;
  }
  for (;;) {
    bool any = false;
    uint64_t ord = 0;
    for (size_t i = 0; i < n_inputs; i++) {
      if (next[i] == inputs[i]->n_steps) continue;
      uint64_t of_input = inputs[i]->steps[next[i]].ord;
      if (!any || of_input < ord) ord = of_input;
      any = true;
    }
    if (!any) break;
    int64_t minimum = TIME_MAX_US;
    for (size_t i = 0; i < n_inputs; i++) {
      const struct watermark_track *input = inputs[i];
      if (next[i] < input->n_steps && input->steps[next[i]].ord == ord) next[i]++;
      int64_t now = next[i] == 0 ? input->start_us : input->steps[next[i] - 1].watermark_us;
      if (now < minimum) minimum = now;
    }
    watermark_track_add(out, ord, minimum);
  }
  free(next);
}
