/* answer: what a server's answer means to the records that were sent. */
#ifndef TIDEMARK_SINKS_HTTP_ANSWER_H
#define TIDEMARK_SINKS_HTTP_ANSWER_H

#include "daemon/io/fetch.h"
#include "sinks/http/settings.h"

enum verdict {
  VERDICT_DELIVERED, /* 2xx */
  VERDICT_RETRY,     /* 408, 425, 429, 5xx, those of retry.statuses, and what is no status */
  VERDICT_TOO_LARGE, /* 413: fewer records may fit */
  VERDICT_REFUSED,   /* another 4xx: these records are not wanted; which of them is not said */
  VERDICT_REFUSED_REQUEST, /* a 4xx that is about the request, as 401: each record would get the
                            * same
                            */
  VERDICT_REDIRECTED,      /* 3xx */
};

enum verdict answer_verdict(const struct http_settings *settings, int status);

/* "host:port answers 503: what the first line of the body says", fit for people and for JSON: valid
 * UTF-8 without control characters, at most ANSWER_SAID_BYTES. Of the secrets in the settings,
 * which some servers send back, none stands in it. */
enum { ANSWER_SAID_BYTES = 512 };
void answer_said(const struct http_settings *settings, const struct fetch_answer *answer,
                 const char *peer, char text[ANSWER_SAID_BYTES]);

/* The wait that Retry-After asks for, in seconds or as a date (RFC 9110, 10.2.3), 0 when there is
 * none or it cannot be read. */
int64_t answer_retry_after_us(const struct fetch_answer *answer, int64_t now_wall_us);

#endif
