/* loop: the calls of loop.h, handed to the implementation. */
#include "daemon/io/loop.h"

int loop_wait(struct loop *loop, int64_t timeout_us, struct err *err) {
  return loop->ops->wait(loop, timeout_us, err);
}

void loop_post(struct loop *loop, loop_fn *fn, void *arg) {
  loop->ops->post(loop, fn, arg);
}

void loop_unpost(struct loop *loop, loop_fn *fn, void *arg) {
  loop->ops->unpost(loop, fn, arg);
}

void loop_wake(struct loop *loop) {
  loop->ops->wake(loop);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg) {
  return loop->ops->timer_new(loop, fn, arg);
}

void loop_timer_arm(struct loop_timer *timer, int64_t delay_us) {
  timer->loop->ops->timer_arm(timer, delay_us);
}

void loop_timer_disarm(struct loop_timer *timer) {
  timer->loop->ops->timer_disarm(timer);
}

void loop_timer_free(struct loop_timer *timer) {
  if (timer != NULL) timer->loop->ops->timer_free(timer);
}

int loop_on_signal(struct loop *loop, int signal_number, loop_fn *fn, void *arg, struct err *err) {
  return loop->ops->on_signal(loop, signal_number, fn, arg, err);
}

int loop_stream_open_stdin(struct loop *loop, loop_fn *fn, void *arg, struct loop_stream **stream,
                           struct err *err) {
  return loop->ops->stream_open_stdin(loop, fn, arg, stream, err);
}

void loop_stream_want(struct loop_stream *stream, bool wanted) {
  stream->loop->ops->stream_want(stream, wanted);
}

int loop_stream_read(struct loop_stream *stream, void *data, size_t len, size_t *got, bool *ended,
                     struct err *err) {
  return stream->loop->ops->stream_read(stream, data, len, got, ended, err);
}

void loop_stream_close(struct loop_stream *stream) {
  if (stream != NULL) stream->loop->ops->stream_close(stream);
}

int loop_stdout_write(struct loop *loop, const void *data, size_t len, struct err *err) {
  return loop->ops->stdout_write(loop, data, len, err);
}

void loop_free(struct loop *loop) {
  if (loop != NULL) loop->ops->free(loop);
}
