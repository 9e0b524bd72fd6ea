/* gen: the benchmark's input, API requests as NDJSON; one seed, one result.
 *
 *     gen LINES [SEED] > requests.ndjson
 *
 * About 290 bytes a line, 2,000 lines a second of event time, 10,000 users skewed to a few; 99.9 %
 * are out of order by at most 4 s, the rest is late by 10 to 120 s; 1 % repeats one of the last
 * 1,000 lines; 5 % have a status of 500 or more. Other programs were measured on the same bytes:
 * what comes out may never change (2,000,000 lines of seed 42 have the MD5 that bench.py checks).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define RING_LINES 1000
#define LINE_BYTES 512
#define EPOCH_MS 1767225600000ull /* 2026-01-01 */

struct gen {
  uint64_t random;
  char ring[RING_LINES][LINE_BYTES]; /* the last lines, for repeats */
};

static const char *const paths[] = {"/v1/chat/completions", "/v1/embeddings",
                                    "/v1/images/generations", "/v1/audio/speech", "/v1/models"};
static const char *const regions[] = {"eu-west-1", "us-east-1", "us-west-2", "ap-south-1"};
static const char *const plans[] = {"free", "team", "enterprise"};
static const int failed[] = {500, 502, 503, 504};
static const int answered[] = {200, 200, 200, 200, 200, 201, 202, 400, 404, 429};

/* splitmix64 */
static uint64_t next(struct gen *gen) {
  uint64_t z = (gen->random += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

static const char *line(struct gen *gen, uint64_t i) {
  if (next(gen) % 100 == 0 && i > RING_LINES) return gen->ring[next(gen) % RING_LINES];
  uint64_t disorder = next(gen), a = next(gen), b = next(gen);
  uint64_t ts = EPOCH_MS + i / 2;
  ts -= disorder % 1000 == 0 ? 10000 + (disorder >> 20) % 110000 : (disorder >> 20) % 4000;
  uint64_t user = (b % 10000) * ((b >> 32) % 10000) / 10000; /* small ones are frequent */
  int status = a % 20 == 0 ? failed[a >> 8 & 3] : answered[(a >> 8) % 10];
  char *to = gen->ring[i % RING_LINES];
  snprintf(
      to, LINE_BYTES,
      "{\"request_id\":\"%08llx-%04llx-%012llx\",\"ts\":%llu,\"user_id\":\"u%05llu\","
      "\"method\":\"POST\",\"path\":\"%s\",\"status\":%d,\"latency_ms\":%llu.%03llu,"
      "\"tokens\":{\"prompt\":%llu,\"completion\":%llu},\"region\":\"%s\","
      "\"client\":{\"ip\":\"10.%llu.%llu.%llu\",\"plan\":\"%s\"},\"tags\":[\"api\",\"k%llu\"]}\n",
      (unsigned long long)(a & 0xffffffff), (unsigned long long)(a >> 32 & 0xffff),
      (unsigned long long)i, (unsigned long long)ts, (unsigned long long)user, paths[(a >> 16) % 5],
      status, (unsigned long long)((a >> 24) % 2000), (unsigned long long)((a >> 40) % 1000),
      (unsigned long long)((b >> 20) % 4000), (unsigned long long)((b >> 36) % 2000),
      regions[a >> 50 & 3], (unsigned long long)(b >> 8 & 255), (unsigned long long)(b >> 16 & 255),
      (unsigned long long)(b >> 24 & 255), plans[(a >> 56) % 3],
      (unsigned long long)((b >> 44) % 50));
  return to;
}

int main(int argc, char **argv) {
  static struct gen gen;
  if (argc < 2) {
    fputs("usage: gen LINES [SEED]\n", stderr);
    return 64;
  }
  uint64_t lines = strtoull(argv[1], NULL, 10);
  gen.random = argc > 2 ? strtoull(argv[2], NULL, 10) : 42;
  for (uint64_t i = 0; i < lines; i++) fputs(line(&gen, i), stdout);
  return fflush(stdout) == 0 ? 0 : 74;
}
