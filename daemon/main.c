/* tidemark: arguments and the way to the command. */
#include "daemon/cli.h"

#include "daemon/base/mem.h"
#include "daemon/io/notify.h"

#include <string.h>

const struct cli_command *const cli_commands[] = {
    &cli_run,  &cli_plan,    &cli_reload,   &cli_top, &cli_tap,     &cli_lateness, &cli_validate,
    &cli_list, &cli_explain, &cli_generate, &cli_wal, &cli_version, NULL,
};

static void help_print(FILE *to) {
  fputs("usage: tidemark COMMAND [ARGUMENTS]\n\n"
        "Stream processing with event time, windows and exactly-once results, on one machine.\n\n",
        to);
  for (size_t i = 0; cli_commands[i] != NULL; i++) {
    fprintf(to, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->text);
  }
  fputs("\n`tidemark COMMAND --help` says more about each.\n", to);
}

/* So often is the same said by the same in so long a time; then it is counted. */
#define SAID_MOST 5
#define SAID_WINDOW (10 * 1000 * 1000)

static bool help_wanted(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0) return false;
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
  }
  return false;
}

static int command_run(const struct cli_command *command, int argc, char **argv) {
  if (help_wanted(argc, argv)) {
    printf("usage: tidemark %s\n\n%s.\n%s", command->usage, command->text, command->help);
    return 0;
  }
  struct cli cli = {.argc = argc,
                    .argv = argv,
                    .command = command,
                    .diag = {.stream = stderr, .level = DIAG_INFO}};
  cli.diag.priorities = notify_stderr_is_journal();
  struct err err;
  if (io_real_open(&cli.io, &err) != 0) return cli_error(&cli, &err);
  cli.diag.clock = clock_for_diag(cli.io.clock);
  diag_limit(&cli.diag, SAID_MOST, SAID_WINDOW);
  int status = command->main(&cli);
  diag_limit_end(&cli.diag);
  io_real_close(&cli.io);
  if (fflush(stdout) != 0 && status == 0) status = err_exit_status(ERR_IO);
  return status;
}

int main(int argc, char **argv) {
  mem_start();
  if (argc < 2) {
    help_print(stderr);
    return err_exit_status(ERR_USAGE);
  }
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
    help_print(stdout);
    return 0;
  }
  if (strcmp(name, "--version") == 0) name = "version";
  for (size_t i = 0; cli_commands[i] != NULL; i++) {
    if (strcmp(cli_commands[i]->name, name) == 0)
      return command_run(cli_commands[i], argc - 1, argv + 1);
  }
  fprintf(stderr, "tidemark: there is no command \"%s\"\n", name);
  help_print(stderr);
  return err_exit_status(ERR_USAGE);
}
