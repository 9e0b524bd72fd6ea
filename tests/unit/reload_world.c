/* reload_world: see reload_world.h. */
#include "reload_world.h"

#include "daemon/supervisor/reload_note.h"

#include <stdio.h>

struct reload_result reload_last;
static char last_text[4096];

static void unopened(void *arg, const char *pipeline, const struct err *err) {
  (void)pipeline;
  *(struct err *)arg = *err;
}

static void ended(void *arg, const struct running *running, const struct err *err) {
  (void)running;
  if (err != NULL) *(struct err *)arg = *err;
}

static void step_do(struct world *world, struct supervisor *supervisor,
                    const struct reload_step *step) {
  struct err err;
  if (step->yaml != NULL) world_configure(world, step->yaml);
  if (step->give_up != NULL) reload_wish_write(&world->io, "/state", slice_of(step->give_up), &err);
  supervisor_reload(supervisor);
}

/* Turns until all pipelines have ended. */
static int turns(struct world *world, struct supervisor *supervisor,
                 const struct reload_step *steps, size_t n_steps, uint64_t calls_end,
                 struct err *err) {
  for (world->turns = 0; supervisor_pipelines(supervisor) > 0; world->turns++) {
    if (world->turn != NULL && !world->turn(world)) return err_set(err, ERR_OTHER, "switched off");
    for (size_t i = 0; i < n_steps; i++)
      if (steps[i].turn == world->turns) step_do(world, supervisor, &steps[i]);
    supervisor_turn(supervisor);
    if (supervisor_pipelines(supervisor) == 0) break;
    if (calls_end > 0 && sim_disk_calls(world->disk) > calls_end)
      return err_set(err, ERR_IO, "the machine is down");
    if (world->turns > RELOAD_TURNS_MAX) fail_msg("it does not come to an end\n%s", world->said);
    int64_t next_us = supervisor_next_turn_us(supervisor), now_us = clock_wall_us(world->io.clock);
    int64_t wait_us = next_us == TIME_MAX_US ? 1000000 : next_us > now_us ? next_us - now_us : 0;
    if (loop_wait(world->io.loop, wait_us, err) != 0) return -1;
  }
  return err->text[0] != '\0' ? -1 : 0;
}

int reload_life(struct world *world, const struct reload_step *steps, size_t n_steps,
                uint64_t calls_max, struct err *err) {
  bool aside = n_steps > 0 && steps[0].yaml == NULL;
  uint64_t calls_before = sim_disk_calls(world->disk);
  FILE *stream = world_begin(world, err);
  struct diag diag = {.stream = stream, .level = DIAG_INFO};
  struct config_source source = {.disk = world->disk, .env = world_env};
  struct supervisor_options options = {.io = &world->io,
                                       .diag = &diag,
                                       .path = aside ? "/q.yaml" : "/p.yaml",
                                       .env = world_env,
                                       .unopened = unopened,
                                       .ended = ended,
                                       .arg = err};
  struct configuration *configuration = configuration_load("/p.yaml", &world->io, &source);
  *err = (struct err){0};
  reload_last = (struct reload_result){.text = ""};
  int result = 0;
  if (!configuration_valid(configuration)) {
    configuration_release(configuration);
    result = err_set(err, ERR_CONFIG, "the configuration is wrong");
  } else {
    struct supervisor *supervisor = supervisor_open(&options, configuration);
    struct buf give_up;
    buf_init(&give_up);
    if (world->give_up != NULL) buf_put_text(&give_up, world->give_up);
    result = supervisor_give_up(supervisor, &give_up, err);
    if (result == 0)
      result = turns(world, supervisor, steps, n_steps,
                     calls_max > 0 ? calls_before + calls_max : 0, err);
    buf_fini(&give_up);
    reload_last = *supervisor_reload_result(supervisor);
    snprintf(last_text, sizeof last_text, "%s", reload_last.text != NULL ? reload_last.text : "");
    reload_last.text = last_text;
    supervisor_close(supervisor);
  }
  world_end(world, stream);
  return result;
}
