/* watch: calls handed on; see watch.h. */
#include "daemon/io/watch.h"

#include <stddef.h>

int watcher_open(struct watch *watch, watch_fn *fn, void *arg, struct watcher **watcher,
                 struct err *err) {
  return watch->ops->open(watch, fn, arg, watcher, err);
}

int watcher_add(struct watcher *watcher, const char *folder, struct err *err) {
  return watcher->watch->ops->add(watcher, folder, err);
}

void watcher_close(struct watcher *watcher) {
  if (watcher != NULL) watcher->watch->ops->close(watcher);
}

void watch_free(struct watch *watch) {
  if (watch != NULL) watch->ops->free(watch);
}
