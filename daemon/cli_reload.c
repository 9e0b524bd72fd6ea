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

/* The pipeline of the configuration that runs: its state folder, and the process. */
static int daemon_find(const struct configuration *configuration, const char **state_dir,
                       int64_t *pid, struct err *err) {
  for (size_t i = 0; i < configuration->n_graphs; i++) {
    const char *dir = configuration->graphs[i]->pipeline->settings.state_dir;
    char *lock = mem_printf("%s/lock", dir);
    bool held = false;
    int result = lock_holder_find(lock, &held, pid, err);
    free(lock);
    if (result != 0) return -1;
    if (!held) continue;
    *state_dir = dir;
    return 0;
  }
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

static int ask(struct cli *cli, const struct configuration *configuration, int64_t timeout_us) {
  const char *state_dir = NULL;
  int64_t pid = 0;
  struct err err;
  struct reload_note note;
  int64_t from_us = clock_wall_us(cli->io.clock);
  if (daemon_find(configuration, &state_dir, &pid, &err) != 0 ||
      lock_holder_signal(pid, SIGHUP, &err) != 0 ||
      result_wait(cli, state_dir, from_us, timeout_us, &note, &err) != 0) {
    return cli_error(cli, &err);
  }
  printf("reload %s\n%s", note.ok ? "done" : "refused, the old configuration goes on", note.text);
  free(note.text);
  return note.ok ? 0 : err_exit_status(ERR_CONFIG);
}

static int reload_main(struct cli *cli) {
  const char *path = NULL;
  int64_t timeout_us = TIMEOUT_US;
  for (int i = 1; i < cli->argc; i++) {
    if (strcmp(cli->argv[i], "--timeout") == 0 && i + 1 < cli->argc) {
      if (time_parse_duration(slice_of(cli->argv[++i]), &timeout_us) != 0 || timeout_us <= 0)
        return cli_usage(cli, "--timeout wants a duration like 30s");
    } else if (cli->argv[i][0] == '-' && cli->argv[i][1] != '\0')
      return cli_usage(cli, "unknown option %s", cli->argv[i]);
    else if (path != NULL)
      return cli_usage(cli, "one configuration is wanted");
    else
      path = cli->argv[i];
  }
  if (path == NULL) return cli_usage(cli, "a configuration is wanted");
  int status = 0;
  struct configuration *configuration = cli_configuration(cli, path, &status);
  if (configuration == NULL) return status;
  status = ask(cli, configuration, timeout_us);
  configuration_release(configuration);
  return status;
}

const struct cli_command cli_reload = {
    .name = "reload",
    .usage = "reload [--timeout DURATION] CONFIG",
    .text = "make a running daemon take its changed configuration",
    .help =
        "\nCONFIG is what the daemon was started with. It is checked here first; then the daemon, "
        "found by the\n"
        "lock of its state folder, gets SIGHUP, and what became of it is waited for and printed: "
        "the plan, and\n"
        "if it was refused why. A refused reload leaves all as it was.\n\n"
        "  --timeout DURATION  how long to wait for the answer (120s)\n\n"
        "Exit status: 0 the new configuration is in force; 75 no daemon runs, or no answer came; "
        "78 refused, or\n"
        "CONFIG is wrong.\n",
    .main = reload_main,
};
