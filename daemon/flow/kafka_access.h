/* kafka_access: how a source or sink gets to Kafka's brokers: the options that both have, and the
 * settings of a client that come of them.
 *
 * An instance that has them begins with struct kafka_access, from which the options' offsets count;
 * its table has KAFKA_ACCESS_OPTIONS among its rows. */
#ifndef TIDEMARK_FLOW_KAFKA_ACCESS_H
#define TIDEMARK_FLOW_KAFKA_ACCESS_H

#include "config/pipeline.h"
#include "daemon/io/kafka.h"

struct kafka_access {
  struct text_list brokers;
  bool tls;
  const char *tls_ca, *tls_certificate, *tls_key, *tls_key_password;
  int sasl_mechanism;
  const char *sasl_username, *sasl_password;
  struct text_list options;
  int64_t give_up_after_us; /* -1: never */
};

extern const struct option kafka_tls_options[], kafka_sasl_options[];

#define KAFKA_ACCESS_OPTIONS                                                                       \
  {.name = "brokers",                                                                              \
   .type = OPTION_TEXT_LIST,                                                                       \
   .offset = offsetof(struct kafka_access, brokers),                                               \
   .required = true,                                                                               \
   .text = "host:port of some brokers, as a list or joined by commas; the others are learned"},    \
      {.name = "tls",                                                                              \
       .type = OPTION_GROUP,                                                                       \
       .group = kafka_tls_options,                                                                 \
       .text = "encryption; any of these options switches it on"},                                 \
      {.name = "sasl",                                                                             \
       .type = OPTION_GROUP,                                                                       \
       .group = kafka_sasl_options,                                                                \
       .text = "who we are to the brokers"},                                                       \
      {.name = "options",                                                                          \
       .type = OPTION_TEXT_MAP,                                                                    \
       .offset = offsetof(struct kafka_access, options),                                           \
       .text = "any other setting of librdkafka, by its name"},                                    \
  {                                                                                                \
    .name = "give_up_after", .type = OPTION_DURATION,                                              \
    .offset = offsetof(struct kafka_access, give_up_after_us), .min = 1,                           \
    .text = "the pipeline ends when no broker is reached for so long; by default it waits for "    \
            "ever"                                                                                 \
  }

/* What the table cannot say. `own` are settings that the component has options for, or sets itself
 * (NULL-ended): they cannot stand under `options`. */
void kafka_access_check(const struct kafka_access *access, const struct node *node,
                        const char *const *own, struct config_errors *errors);

/* Settings being collected; names and values are copied. Zeroed is empty. */
struct kafka_collected {
  struct kafka_setting *list;
  size_t n, cap;
};
void kafka_collected_put(struct kafka_collected *collected, const char *name, const char *value);
/* Brokers, tls, sasl; kafka_access_put_options() behind the component's own, so that they count. */
void kafka_access_put(const struct kafka_access *access, struct kafka_collected *collected);
void kafka_access_put_options(const struct kafka_access *access, struct kafka_collected *collected);
struct kafka_settings kafka_collected_settings(const struct kafka_collected *collected);
bool kafka_collected_equal(const struct kafka_collected *a, const struct kafka_collected *b);
void kafka_collected_fini(struct kafka_collected *collected);

#endif
