/* value: a scalar's text as a number, a size, a duration, a bool; ranges as text. Sizes are in
 * option.h. */
#ifndef TIDEMARK_CONFIG_VALUE_H
#define TIDEMARK_CONFIG_VALUE_H

#include "config/option.h"

/* Decimal digits with an optional sign ("010" is ten). -1: not a number; 1: beyond 64 bits. */
int value_parse_int(struct slice text, int64_t *value);
/* Decimal, with fraction and exponent; finite. -1: not a number. */
int value_parse_double(struct slice text, double *value);
/* true, yes, on, false, no, off; all small, all large or capitalised. */
int value_parse_bool(struct slice text, bool *value);
int value_parse_duration(struct slice text, int64_t *us);
void value_put_duration(struct buf *out, int64_t us);
/* "1 to 64", "1ms or more"; nothing when there are no bounds. */
void value_put_range(struct buf *out, const struct option *option);
/* As much of a text as an error shows. */
struct slice value_shown(struct slice text);

#endif
