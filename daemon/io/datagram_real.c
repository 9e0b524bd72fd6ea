/* datagram_real: datagram sockets of the system, watched by the real loop.
 *
 * With SO_RXQ_OVFL the system says beside a message how many it has dropped since the socket was
 * opened, as a 32-bit number that wraps around. */
#include "daemon/base/mem.h"
#include "daemon/io/datagram.h"
#include "daemon/io/loop_real.h"
#include "daemon/io/socket_real.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct real_datagrams {
  struct datagrams datagrams;
  struct loop *loop;
};

struct real_datagram {
  struct datagram datagram;
  int fd;
  struct event *event;
  bool wanted;
  char *address;
  char *unlink_path; /* of a unix socket; NULL: none */
  uint32_t dropped_last;
  uint64_t dropped;
  loop_fn *fn;
  void *arg;
};

static void on_message(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_datagram *real = arg;
  real->fn(real->arg);
}

static int real_open(struct datagrams *datagrams, const char *text, loop_fn *fn, void *arg,
                     struct datagram **out, struct err *err) {
  char *name, *path;
  int fd = socket_real_bind(text, SOCK_DGRAM, &name, &path, err);
  if (fd < 0) return -1;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on); /* without it drops are not seen */
  struct real_datagram *real = mem_zalloc(sizeof *real);
  real->datagram.datagrams = datagrams;
  real->fd = fd;
  real->fn = fn;
  real->arg = arg;
  real->address = name;
  real->unlink_path = path;
  struct loop *loop = ((struct real_datagrams *)datagrams)->loop;
  real->event = event_new(loop_real_base(loop), fd, EV_READ | EV_PERSIST, on_message, real);
  if (real->event == NULL) abort();
  *out = &real->datagram;
  return 0;
}

static const char *real_address(const struct datagram *datagram) {
  return ((const struct real_datagram *)datagram)->address;
}

static int real_set_buffer(struct datagram *datagram, uint64_t bytes, uint64_t *granted,
                           struct err *err) {
  struct real_datagram *real = (struct real_datagram *)datagram;
  int asked = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes, got = 0;
  socklen_t len = sizeof got;
  if (setsockopt(real->fd, SOL_SOCKET, SO_RCVBUF, &asked, sizeof asked) != 0 ||
      getsockopt(real->fd, SOL_SOCKET, SO_RCVBUF, &got, &len) != 0)
    return err_errno(err, errno, "cannot set the receive buffer of %s", real->address);
  *granted = (uint64_t)got / 2; /* the system doubles it for its own needs (socket(7)) */
  return 0;
}

static int real_set_mode(struct datagram *datagram, unsigned mode, struct err *err) {
  return socket_real_set_mode(((struct real_datagram *)datagram)->unlink_path, mode, err);
}

static void real_want(struct datagram *datagram, bool wanted) {
  struct real_datagram *real = (struct real_datagram *)datagram;
  if (real->wanted == wanted) return;
  real->wanted = wanted;
  if (wanted)
    event_add(real->event, NULL);
  else
    event_del(real->event);
}

static void count_dropped(struct real_datagram *real, struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL) continue;
    uint32_t now;
    memcpy(&now, CMSG_DATA(c), sizeof now);
    real->dropped += (uint32_t)(now - real->dropped_last);
    real->dropped_last = now;
  }
}

static int real_read(struct datagram *datagram, void *data, size_t len, size_t *got,
                     struct err *err) {
  struct real_datagram *real = (struct real_datagram *)datagram;
  *got = 0;
  while (*got == 0) {
    union {
      struct cmsghdr header;
      char bytes[CMSG_SPACE(sizeof(uint32_t))];
    } control;
    struct iovec to = {data, len};
    struct msghdr message = {
        .msg_iov = &to, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(real->fd, &message, 0);
    if (n < 0) {
      if (errno == EAGAIN) return 0;
      if (errno == EINTR) continue;
      return err_errno(err, errno, "cannot read from %s", real->address);
    }
    count_dropped(real, &message);
    *got = (size_t)n;
  }
  return 0;
}

static uint64_t real_dropped(const struct datagram *datagram) {
  return ((const struct real_datagram *)datagram)->dropped;
}

static void real_close(struct datagram *datagram) {
  struct real_datagram *real = (struct real_datagram *)datagram;
  event_free(real->event);
  close(real->fd);
  if (real->unlink_path != NULL) unlink(real->unlink_path);
  free(real->unlink_path);
  free(real->address);
  free(real);
}

static void real_free(struct datagrams *datagrams) {
  free(datagrams);
}

static const struct datagrams_ops real_ops = {
    .open = real_open,
    .address = real_address,
    .set_buffer = real_set_buffer,
    .set_mode = real_set_mode,
    .want = real_want,
    .read = real_read,
    .dropped = real_dropped,
    .close = real_close,
    .free = real_free,
};

struct datagrams *datagrams_real_new(struct loop *loop) {
  struct real_datagrams *real = mem_zalloc(sizeof *real);
  real->datagrams.ops = &real_ops;
  real->loop = loop;
  return &real->datagrams;
}
