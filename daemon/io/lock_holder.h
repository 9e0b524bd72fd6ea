/* lock_holder: who holds a lock file (disk_lock()), and how to send that process a signal. For the
 * commands that speak to a running daemon; real only. */
#ifndef TIDEMARK_IO_LOCK_HOLDER_H
#define TIDEMARK_IO_LOCK_HOLDER_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stdint.h>

int64_t lock_holder_self(void); /* what the holder writes into the file: its process id */
/* *held = false: nobody has it now, or there is no such file. */
int lock_holder_find(const char *path, bool *held, int64_t *pid, struct err *err);
/* The process that was given this file or folder as its last argument and holds a lock, and that
 * lock's path (free()); of several the first. *held = false: there is none that we may look at. */
int lock_holder_search(const char *argument, bool *held, int64_t *pid, char **lock,
                       struct err *err);
int lock_holder_signal(int64_t pid, int signal_number, struct err *err);

#endif
