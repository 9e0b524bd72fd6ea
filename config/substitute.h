/* substitute: ${NAME}, ${NAME:-default} and ${file:/path} inside a scalar; $${ stands for ${.
 * A default and a path may hold further ones. As in a shell, the default is taken when the variable
 * is not set or empty. One newline at a file's end is not part of the value. */
#ifndef TIDEMARK_CONFIG_SUBSTITUTE_H
#define TIDEMARK_CONFIG_SUBSTITUTE_H

#include "config/node.h"

/* Changes text, secret, substituted and exact of a scalar that the parser has just read. -1 after
 * adding errors; the text is then empty. */
int substitute(struct arena *arena, struct node *node, const struct config_source *source,
               struct config_errors *errors);
/* Keys are not substituted; only $${ is understood. */
int substitute_key(struct arena *arena, struct node *key, struct config_errors *errors);

#endif
