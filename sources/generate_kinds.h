/* generate_kinds: what the files of generate share among themselves. Everybody else uses
 * generate.h. */
#ifndef TIDEMARK_SOURCES_GENERATE_KINDS_H
#define TIDEMARK_SOURCES_GENERATE_KINDS_H

#include "daemon/io/random.h"
#include "sources/generate.h"

/* The randomness of record `index`: a stream of its own. */
void generate_random(struct random *random, uint64_t seed, uint64_t index);
/* 0 <= result < n, small numbers more often than large ones: the smaller of two even draws, so
 * that the lower half gets three quarters. */
uint64_t generate_skewed(struct random *random, uint64_t n);
/* Event time of a record's place; stays within the years that have names. */
int64_t generate_time(const struct generate_options *options, uint64_t index);
void generate_uuid(struct random *random, struct buf *out);

struct generate_template;
struct generate_template *generate_template_new(const char *text, struct err *err);
void generate_template_free(struct generate_template *template); /* NULL is fine */
void generate_template_put(const struct generate_template *template,
                           const struct generate_options *options, uint64_t index, struct buf *out);

void generate_billing_put(const struct generate_options *options, uint64_t index, struct buf *out);

#endif
