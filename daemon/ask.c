/* ask: see ask.h. */
#include "daemon/ask.h"

#include "daemon/base/mem.h"
#include "daemon/record/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_US (10 * 1000 * 1000)
#define BODY_BYTES_MAX ((size_t)64 << 20)

void ask_open(struct ask *ask, struct io *io, const char *address) {
  struct fetch_options options = {
      .tls_verify = true, .connect_timeout_us = TIMEOUT_US, .connections_max = 1};
  *ask = (struct ask){.io = io, .address = address, .token = getenv("TIDEMARK_ADMIN_TOKEN")};
  ask->client = fetch_client_new(io->fetch, &options);
}

void ask_close(struct ask *ask) {
  fetch_client_free(ask->client);
}

struct question {
  bool answered;
  int status;
  struct buf *body;
  struct err *err;
};

static void answered(void *arg, const struct fetch_answer *answer, const struct err *err) {
  struct question *question = arg;
  question->answered = true;
  if (err != NULL) {
    *question->err = *err;
    return;
  }
  question->status = answer->status;
  buf_put_slice(question->body, answer->body);
}

static int status_check(const struct ask *ask, int status, const char *path, struct err *err) {
  switch (status) {
  case 200: return 0;
  case 401:
    return err_set(err, ERR_PERM,
                   "%s wants its token: set TIDEMARK_ADMIN_TOKEN to what admin.token says",
                   ask->address);
  case 404: return err_set(err, ERR_NOINPUT, "%s has no %s", ask->address, path);
  default: return err_set(err, ERR_RETRY, "%s answers %s with %d", ask->address, path, status);
  }
}

int ask_get(struct ask *ask, const char *path, struct buf *body, struct err *err) {
  char peer[FETCH_PEER_BYTES];
  char *url = mem_printf("http://%s%s", ask->address, path);
  char *bearer = ask->token != NULL ? mem_printf("Authorization: Bearer %s", ask->token) : NULL;
  const char *headers[] = {bearer};
  struct fetch_request request = {.method = "GET",
                                  .url = url,
                                  .headers = headers,
                                  .n_headers = bearer != NULL,
                                  .timeout_us = TIMEOUT_US,
                                  .body_bytes_max = BODY_BYTES_MAX};
  struct question question = {.body = body, .err = err};
  int result = fetch_peer(url, peer, err);
  if (result == 0) {
    struct fetch_call *call = fetch_start(ask->client, &request, answered, &question);
    while (result == 0 && !question.answered) result = loop_wait(ask->io->loop, -1, err);
    if (!question.answered) fetch_cancel(call);
  }
  free(url);
  free(bearer);
  if (result != 0) return -1;
  if (question.status == 0)
    return err_wrap(err, "no answer from a daemon's admin port (`admin:` in its configuration, or "
                         "`run --admin`)");
  return status_check(ask, question.status, path, err);
}

/* ------------------------------------------------------------------ answers */

bool ask_member(struct slice object, const char *name, struct slice *member) {
  size_t at = 0;
  struct slice found;
  while (json_text_next(object, &at, &found, member) == 1) {
    if (slice_is(found, name)) return !slice_is(*member, "null");
  }
  return false;
}

double ask_number(struct slice object, const char *name) {
  struct slice member;
  if (!ask_member(object, name, &member)) return 0;
  struct buf text;
  buf_init(&text);
  buf_put_slice(&text, member);
  double number = strtod(buf_cstr(&text), NULL);
  buf_fini(&text);
  return number;
}

const char *ask_text(struct slice object, const char *name, struct arena *arena) {
  struct slice member;
  struct value value;
  if (!ask_member(object, name, &member) || json_text_value(member, arena, &value) != 0 ||
      value.type != VALUE_TEXT) {
    return "";
  }
  return arena_dup(arena, value.data, value.len);
}

/* ------------------------------------------------------------------ an answer without an end */

struct stream {
  struct net_conn *conn;
  struct buf request, head; /* the head until its empty line has come */
  size_t written;
  bool in_body;
  void (*part)(void *arg, struct slice part);
  void *arg;
};

static void noted(void *arg) {
  (void)arg; /* the turn that follows looks */
}

static int head_check(const struct ask *ask, struct stream *stream, const char *path,
                      struct err *err) {
  int status = 0;
  if (sscanf(buf_cstr(&stream->head), "HTTP/1.%*d %d", &status) != 1)
    return err_set(err, ERR_RETRY, "%s does not speak HTTP", ask->address);
  if (status == 404) {
    const char *body = strstr(buf_cstr(&stream->head), "\r\n\r\n");
    struct slice json = slice_of(body != NULL ? body + 4 : "");
    struct arena arena;
    arena_init(&arena, 1024);
    const char *why = ask_text(json, "error", &arena);
    err_set(err, ERR_NOINPUT, "%s", why[0] != '\0' ? why : "there is no such thing");
    arena_fini(&arena);
    return -1;
  }
  return status_check(ask, status, path, err);
}

/* Takes in what has come; *ended: all has. */
static int stream_turn(const struct ask *ask, struct stream *stream, const char *path, bool *ended,
                       struct err *err) {
  size_t put = 0, got = 0;
  char data[16 << 10];
  if (stream->written < stream->request.len) {
    if (net_write(stream->conn, stream->request.data + stream->written,
                  stream->request.len - stream->written, &put, err) != 0) {
      return -1;
    }
    stream->written += put;
  }
  net_conn_want(stream->conn, true, stream->written < stream->request.len);
  if (net_read(stream->conn, data, sizeof data, &got, ended, err) != 0) return -1;
  if (stream->in_body) {
    if (got > 0) stream->part(stream->arg, (struct slice){data, got});
    return 0;
  }
  buf_put(&stream->head, data, got);
  const char *end = strstr(buf_cstr(&stream->head), "\r\n\r\n");
  bool good = strncmp(buf_cstr(&stream->head), "HTTP/1.1 200", 12) == 0;
  if (end == NULL || (!good && !*ended)) {
    if (!*ended) return 0;
    return stream->head.len > 0 ? head_check(ask, stream, path, err)
                                : err_set(err, ERR_RETRY, "%s gives no answer", ask->address);
  }
  if (head_check(ask, stream, path, err) != 0) return -1;
  stream->in_body = true;
  struct slice rest = {end + 4, stream->head.len - (size_t)(end + 4 - stream->head.data)};
  if (rest.len > 0) stream->part(stream->arg, rest);
  return 0;
}

int ask_stream(struct ask *ask, const char *path, void (*part)(void *arg, struct slice part),
               void *arg, struct err *err) {
  struct stream stream = {.part = part, .arg = arg};
  buf_init(&stream.request);
  buf_init(&stream.head);
  /* Of HTTP/1.0 the body comes as it is, up to the end of the connection. */
  buf_printf(&stream.request, "GET %s HTTP/1.0\r\nHost: %s\r\n", path, ask->address);
  if (ask->token != NULL) buf_printf(&stream.request, "Authorization: Bearer %s\r\n", ask->token);
  buf_put_text(&stream.request, "\r\n");
  bool ended = false;
  int result = net_connect(ask->io->net, ask->address, noted, NULL, &stream.conn, err);
  if (result == 0) net_conn_want(stream.conn, true, true);
  while (result == 0 && !ended) {
    result = stream_turn(ask, &stream, path, &ended, err);
    if (result == 0 && !ended) result = loop_wait(ask->io->loop, -1, err);
  }
  if (result != 0 && err->code == ERR_IO) err->code = ERR_RETRY;
  net_conn_close(stream.conn);
  buf_fini(&stream.request);
  buf_fini(&stream.head);
  return result;
}
