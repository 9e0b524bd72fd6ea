/* diag: what the program prints for people and for journald ("log" is the write-ahead log).
 *
 * A message is a row of messages.def: its id, its level, what it means and what to do. What it says
 * this time is one line on the stream:
 *
 *     tidemark: warning: billing: sink bills: the disk is full; trying again in 1.0 s [sink-retry]
 *     {"time":"2026-01-31T23:59:59.000123Z","level":"warning","id":"sink-retry",
 *      "pipeline":"billing","kind":"sink","component":"bills","text":"the disk is full; ..."}
 *
 * (the second one in a single line). Control characters and what is not UTF-8 become '?', so that
 * nothing from outside makes a line of its own or reaches a terminal.
 *
 * The object is passed to whoever may speak; a library that cannot go on returns an err instead.
 * diag_say() may be called from any thread; the others on one, while the object exists. */
#ifndef TIDEMARK_BASE_DIAG_H
#define TIDEMARK_BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum diag_level {
  DIAG_FINAL, /* an error that ends a pipeline or the program; never held back */
  DIAG_ERROR,
  DIAG_WARNING,
  DIAG_INFO,
  DIAG_DEBUG
};

enum message {
#define MESSAGE(name, id, level, meaning, action) MESSAGE_##name,
#include "daemon/base/messages.def"
#undef MESSAGE
  MESSAGES
};

struct diag_message {
  const char *id; /* lower-case words joined by '-'; never changes its meaning */
  enum diag_level level;
  const char *meaning, *action;
};
extern const struct diag_message diag_messages[MESSAGES];
const struct diag_message *diag_message_find(const char *id); /* NULL: there is none */
const char *diag_level_name(enum diag_level level);           /* "error", "warning", ... */

/* Who speaks: the pipeline, and in it "source", "sink", "log", ... with the name of the component.
 * Each may be NULL. The strings belong to whoever made them; diag_where_init() copies. */
struct diag_where {
  const char *pipeline, *kind, *name;
};
void diag_where_init(struct diag_where *where, const char *pipeline, const char *kind,
                     const char *name);
void diag_where_fini(struct diag_where *where); /* of one that was initialised, or is zeroed */

struct diag_clock { /* from any thread; see io/clock.h, which base cannot know */
  int64_t (*wall_us)(void *arg);
  int64_t (*mono_us)(void *arg);
  void *arg;
};

struct diag {
  FILE *stream;                 /* usually stderr; NULL says nothing */
  enum diag_level level;        /* more detailed messages are left out */
  bool json;                    /* objects instead of text */
  bool priorities;              /* "<4>" in front, as journald takes it off again */
  struct diag_clock clock;      /* for the time of objects, and for diag_limit() */
  struct diag_repeats *repeats; /* NULL: nothing is held back */
};

/* From now on, of the same message of the same place at most `most` are printed in window_us; the
 * others are counted, and when the window is over one line says how many there were. */
void diag_limit(struct diag *diag, uint32_t most, int64_t window_us);
/* Prints the counts of windows that are over. Returns the µs until the next one is, -1: none. */
int64_t diag_tick(const struct diag *diag);
/* Prints all counts, and ends the limit. */
void diag_limit_end(struct diag *diag);

/* where may be NULL. The text is a sentence without a full stop, cut at DIAG_TEXT_BYTES. */
#define DIAG_TEXT_BYTES 4096
void diag_say(const struct diag *diag, enum message message, const struct diag_where *where,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
