/* keys: the key of each row as bytes, for keyed transforms.
 *
 * prepare() calls keys_prepare(), which evaluates the key's columns, joins their key encodings
 * (value_put_key) and sets the row's hash, so that a shard finds everything ready. The bytes lie in
 * the batch's arena; a slot of the rowset, which nobody else knows, has them as VALUE_TEXT. */
#ifndef TIDEMARK_TRANSFORMS_KEYS_H
#define TIDEMARK_TRANSFORMS_KEYS_H

#include "transforms/columns.h"

struct keys {
  struct column *columns;
  size_t n;
  uint32_t slot;
};

/* Compiles the expressions and adds the slot. -1 after adding errors. */
int keys_compile(struct keys *keys, struct compile *compile, const struct expr_list *list,
                 struct schema *schema);
/* Sets the slot and view->hashes for all rows of the view. `room` bytes before each key may be
 * written by whoever has the row. */
void keys_prepare(const struct keys *keys, const struct expr_run *run, struct keyed_view *view,
                  size_t room);

#endif
