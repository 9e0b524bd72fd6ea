/* http_exchange: what a handler may ask of a request. */
#include "daemon/base/mem.h"
#include "daemon/http/http_internal.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

const char *http_method(const struct http_exchange *exchange) {
  return exchange->head.method;
}

static int hex_digit(char c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* The guard has seen to it that two digits follow each '%'. */
static struct slice decode(struct http_exchange *exchange, struct slice from, bool plus_is_blank) {
  char *to = arena_alloc(&exchange->arena, from.len);
  size_t len = 0;
  for (size_t i = 0; i < from.len; i++) {
    char c = from.data[i];
    if (c == '%') {
      c = (char)(hex_digit(from.data[i + 1]) * 16 + hex_digit(from.data[i + 2]));
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    to[len++] = c;
  }
  return (struct slice){to, len};
}

void http_exchange_read_target(struct http_exchange *exchange) {
  struct slice path = exchange->head.target;
  const char *mark = memchr(path.data, '?', path.len);
  exchange->query = (struct slice){"", 0};
  if (mark != NULL) {
    size_t len = (size_t)(mark - path.data);
    exchange->query = (struct slice){mark + 1, path.len - len - 1};
    path.len = len;
  }
  exchange->path = decode(exchange, path, false);
}

struct slice http_path(const struct http_exchange *exchange) {
  return exchange->path;
}

struct slice http_query(struct http_exchange *exchange, const char *name, bool *found) {
  struct slice rest = exchange->query;
  while (rest.len > 0) {
    const char *end = memchr(rest.data, '&', rest.len);
    struct slice one = {rest.data, end != NULL ? (size_t)(end - rest.data) : rest.len};
    rest.data += one.len + (end != NULL);
    rest.len -= one.len + (end != NULL);
    const char *equals = memchr(one.data, '=', one.len);
    struct slice key = {one.data, equals != NULL ? (size_t)(equals - one.data) : one.len};
    if (!slice_is(decode(exchange, key, true), name)) continue;
    *found = true;
    if (equals == NULL) return (struct slice){"", 0};
    return decode(exchange, (struct slice){equals + 1, one.len - key.len - 1}, true);
  }
  *found = false;
  return (struct slice){"", 0};
}

struct slice http_header(struct http_exchange *exchange, const char *name, bool *found) {
  struct slice value = {"", 0};
  *found = false;
  for (size_t i = 0; i < exchange->head.n_headers; i++) {
    const struct http_header *header = &exchange->head.headers[i];
    if (header->name.len != strlen(name) ||
        strncasecmp(header->name.data, name, header->name.len) != 0)
      continue;
    if (*found) {
      char *joined =
          arena_printf(&exchange->arena, "%.*s, %.*s", SLICE_ARG(value), SLICE_ARG(header->value));
      value = slice_of(joined);
    } else {
      value = header->value;
    }
    *found = true;
  }
  return value;
}

struct slice http_body(const struct http_exchange *exchange) {
  return http_body_bytes(&exchange->body);
}

uint64_t http_body_announced(const struct http_exchange *exchange) {
  return exchange->head.chunked ? UINT64_MAX : exchange->head.length;
}

struct slice http_body_take(struct http_exchange *exchange, void **memory) {
  struct slice bytes = http_body_bytes(&exchange->body);
  *memory = exchange->body.bytes.data;
  exchange->body.bytes = (struct buf){0};
  http_exchange_count_body(exchange);
  return bytes;
}

bool http_bearer_is(struct http_exchange *exchange, const char *token) {
  bool found;
  struct slice value = http_header(exchange, "authorization", &found);
  static const char scheme[] = "Bearer ";
  const size_t scheme_len = sizeof scheme - 1, token_len = strlen(token);
  return found && value.len == scheme_len + token_len &&
         strncasecmp(value.data, scheme, scheme_len) == 0 &&
         CRYPTO_memcmp(value.data + scheme_len, token, token_len) == 0;
}

void **http_exchange_data(struct http_exchange *exchange) {
  return &exchange->data;
}
