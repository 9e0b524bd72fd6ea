/* engine_tap: see engine.h. Taps are asked for with each epoch, and what the run found comes back
 * with it: nothing is shared with the runner. */
#include "daemon/flow/engine_internal.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

struct engine_tap {
  struct engine *engine; /* NULL: it has been closed */
  uint32_t stage, port;
  uint64_t every;
  size_t bytes_max;
  engine_tap_fn *fn;
  void *arg;
};

/* A component, or one of its side outputs behind a dot; a sink stands for what it reads. */
static int port_find(const struct graph *graph, struct slice name, uint32_t *stage_at,
                     uint32_t *port_at, struct err *err) {
  const char *dot = memchr(name.data, '.', name.len);
  struct slice component = {name.data, dot != NULL ? (size_t)(dot - name.data) : name.len};
  struct slice port = {dot != NULL ? dot + 1 : "", dot != NULL ? name.len - component.len - 1 : 0};
  const struct stage *found = NULL;
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    if (stage->kind == STAGE_ERRORS && slice_is(name, stage->name)) {
      *stage_at = stage->index;
      *port_at = 0;
      return 0;
    }
    if (stage->kind != STAGE_MERGE && stage->kind != STAGE_ERRORS &&
        slice_is(component, stage->name)) {
      found = stage;
    }
  }
  if (found == NULL)
    return err_set(err, ERR_USAGE, "pipeline %s has no component \"%.*s\"",
                   graph->pipeline->settings.name, SLICE_ARG(component));
  if (slice_is(port, "errors"))
    return err_set(
        err, ERR_USAGE,
        "nobody reads %.*s, so it is only counted; give it a reader in the configuration",
        SLICE_ARG(name));
  if (found->kind == STAGE_SINK && port.len == 0) {
    *stage_at = found->inputs[0].stage->index;
    *port_at = found->inputs[0].port;
    return 0;
  }
  for (uint32_t p = 0; p < found->n_ports; p++) {
    if (!slice_is(port, found->ports[p].name)) continue;
    *stage_at = found->index;
    *port_at = p;
    return 0;
  }
  return err_set(err, ERR_USAGE, "%s has no output \"%.*s\"", found->name, SLICE_ARG(port));
}

int engine_tap_open(struct engine *engine, struct slice name, uint64_t every, size_t bytes_max,
                    engine_tap_fn *fn, void *arg, struct engine_tap **tap, struct err *err) {
  struct engine_tap *made = mem_zalloc(sizeof *made);
  *made = (struct engine_tap){.engine = engine,
                              .every = every > 0 ? every : 1,
                              .bytes_max = bytes_max,
                              .fn = fn,
                              .arg = arg};
  if (port_find(engine->graph, name, &made->stage, &made->port, err) != 0) {
    free(made);
    return -1;
  }
  array_grow((void **)&engine->taps, &engine->cap_taps, engine->n_taps,
             sizeof(struct engine_tap *));
  engine->taps[engine->n_taps++] = made;
  *tap = made;
  return 0;
}

static void tap_remove(struct engine *engine, const struct engine_tap *tap) {
  for (size_t i = 0; i < engine->n_taps; i++) {
    if (engine->taps[i] != tap) continue;
    engine->taps[i] = engine->taps[--engine->n_taps];
    return;
  }
}

void engine_tap_close(struct engine_tap *tap) {
  if (tap == NULL) return;
  if (tap->engine != NULL) tap_remove(tap->engine, tap);
  free(tap);
}

void engine_taps_ask(const struct engine *engine, struct epoch *epoch) {
  if (engine->n_taps == 0 || epoch->replayed) return;
  epoch->taps = mem_zalloc(engine->n_taps * sizeof *epoch->taps);
  for (size_t i = 0; i < engine->n_taps; i++) {
    const struct engine_tap *tap = engine->taps[i];
    epoch->taps[epoch->n_taps++] = (struct epoch_tap){.tap = tap,
                                                      .stage = tap->stage,
                                                      .port = tap->port,
                                                      .every = tap->every,
                                                      .bytes_max = tap->bytes_max};
  }
}

void engine_taps_tell(struct engine *engine, const struct epoch *epoch) {
  for (size_t i = 0; i < epoch->n_taps; i++) {
    const struct epoch_tap *found = &epoch->taps[i];
    for (size_t t = 0; t < engine->n_taps; t++) { /* it may have been closed since */
      struct engine_tap *tap = engine->taps[t];
      if (tap != found->tap) continue;
      if (found->n_seen > 0) tap->fn(tap->arg, buf_slice(&found->lines), found->n_shown, false);
      break;
    }
  }
}

void engine_taps_end(struct engine *engine) {
  while (engine->n_taps > 0) {
    struct engine_tap *tap = engine->taps[--engine->n_taps];
    tap->engine = NULL;
    tap->fn(tap->arg, (struct slice){NULL, 0}, 0, true);
  }
  free(engine->taps);
  engine->taps = NULL;
}
