# Unit tests of the times of record.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_time
TESTS += tests/unit/test_time
endif
tests_unit_test_time_SOURCES = tests/unit/test_time.c
tests_unit_test_time_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_time_LDADD = $(TEST_LIBS)

# Compares calendar and zones with Python's.
check_PROGRAMS += tests/unit/time_answers
tests_unit_time_answers_SOURCES = tests/unit/time_answers.c
tests_unit_time_answers_LDADD = libtidemark.a $(LIBS_ALL) -lstdc++
TESTS += tests/unit/time_oracle.sh
EXTRA_DIST += tests/unit/time_oracle.py tests/unit/time_oracle.sh
