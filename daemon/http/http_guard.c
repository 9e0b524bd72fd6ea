/* http_guard: see http_guard.h. */
#include "daemon/http/http_guard.h"

#include <http_parser.h>
#include <string.h>
#include <strings.h>

/* RFC 9110 5.6.2: the characters of methods and names. */
static bool is_token_char(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_len(struct slice s) {
  size_t len = 0;
  while (len < s.len && is_token_char((unsigned char)s.data[len])) len++;
  return len;
}

static bool slice_is_word(struct slice s, const char *word) {
  return s.len == strlen(word) && strncasecmp(s.data, word, s.len) == 0;
}

/* ------------------------------------------------------------------ bytes and lines */

/* METHOD SP TARGET SP HTTP/1.x */
static int check_request_line(struct slice line, struct http_refusal *refusal) {
  static const char version[] = " HTTP/1.";
  const size_t version_len = sizeof version - 1;
  size_t method = token_len(line);
  if (method == 0 || method == line.len || line.data[method] != ' ')
    return http_refuse(refusal, 400, "the request line does not begin with a method");
  struct slice target = {line.data + method + 1, line.len - method - 1};
  const char *end = memchr(target.data, ' ', target.len);
  if (end == NULL) return http_refuse(refusal, 400, "the request line does not end with a version");
  target.len = (size_t)(end - target.data);
  struct slice rest = {end, (size_t)(line.data + line.len - end)};
  if (rest.len != version_len + 1 || memcmp(rest.data, version, 6) != 0 || rest.data[7] != '.' ||
      rest.data[6] < '0' || rest.data[6] > '9' || rest.data[8] < '0' || rest.data[8] > '9')
    return http_refuse(refusal, 400, "the request line does not end with a version");
  if (rest.data[6] != '1' || rest.data[8] > '1')
    return http_refuse(refusal, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  if (target.len == 0 || target.data[0] != '/')
    return http_refuse(refusal, 400, "the target is not an absolute path");
  for (size_t i = 0; i < target.len; i++) {
    unsigned char c = (unsigned char)target.data[i];
    if (c <= ' ' || c >= 0x7f || strchr("#\"<>\\^`{|}", c) != NULL)
      return http_refuse(refusal, 400, "the target has a character that must be percent-encoded");
    if (c == '%' &&
        (target.len - i < 3 || strspn(target.data + i + 1, "0123456789abcdefABCDEF") < 2 ||
         memcmp(target.data + i, "%00", 3) == 0))
      return http_refuse(refusal, 400, "the target has a percent sign that encodes no character");
  }
  return 0;
}

static int check_header_line(struct slice line, struct http_refusal *refusal) {
  if (line.data[0] == ' ' || line.data[0] == '\t')
    return http_refuse(refusal, 400, "a header line is folded");
  size_t name = token_len(line);
  if (name == 0 || name == line.len || line.data[name] != ':')
    return http_refuse(refusal, 400, "a header's name is not followed by a colon");
  return 0;
}

int http_scan(struct http_scan *scan, struct slice bytes, size_t bytes_max, size_t *len,
              struct http_refusal *refusal) {
  for (; scan->at < bytes.len; scan->at++) {
    unsigned char c = (unsigned char)bytes.data[scan->at];
    if (scan->at >= bytes_max)
      return http_refuse(refusal, 431, "the request line and headers are too long");
    bool after_cr = scan->at > scan->line && bytes.data[scan->at - 1] == '\r';
    if (after_cr != (c == '\n'))
      return http_refuse(refusal, 400, "a line of the head does not end with CR LF");
    if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
      return http_refuse(refusal, 400, "the head has a control character");
    if (c != '\n') continue;
    struct slice line = {bytes.data + scan->line, scan->at - 1 - scan->line};
    bool first = scan->n_lines == 0 && !scan->trailer;
    if (line.len == 0 && !first) {
      *len = scan->at + 1;
      return 1;
    }
    /* One empty line before a request is to be overlooked (RFC 9112 2.2); the next is not one. */
    if (line.len > 0 || scan->line > 0) {
      if ((first ? check_request_line : check_header_line)(line, refusal) != 0) return -1;
      scan->n_lines++;
    }
    scan->line = scan->at + 1;
  }
  return 0;
}

/* ------------------------------------------------------------------ meaning */

struct reading {
  struct http_head *head;
  struct arena *arena;
  size_t cap;
};

static int on_url(http_parser *parser, const char *at, size_t len) {
  struct reading *reading = parser->data;
  reading->head->target = (struct slice){at, len};
  return 0;
}

static int on_field(http_parser *parser, const char *at, size_t len) {
  struct reading *reading = parser->data;
  struct http_head *head = reading->head;
  if (head->n_headers == reading->cap) {
    size_t cap = reading->cap == 0 ? 16 : 2 * reading->cap;
    struct http_header *headers = arena_alloc(reading->arena, cap * sizeof *headers);
    if (head->n_headers > 0) memcpy(headers, head->headers, head->n_headers * sizeof *headers);
    head->headers = headers;
    reading->cap = cap;
  }
  head->headers[head->n_headers++] = (struct http_header){.name = {at, len}, .value = {"", 0}};
  return 0;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static int on_value(http_parser *parser, const char *at, size_t len) {
  struct reading *reading = parser->data;
  while (len > 0 && is_blank(at[0])) at++, len--;
  while (len > 0 && is_blank(at[len - 1])) len--;
  reading->head->headers[reading->head->n_headers - 1].value = (struct slice){at, len};
  return 0;
}

static int on_complete(http_parser *parser) {
  struct reading *reading = parser->data;
  reading->head->keep_alive = http_should_keep_alive(parser) != 0;
  return 0;
}

static int read_length(struct http_head *head, struct slice value, struct http_refusal *refusal) {
  if (value.len == 0 || value.len > 18)
    return http_refuse(refusal, 400, "Content-Length is not a number of bytes");
  for (size_t i = 0; i < value.len; i++) {
    if (value.data[i] < '0' || value.data[i] > '9')
      return http_refuse(refusal, 400, "Content-Length is not a number of bytes");
    head->length = head->length * 10 + (uint64_t)(value.data[i] - '0');
  }
  return 0;
}

static bool is_host(struct slice value) {
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.data[i];
    if (c <= ' ' || c >= 0x7f || strchr("\"#,/<>?@\\^`{|}", c) != NULL) return false;
  }
  return true;
}

/* What the headers that decide about the request's limits and its end say. */
static int read_headers(struct http_head *head, struct http_refusal *refusal) {
  int n_lengths = 0, n_codings = 0, n_hosts = 0;
  for (size_t i = 0; i < head->n_headers; i++) {
    struct slice name = head->headers[i].name, value = head->headers[i].value;
    if (slice_is_word(name, "content-length")) {
      if (n_lengths++ > 0) return http_refuse(refusal, 400, "Content-Length is said twice");
      if (read_length(head, value, refusal) != 0) return -1;
    } else if (slice_is_word(name, "transfer-encoding")) {
      if (n_codings++ > 0 || !slice_is_word(value, "chunked"))
        return http_refuse(refusal, 400, "Transfer-Encoding is other than \"chunked\" once");
      if (head->version_1_0) return http_refuse(refusal, 400, "HTTP/1.0 has no Transfer-Encoding");
      head->chunked = true;
    } else if (slice_is_word(name, "host")) {
      if (n_hosts++ > 0) return http_refuse(refusal, 400, "Host is said twice");
      if (!is_host(value)) return http_refuse(refusal, 400, "Host is not a host");
    } else if (slice_is_word(name, "expect")) {
      if (!slice_is_word(value, "100-continue"))
        return http_refuse(refusal, 417, "only 100-continue can be expected");
      head->expects_continue = !head->version_1_0;
    }
  }
  if (n_lengths > 0 && n_codings > 0)
    return http_refuse(refusal, 400, "Content-Length and Transfer-Encoding contradict each other");
  if (n_hosts == 0 && !head->version_1_0) return http_refuse(refusal, 400, "Host is missing");
  return 0;
}

int http_head_read(struct http_head *head, struct arena *arena, struct slice bytes,
                   struct http_refusal *refusal) {
  static const http_parser_settings settings = {.on_url = on_url,
                                                .on_header_field = on_field,
                                                .on_header_value = on_value,
                                                .on_headers_complete = on_complete};
  *head = (struct http_head){.method = ""};
  struct reading reading = {.head = head, .arena = arena};
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  parser.data = &reading;
  size_t read = http_parser_execute(&parser, &settings, bytes.data, bytes.len);
  enum http_errno error = HTTP_PARSER_ERRNO(&parser);
  if (error == HPE_INVALID_METHOD) return http_refuse(refusal, 501, "the method is not known");
  if (error != HPE_OK) return http_refuse(refusal, 400, http_errno_description(error));
  if (read != bytes.len) return http_refuse(refusal, 400, "the head does not end where it ends");
  head->method = http_method_str(parser.method);
  head->version_1_0 = parser.http_minor == 0;
  if (read_headers(head, refusal) != 0) return -1;
  /* Two opinions about where the request ends are one too many. */
  bool has_length = (parser.flags & F_CONTENTLENGTH) != 0;
  if (((parser.flags & F_CHUNKED) != 0) != head->chunked ||
      (has_length ? parser.content_length : 0) != (head->chunked ? 0 : head->length))
    return http_refuse(refusal, 400, "the request's length is not clear");
  return 0;
}
