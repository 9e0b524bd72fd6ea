# daemon/expr: sources are added to libtidemark_a_SOURCES here.
libtidemark_a_SOURCES += \
	daemon/expr/check.c daemon/expr/check.h daemon/expr/check_call.c \
	daemon/expr/eval.c daemon/expr/eval.h daemon/expr/eval_arith.c daemon/expr/eval_cast.c \
	daemon/expr/eval_compare.c daemon/expr/eval_in.c daemon/expr/eval_like.c \
	daemon/expr/eval_logic.c daemon/expr/eval_text.c daemon/expr/explain.c daemon/expr/expr.c \
	daemon/expr/expr.h daemon/expr/lex.c daemon/expr/lex.h daemon/expr/nearest.c \
	daemon/expr/nearest.h daemon/expr/node.h daemon/expr/parse.c daemon/expr/parse.h \
	daemon/expr/parse_operand.c daemon/expr/reference.c
EXTRA_DIST += daemon/expr/README.md
