/* loop: waiting for something to happen. We own the loop: the program calls loop_wait() and then
 * does, in one visible function, what a turn consists of. Callbacks note facts and return; they run
 * inside loop_wait(), on the thread that calls it. Only loop_post() and loop_wake() may be called
 * from other threads. The real loop is libevent's. */
#ifndef TIDEMARK_IO_LOOP_H
#define TIDEMARK_IO_LOOP_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_stream;

typedef void loop_fn(void *arg);

/* Waits until something happened or timeout_us passed (0: only looks; -1: no limit), and runs the
 * callbacks of all that happened. */
int loop_wait(struct loop *loop, int64_t timeout_us, struct err *err);

/* Runs fn(arg) in a coming loop_wait(), in order of posting. Any thread. Ends a wait. */
void loop_post(struct loop *loop, loop_fn *fn, void *arg);
/* Drops what was posted with this fn and arg and has not run yet. On the loop's thread. */
void loop_unpost(struct loop *loop, loop_fn *fn, void *arg);
/* Ends a wait. Any thread, any number of times. */
void loop_wake(struct loop *loop);

/* A timer that fires once after being armed; arming again moves it. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_arm(struct loop_timer *timer, int64_t delay_us);
void loop_timer_disarm(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is fine */

/* Calls fn(arg) for a signal of the process. The simulated loop raises it by sim_signal(). */
int loop_on_signal(struct loop *loop, int signal_number, loop_fn *fn, void *arg, struct err *err);

/* A byte stream that cannot be read again: standard input, a pipe, a terminal, a regular file
 * given as standard input. fn(arg) is called when there is something to read (or its end) while
 * wanted; a regular file is always ready. */
int loop_stream_open_stdin(struct loop *loop, loop_fn *fn, void *arg, struct loop_stream **stream,
                           struct err *err);
void loop_stream_want(struct loop_stream *stream, bool wanted);
/* Does not block. *got = 0 and *ended = false: nothing now. */
int loop_stream_read(struct loop_stream *stream, void *data, size_t len, size_t *got, bool *ended,
                     struct err *err);
void loop_stream_close(struct loop_stream *stream); /* NULL is fine */

/* Standard output, blocking, all or an error (EPIPE: ERR_IO). Call it on an exec thread. */
int loop_stdout_write(struct loop *loop, const void *data, size_t len, struct err *err);

struct loop_ops {
  int (*wait)(struct loop *, int64_t, struct err *);
  void (*post)(struct loop *, loop_fn *, void *);
  void (*unpost)(struct loop *, loop_fn *, void *);
  void (*wake)(struct loop *);
  struct loop_timer *(*timer_new)(struct loop *, loop_fn *, void *);
  void (*timer_arm)(struct loop_timer *, int64_t);
  void (*timer_disarm)(struct loop_timer *);
  void (*timer_free)(struct loop_timer *);
  int (*on_signal)(struct loop *, int, loop_fn *, void *, struct err *);
  int (*stream_open_stdin)(struct loop *, loop_fn *, void *, struct loop_stream **, struct err *);
  void (*stream_want)(struct loop_stream *, bool);
  int (*stream_read)(struct loop_stream *, void *, size_t, size_t *, bool *, struct err *);
  void (*stream_close)(struct loop_stream *);
  int (*stdout_write)(struct loop *, const void *, size_t, struct err *);
  void (*free)(struct loop *);
};
struct loop {
  const struct loop_ops *ops;
};
struct loop_timer {
  struct loop *loop;
};
struct loop_stream {
  struct loop *loop;
};

/* NULL: err says why. Ignores SIGPIPE, so that a reader who left is an error of the write. */
struct loop *loop_real_new(struct err *err);
void loop_free(struct loop *loop); /* NULL is fine */

#endif
