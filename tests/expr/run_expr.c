/* run_expr: runs the triples of tests/expr/ *.test.
 *
 *   run_expr [FILE ...]        checks them (default: all below $srcdir); prints each that fails
 *   run_expr --sql FILE ...    prints SQL that lets PostgreSQL compute those marked pg
 *   run_expr --compare RESULTS FILE ...   checks the expected results against PostgreSQL's
 *
 * A file is blocks with an empty line between them; lines that begin with # are comments. A block:
 *
 *   pg                         (optional) PostgreSQL gives the same
 *   pg: EXPRESSION             (optional) ... for this spelling
 *   fields: name type, ...     (optional) a closed schema with static types, else an open one
 *   aggregate                  (optional) compiled as an aggregate; the result is the plan
 *   plan                       (optional) the result is the plan
 *   EXPRESSION                 one line
 *   RECORD                     JSON on one line
 *   RESULT                     JSON; or "error CODE: text" of the row; or three lines when it does
 *                              not compile: the expression, carets, "error: text"
 */
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/expr/expr.h"
#include "daemon/io/disk.h"
#include "daemon/record/json_text.h"
#include "daemon/record/time.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_US INT64_C(1769903999250000) /* 2026-01-31T23:59:59.25Z */

struct triple {
  const char *file;
  size_t line; /* of the expression */
  const char *pg, *fields;
  bool aggregate, plan;
  const char *text, *record, *result;
};

struct triples {
  struct triple *list;
  size_t n, cap;
  struct arena arena;
};

/* ---- reading ---- */

static char *read_all(struct arena *arena, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  struct buf buf;
  buf_init(&buf);
  size_t got;
  while ((got = fread(buf_reserve(&buf, 65536), 1, 65536, file)) > 0) buf.len += got;
  fclose(file);
  char *text = arena_dup(arena, buf.data, buf.len);
  buf_fini(&buf);
  return text;
}

static bool directive(const char *line, const char *word) {
  size_t len = strlen(word);
  return strncmp(line, word, len) == 0 && line[len] == '\0';
}

/* The lines of one block, without comments. */
static void add_block(struct triples *triples, const char *path, char **lines, size_t *numbers,
                      size_t n) {
  struct triple triple = {.file = path};
  size_t i = 0;
  for (; i < n; i++) {
    if (directive(lines[i], "pg")) {
      triple.pg = "";
    } else if (strncmp(lines[i], "pg: ", 4) == 0) {
      triple.pg = lines[i] + 4;
    } else if (strncmp(lines[i], "fields: ", 8) == 0) {
      triple.fields = lines[i] + 8;
    } else if (directive(lines[i], "aggregate")) {
      triple.aggregate = true;
    } else if (directive(lines[i], "plan")) {
      triple.plan = true;
    } else {
      break;
    }
  }
  if (n - i < 3) {
    fprintf(stderr, "%s:%zu: a block has at least three lines\n", path, numbers[0]);
    exit(1);
  }
  triple.line = numbers[i];
  triple.text = lines[i];
  triple.record = lines[i + 1];
  if (triple.pg != NULL && *triple.pg == '\0') triple.pg = triple.text;
  struct buf result;
  buf_init(&result);
  for (size_t k = i + 2; k < n; k++) buf_printf(&result, "%s\n", lines[k]);
  triple.result = arena_dup(&triples->arena, result.data, result.len - 1);
  buf_fini(&result);
  array_grow((void **)&triples->list, &triples->cap, triples->n, sizeof *triples->list);
  triples->list[triples->n++] = triple;
}

static void read_triples(struct triples *triples, const char *path) {
  enum { BLOCK_LINES = 64 };
  char *lines[BLOCK_LINES];
  size_t numbers[BLOCK_LINES], n = 0, number = 0;
  const char *name = arena_dup(&triples->arena, path, strlen(path));
  for (char *at = read_all(&triples->arena, path); at != NULL;) {
    char *end = strchr(at, '\n');
    if (end != NULL) *end = '\0';
    number++;
    if (*at == '\0') {
      if (n > 0) add_block(triples, name, lines, numbers, n);
      n = 0;
    } else if (*at != '#' && n < BLOCK_LINES) {
      numbers[n] = number;
      lines[n++] = at;
    }
    at = end != NULL ? end + 1 : NULL;
  }
  if (n > 0) add_block(triples, name, lines, numbers, n);
}

/* ---- running ---- */

static enum value_type type_named(const char *name, size_t len) {
  for (int type = 0; type <= VALUE_ANY; type++)
    if (strlen(value_type_name(type)) == len && memcmp(value_type_name(type), name, len) == 0)
      return type;
  fprintf(stderr, "unknown type %.*s\n", (int)len, name);
  exit(1);
}

/* "name type, name type" */
static void set_fields(struct arena *arena, struct schema *schema, const char *fields) {
  for (const char *at = fields; *at != '\0';) {
    size_t name = strcspn(at, " ");
    const char *type = at + name + 1;
    size_t len = strcspn(type, ",");
    uint32_t slot = rowset_add_slot(schema->rowset, type_named(type, len));
    schema_set(schema, arena_slice(arena, (struct slice){at, name}), slot);
    at = type + len;
    while (*at == ',' || *at == ' ') at++;
  }
}

/* What a codec does, for one row. */
static void fill_slots(struct batch *batch, const struct schema *schema, struct slice record) {
  for (uint32_t slot = 0; slot < schema->rowset->n_slots; slot++) {
    struct value *value = batch_column(batch, slot);
    struct path path = schema->rowset->slots[slot].path;
    struct path_step step = {0};
    if (schema->rowset->slots[slot].kind == SLOT_COMPUTED) {
      for (size_t i = 0; i < schema->n_fields; i++)
        if (schema->fields[i].slot == slot) step.name = schema->fields[i].name;
      path = (struct path){&step, 1};
    }
    *value = value_null();
    if (json_text_get(record, path.steps, path.n_steps, &batch->arena, value) != 0) {
      fprintf(stderr, "not JSON: %.*s\n", SLICE_ARG(record));
      exit(1);
    }
    int64_t us;
    if (schema->rowset->slots[slot].type == VALUE_TIMESTAMP && value->type == VALUE_TEXT &&
        time_parse(value_slice(value), &us) == 0)
      *value = value_timestamp(us);
  }
}

static size_t characters(const char *text, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) n += ((unsigned char)text[i] & 0xc0) != 0x80;
  return n;
}

static void put_compile_error(struct buf *out, const char *text, const struct expr_error *error) {
  buf_printf(out, "%s\n", text);
  for (size_t i = characters(text, error->offset); i > 0; i--) buf_put_char(out, ' ');
  size_t n = characters(text + error->offset, error->len);
  for (size_t i = 0; i < (n > 0 ? n : 1); i++) buf_put_char(out, '^');
  buf_printf(out, "\nerror: %s", error->text);
}

static void put_evaluated(struct buf *out, const struct expr *expr, const struct schema *schema,
                          const char *record) {
  struct batch *batch = batch_new(schema->rowset, 1);
  fill_slots(batch, schema, slice_of(record));
  struct view view = {.batch = batch, .n = 1};
  struct expr_run run = {.clock_us = CLOCK_US};
  struct row_errors errors = {0};
  struct value value;
  expr_eval(expr, &run, &view, &value, &errors);
  row_errors_sort(&errors);
  if (errors.n > 0) {
    buf_printf(out, "error %s: %s", errors.list[0].code, errors.list[0].text);
  } else {
    value_put_json(out, &value);
  }
  /* Selecting must agree with evaluating where there is no failure. */
  if (errors.n == 0 && (value.type == VALUE_BOOL || value.type == VALUE_NULL)) {
    struct view selected = expr_select(expr, &run, &view, &errors);
    bool wanted = value.type == VALUE_BOOL && value.boolean;
    if (selected.n != wanted || errors.n > 0) buf_put_text(out, " but selecting differs");
  }
  row_errors_fini(&errors);
  batch_free(batch);
}

static void run_triple(const struct triple *triple, struct disk *disk, struct buf *out) {
  struct arena arena;
  arena_init(&arena, 65536);
  struct rowset *rowset = rowset_new(&arena, triple->fields == NULL);
  struct schema *schema = schema_new(rowset, triple->fields == NULL);
  if (triple->fields != NULL) set_fields(&arena, schema, triple->fields);
  struct expr_scope scope = {.arena = &arena,
                             .schema = schema,
                             .disk = disk,
                             .place = triple->aggregate ? EXPR_AGGREGATE : EXPR_SCALAR};
  struct expr *expr = NULL;
  struct expr_error error;
  if (expr_compile(&scope, slice_of(triple->text), &expr, &error) != 0) {
    put_compile_error(out, triple->text, &error);
  } else if (triple->aggregate || triple->plan) {
    expr_explain(expr, out);
  } else {
    put_evaluated(out, expr, schema, triple->record);
  }
  expr_free(expr);
  arena_fini(&arena);
}

static void print_lines(char sign, const char *text) {
  while (*text != '\0') {
    size_t len = strcspn(text, "\n");
    printf("  %c %.*s\n", sign, (int)len, text);
    text += len + (text[len] == '\n');
  }
}

static size_t check_all(const struct triples *triples) {
  struct disk *disk = disk_real_new();
  struct buf out;
  buf_init(&out);
  size_t failed = 0;
  for (size_t i = 0; i < triples->n; i++) {
    const struct triple *triple = &triples->list[i];
    buf_clear(&out);
    run_triple(triple, disk, &out);
    if (strcmp(buf_cstr(&out), triple->result) == 0) continue;
    failed++;
    printf("%s:%zu: %s\n  with %s\n", triple->file, triple->line, triple->text, triple->record);
    print_lines('-', triple->result);
    print_lines('+', buf_cstr(&out));
  }
  buf_fini(&out);
  disk_free(disk);
  printf("%zu triples, %zu failed\n", triples->n, failed);
  return failed;
}

/* ---- PostgreSQL ---- */

/* Text in a dollar quote that it does not contain. */
static void print_dollar(const char *text) {
  printf("$triple$%s$triple$", text);
}

/* A record as a row of PostgreSQL's: `select 1::bigint as "a", ...`. */
static void print_row(const char *record) {
  struct arena arena;
  arena_init(&arena, 4096);
  size_t at = 0, n = 0;
  struct slice name, member;
  printf("select ");
  while (json_text_next(slice_of(record), &at, &name, &member) == 1) {
    struct value value;
    if (json_text_value(member, &arena, &value) != 0) exit(1);
    static const char *const types[VALUE_TYPES] = {
        [VALUE_NULL] = "text",     [VALUE_BOOL] = "boolean", [VALUE_INT] = "bigint",
        [VALUE_DOUBLE] = "float8", [VALUE_TEXT] = "text",    [VALUE_TIMESTAMP] = "timestamp",
        [VALUE_INTERVAL] = "text", [VALUE_JSON] = "jsonb",   [VALUE_NUMBER] = "numeric"};
    struct buf text;
    buf_init(&text);
    value_put_text(&text, &value);
    printf("%s%s%s%s::%s as \"%.*s\"", n++ > 0 ? ", " : "", value.type == VALUE_NULL ? "" : "$v$",
           value.type == VALUE_NULL ? "null" : buf_cstr(&text),
           value.type == VALUE_NULL ? "" : "$v$", types[value.type], SLICE_ARG(name));
    buf_fini(&text);
  }
  if (n == 0) printf("1 as \"no field\"");
  arena_fini(&arena);
}

static int print_sql(const struct triples *triples) {
  printf("set timezone = 'UTC'; set intervalstyle = 'iso_8601'; set datestyle = 'ISO';\n"
         "create function pg_temp.attempt(query text) returns text language plpgsql as $f$\n"
         "declare result text; begin execute query into result;\n"
         "return coalesce(result, 'null');\n"
         "exception when others then return 'error ' || sqlerrm; end $f$;\n");
  for (size_t i = 0; i < triples->n; i++) {
    const struct triple *triple = &triples->list[i];
    if (triple->pg == NULL) continue;
    printf("select '%zu ' || pg_temp.attempt('select to_json(x)::text from (select (' || ", i);
    print_dollar(triple->pg);
    printf(" || E'\\n) as x from (' || $row$");
    print_row(triple->record);
    printf("$row$ || ') as r) as y');\n");
  }
  return 0;
}

/* Times are written without Z there, and fractions as short as can be. */
static bool same_time(const char *ours, const char *theirs) {
  size_t ours_len = strlen(ours), theirs_len = strlen(theirs);
  if (*ours != '"' || ours_len < 3 || strcmp(ours + ours_len - 2, "Z\"") != 0) return false;
  ours_len -= 2;
  theirs_len -= 1;
  if (memchr(ours, '.', ours_len) != NULL)
    while (ours[ours_len - 1] == '0') ours_len--;
  return ours_len == theirs_len && memcmp(ours, theirs, ours_len) == 0;
}

/* Results are equal as JSON, except that numbers may be written in other ways. An error there must
 * be an error here. */
static bool agree(const char *ours, const char *theirs) {
  if (strncmp(theirs, "error ", 6) == 0)
    return strncmp(ours, "error ", 6) == 0 || strstr(ours, "\nerror: ") != NULL;
  if (strcmp(ours, theirs) == 0 || same_time(ours, theirs)) return true;
  char *ours_end, *theirs_end;
  double a = strtod(ours, &ours_end), b = strtod(theirs, &theirs_end);
  bool point = strpbrk(ours, ".e") != NULL || strpbrk(theirs, ".e") != NULL;
  return ours_end != ours && theirs_end != theirs && *ours_end == '\0' && *theirs_end == '\0' &&
         point && a == b;
}

static size_t compare(const struct triples *triples, char *results) {
  size_t wanted = 0, seen = 0, failed = 0;
  for (size_t i = 0; i < triples->n; i++) wanted += triples->list[i].pg != NULL;
  for (char *line = strtok(results, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    char *rest;
    size_t i = strtoul(line, &rest, 10);
    if (rest == line || *rest != ' ' || i >= triples->n) continue;
    seen++;
    const struct triple *triple = &triples->list[i];
    if (agree(triple->result, rest + 1)) continue;
    failed++;
    printf("%s:%zu: %s\n  with %s\n", triple->file, triple->line, triple->pg, triple->record);
    print_lines('-', triple->result);
    printf("  PostgreSQL: %s\n", rest + 1);
  }
  printf("%zu triples compared with PostgreSQL, %zu differ\n", seen, failed);
  if (seen != wanted) printf("%zu triples got no answer\n", wanted - seen);
  return failed + (wanted - seen);
}

int main(int argc, char **argv) {
  struct triples triples = {0};
  arena_init(&triples.arena, 65536);
  bool sql = argc > 1 && strcmp(argv[1], "--sql") == 0;
  bool comparing = argc > 2 && strcmp(argv[1], "--compare") == 0;
  int first = sql ? 2 : comparing ? 3 : 1;
  glob_t found = {0};
  if (argc > first) {
    for (int i = first; i < argc; i++) read_triples(&triples, argv[i]);
  } else {
    const char *srcdir = getenv("srcdir");
    char *pattern = mem_printf("%s/tests/expr/*.test", srcdir != NULL ? srcdir : ".");
    if (glob(pattern, 0, NULL, &found) == 0)
      for (size_t i = 0; i < found.gl_pathc; i++) read_triples(&triples, found.gl_pathv[i]);
    globfree(&found);
    free(pattern);
  }
  size_t failed = triples.n == 0;
  if (triples.n == 0) printf("there are no triples\n");
  if (sql) {
    print_sql(&triples);
  } else if (comparing) {
    failed += compare(&triples, read_all(&triples.arena, argv[2]));
  } else {
    failed += check_all(&triples);
  }
  free(triples.list);
  arena_fini(&triples.arena);
  return failed > 0;
}
