/* definition: what a window's state means, and how that of another definition is understood.
 *
 * The windows and group_by must be the same. Aggregates may come and go: each is known again by its
 * text, whatever its name; a new one starts empty in the windows that are open, and what an old one
 * held is left out. Lateness, having and emit change nothing in the state. */
#include "transforms/definition.h"
#include "transforms/window/window.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

void window_definition(const void *instance, struct buf *out) {
  const struct window *window = instance;
  struct buf shape;
  buf_init(&shape);
  buf_printf(&shape, "%lld every %lld offset %lld us by %s", (long long)window->size_us,
             (long long)window->every_us, (long long)window->offset_us,
             window->time == WINDOW_TIME_EVENT ? "event time" : "processing time");
  definition_put(out, "window", buf_slice(&shape));
  buf_fini(&shape);
  for (size_t i = 0; i < window->keys.n; i++)
    definition_put(out, "group_by", window->groups.items[i].text);
  definition_put_exprs(out, "aggregate", &window->aggregates);
}

static int of_text(const struct window *window, struct slice text, const bool *taken) {
  struct buf own;
  buf_init(&own);
  int found = -1;
  for (size_t i = 0; i < window->n_aggregates && found < 0; i++) {
    if (taken[i]) continue;
    buf_clear(&own);
    definition_put(&own, "aggregate", window->aggregates.items[i].text);
    struct slice rest = buf_slice(&own), what, now;
    if (definition_next(&rest, &what, &now) && slice_equal(now, text)) found = (int)i;
  }
  buf_fini(&own);
  return found;
}

int window_accept(void *instance, struct slice definition, struct buf *notes, struct err *err) {
  struct window *window = instance;
  struct buf own;
  buf_init(&own);
  window_definition(window, &own);
  int result = definition_same(definition, buf_slice(&own), "aggregate", err);
  buf_fini(&own);
  if (result != 0) return -1;
  free(window->loaded);
  window->loaded = NULL;
  window->n_loaded = window->cap_loaded = 0;
  bool *taken = mem_zalloc((window->n_aggregates + 1) * sizeof *taken);
  struct slice what, text;
  size_t dropped = 0;
  while (definition_next(&definition, &what, &text)) {
    if (!slice_is(what, "aggregate")) continue;
    int into = of_text(window, text, taken);
    if (into >= 0) taken[into] = true;
    dropped += into < 0;
    array_grow((void **)&window->loaded, &window->cap_loaded, window->n_loaded,
               sizeof *window->loaded);
    window->loaded[window->n_loaded++] = into;
  }
  const char *before = "";
  for (size_t i = 0; i < window->n_aggregates; i++) {
    if (taken[i]) continue;
    buf_printf(notes, "%saggregate %.*s starts empty for the windows that are open", before,
               SLICE_ARG(window->aggregates.items[i].name));
    before = "; ";
  }
  if (dropped > 0)
    buf_printf(notes, "%swhat %zu aggregate%s held is left out", before, dropped,
               dropped == 1 ? "" : "s");
  free(taken);
  return 0;
}
