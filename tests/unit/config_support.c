/* config_support: see config_support.h. */
#include "tests/unit/config_support.h"

#include "daemon/base/mem.h"
#include "daemon/io/disk.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ the disk */

struct memory_entry {
  char *path;
  char *data;
  size_t len;
};

struct memory_disk {
  struct disk base;
  struct memory_entry entries[32];
  size_t n;
};

struct memory_file {
  struct disk_file base;
  const struct memory_entry *entry;
};

static const struct memory_entry *memory_find(struct disk *disk, const char *path) {
  struct memory_disk *memory = (struct memory_disk *)disk;
  for (size_t i = 0; i < memory->n; i++)
    if (strcmp(memory->entries[i].path, path) == 0) return &memory->entries[i];
  return NULL;
}

static int memory_open(struct disk *disk, const char *path, int flags, struct disk_file **file,
                       struct err *err) {
  const struct memory_entry *entry = memory_find(disk, path);
  if (flags != DISK_READ || entry == NULL)
    return err_set(err, ERR_NOINPUT, "cannot open %s: No such file or directory", path);
  struct memory_file *opened = mem_zalloc(sizeof *opened);
  opened->base.disk = disk;
  opened->base.path = mem_strdup(path);
  opened->entry = entry;
  *file = &opened->base;
  return 0;
}

static void memory_close(struct disk_file *file) {
  free(file->path);
  free(file);
}

static int memory_read(struct disk_file *file, void *data, size_t len, uint64_t offset, size_t *got,
                       struct err *err) {
  (void)err;
  const struct memory_entry *entry = ((struct memory_file *)file)->entry;
  size_t left = offset < entry->len ? entry->len - offset : 0;
  *got = len < left ? len : left;
  if (*got > 0) memcpy(data, entry->data + offset, *got);
  return 0;
}

/* A folder is what has files below it. */
static bool below(const char *path, const char *folder) {
  size_t len = strlen(folder);
  return strncmp(path, folder, len) == 0 && path[len] == '/' && path[len + 1] != '\0';
}

static int memory_stat(struct disk *disk, const char *path, bool *found, struct disk_stat *stat,
                       struct err *err) {
  (void)err;
  struct memory_disk *memory = (struct memory_disk *)disk;
  const struct memory_entry *entry = memory_find(disk, path);
  *stat = (struct disk_stat){.type = DISK_FILE, .size_bytes = entry != NULL ? entry->len : 0};
  *found = entry != NULL;
  for (size_t i = 0; i < memory->n && !*found; i++) {
    *found = below(memory->entries[i].path, path);
    stat->type = DISK_DIR;
  }
  return 0;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static int memory_list(struct disk *disk, const char *path, char ***names, size_t *n_names,
                       struct err *err) {
  (void)err;
  struct memory_disk *memory = (struct memory_disk *)disk;
  char **list = mem_alloc(64 * sizeof *list + 64 * 256);
  char *text = (char *)(list + 64);
  size_t n = 0;
  for (size_t i = 0; i < memory->n; i++) {
    if (!below(memory->entries[i].path, path)) continue;
    list[n++] = strcpy(text, memory->entries[i].path + strlen(path) + 1);
    text += strlen(text) + 1;
  }
  qsort(list, n, sizeof *list, by_name);
  *names = list;
  *n_names = n;
  return 0;
}

static void memory_free(struct disk *disk) {
  struct memory_disk *memory = (struct memory_disk *)disk;
  for (size_t i = 0; i < memory->n; i++) {
    free(memory->entries[i].path);
    free(memory->entries[i].data);
  }
  free(memory);
}

/* A configuration only reads. */
static const struct disk_ops memory_ops = {.open = memory_open,
                                           .close = memory_close,
                                           .read = memory_read,
                                           .stat = memory_stat,
                                           .list = memory_list,
                                           .free = memory_free};

/* ------------------------------------------------------------------ the world */

static const char *world_env(void *arg, const char *name) {
  struct world *world = arg;
  for (size_t i = 0; i < world->n_variables; i++)
    if (strcmp(world->variables[i][0], name) == 0) return world->variables[i][1];
  return NULL;
}

void world_init(struct world *world) {
  struct memory_disk *memory = mem_zalloc(sizeof *memory);
  memory->base.ops = &memory_ops;
  *world = (struct world){.disk = &memory->base};
  world->source = (struct config_source){.disk = world->disk, .env = world_env, .env_arg = world};
}

void world_fini(struct world *world) {
  disk_free(world->disk);
}

void world_put(struct world *world, const char *path, const void *data, size_t len) {
  struct memory_disk *memory = (struct memory_disk *)world->disk;
  if (memory->n == sizeof memory->entries / sizeof *memory->entries) abort();
  memory->entries[memory->n++] =
      (struct memory_entry){.path = mem_strdup(path), .data = mem_strndup(data, len), .len = len};
}

void world_set(struct world *world, const char *name, const char *value) {
  if (world->n_variables == 32) abort();
  world->variables[world->n_variables][0] = name;
  world->variables[world->n_variables++][1] = value;
}

/* ------------------------------------------------------------------ the catalog */

static const char *const mode_names[] = {"read", "tail", "follow", NULL};

static const struct option file_options[] = {{.name = "path",
                                              .type = OPTION_TEXT,
                                              .offset = offsetof(struct fake_file, path),
                                              .required = true,
                                              .text = "where it is"},
                                             {.name = "password",
                                              .type = OPTION_TEXT,
                                              .offset = offsetof(struct fake_file, password),
                                              .secret = true,
                                              .text = "what opens it"},
                                             {.name = "mode",
                                              .type = OPTION_ENUM,
                                              .offset = offsetof(struct fake_file, mode),
                                              .names = mode_names,
                                              .fallback = "tail",
                                              .text = "once or for ever"},
                                             {.name = "rotate",
                                              .type = OPTION_SIZE,
                                              .offset = offsetof(struct fake_file, rotate_bytes),
                                              .fallback = "64MiB",
                                              .min = 4096,
                                              .max = 1 << 30,
                                              .text = "a new file at this size"},
                                             {.name = "level",
                                              .type = OPTION_INT,
                                              .offset = offsetof(struct fake_file, level),
                                              .fallback = "-1",
                                              .min = -1,
                                              .max = 9,
                                              .text = "how hard to squeeze | -1: as it comes"},
                                             {.name = "share",
                                              .type = OPTION_DOUBLE,
                                              .offset = offsetof(struct fake_file, share),
                                              .fallback = "0.5",
                                              .min = 0,
                                              .max = 1,
                                              .text = "how much of it"},
                                             {.name = "tags",
                                              .type = OPTION_TEXT_LIST,
                                              .offset = offsetof(struct fake_file, tags),
                                              .text = "words to add"},
                                             {.name = "headers",
                                              .type = OPTION_TEXT_MAP,
                                              .offset = offsetof(struct fake_file, headers),
                                              .secret = true,
                                              .text = "what to send along"},
                                             {.name = "extra",
                                              .type = OPTION_NODE,
                                              .offset = offsetof(struct fake_file, extra),
                                              .text = "read by itself"},
                                             {0}};

static const struct option filter_options[] = {{.name = "where",
                                                .type = OPTION_EXPR,
                                                .offset = offsetof(struct fake_filter, where),
                                                .required = true,
                                                .text = "what stays"},
                                               {0}};

static const struct option size_options[] = {{.name = "tumbling",
                                              .type = OPTION_DURATION,
                                              .offset = offsetof(struct fake_window, tumbling_us),
                                              .required = true,
                                              .min = 1000,
                                              .text = "size of a window"},
                                             {.name = "offset",
                                              .type = OPTION_DURATION,
                                              .offset = offsetof(struct fake_window, offset_us),
                                              .fallback = "0",
                                              .text = "where windows begin"},
                                             {0}};

static const struct option emit_options[] = {{.name = "on_close",
                                              .type = OPTION_BOOL,
                                              .offset = offsetof(struct fake_window, on_close),
                                              .fallback = "true",
                                              .text = "one result when it closes"},
                                             {.name = "every",
                                              .type = OPTION_DURATION,
                                              .offset = offsetof(struct fake_window, every_us),
                                              .text = "early results"},
                                             {0}};

static const struct option window_options[] = {
    {.name = "window",
     .type = OPTION_GROUP,
     .required = true,
     .group = size_options,
     .text = "the windows"},
    {.name = "group_by",
     .type = OPTION_EXPR_LIST,
     .offset = offsetof(struct fake_window, group_by),
     .text = "one result for each of these"},
    {.name = "aggregate",
     .type = OPTION_EXPR_MAP,
     .offset = offsetof(struct fake_window, aggregate),
     .required = true,
     .text = "what is computed"},
    {.name = "emit", .type = OPTION_GROUP, .group = emit_options, .text = "when results leave"},
    {.name = "allowed_lateness",
     .type = OPTION_DURATION,
     .offset = offsetof(struct fake_window, allowed_lateness_us),
     .fallback = "0",
     .text = "how long windows stay open"},
    {0}};

static const struct option watermark_options[] = {
    {.name = "max_lateness",
     .type = OPTION_DURATION,
     .offset = offsetof(struct fake_common, max_lateness_us),
     .fallback = "0",
     .text = "how late records may come"},
    {0}};

static const struct option source_options[] = {{.name = "codec",
                                                .type = OPTION_TEXT,
                                                .offset = offsetof(struct fake_common, codec),
                                                .fallback = "json",
                                                .text = "how records are written"},
                                               {.name = "event_time",
                                                .type = OPTION_EXPR,
                                                .offset = offsetof(struct fake_common, event_time),
                                                .text = "when it happened"},
                                               {.name = "watermark",
                                                .type = OPTION_GROUP,
                                                .group = watermark_options,
                                                .text = "how event time goes on"},
                                               {0}};

static const struct option strict_options[] = {{.name = "strict",
                                                .type = OPTION_BOOL,
                                                .offset = offsetof(struct fake_common, strict),
                                                .text = "refuse what is not quite right"},
                                               {0}};

static size_t window_ports(const void *instance, struct slice *names, size_t max) {
  (void)instance;
  if (max >= 1) names[0] = slice_of("late");
  return 1;
}

/* As many ports as its `where` has letters, named by them. */
static size_t route_ports(const void *instance, struct slice *names, size_t max) {
  const struct fake_filter *filter = instance;
  for (size_t i = 0; i < filter->where.text.len && i < max; i++)
    names[i] = (struct slice){filter->where.text.data + i, 1};
  return filter->where.text.len;
}

static void file_check(const void *instance, const struct node *node,
                       struct config_errors *errors) {
  const struct fake_file *file = instance;
  /* A required option is there whenever this is called. */
  if (strcmp(file->path, "forbidden") == 0)
    config_error_add(errors, node_get(node, "path")->place, "this path is forbidden");
  if (file->mode == 0 && file->level > 5)
    config_error_add(errors, node_get(node, "level")->place,
                     "mode: read needs a level of 5 or less");
}

static const struct component_type file_type = {.name = "file",
                                                .text = "a file",
                                                .options = file_options,
                                                .instance_bytes = sizeof(struct fake_file),
                                                .check = file_check};
static const struct component_type stdin_type = {.name = "stdin", .text = "standard input"};
static const struct component_type filter_type = {.name = "filter",
                                                  .text = "keeps some records",
                                                  .options = filter_options,
                                                  .instance_bytes = sizeof(struct fake_filter),
                                                  .min_inputs = 1,
                                                  .max_inputs = 1};
static const struct component_type window_type = {.name = "window",
                                                  .text = "results over time",
                                                  .options = window_options,
                                                  .instance_bytes = sizeof(struct fake_window),
                                                  .ports = window_ports};
static const struct component_type route_type = {.name = "route",
                                                 .text = "parts a stream",
                                                 .options = filter_options,
                                                 .instance_bytes = sizeof(struct fake_filter),
                                                 .ports = route_ports,
                                                 .no_main_output = true};
static const struct component_type join_type = {
    .name = "join", .text = "two streams to one", .min_inputs = 2, .max_inputs = 2};

static const struct component_type *const sources[] = {&file_type, &stdin_type, NULL};
static const struct component_type *const transforms[] = {&filter_type, &window_type, &route_type,
                                                          &join_type, NULL};
static const struct component_type *const sinks[] = {&file_type, NULL};

const struct component_catalog fake_catalog = {
    .types = {sources, transforms, sinks},
    .common = {source_options, NULL, strict_options},
    .common_bytes = {sizeof(struct fake_common), 0, sizeof(struct fake_common)},
};
