/* service_notify: the program as a service of systemd. It says when it is ready (all pipelines are
 * where they were), what it is doing, that it reloads and stops, that its loop still turns, and
 * asks for more time where something takes long and comes forward. The loop's thread. When no
 * service manager listens, all of it costs nothing. */
#ifndef TIDEMARK_SERVICE_NOTIFY_H
#define TIDEMARK_SERVICE_NOTIFY_H

#include "daemon/io/io.h"
#include "daemon/totals.h"

struct service;

/* totals(arg) is asked for when something about it is to be said. */
typedef void service_totals_fn(void *arg, struct totals *totals);
struct service *service_new(const struct io *io, service_totals_fn *totals, void *arg);
void service_free(struct service *service); /* NULL is fine */

/* Before a pipeline is opened, which may read long without a turn of the loop. */
void service_opening(struct service *service, const char *pipeline);
/* Once in each turn of the loop, after the pipelines' turns. Feeds the watchdog: who does not come
 * by here is stuck. Returns the wait, shortened to when it must be called again (-1: no limit). */
int64_t service_turn(struct service *service, int64_t wait_us);
/* A reload begins; it ends, done or refused. Between them turns may be left out. */
void service_reloading(struct service *service);
void service_reloaded(struct service *service);
/* What was taken is delivered first, for at most timeout_us. Nothing takes it back. */
void service_stopping(struct service *service, int64_t timeout_us);

#endif
