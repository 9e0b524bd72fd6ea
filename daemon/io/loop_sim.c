/* loop_sim: see loop_sim.h and io_sim.h.
 *
 * Sources are kept in the order in which they were added and none is looked at by its address, so a
 * run depends on the seed alone. In a turn each runs at most once. A turn in which something was
 * due at once, or that was not to wait, takes a microsecond: a program that never waits gets on. */
#include "daemon/io/loop_sim.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/io/clock_sim.h"
#include "daemon/io/fifo.h"
#include "daemon/io/io_sim.h"

#include <assert.h>
#include <stdlib.h>

enum {
  TURN_US = 1,
  STOP_ONE_IN = 8, /* chance that a turn ends though more is due */
};

struct sim_handler {
  struct sim_handler *next;
  struct sim_source source;
  int number;
  loop_fn *fn;
  void *arg;
};

struct sim_loop {
  struct loop loop;
  struct clock *clock;
  struct random random;
  struct sim_source sources; /* head of a ring */
  uint64_t turn;
  bool woken;
  struct fifo posted;
  struct sim_source posted_source;
  struct sim_handler *handlers;
  struct sim_stream *stream; /* the one standard input, or NULL */
  struct buf input;
  size_t input_read;
  bool input_ends;
  struct buf output;
};

struct sim_timer {
  struct loop_timer timer;
  struct sim_source source;
  loop_fn *fn;
  void *arg;
};

struct sim_stream {
  struct loop_stream stream;
  struct sim_source source;
  bool wanted;
  loop_fn *fn;
  void *arg;
};

#define HOLDER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static struct sim_loop *sim_of(struct loop *loop) {
  return (struct sim_loop *)loop;
}

/* --- sources --- */

void sim_source_add(struct loop *loop, struct sim_source *source) {
  struct sim_source *head = &sim_of(loop)->sources;
  source->due_us = SIM_NEVER;
  source->turn = 0;
  source->prev = head->prev;
  source->next = head;
  head->prev->next = source;
  head->prev = source;
}

void sim_source_remove(struct loop *loop, struct sim_source *source) {
  (void)loop;
  source->prev->next = source->next;
  source->next->prev = source->prev;
}

int64_t sim_now_us(struct loop *loop) {
  return clock_mono_us(sim_of(loop)->clock);
}

static bool is_due(const struct sim_loop *sim, const struct sim_source *source, int64_t now_us) {
  return source->due_us <= now_us && source->turn != sim->turn;
}

/* One of those that are due and have not run in this turn, or NULL. */
static struct sim_source *draw_due(struct sim_loop *sim) {
  int64_t now_us = clock_mono_us(sim->clock);
  uint64_t n = 0;
  for (struct sim_source *s = sim->sources.next; s != &sim->sources; s = s->next)
    n += is_due(sim, s, now_us);
  if (n == 0) return NULL;
  uint64_t drawn = random_below(&sim->random, n);
  for (struct sim_source *s = sim->sources.next;; s = s->next)
    if (is_due(sim, s, now_us) && drawn-- == 0) return s;
}

static int64_t next_due_us(const struct sim_loop *sim) {
  int64_t due_us = SIM_NEVER;
  for (struct sim_source *s = sim->sources.next; s != &sim->sources; s = s->next)
    if (s->due_us < due_us) due_us = s->due_us;
  return due_us;
}

static void run_due(struct sim_loop *sim) {
  sim->turn++;
  for (struct sim_source *source; (source = draw_due(sim)) != NULL;) {
    source->turn = sim->turn;
    source->run(source);
    if (random_below(&sim->random, STOP_ONE_IN) == 0) break;
  }
}

static int sim_wait(struct loop *loop, int64_t timeout_us, struct err *err) {
  struct sim_loop *sim = sim_of(loop);
  int64_t now_us = clock_mono_us(sim->clock);
  int64_t until_us = next_due_us(sim);
  if (until_us <= now_us || timeout_us == 0 || sim->woken) {
    clock_sim_move_to(sim->clock, now_us + TURN_US);
  } else {
    if (timeout_us > 0 && until_us - now_us > timeout_us) until_us = now_us + timeout_us;
    if (until_us == SIM_NEVER)
      return err_set(err, ERR_OTHER, "the simulated program waits and nothing will ever happen");
    clock_sim_move_to(sim->clock, until_us);
  }
  sim->woken = false;
  run_due(sim);
  return 0;
}

bool sim_loop_idle(struct loop *loop) {
  return next_due_us(sim_of(loop)) == SIM_NEVER && !sim_of(loop)->woken;
}

/* --- posting --- */

static void run_posted(struct sim_source *source) {
  struct sim_loop *sim = HOLDER(source, struct sim_loop, posted_source);
  for (size_t n = sim->posted.n; n > 0 && sim->posted.n > 0; n--) {
    struct fifo_call call = fifo_pop(&sim->posted);
    if (sim->posted.n == 0) source->due_us = SIM_NEVER;
    call.fn(call.arg);
  }
}

static void sim_post(struct loop *loop, loop_fn *fn, void *arg) {
  struct sim_loop *sim = sim_of(loop);
  fifo_push(&sim->posted, (struct fifo_call){fn, arg});
  if (sim->posted_source.due_us == SIM_NEVER) sim->posted_source.due_us = sim_now_us(loop);
}

static void sim_unpost(struct loop *loop, loop_fn *fn, void *arg) {
  struct sim_loop *sim = sim_of(loop);
  fifo_remove(&sim->posted, (struct fifo_call){fn, arg});
  if (sim->posted.n == 0) sim->posted_source.due_us = SIM_NEVER;
}

static void sim_wake(struct loop *loop) {
  sim_of(loop)->woken = true;
}

/* --- timers and signals --- */

static void run_timer(struct sim_source *source) {
  struct sim_timer *timer = HOLDER(source, struct sim_timer, source);
  source->due_us = SIM_NEVER;
  timer->fn(timer->arg);
}

static struct loop_timer *sim_timer_new(struct loop *loop, loop_fn *fn, void *arg) {
  struct sim_timer *timer = mem_zalloc(sizeof *timer);
  timer->timer.loop = loop;
  timer->fn = fn;
  timer->arg = arg;
  timer->source.run = run_timer;
  sim_source_add(loop, &timer->source);
  return &timer->timer;
}

static void sim_timer_arm(struct loop_timer *timer, int64_t delay_us) {
  int64_t now_us = sim_now_us(timer->loop);
  if (delay_us < 0) delay_us = 0;
  if (delay_us > SIM_NEVER - 1 - now_us) delay_us = SIM_NEVER - 1 - now_us;
  ((struct sim_timer *)timer)->source.due_us = now_us + delay_us;
}

static void sim_timer_disarm(struct loop_timer *timer) {
  ((struct sim_timer *)timer)->source.due_us = SIM_NEVER;
}

static void sim_timer_free(struct loop_timer *timer) {
  sim_source_remove(timer->loop, &((struct sim_timer *)timer)->source);
  free(timer);
}

static void run_handler(struct sim_source *source) {
  struct sim_handler *handler = HOLDER(source, struct sim_handler, source);
  source->due_us = SIM_NEVER;
  handler->fn(handler->arg);
}

static int sim_on_signal(struct loop *loop, int signal_number, loop_fn *fn, void *arg,
                         struct err *err) {
  (void)err;
  struct sim_loop *sim = sim_of(loop);
  struct sim_handler *handler = mem_zalloc(sizeof *handler);
  handler->number = signal_number;
  handler->fn = fn;
  handler->arg = arg;
  handler->source.run = run_handler;
  handler->next = sim->handlers;
  sim->handlers = handler;
  sim_source_add(loop, &handler->source);
  return 0;
}

void sim_signal(struct loop *loop, int signal_number) {
  for (struct sim_handler *h = sim_of(loop)->handlers; h != NULL; h = h->next)
    if (h->number == signal_number) h->source.due_us = sim_now_us(loop);
}

/* --- standard input and output --- */

static void stream_update(struct sim_loop *sim) {
  if (sim->stream == NULL) return;
  bool ready = sim->input_read < sim->input.len || sim->input_ends;
  sim->stream->source.due_us = sim->stream->wanted && ready ? clock_mono_us(sim->clock) : SIM_NEVER;
}

static void run_stream(struct sim_source *source) {
  struct sim_stream *stream = HOLDER(source, struct sim_stream, source);
  stream->fn(stream->arg);
}

static int sim_stream_open_stdin(struct loop *loop, loop_fn *fn, void *arg,
                                 struct loop_stream **out, struct err *err) {
  struct sim_loop *sim = sim_of(loop);
  if (sim->stream != NULL) return err_set(err, ERR_BUSY, "standard input is open already");
  struct sim_stream *stream = mem_zalloc(sizeof *stream);
  stream->stream.loop = loop;
  stream->fn = fn;
  stream->arg = arg;
  stream->source.run = run_stream;
  sim_source_add(loop, &stream->source);
  sim->stream = stream;
  *out = &stream->stream;
  return 0;
}

static void sim_stream_want(struct loop_stream *stream, bool wanted) {
  ((struct sim_stream *)stream)->wanted = wanted;
  stream_update(sim_of(stream->loop));
}

static int sim_stream_read(struct loop_stream *stream, void *data, size_t len, size_t *got,
                           bool *ended, struct err *err) {
  (void)err;
  struct sim_loop *sim = sim_of(stream->loop);
  size_t rest = sim->input.len - sim->input_read;
  *ended = rest == 0 && sim->input_ends && len > 0;
  if (len > rest) len = rest;
  *got = len == 0 ? 0 : 1 + (size_t)random_below(&sim->random, len);
  if (*got > 0) memcpy(data, sim->input.data + sim->input_read, *got);
  sim->input_read += *got;
  stream_update(sim);
  return 0;
}

static void sim_stream_close(struct loop_stream *stream) {
  sim_source_remove(stream->loop, &((struct sim_stream *)stream)->source);
  sim_of(stream->loop)->stream = NULL;
  free(stream);
}

void sim_stdin(struct loop *loop, const void *data, size_t len, bool ends) {
  struct sim_loop *sim = sim_of(loop);
  buf_put(&sim->input, data, len);
  if (ends) sim->input_ends = true;
  stream_update(sim);
}

static int sim_stdout_write(struct loop *loop, const void *data, size_t len, struct err *err) {
  (void)err;
  buf_put(&sim_of(loop)->output, data, len);
  return 0;
}

struct slice sim_stdout(struct loop *loop) {
  return buf_slice(&sim_of(loop)->output);
}

/* --- beginning and end --- */

static void sim_free(struct loop *loop) {
  struct sim_loop *sim = sim_of(loop);
  for (struct sim_handler *h = sim->handlers, *next; h != NULL; h = next) {
    next = h->next;
    sim_source_remove(loop, &h->source);
    free(h);
  }
  sim_source_remove(loop, &sim->posted_source);
  assert(sim->sources.next == &sim->sources); /* somebody still uses the loop */
  fifo_fini(&sim->posted);
  buf_fini(&sim->input);
  buf_fini(&sim->output);
  free(sim);
}

static const struct loop_ops sim_ops = {
    .wait = sim_wait,
    .post = sim_post,
    .unpost = sim_unpost,
    .wake = sim_wake,
    .timer_new = sim_timer_new,
    .timer_arm = sim_timer_arm,
    .timer_disarm = sim_timer_disarm,
    .timer_free = sim_timer_free,
    .on_signal = sim_on_signal,
    .stream_open_stdin = sim_stream_open_stdin,
    .stream_want = sim_stream_want,
    .stream_read = sim_stream_read,
    .stream_close = sim_stream_close,
    .stdout_write = sim_stdout_write,
    .free = sim_free,
};

struct loop *loop_sim_new(struct clock *clock, uint64_t seed) {
  struct sim_loop *sim = mem_zalloc(sizeof *sim);
  sim->loop.ops = &sim_ops;
  sim->clock = clock;
  random_seed(&sim->random, seed);
  sim->sources.prev = sim->sources.next = &sim->sources;
  sim->posted_source.run = run_posted;
  sim_source_add(&sim->loop, &sim->posted_source);
  buf_init(&sim->input);
  buf_init(&sim->output);
  return &sim->loop;
}
