/* watch_real: notices by inotify(7), one instance for each watcher.
 *
 * The system gives a folder a number, the same again when it is added under another path. Folders
 * are kept in order of number; one whose number the system takes back (IN_IGNORED) is dropped. */
#include "daemon/base/mem.h"
#include "daemon/io/loop_real.h"
#include "daemon/io/watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
  NAMES_MASK = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE,
  LOST_MASK = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED | IN_Q_OVERFLOW,
  READ_BYTES = 64 * 1024,
};

struct real_watch {
  struct watch watch;
  struct loop *loop;
};

struct real_folder {
  int number;
  char *path; /* owned */
};

struct real_watcher {
  struct watcher watcher;
  int fd;
  struct event *event;
  struct real_folder *folders; /* by number */
  size_t n, cap;
  watch_fn *fn;
  void *arg;
};

/* The first folder with this number, or where it would be. */
static size_t place_of(const struct real_watcher *real, int number) {
  size_t low = 0, high = real->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (real->folders[middle].number < number)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void drop(struct real_watcher *real, int number) {
  size_t at = place_of(real, number), end = at;
  while (end < real->n && real->folders[end].number == number) free(real->folders[end++].path);
  memmove(real->folders + at, real->folders + end, (real->n - end) * sizeof *real->folders);
  real->n -= end - at;
}

static void tell(struct real_watcher *real, const struct inotify_event *event) {
  const char *name = event->len > 0 ? event->name : NULL;
  if ((event->mask & IN_Q_OVERFLOW) != 0) {
    real->fn(real->arg, WATCH_LOST, NULL, NULL);
    return;
  }
  for (size_t at = place_of(real, event->wd); at < real->n && real->folders[at].number == event->wd;
       at++) {
    const char *folder = real->folders[at].path;
    if ((event->mask & LOST_MASK) != 0)
      real->fn(real->arg, WATCH_LOST, folder, NULL);
    else if (name != NULL)
      real->fn(real->arg, (event->mask & NAMES_MASK) != 0 ? WATCH_NAMES : WATCH_BYTES, folder,
               name);
  }
  /* One that was moved would go on to be told of under a path that is not its own. */
  if ((event->mask & IN_MOVE_SELF) != 0) inotify_rm_watch(real->fd, event->wd);
  if ((event->mask & IN_IGNORED) != 0) drop(real, event->wd);
}

static void on_events(evutil_socket_t fd, short what, void *arg) {
  (void)what;
  struct real_watcher *real = arg;
  _Alignas(struct inotify_event) char bytes[READ_BYTES];
  ssize_t got;
  do got = read(fd, bytes, sizeof bytes);
  while (got < 0 && errno == EINTR);
  /* What is left behind a full read comes in the next wait. */
  for (ssize_t at = 0; at < got;) {
    const struct inotify_event *event = (const struct inotify_event *)(const void *)(bytes + at);
    tell(real, event);
    at += (ssize_t)(sizeof *event + event->len);
  }
}

static int real_open(struct watch *watch, watch_fn *fn, void *arg, struct watcher **watcher,
                     struct err *err) {
  int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    int errnum = errno;
    err_errno(err, errnum, "cannot watch folders%s",
              errnum == EMFILE ? " (fs.inotify.max_user_instances)" : "");
    if (err != NULL && errnum == EMFILE) err->code = ERR_LIMIT;
    return -1;
  }
  struct real_watcher *real = mem_zalloc(sizeof *real);
  real->watcher.watch = watch;
  real->fd = fd;
  real->fn = fn;
  real->arg = arg;
  struct event_base *base = loop_real_base(((struct real_watch *)watch)->loop);
  real->event = event_new(base, fd, EV_READ | EV_PERSIST, on_events, real);
  if (real->event == NULL || event_add(real->event, NULL) != 0) abort(); /* as in mem.h */
  *watcher = &real->watcher;
  return 0;
}

static int real_add(struct watcher *watcher, const char *folder, struct err *err) {
  struct real_watcher *real = (struct real_watcher *)watcher;
  int number = inotify_add_watch(
      real->fd, folder, IN_MODIFY | NAMES_MASK | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  if (number < 0) {
    int errnum = errno;
    err_errno(err, errnum, "cannot watch the folder %s%s", folder,
              errnum == ENOSPC ? " (fs.inotify.max_user_watches)" : "");
    if (err != NULL && errnum == ENOSPC) err->code = ERR_LIMIT;
    if (err != NULL && (errnum == ENOENT || errnum == ENOTDIR)) err->code = ERR_NOINPUT;
    return -1;
  }
  size_t at = place_of(real, number);
  for (; at < real->n && real->folders[at].number == number; at++)
    if (strcmp(real->folders[at].path, folder) == 0) return 0;
  array_grow((void **)&real->folders, &real->cap, real->n, sizeof *real->folders);
  memmove(real->folders + at + 1, real->folders + at, (real->n - at) * sizeof *real->folders);
  real->folders[at] = (struct real_folder){number, mem_strdup(folder)};
  real->n++;
  return 0;
}

static void real_close(struct watcher *watcher) {
  struct real_watcher *real = (struct real_watcher *)watcher;
  event_free(real->event);
  close(real->fd);
  for (size_t i = 0; i < real->n; i++) free(real->folders[i].path);
  free(real->folders);
  free(real);
}

static void real_free(struct watch *watch) {
  free(watch);
}

static const struct watch_ops real_ops = {
    .open = real_open, .add = real_add, .close = real_close, .free = real_free};

struct watch *watch_real_new(struct loop *loop) {
  struct real_watch *real = mem_zalloc(sizeof *real);
  real->watch.ops = &real_ops;
  real->loop = loop;
  return &real->watch;
}
