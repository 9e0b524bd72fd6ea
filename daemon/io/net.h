/* net: stream sockets. Everything is non-blocking; fn(arg) is called by the loop when a listener
 * has a caller or a connection can be read or written as wanted. Addresses are "host:port",
 * "[v6]:port" or "unix:/path". */
#ifndef TIDEMARK_IO_NET_H
#define TIDEMARK_IO_NET_H

#include "daemon/base/err.h"
#include "daemon/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net;
struct net_listener;
struct net_conn;

int net_listen(struct net *net, const char *address, loop_fn *fn, void *arg,
               struct net_listener **listener, struct err *err);
/* The address bound, with the port the system chose for ":0". Valid until close. */
const char *net_listener_address(const struct net_listener *listener);
/* *conn = NULL when nobody waits. fn and arg are the connection's. ERR_RETRY: the process has too
 * few descriptors left (the last are for its files); the listener rests a while by itself. */
int net_accept(struct net_listener *listener, loop_fn *fn, void *arg, struct net_conn **conn,
               struct err *err);
/* Whether fn is to be called for callers; true at first. They wait in the backlog meanwhile. */
void net_listener_want(struct net_listener *listener, bool wanted);
/* unix: who may connect, as chmod(2) has it; until then it is what the umask leaves. */
int net_listener_set_mode(struct net_listener *listener, unsigned mode, struct err *err);
void net_listener_close(struct net_listener *listener); /* NULL is fine */

/* Starts to connect; the first write or read says whether it failed. */
int net_connect(struct net *net, const char *address, loop_fn *fn, void *arg,
                struct net_conn **conn, struct err *err);
void net_conn_want(struct net_conn *conn, bool read, bool write);
/* *got = 0 and *ended = false: nothing now. */
int net_read(struct net_conn *conn, void *data, size_t len, size_t *got, bool *ended,
             struct err *err);
int net_write(struct net_conn *conn, const void *data, size_t len, size_t *put, struct err *err);
/* Nothing more will be written: the peer reads the end of the stream. Reading goes on. */
void net_conn_end(struct net_conn *conn);
void net_conn_close(struct net_conn *conn); /* NULL is fine */

struct net_ops {
  int (*listen)(struct net *, const char *, loop_fn *, void *, struct net_listener **,
                struct err *);
  const char *(*listener_address)(const struct net_listener *);
  int (*accept)(struct net_listener *, loop_fn *, void *, struct net_conn **, struct err *);
  void (*listener_want)(struct net_listener *, bool);
  int (*listener_set_mode)(struct net_listener *, unsigned, struct err *);
  void (*listener_close)(struct net_listener *);
  int (*connect)(struct net *, const char *, loop_fn *, void *, struct net_conn **, struct err *);
  void (*conn_want)(struct net_conn *, bool, bool);
  int (*read)(struct net_conn *, void *, size_t, size_t *, bool *, struct err *);
  int (*write)(struct net_conn *, const void *, size_t, size_t *, struct err *);
  void (*conn_end)(struct net_conn *);
  void (*conn_close)(struct net_conn *);
  void (*free)(struct net *);
};
struct net {
  const struct net_ops *ops;
};
struct net_listener {
  struct net *net;
};
struct net_conn {
  struct net *net;
};

struct net *net_real_new(struct loop *loop); /* on a real loop */
void net_free(struct net *net);              /* NULL is fine */

#endif
