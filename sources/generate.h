/* generate: made-up records, for trying out and for measuring. Record number i is a function of the
 * options and i alone, so any of them can be made again at any time. Used by the source `generate`
 * and by `tidemark generate`. */
#ifndef TIDEMARK_SOURCES_GENERATE_H
#define TIDEMARK_SOURCES_GENERATE_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <stdint.h>

enum generate_preset { GENERATE_TEMPLATE, GENERATE_BILLING };

struct generate_options {
  int preset;           /* enum generate_preset */
  const char *template; /* GENERATE_TEMPLATE: JSON text with {{placeholders}}, see below */
  uint64_t seed;
  int64_t start_us;    /* event time of record 0 */
  int64_t interval_us; /* event time between a record and the next */
};

struct generator;

/* NULL: err says what is wrong with the template, and at which byte. The options are copied. */
struct generator *generator_new(const struct generate_options *options, struct err *err);
void generator_free(struct generator *generator); /* NULL is fine */
/* Appends record number `index` and a '\n'. Any thread. */
void generator_put(const struct generator *generator, uint64_t index, struct buf *out);

/* Gives records [from, to) to put() in pieces of whole lines of about 64 KiB. -1 as soon as put()
 * does. */
int generate_write(const struct generate_options *options, uint64_t from, uint64_t to,
                   int (*put)(void *arg, struct slice lines, struct err *err), void *arg,
                   struct err *err);

/* The placeholders, for the reference; ends with NULLs. */
struct generate_function {
  const char *name, *usage, *text;
};
extern const struct generate_function generate_functions[];

#endif
