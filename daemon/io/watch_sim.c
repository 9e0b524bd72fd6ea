/* watch_sim: see watch_sim.h and io_sim.h. The disk says what changed; here the change becomes a
 * notice for each watcher of the folder, in order, after up to two milliseconds. */
#include "daemon/io/watch_sim.h"

#include "daemon/base/mem.h"
#include "daemon/io/disk_sim.h"
#include "daemon/io/io_sim.h"
#include "daemon/io/loop_sim.h"
#include "daemon/io/sim_tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DELAY_US_MAX = 2000 };

struct notice {
  enum watch_change change;
  char *folder, *name; /* owned; NULL: none */
};

struct sim_folder {
  char *path, *clean; /* owned: as given, and as the disk writes it */
};

struct sim_watcher {
  struct watcher watcher;
  struct sim_watcher *next;
  struct sim_source source;
  struct sim_folder *folders;
  size_t n_folders, cap_folders;
  struct notice *notices;
  size_t n_notices, cap_notices;
  watch_fn *fn;
  void *arg;
};

struct sim_watch {
  struct watch watch;
  struct loop *loop;
  struct disk *disk;
  struct random random;
  struct sim_watch_faults faults;
  struct sim_watcher *watchers;
};

static struct sim_watch *sim_of(struct watch *watch) {
  return (struct sim_watch *)watch;
}

static char *copy(const char *text) {
  return text == NULL ? NULL : mem_strdup(text);
}

static void notice_add(struct sim_watcher *watcher, enum watch_change change, const char *folder,
                       const char *name) {
  struct sim_watch *sim = sim_of(watcher->watcher.watch);
  array_grow((void **)&watcher->notices, &watcher->cap_notices, watcher->n_notices,
             sizeof *watcher->notices);
  watcher->notices[watcher->n_notices++] = (struct notice){change, copy(folder), copy(name)};
  if (watcher->source.due_us == SIM_NEVER)
    watcher->source.due_us =
        sim_now_us(sim->loop) + (int64_t)random_below(&sim->random, DELAY_US_MAX + 1);
}

static void run_notices(struct sim_source *source) {
  struct sim_watcher *watcher =
      (struct sim_watcher *)(void *)((char *)source - offsetof(struct sim_watcher, source));
  source->due_us = SIM_NEVER;
  struct notice *notices = watcher->notices;
  size_t n = watcher->n_notices;
  watcher->notices = NULL;
  watcher->n_notices = watcher->cap_notices = 0;
  for (size_t i = 0; i < n; i++) {
    watcher->fn(watcher->arg, notices[i].change, notices[i].folder, notices[i].name);
    free(notices[i].folder);
    free(notices[i].name);
  }
  free(notices);
}

static void folder_drop(struct sim_watcher *watcher, size_t i) {
  free(watcher->folders[i].path);
  free(watcher->folders[i].clean);
  watcher->folders[i] = watcher->folders[--watcher->n_folders];
}

/* The disk's: `path` is clean. */
static void changed(void *arg, const char *path, bool names) {
  struct sim_watch *sim = arg;
  char *parent = sim_path_parent(path);
  const char *slash = strrchr(path, '/');
  for (struct sim_watcher *w = sim->watchers; w != NULL && !sim->faults.silent; w = w->next) {
    for (size_t i = 0; i < w->n_folders;) {
      bool itself = names && strcmp(w->folders[i].clean, path) == 0;
      if (strcmp(w->folders[i].clean, parent) == 0) {
        if (sim->faults.overflow)
          notice_add(w, WATCH_LOST, NULL, NULL);
        else
          notice_add(w, names ? WATCH_NAMES : WATCH_BYTES, w->folders[i].path,
                     slash != NULL ? slash + 1 : path);
      }
      if (itself) notice_add(w, WATCH_LOST, w->folders[i].path, NULL);
      if (itself)
        folder_drop(w, i);
      else
        i++;
    }
  }
  free(parent);
}

static int sim_open(struct watch *watch, watch_fn *fn, void *arg, struct watcher **out,
                    struct err *err) {
  struct sim_watch *sim = sim_of(watch);
  if (sim->faults.no_watchers)
    return err_set(err, ERR_LIMIT, "cannot watch folders: the simulated system has no more");
  struct sim_watcher *watcher = mem_zalloc(sizeof *watcher);
  watcher->watcher.watch = watch;
  watcher->fn = fn;
  watcher->arg = arg;
  watcher->source.run = run_notices;
  sim_source_add(sim->loop, &watcher->source);
  watcher->next = sim->watchers;
  sim->watchers = watcher;
  *out = &watcher->watcher;
  return 0;
}

static int sim_add(struct watcher *base, const char *folder, struct err *err) {
  struct sim_watcher *watcher = (struct sim_watcher *)base;
  struct sim_watch *sim = sim_of(base->watch);
  for (size_t i = 0; i < watcher->n_folders; i++)
    if (strcmp(watcher->folders[i].path, folder) == 0) return 0;
  bool found;
  struct disk_stat stat;
  if (disk_stat(sim->disk, folder, &found, &stat, err) != 0) return -1;
  if (!found || stat.type != DISK_DIR)
    return err_set(err, ERR_NOINPUT, "cannot watch the folder %s: there is none", folder);
  if (sim->faults.folders_max > 0 && watcher->n_folders >= sim->faults.folders_max)
    return err_set(err, ERR_LIMIT, "cannot watch the folder %s: the simulated limit is %zu", folder,
                   sim->faults.folders_max);
  array_grow((void **)&watcher->folders, &watcher->cap_folders, watcher->n_folders,
             sizeof *watcher->folders);
  watcher->folders[watcher->n_folders++] =
      (struct sim_folder){mem_strdup(folder), sim_path(folder)};
  return 0;
}

static void sim_close(struct watcher *base) {
  struct sim_watcher *watcher = (struct sim_watcher *)base;
  struct sim_watch *sim = sim_of(base->watch);
  struct sim_watcher **at = &sim->watchers;
  while (*at != watcher) at = &(*at)->next;
  *at = watcher->next;
  sim_source_remove(sim->loop, &watcher->source);
  for (size_t i = 0; i < watcher->n_notices; i++) {
    free(watcher->notices[i].folder);
    free(watcher->notices[i].name);
  }
  free(watcher->notices);
  while (watcher->n_folders > 0) folder_drop(watcher, 0);
  free(watcher->folders);
  free(watcher);
}

static void sim_free(struct watch *watch) {
  disk_sim_on_change(sim_of(watch)->disk, NULL, NULL);
  free(watch);
}

static const struct watch_ops sim_ops = {
    .open = sim_open, .add = sim_add, .close = sim_close, .free = sim_free};

struct watch *watch_sim_new(struct loop *loop, struct disk *disk, uint64_t seed) {
  struct sim_watch *sim = mem_zalloc(sizeof *sim);
  sim->watch.ops = &sim_ops;
  sim->loop = loop;
  sim->disk = disk;
  random_seed(&sim->random, seed);
  disk_sim_on_change(disk, changed, sim);
  return &sim->watch;
}

void sim_watch_set_faults(struct watch *watch, struct sim_watch_faults faults) {
  sim_of(watch)->faults = faults;
}
