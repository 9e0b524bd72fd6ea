/* net_real: stream sockets of the system, watched by the real loop.
 *
 * A connection that is being made goes through the states
 *
 *     RESOLVING -> CONNECTING -> OPEN
 *          \____________\______-> FAILED
 *
 * getaddrinfo(3) blocks, so it runs on a thread of its own, one name after the other; the
 * addresses it gives are tried in order. A connection that is FAILED is readable and writable, so
 * that whoever wants either learns the reason from the call. */
#include "daemon/base/mem.h"
#include "daemon/io/address.h"
#include "daemon/io/exec.h"
#include "daemon/io/loop_real.h"
#include "daemon/io/net.h"
#include "daemon/io/socket_real.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
  /* How long a listener stays deaf when the process has no descriptor left for a caller. */
  LISTENER_PAUSE_US = 100 * 1000,
  /* Descriptors that callers do not get: the log's next segment must open, whoever calls. */
  KEPT_DESCRIPTORS_MAX = 64,
};

struct real_net {
  struct net net;
  struct loop *loop;
  struct threads *threads;   /* NULL until a name has to be resolved */
  struct exec *resolver;     /* likewise */
  struct resolution *active; /* list: asked for and not answered */
};

struct real_listener {
  struct net_listener listener;
  struct loop *loop;
  int fd;
  struct event *event;
  struct loop_timer *pause;
  bool wanted, pausing;
  int last_fd; /* of the caller accepted last */
  char *address;
  char *unlink_path; /* of a unix socket; NULL: none */
  loop_fn *fn;
  void *arg;
};

enum conn_state { RESOLVING, CONNECTING, OPEN, FAILED };

struct real_conn {
  struct net_conn conn;
  struct loop *loop;
  enum conn_state state;
  int fd;              /* -1 while RESOLVING, and perhaps when FAILED */
  struct event *event; /* NULL while fd is -1 */
  bool want_read, want_write;
  struct resolution *resolution; /* while RESOLVING */
  struct addrinfo *addresses;    /* all, and the one to try next */
  struct addrinfo *next;
  char *peer;         /* for messages */
  struct err failure; /* when FAILED */
  loop_fn *fn;
  void *arg;
};

struct resolution {
  struct resolution *prev, *next; /* of real_net.active */
  struct real_net *net;
  struct real_conn *conn; /* NULL: closed meanwhile */
  struct address address;
  struct addrinfo *addresses; /* the answer */
  int code;                   /* of getaddrinfo() */
};

/* --- listening --- */

static int resolve(const struct address *address, int flags, struct addrinfo **addresses) {
  struct addrinfo hints = {
      .ai_flags = flags | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  const char *host = address->host[0] == '\0' ? NULL : address->host;
  return getaddrinfo(host, address->port, &hints, addresses);
}

static struct sockaddr_un unix_address(const struct address *address) {
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  memcpy(un.sun_path, address->path, sizeof un.sun_path);
  return un;
}

static void on_caller(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  struct real_listener *listener = arg;
  listener->fn(listener->arg);
}

static void listener_update(struct real_listener *listener) {
  if (listener->wanted && !listener->pausing)
    event_add(listener->event, NULL);
  else
    event_del(listener->event);
}

static void real_listener_want(struct net_listener *base, bool wanted) {
  struct real_listener *listener = (struct real_listener *)base;
  listener->wanted = wanted;
  listener_update(listener);
}

static void on_pause_over(void *arg) {
  struct real_listener *listener = arg;
  listener->pausing = false;
  listener_update(listener);
}

static int real_listen(struct net *net, const char *text, loop_fn *fn, void *arg,
                       struct net_listener **out, struct err *err) {
  char *name, *path;
  int fd = socket_real_bind(text, SOCK_STREAM, &name, &path, err);
  if (fd < 0) return -1;
  struct real_listener *listener = mem_zalloc(sizeof *listener);
  listener->listener.net = net;
  listener->loop = ((struct real_net *)net)->loop;
  listener->fd = fd;
  listener->fn = fn;
  listener->arg = arg;
  listener->address = name;
  listener->unlink_path = path;
  listener->event =
      event_new(loop_real_base(listener->loop), fd, EV_READ | EV_PERSIST, on_caller, listener);
  if (listener->event == NULL) abort();
  listener->pause = loop_timer_new(listener->loop, on_pause_over, listener);
  listener->wanted = true;
  listener->last_fd = INT_MAX;
  listener_update(listener);
  *out = &listener->listener;
  return 0;
}

static const char *real_listener_address(const struct net_listener *listener) {
  return ((const struct real_listener *)listener)->address;
}

static int real_listener_set_mode(struct net_listener *base, unsigned mode, struct err *err) {
  struct real_listener *listener = (struct real_listener *)base;
  return socket_real_set_mode(listener->unlink_path, mode, err);
}

static void real_listener_close(struct net_listener *base) {
  struct real_listener *listener = (struct real_listener *)base;
  loop_timer_free(listener->pause);
  event_free(listener->event);
  close(listener->fd);
  if (listener->unlink_path != NULL) unlink(listener->unlink_path);
  free(listener->unlink_path);
  free(listener->address);
  free(listener);
}

/* --- connections --- */

static void conn_update(struct real_conn *conn);

/* Runs fn in a coming loop_wait() if anything is wanted of a failed connection. */
static void on_failed(void *arg) {
  struct real_conn *conn = arg;
  if (conn->want_read || conn->want_write) conn->fn(conn->arg);
}

static void conn_fail(struct real_conn *conn) {
  conn->state = FAILED;
  conn_update(conn);
}

static void connect_next(struct real_conn *conn);

static void on_conn(evutil_socket_t fd, short what, void *arg) {
  (void)what;
  struct real_conn *conn = arg;
  if (conn->state == CONNECTING) {
    int errnum = 0;
    socklen_t len = sizeof errnum;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) != 0) errnum = errno;
    if (errnum != 0) {
      err_errno(&conn->failure, errnum, "cannot connect to %s", conn->peer);
      conn->failure.code = ERR_RETRY;
      connect_next(conn);
    } else {
      conn->state = OPEN;
      conn_update(conn);
    }
    return;
  }
  conn->fn(conn->arg);
}

static void conn_drop_fd(struct real_conn *conn) {
  if (conn->event != NULL) event_free(conn->event);
  if (conn->fd >= 0) close(conn->fd);
  conn->event = NULL;
  conn->fd = -1;
}

/* Has the loop watch what the state and the wants ask for. */
static void conn_update(struct real_conn *conn) {
  if (conn->state == RESOLVING) return;
  if (conn->state == FAILED) {
    loop_unpost(conn->loop, on_failed, conn);
    if (conn->want_read || conn->want_write) loop_post(conn->loop, on_failed, conn);
    return;
  }
  short what = EV_PERSIST;
  if (conn->state == CONNECTING || conn->want_write) what |= EV_WRITE;
  if (conn->state == OPEN && conn->want_read) what |= EV_READ;
  if (conn->event != NULL) event_free(conn->event);
  conn->event = event_new(loop_real_base(conn->loop), conn->fd, what, on_conn, conn);
  if (conn->event == NULL) abort();
  if ((what & (EV_READ | EV_WRITE)) != 0) event_add(conn->event, NULL);
}

static struct real_conn *conn_new(struct net *net, int fd, loop_fn *fn, void *arg) {
  struct real_conn *conn = mem_zalloc(sizeof *conn);
  conn->conn.net = net;
  conn->loop = ((struct real_net *)net)->loop;
  conn->fd = fd;
  conn->fn = fn;
  conn->arg = arg;
  return conn;
}

static void set_no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a unix socket has no need of it */
}

/* The caller stays in the queue, so the listener would be ready again at once. */
static int accept_later(struct real_listener *listener, int errnum, struct err *err) {
  listener->pausing = true;
  listener_update(listener);
  loop_timer_arm(listener->pause, LISTENER_PAUSE_US);
  err_errno(err, errnum, "cannot accept a connection on %s", listener->address);
  if (err != NULL) err->code = ERR_RETRY;
  return -1;
}

/* The lowest free descriptor is one of the last: a quarter of them all, 64 at most. Asked only when
 * the last caller's was close to it. */
static bool descriptors_are_short(const struct real_listener *listener) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX) return false;
  int kept = (int)(limit.rlim_cur / 4);
  if (kept > KEPT_DESCRIPTORS_MAX) kept = KEPT_DESCRIPTORS_MAX;
  int first_kept = (int)limit.rlim_cur - kept;
  if (listener->last_fd < first_kept - kept) return false;
  int fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0) close(fd);
  return fd < 0 || fd >= first_kept;
}

static int real_accept(struct net_listener *base, loop_fn *fn, void *arg, struct net_conn **out,
                       struct err *err) {
  struct real_listener *listener = (struct real_listener *)base;
  *out = NULL;
  if (descriptors_are_short(listener)) return accept_later(listener, EMFILE, err);
  int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    int errnum = errno;
    if (errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM)
      return accept_later(listener, errnum, err);
    /* Nobody there, or a caller who left while waiting, is no error; what else there is belongs
     * to the one connection too (accept(2)). */
    return 0;
  }
  listener->last_fd = fd;
  set_no_delay(fd);
  struct real_conn *conn = conn_new(base->net, fd, fn, arg);
  conn->state = OPEN;
  conn->peer = mem_printf("a caller of %s", listener->address);
  *out = &conn->conn;
  return 0;
}

/* Starts to connect to the next address, or fails with what the one before it said. */
static void connect_next(struct real_conn *conn) {
  conn_drop_fd(conn);
  for (; conn->next != NULL; conn->next = conn->next->ai_next) {
    const struct addrinfo *to = conn->next;
    conn->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd >= 0) {
      if (to->ai_family != AF_UNIX) set_no_delay(conn->fd);
      if (connect(conn->fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS) {
        conn->state = CONNECTING;
        conn->next = to->ai_next;
        conn_update(conn);
        return;
      }
    }
    err_errno(&conn->failure, errno, "cannot connect to %s", conn->peer);
    conn->failure.code = ERR_RETRY;
    conn_drop_fd(conn);
  }
  conn_fail(conn);
}

static void resolution_free(struct resolution *resolution) {
  if (resolution->prev != NULL)
    resolution->prev->next = resolution->next;
  else
    resolution->net->active = resolution->next;
  if (resolution->next != NULL) resolution->next->prev = resolution->prev;
  if (resolution->addresses != NULL) freeaddrinfo(resolution->addresses);
  free(resolution);
}

static void resolution_run(void *arg) {
  struct resolution *resolution = arg;
  resolution->code = resolve(&resolution->address, 0, &resolution->addresses);
}

static void resolution_done(void *arg) {
  struct resolution *resolution = arg;
  struct real_conn *conn = resolution->conn;
  if (conn != NULL) {
    conn->resolution = NULL;
    conn->addresses = conn->next = resolution->addresses;
    resolution->addresses = NULL;
    if (resolution->code != 0)
      err_set(&conn->failure, ERR_RETRY, "cannot find %s: %s", conn->peer,
              gai_strerror(resolution->code));
    connect_next(conn);
  }
  resolution_free(resolution);
}

static void start_resolution(struct real_net *net, struct real_conn *conn,
                             const struct address *address) {
  if (net->resolver == NULL) {
    net->threads = threads_real_new();
    net->resolver = exec_new(net->threads, net->loop, "resolver");
  }
  struct resolution *resolution = mem_zalloc(sizeof *resolution);
  resolution->net = net;
  resolution->conn = conn;
  resolution->address = *address;
  resolution->next = net->active;
  if (net->active != NULL) net->active->prev = resolution;
  net->active = resolution;
  conn->resolution = resolution;
  exec_submit(net->resolver,
              (struct exec_job){.run = resolution_run, .done = resolution_done, .arg = resolution});
}

/* The one address of a unix socket in the form getaddrinfo() gives. */
static struct addrinfo *unix_addrinfo(const struct address *address) {
  struct addrinfo *info = mem_zalloc(sizeof *info + sizeof(struct sockaddr_un));
  struct sockaddr_un un = unix_address(address);
  info->ai_family = AF_UNIX;
  info->ai_addr = (struct sockaddr *)(info + 1);
  info->ai_addrlen = sizeof un;
  memcpy(info->ai_addr, &un, sizeof un);
  return info;
}

static void addresses_free(struct addrinfo *addresses) {
  if (addresses == NULL) return;
  if (addresses->ai_family == AF_UNIX)
    free(addresses);
  else
    freeaddrinfo(addresses);
}

static int real_connect(struct net *net, const char *text, loop_fn *fn, void *arg,
                        struct net_conn **out, struct err *err) {
  struct address address;
  if (address_parse(text, &address, err) != 0) return -1;
  struct real_conn *conn = conn_new(net, -1, fn, arg);
  conn->state = RESOLVING;
  conn->peer = mem_strdup(text);
  if (address.path[0] != '\0') {
    conn->addresses = conn->next = unix_addrinfo(&address);
    connect_next(conn);
  } else if (resolve(&address, AI_NUMERICHOST, &conn->addresses) == 0) {
    conn->next = conn->addresses;
    connect_next(conn);
  } else {
    start_resolution((struct real_net *)net, conn, &address);
  }
  *out = &conn->conn;
  return 0;
}

static void real_conn_want(struct net_conn *base, bool read, bool write) {
  struct real_conn *conn = (struct real_conn *)base;
  if (conn->want_read == read && conn->want_write == write) return;
  conn->want_read = read;
  conn->want_write = write;
  conn_update(conn);
}

/* 0: it can be used now; 1: not yet; -1: never. */
static int not_open(struct real_conn *conn, struct err *err) {
  if (conn->state == OPEN) return 0;
  if (conn->state != FAILED) return 1;
  if (err != NULL) *err = conn->failure;
  return -1;
}

static int call_failed(const struct real_conn *conn, const char *what, struct err *err) {
  if (errno == EAGAIN || errno == EINTR) return 0;
  err_errno(err, errno, "cannot %s %s", what, conn->peer);
  if (err != NULL) err->code = ERR_RETRY;
  return -1;
}

static int real_read(struct net_conn *base, void *data, size_t len, size_t *got, bool *ended,
                     struct err *err) {
  struct real_conn *conn = (struct real_conn *)base;
  *got = 0;
  *ended = false;
  int state = not_open(conn, err);
  if (state != 0) return state < 0 ? -1 : 0;
  ssize_t n = recv(conn->fd, data, len, 0);
  if (n < 0) return call_failed(conn, "read from", err);
  *got = (size_t)n;
  *ended = n == 0 && len > 0;
  return 0;
}

static int real_write(struct net_conn *base, const void *data, size_t len, size_t *put,
                      struct err *err) {
  struct real_conn *conn = (struct real_conn *)base;
  *put = 0;
  int state = not_open(conn, err);
  if (state != 0) return state < 0 ? -1 : 0;
  ssize_t n = send(conn->fd, data, len, MSG_NOSIGNAL);
  if (n < 0) return call_failed(conn, "write to", err);
  *put = (size_t)n;
  return 0;
}

static void real_conn_end(struct net_conn *base) {
  struct real_conn *conn = (struct real_conn *)base;
  if (conn->state == OPEN) shutdown(conn->fd, SHUT_WR); /* a peer that is gone shows at reading */
}

static void real_conn_close(struct net_conn *base) {
  struct real_conn *conn = (struct real_conn *)base;
  loop_unpost(conn->loop, on_failed, conn);
  if (conn->resolution != NULL) conn->resolution->conn = NULL;
  conn_drop_fd(conn);
  addresses_free(conn->addresses);
  free(conn->peer);
  free(conn);
}

static void real_free(struct net *base) {
  struct real_net *net = (struct real_net *)base;
  exec_free(net->resolver);
  threads_free(net->threads);
  while (net->active != NULL) resolution_free(net->active);
  free(net);
}

static const struct net_ops real_ops = {
    .listen = real_listen,
    .listener_address = real_listener_address,
    .accept = real_accept,
    .listener_want = real_listener_want,
    .listener_set_mode = real_listener_set_mode,
    .listener_close = real_listener_close,
    .connect = real_connect,
    .conn_want = real_conn_want,
    .read = real_read,
    .write = real_write,
    .conn_end = real_conn_end,
    .conn_close = real_conn_close,
    .free = real_free,
};

struct net *net_real_new(struct loop *loop) {
  struct real_net *net = mem_zalloc(sizeof *net);
  net->net.ops = &real_ops;
  net->loop = loop;
  return &net->net;
}
