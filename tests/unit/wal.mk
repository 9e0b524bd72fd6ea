# Unit tests of wal.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_wal_threads
TESTS += tests/unit/test_wal_threads
endif
tests_unit_test_wal_threads_SOURCES = tests/unit/test_wal_threads.c tests/unit/wal_world.h
tests_unit_test_wal_threads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wal_threads_LDADD = $(TEST_LIBS)
