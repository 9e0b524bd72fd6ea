/* sender: sends an epoch's requests, lane by lane, until each of its records is delivered or
 * refused for good. On the loop's thread but for the making of bodies.
 *
 * A lane sends one request at a time and takes the next one when all records of it are settled, so
 * what is in one lane arrives in order. What a request comes to:
 *
 * - 2xx: its records are delivered.
 * - No answer, 408, 425, 429 or 5xx: the same bytes again under the same key, after a backoff with
 *   jitter, or when Retry-After says, if that is later.
 * - 413, refused: its first half and then its second half, as requests of their own; a single
 * record that is refused goes to .errors.
 * - 3xx, given up: the pipeline stops.
 *
 * Idempotency-Key is PREFIX/EPOCH/INDEX for the whole of a request and
 * PREFIX/EPOCH/INDEX.FIRST-LAST for a part of it, records counted from 0: a key always names the
 * same bytes, whatever way led to it. Where an epoch may become another one (`early` of sink_ctx) a
 * hash of the body follows for that. */
#ifndef TIDEMARK_SINKS_HTTP_SENDER_H
#define TIDEMARK_SINKS_HTTP_SENDER_H

#include "sinks/http/requests.h"

struct sender;

/* peer: of the url. All three outlive the sender. client: the connections of a sender before it,
 * which are this one's from now on, or NULL. */
struct sender *sender_new(const struct http_settings *settings, struct sink_ctx *ctx,
                          const char *peer, struct fetch_client *client);
/* The connections of one that has nothing out and will only be freed, when they are as these
 * settings want them; else NULL. */
struct fetch_client *sender_hand_over(struct sender *sender, const struct http_settings *settings);
/* Answers the batch when all lanes are done. One at a time. */
void sender_write(struct sender *sender, struct sink_batch *batch);
/* Figures since the start. */
void sender_metrics(const struct sender *sender, struct metrics *metrics);
/* What is out is cancelled, and its batch not answered. NULL is fine. */
void sender_free(struct sender *sender);

#endif
