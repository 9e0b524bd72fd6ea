/* kafka: the sink that writes records to a topic. What a record becomes is said in frame.h, how
 * epochs get there in outgoing.h; README.md says what is promised. */
#include "daemon/base/mem.h"
#include "sinks/kafka/outgoing.h"
#include "sinks/sinks.h"

#include <stdio.h>
#include <stdlib.h>

struct kafka_sink {
  struct kafka_access access; /* first: its options' offsets count from it */
  const char *topic;
  struct expr_text key, timestamp, partition, tombstone;
  struct expr_list headers;
  int compression, acks;
  int64_t commit_interval_us;
  struct frame_plan plan;
  struct outgoing_options *out_options; /* lives as long as the outgoing that reads it */
  struct outgoing *out;
};

enum { ACKS_ALL, ACKS_ONE, ACKS_NONE };
static const char *const compression_names[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const acks_names[] = {"all", "one", "none", NULL};
static const char *const acks_settings[] = {"all", "1", "0"};
/* Settings of librdkafka that are not for `options`. */
static const char *const own_settings[] = {"bootstrap.servers",
                                           "acks",
                                           "request.required.acks",
                                           "compression.type",
                                           "compression.codec",
                                           "transactional.id",
                                           "enable.idempotence",
                                           "group.id",
                                           "group.instance.id",
                                           "isolation.level",
                                           NULL};

#define KAFKA_SINK(member) offsetof(struct kafka_sink, member)

static const struct option topic_options[] = {
    KAFKA_ACCESS_OPTIONS,
    {.name = "topic",
     .type = OPTION_TEXT,
     .offset = KAFKA_SINK(topic),
     .required = true,
     .text = "where records go"},
    {.name = "key",
     .type = OPTION_EXPR,
     .offset = KAFKA_SINK(key),
     .text =
         "of the record, as text; NULL: none. Records of the same key go to the same partition, "
         "the one that Java's clients choose, and so keep their order"},
    {.name = "headers",
     .type = OPTION_EXPR_MAP,
     .offset = KAFKA_SINK(headers),
     .text = "headers by name, as text; one that is NULL is left out"},
    {.name = "timestamp",
     .type = OPTION_EXPR,
     .offset = KAFKA_SINK(timestamp),
     .text = "of the record (default: its event time)"},
    {.name = "partition",
     .type = OPTION_EXPR,
     .offset = KAFKA_SINK(partition),
     .text = "its number; NULL, and by default: by the key, or any without one"},
    {.name = "tombstone",
     .type = OPTION_EXPR,
     .offset = KAFKA_SINK(tombstone),
     .text = "where it is true the record goes without a value, which deletes its key in a "
             "compacted topic"},
    {.name = "compression",
     .type = OPTION_ENUM,
     .offset = KAFKA_SINK(compression),
     .fallback = "none",
     .names = compression_names,
     .text = "of the records sent"},
    {.name = "acks",
     .type = OPTION_ENUM,
     .offset = KAFKA_SINK(acks),
     .fallback = "all",
     .names = acks_names,
     .text = "how many of a partition's brokers must have a record; exactly once needs all"},
    {.name = "commit_interval",
     .type = OPTION_DURATION,
     .offset = KAFKA_SINK(commit_interval_us),
     .fallback = "100ms",
     .min = 0,
     .text = "least time between two transactions, with delivery: exactly_once; the first of a "
             "quiet time comes at once"},
    {0}};

static void topic_check(const void *instance, const struct node *node,
                        struct config_errors *errors) {
  const struct kafka_sink *sink = instance;
  kafka_access_check(&sink->access, node, own_settings, errors);
  if (sink->headers.n > FRAME_HEADERS_MAX)
    config_error_add(errors, node_get(node, "headers")->place, "at most %d headers",
                     FRAME_HEADERS_MAX);
}

static enum sink_promise topic_promise(const void *instance) {
  (void)instance;
  return SINK_EXACTLY_ONCE;
}

static const char *topic_promise_text(const void *instance) {
  (void)instance;
  return "exactly once for who reads committed records: those of an epoch and its number are "
         "committed in one transaction";
}

/* ------------------------------------------------------------------ expressions */

static int compile_one(struct compile *compile, const struct expr_text *text,
                       enum value_type wanted, struct expr **expr) {
  if (text->node == NULL) return 0;
  if (compile_input_count(compile) > 1) {
    compile_error(compile, text->node->place,
                  "an expression needs a single input; put a merge in front");
    return -1;
  }
  return compile_expr(compile, text, compile_input(compile, 0), EXPR_SCALAR, wanted, expr);
}

static int topic_compile(void *instance, struct compile *compile) {
  struct kafka_sink *sink = instance;
  struct frame_plan *plan = &sink->plan;
  int result = compile_one(compile, &sink->key, VALUE_ANY, &plan->key);
  result |= compile_one(compile, &sink->timestamp, VALUE_TIMESTAMP, &plan->timestamp);
  result |= compile_one(compile, &sink->partition, VALUE_INT, &plan->partition);
  result |= compile_one(compile, &sink->tombstone, VALUE_BOOL, &plan->tombstone);
  for (size_t i = 0; i < sink->headers.n && i < FRAME_HEADERS_MAX; i++) {
    plan->header_names[i] = sink->headers.items[i].name;
    result |= compile_one(compile, &sink->headers.items[i], VALUE_ANY, &plan->headers[i]);
    plan->n_headers++;
  }
  return result;
}

static void topic_encode(const void *instance, const struct sink_ctx *ctx,
                         const struct expr_run *run, const struct schema *schema,
                         const struct view *view, struct sink_part *part) {
  const struct kafka_sink *sink = instance;
  frame_put_view(&sink->plan, ctx->codec, run, schema, view, part);
}

/* ------------------------------------------------------------------ settings of the clients */

/* A transaction of ours is over long before that, but where a broker or we stand still. */
#define TRANSACTION_TIMEOUT_MS 60000

static int64_t transaction_timeout_us(const struct kafka_sink *sink) {
  const struct text_list *options = &sink->access.options;
  for (size_t i = 0; i < options->n; i++)
    if (strcmp(options->names[i], "transaction.timeout.ms") == 0)
      return strtoll(options->items[i], NULL, 10) * 1000;
  return (int64_t)TRANSACTION_TIMEOUT_MS * 1000;
}

static struct outgoing_options *out_options_new(const struct kafka_sink *sink, const char *id,
                                                enum delivery delivery) {
  struct outgoing_options *options = mem_zalloc(sizeof *options);
  struct kafka_collected *producer = &options->producer, *consumer = &options->consumer;
  options->topic = mem_strdup(sink->topic);
  options->commit_interval_us = sink->commit_interval_us;
  options->give_up_after_us = sink->access.give_up_after_us;
  options->transaction_timeout_us = transaction_timeout_us(sink);
  options->transactions = delivery == DELIVERY_EXACTLY_ONCE;
  options->once_at_most = delivery == DELIVERY_AT_MOST_ONCE;
  kafka_access_put(&sink->access, producer);
  kafka_collected_put(producer, "acks", acks_settings[sink->acks]);
  kafka_collected_put(producer, "compression.type", compression_names[sink->compression]);
  if (options->transactions) {
    kafka_collected_put(producer, "transactional.id", id);
  } else {
    /* What could not be delivered yet waits as long as it takes; give_up_after ends that. */
    kafka_collected_put(producer, "message.timeout.ms", "0");
    if (sink->acks == ACKS_ALL) kafka_collected_put(producer, "enable.idempotence", "true");
  }
  kafka_access_put_options(&sink->access, producer);
  kafka_access_put(&sink->access, consumer);
  kafka_collected_put(consumer, "group.id", id);
  return options;
}

static void out_options_free(struct outgoing_options *options) {
  if (options == NULL) return;
  free((void *)options->topic);
  kafka_collected_fini(&options->producer);
  kafka_collected_fini(&options->consumer);
  free(options);
}

static bool out_options_equal(const struct outgoing_options *a, const struct outgoing_options *b) {
  return kafka_collected_equal(&a->producer, &b->producer) && strcmp(a->topic, b->topic) == 0 &&
         a->transactions == b->transactions && a->once_at_most == b->once_at_most;
}

static int acks_check(const struct kafka_sink *sink, enum delivery delivery, struct err *err) {
  if (delivery != DELIVERY_EXACTLY_ONCE || sink->acks == ACKS_ALL) return 0;
  return err_set(err, ERR_CONFIG,
                 "delivery: exactly_once needs acks: all, as what one broker has may be lost with "
                 "it");
}

/* ------------------------------------------------------------------ the engine's calls */

#define REACH_US (5 * 1000000)

static int topic_claim(void *instance, struct io *io, const struct diag *diag, const void *old,
                       struct err *err) {
  const struct kafka_sink *sink = instance;
  (void)diag, (void)old;
  struct outgoing_options *options = out_options_new(sink, "tidemark", DELIVERY_AT_LEAST_ONCE);
  struct kafka_settings settings = kafka_collected_settings(&options->producer);
  int result = kafka_settings_check(io->kafka, &settings, true, err);
  if (result == 0) result = kafka_reach(io->kafka, &settings, &sink->topic, 1, REACH_US, err);
  out_options_free(options);
  return result;
}

static int topic_open(void *instance, struct sink_ctx *ctx, struct slice state,
                      uint64_t *held_epoch, struct err *err) {
  struct kafka_sink *sink = instance;
  if (acks_check(sink, ctx->delivery, err) != 0) return -1;
  struct outgoing_options *options = out_options_new(sink, ctx->id, ctx->delivery);
  if (sink->out != NULL && !out_options_equal(sink->out_options, options)) {
    outgoing_free(sink->out);
    sink->out = NULL;
  }
  struct outgoing_options *before = sink->out_options;
  sink->out_options = options;
  if (sink->out == NULL)
    sink->out = outgoing_new(options, ctx);
  else
    outgoing_take_over(sink->out, options, ctx);
  out_options_free(before);
  return outgoing_open(sink->out, state, held_epoch, err);
}

/* The connections, and what they have told; whether they can be kept is seen when we open. */
static void topic_adopt(void *instance, void *old_instance) {
  struct kafka_sink *sink = instance, *old = old_instance;
  if (old->out == NULL || !outgoing_can_go_on(old->out)) return;
  sink->out = old->out;
  sink->out_options = old->out_options;
  old->out = NULL;
  old->out_options = NULL;
  outgoing_leave(sink->out);
}

static void topic_write(void *instance, struct sink_batch *batch) {
  struct kafka_sink *sink = instance;
  outgoing_write(sink->out, batch);
}

/* Kafka has what was delivered; our log learns which epoch it says it holds. */
static void topic_commit(void *instance, struct sink_commit *commit) {
  struct kafka_sink *sink = instance;
  struct buf state = {0};
  outgoing_state_put(sink->out, &state);
  sink_committed(commit, buf_slice(&state));
  buf_fini(&state);
}

static void topic_rejects_logged(void *instance) {
  struct kafka_sink *sink = instance;
  outgoing_rejects_logged(sink->out);
}

static void topic_metrics(const void *instance, struct metrics *metrics) {
  const struct kafka_sink *sink = instance;
  if (sink->out != NULL) outgoing_metrics(sink->out, metrics);
}

static void topic_close(void *instance) {
  struct kafka_sink *sink = instance;
  outgoing_free(sink->out);
  out_options_free(sink->out_options);
  sink->out = NULL;
  sink->out_options = NULL;
}

const struct sink_plugin sink_kafka = {
    .type = {.name = "kafka",
             .text = "writes records to a topic of Kafka, in transactions for exactly once",
             .options = topic_options,
             .instance_bytes = sizeof(struct kafka_sink),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX,
             .check = topic_check},
    .promise = topic_promise,
    .promise_text = topic_promise_text,
    .compile = topic_compile,
    .open = topic_open,
    .encode = topic_encode,
    .write = topic_write,
    .commit = topic_commit,
    .rejects_logged = topic_rejects_logged,
    .handover = {.claim = topic_claim, .adopt = topic_adopt},
    .metrics = topic_metrics,
    .close = topic_close,
};
