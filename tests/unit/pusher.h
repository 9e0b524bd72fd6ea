/* pusher: whoever sends requests to a source `http` in a simulated world, and remembers what it was
 * told, from life to life of the engine.
 *
 * A request of a key is sent again until it is acknowledged, now and then also when it is. Of those
 * that were not answered some are given up: they are there whole, once, or not at all. A request
 * without a key is given up when nobody answers, and never sent again when it was refused. */
#ifndef TIDEMARK_TESTS_PUSHER_H
#define TIDEMARK_TESTS_PUSHER_H

#include "engine_world.h"
#include "http_client.h"

#define PUSHER_ADDRESS "127.0.0.1:8080"
#define PUSHER_ADDRESS_2 "127.0.0.1:8081"
#define PUSHER_LANES 4

enum push_state {
  PUSH_NEW,
  PUSH_OUT,   /* on its way, for the first time or again */
  PUSH_AGAIN, /* to be sent again */
  PUSH_ACKED,
  PUSH_GIVEN_UP, /* nobody knows */
  PUSH_REFUSED,  /* not taken, it was said */
};

struct push_request {
  int n_records;
  bool keyed;
  enum push_state state;
};

struct push_lane {
  struct http_client client; /* io NULL: not connected */
  struct push_request *request;
  bool repeats; /* it had been acknowledged */
};

struct pusher {
  struct random random;
  struct push_request *requests;
  size_t n;
  const struct slice *bodies; /* [n], with n_records lines each; NULL: they are made up */
  struct push_lane lanes[PUSHER_LANES];
  size_t n_addresses;       /* 1, or 2: every other request goes to the second */
  uint32_t cut_per_million; /* see sim_net_faults; deliveries are late then, too */
  size_t repeat[2];         /* in a life of repetitions: which is sent again next, by address */
  bool only_repeats;        /* this life is one */
  bool settled;             /* connections are not closed by this side, none is given up */
  uint64_t sent, taken, replayed, refused, unanswered;
};

void pusher_init(struct pusher *pusher, size_t requests, uint64_t seed);
void pusher_fini(struct pusher *pusher);
/* Before each turn of the engine: looks for answers, sends what comes next. */
void pusher_turn(struct pusher *pusher, struct io *io);
/* The machine goes off: what is out will not be answered. */
void pusher_off(struct pusher *pusher);
/* Nothing is out and nothing is to be sent. */
bool pusher_done(const struct pusher *pusher);
/* From now on each acknowledged request of a key is sent again, once. */
void pusher_repeat(struct pusher *pusher);
/* The records in a file of lines are those that were acknowledged, once, each request's in one
 * piece; and of what is not known the whole or nothing. */
void pusher_check(const struct pusher *pusher, struct world *world, const char *path,
                  const char *what);

#endif
