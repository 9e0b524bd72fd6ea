/* eval: computing a tree a column at a time. Internal to expr/.
 *
 * eval_node() gives a node's values for some rows as a column: an array indexed by row, of which
 * only those rows are set, or one value for all. It is either lent (a slot of the batch, a
 * constant) or belongs to the evaluation, which gives it back with column_drop() so that the next
 * node can use it again: an expression needs as many columns as it is deep, not as it is long. */
#ifndef TIDEMARK_EXPR_EVAL_H
#define TIDEMARK_EXPR_EVAL_H

#include "daemon/expr/node.h"

struct eval {
  struct batch *batch;
  const struct expr_run *run;
  struct row_errors *errors;
  struct value *spare; /* unused columns; the first bytes of each point to the next */
  /* The last message that was made for a pair of types: rows tend to fail in the same way. */
  const char *message, *message_what;
  uint8_t message_a, message_b;
};

struct column {
  const struct value *values;
  uint32_t mask;     /* values[row & mask]: 0 for one value for all rows */
  struct value *own; /* to be dropped, or NULL */
};

static inline const struct value *column_at(const struct column *column, uint32_t row) {
  return &column->values[row & column->mask];
}
static inline bool column_constant(const struct column *column) {
  return column->mask == 0;
}
static inline struct column column_of(struct value *own) {
  return (struct column){.values = own, .mask = UINT32_MAX, .own = own};
}

struct value *column_new(struct eval *eval); /* uninitialised, n_rows of the batch */
void column_drop(struct eval *eval, struct column *column);

struct column eval_node(struct eval *eval, const struct node *node, struct view rows);

/* The row gets NULL in the end; its first error is kept. code is static, text static or in the
 * batch's arena. */
void eval_fail(struct eval *eval, uint32_t row, const char *code, const char *text);
/* "expr.type": what is a sentence with two %s, e.g. "cannot compare %s with %s". */
void eval_fail_types(struct eval *eval, uint32_t row, const char *what, enum value_type a,
                     enum value_type b);

/* A selection of the same rows that may be shrunk in place. */
uint32_t *rows_copy(struct eval *eval, struct view rows);
static inline struct view rows_of(struct eval *eval, const uint32_t *sel, uint32_t n) {
  return (struct view){.batch = eval->batch, .sel = sel, .n = n};
}

/* By kind of node, one file each. */
struct column eval_arith(struct eval *eval, const struct node *node, struct view rows);
struct column eval_negate(struct eval *eval, const struct node *node, struct view rows);
struct column eval_compare(struct eval *eval, const struct node *node, struct view rows);
struct column eval_between(struct eval *eval, const struct node *node, struct view rows);
struct column eval_distinct(struct eval *eval, const struct node *node, struct view rows);
struct column eval_nullif(struct eval *eval, const struct node *node, struct view rows);
struct column eval_in(struct eval *eval, const struct node *node, struct view rows);
struct column eval_logic(struct eval *eval, const struct node *node, struct view rows);
struct column eval_not(struct eval *eval, const struct node *node, struct view rows);
struct column eval_is(struct eval *eval, const struct node *node, struct view rows);
struct column eval_case(struct eval *eval, const struct node *node, struct view rows);
struct column eval_coalesce(struct eval *eval, const struct node *node, struct view rows);
struct column eval_cast(struct eval *eval, const struct node *node, struct view rows);
struct column eval_concat(struct eval *eval, const struct node *node, struct view rows);
struct column eval_zone(struct eval *eval, const struct node *node, struct view rows);
struct column eval_like(struct eval *eval, const struct node *node, struct view rows);
struct column eval_match(struct eval *eval, const struct node *node, struct view rows);
struct column eval_call(struct eval *eval, const struct node *node, struct view rows);

/* Three-valued: 1, 0, -1 for NULL; -2: not comparable. accept is enum compare_op. */
int compare_values(const struct value *a, const struct value *b, unsigned accept);
void compare_columns(struct eval *eval, unsigned accept, const struct column *a,
                     const struct column *b, struct view rows, struct value *out);
/* A comparison whose true rows only are wanted: writes them to sel (room for rows.n; may be the
 * rows' own) and returns how many. */
uint32_t compare_select(struct eval *eval, unsigned accept, const struct column *a,
                        const struct column *b, struct view rows, uint32_t *sel);
/* Whether values of these static types can be compared. */
bool types_comparable(enum value_type a, enum value_type b);
static inline bool type_is_number(enum value_type type) {
  return type == VALUE_INT || type == VALUE_DOUBLE || type == VALUE_NUMBER;
}

/* Static type of a op b; *wrong when the operator does not take them. */
enum value_type arith_type(char op, enum value_type a, enum value_type b, bool *wrong);
/* Whether a cast between these is ever possible (static types). */
bool cast_possible(enum value_type from, enum value_type to);
/* Why not, for people, or "". */
const char *cast_hint(enum value_type from, enum value_type to);

/* Made when compiling. */
int like_compile(struct compile *compile, struct node *node);
void in_set_build(struct compile *compile, struct node *node);

#endif
