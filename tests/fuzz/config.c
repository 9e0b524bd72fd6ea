/* Fuzz target: configurations, from YAML to compiled graphs. An input is one file, or several with
 * a NUL between them, which are then a folder.
 *
 * What must hold: every error is a sentence with a place in its file; a secret is never shown; what
 * is valid can be explained, and its dump is the same pipeline once more, under the same id. */
#include "tests/fuzz/fuzz.h"

#include "config/dump.h"
#include "config/place.h"
#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "daemon/supervisor/configuration.h"

#include <stdlib.h>

#define SECRET "kX8vQ2rT"

static const char *env(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "V") == 0 ? "value" : NULL;
}

static const char *secret_env(void *arg, const char *name) {
  return config_dump_secret(arg, name);
}

static void places_right(const struct config *config) {
  for (size_t i = 0; i < config->errors.n; i++) {
    const struct config_error *error = &config->errors.list[i];
    if (error->text[0] == '\0') fuzz_fail("an error without a word");
    if (error->place.file == NULL || error->place.line == 0) continue; /* of all of it */
    struct place_cursor cursor;
    place_cursor_init(&cursor, error->place.file->text);
    place_cursor_go(&cursor, error->place.line, error->place.column);
    if (cursor.line != error->place.line || cursor.column != error->place.column)
      fuzz_fail("\"%s\" is at %u:%u, outside of its file", error->text, error->place.line,
                error->place.column);
  }
}

static void hides(const struct buf *text, struct slice input) {
  if (memmem(input.data, input.len, SECRET, strlen(SECRET)) != NULL) return;
  if (text->len > 0 && memmem(text->data, text->len, SECRET, strlen(SECRET)) != NULL)
    fuzz_fail("a secret is shown: %.*s", (int)text->len, text->data);
}

static void graph_right(const struct graph *graph, struct io *io, struct slice input) {
  const struct pipeline *pipeline = graph->pipeline;
  struct buf text = {0};
  graph_explain(graph, &text);
  hides(&text, input);
  buf_clear(&text);
  config_dump(pipeline, &text);
  hides(&text, input);
  fuzz_put_file(io->disk, "/dump.yaml", buf_slice(&text));
  struct config_source source = {
      .disk = io->disk, .env = secret_env, .env_arg = (void *)(uintptr_t)pipeline};
  struct configuration *again = configuration_load("/dump.yaml", io, &source);
  if (!configuration_valid(again) || again->n_graphs != 1) {
    struct buf errors = {0};
    config_errors_put(&again->config->errors, &errors);
    fuzz_fail("what was valid is not when it is dumped:\n%s\n%s", buf_cstr(&text),
              buf_cstr(&errors));
  }
  if (again->config->pipelines[0]->id != pipeline->id)
    fuzz_fail("dumped, it is another pipeline:\n%s", buf_cstr(&text));
  configuration_release(again);
  buf_fini(&text);
}

/* The files of the input in the folder /c. */
static size_t put_files(struct disk *disk, struct slice input) {
  size_t n = 0;
  do {
    const char *nul = input.len > 0 ? memchr(input.data, '\0', input.len) : NULL;
    size_t len = nul != NULL ? (size_t)(nul - input.data) : input.len;
    char *path = mem_printf("/c/%zu.yaml", n++);
    fuzz_put_file(disk, path, fuzz_bytes(&input, len));
    free(path);
    fuzz_bytes(&input, 1);
  } while (input.len > 0 && n < 4);
  return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  struct io io;
  struct err err;
  struct disk *disk = sim_disk_new();
  if (io_sim_open(&io, 1, 1700000000000000, disk, &err) != 0 ||
      disk_make_dirs(disk, "/c", &err) != 0)
    fuzz_fail("%s", err.text);
  fuzz_put_file(disk, "/s", slice_of(SECRET "\n"));
  const char *path = put_files(disk, input) == 1 ? "/c/0.yaml" : "/c";
  struct config_source source = {.disk = disk, .env = env};
  struct configuration *configuration = configuration_load(path, &io, &source);
  places_right(configuration->config);
  struct buf text = {0};
  config_errors_put(&configuration->config->errors, &text);
  hides(&text, input);
  buf_fini(&text);
  for (size_t i = 0; configuration_valid(configuration) && i < configuration->n_graphs; i++)
    graph_right(configuration->graphs[i], &io, input);
  configuration_release(configuration);
  io_sim_close(&io);
  disk_free(disk);
  return 0;
}
