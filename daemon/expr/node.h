/* node: the tree of a compiled expression, and what its makers share (parse makes it, check gives
 * it types, eval computes with it, explain prints it). Internal to expr/.
 *
 * Chains (a + b - c, x and y and z, a || b || c) are one node with many arguments, so that a tree
 * is never deeper than LIMIT_EXPR_DEPTH however long a chain is; whatever walks a tree may recurse.
 * A tree is a tree: no node has two parents. */
#ifndef TIDEMARK_EXPR_NODE_H
#define TIDEMARK_EXPR_NODE_H

#include "daemon/expr/expr.h"
#include "daemon/expr/func.h"
#include "daemon/record/schema.h"
#include "daemon/record/time.h"

enum node_kind {
  NODE_CONST,    /* value */
  NODE_FIELD,    /* field */
  NODE_NEGATE,   /* -a */
  NODE_ARITH,    /* a op b op c ...: steps[i] stands before args[i], i from 1 */
  NODE_COMPARE,  /* a op b: op is enum compare_op */
  NODE_AND,      /* n */
  NODE_OR,       /* n */
  NODE_NOT,      /* a */
  NODE_IN,       /* a, then the list; negated */
  NODE_BETWEEN,  /* a, low, high; negated */
  NODE_LIKE,     /* a, pattern; op 1: ilike; negated */
  NODE_MATCH,    /* a, pattern; op 1: ~*; negated */
  NODE_IS,       /* a is op (enum is_op); negated */
  NODE_DISTINCT, /* a is distinct from b; negated: is not */
  NODE_CASE,     /* when, then, when, then, ..., else; op 1: args[0] is the operand before them */
  NODE_CAST,     /* a; cast */
  NODE_COALESCE, /* n */
  NODE_NULLIF,   /* a, b */
  NODE_CONCAT,   /* n */
  NODE_ZONE,     /* a at time zone b */
  NODE_CALL,     /* call */
};

/* Which orders of a and b (less, equal, greater) make the comparison true: bit order + 1. */
enum compare_op {
  COMPARE_LT = 1,
  COMPARE_EQ = 2,
  COMPARE_LE = 3,
  COMPARE_GT = 4,
  COMPARE_NE = 5,
  COMPARE_GE = 6,
};

enum is_op { IS_NULL, IS_TRUE, IS_FALSE, IS_UNKNOWN };

struct arith_step {
  char op; /* + - * / % ^ */
  uint32_t offset;
};

struct like; /* a compiled pattern, see eval_like.c */

struct node {
  uint8_t kind; /* enum node_kind */
  uint8_t op;
  uint8_t type; /* enum value_type, static; VALUE_ANY when not known */
  bool negated;
  bool literal; /* NODE_CONST: as written, so a text may still become a timestamp */
  bool wall;    /* TIMESTAMP: local wall time, made by `at time zone` */
  uint16_t depth;
  uint32_t offset, len; /* in the text, for errors */
  uint32_t n_args;
  struct node **args;
  union {
    struct value value;
    struct {
      struct path path;
      uint32_t slot, n_used; /* path steps from n_used on are looked up inside the slot's JSON */
    } field;
    struct arith_step *steps;
    struct {
      const struct func *func;
      struct slice name; /* as written */
      void *prepared;
    } call;
    struct {
      enum value_type to;
      bool as_json; /* ::json: whatever the text holds */
      bool try_it;  /* failure gives NULL */
    } cast;
    struct regex *regex; /* NODE_MATCH and ilike */
    struct like *like;   /* NODE_LIKE with a constant pattern */
    struct time_zone *zone;
    struct in_set *set; /* NODE_IN over constants, see eval_in.c; NULL: compare one by one */
  };
};

/* A piece outside the arena. */
struct expr_piece {
  void (*release)(void *piece);
  void *piece;
  struct expr_piece *next;
};

struct expr {
  struct slice text;
  struct node *root; /* NULL for an aggregate */
  struct expr_aggregate *aggregate;
  struct expr_piece *pieces;
};

/* One compilation. The first error stands; after it everything returns NULL or -1. */
struct compile {
  const struct expr_scope *scope;
  struct slice text;
  struct expr *expr;
  struct expr_error *error;
  bool failed;
  uint32_t n_nodes;
  uint32_t maybe; /* > 0: inside a part that may never be evaluated, so it may fail when it is */
};

/* Notes the first error; returns -1. */
int compile_fail(struct compile *compile, size_t offset, size_t len, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The piece is freed with the expression, also when compiling fails later. */
void compile_own(struct compile *compile, void *piece, void (*release)(void *piece));

/* NULL after an error: too many or too deep. args is taken over (in the scope's arena). */
struct node *node_new(struct compile *compile, enum node_kind kind, size_t offset, size_t end,
                      struct node **args, size_t n_args);
static inline size_t node_end(const struct node *node) {
  return (size_t)node->offset + node->len;
}
static inline bool node_is_const(const struct node *node) {
  return node->kind == NODE_CONST;
}

/* What a function wants as its i-th argument, from 0. */
enum value_type func_arg_type(const struct func *func, size_t i);

const char *compare_op_text(unsigned op); /* "<=" */

/* The type of that name in a cast ("bigint", ...); false if there is none. */
bool cast_type(struct slice name, enum value_type *to, bool *as_json);
extern const char *const cast_type_names[]; /* ends with NULL */

#endif
