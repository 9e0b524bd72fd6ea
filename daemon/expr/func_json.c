/* func_json: looking into JSON and making it. A JSON value is an array or object kept as its text
 * (value.h); what is taken out of it becomes text, a number, a boolean or NULL like any field. */
#include "daemon/expr/func_call.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/json_text.h"

#include <stdlib.h>

static const char broken_text[] = "this is not JSON";

struct steps {
  struct path_step steps[LIMIT_PATH_STEPS];
  size_t n;
  char *text; /* owned: the names point into it */
};

static void steps_free(void *arg) {
  struct steps *steps = arg;
  if (steps == NULL) return;
  free(steps->text);
  free(steps);
}

/* [12] or [-1], at the bracket. NULL: not an index. */
static const char *read_index(const char *p, const char *end, int64_t *index) {
  bool negative = ++p < end && *p == '-';
  p += negative;
  const char *start = p;
  for (*index = 0; p < end && *p >= '0' && *p <= '9' && p - start < 10; p++)
    *index = *index * 10 + (*p - '0');
  if (p == start || p == end || *p != ']') return NULL;
  if (negative) *index = -*index;
  return p + 1;
}

/* A name up to '.' or '[', or anything in double quotes. */
static const char *read_name(const char *p, const char *end, struct slice *name) {
  const char *start = p;
  if (p < end && *p == '"') {
    const char *quote = memchr(p + 1, '"', (size_t)(end - p - 1));
    if (quote == NULL) return NULL;
    *name = (struct slice){p + 1, (size_t)(quote - p - 1)};
    return quote + 1;
  }
  while (p < end && *p != '.' && *p != '[') p++;
  *name = (struct slice){start, (size_t)(p - start)};
  return p == start ? NULL : p;
}

/* a.b[0]."odd name". NULL: *err says why. */
static struct steps *steps_new(struct slice path, struct err *err) {
  struct steps *steps = mem_zalloc(sizeof *steps);
  steps->text = mem_strndup(path.data, path.len);
  const char *p = steps->text, *end = p + path.len;
  bool first = true;
  while (p != NULL && p < end && steps->n < LIMIT_PATH_STEPS) {
    struct path_step *step = &steps->steps[steps->n++];
    if (*p == '[') {
      step->is_index = true;
      p = read_index(p, end, &step->index);
    } else if (first || *p == '.') {
      p = read_name(p + !first, end, &step->name);
    } else {
      p = NULL;
    }
    first = false;
  }
  if (p == end && steps->n > 0) return steps;
  if (p != NULL && p < end)
    err_set(err, ERR_CONFIG, "a path of more than %d steps", LIMIT_PATH_STEPS);
  else
    err_set(err, ERR_CONFIG, "not a path: one looks like a.b[0].\"odd name\"");
  steps_free(steps);
  return NULL;
}

static int prepare_get(struct disk *disk, const struct value *const *constants, size_t n_args,
                       void **prepared, size_t *bad_arg, struct err *err) {
  (void)disk;
  (void)n_args;
  if (constants[1] == NULL || constants[1]->type != VALUE_TEXT) return 0;
  *bad_arg = 1;
  *prepared = steps_new(value_slice(constants[1]), err);
  return *prepared == NULL ? -1 : 0;
}

static int call_json_get(struct func_call *call, const struct value *args, size_t n_args,
                         struct value *result) {
  (void)n_args;
  struct steps *made = NULL;
  const struct steps *steps = call->prepared;
  struct err err;
  if (steps == NULL && (steps = made = steps_new(value_slice(&args[1]), &err)) == NULL)
    return func_fail(call, "expr.value", arena_printf(call->arena, "%s", err.text));
  int status = json_text_get(value_slice(&args[0]), steps->steps, steps->n, call->arena, result);
  steps_free(made);
  return status < 0 ? func_fail(call, "expr.json", broken_text) : 0;
}

static char first_of(const struct value *json) {
  size_t i = 0;
  while (i < json->len && strchr(" \t\r\n", json->data[i]) != NULL) i++;
  return i < json->len ? json->data[i] : '\0';
}

static int call_keys(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  (void)n_args;
  if (first_of(&args[0]) != '{')
    return func_fail(call, "expr.value", "keys: the JSON value is not an object");
  struct buf buf;
  buf_init(&buf);
  buf_put_char(&buf, '[');
  size_t at = 0;
  struct slice name, member;
  int more;
  while ((more = json_text_next(value_slice(&args[0]), &at, &name, &member)) == 1) {
    buf_put_text(&buf, buf.len > 1 ? ",\"" : "\"");
    buf_put_slice(&buf, name);
    buf_put_char(&buf, '"');
  }
  buf_put_char(&buf, ']');
  if (func_take_text(call, &buf, result) < 0) return -1;
  result->type = VALUE_JSON;
  return more < 0 ? func_fail(call, "expr.json", broken_text) : 0;
}

static int call_array_length(struct func_call *call, const struct value *args, size_t n_args,
                             struct value *result) {
  (void)n_args;
  if (first_of(&args[0]) != '[')
    return func_fail(call, "expr.value", "array_length: the JSON value is not an array");
  size_t at = 0;
  struct slice name, member;
  int64_t n = 0;
  int more;
  while ((more = json_text_next(value_slice(&args[0]), &at, &name, &member)) == 1) n++;
  if (more < 0) return func_fail(call, "expr.json", broken_text);
  *result = value_int(n);
  return 0;
}

static bool is_number(const struct value *v) {
  return v->type == VALUE_INT || v->type == VALUE_DOUBLE || v->type == VALUE_NUMBER;
}

static int call_contains(struct func_call *call, const struct value *args, size_t n_args,
                         struct value *result) {
  (void)n_args;
  if (first_of(&args[0]) != '[')
    return func_fail(call, "expr.value", "contains: the JSON value is not an array");
  /* A timestamp or interval is in the array as its text. */
  struct value wanted = args[1];
  if (wanted.type == VALUE_TIMESTAMP || wanted.type == VALUE_INTERVAL) {
    struct buf buf;
    buf_init(&buf);
    value_put_json(&buf, &wanted);
    wanted = value_text(arena_dup(call->arena, buf.data + 1, buf.len - 2), buf.len - 2);
    buf_fini(&buf);
  }
  size_t at = 0;
  struct slice name, member;
  int more;
  bool found = false;
  while (!found && (more = json_text_next(value_slice(&args[0]), &at, &name, &member)) == 1) {
    struct value element;
    if (json_text_value(member, call->arena, &element) < 0) {
      more = -1;
      break;
    }
    found = (element.type == wanted.type || (is_number(&element) && is_number(&wanted))) &&
            value_compare(&element, &wanted) == 0;
  }
  if (!found && more < 0) return func_fail(call, "expr.json", broken_text);
  *result = value_bool(found);
  return 0;
}

/* What reading the value's JSON would give: only times and intervals change, to text. */
static int call_to_json(struct func_call *call, const struct value *args, size_t n_args,
                        struct value *result) {
  (void)n_args;
  *result = args[0];
  if (args[0].type != VALUE_TIMESTAMP && args[0].type != VALUE_INTERVAL) return 0;
  struct buf buf;
  buf_init(&buf);
  value_put_json(&buf, &args[0]);
  *result = value_text(arena_dup(call->arena, buf.data + 1, buf.len - 2), buf.len - 2);
  result->flags = VALUE_CLEAN;
  buf_fini(&buf);
  return 0;
}

static int call_json_text(struct func_call *call, const struct value *args, size_t n_args,
                          struct value *result) {
  (void)n_args;
  struct buf buf;
  buf_init(&buf);
  value_put_json(&buf, &args[0]);
  return func_take_text(call, &buf, result);
}

#define TEXT VALUE_TEXT
#define JSON VALUE_JSON
#define ANY VALUE_ANY

const struct func func_json_table[] = {
    {.name = "json_get",
     .group = "json",
     .signature = "json_get(json, path text) -> any",
     .text = "what stands at a path like a.b[0]; NULL when there is nothing",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {JSON, TEXT},
     .result_type = ANY,
     .prepare = prepare_get,
     .release = steps_free,
     .call = call_json_get},
    {.name = "keys",
     .group = "json",
     .signature = "keys(json) -> json",
     .text = "the names of an object's members, as an array, in their order",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {JSON},
     .result_type = JSON,
     .call = call_keys},
    {.name = "array_length",
     .group = "json",
     .signature = "array_length(json) -> integer",
     .text = "how many elements an array has",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {JSON},
     .result_type = VALUE_INT,
     .call = call_array_length},
    {.name = "contains",
     .group = "json",
     .signature = "contains(json, any) -> boolean",
     .text = "whether an element of an array equals the value (objects and arrays: byte for byte)",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {JSON, ANY},
     .result_type = VALUE_BOOL,
     .call = call_contains},
    {.name = "to_json",
     .group = "json",
     .signature = "to_json(any) -> any",
     .text = "the value as it will be read back from JSON: times and intervals become text",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {ANY},
     .result_type = ANY,
     .call = call_to_json},
    {.name = "json_text",
     .group = "json",
     .signature = "json_text(any) -> text",
     .text = "the value's JSON as text",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {ANY},
     .result_type = TEXT,
     .call = call_json_text},
    {.name = NULL},
};
