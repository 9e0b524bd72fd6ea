/* ask: see ask.h. */
#include "daemon/ask.h"

#include "daemon/base/mem.h"
#include "daemon/record/json_text.h"

#include <stdlib.h>

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
