/* notify_real: systemd's. */
#include "daemon/io/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool notify_stderr_is_journal(void) {
  const char *stream = getenv("JOURNAL_STREAM");
  struct stat stat;
  uintmax_t device, inode;
  return stream != NULL && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
         fstat(STDERR_FILENO, &stat) == 0 && stat.st_dev == device && stat.st_ino == inode;
}
