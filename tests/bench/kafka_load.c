/* kafka_load: the other side of the benchmark's Kafka workloads.
 *
 *     kafka_load topic BROKERS TOPIC PARTITIONS  makes a topic
 *     kafka_load fill BROKERS TOPIC FILE         sends the lines, key user_id, as fast as it can
 *     kafka_load count BROKERS TOPIC             records a read-committed consumer sees, at once
 *     kafka_load pace BROKERS IN OUT RATE SECONDS [SKIP-SECONDS]
 *
 * pace sends RATE records a second to IN, each with the time at which it was sent, and reads OUT,
 * committed records only; the time in a record of OUT ("sent") is that of the newest record it was
 * made of. It prints how long that was ago when the record could be seen: p50, p99, p99.9 and the
 * longest, in ms, over all but the first SKIP-SECONDS (5), and how far sending fell behind. */
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES 4096

static void fail(const char *what, const char *why) {
  fprintf(stderr, "kafka_load: %s: %s\n", what, why);
  exit(1);
}

static int64_t now_us(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char text[512];
  if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) fail(name, text);
}

static rd_kafka_t *producer(const char *brokers) {
  char text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "partitioner", "murmur2_random");
  set(conf, "linger.ms", "5");
  set(conf, "queue.buffering.max.messages", "1000000");
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
  if (client == NULL) fail("producer", text);
  return client;
}

static void send_line(rd_kafka_t *client, const char *topic, const char *key, size_t key_len,
                      const char *line, size_t len) {
  rd_kafka_resp_err_t err;
  while ((err = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, key_len),
                                  RD_KAFKA_V_VALUE((void *)line, len),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) != 0) {
    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("produce", rd_kafka_err2str(err));
    rd_kafka_poll(client, 10);
  }
}

static int topic_make(const char *brokers, const char *topic, int partitions) {
  char text[512];
  rd_kafka_t *client = producer(brokers);
  rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof text);
  if (made == NULL) fail(topic, text);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_CreateTopics(client, &made, 1, NULL, queue);
  rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
  if (event == NULL || rd_kafka_event_error(event) != 0) fail(topic, "cannot be made");
  size_t n;
  const rd_kafka_topic_result_t **results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
  for (size_t i = 0; i < n; i++) {
    if (rd_kafka_topic_result_error(results[i]) != 0)
      fail(topic, rd_kafka_topic_result_error_string(results[i]));
  }
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(made);
  rd_kafka_destroy(client);
  return 0;
}

static int fill(const char *brokers, const char *topic, const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path, "cannot be read");
  rd_kafka_t *client = producer(brokers);
  char line[LINE_BYTES];
  uint64_t n = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    const char *at = strstr(line, "\"user_id\":\"");
    if (at == NULL) fail(path, "a line without user_id");
    const char *key = at + strlen("\"user_id\":\"");
    send_line(client, topic, key, strcspn(key, "\""), line, strcspn(line, "\n"));
    if (++n % 1000 == 0) rd_kafka_poll(client, 0);
  }
  fclose(file);
  if (rd_kafka_flush(client, 120000) != 0) fail("flush", "not all was taken");
  rd_kafka_destroy(client);
  printf("%" PRIu64 "\n", n);
  return 0;
}

static rd_kafka_t *consumer(const char *brokers, const char *topic, bool from_end) {
  char text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "group.id", "kafka_load");
  set(conf, "isolation.level", "read_committed");
  set(conf, "enable.auto.commit", "false");
  set(conf, "enable.partition.eof", "true");
  set(conf, "fetch.wait.max.ms", "10");
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
  if (client == NULL) fail("consumer", text);
  rd_kafka_poll_set_consumer(client);
  const struct rd_kafka_metadata *about;
  rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
  rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, handle, &about, 10000);
  if (err != 0 || about->topic_cnt != 1) fail(topic, rd_kafka_err2str(err));
  rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
  for (int i = 0; i < about->topics[0].partition_cnt; i++)
    rd_kafka_topic_partition_list_add(all, topic, i)->offset =
        from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(client, all);
  rd_kafka_topic_partition_list_destroy(all);
  rd_kafka_metadata_destroy(about);
  rd_kafka_topic_destroy(handle);
  return client;
}

static int count(const char *brokers, const char *topic) {
  rd_kafka_t *client = consumer(brokers, topic, false);
  rd_kafka_topic_partition_list_t *all;
  rd_kafka_assignment(client, &all);
  int left = all->cnt;
  uint64_t n = 0;
  while (left > 0) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 10000);
    if (message == NULL) fail(topic, "nothing came for 10 s");
    if (message->err == 0) n++;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) left--;
    rd_kafka_message_destroy(message);
  }
  rd_kafka_topic_partition_list_destroy(all);
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);
  printf("%" PRIu64 "\n", n);
  return 0;
}

/* ------------------------------------------------------------------ pace */

struct reading {
  rd_kafka_t *client;
  atomic_bool ended;
  int64_t from_us; /* wall: only what was sent from then on counts */
  int64_t *list;
  size_t n, cap;
};

static void *read_all(void *arg) {
  struct reading *reading = arg;
  char line[LINE_BYTES];
  while (!atomic_load(&reading->ended)) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reading->client, 20);
    if (message == NULL) continue;
    int64_t seen_us = now_us(CLOCK_REALTIME);
    if (message->err == 0 && message->len < sizeof line) {
      memcpy(line, message->payload, message->len);
      line[message->len] = '\0';
      const char *at = strstr(line, "\"sent\":");
      int64_t sent_us = at != NULL ? strtoll(at + strlen("\"sent\":"), NULL, 10) : 0;
      if (sent_us >= reading->from_us) {
        if (reading->n == reading->cap) {
          reading->cap = reading->cap == 0 ? 1 << 16 : reading->cap * 2;
          reading->list = realloc(reading->list, reading->cap * sizeof *reading->list);
          if (reading->list == NULL) fail("pace", "no memory");
        }
        reading->list[reading->n++] = seen_us - sent_us;
      }
    }
    rd_kafka_message_destroy(message);
  }
  return NULL;
}

static int by_size(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static int pace(const char *brokers, const char *in, const char *out, double rate, double seconds,
                double skip_seconds) {
  rd_kafka_t *client = producer(brokers);
  struct reading reading = {.client = consumer(brokers, out, true)};
  pthread_t reader;
  int64_t start_us = now_us(CLOCK_MONOTONIC), behind_us = 0;
  reading.from_us = now_us(CLOCK_REALTIME) + (int64_t)(skip_seconds * 1e6);
  if (pthread_create(&reader, NULL, read_all, &reading) != 0) fail("pace", "no thread");
  uint64_t n = (uint64_t)(rate * seconds);
  for (uint64_t i = 0; i < n; i++) {
    int64_t due_us = start_us + (int64_t)((double)i * 1e6 / rate), at_us = now_us(CLOCK_MONOTONIC);
    while (at_us < due_us) {
      int64_t wait_us = due_us - at_us;
      if (wait_us > 500)
        nanosleep(&(struct timespec){0, (wait_us > 1000 ? 1000 : wait_us) * 1000}, NULL);
      rd_kafka_poll(client, 0);
      at_us = now_us(CLOCK_MONOTONIC);
    }
    if (at_us - due_us > behind_us) behind_us = at_us - due_us;
    char key[16], line[LINE_BYTES];
    int64_t sent_us = now_us(CLOCK_REALTIME);
    int key_len = snprintf(key, sizeof key, "u%05u", (unsigned)(i * 2654435761u % 10000));
    int len = snprintf(
        line, sizeof line,
        "{\"request_id\":\"%016" PRIx64 "\",\"ts\":%" PRId64 ",\"user_id\":\"%s\",\"sent\":%" PRId64
        ",\"status\":%d,\"latency_ms\":%d.5,\"tokens\":{\"prompt\":%d,\"completion\":%d},"
        "\"path\":\"/v1/chat/"
        "completions\",\"region\":\"eu-west-1\",\"client\":{\"ip\":\"10.1.2.3\","
        "\"plan\":\"enterprise\"},\"tags\":[\"api\",\"k1\"]}",
        i, sent_us / 1000, key, sent_us, i % 20 == 0 ? 500 : 200, (int)(i % 2000), (int)(i % 4000),
        (int)(i % 1000));
    send_line(client, in, key, (size_t)key_len, line, (size_t)len);
  }
  rd_kafka_flush(client, 30000);
  nanosleep(&(struct timespec){3, 0}, NULL); /* what is under way still counts */
  atomic_store(&reading.ended, true);
  pthread_join(reader, NULL);
  qsort(reading.list, reading.n, sizeof *reading.list, by_size);
  double p[4] = {0};
  static const double shares[] = {0.5, 0.99, 0.999, 1};
  for (int i = 0; i < 4 && reading.n > 0; i++) {
    size_t at = (size_t)(shares[i] * (double)reading.n);
    p[i] = (double)reading.list[at < reading.n ? at : reading.n - 1] / 1e3;
  }
  printf("{\"seen\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"longest\": %.1f, "
         "\"behind_ms\": %.1f}\n",
         reading.n, p[0], p[1], p[2], p[3], (double)behind_us / 1e3);
  free(reading.list);
  rd_kafka_consumer_close(reading.client);
  rd_kafka_destroy(reading.client);
  rd_kafka_destroy(client);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "topic") == 0)
    return topic_make(argv[2], argv[3], atoi(argv[4]));
  if (argc == 5 && strcmp(argv[1], "fill") == 0) return fill(argv[2], argv[3], argv[4]);
  if (argc == 4 && strcmp(argv[1], "count") == 0) return count(argv[2], argv[3]);
  if (argc >= 7 && strcmp(argv[1], "pace") == 0)
    return pace(argv[2], argv[3], argv[4], strtod(argv[5], NULL), strtod(argv[6], NULL),
                argc > 7 ? strtod(argv[7], NULL) : 5);
  fputs("usage: kafka_load topic BROKERS TOPIC PARTITIONS | fill BROKERS TOPIC FILE | count "
        "BROKERS TOPIC |\n"
        "       pace BROKERS IN OUT RATE SECONDS [SKIP-SECONDS]\n",
        stderr);
  return 64;
}
