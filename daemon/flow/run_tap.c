/* run_tap: some of the records that pass a port, for people to look at. What is looked at is what
 * the run made anyway, at its end; the work is bounded for each epoch. */
#include "daemon/flow/run.h"

#include "daemon/base/hash.h"

/* One of `every`, whatever pattern the places in the log have. */
static bool is_shown(const struct epoch_tap *tap, uint64_t ord) {
  return tap->every <= 1 || hash_bytes(&ord, sizeof ord) % tap->every == 0;
}

static void view_tap(struct epoch_tap *tap, const struct schema *schema, const struct view *view) {
  const struct codec *codec = codec_find("json");
  tap->n_seen += view->n;
  for (uint32_t i = 0; i < view->n && tap->lines.len < tap->bytes_max; i++) {
    uint32_t row = view_row(view, i);
    if (!is_shown(tap, batch_ord(view->batch, row))) continue;
    struct view one = {.batch = view->batch, .sel = &row, .n = 1};
    codec->encode(schema, &one, &tap->lines);
    tap->n_shown++;
  }
}

void run_taps(struct runner *runner) {
  for (size_t i = 0; i < runner->epoch->n_taps; i++) {
    struct epoch_tap *tap = &runner->epoch->taps[i];
    const struct stage *stage = runner->graph->stages[tap->stage];
    const struct stage_run *run = run_of(runner, stage);
    const struct schema *schema = stage->ports[tap->port].schema;
    if (stage->kind == STAGE_STATELESS) {
      for (size_t t = 0; t < run->n_tasks; t++) view_tap(tap, schema, &run->out[tap->port][t]);
    } else {
      const struct view_list *head = &run->heads[tap->port];
      for (size_t v = 0; v < head->n; v++) view_tap(tap, schema, &head->list[v]);
    }
  }
}
