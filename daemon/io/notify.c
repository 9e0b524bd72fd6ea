/* notify: hands calls on. */
#include "daemon/io/notify.h"

#include <stddef.h>

bool notify_wanted(const struct notify *notify) {
  return notify->wanted;
}

int64_t notify_watchdog_us(const struct notify *notify) {
  return notify->wanted ? notify->watchdog_us : 0;
}

int notify_send(struct notify *notify, const char *lines) {
  return notify->wanted ? notify->ops->send(notify, lines) : 0;
}

void notify_free(struct notify *notify) {
  if (notify != NULL) notify->ops->free(notify);
}
