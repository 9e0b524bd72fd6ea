/* parse: text -> tree, by precedence climbing. The tree has names resolved to nothing yet and no
 * types: check does that. */
#ifndef TIDEMARK_EXPR_PARSE_H
#define TIDEMARK_EXPR_PARSE_H

#include "daemon/expr/lex.h"
#include "daemon/expr/node.h"

struct parser {
  struct compile *compile;
  struct lexer lexer;
  struct token token; /* the next one, not yet taken */
  size_t taken_end;   /* end of the last token taken */
  unsigned nested;    /* of parse_level() */
};

/* An aggregate call, as written. */
struct parsed_aggregate {
  struct slice name; /* lower case */
  bool star, distinct;
  struct node *args[4];
  size_t n_args;
  struct node *filter;
  size_t offset, len;
};

/* The whole text is one expression. NULL: compile->error says why not. */
struct node *parse_scalar(struct compile *compile);
int parse_aggregate(struct compile *compile, struct parsed_aggregate *aggregate);

/* Shared by parse.c (operators) and parse_operand.c (what stands between them). */

/* How strongly operators bind, as in PostgreSQL's gram.y; stronger is larger. */
enum level {
  LEVEL_OR = 1,
  LEVEL_AND,
  LEVEL_NOT,
  LEVEL_IS,
  LEVEL_COMPARE,
  LEVEL_LIKE,  /* between, in, like, ilike */
  LEVEL_OTHER, /* || ~ ~* !~ !~* */
  LEVEL_ADD,
  LEVEL_MULTIPLY,
  LEVEL_POWER,
  LEVEL_AT,    /* at time zone */
  LEVEL_UNARY, /* - + before an operand */
  LEVEL_CAST,
};

/* A growing list of children. */
struct node_list {
  struct node **items;
  size_t n, cap;
};
void node_list_add(struct parser *parser, struct node_list *list, struct node *node);

void parser_take(struct parser *parser); /* the token is used up */
bool parser_at_op(const struct parser *parser, unsigned op);
bool parser_at_word(const struct parser *parser, const char *word);
/* Takes the token if it is that. */
bool parser_try_op(struct parser *parser, unsigned op);
bool parser_try_word(struct parser *parser, const char *word);
/* The token after the next one. */
struct token parser_peek(const struct parser *parser);
/* -1 with an error that names what was wanted, e.g. "then". */
int parser_want_op(struct parser *parser, unsigned op, const char *wanted);
int parser_want_word(struct parser *parser, const char *word);
/* "expected <wanted>, not <token>"; always NULL. */
struct node *parser_unexpected(struct parser *parser, const char *wanted);
bool is_reserved(struct slice word);

struct node *parse_level(struct parser *parser, enum level level);
/* A literal, a field, a call, a special form or something in parentheses. */
struct node *parse_operand(struct parser *parser);

#endif
