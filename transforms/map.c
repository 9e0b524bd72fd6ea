/* map: other fields for each record.
 *
 * `select` makes records of exactly these fields, in this order. Without it the record keeps its
 * fields: `rename` gives fields other names, `drop` leaves fields out, `set` adds or replaces some,
 * in this order. All names on the left of rename and in drop, and all expressions, mean the record
 * as it came in, so that fields may be swapped.
 *
 * A new field is a slot of the same rowset (a field's own when the expression is just a field), so
 * records are not copied: the output is another schema over the same rows. */
#include "daemon/base/nearest.h"
#include "transforms/columns.h"
#include "transforms/transforms.h"

#include <stddef.h>

struct map {
  const struct node *select;
  struct expr_list set;
  struct text_list drop;
  struct text_list rename; /* names: old, items: new */
  struct column *columns;  /* of select or set */
  size_t n_columns;
};

static const struct option map_options[] = {
    {.name = "select",
     .type = OPTION_NODE,
     .offset = offsetof(struct map, select),
     .text = "exactly these fields: a map from name to expression, or a list of expressions"},
    {.name = "set",
     .type = OPTION_EXPR_MAP,
     .offset = offsetof(struct map, set),
     .text = "fields to add or to replace; expressions see the record as it came in"},
    {.name = "drop",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct map, drop),
     .text = "fields to leave out"},
    {.name = "rename",
     .type = OPTION_TEXT_MAP,
     .offset = offsetof(struct map, rename),
     .text = "fields to give another name: old name to new name"},
    {0}};

static void map_check(const void *instance, const struct node *node, struct config_errors *errors) {
  const struct map *map = instance;
  bool others = map->set.n > 0 || map->drop.n > 0 || map->rename.n > 0;
  if (map->select != NULL && others)
    config_error_add(errors, map->select->place,
                     "select says all the fields there are; it cannot stand with set, drop or "
                     "rename");
  if (map->select == NULL && !others)
    config_error_add(errors, node->place, "map needs select, set, drop or rename");
}

/* ------------------------------------------------------------------ compiling */

static int columns_compile(struct map *map, struct compile *compile, const struct expr_list *list,
                           struct schema *in, struct schema *out) {
  int result = 0;
  map->columns = arena_zalloc(compile_arena(compile), list->n * sizeof *map->columns);
  map->n_columns = list->n;
  struct slice *names = arena_zalloc(compile_arena(compile), list->n * sizeof *names);
  for (size_t i = 0; i < list->n; i++) {
    const struct expr_text *item = &list->items[i];
    struct column *column = &map->columns[i];
    if (compile_expr(compile, item, in, EXPR_SCALAR, VALUE_ANY, &column->expr) != 0) {
      result = -1;
      continue;
    }
    names[i] = columns_name(item, column->expr);
    for (size_t k = 0; k < i; k++) {
      if (!slice_equal(names[k], names[i])) continue;
      compile_error(compile, item->node->place, "there are two fields named %.*s",
                    SLICE_ARG(names[i]));
      result = -1;
    }
    column_place(column, in);
    schema_set(out, names[i], column->slot);
  }
  return result;
}

static int select_compile(struct map *map, struct compile *compile, struct schema *in) {
  struct expr_list list;
  struct schema *out = schema_new(in->rowset, false);
  compile_output(compile, "", out);
  if (columns_read(compile, map->select, &list) != 0) return -1;
  if (list.n == 0) {
    compile_error(compile, map->select->place, "select names no field");
    return -1;
  }
  return columns_compile(map, compile, &list, in, out);
}

/* A field of the input by its name; all of an open one's may be there. */
static int field_find(struct compile *compile, struct schema *in, struct slice name,
                      struct place place, uint32_t *slot) {
  struct path_step step = {.name = name};
  struct path path = {.steps = &step, .n_steps = 1};
  enum value_type type;
  uint32_t n_used;
  if (schema_resolve(in, &path, slot, &type, &n_used) == 0) return 0;
  const char **candidates = arena_alloc(compile_arena(compile), in->n_fields * sizeof *candidates);
  for (size_t i = 0; i < in->n_fields; i++)
    candidates[i] =
        arena_dup(compile_arena(compile), in->fields[i].name.data, in->fields[i].name.len);
  const char *nearest = nearest_word(name, candidates, in->n_fields);
  compile_error(compile, place, "unknown field %.*s%s%s%s", SLICE_ARG(name),
                nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "?" : "");
  return -1;
}

static int64_t text_list_find(const char *const *list, size_t n, struct slice name) {
  for (size_t i = 0; i < n; i++) {
    if (slice_is(name, list[i])) return (int64_t)i;
  }
  return -1;
}

/* Whether rename and drop name fields that are there, and no two fields get one name. */
static int names_check(const struct map *map, struct compile *compile, struct schema *in,
                       uint32_t *rename_slots) {
  const struct text_list *rename = &map->rename, *drop = &map->drop;
  int result = 0;
  uint32_t slot;
  for (size_t i = 0; i < drop->n; i++) {
    if (in->open) break; /* dropping what a record may not have is fine */
    if (field_find(compile, in, slice_of(drop->items[i]), drop->nodes[i]->place, &slot) != 0)
      result = -1;
  }
  for (size_t i = 0; i < rename->n; i++) {
    struct place place = rename->nodes[i]->place;
    struct slice old = slice_of(rename->names[i]), new = slice_of(rename->items[i]);
    if (field_find(compile, in, old, place, &rename_slots[i]) != 0) result = -1;
    bool set = false;
    for (size_t k = 0; k < map->set.n; k++) set |= slice_equal(map->set.items[k].name, new);
    if (text_list_find(drop->items, drop->n, old) >= 0) {
      compile_error(compile, place, "the field %s is both renamed and dropped", old.data);
      result = -1;
    }
    if (set || text_list_find(rename->items, i, new) >= 0) {
      compile_error(compile, place, "there are two fields named %s", new.data);
      result = -1;
    }
  }
  return result;
}

/* A closed record's fields one by one, so that a renamed field stays where it was. */
static struct schema *closed_fields(const struct map *map, const struct schema *in) {
  const struct text_list *rename = &map->rename, *drop = &map->drop;
  struct schema *out = schema_new(in->rowset, false);
  for (size_t i = 0; i < in->n_fields; i++) {
    struct field field = in->fields[i];
    if (text_list_find(drop->items, drop->n, field.name) >= 0) continue;
    int64_t renamed = text_list_find(rename->names, rename->n, field.name);
    if (renamed >= 0) {
      schema_set(out, slice_of(rename->items[renamed]), field.slot);
    } else if (text_list_find(rename->items, rename->n, field.name) < 0) {
      schema_set(out, field.name, field.slot);
    } /* else it is replaced by the one that gets its name */
  }
  return out;
}

/* Names laid over the original text. */
static struct schema *open_fields(const struct map *map, const struct schema *in,
                                  const uint32_t *rename_slots) {
  struct schema *out = schema_copy(in);
  for (size_t i = 0; i < map->rename.n; i++) schema_drop(out, slice_of(map->rename.names[i]));
  for (size_t i = 0; i < map->drop.n; i++) schema_drop(out, slice_of(map->drop.items[i]));
  for (size_t i = 0; i < map->rename.n; i++)
    schema_set(out, slice_of(map->rename.items[i]), rename_slots[i]);
  /* The text is taken apart to be written again, so all of it must be valid. */
  in->rowset->whole = true;
  return out;
}

static int map_compile(void *instance, struct compile *compile) {
  struct map *map = instance;
  struct schema *in = compile_input(compile, 0);
  if (map->select != NULL) return select_compile(map, compile, in);

  uint32_t *rename_slots =
      arena_zalloc(compile_arena(compile), map->rename.n * sizeof *rename_slots);
  int result = names_check(map, compile, in, rename_slots);
  struct schema *out = in->open ? open_fields(map, in, rename_slots) : closed_fields(map, in);
  compile_output(compile, "", out);
  if (columns_compile(map, compile, &map->set, in, out) != 0) result = -1;
  return result;
}

/* ------------------------------------------------------------------ running */

static void map_apply(const void *instance, struct apply *apply) {
  const struct map *map = instance;
  for (size_t i = 0; i < map->n_columns; i++)
    column_eval(&map->columns[i], &apply->run, &apply->in, &apply->errors);
  row_errors_sort(&apply->errors);
  apply->out[0] = view_without(apply->in, &apply->errors);
}

const struct transform_plugin transform_map = {
    .type = {.name = "map",
             .text = "computes, adds, drops and renames fields",
             .options = map_options,
             .instance_bytes = sizeof(struct map),
             .min_inputs = 1,
             .max_inputs = UINT32_MAX,
             .check = map_check},
    .compile = map_compile,
    .apply = map_apply,
};
