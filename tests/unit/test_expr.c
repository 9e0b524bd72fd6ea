/* Unit tests of daemon/expr: the contract of expr.h. What expressions give is in tests/expr/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/base/limits.h"
#include "daemon/expr/expr.h"
#include "daemon/expr/func.h"
#include "daemon/io/disk.h"

#include <pthread.h>
#include <stdio.h>

/* A scope over an open schema, and a batch of its rows with columns made up by the tests. */
struct bench {
  struct arena arena;
  struct rowset *rowset;
  struct schema *schema;
  struct disk *disk;
  struct expr_scope scope;
  struct expr_error error;
};

static void bench_init(struct bench *bench) {
  arena_init(&bench->arena, 65536);
  bench->rowset = rowset_new(&bench->arena, true);
  bench->schema = schema_new(bench->rowset, true);
  bench->disk = disk_real_new();
  bench->scope = (struct expr_scope){
      .arena = &bench->arena, .schema = bench->schema, .disk = bench->disk, .place = EXPR_SCALAR};
}

static void bench_fini(struct bench *bench) {
  disk_free(bench->disk);
  arena_fini(&bench->arena);
}

static struct expr *compile(struct bench *bench, const char *text) {
  struct expr *expr = NULL;
  if (expr_compile(&bench->scope, slice_of(text), &expr, &bench->error) != 0)
    fail_msg("%s: %s", text, bench->error.text);
  return expr;
}

/* Column 0 holds 0, 1, 2, ... */
static struct batch *counting(struct bench *bench, uint32_t n) {
  struct batch *batch = batch_new(bench->rowset, n);
  for (uint32_t slot = 0; slot < bench->rowset->n_slots; slot++) {
    struct value *column = batch_column(batch, slot);
    for (uint32_t row = 0; row < n; row++) column[row] = value_int(row);
  }
  return batch;
}

static const struct expr_run run = {.clock_us = 1000};

static void tells_what_it_compiled(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  struct value value;
  struct expr *field = compile(&bench, "user.tags[0]");
  assert_int_equal(expr_slot(field), 0);
  assert_int_equal(expr_type(field), VALUE_ANY);
  assert_true(slice_is(expr_default_name(field), "tags"));
  assert_false(expr_constant(field, &value));
  assert_null(expr_aggregate(field));
  struct expr *again = compile(&bench, "user.tags[0] + 1");
  assert_int_equal(expr_slot(again), -1);
  assert_int_equal(bench.rowset->n_slots, 1);
  assert_true(slice_is(expr_default_name(again), ""));
  struct expr *truth = compile(&bench, "a > 5");
  assert_int_equal(expr_type(truth), VALUE_BOOL);
  struct expr *constant = compile(&bench, "60 * 60");
  assert_true(expr_constant(constant, &value));
  assert_int_equal(value.integer, 3600);
  struct expr *clock = compile(&bench, "now()");
  assert_false(expr_constant(clock, &value));
  assert_int_equal(expr_type(clock), VALUE_TIMESTAMP);
  assert_int_equal(expr_type(compile(&bench, "a::int + 1")), VALUE_INT);
  assert_int_equal(expr_type(compile(&bench, "a || 'x'")), VALUE_TEXT);
  bench_fini(&bench);
}

static void without_a_schema_there_are_no_fields(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  bench.scope.schema = NULL;
  struct expr *expr = NULL;
  assert_int_equal(expr_compile(&bench.scope, slice_of("1 + a"), &expr, &bench.error), -1);
  assert_int_equal(bench.error.offset, 4);
  assert_int_equal(bench.error.len, 1);
  struct value value;
  assert_true(expr_constant(compile(&bench, "interval '1 minute' * 2"), &value));
  assert_int_equal(value.type, VALUE_INTERVAL);
  bench_fini(&bench);
}

static void the_text_may_go_away(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  char text[] = "name || 'x'";
  struct expr *expr = NULL;
  assert_int_equal(
      expr_compile(&bench.scope, (struct slice){text, sizeof text - 1}, &expr, &bench.error), 0);
  memset(text, '#', sizeof text);
  struct buf out;
  buf_init(&out);
  expr_explain(expr, &out);
  assert_string_equal(buf_cstr(&out), "(name || 'x')");
  buf_fini(&out);
  bench_fini(&bench);
}

static void takes_an_aggregate_apart(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  bench.scope.place = EXPR_AGGREGATE;
  struct expr *expr = compile(&bench, " COUNT(distinct name) filter (where a ~ '^x')");
  const struct expr_aggregate *aggregate = expr_aggregate(expr);
  assert_non_null(aggregate);
  assert_true(slice_is(aggregate->name, "count"));
  assert_true(aggregate->distinct && !aggregate->star);
  assert_int_equal(aggregate->n_args, 1);
  assert_true(expr_slot(aggregate->args[0]) >= 0);
  assert_int_equal(expr_type(aggregate->filter), VALUE_BOOL);
  assert_int_equal(aggregate->offset, 1);
  assert_int_equal(aggregate->len, 44);
  expr_free(expr);
  expr = compile(&bench, "count(*)");
  assert_true(expr_aggregate(expr)->star);
  assert_int_equal(expr_aggregate(expr)->n_args, 0);
  bench_fini(&bench);
}

static void only_selected_rows_are_touched(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  struct expr *expr = compile(&bench, "10 / a + case when a > 2 then 100 else 0 end");
  struct batch *batch = counting(&bench, 6);
  uint32_t sel[] = {1, 2, 5};
  struct view view = {.batch = batch, .sel = sel, .n = 3};
  struct value out[6];
  for (size_t i = 0; i < 6; i++) out[i] = value_int(-1);
  struct row_errors errors = {0};
  expr_eval(expr, &run, &view, out, &errors);
  int64_t wanted[] = {-1, 10, 5, -1, -1, 102};
  for (size_t i = 0; i < 6; i++) assert_int_equal(out[i].integer, wanted[i]);
  assert_int_equal(errors.n, 0);
  struct view all = {.batch = batch, .n = 6};
  expr_eval(expr, &run, &all, out, &errors);
  assert_int_equal(errors.n, 1);
  assert_int_equal(errors.list[0].row, 0);
  assert_string_equal(errors.list[0].code, "expr.division_by_zero");
  assert_int_equal(out[0].type, VALUE_NULL);
  assert_int_equal(out[4].integer, 102);
  row_errors_fini(&errors);
  batch_free(batch);
  bench_fini(&bench);
}

static void select_gives_true_rows(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  struct batch *batch;
  struct row_errors errors = {0};
  static const struct {
    const char *text;
    uint32_t n, rows[4];
    size_t n_errors;
  } cases[] = {
      {"a >= 3 and a <> 4", 2, {3, 5}, 0},
      {"6 / a = 3", 1, {2}, 1},
      {"a % 2 = 0 and a < 4", 2, {0, 2}, 0},
      {"nullif(a = 1, true)", 0, {0}, 0},
      {"a in (1, 5)", 2, {1, 5}, 0},
      {"a > 0 and 1 / a = 1", 1, {1}, 0},
      {"not a > 1", 2, {0, 1}, 0},
      {"a = 5 or 10 / a > 4", 3, {1, 2, 5}, 1},
      {"true", 4, {2, 3, 4, 5}, 0},
      {"a", 0, {0}, 6},
      {"case when a > 3 then true end", 2, {4, 5}, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct expr *expr = compile(&bench, cases[i].text);
    batch = counting(&bench, 6);
    uint32_t some[] = {2, 3, 4, 5};
    struct view view = {.batch = batch, .n = 6};
    if (strcmp(cases[i].text, "true") == 0) view = (struct view){batch, some, 4};
    struct view got = expr_select(expr, &run, &view, &errors);
    if (got.n != cases[i].n || errors.n != cases[i].n_errors)
      fail_msg("%s: %u rows, %zu errors", cases[i].text, got.n, errors.n);
    for (uint32_t k = 0; k < got.n; k++) assert_int_equal(view_row(&got, k), cases[i].rows[k]);
    row_errors_fini(&errors);
    batch_free(batch);
  }
  bench_fini(&bench);
}

/* n times `part`, between head and tail. */
static char *repeated(const char *head, const char *part, size_t n, const char *tail) {
  size_t len = strlen(part);
  char *text = malloc(strlen(head) + n * len + strlen(tail) + 1), *at = stpcpy(text, head);
  for (size_t i = 0; i < n; i++) at = stpcpy(at, part);
  stpcpy(at, tail);
  return text;
}

static void refuses(struct bench *bench, char *text, const char *wanted) {
  struct expr *expr = NULL;
  assert_int_equal(expr_compile(&bench->scope, slice_of(text), &expr, &bench->error), -1);
  if (strstr(bench->error.text, wanted) == NULL) fail_msg("%.40s: %s", text, bench->error.text);
  assert_true(bench->error.offset + bench->error.len <= strlen(text));
  free(text);
}

static void depth_and_length_are_bounded(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  refuses(&bench, repeated("a", " + a", 100000, ""), "more than 20000 terms");
  refuses(&bench, repeated("a", " or a", 100000, ""), "more than 20000 terms");
  refuses(&bench, repeated("a in (1", ", 1", 100000, ")"), "more than 20000 terms");
  refuses(&bench, repeated("a", "::int", 100000, ""), "nested more than 200");
  refuses(&bench, repeated("", "(", 100000, ""), "nested more than 200");
  refuses(&bench, repeated("", "not ", 100000, "a"), "nested more than 200");
  refuses(&bench, repeated("", "- ", 100000, "a"), "nested more than 200");
  refuses(&bench, repeated("", "+ ", 100000, "a"), "nested more than 200");
  refuses(&bench, repeated("", "lower(", 100000, "a"), "nested more than 200");
  refuses(&bench, repeated("", "case when ", 100000, "a"), "nested more than 200");
  refuses(&bench, repeated("", "coalesce(1, ", 50000, "a"), "nested more than 200");
  refuses(&bench, repeated("a", " is null", 100000, ""), "nested more than 200");
  refuses(&bench, repeated("a", " at time zone 'UTC'", 10000, ""), "nested more than 200");
  refuses(&bench, repeated("a", ".b", 100000, ""), "at most 32 steps");
  refuses(&bench, repeated("'", "x", 1024 * 1024, "'"), "longer than 1 MiB");
  bench_fini(&bench);
}

static void long_chains_work(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  char *text = repeated("a", " + a", 9999, "");
  struct expr *expr = compile(&bench, text);
  struct batch *batch = counting(&bench, 3);
  struct view view = {.batch = batch, .n = 3};
  struct value out[3];
  struct row_errors errors = {0};
  size_t bytes = batch->arena.bytes;
  expr_eval(expr, &run, &view, out, &errors);
  assert_int_equal(out[2].integer, 20000);
  /* Columns on the way are used again: the arena does not grow with the chain. */
  assert_true(batch->arena.bytes - bytes <= 65536);
  free(text);
  text = repeated("(((((((((((((((((((((((((((((((((((((((a", " = 7 or a", 5000, " = 1");
  for (size_t i = 0; i < 39; i++) text[i] = ' ';
  expr = compile(&bench, text);
  expr_eval(expr, &run, &view, out, &errors);
  assert_true(out[1].boolean && !out[2].boolean);
  free(text);
  row_errors_fini(&errors);
  batch_free(batch);
  bench_fini(&bench);
}

static void operators_and_functions_are_listed(void **state) {
  (void)state;
  size_t n = expr_functions(NULL, 0);
  struct expr_function *list = calloc(n, sizeof *list);
  assert_int_equal(expr_functions(list, n), n);
  bool lower = false, coalesce = false;
  for (size_t i = 0; i < n; i++) {
    assert_true(*list[i].name != '\0' && *list[i].signature != '\0' && *list[i].group != '\0');
    assert_true(*list[i].text != '\0');
    lower |= strcmp(list[i].name, "lower") == 0;
    coalesce |= strcmp(list[i].name, "coalesce") == 0;
  }
  assert_true(lower && coalesce);
  free(list);
}

/* ---- threads ---- */

struct thread_job {
  struct bench *bench;
  const struct expr *expr;
  size_t wrong;
};

static void *thread_main(void *arg) {
  struct thread_job *job = arg;
  for (int turn = 0; turn < 20; turn++) {
    struct batch *batch = counting(job->bench, 500);
    struct view view = {.batch = batch, .n = 500};
    struct value out[500];
    struct row_errors errors = {0};
    expr_eval(job->expr, &run, &view, out, &errors);
    for (uint32_t row = 0; row < 500; row++) {
      bool wanted = row % 10 == 7 || row == 12;
      job->wrong += out[row].type != VALUE_BOOL || out[row].boolean != wanted;
    }
    job->wrong += errors.n;
    row_errors_fini(&errors);
    batch_free(batch);
  }
  return NULL;
}

static void threads_share_an_expression(void **state) {
  (void)state;
  struct bench bench;
  bench_init(&bench);
  struct expr *expr = compile(&bench, "a::text ~ '7$' or (a || 'x') ilike '12X' and "
                                      "a in (1, 2, 3, 4, 5, 12) and case a when 12 then true end");
  pthread_t threads[4];
  struct thread_job jobs[4];
  for (size_t i = 0; i < 4; i++) {
    jobs[i] = (struct thread_job){&bench, expr, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &jobs[i]), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(jobs[i].wrong, 0);
  }
  expr_free(expr);
  bench_fini(&bench);
}

/* ---- fuzz ---- */

static const char *const tokens[] = {"a",
                                     "b",
                                     "c.d",
                                     "e[0]",
                                     "\"f g\"",
                                     "1",
                                     "0",
                                     "-1",
                                     "2.5",
                                     "9223372036854775807",
                                     "1e300",
                                     "'x'",
                                     "''",
                                     "'%a_'",
                                     "'2026-01-01'",
                                     "E'\\n'",
                                     "null",
                                     "true",
                                     "false",
                                     "+",
                                     "-",
                                     "*",
                                     "/",
                                     "%",
                                     "^",
                                     "=",
                                     "<>",
                                     "<",
                                     ">=",
                                     "||",
                                     "~",
                                     "!~*",
                                     "and",
                                     "or",
                                     "not",
                                     "in",
                                     "(",
                                     ")",
                                     "(",
                                     ")",
                                     ",",
                                     "between",
                                     "like",
                                     "ilike",
                                     "escape",
                                     "is",
                                     "is not null",
                                     "is distinct from",
                                     "case",
                                     "when",
                                     "then",
                                     "else",
                                     "end",
                                     "cast(",
                                     "as",
                                     "int",
                                     "text",
                                     "::int",
                                     "::text",
                                     "::timestamp",
                                     "::json",
                                     "::boolean",
                                     "::interval",
                                     "try_cast(",
                                     "coalesce(",
                                     "nullif(",
                                     "lower(",
                                     "substr(",
                                     "now()",
                                     "date_trunc('day',",
                                     "round(",
                                     "json_get(",
                                     "greatest(",
                                     "interval '1 hour'",
                                     "timestamp '2026-01-01'",
                                     "at time zone",
                                     "'UTC'",
                                     "extract(hour from",
                                     "filter (where",
                                     "count(*)",
                                     "sum(",
                                     "distinct",
                                     "[",
                                     "]",
                                     ".",
                                     "--",
                                     "/*",
                                     "*/",
                                     "'",
                                     "\"",
                                     "\\",
                                     "$",
                                     "\xc3\xa9",
                                     "\x01",
                                     "a and b",
                                     "a + b",
                                     "a = 'x'",
                                     "a > 1",
                                     "length(a)",
                                     "(a)",
                                     "(1, 2, 3, 4, 5, 6)"};

static uint64_t next_random(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static struct value odd_value(uint64_t random) {
  static const char text[] = "x2026-01-01T00:00:00Z12%a";
  switch (random % 12) {
  case 0: return value_null();
  case 1: return value_bool(random & 16);
  case 2: return value_int(0);
  case 3: return value_int(INT64_MIN);
  case 4: return value_int((int64_t)random);
  case 5: return value_double(0.5);
  case 6: return value_double(-1.7e308);
  case 7: return value_text(text, 0);
  case 8: return value_text(text + 1, 20);
  case 9: return value_text(text, sizeof text - 1);
  case 10: return (struct value){.type = VALUE_JSON, .len = 9, .data = "[1,{\"d\":2"};
  default: return (struct value){.type = VALUE_NUMBER, .len = 20, .data = "98765432109876543210"};
  }
}

/* Whatever compiles is evaluated over values of all types; selecting must then keep to rows that
 * evaluate to true. */
static void fuzz_one(struct bench *bench, const char *text, uint64_t *seed, size_t *n_compiled) {
  struct expr *expr = NULL;
  bench->scope.place = next_random(seed) % 8 == 0 ? EXPR_AGGREGATE : EXPR_SCALAR;
  if (expr_compile(&bench->scope, slice_of(text), &expr, &bench->error) != 0) {
    assert_true(bench->error.offset + bench->error.len <= strlen(text));
    assert_true(bench->error.text[0] != '\0');
    return;
  }
  (*n_compiled)++;
  struct buf plan;
  buf_init(&plan);
  expr_explain(expr, &plan);
  assert_true(plan.len > 0);
  buf_fini(&plan);
  if (expr_aggregate(expr) == NULL) {
    enum { ROWS = 24 };
    struct batch *batch = batch_new(bench->rowset, ROWS);
    for (uint32_t slot = 0; slot < bench->rowset->n_slots; slot++) {
      struct value *column = batch_column(batch, slot);
      for (uint32_t row = 0; row < ROWS; row++) column[row] = odd_value(next_random(seed));
    }
    struct view view = {.batch = batch, .n = ROWS};
    struct value out[ROWS];
    struct row_errors errors = {0}, selecting = {0};
    expr_eval(expr, &run, &view, out, &errors);
    enum value_type type = expr_type(expr);
    for (uint32_t row = 0; row < ROWS; row++)
      if (type != VALUE_ANY && out[row].type != VALUE_NULL) assert_int_equal(out[row].type, type);
    struct view selected = expr_select(expr, &run, &view, &selecting);
    for (uint32_t i = 0; i < selected.n; i++) {
      struct value value = out[view_row(&selected, i)];
      assert_true(value.type == VALUE_BOOL && value.boolean);
    }
    row_errors_fini(&errors);
    row_errors_fini(&selecting);
    batch_free(batch);
  }
  expr_free(expr);
}

static void fuzz_never_crashes(void **state) {
  (void)state;
  uint64_t seed = UINT64_C(0x7469646d61726b21);
  size_t n_compiled = 0;
  for (int round = 0; round < 40; round++) {
    struct bench bench;
    bench_init(&bench);
    for (int i = 0; i < 500; i++) {
      char text[1024];
      size_t len = 0, n = 1 + next_random(&seed) % 9;
      for (size_t k = 0; k < n; k++) {
        const char *token = tokens[next_random(&seed) % (sizeof tokens / sizeof *tokens)];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s ", token);
      }
      if (next_random(&seed) % 4 == 0) text[next_random(&seed) % len] = (char)next_random(&seed);
      fuzz_one(&bench, text, &seed, &n_compiled);
    }
    bench_fini(&bench);
  }
  assert_true(n_compiled > 500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_what_it_compiled),
      cmocka_unit_test(without_a_schema_there_are_no_fields),
      cmocka_unit_test(the_text_may_go_away),
      cmocka_unit_test(takes_an_aggregate_apart),
      cmocka_unit_test(only_selected_rows_are_touched),
      cmocka_unit_test(select_gives_true_rows),
      cmocka_unit_test(depth_and_length_are_bounded),
      cmocka_unit_test(long_chains_work),
      cmocka_unit_test(operators_and_functions_are_listed),
      cmocka_unit_test(threads_share_an_expression),
      cmocka_unit_test(fuzz_never_crashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
