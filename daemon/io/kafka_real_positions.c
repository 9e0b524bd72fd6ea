/* kafka_real_positions: what brokers are asked about places in partitions. librdkafka waits for
 * these answers, so each is a request. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_real.h"

#include <stdlib.h>

/* Long enough for a broker that is busy, short enough for who waits for the client to be freed. */
#define ASK_MS 5000

struct question {
  struct kafka_request request;
  bool committed; /* else: offsets at a time */
  int64_t time_ms;
  rd_kafka_topic_partition_list_t *asked, *got;
  rd_kafka_resp_err_t code;
  kafka_positions_fn *fn;
  void *arg;
};

rd_kafka_topic_partition_list_t *kafka_positions_list(const struct kafka_position *positions,
                                                      size_t n) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
  for (size_t i = 0; i < n; i++) {
    const struct kafka_position *position = &positions[i];
    rd_kafka_topic_partition_t *part =
        rd_kafka_topic_partition_list_add(list, position->at.topic, position->at.partition);
    part->offset = position->offset;
    if (position->metadata.len == 0) continue;
    part->metadata_size = position->metadata.len;
    part->metadata = mem_strndup(position->metadata.data, position->metadata.len);
  }
  return list;
}

static void set_time(rd_kafka_topic_partition_list_t *list, int64_t time_ms) {
  for (int i = 0; i < list->cnt; i++) list->elems[i].offset = time_ms;
}

/* A time behind the last record has no offset: the end is asked for then. */
static rd_kafka_resp_err_t ask_times(struct question *question) {
  rd_kafka_t *rk = question->request.client->rk;
  rd_kafka_topic_partition_list_t *got = question->got;
  set_time(got, question->time_ms);
  rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, got, ASK_MS);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || question->time_ms < 0) return code;
  rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
  for (int i = 0; i < got->cnt; i++)
    if (got->elems[i].offset < 0)
      rd_kafka_topic_partition_list_add(none, got->elems[i].topic, got->elems[i].partition);
  if (none->cnt > 0) {
    set_time(none, KAFKA_END_MS);
    code = rd_kafka_offsets_for_times(rk, none, ASK_MS);
    for (int i = 0; i < none->cnt; i++) {
      rd_kafka_topic_partition_t *part =
          rd_kafka_topic_partition_list_find(got, none->elems[i].topic, none->elems[i].partition);
      part->offset = none->elems[i].offset;
      part->err = none->elems[i].err;
    }
  }
  rd_kafka_topic_partition_list_destroy(none);
  return code;
}

static void question_run(struct kafka_request *request) {
  struct question *question = (struct question *)request;
  question->code = question->committed
                       ? rd_kafka_committed(request->client->rk, question->got, ASK_MS)
                       : ask_times(question);
}

static void question_done(struct kafka_request *request) {
  struct question *question = (struct question *)request;
  kafka_positions_answer(
      request->client, question->committed ? "read the group's offsets" : "find offsets",
      question->code, question->asked, question->got, question->fn, question->arg);
}

static void question_fini(struct kafka_request *request) {
  struct question *question = (struct question *)request;
  rd_kafka_topic_partition_list_destroy(question->asked);
  rd_kafka_topic_partition_list_destroy(question->got);
}

void kafka_positions_ask(struct kafka_client *client, bool committed,
                         rd_kafka_topic_partition_list_t *list, int64_t time_ms,
                         kafka_positions_fn *fn, void *arg) {
  struct question *question = mem_zalloc(sizeof *question);
  question->request.run = question_run;
  question->request.done = question_done;
  question->request.fini = question_fini;
  question->committed = committed;
  question->time_ms = time_ms;
  question->asked = list;
  question->got = rd_kafka_topic_partition_list_copy(list);
  question->fn = fn;
  question->arg = arg;
  kafka_request_submit(client, &question->request);
}

static int answer_check(struct kafka_client *client, const char *doing, rd_kafka_resp_err_t code,
                        const rd_kafka_topic_partition_list_t *got, struct err *err) {
  const rd_kafka_topic_partition_t *bad = NULL;
  for (int i = 0; got != NULL && i < got->cnt && bad == NULL; i++)
    if (got->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) bad = &got->elems[i];
  if (bad != NULL)
    return err_set(err, kafka_code(bad->err), "cannot %s of topic %s, partition %d: %s", doing,
                   bad->topic, (int)bad->partition, rd_kafka_err2str(bad->err));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__NO_OFFSET)
    return err_set(err, kafka_code(code), "cannot %s (%s): %s", doing, rd_kafka_name(client->rk),
                   rd_kafka_err2str(code));
  return 0;
}

void kafka_positions_answer(struct kafka_client *client, const char *doing,
                            rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *asked,
                            rd_kafka_topic_partition_list_t *got, kafka_positions_fn *fn,
                            void *arg) {
  struct err err;
  bool good = answer_check(client, doing, code, got, &err) == 0;
  size_t n = (size_t)asked->cnt;
  struct kafka_position *list = mem_zalloc((n + 1) * sizeof *list);
  for (size_t i = 0; i < n; i++) {
    const rd_kafka_topic_partition_t *part = &asked->elems[i];
    list[i].at = (struct kafka_partition){part->topic, part->partition};
    list[i].offset = KAFKA_OFFSET_NONE;
    part =
        got != NULL ? rd_kafka_topic_partition_list_find(got, part->topic, part->partition) : NULL;
    if (part == NULL || !good) continue;
    if (part->offset >= 0) list[i].offset = part->offset;
    list[i].metadata = (struct slice){part->metadata, part->metadata_size};
  }
  if (fn != NULL) fn(arg, list, n, good ? NULL : &err);
  free(list);
}
