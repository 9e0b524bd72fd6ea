# Unit tests of wal: known cases, crashes and damage on the simulated disk, and real threads.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_wal tests/unit/test_wal_crash tests/unit/test_wal_threads
TESTS += tests/unit/test_wal tests/unit/test_wal_crash tests/unit/test_wal_threads
endif
tests_unit_test_wal_SOURCES = tests/unit/test_wal.c tests/unit/wal_world.h
tests_unit_test_wal_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wal_LDADD = $(TEST_LIBS)
tests_unit_test_wal_crash_SOURCES = tests/unit/test_wal_crash.c tests/unit/wal_world.h
tests_unit_test_wal_crash_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wal_crash_LDADD = $(TEST_LIBS)
tests_unit_test_wal_threads_SOURCES = tests/unit/test_wal_threads.c tests/unit/wal_world.h
tests_unit_test_wal_threads_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wal_threads_LDADD = $(TEST_LIBS)
