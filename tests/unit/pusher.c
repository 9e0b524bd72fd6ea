/* pusher: see pusher.h. */
#include "pusher.h"

#include <stdio.h>

enum { RECORDS_MAX = 5, DELAY_US_MAX = 3000 };

void pusher_init(struct pusher *pusher, size_t requests, uint64_t seed) {
  *pusher = (struct pusher){.n = requests, .n_addresses = 1};
  random_seed(&pusher->random, seed);
  pusher->requests = mem_zalloc(requests * sizeof *pusher->requests);
  for (size_t i = 0; i < requests; i++) {
    pusher->requests[i].n_records = 1 + (int)random_below(&pusher->random, RECORDS_MAX);
    pusher->requests[i].keyed = random_below(&pusher->random, 5) > 0;
  }
}

void pusher_fini(struct pusher *pusher) {
  pusher_off(pusher);
  free(pusher->requests);
}

/* ------------------------------------------------------------------ answers */

static void lane_close(struct push_lane *lane) {
  if (lane->client.io != NULL) http_client_close(&lane->client);
}

static void unanswered(struct pusher *pusher, struct push_lane *lane) {
  struct push_request *request = lane->request;
  lane->request = NULL;
  if (request == NULL) return;
  pusher->unanswered++;
  if (lane->repeats)
    request->state = PUSH_ACKED;
  else if (!request->keyed || (!pusher->settled && random_below(&pusher->random, 4) == 0))
    request->state = PUSH_GIVEN_UP;
  else
    request->state = PUSH_AGAIN;
}

static void answered(struct pusher *pusher, struct push_lane *lane) {
  struct push_request *request = lane->request;
  const char *status = http_client_statuses(&lane->client);
  const char *text = http_client_got(&lane->client);
  if (strcmp(status, "202") == 0) {
    char accepted[40];
    snprintf(accepted, sizeof accepted, "{\"accepted\":%d}", request->n_records);
    bool replayed = strstr(text, "Idempotency-Replayed: true") != NULL;
    if (strstr(text, accepted) == NULL) fail_msg("answered %s", text);
    if (replayed && !request->keyed) fail_msg("a request without a key was known");
    if (lane->repeats && !replayed) fail_msg("an acknowledged request was taken again");
    pusher->replayed += replayed;
    pusher->taken += !replayed;
    request->state = PUSH_ACKED;
  } else if (strcmp(status, "503") == 0 || strcmp(status, "429") == 0) {
    bool known = strcmp(status, "429") == 0 || strstr(text, "may or may not") == NULL;
    pusher->refused++;
    request->state = lane->repeats    ? PUSH_ACKED
                     : request->keyed ? PUSH_AGAIN
                     : known          ? PUSH_REFUSED
                                      : PUSH_GIVEN_UP;
  } else {
    fail_msg("answered %s", text);
  }
  lane->request = NULL;
  buf_clear(&lane->client.got);
}

/* ------------------------------------------------------------------ sending */

/* Of those at an address. */
static struct push_request *next_request(struct pusher *pusher, size_t address, bool *repeats) {
  size_t step = pusher->n_addresses;
  *repeats = true;
  if (pusher->only_repeats) {
    for (size_t *i = &pusher->repeat[address]; *i < pusher->n; *i += step) {
      struct push_request *request = &pusher->requests[*i];
      if (!request->keyed || request->state != PUSH_ACKED) continue;
      *i += step;
      return request;
    }
    return NULL;
  }
  size_t next = address;
  while (next < pusher->n && pusher->requests[next].state != PUSH_NEW &&
         pusher->requests[next].state != PUSH_AGAIN)
    next += step;
  if (next >= pusher->n) return NULL;
  size_t any = random_below(&pusher->random, pusher->n / step) * step + address;
  const struct push_request *known = &pusher->requests[any];
  *repeats = random_below(&pusher->random, 6) == 0 && known->keyed && known->state == PUSH_ACKED;
  return &pusher->requests[*repeats ? any : next];
}

static void send(struct pusher *pusher, struct push_lane *lane) {
  struct buf body;
  int number = (int)(lane->request - pusher->requests);
  char key[40] = "", head[200];
  buf_init(&body);
  if (pusher->bodies != NULL) buf_put_slice(&body, pusher->bodies[number]);
  for (int i = 0; pusher->bodies == NULL && i < lane->request->n_records; i++)
    buf_printf(&body, "{\"r\":%d,\"i\":%d,\"of\":%d}\n", number, i, lane->request->n_records);
  if (lane->request->keyed) snprintf(key, sizeof key, "Idempotency-Key: k%d\r\n", number);
  snprintf(head, sizeof head,
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n%s"
           "Content-Length: %zu\r\n\r\n",
           key, body.len);
  http_client_text(&lane->client, head);
  http_client_send(&lane->client, buf_slice(&body));
  buf_fini(&body);
  pusher->sent++;
}

static void lane_turn(struct pusher *pusher, size_t number, struct io *io) {
  static const char *const addresses[] = {PUSHER_ADDRESS, PUSHER_ADDRESS_2};
  struct push_lane *lane = &pusher->lanes[number];
  size_t address = number % pusher->n_addresses;
  if (lane->request != NULL && http_client_answers(&lane->client) > 0) answered(pusher, lane);
  bool leaves = !pusher->settled && random_below(&pusher->random, 60) == 0;
  if (lane->client.io != NULL && (lane->client.ended || leaves)) {
    unanswered(pusher, lane);
    lane_close(lane);
  }
  if (lane->request != NULL) return;
  lane->request = next_request(pusher, address, &lane->repeats);
  if (lane->request == NULL) return;
  lane->request->state = PUSH_OUT;
  if (lane->client.io == NULL) http_client_open(&lane->client, io, addresses[address]);
  send(pusher, lane);
}

void pusher_turn(struct pusher *pusher, struct io *io) {
  if (pusher->cut_per_million > 0)
    sim_net_set_faults(io->net, (struct sim_net_faults){DELAY_US_MAX, pusher->cut_per_million});
  for (size_t i = 0; i < PUSHER_LANES; i++) lane_turn(pusher, i, io);
}

void pusher_off(struct pusher *pusher) {
  for (int i = 0; i < PUSHER_LANES; i++) {
    unanswered(pusher, &pusher->lanes[i]);
    lane_close(&pusher->lanes[i]);
  }
}

bool pusher_done(const struct pusher *pusher) {
  for (size_t i = 0; i < pusher->n; i++) {
    enum push_state state = pusher->requests[i].state;
    if (state == PUSH_NEW || state == PUSH_OUT || state == PUSH_AGAIN) return false;
  }
  for (size_t a = 0; pusher->only_repeats && a < pusher->n_addresses; a++)
    if (pusher->repeat[a] < pusher->n) return false;
  return true;
}

void pusher_repeat(struct pusher *pusher) {
  pusher->only_repeats = pusher->settled = true;
  for (size_t a = 0; a < pusher->n_addresses; a++) pusher->repeat[a] = a;
}

/* ------------------------------------------------------------------ the result */

void pusher_check(const struct pusher *pusher, struct world *world, const char *path,
                  const char *what) {
  int *times = mem_zalloc(pusher->n * sizeof *times);
  struct buf text;
  world_get(world->disk, path, &text);
  int expected = 0;
  size_t inside = 0;
  for (const char *at = buf_cstr(&text), *end; *at != '\0'; at = end + 1) {
    size_t r;
    int i, of;
    end = strchr(at, '\n');
    if (end == NULL || sscanf(at, "{\"r\":%zu,\"i\":%d,\"of\":%d}", &r, &i, &of) != 3)
      fail_msg("%s: not a record: %s", what, at);
    assert_true(r < pusher->n && of == pusher->requests[r].n_records);
    if (i != expected || (i > 0 && r != inside))
      fail_msg("%s: request %zu is there in pieces", what, i > 0 ? r : inside);
    inside = r;
    expected = i + 1 < of ? i + 1 : 0;
    times[r] += i == 0;
  }
  if (expected != 0) fail_msg("%s: request %zu is there in part", what, inside);
  for (size_t r = 0; r < pusher->n; r++) {
    enum push_state state = pusher->requests[r].state;
    int least = state == PUSH_ACKED, most = state == PUSH_ACKED || state == PUSH_GIVEN_UP;
    if (times[r] < least || times[r] > most)
      fail_msg("%s: request %zu (%s, state %d) is there %d times\n%s", what, r,
               pusher->requests[r].keyed ? "with a key" : "without a key", (int)state, times[r],
               world->said);
  }
  buf_fini(&text);
  free(times);
}
