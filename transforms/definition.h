/* definition: what a transform's state means, as lines "what: text" (state_definition() in
 * plugin.h), and how two of them differ. */
#ifndef TIDEMARK_TRANSFORMS_DEFINITION_H
#define TIDEMARK_TRANSFORMS_DEFINITION_H

#include "daemon/flow/plugin.h"

/* Line ends in the text become spaces. */
void definition_put(struct buf *out, const char *what, struct slice text);
void definition_put_exprs(struct buf *out, const char *what, const struct expr_list *list);
/* Takes the next line from *rest. False: there is none. */
bool definition_next(struct slice *rest, struct slice *what, struct slice *text);
/* 0: all lines are the same but those of `except` (may be NULL). -1: err says what has changed. */
int definition_same(struct slice old, struct slice new, const char *except, struct err *err);

#endif
