/* watch: notices of what changes in folders, so that a change is seen at once and not at the next
 * look.
 *
 * A notice is a hint: it may come late or twice, and of some changes none comes (another machine's
 * writes on a network file system, memory that is mapped, a file reached through a link from
 * another folder). Who counts on notices looks for himself from time to time all the same, and
 * then also does without them when watching fails. All calls and callbacks are on the loop's
 * thread. */
#ifndef TIDEMARK_IO_WATCH_H
#define TIDEMARK_IO_WATCH_H

#include "daemon/base/err.h"

struct watch; /* of the system; in struct io */
struct watcher;
struct loop;

enum watch_change {
  WATCH_BYTES, /* of the file `name` in the folder: written to or cut */
  WATCH_NAMES, /* `name` came, went or became another file */
  WATCH_LOST,  /* notices were lost, or the folder is watched no longer: look for yourself */
};

/* folder: as it was given to watcher_add(); NULL with WATCH_LOST: it may be any. name: NULL with
 * WATCH_LOST. Runs inside loop_wait(); must not close the watcher. */
typedef void watch_fn(void *arg, enum watch_change change, const char *folder, const char *name);

int watcher_open(struct watch *watch, watch_fn *fn, void *arg, struct watcher **watcher,
                 struct err *err);
/* One that is watched already stays so, and is watched again when another folder has its path now.
 * Folders within it are not watched with it. ERR_LIMIT: the system allows no more; the text says
 * which setting. ERR_NOINPUT: there is no such folder. */
int watcher_add(struct watcher *watcher, const char *folder, struct err *err);
void watcher_close(struct watcher *watcher); /* NULL is fine */

struct watch_ops { /* implemented by watch_real.c and watch_sim.c */
  int (*open)(struct watch *, watch_fn *, void *, struct watcher **, struct err *);
  int (*add)(struct watcher *, const char *, struct err *);
  void (*close)(struct watcher *);
  void (*free)(struct watch *);
};
struct watch {
  const struct watch_ops *ops;
};
struct watcher {
  struct watch *watch;
};

struct watch *watch_real_new(struct loop *loop); /* by inotify(7); the loop lives longer */
void watch_free(struct watch *watch);            /* NULL is fine */

#endif
