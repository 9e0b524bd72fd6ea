/* kafka_sim_settings: librdkafka's settings, as far as the simulated clients know them. A name that
 * is not here is refused, as librdkafka refuses one that it does not know; values are checked where
 * the simulation goes by them. */
#include "daemon/io/kafka_sim_impl.h"

#include <stdlib.h>
#include <string.h>

/* Those with numbers; each with the least and the greatest that librdkafka takes. */
static const struct {
  const char *name;
  int64_t min, max;
} numbers[] = {
    {"fetch.error.backoff.ms", 0, 300000},
    {"fetch.max.bytes", 0, 2147483135},
    {"fetch.message.max.bytes", 1, 1000000000},
    {"fetch.min.bytes", 1, 100000000},
    {"fetch.wait.max.ms", 0, 300000},
    {"batch.num.messages", 1, 1000000},
    {"batch.size", 1, 2147483647},
    {"delivery.timeout.ms", 0, 2147483647},
    {"heartbeat.interval.ms", 1, 3600000},
    {"linger.ms", 0, 900000},
    {"max.in.flight.requests.per.connection", 1, 1000000},
    {"max.partition.fetch.bytes", 1, 1000000000},
    {"max.poll.interval.ms", 1, 86400000},
    {"message.max.bytes", 1000, 1000000000},
    {"message.timeout.ms", 0, 2147483647},
    {"metadata.max.age.ms", 1, 86400000},
    {"queue.buffering.max.kbytes", 1, 2147483647},
    {"queue.buffering.max.messages", 0, 2147483647},
    {"queue.buffering.max.ms", 0, 900000},
    {"queued.max.messages.kbytes", 1, 2097151},
    {"queued.min.messages", 1, 10000000},
    {"reconnect.backoff.max.ms", 0, 3600000},
    {"reconnect.backoff.ms", 0, 3600000},
    {"request.timeout.ms", 1, 900000},
    {"retry.backoff.ms", 1, 300000},
    {"session.timeout.ms", 1, 3600000},
    {"socket.timeout.ms", 10, 300000},
    {"statistics.interval.ms", 0, 86400000},
    {"topic.metadata.refresh.interval.ms", -1, 3600000},
    {"transaction.timeout.ms", 1000, 2147483647},
};

static const char *const others[] = {
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "broker.address.family",
    "check.crcs",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "debug",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "enable.ssl.certificate.verification",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "sasl.kerberos.keytab",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.config",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "transactional.id",
};

const char *sim_setting(const struct kafka_settings *settings, const char *name,
                        const char *fallback) {
  for (size_t i = settings->n; i-- > 0;)
    if (strcmp(settings->list[i].name, name) == 0) return settings->list[i].value;
  return fallback;
}

int64_t sim_setting_number(const struct kafka_settings *settings, const char *name,
                           int64_t fallback) {
  const char *value = sim_setting(settings, name, NULL);
  return value != NULL ? strtoll(value, NULL, 10) : fallback;
}

static int check_number(const struct kafka_setting *setting, int64_t min, int64_t max,
                        struct err *err) {
  char *end;
  int64_t value = strtoll(setting->value, &end, 10);
  if (end != setting->value && *end == '\0' && value >= min && value <= max) return 0;
  return err_set(err, ERR_CONFIG, "%s is '%s'; it may be a number from %lld to %lld", setting->name,
                 setting->value, (long long)min, (long long)max);
}

static int check_one(const struct kafka_setting *setting, struct err *err) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (strcmp(setting->name, numbers[i].name) == 0)
      return check_number(setting, numbers[i].min, numbers[i].max, err);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (strcmp(setting->name, others[i]) != 0) continue;
    if (strcmp(setting->name, "isolation.level") == 0 &&
        strcmp(setting->value, "read_committed") != 0 &&
        strcmp(setting->value, "read_uncommitted") != 0)
      return err_set(err, ERR_CONFIG,
                     "isolation.level is '%s'; it may be read_committed or read_uncommitted",
                     setting->value);
    return 0;
  }
  return err_set(err, ERR_CONFIG, "there is no setting '%s'", setting->name);
}

int sim_settings_check(struct kafka *kafka, const struct kafka_settings *settings, bool producer,
                       struct err *err) {
  (void)kafka;
  (void)producer;
  for (size_t i = 0; i < settings->n; i++)
    if (check_one(&settings->list[i], err) != 0) return -1;
  return 0;
}
