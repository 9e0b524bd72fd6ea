/* cli: the commands of the program. Each has its file cli_<command>.c and its row in main.c. */
#ifndef TIDEMARK_CLI_H
#define TIDEMARK_CLI_H

#include "config/pipeline.h"
#include "daemon/base/diag.h"
#include "daemon/flow/graph.h"
#include "daemon/io/io.h"
#include "daemon/supervisor/configuration.h"

#include <stdio.h>

/* What every command gets: argv[0] is the command's name. Returns the exit status (sysexits(3)). */
struct cli {
  int argc;
  char **argv;
  const struct cli_command *command;
  struct io io;
  struct diag diag;
};

struct cli_command {
  const char *name;
  const char *usage; /* "run [OPTIONS] CONFIG" */
  const char *text;  /* one line */
  const char *help;  /* the options and what is to be known */
  int (*main)(struct cli *cli);
};

/* In cli_common.c: says what ends the command, or a pipeline, and gives the status of the code. */
int cli_error(struct cli *cli, const struct err *err);
int cli_pipeline_error(struct cli *cli, const char *pipeline, const struct err *err);
/* A wrong command line: says what, shows the usage, 64. */
int cli_usage(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The configuration at path, compiled; errors and warnings are said. NULL: *status. */
struct configuration *cli_configuration(struct cli *cli, const char *path, int *status);
const char *cli_env(void *arg, const char *name);

/* The documentation of `tidemark list --reference`, --man5 and --man1. */
void cli_reference_put(struct buf *out, bool man);
void cli_man_put(struct buf *out);

extern const struct cli_command *const cli_commands[]; /* all, NULL-ended */
extern const struct cli_command cli_run, cli_plan, cli_tap, cli_reload, cli_top, cli_lateness,
    cli_validate, cli_list, cli_explain, cli_generate, cli_wal, cli_version;

#endif
