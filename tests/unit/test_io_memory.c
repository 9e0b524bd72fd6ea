/* The contract of memory.h, real and simulated. That nothing is left is asserted when a world ends.
 */
#include "tests/unit/io_world.h"

#include <stdatomic.h>

struct piece {
  unsigned char *data;
  size_t bytes;
  unsigned char mark;
};

/* Its first and last byte of each 4 KiB. */
static void piece_mark(struct piece *piece, unsigned char mark) {
  piece->mark = mark;
  for (size_t i = 0; i < piece->bytes; i += 4096) piece->data[i] = piece->data[i + 4095] = mark;
}

static bool piece_good(const struct piece *piece) {
  for (size_t i = 0; i < piece->bytes; i += 4096) {
    if (piece->data[i] != piece->mark || piece->data[i + 4095] != piece->mark) return false;
  }
  return true;
}

/* Pieces of all sizes up to more than two huge pages come and go, and none lies in another. */
static bool use_at_random(struct memory *memory, uint64_t seed) {
  bool good = true;
  enum { PIECES = 40, STEPS = 2000 };
  struct piece pieces[PIECES] = {0};
  struct random random;
  random_seed(&random, seed);
  for (int step = 0; step < STEPS; step++) {
    struct piece *piece = &pieces[random_below(&random, PIECES)];
    if (piece->data != NULL) {
      good &= piece_good(piece);
      memory_give(memory, piece->data, piece->bytes);
      piece->data = NULL;
      continue;
    }
    uint64_t n = random_below(&random, 4) != 0 ? 1 : 1 + random_below(&random, 70);
    piece->bytes = n * MEMORY_PIECE_BYTES;
    piece->data = memory_take(memory, piece->bytes);
    good &= (uintptr_t)piece->data % 16 == 0;
    piece_mark(piece, (unsigned char)step);
  }
  for (int i = 0; i < PIECES; i++) {
    if (pieces[i].data == NULL) continue;
    good &= piece_good(&pieces[i]);
    memory_give(memory, pieces[i].data, pieces[i].bytes);
  }
  return good;
}

static void pieces_lie_apart(void **state) {
  struct io_world *w = *state;
  assert_true(use_at_random(w->io.memory, 1));
}

struct shared {
  struct memory *memory;
  atomic_uint n_good;
};

static void part(void *arg, size_t number, uint32_t worker) {
  (void)worker;
  struct shared *shared = arg;
  if (use_at_random(shared->memory, number)) atomic_fetch_add(&shared->n_good, 1);
}

static void threads_share_it(void **state) {
  struct io_world *w = *state;
  struct shared shared = {.memory = w->io.memory};
  struct pool *pool = pool_new(w->io.threads, 3);
  pool_run(pool, 6, part, &shared);
  pool_free(pool);
  assert_int_equal(atomic_load(&shared.n_good), 6);
}

static int look(void *arg, struct err *err) {
  if (piece_good(arg)) return 0;
  return err_set(err, ERR_DATA, "the copy sees what was written after it was made");
}

/* What is written while a copy lives is not seen there, and gathering changes nothing. */
static void gathered_after_a_copy(void **state) {
  struct io_world *w = *state;
  struct memory *memory = w->io.memory;
  struct piece piece = {.bytes = 80 * MEMORY_PIECE_BYTES};
  piece.data = memory_take(memory, piece.bytes);
  for (unsigned char round = 1; round < 4; round++) {
    piece_mark(&piece, round);
    struct piece then = piece;
    struct frozen *frozen;
    struct err err;
    assert_int_equal(frozen_start(w->io.threads, look, &then, &frozen, &err), 0);
    piece_mark(&piece, (unsigned char)(round + 100));
    if (frozen_wait(frozen, &err) != 0) fail_msg("%s", err.text);
    memory_gather(memory);
    assert_true(piece_good(&piece));
  }
  memory_give(memory, piece.data, piece.bytes);
  memory_gather(memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(pieces_lie_apart),
      BOTH(threads_share_it),
      BOTH(gathered_after_a_copy),
  };
  return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
