# Unit tests of the functions of expressions.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_func
TESTS += tests/unit/test_func
endif
tests_unit_test_func_SOURCES = tests/unit/test_func.c
tests_unit_test_func_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_func_LDADD = $(TEST_LIBS)
EXTRA_DIST += tests/expr/functions.test
