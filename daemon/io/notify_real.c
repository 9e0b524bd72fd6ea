/* notify_real: systemd's. What cannot be sent for another reason than a full queue is lost: nobody
 * is there, and that is no reason for the program to end. */
#include "daemon/io/notify.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct notify_real {
  struct notify notify;
  int fd;
  struct sockaddr_un address;
  socklen_t address_bytes;
};

static int real_send(struct notify *notify, const char *lines) {
  struct notify_real *real = (struct notify_real *)notify;
  ssize_t sent = sendto(real->fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL,
                        (struct sockaddr *)&real->address, real->address_bytes);
  return sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) ? -1 : 0;
}

static void real_free(struct notify *notify) {
  struct notify_real *real = (struct notify_real *)notify;
  if (real->fd >= 0) close(real->fd);
  free(real);
}

static const struct notify_ops real_ops = {.send = real_send, .free = real_free};

/* false: not an address of a socket of ours. */
static bool address_of(struct notify_real *real, const char *name) {
  size_t len = strlen(name);
  if ((name[0] != '/' && name[0] != '@') || len >= sizeof real->address.sun_path) return false;
  real->address.sun_family = AF_UNIX;
  memcpy(real->address.sun_path, name, len);
  if (name[0] == '@') real->address.sun_path[0] = '\0';
  real->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
  return true;
}

/* WATCHDOG_PID, when it is set, says whom it is for. */
static int64_t watchdog_us(void) {
  const char *limit = getenv("WATCHDOG_USEC"), *process = getenv("WATCHDOG_PID");
  if (limit == NULL || (process != NULL && strtoimax(process, NULL, 10) != getpid())) return 0;
  int64_t us = strtoimax(limit, NULL, 10);
  return us > 0 && us < INT64_MAX ? us : 0;
}

struct notify *notify_real_new(void) {
  struct notify_real *real = mem_zalloc(sizeof *real);
  *real = (struct notify_real){.notify.ops = &real_ops, .fd = -1};
  const char *name = getenv("NOTIFY_SOCKET");
  if (name != NULL && address_of(real, name)) {
    real->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    real->notify.wanted = real->fd >= 0;
    real->notify.watchdog_us = watchdog_us();
  }
  unsetenv("NOTIFY_SOCKET");
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
  return &real->notify;
}

bool notify_stderr_is_journal(void) {
  const char *stream = getenv("JOURNAL_STREAM");
  struct stat stat;
  uintmax_t device, inode;
  return stream != NULL && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
         fstat(STDERR_FILENO, &stat) == 0 && stat.st_dev == device && stat.st_ino == inode;
}
