/* socket_server: what lives on when the configuration changes: a listener or a datagram socket, and
 * connections with the lines they have begun. Lives on the heap, owned by one source at a time. */
#ifndef TIDEMARK_SOURCES_SOCKET_SERVER_H
#define TIDEMARK_SOURCES_SOCKET_SERVER_H

#include "sources/line_input.h"

enum socket_mode { SOCKET_TCP, SOCKET_UDP, SOCKET_UNIX, SOCKET_UNIXGRAM };

struct socket_conn {
  struct socket_conn *prev, *next; /* of the list it is in */
  struct socket_server *server;
  struct net_conn *net;
  struct line_half half;
  int64_t since_us; /* waiting: since when nothing came; monotonic */
};
struct socket_list {
  struct socket_conn *first, *last;
};

struct socket_server {
  struct io *io;
  struct source_ctx *ctx; /* NULL: it belongs to no source that is open; nobody is called */
  struct net_listener *listener;
  struct datagram *datagram;
  struct socket_list ready;   /* have something, or their end, to be taken; in turn */
  struct socket_list waiting; /* are watched, who has waited longest first */
  size_t n_conns, conns_max;
  int64_t idle_us; /* 0: a peer may be silent for ever */
  struct loop_timer *idle;
  bool idle_armed, full;
  /* for people */
  uint64_t accepted, idle_closed, halves_lost, dropped;
};

/* Bound, and deaf until it is started: callers wait. NULL: err says why. */
struct socket_server *socket_server_new(struct io *io, int mode, const char *address,
                                        struct err *err);
const char *socket_server_address(const struct socket_server *server);
void socket_server_start(struct socket_server *server, struct source_ctx *ctx, size_t conns_max,
                         int64_t idle_us);
/* Nobody is called from now on; connections stay. */
void socket_server_pause(struct socket_server *server);
/* Moves all connections, also those that wait to be accepted, from a server that is paused. */
void socket_server_move(struct socket_server *to, struct socket_server *from);
/* Gathers what is there; *more: not all was. */
int socket_server_take(struct socket_server *server, struct line_input *input, bool *more,
                       struct err *err);
/* Ends listener and connections: peers learn that nothing more is taken. */
void socket_server_end(struct socket_server *server);
void socket_server_free(struct socket_server *server); /* NULL is fine */

#endif
