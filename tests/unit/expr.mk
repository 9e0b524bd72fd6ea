# Tests of expr: unit tests, and triples of expression, record and result.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_expr
TESTS += tests/unit/test_expr
endif
tests_unit_test_expr_SOURCES = tests/unit/test_expr.c
tests_unit_test_expr_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_expr_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/expr/run_expr
TESTS += tests/expr/run_expr
tests_expr_run_expr_SOURCES = tests/expr/run_expr.c
tests_expr_run_expr_LDADD = libtidemark.a $(LIBS_ALL) -lstdc++
EXPR_TRIPLES = \
	tests/expr/arithmetic.test tests/expr/case.test tests/expr/cast.test \
	tests/expr/compare.test tests/expr/error.test tests/expr/function.test tests/expr/literal.test \
	tests/expr/logic.test tests/expr/path.test tests/expr/plan.test tests/expr/text.test \
	tests/expr/time.test
EXTRA_DIST += tests/expr/oracle.sh $(EXPR_TRIPLES)

# Compares the expected results of triples marked pg with a PostgreSQL started for it.
check-oracle: tests/expr/run_expr
	"$(srcdir)/tests/expr/oracle.sh" tests/expr/run_expr "$(srcdir)"/tests/expr/*.test
.PHONY: check-oracle
