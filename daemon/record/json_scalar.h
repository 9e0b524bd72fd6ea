/* json_scalar: single JSON values that lie in memory: numbers, literals, strings. What json_extract
 * and json_text share. */
#ifndef TIDEMARK_RECORD_JSON_SCALAR_H
#define TIDEMARK_RECORD_JSON_SCALAR_H

#include "daemon/base/arena.h"
#include "daemon/base/slice.h"
#include "daemon/record/number.h"
#include "daemon/record/value.h"

#include <stdbool.h>

/* All of the text as a JSON number (RFC 8259): VALUE_INT when it has neither fraction nor exponent
 * and fits ("-0" is 0), VALUE_NUMBER pointing into the text when it does not fit, else
 * VALUE_DOUBLE.
 */
enum number_result json_number(struct slice text, struct value *value);

/* All of the text as true, false, null or a number. */
enum number_result json_bare(struct slice text, struct value *value);

/* What is between a string's quotes, valid UTF-8 without control characters, as a value: without
 * escapes it points into the text and is VALUE_CLEAN, else the escapes are resolved into the arena.
 * -1: not an escape of JSON, or half a surrogate pair, which is no character. */
int json_string(struct slice inside, struct arena *arena, struct value *value);

/* Only whether the escapes are of the grammar (there, half a pair is allowed). */
bool json_string_valid(struct slice inside);

/* How many bytes from `at` on stand in a JSON string as they are: not '"', '\\', below 0x20. */
size_t json_clean_run(struct slice text, size_t at);

/* Valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool json_utf8_valid(struct slice text);

#endif
