/* diag_repeats: what says the same again and again.
 *
 * A window opens with the first message of a kind and place, lets `most` of them through, counts
 * the others and keeps the text of the last. It is over window_us later: then its count is printed,
 * if there is one, and it is gone; the next message opens a new one. There are as many windows as
 * messages and places that spoke lately, so a list is enough. One lock holds the list and the order
 * of what is printed. */
#include "daemon/base/diag_parts.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct window {
  enum message message;
  struct diag_where where; /* our own copy */
  int64_t from_us;         /* monotonic */
  uint32_t n_said;
  uint64_t n_held;
  struct buf last; /* the text of the one held last */
};

struct diag_repeats {
  pthread_mutex_t lock;
  uint32_t most;
  int64_t window_us;
  struct window *windows;
  size_t n, cap;
};

void diag_limit(struct diag *diag, uint32_t most, int64_t window_us) {
  struct diag_repeats *repeats = mem_zalloc(sizeof *repeats);
  pthread_mutex_init(&repeats->lock, NULL);
  repeats->most = most;
  repeats->window_us = window_us;
  diag->repeats = repeats;
}

static int64_t mono_us(const struct diag *diag) {
  return diag->clock.mono_us(diag->clock.arg);
}

static bool same(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_of(const struct window *window, const struct diag_said *said) {
  return window->message == said->message && same(window->where.name, said->where.name) &&
         same(window->where.pipeline, said->where.pipeline) &&
         same(window->where.kind, said->where.kind);
}

static void window_print(const struct diag *diag, struct window *window, int64_t now_us) {
  if (window->n_held == 0) return;
  struct diag_said said = {.message = window->message,
                           .where = window->where,
                           .text = buf_cstr(&window->last),
                           .repeated = window->n_held,
                           .span_us = now_us - window->from_us};
  diag_put(diag, &said);
}

static void window_remove(struct diag_repeats *repeats, size_t i) {
  diag_where_fini(&repeats->windows[i].where);
  buf_fini(&repeats->windows[i].last);
  repeats->windows[i] = repeats->windows[--repeats->n];
}

static struct window *window_open(struct diag_repeats *repeats, const struct diag_said *said,
                                  int64_t now_us) {
  array_grow((void **)&repeats->windows, &repeats->cap, repeats->n, sizeof *repeats->windows);
  struct window *window = &repeats->windows[repeats->n++];
  *window = (struct window){.message = said->message, .from_us = now_us};
  diag_where_init(&window->where, said->where.pipeline, said->where.kind, said->where.name);
  return window;
}

void diag_repeats_say(const struct diag *diag, const struct diag_said *said) {
  struct diag_repeats *repeats = diag->repeats;
  pthread_mutex_lock(&repeats->lock);
  int64_t now_us = mono_us(diag);
  size_t i = 0;
  while (i < repeats->n && !is_of(&repeats->windows[i], said)) i++;
  if (i < repeats->n && now_us - repeats->windows[i].from_us >= repeats->window_us) {
    window_print(diag, &repeats->windows[i], now_us);
    window_remove(repeats, i);
    i = repeats->n;
  }
  struct window *window =
      i < repeats->n ? &repeats->windows[i] : window_open(repeats, said, now_us);
  if (window->n_said < repeats->most) {
    window->n_said++;
    diag_put(diag, said);
  } else {
    window->n_held++;
    buf_clear(&window->last);
    buf_put_text(&window->last, said->text);
  }
  pthread_mutex_unlock(&repeats->lock);
}

int64_t diag_tick(const struct diag *diag) {
  struct diag_repeats *repeats = diag->repeats;
  if (repeats == NULL) return -1;
  int64_t wait_us = -1;
  pthread_mutex_lock(&repeats->lock);
  int64_t now_us = repeats->n > 0 ? mono_us(diag) : 0;
  for (size_t i = 0; i < repeats->n;) {
    struct window *window = &repeats->windows[i];
    int64_t left_us = window->from_us + repeats->window_us - now_us;
    if (left_us <= 0) {
      window_print(diag, window, now_us);
      window_remove(repeats, i);
      continue;
    }
    if (window->n_held > 0 && (wait_us < 0 || left_us < wait_us)) wait_us = left_us;
    i++;
  }
  pthread_mutex_unlock(&repeats->lock);
  return wait_us;
}

void diag_limit_end(struct diag *diag) {
  struct diag_repeats *repeats = diag->repeats;
  if (repeats == NULL) return;
  while (repeats->n > 0) {
    window_print(diag, &repeats->windows[repeats->n - 1], mono_us(diag));
    window_remove(repeats, repeats->n - 1);
  }
  free(repeats->windows);
  pthread_mutex_destroy(&repeats->lock);
  free(repeats);
  diag->repeats = NULL;
}
