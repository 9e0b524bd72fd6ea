/* Unit tests of daemon/record: schema.h, batch.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/record/batch.h"
#include "daemon/record/schema.h"

static struct path_step name(const char *text) {
  return (struct path_step){.name = slice_of(text)};
}
static struct path_step at(int64_t index) {
  return (struct path_step){.is_index = true, .index = index};
}

static void paths_as_text(void **state) {
  (void)state;
  struct path_step steps[] = {name("user"), name("odd name"), at(-1),  name("a\"b"),
                              name("_x9"),  name("9x"),       name("")};
  struct path path = {steps, 7};
  struct buf buf;
  buf_init(&buf);
  path_put(&buf, &path);
  assert_string_equal(buf_cstr(&buf), "user.\"odd name\"[-1].\"a\"\"b\"._x9.\"9x\".\"\"");
  buf_fini(&buf);
}

static void same_path_same_slot(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  struct rowset *rowset = rowset_new(&arena, true);
  struct path_step ab[] = {name("a"), name("b")}, a0[] = {name("a"), at(0)},
                   a1[] = {name("a"), at(1)};
  struct path paths[] = {{ab, 1}, {ab, 2}, {a0, 2}, {a1, 2}};
  uint32_t slot;
  enum value_type type;
  for (uint32_t round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < 4; i++) {
      assert_int_equal(rowset_resolve(rowset, &paths[i], &slot, &type), 0);
      assert_int_equal(slot, i);
      assert_int_equal(type, VALUE_ANY);
    }
  }
  for (uint32_t i = 4; i < 50; i++) assert_int_equal(rowset_add_slot(rowset, VALUE_INT), i);
  assert_int_equal(rowset->n_slots, 50);
  assert_true(path_equal(&rowset->slots[2].path, &paths[2]));
  struct rowset *closed = rowset_new(&arena, false);
  assert_int_equal(rowset_resolve(closed, &paths[0], &slot, &type), -1);
  arena_fini(&arena);
}

static int asked(void *arg, const struct path *path, uint32_t *slot, enum value_type *type) {
  (void)path;
  *slot = rowset_add_slot(arg, VALUE_TEXT);
  *type = VALUE_TEXT;
  return 0;
}

static void merges_are_asked_once(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  struct rowset *rowset = rowset_new(&arena, true);
  rowset->resolve = asked;
  rowset->resolve_arg = rowset;
  struct path_step a[] = {name("a")};
  struct path path = {a, 1};
  uint32_t first, second;
  enum value_type type;
  assert_int_equal(rowset_resolve(rowset, &path, &first, &type), 0);
  assert_int_equal(rowset_resolve(rowset, &path, &second, &type), 0);
  assert_int_equal(first, second);
  assert_int_equal(type, VALUE_TEXT);
  assert_int_equal(rowset->n_slots, 1);
  arena_fini(&arena);
}

static void names_of_a_schema(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  struct rowset *rowset = rowset_new(&arena, true);
  uint32_t computed = rowset_add_slot(rowset, VALUE_JSON), slot, n_used, decoded;
  enum value_type type;
  struct path_step user[] = {name("user")}, x_y[] = {name("x"), name("y"), at(0)},
                   user_y[] = {name("user"), name("y"), at(0)}, gone[] = {name("gone"), name("y")};
  struct path p_user = {user, 1}, p_x = {x_y, 3}, p_user_y = {user_y, 3}, p_gone = {gone, 2};
  struct schema *schema = schema_new(rowset, true);
  assert_true(schema_untouched(schema));
  assert_false(rowset->whole);

  /* A computed field: the rest of the path is looked up in its value. */
  schema_set(schema, slice_of("x"), computed);
  assert_int_equal(schema_resolve(schema, &p_x, &slot, &type, &n_used), 0);
  assert_int_equal(slot, computed);
  assert_int_equal(type, VALUE_JSON);
  assert_int_equal(n_used, 1);
  assert_false(schema_untouched(schema));
  assert_true(rowset->whole);

  /* A renamed original field: all of the path is decoded. */
  assert_int_equal(schema_resolve(schema, &p_user, &decoded, &type, &n_used), 0);
  schema_set(schema, slice_of("x"), decoded);
  assert_int_equal(schema->n_fields, 1);
  assert_int_equal(schema_resolve(schema, &p_x, &slot, &type, &n_used), 0);
  assert_int_equal(n_used, 3);
  assert_true(path_equal(&rowset->slots[slot].path, &p_user_y));

  /* Dropped and back again; a copy keeps what it had. */
  schema_set(schema, slice_of("gone"), computed);
  schema_drop(schema, slice_of("gone"));
  schema_drop(schema, slice_of("gone"));
  assert_int_equal(schema->n_dropped, 1);
  assert_int_equal(schema_resolve(schema, &p_gone, &slot, &type, &n_used), -1);
  struct schema *copy = schema_copy(schema);
  schema_set(schema, slice_of("gone"), computed);
  assert_int_equal(schema->n_dropped, 0);
  assert_int_equal(copy->n_dropped, 1);
  assert_null(schema_find(copy, slice_of("gone")));
  assert_int_equal(schema_find(schema, slice_of("gone"))->slot, computed);
  schema_drop(schema, slice_of("x"));
  assert_null(schema_find(schema, slice_of("x")));
  assert_non_null(schema_find(copy, slice_of("x")));

  /* Closed: only what is listed. */
  struct schema *closed = schema_new(rowset, false);
  schema_set(closed, slice_of("x"), computed);
  assert_int_equal(schema_resolve(closed, &p_user, &slot, &type, &n_used), -1);
  assert_int_equal(schema_resolve(closed, &p_x, &slot, &type, &n_used), 0);
  schema_drop(closed, slice_of("x"));
  assert_int_equal(closed->n_dropped, 0);
  assert_int_equal(schema_resolve(closed, &p_x, &slot, &type, &n_used), -1);
  arena_fini(&arena);
}

static void errors_in_order(void **state) {
  (void)state;
  struct row_errors errors = {0};
  static const uint32_t rows[] = {7, 3, 9, 3, 0, 7, 7, 2};
  static const char *const texts[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  for (size_t i = 0; i < 8; i++) row_errors_add(&errors, rows[i], "code", texts[i]);
  row_errors_sort(&errors);
  static const uint32_t want[] = {0, 2, 3, 7, 9};
  assert_int_equal(errors.n, 5);
  for (size_t i = 0; i < 5; i++) assert_int_equal(errors.list[i].row, want[i]);
  assert_string_equal(errors.list[2].text, "b");
  assert_string_equal(errors.list[3].text, "a");

  struct arena arena;
  arena_init(&arena, 1024);
  struct rowset *rowset = rowset_new(&arena, true);
  rowset_add_slot(rowset, VALUE_INT);
  struct batch *batch = batch_new(rowset, 10);
  assert_ptr_equal(batch_column(batch, 0), batch_column(batch, 0));
  struct view all = {batch, NULL, 10}, left = view_without(all, &errors);
  static const uint32_t others[] = {1, 4, 5, 6, 8};
  assert_int_equal(left.n, 5);
  for (uint32_t i = 0; i < 5; i++) assert_int_equal(view_row(&left, i), others[i]);
  struct row_errors none = {0};
  left = view_without(all, &none);
  assert_null(left.sel);
  assert_int_equal(view_row(&left, 4), 4);
  row_errors_fini(&errors);
  batch_free(batch);
  batch_free(NULL);
  arena_fini(&arena);
}

static void positions_for_people(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 1024);
  struct rowset *rowset = rowset_new(&arena, true);
  struct batch *batch = batch_new(rowset, 2), *merged = batch_new(rowset, 2);
  uint64_t positions[] = {0, 1234};
  batch->source = "requests";
  batch->partition = "/srv/in.ndjson";
  batch->positions = positions;
  const struct batch *origins[] = {batch, merged};
  uint32_t rows[] = {1, 0};
  struct buf buf;
  buf_init(&buf);
  batch_put_position(&buf, batch, 1);
  assert_string_equal(buf_cstr(&buf), "/srv/in.ndjson: byte 1234");
  buf_clear(&buf);
  batch_put_position(&buf, merged, 0);
  assert_string_equal(buf_cstr(&buf), "a result");
  merged->origins = origins;
  merged->origin_rows = rows;
  buf_clear(&buf);
  batch_put_position(&buf, merged, 0);
  assert_string_equal(buf_cstr(&buf), "/srv/in.ndjson: byte 1234");
  buf_fini(&buf);
  batch_free(batch);
  batch_free(merged);
  arena_fini(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_as_text),         cmocka_unit_test(same_path_same_slot),
      cmocka_unit_test(merges_are_asked_once), cmocka_unit_test(names_of_a_schema),
      cmocka_unit_test(errors_in_order),       cmocka_unit_test(positions_for_people),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
