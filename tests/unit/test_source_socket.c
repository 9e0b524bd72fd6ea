/* Tests of the source `socket`: its rules, with peers that are in the same process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "sources/sources.h"
#include "tests/contract/source_harness.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS "127.0.0.1:7007" /* simulated: nobody else's */
#define TCP "mode: tcp\naddress: " ADDRESS "\n"

enum { PEERS_MAX = 300 };

struct peer {
  struct net_conn *conn;
};

static void nothing(void *arg) {
  (void)arg;
}

static void begin(struct source_world *world, const char *options) {
  struct err err;
  source_world_open(world, true);
  if (source_start(world, &source_socket, options, &err) != 0) fail_msg("%s", err.text);
}

static struct peer peer_open(struct source_world *world) {
  struct peer peer;
  struct err err;
  assert_int_equal(net_connect(world->io.net, ADDRESS, nothing, NULL, &peer.conn, &err), 0);
  return peer;
}

/* Lets time pass, and takes whatever the source has meanwhile. */
static void turns(struct source_world *world, int n, uint64_t bytes) {
  struct err err;
  for (int i = 0; i < n; i++) {
    assert_int_equal(loop_wait(world->io.loop, 100, &err), 0);
    if (world->ready && source_take_once(world, bytes, &err) != 0) fail_msg("%s", err.text);
  }
}

/* Until all that was said has been taken. */
static void settle(struct source_world *world, uint64_t bytes) {
  for (int i = 0; world->ready || !sim_loop_idle(world->io.loop); i++) {
    assert_true(i < 1000000);
    turns(world, 1, bytes);
  }
}

/* All of it, in the pieces that the connection takes. */
static void say(struct source_world *world, struct peer *peer, const char *data, size_t len) {
  struct err err;
  for (int i = 0; len > 0; i++) {
    size_t put;
    assert_true(i < 100000);
    if (net_write(peer->conn, data, len, &put, &err) != 0) fail_msg("%s", err.text);
    data += put;
    len -= put;
    if (put == 0 || (put < 1000 && len > 10000)) settle(world, 1 << 20);
    turns(world, 1, 1 << 20);
  }
}

static void say_text(struct source_world *world, struct peer *peer, const char *text) {
  say(world, peer, text, strlen(text));
}

static bool is_closed(struct source_world *world, struct peer *peer) {
  char c;
  size_t got;
  bool ended;
  struct err err;
  turns(world, 3, 1 << 20);
  return net_read(peer->conn, &c, 1, &got, &ended, &err) != 0 || ended;
}

static void story_is(struct source_world *world, const char *wanted) {
  assert_string_equal(buf_cstr(&world->story), wanted);
}

static void lines_of_connections(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP);
  struct peer a = peer_open(&world), b = peer_open(&world);
  say_text(&world, &a, "a one\na tw");
  say_text(&world, &b, "b one\r\n\nb half");
  say_text(&world, &a, "o\n");
  turns(&world, 5, 1 << 20);
  story_is(&world, "socket: a one\nsocket: b one\r\nsocket: \nsocket: a two\n");
  /* Closed in good order: the half line is a record, and the next line does not stick to it. */
  net_conn_close(b.conn);
  turns(&world, 5, 1 << 20);
  say_text(&world, &a, "a three\n");
  turns(&world, 5, 1 << 20);
  story_is(&world, "socket: a one\nsocket: b one\r\nsocket: \nsocket: a two\nsocket: b half\n"
                   "socket: a three\n");
  assert_non_null(strstr(buf_cstr(&world.bytes), "b half\na three\n"));
  assert_false(world.ended);
  net_conn_close(a.conn);
  source_world_close(&world);
}

/* Another life goes on with the positions, from zero lines. */
static void positions_go_on(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP);
  struct err err;
  for (int life = 0; life < 3; life++) {
    struct peer peer = peer_open(&world);
    say_text(&world, &peer, "0123456\nlost");
    turns(&world, 5, 1 << 20);
    assert_int_equal(world.n_partitions, 1);
    assert_int_equal(world.partitions[0].position, 8 * (life + 1));
    net_conn_close(peer.conn);
    source_stop(&world);
    assert_int_equal(source_start(&world, &source_socket, TCP, &err), 0);
  }
  source_world_close(&world);
}

static void a_cut_line_is_no_record(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP);
  struct peer peer = peer_open(&world);
  say_text(&world, &peer, "whole\nhal");
  turns(&world, 5, 1 << 20);
  sim_net_set_faults(world.io.net, (struct sim_net_faults){.cut_per_million = 1000000});
  size_t put;
  assert_int_equal(net_write(peer.conn, "f\n", 2, &put, NULL), -1);
  sim_net_set_faults(world.io.net, (struct sim_net_faults){0});
  turns(&world, 5, 1 << 20);
  story_is(&world, "socket: whole\n");
  net_conn_close(peer.conn);
  source_world_close(&world);
}

/* A peer that never ends its line: what is held of it has a bound, and it is one record. */
static void a_line_without_end_is_bounded(void **state) {
  (void)state;
  struct source_world world;
  source_world_open(&world, true);
  world.common.line_max_bytes = 1000;
  struct err err;
  assert_int_equal(source_start(&world, &source_socket, TCP, &err), 0);
  struct peer peer = peer_open(&world);
  enum { LONG = 1000000 };
  char *text = mem_alloc(LONG);
  memset(text, 'x', LONG);
  say(&world, &peer, text, LONG);
  free(text);
  turns(&world, 5, 1 << 20);
  story_is(&world, "");
  say_text(&world, &peer, "\nnext\n");
  settle(&world, 1 << 20);
  assert_int_equal(world.n_given, 2);
  assert_int_equal(world.given[0].flags, TAKE_TOO_LONG);
  assert_int_equal(world.given[0].len, 1002);
  assert_int_equal(world.given[0].to, LONG + 1);
  assert_int_equal(world.given[1].len, 5);
  net_conn_close(peer.conn);
  source_world_close(&world);
}

static void silence_closes(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP "idle_timeout: 1s\n");
  struct peer quiet = peer_open(&world), busy = peer_open(&world);
  say_text(&world, &quiet, "half");
  int64_t start_us = clock_mono_us(world.io.clock);
  while (clock_mono_us(world.io.clock) < start_us + 3000000) {
    struct err err;
    size_t put;
    assert_int_equal(net_write(busy.conn, "b\n", 1, &put, &err), 0);
    turns(&world, 3, 1 << 20);
    assert_int_equal(loop_wait(world.io.loop, 100000, &err), 0);
  }
  assert_true(is_closed(&world, &quiet));
  assert_false(is_closed(&world, &busy));
  assert_null(strstr(buf_cstr(&world.story), "half"));
  net_conn_close(quiet.conn);
  net_conn_close(busy.conn);
  source_world_close(&world);
}

/* Not read is not silent: who was held back is not closed for it. */
static void waiting_for_us_is_not_silence(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP "idle_timeout: 1s\n");
  struct peer peer = peer_open(&world);
  struct err err;
  turns(&world, 5, 1 << 20);
  size_t put;
  assert_int_equal(net_write(peer.conn, "x\n", 1, &put, &err), 0);
  for (int i = 0; i < 50; i++) assert_int_equal(loop_wait(world.io.loop, 100000, &err), 0);
  assert_true(world.ready); /* nobody has taken */
  assert_false(net_read(peer.conn, &(char){0}, 1, &put, &(bool){false}, &err) != 0);
  say_text(&world, &peer, "y\n");
  turns(&world, 5, 1 << 20);
  story_is(&world, "socket: xy\n");
  net_conn_close(peer.conn);
  source_world_close(&world);
}

/* What is not taken is not read, and the writer stops; nothing is lost by it. */
static void a_full_pipeline_holds_the_peer(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP);
  struct peer peer = peer_open(&world);
  struct err err;
  turns(&world, 5, 1 << 20);
  struct buf sent;
  buf_init(&sent);
  for (int i = 0; i < 100; i++) { /* far beyond what the connection holds */
    char line[4096];
    memset(line, 'a' + i % 26, sizeof line);
    line[sizeof line - 1] = '\n';
    size_t put;
    assert_int_equal(net_write(peer.conn, line, sizeof line, &put, &err), 0);
    buf_put(&sent, line, put);
    assert_int_equal(loop_wait(world.io.loop, 100, &err), 0);
  }
  assert_true(sent.len <= 64 * 1024);
  turns(&world, 5, 1 << 20);
  say_text(&world, &peer, "\nend\n");
  buf_put_text(&sent, "\nend\n");
  settle(&world, 1 << 20);
  assert_true(slice_equal(buf_slice(&world.bytes), buf_slice(&sent)));
  buf_fini(&sent);
  net_conn_close(peer.conn);
  source_world_close(&world);
}

static void callers_wait_for_a_place(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP "max_connections: 2\n");
  struct peer peers[3];
  for (int i = 0; i < 3; i++) peers[i] = peer_open(&world);
  for (int i = 0; i < 3; i++) {
    char text[16];
    size_t put = 0;
    struct err err;
    snprintf(text, sizeof text, "%d\n", i);
    for (int n = 0; put < 2; n++) {
      size_t some;
      assert_true(n < 1000);
      assert_int_equal(net_write(peers[i].conn, text + put, 2 - put, &some, &err), 0);
      put += some;
      turns(&world, 1, 1 << 20);
    }
  }
  turns(&world, 20, 1 << 20);
  assert_null(strstr(buf_cstr(&world.story), "socket: 2"));
  net_conn_close(peers[0].conn);
  turns(&world, 20, 1 << 20);
  assert_non_null(strstr(buf_cstr(&world.story), "socket: 2"));
  net_conn_close(peers[1].conn);
  net_conn_close(peers[2].conn);
  source_world_close(&world);
}

static void datagrams(void **state) {
  (void)state;
  static const char *const options[] = {"mode: udp\naddress: " ADDRESS "\nreceive_buffer: 100KiB\n",
                                        "mode: unixgram\npath: /run/x\n"};
  static const char *const addresses[] = {ADDRESS, "unix:/run/x"};
  for (int i = 0; i < 2; i++) {
    struct source_world world;
    begin(&world, options[i]);
    assert_true(sim_datagram(world.io.datagrams, addresses[i], "one\ntwo", 7));
    assert_true(sim_datagram(world.io.datagrams, addresses[i], "three\n", 6));
    turns(&world, 5, 1 << 20);
    story_is(&world, "socket: one\nsocket: two\nsocket: three\n");
    /* Many of them, in takes of one byte. */
    struct buf wanted;
    buf_init(&wanted);
    buf_put_text(&wanted, buf_cstr(&world.story));
    for (int n = 0; n < 500; n++) {
      char text[16];
      int len = snprintf(text, sizeof text, "%d", n);
      assert_true(sim_datagram(world.io.datagrams, addresses[i], text, (size_t)len));
      buf_printf(&wanted, "socket: %d\n", n);
    }
    settle(&world, 1);
    story_is(&world, buf_cstr(&wanted));
    source_world_close(&world);
    buf_fini(&wanted);
  }
}

/* ------------------------------------------------------------------ reload */

static void connections_outlive_a_reload(void **state) {
  (void)state;
  static const char *const others[] = {TCP "max_connections: 1\n",
                                       "mode: tcp\naddress: 127.0.0.1:7008\n"};
  for (int i = 0; i < 2; i++) {
    struct source_world world;
    begin(&world, TCP);
    struct peer a = peer_open(&world), b = peer_open(&world);
    say_text(&world, &a, "one\nhal");
    say_text(&world, &b, "two\n");
    turns(&world, 5, 1 << 20);
    size_t put;
    struct err err;
    assert_int_equal(net_write(b.conn, "t", 1, &put, &err), 0); /* under way, not taken */
    struct peer late = peer_open(&world);                       /* in the backlog */
    if (source_reload(&world, others[i], &err) != 0) fail_msg("%s", err.text);
    say_text(&world, &a, "f\n");
    say_text(&world, &b, "hree\n");
    if (i == 0) { /* one too many until the others leave */
      net_conn_close(a.conn);
      net_conn_close(b.conn);
    }
    say_text(&world, &late, "late\n");
    turns(&world, 20, 1 << 20);
    const char *story = buf_cstr(&world.story);
    assert_non_null(strstr(story, "socket: half\n"));
    assert_non_null(strstr(story, "socket: three\n"));
    assert_non_null(strstr(story, "socket: late\n"));
    if (i == 1) {
      net_conn_close(a.conn);
      net_conn_close(b.conn);
    }
    net_conn_close(late.conn);
    source_world_close(&world);
  }
}

/* A claim that fails, or is not followed, leaves the old one as it was. */
static void a_failed_reload_changes_nothing(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP);
  struct err err;
  struct net_listener *other;
  assert_int_equal(net_listen(world.io.net, "127.0.0.1:7008", nothing, NULL, &other, &err), 0);
  static const char *const options[] = {"mode: tcp\naddress: 127.0.0.1:7008\n",
                                        "mode: tcp\naddress: 127.0.0.1:7009\n", TCP};
  for (int i = 0; i < 3; i++) {
    struct compile compile;
    compile_init(&compile, &world.io, NULL);
    void *new = compile_component(&compile, &source_socket.type, NULL, options[i], NULL);
    int result = source_socket.handover.claim(new, &world.io, &world.diag, world.instance, &err);
    assert_int_equal(result, i == 0 ? -1 : 0);
    if (i == 0) assert_int_equal(err.code, ERR_BUSY);
    source_socket.close(new);
    compile_fini(&compile);
  }
  struct peer peer = peer_open(&world);
  say_text(&world, &peer, "still there\n");
  turns(&world, 5, 1 << 20);
  story_is(&world, "socket: still there\n");
  net_conn_close(peer.conn);
  net_listener_close(other);
  source_world_close(&world);
}

/* At a stop peers learn at once that nothing more is taken. */
static void a_stop_refuses(void **state) {
  (void)state;
  struct source_world world;
  begin(&world, TCP);
  struct peer peer = peer_open(&world);
  turns(&world, 5, 1 << 20);
  source_socket.stop(world.instance);
  assert_true(is_closed(&world, &peer));
  net_conn_close(peer.conn);
  source_world_close(&world);
}

/* ------------------------------------------------------------------ options */

static void refused(const char *options, const char *text) {
  struct source_world world;
  struct err err = {0};
  source_world_open(&world, true);
  assert_int_equal(source_start(&world, &source_socket, options, &err), -1);
  if (strstr(err.text, text) == NULL) fail_msg("%s: %s", options, err.text);
  source_world_close(&world);
}

static void options_are_checked(void **state) {
  (void)state;
  refused("mode: tcp\n", "mode: tcp wants the option address");
  refused("mode: unix\n", "mode: unix wants the option path");
  refused("mode: unix\naddress: x:1\n", "address is for mode: tcp and udp");
  refused("mode: tcp\naddress: x:1\npath: /x\n", "path is for mode: unix and unixgram");
  refused("mode: tcp\naddress: x\n", "x");
  refused("mode: udp\naddress: :1\nmax_connections: 5\n", "max_connections is for mode: tcp");
  refused("mode: tcp\naddress: :1\nreceive_buffer: 5KiB\n", "receive_buffer is for mode: udp");
  refused("mode: unix\npath: /x\nfile_mode: 0868\n", "three octal digits");
  refused("mode: unix\npath: /x\nfile_mode: rw\n", "three octal digits");
}

/* ------------------------------------------------------------------ framing */

/* The same records, and the same bytes of those that are too long, however the stream was cut and
 * whatever the takes. FUZZ_SEED repeats one. */
static void records_do_not_depend_on_cuts(void **state) {
  (void)state;
  const char *given = getenv("FUZZ_SEED");
  uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
  for (uint64_t seed = first; seed < first + (given != NULL ? 1 : 60); seed++) {
    struct random random;
    random_seed(&random, seed);
    struct buf text;
    buf_init(&text);
    uint64_t line_max = 1 + random_below(&random, 300);
    for (int i = 0; i < 200; i++) {
      uint64_t len = random_below(&random, 8) == 0    ? line_max - 2 + random_below(&random, 5)
                     : random_below(&random, 50) == 0 ? random_below(&random, 150000)
                                                      : random_below(&random, 40);
      for (uint64_t n = 0; n < len && len < 1000000; n++)
        buf_put_char(&text, (char)('a' + random_below(&random, 26)));
      if (random_below(&random, 4) == 0) buf_put_char(&text, '\r');
      buf_put_char(&text, '\n');
    }
    if (random_below(&random, 2) == 0) buf_put_text(&text, "half");
    char *story = NULL;
    for (int way = 0; way < 3; way++) {
      struct source_world world;
      source_world_open(&world, true);
      world.common.line_max_bytes = line_max;
      struct err err;
      assert_int_equal(source_start(&world, &source_socket, TCP, &err), 0);
      struct peer peer = peer_open(&world);
      uint64_t most = way == 0 ? 1 << 20 : way == 1 ? 1 + random_below(&random, 5000) : 1;
      size_t at = 0;
      while (at < text.len) {
        size_t put, len = text.len - at;
        if (way > 0 && len > 5000) len = 1 + (size_t)random_below(&random, 5000);
        assert_int_equal(net_write(peer.conn, text.data + at, len, &put, &err), 0);
        at += put;
        if (random_below(&random, 3) == 0) turns(&world, 2, most);
        if (put < 100) settle(&world, most);
      }
      net_conn_close(peer.conn);
      settle(&world, most);
      const char *got = buf_cstr(&world.story);
      if (way == 0) {
        story = mem_strdup(got);
      } else if (strcmp(got, story) != 0) {
        fail_msg("seed %llu, way %d: other records", (unsigned long long)seed, way);
      }
      source_world_close(&world);
    }
    free(story);
    buf_fini(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_of_connections),
      cmocka_unit_test(positions_go_on),
      cmocka_unit_test(a_cut_line_is_no_record),
      cmocka_unit_test(a_line_without_end_is_bounded),
      cmocka_unit_test(silence_closes),
      cmocka_unit_test(waiting_for_us_is_not_silence),
      cmocka_unit_test(a_full_pipeline_holds_the_peer),
      cmocka_unit_test(callers_wait_for_a_place),
      cmocka_unit_test(datagrams),
      cmocka_unit_test(connections_outlive_a_reload),
      cmocka_unit_test(a_failed_reload_changes_nothing),
      cmocka_unit_test(a_stop_refuses),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(records_do_not_depend_on_cuts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
