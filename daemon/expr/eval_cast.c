/* eval_cast: cast(x as type), x::type and try_cast(x as type).
 *
 * Text is read as PostgreSQL reads it (blanks around it are fine); a double becomes an integer by
 * rounding half to even. Integers have 64 bits whatever the type is called. */
#include "daemon/expr/eval.h"

#include "daemon/expr/lex.h"
#include "daemon/record/json_text.h"
#include "daemon/record/number.h"

#include <math.h>

static const struct {
  const char *name;
  enum value_type to;
  bool as_json;
} types[] = {{"integer", VALUE_INT, false},
             {"int", VALUE_INT, false},
             {"bigint", VALUE_INT, false},
             {"double", VALUE_DOUBLE, false},
             {"float", VALUE_DOUBLE, false},
             {"text", VALUE_TEXT, false},
             {"boolean", VALUE_BOOL, false},
             {"timestamp", VALUE_TIMESTAMP, false},
             {"timestamptz", VALUE_TIMESTAMP, false},
             {"interval", VALUE_INTERVAL, false},
             {"json", VALUE_ANY, true},
             {"bool", VALUE_BOOL, false}};

const char *const cast_type_names[] = {"integer", "int",     "bigint",    "double",      "float",
                                       "text",    "boolean", "timestamp", "timestamptz", "interval",
                                       "json",    "bool",    NULL};

bool cast_type(struct slice name, enum value_type *to, bool *as_json) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (!word_is(name, types[i].name)) continue;
    *to = types[i].to;
    *as_json = types[i].as_json;
    return true;
  }
  return false;
}

bool cast_possible(enum value_type from, enum value_type to) {
  if (from == to || from == VALUE_NULL || from == VALUE_ANY || from == VALUE_TEXT) return true;
  switch (to) {
  case VALUE_TEXT:
  case VALUE_ANY: return true;
  case VALUE_INT: return type_is_number(from) || from == VALUE_BOOL;
  case VALUE_DOUBLE: return type_is_number(from);
  case VALUE_BOOL: return from == VALUE_INT;
  default: return false;
  }
}

const char *cast_hint(enum value_type from, enum value_type to) {
  if (to == VALUE_TIMESTAMP && type_is_number(from)) return "; use to_timestamp()";
  if (to == VALUE_INT && from == VALUE_TIMESTAMP)
    return "; use epoch_ms() or extract(epoch from ...)";
  if (to == VALUE_DOUBLE && from == VALUE_TIMESTAMP) return "; use extract(epoch from ...)";
  if (from == VALUE_INTERVAL && type_is_number(to)) return "; use extract(epoch from ...)";
  if (to == VALUE_INTERVAL && type_is_number(from)) return "; multiply with interval '1 second'";
  return "";
}

static struct slice trimmed(struct slice text) {
  while (text.len > 0 && (*text.data == ' ' || (*text.data >= '\t' && *text.data <= '\r'))) {
    text.data++;
    text.len--;
  }
  while (text.len > 0) {
    char c = text.data[text.len - 1];
    if (c != ' ' && (c < '\t' || c > '\r')) break;
    text.len--;
  }
  return text;
}

/* 0, or -1 with the code of the error. */
static int cast_text_int(struct slice text, struct value *out, const char **code) {
  size_t i = 0;
  bool minus = text.len > 0 && text.data[0] == '-';
  if (minus || (text.len > 0 && text.data[0] == '+')) i++;
  if (i == text.len) return -1;
  int64_t integer = 0;
  bool overflow = false;
  for (; i < text.len; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return -1;
    int digit = text.data[i] - '0';
    overflow |= __builtin_mul_overflow(integer, 10, &integer) ||
                __builtin_add_overflow(integer, minus ? -digit : digit, &integer);
  }
  if (overflow) {
    *code = "expr.range";
    return -1;
  }
  *out = value_int(integer);
  return 0;
}

static int cast_text_double(struct slice text, struct value *out, const char **code) {
  bool digits = false;
  for (size_t i = 0; i < text.len; i++) digits |= text.data[i] >= '0' && text.data[i] <= '9';
  if (!digits) return -1;
  if (text.data[0] == '+' && text.len > 1 && text.data[1] != '-') {
    text.data++;
    text.len--;
  }
  double number;
  enum number_result result = number_parse_double(text.data, text.len, &number);
  if (result == NUMBER_RANGE) *code = "expr.range";
  if (result != NUMBER_OK) return -1;
  *out = value_double(number);
  return 0;
}

/* PostgreSQL takes any beginning of these words that is not the beginning of another. */
static int cast_text_bool(struct slice text, struct value *out) {
  static const struct {
    const char *word;
    size_t least;
    bool boolean;
  } words[] = {{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
               {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t len = strlen(words[i].word), same = 0;
    while (same < text.len && same < len &&
           (words[i].word[same] == text.data[same] ||
            (text.data[same] >= 'A' && text.data[same] <= 'Z' &&
             words[i].word[same] == text.data[same] + ('a' - 'A'))))
      same++;
    if (same != text.len || same < words[i].least) continue;
    *out = value_bool(words[i].boolean);
    return 0;
  }
  return -1;
}

static int cast_from_text(struct arena *arena, enum value_type to, struct slice text,
                          struct value *out, const char **code) {
  int64_t us;
  switch (to) {
  case VALUE_INT: return cast_text_int(trimmed(text), out, code);
  case VALUE_DOUBLE: return cast_text_double(trimmed(text), out, code);
  case VALUE_BOOL: return cast_text_bool(trimmed(text), out);
  case VALUE_TIMESTAMP:
    if (time_parse(trimmed(text), &us) != 0) return -1;
    *out = value_timestamp(us);
    return 0;
  case VALUE_INTERVAL:
    if (time_parse_interval(trimmed(text), &us) != 0) return -1;
    *out = value_interval(us);
    return 0;
  default:
    if (!json_text_valid(text)) return -1;
    return json_text_value(text, arena, out);
  }
}

static int cast_double_int(double number, struct value *out, const char **code) {
  double whole = rint(number);
  if (!(whole >= -0x1p63 && whole < 0x1p63)) {
    *code = "expr.range";
    return -1;
  }
  *out = value_int((int64_t)whole);
  return 0;
}

/* The value's type is neither NULL nor the one wanted, and cast_possible(). */
static int cast_value(struct arena *arena, const struct node *node, const struct value *value,
                      struct value *out, const char **code) {
  enum value_type to = node->cast.to;
  if (value->type == VALUE_TEXT) return cast_from_text(arena, to, value_slice(value), out, code);
  if (to == VALUE_ANY) {
    *out = *value;
    return 0;
  }
  if (to == VALUE_TEXT) {
    struct buf buf;
    buf_init(&buf);
    value_put_text(&buf, value);
    *out = value_text(arena_dup(arena, buf.data, buf.len), buf.len);
    buf_fini(&buf);
    return 0;
  }
  if (value->type == VALUE_NUMBER) {
    *code = "expr.range";
    return to == VALUE_DOUBLE ? cast_text_double(value_slice(value), out, code) : -1;
  }
  if (to == VALUE_BOOL) {
    *out = value_bool(value->integer != 0);
    return 0;
  }
  if (value->type == VALUE_BOOL) {
    *out = value_int(value->boolean);
    return 0;
  }
  if (to == VALUE_INT) return cast_double_int(value->number, out, code);
  *out = value_double((double)value->integer);
  return 0;
}

/* "cannot read "abc" as integer" */
static const char *cast_sentence(struct arena *arena, const struct node *node,
                                 const struct value *value, const char *code) {
  struct buf buf;
  buf_init(&buf);
  const char *name = node->cast.as_json ? "json" : value_type_name(node->cast.to);
  if (code[5] == 'r') {
    value_put_text(&buf, value);
    struct slice shown = {buf.data, buf.len > 60 ? 60 : buf.len};
    const char *text =
        arena_printf(arena, "%.*s is out of the range of %s", SLICE_ARG(shown), name);
    buf_fini(&buf);
    return text;
  }
  struct slice text = value_slice(value);
  if (text.len > 60) text.len = 60;
  value_put_json_string(&buf, text);
  const char *sentence =
      arena_printf(arena, "cannot read %.*s as %s", (int)buf.len, buf.data, name);
  buf_fini(&buf);
  return sentence;
}

static struct value cast_row(struct eval *eval, const struct node *node, uint32_t row,
                             const struct value *value) {
  struct arena *arena = &eval->batch->arena;
  struct value out = value_null();
  const char *code = "expr.cast";
  if (!cast_possible(value->type, node->cast.to)) {
    if (!node->cast.try_it)
      eval_fail(eval, row, "expr.type",
                arena_printf(arena, "cannot cast %s to %s%s", value_type_name(value->type),
                             value_type_name(node->cast.to),
                             cast_hint(value->type, node->cast.to)));
    return out;
  }
  if (cast_value(arena, node, value, &out, &code) == 0) return out;
  if (!node->cast.try_it) eval_fail(eval, row, code, cast_sentence(arena, node, value, code));
  return value_null();
}

struct column eval_cast(struct eval *eval, const struct node *node, struct view rows) {
  struct column arg = eval_node(eval, node->args[0], rows);
  struct value *out = column_new(eval);
  for (uint32_t i = 0; i < rows.n; i++) {
    uint32_t row = view_row(&rows, i);
    const struct value *value = column_at(&arg, row);
    bool done = value->type == VALUE_NULL || value->type == node->cast.to;
    out[row] = done ? *value : cast_row(eval, node, row, value);
  }
  column_drop(eval, &arg);
  return column_of(out);
}
