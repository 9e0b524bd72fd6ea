/* cli_common: what several commands need. */
#include "daemon/cli.h"

#include "daemon/base/mem.h"
#include "daemon/flow/plugin.h"

#include <stdarg.h>
#include <stdlib.h>

int cli_error(struct cli *cli, const struct err *err) {
  diag_say(&cli->diag, DIAG_ERROR, NULL, "%s", err->text);
  return err_exit_status(err->code);
}

int cli_usage(struct cli *cli, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("tidemark: ", stderr);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\nusage: tidemark %s\n`tidemark %s --help` says more\n", cli->command->usage,
          cli->command->name);
  return err_exit_status(ERR_USAGE);
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
    graph->config_id = config->id;
    loaded->graphs[loaded->n_graphs++] = graph;
  }
  struct buf text;
  buf_init(&text);
  config_errors_put(&config->errors, &text);
  if (text.len > 0) fwrite(text.data, 1, text.len, stderr);
  buf_fini(&text);
  if (!config_errors_any(&config->errors)) return loaded;
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
