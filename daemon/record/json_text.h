/* json_text: looking into JSON text that lies in memory (nested values, records to be rewritten).
 * A small scanner in C; it never reads outside the text and reports what is not JSON. */
#ifndef TIDEMARK_RECORD_JSON_TEXT_H
#define TIDEMARK_RECORD_JSON_TEXT_H

#include "daemon/base/arena.h"
#include "daemon/base/slice.h"
#include "daemon/record/schema.h"
#include "daemon/record/value.h"

/* The value of a JSON text (blanks around it are fine). Escapes are resolved into the arena. -1:
 * not JSON (nested arrays and objects are only checked as far as their brackets and strings go). */
int json_text_value(struct slice text, struct arena *arena, struct value *value);

/* Follows steps into a JSON text: 0 and *value, VALUE_NULL when there is nothing there. */
int json_text_get(struct slice text, const struct path_step *steps, size_t n_steps,
                  struct arena *arena, struct value *value);

/* One after the other the members of an object or elements of an array. Start with *at = 0. Returns
 * 1 with *name (raw, between its quotes, escapes not resolved; empty for arrays) and *member (the
 * raw text of the value); 0 at the end; -1 not JSON. */
int json_text_next(struct slice text, size_t *at, struct slice *name, struct slice *member);

/* The whole text is exactly one valid JSON value (RFC 8259, UTF-8, depth up to LIMIT_JSON_DEPTH).
 */
bool json_text_valid(struct slice text);

#endif
