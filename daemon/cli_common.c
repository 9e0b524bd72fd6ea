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

/* To people with lines and carets, to machines and the journal as messages, which have levels. */
static void config_errors_say(struct cli *cli, struct config_errors *errors) {
  struct buf text;
  buf_init(&text);
  if (cli->diag.json || cli->diag.priorities) {
    struct diag all = cli->diag;
    all.repeats = NULL; /* they are one list, however long */
    config_errors_sort(errors);
    for (size_t i = 0; i < errors->n; i++) {
      const struct config_error *error = &errors->list[i];
      buf_clear(&text);
      config_error_put(error, &text);
      diag_say(&all, error->warning ? MESSAGE_CONFIG_WARNING : MESSAGE_CONFIG_ERROR, NULL, "%s",
               buf_cstr(&text));
    }
  } else {
    config_errors_put(errors, &text);
    if (text.len > 0) fwrite(text.data, 1, text.len, stderr);
  }
  buf_fini(&text);
}

static const char *env_lookup(void *arg, const char *name) {
  (void)arg;
  return getenv(name);
}

struct cli_config *cli_config_load(struct cli *cli, const char *path, int *status) {
  struct config_source source = {.disk = cli->io.disk, .env = env_lookup};
  struct cli_config *loaded = mem_zalloc(sizeof *loaded);
  struct config *config = loaded->config = config_load(path, registry_catalog(), &source);
  loaded->graphs = mem_zalloc((config->n_pipelines + 1) * sizeof(struct graph *));
  /* Expressions are compiled also when something else is wrong, so that all of it is told at once.
   */
  for (size_t i = 0; i < config->n_pipelines; i++) {
    struct graph *graph =
        graph_compile(config->pipelines[i], &config->arena, &cli->io, &config->errors);
    if (graph == NULL) continue;
    loaded->graphs[loaded->n_graphs++] = graph;
  }
  config_errors_say(cli, &config->errors);
  if (!config_errors_any(&config->errors)) return loaded;
  size_t n = config->errors.n - config->errors.n_warnings;
  diag_say(&cli->diag, MESSAGE_CONFIG_REFUSED, NULL, "the configuration %s has %zu error%s", path,
           n, n == 1 ? "" : "s");
  cli_config_free(loaded);
  *status = err_exit_status(ERR_CONFIG);
  return NULL;
}

void cli_config_free(struct cli_config *config) {
  if (config == NULL) return;
  for (size_t i = 0; i < config->n_graphs; i++) graph_free(config->graphs[i]);
  free(config->graphs);
  config_free(config->config);
  free(config);
}
