# Unit tests of base. The pattern for all: a program test_<module>, one file, cmocka.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_base tests/unit/test_diag
TESTS += tests/unit/test_base tests/unit/test_diag
endif
tests_unit_test_base_SOURCES = tests/unit/test_base.c
tests_unit_test_base_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_LDADD = $(TEST_LIBS)
tests_unit_test_diag_SOURCES = tests/unit/test_diag.c
tests_unit_test_diag_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_diag_LDADD = $(TEST_LIBS)
