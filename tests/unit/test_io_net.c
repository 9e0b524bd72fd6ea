/* The contract of net.h, real and simulated. */
#include "tests/unit/io_world.h"

#include "daemon/base/buf.h"
#include "daemon/io/address.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* One side of a connection: callbacks note facts, the test does the rest. */
struct side {
  struct net_conn *conn;
  int ready;
  struct buf got;
  bool ended;
};

struct pair {
  struct io_world *world;
  struct net_listener *listener;
  int callers;
  struct side client, server;
};

static void count(void *arg) {
  ++*(int *)arg;
}

static void pair_listen(struct pair *pair, struct io_world *world, const char *address) {
  *pair = (struct pair){.world = world};
  OK(world,
     net_listen(world->io.net, address, count, &pair->callers, &pair->listener, &world->err));
}

static void pair_open(struct pair *pair, struct io_world *world, const char *address) {
  pair_listen(pair, world, address);
  OK(world, net_connect(world->io.net, net_listener_address(pair->listener), count,
                        &pair->client.ready, &pair->client.conn, &world->err));
  io_world_until(world, &pair->callers, 1);
  OK(world,
     net_accept(pair->listener, count, &pair->server.ready, &pair->server.conn, &world->err));
  assert_non_null(pair->server.conn);
  struct net_conn *none;
  OK(world, net_accept(pair->listener, count, NULL, &none, &world->err));
  assert_null(none);
}

static void pair_close(struct pair *pair) {
  net_conn_close(pair->client.conn);
  net_conn_close(pair->server.conn);
  net_listener_close(pair->listener);
  buf_fini(&pair->client.got);
  buf_fini(&pair->server.got);
}

/* Reads until len bytes or the end have come. */
static void receive(struct io_world *w, struct side *side, size_t len) {
  while (side->got.len < len && !side->ended) {
    net_conn_want(side->conn, true, false);
    io_world_until(w, &side->ready, side->ready + 1);
    char data[1000];
    size_t got = 0;
    OK(w, net_read(side->conn, data, sizeof data, &got, &side->ended, &w->err));
    buf_put(&side->got, data, got);
  }
  net_conn_want(side->conn, false, false);
}

static void send_text(struct io_world *w, struct side *side, const char *text) {
  size_t len = strlen(text), put;
  while (len > 0) {
    net_conn_want(side->conn, false, true);
    io_world_until(w, &side->ready, side->ready + 1);
    OK(w, net_write(side->conn, text, len, &put, &w->err));
    text += put;
    len -= put;
  }
  net_conn_want(side->conn, false, false);
}

static void talk(struct io_world *w, const char *address) {
  struct pair pair;
  pair_open(&pair, w, address);
  send_text(w, &pair.client, "question");
  receive(w, &pair.server, 8);
  assert_string_equal(buf_cstr(&pair.server.got), "question");
  size_t got = 1;
  bool ended = true;
  char c;
  OK(w, net_read(pair.server.conn, &c, 1, &got, &ended, &w->err));
  assert_int_equal(got, 0);
  assert_false(ended);
  send_text(w, &pair.server, "answer");
  net_conn_close(pair.server.conn);
  pair.server.conn = NULL;
  receive(w, &pair.client, 1000);
  assert_string_equal(buf_cstr(&pair.client.got), "answer");
  assert_true(pair.client.ended);
  pair_close(&pair);
}

static void two_sides_talk_over_tcp(void **state) {
  talk(*state, "127.0.0.1:0");
}

/* A name goes by the resolver's thread. */
static void two_sides_talk_over_a_name(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_listen(&pair, w, "127.0.0.1:0");
  char address[64];
  snprintf(address, sizeof address, "localhost%s",
           strrchr(net_listener_address(pair.listener), ':'));
  OK(w, net_connect(w->io.net, address, count, &pair.client.ready, &pair.client.conn, &w->err));
  io_world_until(w, &pair.callers, 1);
  OK(w, net_accept(pair.listener, count, &pair.server.ready, &pair.server.conn, &w->err));
  assert_non_null(pair.server.conn);
  send_text(w, &pair.client, "by name");
  receive(w, &pair.server, 7);
  assert_string_equal(buf_cstr(&pair.server.got), "by name");
  pair_close(&pair);
  /* Closing while the name is looked up is fine. */
  struct net_conn *conn;
  OK(w, net_connect(w->io.net, address, count, &pair.client.ready, &conn, &w->err));
  net_conn_close(conn);
}

static void two_sides_talk_over_a_path(void **state) {
  struct io_world *w = *state;
  char address[4096];
  snprintf(address, sizeof address, "unix:%s", io_world_path(w, "socket"));
  talk(w, address);
  talk(w, address); /* the first listener left no file behind */
}

static void two_listeners_on_one_address_are_refused(void **state) {
  struct io_world *w = *state;
  static const char *const schemes[] = {"127.0.0.1:0", "unix:"};
  for (int i = 0; i < 2; i++) {
    char address[4096];
    snprintf(address, sizeof address, "%s%s", schemes[i], i == 0 ? "" : io_world_path(w, "s"));
    struct pair pair;
    pair_listen(&pair, w, address);
    struct net_listener *second;
    const char *bound = net_listener_address(pair.listener);
    assert_int_equal(net_listen(w->io.net, bound, count, NULL, &second, &w->err), -1);
    assert_int_equal(w->err.code, ERR_BUSY);
    assert_non_null(strstr(w->err.text, bound));
    pair_close(&pair);
  }
}

static void a_refused_connection_says_so(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_listen(&pair, w, "127.0.0.1:0");
  char address[64];
  snprintf(address, sizeof address, "%s", net_listener_address(pair.listener));
  net_listener_close(pair.listener);
  int ready = 0;
  struct net_conn *conn;
  OK(w, net_connect(w->io.net, address, count, &ready, &conn, &w->err));
  net_conn_want(conn, true, false);
  io_world_until(w, &ready, 1);
  size_t n;
  bool ended;
  char c;
  assert_int_equal(net_read(conn, &c, 1, &n, &ended, &w->err), -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  assert_non_null(strstr(w->err.text, address));
  assert_non_null(strstr(w->err.text, "Connection refused"));
  assert_int_equal(net_write(conn, &c, 1, &n, NULL), -1);
  net_conn_close(conn);
}

/* A reader who does not read stops the writer; nothing is lost or changed. */
static void a_full_connection_holds_the_writer(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_open(&pair, w, "127.0.0.1:0");
  enum { TOTAL = 32 * 1024 * 1024, CHUNK = 100003 };
  static char chunk[CHUNK];
  for (size_t i = 0; i < CHUNK; i++) chunk[i] = (char)(i * 7 % 251);
  size_t sent = 0, put = 1;
  while (sent < TOTAL && put > 0) {
    size_t at = sent % CHUNK;
    net_conn_want(pair.client.conn, false, true);
    OK(w, loop_wait(w->io.loop, 10000, &w->err));
    OK(w, net_write(pair.client.conn, chunk + at, CHUNK - at, &put, &w->err));
    sent += put;
  }
  assert_int_equal(put, 0);
  int ready = pair.client.ready;
  OK(w, loop_wait(w->io.loop, 1000, &w->err));
  assert_int_equal(pair.client.ready, ready);
  net_conn_close(pair.client.conn);
  pair.client.conn = NULL;
  receive(w, &pair.server, SIZE_MAX);
  assert_int_equal(pair.server.got.len, sent);
  for (size_t i = 0; i < sent; i++)
    if (pair.server.got.data[i] != chunk[i % CHUNK]) fail_msg("byte %zu is wrong", i);
  pair_close(&pair);
}

static void writing_to_a_closed_peer_fails(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_open(&pair, w, "127.0.0.1:0");
  net_conn_close(pair.server.conn);
  pair.server.conn = NULL;
  int result = 0;
  for (int i = 0; i < 1000 && result == 0; i++) {
    size_t put;
    result = net_write(pair.client.conn, "x", 1, &put, &w->err);
    if (result == 0) OK(w, loop_wait(w->io.loop, 1000, &w->err));
  }
  assert_int_equal(result, -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  pair_close(&pair);
}

static void addresses_are_checked(void **state) {
  struct io_world *w = *state;
  static const char *const wrong[] = {"",      "host",  "host:", "host:x",  "host:65536",
                                      "::1:5", "[::1]", "unix:", "[::1:80", "host:123456"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct net_conn *conn;
    assert_int_equal(net_connect(w->io.net, wrong[i], count, NULL, &conn, &w->err), -1);
    assert_int_equal(w->err.code, ERR_CONFIG);
    assert_non_null(strstr(w->err.text, wrong[i]));
  }
  struct address address;
  OK(w, address_parse("[::1]:80", &address, &w->err));
  assert_string_equal(address.host, "::1");
  assert_string_equal(address.port, "80");
  OK(w, address_parse(":8080", &address, &w->err));
  assert_string_equal(address.host, "");
  OK(w, address_parse("unix:/run/x y", &address, &w->err));
  assert_string_equal(address.path, "/run/x y");
  char path[300];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  memcpy(path, "unix:", 5);
  assert_int_equal(address_parse(path, &address, &w->err), -1);
}

static void a_stale_socket_file_is_replaced(void **state) {
  struct io_world *w = *state;
  char address[4096];
  snprintf(address, sizeof address, "unix:%s", io_world_path(w, "s"));
  struct pair pair;
  pair_listen(&pair, w, address);
  /* A hard link outlives the listener, which removes only its own name. */
  assert_int_equal(link(io_world_path(w, "s"), io_world_path(w, "t")), 0);
  net_listener_close(pair.listener);
  snprintf(address, sizeof address, "unix:%s", io_world_path(w, "t"));
  pair_open(&pair, w, address);
  pair_close(&pair);
  struct stat stat_buf;
  assert_int_equal(lstat(io_world_path(w, "t"), &stat_buf), -1);
  /* What is not a socket is left alone. */
  struct disk_file *file;
  OK(w, disk_open(w->io.disk, io_world_path(w, "t"), DISK_WRITE | DISK_CREATE, &file, &w->err));
  disk_close(file);
  struct net_listener *listener;
  assert_int_equal(net_listen(w->io.net, address, count, NULL, &listener, &w->err), -1);
  assert_int_equal(lstat(io_world_path(w, "t"), &stat_buf), 0);
}

/* Ends what it sends and still reads the answer. */
static void one_side_ends_first(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_open(&pair, w, "127.0.0.1:0");
  send_text(w, &pair.client, "question");
  net_conn_end(pair.client.conn);
  receive(w, &pair.server, 1000);
  assert_string_equal(buf_cstr(&pair.server.got), "question");
  assert_true(pair.server.ended);
  send_text(w, &pair.server, "answer");
  net_conn_end(pair.server.conn);
  receive(w, &pair.client, 1000);
  assert_string_equal(buf_cstr(&pair.client.got), "answer");
  assert_true(pair.client.ended);
  pair_close(&pair);
}

static void callers_wait_while_unwanted(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_listen(&pair, w, "127.0.0.1:0");
  net_listener_want(pair.listener, false);
  OK(w, net_connect(w->io.net, net_listener_address(pair.listener), count, &pair.client.ready,
                    &pair.client.conn, &w->err));
  net_conn_want(pair.client.conn, false, true);
  io_world_until(w, &pair.client.ready, 1);
  net_conn_want(pair.client.conn, false, false);
  OK(w, loop_wait(w->io.loop, 20000, &w->err));
  assert_int_equal(pair.callers, 0);
  net_listener_want(pair.listener, true);
  io_world_until(w, &pair.callers, 1);
  OK(w, net_accept(pair.listener, count, &pair.server.ready, &pair.server.conn, &w->err));
  assert_non_null(pair.server.conn);
  pair_close(&pair);
}

/* Callers do not get the last descriptors: the daemon's files need them. */
static void callers_leave_descriptors_for_files(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_listen(&pair, w, "127.0.0.1:0");
  enum { CALLERS = 20, LIMIT = 50, KEPT = LIMIT / 4 };
  struct net_conn *clients[CALLERS], *servers[CALLERS];
  for (int i = 0; i < CALLERS; i++)
    OK(w, net_connect(w->io.net, net_listener_address(pair.listener), count, &pair.client.ready,
                      &clients[i], &w->err));
  io_world_until(w, &pair.callers, 1);
  struct rlimit old, few;
  getrlimit(RLIMIT_NOFILE, &old);
  few = (struct rlimit){.rlim_cur = LIMIT, .rlim_max = old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  int n = 0, result = 0;
  while (result == 0 && n < CALLERS) {
    result = net_accept(pair.listener, count, NULL, &servers[n], &w->err);
    if (result == 0) n++;
  }
  int first_free = dup(0);
  close(first_free);
  setrlimit(RLIMIT_NOFILE, &old);
  assert_int_equal(result, -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  assert_true(n > 0);
  assert_int_equal(first_free, LIMIT - KEPT);
  for (int i = 0; i < n; i++) net_conn_close(servers[i]);
  for (int i = 0; i < CALLERS; i++) net_conn_close(clients[i]);
  pair_close(&pair);
}

/* Without a descriptor left the listener must rest instead of being ready again and again. */
static void a_listener_rests_without_descriptors(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_listen(&pair, w, "127.0.0.1:0");
  struct net_conn *client;
  OK(w, net_connect(w->io.net, net_listener_address(pair.listener), count, &pair.client.ready,
                    &client, &w->err));
  io_world_until(w, &pair.callers, 1);
  struct rlimit old, none;
  getrlimit(RLIMIT_NOFILE, &old);
  none = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  struct net_conn *conn;
  int result = net_accept(pair.listener, count, NULL, &conn, &w->err);
  setrlimit(RLIMIT_NOFILE, &old);
  assert_int_equal(result, -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  int callers = pair.callers;
  OK(w, loop_wait(w->io.loop, 1000, &w->err));
  assert_int_equal(pair.callers, callers);
  io_world_until(w, &pair.callers, callers + 1);
  OK(w, net_accept(pair.listener, count, NULL, &conn, &w->err));
  assert_non_null(conn);
  net_conn_close(conn);
  net_conn_close(client);
  pair_close(&pair);
}

static void connections_are_cut(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  pair_open(&pair, w, "127.0.0.1:0");
  sim_net_set_faults(w->io.net, (struct sim_net_faults){.cut_per_million = 1000000});
  size_t put;
  assert_int_equal(net_write(pair.client.conn, "x", 1, &put, &w->err), -1);
  sim_net_set_faults(w->io.net, (struct sim_net_faults){0});
  assert_int_equal(net_write(pair.server.conn, "x", 1, &put, &w->err), -1);
  assert_int_equal(w->err.code, ERR_RETRY);
  pair_close(&pair);
}

static void deliveries_are_late(void **state) {
  struct io_world *w = *state;
  struct pair pair;
  sim_net_set_faults(w->io.net, (struct sim_net_faults){.delay_us_max = 1000000});
  pair_open(&pair, w, "127.0.0.1:0");
  int64_t start_us = clock_mono_us(w->io.clock);
  for (int i = 0; i < 20; i++) send_text(w, &pair.client, "0123456789");
  receive(w, &pair.server, 200);
  for (size_t i = 0; i < 200; i++) assert_int_equal(pair.server.got.data[i], '0' + i % 10);
  int64_t took_us = clock_mono_us(w->io.clock) - start_us;
  assert_in_range(took_us, 200000, 1200000);
  pair_close(&pair);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(two_sides_talk_over_tcp),
      BOTH(two_sides_talk_over_a_name),
      BOTH(two_sides_talk_over_a_path),
      BOTH(two_listeners_on_one_address_are_refused),
      BOTH(a_refused_connection_says_so),
      BOTH(a_full_connection_holds_the_writer),
      BOTH(writing_to_a_closed_peer_fails),
      BOTH(addresses_are_checked),
      REAL(a_stale_socket_file_is_replaced),
      REAL(a_listener_rests_without_descriptors),
      REAL(callers_leave_descriptors_for_files),
      BOTH(one_side_ends_first),
      BOTH(callers_wait_while_unwanted),
      SIM(connections_are_cut),
      SIM(deliveries_are_late),
  };
  return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
