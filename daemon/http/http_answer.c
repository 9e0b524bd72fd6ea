/* http_answer: how an answer is written. */
#include "daemon/http/http_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PARTS_WAITING_BYTES_MAX = 1024 * 1024 };

static const char *reason_of(int status) {
  switch (status) {
  case 200: return "OK";
  case 201: return "Created";
  case 202: return "Accepted";
  case 204: return "No Content";
  case 301: return "Moved Permanently";
  case 302: return "Found";
  case 303: return "See Other";
  case 304: return "Not Modified";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 406: return "Not Acceptable";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 413: return "Content Too Large";
  case 415: return "Unsupported Media Type";
  case 417: return "Expectation Failed";
  case 422: return "Unprocessable Content";
  case 429: return "Too Many Requests";
  case 431: return "Request Header Fields Too Large";
  case 500: return "Internal Server Error";
  case 501: return "Not Implemented";
  case 503: return "Service Unavailable";
  case 505: return "HTTP Version Not Supported";
  default: return "Answer";
  }
}

/* RFC 9110 5.6.7; strftime(3) would ask the locale for the names. */
static void put_date(struct buf *head, int64_t wall_us) {
  static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  time_t seconds = (time_t)(wall_us / 1000000);
  struct tm tm;
  if (gmtime_r(&seconds, &tm) == NULL) return;
  buf_printf(head, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool is_printable(const char *text) {
  for (; *text != '\0'; text++)
    if ((unsigned char)*text < ' ' || *text == 0x7f) return false;
  return true;
}

static void put_head(struct http_exchange *exchange, struct buf *head, int status,
                     const char *content_type, const char *const *headers) {
  struct http_conn *conn = exchange->conn;
  assert(status >= 200 && status < 600);
  conn->server->figures.answers[status / 100]++;
  buf_printf(head, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
  put_date(head, clock_wall_us(conn->server->io.clock));
  if (content_type != NULL) {
    assert(is_printable(content_type));
    buf_printf(head, "Content-Type: %s\r\n", content_type);
  }
  for (; headers != NULL && *headers != NULL; headers++) {
    assert(is_printable(*headers));
    buf_printf(head, "%s\r\n", *headers);
  }
  if (conn->closes)
    buf_put_text(head, "Connection: close\r\n");
  else if (exchange->head.version_1_0)
    buf_put_text(head, "Connection: keep-alive\r\n");
}

static void write_whole(struct http_exchange *exchange, int status, const char *content_type,
                        struct slice body, const char *const *headers) {
  struct buf head;
  buf_init(&head);
  put_head(exchange, &head, status, content_type, headers);
  bool bodiless = status == 204 || status == 304;
  if (!bodiless) buf_printf(&head, "Content-Length: %zu\r\n", body.len);
  buf_put_text(&head, "\r\n");
  if (!bodiless && !exchange->bodiless) buf_put_slice(&head, body);
  http_wire_write(&exchange->conn->wire, buf_slice(&head));
  buf_fini(&head);
  exchange->answered = true;
}

/* The handler answers. What of the body has not come yet will not be read. */
static void take_from_handler(struct http_exchange *exchange) {
  assert(exchange->with_handler && !exchange->begun);
  exchange->with_handler = false;
  if (exchange->conn->state == HTTP_BODY) exchange->conn->closes = true;
  http_conn_kick(exchange->conn);
}

void http_answer(struct http_exchange *exchange, int status, const char *content_type,
                 struct slice body, const char *const *headers) {
  take_from_handler(exchange);
  write_whole(exchange, status, content_type, body, headers);
}

static void put_error(struct buf *body, const char *why) {
  buf_put_text(body, "{\"error\":\"");
  for (; *why != '\0'; why++) {
    unsigned char c = (unsigned char)*why;
    if (c == '"' || c == '\\')
      buf_printf(body, "\\%c", c);
    else if (c < ' ' || c >= 0x7f)
      buf_printf(body, "\\u%04x", c); /* texts of ours are ASCII; a byte from outside shows */
    else
      buf_put_char(body, (char)c);
  }
  buf_put_text(body, "\"}\n");
}

void http_answer_error(struct http_exchange *exchange, int status, const char *why,
                       const char *const *headers) {
  struct buf body;
  buf_init(&body);
  put_error(&body, why);
  http_answer(exchange, status, "application/json", buf_slice(&body), headers);
  buf_fini(&body);
}

void http_answer_refusal(struct http_exchange *exchange, const struct http_refusal *refusal) {
  static const char *const later[] = {"Retry-After: 1", NULL};
  struct buf body;
  buf_init(&body);
  put_error(&body, refusal->why);
  bool again = refusal->status == 429 || refusal->status == 503;
  write_whole(exchange, refusal->status, "application/json", buf_slice(&body),
              again ? later : NULL);
  buf_fini(&body);
}

/* ------------------------------------------------------------------ in pieces */

void http_answer_begin(struct http_exchange *exchange, int status, const char *content_type) {
  /* HTTP/1.0 knows no chunks: there the end of the connection is the end of the body. */
  exchange->chunked = !exchange->head.version_1_0;
  if (!exchange->chunked) exchange->conn->closes = true;
  take_from_handler(exchange);
  exchange->with_handler = exchange->begun = true;
  struct buf head;
  buf_init(&head);
  put_head(exchange, &head, status, content_type, NULL);
  buf_put_text(&head, exchange->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
  http_wire_write(&exchange->conn->wire, buf_slice(&head));
  buf_fini(&head);
}

bool http_answer_part(struct http_exchange *exchange, struct slice part) {
  assert(exchange->begun && !exchange->answered);
  struct http_wire *wire = &exchange->conn->wire;
  if (http_wire_waiting(wire) > PARTS_WAITING_BYTES_MAX) return false;
  if (part.len == 0 || exchange->bodiless) return true;
  char size[32];
  if (exchange->chunked) {
    snprintf(size, sizeof size, "%zx\r\n", part.len);
    http_wire_write(wire, slice_of(size));
  }
  http_wire_write(wire, part);
  if (exchange->chunked) http_wire_write(wire, slice_of("\r\n"));
  http_conn_kick(exchange->conn);
  return true;
}

uint64_t http_answer_waiting(const struct http_exchange *exchange) {
  return http_wire_waiting(&exchange->conn->wire);
}

void http_answer_end(struct http_exchange *exchange) {
  assert(exchange->begun && !exchange->answered);
  if (exchange->chunked && !exchange->bodiless)
    http_wire_write(&exchange->conn->wire, slice_of("0\r\n\r\n"));
  exchange->with_handler = false;
  exchange->answered = true;
  http_conn_kick(exchange->conn);
}
