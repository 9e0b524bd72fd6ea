/* load: files to configurations. Files of one folder that name the same pipeline are one: their
 * sections are joined, and every other setting may stand in one of them only. */
#include "config/build.h"
#include "config/dump.h"
#include "daemon/base/hash.h"
#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/io/disk.h"

#include <stdlib.h>

enum { FILES_MAX = 1000, NAME_BYTES_MAX = 100 };

/* A pipeline, or what is said of the program, while the files are gathered. */
struct draft {
  const char *name; /* NULL: the program */
  struct place place;
  struct node **keys, **items; /* malloc */
  size_t n, cap_keys, cap_items;
};

struct load {
  struct config *config;
  const struct config_source *source;
  struct draft *drafts;
  size_t n_drafts, cap_drafts;
  struct draft daemon;
};

/* The name becomes a folder's. */
static bool name_valid(struct slice name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    bool fits = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                c == '_' || c == '-' || (c == '.' && i > 0);
    if (!fits) return false;
  }
  return name.len > 0 && name.len <= NAME_BYTES_MAX;
}

/* ------------------------------------------------------------------ files */

static int read_all(struct disk *disk, const char *path, struct buf *into, struct err *err) {
  struct disk_file *file;
  if (disk_open(disk, path, DISK_READ, &file, err) < 0) return -1;
  int result;
  for (;;) {
    /* One byte more than is allowed shows that there is more. */
    size_t left = (size_t)LIMIT_YAML_FILE_BYTES + 1 - into->len;
    size_t wanted = left < 64 * 1024 ? left : 64 * 1024, got = 0;
    result = disk_read(file, buf_reserve(into, wanted), wanted, into->len, &got, err);
    if (result < 0 || got == 0) break;
    into->len += got;
    if (into->len > LIMIT_YAML_FILE_BYTES) break;
  }
  disk_close(file);
  return result;
}

static bool has_end(const char *name, const char *end) {
  size_t len = strlen(name), end_len = strlen(end);
  return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static struct slice name_of_file(const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  size_t len = strlen(name);
  if (has_end(name, ".yaml")) len -= 5;
  if (has_end(name, ".yml")) len -= 4;
  return (struct slice){name, len};
}

/* ------------------------------------------------------------------ joining */

static struct draft *find_draft(struct load *load, struct slice name, struct place place) {
  for (size_t i = 0; i < load->n_drafts; i++)
    if (slice_is(name, load->drafts[i].name)) return &load->drafts[i];
  array_grow((void **)&load->drafts, &load->cap_drafts, load->n_drafts, sizeof *load->drafts);
  struct draft *draft = &load->drafts[load->n_drafts++];
  *draft = (struct draft){.name = arena_slice(&load->config->arena, name).data, .place = place};
  return draft;
}

static bool is_section(struct slice key) {
  return slice_is(key, "sources") || slice_is(key, "transforms") || slice_is(key, "sinks") ||
         slice_is(key, "tests");
}

static struct node **join(struct arena *arena, struct node *const *a, size_t n_a,
                          struct node *const *b, size_t n_b) {
  struct node **both = arena_alloc(arena, (n_a + n_b) * sizeof *both);
  if (n_a > 0) memcpy(both, a, n_a * sizeof *both);
  if (n_b > 0) memcpy(both + n_a, b, n_b * sizeof *both);
  return both;
}

/* Adds one key of one file. */
static void draft_add(struct load *load, struct draft *draft, struct node *key, struct node *item) {
  struct arena *arena = &load->config->arena;
  size_t i = 0;
  while (i < draft->n && !slice_equal(draft->keys[i]->text, key->text)) i++;
  if (i == draft->n) {
    array_grow((void **)&draft->keys, &draft->cap_keys, i, sizeof(struct node *));
    array_grow((void **)&draft->items, &draft->cap_items, i, sizeof(struct node *));
    draft->keys[i] = key;
    draft->items[i] = item;
    draft->n++;
    return;
  }
  if (slice_is(key->text, "pipeline")) return;
  const struct node *first = draft->items[i];
  if (is_section(key->text) && first->kind != NODE_SCALAR && first->kind == item->kind &&
      first->n_items > 0 && item->n_items > 0) {
    struct node *both = arena_zalloc(arena, sizeof *both);
    *both = *first;
    both->n_items = first->n_items + item->n_items;
    both->items = join(arena, first->items, first->n_items, item->items, item->n_items);
    if (item->kind == NODE_MAP)
      both->keys = join(arena, first->keys, first->n_items, item->keys, item->n_items);
    draft->items[i] = both;
    return;
  }
  struct place place = draft->keys[i]->place;
  /* Nobody will read it, so nobody knows yet what in it is secret. */
  struct place hidden = item->place;
  hidden.len = 0;
  if (draft->name == NULL) config_errors_hide(&load->config->errors, hidden);
  config_error_add(
      &load->config->errors, key->place, "\"%.*s\"%s%s is set in two files; first at %s:%u:%u",
      SLICE_ARG(key->text), draft->name != NULL ? " of the pipeline " : "",
      draft->name != NULL ? draft->name : "", place.file->path, place.line, place.column);
}

/* The name that a file gives its pipeline, or the file's own. */
static struct slice find_name(struct load *load, const struct config_file *file,
                              const struct node *root) {
  static const char rule[] = "letters, digits, _, - and ., not beginning with a dot, at most";
  const struct node *node = node_get(root, "pipeline");
  struct slice name = name_of_file(file->path);
  if (node != NULL) {
    /* What is no text at all is said by the table of options. */
    if (node->kind != NODE_SCALAR || node_is_null(node) || node->refused) return name;
    if (node->secret) {
      config_error_add(&load->config->errors, node->place,
                       "a pipeline's name cannot come from a file");
      return name;
    }
    if (name_valid(node->text)) return node->text;
    config_error_add(&load->config->errors, node->place,
                     "this cannot be a pipeline's name: %s %d characters", rule, NAME_BYTES_MAX);
  } else if (!name_valid(name)) {
    config_error_add(&load->config->errors, (struct place){file, 0, 0, 0},
                     "the file's name cannot be the pipeline's (%s %d characters): give one with "
                     "pipeline:",
                     rule, NAME_BYTES_MAX);
  }
  return name;
}

static void load_file(struct load *load, const char *path) {
  struct config *config = load->config;
  struct config_file *file = arena_zalloc(&config->arena, sizeof *file);
  file->path = arena_dup(&config->arena, path, strlen(path));
  struct place place = {file, 0, 0, 0};
  struct buf bytes = {0};
  struct err err;
  if (read_all(load->source->disk, path, &bytes, &err) < 0) {
    config_error_add(&config->errors, (struct place){0}, "%s", err.text);
    buf_fini(&bytes);
    return;
  }
  file->text = arena_slice(&config->arena, buf_slice(&bytes));
  buf_fini(&bytes);
  struct node *root = node_parse(&config->arena, file, load->source, &config->errors);
  if (root == NULL) return;
  if (node_is_null(root)) {
    config_error_add(&config->errors, place, "the file is empty");
    return;
  }
  if (root->kind != NODE_MAP) {
    config_error_add(&config->errors, root->place,
                     "a configuration is a map with the keys sources, transforms and sinks");
    return;
  }
  struct draft *draft = NULL;
  if (root->n_items == 0) find_draft(load, find_name(load, file, root), place);
  for (size_t i = 0; i < root->n_items; i++) {
    if (daemon_option_is(root->keys[i]->text)) {
      if (load->daemon.n == 0) load->daemon.place = place;
      draft_add(load, &load->daemon, root->keys[i], root->items[i]);
      continue;
    }
    if (draft == NULL) draft = find_draft(load, find_name(load, file, root), place);
    draft_add(load, draft, root->keys[i], root->items[i]);
  }
}

static void load_folder(struct load *load, const char *path) {
  struct config_errors *errors = &load->config->errors;
  char **names;
  size_t n_names, n_files = 0;
  struct err err;
  if (disk_list(load->source->disk, path, &names, &n_names, &err) < 0) {
    config_error_add(errors, (struct place){0}, "%s", err.text);
    return;
  }
  for (size_t i = 0; i < n_names; i++) {
    if (names[i][0] == '.' || !(has_end(names[i], ".yaml") || has_end(names[i], ".yml"))) continue;
    if (n_files++ == FILES_MAX) {
      config_error_add(errors, (struct place){0}, "more than %d files in %s", FILES_MAX, path);
      break;
    }
    size_t len = strlen(path);
    char *file = mem_printf("%s%s%s", path, len > 0 && path[len - 1] == '/' ? "" : "/", names[i]);
    load_file(load, file);
    free(file);
  }
  if (n_files == 0)
    config_error_add(errors, (struct place){0}, "no *.yaml or *.yml in the folder %s", path);
  free(names);
}

/* ------------------------------------------------------------------ the whole */

/* Two pipelines in one state folder would be refused by its lock, but later and less clearly. */
static void check_state_dirs(struct config *config) {
  for (size_t i = 0; i < config->n_pipelines; i++) {
    for (size_t k = 0; k < i; k++) {
      const struct pipeline *a = config->pipelines[k], *b = config->pipelines[i];
      if (strcmp(a->settings.state_dir, b->settings.state_dir) != 0) continue;
      const struct node *state = node_get(b->node, "state");
      const struct node *dir = state != NULL ? node_get(state, "dir") : NULL;
      config_error_add(&config->errors, dir != NULL ? dir->place : b->node->place,
                       "the pipelines %s and %s have the same state folder", a->settings.name,
                       b->settings.name);
      break;
    }
  }
}

/* What a secret holds may change without being another configuration. */
static void set_id(struct pipeline *pipeline) {
  struct buf text = {0};
  config_dump(pipeline, &text);
  pipeline->id = hash_bytes(text.data, text.len);
  buf_fini(&text);
}

static struct node *draft_map(struct load *load, struct draft *draft) {
  struct arena *arena = &load->config->arena;
  struct node *map = arena_zalloc(arena, sizeof *map);
  *map = (struct node){.kind = NODE_MAP, .place = draft->place, .n_items = draft->n};
  map->keys = join(arena, draft->keys, draft->n, NULL, 0);
  map->items = join(arena, draft->items, draft->n, NULL, 0);
  free(draft->keys);
  free(draft->items);
  return map;
}

static void build_pipelines(struct load *load, const struct component_catalog *catalog) {
  struct config *config = load->config;
  struct build build = {.arena = &config->arena,
                        .errors = &config->errors,
                        .catalog = catalog,
                        .source = load->source};
  config->pipelines = arena_alloc(&config->arena, load->n_drafts * sizeof *config->pipelines);
  for (size_t i = 0; i < load->n_drafts; i++) {
    struct draft *draft = &load->drafts[i];
    config->pipelines[config->n_pipelines++] =
        pipeline_read(&build, draft->name, draft_map(load, draft), draft->place);
    set_id(config->pipelines[config->n_pipelines - 1]);
  }
  free(load->drafts);
  if (load->n_drafts == 0 && load->daemon.n > 0)
    config_error_add(&config->errors, load->daemon.place, "there is no pipeline in it");
  daemon_read(&build, draft_map(load, &load->daemon), &config->daemon);
}

struct config *config_load(const char *path, const struct component_catalog *catalog,
                           const struct config_source *source) {
  struct config *config = mem_zalloc(sizeof *config);
  arena_init(&config->arena, 64 * 1024);
  config_errors_init(&config->errors);
  struct load load = {.config = config, .source = source};
  struct disk_stat stat;
  struct err err;
  bool found = false;
  if (disk_stat(source->disk, path, &found, &stat, &err) < 0) {
    config_error_add(&config->errors, (struct place){0}, "%s", err.text);
  } else if (!found) {
    config_error_add(&config->errors, (struct place){0}, "%s does not exist", path);
  } else if (stat.type == DISK_DIR) {
    load_folder(&load, path);
  } else {
    load_file(&load, path);
  }
  build_pipelines(&load, catalog);
  check_state_dirs(config);
  return config;
}

void config_free(struct config *config) {
  if (config == NULL) return;
  config_errors_fini(&config->errors);
  arena_fini(&config->arena);
  free(config);
}
