/* lex: the text of an expression as tokens, one after the other. A lexer is a position in the text
 * and nothing else, so looking ahead is copying it. */
#ifndef TIDEMARK_EXPR_LEX_H
#define TIDEMARK_EXPR_LEX_H

#include "daemon/base/arena.h"
#include "daemon/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind {
  TOKEN_END,
  TOKEN_NAME,    /* a word: keyword, function or field */
  TOKEN_QUOTED,  /* "odd name": never a keyword */
  TOKEN_INTEGER, /* digits */
  TOKEN_DECIMAL, /* with a point or an exponent */
  TOKEN_STRING,  /* '...' or E'...' */
  TOKEN_OP,
  TOKEN_BAD, /* problem says why */
};

/* Operators of one character are that character. */
enum token_op {
  OP_NE = 128, /* <> and != */
  OP_LE,
  OP_GE,
  OP_CONCAT,     /* || */
  OP_CAST,       /* :: */
  OP_MATCH,      /* ~ */
  OP_IMATCH,     /* ~* */
  OP_NOT_MATCH,  /* !~ */
  OP_NOT_IMATCH, /* !~* */
};

struct token {
  uint8_t kind; /* enum token_kind */
  uint8_t op;   /* TOKEN_OP */
  bool escapes; /* TOKEN_STRING written as E'...' */
  size_t offset, len;
  const char *problem; /* TOKEN_BAD: a sentence */
};

struct lexer {
  struct slice text;
  size_t at;
};

/* Blanks and comments (-- to the end of the line, slash-star nested as in PostgreSQL) are skipped.
 * At the end, TOKEN_END again and again. */
struct token lex_next(struct lexer *lexer);

/* What a TOKEN_STRING or TOKEN_QUOTED stands for, without quotes and escapes, in the arena. -1: a
 * bad escape, *problem is a static sentence. */
int lex_string(struct slice text, const struct token *token, struct arena *arena,
               struct slice *value, const char **problem);

static inline struct slice token_text(struct slice text, const struct token *token) {
  return (struct slice){text.data + token->offset, token->len};
}

/* Words are compared without regard to case; `word` is in lower case. */
bool word_is(struct slice text, const char *word);
struct slice word_lower(struct arena *arena, struct slice text);

#endif
