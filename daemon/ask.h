/* ask: questions to a running daemon, by its admin port, and reading what it answers. For commands:
 * a question waits for its answer. */
#ifndef TIDEMARK_ASK_H
#define TIDEMARK_ASK_H

#include "daemon/base/arena.h"
#include "daemon/base/buf.h"
#include "daemon/io/io.h"

struct ask {
  struct io *io;
  const char *address; /* "host:port" */
  const char *token;   /* or NULL */
  struct fetch_client *client;
};

#define ASK_DEFAULT_ADDRESS "127.0.0.1:8365" /* as admin.listen's default */

/* address: borrowed. The token is that of TIDEMARK_ADMIN_TOKEN, which no list of processes shows.
 */
void ask_open(struct ask *ask, struct io *io, const char *address);
void ask_close(struct ask *ask);
/* GET path: the body, when the status is 200. ERR_RETRY when nobody answers, ERR_PERM when the
 * token is not right, ERR_NOINPUT for 404. */
int ask_get(struct ask *ask, const char *path, struct buf *body, struct err *err);

/* The same for an answer without an end: part(arg) gets its body as it comes, until the other side
 * ends it. */
int ask_stream(struct ask *ask, const char *path, void (*part)(void *arg, struct slice part),
               void *arg, struct err *err);

/* A member of a JSON object, as its raw text; "null" is none. */
bool ask_member(struct slice object, const char *name, struct slice *member);
double ask_number(struct slice object, const char *name); /* 0 when there is none */
const char *ask_text(struct slice object, const char *name, struct arena *arena); /* "" likewise */

#endif
