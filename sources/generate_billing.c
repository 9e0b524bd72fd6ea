/* generate_billing: the data of the quickstart: requests to an API, as its gateway would report
 * them.
 *
 * As in life, one in a hundred is a repeat of one of the thousand before it; requests come up to 4
 * seconds out of order; and one in a thousand comes 10 to 120 seconds late. */
#include "daemon/record/time.h"
#include "sources/generate_kinds.h"

enum {
  REPEAT_ONE_IN = 100,
  REPEAT_WITHIN = 1000,
  LATE_ONE_IN = 1000,
  USERS = 2000,
};

static const char *const paths[] = {"/v1/chat/completions", "/v1/embeddings",
                                    "/v1/images/generations", "/v1/audio/speech", "/v1/models"};
static const int good_status[] = {200, 200, 200, 200, 200, 200, 201, 202, 400, 404, 429};
static const int bad_status[] = {500, 502, 503, 504};

#define PICK(random, list) (list)[random_below(random, sizeof(list) / sizeof *(list))]

/* The record that `index` is a repeat of, itself when it is none. */
static uint64_t original_of(uint64_t seed, uint64_t index) {
  for (;;) {
    struct random random;
    generate_random(&random, seed ^ UINT64_C(0x5265706561740000), index);
    if (index == 0 || random_below(&random, REPEAT_ONE_IN) != 0) return index;
    uint64_t within = index < REPEAT_WITHIN ? index : REPEAT_WITHIN;
    index -= 1 + random_below(&random, within);
  }
}

void generate_billing_put(const struct generate_options *options, uint64_t index, struct buf *out) {
  index = original_of(options->seed, index);
  struct random random;
  generate_random(&random, options->seed, index);

  int64_t time_us = generate_time(options, index);
  if (random_below(&random, LATE_ONE_IN) == 0)
    time_us -= 10 * TIME_SECOND_US + (int64_t)random_below(&random, 110 * TIME_SECOND_US);
  else
    time_us -= (int64_t)random_below(&random, 4 * TIME_SECOND_US);
  time_us -= time_us % 1000;

  buf_put_text(out, "{\"request_id\":\"");
  generate_uuid(&random, out);
  buf_put_text(out, "\",\"ts\":\"");
  time_put(out, time_us);
  buf_printf(out, "\",\"user_id\":\"u%05u\"", (unsigned)generate_skewed(&random, USERS));
  buf_printf(out, ",\"path\":\"%s\"", PICK(&random, paths));
  bool bad = random_below(&random, 20) == 0;
  buf_printf(out, ",\"status\":%d", bad ? PICK(&random, bad_status) : PICK(&random, good_status));
  unsigned latency_us = 1000 + (unsigned)generate_skewed(&random, 2000000);
  buf_printf(out, ",\"latency_ms\":%u.%03u", latency_us / 1000, latency_us % 1000);
  unsigned prompt = (unsigned)random_below(&random, 4000);
  buf_printf(out, ",\"tokens\":{\"prompt\":%u,\"completion\":%u}}\n", prompt,
             (unsigned)random_below(&random, 2000));
}
