/* kafka_access: see kafka_access.h. */
#include "daemon/flow/kafka_access.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SASL_NONE, SASL_PLAIN, SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_512 };

static const char *const mechanism_names[] = {"none", "plain", "scram-sha-256", "scram-sha-512",
                                              NULL};
static const char *const mechanism_settings[] = {NULL, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};

const struct option kafka_tls_options[] = {
    {.name = "enabled",
     .type = OPTION_BOOL,
     .offset = offsetof(struct kafka_access, tls),
     .fallback = "false",
     .text = "true: with the system's certificate authorities, when nothing else is said here"},
    {.name = "ca",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_access, tls_ca),
     .text = "PEM file: the brokers must show a certificate that one of these vouches for"},
    {.name = "certificate",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_access, tls_certificate),
     .text = "PEM file with a certificate to show to the brokers"},
    {.name = "key",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_access, tls_key),
     .text = "PEM file with its key"},
    {.name = "key_password",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_access, tls_key_password),
     .secret = true,
     .text = "of the key's file, if it has one"},
    {0}};

const struct option kafka_sasl_options[] = {
    {.name = "mechanism",
     .type = OPTION_ENUM,
     .offset = offsetof(struct kafka_access, sasl_mechanism),
     .fallback = "none",
     .names = mechanism_names,
     .text = "plain is for tls only; others, such as Kerberos, are set under `options`"},
    {.name = "username",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_access, sasl_username),
     .text = "the name"},
    {.name = "password",
     .type = OPTION_TEXT,
     .offset = offsetof(struct kafka_access, sasl_password),
     .secret = true,
     .text = "the password"},
    {0}};

static bool has_tls(const struct kafka_access *access) {
  return access->tls || access->tls_ca != NULL || access->tls_certificate != NULL ||
         access->tls_key != NULL;
}

void kafka_access_check(const struct kafka_access *access, const struct node *node,
                        const char *const *own, struct config_errors *errors) {
  if ((access->tls_certificate == NULL) != (access->tls_key == NULL))
    config_error_add(errors, node_get(node, "tls")->place, "tls needs both certificate and key");
  int given = (access->sasl_mechanism != SASL_NONE) + (access->sasl_username != NULL) +
              (access->sasl_password != NULL);
  if (given != 0 && given != 3)
    config_error_add(errors, node_get(node, "sasl")->place,
                     "sasl needs mechanism, username and password");
  for (size_t i = 0; i < access->options.n; i++)
    for (size_t k = 0; own[k] != NULL; k++)
      if (strcmp(access->options.names[i], own[k]) == 0)
        config_error_add(errors, access->options.nodes[i]->place,
                         "%s is set by tidemark and cannot be set here", own[k]);
}

void kafka_collected_put(struct kafka_collected *collected, const char *name, const char *value) {
  array_grow((void **)&collected->list, &collected->cap, collected->n, sizeof *collected->list);
  collected->list[collected->n++] = (struct kafka_setting){mem_strdup(name), mem_strdup(value)};
}

static void put_if(struct kafka_collected *collected, const char *name, const char *value) {
  if (value != NULL) kafka_collected_put(collected, name, value);
}

void kafka_access_put(const struct kafka_access *access, struct kafka_collected *collected) {
  struct buf brokers = {0};
  for (size_t i = 0; i < access->brokers.n; i++)
    buf_printf(&brokers, "%s%s", i > 0 ? "," : "", access->brokers.items[i]);
  kafka_collected_put(collected, "bootstrap.servers", buf_cstr(&brokers));
  buf_fini(&brokers);
  static const char *const protocols[2][2] = {{"plaintext", "sasl_plaintext"}, {"ssl", "sasl_ssl"}};
  bool tls = has_tls(access), sasl = access->sasl_mechanism != SASL_NONE;
  if (tls || sasl) kafka_collected_put(collected, "security.protocol", protocols[tls][sasl]);
  put_if(collected, "ssl.ca.location", access->tls_ca);
  put_if(collected, "ssl.certificate.location", access->tls_certificate);
  put_if(collected, "ssl.key.location", access->tls_key);
  put_if(collected, "ssl.key.password", access->tls_key_password);
  put_if(collected, "sasl.mechanisms", mechanism_settings[access->sasl_mechanism]);
  put_if(collected, "sasl.username", access->sasl_username);
  put_if(collected, "sasl.password", access->sasl_password);
}

void kafka_access_put_options(const struct kafka_access *access,
                              struct kafka_collected *collected) {
  for (size_t i = 0; i < access->options.n; i++)
    kafka_collected_put(collected, access->options.names[i], access->options.items[i]);
}

struct kafka_settings kafka_collected_settings(const struct kafka_collected *collected) {
  return (struct kafka_settings){collected->list, collected->n};
}

bool kafka_collected_equal(const struct kafka_collected *a, const struct kafka_collected *b) {
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->list[i].name, b->list[i].name) != 0 ||
        strcmp(a->list[i].value, b->list[i].value) != 0)
      return false;
  return true;
}

void kafka_collected_fini(struct kafka_collected *collected) {
  for (size_t i = 0; i < collected->n; i++) {
    free((void *)collected->list[i].name);
    free((void *)collected->list[i].value);
  }
  free(collected->list);
  *collected = (struct kafka_collected){0};
}
