/* keys: see keys.h. */
#include "transforms/keys.h"

#include "daemon/base/hash.h"

int keys_compile(struct keys *keys, struct compile *compile, const struct expr_list *list,
                 struct schema *schema) {
  int result = 0;
  keys->columns = arena_zalloc(compile_arena(compile), list->n * sizeof *keys->columns);
  keys->n = list->n;
  for (size_t i = 0; i < list->n; i++) {
    struct column *column = &keys->columns[i];
    if (compile_expr(compile, &list->items[i], schema, EXPR_SCALAR, VALUE_ANY, &column->expr) !=
        0) {
      result = -1;
      continue;
    }
    column_place(column, schema);
  }
  keys->slot = rowset_add_slot(schema->rowset, VALUE_TEXT);
  return result;
}

void keys_prepare(const struct keys *keys, const struct expr_run *run, struct keyed_view *view,
                  size_t room) {
  struct batch *batch = view->view.batch;
  struct value *out = batch_column(batch, keys->slot);
  for (size_t i = 0; i < keys->n; i++)
    column_eval(&keys->columns[i], run, &view->view, &view->errors);

  struct buf bytes = {0};
  for (uint32_t i = 0; i < view->view.n; i++) {
    uint32_t row = view_row(&view->view, i);
    buf_reserve(&bytes, room);
    bytes.len += room;
    size_t start = bytes.len;
    for (size_t k = 0; k < keys->n; k++)
      value_put_key(&bytes, &batch->slots[keys->columns[k].slot][row]);
    out[row] = value_text(NULL, bytes.len - start);
  }
  /* Now that they do not move any more, the bytes get their place. */
  char *to = arena_alloc(&batch->arena, bytes.len);
  if (bytes.len > 0) memcpy(to, bytes.data, bytes.len);
  buf_fini(&bytes);
  for (uint32_t i = 0; i < view->view.n; i++) {
    uint32_t row = view_row(&view->view, i);
    to += room;
    out[row].data = to;
    view->hashes[row] = hash_bytes(to, out[row].len);
    to += out[row].len;
  }
}
