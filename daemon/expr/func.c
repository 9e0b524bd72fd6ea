/* func: the one table of functions, joined from the files' tables, and what their calls share. */
#include "daemon/expr/func.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/base/nearest.h"
#include "daemon/expr/func_call.h"
#include "daemon/record/number.h"

static const struct func *const tables[] = {
    func_string_table,  func_text_table, func_regex_table, func_digest_table,
    func_numeric_table, func_time_table, func_json_table,
};
#define N_TABLES (sizeof tables / sizeof *tables)
#define NAMES_MAX 255

const struct func *func_at(size_t i) {
  for (size_t t = 0; t < N_TABLES; t++)
    for (const struct func *func = tables[t]; func->name != NULL; func++)
      if (i-- == 0) return func;
  return NULL;
}

const struct func *func_find(struct slice name, size_t n_args, bool *name_known) {
  const struct func *func;
  *name_known = false;
  for (size_t i = 0; (func = func_at(i)) != NULL; i++) {
    if (!slice_is(name, func->name)) continue;
    *name_known = true;
    if (n_args >= func->min_args && (func->max_args == FUNC_VARIADIC || n_args <= func->max_args))
      return func;
  }
  return NULL;
}

const char *func_nearest(struct slice name) {
  const char *names[NAMES_MAX + 1];
  const struct func *func;
  size_t n = 0;
  while (n < NAMES_MAX && (func = func_at(n)) != NULL) names[n++] = func->name;
  names[n] = NULL;
  return nearest_of(name, names);
}

int func_fail(struct func_call *call, const char *code, const char *text) {
  call->error_code = code;
  call->error_text = text;
  return -1;
}

int func_fail_type(struct func_call *call, const char *function, const struct value *v) {
  return func_fail(call, "expr.type",
                   arena_printf(call->arena, "%s does not take a value of type %s", function,
                                value_type_name(v->type)));
}

int func_check_bytes(struct func_call *call, size_t bytes) {
  if (bytes <= LIMIT_TEXT_BYTES) return 0;
  return func_fail(
      call, "expr.limit",
      arena_printf(call->arena, "the text would be longer than %d bytes", LIMIT_TEXT_BYTES));
}

int func_take_text(struct func_call *call, struct buf *buf, struct value *result) {
  int status = func_check_bytes(call, buf->len);
  if (status == 0)
    *result = value_text(arena_dup(call->arena, buf->len > 0 ? buf->data : "", buf->len), buf->len);
  buf_fini(buf);
  return status;
}

bool func_number(const struct value *v, double *number) {
  switch (v->type) {
  case VALUE_INT: *number = (double)v->integer; return true;
  case VALUE_DOUBLE: *number = v->number; return true;
  case VALUE_NUMBER: return number_parse_double(v->data, v->len, number) == NUMBER_OK;
  default: return false;
  }
}

char *func_cstr(const struct value *v) {
  return mem_strndup(v->data, v->len);
}
