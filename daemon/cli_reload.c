/* tidemark reload: asks a running daemon to take its changed configuration, and waits for what
 * becomes of it. */
#include "daemon/cli.h"

#include "daemon/base/mem.h"
#include "daemon/io/lock_holder.h"
#include "daemon/record/time.h"
#include "daemon/supervisor/reload_note.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_US (20 * 1000)
#define TIMEOUT_US (120 * TIME_SECOND_US)

struct asked {
  char *state_dir; /* of one of the pipelines that run */
  int64_t pid;
};

/* By the state folders that the file names, as far as it can be read; a file of which nothing can
 * be read is known by the daemon that was started with it. */
static int daemon_find(const char *path, const struct config *config, struct asked *asked,
                       struct err *err) {
  bool held = false;
  for (size_t i = 0; i < config->n_pipelines; i++) {
    const char *dir = config->pipelines[i]->settings.state_dir;
    if (dir == NULL) continue;
    char *lock = mem_printf("%s/lock", dir);
    int result = lock_holder_find(lock, &held, &asked->pid, err);
    free(lock);
    if (result != 0) return -1;
    if (!held) continue;
    asked->state_dir = mem_strdup(dir);
    return 0;
  }
  char *lock = NULL;
  if (lock_holder_search(path, &held, &asked->pid, &lock, err) != 0) return -1;
  if (held) asked->state_dir = mem_strndup(lock, strlen(lock) - strlen("/lock"));
  free(lock);
  if (held) return 0;
  return err_set(err, ERR_RETRY,
                 "none of its pipelines is running (nobody holds the lock of a state folder); "
                 "start it with `tidemark run`");
}

static int result_wait(struct cli *cli, const char *state_dir, int64_t from_us, int64_t timeout_us,
                       struct reload_note *note, struct err *err) {
  int64_t until_us = clock_mono_us(cli->io.clock) + timeout_us;
  while (clock_mono_us(cli->io.clock) < until_us) {
    bool found;
    if (reload_note_read(&cli->io, state_dir, &found, note, err) != 0) return -1;
    if (found && note->begun_us >= from_us) return 0;
    free(note->text);
    if (loop_wait(cli->io.loop, LOOK_US, err) != 0) return -1;
  }
  return err_set(err, ERR_RETRY, "no answer within %.0f s; see the daemon's diagnostics",
                 (double)timeout_us / 1e6);
}

static int ask(struct cli *cli, const struct asked *asked, const struct buf *wishes,
               int64_t timeout_us) {
  struct err err;
  struct reload_note note;
  int64_t from_us = clock_wall_us(cli->io.clock);
  if ((wishes->len > 0 &&
       reload_wish_write(&cli->io, asked->state_dir, buf_slice(wishes), &err) != 0) ||
      lock_holder_signal(asked->pid, SIGHUP, &err) != 0 ||
      result_wait(cli, asked->state_dir, from_us, timeout_us, &note, &err) != 0) {
    return cli_error(cli, &err);
  }
  printf("reload %s\n%s", note.ok ? "done" : "refused, the old configuration goes on", note.text);
  free(note.text);
  return note.ok ? 0 : err_exit_status(ERR_CONFIG);
}

/* The daemon is asked whatever the file is worth: its answer is what counts. With none to ask, what
 * is wrong with the file is all there is to say. */
static int reload(struct cli *cli, const char *path, const struct buf *wishes, int64_t timeout_us) {
  struct config_source source = {.disk = cli->io.disk, .env = cli_env};
  struct configuration *configuration = configuration_load(path, &cli->io, &source);
  struct asked asked = {0};
  struct err err;
  int status;
  if (daemon_find(path, configuration->config, &asked, &err) == 0) {
    status = ask(cli, &asked, wishes, timeout_us);
  } else {
    configuration_say(configuration, path, &cli->diag);
    status = configuration_valid(configuration) ? 0 : err_exit_status(ERR_CONFIG);
    int other = cli_error(cli, &err);
    if (status == 0) status = other;
  }
  free(asked.state_dir);
  configuration_release(configuration);
  return status;
}

struct options {
  const char *path;
  int64_t timeout_us;
  struct buf wishes; /* sinks to give up, a line each */
};

static int command_line_read(struct cli *cli, struct options *options) {
  for (int i = 1; i < cli->argc; i++) {
    if (strcmp(cli->argv[i], "--timeout") == 0 && i + 1 < cli->argc) {
      if (time_parse_duration(slice_of(cli->argv[++i]), &options->timeout_us) != 0 ||
          options->timeout_us <= 0)
        return cli_usage(cli, "--timeout wants a duration like 30s");
    } else if (strcmp(cli->argv[i], "--give-up") == 0 && i + 1 < cli->argc)
      buf_printf(&options->wishes, "%s\n", cli->argv[++i]);
    else if (cli->argv[i][0] == '-' && cli->argv[i][1] != '\0')
      return cli_usage(cli, "unknown option %s", cli->argv[i]);
    else if (options->path != NULL)
      return cli_usage(cli, "one configuration is wanted");
    else
      options->path = cli->argv[i];
  }
  return options->path != NULL ? 0 : cli_usage(cli, "a configuration is wanted");
}

static int reload_main(struct cli *cli) {
  struct options options = {.timeout_us = TIMEOUT_US};
  buf_init(&options.wishes);
  int status = command_line_read(cli, &options);
  if (status == 0) status = reload(cli, options.path, &options.wishes, options.timeout_us);
  buf_fini(&options.wishes);
  return status;
}

const struct cli_command cli_reload = {
    .name = "reload",
    .usage = "reload [--timeout DURATION] [--give-up SINK]... CONFIG",
    .text = "make a running daemon take its changed configuration",
    .help =
        "\nCONFIG is what the daemon was started with. The daemon, found by the lock of its state "
        "folder, gets\n"
        "SIGHUP, and what became of it is waited for and printed: the plan, and if it was refused "
        "why, with all\n"
        "that is wrong in CONFIG. A refused reload leaves all as it was.\n\n"
        "  --timeout DURATION  how long to wait for the answer (120s)\n"
        "  --give-up SINK      let SINK (or PIPELINE/SINK) off what it was given and has not "
        "delivered: it never\n"
        "                      will. For a sink whose other side does not answer and so holds the "
        "change up;\n"
        "                      other sinks lose nothing. What was given up is said, counted and "
        "logged\n\n"
        "Exit status: 0 the new configuration is in force; 75 no daemon runs, or no answer came; "
        "78 refused, or\n"
        "CONFIG is wrong.\n",
    .main = reload_main,
};
