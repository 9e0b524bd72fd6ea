/* parse: operators and their precedence; see parse.h.
 *
 * parse_level(n) reads an operand and then every operator that binds at least as strongly as n.
 * What must stay true: nesting of calls to parse_level() is bounded by LIMIT_EXPR_DEPTH, and so is
 * the depth of the tree (node_new() sees to it), so neither parentheses nor prefix operators nor
 * long chains can exhaust the stack. */
#include "daemon/expr/parse.h"

#include "daemon/base/limits.h"
#include "daemon/base/nearest.h"

#include <string.h>

void node_list_add(struct parser *parser, struct node_list *list, struct node *node) {
  if (list->n == list->cap) {
    size_t cap = list->cap == 0 ? 4 : list->cap * 2;
    struct node **items = arena_alloc(parser->compile->scope->arena, cap * sizeof(struct node *));
    if (list->n > 0) memcpy(items, list->items, list->n * sizeof(struct node *));
    list->items = items;
    list->cap = cap;
  }
  list->items[list->n++] = node;
}

/* Words that cannot be a field's name without double quotes. */
static const char *const reserved[] = {"and",   "or",   "not",  "in",   "between", "like",
                                       "ilike", "is",   "null", "true", "false",   "case",
                                       "when",  "then", "else", "end",  NULL};

bool is_reserved(struct slice word) {
  for (size_t i = 0; reserved[i] != NULL; i++)
    if (word_is(word, reserved[i])) return true;
  return false;
}

void parser_take(struct parser *parser) {
  parser->taken_end = parser->token.offset + parser->token.len;
  parser->token = lex_next(&parser->lexer);
}

struct token parser_peek(const struct parser *parser) {
  struct lexer ahead = parser->lexer;
  return lex_next(&ahead);
}

bool parser_at_op(const struct parser *parser, unsigned op) {
  return parser->token.kind == TOKEN_OP && parser->token.op == op;
}
bool parser_at_word(const struct parser *parser, const char *word) {
  return parser->token.kind == TOKEN_NAME &&
         word_is(token_text(parser->lexer.text, &parser->token), word);
}
bool parser_try_op(struct parser *parser, unsigned op) {
  if (!parser_at_op(parser, op)) return false;
  parser_take(parser);
  return true;
}
bool parser_try_word(struct parser *parser, const char *word) {
  if (!parser_at_word(parser, word)) return false;
  parser_take(parser);
  return true;
}

static const char *const keywords[] = {"and",      "or",    "not",    "in",     "between", "like",
                                       "ilike",    "is",    "null",   "true",   "false",   "case",
                                       "when",     "then",  "else",   "end",    "from",    "as",
                                       "distinct", "where", "filter", "escape", "unknown", NULL};

struct node *parser_unexpected(struct parser *parser, const char *wanted) {
  struct token token = parser->token;
  if (token.kind == TOKEN_BAD) {
    compile_fail(parser->compile, token.offset, token.len, "%s", token.problem);
  } else if (token.kind == TOKEN_END) {
    compile_fail(parser->compile, token.offset, 0, "expected %s, but the expression ends here",
                 wanted);
  } else {
    struct slice text = token_text(parser->lexer.text, &token);
    struct slice shown = {text.data, text.len > 40 ? 40 : text.len};
    const char *hint = token.kind == TOKEN_NAME ? nearest_of(text, keywords) : NULL;
    if (hint != NULL && !word_is(text, hint)) {
      compile_fail(parser->compile, token.offset, token.len,
                   "expected %s, not %.*s; did you mean %s?", wanted, SLICE_ARG(shown), hint);
    } else {
      compile_fail(parser->compile, token.offset, token.len, "expected %s, not %.*s", wanted,
                   SLICE_ARG(shown));
    }
  }
  return NULL;
}

int parser_want_op(struct parser *parser, unsigned op, const char *wanted) {
  if (parser_try_op(parser, op)) return 0;
  parser_unexpected(parser, wanted);
  return -1;
}
int parser_want_word(struct parser *parser, const char *word) {
  if (parser_try_word(parser, word)) return 0;
  parser_unexpected(parser, word);
  return -1;
}

static struct node *node_of(struct parser *parser, enum node_kind kind, struct node **children,
                            size_t n) {
  struct node **args = arena_alloc(parser->compile->scope->arena, n * sizeof *args);
  memcpy(args, children, n * sizeof *args);
  return node_new(parser->compile, kind, children[0]->offset, parser->taken_end, args, n);
}

/* An operator waiting for its right side, as far as the next token tells. */
struct waiting {
  enum level level; /* 0: none */
  enum node_kind kind;
  uint8_t op;
  bool negated; /* the token before was `not` */
};

static struct waiting operator_of_op(unsigned op) {
  switch (op) {
  case '=': return (struct waiting){LEVEL_COMPARE, NODE_COMPARE, COMPARE_EQ, false};
  case OP_NE: return (struct waiting){LEVEL_COMPARE, NODE_COMPARE, COMPARE_NE, false};
  case '<': return (struct waiting){LEVEL_COMPARE, NODE_COMPARE, COMPARE_LT, false};
  case OP_LE: return (struct waiting){LEVEL_COMPARE, NODE_COMPARE, COMPARE_LE, false};
  case '>': return (struct waiting){LEVEL_COMPARE, NODE_COMPARE, COMPARE_GT, false};
  case OP_GE: return (struct waiting){LEVEL_COMPARE, NODE_COMPARE, COMPARE_GE, false};
  case OP_CONCAT: return (struct waiting){LEVEL_OTHER, NODE_CONCAT, 0, false};
  case OP_MATCH: return (struct waiting){LEVEL_OTHER, NODE_MATCH, 0, false};
  case OP_IMATCH: return (struct waiting){LEVEL_OTHER, NODE_MATCH, 1, false};
  case OP_NOT_MATCH: return (struct waiting){LEVEL_OTHER, NODE_MATCH, 0, true};
  case OP_NOT_IMATCH: return (struct waiting){LEVEL_OTHER, NODE_MATCH, 1, true};
  case '+':
  case '-': return (struct waiting){LEVEL_ADD, NODE_ARITH, 0, false};
  case '*':
  case '/':
  case '%': return (struct waiting){LEVEL_MULTIPLY, NODE_ARITH, 0, false};
  case '^': return (struct waiting){LEVEL_POWER, NODE_ARITH, 0, false};
  default: return (struct waiting){0};
  }
}

static struct waiting operator_of_word(struct slice word) {
  if (word_is(word, "or")) return (struct waiting){LEVEL_OR, NODE_OR, 0, false};
  if (word_is(word, "and")) return (struct waiting){LEVEL_AND, NODE_AND, 0, false};
  if (word_is(word, "is")) return (struct waiting){LEVEL_IS, NODE_IS, 0, false};
  if (word_is(word, "in")) return (struct waiting){LEVEL_LIKE, NODE_IN, 0, false};
  if (word_is(word, "between")) return (struct waiting){LEVEL_LIKE, NODE_BETWEEN, 0, false};
  if (word_is(word, "like")) return (struct waiting){LEVEL_LIKE, NODE_LIKE, 0, false};
  if (word_is(word, "ilike")) return (struct waiting){LEVEL_LIKE, NODE_LIKE, 1, false};
  if (word_is(word, "at")) return (struct waiting){LEVEL_AT, NODE_ZONE, 0, false};
  return (struct waiting){0};
}

static struct waiting peek_operator(const struct parser *parser) {
  if (parser->token.kind == TOKEN_OP) return operator_of_op(parser->token.op);
  if (parser->token.kind != TOKEN_NAME) return (struct waiting){0};
  if (!parser_at_word(parser, "not"))
    return operator_of_word(token_text(parser->lexer.text, &parser->token));
  struct token next = parser_peek(parser);
  if (next.kind != TOKEN_NAME) return (struct waiting){0};
  struct waiting waiting = operator_of_word(token_text(parser->lexer.text, &next));
  if (waiting.level != LEVEL_LIKE) return (struct waiting){0};
  waiting.negated = true;
  return waiting;
}

/* left op right op right ...: one node for the whole chain of a level. */
static struct node *parse_chain(struct parser *parser, struct node *left, struct waiting waiting) {
  struct arena *arena = parser->compile->scope->arena;
  struct node_list list = {0};
  node_list_add(parser, &list, left);
  struct arith_step *steps = NULL;
  size_t n_steps = 0, cap_steps = 0;
  for (;;) {
    if (n_steps == cap_steps) {
      struct arith_step *more = arena_alloc(arena, (cap_steps = cap_steps * 2 + 4) * sizeof *more);
      if (n_steps > 0) memcpy(more, steps, n_steps * sizeof *more);
      steps = more;
    }
    if (n_steps == 0) steps[n_steps++] = (struct arith_step){0};
    steps[n_steps++] = (struct arith_step){(char)parser->token.op, (uint32_t)parser->token.offset};
    parser_take(parser);
    struct node *right = parse_level(parser, waiting.level + 1);
    if (right == NULL) return NULL;
    node_list_add(parser, &list, right);
    struct waiting next = peek_operator(parser);
    if (next.level != waiting.level || next.kind != waiting.kind) break;
  }
  struct node *node = node_of(parser, waiting.kind, list.items, list.n);
  if (node != NULL && waiting.kind == NODE_ARITH) node->steps = steps;
  return node;
}

static struct node *parse_is(struct parser *parser, struct node *left) {
  parser_take(parser);
  bool negated = parser_try_word(parser, "not");
  if (parser_try_word(parser, "distinct")) {
    if (parser_want_word(parser, "from") != 0) return NULL;
    struct node *right = parse_level(parser, LEVEL_IS + 1);
    if (right == NULL) return NULL;
    struct node *node = node_of(parser, NODE_DISTINCT, (struct node *[]){left, right}, 2);
    if (node != NULL) node->negated = negated;
    return node;
  }
  static const char *const words[] = {
      [IS_NULL] = "null", [IS_TRUE] = "true", [IS_FALSE] = "false", [IS_UNKNOWN] = "unknown"};
  for (unsigned i = 0; i < 4; i++) {
    if (!parser_try_word(parser, words[i])) continue;
    struct node *node = node_of(parser, NODE_IS, &left, 1);
    if (node == NULL) return NULL;
    node->op = (uint8_t)i;
    node->negated = negated;
    return node;
  }
  return parser_unexpected(parser, negated
                                       ? "null, true, false, unknown or distinct from"
                                       : "null, not null, true, false, unknown or distinct from");
}

static struct node *parse_in(struct parser *parser, struct node *left) {
  struct node_list list = {0};
  node_list_add(parser, &list, left);
  if (parser_want_op(parser, '(', "( and a list of values") != 0) return NULL;
  do {
    struct node *item = parse_level(parser, LEVEL_OR);
    if (item == NULL) return NULL;
    node_list_add(parser, &list, item);
  } while (parser_try_op(parser, ','));
  if (parser_want_op(parser, ')', ", or )") != 0) return NULL;
  return node_of(parser, NODE_IN, list.items, list.n);
}

static struct node *parse_between(struct parser *parser, struct node *left) {
  struct node *low = parse_level(parser, LEVEL_OTHER);
  if (low == NULL || parser_want_word(parser, "and") != 0) return NULL;
  struct node *high = parse_level(parser, LEVEL_OTHER);
  if (high == NULL) return NULL;
  return node_of(parser, NODE_BETWEEN, (struct node *[]){left, low, high}, 3);
}

static struct node *parse_like(struct parser *parser, struct node *left) {
  struct node *args[3] = {left, parse_level(parser, LEVEL_OTHER), NULL};
  if (args[1] == NULL) return NULL;
  size_t n = 2;
  if (parser_try_word(parser, "escape")) {
    args[n++] = parse_level(parser, LEVEL_OTHER);
    if (args[2] == NULL) return NULL;
  }
  return node_of(parser, NODE_LIKE, args, n);
}

static struct node *parse_zone(struct parser *parser, struct node *left) {
  parser_take(parser);
  if (parser_want_word(parser, "time") != 0 || parser_want_word(parser, "zone") != 0) return NULL;
  struct node *zone = parse_level(parser, LEVEL_AT + 1);
  if (zone == NULL) return NULL;
  return node_of(parser, NODE_ZONE, (struct node *[]){left, zone}, 2);
}

/* The operators that do not chain. */
static struct node *parse_one(struct parser *parser, struct node *left, struct waiting waiting) {
  size_t offset = parser->token.offset;
  struct node *node;
  if (waiting.kind == NODE_IS) return parse_is(parser, left);
  if (waiting.kind == NODE_ZONE) return parse_zone(parser, left);
  if (waiting.level == LEVEL_LIKE && waiting.negated) parser_take(parser); /* not */
  parser_take(parser);
  if (waiting.kind == NODE_IN) {
    node = parse_in(parser, left);
  } else if (waiting.kind == NODE_BETWEEN) {
    node = parse_between(parser, left);
  } else if (waiting.kind == NODE_LIKE) {
    node = parse_like(parser, left);
  } else {
    struct node *right = parse_level(parser, waiting.level + 1);
    if (right == NULL) return NULL;
    node = node_of(parser, waiting.kind, (struct node *[]){left, right}, 2);
  }
  if (node == NULL) return NULL;
  node->op = waiting.op;
  node->negated = waiting.negated;
  if (waiting.level == LEVEL_OTHER) return node;
  struct waiting next = peek_operator(parser);
  if (next.level == waiting.level) {
    compile_fail(parser->compile, offset, parser->token.offset + parser->token.len - offset,
                 "comparisons do not chain; put one of them in parentheses or join two with and");
    return NULL;
  }
  return node;
}

static bool chains(enum node_kind kind) {
  return kind == NODE_ARITH || kind == NODE_AND || kind == NODE_OR || kind == NODE_CONCAT;
}

/* `not`, `-` and `+` before an operand. */
static struct node *parse_prefix(struct parser *parser, enum level level) {
  size_t offset = parser->token.offset;
  if (parser_at_word(parser, "not")) {
    if (level > LEVEL_NOT)
      return parser_unexpected(parser, "a value (not ... needs parentheses here)");
    parser_take(parser);
    struct node *arg = parse_level(parser, LEVEL_NOT);
    if (arg == NULL) return NULL;
    struct node *node = node_of(parser, NODE_NOT, &arg, 1);
    if (node != NULL) {
      node->offset = (uint32_t)offset;
      node->len = (uint32_t)(parser->taken_end - offset);
    }
    return node;
  }
  bool minus = parser_at_op(parser, '-');
  if (!minus && !parser_at_op(parser, '+')) return parse_operand(parser);
  parser_take(parser);
  struct node *arg = parse_level(parser, LEVEL_UNARY);
  if (arg == NULL) return NULL;
  struct node *node = arg;
  if (minus) node = node_of(parser, NODE_NEGATE, &arg, 1);
  if (node == NULL) return NULL;
  node->offset = (uint32_t)offset;
  node->len = (uint32_t)(parser->taken_end - offset);
  return node;
}

struct node *parse_level(struct parser *parser, enum level level) {
  if (++parser->nested > LIMIT_EXPR_DEPTH) {
    compile_fail(parser->compile, parser->token.offset, parser->token.len,
                 "the expression is nested more than %d deep", LIMIT_EXPR_DEPTH);
    return NULL;
  }
  struct node *node = parse_prefix(parser, level);
  while (node != NULL) {
    struct waiting waiting = peek_operator(parser);
    if (waiting.level == 0 || waiting.level < level) break;
    node = chains(waiting.kind) ? parse_chain(parser, node, waiting)
                                : parse_one(parser, node, waiting);
  }
  parser->nested--;
  return node;
}

static void parser_start(struct parser *parser, struct compile *compile) {
  *parser = (struct parser){.compile = compile, .lexer = {.text = compile->text}};
  parser->token = lex_next(&parser->lexer);
}

struct node *parse_scalar(struct compile *compile) {
  struct parser parser;
  parser_start(&parser, compile);
  struct node *node = parse_level(&parser, LEVEL_OR);
  if (node != NULL && parser.token.kind != TOKEN_END)
    return parser_unexpected(&parser, "an operator or the end");
  return node;
}

static int aggregate_unwanted(struct parser *parser) {
  return compile_fail(parser->compile, 0, parser->lexer.text.len,
                      "one aggregate call is wanted here, such as count(*) or sum(x); compute with "
                      "its result in a map behind it");
}

int parse_aggregate(struct compile *compile, struct parsed_aggregate *aggregate) {
  struct parser parser;
  parser_start(&parser, compile);
  *aggregate = (struct parsed_aggregate){.offset = parser.token.offset};
  struct token next = parser_peek(&parser);
  if (parser.token.kind != TOKEN_NAME || next.kind != TOKEN_OP || next.op != '(')
    return aggregate_unwanted(&parser);
  struct slice word = token_text(compile->text, &parser.token);
  aggregate->name = word_lower(compile->scope->arena, word);
  parser_take(&parser);
  parser_take(&parser);
  next = parser_peek(&parser);
  if (parser_try_op(&parser, '*')) {
    aggregate->star = true;
  } else if (!parser_at_op(&parser, ')')) {
    bool call = next.kind == TOKEN_OP && (next.op == ')' || next.op == '.' || next.op == '(');
    if (parser_at_word(&parser, "distinct") && !call) {
      parser_take(&parser);
      aggregate->distinct = true;
    }
    do {
      if (aggregate->n_args == sizeof aggregate->args / sizeof *aggregate->args)
        return compile_fail(compile, parser.token.offset, parser.token.len,
                            "an aggregate has at most 4 arguments");
      struct node *arg = parse_level(&parser, LEVEL_OR);
      if (arg == NULL) return -1;
      aggregate->args[aggregate->n_args++] = arg;
    } while (parser_try_op(&parser, ','));
  }
  if (parser_want_op(&parser, ')', aggregate->star ? ")" : ", or )") != 0) return -1;
  if (parser_try_word(&parser, "filter")) {
    if (parser_want_op(&parser, '(', "(") != 0 || parser_want_word(&parser, "where") != 0)
      return -1;
    aggregate->filter = parse_level(&parser, LEVEL_OR);
    if (aggregate->filter == NULL || parser_want_op(&parser, ')', ")") != 0) return -1;
  }
  aggregate->len = parser.taken_end - aggregate->offset;
  if (parser.token.kind == TOKEN_BAD) {
    parser_unexpected(&parser, "the end");
    return -1;
  }
  return parser.token.kind == TOKEN_END ? 0 : aggregate_unwanted(&parser);
}
