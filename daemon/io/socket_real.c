/* socket_real: see socket_real.h. */
#include "daemon/io/socket_real.h"

#include "daemon/base/mem.h"
#include "daemon/io/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int bind_to(int family, int type, const struct sockaddr *to, socklen_t len) {
  int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int on = 1;
  if (family != AF_UNIX && type == SOCK_STREAM)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, to, len) == 0 && (type != SOCK_STREAM || listen(fd, SOMAXCONN) == 0)) return fd;
  int errnum = errno;
  close(fd);
  errno = errnum;
  return -1;
}

/* A socket file whose owner is gone refuses callers; only then it is removed. */
static void remove_stale(const struct sockaddr_un *un, int type) {
  struct stat stat_buf;
  if (lstat(un->sun_path, &stat_buf) != 0 || !S_ISSOCK(stat_buf.st_mode)) return;
  int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  if (connect(fd, (const struct sockaddr *)un, sizeof *un) != 0 && errno == ECONNREFUSED)
    unlink(un->sun_path);
  close(fd);
}

static int bind_unix(const struct address *address, int type) {
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  memcpy(un.sun_path, address->path, sizeof un.sun_path);
  int fd = bind_to(AF_UNIX, type, (const struct sockaddr *)&un, sizeof un);
  if (fd >= 0 || errno != EADDRINUSE) return fd;
  remove_stale(&un, type);
  return bind_to(AF_UNIX, type, (const struct sockaddr *)&un, sizeof un);
}

/* -2: err says already why. */
static int bind_inet(const char *text, const struct address *address, int type, struct err *err) {
  struct addrinfo hints = {
      .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = type};
  struct addrinfo *addresses;
  const char *host = address->host[0] == '\0' ? NULL : address->host;
  int code = getaddrinfo(host, address->port, &hints, &addresses);
  if (code != 0) {
    err_set(err, ERR_IO, "cannot listen on %s: %s", text, gai_strerror(code));
    return -2;
  }
  int fd = -1;
  for (struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next)
    fd = bind_to(a->ai_family, type, a->ai_addr, a->ai_addrlen);
  int errnum = errno;
  freeaddrinfo(addresses);
  errno = errnum;
  return fd;
}

static char *name_of(int fd) {
  struct sockaddr_storage bound;
  socklen_t len = sizeof bound;
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0 ||
      getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return mem_strdup("?");
  return mem_printf(bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int socket_real_bind(const char *text, int type, char **name, char **path, struct err *err) {
  struct address address;
  if (address_parse(text, &address, err) != 0) return -1;
  bool is_unix = address.path[0] != '\0';
  int fd = is_unix ? bind_unix(&address, type) : bind_inet(text, &address, type, err);
  if (fd == -1) {
    int errnum = errno;
    if (errnum == EADDRINUSE)
      err_set(err, ERR_BUSY,
              "cannot listen on %s: Address already in use; stop the program that listens there, "
              "or choose another address",
              text);
    else
      err_errno(err, errnum, "cannot listen on %s", text);
  }
  if (fd < 0) return -1;
  *name = is_unix ? mem_strdup(text) : name_of(fd);
  *path = is_unix ? mem_strdup(address.path) : NULL;
  return fd;
}

int socket_real_set_mode(const char *path, unsigned mode, struct err *err) {
  if (path == NULL || chmod(path, (mode_t)mode) == 0) return 0;
  return err_errno(err, errno, "cannot set the rights of %s", path);
}
