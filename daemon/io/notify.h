/* notify: what the service manager and we tell each other. */
#ifndef TIDEMARK_IO_NOTIFY_H
#define TIDEMARK_IO_NOTIFY_H

#include <stdbool.h>

/* The standard error goes to journald: JOURNAL_STREAM names the very file it is (systemd.exec(5)).
 */
bool notify_stderr_is_journal(void);

#endif
