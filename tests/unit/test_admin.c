/* The admin port's answers in a simulated world: when the daemon is ready and why it is not, and
 * what the program tells it of pipelines and reloads. tests/flow/510-admin asks a real one. */
#include "engine_world.h"

#include "daemon/admin/admin.h"
#include "daemon/record/json_text.h"

#include <stdio.h>

static void ask(struct admin *admin, const char *path, int status, const char *text) {
  struct admin_answer answer;
  admin_answer(admin, slice_of(path), slice_of(""), &answer);
  if (answer.status != status || strstr(buf_cstr(&answer.body), text) == NULL)
    fail_msg("%s: %d %s; wanted %d and \"%s\"", path, answer.status, buf_cstr(&answer.body), status,
             text);
  if (strncmp(path, "/v1", 3) == 0) assert_true(json_text_valid(buf_slice(&answer.body)));
  buf_fini(&answer.body);
}

static struct admin *port(struct world *world) {
  struct admin_options options = {.listen = "127.0.0.1:8365"};
  struct admin *admin;
  struct err err;
  if (admin_open(&admin, &world->io, &options, &err) != 0) fail_msg("%s", err.text);
  return admin;
}

struct seen {
  struct world *world;
  bool gone; /* the pipeline does not run */
  bool catching_up;
  struct admin_reloads reloads;
  int recovering, running, others;
};

static size_t pipelines(void *arg) {
  const struct seen *seen = arg;
  return seen->gone ? 0 : 1;
}

static void pipeline(void *arg, size_t i, struct admin_pipeline *pipeline) {
  const struct seen *seen = arg;
  assert_int_equal(i, 0);
  *pipeline = (struct admin_pipeline){engine_graph(seen->world->engine), seen->world->engine,
                                      seen->catching_up};
}

static void reloads(void *arg, struct admin_reloads *reloads) {
  const struct seen *seen = arg;
  *reloads = seen->reloads;
}

/* The probe at every turn says what the engine is at. */
static bool probe(struct world *world) {
  struct seen *seen = world->arg;
  struct admin *admin = port(world);
  ask(admin, "/readyz", 503, "starting\n");
  ask(admin, "/healthz", 200, "ok\n");
  ask(admin, "/v1/pipelines", 200, "[]");
  seen->world = world;
  admin_show(admin, &(struct admin_view){pipelines, pipeline, reloads, seen});
  switch (engine_state(world->engine)) {
  case ENGINE_RECOVERING:
    ask(admin, "/readyz", 503, "p: recovering, ");
    ask(admin, "/v1/pipelines", 200, "\"state\":\"recovering\"");
    seen->recovering++;
    break;
  case ENGINE_RUNNING:
    ask(admin, "/readyz", 200, "ready\n");
    ask(admin, "/v1/pipelines", 200, "\"state\":\"running\"");
    ask(admin, "/v1/pipelines/p", 200, "\"name\":\"once\"");
    seen->catching_up = true;
    ask(admin, "/readyz", 503, "p: finishing what an earlier configuration began\n");
    seen->catching_up = false;
    admin_stopping(admin);
    ask(admin, "/readyz", 503, "stopping\n");
    seen->running++;
    break;
  default: seen->others++; break;
  }
  admin_close(admin);
  return seen->running < 10;
}

static void ready_is_who_takes_input(void **state) {
  (void)state;
  struct world world;
  struct err err;
  world_init(&world, WORLD_COPY(WORLD_CALM, WORLD_FILE));
  world_put_lines(&world, "/in/a.ndjson", 2000, -1, "");
  struct seen seen = {0};
  world.turn = probe;
  world.arg = &seen;
  assert_int_equal(world_life(&world, &err), -1);
  world_crash(&world, SIM_UNSYNCED_KEPT, 1);
  assert_true(seen.running == 10);
  seen = (struct seen){.running = -1000000};
  world_live(&world, "until the end");
  assert_true(seen.recovering > 0 && seen.running > -1000000 && seen.others > 0);
  world_fini(&world);
}

/* Reloads, and pipelines that have ended. */
static bool told(struct world *world) {
  if (engine_state(world->engine) != ENGINE_RUNNING) return true;
  struct admin *admin = port(world);
  struct err err;
  err_set(&err, ERR_DATA, "a \"record\"\nstopped it");
  struct seen seen = {.world = world};
  admin_show(admin, &(struct admin_view){pipelines, pipeline, reloads, &seen});
  ask(admin, "/v1", 200, "\"reload\":null");
  ask(admin, "/metrics", 200, "tidemark_reloads_total{result=\"refused\"} 0\n");
  seen.reloads =
      (struct admin_reloads){.refused = 1, .last_us = WORLD_START_US, .why = "it has an error"};
  ask(admin, "/v1", 200, "\"result\":\"refused\",\"why\":\"it has an error\"");
  ask(admin, "/metrics", 200, "tidemark_reloads_total{result=\"refused\"} 1\n");
  seen.reloads = (struct admin_reloads){.refused = 1,
                                        .done = 1,
                                        .last_done = true,
                                        .last_us = WORLD_START_US,
                                        .done_us = WORLD_START_US,
                                        .why = "a plan"};
  ask(admin, "/v1", 200, "\"result\":\"done\",\"why\":null");
  ask(admin, "/metrics", 200, "tidemark_reload_timestamp_seconds 1767225600\n");
  admin_ended(admin, "q", NULL);
  ask(admin, "/v1", 200, "\"pipelines\":[\"p\",\"q\"]");
  ask(admin, "/v1/pipelines", 200, "{\"name\":\"q\",\"state\":\"done\",\"error\":null}");
  admin_ended(admin, "q", &err);
  ask(admin, "/readyz", 503, "q: failed: a \"record\"\nstopped it\n");
  ask(admin, "/v1/pipelines", 200, "\"error\":\"a \\\"record\\\"\\nstopped it\"");
  ask(admin, "/v1/pipelines/q", 200, "\"state\":\"failed\"");
  ask(admin, "/v1/pipelines/r", 404, "error");
  ask(admin, "/metric", 404, "error");
  admin_ended(admin, "p", &err); /* and runs again: a reload brought it back */
  admin_ended(admin, "q", NULL);
  ask(admin, "/readyz", 200, "ready\n");
  seen.gone = true;
  ask(admin, "/readyz", 503, "p: failed");
  ask(admin, "/v1/pipelines/p", 200, "\"state\":\"failed\"");
  admin_ended(admin, "p", NULL);
  ask(admin, "/readyz", 200, "ready\n");
  ask(admin, "/v1", 200, "\"pipelines\":[\"q\",\"p\"]");
  admin_close(admin);
  return false;
}

static void what_it_is_told_is_shown(void **state) {
  (void)state;
  struct world world;
  struct err err;
  world_init(&world, WORLD_COPY(WORLD_CALM, WORLD_FILE));
  world_put_lines(&world, "/in/a.ndjson", 2000, -1, "");
  world.turn = told;
  assert_int_equal(world_life(&world, &err), -1);
  world_fini(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ready_is_who_takes_input),
      cmocka_unit_test(what_it_is_told_is_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
