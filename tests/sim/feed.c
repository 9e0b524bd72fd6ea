/* feed: see run.h. */
#include "tests/sim/run.h"

#include <stdio.h>

enum { PIECE_BYTES_MAX = 3000 };

static void bodies_cut(struct run *run, struct slice text) {
  size_t n = 0, lines = 0;
  const char *from = text.data, *end = text.data + text.len;
  for (const char *at = from; at < end; at++) n += *at == '\n' && (at + 1 == end || at[1] == '\n');
  run->bodies = mem_zalloc((n + 1) * sizeof *run->bodies);
  pusher_init(&run->pusher, n, run->script.seed);
  run->pusher.n_addresses = run->script.n_addresses;
  run->pusher.bodies = run->bodies;
  n = 0;
  for (const char *at = from; at < end; at++) {
    if (*at != '\n') continue;
    lines++;
    if (at + 1 < end && at[1] != '\n') continue;
    run->pusher.requests[n].n_records = (int)lines;
    run->bodies[n++] = (struct slice){from, (size_t)(at + 1 - from)};
    lines = 0;
    from = ++at + 1;
  }
}

void feed_init(struct run *run) {
  bodies_cut(run, buf_slice(&run->script.requests));
  for (size_t i = 0; i < run->script.n_puts; i++)
    world_put(run->world.disk, run->script.puts[i].path, buf_slice(&run->script.puts[i].text));
  struct err err;
  assert_int_equal(disk_sync_dir(run->world.disk, "/in", &err), 0);
}

void feed_fini(struct run *run) {
  pusher_fini(&run->pusher);
  free(run->bodies);
}

static void tail_grow(struct run *run, size_t i) {
  const struct script_file *of = &run->script.tails[i];
  struct run_tail *tail = &run->tails[i];
  uint64_t left = of->text.len - tail->written;
  if (left == 0 || random_below(&run->random, 4) != 0) return;
  uint64_t n = 1 + random_below(&run->random, PIECE_BYTES_MAX);
  if (n > left) n = left;
  struct disk_file *file;
  struct err err;
  run_aside_begin(run);
  if (disk_open(run->world.disk, of->path, DISK_WRITE | DISK_CREATE, &file, &err) != 0)
    fail_msg("%s", err.text);
  assert_int_equal(disk_write(file, of->text.data + tail->written, n, tail->written, &err), 0);
  assert_int_equal(disk_sync(file, &err), 0);
  disk_close(file);
  if (tail->written == 0) assert_int_equal(disk_sync_dir(run->world.disk, "/in", &err), 0);
  run_aside_end(run);
  tail->written += n;
}

/* The producer goes on from where the daemon said that it reads. */
static void stdin_send(struct run *run, FILE *said) {
  struct world *world = &run->world;
  if (!run->producing) {
    run->producing = world_produce(world, said);
    if (!run->producing) return;
  }
  if (world->sent < world->input.len || (world->input.len == 0 && world->sent == 0))
    world_send(world, 1 + random_below(&run->random, PIECE_BYTES_MAX));
}

void feed_turn(struct run *run, FILE *said) {
  for (size_t i = 0; i < run->script.n_tails; i++) tail_grow(run, i);
  if (run->script.has_stdin) stdin_send(run, said);
  if (run->script.has_push) pusher_turn(&run->pusher, &run->world.io);
}

bool feed_done(const struct run *run) {
  for (size_t i = 0; i < run->script.n_tails; i++)
    if (run->tails[i].written < run->script.tails[i].text.len) return false;
  return !run->script.has_push || pusher_done(&run->pusher);
}

void feed_off(struct run *run) {
  if (run->script.has_push) pusher_off(&run->pusher);
}

void feed_put(const struct run *run, struct buf *out) {
  for (size_t i = 0; i < run->pusher.n; i++) {
    enum push_state state = run->pusher.requests[i].state;
    buf_printf(out, "%s\n",
               state == PUSH_ACKED     ? "taken"
               : state == PUSH_REFUSED ? "refused"
                                       : "unknown");
  }
}
