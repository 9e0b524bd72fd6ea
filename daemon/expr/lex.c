/* lex: see lex.h. Written by hand: the language has a dozen kinds of tokens, and messages about a
 * wrong one are worth more than a generator.
 *
 * What must stay true: nothing is read outside the text; every call advances or returns TOKEN_END
 * or TOKEN_BAD; bytes above 0x7f may be part of names (UTF-8). */
#include "daemon/expr/lex.h"

#include "daemon/expr/utf8.h"

#include <string.h>

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_name(char c) {
  return is_name_start(c) || is_digit(c) || c == '$';
}
static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool word_is(struct slice text, const char *word) {
  for (size_t i = 0; i < text.len; i++)
    if (word[i] == '\0' || lower(text.data[i]) != word[i]) return false;
  return word[text.len] == '\0';
}

struct slice word_lower(struct arena *arena, struct slice text) {
  char *copy = arena_dup(arena, text.data, text.len);
  for (size_t i = 0; i < text.len; i++) copy[i] = lower(copy[i]);
  return (struct slice){copy, text.len};
}

/* The byte at `at`, or NUL behind the end. */
static char byte_at(const struct lexer *lexer, size_t at) {
  return at < lexer->text.len ? lexer->text.data[at] : '\0';
}

/* Moves behind blanks and comments; false when a comment does not end (then `at` is its start). */
static bool skip_blanks(struct lexer *lexer) {
  for (;;) {
    char c = byte_at(lexer, lexer->at), next = byte_at(lexer, lexer->at + 1);
    if (lexer->at < lexer->text.len && (c == ' ' || (c >= '\t' && c <= '\r'))) {
      lexer->at++;
    } else if (c == '-' && next == '-') {
      while (lexer->at < lexer->text.len && lexer->text.data[lexer->at] != '\n') lexer->at++;
    } else if (c == '/' && next == '*') {
      size_t at = lexer->at, nested = 0;
      do {
        if (at >= lexer->text.len) return false;
        if (byte_at(lexer, at) == '/' && byte_at(lexer, at + 1) == '*') {
          nested++;
          at += 2;
        } else if (byte_at(lexer, at) == '*' && byte_at(lexer, at + 1) == '/') {
          nested--;
          at += 2;
        } else {
          at++;
        }
      } while (nested > 0);
      lexer->at = at;
    } else {
      return true;
    }
  }
}

static struct token token_bad(struct lexer *lexer, size_t offset, size_t len, const char *problem) {
  lexer->at = lexer->text.len;
  return (struct token){.kind = TOKEN_BAD, .offset = offset, .len = len, .problem = problem};
}

static struct token token_end_at(struct lexer *lexer, enum token_kind kind, size_t start,
                                 size_t end) {
  lexer->at = end;
  return (struct token){.kind = (uint8_t)kind, .offset = start, .len = end - start};
}

static struct token lex_number(struct lexer *lexer) {
  size_t start = lexer->at, at = start;
  enum token_kind kind = TOKEN_INTEGER;
  while (is_digit(byte_at(lexer, at))) at++;
  if (byte_at(lexer, at) == '.') {
    kind = TOKEN_DECIMAL;
    at++;
    while (is_digit(byte_at(lexer, at))) at++;
  }
  char c = byte_at(lexer, at), next = byte_at(lexer, at + 1);
  if ((c == 'e' || c == 'E') &&
      (is_digit(next) || ((next == '+' || next == '-') && is_digit(byte_at(lexer, at + 2))))) {
    kind = TOKEN_DECIMAL;
    at += 2;
    while (is_digit(byte_at(lexer, at))) at++;
  }
  if (is_name_start(byte_at(lexer, at))) {
    while (is_name(byte_at(lexer, at))) at++;
    return token_bad(lexer, start, at - start,
                     "a number cannot be followed by letters; put a blank between them");
  }
  return token_end_at(lexer, kind, start, at);
}

/* start: of the token; at: of the quote. A doubled quote stands for itself. */
static struct token lex_quoted(struct lexer *lexer, size_t start, size_t at, bool escapes) {
  char quote = byte_at(lexer, at++);
  for (;; at++) {
    if (at >= lexer->text.len)
      return token_bad(lexer, start, 1,
                       quote == '\'' ? "this text has no closing '"
                                     : "this quoted name has no closing \"");
    char c = lexer->text.data[at];
    if (c == '\\' && escapes) {
      at++;
    } else if (c == quote) {
      if (byte_at(lexer, at + 1) != quote) break;
      at++;
    }
  }
  struct token token =
      token_end_at(lexer, quote == '\'' ? TOKEN_STRING : TOKEN_QUOTED, start, at + 1);
  token.escapes = escapes;
  return token;
}

/* Longest first. */
static const struct {
  char text[4];
  uint8_t op;
} operators[] = {
    {"!~*", OP_NOT_IMATCH},
    {"!~", OP_NOT_MATCH},
    {"~*", OP_IMATCH},
    {"~", OP_MATCH},
    {"<>", OP_NE},
    {"!=", OP_NE},
    {"<=", OP_LE},
    {">=", OP_GE},
    {"||", OP_CONCAT},
    {"::", OP_CAST},
    {"<", '<'},
    {">", '>'},
    {"=", '='},
    {"+", '+'},
    {"-", '-'},
    {"*", '*'},
    {"/", '/'},
    {"%", '%'},
    {"^", '^'},
    {"(", '('},
    {")", ')'},
    {"[", '['},
    {"]", ']'},
    {",", ','},
    {".", '.'},
};

/* What people coming from other languages write. */
static const struct {
  char text[3];
  const char *problem;
} strangers[] = {
    {"==", "== is not an operator; equality is written ="},
    {"&&", "&& is not an operator; write and"},
    {"=~", "=~ is not an operator; a regular expression is matched with ~"},
    {"!", "! is not an operator; write not"},
    {"|", "| is not an operator; texts are joined with ||, conditions with or"},
    {"&", "& is not an operator; write and"},
    {";", "one expression only, without ;"},
    {"`", "names with odd characters are written in double quotes"},
    {"$", "$ cannot stand here; fields are written by their names alone"},
    {"{", "{ cannot stand here"},
    {":", ": is not an operator; a cast is written ::"},
};

static bool starts_with(const struct lexer *lexer, const char *text) {
  size_t len = strlen(text);
  return lexer->text.len - lexer->at >= len && memcmp(lexer->text.data + lexer->at, text, len) == 0;
}

static const char *find_stranger(const struct lexer *lexer, size_t len) {
  for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
    if (strlen(strangers[i].text) == len && starts_with(lexer, strangers[i].text))
      return strangers[i].problem;
  return NULL;
}

struct token lex_next(struct lexer *lexer) {
  if (!skip_blanks(lexer)) return token_bad(lexer, lexer->at, 2, "this comment does not end");
  size_t start = lexer->at;
  if (start >= lexer->text.len) return (struct token){.kind = TOKEN_END, .offset = start};
  char c = lexer->text.data[start];
  if (is_digit(c) || (c == '.' && is_digit(byte_at(lexer, start + 1)))) return lex_number(lexer);
  if (c == '\'' || c == '"') return lex_quoted(lexer, start, start, false);
  if ((c == 'e' || c == 'E') && byte_at(lexer, start + 1) == '\'')
    return lex_quoted(lexer, start, start + 1, true);
  if (is_name_start(c)) {
    size_t at = start;
    while (is_name(byte_at(lexer, at))) at++;
    return token_end_at(lexer, TOKEN_NAME, start, at);
  }
  const char *stranger = find_stranger(lexer, 2);
  if (stranger != NULL) return token_bad(lexer, start, 2, stranger);
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    if (!starts_with(lexer, operators[i].text)) continue;
    struct token token = token_end_at(lexer, TOKEN_OP, start, start + strlen(operators[i].text));
    token.op = operators[i].op;
    return token;
  }
  stranger = find_stranger(lexer, 1);
  if (stranger != NULL) return token_bad(lexer, start, 1, stranger);
  return token_bad(lexer, start, 1, "this character cannot stand here");
}

static int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code point of n hexadecimal digits, or -1. */
static int64_t hex_number(const char *data, size_t n, size_t room) {
  if (room < n) return -1;
  int64_t number = 0;
  for (size_t i = 0; i < n; i++) {
    int digit = hex_digit(data[i]);
    if (digit < 0) return -1;
    number = number * 16 + digit;
  }
  return number;
}

/* One escape of an E'...' text behind its backslash. Returns how many bytes it took, 0 if wrong.
 * Never writes more than it reads, so the text's own length is room enough. */
static size_t put_escape(const char *data, size_t room, char *to, size_t *n_to) {
  static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
  const char *named = memchr(names, data[0], sizeof names - 1);
  if (named != NULL) {
    to[(*n_to)++] = bytes[named - names];
    return 1;
  }
  if (data[0] == 'u' || data[0] == 'U') {
    size_t digits = data[0] == 'u' ? 4 : 8;
    int64_t c = hex_number(data + 1, digits, room - 1);
    if (c <= 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    *n_to += utf8_encode(to + *n_to, (uint32_t)c);
    return 1 + digits;
  }
  /* Other letters and digits are no escapes here: \x and octal could make text that is not UTF-8.
   */
  if (is_name(data[0]) && (unsigned char)data[0] < 0x80) return 0;
  to[(*n_to)++] = data[0];
  return 1;
}

int lex_string(struct slice text, const struct token *token, struct arena *arena,
               struct slice *value, const char **problem) {
  size_t open = token->escapes ? 2 : 1;
  const char *from = text.data + token->offset + open;
  size_t len = token->len - open - 1, n = 0;
  char quote = from[-1];
  char *to = arena_alloc(arena, len + 1);
  for (size_t i = 0; i < len;) {
    if (from[i] == '\0') {
      *problem = "a text cannot hold a NUL byte";
      return -1;
    }
    if (from[i] == '\\' && token->escapes) {
      size_t took = put_escape(from + i + 1, len - i - 1, to, &n);
      if (took == 0) {
        *problem = "unknown escape; known are \\b \\f \\n \\r \\t \\\\ \\' \\uXXXX \\UXXXXXXXX";
        return -1;
      }
      i += 1 + took;
      continue;
    }
    to[n++] = from[i];
    i += from[i] == quote ? 2 : 1;
  }
  to[n] = '\0';
  *value = (struct slice){to, n};
  return 0;
}
