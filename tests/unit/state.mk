# Unit tests of state.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_table tests/unit/test_snapshot
TESTS += tests/unit/test_table tests/unit/test_snapshot
endif
tests_unit_test_table_SOURCES = tests/unit/test_table.c
tests_unit_test_table_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_table_LDADD = $(TEST_LIBS)
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c
tests_unit_test_snapshot_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_snapshot_LDADD = $(TEST_LIBS)
