/* totals: see totals.h. */
#include "daemon/totals.h"

void totals_of(const struct supervisor *supervisor, struct totals *totals) {
  *totals = (struct totals){.watermark_us = TIME_MAX_US};
  if (supervisor == NULL) return; /* its pipelines are being opened */
  for (size_t i = 0; i < supervisor_pipelines(supervisor); i++) {
    struct engine_figures figures;
    engine_figures(supervisor_pipeline(supervisor, i)->engine, &figures);
    totals->open++;
    totals->recovering +=
        figures.state == ENGINE_RECOVERING || supervisor_pipeline(supervisor, i)->catching_up;
    totals->records += figures.records;
    totals->replayed_epochs += figures.replayed_epochs;
    if (figures.watermark_us < totals->watermark_us) totals->watermark_us = figures.watermark_us;
    if (figures.stall != NULL) totals->stall = figures.stall;
    bool known = figures.progress >= 0 && totals->share >= 0;
    totals->share = known ? totals->share + figures.progress : -1;
  }
  if (totals->share > 0) totals->share /= (double)totals->open;
}
