/* schema: see schema.h. Everything lies in the arena of the configuration; lists that grow leave
 * their old memory there, which is little and only while a configuration is compiled. */
#include "daemon/record/schema.h"

#include "daemon/base/limits.h"
#include "daemon/record/envelope.h"

#include <ctype.h>
#include <inttypes.h>

/* Room for one more element of a list in the arena. */
static void *list_grow(struct arena *arena, void *list, size_t *cap, size_t n, size_t item_bytes) {
  if (n < *cap) return list;
  size_t more = *cap == 0 ? 8 : *cap * 2;
  void *grown = arena_alloc(arena, more * item_bytes);
  if (n > 0) memcpy(grown, list, n * item_bytes);
  *cap = more;
  return grown;
}

bool path_equal(const struct path *a, const struct path *b) {
  if (a->n_steps != b->n_steps) return false;
  for (uint32_t i = 0; i < a->n_steps; i++) {
    const struct path_step *x = &a->steps[i], *y = &b->steps[i];
    if (x->is_index != y->is_index) return false;
    if (x->is_index ? x->index != y->index : !slice_equal(x->name, y->name)) return false;
  }
  return true;
}

static bool is_plain_name(struct slice name) {
  if (name.len == 0 || isdigit((unsigned char)name.data[0])) return false;
  for (size_t i = 0; i < name.len; i++) {
    unsigned char c = (unsigned char)name.data[i];
    if (c < 0x80 && !isalnum(c) && c != '_') return false;
  }
  return true;
}

void path_put(struct buf *buf, const struct path *path) {
  for (uint32_t i = 0; i < path->n_steps; i++) {
    const struct path_step *step = &path->steps[i];
    if (step->is_index) {
      buf_printf(buf, "[%" PRId64 "]", step->index);
      continue;
    }
    if (i > 0) buf_put_char(buf, '.');
    if (is_plain_name(step->name)) {
      buf_put_slice(buf, step->name);
      continue;
    }
    buf_put_char(buf, '"');
    for (size_t k = 0; k < step->name.len; k++) {
      if (step->name.data[k] == '"') buf_put_char(buf, '"');
      buf_put_char(buf, step->name.data[k]);
    }
    buf_put_char(buf, '"');
  }
}

struct rowset *rowset_new(struct arena *arena, bool open) {
  struct rowset *rowset = arena_zalloc(arena, sizeof *rowset);
  rowset->arena = arena;
  rowset->open = open;
  return rowset;
}

static uint32_t add_slot(struct rowset *rowset, struct slot slot) {
  rowset->slots = list_grow(rowset->arena, rowset->slots, &rowset->cap_slots, rowset->n_slots,
                            sizeof *rowset->slots);
  rowset->slots[rowset->n_slots] = slot;
  return (uint32_t)rowset->n_slots++;
}

uint32_t rowset_add_slot(struct rowset *rowset, enum value_type type) {
  return add_slot(rowset, (struct slot){.kind = SLOT_COMPUTED, .type = type});
}

static struct path path_copy(struct arena *arena, const struct path *path) {
  struct path copy = {arena_alloc(arena, path->n_steps * sizeof *copy.steps), path->n_steps};
  for (uint32_t i = 0; i < path->n_steps; i++) {
    copy.steps[i] = path->steps[i];
    if (!copy.steps[i].is_index) copy.steps[i].name = arena_slice(arena, path->steps[i].name);
  }
  return copy;
}

int rowset_resolve(struct rowset *rowset, const struct path *path, uint32_t *slot,
                   enum value_type *type) {
  for (uint32_t i = 0; i < rowset->n_slots; i++) {
    const struct slot *known = &rowset->slots[i];
    if (known->kind == SLOT_COMPUTED || !path_equal(&known->path, path)) continue;
    *slot = i;
    *type = known->type;
    return 0;
  }
  if (!rowset->open) return -1;
  enum envelope_field field;
  if (rowset->enveloped && envelope_field(path, &field, type)) {
    *slot = add_slot(rowset, (struct slot){.kind = SLOT_ENVELOPE,
                                           .path = path_copy(rowset->arena, path),
                                           .type = *type});
    return 0;
  }
  if (rowset->resolve == NULL) {
    *slot = add_slot(rowset, (struct slot){.kind = SLOT_DECODED,
                                           .path = path_copy(rowset->arena, path),
                                           .type = VALUE_ANY});
    *type = VALUE_ANY;
    return 0;
  }
  if (rowset->resolve(rowset->resolve_arg, path, slot, type) != 0) return -1;
  /* From now on this is the slot of that path. */
  rowset->slots[*slot].kind = SLOT_DECODED;
  rowset->slots[*slot].path = path_copy(rowset->arena, path);
  rowset->slots[*slot].type = *type;
  return 0;
}

struct schema *schema_new(struct rowset *rowset, bool open) {
  struct schema *schema = arena_zalloc(rowset->arena, sizeof *schema);
  schema->rowset = rowset;
  schema->open = open;
  return schema;
}

struct schema *schema_copy(const struct schema *schema) {
  struct arena *arena = schema->rowset->arena;
  struct schema *copy = schema_new(schema->rowset, schema->open);
  *copy = *schema;
  copy->cap_fields = schema->n_fields;
  copy->fields = arena_alloc(arena, schema->n_fields * sizeof *copy->fields);
  copy->cap_dropped = schema->n_dropped;
  copy->dropped = arena_alloc(arena, schema->n_dropped * sizeof *copy->dropped);
  if (schema->n_fields > 0)
    memcpy(copy->fields, schema->fields, schema->n_fields * sizeof *copy->fields);
  if (schema->n_dropped > 0)
    memcpy(copy->dropped, schema->dropped, schema->n_dropped * sizeof *copy->dropped);
  return copy;
}

static size_t find_dropped(const struct schema *schema, struct slice name) {
  size_t i = 0;
  while (i < schema->n_dropped && !slice_equal(schema->dropped[i], name)) i++;
  return i;
}

const struct field *schema_find(const struct schema *schema, struct slice name) {
  for (size_t i = 0; i < schema->n_fields; i++) {
    if (slice_equal(schema->fields[i].name, name)) return &schema->fields[i];
  }
  return NULL;
}

static struct field *field_set(struct schema *schema, struct slice name, uint32_t slot) {
  struct arena *arena = schema->rowset->arena;
  size_t dropped = find_dropped(schema, name);
  if (dropped < schema->n_dropped) {
    schema->n_dropped--;
    memmove(&schema->dropped[dropped], &schema->dropped[dropped + 1],
            (schema->n_dropped - dropped) * sizeof *schema->dropped);
  }
  struct field *field = (struct field *)schema_find(schema, name);
  if (field == NULL) {
    schema->fields =
        list_grow(arena, schema->fields, &schema->cap_fields, schema->n_fields, sizeof *field);
    field = &schema->fields[schema->n_fields++];
    field->name = arena_slice(arena, name);
  }
  field->slot = slot;
  field->appended = false;
  return field;
}

void schema_set(struct schema *schema, struct slice name, uint32_t slot) {
  if (schema->open) schema->rowset->whole = true;
  field_set(schema, name, slot);
}

void schema_append(struct schema *schema, struct slice name, uint32_t slot) {
  field_set(schema, name, slot)->appended = schema->open;
}

void schema_drop(struct schema *schema, struct slice name) {
  struct arena *arena = schema->rowset->arena;
  if (schema->open) schema->rowset->whole = true;
  struct field *field = (struct field *)schema_find(schema, name);
  if (field != NULL) {
    schema->n_fields--;
    memmove(field, field + 1, (size_t)(schema->fields + schema->n_fields - field) * sizeof *field);
  }
  if (!schema->open || find_dropped(schema, name) < schema->n_dropped) return;
  schema->dropped = list_grow(arena, schema->dropped, &schema->cap_dropped, schema->n_dropped,
                              sizeof *schema->dropped);
  schema->dropped[schema->n_dropped++] = arena_slice(arena, name);
}

bool schema_untouched(const struct schema *schema) {
  return schema->open && schema->n_fields == 0 && schema->n_dropped == 0;
}

/* `rest` looked up inside a decoded field: a path of the original record again. */
static int resolve_inside(struct schema *schema, const struct path *field, const struct path *path,
                          uint32_t *slot, enum value_type *type) {
  struct path_step steps[LIMIT_PATH_STEPS];
  struct path whole = {steps, field->n_steps + path->n_steps - 1};
  if (whole.n_steps > LIMIT_PATH_STEPS) return -1;
  memcpy(steps, field->steps, field->n_steps * sizeof *steps);
  memcpy(steps + field->n_steps, path->steps + 1, (path->n_steps - 1) * sizeof *steps);
  return rowset_resolve(schema->rowset, &whole, slot, type);
}

int schema_resolve(struct schema *schema, const struct path *path, uint32_t *slot,
                   enum value_type *type, uint32_t *n_used) {
  const struct path_step *first = &path->steps[0];
  const struct field *field = first->is_index ? NULL : schema_find(schema, first->name);
  if (field == NULL) {
    *n_used = path->n_steps;
    if (!schema->open) return -1;
    if (!first->is_index && find_dropped(schema, first->name) < schema->n_dropped) return -1;
    return rowset_resolve(schema->rowset, path, slot, type);
  }
  const struct slot *known = &schema->rowset->slots[field->slot];
  if (path->n_steps > 1 && known->kind == SLOT_DECODED &&
      resolve_inside(schema, &known->path, path, slot, type) == 0) {
    *n_used = path->n_steps;
    return 0;
  }
  *slot = field->slot;
  *type = known->type;
  *n_used = 1;
  return 0;
}
