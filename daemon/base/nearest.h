/* nearest: the known word that somebody probably meant. */
#ifndef TIDEMARK_BASE_NEAREST_H
#define TIDEMARK_BASE_NEAREST_H

#include "daemon/base/slice.h"

/* How many characters must be put in, taken out, changed or swapped with their neighbour to make b
 * of a (optimal string alignment), without regard to case; SIZE_MAX for words too long to be
 * mistyped. */
size_t nearest_distance(struct slice a, struct slice b);

/* The known word nearest to a wrong one, at most a third of its length away (at least one), or
 * NULL. */
const char *nearest_word(struct slice wrong, const char *const *known, size_t n_known);
/* The same for a list that ends with NULL. */
const char *nearest_of(struct slice wrong, const char *const *known);

#endif
