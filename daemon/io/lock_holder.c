/* lock_holder: see lock_holder.h. */
#include "daemon/io/lock_holder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

int64_t lock_holder_self(void) {
  return getpid();
}

int lock_holder_find(const char *path, bool *held, int64_t *pid, struct err *err) {
  *held = false;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : err_errno(err, errno, "cannot open %s", path);
  int result = 0;
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
    bool busy = errno == EWOULDBLOCK;
    char text[32];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    *pid = strtoll(text, NULL, 10);
    *held = busy && *pid > 0;
    if (!*held) result = err_set(err, ERR_BUSY, "cannot tell who holds %s", path);
  }
  close(fd);
  return result;
}

int lock_holder_signal(int64_t pid, int signal_number, struct err *err) {
  if (kill((pid_t)pid, signal_number) == 0) return 0;
  return err_errno(err, errno, "cannot send a signal to process %lld", (long long)pid);
}
