/* records: a body as records, one line each, checked before anybody is told that they are taken.
 *
 * Of JSON, intake is strict whatever `json.strict` says: what passes here passes the decoder, whose
 * own check this is (json_extract.h), so an accepted record is never refused as broken later. */
#ifndef TIDEMARK_SOURCES_HTTP_RECORDS_H
#define TIDEMARK_SOURCES_HTTP_RECORDS_H

#include "daemon/base/buf.h"
#include "daemon/record/json_extract.h"

enum records_form {
  RECORDS_LINES, /* each line that is not blank */
  RECORDS_JSON,  /* one value over any lines: an object, or an array of them */
};

enum { RECORDS_PROBLEMS_MAX = 10 };

struct records_problem {
  uint32_t line; /* of the body, from 1: where the record begins, or what is wrong */
  const char *code;
  char text[160];
};

struct records {
  struct buf bytes; /* one line each, all with '\n'; LIMIT_PADDING_BYTES in front */
  uint64_t n;
  uint64_t n_bad;
  struct records_problem problems[RECORDS_PROBLEMS_MAX]; /* the first of them */
};

struct records_rules {
  bool json;
  bool keep_bad;          /* records that are bad by themselves are kept; else n_bad ends it */
  uint64_t line_max;      /* bytes of a record */
  struct json_plan *plan; /* of no path, strict; one thread at a time */
};

/* body: with LIMIT_PADDING_BYTES readable on both sides. True: records->bytes holds what is to be
 * taken. False: nothing is, and problems[0] says why. */
bool records_read(struct records *records, struct slice body, enum records_form form,
                  const struct records_rules *rules);
struct slice records_bytes(const struct records *records);
void records_fini(struct records *records);

#endif
