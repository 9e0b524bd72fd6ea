# Unit tests of config, its golden tests (tests/config) and mutated configurations.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_config tests/unit/test_dump
TESTS += tests/unit/test_config tests/unit/test_dump
endif
check_PROGRAMS += tests/unit/config_golden tests/unit/test_config_fuzz
TESTS += tests/unit/config_golden.sh tests/unit/test_config_fuzz
EXTRA_DIST += tests/unit/config_golden.sh tests/config
tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/config_support.c \
	tests/unit/config_support.h
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_LDADD = $(TEST_LIBS)
tests_unit_test_dump_SOURCES = tests/unit/test_dump.c tests/unit/config_support.c \
	tests/unit/config_support.h
tests_unit_test_dump_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dump_LDADD = $(TEST_LIBS)
tests_unit_config_golden_SOURCES = tests/unit/config_golden.c tests/unit/config_support.c \
	tests/unit/config_support.h
tests_unit_config_golden_LDADD = $(TEST_LIBS)
tests_unit_test_config_fuzz_SOURCES = tests/unit/test_config_fuzz.c tests/unit/config_support.c \
	tests/unit/config_support.h
tests_unit_test_config_fuzz_LDADD = $(TEST_LIBS)
