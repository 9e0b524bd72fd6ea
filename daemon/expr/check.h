/* check: a parsed tree becomes one that can be computed: names are resolved, types found where they
 * are known and compared with what is wanted, text literals made timestamps where one is needed,
 * functions prepared, constants computed. */
#ifndef TIDEMARK_EXPR_CHECK_H
#define TIDEMARK_EXPR_CHECK_H

#include "daemon/expr/node.h"

int check_node(struct compile *compile, struct node *node);
/* A call: check_call.c. Its arguments are checked. */
int check_call(struct compile *compile, struct node *node);
/* A text literal becomes a value of that type if it is TIMESTAMP or INTERVAL. */
int check_literal(struct compile *compile, struct node *node, enum value_type type);

#endif
