/* Mutated requests: whatever the bytes, and however they are cut into pieces, a connection gets the
 * same answers, ends, and holds nothing more (run it with the sanitizers).
 *
 *     test_http_fuzz [ROUNDS [SEED]]
 *
 * The seed is fixed unless given, so that a failure can be had again. */
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/io/random.h"
#include "tests/unit/http_pieces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED(text)                                                                                 \
  { text, sizeof(text) - 1 }
static const struct slice seeds[] = {
    SEED("GET /a%20b?q=c+d HTTP/1.1\r\nHost: a\r\n\r\n"
         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
         "HEAD /parts HTTP/1.1\r\nHost: a\r\n\r\nGET /parts HTTP/1.1\r\nHost: a\r\n\r\n"),
    SEED("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    SEED("POST /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nskipped"
         "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
         "POST /unwanted HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    SEED("POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n"
         "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"
         "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
};

/* What makes the machine take another turn. */
static const struct slice tokens[] = {
    SEED("\r\n"),
    SEED("\n"),
    SEED("\r"),
    SEED("\r\n\r\n"),
    SEED("\0"),
    SEED(" "),
    SEED("\t"),
    SEED(":"),
    SEED("Content-Length: 5\r\n"),
    SEED("Content-Length: "),
    SEED("Transfer-Encoding: chunked\r\n"),
    SEED("Content-Encoding: deflate\r\n"),
    SEED("Expect: 100-continue\r\n"),
    SEED("Connection: close\r\n"),
    SEED("Host: b\r\n"),
    SEED("0\r\n\r\n"),
    SEED("ffffffffffffffff"),
    SEED("1;"),
    SEED("99999999999999999999"),
    SEED("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    SEED(" HTTP/1.0"),
    SEED("%00"),
    SEED("/unwanted"),
    SEED("\x1f\x8b\x08"),
    SEED("\xff"),
    SEED(
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghij"),
};

static void splice(struct buf *text, size_t at, size_t cut, const char *with, size_t len) {
  buf_reserve(text, len);
  memmove(text->data + at + len, text->data + at + cut, text->len - at - cut);
  memcpy(text->data + at, with, len);
  text->len += len - cut;
}

static void mutate(struct buf *text, struct random *random) {
  for (uint64_t n = 1 + random_below(random, 4); n > 0; n--) {
    size_t at = random_below(random, text->len + 1), left = text->len - at;
    size_t some = left > 0 ? 1 + random_below(random, left) : 0;
    const struct slice *token = &tokens[random_below(random, sizeof tokens / sizeof *tokens)];
    char byte = (char)random_u64(random);
    switch (random_below(random, 5)) {
    case 0: splice(text, at, 0, token->data, token->len); break;
    case 1: splice(text, at, left > 0 ? 1 : 0, &byte, 1); break;
    case 2: splice(text, at, some < 12 ? some : some % 12, "", 0); break;
    case 3: splice(text, at, some < 4 ? some : some % 4, token->data, token->len); break;
    default: { /* a piece of the text once more, somewhere else */
      size_t len = some < 60 ? some : some % 60;
      char *piece = mem_strndup(text->data + at, len);
      splice(text, random_below(random, text->len + 1), 0, piece, len);
      free(piece);
    }
    }
  }
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20261121;
  struct random random;
  random_seed(&random, seed);
  size_t n_seeds = sizeof seeds / sizeof *seeds;
  int result = 0;
  for (unsigned long round = 0; round < rounds && result == 0; round++) {
    struct buf text = {0};
    buf_put_slice(&text, seeds[round % n_seeds]);
    if (round >= n_seeds) mutate(&text, &random);
    char *whole = http_pieces_answers(buf_slice(&text), seed + round, SIZE_MAX);
    char *cut =
        http_pieces_answers(buf_slice(&text), seed + round + 1, 1 + random_below(&random, 30));
    if (strcmp(whole, cut) != 0) {
      fprintf(stderr, "seed %llu, round %lu: whole:\n%s\nin pieces:\n%s\nrequest:\n",
              (unsigned long long)seed, round, whole, cut);
      fwrite(text.data, 1, text.len, stderr);
      result = 1;
    }
    free(whole);
    free(cut);
    buf_fini(&text);
  }
  return result;
}
