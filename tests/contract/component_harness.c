/* component_harness: see component_harness.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/io/io.h"
#include "tests/contract/component_harness.h"

#include <stdio.h>

/* ------------------------------------------------------------------ the engine's side */

struct arena *compile_arena(struct compile *compile) {
  return &compile->arena;
}

struct io *compile_io(struct compile *compile) {
  return compile->io;
}

void compile_error(struct compile *compile, struct place place, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  config_error_add(&compile->errors, place, "%s", text);
}

int compile_expr(struct compile *compile, const struct expr_text *text, struct schema *schema,
                 enum expr_place place, enum value_type wanted, struct expr **expr) {
  struct expr_scope scope = {.arena = &compile->arena, .schema = schema, .place = place};
  struct expr_error error;
  if (expr_compile(&scope, text->text, expr, &error) != 0) {
    struct place at = node_place_at(text->node, error.offset, error.len);
    config_error_add(&compile->errors, at, "%s", error.text);
    return -1;
  }
  assert_true(compile->n_exprs < HARNESS_EXPRS_MAX);
  compile->exprs[compile->n_exprs++] = *expr;
  enum value_type type = expr_type(*expr);
  if (wanted == VALUE_ANY || type == VALUE_ANY || type == VALUE_NULL || type == wanted) return 0;
  config_error_add(&compile->errors, text->node->place, "expected %s", value_type_name(wanted));
  return -1;
}

size_t compile_input_count(const struct compile *compile) {
  (void)compile;
  return 1;
}

struct schema *compile_input(struct compile *compile, size_t i) {
  assert_int_equal(i, 0);
  return compile->input;
}

void compile_output(struct compile *compile, const char *port, struct schema *schema) {
  assert_true(compile->n_ports < HARNESS_PORTS_MAX);
  compile->ports[compile->n_ports] = port;
  compile->schemas[compile->n_ports++] = schema;
}

/* ------------------------------------------------------------------ a component */

void compile_init(struct compile *compile, struct io *io, const char *columns) {
  *compile = (struct compile){.io = io};
  arena_init(&compile->arena, 4096);
  config_errors_init(&compile->errors);
  struct rowset *rowset = rowset_new(&compile->arena, columns == NULL);
  compile->input = schema_new(rowset, columns == NULL);
  for (const char *name = columns; name != NULL && *name != '\0';) {
    size_t len = strcspn(name, " ");
    schema_set(compile->input, (struct slice){name, len}, rowset_add_slot(rowset, VALUE_ANY));
    name += len + strspn(name + len, " ");
  }
}

void compile_fini(struct compile *compile) {
  for (size_t i = 0; i < compile->n_exprs; i++) expr_free(compile->exprs[i]);
  config_errors_fini(&compile->errors);
  arena_fini(&compile->arena);
}

static const char *no_env(void *arg, const char *name) {
  (void)arg;
  (void)name;
  return NULL;
}

static struct slice with_folder(struct compile *compile, const char *options, const char *folder) {
  if (folder == NULL) return slice_of(options);
  struct buf yaml;
  buf_init(&yaml);
  for (const char *c = options; *c != '\0'; c++) {
    if (*c == '@')
      buf_put_text(&yaml, folder);
    else
      buf_put_char(&yaml, *c);
  }
  struct slice text = arena_slice(&compile->arena, buf_slice(&yaml));
  buf_fini(&yaml);
  return text;
}

void *compile_component(struct compile *compile, const struct component_type *type,
                        int (*compile_plugin)(void *instance, struct compile *compile),
                        const char *options, const char *folder) {
  struct config_source source = {.disk = compile->io != NULL ? compile->io->disk : NULL,
                                 .env = no_env};
  compile->file =
      (struct config_file){.path = "test.yaml", .text = with_folder(compile, options, folder)};
  struct node *node = node_parse(&compile->arena, &compile->file, &source, &compile->errors);
  void *instance = arena_zalloc(&compile->arena, type->instance_bytes);
  if (node == NULL) return instance;
  options_read(type->options, node, instance, &compile->arena, &compile->errors);
  if (type->check != NULL && !config_errors_any(&compile->errors))
    type->check(instance, node, &compile->errors);
  if (config_errors_any(&compile->errors) || compile_plugin == NULL) return instance;
  int result = compile_plugin(instance, compile);
  assert_int_equal(result != 0, config_errors_any(&compile->errors));
  return instance;
}

int compile_result(struct compile *compile, struct err *err) {
  if (!config_errors_any(&compile->errors)) return 0;
  struct buf text;
  buf_init(&text);
  config_errors_put(&compile->errors, &text);
  err_set(err, ERR_CONFIG, "%s", buf_cstr(&text));
  buf_fini(&text);
  return -1;
}
