/* answer: see answer.h. */
#include "sinks/http/answer.h"

#include "daemon/base/utf8.h"
#include "daemon/record/time.h"

#include <stdio.h>
#include <stdlib.h>

static bool listed(const struct text_list *statuses, int status) {
  for (size_t i = 0; i < statuses->n; i++)
    if (atoi(statuses->items[i]) == status) return true;
  return false;
}

enum verdict answer_verdict(const struct http_settings *settings, int status) {
  if (status >= 200 && status < 300) return VERDICT_DELIVERED;
  if (listed(&settings->retry_statuses, status)) return VERDICT_RETRY;
  if (status >= 300 && status < 400) return VERDICT_REDIRECTED;
  switch (status) {
  case 408: /* the server waited too long for us */
  case 425: /* too early */
  case 429: return VERDICT_RETRY;
  case 413: return VERDICT_TOO_LARGE;
  case 401: /* who we are */
  case 402:
  case 404: /* where we send it */
  case 405:
  case 406:
  case 407:
  case 410:
  case 411: /* how */
  case 414:
  case 415:
  case 417:
  case 421:
  case 426:
  case 431: return VERDICT_REFUSED_REQUEST;
  }
  return status >= 400 && status < 500 ? VERDICT_REFUSED : VERDICT_RETRY;
}

/* How much of `secret` stands at the beginning of text: all of it or nothing. */
static size_t begins_with(struct slice text, const char *secret, size_t len) {
  return len > 0 && len <= text.len && memcmp(text.data, secret, len) == 0 ? len : 0;
}

static size_t longer(size_t a, size_t b) {
  return a > b ? a : b;
}

/* The longest secret that text begins with. Some servers send back what they were sent: the token,
 * a header's value or a word of it ("Basic ..."), the query of the url. */
static size_t secret_length(const struct http_settings *settings, struct slice text) {
  enum { WORD_BYTES_MIN = 8 }; /* shorter words stand in other texts too */
  size_t found = 0;
  if (settings->token != NULL) found = begins_with(text, settings->token, strlen(settings->token));
  for (size_t i = 0; i < settings->headers.n; i++) {
    const char *value = settings->headers.items[i];
    found = longer(found, begins_with(text, value, strlen(value)));
    for (const char *word = value; *word != '\0'; word += strspn(word, " ")) {
      size_t len = strcspn(word, " ");
      if (len >= WORD_BYTES_MIN) found = longer(found, begins_with(text, word, len));
      word += len;
    }
  }
  const char *query = strchr(settings->url, '?');
  return query == NULL ? found : longer(found, begins_with(text, query + 1, strlen(query + 1)));
}

/* Characters until the line's end or the buffer's; what is not UTF-8, or no character to look at,
 * becomes '?', and a secret "***". */
static size_t put_line(const struct http_settings *settings, char *to, size_t room,
                       struct slice text) {
  static const char mask[] = "***";
  const size_t mask_len = sizeof mask - 1;
  size_t at = 0, len = 0;
  while (at < text.len && text.data[at] != '\n' && text.data[at] != '\r') {
    size_t from = at;
    size_t hidden = secret_length(settings, (struct slice){text.data + at, text.len - at});
    if (hidden > 0) {
      if (len + mask_len > room) break;
      memcpy(to + len, mask, mask_len);
      len += mask_len;
      at += hidden;
      continue;
    }
    int32_t c = utf8_decode(text, &at);
    bool right = c >= 0x20 && c != 0x7f && (c < 0x80 || c > 0x9f);
    size_t n = right ? at - from : 1;
    if (len + n > room) break;
    if (right)
      memcpy(to + len, text.data + from, n);
    else
      to[len] = '?';
    len += n;
  }
  return len;
}

void answer_said(const struct http_settings *settings, const struct fetch_answer *answer,
                 const char *peer, char text[ANSWER_SAID_BYTES]) {
  int put = snprintf(text, ANSWER_SAID_BYTES, "%s answers %d", peer, answer->status);
  size_t len = (size_t)put;
  size_t line = put_line(settings, text + len + 2, ANSWER_SAID_BYTES - len - 3, answer->body);
  if (line == 0) return;
  text[len] = ':';
  text[len + 1] = ' ';
  text[len + 2 + line] = '\0';
}

int64_t answer_retry_after_us(const struct fetch_answer *answer, int64_t now_wall_us) {
  static const char *const dates[] = {"%a, %d %b %Y %H:%M:%S %Z", "%A, %d-%b-%y %H:%M:%S %Z",
                                      "%a %b %e %H:%M:%S %Y"};
  struct slice value;
  if (!fetch_header(answer, "retry-after", &value) || value.len == 0) return 0;
  int64_t seconds = 0;
  size_t i = 0;
  for (; i < value.len && value.data[i] >= '0' && value.data[i] <= '9'; i++)
    if (seconds < 1000000000) seconds = seconds * 10 + (value.data[i] - '0');
  if (i == value.len) return seconds * TIME_SECOND_US;
  for (size_t d = 0; d < sizeof dates / sizeof *dates; d++) {
    int64_t at_us;
    if (time_parse_format(value, dates[d], &at_us) == 0)
      return at_us > now_wall_us ? at_us - now_wall_us : 0;
  }
  return 0;
}
