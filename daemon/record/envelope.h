/* envelope: what a transport says of a record beside its bytes: its key, headers, time and place.
 *
 * A source that has them (a Kafka topic) gives a chunk of its input (take_commit() with
 * TAKE_ENVELOPED) made here: the values, each with a '\n' behind it, and behind them all their
 * envelopes. The same records give the same bytes, so a chunk can be read again and compared.
 *
 *     value '\n' value '\n' ... | envelope envelope ... topic | tail
 *
 * Records see it as fields that come before those of the value (envelope_field()): `_key`,
 * `_headers`, `_headers.x`, `_topic`, `_partition`, `_offset`, `_timestamp`, `_tombstone`. They are
 * not part of the record: it goes out as it came unless they are named. */
#ifndef TIDEMARK_RECORD_ENVELOPE_H
#define TIDEMARK_RECORD_ENVELOPE_H

#include "daemon/record/batch.h"

#define ENVELOPE_NO_TIME INT64_MIN

struct envelope_header {
  struct slice name, value; /* value.data NULL: null */
};

struct envelope {
  uint64_t position;       /* ascending in a chunk, maybe with gaps */
  int64_t time_us;         /* ENVELOPE_NO_TIME: none */
  struct slice key, value; /* data NULL: null; a null value is a tombstone */
  const struct envelope_header *headers;
  size_t n_headers;
};

/* All of one chunk's records come from here. */
struct envelope_origin {
  struct slice topic;
  int32_t partition;
};

/* A chunk's size, and the chunk, written to exactly so many bytes. Below 4 GiB in all. */
size_t envelope_chunk_bytes(const struct envelope_origin *origin, const struct envelope *list,
                            size_t n);
void envelope_chunk_put(char *out, const struct envelope_origin *origin,
                        const struct envelope *list, size_t n);
/* How many records it has. -1: these bytes are no chunk; all of them are looked at. */
int envelope_chunk_count(struct slice chunk, uint32_t *n);

/* A batch of the chunk's records, for codec->decode_rows(): raw (data NULL for a tombstone),
 * positions and envelopes are set. The chunk is one, and outlives the batch. */
struct batch *envelope_batch(const struct rowset *rowset, struct slice chunk);
/* Fills the slots of envelopes' fields in a batch made by envelope_batch(). */
void envelope_fill(struct batch *batch);

/* A timestamp; null when there is none, or not one of the years 1 to 9999. */
struct value envelope_time(const struct envelope *envelope);

enum envelope_field {
  ENVELOPE_KEY,     /* text; bytes that are not UTF-8 in base64 */
  ENVELOPE_HEADERS, /* JSON object of texts and nulls; of one name the last counts */
  ENVELOPE_HEADER,  /* text, as of the key */
  ENVELOPE_TOPIC,
  ENVELOPE_PARTITION,
  ENVELOPE_OFFSET,
  ENVELOPE_TIMESTAMP,
  ENVELOPE_TOMBSTONE, /* bool */
};
/* Whether a path names such a field, and its static type. */
bool envelope_field(const struct path *path, enum envelope_field *field, enum value_type *type);

#endif
