/* supervisor: see supervisor.h. */
#include "daemon/supervisor/supervisor.h"

#include "daemon/base/mem.h"
#include "daemon/supervisor/give_up.h"
#include "daemon/supervisor/plan.h"
#include "daemon/supervisor/reload_note.h"

#include <stdlib.h>

struct supervisor {
  struct supervisor_options options;
  struct running **list;
  size_t n, cap;
  bool draining;

  /* The reload that is going on. */
  bool wanted;
  struct configuration *next;
  int64_t pause_until_us; /* monotonic */
  struct buf text;        /* of its result */
  struct buf give_up;     /* sinks that it is to let off, a line each */
  struct reload_result result;
  char *result_text;
};

static struct running *find(const struct supervisor *supervisor, const char *name) {
  for (size_t i = 0; i < supervisor->n; i++)
    if (strcmp(supervisor->list[i]->name, name) == 0) return supervisor->list[i];
  return NULL;
}

static const struct graph *graph_find(const struct configuration *configuration, const char *name) {
  for (size_t i = 0; i < configuration->n_graphs; i++) {
    if (strcmp(configuration->graphs[i]->pipeline->settings.name, name) == 0)
      return configuration->graphs[i];
  }
  return NULL;
}

static struct give_up_list running_ones(const struct supervisor *supervisor) {
  return (struct give_up_list){supervisor->list, supervisor->n};
}

static struct running *open_one(struct supervisor *supervisor, struct configuration *of,
                                const struct graph *graph, struct err *err) {
  const struct supervisor_options *options = &supervisor->options;
  struct buf stale; /* nobody waits for its answer any more */
  buf_init(&stale);
  reload_wish_take(options->io, graph->pipeline->settings.state_dir, &stale);
  buf_fini(&stale);
  if (options->opening != NULL) options->opening(options->arg, graph->pipeline->settings.name);
  return running_open(of, graph, options->io, options->diag, err);
}

static void add(struct supervisor *supervisor, struct running *running) {
  array_grow((void **)&supervisor->list, &supervisor->cap, supervisor->n, sizeof *supervisor->list);
  supervisor->list[supervisor->n++] = running;
}

static void end(struct supervisor *supervisor, size_t i, const struct err *err) {
  struct running *running = supervisor->list[i];
  if (supervisor->options.ended != NULL)
    supervisor->options.ended(supervisor->options.arg, running, err);
  running_close(running);
  supervisor->n--;
  memmove(supervisor->list + i, supervisor->list + i + 1,
          (supervisor->n - i) * sizeof *supervisor->list);
}

/* ------------------------------------------------------------------ a reload, step by step */

static void next_release(struct supervisor *supervisor) {
  configuration_release(supervisor->next);
  supervisor->next = NULL;
}

/* For a message; free(). */
static char *one_line(const char *text) {
  struct buf line = {0};
  for (; *text != '\0'; text++) {
    if (*text == '\n' && text[1] == '\0') break;
    if (*text == '\n') {
      buf_put_char(&line, ';');
      while (text[1] == ' ') text++;
    }
    buf_put_char(&line, *text == '\n' ? ' ' : *text);
  }
  char *copy = mem_strdup(buf_cstr(&line));
  buf_fini(&line);
  return copy;
}

static void finish(struct supervisor *supervisor, bool ok) {
  struct reload_result *result = &supervisor->result;
  result->number++;
  result->ok = ok;
  result->at_us = clock_wall_us(supervisor->options.io->clock);
  if (ok) {
    result->succeeded++;
    result->succeeded_at_us = result->at_us;
  } else {
    result->refused++;
  }
  for (size_t i = 0; i < supervisor->n; i++)
    running_given_up(supervisor->list[i], &supervisor->text);
  buf_clear(&supervisor->give_up); /* a wish goes with one reload */
  free(supervisor->result_text);
  result->text = supervisor->result_text = mem_strdup(buf_cstr(&supervisor->text));
  const struct supervisor_options *options = &supervisor->options;
  if (options->claim != NULL && ok) options->changed(options->arg, supervisor->next->config);
  if (options->claim != NULL && !ok) options->kept(options->arg);
  next_release(supervisor);
  char *line = one_line(result->text);
  diag_say(supervisor->options.diag, ok ? MESSAGE_RELOAD_DONE : MESSAGE_RELOAD_REFUSED, NULL,
           ok ? "the configuration is in force: %s"
              : "the new configuration is refused, the old one goes on: %s",
           line);
  free(line);
  for (size_t i = 0; i < supervisor->n; i++)
    reload_note_write(supervisor->options.io,
                      supervisor->list[i]->graph->pipeline->settings.state_dir, result);
}

/* more: lines behind the reason. */
static void refuse_saying(struct supervisor *supervisor, const char *pipeline,
                          const struct err *err, struct slice more) {
  for (size_t i = 0; i < supervisor->n; i++) running_cancel(supervisor->list[i]);
  if (pipeline != NULL) buf_printf(&supervisor->text, "%s: ", pipeline);
  buf_printf(&supervisor->text, "%s\n", err->text);
  buf_put_slice(&supervisor->text, more);
  finish(supervisor, false);
}

static void refuse(struct supervisor *supervisor, const char *pipeline, const struct err *err) {
  refuse_saying(supervisor, pipeline, err, (struct slice){NULL, 0});
}

/* Whether a pipeline goes on as it is. */
static bool unchanged(const struct graph *from, const struct graph *to) {
  struct plan plan;
  plan_make(&plan, from, to);
  bool same = plan.change == PLAN_SAME;
  plan_fini(&plan);
  return same;
}

static bool plan_all(struct supervisor *supervisor) {
  bool possible = true;
  struct buf *text = &supervisor->text;
  for (size_t i = 0; i < supervisor->next->n_graphs; i++) {
    const struct graph *to = supervisor->next->graphs[i];
    const struct running *running = find(supervisor, to->pipeline->settings.name);
    struct plan plan;
    plan_make(&plan, running != NULL ? running->graph : NULL, to);
    plan_put(&plan, text);
    possible &= !plan.refused;
    plan_fini(&plan);
  }
  for (size_t i = 0; i < supervisor->n; i++) {
    if (graph_find(supervisor->next, supervisor->list[i]->name) != NULL) continue;
    struct plan plan;
    plan_make(&plan, supervisor->list[i]->graph, NULL);
    plan_put(&plan, text);
    plan_fini(&plan);
  }
  return possible;
}

/* Whether it comes to rest for the reload. */
static bool pauses(const struct running *running) {
  return running->gives_up || (running->next != NULL && !running->catching_up);
}

static int64_t pause_timeout_us(const struct supervisor *supervisor) {
  int64_t timeout_us = 0;
  for (size_t i = 0; i < supervisor->n; i++) {
    const struct running *running = supervisor->list[i];
    int64_t own_us = running->graph->pipeline->settings.drain_timeout_us;
    if (pauses(running) && own_us > timeout_us) timeout_us = own_us;
  }
  return timeout_us;
}

/* read, plan, claim, and the pause is asked for. */
static void begin(struct supervisor *supervisor) {
  const struct supervisor_options *options = &supervisor->options;
  struct config_source source = {
      .disk = options->io->disk, .env = options->env, .env_arg = options->env_arg};
  supervisor->wanted = false;
  supervisor->result.begun_us = clock_wall_us(options->io->clock);
  buf_clear(&supervisor->text);
  supervisor->next = configuration_load(options->path, options->io, &source);
  configuration_say(supervisor->next, options->path, options->diag);
  if (!configuration_valid(supervisor->next)) {
    config_errors_put(&supervisor->next->config->errors, &supervisor->text);
    finish(supervisor, false);
    return;
  }
  if (!plan_all(supervisor)) {
    finish(supervisor, false);
    return;
  }
  for (size_t i = 0; i < supervisor->n; i++) {
    struct running *running = supervisor->list[i];
    const struct graph *to = graph_find(supervisor->next, running->name);
    if (to == NULL || unchanged(running->graph, to)) continue;
    struct err err;
    if (running_claim(running, supervisor->next, to, &err) != 0) {
      refuse(supervisor, running->name, &err);
      return;
    }
  }
  struct err err;
  if (options->claim != NULL && options->claim(options->arg, supervisor->next->config, &err) != 0) {
    refuse(supervisor, NULL, &err);
    return;
  }
  for (size_t i = 0; i < supervisor->n; i++)
    if (supervisor->list[i]->next != NULL) running_pause(supervisor->list[i]);
  if (give_up_all(running_ones(supervisor), &supervisor->give_up, &err) != 0) {
    refuse(supervisor, NULL, &err);
    return;
  }
  supervisor->pause_until_us = clock_mono_us(options->io->clock) + pause_timeout_us(supervisor);
}

/* All that change are at rest. */
static void go_over(struct supervisor *supervisor) {
  struct err err;
  size_t before = supervisor->n;
  for (size_t i = 0; i < supervisor->next->n_graphs; i++) { /* new ones first: they may fail */
    const struct graph *to = supervisor->next->graphs[i];
    if (find(supervisor, to->pipeline->settings.name) != NULL) continue;
    struct running *added = open_one(supervisor, supervisor->next, to, &err);
    if (added == NULL) {
      while (supervisor->n > before) running_close(supervisor->list[--supervisor->n]);
      refuse(supervisor, to->pipeline->settings.name, &err);
      return;
    }
    add(supervisor, added);
  }
  bool ok = true;
  for (size_t i = 0; i < supervisor->n; i++) {
    struct running *running = supervisor->list[i];
    bool goes = graph_find(supervisor->next, running->name) == NULL;
    if (goes) engine_drain(running->engine);
    if (!goes && running->next == NULL) running_cancel(running);
    running->gives_up = false;
    if (running->next == NULL || running->catching_up) continue;
    if (running_switch(running, &err) == 0) continue;
    ok = false;
    buf_printf(&supervisor->text, "%s: %s\n", running->name, err.text);
    if (running->engine == NULL) end(supervisor, i--, &err);
  }
  finish(supervisor, ok);
}

static void reload_turn(struct supervisor *supervisor) {
  if (supervisor->next == NULL) {
    bool busy = supervisor->draining;
    for (size_t i = 0; i < supervisor->n; i++) busy |= supervisor->list[i]->catching_up;
    /* The last one that ran has failed: a reload does not begin it again. */
    if (supervisor->wanted && !busy && supervisor->n > 0) begin(supervisor);
    if (supervisor->next == NULL) return;
  }
  for (size_t i = 0; i < supervisor->n; i++) {
    const struct running *running = supervisor->list[i];
    if (!pauses(running) || running_paused(running)) continue;
    if (clock_mono_us(supervisor->options.io->clock) < supervisor->pause_until_us) return;
    struct err err;
    err_set(&err, ERR_RETRY,
            "what was taken could not be delivered within drain_timeout, so there was no place to "
            "change; see what its sinks wait for");
    struct buf debts;
    buf_init(&debts);
    give_up_hint(running, supervisor->options.path, &debts);
    refuse_saying(supervisor, running->name, &err, buf_slice(&debts));
    buf_fini(&debts);
    return;
  }
  go_over(supervisor);
}

/* ------------------------------------------------------------------ the whole */

struct supervisor *supervisor_open(const struct supervisor_options *options,
                                   struct configuration *configuration) {
  struct supervisor *supervisor = mem_zalloc(sizeof *supervisor);
  supervisor->options = *options;
  buf_init(&supervisor->text);
  buf_init(&supervisor->give_up);
  for (size_t i = 0; i < configuration->n_graphs; i++) {
    const struct graph *graph = configuration->graphs[i];
    struct err err;
    struct running *running = open_one(supervisor, configuration, graph, &err);
    if (running != NULL)
      add(supervisor, running);
    else if (options->unopened != NULL)
      options->unopened(options->arg, graph->pipeline->settings.name, &err);
  }
  configuration_release(configuration);
  return supervisor;
}

/* Were it opened anew by a reload that is going on, what it had taken from a producer that goes on
 * would be missing: the reload is refused. */
static void failed(struct supervisor *supervisor, size_t i, const struct err *err) {
  const char *name = supervisor->list[i]->name;
  if (supervisor->next != NULL && graph_find(supervisor->next, name) != NULL)
    refuse(supervisor, name, err);
  end(supervisor, i, err);
}

void supervisor_turn(struct supervisor *supervisor) {
  for (size_t i = 0; i < supervisor->n; i++) {
    struct running *running = supervisor->list[i];
    struct err err;
    if (running_turn(running, &err) != 0) {
      failed(supervisor, i--, &err);
      continue;
    }
    enum engine_state state = engine_state(running->engine);
    if (state == ENGINE_FAILED) {
      err = *engine_error(running->engine);
      failed(supervisor, i--, &err);
    } else if (state == ENGINE_DONE) {
      end(supervisor, i--, NULL);
    }
  }
  reload_turn(supervisor);
}

int64_t supervisor_next_turn_us(const struct supervisor *supervisor) {
  int64_t next = TIME_MAX_US;
  struct clock *clock = supervisor->options.io->clock;
  for (size_t i = 0; i < supervisor->n; i++) {
    int64_t at = engine_next_turn_us(supervisor->list[i]->engine);
    if (at < next) next = at;
  }
  if (supervisor->next != NULL || supervisor->wanted) {
    int64_t left_us = supervisor->pause_until_us - clock_mono_us(clock);
    int64_t at = clock_wall_us(clock) + (left_us > 0 ? left_us : 0);
    if (supervisor->next != NULL && at < next) next = at;
  }
  return next;
}

int supervisor_give_up(struct supervisor *supervisor, struct buf *sinks, struct err *err) {
  return give_up_all(running_ones(supervisor), sinks, err);
}

void supervisor_reload(struct supervisor *supervisor) {
  give_up_ask(running_ones(supervisor), supervisor->options.io, &supervisor->give_up);
  supervisor->wanted = true;
  loop_wake(supervisor->options.io->loop);
}

bool supervisor_reloading(const struct supervisor *supervisor) {
  return supervisor->wanted || supervisor->next != NULL;
}

void supervisor_drain(struct supervisor *supervisor) {
  supervisor->draining = true;
  if (supervisor->next != NULL) {
    struct err err;
    err_set(&err, ERR_RETRY, "the program stops");
    refuse(supervisor, NULL, &err);
  }
  for (size_t i = 0; i < supervisor->n; i++) engine_drain(supervisor->list[i]->engine);
}

void supervisor_close(struct supervisor *supervisor) {
  if (supervisor == NULL) return;
  for (size_t i = 0; i < supervisor->n; i++) running_close(supervisor->list[i]);
  free(supervisor->list);
  next_release(supervisor);
  buf_fini(&supervisor->text);
  buf_fini(&supervisor->give_up);
  free(supervisor->result_text);
  free(supervisor);
}

size_t supervisor_pipelines(const struct supervisor *supervisor) {
  return supervisor->n;
}

const struct running *supervisor_pipeline(const struct supervisor *supervisor, size_t i) {
  return supervisor->list[i];
}

const struct reload_result *supervisor_reload_result(const struct supervisor *supervisor) {
  return &supervisor->result;
}
