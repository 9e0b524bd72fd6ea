/* http_pieces: see http_pieces.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/http_pieces.h"

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "tests/unit/http_client.h"
#include "tests/unit/http_echo.h"

static void turn(struct io *io, struct http_echo *echo, int64_t wait_us) {
  struct err err;
  while (echo->n_waiting > 0) http_echo_answer(echo, 0, 200);
  if (loop_wait(io->loop, wait_us, &err) != 0) fail_msg("%s", err.text);
}

char *http_pieces_answers(struct slice bytes, uint64_t seed, size_t piece_max) {
  struct io io;
  struct err err;
  struct disk *disk = sim_disk_new();
  if (io_sim_open(&io, seed, 1700000000000000, disk, &err) != 0) fail_msg("%s", err.text);
  struct http_limits limits = http_limits_default;
  limits.head_bytes_max = 300;
  limits.body_bytes_max = 200;
  struct http_echo echo;
  http_echo_open(&echo, &io, "127.0.0.1:0", &limits);
  struct http_client client;
  http_client_open(&client, &io, http_server_address(echo.server));
  while (bytes.len > 0) {
    size_t len = 1 + random_below(io.random, bytes.len < piece_max ? bytes.len : piece_max);
    http_client_send(&client, (struct slice){bytes.data, len});
    bytes.data += len;
    bytes.len -= len;
    for (uint64_t n = random_below(io.random, 6); n > 0; n--) turn(&io, &echo, 0);
  }
  http_client_end(&client);
  int64_t end_us = clock_mono_us(io.clock) + 300 * 1000000;
  while (!client.ended) {
    if (clock_mono_us(io.clock) > end_us) fail_msg("nothing came for five minutes");
    turn(&io, &echo, 1000000);
  }
  char *text = mem_strdup(http_client_got(&client));
  http_client_close(&client);
  struct http_server_figures figures;
  while (http_server_figures(echo.server, &figures), figures.connections > 0)
    turn(&io, &echo, 1000000);
  assert_int_equal(figures.body_bytes, 0);
  assert_int_equal(echo.n_waiting, 0);
  http_echo_close(&echo);
  io_sim_close(&io);
  disk_free(disk);
  return text;
}
