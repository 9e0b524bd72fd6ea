/* settings: the options of the sink `http`, and what their table cannot say. */
#include "sinks/http/settings.h"

#include "daemon/io/fetch.h"

#include <stdlib.h>

#define SETTING(member) offsetof(struct http_settings, member)

static const char *const method_names[] = {"POST", "PUT", "PATCH", NULL};
static const char *const format_names[] = {"lines", "array", "record", NULL};
static const char *const compression_names[] = {"none", "gzip", NULL};
static const char *const on_reject_names[] = {"split", "batch", NULL};

static const struct option batch_options[] = {
    {.name = "bytes",
     .type = OPTION_SIZE,
     .offset = SETTING(batch_bytes),
     .fallback = "1MiB",
     .min = 1,
     .text = "of a request, before compression; a larger record goes alone"},
    {.name = "records",
     .type = OPTION_INT,
     .offset = SETTING(batch_records),
     .fallback = "1000",
     .min = 1,
     .max = 1000000,
     .text = "of a request"},
    {0}};

static const struct option retry_options[] = {
    {.name = "initial",
     .type = OPTION_DURATION,
     .offset = SETTING(retry_initial_us),
     .fallback = "200ms",
     .min = 1000,
     .text =
         "the first wait; each is twice the one before, and up to a half of it is left to chance"},
    {.name = "max",
     .type = OPTION_DURATION,
     .offset = SETTING(retry_max_us),
     .fallback = "30s",
     .min = 1000,
     .text = "the longest wait"},
    {.name = "after_max",
     .type = OPTION_DURATION,
     .offset = SETTING(retry_after_max_us),
     .fallback = "10m",
     .text = "the longest wait that a server can ask for with Retry-After"},
    {.name = "give_up_after",
     .type = OPTION_DURATION,
     .offset = SETTING(give_up_after_us),
     .fallback = "0",
     .text = "a request that failed for so long stops the pipeline; 0: it is sent again for ever"},
    {.name = "statuses",
     .type = OPTION_TEXT_LIST,
     .offset = SETTING(retry_statuses),
     .text = "statuses from 300 on that mean \"try again\", beside 408, 425, 429 and 5xx"},
    {0}};

static const struct option tls_options[] = {
    {.name = "ca",
     .type = OPTION_TEXT,
     .offset = SETTING(tls_ca),
     .text = "file of the authorities to be trusted, PEM (default: the system's)"},
    {.name = "certificate",
     .type = OPTION_TEXT,
     .offset = SETTING(tls_certificate),
     .text = "file of our certificate, PEM, for servers that ask for one"},
    {.name = "key",
     .type = OPTION_TEXT,
     .offset = SETTING(tls_key),
     .text = "file of the certificate's private key, PEM"},
    {.name = "verify",
     .type = OPTION_BOOL,
     .offset = SETTING(tls_verify),
     .fallback = "true",
     .text = "false: whoever answers is believed"},
    {0}};

const struct option http_options[] = {
    {.name = "url",
     .type = OPTION_TEXT,
     .offset = SETTING(url),
     .required = true,
     .text = "where to send to, http:// or https://"},
    {.name = "method",
     .type = OPTION_ENUM,
     .offset = SETTING(method),
     .fallback = "POST",
     .names = method_names,
     .text = "of the requests"},
    {.name = "headers",
     .type = OPTION_TEXT_MAP,
     .offset = SETTING(headers),
     .secret = true,
     .text = "further headers; Content-Type here replaces the one of the format"},
    {.name = "token",
     .type = OPTION_TEXT,
     .offset = SETTING(token),
     .secret = true,
     .text = "sent as Authorization: Bearer"},
    {.name = "key_prefix",
     .type = OPTION_TEXT,
     .offset = SETTING(key_prefix),
     .text =
         "what Idempotency-Key begins with (default: pipeline/sink); a new one is needed with a "
         "new state folder, whose epochs count from 1 again"},
    {.name = "format",
     .type = OPTION_ENUM,
     .offset = SETTING(format),
     .fallback = "lines",
     .names = format_names,
     .text = "a record a line, one JSON array, or one record a request"},
    {.name = "compression",
     .type = OPTION_ENUM,
     .offset = SETTING(compression),
     .fallback = "none",
     .names = compression_names,
     .text = "of the body"},
    {.name = "batch",
     .type = OPTION_GROUP,
     .group = batch_options,
     .text = "how large a request may be; a request never holds records of two epochs"},
    {.name = "concurrency",
     .type = OPTION_INT,
     .offset = SETTING(concurrency),
     .fallback = "1",
     .min = 1,
     .max = HTTP_LANES_MAX,
     .text = "requests at once; with more than one, records keep their order by key"},
    {.name = "key",
     .type = OPTION_EXPR,
     .offset = SETTING(key),
     .text = "records of the same key arrive in their order"},
    {.name = "timeout",
     .type = OPTION_DURATION,
     .offset = SETTING(timeout_us),
     .fallback = "30s",
     .min = 1000,
     .text = "of a request, until its answer is complete"},
    {.name = "connect_timeout",
     .type = OPTION_DURATION,
     .offset = SETTING(connect_timeout_us),
     .fallback = "10s",
     .min = 1000,
     .text = "until there is a connection"},
    {.name = "retry",
     .type = OPTION_GROUP,
     .group = retry_options,
     .text = "when a request is sent again"},
    {.name = "on_reject",
     .type = OPTION_ENUM,
     .offset = SETTING(on_reject),
     .fallback = "split",
     .names = on_reject_names,
     .text = "a request refused with 4xx is sent again in halves until the records refused are "
             "found, or all its records go to .errors"},
    {.name = "tls", .type = OPTION_GROUP, .group = tls_options, .text = "of an https:// url"},
    {0}};

/* ------------------------------------------------------------------ what the table cannot say */

static struct place place_of(const struct node *node, const char *group, const char *option) {
  const struct node *in = group != NULL ? node_get(node, group) : node;
  const struct node *at = in != NULL ? node_get(in, option) : NULL;
  return at != NULL ? at->place : node->place;
}

/* What a header field can hold (RFC 9110, 5.5): the value is never shown. */
static bool header_value_right(const char *value) {
  for (const char *c = value; *c != '\0'; c++)
    if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) return false;
  return true;
}

static bool header_name_right(const char *name) {
  static const char marks[] = "!#$%&'*+-.^_`|~";
  for (const char *c = name; *c != '\0'; c++) {
    bool letter = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
    if (!letter && strchr(marks, *c) == NULL) return false;
  }
  return *name != '\0';
}

static void headers_check(const struct http_settings *settings, struct config_errors *errors) {
  static const char *const ours[] = {"Idempotency-Key",   "Content-Encoding", "Content-Length",
                                     "Transfer-Encoding", "Connection",       "Expect"};
  for (size_t i = 0; i < settings->headers.n; i++) {
    const char *name = settings->headers.names[i];
    struct place place = settings->headers.nodes[i]->place;
    if (!header_name_right(name))
      config_error_add(errors, place, "\"%s\" cannot be the name of a header", name);
    if (!header_value_right(settings->headers.items[i]))
      config_error_add(errors, place, "the value of a header cannot hold control characters");
    for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
      if (strcasecmp(name, ours[k]) == 0)
        config_error_add(errors, place, "the sink itself sends the header %s", ours[k]);
    if (settings->token != NULL && strcasecmp(name, "Authorization") == 0)
      config_error_add(errors, place, "token says what Authorization is; leave one of them out");
  }
}

static bool key_prefix_right(const char *prefix) {
  for (const char *c = prefix; *c != '\0'; c++)
    if (*c <= ' ' || *c >= 0x7f) return false;
  return *prefix != '\0';
}

static void tls_check(const struct http_settings *settings, const struct node *node,
                      struct config_errors *errors) {
  if ((settings->tls_certificate == NULL) != (settings->tls_key == NULL))
    config_error_add(errors, place_of(node, NULL, "tls"), "tls: certificate and key go together");
  if (node_get(node, "tls") != NULL && strncasecmp(settings->url, "https:", 6) != 0)
    config_error_add(errors, place_of(node, NULL, "tls"), "tls: needs an https:// url");
}

void http_check(const void *instance, const struct node *node, struct config_errors *errors) {
  const struct http_settings *settings = instance;
  char peer[FETCH_PEER_BYTES];
  struct err err;
  if (settings->url == NULL) return; /* an error already */
  if (fetch_peer(settings->url, peer, &err) != 0) {
    config_error_add(errors, place_of(node, NULL, "url"), "%s", err.text);
    /* Of a user, maybe with a password. */
    if (strchr(settings->url, '@') != NULL) config_errors_hide(errors, place_of(node, NULL, "url"));
  }
  headers_check(settings, errors);
  tls_check(settings, node, errors);
  if (settings->token != NULL && (*settings->token == '\0' || !header_value_right(settings->token)))
    config_error_add(errors, place_of(node, NULL, "token"),
                     "the token is empty or holds control characters");
  if (settings->key_prefix != NULL && !key_prefix_right(settings->key_prefix))
    config_error_add(errors, place_of(node, NULL, "key_prefix"),
                     "key_prefix cannot be empty or hold blanks and other than ASCII characters");
  if (settings->concurrency > 1 && settings->key.node == NULL)
    config_error_add(errors, place_of(node, NULL, "concurrency"),
                     "concurrency: %lld needs a key: records of the same key keep their order, "
                     "others may overtake one another",
                     (long long)settings->concurrency);
  if (settings->retry_max_us < settings->retry_initial_us)
    config_error_add(errors, place_of(node, "retry", "max"), "retry: max is less than initial");
  for (size_t i = 0; i < settings->retry_statuses.n; i++) {
    const char *text = settings->retry_statuses.items[i];
    if (strlen(text) != 3 || strspn(text, "0123456789") != 3 || atoi(text) < 300)
      config_error_add(errors, settings->retry_statuses.nodes[i]->place,
                       "\"%s\" is not a status from 300 on", text);
  }
}
