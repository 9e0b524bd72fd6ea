/* running: see running.h. */
#include "daemon/supervisor/running.h"

#include "daemon/base/mem.h"
#include "daemon/supervisor/plan.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ instances */

static const struct handover *handover_of(const struct stage *stage) {
  return stage->kind == STAGE_SOURCE ? &stage->source->handover : &stage->sink->handover;
}

static bool outside(const struct stage *stage) {
  return stage->kind == STAGE_SOURCE || stage->kind == STAGE_SINK;
}

static void instance_close(const struct stage *stage) {
  if (stage->kind == STAGE_SOURCE) stage->source->close(stage->component->instance);
  if (stage->kind == STAGE_SINK) stage->sink->close(stage->component->instance);
}

/* Of the same name and type. */
static const struct stage *predecessor(const struct graph *from, const struct stage *stage) {
  const struct stage *old = plan_stage_find(from, stage->kind, stage->name);
  return old != NULL && old->component->type == stage->component->type ? old : NULL;
}

static void instances_close(const struct graph *graph) {
  for (size_t i = 0; i < graph->n_stages; i++)
    if (outside(graph->stages[i])) instance_close(graph->stages[i]);
}

static int instances_claim(const struct running *running, const struct graph *from,
                           const struct graph *to, struct err *err) {
  for (size_t i = 0; i < to->n_stages; i++) {
    const struct stage *stage = to->stages[i];
    if (!outside(stage) || handover_of(stage)->claim == NULL) continue;
    const struct stage *old = from != NULL ? predecessor(from, stage) : NULL;
    const void *old_instance = old != NULL ? old->component->instance : NULL;
    if (handover_of(stage)->claim(stage->component->instance, running->io, running->diag,
                                  old_instance, err) == 0) {
      continue;
    }
    for (size_t k = 0; k <= i; k++)
      if (outside(to->stages[k])) instance_close(to->stages[k]);
    return err_wrap(err, "%s %s", stage->kind == STAGE_SOURCE ? "source" : "sink", stage->name);
  }
  return 0;
}

static void instances_move(const struct graph *from, const struct graph *to) {
  for (size_t i = 0; i < to->n_stages; i++) {
    const struct stage *stage = to->stages[i];
    if (!outside(stage) || handover_of(stage)->adopt == NULL) continue;
    const struct stage *old = predecessor(from, stage);
    if (old != NULL)
      handover_of(stage)->adopt(stage->component->instance, old->component->instance);
  }
  instances_close(from);
}

/* ------------------------------------------------------------------ opening */

/* Takes the configuration over when it succeeds. */
static int open_with(struct running *running, struct configuration *of, const struct graph *graph,
                     struct err *err) {
  int result = running->catching_up
                   ? engine_open_to_finish(&running->engine, graph, running->io, running->diag, err)
                   : engine_open(&running->engine, graph, running->io, running->diag, err);
  if (result != 0) {
    running->engine = NULL;
    return -1;
  }
  running->of = of;
  running->graph = graph;
  running->name = graph->pipeline->settings.name;
  return 0;
}

/* The log holds epochs of another configuration: that one finishes them. */
static int catch_up(struct running *running, struct err *err) {
  struct configuration *wanted = running->of;
  const struct graph *graph = running->graph;
  uint64_t id = engine_foreign(running->engine);
  engine_close(running->engine);
  running->engine = NULL;
  running->of = NULL;
  struct configuration *kept =
      configuration_kept(graph->pipeline, id, running->io, running->diag, err);
  running->catching_up = true;
  int result = kept != NULL ? open_with(running, kept, kept->graphs[0], err) : -1;
  if (result == 0 && engine_state(running->engine) == ENGINE_FOREIGN) {
    engine_close(running->engine);
    running->engine = NULL;
    result = err_set(err, ERR_CORRUPT,
                     "the configuration that the state folder keeps is not the one that its log "
                     "names: put back the file as it was, or begin anew with an empty folder");
  }
  if (result != 0) {
    configuration_release(kept);
    configuration_release(wanted);
    return -1;
  }
  struct diag_where where = {.pipeline = running->name};
  diag_say(running->diag, MESSAGE_RECOVERY_OTHER_CONFIG, &where,
           "the last run ended before all was delivered, and the configuration has changed since: "
           "what the old one began is finished first");
  running->next_of = wanted;
  running->next = graph;
  return 0;
}

struct running *running_open(struct configuration *of, const struct graph *graph, struct io *io,
                             const struct diag *diag, struct err *err) {
  struct running *running = mem_zalloc(sizeof *running);
  running->io = io;
  running->diag = diag;
  buf_init(&running->given_up);
  int result = open_with(running, of, graph, err);
  if (result == 0) {
    configuration_hold(of);
    if (engine_state(running->engine) == ENGINE_FOREIGN) result = catch_up(running, err);
  }
  if (result == 0) return running;
  buf_fini(&running->given_up);
  free(running);
  return NULL;
}

static void next_forget(struct running *running) {
  configuration_release(running->next_of);
  running->next_of = NULL;
  running->next = NULL;
}

int running_turn(struct running *running, struct err *err) {
  engine_turn(running->engine);
  if (!running->catching_up || !running_paused(running)) return 0;
  running->catching_up = false;
  struct plan plan;
  plan_make(&plan, running->graph, running->next);
  int result = 0;
  if (plan.refused) {
    struct buf text;
    buf_init(&text);
    plan_put(&plan, &text);
    result = err_set(err, ERR_CONFIG, "the changed configuration cannot go on with the state: %s",
                     buf_cstr(&text));
    buf_fini(&text);
  }
  plan_fini(&plan);
  if (result == 0 && instances_claim(running, running->graph, running->next, err) != 0) {
    next_forget(running);
    result = -1;
  }
  if (result == 0) result = running_switch(running, err);
  return result;
}

/* ------------------------------------------------------------------ changing */

int running_claim(struct running *running, struct configuration *of, const struct graph *next,
                  struct err *err) {
  if (instances_claim(running, running->graph, next, err) != 0) return -1;
  configuration_hold(of);
  running->next_of = of;
  running->next = next;
  return 0;
}

void running_pause(struct running *running) {
  engine_pause(running->engine);
}

bool running_paused(const struct running *running) {
  return engine_state(running->engine) == ENGINE_PAUSED;
}

static const char *own_name(const struct running *running, const char *sink) {
  size_t len = strlen(running->name);
  return strncmp(sink, running->name, len) == 0 && sink[len] == '/' ? sink + len + 1 : sink;
}

bool running_has_sink(const struct running *running, const char *sink) {
  return plan_stage_find(running->graph, STAGE_SINK, own_name(running, sink)) != NULL;
}

void running_give_up(struct running *running, const char *sink) {
  if (engine_state(running->engine) == ENGINE_RUNNING) {
    running->gives_up = true;
    engine_pause(running->engine);
  }
  engine_give_up(running->engine, own_name(running, sink));
}

void running_given_up(struct running *running, struct buf *out) {
  if (running->engine != NULL) engine_given_up(running->engine, &running->given_up);
  buf_put_slice(out, buf_slice(&running->given_up));
  buf_clear(&running->given_up);
}

void running_cancel(struct running *running) {
  if (running->next == NULL && !running->gives_up) return;
  if (running->next != NULL) instances_close(running->next);
  next_forget(running);
  running->gives_up = false;
  engine_resume(running->engine);
}

/* What the failed one had taken over goes on to a copy of the old one. */
static void go_back(struct running *running, const struct graph *failed, struct err *err) {
  struct err again;
  const struct pipeline *like = running->graph->pipeline;
  struct configuration *old = running->of;
  instances_close(failed);
  struct configuration *kept =
      configuration_kept(like, like->id, running->io, running->diag, &again);
  int result = kept != NULL ? instances_claim(running, NULL, kept->graphs[0], &again) : -1;
  if (result == 0) result = open_with(running, kept, kept->graphs[0], &again);
  if (result == 0) {
    configuration_release(old);
    return;
  }
  if (kept != NULL) instances_close(kept->graphs[0]);
  configuration_release(kept);
  struct err first = *err;
  err_set(err, again.code, "%s; and the old configuration cannot go on either: %s", first.text,
          again.text);
}

int running_switch(struct running *running, struct err *err) {
  struct configuration *old_of = running->of, *next_of = running->next_of;
  const struct graph *old = running->graph, *next = running->next;
  running->next_of = NULL;
  running->next = NULL;
  running->gives_up = false;
  engine_given_up(running->engine, &running->given_up);
  engine_detach(running->engine);
  engine_close(running->engine);
  running->engine = NULL;
  instances_move(old, next);
  int result = open_with(running, next_of, next, err);
  if (result == 0 && engine_state(running->engine) == ENGINE_FOREIGN) {
    engine_close(running->engine);
    running->engine = NULL;
    running->of = old_of;
    running->graph = old;
    running->name = old->pipeline->settings.name;
    result =
        err_set(err, ERR_CORRUPT,
                "the snapshot that was made for the change cannot be read, so what is in front "
                "of it would have to be run again by the new configuration");
  }
  if (result == 0) {
    configuration_release(old_of);
    return 0;
  }
  go_back(running, next, err);
  configuration_release(next_of);
  return -1;
}

void running_close(struct running *running) {
  if (running == NULL) return;
  engine_close(running->engine);
  if (running->next != NULL && !running->catching_up) instances_close(running->next);
  next_forget(running);
  configuration_release(running->of);
  buf_fini(&running->given_up);
  free(running);
}
