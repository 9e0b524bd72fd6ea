/* notify: what the service manager and we tell each other (sd_notify(3), without its library). On
 * the loop's thread. */
#ifndef TIDEMARK_IO_NOTIFY_H
#define TIDEMARK_IO_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify;

/* Somebody wants to be told. */
bool notify_wanted(const struct notify *notify);
/* Within this time WATCHDOG=1 must come again and again; 0: nobody waits for it. */
int64_t notify_watchdog_us(const struct notify *notify);
/* Lines NAME=VALUE in one datagram. Does not block: -1 when there is no room now, and it must be
 * tried again; else 0, also when nobody wants it. */
int notify_send(struct notify *notify, const char *lines);

struct notify_ops { /* implemented by notify_real.c and notify_sim.c */
  int (*send)(struct notify *notify, const char *lines);
  void (*free)(struct notify *notify);
};
struct notify {
  const struct notify_ops *ops;
  bool wanted;
  int64_t watchdog_us;
};

/* From NOTIFY_SOCKET (a path, or an abstract name after '@') and WATCHDOG_USEC, which are taken out
 * of the environment: they are for us and not for programs that we start. */
struct notify *notify_real_new(void);
void notify_free(struct notify *notify); /* NULL is fine */

/* The standard error goes to journald: JOURNAL_STREAM names the very file it is (systemd.exec(5)).
 */
bool notify_stderr_is_journal(void);

#endif
