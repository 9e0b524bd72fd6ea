/* kafka_real_settings: from settings to a client of librdkafka's, and what its errors are to us.
 *
 * Ours come first, the user's over them, but for those that our promises stand on (`fixed`): with
 * commits of librdkafka's own or with assignments that stop the world nothing here would be true.
 */
#include "daemon/base/mem.h"
#include "daemon/base/nearest.h"
#include "daemon/io/kafka_real.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct preset {
  const char *name, *value;
  bool consumer, producer, fixed;
};

/* Why these values: README.md. */
static const struct preset presets[] = {
    {"client.id", "tidemark", true, true, false},
    {"log.queue", "true", true, true, true},
    {"reconnect.backoff.max.ms", "500", true, true, false},
    {"retry.backoff.ms", "5", false, true, false},
    {"socket.nagle.disable", "true", true, true, false},
    {"auto.offset.reset", "error", true, false, true},
    {"enable.auto.commit", "false", true, false, true},
    {"enable.auto.offset.store", "false", true, false, true},
    {"enable.partition.eof", "false", true, false, true},
    {"isolation.level", "read_committed", true, false, false},
    {"partition.assignment.strategy", "cooperative-sticky", true, false, true},
    {"queued.max.messages.kbytes", "16384", true, false, false},
    {"queued.min.messages", "10000000", true, false, false},
    {"partitioner", "murmur2_random", false, true, false},
};
#define N_PRESETS (sizeof presets / sizeof *presets)

/* What makes a client a member or an owner of something. */
static const char *const belongings[] = {"group.id", "group.instance.id", "transactional.id"};

/* ------------------------------------------------------------------ secrets */

static bool is_secret(const char *name) {
  static const char *const parts[] = {"password", "secret", "key.pem", "oauthbearer.config"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (strcasestr(name, parts[i]) != NULL) return true;
  return false;
}

static void secrets_add(struct kafka_secrets *secrets, const char *value) {
  if (*value == '\0') return;
  secrets->values = mem_realloc(secrets->values, (secrets->n + 1) * sizeof *secrets->values);
  secrets->values[secrets->n++] = mem_strdup(value);
}

void kafka_secrets_fini(struct kafka_secrets *secrets) {
  for (size_t i = 0; i < secrets->n; i++) free(secrets->values[i]);
  free(secrets->values);
  *secrets = (struct kafka_secrets){0};
}

static const char *secret_at(const struct kafka_secrets *secrets, const char *at) {
  for (size_t i = 0; i < secrets->n; i++)
    if (strncmp(at, secrets->values[i], strlen(secrets->values[i])) == 0) return secrets->values[i];
  return NULL;
}

const char *kafka_hide(const struct kafka_secrets *secrets, const char *text, char *into,
                       size_t bytes) {
  size_t n = 0;
  while (*text != '\0' && n + 4 < bytes) {
    const char *secret = secret_at(secrets, text);
    if (secret == NULL) {
      into[n++] = *text++;
      continue;
    }
    memcpy(into + n, "***", 3);
    n += 3;
    text += strlen(secret);
  }
  into[n] = '\0';
  return into;
}

/* ------------------------------------------------------------------ settings */

const char *kafka_setting(const struct kafka_settings *settings, const char *name) {
  const char *value = NULL;
  for (size_t i = 0; i < settings->n; i++)
    if (strcmp(settings->list[i].name, name) == 0) value = settings->list[i].value;
  return value;
}

static const struct preset *preset_find(const char *name) {
  for (size_t i = 0; i < N_PRESETS; i++)
    if (strcmp(presets[i].name, name) == 0) return &presets[i];
  return NULL;
}

/* The settings of topics stand apart in librdkafka, though they are set like the others. */
static int unknown(rd_kafka_conf_t *conf, const char *name, struct err *err) {
  size_t n[2], n_known = 0;
  rd_kafka_topic_conf_t *topic = rd_kafka_topic_conf_new();
  const char **pairs[2] = {rd_kafka_conf_dump(conf, &n[0]), rd_kafka_topic_conf_dump(topic, &n[1])};
  const char **known = mem_alloc((n[0] + n[1] + 1) * sizeof *known);
  for (int from = 0; from < 2; from++)
    for (size_t i = 0; i + 1 < n[from]; i += 2) known[n_known++] = pairs[from][i];
  const char *meant = nearest_word(slice_of(name), known, n_known);
  if (meant != NULL)
    err_set(err, ERR_CONFIG, "librdkafka knows no setting \"%s\"; did you mean \"%s\"?", name,
            meant);
  else
    err_set(err, ERR_CONFIG, "librdkafka knows no setting \"%s\"", name);
  free(known);
  for (int from = 0; from < 2; from++) rd_kafka_conf_dump_free(pairs[from], n[from]);
  rd_kafka_topic_conf_destroy(topic);
  return -1;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value,
               const struct kafka_secrets *secrets, struct err *err) {
  char text[512], hidden[512];
  switch (rd_kafka_conf_set(conf, name, value, text, sizeof text)) {
  case RD_KAFKA_CONF_OK: return 0;
  case RD_KAFKA_CONF_UNKNOWN: return unknown(conf, name, err);
  default: break;
  }
  return err_set(err, ERR_CONFIG, "setting \"%s\": %s", name,
                 kafka_hide(secrets, text, hidden, sizeof hidden));
}

static bool belongs(const char *name) {
  for (size_t i = 0; i < sizeof belongings / sizeof *belongings; i++)
    if (strcmp(name, belongings[i]) == 0) return true;
  return false;
}

static int set_users(rd_kafka_conf_t *conf, const struct kafka_settings *settings,
                     enum kafka_kind kind, bool connect, const struct kafka_secrets *secrets,
                     struct err *err) {
  for (size_t i = 0; i < settings->n; i++) {
    const char *name = settings->list[i].name, *value = settings->list[i].value;
    const struct preset *preset = preset_find(name);
    if (preset != NULL && preset->fixed && strcmp(value, preset->value) != 0)
      return err_set(err, ERR_CONFIG,
                     "setting \"%s\" is always \"%s\" here: what is promised stands on it", name,
                     preset->value);
    if (kind == KAFKA_VISITOR && belongs(name)) continue;
    if (!connect && strcmp(name, "bootstrap.servers") == 0) continue;
    if (set(conf, name, value, secrets, err) != 0) return -1;
  }
  return 0;
}

static int set_all(rd_kafka_conf_t *conf, const struct kafka_settings *settings,
                   enum kafka_kind kind, bool connect, const struct kafka_secrets *secrets,
                   struct err *err) {
  for (size_t i = 0; i < N_PRESETS; i++) {
    bool wanted = kind == KAFKA_PRODUCER ? presets[i].producer : presets[i].consumer;
    if (wanted && set(conf, presets[i].name, presets[i].value, secrets, err) != 0) return -1;
  }
  /* Without a group librdkafka lets nobody assign partitions; nothing is ever committed for it. */
  if (kind == KAFKA_CONSUMER && set(conf, "group.id", "tidemark", secrets, err) != 0) return -1;
  return set_users(conf, settings, kind, connect, secrets, err);
}

int kafka_real_client_new(const struct kafka_settings *settings, enum kafka_kind kind, bool connect,
                          struct kafka_secrets *secrets, rd_kafka_t **rk, struct err *err) {
  char text[512], hidden[512];
  *secrets = (struct kafka_secrets){0};
  for (size_t i = 0; i < settings->n; i++)
    if (is_secret(settings->list[i].name)) secrets_add(secrets, settings->list[i].value);
  const char *brokers = kafka_setting(settings, "bootstrap.servers");
  if (brokers == NULL || *brokers == '\0')
    return err_set(err, ERR_CONFIG,
                   "setting \"bootstrap.servers\" is missing: brokers as host:port, with commas "
                   "between");
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, NULL);
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_ERROR |
                                     (kind == KAFKA_PRODUCER ? RD_KAFKA_EVENT_DR
                                      : kind == KAFKA_CONSUMER
                                          ? RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT
                                          : 0));
  if (set_all(conf, settings, kind, connect, secrets, err) != 0) {
    rd_kafka_conf_destroy(conf);
    return -1;
  }
  *rk = rd_kafka_new(kind == KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, text,
                     sizeof text);
  if (*rk == NULL) {
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_CONFIG, "librdkafka does not take these settings: %s",
                   kafka_hide(secrets, text, hidden, sizeof hidden));
  }
  rd_kafka_set_log_queue(*rk, NULL);
  return 0;
}

int kafka_real_settings_check(struct kafka *kafka, const struct kafka_settings *settings,
                              bool producer, struct err *err) {
  (void)kafka;
  struct kafka_secrets secrets;
  rd_kafka_t *rk;
  int result = kafka_real_client_new(settings, producer ? KAFKA_PRODUCER : KAFKA_CONSUMER, false,
                                     &secrets, &rk, err);
  if (result == 0) rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  kafka_secrets_fini(&secrets);
  return result;
}

/* ------------------------------------------------------------------ are they there? */

/* A wait of librdkafka's does not end when a broker refuses us, so it is cut into pieces. */
#define PIECE_MS 250

static enum err_code last_error(rd_kafka_queue_t *queue, char *text, size_t bytes) {
  enum err_code code = ERR_RETRY;
  rd_kafka_event_t *event;
  while ((event = rd_kafka_queue_poll(queue, 0)) != NULL) {
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && code == ERR_RETRY) {
      snprintf(text, bytes, "%s", rd_kafka_event_error_string(event));
      code = kafka_code(rd_kafka_event_error(event));
    }
    rd_kafka_event_destroy(event);
  }
  return code;
}

static int metadata_check(const rd_kafka_metadata_t *metadata, const char *brokers,
                          struct err *err) {
  for (int i = 0; i < metadata->topic_cnt; i++) {
    const rd_kafka_metadata_topic_t *topic = &metadata->topics[i];
    if (topic->err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    return err_set(err, kafka_code(topic->err), "the brokers at %s say of topic %s: %s", brokers,
                   topic->topic, rd_kafka_err2str(topic->err));
  }
  return 0;
}

static int ask(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *brokers,
               const struct kafka_secrets *secrets, int64_t timeout_us, struct err *err) {
  char text[512] = "", hidden[512];
  int64_t left_ms = timeout_us / 1000;
  for (;;) {
    int piece_ms = left_ms < PIECE_MS ? (int)left_ms : PIECE_MS;
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, NULL, &metadata, piece_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      int result = metadata_check(metadata, brokers, err);
      rd_kafka_metadata_destroy(metadata);
      return result;
    }
    if (last_error(queue, text, sizeof text) == ERR_CONFIG)
      return err_set(err, ERR_CONFIG, "the brokers at %s do not let us in: %s", brokers,
                     kafka_hide(secrets, text, hidden, sizeof hidden));
    left_ms -= piece_ms;
    if (left_ms <= 0)
      return err_set(err, ERR_RETRY, "no broker of %s answered within %.1f s: %s", brokers,
                     (double)timeout_us / 1e6,
                     kafka_hide(secrets, *text != '\0' ? text : rd_kafka_err2str(code), hidden,
                                sizeof hidden));
  }
}

int kafka_real_reach(struct kafka *kafka, const struct kafka_settings *settings,
                     const char *const *topics, size_t n_topics, int64_t timeout_us,
                     struct err *err) {
  (void)kafka;
  struct kafka_secrets secrets;
  rd_kafka_t *rk;
  int result = kafka_real_client_new(settings, KAFKA_VISITOR, true, &secrets, &rk, err);
  if (result == 0) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);
    rd_kafka_topic_t **known = mem_zalloc((n_topics + 1) * sizeof *known);
    for (size_t i = 0; i < n_topics; i++)
      if (topics[i][0] != '^') known[i] = rd_kafka_topic_new(rk, topics[i], NULL);
    result =
        ask(rk, queue, kafka_setting(settings, "bootstrap.servers"), &secrets, timeout_us, err);
    for (size_t i = 0; i < n_topics; i++)
      if (known[i] != NULL) rd_kafka_topic_destroy(known[i]);
    free(known);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  kafka_secrets_fini(&secrets);
  return result;
}

/* ------------------------------------------------------------------ errors */

enum err_code kafka_code(rd_kafka_resp_err_t code) {
  switch (code) {
  case RD_KAFKA_RESP_ERR__AUTHENTICATION:
  case RD_KAFKA_RESP_ERR__SSL:
  case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
  case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
  case RD_KAFKA_RESP_ERR__INVALID_ARG:
  case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
  case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
  case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
  case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
  case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
  case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
  case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
  case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
  case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
  case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
  case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
  case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
  case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
  case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
  case RD_KAFKA_RESP_ERR_POLICY_VIOLATION: return ERR_CONFIG;
  case RD_KAFKA_RESP_ERR__FATAL:
  case RD_KAFKA_RESP_ERR__FENCED:
  case RD_KAFKA_RESP_ERR__STATE:
  case RD_KAFKA_RESP_ERR__DESTROY:
  case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
  case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
  case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: return ERR_IO;
  default: return ERR_RETRY;
  }
}
