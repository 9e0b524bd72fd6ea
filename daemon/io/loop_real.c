/* loop_real: the loop on libevent.
 *
 * loop_wait() is one event_base_loop(EVLOOP_ONCE) followed by the calls that were posted. Only the
 * thread of the loop touches libevent. Other threads reach it by two things: the queue of posted
 * calls, under a mutex, and an eventfd that ends a wait. `woken` says that the eventfd is already
 * set, so that many posts cost one write(2).
 *
 * Standard input may be shared with other processes (a terminal, a pipe of a shell), and O_NONBLOCK
 * belongs to the open file description, not to us: it is never set. poll(2) is asked before each
 * read(2) instead. What epoll refuses (a regular file, /dev/null) is always ready: while such a
 * stream is wanted, loop_wait() does not wait. */
#include "daemon/io/loop_real.h"

#include "daemon/base/mem.h"
#include "daemon/io/fifo.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct real_signal {
  struct real_signal *next;
  struct event *event;
  loop_fn *fn;
  void *arg;
};

struct real_loop {
  struct loop loop;
  struct event_base *base;
  struct event *timeout; /* of the wait */
  struct event *wake;
  int wake_fd;
  atomic_bool woken;
  struct real_signal *signals;
  struct real_stream *always_ready; /* list of streams that epoll refuses */
  pthread_mutex_t mutex;            /* of what follows */
  struct fifo posted;
};

struct real_timer {
  struct loop_timer timer;
  struct event *event;
  loop_fn *fn;
  void *arg;
};

struct real_stream {
  struct loop_stream stream;
  struct event *event;      /* NULL: always ready */
  struct real_stream *next; /* of always_ready */
  bool wanted;
  loop_fn *fn;
  void *arg;
};

static struct real_loop *real_of(struct loop *loop) {
  return (struct real_loop *)loop;
}

struct event_base *loop_real_base(struct loop *loop) {
  return real_of(loop)->base;
}

static struct timeval timeval_of(int64_t us) {
  if (us < 0) us = 0;
  return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

static struct event *must_event(struct event *event) {
  if (event == NULL) abort(); /* out of memory, as in mem.h */
  return event;
}

/* --- waiting and waking --- */

static void nothing(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg;
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
  (void)what;
  struct real_loop *real = arg;
  uint64_t count;
  ssize_t got = read(fd, &count, sizeof count);
  (void)got; /* nothing to read is fine: the wait has ended all the same */
  /* Who finds it still set and does not write comes before the end of this wait. */
  atomic_store(&real->woken, false);
}

static void real_wake(struct loop *loop) {
  struct real_loop *real = real_of(loop);
  if (atomic_exchange(&real->woken, true)) return;
  ssize_t put;
  do put = write(real->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
  while (put < 0 && errno == EINTR);
}

static void real_post(struct loop *loop, loop_fn *fn, void *arg) {
  struct real_loop *real = real_of(loop);
  pthread_mutex_lock(&real->mutex);
  fifo_push(&real->posted, (struct fifo_call){fn, arg});
  pthread_mutex_unlock(&real->mutex);
  real_wake(loop);
}

static void real_unpost(struct loop *loop, loop_fn *fn, void *arg) {
  struct real_loop *real = real_of(loop);
  pthread_mutex_lock(&real->mutex);
  fifo_remove(&real->posted, (struct fifo_call){fn, arg});
  pthread_mutex_unlock(&real->mutex);
}

static size_t n_posted(struct real_loop *real) {
  pthread_mutex_lock(&real->mutex);
  size_t n = real->posted.n;
  pthread_mutex_unlock(&real->mutex);
  return n;
}

/* As many as there were at the start, so that a call that posts itself again cannot hold us; one at
 * a time, because each may unpost others. */
static void run_posted(struct real_loop *real) {
  for (size_t n = n_posted(real); n > 0; n--) {
    struct fifo_call call = {0};
    pthread_mutex_lock(&real->mutex);
    if (real->posted.n > 0) call = fifo_pop(&real->posted);
    pthread_mutex_unlock(&real->mutex);
    if (call.fn == NULL) return;
    call.fn(call.arg);
  }
}

static bool any_always_ready(const struct real_loop *real) {
  for (struct real_stream *s = real->always_ready; s != NULL; s = s->next)
    if (s->wanted) return true;
  return false;
}

/* A stream's callback may close the stream, but no other. */
static void run_always_ready(struct real_loop *real) {
  for (struct real_stream *s = real->always_ready, *next; s != NULL; s = next) {
    next = s->next;
    if (s->wanted) s->fn(s->arg);
  }
}

static int real_wait(struct loop *loop, int64_t timeout_us, struct err *err) {
  struct real_loop *real = real_of(loop);
  int flags = EVLOOP_ONCE;
  if (timeout_us == 0 || n_posted(real) > 0 || any_always_ready(real)) {
    flags = EVLOOP_NONBLOCK;
  } else if (timeout_us > 0) {
    struct timeval timeout = timeval_of(timeout_us);
    evtimer_add(real->timeout, &timeout);
  }
  int result = event_base_loop(real->base, flags);
  if (timeout_us > 0) evtimer_del(real->timeout);
  if (result < 0) return err_errno(err, errno, "cannot wait for events");
  run_always_ready(real);
  run_posted(real);
  return 0;
}

/* --- timers and signals --- */

static void on_timer(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_timer *timer = arg;
  timer->fn(timer->arg);
}

static struct loop_timer *real_timer_new(struct loop *loop, loop_fn *fn, void *arg) {
  struct real_timer *timer = mem_zalloc(sizeof *timer);
  timer->timer.loop = loop;
  timer->fn = fn;
  timer->arg = arg;
  timer->event = must_event(evtimer_new(real_of(loop)->base, on_timer, timer));
  return &timer->timer;
}

static void real_timer_arm(struct loop_timer *timer, int64_t delay_us) {
  struct timeval delay = timeval_of(delay_us);
  evtimer_add(((struct real_timer *)timer)->event, &delay);
}

static void real_timer_disarm(struct loop_timer *timer) {
  evtimer_del(((struct real_timer *)timer)->event);
}

static void real_timer_free(struct loop_timer *timer) {
  event_free(((struct real_timer *)timer)->event);
  free(timer);
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_signal *sig = arg;
  sig->fn(sig->arg);
}

static int real_on_signal(struct loop *loop, int signal_number, loop_fn *fn, void *arg,
                          struct err *err) {
  struct real_loop *real = real_of(loop);
  struct real_signal *sig = mem_zalloc(sizeof *sig);
  sig->fn = fn;
  sig->arg = arg;
  sig->event = must_event(evsignal_new(real->base, signal_number, on_signal, sig));
  if (event_add(sig->event, NULL) != 0) {
    event_free(sig->event);
    free(sig);
    return err_errno(err, errno, "cannot catch signal %d", signal_number);
  }
  sig->next = real->signals;
  real->signals = sig;
  return 0;
}

/* --- standard input and output --- */

static void on_stream(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_stream *stream = arg;
  stream->fn(stream->arg);
}

/* 1: epoll takes the descriptor; 0: it never waits; -1: it is not open or the like. */
static int epoll_takes(int fd) {
  int probe = epoll_create1(EPOLL_CLOEXEC);
  if (probe < 0) return -1;
  int result = epoll_ctl(probe, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN});
  int errnum = errno;
  close(probe);
  errno = errnum;
  if (result == 0) return 1;
  return errnum == EPERM ? 0 : -1;
}

static int real_stream_open_stdin(struct loop *loop, loop_fn *fn, void *arg,
                                  struct loop_stream **stream, struct err *err) {
  struct real_loop *real = real_of(loop);
  int waits = epoll_takes(STDIN_FILENO);
  if (waits < 0) return err_errno(err, errno, "cannot use standard input");
  struct real_stream *opened = mem_zalloc(sizeof *opened);
  opened->stream.loop = loop;
  opened->fn = fn;
  opened->arg = arg;
  if (waits == 1) {
    opened->event =
        must_event(event_new(real->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stream, opened));
  } else {
    opened->next = real->always_ready;
    real->always_ready = opened;
  }
  *stream = &opened->stream;
  return 0;
}

static void real_stream_want(struct loop_stream *stream, bool wanted) {
  struct real_stream *real = (struct real_stream *)stream;
  if (real->wanted == wanted) return;
  real->wanted = wanted;
  if (real->event == NULL) return;
  if (wanted)
    event_add(real->event, NULL);
  else
    event_del(real->event);
}

static int real_stream_read(struct loop_stream *stream, void *data, size_t len, size_t *got,
                            bool *ended, struct err *err) {
  struct real_stream *real = (struct real_stream *)stream;
  *got = 0;
  *ended = false;
  if (real->event != NULL) {
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    int n = poll(&ready, 1, 0);
    if (n == 0 || (n < 0 && errno == EINTR)) return 0;
    if (n < 0) return err_errno(err, errno, "cannot read standard input");
  }
  ssize_t n = read(STDIN_FILENO, data, len);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n < 0) return err_errno(err, errno, "cannot read standard input");
  *got = (size_t)n;
  *ended = n == 0 && len > 0;
  return 0;
}

static void real_stream_close(struct loop_stream *stream) {
  struct real_stream *real = (struct real_stream *)stream;
  if (real->event != NULL) {
    event_free(real->event);
  } else {
    struct real_stream **at = &real_of(stream->loop)->always_ready;
    while (*at != real) at = &(*at)->next;
    *at = real->next;
  }
  free(real);
}

static int real_stdout_write(struct loop *loop, const void *data, size_t len, struct err *err) {
  (void)loop;
  size_t done = 0;
  while (done < len) {
    ssize_t n = write(STDOUT_FILENO, (const char *)data + done, len - done);
    if (n >= 0) {
      done += (size_t)n;
    } else if (errno == EAGAIN) {
      /* Somebody who shares it made it non-blocking. */
      poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
    } else if (errno != EINTR) {
      return err_errno(err, errno, "cannot write to standard output");
    }
  }
  return 0;
}

/* --- beginning and end --- */

static void real_free(struct loop *loop) {
  struct real_loop *real = real_of(loop);
  for (struct real_signal *sig = real->signals, *next; sig != NULL; sig = next) {
    next = sig->next;
    event_free(sig->event);
    free(sig);
  }
  if (real->wake != NULL) event_free(real->wake);
  if (real->timeout != NULL) event_free(real->timeout);
  if (real->base != NULL) event_base_free(real->base);
  if (real->wake_fd >= 0) close(real->wake_fd);
  fifo_fini(&real->posted);
  pthread_mutex_destroy(&real->mutex);
  free(real);
}

static const struct loop_ops real_ops = {
    .wait = real_wait,
    .post = real_post,
    .unpost = real_unpost,
    .wake = real_wake,
    .timer_new = real_timer_new,
    .timer_arm = real_timer_arm,
    .timer_disarm = real_timer_disarm,
    .timer_free = real_timer_free,
    .on_signal = real_on_signal,
    .stream_open_stdin = real_stream_open_stdin,
    .stream_want = real_stream_want,
    .stream_read = real_stream_read,
    .stream_close = real_stream_close,
    .stdout_write = real_stdout_write,
    .free = real_free,
};

/* Timers to the microsecond: the default clock of libevent goes in steps of 4 ms. */
static struct event_base *base_new(void) {
  struct event_config *config = event_config_new();
  if (config == NULL) return NULL;
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  struct event_base *base = event_base_new_with_config(config);
  event_config_free(config);
  return base;
}

struct loop *loop_real_new(struct err *err) {
  signal(SIGPIPE, SIG_IGN);
  struct real_loop *real = mem_zalloc(sizeof *real);
  real->loop.ops = &real_ops;
  pthread_mutex_init(&real->mutex, NULL);
  real->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (real->wake_fd >= 0) real->base = base_new();
  if (real->base == NULL) {
    err_errno(err, errno, "cannot make an event loop");
    real_free(&real->loop);
    return NULL;
  }
  real->timeout = must_event(evtimer_new(real->base, nothing, NULL));
  real->wake =
      must_event(event_new(real->base, real->wake_fd, EV_READ | EV_PERSIST, on_wake, real));
  event_add(real->wake, NULL);
  return &real->loop;
}
