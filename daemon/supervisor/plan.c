/* plan: see plan.h. */
#include "daemon/supervisor/plan.h"

#include "config/dump.h"
#include "daemon/base/mem.h"
#include "daemon/flow/runner.h"

#include <stdlib.h>

const struct stage *plan_stage_find(const struct graph *graph, enum stage_kind kind,
                                    const char *name) {
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    if (stage->kind == kind && strcmp(stage->name, name) == 0) return stage;
  }
  return NULL;
}

/* Merges and .errors are the engine's own. */
static bool is_component(const struct stage *stage) {
  return stage->kind != STAGE_MERGE && stage->kind != STAGE_ERRORS;
}

static const char *kind_of(const struct stage *stage) {
  return stage->kind == STAGE_SOURCE ? "source" : stage->kind == STAGE_SINK ? "sink" : "transform";
}

static const struct stage *same_component(const struct graph *graph, const struct stage *stage) {
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *other = graph->stages[i];
    if (is_component(other) && strcmp(kind_of(other), kind_of(stage)) == 0 &&
        strcmp(other->name, stage->name) == 0) {
      return other;
    }
  }
  return NULL;
}

static struct plan_item *item_add(struct plan *plan, const char *kind, const char *name,
                                  enum plan_change change) {
  array_grow((void **)&plan->items, &plan->cap_items, plan->n_items, sizeof *plan->items);
  struct plan_item *item = &plan->items[plan->n_items++];
  *item = (struct plan_item){.kind = kind, .name = name, .change = change};
  return item;
}

static void refuse(struct plan *plan, struct plan_item *item, char *why) {
  item->state = PLAN_REFUSED;
  item->why = why;
  plan->refused = true;
}

/* ------------------------------------------------------------------ settings */

static bool section_same(const struct node *a, const struct node *b) {
  return a == NULL || b == NULL ? a == b : config_node_equal(a, b);
}

/* All that stands at the top of the file but the components. */
static bool settings_same(const struct node *a, const struct node *b) {
  const struct node *maps[2] = {a, b};
  for (int m = 0; m < 2; m++) {
    for (size_t i = 0; i < maps[m]->n_items; i++) {
      struct slice key = maps[m]->keys[i]->text;
      if (slice_is(key, "sources") || slice_is(key, "transforms") || slice_is(key, "sinks") ||
          slice_is(key, "pipeline") || slice_is(key, "tests")) {
        continue;
      }
      if (!section_same(node_get(a, key.data), node_get(b, key.data))) return false;
    }
  }
  return true;
}

static void plan_settings(struct plan *plan, const struct pipeline *from,
                          const struct pipeline *to) {
  const struct pipeline_settings *old = &from->settings, *new = &to->settings;
  if (strcmp(old->state_dir, new->state_dir) != 0) {
    refuse(plan, item_add(plan, "pipeline", plan->pipeline, PLAN_CHANGED),
           mem_printf("state.dir cannot change while it runs (%s, not %s): stop the pipeline, move "
                      "the folder, start it",
                      old->state_dir, new->state_dir));
  } else if (old->shards != new->shards) {
    refuse(plan, item_add(plan, "pipeline", plan->pipeline, PLAN_CHANGED),
           mem_printf("shards is fixed for the life of a state folder (%lld, not %lld)",
                      (long long)old->shards, (long long)new->shards));
  } else if (!settings_same(from->node, to->node)) {
    item_add(plan, "pipeline", plan->pipeline, PLAN_CHANGED)->why = mem_strdup("its settings");
  }
}

/* ------------------------------------------------------------------ components */

static void plan_state(struct plan *plan, struct plan_item *item, const struct stage *old,
                       const struct stage *new) {
  struct buf definition, notes;
  buf_init(&definition);
  buf_init(&notes);
  struct err err;
  runner_state_definition(old, &definition);
  const struct transform_common *common = new->component->common;
  if (runner_state_fits(new, buf_slice(&definition), &notes, &err) == 0) {
    item->state = PLAN_KEPT;
    if (notes.len > 0) item->why = mem_strdup(buf_cstr(&notes));
  } else if (common->on_incompatible == ON_INCOMPATIBLE_RESET) {
    item->state = PLAN_RESET;
    item->why = mem_strdup(err.text);
    plan->forgets = true;
  } else {
    refuse(
        plan, item,
        mem_printf("%s (`on_incompatible: reset` there would begin with empty state)", err.text));
  }
  buf_fini(&definition);
  buf_fini(&notes);
}

static void plan_new(struct plan *plan, const struct graph *from, const struct stage *stage) {
  const struct stage *old = from != NULL ? same_component(from, stage) : NULL;
  if (old == NULL) {
    item_add(plan, kind_of(stage), stage->name, PLAN_ADDED);
    return;
  }
  bool keyed = old->kind == STAGE_KEYED && stage->kind == STAGE_KEYED;
  bool same = config_node_equal(old->component->node, stage->component->node);
  if (same && !keyed) return;
  struct plan_item *item =
      item_add(plan, kind_of(stage), stage->name, same ? PLAN_SAME : PLAN_CHANGED);
  if (keyed) {
    plan_state(plan, item, old, stage);
  } else if (old->kind == STAGE_KEYED) {
    item->state = PLAN_DROPPED;
    item->why = mem_strdup("it has no state any more");
    plan->forgets = true;
  }
}

static void plan_gone(struct plan *plan, const struct graph *to, const struct stage *old) {
  if (to != NULL && same_component(to, old) != NULL) return;
  struct plan_item *item = item_add(plan, kind_of(old), old->name, PLAN_REMOVED);
  if (old->kind != STAGE_KEYED || to == NULL) return;
  item->state = PLAN_DROPPED;
  plan->forgets = true;
}

void plan_make(struct plan *plan, const struct graph *from, const struct graph *to) {
  *plan = (struct plan){.change = from == NULL ? PLAN_ADDED
                                  : to == NULL ? PLAN_REMOVED
                                               : PLAN_SAME};
  plan->pipeline = (to != NULL ? to : from)->pipeline->settings.name;
  if (from != NULL && to != NULL) plan_settings(plan, from->pipeline, to->pipeline);
  for (size_t i = 0; to != NULL && i < to->n_stages; i++)
    if (is_component(to->stages[i])) plan_new(plan, from, to->stages[i]);
  for (size_t i = 0; from != NULL && i < from->n_stages; i++)
    if (is_component(from->stages[i])) plan_gone(plan, to, from->stages[i]);
  for (size_t i = 0; plan->change == PLAN_SAME && i < plan->n_items; i++)
    if (plan->items[i].change != PLAN_SAME) plan->change = PLAN_CHANGED;
}

void plan_fini(struct plan *plan) {
  for (size_t i = 0; i < plan->n_items; i++) free(plan->items[i].why);
  free(plan->items);
  *plan = (struct plan){0};
}

void plan_put(const struct plan *plan, struct buf *out) {
  static const char *const signs[] = {"=", "+", "~", "-"};
  static const char *const changes[] = {"unchanged", "added", "changed", "removed"};
  static const char *const states[] = {NULL, "state kept", "state reset", "state dropped",
                                       "refused"};
  buf_printf(out, "%s pipeline %s: %s\n", signs[plan->change], plan->pipeline,
             changes[plan->change]);
  for (size_t i = 0; i < plan->n_items; i++) {
    const struct plan_item *item = &plan->items[i];
    buf_printf(out, "  %s %s %s: %s", signs[item->change], item->kind, item->name,
               changes[item->change]);
    if (states[item->state] != NULL) buf_printf(out, "; %s", states[item->state]);
    if (item->why != NULL) buf_printf(out, ": %s", item->why);
    buf_put_char(out, '\n');
  }
}
