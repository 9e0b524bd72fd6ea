/* life: one life of the daemon, from its start to its end, or until the machine goes down.
 *
 * A turn here: what happens around the daemon, its own turn, then time passes. */
#include "tests/sim/run.h"

#include "daemon/supervisor/supervisor.h"

#include <stdio.h>

enum { TURNS_MAX = 300000, TURNS_WHEN_DOWN = 20 };

/* ------------------------------------------------------------------ the disk */

uint64_t run_calls(const struct run *run) {
  return sim_disk_calls(run->world.disk) - run->calls_at_begin - run->own_calls;
}

bool life_down(const struct run *run) {
  return run->life->crash > 0 && run_calls(run) >= run->life->crash;
}

/* The faults of the life, counted from here on. */
static void faults_set(struct run *run) {
  const struct script_life *life = run->life;
  uint64_t calls = run_calls(run);
  struct sim_disk_faults faults = {.short_reads = life->short_reads,
                                   .capacity_bytes = run->full ? 1 : 0};
  if (life->crash > 0) {
    faults.fail_at = life->crash > calls ? life->crash - calls : 1;
    faults.fail_is_crash = true;
  } else if (life->fail > calls) {
    faults.fail_at = life->fail - calls;
  }
  sim_disk_set_faults(run->world.disk, faults);
}

/* Not nested; what is counted between is not the daemon's. */
static uint64_t aside_from;
void run_aside_begin(struct run *run) {
  aside_from = sim_disk_calls(run->world.disk);
  sim_disk_set_faults(run->world.disk, (struct sim_disk_faults){0});
}

void run_aside_end(struct run *run) {
  run->own_calls += sim_disk_calls(run->world.disk) - aside_from;
  faults_set(run);
}

/* ------------------------------------------------------------------ what happens around it */

static bool within(uint64_t turn, uint64_t from, uint64_t to) {
  return turn >= from && turn < to;
}

static void weather(struct run *run, struct supervisor *supervisor, uint64_t turn) {
  const struct script_life *life = run->life;
  bool full = within(turn, life->full_from, life->full_to);
  if (full != run->full) {
    run->full = full;
    faults_set(run);
  }
  run->server.dead = within(turn, life->dead_from, life->dead_to);
  if (life->jump_us != 0 && turn == life->jump_turn)
    sim_clock_jump(run->world.io.clock, life->jump_us);
  for (size_t i = 0; i < life->n_reloads; i++) {
    if (life->reloads[i].turn != turn) continue;
    struct buf text;
    script_file_read(&run->script, life->reloads[i].file, &text);
    run_aside_begin(run);
    world_configure(&run->world, buf_cstr(&text));
    run_aside_end(run);
    buf_fini(&text);
    supervisor_reload(supervisor);
    run->reloads++;
  }
}

/* All input was given and what it causes had its time: the daemon is told to end. */
static void drain_when_quiet(struct run *run, struct supervisor *supervisor) {
  int64_t now_us = clock_wall_us(run->world.io.clock);
  if (!feed_done(run) || run->fed_since_us > now_us) run->fed_since_us = 0;
  if (!feed_done(run)) return;
  if (run->fed_since_us == 0) run->fed_since_us = now_us;
  if (now_us - run->fed_since_us >= run->script.quiet_us) supervisor_drain(supervisor);
}

/* ------------------------------------------------------------------ the life */

static void unopened(void *arg, const char *pipeline, const struct err *err) {
  (void)pipeline;
  *(struct err *)arg = *err;
}

static void ended(void *arg, const struct running *running, const struct err *err) {
  (void)running;
  if (err != NULL) *(struct err *)arg = *err;
}

static int turns(struct run *run, struct supervisor *supervisor, FILE *said, struct err *err) {
  struct world *world = &run->world;
  bool bounded = run->script.n_tails == 0 && !run->script.has_push;
  uint64_t when_down = random_below(&run->random, TURNS_WHEN_DOWN);
  for (uint64_t turn = 0; supervisor_pipelines(supervisor) > 0; turn++) {
    if (life_down(run)) {
      if (when_down-- == 0) return err_set(err, ERR_IO, "the machine is down");
    } else {
      weather(run, supervisor, turn);
      feed_turn(run, said);
      if (!bounded) drain_when_quiet(run, supervisor);
    }
    supervisor_turn(supervisor);
    if (supervisor_pipelines(supervisor) == 0) break;
    if (turn > TURNS_MAX)
      fail_msg("the daemon does not come to an end; at %lld, its next turn is wanted at %lld\n%s",
               (long long)clock_wall_us(world->io.clock),
               (long long)supervisor_next_turn_us(supervisor), world->said);
    if (!life_down(run)) {
      run_aside_begin(run);
      kept_log_look(&run->log, &world->io);
      run_aside_end(run);
    }
    int64_t next_us = supervisor_next_turn_us(supervisor), now_us = clock_wall_us(world->io.clock);
    int64_t wait_us = next_us == TIME_MAX_US ? 1000000 : next_us > now_us ? next_us - now_us : 0;
    if (wait_us > 1000000) wait_us = 1000000;
    if (loop_wait(world->io.loop, wait_us, err) != 0) return -1;
  }
  return err->text[0] != '\0' ? -1 : 0;
}

static int configured(struct run *run, const struct diag *diag, FILE *said, struct err *err) {
  struct world *world = &run->world;
  struct config_source source = {.disk = world->disk, .env = world_env};
  struct supervisor_options options = {.io = &world->io,
                                       .diag = diag,
                                       .path = "/p.yaml",
                                       .env = world_env,
                                       .unopened = unopened,
                                       .ended = ended,
                                       .arg = err};
  struct configuration *configuration = configuration_load("/p.yaml", &world->io, &source);
  configuration_say(configuration, "/p.yaml", diag);
  if (!configuration_valid(configuration)) {
    configuration_release(configuration);
    return err_set(err, ERR_CONFIG, "the configuration is wrong");
  }
  struct supervisor *supervisor = supervisor_open(&options, configuration);
  int result = turns(run, supervisor, said, err);
  const struct reload_result *reload = supervisor_reload_result(supervisor);
  run->refused += reload->refused;
  supervisor_close(supervisor);
  return result;
}

int life_run(struct run *run, const struct script_life *life, struct err *err) {
  struct world *world = &run->world;
  *err = (struct err){0};
  run->life = life;
  run->full = run->producing = false;
  run->fed_since_us = 0;
  run->own_calls = 0;
  sim_disk_set_faults(world->disk, (struct sim_disk_faults){0});
  FILE *said = world_begin(world, err);
  struct diag diag = {.stream = said, .level = DIAG_INFO};
  kept_log_read(&run->log, &world->io);
  if (life->rot) rot_flip(run);
  run->calls_at_begin = sim_disk_calls(world->disk);
  faults_set(run);
  server_serve(&run->server, &world->io);
  run->pusher.cut_per_million = life->cut_per_million;
  int result = configured(run, &diag, said, err);
  struct slice printed = sim_stdout(world->io.loop);
  buf_put_slice(&run->printed, printed);
  feed_off(run);
  world_end(world, said);
  buf_printf(&run->said, "--- life %llu\n%s", (unsigned long long)run->lives++, world->said);
  if (result != 0) buf_printf(&run->said, "(ended: %s)\n", err->text);
  return result;
}
