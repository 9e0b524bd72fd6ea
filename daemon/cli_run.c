/* tidemark run: the daemon. All pipelines of a configuration in one loop, until told to stop or,
 * when all their sources are bounded, until they are done. */
#include "daemon/cli.h"

#include "daemon/admin_port.h"
#include "daemon/base/mem.h"
#include "daemon/progress.h"
#include "daemon/service_notify.h"
#include "daemon/supervisor/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
  const char *path, *admin;
  bool quiet;
  struct buf give_up; /* sinks, a line each */
};

struct run {
  struct cli *cli;
  struct supervisor *supervisor;
  int signals; /* SIGTERM and SIGINT so far */
  bool hangup; /* SIGHUP */
  bool draining, reloading;
  int64_t drain_until_us; /* monotonic */
  int status;
  struct progress *progress;
  struct service *service;
  struct admin_port port;
};

static void signalled(void *arg) {
  struct run *run = arg;
  run->signals++;
}

static void hung_up(void *arg) {
  struct run *run = arg;
  run->hangup = true;
}

static void run_totals(void *arg, struct totals *totals) {
  struct run *run = arg;
  totals_of(run->supervisor, totals);
}

static void pipeline_opening(void *arg, const char *pipeline) {
  struct run *run = arg;
  service_opening(run->service, pipeline);
}

/* ------------------------------------------------------------------ what the admin port sees */

static size_t seen_pipelines(void *arg) {
  const struct run *run = arg;
  return supervisor_pipelines(run->supervisor);
}

static void seen_pipeline(void *arg, size_t i, struct admin_pipeline *pipeline) {
  const struct run *run = arg;
  const struct running *running = supervisor_pipeline(run->supervisor, i);
  *pipeline = (struct admin_pipeline){running->graph, running->engine, running->catching_up};
}

static void seen_reloads(void *arg, struct admin_reloads *reloads) {
  const struct run *run = arg;
  const struct reload_result *result = supervisor_reload_result(run->supervisor);
  *reloads = (struct admin_reloads){.done = result->succeeded,
                                    .refused = result->refused,
                                    .last_done = result->ok,
                                    .last_us = result->at_us,
                                    .done_us = result->succeeded_at_us,
                                    .why = result->text};
}

static int port_claim(void *arg, const struct config *config, struct err *err) {
  struct run *run = arg;
  return admin_port_claim(&run->port, &config->daemon, err);
}

static void port_change(void *arg, const struct config *config) {
  struct run *run = arg;
  admin_port_change(&run->port, &config->daemon);
}

static void port_keep(void *arg) {
  struct run *run = arg;
  admin_port_keep(&run->port);
}

/* ------------------------------------------------------------------ pipelines */

/* That is no harm to the others; the status is that of the end. */
static void pipeline_unopened(void *arg, const char *pipeline, const struct err *err) {
  struct run *run = arg;
  int status = cli_pipeline_error(run->cli, pipeline, err);
  if (run->status == 0) run->status = status;
  if (run->port.admin != NULL) admin_ended(run->port.admin, pipeline, err);
}

static void pipeline_ended(void *arg, const struct running *running, const struct err *err) {
  struct run *run = arg;
  progress_clear(run->progress);
  if (err != NULL) {
    int status = cli_pipeline_error(run->cli, running->name, err);
    if (run->status == 0) run->status = status;
  } else {
    progress_summary(running->graph, running->engine, &run->cli->diag);
  }
  if (run->port.admin != NULL) admin_ended(run->port.admin, running->name, err);
}

static void drain_begin(struct run *run) {
  int64_t timeout_us = 0;
  run->draining = true;
  for (size_t i = 0; i < supervisor_pipelines(run->supervisor); i++) {
    const struct running *running = supervisor_pipeline(run->supervisor, i);
    int64_t own_us = running->graph->pipeline->settings.drain_timeout_us;
    if (own_us > timeout_us) timeout_us = own_us;
  }
  supervisor_drain(run->supervisor);
  run->drain_until_us = clock_mono_us(run->cli->io.clock) + timeout_us;
  service_stopping(run->service, timeout_us);
  if (run->port.admin != NULL) admin_stopping(run->port.admin);
  diag_say(&run->cli->diag, MESSAGE_DRAIN_STARTED, NULL,
           "stopping: what was taken is delivered first; a second signal stops at once");
}

/* SIGHUP asks for a reload; the service manager hears of its beginning and end. */
static void reload_turn(struct run *run) {
  if (run->hangup && !run->draining) supervisor_reload(run->supervisor);
  run->hangup = false;
  bool reloading = supervisor_reloading(run->supervisor);
  if (reloading && !run->reloading) service_reloading(run->service);
  if (!reloading && run->reloading) service_reloaded(run->service);
  run->reloading = reloading;
}

/* A turn of the loop: signals first, then the pipelines' turns, then waiting for the next fact. */
static int turns(struct run *run) {
  struct io *io = &run->cli->io;
  while (supervisor_pipelines(run->supervisor) > 0) {
    if (run->signals > 0 && !run->draining) drain_begin(run);
    if (run->signals > 1) {
      diag_say(&run->cli->diag, MESSAGE_STOPPED_AT_ONCE, NULL,
               "stopped at once; what was not delivered is delivered after the next start");
      return err_exit_status(ERR_RETRY);
    }
    int64_t now_us = clock_wall_us(io->clock);
    reload_turn(run);
    supervisor_turn(run->supervisor);
    reload_turn(run);
    int64_t next_us = supervisor_next_turn_us(run->supervisor);
    bool over = supervisor_pipelines(run->supervisor) == 0;
    if (over && run->status != 0) break; /* never say of that that it is ready */
    int64_t wait_us = next_us == TIME_MAX_US ? -1 : next_us > now_us ? next_us - now_us : 0;
    wait_us = service_turn(run->service, wait_us);
    if (over) break;
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
    wait_us = progress_turn(run->progress, run->supervisor, wait_us);
    int64_t tick_us = diag_tick(&run->cli->diag);
    if (tick_us >= 0 && (wait_us < 0 || tick_us < wait_us)) wait_us = tick_us;
    struct err err;
    if (loop_wait(io->loop, wait_us, &err) != 0) return cli_error(run->cli, &err);
  }
  return run->status;
}

static int signals_take(struct run *run, struct err *err) {
  struct loop *loop = run->cli->io.loop;
  return loop_on_signal(loop, SIGTERM, signalled, run, err) != 0 ||
                 loop_on_signal(loop, SIGINT, signalled, run, err) != 0 ||
                 loop_on_signal(loop, SIGHUP, hung_up, run, err) != 0
             ? -1
             : 0;
}

static int run_all(struct run *run, struct options *given, struct configuration *configuration) {
  struct cli *cli = run->cli;
  struct admin_view view = {seen_pipelines, seen_pipeline, seen_reloads, run};
  struct err err;
  run->port = (struct admin_port){.io = &cli->io, .diag = &cli->diag, .address = given->admin};
  /* Before anything else: who finds the port taken has started the daemon twice. */
  if (admin_port_open(&run->port, &configuration->config->daemon, &err) != 0) {
    configuration_release(configuration);
    return cli_error(cli, &err);
  }
  struct supervisor_options options = {.io = &cli->io,
                                       .diag = &cli->diag,
                                       .path = given->path,
                                       .env = cli_env,
                                       .opening = pipeline_opening,
                                       .unopened = pipeline_unopened,
                                       .ended = pipeline_ended,
                                       .claim = port_claim,
                                       .changed = port_change,
                                       .kept = port_keep,
                                       .arg = run};
  run->supervisor = supervisor_open(&options, configuration);
  if (supervisor_give_up(run->supervisor, &given->give_up, &err) != 0) return cli_error(cli, &err);
  admin_port_show(&run->port, &view);
  return turns(run);
}

static int command_line_read(struct cli *cli, struct options *options) {
  for (int i = 1; i < cli->argc; i++) {
    if (strcmp(cli->argv[i], "--quiet") == 0)
      options->quiet = true;
    else if (strcmp(cli->argv[i], "--verbose") == 0)
      cli->diag.level = DIAG_DEBUG;
    else if (strcmp(cli->argv[i], "--log-format") == 0) {
      const char *format = i + 1 < cli->argc ? cli->argv[++i] : "";
      cli->diag.json = strcmp(format, "json") == 0;
      if (!cli->diag.json && strcmp(format, "text") != 0)
        return cli_usage(cli, "--log-format wants text or json");
    } else if (strcmp(cli->argv[i], "--admin") == 0) {
      if (++i == cli->argc) return cli_usage(cli, "--admin wants an address");
      options->admin = cli->argv[i];
    } else if (strcmp(cli->argv[i], "--give-up") == 0) {
      if (++i == cli->argc) return cli_usage(cli, "--give-up wants the name of a sink");
      buf_printf(&options->give_up, "%s\n", cli->argv[i]);
    } else if (cli->argv[i][0] == '-' && cli->argv[i][1] != '\0')
      return cli_usage(cli, "unknown option %s", cli->argv[i]);
    else if (options->path != NULL)
      return cli_usage(cli, "one configuration is wanted");
    else
      options->path = cli->argv[i];
  }
  return options->path != NULL ? 0 : cli_usage(cli, "a configuration is wanted");
}

static int run_with(struct cli *cli, struct options *options) {
  if (options->quiet) cli->diag.level = DIAG_WARNING;
  struct run run = {.cli = cli};
  int status = 0;
  struct configuration *configuration = cli_configuration(cli, options->path, &status);
  if (configuration == NULL) return status;
  struct err err;
  if (signals_take(&run, &err) != 0) {
    configuration_release(configuration);
    return cli_error(cli, &err);
  }
  run.progress = progress_new(cli->io.clock, stderr,
                              !options->quiet && !cli->diag.json && isatty(STDERR_FILENO));
  run.service = service_new(&cli->io, run_totals, &run);
  status = run_all(&run, options, configuration);
  progress_free(run.progress);
  service_free(run.service);
  admin_port_close(&run.port);
  supervisor_close(run.supervisor);
  return status;
}

static int run_main(struct cli *cli) {
  struct options options = {0};
  buf_init(&options.give_up);
  int status = command_line_read(cli, &options);
  if (status == 0) status = run_with(cli, &options);
  buf_fini(&options.give_up);
  return status;
}

const struct cli_command cli_run = {
    .name = "run",
    .usage =
        "run [--quiet | --verbose] [--log-format text|json] [--admin ADDRESS] [--give-up SINK]... "
        "CONFIG",
    .text = "run the pipelines of a configuration",
    .help =
        "\nCONFIG is a YAML file or a folder of them. Pipelines whose sources all come to an end "
        "close their\n"
        "windows, deliver and end with status 0; others run until SIGTERM or SIGINT, which "
        "delivers what was\n"
        "taken (within drain_timeout) and ends with 0 only if nothing was left behind. A second "
        "signal stops\n"
        "at once. Either way, and after a crash, the next start goes on where this one ended. "
        "SIGHUP reads\n"
        "CONFIG again and changes to it between two epochs, or says why not and goes on "
        "(`tidemark plan`,\n"
        "`tidemark reload`).\n\n"
        "  --quiet            only warnings and errors, no progress\n"
        "  --verbose          more diagnostics\n"
        "  --admin ADDRESS    metrics, probes and JSON over HTTP there, whatever `admin.listen` "
        "says\n"
        "  --give-up SINK     let SINK (or PIPELINE/SINK) off what it owes from before this start: "
        "it "
        "is never\n"
        "                     delivered; said, counted and logged. For a sink whose other side "
        "does "
        "not answer,\n"
        "                     so that a changed CONFIG can take over\n"
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
