/* http_internal: what the files of this folder share of servers, connections and exchanges. */
#ifndef TIDEMARK_HTTP_HTTP_INTERNAL_H
#define TIDEMARK_HTTP_HTTP_INTERNAL_H

#include "daemon/base/arena.h"
#include "daemon/http/http_body.h"
#include "daemon/http/http_guard.h"
#include "daemon/http/http_server.h"
#include "daemon/http/http_wire.h"

/* One connection has one exchange at a time, so requests that are sent ahead are answered in
 * order. */
struct http_exchange {
  struct http_conn *conn;
  struct arena arena; /* of this request */
  struct http_head head;
  struct slice path, query;
  struct http_body body;
  uint64_t held_bytes;    /* of the body, as counted by the server */
  bool with_handler;      /* it knows of it and has not answered */
  bool begun, answered;   /* the answer: its head is written, all of it is */
  bool chunked, bodiless; /* how it is written */
  void *data;
};

enum http_state {
  HTTP_HEAD,    /* waiting for a request, or in its head */
  HTTP_BODY,    /* in its body */
  HTTP_HANDLER, /* with the handler, until it has answered */
  HTTP_ANSWER,  /* the rest of the answer is being taken */
  HTTP_SKIP,    /* a body that nobody wanted goes by */
  HTTP_LINGER,  /* all is said; what still comes is thrown away so that the answer is not */
};

struct http_conn {
  struct http_conn *prev, *next; /* of the server */
  struct http_conn *next_kicked;
  bool kicked;
  struct http_server *server;
  struct http_wire wire;
  struct loop_timer *deadline;
  bool late;     /* the deadline has passed */
  bool may_read; /* the network said that there is something */
  bool ended;    /* the peer sends nothing more */
  bool closes;   /* after this answer */
  bool begun;    /* the first byte of the request has come; of a connection's first: always */
  bool in_turn;  /* its states are being run */
  uint64_t mark; /* of wire.taken: what the peer has to have taken by the deadline */
  enum http_state state;
  struct buf in; /* what came, from `at` on */
  size_t at;
  struct http_scan scan;
  uint64_t skip_left;
  struct http_exchange exchange;
};

struct http_server {
  struct io io;
  struct net_listener *listener;
  struct http_limits limits;
  struct http_tls_files *tls; /* NULL: none */
  const struct http_handler *handler;
  void *arg;
  char *refuses;           /* why, or NULL */
  bool started, starved;   /* starved: no descriptor was left for the last caller */
  struct http_conn *conns; /* newest first */
  struct http_conn *kicked;
  struct http_server_figures figures;
};

/* ------------------------------------------------------------------ http_conn.c */

/* *conn = NULL: nobody waits. */
int http_conn_accept(struct http_server *server, struct http_conn **conn, struct err *err);
/* Says gone() to the handler if it waits. */
void http_conn_free(struct http_conn *conn);
/* Something has changed: its states are to be run in a coming turn of the loop. */
void http_conn_kick(struct http_conn *conn);
void http_conn_run_kicked(void *server); /* a loop_fn */
/* The body it holds has grown or is gone. */
void http_exchange_count_body(struct http_exchange *exchange);

/* ------------------------------------------------------------------ http_server.c */

/* There is one connection less. */
void http_server_accept_more(struct http_server *server);

/* ------------------------------------------------------------------ http_answer.c */

/* The server's own answer, also when the handler knows of the exchange. */
void http_answer_refusal(struct http_exchange *exchange, const struct http_refusal *refusal);

/* ------------------------------------------------------------------ http_exchange.c */

/* Path and query from the target. */
void http_exchange_read_target(struct http_exchange *exchange);

#endif
