/* net: the calls of net.h, handed to the implementation. */
#include "daemon/io/net.h"

int net_listen(struct net *net, const char *address, loop_fn *fn, void *arg,
               struct net_listener **listener, struct err *err) {
  return net->ops->listen(net, address, fn, arg, listener, err);
}

const char *net_listener_address(const struct net_listener *listener) {
  return listener->net->ops->listener_address(listener);
}

int net_accept(struct net_listener *listener, loop_fn *fn, void *arg, struct net_conn **conn,
               struct err *err) {
  return listener->net->ops->accept(listener, fn, arg, conn, err);
}

void net_listener_want(struct net_listener *listener, bool wanted) {
  listener->net->ops->listener_want(listener, wanted);
}

int net_listener_set_mode(struct net_listener *listener, unsigned mode, struct err *err) {
  return listener->net->ops->listener_set_mode(listener, mode, err);
}

void net_listener_close(struct net_listener *listener) {
  if (listener != NULL) listener->net->ops->listener_close(listener);
}

int net_connect(struct net *net, const char *address, loop_fn *fn, void *arg,
                struct net_conn **conn, struct err *err) {
  return net->ops->connect(net, address, fn, arg, conn, err);
}

void net_conn_want(struct net_conn *conn, bool read, bool write) {
  conn->net->ops->conn_want(conn, read, write);
}

int net_read(struct net_conn *conn, void *data, size_t len, size_t *got, bool *ended,
             struct err *err) {
  return conn->net->ops->read(conn, data, len, got, ended, err);
}

int net_write(struct net_conn *conn, const void *data, size_t len, size_t *put, struct err *err) {
  return conn->net->ops->write(conn, data, len, put, err);
}

void net_conn_end(struct net_conn *conn) {
  conn->net->ops->conn_end(conn);
}

void net_conn_close(struct net_conn *conn) {
  if (conn != NULL) conn->net->ops->conn_close(conn);
}

void net_free(struct net *net) {
  if (net != NULL) net->ops->free(net);
}
