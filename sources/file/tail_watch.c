/* tail_watch: when to look at the names again.
 *
 * Every poll_interval in any case, because there are changes that no notice tells of; unless a look
 * takes so long that it would keep the loop busy, then as seldom as makes it a fiftieth of the
 * time. A notice of a name makes a look soon, one of bytes puts the file that it names into the
 * queue without a look. So without notices - `watch: poll`, or a system that allows no more of
 * them - all is the same, only later. */
#include "daemon/base/mem.h"
#include "sources/file/tail_impl.h"

#include <stdlib.h>

enum { SOON_US = 20 * 1000, BUSY_PART = 50 };

char *tail_folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? mem_strdup(".") : mem_strndup(path, (size_t)(slash - path) + 1);
}

char *tail_join(const char *folder, const char *name) {
  return mem_printf("%s%s", strcmp(folder, ".") == 0 ? "" : folder, name);
}

int64_t tail_now_us(const struct tail *tail) {
  return clock_mono_us(tail->ctx->io->clock);
}

static void look_now(void *arg) {
  struct tail *tail = arg;
  tail->look_due = true;
  source_ready(tail->ctx);
}

void tail_look_soon(struct tail *tail) {
  int64_t gap_us = tail->look_took_us * BUSY_PART;
  if (gap_us < SOON_US) gap_us = SOON_US;
  if (gap_us > tail->options->poll_interval_us) return;
  int64_t left_us = tail->looked_us + gap_us - tail_now_us(tail);
  if (left_us <= 0)
    look_now(tail);
  else if (!tail->look_due)
    loop_timer_arm(tail->timer, left_us);
}

void tail_looked(struct tail *tail, int64_t began_us) {
  tail->look_due = false;
  tail->looked_us = tail_now_us(tail);
  tail->look_took_us = tail->looked_us - began_us;
  int64_t next_us = tail->look_took_us * BUSY_PART;
  if (next_us < tail->options->poll_interval_us) next_us = tail->options->poll_interval_us;
  loop_timer_arm(tail->timer, next_us);
}

static struct tail_part *find_name(const struct tail *tail, const char *path) {
  size_t low = 0, high = tail->names.n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(tail->names.items[middle]->path, path);
    if (order == 0) return tail->names.items[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static void on_notice(void *arg, enum watch_change change, const char *folder, const char *name) {
  struct tail *tail = arg;
  if (change != WATCH_BYTES) {
    tail_look_soon(tail);
    return;
  }
  char *path = tail_join(folder, name);
  struct tail_part *part = find_name(tail, path);
  free(path);
  if (part == NULL || part->state == TAIL_IGNORED) return;
  if (part->state == TAIL_YOUNG) {
    tail_look_soon(tail);
    return;
  }
  tail_queue(tail, part);
  source_ready(tail->ctx);
}

static void polls(struct tail *tail, const struct err *err) {
  if (tail->polls_said) return;
  tail->polls_said = true;
  diag_say(tail->ctx->diag, MESSAGE_FILE_POLLED, tail->ctx->where,
           "%s; what is not watched is looked at every %.1f s", err->text,
           (double)tail->options->poll_interval_us / 1e6);
}

void tail_watch_folder(struct tail *tail, const char *folder) {
  struct err err;
  if (tail->watcher == NULL || watcher_add(tail->watcher, folder, &err) == 0) return;
  /* A folder that is not there yet is found by a look. */
  if (err.code != ERR_NOINPUT) polls(tail, &err);
}

void tail_watch_paths(struct tail *tail) {
  if (tail->watcher == NULL) return;
  for (size_t i = 0; i < tail->paths->n; i++) {
    const char *path = tail->paths->items[i];
    /* Up to the first wildcard there is one folder, and for each level behind it there are many. */
    const char *wild = strpbrk(path, "*?[");
    const char *end = wild != NULL ? wild : path + strlen(path);
    char *plain = mem_strndup(path, (size_t)(end - path));
    char *above = tail_folder_of(plain);
    tail_watch_folder(tail, above);
    free(above);
    free(plain);
    for (const char *slash = strchr(end, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
      char *pattern = mem_strndup(path, (size_t)(slash - path)), **folders;
      size_t n;
      if (disk_glob(tail->ctx->io->disk, pattern, &folders, &n, NULL) == 0) {
        for (size_t k = 0; k < n; k++) {
          char *folder = mem_printf("%s/", folders[k]);
          tail_watch_folder(tail, folder);
          free(folder);
        }
        free(folders);
      }
      free(pattern);
    }
  }
}

void tail_watch_open(struct tail *tail) {
  tail->timer = loop_timer_new(tail->ctx->io->loop, look_now, tail);
  if (tail->options->watch == TAIL_WATCH_POLL) return;
  struct err err;
  if (watcher_open(tail->ctx->io->watch, on_notice, tail, &tail->watcher, &err) != 0) {
    tail->watcher = NULL;
    polls(tail, &err);
  }
}

void tail_watch_close(struct tail *tail) {
  watcher_close(tail->watcher);
  loop_timer_free(tail->timer);
  tail->watcher = NULL;
  tail->timer = NULL;
}
