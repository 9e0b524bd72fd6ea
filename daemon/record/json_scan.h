/* json_scan: where the tokens of JSON text begin. The only place that knows simdjson, whose first
 * stage does it with the widest instructions of the machine; json_scan_portable() is what it does,
 * written out, for machines without them and for the test that compares the two.
 *
 * A token begins at each of {}[]:, and at each opening quote and each first byte of anything else
 * that is not a blank, outside of strings. A quote opens or closes a string unless an odd number of
 * '\' stands before it, in strings or not. A quote behind a byte of a bare token opens a string but
 * begins no token (1"a" is one token). */
#ifndef TIDEMARK_RECORD_JSON_SCAN_H
#define TIDEMARK_RECORD_JSON_SCAN_H

#include "daemon/base/slice.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_scanner;

struct json_scanner *json_scanner_new(void);
void json_scanner_free(struct json_scanner *scan); /* NULL is fine */

/* The offsets of the tokens, ascending; valid until the next call. -1: the text is not UTF-8, or a
 * string is not closed or holds a control character, or it is 4 GiB and more. The text may hold
 * several lines of JSON. Whether 0x0c and 0x1a outside of strings are tokens is not defined. */
int json_scan(struct json_scanner *scan, struct slice text, const uint32_t **tokens,
              size_t *n_tokens);

/* The same; `tokens` has room for text.len. */
int json_scan_portable(struct slice text, uint32_t *tokens, size_t *n_tokens);

#ifdef __cplusplus
}
#endif

#endif
