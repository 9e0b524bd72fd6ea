/* The contracts of loop.h, clock.h and random.h, real and simulated. */
#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct note {
  struct io_world *world;
  char text[64];
  int n;
};

static void count(void *arg) {
  ++*(int *)arg;
}

/* --- clock and random --- */

static void clocks_go_on(void **state) {
  struct io_world *w = *state;
  int64_t mono_us = clock_mono_us(w->io.clock), wall_us = clock_wall_us(w->io.clock);
  assert_true(wall_us > 1600000000000000);
  OK(w, loop_wait(w->io.loop, 2000, &w->err));
  assert_true(clock_mono_us(w->io.clock) >= mono_us + 1000);
}

static void the_wall_clock_jumps_alone(void **state) {
  struct io_world *w = *state;
  int64_t mono_us = clock_mono_us(w->io.clock), wall_us = clock_wall_us(w->io.clock);
  sim_clock_jump(w->io.clock, -5000000);
  assert_int_equal(clock_wall_us(w->io.clock), wall_us - 5000000);
  assert_int_equal(clock_mono_us(w->io.clock), mono_us);
}

/* The first numbers of the reference implementation for the state 1, 2, 3, 4. */
static void random_is_xoshiro256starstar(void **state) {
  (void)state;
  struct random random = {{1, 2, 3, 4}};
  assert_true(random_u64(&random) == 11520);
  assert_true(random_u64(&random) == 0);
  assert_true(random_u64(&random) == 1509978240);
  assert_true(random_u64(&random) == 1215971899390074240);
  /* splitmix64 from 0, as in its reference implementation */
  random_seed(&random, 0);
  assert_true(random.s[0] == 0xe220a8397b1dcdafu && random.s[1] == 0x6e789e6aa1b965f4u);
  int seen[7] = {0};
  for (int i = 0; i < 7000; i++) seen[random_below(&random, 7)]++;
  for (int i = 0; i < 7; i++) assert_in_range(seen[i], 850, 1150);
  for (int i = 0; i < 1000; i++) {
    double unit = random_unit(&random);
    assert_true(unit >= 0 && unit < 1);
  }
}

/* --- posts, wakes, timers --- */

static void append(struct note *note, char c) {
  note->text[note->n++] = c;
}
static void append_a(void *arg) {
  append(arg, 'a');
}
static void append_b(void *arg) {
  append(arg, 'b');
}
static void append_c_and_post_b(void *arg) {
  struct note *note = arg;
  append(note, 'c');
  loop_post(note->world->io.loop, append_b, note);
}
static void unpost_a(void *arg) {
  struct note *note = arg;
  loop_unpost(note->world->io.loop, append_a, note);
}

static void posts_run_in_order(void **state) {
  struct io_world *w = *state;
  struct note note = {.world = w};
  loop_post(w->io.loop, append_a, &note);
  loop_post(w->io.loop, append_c_and_post_b, &note);
  loop_post(w->io.loop, append_a, &note);
  assert_int_equal(note.n, 0);
  OK(w, loop_wait(w->io.loop, -1, &w->err));
  assert_string_equal(note.text, "aca");
  OK(w, loop_wait(w->io.loop, -1, &w->err));
  assert_string_equal(note.text, "acab");
}

static void a_post_can_be_taken_back(void **state) {
  struct io_world *w = *state;
  struct note note = {.world = w};
  for (int i = 0; i < 20; i++) loop_post(w->io.loop, append_a, &note);
  loop_unpost(w->io.loop, append_a, &note);
  loop_post(w->io.loop, append_b, &note);
  loop_post(w->io.loop, unpost_a, &note);
  loop_post(w->io.loop, append_a, &note);
  loop_post(w->io.loop, append_b, &note);
  io_world_until(w, &note.n, 2);
  OK(w, loop_wait(w->io.loop, 0, &w->err));
  assert_string_equal(note.text, "bb");
}

static void a_wake_ends_one_wait(void **state) {
  struct io_world *w = *state;
  int64_t start_us = clock_mono_us(w->io.clock);
  loop_wake(w->io.loop);
  loop_wake(w->io.loop);
  OK(w, loop_wait(w->io.loop, 60000000, &w->err));
  assert_true(clock_mono_us(w->io.clock) - start_us < 30000000);
  start_us = clock_mono_us(w->io.clock);
  OK(w, loop_wait(w->io.loop, 3000, &w->err));
  assert_true(clock_mono_us(w->io.clock) - start_us >= 2000);
}

static void timers_fire_once_when_due(void **state) {
  struct io_world *w = *state;
  int early = 0, late = 0, never = 0;
  struct loop_timer *first = loop_timer_new(w->io.loop, count, &early);
  struct loop_timer *second = loop_timer_new(w->io.loop, count, &late);
  struct loop_timer *third = loop_timer_new(w->io.loop, count, &never);
  int64_t start_us = clock_mono_us(w->io.clock);
  loop_timer_arm(first, 50000000);
  loop_timer_arm(first, 1000); /* moves it */
  loop_timer_arm(second, 30000);
  loop_timer_arm(third, 2000);
  loop_timer_disarm(third);
  io_world_until(w, &early, 1);
  assert_true(clock_mono_us(w->io.clock) - start_us >= 1000);
  assert_int_equal(late, 0);
  io_world_until(w, &late, 1);
  assert_true(clock_mono_us(w->io.clock) - start_us >= 30000);
  assert_int_equal(early, 1);
  assert_int_equal(never, 0);
  loop_timer_arm(first, 0);
  io_world_until(w, &early, 2);
  loop_timer_arm(first, 1000);
  loop_timer_free(first);
  loop_timer_free(second);
  loop_timer_free(third);
  loop_timer_free(NULL);
  OK(w, loop_wait(w->io.loop, 3000, &w->err));
  assert_int_equal(early, 2);
}

static void signals_arrive(void **state) {
  struct io_world *w = *state;
  int got = 0;
  OK(w, loop_on_signal(w->io.loop, SIGUSR1, count, &got, &w->err));
  if (w->real)
    raise(SIGUSR1);
  else
    sim_signal(w->io.loop, SIGUSR1);
  io_world_until(w, &got, 1);
  assert_int_equal(got, 1);
}

static void *post_many(void *arg) {
  struct note *note = arg;
  for (int i = 0; i < 1000; i++) loop_post(note->world->io.loop, count, &note->n);
  return NULL;
}

static void other_threads_may_post(void **state) {
  struct note note = {.world = *state};
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, post_many, &note), 0);
  io_world_until(note.world, &note.n, 3000);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}

static void ignore(void *arg) {
  (void)arg;
}

static void waiting_for_nothing_is_said(void **state) {
  struct io_world *w = *state;
  assert_true(sim_loop_idle(w->io.loop));
  assert_int_equal(loop_wait(w->io.loop, -1, &w->err), -1);
  loop_post(w->io.loop, ignore, NULL);
  assert_false(sim_loop_idle(w->io.loop));
  OK(w, loop_wait(w->io.loop, -1, &w->err));
  assert_true(sim_loop_idle(w->io.loop));
}

/* --- standard input --- */

/* In the real world descriptor 0 is replaced; in the simulated one there is no descriptor. */
struct input {
  struct io_world *world;
  int saved, pipe_end; /* pipe_end: -1 none */
  int ready;
};

static void input_start(struct input *input, struct io_world *world, bool regular) {
  *input = (struct input){.world = world, .saved = -1, .pipe_end = -1};
  if (!world->real) return;
  input->saved = dup(STDIN_FILENO);
  int fds[2];
  if (regular) {
    fds[0] = open(io_world_path(world, "input"), O_RDWR | O_CREAT, 0600);
  } else {
    assert_int_equal(pipe(fds), 0);
    input->pipe_end = fds[1];
  }
  dup2(fds[0], STDIN_FILENO);
  close(fds[0]);
}

static void input_put(struct input *input, const char *text, bool ends) {
  size_t len = strlen(text);
  if (!input->world->real) {
    sim_stdin(input->world->io.loop, text, len, ends);
    return;
  }
  int fd = input->pipe_end >= 0 ? input->pipe_end : STDIN_FILENO;
  assert_int_equal(write(fd, text, len), len);
  if (ends && fd == input->pipe_end) {
    close(fd);
    input->pipe_end = -1;
  } else if (ends) {
    lseek(fd, 0, SEEK_SET);
  }
}

static void input_end(struct input *input) {
  if (input->saved >= 0) {
    dup2(input->saved, STDIN_FILENO);
    close(input->saved);
  }
}

static bool read_all(struct input *input, struct loop_stream *stream, struct buf *got) {
  bool ended = false;
  size_t n;
  do {
    char data[7];
    OK(input->world, loop_stream_read(stream, data, sizeof data, &n, &ended, &input->world->err));
    buf_put(got, data, n);
  } while (n > 0);
  return ended;
}

static void a_pipe_as_input(void **state) {
  struct io_world *w = *state;
  struct input input;
  input_start(&input, w, false);
  struct loop_stream *stream;
  struct buf got;
  buf_init(&got);
  OK(w, loop_stream_open_stdin(w->io.loop, count, &input.ready, &stream, &w->err));
  assert_false(read_all(&input, stream, &got)); /* nothing yet, and it does not block */
  input_put(&input, "some text", false);
  OK(w, loop_wait(w->io.loop, 0, &w->err));
  assert_int_equal(input.ready, 0); /* not wanted */
  loop_stream_want(stream, true);
  io_world_until(w, &input.ready, 1);
  assert_false(read_all(&input, stream, &got));
  assert_string_equal(buf_cstr(&got), "some text");
  loop_stream_want(stream, false);
  input_put(&input, " and more", true);
  OK(w, loop_wait(w->io.loop, 0, &w->err));
  int before = input.ready;
  OK(w, loop_wait(w->io.loop, 0, &w->err));
  assert_int_equal(input.ready, before);
  loop_stream_want(stream, true);
  io_world_until(w, &input.ready, before + 1);
  while (!read_all(&input, stream, &got)) continue;
  assert_string_equal(buf_cstr(&got), "some text and more");
  if (w->real) assert_int_equal(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
  loop_stream_close(stream);
  loop_stream_close(NULL);
  buf_fini(&got);
  input_end(&input);
}

static void a_file_as_input_is_always_ready(void **state) {
  struct io_world *w = *state;
  struct input input;
  input_start(&input, w, true);
  input_put(&input, "line\n", true);
  struct loop_stream *stream;
  struct buf got;
  buf_init(&got);
  OK(w, loop_stream_open_stdin(w->io.loop, count, &input.ready, &stream, &w->err));
  loop_stream_want(stream, true);
  OK(w, loop_wait(w->io.loop, -1, &w->err));
  OK(w, loop_wait(w->io.loop, -1, &w->err));
  assert_int_equal(input.ready, 2);
  assert_true(read_all(&input, stream, &got));
  assert_string_equal(buf_cstr(&got), "line\n");
  loop_stream_close(stream);
  buf_fini(&got);
  input_end(&input);
}

static void output_without_a_reader_is_an_error(void **state) {
  struct io_world *w = *state;
  int fds[2], saved = dup(STDOUT_FILENO);
  assert_int_equal(pipe(fds), 0);
  dup2(fds[1], STDOUT_FILENO);
  int result = loop_stdout_write(w->io.loop, "text", 4, &w->err);
  char data[8];
  ssize_t got = read(fds[0], data, sizeof data);
  close(fds[0]);
  int broken = loop_stdout_write(w->io.loop, "text", 4, &w->err);
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(fds[1]);
  assert_int_equal(result, 0);
  assert_int_equal(got, 4);
  assert_int_equal(broken, -1);
  assert_int_equal(w->err.code, ERR_IO);
  assert_string_equal(w->err.text, "cannot write to standard output: Broken pipe");
}

static void simulated_output_is_kept(void **state) {
  struct io_world *w = *state;
  OK(w, loop_stdout_write(w->io.loop, "ab", 2, &w->err));
  OK(w, loop_stdout_write(w->io.loop, "c", 1, &w->err));
  assert_true(slice_is(sim_stdout(w->io.loop), "abc"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(clocks_go_on),
      SIM(the_wall_clock_jumps_alone),
      cmocka_unit_test(random_is_xoshiro256starstar),
      BOTH(posts_run_in_order),
      BOTH(a_post_can_be_taken_back),
      BOTH(a_wake_ends_one_wait),
      BOTH(timers_fire_once_when_due),
      BOTH(signals_arrive),
      REAL(other_threads_may_post),
      SIM(waiting_for_nothing_is_said),
      BOTH(a_pipe_as_input),
      BOTH(a_file_as_input_is_always_ready),
      REAL(output_without_a_reader_is_an_error),
      SIM(simulated_output_is_kept),
  };
  return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
