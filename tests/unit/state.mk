# Unit tests of state.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_table
TESTS += tests/unit/test_table
endif
tests_unit_test_table_SOURCES = tests/unit/test_table.c
tests_unit_test_table_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_table_LDADD = $(TEST_LIBS)
