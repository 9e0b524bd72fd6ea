/* socket_real: binding sockets of the system, for net_real.c and datagram_real.c. */
#ifndef TIDEMARK_IO_SOCKET_REAL_H
#define TIDEMARK_IO_SOCKET_REAL_H

#include "daemon/base/err.h"

/* A socket bound to an address of net.h, and listening when type is SOCK_STREAM; or -1, ERR_BUSY
 * when somebody lives there. *name: the address bound, with the port the system chose for ":0".
 * *path: of a unix socket, to be removed at close, else NULL. Both free(). */
int socket_real_bind(const char *text, int type, char **name, char **path, struct err *err);

/* Rights of a unix socket's file, as chmod(2) has them; nothing to do for path NULL. */
int socket_real_set_mode(const char *path, unsigned mode, struct err *err);

#endif
