/* json_extract: a block of lines in, columns of the wanted paths out. The only place that knows
 * how JSON is parsed (simdjson finds the tokens, json_scan.cc); a faster engine comes in behind
 * this same call.
 *
 * A line is broken, whatever engine runs, by rules on its own bytes and the plan alone (see
 * json_extract.c for the list). */
#ifndef TIDEMARK_RECORD_JSON_EXTRACT_H
#define TIDEMARK_RECORD_JSON_EXTRACT_H

#include "daemon/base/arena.h"
#include "daemon/record/schema.h"
#include "daemon/record/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_plan;

/* The plan of some paths. strict: every byte of a line must be valid JSON. */
struct json_plan *json_plan_new(const struct path *paths, size_t n_paths, bool strict);
void json_plan_free(struct json_plan *plan);

struct json_line_error {
  uint32_t line;
  const char *code; /* static */
  const char *text; /* static or in the arena */
};

/* lines[n]: slices of one block with LIMIT_PADDING_BYTES readable around it. columns[p][i]: the
 * value of path p in line i. Text without escapes points into the line (VALUE_CLEAN), else into the
 * arena. Returns how many lines are broken; their values are NULL and errors[] (room for n) says
 * why. The plan holds scratch: one thread at a time. */
size_t json_extract(struct json_plan *plan, const struct slice *lines, size_t n,
                    struct value *const *columns, struct arena *arena,
                    struct json_line_error *errors);

#ifdef __cplusplus
}
#endif

#endif
