# Unit tests of record.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_value tests/unit/test_schema
TESTS += tests/unit/test_value tests/unit/test_schema
endif
tests_unit_test_value_SOURCES = tests/unit/test_value.c
tests_unit_test_value_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_value_LDADD = $(TEST_LIBS)
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
tests_unit_test_schema_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_schema_LDADD = $(TEST_LIBS)
