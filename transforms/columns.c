/* columns: see columns.h. */
#include "transforms/columns.h"

static int item_read(struct compile *compile, const struct node *node, struct expr_text *item) {
  *item = (struct expr_text){.text = node->text, .node = node};
  if (node->kind == NODE_SCALAR && !node_is_null(node)) return 0;
  compile_error(compile, node->place, "expected an expression");
  return -1;
}

int columns_read(struct compile *compile, const struct node *node, struct expr_list *list) {
  *list = (struct expr_list){0};
  if (node == NULL) return 0;
  size_t n = node->kind == NODE_SCALAR ? 1 : node->n_items;
  int result = 0;
  list->items = arena_zalloc(compile_arena(compile), n * sizeof *list->items);
  list->n = n;
  if (node->kind == NODE_SCALAR) return item_read(compile, node, &list->items[0]);
  for (size_t i = 0; i < n; i++) {
    if (item_read(compile, node->items[i], &list->items[i]) != 0) result = -1;
    if (node->kind != NODE_MAP) continue;
    list->items[i].name = node->keys[i]->text;
    list->items[i].name_place = node->keys[i]->place;
  }
  return result;
}

struct slice columns_name(const struct expr_text *item, const struct expr *expr) {
  if (item->name.data != NULL) return item->name;
  struct slice name = expr_default_name(expr);
  return name.len > 0 ? name : item->text;
}

void column_place(struct column *column, struct schema *schema) {
  int64_t slot = expr_slot(column->expr);
  column->computed = slot < 0;
  column->slot =
      column->computed ? rowset_add_slot(schema->rowset, expr_type(column->expr)) : (uint32_t)slot;
}

void column_eval(const struct column *column, const struct expr_run *run, const struct view *view,
                 struct row_errors *errors) {
  if (!column->computed) return;
  expr_eval(column->expr, run, view, batch_column(view->batch, column->slot), errors);
}
