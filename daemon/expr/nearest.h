/* nearest: the known word that was probably meant. */
#ifndef TIDEMARK_EXPR_NEAREST_H
#define TIDEMARK_EXPR_NEAREST_H

#include "daemon/base/slice.h"

/* How many characters must be put in, taken out, changed or swapped with their neighbour to make
 * b of a, without regard to case; SIZE_MAX when it is clearly too many. */
size_t nearest_distance(struct slice a, struct slice b);
/* A known word up to a third of the wrong one's length away (at least one), or NULL. The list ends
 * with NULL. */
const char *nearest_of(struct slice wrong, const char *const *known);
extern const char *const nearest_keywords[];

#endif
