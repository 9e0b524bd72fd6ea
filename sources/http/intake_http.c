/* intake_http: the server's side of the source `http`: which requests are let in, and what is said
 * about them. */
#include "sources/http/intake.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

enum { KEY_BYTES_MAX = 1024 };

static const char *const again[] = {"Retry-After: 1", NULL};

const char intake_other_body[] = "the Idempotency-Key was used for another body";

/* False and an answer. */
static bool refuse(struct http_exchange *exchange, int status, const char *why,
                   const char *const *headers) {
  http_answer_error(exchange, status, why, headers);
  return false;
}

/* ------------------------------------------------------------------ the head */

static bool is_word(struct slice text, const char *word) {
  return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

static struct slice without_blanks(struct slice text) {
  while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) text.data++, text.len--;
  while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
    text.len--;
  return text;
}

/* How the body holds records. False: it is of no type that is read here. */
static bool form_of(struct http_exchange *exchange, enum records_form *form) {
  static const char *const lines[] = {"application/x-ndjson",  "application/ndjson",
                                      "application/jsonl",     "application/x-jsonlines",
                                      "application/jsonlines", "text/plain"};
  bool found;
  struct slice type = http_header(exchange, "content-type", &found);
  *form = RECORDS_LINES;
  if (!found || type.len == 0) return true;
  const char *semicolon = memchr(type.data, ';', type.len);
  if (semicolon != NULL) {
    struct slice rest = {semicolon + 1, (size_t)(type.data + type.len - semicolon - 1)};
    type.len = (size_t)(semicolon - type.data);
    rest = without_blanks(rest);
    if (rest.len > 0 && !is_word(rest, "charset=utf-8") && !is_word(rest, "charset=\"utf-8\""))
      return false;
  }
  type = without_blanks(type);
  if (is_word(type, "application/json")) {
    *form = RECORDS_JSON;
    return true;
  }
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (is_word(type, lines[i])) return true;
  return false;
}

static bool has_path(const struct http_source *source, struct slice path) {
  for (size_t i = 0; i < source->paths.n; i++)
    if (slice_is(path, source->paths.items[i])) return true;
  return false;
}

static bool on_head(void *arg, struct http_exchange *exchange) {
  struct intake *intake = arg;
  const struct http_source *source = intake->source;
  static const char *const bearer[] = {"WWW-Authenticate: Bearer", NULL};
  static const char *const allow[] = {"Allow: POST", NULL};
  if (source->token != NULL && !http_bearer_is(exchange, source->token))
    return refuse(exchange, 401, "the token is missing or wrong", bearer);
  if (!has_path(source, http_path(exchange)))
    return refuse(exchange, 404, "nothing is taken at this path", NULL);
  if (strcmp(http_method(exchange), "POST") != 0)
    return refuse(exchange, 405, "records are sent by POST", allow);
  enum records_form form;
  if (!form_of(exchange, &form))
    return refuse(exchange, 415,
                  "Content-Type must be application/json (an object or an array), "
                  "application/x-ndjson (one object a line) or text/plain (lines), in UTF-8",
                  NULL);
  const char *stalled = intake->ctx != NULL ? source_stalled(intake->ctx) : NULL;
  if (stalled != NULL) return refuse(exchange, 503, stalled, again);
  uint64_t announced = http_body_announced(exchange);
  if (announced == UINT64_MAX) announced = 0; /* seen when it has come */
  if (announced <= source->body_bytes_max && intake->queue_bytes > 0 &&
      intake->queue_bytes + announced > source->queue_bytes_max)
    return refuse(exchange, 429, "the queue is full; come again", again);
  return true;
}

/* ------------------------------------------------------------------ the whole request */

static void put_text(struct buf *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\')
      buf_printf(out, "\\%c", *text);
    else
      buf_put_char(out, (unsigned char)*text >= ' ' && *text != 0x7f ? *text : '?');
  }
}

/* "line":3,"code":"json.syntax","error":"line 3: ..." */
static void put_problem(struct buf *out, const struct records_problem *problem) {
  buf_printf(out, "\"line\":%u,\"code\":\"%s\",\"error\":\"line %u: ", (unsigned)problem->line,
             problem->code, (unsigned)problem->line);
  put_text(out, problem->text);
  buf_put_char(out, '"');
}

static void answer_problem(struct http_exchange *exchange, const struct records *records) {
  struct buf body;
  buf_init(&body);
  buf_put_char(&body, '{');
  put_problem(&body, &records->problems[0]);
  buf_put_text(&body, "}\n");
  http_answer(exchange, 400, "application/json", buf_slice(&body), NULL);
  buf_fini(&body);
}

void intake_answer_accepted(struct http_exchange *exchange, const struct records *records,
                            bool replayed) {
  static const char *const known[] = {"Idempotency-Replayed: true", NULL};
  struct buf body;
  buf_init(&body);
  buf_printf(&body, "{\"accepted\":%" PRIu64, records->n);
  if (records->n_bad > 0) {
    buf_printf(&body, ",\"bad\":%" PRIu64 ",\"problems\":[", records->n_bad);
    for (uint64_t i = 0; i < records->n_bad && i < RECORDS_PROBLEMS_MAX; i++) {
      buf_put_text(&body, i > 0 ? ",{" : "{");
      put_problem(&body, &records->problems[i]);
      buf_put_char(&body, '}');
    }
    buf_put_char(&body, ']');
  }
  buf_put_text(&body, "}\n");
  http_answer(exchange, 202, "application/json", buf_slice(&body), replayed ? known : NULL);
  buf_fini(&body);
}

/* Whether the request waits now, with its records. */
static bool admit(struct intake *intake, struct http_exchange *exchange, struct records *records) {
  bool keyed;
  struct slice key = http_header(exchange, "idempotency-key", &keyed);
  struct slice body = http_body(exchange);
  uint64_t hash = keyed ? hash_bytes(body.data, body.len) : 0;
  if (keyed && (key.len == 0 || key.len > KEY_BYTES_MAX))
    return refuse(exchange, 400, "an Idempotency-Key has 1 to 1024 bytes", NULL);
  struct request *same = keyed ? intake_find(intake, key) : NULL;
  if (same != NULL && same->hash != hash) return refuse(exchange, 422, intake_other_body, NULL);
  if (same != NULL) {
    intake_wait(intake, same, exchange);
    return false;
  }
  if (records->n == 0) {
    intake_answer_accepted(exchange, records, false);
    return false;
  }
  const char *stalled = intake->ctx != NULL ? source_stalled(intake->ctx) : NULL;
  if (stalled != NULL) return refuse(exchange, 503, stalled, again);
  if (intake->queue_bytes > 0 &&
      intake->queue_bytes + records_bytes(records).len > intake->source->queue_bytes_max)
    return refuse(exchange, 429, "the queue is full; come again", again);
  if (intake->stopped)
    return refuse(exchange, 503, "the pipeline stops; nothing of the request was taken", again);
  intake_queue(intake, records, keyed ? mem_strndup(key.data, key.len) : NULL, hash, exchange);
  return true;
}

static void on_request(void *arg, struct http_exchange *exchange) {
  struct intake *intake = arg;
  enum records_form form;
  form_of(exchange, &form);
  struct records_rules rules = {.json = intake->json,
                                .keep_bad = intake->source->partial == PARTIAL_ACCEPT,
                                .line_max = intake->line_max_bytes,
                                .plan = intake->plan};
  if (!rules.json) form = RECORDS_LINES;
  struct records records;
  bool fine = records_read(&records, http_body(exchange), form, &rules);
  if (!fine) answer_problem(exchange, &records);
  if (!fine || !admit(intake, exchange, &records)) {
    records_fini(&records);
    return;
  }
  /* The records have a copy; the body would only be held beside it. */
  void *memory;
  http_body_take(exchange, &memory);
  free(memory);
}

static void on_gone(void *arg, struct http_exchange *exchange) {
  intake_gone(arg, exchange);
}

const struct http_handler intake_handler = {
    .head = on_head, .request = on_request, .gone = on_gone};
