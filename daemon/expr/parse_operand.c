/* parse_operand: what stands between operators: literals, fields, calls, the special forms that
 * look like calls, case, parentheses; and the casts behind them. */
#include "daemon/expr/parse.h"

#include "daemon/base/limits.h"
#include "daemon/base/nearest.h"
#include "daemon/record/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct node *node_const(struct parser *parser, size_t offset, struct value value) {
  struct node *node = node_new(parser->compile, NODE_CONST, offset, parser->taken_end, NULL, 0);
  if (node == NULL) return NULL;
  node->value = value;
  node->type = value.type;
  node->literal = true;
  return node;
}

static struct node *parse_number(struct parser *parser) {
  struct token token = parser->token;
  struct slice text = token_text(parser->lexer.text, &token);
  char *copy = arena_dup(parser->compile->scope->arena, text.data, text.len);
  parser_take(parser);
  errno = 0;
  if (token.kind == TOKEN_INTEGER) {
    long long integer = strtoll(copy, NULL, 10);
    if (errno == 0) return node_const(parser, token.offset, value_int(integer));
    while (*copy == '0') copy++;
    struct value value = value_text(copy, strlen(copy));
    value.type = VALUE_NUMBER;
    return node_const(parser, token.offset, value);
  }
  double number;
  if (number_parse_double(text.data, text.len, &number) != NUMBER_OK) {
    compile_fail(parser->compile, token.offset, token.len, "this number is too large for a double");
    return NULL;
  }
  return node_const(parser, token.offset, value_double(number));
}

static int take_string(struct parser *parser, struct slice *text) {
  struct token token = parser->token;
  const char *problem;
  if (lex_string(parser->lexer.text, &token, parser->compile->scope->arena, text, &problem) != 0)
    return compile_fail(parser->compile, token.offset, token.len, "%s", problem);
  parser_take(parser);
  return 0;
}

static struct node *parse_string(struct parser *parser) {
  size_t offset = parser->token.offset;
  struct slice text;
  if (take_string(parser, &text) != 0) return NULL;
  return node_const(parser, offset, value_text(text.data, text.len));
}

/* Whether a time's text tells its distance from UTC. */
static bool has_offset(struct slice text) {
  if (text.len > 0 && (text.data[text.len - 1] | 0x20) == 'z') return true;
  const char *colon = memchr(text.data, ':', text.len);
  for (const char *at = colon; at != NULL && at < text.data + text.len; at++)
    if (*at == '+' || *at == '-') return true;
  return false;
}

/* timestamp '...', timestamptz '...', interval '...'. */
static struct node *parse_typed(struct parser *parser, enum value_type type, bool zoned) {
  size_t offset = parser->token.offset;
  parser_take(parser);
  struct token token = parser->token;
  struct slice text;
  if (take_string(parser, &text) != 0) return NULL;
  int64_t us;
  bool bad =
      type == VALUE_TIMESTAMP ? time_parse(text, &us) != 0 : time_parse_interval(text, &us) != 0;
  if (bad) {
    compile_fail(parser->compile, token.offset, token.len,
                 type == VALUE_TIMESTAMP
                     ? "this is not a time; times look like '2026-01-31 23:59:59'"
                     : "this is not an interval of fixed length; intervals look like '5 minutes', "
                       "'1 day 02:00:00' or 'PT5M', and have no months or years");
    return NULL;
  }
  struct node *node = node_const(
      parser, offset, type == VALUE_TIMESTAMP ? value_timestamp(us) : value_interval(us));
  if (node != NULL) node->wall = type == VALUE_TIMESTAMP && !zoned && !has_offset(text);
  return node;
}

/* `.name`, `["name"]`, `['name']` or `[index]` behind a field. */
static int parse_step(struct parser *parser, struct path_step *step) {
  *step = (struct path_step){0};
  struct compile *compile = parser->compile;
  if (parser_try_op(parser, '.')) {
    if (parser->token.kind == TOKEN_NAME) {
      step->name = token_text(parser->lexer.text, &parser->token);
      parser_take(parser);
      return 0;
    }
    if (parser->token.kind == TOKEN_QUOTED) return take_string(parser, &step->name);
    parser_unexpected(parser, "a field's name");
    return -1;
  }
  parser_take(parser); /* [ */
  if (parser->token.kind == TOKEN_STRING || parser->token.kind == TOKEN_QUOTED) {
    if (take_string(parser, &step->name) != 0) return -1;
    return parser_want_op(parser, ']', "]");
  }
  step->is_index = true;
  bool minus = parser_try_op(parser, '-');
  struct token token = parser->token;
  if (token.kind != TOKEN_INTEGER) {
    parser_unexpected(parser, "a number or a name in quotes");
    return -1;
  }
  if (token.len > 9)
    return compile_fail(compile, token.offset, token.len, "this index is too large");
  for (size_t i = 0; i < token.len; i++)
    step->index = step->index * 10 + (parser->lexer.text.data[token.offset + i] - '0');
  if (minus) step->index = -step->index;
  parser_take(parser);
  return parser_want_op(parser, ']', "]");
}

static struct node *parse_field(struct parser *parser) {
  size_t offset = parser->token.offset;
  struct path_step steps[LIMIT_PATH_STEPS];
  steps[0] = (struct path_step){0};
  if (parser->token.kind == TOKEN_QUOTED) {
    if (take_string(parser, &steps[0].name) != 0) return NULL;
  } else {
    steps[0].name = token_text(parser->lexer.text, &parser->token);
    parser_take(parser);
  }
  uint32_t n = 1;
  while (parser_at_op(parser, '.') || parser_at_op(parser, '[')) {
    if (n == LIMIT_PATH_STEPS) {
      compile_fail(parser->compile, offset, parser->taken_end - offset,
                   "a path has at most %d steps", LIMIT_PATH_STEPS);
      return NULL;
    }
    if (parse_step(parser, &steps[n++]) != 0) return NULL;
  }
  struct node *node = node_new(parser->compile, NODE_FIELD, offset, parser->taken_end, NULL, 0);
  if (node == NULL) return NULL;
  struct arena *arena = parser->compile->scope->arena;
  node->field.path = (struct path){arena_alloc(arena, n * sizeof *steps), n};
  memcpy(node->field.path.steps, steps, n * sizeof *steps);
  return node;
}

static int parse_type(struct parser *parser, struct node *node) {
  struct token token = parser->token;
  if (token.kind != TOKEN_NAME) {
    parser_unexpected(parser, "a type");
    return -1;
  }
  struct slice name = token_text(parser->lexer.text, &token);
  if (!cast_type(name, &node->cast.to, &node->cast.as_json)) {
    const char *nearest = nearest_of(name, cast_type_names);
    return compile_fail(parser->compile, token.offset, token.len, "unknown type %.*s%s%s%s",
                        SLICE_ARG(name), nearest != NULL ? "; did you mean " : "",
                        nearest != NULL ? nearest
                                        : "; types are integer, double, text, boolean, "
                                          "timestamp, interval and json",
                        nearest != NULL ? "?" : "");
  }
  bool is_double = word_is(name, "double");
  parser_take(parser);
  if (is_double) parser_try_word(parser, "precision");
  return 0;
}

static struct node *node_cast(struct parser *parser, size_t offset, struct node *arg) {
  struct node **args = arena_alloc(parser->compile->scope->arena, sizeof *args);
  args[0] = arg;
  return node_new(parser->compile, NODE_CAST, offset, parser->taken_end, args, 1);
}

/* cast(x as type), try_cast(x as type); at the word. */
static struct node *parse_cast(struct parser *parser, bool try_it) {
  size_t offset = parser->token.offset;
  parser_take(parser);
  parser_take(parser);
  struct node *arg = parse_level(parser, LEVEL_OR);
  if (arg == NULL || parser_want_word(parser, "as") != 0) return NULL;
  struct node *node = node_cast(parser, offset, arg);
  if (node == NULL || parse_type(parser, node) != 0 || parser_want_op(parser, ')', ")") != 0)
    return NULL;
  node->cast.try_it = try_it;
  node->len = (uint32_t)(parser->taken_end - offset);
  return node;
}

/* extract(unit from x) is the function extract('unit', x). */
static struct node *parse_extract(struct parser *parser) {
  size_t offset = parser->token.offset;
  struct token name = parser->token;
  parser_take(parser);
  parser_take(parser);
  struct node_list list = {0};
  struct token unit = parser->token, next = parser_peek(parser);
  bool from = unit.kind == TOKEN_NAME && next.kind == TOKEN_NAME &&
              word_is(token_text(parser->lexer.text, &next), "from");
  if (from) {
    struct slice text = token_text(parser->lexer.text, &unit);
    parser_take(parser);
    struct node *node = node_const(parser, unit.offset, value_text(text.data, text.len));
    if (node == NULL) return NULL;
    node_list_add(parser, &list, node);
    parser_take(parser);
  } else {
    struct node *node = parse_level(parser, LEVEL_OR);
    if (node == NULL) return NULL;
    node_list_add(parser, &list, node);
    if (!parser_at_word(parser, "from") && !parser_at_op(parser, ','))
      return parser_unexpected(parser, "from");
    parser_take(parser);
  }
  struct node *time = parse_level(parser, LEVEL_OR);
  if (time == NULL || parser_want_op(parser, ')', ")") != 0) return NULL;
  node_list_add(parser, &list, time);
  struct node *node =
      node_new(parser->compile, NODE_CALL, offset, parser->taken_end, list.items, list.n);
  if (node != NULL) node->call.name = token_text(parser->lexer.text, &name);
  return node;
}

/* name(args): a function, coalesce or nullif; at the name. */
static struct node *parse_call(struct parser *parser) {
  struct token token = parser->token;
  struct slice name = token_text(parser->lexer.text, &token);
  struct node_list list = {0};
  parser_take(parser);
  parser_take(parser);
  if (parser_at_op(parser, '*')) {
    parser_take(parser);
    parser_try_op(parser, ')');
    compile_fail(parser->compile, token.offset, parser->taken_end - token.offset,
                 "%.*s(*) is an aggregate; it can stand only at the top of an aggregate",
                 SLICE_ARG(name));
    return NULL;
  }
  if (!parser_at_op(parser, ')')) {
    do {
      struct node *arg = parse_level(parser, LEVEL_OR);
      if (arg == NULL) return NULL;
      node_list_add(parser, &list, arg);
    } while (parser_try_op(parser, ','));
  }
  if (parser_want_op(parser, ')', list.n == 0 ? "a value or )" : ", or )") != 0) return NULL;
  enum node_kind kind = NODE_CALL;
  if (word_is(name, "coalesce")) kind = NODE_COALESCE;
  if (word_is(name, "nullif")) kind = NODE_NULLIF;
  struct node *node =
      node_new(parser->compile, kind, token.offset, parser->taken_end, list.items, list.n);
  if (node == NULL) return NULL;
  bool right = kind == NODE_CALL || (kind == NODE_COALESCE ? list.n > 0 : list.n == 2);
  if (!right) {
    compile_fail(parser->compile, node->offset, node->len,
                 kind == NODE_NULLIF ? "nullif takes 2 arguments, not %zu"
                                     : "coalesce takes 1 or more arguments, not %zu",
                 list.n);
    return NULL;
  }
  if (kind == NODE_CALL) node->call.name = name;
  return node;
}

static struct node *parse_case(struct parser *parser) {
  size_t offset = parser->token.offset;
  struct node_list list = {0};
  parser_take(parser);
  bool operand = !parser_at_word(parser, "when");
  if (operand) {
    struct node *node = parse_level(parser, LEVEL_OR);
    if (node == NULL) return NULL;
    node_list_add(parser, &list, node);
  }
  if (!parser_at_word(parser, "when")) return parser_unexpected(parser, "when");
  while (parser_try_word(parser, "when")) {
    struct node *when = parse_level(parser, LEVEL_OR);
    if (when == NULL || parser_want_word(parser, "then") != 0) return NULL;
    struct node *then = parse_level(parser, LEVEL_OR);
    if (then == NULL) return NULL;
    node_list_add(parser, &list, when);
    node_list_add(parser, &list, then);
  }
  struct node *otherwise = NULL;
  if (parser_try_word(parser, "else")) {
    otherwise = parse_level(parser, LEVEL_OR);
  } else {
    otherwise = node_const(parser, parser->taken_end, value_null());
  }
  if (otherwise == NULL) return NULL;
  node_list_add(parser, &list, otherwise);
  if (!parser_at_word(parser, "end")) return parser_unexpected(parser, "when, else or end");
  parser_take(parser);
  struct node *node =
      node_new(parser->compile, NODE_CASE, offset, parser->taken_end, list.items, list.n);
  if (node != NULL) node->op = operand;
  return node;
}

static struct node *parse_parenthesised(struct parser *parser) {
  size_t offset = parser->token.offset;
  parser_take(parser);
  struct node *node = parse_level(parser, LEVEL_OR);
  if (node == NULL || parser_want_op(parser, ')', ")") != 0) return NULL;
  node->offset = (uint32_t)offset;
  node->len = (uint32_t)(parser->taken_end - offset);
  return node;
}

static struct node *parse_word(struct parser *parser) {
  static const struct {
    const char *word;
    enum value_type type;
    bool zoned;
  } typed[] = {{"timestamp", VALUE_TIMESTAMP, false},
               {"timestamptz", VALUE_TIMESTAMP, true},
               {"interval", VALUE_INTERVAL, false}};
  size_t offset = parser->token.offset;
  struct token next = parser_peek(parser);
  bool call = next.kind == TOKEN_OP && next.op == '(';
  if (parser_at_word(parser, "case")) return parse_case(parser);
  if (parser_try_word(parser, "null")) return node_const(parser, offset, value_null());
  if (parser_try_word(parser, "true")) return node_const(parser, offset, value_bool(true));
  if (parser_try_word(parser, "false")) return node_const(parser, offset, value_bool(false));
  for (size_t i = 0; i < sizeof typed / sizeof *typed; i++)
    if (next.kind == TOKEN_STRING && parser_at_word(parser, typed[i].word))
      return parse_typed(parser, typed[i].type, typed[i].zoned);
  if (call && parser_at_word(parser, "cast")) return parse_cast(parser, false);
  if (call && parser_at_word(parser, "try_cast")) return parse_cast(parser, true);
  if (call && parser_at_word(parser, "extract")) return parse_extract(parser);
  struct slice word = token_text(parser->lexer.text, &parser->token);
  if (is_reserved(word)) {
    compile_fail(parser->compile, offset, word.len,
                 "expected a value, not %.*s (a field of that name is written \"%.*s\")",
                 SLICE_ARG(word), SLICE_ARG(word));
    return NULL;
  }
  return call ? parse_call(parser) : parse_field(parser);
}

static struct node *parse_plain(struct parser *parser) {
  switch (parser->token.kind) {
  case TOKEN_INTEGER:
  case TOKEN_DECIMAL: return parse_number(parser);
  case TOKEN_STRING: return parse_string(parser);
  case TOKEN_QUOTED: return parse_field(parser);
  case TOKEN_NAME: return parse_word(parser);
  default:
    if (parser_at_op(parser, '(')) return parse_parenthesised(parser);
    return parser_unexpected(parser, "a value");
  }
}

struct node *parse_operand(struct parser *parser) {
  size_t offset = parser->token.offset;
  struct node *node = parse_plain(parser);
  while (node != NULL && parser_at_op(parser, OP_CAST)) {
    parser_take(parser);
    node = node_cast(parser, offset, node);
    if (node == NULL || parse_type(parser, node) != 0) return NULL;
    node->len = (uint32_t)(parser->taken_end - offset);
  }
  if (node != NULL && (parser_at_op(parser, '[') || parser_at_op(parser, '.'))) {
    compile_fail(parser->compile, parser->token.offset, parser->token.len,
                 "only a field can be followed by %s; look into other values with json_get()",
                 parser_at_op(parser, '[') ? "an index" : "a name");
    return NULL;
  }
  return node;
}
