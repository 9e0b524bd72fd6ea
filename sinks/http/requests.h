/* requests: where an epoch's records are cut into requests. A pure function of the epoch's bytes
 * and the settings: a replay after a crash gives the same requests with the same numbers, whatever
 * workers encoded the records and however they shared them out. */
#ifndef TIDEMARK_SINKS_HTTP_REQUESTS_H
#define TIDEMARK_SINKS_HTTP_REQUESTS_H

#include "daemon/flow/plugin.h"
#include "sinks/http/settings.h"

/* What encode() gives is one piece for each record, with the record's lane as its route. */
struct slice requests_lane_route(uint32_t lane);

struct request {
  uint32_t first, n; /* of records */
};

/* Requests are numbered lane by lane, in order within. */
struct requests {
  struct slice *records; /* without line ends, in the batch's bytes; lane by lane */
  uint32_t *numbers;     /* [n_records] the record's place in the epoch */
  uint32_t n_records;
  struct request *list;
  size_t n, cap;
  uint32_t lane_start[HTTP_LANES_MAX + 1]; /* into list */
};

/* The batch outlives what is made of it. */
void requests_cut(struct requests *requests, const struct http_settings *settings,
                  const struct sink_batch *batch);
void requests_fini(struct requests *requests); /* also of a zeroed one */

#endif
