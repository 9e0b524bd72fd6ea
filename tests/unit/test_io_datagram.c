/* The contract of datagram.h, real and simulated. */
#include "tests/unit/io_world.h"

#include "daemon/io/address.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void count(void *arg) {
  ++*(int *)arg;
}

static void send_real(const char *text, const void *data, size_t len) {
  struct address address;
  assert_int_equal(address_parse(text, &address, NULL), 0);
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  memcpy(un.sun_path, address.path, sizeof un.sun_path);
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *to = NULL;
  bool is_unix = address.path[0] != '\0';
  if (!is_unix) assert_int_equal(getaddrinfo(address.host, address.port, &hints, &to), 0);
  int fd = socket(is_unix ? AF_UNIX : to->ai_family, SOCK_DGRAM, 0);
  ssize_t put = is_unix ? sendto(fd, data, len, 0, (struct sockaddr *)&un, sizeof un)
                        : sendto(fd, data, len, 0, to->ai_addr, to->ai_addrlen);
  assert_int_equal(put, len);
  close(fd);
  if (to != NULL) freeaddrinfo(to);
}

static void send_to(struct io_world *w, struct datagram *datagram, const void *data, size_t len) {
  if (w->real)
    send_real(datagram_address(datagram), data, len);
  else
    assert_true(sim_datagram(w->io.datagrams, datagram_address(datagram), data, len));
}

static void messages_stay_whole_on(struct io_world *w, const char *address) {
  struct datagram *datagram;
  int ready = 0;
  OK(w, datagram_open(w->io.datagrams, address, count, &ready, &datagram, &w->err));
  send_to(w, datagram, "one\ntwo", 7);
  send_to(w, datagram, "", 0);
  static char big[60000], data[DATAGRAM_BYTES_MAX];
  memset(big, 'b', sizeof big);
  send_to(w, datagram, big, sizeof big);
  OK(w, loop_wait(w->io.loop, 1000, &w->err));
  assert_int_equal(ready, 0); /* not wanted */
  datagram_want(datagram, true);
  io_world_until(w, &ready, 1);
  size_t got;
  OK(w, datagram_read(datagram, data, sizeof data, &got, &w->err));
  assert_int_equal(got, 7);
  assert_memory_equal(data, "one\ntwo", 7);
  OK(w, datagram_read(datagram, data, sizeof data, &got, &w->err));
  assert_int_equal(got, sizeof big);
  assert_memory_equal(data, big, sizeof big);
  OK(w, datagram_read(datagram, data, sizeof data, &got, &w->err));
  assert_int_equal(got, 0);
  assert_int_equal(datagram_dropped(datagram), 0);
  struct datagram *second;
  assert_int_equal(
      datagram_open(w->io.datagrams, datagram_address(datagram), count, &ready, &second, &w->err),
      -1);
  assert_int_equal(w->err.code, ERR_BUSY);
  datagram_close(datagram);
}

static void messages_stay_whole(void **state) {
  struct io_world *w = *state;
  messages_stay_whole_on(w, "127.0.0.1:0");
  char address[4096];
  snprintf(address, sizeof address, "unix:%s", io_world_path(w, "d"));
  messages_stay_whole_on(w, address);
  messages_stay_whole_on(w, address); /* the first left no file behind */
}

static void what_is_dropped_is_counted(void **state) {
  struct io_world *w = *state;
  struct datagram *datagram;
  int ready = 0;
  OK(w, datagram_open(w->io.datagrams, "127.0.0.1:0", count, &ready, &datagram, &w->err));
  uint64_t granted;
  OK(w, datagram_set_buffer(datagram, 8192, &granted, &w->err));
  assert_in_range(granted, 1024, 8192);
  char data[1000];
  memset(data, 'd', sizeof data);
  enum { SENT = 100 };
  for (int i = 0; i < SENT; i++) send_to(w, datagram, data, sizeof data);
  size_t got = 1, n = 0;
  while (got > 0) {
    OK(w, datagram_read(datagram, data, sizeof data, &got, &w->err));
    n += got > 0;
  }
  assert_in_range(n, 1, SENT - 1);
  send_to(w, datagram, data, sizeof data); /* it brings the number with it */
  datagram_want(datagram, true);
  io_world_until(w, &ready, 1);
  OK(w, datagram_read(datagram, data, sizeof data, &got, &w->err));
  assert_int_equal(datagram_dropped(datagram), SENT - n);
  datagram_close(datagram);
}

static void a_stale_path_is_replaced(void **state) {
  struct io_world *w = *state;
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  snprintf(un.sun_path, sizeof un.sun_path, "%s", io_world_path(w, "d"));
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
  char address[4096];
  snprintf(address, sizeof address, "unix:%s", un.sun_path);
  struct datagram *datagram;
  assert_int_equal(datagram_open(w->io.datagrams, address, count, NULL, &datagram, &w->err), -1);
  assert_int_equal(w->err.code, ERR_BUSY);
  close(fd); /* its owner is gone, its file stays */
  OK(w, datagram_open(w->io.datagrams, address, count, NULL, &datagram, &w->err));
  datagram_close(datagram);
  struct stat stat_buf;
  assert_int_equal(lstat(un.sun_path, &stat_buf), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      BOTH(messages_stay_whole),
      BOTH(what_is_dropped_is_counted),
      REAL(a_stale_path_is_replaced),
  };
  return cmocka_run_group_tests_name("datagram", tests, NULL, NULL);
}
