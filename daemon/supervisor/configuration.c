/* configuration: see configuration.h. */
#include "daemon/supervisor/configuration.h"

#include "config/dump.h"
#include "daemon/base/mem.h"
#include "daemon/flow/engine.h"

#include <inttypes.h>
#include <stdlib.h>

struct configuration *configuration_load(const char *path, struct io *io,
                                         const struct config_source *source) {
  struct configuration *loaded = mem_zalloc(sizeof *loaded);
  loaded->holders = 1;
  struct config *config = loaded->config = config_load(path, registry_catalog(), source);
  loaded->graphs = mem_zalloc((config->n_pipelines + 1) * sizeof(struct graph *));
  /* Expressions are compiled also when something else is wrong, so that all of it is told at once.
   */
  for (size_t i = 0; i < config->n_pipelines; i++) {
    struct graph *graph = graph_compile(config->pipelines[i], &config->arena, io, &config->errors);
    if (graph != NULL) loaded->graphs[loaded->n_graphs++] = graph;
  }
  return loaded;
}

bool configuration_valid(const struct configuration *configuration) {
  return !config_errors_any(&configuration->config->errors);
}

void configuration_say(struct configuration *configuration, const char *path,
                       const struct diag *diag) {
  struct config_errors *errors = &configuration->config->errors;
  struct buf text;
  buf_init(&text);
  if (diag->json || diag->priorities) {
    struct diag all = *diag;
    all.repeats = NULL; /* they are one list, however long */
    config_errors_sort(errors);
    for (size_t i = 0; i < errors->n; i++) {
      const struct config_error *error = &errors->list[i];
      buf_clear(&text);
      config_error_put(error, &text);
      diag_say(&all, error->warning ? MESSAGE_CONFIG_WARNING : MESSAGE_CONFIG_ERROR, NULL, "%s",
               buf_cstr(&text));
    }
  } else if (diag->stream != NULL) {
    config_errors_put(errors, &text);
    if (text.len > 0) fwrite(text.data, 1, text.len, diag->stream);
  }
  buf_fini(&text);
  if (configuration_valid(configuration)) return;
  size_t n = errors->n - errors->n_warnings;
  diag_say(diag, MESSAGE_CONFIG_REFUSED, NULL, "the configuration %s has %zu error%s", path, n,
           n == 1 ? "" : "s");
}

void configuration_hold(struct configuration *configuration) {
  configuration->holders++;
}

void configuration_release(struct configuration *configuration) {
  if (configuration == NULL || --configuration->holders > 0) return;
  for (size_t i = 0; i < configuration->n_graphs; i++) graph_free(configuration->graphs[i]);
  free(configuration->graphs);
  config_free(configuration->config);
  free(configuration);
}

static const char *secret_of(void *arg, const char *name) {
  return config_dump_secret(arg, name);
}

struct configuration *configuration_kept(const struct pipeline *like, uint64_t id, struct io *io,
                                         const struct diag *diag, struct err *err) {
  struct config_source source = {
      .disk = io->disk, .env = secret_of, .env_arg = (void *)(uintptr_t)like};
  char *path = state_dir_config_path(like->settings.state_dir, id);
  struct configuration *kept = configuration_load(path, io, &source);
  if (!configuration_valid(kept) || kept->n_graphs != 1) {
    configuration_say(kept, path, diag);
    configuration_release(kept);
    kept = NULL;
    err_set(err, ERR_CONFIG,
            "the last run ended before all was delivered, and its configuration was another one "
            "(%016" PRIx64 "), which cannot be used any more (%s): start once with that "
            "configuration and let it stop by itself or by SIGTERM, then with this one",
            id, path);
  } else {
    struct pipeline_settings *settings = &kept->config->pipelines[0]->settings;
    /* It may outlive the one it is like. */
    const char *dir = like->settings.state_dir;
    settings->state_dir = arena_dup(&kept->config->arena, dir, strlen(dir));
    /* No result hangs on it, and to raise it is the way out when it was reached. */
    settings->memory_max_bytes = like->settings.memory_max_bytes;
  }
  free(path);
  return kept;
}
