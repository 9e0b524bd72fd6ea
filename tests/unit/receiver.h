/* receiver: the other side of sinks `http` in a simulated world. It outlives the engine.
 *
 * It counts requests of one key once, holds them to be the same bytes whenever they come, and
 * refuses for good each request with a record that it is told to refuse: of a batch that is split,
 * the records that are left over are refused alone. */
#ifndef TIDEMARK_TESTS_RECEIVER_H
#define TIDEMARK_TESTS_RECEIVER_H

#include "engine_world.h"

#define RECEIVER_IDS_FROM 100000 /* of the records: {"id":100000,... */
#define RECEIVER_RECORDS 64

struct received {
  char *key, *url;
  struct buf body;
  bool taken, refused;
};

struct receiver {
  struct random random;
  /* Whether a record is refused that came to this url. */
  bool (*refuses)(const char *url, int id);
  /* Whether it says nothing at all to this url. May be NULL. */
  bool (*silent)(const char *url);
  uint32_t trouble; /* of 100 requests so many fail in another way, to be tried again */
  struct received *list;
  size_t n, cap;
  uint64_t asked, again; /* requests, and those whose key was known */
};

void receiver_fini(struct receiver *receiver);
void receiver_serve(struct receiver *receiver, struct io *io); /* in each life, at its begin */
/* Adds, per record, how many requests with it were taken at a url. */
void receiver_taken(const struct receiver *receiver, const char *url, int count[RECEIVER_RECORDS]);
/* Adds how often each record stands in the text, however often its line was wrapped in another. */
void receiver_count(struct slice text, int count[RECEIVER_RECORDS]);

#endif
