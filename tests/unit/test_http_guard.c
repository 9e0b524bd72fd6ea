/* What is a request and what is not: raw bytes and the statuses they get, sent whole and byte by
 * byte. The sender ends what it sends, so a request that never ends is "" too. */
#include "tests/unit/io_world.h"

#include "tests/unit/http_client.h"
#include "tests/unit/http_echo.h"

#include <stdio.h>
#include <string.h>

struct raw {
  const char *bytes;
  size_t len;
  const char *statuses;
};
#define RAW(bytes, statuses)                                                                       \
  { bytes, sizeof(bytes) - 1, statuses }
#define GET(lines) "GET / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"
#define POST(lines) "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"
#define CHUNKED(body) POST("Transfer-Encoding: chunked\r\n") body
#define NEXT GET("")
#define K10 "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcd"

static const struct raw request_lines[] = {
    RAW(GET(""), "200"),
    RAW(GET("") NEXT NEXT, "200 200 200"),
    RAW("\r\n" GET(""), "200"),
    RAW("\r\n\r\n" GET(""), "400"),
    RAW("\n" GET(""), "400"),
    RAW("GET /a/b?c=d&e=%20 HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
    RAW("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400"),
    RAW("GET /\r\nHost: a\r\n\r\n", "400"),
    RAW("GET / http/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET / HTTP/1.10\r\nHost: a\r\n\r\n", "400"),
    RAW("GET / HTTP/01.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505"),
    RAW("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
    RAW("GET / HTTP/0.9\r\n\r\n", "505"),
    RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    RAW("get / HTTP/1.1\r\nHost: a\r\n\r\n", "501"),
    RAW("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "501"),
    RAW("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("GET /\\ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    RAW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"), /* TLS */
    RAW("GET / HTTP/1.1\r\nHost: a\r\n", ""),
    RAW("GET / HTTP/1.0\r\n\r\n" NEXT, "200"),
    RAW("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" NEXT, "200 200"),
    RAW(GET("Connection: close\r\n") NEXT, "200"),
};

static const struct raw header_lines[] = {
    RAW("GET / HTTP/1.1\nHost: a\n\n", "400"),
    RAW("GET / HTTP/1.1\r\nHost: a\n\r\n", "400"),
    RAW("GET / HTTP/1.1\r\nHost: a\r\n\n", "400"),
    RAW("GET / HTTP/1.1\rHost: a\r\r", "400"),
    RAW(GET("A: b\rc\r\n"), "400"),
    RAW(GET("A: b\r\r\n"), "400"),
    RAW(GET("A: b\0c\r\n"), "400"),
    RAW(GET("A: b\x0b"
            "c\r\n"),
        "400"),
    RAW(GET("A: b\x7f\r\n"), "400"),
    RAW(GET("A: b\tc\r\n"), "200"),
    RAW(GET("A:\tb\t\r\n"), "200"),
    RAW(GET("A: \xc3\xa9\r\n"), "200"),
    RAW(GET("A:\r\n"), "200"),
    RAW(GET("A: b\r\n c\r\n"), "400"),
    RAW(GET("A: b\r\n\tc\r\n"), "400"),
    RAW("GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n", "400"),
    RAW(GET("A : b\r\n"), "400"),
    RAW(GET("A\t: b\r\n"), "400"),
    RAW(GET(": b\r\n"), "400"),
    RAW(GET("A\r\n"), "400"),
    RAW(GET("A b: c\r\n"), "400"),
    RAW(GET("A(): c\r\n"), "400"),
    RAW(GET("\xc3\xa9: c\r\n"), "400"),
    RAW("GET / HTTP/1.1\r\n\r\n", "400"),
    RAW(GET("Host: a\r\n"), "400"),
    RAW(GET("host: b\r\n"), "400"),
    RAW("GET / HTTP/1.1\r\nHost:\r\n\r\n", "200"),
    RAW("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200"),
    RAW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400"),
    RAW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
    RAW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
    RAW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
    RAW(GET("Connection: upgrade\r\nUpgrade: h2c\r\n") NEXT, "200 200"),
    RAW(POST("Expect: 200-ok\r\nContent-Length: 1\r\n") "x", "417"),
};

static const struct raw lengths[] = {
    RAW(POST("Content-Length: 3\r\n") "abc" NEXT, "200 200"),
    RAW(POST("Content-Length: 0\r\n") NEXT, "200 200"),
    RAW(POST("") NEXT, "200 200"),
    RAW(POST("content-length:\t3 \r\n") "abc" NEXT, "200 200"),
    RAW(POST("Content-Length: 3\r\n") "ab", ""),
    RAW(POST("Content-Length: 3\r\nContent-Length: 3\r\n") "abc", "400"),
    RAW(POST("Content-Length: 3\r\nContent-Length: 4\r\n") "abcd", "400"),
    RAW(POST("Content-Length: 3\r\ncontent-length: 3\r\n") "abc", "400"),
    RAW(POST("Content-Length: 3, 3\r\n") "abc", "400"),
    RAW(POST("Content-Length: +3\r\n") "abc", "400"),
    RAW(POST("Content-Length: -3\r\n") "abc", "400"),
    RAW(POST("Content-Length: 0x3\r\n") "abc", "400"),
    RAW(POST("Content-Length: 3 4\r\n") "abc", "400"),
    RAW(POST("Content-Length: 3.0\r\n") "abc", "400"),
    RAW(POST("Content-Length:\r\n") "abc", "400"),
    RAW(POST("Content-Length: \"3\"\r\n") "abc", "400"),
    RAW(POST("Content-Length: 18446744073709551619\r\n") "abc", "400"),
    RAW(POST("Content-Length: 999999999999999999\r\n") "abc", "413"),
    RAW(POST("Content-Length : 3\r\n") "abc", "400"),
    RAW(POST("Content-Length: 1000001\r\n"), "413"),
    RAW("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", "400"),
};

static const struct raw smuggling[] = {
    RAW(POST("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\nG", "400"),
    RAW(POST("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") "5c\r\nGPOST", "400"),
    RAW(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: xchunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: chunkedx\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: chunked, identity\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: identity, chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: chunked, chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: chunked;q=1\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: identity\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: \"chunked\"\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding:\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding: ,chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding:\x0b"
             "chunked\r\n") "0\r\n\r\n",
        "400"),
    RAW(POST("Transfer-Encoding: chunked\0\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding : chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding\n: chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding:\r\n chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST("X: X\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", "400"),
    RAW(POST(" Transfer-Encoding: chunked\r\n") "0\r\n\r\n", "400"),
    RAW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
    RAW(POST("Transfer-Encoding:\tchunked\r\n") "0\r\n\r\n" NEXT, "200 200"),
    RAW(POST("transfer-encoding: Chunked \r\n") "0\r\n\r\n" NEXT, "200 200"),
    /* A name of its own, so no framing. */
    RAW(POST("Transfer_Encoding: chunked\r\nContent-Length: 3\r\n") "abc" NEXT, "200 200"),
};

static const struct raw chunks[] = {
    RAW(CHUNKED("3\r\nabc\r\n0\r\n\r\n") NEXT, "200 200"),
    RAW(CHUNKED("03\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n") NEXT, "200 200"),
    RAW(CHUNKED("3;a=b;c\r\nabc\r\n0;x=\"y\"\r\n\r\n") NEXT, "200 200"),
    RAW(CHUNKED("0\r\nA: b\r\nC: d\r\n\r\n") NEXT, "200 200"),
    RAW(CHUNKED("0000000000000003\r\nabc\r\n0\r\n\r\n"), "200"),
    RAW(CHUNKED("00000000000000003\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("10000000000000003\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), "413"),
    RAW(CHUNKED("0x3\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("+3\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("-3\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED(" 3\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3 \r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3 ;a=b\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\t\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("g\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED(";a\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3,3\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\r\nabc\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\r\nabc\r\n0\n\n"), "400"),
    RAW(CHUNKED("3\r\nabc\r\n0\r\n\n"), "400"),
    RAW(CHUNKED("3\rabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3;a\nb\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3;a\rb\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3;a\0b\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3;" K10 K10 K10 K10 "\r\nabc\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\r\nabcd\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\r\nab\r\n0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\r\nabcXX0\r\n\r\n"), "400"),
    RAW(CHUNKED("3\r\nabc\r\n"), ""),
    RAW(CHUNKED("0\r\n A: b\r\n\r\n"), "400"),
    RAW(CHUNKED("0\r\nA : b\r\n\r\n"), "400"),
    RAW(CHUNKED("0\r\nA\r\n\r\n"), "400"),
    RAW(CHUNKED("0\r\nA: b\nC: d\r\n\r\n"), "400"),
    RAW(CHUNKED("f4240\r\nabc"), ""),
    RAW(CHUNKED("f4241\r\nabc"), "413"),
    RAW(CHUNKED("1\r\na\r\nf4240\r\nabc"), "413"),
};

static const struct raw codings[] = {
    RAW(POST("Content-Encoding: br\r\nContent-Length: 1\r\n") "x", "415"),
    RAW(POST("Content-Encoding: gzip, gzip\r\nContent-Length: 1\r\n") "x", "415"),
    RAW(POST("Content-Encoding: identity\r\nContent-Length: 1\r\n") "x", "200"),
    RAW(POST("Content-Encoding: gzip\r\nContent-Length: 3\r\n") "abc", "400"),
    RAW(POST("Content-Encoding: gzip\r\nContent-Length: 0\r\n"), "200"),
    RAW(POST("Content-Encoding: deflate\r\nContent-Length: 3\r\n") "abc", "400"),
    /* "hello": whole, cut, followed by more; and as zlib. */
    RAW(POST("Content-Encoding: gzip\r\nContent-Length: 25\r\n") "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH"
                                                                 "\xcd\xc9\xc9\x07\0\x86\xa6\x10"
                                                                 "\x36\x05\0\0\0" NEXT,
        "200 200"),
    RAW(POST("Content-Encoding: X-GZip\r\nContent-Length: 24\r\n") "\x1f\x8b\x08\0\0\0\0\0\0\x03"
                                                                   "\xcbH\xcd\xc9\xc9\x07\0\x86\xa6"
                                                                   "\x10\x36\x05\0\0",
        "400"),
    RAW(POST("Content-Encoding: gzip\r\nContent-Length: 26\r\n") "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH"
                                                                 "\xcd\xc9\xc9\x07\0\x86\xa6\x10"
                                                                 "\x36\x05\0\0\0x",
        "400"),
    RAW(POST("Content-Encoding: deflate\r\nContent-Length: 13\r\n") "x\x9c\xcbH\xcd\xc9\xc9\x07\0"
                                                                    "\x06\x2c\x02\x15",
        "200"),
    RAW(POST("Content-Encoding: deflate\r\nContent-Length: 14\r\n") "x\x9c\xcbH\xcd\xc9\xc9\x07\0"
                                                                    "\x06\x2c\x02\x15x",
        "400"),
};

static void send_and_compare(struct io_world *w, const struct raw *raw, bool by_byte) {
  struct http_limits limits = http_limits_default;
  limits.body_bytes_max = 1000000;
  struct http_echo echo;
  http_echo_open(&echo, &w->io, "127.0.0.1:0", &limits);
  struct http_client client;
  http_client_open(&client, &w->io, http_server_address(echo.server));
  for (size_t i = 0; by_byte && i < raw->len; i++) {
    http_client_send(&client, (struct slice){raw->bytes + i, 1});
    for (int k = 0; k < 3; k++) OK(w, loop_wait(w->io.loop, 0, &w->err));
  }
  if (!by_byte) http_client_send(&client, (struct slice){raw->bytes, raw->len});
  http_client_end(&client);
  http_client_until_ended(&client);
  if (strcmp(http_client_statuses(&client), raw->statuses) != 0)
    fail_msg("%s%.300s\ngot \"%s\", not \"%s\": %s", by_byte ? "byte by byte: " : "", raw->bytes,
             http_client_statuses(&client), raw->statuses, http_client_got(&client));
  assert_int_equal(echo.heads, echo.requests + echo.gone);
  struct http_server_figures figures;
  http_client_close(&client);
  while (http_server_figures(echo.server, &figures), figures.connections > 0)
    OK(w, loop_wait(w->io.loop, 1000000, &w->err));
  assert_int_equal(figures.body_bytes, 0);
  http_echo_close(&echo);
}

static void run(struct io_world *w, const struct raw *table, size_t n) {
  for (size_t i = 0; i < n; i++) {
    send_and_compare(w, &table[i], false);
    send_and_compare(w, &table[i], true);
  }
}
#define TABLE(name)                                                                                \
  static void name##_are_checked(void **state) {                                                   \
    run(*state, name, sizeof name / sizeof *name);                                                 \
  }
TABLE(request_lines)
TABLE(header_lines)
TABLE(lengths)
TABLE(smuggling)
TABLE(chunks)
TABLE(codings)

static void check(struct io_world *w, struct buf *request, const char *statuses) {
  struct raw raw = {request->data, request->len, statuses};
  send_and_compare(w, &raw, false);
  buf_fini(request);
}

/* The same sum is bounded however it is cut into lines. */
static void long_heads_are_refused(void **state) {
  struct io_world *w = *state;
  struct buf request = {0};
  buf_put_text(&request, "GET /");
  for (int i = 0; i < 20000; i++) buf_put_char(&request, 'a');
  check(w, &request, "431");
  buf_put_text(&request, "GET / HTTP/1.1\r\nHost: a\r\nA: ");
  for (int i = 0; i < 20000; i++) buf_put_char(&request, 'a');
  check(w, &request, "431");
  buf_put_text(&request, "GET / HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < 5000; i++) buf_put_text(&request, "A: a\r\n");
  check(w, &request, "431");
  for (size_t more = 0; more < 2; more++) {
    buf_put_text(&request, "GET / HTTP/1.1\r\nHost: a\r\nA: ");
    while (request.len < 16 * 1024 - 4 + more) buf_put_char(&request, 'a');
    buf_put_text(&request, "\r\n\r\n");
    check(w, &request, more == 0 ? "200" : "431");
  }
}

static void long_framing_is_refused(void **state) {
  struct io_world *w = *state;
  struct buf request = {0};
  buf_put_text(&request, CHUNKED("0\r\n"));
  for (int i = 0; i < 5000; i++) buf_put_text(&request, "A: a\r\n");
  check(w, &request, "431");
  buf_put_text(&request, CHUNKED(""));
  for (int i = 0; i < 1000; i++) buf_put_text(&request, "1;abcdefghijklmnopqrstuvwxyz\r\na\r\n");
  buf_put_text(&request, "0\r\n\r\n");
  check(w, &request, "400");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SIM(request_lines_are_checked), SIM(header_lines_are_checked), SIM(lengths_are_checked),
      SIM(smuggling_are_checked),     SIM(chunks_are_checked),       SIM(codings_are_checked),
      SIM(long_heads_are_refused),    SIM(long_framing_is_refused),
  };
  return cmocka_run_group_tests_name("http guard", tests, NULL, NULL);
}
