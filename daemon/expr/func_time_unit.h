/* func_time_unit: the units of date_trunc and extract. Internal to func_time. */
#ifndef TIDEMARK_EXPR_FUNC_TIME_UNIT_H
#define TIDEMARK_EXPR_FUNC_TIME_UNIT_H

#include "daemon/base/slice.h"
#include "daemon/record/value.h"

#include <stdint.h>

enum unit { /* those of date_trunc first, by size */
            UNIT_MICROSECOND,
            UNIT_MILLISECOND,
            UNIT_SECOND,
            UNIT_MINUTE,
            UNIT_HOUR,
            UNIT_DAY,
            UNIT_WEEK,
            UNIT_MONTH,
            UNIT_QUARTER,
            UNIT_YEAR,
            UNIT_DECADE,
            UNIT_CENTURY,
            UNIT_MILLENNIUM,
            UNIT_DOW, /* Sunday 0 */
            UNIT_ISODOW,
            UNIT_DOY,
            UNIT_ISOYEAR,
            UNIT_EPOCH,
            UNIT_JULIAN,
};

int unit_find(struct slice name, enum unit *unit); /* in any case, one or many; -1: unknown */
const char *unit_nearest(struct slice name);       /* or NULL */

/* The start of the unit that a wall time lies in. -1: it is none to cut to. */
int unit_trunc(enum unit unit, int64_t us, int64_t *start_us);
/* Integers for what is whole, doubles for what has a fraction. */
void unit_extract(enum unit unit, int64_t us, struct value *result);
/* Days, and what is over days, as for a difference of timestamps in PostgreSQL. -1: unknown. */
int unit_extract_interval(enum unit unit, int64_t us, struct value *result);

#endif
