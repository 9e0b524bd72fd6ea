# daemon/expr: sources are added to libtidemark_a_SOURCES here.
libtidemark_a_SOURCES += \
	daemon/expr/check.c daemon/expr/check.h daemon/expr/check_call.c \
	daemon/expr/eval.c daemon/expr/eval.h daemon/expr/eval_arith.c daemon/expr/eval_cast.c \
	daemon/expr/eval_compare.c daemon/expr/eval_in.c daemon/expr/eval_like.c \
	daemon/expr/eval_logic.c daemon/expr/eval_text.c daemon/expr/explain.c daemon/expr/expr.c \
	daemon/expr/expr.h daemon/expr/lex.c daemon/expr/lex.h \
	daemon/expr/node.h daemon/expr/parse.c daemon/expr/parse.h \
	daemon/expr/parse_operand.c daemon/expr/reference.c
EXTRA_DIST += daemon/expr/README.md
libtidemark_a_SOURCES += \
	daemon/expr/func.c daemon/expr/func.h daemon/expr/func_call.h daemon/expr/func_digest.c \
	daemon/expr/func_json.c daemon/expr/func_numeric.c daemon/expr/func_regex.c \
	daemon/expr/func_string.c daemon/expr/func_text.c daemon/expr/func_time.c \
	daemon/expr/func_time_unit.c daemon/expr/func_time_unit.h daemon/expr/regex.c \
	daemon/expr/utf8.c daemon/expr/utf8.h daemon/expr/case_table.h
EXTRA_DIST += daemon/expr/case_table.pl
