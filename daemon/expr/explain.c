/* explain: the compiled form as text, for `tidemark explain`: SQL with every parenthesis written
 * out, constants computed, and types behind fields where they are known. */
#include "daemon/expr/node.h"

#include <string.h>

static void put_node(struct buf *out, const struct node *node);

static void put_quoted(struct buf *out, struct slice text) {
  buf_put_char(out, '\'');
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] == '\'') buf_put_char(out, '\'');
    buf_put_char(out, text.data[i]);
  }
  buf_put_char(out, '\'');
}

static void put_const(struct buf *out, const struct value *value) {
  struct buf text;
  buf_init(&text);
  value_put_text(&text, value);
  if (value->type == VALUE_NULL) {
    buf_put_text(out, "null");
  } else if (value->type == VALUE_TIMESTAMP || value->type == VALUE_INTERVAL ||
             value->type == VALUE_JSON) {
    buf_printf(out, "%s ", value_type_name(value->type));
    put_quoted(out, buf_slice(&text));
  } else if (value->type == VALUE_TEXT) {
    put_quoted(out, buf_slice(&text));
  } else {
    buf_put_slice(out, buf_slice(&text));
    bool whole = value->type == VALUE_DOUBLE && strpbrk(buf_cstr(&text), ".e") == NULL;
    if (whole) buf_put_text(out, ".0");
  }
  buf_fini(&text);
}

static void put_list(struct buf *out, const struct node *node, uint32_t from) {
  for (uint32_t i = from; i < node->n_args; i++) {
    if (i > from) buf_put_text(out, ", ");
    put_node(out, node->args[i]);
  }
}

/* (a <between> b <between> c) */
static void put_chain(struct buf *out, const struct node *node, const char *between) {
  buf_put_char(out, '(');
  for (uint32_t i = 0; i < node->n_args; i++) {
    if (i > 0 && node->kind == NODE_ARITH) {
      buf_printf(out, " %c ", node->steps[i].op);
    } else if (i > 0) {
      buf_put_text(out, between);
    }
    put_node(out, node->args[i]);
  }
  buf_put_char(out, ')');
}

static void put_call(struct buf *out, const char *name, const struct node *node) {
  buf_printf(out, "%s(", name);
  put_list(out, node, 0);
  buf_put_char(out, ')');
}

static void put_case(struct buf *out, const struct node *node) {
  uint32_t i = 0;
  buf_put_text(out, "case ");
  if (node->op != 0) {
    put_node(out, node->args[i++]);
    buf_put_char(out, ' ');
  }
  for (; i + 1 < node->n_args; i += 2) {
    buf_put_text(out, "when ");
    put_node(out, node->args[i]);
    buf_put_text(out, " then ");
    put_node(out, node->args[i + 1]);
    buf_put_char(out, ' ');
  }
  buf_put_text(out, "else ");
  put_node(out, node->args[i]);
  buf_put_text(out, " end");
}

static void put_is(struct buf *out, const struct node *node) {
  static const char *const words[] = {"null", "true", "false", "unknown"};
  buf_put_char(out, '(');
  put_node(out, node->args[0]);
  buf_printf(out, " is %s%s)", node->negated ? "not " : "", words[node->op]);
}

static void put_cast(struct buf *out, const struct node *node) {
  buf_put_text(out, node->cast.try_it ? "try_cast(" : "cast(");
  put_node(out, node->args[0]);
  buf_printf(out, " as %s)", node->cast.as_json ? "json" : value_type_name(node->cast.to));
}

static void put_between(struct buf *out, const struct node *node) {
  buf_put_char(out, '(');
  put_node(out, node->args[0]);
  buf_put_text(out, node->negated ? " not between " : " between ");
  put_node(out, node->args[1]);
  buf_put_text(out, " and ");
  put_node(out, node->args[2]);
  buf_put_char(out, ')');
}

static void put_in(struct buf *out, const struct node *node) {
  buf_put_char(out, '(');
  put_node(out, node->args[0]);
  buf_put_text(out, node->negated ? " not in (" : " in (");
  put_list(out, node, 1);
  buf_put_text(out, "))");
}

static void put_like(struct buf *out, const struct node *node) {
  buf_put_char(out, '(');
  put_node(out, node->args[0]);
  buf_printf(out, " %s%s ", node->negated ? "not " : "", node->op != 0 ? "ilike" : "like");
  put_node(out, node->args[1]);
  if (node->n_args > 2) {
    buf_put_text(out, " escape ");
    put_node(out, node->args[2]);
  }
  buf_put_char(out, ')');
}

static void put_unary(struct buf *out, const struct node *node, const char *before) {
  buf_put_text(out, before);
  put_node(out, node->args[0]);
  buf_put_char(out, ')');
}

static void put_node(struct buf *out, const struct node *node) {
  char between[8];
  switch ((enum node_kind)node->kind) {
  case NODE_CONST: put_const(out, &node->value); break;
  case NODE_FIELD:
    path_put(out, &node->field.path);
    if (node->type != VALUE_ANY) buf_printf(out, "::%s", value_type_name(node->type));
    break;
  case NODE_NEGATE: put_unary(out, node, "(-"); break;
  case NODE_NOT: put_unary(out, node, "(not "); break;
  case NODE_ARITH: put_chain(out, node, ""); break;
  case NODE_COMPARE:
    strcpy(between, " ");
    strcat(strcat(between, compare_op_text(node->op)), " ");
    put_chain(out, node, between);
    break;
  case NODE_AND: put_chain(out, node, " and "); break;
  case NODE_OR: put_chain(out, node, " or "); break;
  case NODE_CONCAT: put_chain(out, node, " || "); break;
  case NODE_ZONE: put_chain(out, node, " at time zone "); break;
  case NODE_MATCH:
    strcpy(between, node->negated ? " !~" : " ~");
    put_chain(out, node, strcat(between, node->op != 0 ? "* " : " "));
    break;
  case NODE_DISTINCT:
    put_chain(out, node, node->negated ? " is not distinct from " : " is distinct from ");
    break;
  case NODE_IN: put_in(out, node); break;
  case NODE_BETWEEN: put_between(out, node); break;
  case NODE_LIKE: put_like(out, node); break;
  case NODE_IS: put_is(out, node); break;
  case NODE_CASE: put_case(out, node); break;
  case NODE_CAST: put_cast(out, node); break;
  case NODE_COALESCE: put_call(out, "coalesce", node); break;
  case NODE_NULLIF: put_call(out, "nullif", node); break;
  case NODE_CALL: put_call(out, node->call.func->name, node); break;
  }
}

void expr_explain(const struct expr *expr, struct buf *out) {
  const struct expr_aggregate *aggregate = expr->aggregate;
  if (aggregate == NULL) {
    put_node(out, expr->root);
    return;
  }
  buf_put_slice(out, aggregate->name);
  buf_put_text(out, aggregate->star ? "(*" : aggregate->distinct ? "(distinct " : "(");
  for (size_t i = 0; i < aggregate->n_args; i++) {
    if (i > 0) buf_put_text(out, ", ");
    expr_explain(aggregate->args[i], out);
  }
  buf_put_char(out, ')');
  if (aggregate->filter == NULL) return;
  buf_put_text(out, " filter (where ");
  expr_explain(aggregate->filter, out);
  buf_put_char(out, ')');
}
