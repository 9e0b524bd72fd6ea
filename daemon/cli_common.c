/* cli_common: what several commands need. */
#include "daemon/cli.h"

#include "daemon/base/mem.h"
#include "daemon/flow/plugin.h"

#include <stdarg.h>
#include <stdlib.h>

int cli_pipeline_error(struct cli *cli, const char *pipeline, const struct err *err) {
  static const enum message messages[] = {
      [ERR_OTHER] = MESSAGE_FAILED_OTHER,     [ERR_USAGE] = MESSAGE_FAILED_USAGE,
      [ERR_DATA] = MESSAGE_FAILED_DATA,       [ERR_NOINPUT] = MESSAGE_FAILED_INPUT,
      [ERR_IO] = MESSAGE_FAILED_IO,           [ERR_RETRY] = MESSAGE_FAILED_RETRY,
      [ERR_BUSY] = MESSAGE_FAILED_BUSY,       [ERR_CORRUPT] = MESSAGE_FAILED_CORRUPT,
      [ERR_PERM] = MESSAGE_FAILED_PERMISSION, [ERR_CONFIG] = MESSAGE_FAILED_CONFIG,
      [ERR_LIMIT] = MESSAGE_FAILED_LIMIT,
  };
  struct diag_where where = {.pipeline = pipeline};
  diag_say(&cli->diag, messages[err->code], &where, "%s", err->text);
  return err_exit_status(err->code);
}

int cli_error(struct cli *cli, const struct err *err) {
  return cli_pipeline_error(cli, NULL, err);
}

int cli_usage(struct cli *cli, const char *format, ...) {
  struct err err = {.code = ERR_USAGE};
  va_list args;
  va_start(args, format);
  vsnprintf(err.text, sizeof err.text, format, args);
  va_end(args);
  if (!cli->diag.json)
    fprintf(stderr, "usage: tidemark %s\n`tidemark %s --help` says more\n", cli->command->usage,
            cli->command->name);
  return cli_error(cli, &err);
}

const char *cli_env(void *arg, const char *name) {
  (void)arg;
  return getenv(name);
}

struct configuration *cli_configuration(struct cli *cli, const char *path, int *status) {
  struct config_source source = {.disk = cli->io.disk, .env = cli_env};
  struct configuration *loaded = configuration_load(path, &cli->io, &source);
  configuration_say(loaded, path, &cli->diag);
  if (configuration_valid(loaded)) return loaded;
  configuration_release(loaded);
  *status = err_exit_status(ERR_CONFIG);
  return NULL;
}
