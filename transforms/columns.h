/* columns: expressions that become the columns of a record, as map's select and window's group_by
 * have them: a list, whose columns are named after their expressions (`user.id` -> id, else the
 * expression's text), or a map from name to expression. */
#ifndef TIDEMARK_TRANSFORMS_COLUMNS_H
#define TIDEMARK_TRANSFORMS_COLUMNS_H

#include "daemon/flow/plugin.h"

/* Reads the node of an option (NULL: none) into a list in the arena of the configuration. Items of
 * a list have no name yet. -1 after adding an error. */
int columns_read(struct compile *compile, const struct node *node, struct expr_list *list);
/* What the column of a compiled item is called. */
struct slice columns_name(const struct expr_text *item, const struct expr *expr);

/* A column that is evaluated per batch, unless it is just a field: then its slot is the field's. */
struct column {
  struct expr *expr; /* the engine frees it */
  uint32_t slot;
  bool computed;
};
/* Gives the compiled expression its slot. */
void column_place(struct column *column, struct schema *schema);
/* Fills the slot for the rows of the view. */
void column_eval(const struct column *column, const struct expr_run *run, const struct view *view,
                 struct row_errors *errors);

#endif
