/* settings: what the sink `http` is told, as its parts need it. */
#ifndef TIDEMARK_SINKS_HTTP_SETTINGS_H
#define TIDEMARK_SINKS_HTTP_SETTINGS_H

#include "config/option.h"

enum http_method { HTTP_POST, HTTP_PUT, HTTP_PATCH };
enum http_format { HTTP_LINES, HTTP_ARRAY, HTTP_RECORD };
enum http_compression { HTTP_PLAIN, HTTP_GZIP };
enum http_on_reject { HTTP_SPLIT_REJECTED, HTTP_REJECT_BATCH };

enum { HTTP_LANES_MAX = 64 };

struct http_settings {
  const char *url;
  int method; /* enum http_method */
  struct text_list headers;
  const char *token;
  const char *key_prefix; /* of Idempotency-Key; NULL: the id of the sink */
  int format;             /* enum http_format */
  int compression;        /* enum http_compression */
  uint64_t batch_bytes;
  int64_t batch_records;
  int64_t concurrency; /* lanes, 1 .. HTTP_LANES_MAX */
  struct expr_text key;
  int64_t timeout_us, connect_timeout_us;
  int64_t retry_initial_us, retry_max_us;
  int64_t retry_after_max_us; /* the longest wait that a server can ask for */
  int64_t give_up_after_us;   /* 0: never */
  struct text_list retry_statuses;
  int on_reject; /* enum http_on_reject */
  const char *tls_ca, *tls_certificate, *tls_key;
  bool tls_verify;
};

/* The table's offsets count from a struct http_settings. */
extern const struct option http_options[];
void http_check(const void *settings, const struct node *node, struct config_errors *errors);

#endif
