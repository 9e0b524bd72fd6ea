/* frame: a record on its way from the worker that encoded it to the producer: what Kafka is to be
 * given, and, once it is given, where its fate belongs. Frames stand one behind the other in a
 * part's bytes, each at a multiple of 8. */
#ifndef TIDEMARK_SINKS_KAFKA_FRAME_H
#define TIDEMARK_SINKS_KAFKA_FRAME_H

#include "daemon/flow/plugin.h"

enum { FRAME_HEADERS_MAX = 64 };
#define FRAME_NULL UINT32_MAX /* as a length: there is none */

struct frame {
  uint64_t epoch;  /* set when it is given to the producer, as is number */
  uint32_t number; /* of the record in its epoch, from 0 */
  uint32_t bytes;  /* up to the next frame */
  int64_t time_us;
  int32_t partition; /* -1: by the key */
  uint32_t key_len, value_len, n_headers;
  /* The key, the value, and for each header two lengths, its name and its value. */
};

/* What records become; expressions are NULL where the option is not set. */
struct frame_plan {
  struct expr *key, *timestamp, *partition, *tombstone;
  struct expr *headers[FRAME_HEADERS_MAX];
  struct slice header_names[FRAME_HEADERS_MAX];
  size_t n_headers;
};

void frame_put_view(const struct frame_plan *plan, const struct codec *codec,
                    const struct expr_run *run, const struct schema *schema,
                    const struct view *view, struct sink_part *part);

/* The next frame of a batch, NULL behind the last. Zeroed, the cursor is before the first. */
struct frame_cursor {
  size_t part, offset;
};
struct frame *frame_next(const struct sink_batch *batch, struct frame_cursor *cursor);

/* What a frame says; token is the frame. headers: room for FRAME_HEADERS_MAX. */
struct kafka_record frame_record(struct frame *frame, const char *topic,
                                 struct kafka_header *headers);

#endif
