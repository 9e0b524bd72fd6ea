/* lock_holder: see lock_holder.h. */
#include "daemon/io/lock_holder.h"

#include "daemon/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/* ------------------------------------------------------------------ by what it was started with */

enum { COMMAND_BYTES = 64 << 10 };

/* Whether the last argument of the process is that file, as seen from its own folder. */
static bool was_given(const char *pid, const struct stat *wanted) {
  char *path = mem_printf("/proc/%s/cmdline", pid), *command = mem_alloc(COMMAND_BYTES);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd >= 0 ? read(fd, command, COMMAND_BYTES - 1) : 0;
  if (fd >= 0) close(fd);
  free(path);
  bool same = false;
  if (got > 1) {
    command[got] = '\0';
    const char *last = command + got - 1;
    while (last > command && last[-1] != '\0') last--;
    if (*last == '\0' && last > command) { /* got ends with the argument's own end */
      last--;
      while (last > command && last[-1] != '\0') last--;
    }
    struct stat stat_of;
    char *seen = last[0] == '/' ? mem_strdup(last) : mem_printf("/proc/%s/cwd/%s", pid, last);
    same = stat(seen, &stat_of) == 0 && stat_of.st_dev == wanted->st_dev &&
           stat_of.st_ino == wanted->st_ino;
    free(seen);
  }
  free(command);
  return same;
}

/* A file named "lock" that it has open and holds; NULL: none. */
static char *lock_of(const char *pid) {
  char *dir = mem_printf("/proc/%s/fd", pid), *found = NULL;
  DIR *list = opendir(dir);
  for (struct dirent *entry; list != NULL && found == NULL && (entry = readdir(list)) != NULL;) {
    char target[PATH_MAX], *link = mem_printf("%s/%s", dir, entry->d_name);
    ssize_t len = readlink(link, target, sizeof target - 1);
    free(link);
    target[len > 0 ? len : 0] = '\0';
    if (len < 6 || strcmp(target + len - 5, "/lock") != 0) continue;
    bool held = false;
    int64_t holder = 0;
    struct err err;
    if (lock_holder_find(target, &held, &holder, &err) == 0 && held && holder == atoll(pid))
      found = mem_strdup(target);
  }
  if (list != NULL) closedir(list);
  free(dir);
  return found;
}

int lock_holder_search(const char *argument, bool *held, int64_t *pid, char **lock,
                       struct err *err) {
  struct stat wanted;
  *held = false;
  *lock = NULL;
  if (stat(argument, &wanted) != 0)
    return errno == ENOENT ? 0 : err_errno(err, errno, "cannot look at %s", argument);
  DIR *list = opendir("/proc");
  for (struct dirent *entry; list != NULL && !*held && (entry = readdir(list)) != NULL;) {
    *pid = strtoll(entry->d_name, NULL, 10);
    if (*pid <= 0 || *pid == getpid() || !was_given(entry->d_name, &wanted)) continue;
    *lock = lock_of(entry->d_name);
    *held = *lock != NULL;
  }
  if (list != NULL) closedir(list);
  return 0;
}

int lock_holder_signal(int64_t pid, int signal_number, struct err *err) {
  if (kill((pid_t)pid, signal_number) == 0) return 0;
  return err_errno(err, errno, "cannot send a signal to process %lld", (long long)pid);
}
