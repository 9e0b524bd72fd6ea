/* tidemark run: the daemon. All pipelines of a configuration in one loop, until told to stop or,
 * when all their sources are bounded, until they are done. */
#include "daemon/cli.h"

#include "daemon/base/mem.h"
#include "daemon/flow/engine.h"
#include "daemon/progress.h"
#include "daemon/service_notify.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
  struct cli *cli;
  struct cli_config *config;
  struct engine **engines; /* [graphs]; NULL once closed */
  size_t n_open;
  int signals; /* SIGTERM and SIGINT so far */
  bool draining;
  int64_t drain_until_us; /* monotonic */
  int status;
  struct progress *progress;
  struct service *service;
};

static void signalled(void *arg) {
  struct run *run = arg;
  run->signals++;
}

static void run_totals(void *arg, struct totals *totals) {
  struct run *run = arg;
  totals_of(run->engines, run->config->n_graphs, totals);
}

/* A pipeline that cannot be opened is no harm to the others; its status is that of the end. */
static void engines_open(struct run *run) {
  struct cli_config *config = run->config;
  run->engines = mem_zalloc(config->n_graphs * sizeof(struct engine *));
  for (size_t i = 0; i < config->n_graphs; i++) {
    struct err err;
    service_opening(run->service, config->graphs[i]->pipeline->settings.name);
    if (engine_open(&run->engines[i], config->graphs[i], &run->cli->io, &run->cli->diag, &err) !=
        0) {
      run->engines[i] = NULL;
      const char *name = config->graphs[i]->pipeline->settings.name;
      int status = cli_pipeline_error(run->cli, name, &err);
      if (run->status == 0) run->status = status;
      continue;
    }
    run->n_open++;
  }
}

static void drain_begin(struct run *run) {
  int64_t timeout_us = 0;
  run->draining = true;
  for (size_t i = 0; i < run->config->n_graphs; i++) {
    int64_t own_us = run->config->graphs[i]->pipeline->settings.drain_timeout_us;
    if (own_us > timeout_us) timeout_us = own_us;
    if (run->engines[i] != NULL) engine_drain(run->engines[i]);
  }
  run->drain_until_us = clock_mono_us(run->cli->io.clock) + timeout_us;
  service_stopping(run->service, timeout_us);
  diag_say(&run->cli->diag, MESSAGE_DRAIN_STARTED, NULL,
           "stopping: what was taken is delivered first; a second signal stops at once");
}

static void engine_end(struct run *run, size_t i) {
  struct engine *engine = run->engines[i];
  if (engine_state(engine) == ENGINE_FAILED) {
    progress_clear(run->progress);
    const char *name = run->config->graphs[i]->pipeline->settings.name;
    int status = cli_pipeline_error(run->cli, name, engine_error(engine));
    if (run->status == 0) run->status = status;
  } else {
    progress_clear(run->progress);
    progress_summary(run->config->graphs[i], engine, &run->cli->diag);
  }
  engine_close(engine);
  run->engines[i] = NULL;
  run->n_open--;
}

/* A turn of the loop: signals first, then each pipeline's turn, then waiting for the next fact. */
static int turns(struct run *run) {
  struct io *io = &run->cli->io;
  while (run->n_open > 0) {
    if (run->signals > 0 && !run->draining) drain_begin(run);
    if (run->signals > 1) {
      diag_say(&run->cli->diag, MESSAGE_STOPPED_AT_ONCE, NULL,
               "stopped at once; what was not delivered is delivered after the next start");
      return err_exit_status(ERR_RETRY);
    }
    int64_t now_us = clock_wall_us(io->clock), next_us = TIME_MAX_US;
    for (size_t i = 0; i < run->config->n_graphs; i++) {
      if (run->engines[i] == NULL) continue;
      engine_turn(run->engines[i]);
      enum engine_state state = engine_state(run->engines[i]);
      int64_t engine_next_us = engine_next_turn_us(run->engines[i]);
      if (engine_next_us < next_us) next_us = engine_next_us;
      if (state == ENGINE_DONE || state == ENGINE_FAILED) engine_end(run, i);
    }
    if (run->n_open == 0 && run->status != 0) break; /* never say of that that it is ready */
    int64_t wait_us = next_us == TIME_MAX_US ? -1 : next_us > now_us ? next_us - now_us : 0;
    wait_us = service_turn(run->service, wait_us);
    if (run->n_open == 0) break;
    if (run->draining) {
      int64_t left_us = run->drain_until_us - clock_mono_us(io->clock);
      if (left_us <= 0) {
        diag_say(&run->cli->diag, MESSAGE_DRAIN_TIMED_OUT, NULL,
                 "drain_timeout is over and not all was delivered; the rest is delivered after the "
                 "next start");
        return err_exit_status(ERR_RETRY);
      }
      if (wait_us < 0 || wait_us > left_us) wait_us = left_us;
    }
    wait_us = progress_turn(run->progress, run->engines, run->config->n_graphs, wait_us);
    int64_t tick_us = diag_tick(&run->cli->diag);
    if (tick_us >= 0 && (wait_us < 0 || tick_us < wait_us)) wait_us = tick_us;
    struct err err;
    if (loop_wait(io->loop, wait_us, &err) != 0) return cli_error(run->cli, &err);
  }
  return run->status;
}

static int run_main(struct cli *cli) {
  const char *path = NULL;
  bool quiet = false;
  for (int i = 1; i < cli->argc; i++) {
    if (strcmp(cli->argv[i], "--quiet") == 0)
      quiet = true;
    else if (strcmp(cli->argv[i], "--verbose") == 0)
      cli->diag.level = DIAG_DEBUG;
    else if (strcmp(cli->argv[i], "--log-format") == 0) {
      const char *format = i + 1 < cli->argc ? cli->argv[++i] : "";
      cli->diag.json = strcmp(format, "json") == 0;
      if (!cli->diag.json && strcmp(format, "text") != 0)
        return cli_usage(cli, "--log-format wants text or json");
    } else if (cli->argv[i][0] == '-' && cli->argv[i][1] != '\0')
      return cli_usage(cli, "unknown option %s", cli->argv[i]);
    else if (path != NULL)
      return cli_usage(cli, "one configuration is wanted");
    else
      path = cli->argv[i];
  }
  if (path == NULL) return cli_usage(cli, "a configuration is wanted");
  if (quiet) cli->diag.level = DIAG_WARNING;
  struct run run = {.cli = cli};
  int status = 0;
  run.config = cli_config_load(cli, path, &status);
  if (run.config == NULL) return status;
  struct err err;
  if (loop_on_signal(cli->io.loop, SIGTERM, signalled, &run, &err) != 0 ||
      loop_on_signal(cli->io.loop, SIGINT, signalled, &run, &err) != 0) {
    status = cli_error(cli, &err);
  } else {
    run.progress =
        progress_new(cli->io.clock, stderr, !quiet && !cli->diag.json && isatty(STDERR_FILENO));
    run.service = service_new(&cli->io, run_totals, &run);
    engines_open(&run);
    status = turns(&run);
    progress_free(run.progress);
    service_free(run.service);
  }
  for (size_t i = 0; run.engines != NULL && i < run.config->n_graphs; i++)
    engine_close(run.engines[i]);
  free(run.engines);
  cli_config_free(run.config);
  return status;
}

const struct cli_command cli_run = {
    .name = "run",
    .usage = "run [--quiet | --verbose] [--log-format text|json] CONFIG",
    .text = "run the pipelines of a configuration",
    .help =
        "\nCONFIG is a YAML file or a folder of them. Pipelines whose sources all come to an end "
        "close their\n"
        "windows, deliver and end with status 0; others run until SIGTERM or SIGINT, which "
        "delivers what was\n"
        "taken (within drain_timeout) and ends with 0 only if nothing was left behind. A second "
        "signal stops\n"
        "at once. Either way, and after a crash, the next start goes on where this one ended.\n\n"
        "  --quiet            only warnings and errors, no progress\n"
        "  --verbose          more diagnostics\n"
        "  --log-format json  each message as one JSON object; `tidemark list messages` shows "
        "their "
        "ids\n\n"
        "Exit status: 0 done; 65 a record stopped the pipeline (on_error: stop); 69 a limit was "
        "reached;\n"
        "70 internal; 74 disk or damaged state; 75 try again (in use, left something behind); 77 "
        "permission;\n"
        "78 configuration.\n",
    .main = run_main,
};
