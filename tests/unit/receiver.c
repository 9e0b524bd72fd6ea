/* receiver: see receiver.h. Keys begin with the sink's name, so those of two sinks differ. */
#include "receiver.h"

#include <stdio.h>

void receiver_fini(struct receiver *receiver) {
  for (size_t i = 0; i < receiver->n; i++) {
    free(receiver->list[i].key);
    free(receiver->list[i].url);
    buf_fini(&receiver->list[i].body);
  }
  free(receiver->list);
}

/* The number behind the next "id":, with whatever number of backslashes in front of each quote. */
static const char *next_id(const char *at, const char *end, int *id) {
  while ((at = memmem(at, (size_t)(end - at), "\"id", 3)) != NULL) {
    at += 3;
    const char *colon = at + strspn(at, "\\\"");
    if (*colon != ':') continue;
    *id = atoi(colon + 1) - RECEIVER_IDS_FROM;
    assert_in_range(*id, 0, RECEIVER_RECORDS - 1);
    return colon;
  }
  return NULL;
}

void receiver_count(struct slice text, int count[RECEIVER_RECORDS]) {
  int id;
  for (const char *at = text.data, *end = at + text.len;
       text.len > 0 && (at = next_id(at, end, &id)) != NULL;)
    count[id]++;
}

static bool is_refused(const struct receiver *receiver, const struct fetch_request *request) {
  int id;
  const char *at = request->body.data, *end = at + request->body.len;
  while ((at = next_id(at, end, &id)) != NULL)
    if (receiver->refuses(request->url, id)) return true;
  return false;
}

static struct received *find(struct receiver *receiver, const struct fetch_request *request) {
  const char *key = NULL;
  for (size_t i = 0; i < request->n_headers; i++)
    if (strncmp(request->headers[i], "Idempotency-Key: ", 17) == 0) key = request->headers[i] + 17;
  assert_non_null(key);
  receiver->asked++;
  for (size_t i = 0; i < receiver->n; i++) {
    struct received *received = &receiver->list[i];
    if (strcmp(received->key, key) != 0) continue;
    receiver->again++;
    if (strcmp(received->url, request->url) != 0 ||
        !slice_equal(buf_slice(&received->body), request->body))
      fail_msg("%s has other bytes", key);
    return received;
  }
  array_grow((void **)&receiver->list, &receiver->cap, receiver->n, sizeof *receiver->list);
  struct received *received = &receiver->list[receiver->n++];
  *received = (struct received){.key = mem_strdup(key), .url = mem_strdup(request->url)};
  buf_put_slice(&received->body, request->body);
  return received;
}

static void serve(void *arg, const struct fetch_request *request, struct sim_answer *answer) {
  struct receiver *receiver = arg;
  if (receiver->silent != NULL && receiver->silent(request->url)) return;
  struct received *received = find(receiver, request);
  answer->delay_us = (int64_t)random_below(&receiver->random, 4000);
  bool trouble = random_below(&receiver->random, 100) < receiver->trouble;
  uint64_t kind = random_below(&receiver->random, 4);
  if (trouble && kind == 0) answer->failure = "it broke before it was heard";
  if (trouble && kind == 1) answer->status = 503;
  if (trouble && kind == 2) {
    answer->status = 429;
    answer->headers = "Retry-After: 1\n";
  }
  if (trouble && kind < 3) return;
  if (is_refused(receiver, request)) {
    received->refused = true;
    answer->status = 400;
    answer->body = "not wanted";
  } else {
    received->taken = true;
    answer->status = 200;
  }
  if (trouble) *answer = (struct sim_answer){0}; /* no word of it */
}

void receiver_serve(struct receiver *receiver, struct io *io) {
  sim_fetch_serve(io->fetch, serve, receiver);
}

void receiver_taken(const struct receiver *receiver, const char *url, int count[RECEIVER_RECORDS]) {
  for (size_t i = 0; i < receiver->n; i++) {
    const struct received *received = &receiver->list[i];
    if (received->taken && strcmp(received->url, url) == 0)
      receiver_count(buf_slice(&received->body), count);
  }
}
