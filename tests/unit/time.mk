# Unit tests of the times of record.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_time
TESTS += tests/unit/test_time
endif
tests_unit_test_time_SOURCES = tests/unit/test_time.c
tests_unit_test_time_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_time_LDADD = $(TEST_LIBS)
